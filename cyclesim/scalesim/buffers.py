"""SCALE-Sim's read buffers: what they hold, when they fetch, and the rows of their DRAM traces.

Which words miss does not depend on time, so each buffer passes the demand by itself, in stretches of rows; the row
loop (`rowloop`) then says in which cycles that was. DRAM traces come from a second pass, as the width of their rows is
known only at the end of the first.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand
from cyclesim.kernels import IDLE
from cyclesim.scalesim.demand import PrefetchOrder, prefetch_order
from cyclesim.scalesim_versions import ScaleSimVersion
from cyclesim.stretches import WordQueue

Ints = NDArray[np.int64]
Words = NDArray[np.integer]

BLOCK_WORDS = 1 << 16
"""Demand words that are generated at a time, about: they stay in the cache."""
CURSOR_WORDS = 1 << 15
"""Words of the prefetch order that are generated at a time, about."""
TRACE_ENTRIES = 1 << 16
"""Entries of a DRAM trace that are handed on at a time, about."""
FIRST_BANDWIDTH = 10
"""Words per cycle of the first fetch in CALC mode."""

_buffers = ThreadBuffers()


@dataclass(frozen=True)
class Served:
    """What the requests of a stretch of rows came to.

    Rows are those of the layer. `first` and `last` are the first and last row with a request, -1 if none has one.
    `moves` is (rows,) int32, the prefetches in each row, or empty. `begins` is the row with the buffer's first address
    above -1, if it is here, else -1; `switches` are the rows in which halves are switched.
    """

    first: int
    last: int
    moves: NDArray[np.int32]
    begins: int = -1
    switches: tuple[int, ...] = ()


@dataclass(frozen=True)
class TraceRows:
    """Rows of a DRAM trace: cycles (rows,) and entries, row by row, `width` each; entries that are missing are null.

    Rows of text are filled up to `text_width` entries.
    """

    cycles: Ints
    entries: Words
    width: int
    text_width: int


@dataclass(frozen=True)
class DramSide:
    """What a buffer's DRAM trace comes to: its words as SCALE-Sim counts them, first and last cycle, most a cycle."""

    words: int
    first: int
    last: int
    peak: int


def row_blocks(plan: Demand, operand: str, first: int, rows: int) -> Iterator[tuple[int, Words]]:
    """Yield (first row, addresses (ports, rows)) of a stretch, a block that stays in the cache at a time.

    The array is used again for the next block.
    """
    ports = plan.groups[operand].ports
    # Not a power of two, or the ports' words of one row would compete for the same places in the cache.
    length = max(1, BLOCK_WORDS // ports // 32) * 32 + 16
    room = _buffers.get("addresses", plan.dtype, ports * length)
    requests = _buffers.get("requests", np.int32, length)
    for start in range(first, first + rows, length):
        count = min(length, first + rows - start)
        block = room[: ports * count].reshape(ports, count)
        plan.fill(operand, start, block, requests[:count])
        yield start, block


NO_ROWS = (-1, -1)


def _with_requests(span: tuple[int, int], start: int, block: Words) -> tuple[int, int]:
    """Return the first and the last row with a request, of those before (`NO_ROWS` if none had one) and a block."""
    from cyclesim.kernels.scalesim import first_row, last_row

    last = last_row(block)
    if last < 0:
        return span
    first = span[0] if span[0] >= 0 else start + first_row(block, np.iinfo(block.dtype).min)
    return first, start + last


def half_words(size_bytes: int) -> int:
    """Return the words of half a read buffer in CALC mode: whole sets."""
    from cyclesim.kernels.scalesim import SETS_PER_HALF

    return SETS_PER_HALF * (size_bytes // 100)


def trace_rows(
    first_cycle: int, rows: int, words: WordQueue, width: int, text_width: int, total: int
) -> Iterator[TraceRows]:
    """Yield rows of consecutive cycles that hold the next `total` words, as many rows at a time as are handed on."""
    at_once = max(1, TRACE_ENTRIES // max(1, text_width))
    for row in range(0, rows, at_once):
        count = min(at_once, rows - row)
        entries = words.take(min(total, count * width))
        total -= len(entries)
        yield TraceRows(np.arange(first_cycle + row, first_cycle + row + count), entries, width, text_width)


@dataclass(frozen=True)
class _Fetch:
    """A block of a CALC trace: its words, the cycles from `start` to `stop` over which they are spread, words a cycle.

    The trace has them one cycle later, the latency of the port.
    """

    words: int
    start: int
    stop: int
    bandwidth: int

    @property
    def rows(self) -> int:
        return self.stop - self.start + 1


class MissBuffer:
    """A read buffer in CALC mode: it never waits, and fetches what it does not hold, half a buffer at a time.

    Parameters
    ----------
    plan : Demand
    operand : {"ifmap", "filter"}
    size_bytes : int
    """

    fetch_rows = 0

    def __init__(self, plan: Demand, operand: str, size_bytes: int) -> None:
        self._plan = plan
        self._operand = operand
        self._set_words = size_bytes // 100
        self._misses = 0
        self._any = False
        self._requested_in = 0  # until a row has an address above -1
        self._first_stop = 0
        self._switched_in = array("q")
        self._last_words = 0
        self._half = half_words(size_bytes)
        self._tensor = plan.gemm.operand(operand)
        self._forget()

    def _forget(self) -> None:
        from cyclesim.kernels.scalesim import MISS_FIELDS

        self._added = np.full(self._tensor.words, -1, np.int32)
        self._state = np.zeros(MISS_FIELDS, np.int64)

    def serve(self, first: int, rows: int) -> Served:
        """Pass a stretch of rows.

        Raises
        ------
        ZeroDivisionError
            If halves are switched twice in one row: SCALE-Sim then divides by the zero cycles in between.
        """
        from cyclesim.kernels.scalesim import first_row

        span = NO_ROWS
        begins = -1
        switches: list[int] = []
        nothing = np.empty(0, self._plan.dtype)
        for start, block in row_blocks(self._plan, self._operand, first, rows):
            span = _with_requests(span, start, block)
            if not self._any and (positive := first_row(block, IDLE)) >= 0:
                self._any = True
                begins = start + positive
            misses, switched = self._pass(block, nothing)
            self._misses += misses
            switches += [start + row for row in switched]
        return Served(*span, np.empty(0, np.int32), begins, tuple(switches))

    def _pass(self, block: Words, missed: Words) -> tuple[int, list[int]]:
        """Pass a block; return the words that missed, and the rows of switches."""
        from cyclesim.kernels.scalesim import pass_misses

        rows = np.empty(block.shape[1] + 1, np.int64)
        misses, switched = pass_misses(
            block, self._tensor.base, self._added, self._state, self._set_words, rows, missed
        )
        switches: list[int] = rows[: max(switched, 0)].tolist()
        if switched < 0 or len(set(switches)) < len(switches):
            raise ZeroDivisionError("halves are switched twice in one row")
        return misses, switches

    def note(self, served: Served, first: int, requested: Ints) -> None:
        """Learn the cycles (rows,) in which the rows of a stretch from `first` on were requested."""
        for row in served.switches:
            if 0 <= served.begins <= row:
                self._requested_in = int(requested[served.begins - first])
            if not self._switched_in:
                self._first_stop = self._requested_in - 2
            self._switched_in.append(int(requested[row - first]))
        if served.begins >= 0:
            self._requested_in = int(requested[served.begins - first])

    def complete(self) -> None:
        """Fetch what is left at the end of the layer; the open set counts as if it were full."""
        from cyclesim.kernels.scalesim import FIRST_HELD, OPEN_SET, OPEN_WORDS

        sets = int(self._state[OPEN_SET] - self._state[FIRST_HELD]) + (1 if self._state[OPEN_WORDS] else 0)
        self._last_words = sets * self._set_words
        if not self._switched_in:
            self._first_stop = -2

    def _fetches(self) -> Iterator[_Fetch]:
        """Yield the blocks: half a buffer for each switch, then the rest.

        The first comes in the cycles before a request. Each other one is spread over the interval that ended at the
        switch before the one at which it was full, so it is "read" after its first use.
        """
        words = self._half if self._switched_in else self._last_words
        rows = -(-words // FIRST_BANDWIDTH)
        stop = self._first_stop
        yield _Fetch(words, stop - rows + 1, stop, FIRST_BANDWIDTH)
        for number, switched_in in enumerate(self._switched_in, 1):
            words = self._half if number < len(self._switched_in) else self._last_words
            start, stop = stop + 1, switched_in
            yield _Fetch(words, start, stop, -(-words // (stop - start + 1)))

    def dram(self) -> DramSide:
        """Return what the trace comes to."""
        first = next(self._fetches())
        stop = self._switched_in[-1] if self._switched_in else first.stop
        return DramSide(self._misses, first.start + 1, stop + 1, max(fetch.bandwidth for fetch in self._fetches()))

    def trace(self) -> Iterator[TraceRows]:
        """Yield the rows of the DRAM trace: the words of the demand that miss, passed a second time."""
        width = self.dram().peak
        words = WordQueue(self._ordered_sets(), self._plan.dtype)
        left = self._misses
        for fetch in self._fetches():
            total = min(left, fetch.words)
            left -= total
            yield from trace_rows(fetch.start + 1, fetch.rows, words, fetch.bandwidth, width, total)

    def _ordered_sets(self) -> Iterator[Words]:
        """Yield the words that miss, those of a set in the order in which CPython iterates over it."""
        from cyclesim.kernels.scalesim import order_sets

        missed = WordQueue(self._missed(), self._plan.dtype)
        slots = 1 << (8 * self._set_words + 16).bit_length()
        table, other = np.empty(slots, np.int64), np.empty(slots, np.int64)
        at_once = max(1, TRACE_ENTRIES // self._set_words) * self._set_words
        while len(words := missed.take(at_once)):
            order_sets(words, self._set_words, table, other)
            yield words

    def _missed(self) -> Iterator[Words]:
        self._forget()
        for _, block in row_blocks(self._plan, self._operand, 0, self._plan.cycles):
            missed = np.empty(block.size, self._plan.dtype)
            count, _ = self._pass(block, missed)
            yield missed[:count].copy()


class WindowBuffer:
    """A read buffer in USER mode: it prefetches in an order fixed in advance, and holds a window of it.

    Parameters
    ----------
    plan : Demand
    operand : {"ifmap", "filter"}
    size_bytes : int
    bandwidth : int
        Words per cycle, the entries of a line.
    version : ScaleSimVersion
    """

    def __init__(
        self, plan: Demand, operand: str, size_bytes: int, bandwidth: int, version: ScaleSimVersion
    ) -> None:
        from cyclesim.kernels.scalesim import CURSOR_FIELDS, WINDOW_FIELDS

        self._plan = plan
        self._operand = operand
        self._half = size_bytes // 2
        self._bandwidth = bandwidth
        self._order = prefetch_order(plan, operand)
        self._lines = -(-self._order.entries // bandwidth)
        self._full_lines_modulo = bandwidth if version.wraps_at_bandwidth else self._lines
        self.fetch_rows = -(-self._half // bandwidth)
        self._moves = 0
        tensor = plan.gemm.operand(operand)
        self._base = tensor.base
        self._held = np.zeros(tensor.words, np.int32)
        self._state = np.zeros(WINDOW_FIELDS, np.int64)
        ports = self._order.ports
        rows = max(1, CURSOR_WORDS // ports)
        self._requests = np.empty(rows, np.int32)
        self._tail, self._head = np.zeros(CURSOR_FIELDS, np.int64), np.zeros(CURSOR_FIELDS, np.int64)
        self._tail_words, self._head_words, self._space = (np.empty(ports * rows, plan.dtype) for _ in range(3))
        self._open(-(-size_bytes // 100))

    def _open(self, line_words: int) -> None:
        """Put the first lines into the window."""
        from cyclesim.kernels.scalesim import HEAD_LINE, lines_words, open_window

        words = _words_of(self._order)
        lines = words // line_words + 1
        longest = -(-self._half // line_words)
        window = min(lines, longest)
        step = min(lines - window, longest)
        self._sizes = np.array([lines, line_words, words % line_words, step])
        self._state[HEAD_LINE] = window % lines
        first = lines_words(0, window, lines, line_words, words % line_words)
        group = self._order.group
        open_window(
            self._held, self._base, first, self._head, self._head_words, self._space, self._requests, group.stream,
            group.folds, self._order.rows,
        )  # fmt: skip

    def serve(self, first: int, rows: int) -> Served:
        """Pass a stretch of rows."""
        from cyclesim.kernels.scalesim import pass_window

        span = NO_ROWS
        moves = np.empty(rows, np.int32)
        group = self._order.group
        for start, block in row_blocks(self._plan, self._operand, first, rows):
            here = moves[start - first : start - first + block.shape[1]]
            pass_window(
                block, self._base, self._held, self._state, self._sizes, self._tail, self._head, self._tail_words,
                self._head_words, self._space, self._requests, group.stream, group.folds, self._order.rows, here,
            )  # fmt: skip
            span = _with_requests(span, start, block)
        self._moves += int(moves.sum(dtype=np.int64))
        return Served(*span, moves)

    def note(self, served: Served, first: int, requested: Ints) -> None:
        """Learn the cycles of a stretch: of no use here."""

    def complete(self) -> None:
        """Fetch what is left at the end of the layer: nothing."""

    @property
    def _first_fill(self) -> int:
        return min(self.fetch_rows, self._lines)

    def dram(self) -> DramSide:
        """Return what the trace comes to; whole lines count, whatever of them is null."""
        lines = self._first_fill + self._moves * self.fetch_rows
        last = self._moves * (self.fetch_rows + 1) - 1
        return DramSide(lines * self._bandwidth, -self._first_fill, last, self._bandwidth)

    def trace(self) -> Iterator[TraceRows]:
        """Yield the rows of the DRAM trace: the first fill, the first prefetch, and the same other one ever after."""
        fill_lines, width = self._first_fill, self._bandwidth
        chopped = fill_lines * width > self._half
        chop = self._half % width if chopped else 0
        ragged = self.fetch_rows * width > self._half
        first = self._matrix(0, fill_lines)
        if chopped:
            first[-1, chop:] = IDLE
        yield from self._rows(-fill_lines, first)
        following = fill_lines if chopped else fill_lines + 1
        again: Words | None = None
        for move in range(self._moves):
            if move == 0:
                rows = self._fetched(following % self._lines, chop, ragged)
            elif again is None:
                line = self.fetch_rows % self._lines if ragged else (self.fetch_rows + 1) % self._full_lines_modulo
                again = self._fetched(line, chop, ragged)
            yield from self._rows(1 + move * (self.fetch_rows + 1), rows if again is None else again)

    def _fetched(self, line: int, chop: int, ragged: bool) -> Words:
        """Return the lines (rows, bandwidth) of a prefetch that begins with this one."""
        behind = line + self.fetch_rows
        rows = self._matrix(line, min(behind, self._lines))
        if behind > self._lines:
            rows = np.concatenate([rows, self._matrix(0, min(behind - self._lines, line))])
        rows[0, :chop] = IDLE
        if ragged:
            rows[-1, self._half % self._bandwidth :] = IDLE
        return rows

    def _rows(self, first_cycle: int, lines: Words) -> Iterator[TraceRows]:
        words = WordQueue([lines.ravel()], self._plan.dtype)
        width = self._bandwidth
        yield from trace_rows(first_cycle, len(lines), words, width, width, lines.size)

    def _matrix(self, first: int, behind: int) -> Words:
        """Return lines [first, behind) of the fetch matrix: (lines, bandwidth)."""
        entries = WordQueue(_entries_of(self._order, self._plan.dtype), self._plan.dtype)
        width = self._bandwidth
        for line in range(0, first, max(1, TRACE_ENTRIES // width)):
            entries.take(min(first - line, max(1, TRACE_ENTRIES // width)) * width)
        found = entries.take((behind - first) * width)
        lines = np.full((behind - first) * width, IDLE, self._plan.dtype)
        lines[: len(found)] = found
        return lines.reshape(behind - first, width)


def _order_blocks(order: PrefetchOrder, dtype: np.dtype[np.integer]) -> Iterator[tuple[int, Words]]:
    """Yield (first row, entries (ports, rows)) of a prefetch order."""
    from cyclesim.kernels.demand import fill

    length = max(1, CURSOR_WORDS // order.ports)
    for start in range(0, order.rows, length):
        rows = min(length, order.rows - start)
        block = np.empty((order.ports, rows), dtype)
        fill(order.group.stream, order.group.folds, order.rows, start, block, np.empty(rows, np.int32))
        yield start, block


def _words_of(order: PrefetchOrder) -> int:
    """Return the words of a prefetch order, nulls not counted."""
    dtype = order.group.stream.time_address.dtype
    return sum(int(np.count_nonzero(block != IDLE)) for _, block in _order_blocks(order, dtype))


def _entries_of(order: PrefetchOrder, dtype: np.dtype[np.integer]) -> Iterator[Words]:
    """Yield the entries of a prefetch order, nulls included."""
    for start, block in _order_blocks(order, dtype):
        yield block.T[order.inside(start, block.shape[1]).T]
