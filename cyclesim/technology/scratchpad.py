"""Scratchpads: how an edge of the array is served by banks, and what a bank costs by CACTI 7's table.

`wide`: all ports of an edge share one word, cut into the fewest equal 2^k banks whose word is at most 2048 bits; all
banks are accessed at once. `per_port`: each port has a bank of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cyclesim.columns import AS_NEEDED
from cyclesim.hardware import DEVICES
from cyclesim.technology.components import OwnFigures
from cyclesim.technology.designs import IS, WIDE, DesignTable
from cyclesim.technology.node import SMALLEST_NM, area_factor, energy_factor
from cyclesim.technology.tables import (
    AREA_MM2,
    CYCLE_NS,
    LEAKAGE_MW,
    READ_PJ,
    SMALLEST_WORDS,
    SRAM_CAPACITY_BYTES,
    SRAM_NODES_NM,
    SRAM_WORD_BITS,
    WRITE_PJ,
    Bools,
    Floats,
    Ints,
    sram_grid,
)

PADS = ("ifmap", "filter", "ofmap")
_TAKES_LARGER = np.isin(np.arange(CYCLE_NS + 1), CYCLE_NS)
"""Columns of which the larger neighbour is taken: cycle times jump with the organisation that CACTI chose."""
_TAKES_LARGER_NODE = np.isin(np.arange(CYCLE_NS + 1), (LEAKAGE_MW, CYCLE_NS))
"""The same between nodes, whose off-currents differ in kind."""


@dataclass(frozen=True)
class Banks:
    """How scratchpads are built, (designs,) each.

    `ports` of the array's edge share an access of `words_per_access` words. All `banks` hold words of `word_bits` and
    `bank_bytes` each, which is the smallest accepted size where `below_table` says so.
    """

    ports: Ints
    banks: Ints
    word_bits: Ints
    bank_bytes: Floats
    words_per_access: Ints
    banks_per_access: Ints
    below_table: Bools


@dataclass(frozen=True)
class PadPrices:
    """Scratchpads, (designs,) each: energies of an access, the rest of all banks.

    Figures that are not the user's own are NaN where the banks are `outside` of the table.
    """

    banks: Banks
    outside: Bools
    read_pj: Floats
    write_pj: Floats
    leakage_mw: Floats
    area_mm2: Floats
    cycle_ns: Floats


def edge(pad: str, designs: DesignTable) -> tuple[Ints, Ints, Floats]:
    """Return the ports that a scratchpad serves, the bits of a word, and its size in bytes."""
    if pad == "ofmap":
        return designs.cols, designs.output_bits, designs.ofmap_bytes
    on_rows = (designs.dataflow == IS) == (pad == "filter")  # in is the filters stream along the rows, else the ifmap
    ports = np.where(on_rows, designs.rows, designs.cols)
    if pad == "filter":
        return ports, designs.filter_bits, designs.filter_bytes
    return ports, designs.ifmap_bits, designs.ifmap_bytes


def organise(ports: Ints, bits: Ints, size_bytes: Floats, organisation: Ints) -> Banks:
    """Return the banks of scratchpads that serve `ports` words of `bits` in a cycle."""
    wide = organisation == WIDE
    smallest_word, largest_word = SRAM_WORD_BITS[0], SRAM_WORD_BITS[-1]
    edge_bits = np.maximum(ports * bits, smallest_word)
    rounded = np.exp2(np.ceil(np.log2(edge_bits))).astype(np.int64)
    banks = np.where(wide, np.maximum(rounded // largest_word, 1), ports)
    word_bits = np.where(wide, np.minimum(rounded, largest_word), bits)
    bank_bytes = size_bytes / banks
    smallest = np.maximum(SRAM_CAPACITY_BYTES[0], SMALLEST_WORDS * word_bits / 8)
    below = wide & (bank_bytes < smallest)
    return Banks(
        ports=ports,
        banks=banks,
        word_bits=word_bits,
        bank_bytes=np.where(below, smallest, bank_bytes),
        words_per_access=np.where(wide, ports, 1),
        banks_per_access=np.where(wide, banks, 1),
        below_table=below,
    )


def price_scratchpad(pad: str, designs: DesignTable) -> PadPrices:
    """Return the prices of one of the scratchpads of every design."""
    banks = organise(*edge(pad, designs), designs.organisation)
    needed = designs.stationary if pad == "ofmap" else np.zeros_like(designs.stationary)
    two_ports = np.where(designs.sram_ports == AS_NEEDED, needed, designs.sram_ports).astype(np.int64)
    figures = bank_figures(designs.device, two_ports, designs.node_nm, banks.bank_bytes, banks.word_bits)

    def own(figure: str, published: Floats) -> Floats:
        return _own(designs.own, f"{pad}_sram", figure, published)

    return PadPrices(
        banks,
        outside=np.isnan(figures[:, AREA_MM2]),
        read_pj=own("read_energy_pj", figures[:, READ_PJ] * banks.banks_per_access),
        write_pj=own("write_energy_pj", figures[:, WRITE_PJ] * banks.banks_per_access),
        leakage_mw=own("leakage_mw", figures[:, LEAKAGE_MW] * banks.banks),
        area_mm2=own("area_mm2", figures[:, AREA_MM2] * banks.banks),
        cycle_ns=own("cycle_ns", figures[:, CYCLE_NS]),
    )


def _own(figures: OwnFigures, component: str, figure: str, published: Floats) -> Floats:
    value = figures.get(component, figure)
    return published if value is None else np.full_like(published, value)


def bank_figures(device: Ints, two_ports: Ints, node_nm: Floats, size_bytes: Floats, word_bits: Ints) -> Floats:
    """Return what one bank costs.

    Logarithms are interpolated linearly in the logarithms of size, word and node, inside the table only; of cycle
    times, and of leakages between nodes, the larger neighbour is taken. Below 22 nm the figures of 22 nm are scaled as
    logic is (`node`), leakage with the area, cycle times not at all.

    Parameters
    ----------
    device, two_ports, node_nm, size_bytes, word_bits : (designs,)

    Returns
    -------
    (designs, columns of the table) float64, NaN outside of it.
    """
    figures = np.full((len(size_bytes), CYCLE_NS + 1), np.nan)
    table_node = np.maximum(node_nm, SRAM_NODES_NM[0])
    inside = (node_nm >= SMALLEST_NM) & (node_nm <= SRAM_NODES_NM[-1])
    for axis, value in ((SRAM_CAPACITY_BYTES, size_bytes), (SRAM_WORD_BITS, word_bits)):
        inside &= (value >= axis[0]) & (value <= axis[-1])
    for code, name in enumerate(DEVICES):
        chosen = np.flatnonzero(inside & (device == code))
        if len(chosen):
            place = (two_ports[chosen], table_node[chosen], word_bits[chosen], size_bytes[chosen])
            figures[chosen] = np.exp2(_interpolated(sram_grid(name), *place))
    scaled = np.flatnonzero(inside & (node_nm < table_node))
    if len(scaled):
        energy, area = (scale(node_nm[scaled]) / scale(table_node[scaled]) for scale in (energy_factor, area_factor))
        for column, factor in ((READ_PJ, energy), (WRITE_PJ, energy), (LEAKAGE_MW, area), (AREA_MM2, area)):
            figures[scaled, column] *= factor
    return figures


def _interpolated(grid: Floats, two_ports: Ints, node_nm: Floats, word_bits: Ints, size_bytes: Floats) -> Floats:
    """Return logarithms from the table, axis after axis: size, word, node."""
    node, node_part = _place(np.log2(SRAM_NODES_NM), np.log2(node_nm))
    word, word_part = _place(np.log2(SRAM_WORD_BITS), np.log2(word_bits))
    size, size_part = _place(np.log2(SRAM_CAPACITY_BYTES), np.log2(size_bytes))

    def at_word(nodes: Ints, words: Ints) -> Floats:
        return _between(lambda above: grid[two_ports, nodes, words, size + above], size_part, _TAKES_LARGER)

    def at_node(nodes: Ints) -> Floats:
        return _between(lambda above: at_word(nodes, word + above), word_part, _TAKES_LARGER)

    return _between(lambda above: at_node(node + above), node_part, _TAKES_LARGER_NODE)


def _place(axis: Floats, value: Floats) -> tuple[Ints, Floats]:
    """Return the position of the neighbour below (or at) each value, and how far the value is from it to the next."""
    below = np.searchsorted(axis, value, side="right") - 1
    above = np.minimum(below + 1, len(axis) - 1)
    width = np.where(above > below, axis[above] - axis[below], 1.0)
    return below, (value - axis[below]) / width


def _between(at: Callable[[Ints], Floats], part: Floats, takes_larger: Bools) -> Floats:
    """Return figures between two neighbours, `at(0)` and `at(1)`; where `part` is 0 there need not be a second one."""
    low = at(np.zeros_like(part, np.int64))
    beyond = part > 0
    if not beyond.any():
        return low
    high = at(beyond.astype(np.int64))
    mixed = np.where(takes_larger, np.maximum(low, high), low + part[:, None] * (high - low))
    return np.where(beyond[:, None], mixed, low)
