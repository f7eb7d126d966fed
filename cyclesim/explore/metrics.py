"""Metrics of points: sums over networks, and the ratios formed from the sums, by the names of a run's totals.

`energy_pj`, `area_mm2`, `power_mw` and `leakage_pj` alone are the sums of their components (`total_energy_pj` and
`total_area_mm2` of a run).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.costs import (
    CHIP_COMPONENTS,
    COMPONENTS,
    FJ_PER_PJ,
    HZ_PER_MHZ,
    MW_PER_W,
    OFF_CHIP,
    OPS_PER_MAC,
    OPS_PER_TERAOP,
    PJ_PER_J,
)

Floats = NDArray[np.float64]

CYCLES = ("compute_cycles", "cold_start_cycles", "stall_cycles", "drain_cycles", "total_cycles")
SRAM = {"sram_ifmap": "sram_reads_ifmap", "sram_filter": "sram_reads_filter", "sram_psum": "sram_reads_psum",
        "sram_ofmap": "sram_writes_ofmap"}  # fmt: skip
DRAM = {"dram_ifmap": "dram_reads_ifmap", "dram_filter": "dram_reads_filter", "dram_psum": "dram_reads_psum",
        "dram_ofmap": "dram_writes_ofmap"}  # fmt: skip
"""Words by the names of the model's tables, and of metrics."""


@dataclass(frozen=True)
class Sums:
    """What is summed over all layers of all networks, with weights, and what a machine has once; (points,) each.

    `counts` are operations, folds, cycles and words by the names of their metrics, `spatial_used` the numerator of the
    mapping efficiency. `bandwidth` is the channel's, all ports together, infinite without a limit. `clock_limit_mhz` is
    the clock that the slowest part allows, and `clock_mhz` that one or a given one. Energies, leakage and areas are by
    component; NaN where a machine has no prices.
    """

    counts: Mapping[str, Floats]
    spatial_used: Floats
    pes: Floats
    bandwidth: Floats
    clock_mhz: Floats
    clock_limit_mhz: Floats
    energy_pj: Mapping[str, Floats]
    leakage_pj: Mapping[str, Floats]
    area_mm2: Mapping[str, Floats]

    @property
    def time_s(self) -> Floats:
        """Seconds that the work takes."""
        return self.counts["total_cycles"] / (self.clock_mhz * HZ_PER_MHZ)

    @property
    def ops(self) -> Floats:
        """Operations, two of each multiply-accumulate."""
        return OPS_PER_MAC * self.counts["macs"]

    @property
    def tops(self) -> Floats:
        """Operations per second, in 10^12."""
        return self.ops / self.time_s / OPS_PER_TERAOP


@dataclass(frozen=True)
class Metric:
    """A figure of a point; `is_count` where it is a whole number as long as all weights are."""

    of: Callable[[Sums], Floats]
    is_count: bool = False
    by_default: bool = True


def _added(parts: Mapping[str, Floats], names: tuple[str, ...]) -> Floats:
    """Return the sum of parts, added in their order as `Costed` does."""
    total = np.zeros_like(parts[names[0]])
    for name in names:
        total = total + parts[name]
    return total


def _count(name: str) -> Metric:
    return Metric(lambda sums: sums.counts[name], is_count=True)


def _words(names: Mapping[str, str]) -> Callable[[Sums], Floats]:
    return lambda sums: _added(sums.counts, tuple(names.values()))


def _per_cycle(name: str) -> Metric:
    return Metric(lambda sums: sums.counts[name] / sums.counts["compute_cycles"], by_default=False)


def _part(parts: str, component: str, by_default: bool = True) -> Metric:
    return Metric(lambda sums: getattr(sums, parts)[component], by_default=by_default)


def _power(component: str) -> Metric:
    return Metric(lambda sums: _milliwatts(sums.energy_pj[component], sums))


def _milliwatts(energy_pj: Floats, sums: Sums) -> Floats:
    return energy_pj / PJ_PER_J / sums.time_s * MW_PER_W


def _energy(sums: Sums) -> Floats:
    return _added(sums.energy_pj, COMPONENTS)


def _chip_energy(sums: Sums) -> Floats:
    return _added(sums.energy_pj, tuple(name for name in COMPONENTS if name != OFF_CHIP))


def _area(sums: Sums) -> Floats:
    return _added(sums.area_mm2, CHIP_COMPONENTS)


_sram_words, _dram_words = _words(SRAM), _words(DRAM)

METRICS: dict[str, Metric] = {
    "macs": _count("macs"),
    "folds": _count("folds"),
    **{name: _count(name) for name in CYCLES},
    **{name: _count(name) for name in SRAM.values()},
    "sram_words": Metric(_sram_words, is_count=True),
    **{name: _count(name) for name in DRAM.values()},
    "dram_words": Metric(_dram_words, is_count=True),
    "pes": Metric(lambda sums: sums.pes, is_count=True),
    "mapping_efficiency": Metric(lambda sums: sums.spatial_used / (sums.counts["folds"] * sums.pes)),
    "compute_utilization": Metric(lambda sums: sums.counts["macs"] / (sums.pes * sums.counts["compute_cycles"])),
    "utilization": Metric(lambda sums: sums.counts["macs"] / (sums.pes * sums.counts["total_cycles"])),
    **{name.replace("reads", "bandwidth_mean").replace("writes", "bandwidth_mean"): _per_cycle(name)
       for name in (*SRAM.values(), *DRAM.values())},
    "effective_bandwidth": Metric(lambda sums: _dram_words(sums) / sums.counts["total_cycles"]),
    "arithmetic_intensity": Metric(lambda sums: sums.counts["macs"] / _dram_words(sums)),
    "machine_balance": Metric(
        lambda sums: np.where(np.isinf(sums.bandwidth), np.nan, sums.pes / sums.bandwidth), by_default=False
    ),
    "clock_mhz": Metric(lambda sums: sums.clock_mhz),
    "clock_limit_mhz": Metric(lambda sums: sums.clock_limit_mhz),
    "clock_margin": Metric(lambda sums: sums.clock_limit_mhz / sums.clock_mhz, by_default=False),
    "time_s": Metric(lambda sums: sums.time_s),
    "energy_pj": Metric(_energy),
    **{f"energy_pj_{name}": _part("energy_pj", name) for name in COMPONENTS},
    "leakage_pj": Metric(lambda sums: _added(sums.leakage_pj, CHIP_COMPONENTS), by_default=False),
    **{f"leakage_pj_{name}": _part("leakage_pj", name, by_default=False) for name in CHIP_COMPONENTS},
    "power_mw": Metric(lambda sums: _milliwatts(_energy(sums), sums)),
    **{f"power_mw_{name}": _power(name) for name in COMPONENTS},
    "area_mm2": Metric(_area),
    **{f"area_mm2_{name}": _part("area_mm2", name) for name in CHIP_COMPONENTS},
    "fj_per_op": Metric(lambda sums: _energy(sums) * FJ_PER_PJ / sums.ops),
    "chip_fj_per_op": Metric(lambda sums: _chip_energy(sums) * FJ_PER_PJ / sums.ops),
    "tops": Metric(lambda sums: sums.tops),
    "tops_per_mm2": Metric(lambda sums: sums.tops / _area(sums)),
    "tops_per_w": Metric(lambda sums: sums.ops / (_energy(sums) / PJ_PER_J) / OPS_PER_TERAOP),
    "edp": Metric(lambda sums: _energy(sums) / PJ_PER_J * sums.time_s),
}  # fmt: skip
"""All metrics, in the order of columns. Those that are not there by default are where a space names them."""

UNKNOWN = ("least_bandwidth", "bound", "channel_utilization", "sram_bandwidth_peak", "dram_bandwidth_peak", "stall_by")
"""How figures begin that a run reports and points do not have."""
_ALIASES = {"total_energy_pj": "energy_pj", "total_area_mm2": "area_mm2"}


def metric_name(written: str) -> str | None:
    """Return the metric that a space file means, None if there is none of this name."""
    name = _ALIASES.get(written, written)
    return name if name in METRICS else None


def metric_columns(named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the metrics that are kept of every point of a space that names some."""
    return tuple(name for name, metric in METRICS.items() if metric.by_default or name in named)
