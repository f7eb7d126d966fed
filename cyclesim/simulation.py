"""Runs a network on a machine, layer by layer and stretch by stretch.

Each layer has a thread that moves its timeline on; pool threads produce the traffic that the timeline needs, a chunk
ahead, and encode traces (the kernels release the GIL). What happens to a stretch beyond counting is the business of a
`ChunkEncoder`, such as the trace writer's; memory is a few chunks a thread, whatever the layer's length.
"""

from __future__ import annotations

import os
import queue
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cyclesim.arguments import check_inputs, check_jobs, with_dataflow
from cyclesim.demand import Demand, demand
from cyclesim.errors import BadInput, CyclesimWarning, one_of
from cyclesim.hardware import MEMORY_MODELS, Hardware
from cyclesim.lowering import overlap_warning
from cyclesim.memory import LayerMemory, Verdict
from cyclesim.pricing import with_prices
from cyclesim.results import ALL_OPERANDS, READ_OPERANDS, LayerResult, RunResult
from cyclesim.scalesim.layer import ScaleSimLayer
from cyclesim.scalesim.limits import scalesim_machine, scalesim_network
from cyclesim.scalesim_schedule import layer_cycles
from cyclesim.schedule import layer_fields
from cyclesim.stretches import ChunkEncoder, ChunkStore, DramPart, Issued, SramEncoding, Stretch
from cyclesim.technology.machine import check_prices
from cyclesim.timeline import LayerTiming, Series, Timeline
from cyclesim.traffic import STREAMS, at_once
from cyclesim.workload import Layer, Network

STRETCH_CYCLES = 1 << 16
"""Array cycles between two looks at the progress of an untraced layer."""
LOGGED_CYCLES = 1 << 12
"""Array cycles after which issued DRAM words are handed on, as there may be hundreds in each."""
STRETCHES_AHEAD = 4
"""Stretches that may wait to be stored before the layer's timeline waits for them."""

Progress = Callable[[int, int], None]
Outcome = tuple[LayerResult, Series | None]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """Requests of one port group over a stretch: words, most in a cycle, first and last wall cycle (None without)."""

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


class _Cancelled(Exception):
    """The run was interrupted while this was waiting."""


class LayerRun:
    """A layer on its way. `finish` takes what it produces; it waits when too much is waiting to be taken."""

    def __init__(self, plan: Demand, passed: queue.Queue[Stretch | None], outcome: Future[Outcome]):
        self._plan = plan
        self._passed = passed
        self._outcome = outcome

    def finish(
        self, advance: Callable[[int], None], store: ChunkStore | None = None
    ) -> Outcome:
        """Take all stretches in order, store them, and return the layer's result and its series, if it has one.

        `advance` is told the array cycles done since it was last called.
        """
        while (stretch := self._passed.get()) is not None:
            if store is not None and stretch.sram:
                payloads = {name: future.result() for name, future in stretch.sram.items()}
                store.store(self._plan, stretch.first_cycle, payloads)
            if store is not None:
                for part in stretch.dram:
                    store.store_dram(self._plan, part.stream, part.first_word, part.words, part.payload.result())
            advance(stretch.cycles)
        return self._outcome.result()


class LayerRunner:
    """Runs layers in threads. A context manager: leaving it ends the threads.

    Parameters
    ----------
    jobs : int
        Layers at a time, and threads that produce and encode for them.
    window : int, optional
        Wall cycles of a window of the series; chosen by default.
    """

    def __init__(self, jobs: int, window: int | None = None) -> None:
        self._jobs = jobs
        self._window = window
        self._layers = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="cyclesim-layer")
        self._chunks = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="cyclesim-chunk")
        self._stop = threading.Event()

    def __enter__(self) -> LayerRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._chunks.shutdown(wait=True, cancel_futures=True)
        self._layers.shutdown(wait=True, cancel_futures=True)

    def start(self, layer: Layer, hardware: Hardware, encoder: ChunkEncoder | None = None) -> LayerRun:
        """Begin to run a layer. Starting others before this one is finished keeps all threads busy."""
        plan = demand(layer, hardware)
        passed: queue.Queue[Stretch | None] = queue.Queue(STRETCHES_AHEAD)
        outcome = self._layers.submit(self._drive, plan, hardware, encoder, passed)
        return LayerRun(plan, passed, outcome)

    def in_order(
        self, layers: Iterable[_Item], start: Callable[[_Item], LayerRun]
    ) -> Iterator[tuple[_Item, LayerRun]]:
        """Yield layers with their started runs, each after as many of the next ones were started as there are jobs."""
        waiting: deque[tuple[_Item, LayerRun]] = deque()
        for layer in layers:
            waiting.append((layer, start(layer)))
            if len(waiting) > self._jobs:
                yield waiting.popleft()
        yield from waiting

    def _drive(
        self, plan: Demand, hardware: Hardware, encoder: ChunkEncoder | None, passed: queue.Queue[Stretch | None]
    ) -> Outcome:
        """Move a layer on to its end, in a thread of its own."""
        def put(stretch: Stretch) -> None:
            self._put(passed, stretch)

        try:
            if hardware.follows_scalesim:
                return ScaleSimLayer(plan, hardware, encoder, self._submit, self._check).run(put), None
            return _Drive(plan, hardware, encoder, self._window, self._submit, self._check).run(put)
        finally:
            if not self._stop.is_set():
                self._put(passed, None)

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run a function in the pool, or at once where there is only one job."""

        def task() -> Any:
            self._check()
            return function(*arguments)

        if self._jobs == 1:
            return at_once(task)
        try:
            return self._chunks.submit(task)
        except RuntimeError as error:  # the pool was shut down
            raise _Cancelled from error

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Cancelled

    def _put(self, passed: queue.Queue[Stretch | None], stretch: Stretch | None) -> None:
        while True:
            self._check()
            try:
                return passed.put(stretch, timeout=0.1)
            except queue.Full:
                continue


_Item = TypeVar("_Item")


class _Drive:
    """Moves one layer from its first wall cycle to its last, a stretch of array cycles at a time."""

    def __init__(
        self,
        plan: Demand,
        hardware: Hardware,
        encoder: ChunkEncoder | None,
        window: int | None,
        submit: Callable[..., Future[Any]],
        check: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._hardware = hardware
        self._encoder = encoder
        self._submit = submit
        self._check = check
        self._log = encoder is not None and encoder.dram_words > 0
        self._memory = LayerMemory(plan, hardware, submit, check, keep_addresses=self._log)
        self._series = Series(window)
        self._sram = SramEncoding(plan, encoder, submit)
        self._issued = {stream: Issued() for stream in STREAMS}

    def run(self, put: Callable[[Stretch], None]) -> tuple[LayerResult, Series]:
        """Run the layer and hand its stretches on."""
        plan, encoder, series = self._plan, self._encoder, self._series
        timeline = self._memory.timeline(series, self._log)
        length = STRETCH_CYCLES if encoder is None else encoder.chunk_cycles(plan)
        tallies = {operand: Tally() for operand in plan.groups}
        for first in range(0, plan.cycles, length):
            self._check()
            walls = np.empty(min(length, plan.cycles - first), np.int64)
            if self._log:
                self._advance_and_log(timeline, first, walls, put)
            timeline.advance(first + len(walls), walls)
            for operand in plan.groups:
                tallies[operand] = tallies[operand].then(self._count(operand, first, walls))
            dram = self._take_issued(timeline, first + len(walls) == plan.cycles) if self._log else []
            requests = self._sram.encode(first, dict.fromkeys(plan.groups, walls), {"cycle": walls}, length)
            put(Stretch(first, len(walls), requests, dram))
        timing = timeline.timing()
        verdict = self._memory.verdict(timing)
        result = _result(plan, tallies, self._memory, timing, verdict)
        return with_prices(result, self._hardware), series.cut(timing.total_cycles)

    def _advance_and_log(self, timeline: Timeline, first: int, walls: Ints, put: Callable[[Stretch], None]) -> None:
        """Move on almost to the end of a stretch, and hand on DRAM words as they come."""
        for cycles in range(LOGGED_CYCLES, len(walls), LOGGED_CYCLES):
            timeline.advance(first + cycles, walls[:cycles])
            put(Stretch(first + cycles, 0, {}, self._take_issued(timeline, ends=False)))

    def _count(self, operand: str, first: int, walls: Ints) -> Tally:
        """Count a port group's requests, and add them to the series."""
        from cyclesim.kernels.series import add_requests

        requests = np.empty(len(walls), np.int32)
        totals = np.empty(4, np.int64)
        self._plan.count_requests(operand, first, requests, totals)
        words, peak, first_row, last_row = totals.tolist()
        if not words:
            return Tally()
        add_requests(requests, walls, self._series.window, self._series.column(f"sram_{operand}"))
        return Tally(words, peak, int(walls[first_row]), int(walls[last_row]))

    def _take_issued(self, timeline: Timeline, ends: bool) -> list[DramPart]:
        """Have issued words encoded, as many at a time as the encoder wants."""
        encoder = self._encoder
        assert encoder is not None, "words are logged for an encoder"
        walls, addresses = timeline.issued(), self._memory.traffic.moved_addresses()
        parts = []
        for stream, issued in self._issued.items():
            issued.add(walls[stream], addresses[stream])
            for first, cycles, words in issued.take(encoder.dram_words, ends):
                payload = self._submit(encoder.encode_dram, cycles, words)
                parts.append(DramPart(stream, first, len(words), payload))
        return parts


def _result(
    plan: Demand, tallies: Mapping[str, Tally], memory: LayerMemory, timing: LayerTiming, verdict: Verdict
) -> LayerResult:
    folds = plan.plan
    counts = {operand: tallies.get(operand, Tally()) for operand in ALL_OPERANDS}
    channel = memory.channel
    peaks = memory.traffic.peaks()
    return LayerResult(
        **layer_fields(plan.gemm.layer, folds),
        compute_cycles=plan.cycles,
        cold_start_cycles=timing.cold_start_cycles,
        stall_cycles=timing.stall_cycles,
        drain_cycles=timing.drain_cycles,
        sram_reads={operand: counts[operand].words for operand in READ_OPERANDS},
        sram_writes={"ofmap": counts["ofmap"].words},
        sram_peak_words={operand: counts[operand].peak for operand in ALL_OPERANDS},
        sram_first_cycle={operand: counts[operand].first for operand in ALL_OPERANDS},
        sram_last_cycle={operand: counts[operand].last for operand in ALL_OPERANDS},
        dram_reads={stream: timing.words[stream] for stream in READ_OPERANDS},
        dram_writes={"ofmap": timing.words["ofmap"]},
        dram_first_cycle=timing.first_cycle,
        dram_last_cycle=timing.last_cycle,
        dram_peak_words={stream: peaks.get("evictions" if stream == "ofmap" else stream, 0) for stream in STREAMS},
        step_cycles=folds.longest_step,
        stall_by=timing.stall_by,
        channel_words=channel.capacity(timing.total_cycles),
        machine_balance=channel.balance(folds.rows * folds.cols),
        least_bandwidth=verdict.least_bandwidth,
        bound=verdict.bound,
    )


def compile_kernels(
    traces: str | None = None, memory_model: str = "native", announce: Callable[[str], None] | None = None
) -> None:
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

        warm_up(traces, memory_model)
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
        If an argument is not one of those allowed, the network is empty, the machine's technology is given and outside
        of the tables, or SCALE-Sim is followed and cannot run it.
    """
    check_inputs(network, hardware)
    check_jobs(jobs)
    if memory is not None:
        hardware = replace(hardware, memory_model=one_of("memory", memory, MEMORY_MODELS))
    hardware = with_dataflow(hardware, dataflow)
    if not network.layers:
        raise BadInput("cyclesim", None, f"network {network.name} has no layers")
    if hardware.follows_scalesim:
        hardware = scalesim_machine(hardware)
        network = scalesim_network(network, hardware)
    check_prices(hardware)
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

    compile_kernels(None if traces is None else "hdf5", hardware.memory_model)
    with LayerRunner(jobs or available_cores()) as runner:
        if traces is None:
            runs = runner.in_order(network.layers, lambda layer: runner.start(layer, hardware))
            layers = [run.finish(advance)[0] for _, run in runs]
        else:
            from cyclesim.traces import TraceEncoder, TraceFile

            encoder = TraceEncoder()
            layers = []
            with TraceFile(traces, hardware) as file:
                for layer, run in runner.in_order(
                    network.layers, lambda layer: runner.start(layer, hardware, encoder)
                ):
                    with file.layer(layer) as store:
                        result, series = run.finish(advance, store)
                        if series is not None:
                            store.store_series(series, result.total_cycles)
                    layers.append(result)
    return RunResult(network.name, hardware, "simulate", tuple(layers))


def available_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
