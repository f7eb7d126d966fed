"""Runs a network on a machine, layer by layer and chunk by chunk.

Layers stream through in stretches of array cycles that are generated independently of each other, in threads (the
kernels release the GIL). What happens to a chunk beyond counting its requests is the business of a `ChunkEncoder`,
such as the trace writer's; memory is a few chunks a thread, whatever the layer's size.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand, demand
from cyclesim.errors import BadInput, CyclesimWarning
from cyclesim.hardware import DATAFLOWS, MEMORY_MODELS, Hardware
from cyclesim.lowering import gemm_sizes, overlapping_tensors
from cyclesim.results import ALL_OPERANDS, LayerResult, RunResult
from cyclesim.schedule import schedule
from cyclesim.workload import Layer, Network

BUFFER_WORDS = 1 << 19
"""Addresses that a thread generates at a time: 2 MB of int32. Half of that would be no faster, twice no slower."""
BUFFERS_PER_TASK = 32
"""Buffers that one task of an untraced run fills, so that handing out tasks costs nothing."""
TASKS_AHEAD = 4
"""Tasks a thread that are handed out before their results are needed."""
REMEMBERED_CHUNKS = 256
"""Encoded chunks of a layer that are kept in case their words come again."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Tally:
    """Requests of one port group over a stretch of array cycles; first and last cycle are None without requests."""

    words: int = 0
    peak: int = 0
    first: int | None = None
    last: int | None = None

    def then(self, later: Tally) -> Tally:
        """Return the tally of this stretch and a later one."""
        return Tally(
            self.words + later.words,
            max(self.peak, later.peak),
            later.first if self.first is None else self.first,
            self.last if later.last is None else later.last,
        )

    def shifted(self, cycles: int) -> Tally:
        """Return the same requests, so many cycles later."""
        if self.first is None or self.last is None:
            return self
        return replace(self, first=self.first + cycles, last=self.last + cycles)


class ChunkEncoder(Protocol):
    """Turns a layer's chunks into something to keep; called in several threads at once."""

    repeats: bool
    """Whether equal addresses have equal encodings wherever they stand, so that one may serve for all."""

    def chunk_cycles(self, demand: Demand) -> int:
        """Return how many array cycles a chunk has; the layer's last one may have fewer."""

    def encode(
        self,
        plan: Demand,
        operand: str,
        first_cycle: int,
        cycles: int,
        chunk_cycles: int,
        requests: NDArray[np.int32],
    ) -> Sequence[bytes]:
        """Generate one port group's chunk, fill `requests` (cycles,), and return it in the form in which it is kept."""

    def encode_cycles(self, first_cycle: int, cycles: int, chunk_cycles: int) -> Sequence[bytes]:
        """Return the wall cycles of a chunk in the form in which they are kept."""


class ChunkStore(Protocol):
    """Keeps a layer's encoded chunks."""

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        """Keep an encoded chunk. Called in the order of cycles, in the calling thread."""


_Chunk = tuple[Tally, Sequence[bytes]]
"""What is known of one port group's chunk: its requests, and its encoding."""


_buffers = ThreadBuffers()


def _count(plan: Demand, operand: str, first_cycle: int, cycles: int) -> _Chunk:
    """Generate a stretch of one port group's demand, a buffer at a time, and count it (relative to its start)."""
    ports = plan.groups[operand].ports
    at_once = max(1, BUFFER_WORDS // ports)
    words = _buffers.get("words", plan.dtype, ports * at_once)
    requests = _buffers.get("requests", np.int32, at_once)
    totals = np.empty(4, np.int64)
    plan.count(operand, first_cycle, cycles, words, requests, totals)
    return _tally(totals).shifted(-first_cycle), ()


def _tally(totals: NDArray[np.int64]) -> Tally:
    words, peak, first, last = (int(value) for value in totals)
    return Tally(words, peak, first, last) if words else Tally()


def _count_and_encode(
    plan: Demand, operand: str, first_cycle: int, cycles: int, chunk_cycles: int, encoder: ChunkEncoder
) -> _Chunk:
    """Generate one chunk of one port group, count it (relative to its first cycle) and encode it."""
    from cyclesim.kernels.demand import tally

    requests = _buffers.get("requests", np.int32, cycles)
    payload = encoder.encode(plan, operand, first_cycle, cycles, chunk_cycles, requests)
    totals = np.empty(4, np.int64)
    tally(requests, totals)
    return _tally(totals), payload


class _Cancelled(Exception):
    """The run was interrupted while this task was waiting."""


@dataclass(frozen=True)
class _Stretch:
    """Consecutive array cycles that were handed to the threads: for each operand a tally, and an encoding or none."""

    first_cycle: int
    cycles: int
    parts: Mapping[str, Future[_Chunk]]
    walls: Future[Sequence[bytes]] | None


class LayerRun:
    """A layer whose first stretches are being generated; the others follow as these are taken.

    Parameters
    ----------
    plan : Demand
    stretches : iterator
        Hands a stretch to the threads each time it is advanced.
    ahead : int
        Stretches to hand out before their results are needed.
    """

    def __init__(self, plan: Demand, stretches: Iterator[_Stretch], ahead: int) -> None:
        self._plan = plan
        self._stretches = stretches
        self._pending = deque(islice(stretches, ahead))

    def finish(self, advance: Callable[[int], None], store: ChunkStore | None = None) -> LayerResult:
        """Take all stretches in order, store them, and return the layer's result.

        `advance` is told the array cycles done since it was last called.
        """
        tallies = {operand: Tally() for operand in self._plan.groups}
        while self._pending:
            stretch = self._pending.popleft()
            self._pending.extend(islice(self._stretches, 1))
            parts = {operand: future.result() for operand, future in stretch.parts.items()}
            for operand, (tally, _) in parts.items():
                tallies[operand] = tallies[operand].then(tally.shifted(stretch.first_cycle))
            if store is not None and stretch.walls is not None:
                payloads = {operand: payload for operand, (_, payload) in parts.items()}
                store.store(self._plan, stretch.first_cycle, {**payloads, "cycle": stretch.walls.result()})
            advance(stretch.cycles)
        return _result(self._plan, tallies)


class LayerRunner:
    """Generates layers with a pool of threads. A context manager: leaving it ends the threads.

    Parameters
    ----------
    jobs : int
        Threads.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="cyclesim")
        self._stop = threading.Event()

    def __enter__(self) -> LayerRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, layer: Layer, hardware: Hardware, encoder: ChunkEncoder | None = None) -> LayerRun:
        """Begin to generate a layer. Starting the next one before this one is finished keeps all threads busy."""
        plan = demand(layer, hardware)
        stretches = self._counted(plan) if encoder is None else self._encoded(plan, encoder)
        return LayerRun(plan, stretches, TASKS_AHEAD * self._jobs)

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        def task() -> Any:
            if self._stop.is_set():
                raise _Cancelled
            return function(*arguments)

        return self._pool.submit(task)

    def _counted(self, plan: Demand) -> Iterator[_Stretch]:
        """Hand out stretches of many buffers, to be counted only."""
        length = max(1, BUFFER_WORDS // max(group.ports for group in plan.groups.values())) * BUFFERS_PER_TASK
        # A layer that is long enough keeps all threads busy to its end.
        length = max(1, min(length, -(-plan.cycles // (2 * self._jobs))))
        for first in range(0, plan.cycles, length):
            cycles = min(length, plan.cycles - first)
            parts = {operand: self._submit(_count, plan, operand, first, cycles) for operand in plan.groups}
            yield _Stretch(first, cycles, parts, None)

    def _encoded(self, plan: Demand, encoder: ChunkEncoder) -> Iterator[_Stretch]:
        """Hand out chunks, to be counted and encoded; equal ones are encoded once."""
        chunk_cycles = encoder.chunk_cycles(plan)
        known: OrderedDict[bytes, Future[_Chunk]] = OrderedDict()

        def submit(operand: str, first: int, cycles: int) -> Future[_Chunk]:
            key = plan.content_key(operand, first, cycles) if encoder.repeats else None
            if key is not None and key in known:
                known.move_to_end(key)
                return known[key]
            future = self._submit(_count_and_encode, plan, operand, first, cycles, chunk_cycles, encoder)
            if key is not None:
                known[key] = future
                if len(known) > REMEMBERED_CHUNKS:
                    known.popitem(last=False)
            return future

        for first in range(0, plan.cycles, chunk_cycles):
            cycles = min(chunk_cycles, plan.cycles - first)
            parts = {operand: submit(operand, first, cycles) for operand in plan.groups}
            yield _Stretch(first, cycles, parts, self._submit(encoder.encode_cycles, first, cycles, chunk_cycles))


_Item = TypeVar("_Item")


def one_ahead(items: Iterable[_Item], start: Callable[[_Item], LayerRun]) -> Iterator[tuple[_Item, LayerRun]]:
    """Yield items with their started runs, each after the next one was started too."""
    waiting: tuple[_Item, LayerRun] | None = None
    for item in items:
        started = (item, start(item))
        if waiting is not None:
            yield waiting
        waiting = started
    if waiting is not None:
        yield waiting


def _result(plan: Demand, tallies: dict[str, Tally]) -> LayerResult:
    gemm, folds = plan.gemm, plan.plan
    layer = gemm.layer
    counts = {operand: tallies.get(operand, Tally()) for operand in ALL_OPERANDS}
    return LayerResult(
        name=layer.name,
        index=layer.index,
        type=layer.type,
        groups=gemm.groups,
        m=gemm.m,
        k=gemm.k,
        n=gemm.n,
        macs=gemm.macs,
        folds=gemm.groups * folds.folds,
        array_size=folds.rows * folds.cols,
        spatial_used=gemm.groups * folds.spatial_rows * folds.spatial_cols,
        spatial_slots=gemm.groups * folds.folds * folds.rows * folds.cols,
        compute_cycles=plan.cycles,
        cold_start_cycles=0,
        stall_cycles=0,
        drain_cycles=0,
        sram_reads={operand: counts[operand].words for operand in ("ifmap", "filter", "psum")},
        sram_writes={"ofmap": counts["ofmap"].words},
        sram_peak_words={operand: counts[operand].peak for operand in ALL_OPERANDS},
        sram_first_cycle={operand: counts[operand].first for operand in ALL_OPERANDS},
        sram_last_cycle={operand: counts[operand].last for operand in ALL_OPERANDS},
    )


def layer_cycles(layer: Layer, hardware: Hardware) -> int:
    """Return the array cycles of a layer in closed form."""
    groups, m, k, n = gemm_sizes(layer)
    return groups * schedule(m, k, n, hardware).cycles


def unsupported(hardware: Hardware) -> tuple[str, str] | None:
    """Return the key and the message of what this version does not simulate, or None."""
    if hardware.memory_model == "scalesim":
        return "MemoryModel", "MemoryModel scalesim is not available in this version: use native"
    if hardware.interface_bandwidth == "USER":
        return (
            "InterfaceBandwidth",
            "InterfaceBandwidth USER is not available in this version: use CALC, an unlimited DRAM channel",
        )
    return None


def overlap_warning(layers: Sequence[Layer], hardware: Hardware) -> str | None:
    """Return one warning if the machine's offsets make tensors of a layer share addresses."""
    clashes = [(layer.name, pairs) for layer in layers if (pairs := overlapping_tensors(layer, hardware))]
    if not clashes:
        return None
    name, pairs = clashes[0]
    more = f" and in {len(clashes) - 1} more layers" if len(clashes) > 1 else ""
    return (
        f"the offsets let {' and '.join(pairs[0])} share addresses in layer {name}{more}; "
        "counts stay right, but traces show them as the same words"
    )


def compile_kernels(traces: str | None = None, announce: Callable[[str], None] | None = None) -> None:
    """Load or compile the kernels, before threads need them; say so if that takes longer than a second.

    `traces` is the form of the traces that are written, if any: ``hdf5`` or ``csv``.
    """
    timer = None
    if announce is not None:
        timer = threading.Timer(1.0, announce, ["compiling kernels (once; they are kept on disk)"])
        timer.daemon = True
        timer.start()
    try:
        from cyclesim.kernels.warm_up import warm_up

        warm_up(traces)
    finally:
        if timer is not None:
            timer.cancel()


def simulate(
    network: Network,
    hardware: Hardware,
    *,
    traces: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    memory: str | None = None,
    dataflow: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Simulate a network on a machine, cycle by cycle.

    Parameters
    ----------
    network : Network
    hardware : Hardware
    traces : path, optional
        HDF5 file to write all traces to; it appears under this name when it is complete.
    jobs : int, optional
        Threads; the number of cores by default. Results do not depend on it.
    memory, dataflow : str, optional
        In place of the machine's own.
    progress : callable, optional
        Called with (array cycles done, all array cycles) now and then.

    Returns
    -------
    RunResult

    Raises
    ------
    BadInput
        If an option is not one of those allowed, the network is empty, or this version does not simulate the machine.
    """
    if memory is not None:
        hardware = replace(hardware, memory_model=_one_of("memory", memory, MEMORY_MODELS))
    if dataflow is not None:
        try:
            hardware = replace(hardware, dataflow=_one_of("dataflow", dataflow.lower(), DATAFLOWS))
        except ValueError as error:
            raise error if isinstance(error, BadInput) else BadInput("cyclesim", None, f"dataflow: {error}") from None
    if jobs is not None and jobs < 1:
        raise BadInput("cyclesim", None, f"jobs must be at least 1 (got {jobs})")
    if not network.layers:
        raise BadInput("cyclesim", None, f"network {network.name} has no layers")
    refused = unsupported(hardware)
    if refused is not None:
        raise BadInput("cyclesim", None, refused[1])
    problem = overlap_warning(network.layers, hardware)
    if problem:
        warnings.warn(problem, CyclesimWarning, stacklevel=2)

    total = sum(layer_cycles(layer, hardware) for layer in network.layers)
    done = 0

    def advance(cycles: int) -> None:
        nonlocal done
        done += cycles
        if progress is not None:
            progress(done, total)

    compile_kernels(None if traces is None else "hdf5")
    with LayerRunner(jobs or available_cores()) as runner:
        if traces is None:
            runs = one_ahead(network.layers, lambda layer: runner.start(layer, hardware))
            layers = tuple(run.finish(advance) for _, run in runs)
        else:
            from cyclesim.traces import TraceEncoder, TraceFile

            encoder = TraceEncoder()
            runs = one_ahead(network.layers, lambda layer: runner.start(layer, hardware, encoder))
            with TraceFile(traces, hardware) as file:
                layers = tuple(run.finish(advance, file.layer(layer)) for layer, run in runs)
    return RunResult(network.name, hardware, "simulate", layers)


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_of(name: str, value: str, allowed: Sequence[Any]) -> Any:
    from cyclesim.errors import suggestion

    if value not in allowed:
        raise BadInput("cyclesim", None, f"{name} must be one of {', '.join(allowed)} {suggestion(value, allowed)}")
    return value
