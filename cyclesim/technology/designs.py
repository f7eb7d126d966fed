"""Designs as columns: all that prices depend on, one entry a design in each array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cyclesim.hardware import (
    DATAFLOWS,
    DEFAULT_DEVICE,
    DEFAULT_DRAM_TYPE,
    DEFAULT_NODE_NM,
    DEFAULT_SRAM_ORGANISATION,
    DEVICES,
    DRAM_TYPES,
    FOLD_OVERLAPS,
    SRAM_ORGANISATIONS,
    SRAM_PORTS,
    Hardware,
    Scratchpad,
)
from cyclesim.technology.components import OwnFigures, own_figures
from cyclesim.technology.tables import FORMATS, Bools, Floats, Ints

OS, WS, IS = range(len(DATAFLOWS))
NONE, DB, PIPE1, PIPE, PIPE2 = range(len(FOLD_OVERLAPS))
WIDE, PER_PORT = range(len(SRAM_ORGANISATIONS))
AS_NEEDED = -1
"""Code of ports that follow from the dataflow."""
NO_FORMAT = -1


@dataclass(frozen=True)
class DesignTable:
    """Designs, (designs,) each; codes are positions in the tuples of `cyclesim.hardware` and in `FORMATS`.

    Sizes of scratchpads are in bytes and may be fractions. `sram_ports` is `AS_NEEDED` where they follow from the
    dataflow, `clock_mhz` NaN where it follows from the components, formats `NO_FORMAT` where operands are too wide for
    any. `own` are the user's figures, the same for all designs.
    """

    rows: Ints
    cols: Ints
    dataflow: Ints
    overlap: Ints
    on_bus: Bools
    trimmed: Bools
    ifmap_bytes: Floats
    filter_bytes: Floats
    ofmap_bytes: Floats
    ifmap_bits: Ints
    filter_bits: Ints
    ofmap_bits: Ints
    psum_bits: Ints
    node_nm: Floats
    clock_mhz: Floats
    device: Ints
    organisation: Ints
    sram_ports: Ints
    operand_format: Ints
    sum_format: Ints
    dram_type: Ints
    own: OwnFigures

    @property
    def stationary(self) -> Bools:
        """Whether an operand is preloaded and partial sums leave (ws, is)."""
        return np.not_equal(self.dataflow, OS)

    @property
    def preload_skewed(self) -> Bools:
        """Whether columns are preloaded one after the other."""
        return self.stationary & (self.overlap >= PIPE1)

    @property
    def output_skewed(self) -> Bools:
        """Whether columns deliver one after the other: all but os-db do."""
        return self.stationary | np.not_equal(self.overlap, DB)

    @property
    def output_bits(self) -> Ints:
        """Bits of the words that the ofmap scratchpad must be able to hold."""
        return np.where(self.stationary, self.psum_bits, self.ofmap_bits)

    @classmethod
    def of(cls, machines: Sequence[Hardware]) -> DesignTable:
        """Return the columns of machines that share their own figures.

        Raises
        ------
        ValueError
            If they do not.
        """
        shared = {machine.technology.components for machine in machines}
        if len(shared) != 1:
            raise ValueError(f"designs of a table must share their ComponentFile (got {len(shared)} of them)")
        columns = zip(*(_row(machine) for machine in machines), strict=True)
        names = [field.name for field in fields(cls)][:-1]
        arrays: dict[str, Any] = {
            name: np.array(column, _TYPES.get(name, np.int64)) for name, column in zip(names, columns, strict=True)
        }
        return cls(**arrays, own=own_figures(shared.pop()))


_TYPES: dict[str, type] = {
    **dict.fromkeys(("on_bus", "trimmed"), np.bool_),
    **dict.fromkeys(("ifmap_bytes", "filter_bytes", "ofmap_bytes", "node_nm", "clock_mhz"), np.float64),
}


def _row(machine: Hardware) -> tuple[float, ...]:
    technology = machine.technology
    formats = machine.number_formats
    codes = (NO_FORMAT, NO_FORMAT) if formats is None else (FORMATS.index(formats[0]), FORMATS.index(formats[1]))
    device = (technology.device or DEFAULT_DEVICE).removeprefix("itrs-")
    return (
        machine.rows,
        machine.cols,
        DATAFLOWS.index(machine.dataflow),
        FOLD_OVERLAPS.index(machine.fold_overlap),
        machine.dataflow == "os" and machine.os_drain == "bus",
        machine.trim_folds,
        _size_bytes(machine.ifmap_sram, machine.ifmap_bits),
        _size_bytes(machine.filter_sram, machine.filter_bits),
        _size_bytes(machine.ofmap_sram, machine.ofmap_bits if machine.dataflow == "os" else machine.psum_bits),
        machine.ifmap_bits,
        machine.filter_bits,
        machine.ofmap_bits,
        machine.psum_bits,
        float(technology.node_nm or DEFAULT_NODE_NM),
        np.nan if technology.clock_mhz is None else float(technology.clock_mhz),
        DEVICES.index(device),
        SRAM_ORGANISATIONS.index(technology.sram_organisation or DEFAULT_SRAM_ORGANISATION),
        AS_NEEDED if technology.sram_ports is None else SRAM_PORTS.index(technology.sram_ports),
        *codes,
        DRAM_TYPES.index(technology.dram_type or DEFAULT_DRAM_TYPE),
    )


def _size_bytes(pad: Scratchpad, bits: int) -> float:
    if pad.size_words is None and pad.size_bytes is not None:
        return pad.size_bytes
    return pad.words(bits) * bits / 8
