"""The DRAM traffic of a layer: which words each stream fetches or writes back, in chunks of array cycles.

Traffic does not depend on bandwidth, latency or ports, so it is produced by itself, ahead of the timeline, which asks
for it; and it can be played again for another channel. Three sources make the four queues of the timeline: the ifmap
and the filter scratchpads one each, the ofmap scratchpad its psum fetches and its evictions together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand
from cyclesim.hardware import Hardware
from cyclesim.lowering import OperandMap

CHUNK_WORDS = 1 << 19
"""Requests of a chunk, about: so many that handing it over costs nothing."""
RECORDED_BYTES = 64 << 20
"""Events of a layer that are kept for playing them again; longer layers are produced again."""
_NUMBERS_KEPT = 1 << 29
"""Entry numbers this far back stay distinct when they are renumbered to fit 32 bits."""

Ints = NDArray[np.int64]
SOURCES = ("ifmap", "filter", "ofmap")


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
    fetches, numbered from the layer's start, which write-backs they wait for (`kernels.traffic.write_chunk`). `held`
    is what the scratchpad holds after it. `addresses` maps DRAM streams to the words that move, in order, if wanted.
    """

    until: int
    queues: Mapping[str, Events]
    run_fetch: Ints
    run_entry: Ints
    held: int
    addresses: Mapping[str, NDArray[np.integer]]

    @property
    def bytes(self) -> int:
        """Memory of what has to be kept for playing it again."""
        arrays = [self.run_fetch, *(array for events in self.queues.values() for array in (events.due, events.words))]
        return sum(array.nbytes for array in arrays) + self.run_entry.nbytes


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
        tensor = _tensor(plan, operand)
        self._plan = plan
        self._operand = operand
        self._base = tensor.base
        self._active = min(active, tensor.words)
        self._keep = keep_addresses
        self._entered = np.empty(0, np.int32)
        self._once = _asks_once(plan, operand)
        self._next_cycle = 0
        self._number = 0
        self._shifted = 0
        self._psums = 0
        self._step = plan.plan.longest_step
        self._windows: dict[str, Ints] = {}
        self._chunk_cycles = max(1, CHUNK_WORDS // plan.groups[operand].ports)

    def produce(self) -> TrafficChunk:
        """Return the next chunk; there must be one."""
        from cyclesim.kernels import traffic as kernels

        plan, group = self._plan, self._plan.groups[self._operand]
        if self._next_cycle == 0 and not self._once:
            self._entered = np.full(_tensor(plan, self._operand).words, kernels.NEVER, np.int32)
        first = self._next_cycle
        cycles = min(self._chunk_cycles, plan.cycles - first)
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
        events, psums, runs, self._number = kernels.pass_chunk(
            group.stream, group.folds, plan.plan.cycles, first, cycles, self._base, self._entered, self._active,
            before, int(writes), due, count, psum_due, psum_count, run_fetch, run_entry, addresses, psum_addresses,
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
        self._next_cycle = chunk.until
        self._psums += fetched
        self._renumber()
        self._find_busiest_step(chunk.queues)
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


def _tensor(plan: Demand, operand: str) -> OperandMap:
    tensor: OperandMap = getattr(plan.gemm, operand)
    return tensor


def _asks_once(plan: Demand, operand: str) -> bool:
    """Whether no word of an operand is asked for twice in the layer, so that residency does not matter."""
    if operand == "ofmap":
        return "psum" not in plan.groups
    return operand == "filter" and plan.plan.dataflow == "ws"


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

    def __init__(
        self,
        plan: Demand,
        hardware: Hardware,
        keep_addresses: bool,
        submit: Callable[[Callable[[], TrafficChunk]], Future[TrafficChunk]],
    ) -> None:
        pads = scratchpads(plan, hardware)
        self._cycles = plan.cycles
        self._submit = submit
        self._sources = {name: Source(plan, name, pads[name].active, keep_addresses) for name in SOURCES}
        self._coming = {name: submit(source.produce) for name, source in self._sources.items()}
        self._recorded: dict[str, list[TrafficChunk]] | None = {name: [] for name in SOURCES}
        self._recorded_bytes = 0
        self._moved: dict[str, list[NDArray[np.integer]]] = {name: [] for name in ("ifmap", "filter", "psum", "ofmap")}

    def take(self, source: str) -> TrafficChunk:
        """Return a source's next chunk, and have the one after it produced."""
        chunk = self._coming.pop(source).result()
        if chunk.until < self._cycles:
            self._coming[source] = self._submit(self._sources[source].produce)
        for stream, addresses in chunk.addresses.items():
            self._moved[stream].append(addresses)
        if self._recorded is not None:
            self._recorded[source].append(chunk)
            self._recorded_bytes += chunk.bytes
            if self._recorded_bytes > RECORDED_BYTES:
                self._recorded = None
        return chunk

    def moved_addresses(self) -> dict[str, list[NDArray[np.integer]]]:
        """Return, by DRAM stream, the words that move, in order, as far as they were not returned before."""
        moved = self._moved
        self._moved = {name: [] for name in moved}
        return moved

    def peaks(self) -> dict[str, int]:
        """Return the most words that each queue had in one step of a fold, when all traffic was taken."""
        return {name: words for source in self._sources.values() for name, words in source.peaks().items()}

    def recording(self) -> dict[str, list[TrafficChunk]] | None:
        """Return all chunks of all sources, or None if they were too many to keep."""
        return self._recorded


class Replay:
    """Plays recorded traffic again."""

    def __init__(self, recording: Mapping[str, list[TrafficChunk]]) -> None:
        self._chunks: dict[str, Iterator[TrafficChunk]] = {name: iter(chunks) for name, chunks in recording.items()}

    def take(self, source: str) -> TrafficChunk:
        """Return a source's next chunk."""
        return next(self._chunks[source])
