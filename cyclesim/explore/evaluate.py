"""From indices of points to their metrics, by the analytical model or the simulator, a block of points at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.columns import MachineColumns
from cyclesim.errors import BadInput
from cyclesim.explore.machines import Machines
from cyclesim.explore.metrics import CYCLES, DRAM, METRICS, SRAM, Sums, metric_columns
from cyclesim.explore.space import Space
from cyclesim.hardware import DATAFLOWS
from cyclesim.lowering import overlap_warning
from cyclesim.model.estimate import POINTS_AT_ONCE, Estimates, estimate_table, keep_freed_memory
from cyclesim.model.tables import LayerTable, MachineTable
from cyclesim.readers.hwkeys import KEYS
from cyclesim.readers.topology import read_topology
from cyclesim.technology.activity import Activity, LayerCounts, activity
from cyclesim.technology.components import OwnFigures
from cyclesim.technology.designs import DesignTable
from cyclesim.technology.energy import layer_energies
from cyclesim.technology.machine import format_mismatch
from cyclesim.technology.prices import PROBLEMS, price
from cyclesim.workload import Layer, Network

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Counter = Callable[[Ints, MachineColumns], Estimates]
"""Returns the figures of all distinct layers on some points of one dataflow, given their codes and their machines."""

FEASIBLE = "feasible"


@dataclass(frozen=True)
class Block:
    """Points: positions on the axes (n, axes), metrics (n,) each, NaN where not known, and code of the reason (n,)."""

    codes: Ints
    metrics: Mapping[str, Floats]
    reason: NDArray[np.int16]

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Points that are defined, priced, and inside all constraints."""
        return np.equal(self.reason, 0)


class Evaluator:
    """Evaluates points of a space; it can be sent to other processes.

    Parameters
    ----------
    space : Space

    Raises
    ------
    BadInput
        If the machine or a network of the space cannot be read or used.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.machines = Machines(space)
        self.networks, warnings = _read_networks(space)
        warnings = [*self.machines.warnings, *warnings, *self._mismatches(), *self._overlaps()]
        self.warnings = list(dict.fromkeys(warnings))
        layers = [layer for network in self.networks for layer in network.layers]
        weights = np.repeat([each.weight for each in space.networks], [len(each.layers) for each in self.networks])
        self._rows, which = LayerTable.distinct(layers)
        firsts = np.unique(which, return_index=True)[1]
        self.layers: tuple[Layer, ...] = tuple(layers[first] for first in firsts)
        self._weights: Floats = np.bincount(which, weights).astype(np.float64)
        named = (*(each.metric for each in space.objectives), *(each.metric for each in space.constraints))
        self.metrics = metric_columns((*named, *space.weights))
        keys = (KEYS[axis.key.lower()] for axis in space.axes)
        self._counts = np.array([key.section != "technology" for key in keys])
        self._first_price_code = 1 + len(self.machines.reasons)
        self._first_bound_code = self._first_price_code + len(PROBLEMS) - 1
        self.reasons: tuple[str, ...] = (
            FEASIBLE,
            *self.machines.reasons,
            *(problem.rule for problem in PROBLEMS[1:]),
            *(f"outside of the constraint {constraint.text}" for constraint in space.constraints),
        )

    @property
    def whole_weights(self) -> bool:
        """Whether counts are whole numbers."""
        return all(each.weight.is_integer() for each in self.space.networks)

    def __call__(self, indices: Ints) -> Block:
        """Return the points with these indices (n,), by the model."""
        return self.block(self.space.decode(indices), self._model)

    def block(self, codes: Ints, count: Counter) -> Block:
        """Return points by their codes (n, axes), with cycles and words from `count`."""
        keep_freed_memory()
        reason = self.machines.undefined(codes).copy()
        metrics = {name: np.full(len(codes), np.nan) for name in self.metrics}
        defined = np.flatnonzero(reason == 0)
        columns = self.machines.columns(codes[defined])
        own = self.machines.own_codes(codes[defined])
        at_once = max(1, POINTS_AT_ONCE // len(self.layers))
        group = columns.dataflow + len(DATAFLOWS) * own
        for key in np.unique(group).tolist():
            alike = np.flatnonzero(group == key)
            for start in range(0, len(alike), at_once):
                part = alike[start : start + at_once]
                places, machines = defined[part], columns.some(part)
                found = self._counted(codes[places], machines, count)
                sums, problem = self._sums(machines, self.machines.own[key // len(DATAFLOWS)], found)
                reason[places] = np.where(problem > 0, self._first_price_code - 1 + problem, 0)
                for name in self.metrics:
                    metrics[name][places] = METRICS[name].of(sums)
        self._constrain(metrics, reason)
        return Block(codes, metrics, reason.astype(np.int16))

    def _counted(self, codes: Ints, machines: MachineColumns, count: Counter) -> Estimates:
        """Return the figures of points, counted once for all that differ in their technology only."""
        counted = self.space.encode(np.where(self._counts, codes, 0))
        _, first, which = np.unique(counted, return_index=True, return_inverse=True)
        if len(first) == len(codes):
            return count(codes, machines)
        found = count(codes[first], machines.some(first))
        return Estimates(**{field.name: getattr(found, field.name)[:, which] for field in fields(Estimates)})

    def _model(self, codes: Ints, machines: MachineColumns) -> Estimates:
        return estimate_table(self._rows, MachineTable.from_columns(machines))

    def _constrain(self, metrics: Mapping[str, Floats], reason: Ints) -> None:
        for i, constraint in enumerate(self.space.constraints):
            values = metrics[constraint.metric]
            inside = values <= constraint.bound if constraint.at_most else values >= constraint.bound
            reason[(reason == 0) & ~inside] = self._first_bound_code + i

    def _sums(self, machines: MachineColumns, own: OwnFigures, found: Estimates) -> tuple[Sums, Ints]:
        """Return the weighted sums of points, and the code of why each has no prices."""
        rows = self._rows
        sums = {field.name: self._weighted(getattr(found, field.name)) for field in fields(Estimates)}
        designs = DesignTable.from_columns(machines, own)
        prices = price(designs)
        words = {name: getattr(found, name) for name in (*SRAM, *DRAM)}
        cycles = found.total_cycles
        done = activity(LayerCounts(rows.groups, rows.m, rows.k, rows.n, **words, total_cycles=cycles), designs)
        # Energy is linear in what is done and in time: that of all layers is that of their sums.
        energies = layer_energies(self._all_layers(done), sums["total_cycles"], prices)
        macs = float(self._weights @ (rows.groups * rows.m * rows.k * rows.n)[:, 0].astype(np.float64))
        spatial = {"os": (rows.m, rows.n), "ws": (rows.k, rows.n), "is": (rows.k, rows.m)}
        used_rows, used_cols = spatial[DATAFLOWS[machines.dataflow[0]]]
        used = float(self._weights @ (rows.groups * used_rows * used_cols)[:, 0].astype(np.float64))
        pes = (machines.rows * machines.cols).astype(np.float64)
        counts = {"macs": np.full(len(pes), macs), "folds": sums["folds"]}
        counts |= {name: sums[name] for name in CYCLES}
        counts |= {metric: sums[name] for name, metric in {**SRAM, **DRAM}.items()}
        return Sums(
            counts=counts,
            spatial_used=np.full(len(pes), used),
            pes=pes,
            bandwidth=machines.bandwidth * np.where(machines.separate, 3, 1),
            clock_mhz=prices.clock_mhz,
            clock_limit_mhz=prices.clock_limit_mhz,
            energy_pj=energies.energy_pj,
            leakage_pj=energies.leakage_pj,
            area_mm2=prices.area_mm2,
        ), prices.problem

    def _weighted(self, values: NDArray[Any]) -> Floats:
        """Return the weighted sum over layers of (layers, points): exact for whole numbers up to 2^53."""
        sums: Floats = self._weights @ values.astype(np.float64)
        return sums

    def _all_layers(self, done: Activity) -> Activity:
        summed: dict[str, Any] = {}
        for field in fields(Activity):
            value = getattr(done, field.name)
            one = not isinstance(value, dict)
            summed[field.name] = self._weighted(value) if one else {pad: self._weighted(value[pad]) for pad in value}
        return Activity(**summed)

    def _mismatches(self) -> list[str]:
        machines = self.machines
        mismatch = None if "NumberFormat" in machines.keys else format_mismatch(machines.base, machines.given)
        return [] if mismatch is None else [f"{self.space.machine}: {mismatch}"]

    def _overlaps(self) -> list[str]:
        overlaps = (overlap_warning(network.layers, self.machines.base) for network in self.networks)
        return [overlap for overlap in overlaps if overlap]


def _read_networks(space: Space) -> tuple[Sequence[Network], list[str]]:
    networks, warnings = [], []
    for each in space.networks:
        network, told = read_topology(each.path, None)
        if not network.layers:
            raise BadInput(space.file, None, f"network {each.name} has no layers")
        networks.append(network)
        warnings += told
    return networks, warnings
