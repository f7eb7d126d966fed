"""What a run or an estimate says about a layer and a network: one frozen type for every engine.

Field names are those of SUMMARY.json (docs/reports.md). Cycles, words and counts are integers; a ratio is formed once,
from integers, and is a fraction (per cent exist only in CSV reports). None means that the engine does not know a
figure; it never means zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cyclesim.costs import CHIP_COMPONENTS, COMPONENTS, DERIVED_FIELDS, Costed
from cyclesim.hardware import Hardware

if TYPE_CHECKING:
    import pandas

READ_OPERANDS = ("ifmap", "filter", "psum")
ALL_OPERANDS = (*READ_OPERANDS, "ofmap")
STALL_CAUSES = (*READ_OPERANDS, "drain")
"""All three in the order in which ties on the DRAM channel are settled, which is that of the timeline's queues."""


COMPUTE_BOUND_SHARE = 100
"""A layer is compute-bound if at most one in so many of its cycles is a stall."""


def is_compute_bound(stall_cycles: int, total_cycles: int) -> bool:
    """Whether so few stalls count as none (docs/memory-model.md, Bound)."""
    return stall_cycles * COMPUTE_BOUND_SHARE <= total_cycles


def stall_bound(stalls: int, unlimited: int, without_latency: int) -> str:
    """Return what most of a layer's stalls are due to (docs/memory-model.md, Bound).

    Parameters
    ----------
    stalls, unlimited, without_latency : int
        Stalls on the machine's channel, on one without limit, and on one that has no latency beyond a cycle either.
    """
    parts = {
        "bandwidth": stalls - unlimited,
        "latency": unlimited - without_latency,
        "capacity": without_latency,
    }
    return max(parts, key=lambda cause: parts[cause])


@dataclass(frozen=True)
class LayerResult(Costed):
    """One layer's figures.

    Words are scratchpad or DRAM words by operand; bandwidths are words per array cycle. First and last cycles are wall
    cycles with a request or an issued word, None where there is none. `spatial_slots` is Fr*Fc*R*C over all groups,
    the denominator of the mapping efficiency, and `spatial_used` its numerator. `dram_peak_words` is the most words of
    one fold's step, which has `step_cycles` array cycles. `channel_words` is what the DRAM channel could have moved in
    all cycles, None if it has no limit. `machine_balance` is the MACs per DRAM word at which the array and the channel
    need the same time.

    Energies and areas are by component (docs/energy.md), `leakage_pj` being the part of `energy_pj` that leaks away.
    They and the clock are None, and so is all that follows from them, if the machine has no prices.
    """

    name: str
    index: int
    type: str
    groups: int
    m: int
    k: int
    n: int
    macs: int
    folds: int
    array_size: int
    spatial_used: int
    spatial_slots: int
    compute_cycles: int
    cold_start_cycles: int
    stall_cycles: int
    drain_cycles: int
    sram_reads: Mapping[str, int]
    sram_writes: Mapping[str, int]
    sram_peak_words: Mapping[str, int]
    sram_first_cycle: Mapping[str, int | None]
    sram_last_cycle: Mapping[str, int | None]
    dram_reads: Mapping[str, int]
    dram_writes: Mapping[str, int]
    dram_first_cycle: Mapping[str, int | None]
    dram_last_cycle: Mapping[str, int | None]
    dram_peak_words: Mapping[str, int]
    step_cycles: int
    stall_by: Mapping[str, int] | None
    channel_words: int | None
    machine_balance: float | None
    least_bandwidth: int | None
    bound: str | None
    energy_pj: Mapping[str, float] | None = field(default=None, kw_only=True)
    leakage_pj: Mapping[str, float] | None = field(default=None, kw_only=True)
    area_mm2: Mapping[str, float] | None = field(default=None, kw_only=True)
    clock_mhz: float | None = field(default=None, kw_only=True)

    @property
    def total_cycles(self) -> int:
        """Cold start, compute, stalls and drain together."""
        return self.cold_start_cycles + self.compute_cycles + self.stall_cycles + self.drain_cycles

    @property
    def mapping_efficiency(self) -> float:
        """Share of the array's PEs that the folds use, averaged over folds."""
        return self.spatial_used / self.spatial_slots

    @property
    def compute_utilization(self) -> float:
        """MACs per PE and compute cycle."""
        return self.macs / (self.array_size * self.compute_cycles)

    @property
    def utilization(self) -> float:
        """MACs per PE and cycle of the whole layer."""
        return self.macs / (self.array_size * self.total_cycles)

    @property
    def sram_bandwidth_mean(self) -> dict[str, float]:
        """Scratchpad words per array cycle, by operand."""
        words = {**self.sram_reads, **self.sram_writes}
        return {operand: words[operand] / self.compute_cycles for operand in ALL_OPERANDS}

    @property
    def sram_bandwidth_peak(self) -> Mapping[str, int]:
        """Most scratchpad words in one array cycle, by operand."""
        return self.sram_peak_words

    @property
    def dram_bandwidth_mean(self) -> dict[str, float]:
        """DRAM words per array cycle, by stream."""
        words = {**self.dram_reads, **self.dram_writes}
        return {operand: words[operand] / self.compute_cycles for operand in ALL_OPERANDS}

    @property
    def dram_bandwidth_peak(self) -> dict[str, float]:
        """Most DRAM words of one fold's step, per array cycle, by stream; the final flush is left out."""
        return {operand: self.dram_peak_words[operand] / self.step_cycles for operand in ALL_OPERANDS}

    @property
    def dram_words(self) -> int:
        """All words that cross the DRAM channel."""
        return sum(self.dram_reads.values()) + sum(self.dram_writes.values())

    @property
    def effective_bandwidth(self) -> float:
        """DRAM words per cycle of the whole layer."""
        return self.dram_words / self.total_cycles

    @property
    def channel_utilization(self) -> float | None:
        """Share of the DRAM channel's budget that was used, None if the budget is unlimited."""
        return None if self.channel_words is None else self.dram_words / self.channel_words

    @property
    def arithmetic_intensity(self) -> float:
        """MACs per DRAM word."""
        return self.macs / self.dram_words

    @property
    def pes(self) -> int:
        """PEs of the array."""
        return self.array_size

    def to_dict(self) -> dict[str, Any]:
        """Return all public fields under their names, as plain JSON types."""
        return {name: _plain(getattr(self, name)) for name in RESULT_FIELDS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LayerResult:
        """Return the result that `stored` wrote."""
        return cls(**values)

    def stored(self) -> dict[str, Any]:
        """Return what is needed to build the result again, as plain JSON types."""
        return {name: _plain(value) for name, value in asdict(self).items()}


RESULT_FIELDS: tuple[str, ...] = (
    "name", "index", "type", "groups", "m", "k", "n", "macs", "folds",
    "compute_cycles", "cold_start_cycles", "stall_cycles", "drain_cycles", "total_cycles",
    "mapping_efficiency", "compute_utilization", "utilization",
    "sram_reads", "sram_writes", "dram_reads", "dram_writes", "stall_by",
    "sram_bandwidth_mean", "sram_bandwidth_peak", "dram_bandwidth_mean", "dram_bandwidth_peak",
    "least_bandwidth", "effective_bandwidth", "channel_utilization", "arithmetic_intensity", "machine_balance", "bound",
    "pes", "clock_mhz", "energy_pj", "leakage_pj", "area_mm2", *DERIVED_FIELDS,
)  # fmt: skip


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class Totals(Costed):
    """Sums over layers, and the ratios formed from the sums; peaks are the largest of any layer."""

    layers: int
    groups: int
    macs: int
    folds: int
    compute_cycles: int
    cold_start_cycles: int
    stall_cycles: int
    drain_cycles: int
    total_cycles: int
    mapping_efficiency: float
    compute_utilization: float
    utilization: float
    sram_reads: Mapping[str, int]
    sram_writes: Mapping[str, int]
    dram_reads: Mapping[str, int]
    dram_writes: Mapping[str, int]
    stall_by: Mapping[str, int] | None
    sram_bandwidth_mean: Mapping[str, float]
    sram_bandwidth_peak: Mapping[str, int]
    dram_bandwidth_mean: Mapping[str, float]
    dram_bandwidth_peak: Mapping[str, float]
    least_bandwidth: int | None
    effective_bandwidth: float
    channel_utilization: float | None
    arithmetic_intensity: float
    machine_balance: float | None
    pes: int
    clock_mhz: float | None
    energy_pj: Mapping[str, float] | None
    leakage_pj: Mapping[str, float] | None
    area_mm2: Mapping[str, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return the totals, and what follows from them, as plain JSON types."""
        derived = {name: getattr(self, name) for name in DERIVED_FIELDS}
        return {name: _plain(value) for name, value in {**asdict(self), **derived}.items()}


def _summed_causes(layers: Sequence[LayerResult]) -> dict[str, int] | None:
    """Return the stalls of all layers by cause, None if that is not known of one."""
    known = [layer.stall_by for layer in layers if layer.stall_by is not None]
    if len(known) < len(layers):
        return None
    return {cause: sum(stall_by[cause] for stall_by in known) for cause in STALL_CAUSES}


def _summed_energies(energies: Sequence[Mapping[str, float] | None]) -> dict[str, float] | None:
    """Return energies by component, summed over layers, None if that of one is not known."""
    known = [energy for energy in energies if energy is not None]
    if len(known) < len(energies):
        return None
    return {component: sum(energy[component] for energy in known) for component in known[0]}


def totals(layers: Sequence[LayerResult]) -> Totals:
    """Return the totals of at least one layer."""
    compute = sum(layer.compute_cycles for layer in layers)
    cycles = sum(layer.total_cycles for layer in layers)
    macs = sum(layer.macs for layer in layers)
    pes, clock_mhz = layers[0].array_size, layers[0].clock_mhz
    sram_reads = {operand: sum(layer.sram_reads[operand] for layer in layers) for operand in READ_OPERANDS}
    sram_writes = {"ofmap": sum(layer.sram_writes["ofmap"] for layer in layers)}
    dram_reads = {operand: sum(layer.dram_reads[operand] for layer in layers) for operand in READ_OPERANDS}
    dram_writes = {"ofmap": sum(layer.dram_writes["ofmap"] for layer in layers)}
    dram = {**dram_reads, **dram_writes}
    dram_words = sum(dram.values())
    capacities = [layer.channel_words for layer in layers if layer.channel_words is not None]
    needed = [layer.least_bandwidth for layer in layers if layer.least_bandwidth is not None]
    return Totals(
        layers=len(layers),
        groups=sum(layer.groups for layer in layers),
        macs=macs,
        folds=sum(layer.folds for layer in layers),
        compute_cycles=compute,
        cold_start_cycles=sum(layer.cold_start_cycles for layer in layers),
        stall_cycles=sum(layer.stall_cycles for layer in layers),
        drain_cycles=sum(layer.drain_cycles for layer in layers),
        total_cycles=cycles,
        mapping_efficiency=sum(layer.spatial_used for layer in layers) / sum(layer.spatial_slots for layer in layers),
        compute_utilization=macs / (pes * compute),
        utilization=macs / (pes * cycles),
        sram_reads=sram_reads,
        sram_writes=sram_writes,
        dram_reads=dram_reads,
        dram_writes=dram_writes,
        stall_by=_summed_causes(layers),
        sram_bandwidth_mean={op: count / compute for op, count in {**sram_reads, **sram_writes}.items()},
        sram_bandwidth_peak={op: max(layer.sram_bandwidth_peak[op] for layer in layers) for op in ALL_OPERANDS},
        dram_bandwidth_mean={op: count / compute for op, count in dram.items()},
        dram_bandwidth_peak={op: max(layer.dram_bandwidth_peak[op] for layer in layers) for op in ALL_OPERANDS},
        least_bandwidth=max(needed) if len(needed) == len(layers) else None,
        effective_bandwidth=dram_words / cycles,
        channel_utilization=dram_words / sum(capacities) if len(capacities) == len(layers) else None,
        arithmetic_intensity=macs / dram_words,
        machine_balance=layers[0].machine_balance,
        pes=pes,
        clock_mhz=clock_mhz,
        energy_pj=_summed_energies([layer.energy_pj for layer in layers]),
        leakage_pj=_summed_energies([layer.leakage_pj for layer in layers]),
        area_mm2=layers[0].area_mm2,
    )


@dataclass(frozen=True)
class RunResult:
    """A network on a machine: the layers' results in order, and their totals."""

    network: str
    hardware: Hardware
    engine: str
    layers: tuple[LayerResult, ...]

    @property
    def totals(self) -> Totals:
        """Sums over the layers and the ratios formed from them."""
        return totals(self.layers)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return one row a layer, nested fields as columns such as ``sram_reads_ifmap``.

        Raises
        ------
        ImportError
            If pandas is not installed (extra ``report``).
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas: pip install 'cyclesim[report]'") from error
        return pandas.DataFrame([flatten(layer.to_dict()) for layer in self.layers])


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with nested ones spread out: {"a": {"b": 1}} becomes {"a_b": 1}.

    What is by component has all its columns even where it is not known, so that all rows of a table have the same.
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        by_component = _BY_COMPONENT.get(name)
        if value is None and by_component is not None:
            value = dict.fromkeys(by_component)
        if isinstance(value, Mapping):
            flat.update({f"{name}_{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


_BY_COMPONENT = {
    "energy_pj": COMPONENTS,
    "power_mw": COMPONENTS,
    "leakage_pj": CHIP_COMPONENTS,
    "area_mm2": CHIP_COMPONENTS,
}
