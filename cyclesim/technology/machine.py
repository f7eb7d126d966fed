"""One machine: the prices of a table of one design, in plain numbers, and what to say if it has none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cyclesim.columns import AS_NEEDED
from cyclesim.costs import CHIP_COMPONENTS, COMPONENTS
from cyclesim.errors import BadInput
from cyclesim.hardware import FORMAT_BITS, SRAM_PORTS, Hardware
from cyclesim.technology.activity import LayerCounts, activity
from cyclesim.technology.components import FIGURES
from cyclesim.technology.designs import DesignTable
from cyclesim.technology.energy import layer_energies
from cyclesim.technology.prices import CLOCK_PARTS, PROBLEMS, Prices, Problem, price
from cyclesim.technology.scratchpad import PADS
from cyclesim.technology.tables import SRAM_NODES_NM, dram_pj_per_bit


@dataclass(frozen=True)
class Component:
    """A component of a machine as the area report has it; None where a figure means nothing.

    Energies are those of one event: a multiplication, an addition, a bit written, an access, a bit transferred.
    """

    component: str
    count: int | None
    area_mm2: float | None
    leakage_mw: float | None
    energy_pj: float | None
    write_energy_pj: float | None
    delay_ns: float | None
    bank_bytes: float | None
    word_bits: int | None
    sram_ports: str | None
    note: str


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of a layer [pJ] by component, and what of it leaks away."""

    energy_pj: dict[str, float]
    leakage_pj: dict[str, float]


class PricedMachine:
    """A machine with prices.

    Parameters
    ----------
    hardware : Hardware
    designs : DesignTable
        Of this machine alone.
    prices : Prices
        Of the table.
    """

    def __init__(self, hardware: Hardware, designs: DesignTable, prices: Prices) -> None:
        self._hardware, self._designs, self._prices = hardware, designs, prices
        self.clock_mhz = float(prices.clock_mhz[0])
        self.clock_limit_mhz = float(prices.clock_limit_mhz[0])
        self.clock_part = CLOCK_PARTS[int(prices.clock_part[0])]
        self.area_mm2 = {name: float(prices.area_mm2[name][0]) for name in CHIP_COMPONENTS}

    def energy(self, counts: Mapping[str, int]) -> LayerEnergy:
        """Return the energy of a layer, whose counts are named as in `LayerCounts`."""
        layer = LayerCounts(**{name: np.array([[float(count)]]) for name, count in counts.items()})
        found = layer_energies(activity(layer, self._designs), layer.total_cycles, self._prices)
        return LayerEnergy(
            {name: float(energy[0, 0]) for name, energy in found.energy_pj.items()},
            {name: float(energy[0, 0]) for name, energy in found.leakage_pj.items()},
        )

    @property
    def components(self) -> list[Component]:
        """The components with their prices, in their order."""
        return [self._component(name) for name in COMPONENTS]

    def _component(self, name: str) -> Component:
        pe, pes = self._prices.pe, self._hardware.rows * self._hardware.cols
        accumulators = self._hardware.cols if self._hardware.dataflow != "os" else 0
        known: dict[str, tuple[int, float | None, float | None]] = {
            "multiplier": (pes, float(pe.multiplier_pj[0]), None),
            "adder": (pes, float(pe.adder_pj[0]), None),
            "registers": (pes * int(pe.registers.total[0]), float(pe.register_pj[0]), None),
            "psum_accumulators": (accumulators, float(pe.adder_pj[0]), None),
            "dram": (1, float(self._prices.dram_pj_per_bit[0]), None),
        }
        count, energy, delay = known.get(name, (None, None, None))
        if name == "skew_registers":
            count, energy = self._skew_bits(), float(pe.register_pj[0])
        if name == "multiplier":
            delay = float(pe.stage_ns[0])
        row: dict[str, Any] = {
            "count": count,
            "area_mm2": self.area_mm2.get(name),
            "leakage_mw": float(self._prices.leakage_mw[name][0]) if name in CHIP_COMPONENTS else None,
            "energy_pj": energy,
            "write_energy_pj": None,
            "delay_ns": delay,
            "bank_bytes": None,
            "word_bits": None,
            "sram_ports": None,
        }
        pad = name.removesuffix("_sram")
        if pad in PADS:
            row.update(self._pad(pad))
        return Component(name, **row, note="; ".join(self._notes(name)))

    def _skew_bits(self) -> int:
        pe = self._prices.pe
        return round(float(self._prices.area_mm2["skew_registers"][0] / pe.register_mm2[0]))

    def _pad(self, pad: str) -> dict[str, Any]:
        figures = self._prices.pads[pad]
        code = int(self._designs.sram_ports[0])
        two = self._hardware.dataflow != "os" and pad == "ofmap" if code == AS_NEEDED else code == 1
        return {
            "count": int(figures.banks.banks[0]),
            "energy_pj": float(figures.read_pj[0]),
            "write_energy_pj": float(figures.write_pj[0]),
            "delay_ns": float(figures.cycle_ns[0]),
            "bank_bytes": float(figures.banks.bank_bytes[0]),
            "word_bits": int(figures.banks.word_bits[0]),
            "sram_ports": SRAM_PORTS[two],
        }

    def _notes(self, name: str) -> list[str]:
        """Return what must be known of a component's prices."""
        notes = []
        own = [figure for figure in FIGURES.get(_FIGURES_OF.get(name, name), ())
               if self._designs.own.get(_FIGURES_OF.get(name, name), figure) is not None]  # fmt: skip
        if own:
            notes.append(f"own figures: {', '.join(own)}")
        pad = name.removesuffix("_sram")
        if pad in PADS:
            if self._prices.pads[pad].banks.below_table[0]:
                notes.append("below the table: priced as the smallest bank of its word")
            if self._designs.node_nm[0] < SRAM_NODES_NM[0]:
                notes.append(f"scaled from {SRAM_NODES_NM[0]:g} nm")
        return notes

    def summary(self) -> dict[str, Any]:
        """Return what SUMMARY.json says of the prices."""
        formats = self._hardware.number_formats
        assert formats is not None, "a priced machine has a number format"
        dram = {name: float(values[self._designs.dram_type[0]]) for name, values in dram_pj_per_bit().items()}
        return {
            "clock_mhz": self.clock_mhz,
            "clock_limit_mhz": self.clock_limit_mhz,
            "clock_limited_by": self.clock_part,
            "operand_format": formats[0],
            "accumulator_format": formats[1],
            "dram_pj_per_bit": {**dram, "default": float(self._prices.dram_pj_per_bit[0])},
            "components": [vars(component) for component in self.components],
        }


_FIGURES_OF = {"registers": "register", "skew_registers": "register", "psum_accumulators": "adder"}
"""Components that are made of another's units."""


@dataclass(frozen=True)
class Priced:
    """A machine's prices, or why it has none."""

    machine: PricedMachine | None
    problem: Problem | None


@lru_cache(maxsize=256)
def priced(hardware: Hardware) -> Priced:
    """Return the machine's prices; none where SCALE-Sim is followed, whose files say nothing of the technology."""
    if hardware.follows_scalesim:
        return Priced(None, Problem("memory models of SCALE-Sim are not priced", ()))
    designs = DesignTable.of([hardware])
    prices = price(designs)
    code = int(prices.problem[0])
    return Priced(None, PROBLEMS[code]) if code else Priced(PricedMachine(hardware, designs, prices), None)


def check_prices(hardware: Hardware) -> None:
    """Make sure that a machine of which the technology is given has prices.

    Raises
    ------
    BadInput
        If it has none.
    """
    problem = None if hardware.follows_scalesim else priced(hardware).problem
    if problem is not None and hardware.technology.is_given:
        rule = f"{problem.rule}{machine_value(hardware, problem)}"
        raise BadInput("cyclesim", None, f"machine {hardware.run_name}: {rule}")


def machine_value(hardware: Hardware, problem: Problem) -> str:
    """Return the ``(got ...)`` tail of a problem."""
    designs = DesignTable.of([hardware])
    if problem.keys == ("NodeNm",):
        return f" (got {float(designs.node_nm[0]):g})"
    pad = next((pad for pad in PADS if f"{pad.capitalize()}SramWords" in problem.keys), None)
    if pad is None:
        return f" (got {max(hardware.ifmap_bits, hardware.filter_bits)})"
    banks = price(designs).pads[pad].banks
    size, bits = float(banks.bank_bytes[0]), int(banks.word_bits[0])
    return f" (got {int(banks.banks[0])} of {size:.12g} bytes and {bits} bits a word)"


def unpriced(hardware: Hardware) -> str | None:
    """Return a warning if a machine that says nothing of its technology is outside of the tables."""
    problem = None if hardware.follows_scalesim or hardware.technology.is_given else priced(hardware).problem
    return None if problem is None else f"no energy, area and clock: {problem.rule}{machine_value(hardware, problem)}"


def format_mismatch(hardware: Hardware, given: Collection[str]) -> str | None:
    """Return a warning if NumberFormat, which sets energies, and the Bits keys, which set sizes, differ in width.

    `given` are the keys that the user gave: a width that is only a default contradicts nobody. WordBits is given for
    operands, not for partial sums, which are wider than words in most formats.
    """
    formats = hardware.number_formats
    if hardware.follows_scalesim or hardware.technology.number_format is None or formats is None:
        return None
    operand, sums = (FORMAT_BITS[name] for name in formats)
    widths = (
        (("IfmapBits", "WordBits"), hardware.ifmap_bits, operand),
        (("FilterBits", "WordBits"), hardware.filter_bits, operand),
        (("PsumBits",), hardware.psum_bits, sums),
    )
    told = ((next((key for key in keys if key in given), None), bits, meant) for keys, bits, meant in widths)
    differing = [f"{key} is {bits}, not {meant}" for key, bits, meant in dict.fromkeys(told) if key and bits != meant]
    if not differing:
        return None
    return (
        f"NumberFormat {'/'.join(formats)} sets the energy of arithmetic, the Bits keys the size of words, "
        f"and they differ: {', '.join(differing)}"
    )
