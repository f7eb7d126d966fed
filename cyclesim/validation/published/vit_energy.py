"""SCALE-Sim v3's claims on the energy of ViT-base: 32x32 takes least, 64x64 has the best EDP.

The abstract gives no machine. SCALE-Sim's public scripts for Accelergy (branch scalesim-accelergy, rundir-accelergy)
have an output-stationary one with 512, 512 and 256 kB, and charge each PE a multiplication in every cycle of the run,
used or not: gating is there as a comment. A channel comes from its preset tpuv5e_downscale. Here an idle PE only leaks,
so the claims are tried with its energy as a parameter: the least, per PE and cycle, from which they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cyclesim import estimate, estimate_many
from cyclesim.api import load_hardware, load_topology
from cyclesim.hardware import Hardware, Scratchpad, Technology
from cyclesim.results import RunResult
from cyclesim.simulation import simulate
from cyclesim.technology.machine import priced
from cyclesim.validation.published.rows import Row
from cyclesim.validation.published.scalesim_v3 import vit_block
from cyclesim.workload import Network

SIDES = (32, 64, 128)
SMALLER = 2.86
"""Times the energy of 32x32 on 128x128."""
BEST_EDP = 64
BUFFERS_KB = (512, 512, 256)
BANDWIDTH = 60
"""Words per cycle."""
CLOCK_MHZ = 300
"""One clock for all three: what the slowest of them, 128x128 with wide scratchpads, allows, rounded down."""
BANDWIDTHS = (10, 20, 30, 40, 50, 60, 80, 120, 240, 720)
PE_PARTS = ("multiplier", "adder")


def machine(side: int, bandwidth: int = BANDWIDTH) -> Hardware:
    """Return the machine: 45 nm, int8 with 32-bit sums, low-leakage transistors, HBM2."""
    ifmap, filter_, ofmap = (Scratchpad(size_bytes=size * 1024) for size in BUFFERS_KB)
    return replace(
        load_hardware("default"), rows=side, cols=side, dataflow="os", ifmap_sram=ifmap, filter_sram=filter_,
        ofmap_sram=ofmap, interface_bandwidth="USER", dram_bandwidth_words_per_cycle=Fraction(bandwidth),
        technology=Technology(clock_mhz=Fraction(CLOCK_MHZ), device="lop", dram_type="HBM2"),
    )  # fmt: skip


@dataclass(frozen=True)
class Spent:
    """What a run takes: energy, the cycles of PEs that did nothing, and time."""

    energy_pj: float
    idle_pe_cycles: int
    cycles: int

    def with_idle(self, idle_pj: float) -> float:
        """Return the energy if an idle PE takes so much a cycle more."""
        return self.energy_pj + idle_pj * self.idle_pe_cycles

    @classmethod
    def of(cls, run: RunResult, side: int) -> Spent:
        """Return what a run on an array of this side takes."""
        energy = run.totals.total_energy_pj
        assert energy is not None, side
        return cls(energy, side * side * run.totals.total_cycles - run.totals.macs, run.totals.total_cycles)


@dataclass(frozen=True)
class IdleEnergy:
    """Energies of an idle PE [pJ a cycle] from which each claim holds; infinite if it never does."""

    order: float
    edp: float
    ratio: float


def needed(spent: Mapping[int, Spent]) -> IdleEnergy:
    """Return how much an idle PE must take for the energies to rise with the array, for 64x64 to have the best EDP, and
    for 128x128 to take 2.86 times the energy of 32x32.
    """  # noqa: D205
    small, middle, large = (spent[side] for side in SIDES)
    order = max(_crossing(small, middle, 1, 1), _crossing(middle, large, 1, 1))
    edp = _crossing(middle, large, middle.cycles, large.cycles)
    if small.with_idle(edp) * small.cycles <= middle.with_idle(edp) * middle.cycles:
        edp = np.inf
    return IdleEnergy(order, edp, _crossing(small, large, SMALLER, 1))


def _crossing(one: Spent, other: Spent, factor: float, other_factor: float) -> float:
    """Return the idle energy from which `factor` times the energy of one is below `other_factor` times the other's."""
    gap = factor * one.energy_pj - other_factor * other.energy_pj
    gain = other_factor * other.idle_pe_cycles - factor * one.idle_pe_cycles
    if gap <= 0 <= gain:
        return 0.0
    return gap / gain if gain > 0 else float(np.inf)


def energy_rows(name: str, runs: Mapping[int, RunResult]) -> Iterator[Row]:
    """Compare the energies and EDPs of the three arrays, as they are and by how much an idle PE would have to take."""
    spent = {side: Spent.of(run, side) for side, run in runs.items()}
    small, large = spent[SIDES[0]], spent[SIDES[-1]]
    order = sorted(SIDES, key=lambda side: spent[side].energy_pj)
    ratio = large.energy_pj / small.energy_pj
    yield Row(
        "3.3", f"{name}, os: energy of 128x128 over 32x32", f"{ratio:.2f}x", f"{SMALLER}x", f"{ratio - SMALLER:+.2f}",
        f"{_energies(runs)}. A larger array reads each word less often, from scratchpads and from DRAM, leaks for a "
        "shorter time, and its idle PEs take nothing else", "A", False, order[0] == SIDES[0],
    )  # fmt: skip
    best = min(SIDES, key=lambda side: spent[side].energy_pj * spent[side].cycles)
    speed = " and ".join(f"{small.cycles / spent[side].cycles:.2f}" for side in SIDES[1:])
    yield Row(
        "3.3", f"{name}, os: array with the best EDP", f"{best}x{best}", f"{BEST_EDP}x{BEST_EDP}", "",
        f"64x64 and 128x128 are {speed} times as fast as 32x32, and take less energy, too", "A", False,
        best == BEST_EDP,
    )  # fmt: skip
    limits = needed(spent)
    busy = _busy_pj(machine(SIDES[0]))
    yield Row(
        "3.3", f"{name}, os: pJ a cycle that idle PEs must take for order, EDP, {SMALLER}x",
        f"{limits.order:.2f}, {limits.edp:.2f}, {limits.ratio:.2f}", "not known", "",
        f"an int8 multiplication and addition take {busy:g} here, Aladdin's 32-bit multiplier 8.6 to 12.7; SCALE-Sim's "
        "scripts charge a multiplication to every PE in every cycle", "-", False, True,
    )  # fmt: skip


def _energies(runs: Mapping[int, RunResult]) -> str:
    parts = []
    for side, run in runs.items():
        energy = run.totals.energy_pj
        assert energy is not None, side
        total = sum(energy.values())
        pads = sum(value for component, value in energy.items() if component.endswith("_sram"))
        shares = {"PEs": sum(energy[name] for name in (*PE_PARTS, "registers")), "scratchpads": pads,
                  "DRAM": energy["dram"]}  # fmt: skip
        told = ", ".join(f"{component} {value / 1e9:.2f}" for component, value in shares.items())
        parts.append(f"{side}: {total / 1e9:.2f} mJ ({told})")
    return "; ".join(parts)


def _busy_pj(hardware: Hardware) -> float:
    found = priced(hardware).machine
    assert found is not None, hardware.run_name
    return sum(one.energy_pj or 0.0 for one in found.components if one.component in PE_PARTS)


Cycles = Callable[[int, int], int]
"""Total cycles of a network by the array's side and the words per cycle."""


def pe_cycle_rows(name: str, cycles: Cycles, bandwidths: Sequence[int] = BANDWIDTHS) -> Iterator[Row]:
    """Compare the claims with what they come to if each PE takes the same energy in every cycle, and all else none."""
    counts = {side: cycles(side, BANDWIDTH) for side in SIDES}
    energy = {side: side * side * counts[side] for side in SIDES}
    ratio = energy[SIDES[-1]] / energy[SIDES[0]]
    reason = (
        "if PEs are charged in every cycle, as in SCALE-Sim's scripts, and nothing else counts: energy is PEs times "
        "cycles"
    )
    yield Row(
        "3.3", f"{name}, os, every PE in every cycle: energy of 64x64 and 128x128 over 32x32",
        f"{energy[SIDES[1]] / energy[SIDES[0]]:.2f}x, {ratio:.2f}x", f"{SMALLER}x", f"{ratio - SMALLER:+.2f}",
        f"{reason}; it rises with the array, which takes no tables to see", "A", False,
        list(energy.values()) == sorted(energy.values()),
    )  # fmt: skip
    best = best_edp(counts)
    yield Row(
        "3.3", f"{name}, os, every PE in every cycle: array with the best EDP", f"{best}x{best}",
        f"{BEST_EDP}x{BEST_EDP}", "", f"{reason}. 128x128 is {counts[SIDES[0]] / counts[SIDES[-1]]:.2f} times as fast "
        "as 32x32, published 6.53", "A", False, best == BEST_EDP,
    )  # fmt: skip
    found = {bandwidth: best_edp({side: cycles(side, bandwidth) for side in SIDES}) for bandwidth in bandwidths}
    where = [f"{bandwidth}" for bandwidth, side in found.items() if side == BEST_EDP]
    others = ", ".join(f"{side}x{side} at {bandwidth}" for bandwidth, side in found.items() if side != BEST_EDP)
    yield Row(
        "3.3", f"{name}, os, every PE in every cycle: words per cycle with the best EDP at {BEST_EDP}x{BEST_EDP}",
        ", ".join(where) or "none", "not known", "", f"else {others}: a narrow channel makes large arrays wait", "-",
        False, True,
    )  # fmt: skip


def best_edp(cycles: Mapping[int, int]) -> int:
    """Return the side with the least PEs x cycles x cycles."""
    return min(cycles, key=lambda side: side * side * cycles[side] ** 2)


def estimated_cycles(network: Network) -> Cycles:
    """Return the model's total cycles of a network."""
    return lambda side, bandwidth: int(estimate_many(network.layers, [machine(side, bandwidth)]).total_cycles.sum())


def rows() -> Iterator[Row]:
    """Yield the rows of section 3.3 on energy: its own block simulated, the network by the model."""
    block, whole = vit_block(), load_topology("vit_b_16")
    yield from energy_rows("its vit_b file", {side: simulate(block, machine(side)) for side in SIDES})
    yield from energy_rows("ViT-B/16", {side: estimate(whole, machine(side)) for side in SIDES})
    for name, network in (("its vit_b file", block), ("ViT-B/16", whole)):
        yield from pe_cycle_rows(name, estimated_cycles(network))
