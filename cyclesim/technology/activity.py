"""What a layer makes the components do: operations, register bits written, scratchpad accesses, DRAM bits.

Registers of operands and sums are written when a valid word moves into them; the preload and drain chains are written
whole at each shift. A wide scratchpad is accessed once for all ports of an edge (once for each stream step, preloaded
row or row of results), however many of them a fold uses; banks of their own are accessed once a word. Words of
the DRAM side are put together to whole accesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.technology.designs import IS, OS, WIDE, WS, DesignTable
from cyclesim.technology.pe import PeRegisters, chain_registers, format_bits, has_active_register, pe_registers
from cyclesim.technology.tables import Floats

Counts = NDArray[Any]
"""Whole numbers, as integers or floats."""


@dataclass(frozen=True)
class LayerCounts:
    """Layers on designs: (layers, 1) for the sizes of one group's product, (layers, designs) for words and cycles."""

    groups: Counts
    m: Counts
    k: Counts
    n: Counts
    sram_ifmap: Counts
    sram_filter: Counts
    sram_psum: Counts
    sram_ofmap: Counts
    dram_ifmap: Counts
    dram_filter: Counts
    dram_psum: Counts
    dram_ofmap: Counts
    total_cycles: Counts


@dataclass(frozen=True)
class Activity:
    """What is done in a layer, (layers, designs) float64 each; accesses by scratchpad."""

    macs: Floats
    register_bits: Floats
    skew_bits: Floats
    accumulations: Floats
    reads: dict[str, Floats]
    writes: dict[str, Floats]
    dram_bits: Floats


@dataclass(frozen=True)
class _Folds:
    """Folds of all groups of layers on designs, (layers, designs) float64, and sums over them."""

    groups: Floats
    spatial_rows: Floats
    spatial_cols: Floats
    steps: Floats
    row_folds: Floats
    col_folds: Floats
    last_rows: Floats
    last_cols: Floats

    @property
    def streamed_steps(self) -> Floats:
        """Stream steps of all folds."""
        return self.groups * self.row_folds * self.col_folds * self.steps


def _folds(layers: LayerCounts, designs: DesignTable) -> _Folds:
    flow, rows, cols = designs.dataflow, designs.rows, designs.cols
    spatial_rows = np.where(flow == OS, layers.m, layers.k).astype(np.float64)
    spatial_cols = np.where(flow == IS, layers.m, layers.n).astype(np.float64)
    steps = np.select([flow == OS, flow == WS], [layers.k, layers.m], layers.n).astype(np.float64)
    row_folds, col_folds = np.ceil(spatial_rows / rows), np.ceil(spatial_cols / cols)
    return _Folds(
        groups=layers.groups.astype(np.float64),
        spatial_rows=spatial_rows,
        spatial_cols=spatial_cols,
        steps=steps,
        row_folds=row_folds,
        col_folds=col_folds,
        last_rows=spatial_rows - (row_folds - 1) * rows,
        last_cols=spatial_cols - (col_folds - 1) * cols,
    )


def activity(layers: LayerCounts, designs: DesignTable) -> Activity:
    """Return what every layer does on every design."""
    folds = _folds(layers, designs)
    reads, writes = _accesses(layers, designs, folds)
    macs = folds.groups * folds.spatial_rows * folds.spatial_cols * folds.steps
    final = layers.dram_ofmap - layers.dram_psum  # a partial sum that comes back went out once before
    return Activity(
        macs=macs,
        register_bits=_register_bits(designs, folds, macs, pe_registers(designs)),
        skew_bits=np.where(designs.organisation == WIDE, _skew_bits(designs, folds), 0.0),
        accumulations=layers.sram_psum.astype(np.float64),
        reads=reads,
        writes=writes,
        dram_bits=layers.dram_ifmap * designs.ifmap_bits
        + layers.dram_filter * designs.filter_bits
        + layers.dram_psum * (2.0 * designs.psum_bits)
        + final * designs.ofmap_bits,
    )


def _register_bits(designs: DesignTable, folds: _Folds, macs: Floats, registers: PeRegisters) -> Floats:
    """Return the bits written into registers of the PEs."""
    rows, cols, stationary = designs.rows, designs.cols, designs.stationary
    operand, sums = format_bits(designs.operand_format), format_bits(designs.sum_format)
    row_words = folds.groups * folds.spatial_rows * folds.steps * folds.col_folds
    # Each column operand goes past all rows (os), and so does each partial sum (ws, is).
    col_words = folds.groups * folds.spatial_cols * folds.steps * folds.row_folds
    all_folds = folds.groups * folds.row_folds * folds.col_folds
    results = folds.groups * folds.spatial_rows * folds.spatial_cols
    shifts = folds.groups * np.where(
        stationary & designs.trimmed, folds.spatial_rows * folds.col_folds, folds.row_folds * folds.col_folds * rows
    )
    shifting_cols = np.where(
        ~stationary & designs.trimmed, folds.spatial_cols / folds.col_folds, cols
    )
    chain = shifts * rows * shifting_cols * chain_registers(designs)
    copies = all_folds * rows * cols * has_active_register(designs)
    accumulator = np.where(designs.on_bus, macs - results, macs)  # on a bus the last sum goes out at once
    stored = np.where(stationary, (chain + copies) * operand, (chain + accumulator) * sums)
    return row_words * cols * registers.row_link + col_words * rows * registers.col_link + stored


def _triangle(ports: Counts) -> Floats:
    """Return 0 + 1 + ... + (ports - 1): registers of a skewed edge, or words through them."""
    sums: Floats = ports * (ports - 1) / 2
    return sums


def skew_registers(designs: DesignTable) -> dict[str, Floats]:
    """Return the bits of skew registers at the edges of arrays with wide scratchpads, by what moves through them."""
    wide = np.where(designs.organisation == WIDE, 1.0, 0.0)
    at_rows, at_cols = _triangle(designs.rows) * wide, _triangle(designs.cols) * wide
    row_bits = np.where(designs.dataflow == IS, designs.filter_bits, designs.ifmap_bits)
    col_bits = np.where(designs.dataflow == IS, designs.ifmap_bits, designs.filter_bits)
    return {
        "row": at_rows * row_bits,
        "col": at_cols * col_bits * (~designs.stationary | designs.preload_skewed),
        "output": at_cols * designs.output_bits * designs.output_skewed,
        "psum": at_cols * designs.psum_bits * designs.stationary,
    }


def _skew_bits(designs: DesignTable, folds: _Folds) -> Floats:
    """Return the bits written into skew registers: port p of a skewed edge has p of them, an output port C-1-p."""
    rows, cols, stationary = designs.rows, designs.cols, designs.stationary
    row_bits = np.where(designs.dataflow == IS, designs.filter_bits, designs.ifmap_bits)
    col_bits = np.where(designs.dataflow == IS, designs.ifmap_bits, designs.filter_bits)
    over_rows = (folds.row_folds - 1) * _triangle(rows) + _triangle(folds.last_rows)
    over_cols = (folds.col_folds - 1) * _triangle(cols) + _triangle(folds.last_cols)
    # Words that leave wait for the columns on their right.
    waiting = folds.spatial_cols * (cols - 1) - over_cols
    entering = np.where(stationary, folds.spatial_rows * designs.preload_skewed, folds.row_folds * folds.steps)
    leaving = np.where(stationary, folds.row_folds * folds.steps, folds.spatial_rows) * designs.output_skewed
    read_again = np.where(stationary, (folds.row_folds - 1) * folds.steps, 0.0)
    bits: Floats = (
        over_rows * folds.col_folds * folds.steps * row_bits
        + over_cols * entering * col_bits
        + waiting * leaving * designs.output_bits
        + over_cols * read_again * designs.psum_bits
    )
    return folds.groups * bits


def _accesses(
    layers: LayerCounts, designs: DesignTable, folds: _Folds
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return reads and writes of the scratchpads, of the array's side and the DRAM's."""
    wide, stationary = designs.organisation == WIDE, designs.stationary
    rows_loaded = folds.groups * folds.spatial_rows * folds.col_folds
    streamed = folds.streamed_steps
    on_cols = np.where(stationary, rows_loaded, streamed)
    of_ifmap = np.where(designs.dataflow == IS, on_cols, streamed)
    of_filter = np.where(designs.dataflow == IS, streamed, on_cols)
    results = np.where(stationary, streamed, rows_loaded)
    psums = np.where(stationary, folds.groups * (folds.row_folds - 1) * folds.col_folds * folds.steps, 0.0)
    ports_of_ifmap = np.where(designs.dataflow == IS, designs.cols, designs.rows)
    ports_of_filter = np.where(designs.dataflow == IS, designs.rows, designs.cols)
    reads = {
        "ifmap": np.where(wide, of_ifmap, layers.sram_ifmap),
        "filter": np.where(wide, of_filter, layers.sram_filter),
        "ofmap": np.where(wide, psums, layers.sram_psum) + layers.dram_ofmap / np.where(wide, designs.cols, 1),
    }
    writes = {
        "ifmap": layers.dram_ifmap / np.where(wide, ports_of_ifmap, 1),
        "filter": layers.dram_filter / np.where(wide, ports_of_filter, 1),
        "ofmap": np.where(wide, results, layers.sram_ofmap) + layers.dram_psum / np.where(wide, designs.cols, 1),
    }
    return reads, writes
