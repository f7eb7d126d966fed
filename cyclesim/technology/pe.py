"""The PE: a multiplier, an adder and the registers that its variant has (docs/microarchitecture.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cyclesim.columns import FORMATS, NO_FORMAT
from cyclesim.hardware import FORMAT_BITS
from cyclesim.technology.designs import DB, NONE, PIPE, PIPE1, PIPE2, DesignTable
from cyclesim.technology.node import area_factor, delay_factor, energy_factor
from cyclesim.technology.tables import Floats, Ints, units

_BITS = np.array([FORMAT_BITS[name] for name in FORMATS])
_IS_INTEGER = np.array([name.startswith("int") for name in FORMATS])


@dataclass(frozen=True)
class PeRegisters:
    """Bits of the registers of a PE, (designs,) each.

    `row_link` passes the row operand east, with the control bits that ride with it; `col_link` passes the column
    operand (os) or the partial sum (ws, is) south; `storage` are accumulators or stationary words, and links of the
    chain.
    """

    row_link: Ints
    col_link: Ints
    storage: Ints

    @property
    def total(self) -> Ints:
        """All bits."""
        return self.row_link + self.col_link + self.storage


@dataclass(frozen=True)
class PePrices:
    """A PE, (designs,) each: energies of an operation and of writing one bit, leakage and area of each part."""

    registers: PeRegisters
    multiplier_pj: Floats
    adder_pj: Floats
    register_pj: Floats
    multiplier_mw: Floats
    adder_mw: Floats
    register_mw: Floats
    multiplier_mm2: Floats
    adder_mm2: Floats
    register_mm2: Floats
    stage_ns: Floats


def format_bits(codes: Ints) -> Ints:
    """Return the bits of number formats; 0 of none."""
    return np.where(np.equal(codes, NO_FORMAT), 0, _BITS[codes])


def pe_registers(designs: DesignTable) -> PeRegisters:
    """Return the registers of the PEs: one word each but for the variants that have more."""
    operand, sums = format_bits(designs.operand_format), format_bits(designs.sum_format)
    overlap, stationary = designs.overlap, designs.stationary
    control = np.select(
        [designs.on_bus, overlap == PIPE1, overlap == PIPE, overlap == PIPE2],
        [1, 1, 2, 1],  # last; sh; sh and sel; first
        0,
    )
    more = np.select([designs.on_bus | (overlap == NONE), overlap == PIPE], [0, 2], 1)
    return PeRegisters(
        row_link=operand + control,
        col_link=np.where(stationary, sums, operand),
        storage=np.where(stationary, operand, sums) * (1 + more),
    )


def chain_registers(designs: DesignTable) -> Ints:
    """Return how many registers of a PE a shift of its preload or drain chain writes: a bus needs no chain."""
    linked = (designs.overlap == PIPE1) | (designs.overlap == PIPE)
    return np.where(designs.on_bus, 0, np.where(linked, 2, 1))


def has_active_register(designs: DesignTable) -> Ints:
    """Return 1 where a stationary word is copied from the chain to the register that the multiplier uses."""
    return np.where(designs.stationary & ((designs.overlap == DB) | (designs.overlap == PIPE2)), 1, 0)


def price_pe(designs: DesignTable) -> PePrices:
    """Return the prices of the PEs of every design; NaN where there is no number format."""
    operand, sums, own = designs.operand_format, designs.sum_format, designs.own
    energy, area, delay = (
        factor(designs.node_nm) for factor in (energy_factor, area_factor, delay_factor)
    )

    def figure(component: str, name: str, codes: Ints, factor: Floats) -> Floats:
        given = own.get(component, name)
        if given is not None:
            return np.full(len(designs.node_nm), given)
        return np.where(designs.operand_format == NO_FORMAT, np.nan, getattr(units(component), name)[codes]) * factor

    registers = pe_registers(designs)
    bit = np.zeros_like(operand)
    return PePrices(
        registers,
        multiplier_pj=figure("multiplier", "energy_pj", operand, energy),
        adder_pj=figure("adder", "energy_pj", sums, energy),
        register_pj=figure("register", "energy_pj", bit, energy),
        multiplier_mw=figure("multiplier", "leakage_mw", operand, area),
        adder_mw=figure("adder", "leakage_mw", sums, area),
        register_mw=figure("register", "leakage_mw", bit, area),
        multiplier_mm2=figure("multiplier", "area_um2", operand, area) / 1e6,
        adder_mm2=figure("adder", "area_um2", sums, area) / 1e6,
        register_mm2=figure("register", "area_um2", bit, area) / 1e6,
        stage_ns=figure("multiplier", "delay_ns", operand, delay)
        + figure("adder", "delay_ns", sums, delay) * _late_part(designs),
    )


def _late_part(designs: DesignTable) -> Floats:
    """Return the share of the adder's delay that comes after the multiplier's.

    An integer adder's carry is through the product's bits when the last of them is there, and has the bits above
    them, or at least one, to go. A floating-point adder starts when the product is complete.
    """
    bits = format_bits(designs.sum_format)
    above = np.maximum(bits - 2 * format_bits(designs.operand_format), 1) / np.maximum(bits, 1)
    return np.where(_IS_INTEGER[designs.sum_format], above, 1.0)
