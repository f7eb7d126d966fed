"""`cyclesim.estimate` and `estimate_many`: the model's figures of a network on a machine, and of many on many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from cyclesim.arguments import check_inputs, check_jobs, with_dataflow
from cyclesim.channel import channel_of
from cyclesim.errors import BadInput
from cyclesim.hardware import DATAFLOWS, Hardware
from cyclesim.lowering import gemm_sizes
from cyclesim.model.folds import FoldTable, fold_table
from cyclesim.model.peaks import dram_peaks, scratchpad_peaks
from cyclesim.model.spills import SpillTable, spill_tables
from cyclesim.model.tables import Ints, LayerTable, MachineTable
from cyclesim.model.timeline import MOST_CYCLES, CycleTable, cycle_table
from cyclesim.model.words import ReuseTable, WordTable, dram_table, reuse_table, sram_table
from cyclesim.pricing import with_prices
from cyclesim.results import LayerResult, RunResult, is_compute_bound, stall_bound
from cyclesim.schedule import layer_fields, schedule
from cyclesim.technology.machine import check_prices
from cyclesim.workload import Layer, Network

POINTS_AT_ONCE = 1 << 16
"""Layer-machine points that are evaluated at a time: with fewer, threads wait for one another before each operation."""
MACHINES_AT_ONCE = 1 << 9
"""Machines of these points: NumPy goes along them, which long rows are better for."""
FREED_BYTES = 31 << 20
"""Freed memory is used again as it is, up to about this much: glibc's most is 32 MB."""
CANDIDATES = 64
"""Bandwidths that are tried at a time when the least one is looked for."""


@dataclass(frozen=True)
class Estimates:
    """The model's figures of every layer on every machine, (layers, machines) int64 each."""

    folds: Ints
    compute_cycles: Ints
    cold_start_cycles: Ints
    stall_cycles: Ints
    drain_cycles: Ints
    total_cycles: Ints
    sram_ifmap: Ints
    sram_filter: Ints
    sram_psum: Ints
    sram_ofmap: Ints
    dram_ifmap: Ints
    dram_filter: Ints
    dram_psum: Ints
    dram_ofmap: Ints


@dataclass(frozen=True)
class _Evaluation:
    """Everything that follows for a block of points."""

    folds: FoldTable
    spills: tuple[SpillTable, ...]
    sram: WordTable
    dram: WordTable
    cycles: CycleTable


def _evaluate(layers: LayerTable, machines: MachineTable, reuse: ReuseTable) -> _Evaluation:
    folds = fold_table(layers, machines)
    spills = spill_tables(layers, machines, folds)
    dram = dram_table(layers, machines, folds, spills, reuse)
    return _Evaluation(
        folds, spills, sram_table(layers, machines, folds), dram, cycle_table(layers, machines, folds, dram, spills)
    )


def estimate_table(layers: LayerTable, machines: MachineTable, reuse: ReuseTable | None = None) -> Estimates:
    """Estimate all layers of a table on all machines of one, at once: memory is that of all their points.

    `reuse` are the curves of these layers on these machines, or on more of them; they are looked up if it is None.
    """
    one = _evaluate(layers, machines, reuse or reuse_table(layers, machines))
    operands = ("ifmap", "filter", "psum", "ofmap")
    return Estimates(
        folds=layers.groups * one.folds.folds,
        compute_cycles=one.cycles.compute,
        cold_start_cycles=one.cycles.cold_start,
        stall_cycles=one.cycles.stall,
        drain_cycles=one.cycles.drain,
        total_cycles=one.cycles.total,
        **{f"sram_{operand}": getattr(one.sram, operand) for operand in operands},
        **{f"dram_{operand}": getattr(one.dram, operand) for operand in operands},
    )


def estimate_many(layers: Sequence[Layer], machines: Sequence[Hardware], jobs: int | None = None) -> Estimates:
    """Estimate every layer on every machine.

    Parameters
    ----------
    layers : sequence of Layer
    machines : sequence of Hardware
        Of the native memory model.
    jobs : int, optional
        Threads; the number of cores by default. Numbers do not depend on it.

    Returns
    -------
    Estimates
        The same numbers as `estimate` gives for one layer on one machine, and 2**60 stalls or more where that refuses a
        layer as too long; arrays without entries if there are no layers or no machines.

    Raises
    ------
    BadInput
        If a machine is of another memory model, or `jobs` is less than 1.
    """
    from concurrent.futures import ThreadPoolExecutor  # loads logging, which `estimate` has no use for

    check_jobs(jobs)
    for machine in machines:
        _check_memory(machine)
    keep_freed_memory()
    rows, which = LayerTable.distinct(layers)
    count = len(rows.windows)
    found = {field.name: np.empty((count, len(machines)), np.int64) for field in fields(Estimates)}

    def part(layers: slice, columns: MachineTable, places: Ints, reuse: ReuseTable) -> None:
        one = estimate_table(rows.some(layers), columns, reuse.some(layers))
        for name, values in found.items():
            values[layers, places] = getattr(one, name)

    parts = []
    for dataflow in DATAFLOWS:
        places = np.array([i for i, machine in enumerate(machines) if machine.dataflow == dataflow], np.int64)
        if len(places):
            columns = MachineTable.of([machines[i] for i in places])
            reuse = reuse_table(rows, columns)
            wide = min(len(places), MACHINES_AT_ONCE)
            high = max(1, POINTS_AT_ONCE // wide)
            for first in range(0, len(places), wide):
                few = slice(first, first + wide)
                some = columns.some(few), places[few], reuse
                parts += [(slice(i, min(i + high, count)), *some) for i in range(0, count, high)]
    threads = jobs or os.cpu_count() or 1
    if threads == 1 or count * len(machines) <= POINTS_AT_ONCE:  # that is done before another thread has begun
        for one in parts:
            part(*one)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda one: part(*one), parts))
    return Estimates(**(found if count == len(layers) else {name: values[which] for name, values in found.items()}))


def keep_freed_memory() -> None:
    """Have the C library hand freed arrays out again rather than give them back to the system, which glibc learns.

    It keeps what is no larger than the largest array that was freed. Otherwise every operation on a block of points
    would get new pages, which takes as long again. Nothing of the array here is ever touched.
    """
    np.empty(FREED_BYTES, np.uint8)


def estimate(network: Network, hardware: Hardware, *, dataflow: str | None = None) -> RunResult:
    """Estimate a network on a machine by the analytical model.

    Parameters
    ----------
    network : Network
    hardware : Hardware
        Of the native memory model.
    dataflow : str, optional
        In place of the machine's own.

    Returns
    -------
    RunResult
        As of `simulate`. Cycles of the array, folds and scratchpad words are exact; DRAM words, stalls and what follows
        from them are estimates (docs/analytical-model.md). ``stall_by`` and first and last cycles are None.

    Raises
    ------
    BadInput
        If an argument is not one of those allowed, the network is empty, the machine's technology is given and
        outside of the tables, or a layer takes more than 2**60 cycles.
    """
    check_inputs(network, hardware)
    hardware = with_dataflow(hardware, dataflow)
    _check_memory(hardware)
    if not network.layers:
        raise BadInput("cyclesim", None, f"network {network.name} has no layers")
    check_prices(hardware)
    rows, which = LayerTable.distinct(network.layers)
    found = _found(rows, hardware)
    places = zip(network.layers, which.tolist(), strict=True)
    layers = tuple(with_prices(_result(layer, hardware, found, place), hardware) for layer, place in places)
    return RunResult(network.name, hardware, "estimate", layers)


def _check_memory(hardware: Hardware) -> None:
    if hardware.memory_model != "native":
        raise BadInput("cyclesim", None, f"the model estimates memory native only (got {hardware.memory_model})")


@dataclass(frozen=True)
class _Found:
    """What the model says of distinct layers on a machine.

    `points` has the machine in its first column, then the same without a limit of bandwidth, and without latency
    besides. `least_bandwidth` is (layers,) int64, `dram_peaks` has the machine only.
    """

    points: _Evaluation
    least_bandwidth: Ints
    dram_peaks: WordTable


def _found(rows: LayerTable, hardware: Hardware) -> _Found:
    unlimited = replace(hardware, interface_bandwidth="CALC")
    machines = MachineTable.of([hardware, unlimited, replace(unlimited, dram_latency_cycles=1)])
    reuse = reuse_table(rows, machines)
    points = _evaluate(rows, machines, reuse)
    words = points.dram.ifmap + points.dram.filter + points.dram.psum + points.dram.ofmap
    return _Found(
        points,
        _least_bandwidths(rows, machines.some(slice(1, 2)), reuse, words[:, :1])[:, 0],
        dram_peaks(rows, machines, points.folds, points.dram, points.spills),
    )


def _result(layer: Layer, hardware: Hardware, found: _Found, place: int) -> LayerResult:
    """Return the figures of a layer, which is the one in this place of those that are distinct."""
    points, cycles = found.points, found.points.cycles
    _, m, k, n = gemm_sizes(layer)
    plan = schedule(m, k, n, hardware)
    stalls, unlimited, without_latency = (int(value) for value in cycles.stall[place])
    sram, dram = ({name: int(getattr(table, name)[place, 0]) for name in ("ifmap", "filter", "psum", "ofmap")}
                  for table in (points.sram, points.dram))  # fmt: skip
    compute, cold, drain, total = (
        int(values[place, 0]) for values in (cycles.compute, cycles.cold_start, cycles.drain, cycles.total)
    )
    channel = channel_of(hardware)
    if max(cold, stalls, drain) >= MOST_CYCLES:
        width = "an unlimited channel" if channel.bandwidth is None else f"{channel.bandwidth} words per cycle"
        rule = f"layer {layer.name} takes more than 2**60 cycles on {width} with a latency of {channel.latency} cycles"
        raise BadInput("cyclesim", None, rule)
    shape = layer_fields(layer, plan)
    return LayerResult(
        **shape,
        compute_cycles=compute,
        cold_start_cycles=cold,
        stall_cycles=stalls,
        drain_cycles=drain,
        sram_reads={name: sram[name] for name in ("ifmap", "filter", "psum")},
        sram_writes={"ofmap": sram["ofmap"]},
        sram_peak_words=scratchpad_peaks(plan, hardware),
        sram_first_cycle=dict.fromkeys(sram),
        sram_last_cycle=dict.fromkeys(sram),
        dram_reads={name: dram[name] for name in ("ifmap", "filter", "psum")},
        dram_writes={"ofmap": dram["ofmap"]},
        dram_first_cycle=dict.fromkeys(dram),
        dram_last_cycle=dict.fromkeys(dram),
        dram_peak_words={name: int(getattr(found.dram_peaks, name)[place, 0]) for name in dram},
        step_cycles=plan.longest_step,
        stall_by=None,
        channel_words=channel.capacity(total),
        machine_balance=channel.balance(hardware.rows * hardware.cols),
        least_bandwidth=None if unlimited else int(found.least_bandwidth[place]),
        bound=_bound(stalls, unlimited, without_latency, total),
    )


def _bound(stalls: int, unlimited: int, without_latency: int, total: int) -> str:
    """Return what bounds a layer; no channel is counted as worse than a slower one."""
    if is_compute_bound(stalls, total):
        return "compute"
    unlimited = min(unlimited, stalls)
    return stall_bound(stalls, unlimited, min(without_latency, unlimited))


def _least_bandwidths(layers: LayerTable, machine: MachineTable, reuse: ReuseTable, words: Ints) -> Ints:
    """Return the smallest whole bandwidth without stalls of each layer, if stalls go down with bandwidth.

    `machine` is one without a limit, `words` what each layer moves, (layers, 1): more in a cycle is never needed.
    """
    low, high = np.zeros_like(words), np.maximum(1, words)
    several = machine.repeated(CANDIDATES)
    while (high - low > 1).any():
        tried = np.geomspace(low[:, 0] + 1, high[:, 0], CANDIDATES, axis=1).astype(np.int64)
        machines = replace(several, bandwidth=tried.astype(np.float64))
        enough = _evaluate(layers, machines, reuse).cycles.stall == 0
        found = enough.any(axis=1, keepdims=True)
        first = enough.argmax(axis=1)[:, None]
        below = np.take_along_axis(tried, np.maximum(first - 1, 0), axis=1)
        # Where even all words in a cycle are too few there is none, and no more to look for.
        low = np.where(found, np.where(first > 0, below, low), high - 1)
        high = np.where(found, np.take_along_axis(tried, first, axis=1), high)
    return high
