"""The DRAM traffic of a layer: which words each stream fetches or writes back, in chunks of array cycles.

Traffic does not depend on bandwidth, latency or ports, so it is produced by itself, ahead of the timeline, which asks
for it; and its recording can be played again on another channel. Three sources make the four queues of the timeline:
the ifmap and the filter scratchpads one each, the ofmap scratchpad its psum fetches and its evictions together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand
from cyclesim.hardware import Hardware
from cyclesim.results import ALL_OPERANDS

CHUNK_WORDS = 1 << 19
"""Requests of a chunk, about: so many that handing it over costs nothing."""
LONGEST_REPEATED_CYCLES = 1 << 18
LARGEST_REPEATED_TENSOR = 1 << 21
"""Column folds up to this length [cycles] and tensors up to this size [words] are looked at for repetitions."""
RECORDED_EVENTS = 1 << 22
"""Events up to which a layer's traffic is kept to be played again (64 MB); that of longer layers is produced anew."""
_NUMBERS_KEPT = 1 << 29
"""Entry numbers this far back stay distinct when they are renumbered to fit 32 bits."""

Ints = NDArray[np.int64]
SOURCES = ("ifmap", "filter", "ofmap")
QUEUES = ("ifmap", "filter", "psum", "evictions")
"""What the timeline consumes. The ofmap scratchpad makes two of them."""
STREAMS = ALL_OPERANDS
"""DRAM streams, in the order of the queues: what is evicted is written back as ofmap words."""


@dataclass(frozen=True)
class Split:
    """A scratchpad's words: active ones hold what the array uses, lookahead ones what is fetched or drained."""

    active: int
    lookahead: int


def split(words: int, hardware: Hardware) -> Split:
    """Return how a scratchpad of `words` is split."""
    active = max(1, words * hardware.active_fraction.numerator // hardware.active_fraction.denominator)
    return Split(active, max(1, words - active))


def scratchpads(plan: Demand, hardware: Hardware) -> dict[str, Split]:
    """Return the split of each scratchpad; the ofmap's holds partial sums if they have to be kept."""
    result_bits = hardware.psum_bits if "psum" in plan.groups else hardware.ofmap_bits
    return {
        "ifmap": split(hardware.ifmap_sram.words(hardware.ifmap_bits), hardware),
        "filter": split(hardware.filter_sram.words(hardware.filter_bits), hardware),
        "ofmap": split(hardware.ofmap_sram.words(result_bits), hardware),
    }


@dataclass(frozen=True)
class Events:
    """Words of one queue: `words[i]` of them in array cycle `due[i]`, in ascending order of cycles. Both int64."""

    due: Ints
    words: Ints


@dataclass(frozen=True)
class TrafficChunk:
    """What one source does up to an array cycle (exclusive), after the chunk before.

    `queues` maps ``ifmap``, ``filter``, ``psum`` or ``evictions`` to events. `run_fetch`, `run_entry` say for psum
    fetches, numbered from the layer's start, which write-backs they wait for (`kernels.traffic.pass_chunk`). `held`
    is what the scratchpad holds after it. `addresses` maps DRAM streams to the words that move, in order, if wanted.
    """

    until: int
    queues: Mapping[str, Events]
    run_fetch: Ints
    run_entry: Ints
    held: int
    addresses: Mapping[str, NDArray[np.integer]]


Submit = Callable[[Callable[[], TrafficChunk]], "Future[TrafficChunk]"]
"""Has a chunk produced, in another thread or `at_once`."""


@dataclass(frozen=True)
class Recording:
    """All events of a layer, to be played on any channel.

    `due` and `words` are (events,), queue after queue in the order of `QUEUES`; `bounds` says where each queue begins,
    and the end. `run_fetch` and `run_entry` are those of all chunks; `held` is what the ofmap scratchpad holds at the
    end.
    """

    due: Ints
    words: Ints
    bounds: Ints
    run_fetch: Ints
    run_entry: Ints
    held: int

    @classmethod
    def of(cls, chunks: Sequence[TrafficChunk]) -> Recording:
        """Join the chunks of a layer; those of each source are in order."""
        queues = [[chunk.queues[name] for chunk in chunks if name in chunk.queues] for name in QUEUES]
        lengths = [sum(len(events.due) for events in parts) for parts in queues]
        results = [chunk for chunk in chunks if "evictions" in chunk.queues]
        return cls(
            due=np.concatenate([events.due for parts in queues for events in parts]),
            words=np.concatenate([events.words for parts in queues for events in parts]),
            bounds=np.concatenate(([0], np.cumsum(lengths))),
            run_fetch=np.concatenate([chunk.run_fetch for chunk in results]),
            run_entry=np.concatenate([chunk.run_entry for chunk in results]),
            held=results[-1].held,
        )


_buffers = ThreadBuffers()
_NO_RUNS = np.empty(0, np.int64)


class Source:
    """Produces one scratchpad's traffic, chunk after chunk.

    Parameters
    ----------
    plan : Demand
    operand : {"ifmap", "filter", "ofmap"}
    active : int
        Active words of its scratchpad.
    keep_addresses : bool
        Whether chunks say which words move.
    """

    def __init__(self, plan: Demand, operand: str, active: int, keep_addresses: bool) -> None:
        tensor = plan.gemm.operand(operand)
        self._plan = plan
        self._operand = operand
        self._base = tensor.base
        self._active = min(active, tensor.words)
        self._keep = keep_addresses
        self._entered = np.empty(0, np.int32)
        self._once = _asks_once(plan, operand)
        self._in_order = not keep_addresses and operand == "ofmap" and results_in_order(plan, self._active)
        self._next_cycle = 0
        self._number = 0
        self._shifted = 0
        self._psums = 0
        self._step = plan.plan.longest_step
        self._windows: dict[str, Ints] = {}
        self._chunk_cycles = max(1, CHUNK_WORDS // plan.groups[operand].ports)
        self._repeats = _repeats(plan, operand, tensor.words) and not (self._once or keep_addresses)
        if self._repeats:
            self._chunk_cycles = plan.plan.row_folds * plan.plan.step
        self._before: _Repeatable | None = None

    def produce(self) -> TrafficChunk:
        """Return the next chunk; there must be one."""
        from cyclesim.kernels import traffic as kernels

        if self._next_cycle == 0 and not (self._once or self._in_order):
            self._entered = np.full(self._plan.gemm.operand(self._operand).words, kernels.NEVER, np.int32)
        first = self._next_cycle
        cycles = min(self._chunk_cycles, self._plan.cycles - first)
        chunk = self._again(first, cycles) if self._repeats else self._pass(first, cycles)
        self._next_cycle = chunk.until
        self._renumber()
        self._find_busiest_step(chunk.queues)
        return chunk

    def _again(self, first: int, cycles: int) -> TrafficChunk:
        """Return the next chunk of a stream that repeats: if the scratchpad is as it was one chunk ago, it is known."""
        key = self._plan.content_key(self._operand, first, cycles)
        ages = np.minimum(self._number - self._entered.astype(np.int64), self._active + 1).astype(np.int32)
        before = self._before
        if before is None or before.key != key or not np.array_equal(before.ages, ages):
            chunk = self._pass(first, cycles)
            self._before = _Repeatable(key, first, ages, chunk.queues[self._operand])
            return chunk
        # What follows from the same state and the same requests is the same state: nothing is left to be updated.
        events = Events(before.events.due + (first - before.first), before.events.words)
        return TrafficChunk(first + cycles, {self._operand: events}, _NO_RUNS, _NO_RUNS, 0, {})

    def _pass(self, first: int, cycles: int) -> TrafficChunk:
        """Pass a chunk of requests through the scratchpad."""
        from cyclesim.kernels import traffic as kernels
        from cyclesim.kernels.demand import requests_per_cycle

        plan, group = self._plan, self._plan.groups[self._operand]
        most = group.ports * cycles
        writes = self._operand == "ofmap"
        due, count, psum_due, psum_count = (
            _buffers.get(name, np.int64, cycles) for name in ("due", "count", "psum due", "psum count")
        )
        run_fetch, run_entry = (_buffers.get(name, np.int64, most if writes else 0) for name in ("fetch", "entry"))
        addresses, psum_addresses = (
            _buffers.get(name, plan.dtype, most if self._keep else 0) for name in ("addresses", "psum addresses")
        )
        before = self._number
        place = (group.stream, group.folds, plan.plan.cycles, first)
        if self._in_order:
            requests = _buffers.get("requests", np.int32, cycles)
            requests_per_cycle(*place, requests)
            events, psums, runs, self._number = kernels.pass_results_in_order(
                *place, requests, self._active, before, due, count, psum_due, psum_count, run_fetch, run_entry
            )
        else:
            events, psums, runs, self._number = kernels.pass_chunk(
                *place, cycles, self._base, self._entered, self._active, before, int(writes), due, count, psum_due,
                psum_count, run_fetch, run_entry, addresses, psum_addresses,
            )  # fmt: skip
        moved = Events(due[:events].copy(), count[:events].copy())
        psum = Events(psum_due[:psums].copy(), psum_count[:psums].copy())
        fetched = int(psum.words.sum())
        kept = {}
        if self._keep:
            kept[self._operand] = addresses[: self._number - before].copy()
            if writes:
                kept["psum"] = psum_addresses[:fetched].copy()
        chunk = TrafficChunk(
            until=first + cycles,
            queues={"psum": psum, "evictions": moved} if writes else {self._operand: moved},
            run_fetch=run_fetch[:runs] + self._psums if writes else _NO_RUNS,
            run_entry=run_entry[:runs] + self._shifted if writes else _NO_RUNS,
            held=min(self._number, self._active),
            addresses=kept,
        )
        self._psums += fetched
        return chunk

    def peaks(self) -> dict[str, int]:
        """Return the most words that each queue had in one step of a fold so far."""
        return {name: int(window[2]) for name, window in self._windows.items()}

    def _find_busiest_step(self, queues: Mapping[str, Events]) -> None:
        from cyclesim.kernels.traffic import busiest_step

        for name, events in queues.items():
            window = self._windows.setdefault(name, np.array([self._step, 0, 0]))
            busiest_step(events.due, events.words, self._step, window)

    def _renumber(self) -> None:
        """Keep entry numbers within 32 bits. What entered so long ago has left, and has been written back."""
        from cyclesim.kernels.traffic import renumber

        kept = max(_NUMBERS_KEPT, self._active + 1)
        if self._number > kept + _NUMBERS_KEPT:
            shift = self._number - kept
            renumber(self._entered, shift, shift)
            self._number -= shift
            self._shifted += shift


@dataclass(frozen=True)
class _Repeatable:
    """A chunk of a stream that repeats: its requests, its first cycle, the scratchpad before it, what it fetched.

    `ages` is (tensor words,): how many entries ago each word entered, or one more than the scratchpad holds.
    """

    key: bytes
    first: int
    ages: NDArray[np.int32]
    events: Events


def _repeats(plan: Demand, operand: str, words: int) -> bool:
    """Whether a stream asks for the same words in each column fold, and that is worth looking out for."""
    folds = plan.plan
    fits = folds.row_folds * folds.step <= LONGEST_REPEATED_CYCLES and words <= LARGEST_REPEATED_TENSOR
    on_rows = operand == ("filter" if folds.dataflow == "is" else "ifmap")
    return on_rows and folds.col_folds > 2 and fits and not folds.trimmed


def results_in_order(plan: Demand, active: int) -> bool:
    """Whether folds deliver their results one after the other, all to be kept or all to be evicted.

    In between, with a scratchpad that holds all but a few words of a column fold, words of one cycle decide.
    """
    folds = plan.plan
    if not folds.stationary or folds.overlap != "none":
        return False
    last = folds.spatial_cols - (folds.col_folds - 1) * folds.cols
    widths = {min(folds.cols, folds.spatial_cols), last}
    return all(not active < folds.steps * used < active + used for used in widths)


def _asks_once(plan: Demand, operand: str) -> bool:
    """Whether no word of an operand is asked for twice in the layer, so that residency does not matter."""
    if operand == "ofmap":
        return "psum" not in plan.groups
    return operand == "filter" and plan.plan.dataflow == "ws"


_Result = TypeVar("_Result")


def at_once(function: Callable[..., _Result], *arguments: Any) -> Future[_Result]:
    """Run a function here and now; like a pool of threads, keep what it raises until the result is asked for."""
    done: Future[_Result] = Future()
    try:
        done.set_result(function(*arguments))
    except Exception as error:
        done.set_exception(error)
    return done


class Traffic:
    """The sources of a layer, each with its next chunk in the making, and a recording of what they produced.

    Parameters
    ----------
    plan : Demand
    hardware : Hardware
    keep_addresses : bool
    submit : callable
        Runs a function in a thread and returns its future.
    """

    def __init__(self, plan: Demand, hardware: Hardware, keep_addresses: bool, submit: Submit) -> None:
        pads = scratchpads(plan, hardware)
        self._cycles = plan.cycles
        self._submit = submit
        self._sources = {name: Source(plan, name, pads[name].active, keep_addresses) for name in SOURCES}
        self._coming = {name: submit(source.produce) for name, source in self._sources.items()}
        self._chunks: list[TrafficChunk] | None = []
        self._recorded_events = 0
        self._recording: Recording | None = None
        self._peaks: dict[str, int] = {}
        self._moved: dict[str, list[NDArray[np.integer]]] = {name: [] for name in STREAMS}

    def take(self, source: str) -> TrafficChunk:
        """Return a source's next chunk, and have the one after it produced."""
        chunk = self._coming.pop(source).result()
        if chunk.until < self._cycles:
            self._coming[source] = self._submit(self._sources[source].produce)
        else:
            self._peaks.update(self._sources.pop(source).peaks())  # its tables may be as large as the tensor
        for stream, addresses in chunk.addresses.items():
            self._moved[stream].append(addresses)
        if self._chunks is not None:
            self._chunks.append(replace(chunk, addresses={}))
            self._recorded_events += sum(len(events.due) for events in chunk.queues.values())
            if self._recorded_events > RECORDED_EVENTS:
                self._chunks = None
        return chunk

    def moved_addresses(self) -> dict[str, list[NDArray[np.integer]]]:
        """Return, by DRAM stream, the words that move, in order, as far as they were not returned before."""
        moved = self._moved
        self._moved = {name: [] for name in moved}
        return moved

    def peaks(self) -> dict[str, int]:
        """Return the most words that each queue had in one step of a fold, when all traffic was taken."""
        return self._peaks

    def recording(self) -> Recording | None:
        """Return all events of the layer, when all traffic was taken; None if they were too many to keep."""
        if self._chunks is not None:
            self._recording, self._chunks = Recording.of(self._chunks), None
        return self._recording
