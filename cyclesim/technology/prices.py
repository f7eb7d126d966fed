"""Prices of designs: energy of each event, area and leakage of each component, clock; and which have no prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cyclesim.columns import NO_FORMAT
from cyclesim.costs import CHIP_COMPONENTS
from cyclesim.technology.activity import skew_registers
from cyclesim.technology.designs import DesignTable
from cyclesim.technology.node import LARGEST_NM, SMALLEST_NM
from cyclesim.technology.pe import PePrices, price_pe
from cyclesim.technology.scratchpad import PADS, PadPrices, price_scratchpad
from cyclesim.technology.tables import (
    SMALLEST_WORDS,
    SRAM_CAPACITY_BYTES,
    SRAM_WORD_BITS,
    Floats,
    Ints,
    controller_share,
    dram_pj_per_bit,
)

CLOCK_PARTS = ("PE stage", *(f"{pad} scratchpad" for pad in PADS))
"""What may limit the clock, by code."""


@dataclass(frozen=True)
class Problem:
    """Why designs have no prices: what is allowed, and the keys of the .cfg that make it so."""

    rule: str
    keys: tuple[str, ...]


def _sram_keys(pad: str) -> tuple[str, ...]:
    name = pad.capitalize()
    return (f"{name}SramWords", f"{name}SramSzkB", "SramOrganisation", "ArrayHeight", "ArrayWidth", f"{name}Bits")


_LARGEST_BANK = f"{SRAM_CAPACITY_BYTES[-1] // 2**20} MiB"
PROBLEMS: tuple[Problem, ...] = (
    Problem("", ()),
    Problem(f"NodeNm must be from {SMALLEST_NM:g} to {LARGEST_NM:g} to be priced", ("NodeNm",)),
    Problem(
        "operands must have at most 32 bits to be priced without a NumberFormat",
        ("IfmapBits", "FilterBits", "WordBits"),
    ),
    *(
        Problem(f"the {pad} scratchpad must have banks of at most {_LARGEST_BANK} to be priced", _sram_keys(pad))
        for pad in PADS
    ),
    *(
        Problem(
            f"the {pad} scratchpad must have banks of at least {SRAM_CAPACITY_BYTES[0]} bytes and {SMALLEST_WORDS} "
            f"words of {SRAM_WORD_BITS[0]} to {SRAM_WORD_BITS[-1]} bits to be priced per port",
            _sram_keys(pad),
        )
        for pad in PADS
    ),
)
"""By code; 0 is none."""
_NODE, _FORMAT, _LARGE, _SMALL = 1, 2, 3, 3 + len(PADS)


@dataclass(frozen=True)
class Prices:
    """Prices of designs, (designs,) each; area [mm2] and leakage [mW] by component of the chip.

    `clock_limit_mhz` is what the slowest part allows, of which `clock_part` is the code; `clock_mhz` is that, or what
    is given. `problem` is the code of why a design has no prices, which are then NaN.
    """

    pe: PePrices
    pads: dict[str, PadPrices]
    dram_pj_per_bit: Floats
    controller_energy_share: Floats
    area_mm2: dict[str, Floats]
    leakage_mw: dict[str, Floats]
    clock_mhz: Floats
    clock_limit_mhz: Floats
    clock_part: Ints
    problem: Ints


def price(designs: DesignTable) -> Prices:
    """Return the prices of every design."""
    pads = {pad: price_scratchpad(pad, designs) for pad in PADS}
    problem = _problems(designs, pads)
    pe = price_pe(designs)
    area_share = _own_or(designs, "controller", "area_share", controller_share())
    energy_share = _own_or(designs, "controller", "energy_share", controller_share())
    counts = _units(designs, pe)
    area = {name: count * unit for name, (count, unit, _) in counts.items()}
    leakage = {name: count * unit for name, (count, _, unit) in counts.items()}
    for pad in PADS:
        area[f"{pad}_sram"], leakage[f"{pad}_sram"] = pads[pad].area_mm2, pads[pad].leakage_mw
    area["controller"] = area_share * _sum(area)
    leakage["controller"] = energy_share * _sum(leakage)
    delays = np.stack([pe.stage_ns, *(pads[pad].cycle_ns for pad in PADS)])
    limit = 1e3 / delays.max(axis=0)
    priced = np.where(problem == 0, 1.0, np.nan)
    return Prices(
        pe,
        pads,
        dram_pj_per_bit=_own_or(
            designs, "dram", "energy_pj_per_bit", dram_pj_per_bit()["default"][designs.dram_type]
        ),
        controller_energy_share=energy_share,
        area_mm2={name: area[name] * priced for name in CHIP_COMPONENTS},
        leakage_mw={name: leakage[name] * priced for name in CHIP_COMPONENTS},
        clock_mhz=np.where(np.isnan(designs.clock_mhz), limit, designs.clock_mhz) * priced,
        clock_limit_mhz=limit * priced,
        clock_part=np.argmax(delays, axis=0),
        problem=problem,
    )


def _units(designs: DesignTable, pe: PePrices) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Return how many units of logic there are of each component, and area and leakage of one."""
    pes = (designs.rows * designs.cols).astype(np.float64)
    skew = sum(skew_registers(designs).values(), np.zeros(len(pes)))
    return {
        "multiplier": (pes, pe.multiplier_mm2, pe.multiplier_mw),
        "adder": (pes, pe.adder_mm2, pe.adder_mw),
        "registers": (pes * pe.registers.total, pe.register_mm2, pe.register_mw),
        "skew_registers": (skew, pe.register_mm2, pe.register_mw),
        "psum_accumulators": (np.where(designs.stationary, designs.cols, 0.0), pe.adder_mm2, pe.adder_mw),
    }


def _own_or(designs: DesignTable, component: str, figure: str, published: Floats | float) -> Floats:
    value = designs.own.get(component, figure)
    return np.broadcast_to(published if value is None else value, (len(designs.rows),)).astype(np.float64)


def _sum(parts: dict[str, Floats]) -> Floats:
    """Return the sum of parts in their order, the same for one design and many."""
    total = np.zeros_like(next(iter(parts.values())))
    for part in parts.values():
        total = total + part
    return total


def _problems(designs: DesignTable, pads: dict[str, PadPrices]) -> Ints:
    """Return the first problem of each design, 0 if there is none."""
    outside_node = (designs.node_nm < SMALLEST_NM) | (designs.node_nm > LARGEST_NM)
    found = [(outside_node, _NODE), (designs.operand_format == NO_FORMAT, _FORMAT)]
    for i, pad in enumerate(PADS):
        if designs.own.replaces(f"{pad}_sram"):
            continue
        large = pads[pad].banks.bank_bytes > SRAM_CAPACITY_BYTES[-1]
        found += [(large, _LARGE + i), (pads[pad].outside & ~large & ~outside_node, _SMALL + i)]
    return np.select([condition for condition, _ in found], [code for _, code in found], 0)
