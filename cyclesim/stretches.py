"""What a layer's run hands on: stretches of array cycles, and how their words are encoded and stored on the way.

A run produces; what happens to a stretch beyond counting is the business of a `ChunkEncoder`, such as the trace
writer's, and of a `ChunkStore`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand

REMEMBERED_CHUNKS = 256
"""Encoded chunks of a layer that are kept in case their words come again."""

Ints = NDArray[np.int64]
_INT64 = np.dtype(np.int64)
Encoded = Future[Sequence[bytes]]


class ChunkEncoder(Protocol):
    """Turns a layer's chunks into something to keep; called in several threads at once."""

    sram: bool
    """Whether scratchpad requests are encoded."""
    dram_words: int
    """DRAM words that are encoded at a time, 0 for none."""
    repeats: bool
    """Whether equal addresses have equal encodings in whatever cycles, so that one may serve for all."""

    def chunk_cycles(self, demand: Demand) -> int:
        """Return how many array cycles a chunk has; the layer's last one may have fewer."""

    def encode(self, plan: Demand, operand: str, first_cycle: int, walls: Ints, chunk_cycles: int) -> Sequence[bytes]:
        """Generate one port group's chunk and return it in the form in which it is kept."""

    def encode_cycles(self, walls: Ints, chunk_cycles: int) -> Sequence[bytes]:
        """Return the wall cycles of a chunk in the form in which they are kept."""

    def encode_dram(self, walls: Ints, addresses: NDArray[np.integer]) -> Sequence[bytes]:
        """Return issued words in the form in which they are kept."""


class ChunkStore(Protocol):
    """Keeps a layer's encoded chunks. Called in the order of cycles, in the calling thread."""

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        """Keep an encoded chunk of scratchpad requests and their wall cycles."""

    def store_dram(
        self, demand: Demand, stream: str, first_word: int, words: int, payload: Sequence[bytes]
    ) -> None:
        """Keep encoded words of a DRAM stream."""


@dataclass(frozen=True)
class DramPart:
    """Words of one DRAM stream on their way to the store."""

    stream: str
    first_word: int
    words: int
    payload: Future[Sequence[bytes]]


@dataclass(frozen=True)
class Stretch:
    """A stretch that the timeline has passed: its scratchpad requests and DRAM words, being encoded."""

    first_cycle: int
    cycles: int
    sram: Mapping[str, Future[Sequence[bytes]]]
    dram: Sequence[DramPart]


class SramEncoding:
    """Has a layer's scratchpad requests encoded, equal ones once.

    Parameters
    ----------
    plan : Demand
    encoder : ChunkEncoder or None
    submit : callable
        Calls a function with arguments in some thread, and returns a future.
    """

    def __init__(
        self, plan: Demand, encoder: ChunkEncoder | None, submit: Callable[..., Future[Any]]
    ) -> None:
        self._plan = plan
        self._encoder = encoder if encoder is not None and encoder.sram else None
        self._submit = submit
        self._known: OrderedDict[bytes, Encoded] = OrderedDict()

    def encode(
        self, first: int, walls: Mapping[str, Ints], clocks: Mapping[str, Ints], length: int
    ) -> dict[str, Encoded]:
        """Encode a stretch, in chunks of `length` cycles.

        Parameters
        ----------
        first : int
            The stretch's first array cycle.
        walls : mapping
            For each port group the cycles (cycles,) that stand beside its addresses.
        clocks : mapping
            Cycles (cycles,) that are kept by themselves, by name.
        length : int
        """
        encoder = self._encoder
        if encoder is None:
            return {}
        found = {operand: self._encode(encoder, operand, first, walls[operand], length) for operand in walls}
        return {**found, **{name: self._submit(encoder.encode_cycles, at, length) for name, at in clocks.items()}}

    def _encode(self, encoder: ChunkEncoder, operand: str, first: int, walls: Ints, length: int) -> Encoded:
        known = self._known
        key = self._plan.content_key(operand, first, len(walls)) if encoder.repeats else None
        if key is not None and key in known:
            known.move_to_end(key)
            return known[key]
        future = self._submit(encoder.encode, self._plan, operand, first, walls, length)
        if key is not None:
            known[key] = future
            if len(known) > REMEMBERED_CHUNKS:
                known.popitem(last=False)
        return future


class WordQueue:
    """Words in the order in which they move, taken in other portions than those in which they come.

    Parameters
    ----------
    parts : iterable of (words,) int32 or int64, optional
        Arrays that are asked for when what was added has been taken; they stay as they are when the next one is made.
    dtype : dtype
        Of what is returned when there are no words.
    """

    def __init__(
        self, parts: Iterable[NDArray[np.integer]] = (), dtype: np.dtype[np.integer] = _INT64
    ) -> None:
        self._parts = iter(parts)
        self._dtype = dtype
        self._waiting: deque[NDArray[np.integer]] = deque()

    def add(self, parts: Iterable[NDArray[np.integer]]) -> None:
        """Let these come next."""
        self._waiting += parts

    def take(self, count: int) -> NDArray[np.integer]:
        """Return the next words: `count`, or what is left."""
        taken = []
        while count:
            first = self._waiting.popleft() if self._waiting else next(self._parts, None)
            if first is None:
                break
            taken.append(first[:count])
            if len(first) > count:
                self._waiting.appendleft(first[count:])
            count -= len(taken[-1])
        return np.concatenate(taken) if taken else np.empty(0, self._dtype)


class Issued:
    """Wall cycles and addresses of one stream's words. Addresses are known earlier, up to the lookahead."""

    def __init__(self) -> None:
        self._walls: list[Ints] = []
        self._addresses = WordQueue()
        self._taken = 0

    def add(self, walls: Ints, addresses: Sequence[NDArray[np.integer]]) -> None:
        """Take wall cycles, and addresses that may be those of later ones."""
        self._walls.append(walls)
        self._addresses.add(addresses)

    def take(self, words: int, ends: bool) -> Iterator[tuple[int, Ints, NDArray[np.integer]]]:
        """Yield (first word, wall cycles, addresses) of `words` words each, at the end of what there is."""
        walls = np.concatenate(self._walls)
        while len(walls) >= words or (ends and len(walls)):
            count = min(words, len(walls))
            yield self._taken, walls[:count].copy(), self._addresses.take(count)
            walls = walls[count:]
            self._taken += count
        self._walls = [walls.copy()]
