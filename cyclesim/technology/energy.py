"""Energy of layers: activity times price, and leakage times time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cyclesim.costs import CHIP_COMPONENTS, COMPONENTS, OFF_CHIP
from cyclesim.technology.activity import Activity, Counts
from cyclesim.technology.prices import Prices
from cyclesim.technology.tables import Floats

PJ_PER_MJ = 1e9


@dataclass(frozen=True)
class Energies:
    """Energy of layers on designs by component, (layers, designs) [pJ]: all of it, and what of it leaks away."""

    energy_pj: dict[str, Floats]
    leakage_pj: dict[str, Floats]


def layer_energies(done: Activity, total_cycles: Counts, prices: Prices) -> Energies:
    """Return the energy of every layer on every design, NaN where a design has no prices."""
    dynamic = {
        "multiplier": done.macs * prices.pe.multiplier_pj,
        "adder": done.macs * prices.pe.adder_pj,
        "registers": done.register_bits * prices.pe.register_pj,
        **{
            f"{pad}_sram": done.reads[pad] * figures.read_pj + done.writes[pad] * figures.write_pj
            for pad, figures in prices.pads.items()
        },
        "skew_registers": done.skew_bits * prices.pe.register_pj,
        "psum_accumulators": done.accumulations * prices.pe.adder_pj,
    }
    others = np.zeros_like(done.macs)
    for energy in dynamic.values():
        others = others + energy
    dynamic["controller"] = prices.controller_energy_share * others
    time_s = total_cycles / (prices.clock_mhz * 1e6)
    leakage = {name: prices.leakage_mw[name] * time_s * PJ_PER_MJ for name in CHIP_COMPONENTS}
    energy_pj = {name: dynamic[name] + leakage[name] for name in CHIP_COMPONENTS}
    energy_pj[OFF_CHIP] = done.dram_bits * prices.dram_pj_per_bit * np.where(prices.problem == 0, 1.0, np.nan)
    return Energies({name: energy_pj[name] for name in COMPONENTS}, leakage)
