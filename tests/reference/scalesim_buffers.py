"""SCALE-Sim's three buffers, word by word: when a row of requests is served, and which words cross to DRAM.

The middle part of the naive twin of the compatibility mode (`scalesim.py`). A buffer is given one row of addresses
after the other, with the cycle of the request, and answers with the row's stamp. It keeps its DRAM trace as rows of a
stamp and addresses.
"""

from __future__ import annotations

from typing import Protocol

from tests.reference.scalesim_demand import NULL, ScaleSimFails, ceil_div

FIRST_BANDWIDTH = 10  # words per cycle of the first block that a CALC buffer fetches
SETS = 50  # sets in half a read buffer
FILLER = 1  # stands behind the narrower rows of a CALC buffer's trace


class ReadBuffer(Protocol):
    """What the row loop needs of a read buffer."""

    trace: list[list[int]]
    count: int

    def service(self, row: list[int], cycle: int) -> int:
        """Return the stamp of a row requested at a cycle."""

    def finish(self) -> None:
        """Complete the trace after the last row."""


class CalcReadBuffer:
    """A read buffer without stalls, which finds out afterwards how wide its DRAM channel had to be.

    New words are collected in sets of Python floats, so the order of the words inside a set is the real one.
    """

    def __init__(self, kb: int) -> None:
        self.set_words = 1024 * kb // 100
        self.half = SETS * self.set_words
        self.sets: list[set[float]] = []  # all completed sets, also those already emitted
        self.open: set[float] = set()
        self.lo = 0
        self.first = 0
        self.first_seen = False
        self.switches = 0
        self.start, self.end = 0, 0  # interval of the next block, after the first switch
        self.trace: list[list[int]] = []
        self.count = 0

    def service(self, row: list[int], cycle: int) -> int:
        if not self.first_seen and any(address > -1 for address in row):
            self.first, self.first_seen = cycle, True
        for address in row:
            if address != NULL:
                self.look_up(float(address), cycle)
        return cycle + 1

    def look_up(self, word: float, cycle: int) -> None:
        if word in self.open or any(word in held for held in self.sets[self.lo :]):
            return
        self.open.add(word)
        if len(self.open) == self.set_words:
            self.sets.append(self.open)
            self.open = set()
            if len(self.sets) == self.lo + SETS:
                self.switch(cycle)

    def switch(self, cycle: int) -> None:
        if self.switches == 0:
            need = ceil_div(self.half, FIRST_BANDWIDTH)
            self.end = self.first - 2
            self.start = self.end - need + 1
            bandwidth = FIRST_BANDWIDTH
        else:
            bandwidth = self.spread(self.half)
        self.emit(self.sets[self.lo :], bandwidth)
        self.switches += 1
        self.lo += SETS
        self.start, self.end = self.end + 1, cycle

    def spread(self, words: int) -> int:
        cycles = self.end - self.start + 1
        if cycles == 0:
            raise ScaleSimFails("CALC, two switches of one buffer within one row")
        return ceil_div(words, cycles)

    def emit(self, sets: list[set[float]], bandwidth: int) -> None:
        words = [int(word) for each in sets for word in each]
        self.count += len(words)
        rows = self.end - self.start + 1
        assert len(words) <= rows * bandwidth, (len(words), rows, bandwidth)
        words += [NULL] * (rows * bandwidth - len(words))
        for i in range(rows):
            self.trace.append([self.start + i + 1, *words[i * bandwidth : (i + 1) * bandwidth]])

    def finish(self) -> None:
        rest = self.sets[self.lo :] + ([self.open] if self.open else [])
        words = len(rest) * self.set_words
        if self.switches == 0:
            if words == 0:
                raise ScaleSimFails("an operand all of whose words have address -1")
            self.end = -2
            self.start = self.end - ceil_div(words, FIRST_BANDWIDTH) + 1
            bandwidth = FIRST_BANDWIDTH
        else:
            bandwidth = self.spread(words)
        self.emit(rest, bandwidth)
        width = max(len(row) for row in self.trace)
        for row in self.trace:
            row += [FILLER] * (width - len(row))


class UserReadBuffer:
    """A read buffer that prefetches a fixed sequence over a channel of fixed width, and stalls."""

    def __init__(self, kb: int, bandwidth: int, sequence: list[int], version: str = "3.0.0") -> None:
        self.version = version
        self.bandwidth = bandwidth
        self.half = 512 * kb
        self.lines = cut(sequence, bandwidth)
        self.lines[-1] += [NULL] * (bandwidth - len(self.lines[-1]))
        words = [address for address in sequence if address != NULL]
        per_line = ceil_div(1024 * kb, 100)
        self.lookup = [set(words[i * per_line : (i + 1) * per_line]) for i in range(len(words) // per_line + 1)]
        most = ceil_div(self.half, per_line)
        self.active = min(len(self.lookup), most)
        self.advance = min(len(self.lookup) - self.active, most)
        self.place_window(0)
        self.filled = False
        self.chop = 0
        self.next = 0
        self.last = 0
        self.trace: list[list[int]] = []
        self.count = 0

    def place_window(self, start: int) -> None:
        self.window_start = start % len(self.lookup)
        self.window: set[int] = set()
        for i in range(self.active):
            self.window |= self.lookup[(self.window_start + i) % len(self.lookup)]

    def service(self, row: list[int], cycle: int) -> int:
        if not self.filled:
            self.first_fill()
            self.filled = True
        offset = 1
        for address in row:
            while address != NULL and address not in self.window:
                self.prefetch()
                late = self.last - (cycle + offset)
                offset += late
                if late > 0 and self.version == "3.0.0":
                    offset += late
        return cycle + offset

    def first_fill(self) -> None:
        fetched = min(ceil_div(self.half, self.bandwidth), len(self.lines))
        rows = [list(line) for line in self.lines[:fetched]]
        if fetched * self.bandwidth > self.half:
            self.chop = self.half % self.bandwidth
            self.null(rows[-1], self.chop, self.bandwidth)
            self.next = fetched % len(self.lines)
        else:
            self.next = (fetched + 1) % len(self.lines)
        self.trace += [[i - fetched, *line] for i, line in enumerate(rows)]
        self.last = -1
        self.count = fetched * self.bandwidth

    def prefetch(self) -> None:
        assert self.advance > 0, "a miss, although all lines are in the window"
        self.place_window(self.window_start + self.advance)
        number = ceil_div(self.half, self.bandwidth)
        total = len(self.lines)
        first, end = self.next, self.next + number
        self.count += number * self.bandwidth
        chosen = self.lines[first:end] if end <= total else self.lines[first:] + self.lines[: min(end - total, first)]
        rows = [list(line) for line in chosen]
        assert len(rows) == number, (len(rows), number)
        self.null(rows[0], 0, self.chop)
        if number * self.bandwidth > self.half:
            self.null(rows[-1], self.half % self.bandwidth, self.bandwidth)
            self.next = number % total
        else:
            self.next = (number + 1) % (total if self.version == "3.0.0" else self.bandwidth)
        self.trace += [[self.last + 2 + i, *line] for i, line in enumerate(rows)]
        self.last += number + 1

    @staticmethod
    def null(line: list[int], begin: int, end: int) -> None:
        line[begin:end] = [NULL] * (end - begin)

    def finish(self) -> None:
        """Nothing is left to do: what was fetched is in the trace."""


class WriteBuffer:
    """The buffer that results leave through, in lines as wide as the channel."""

    def __init__(self, kb: int, bandwidth: int) -> None:
        self.bandwidth = bandwidth
        self.half = 512 * kb
        self.free = 1024 * kb
        self.closed: list[list[int]] = []
        self.open: list[int] = []
        self.head = 0
        self.drain_end = 0
        self.trace: list[list[int]] = []
        self.count = 0

    def service(self, row: list[int], cycle: int) -> int:
        now = cycle
        for address in row:
            if address == NULL:
                continue
            self.open.append(address)
            self.free -= 1
            if len(self.open) == self.bandwidth:
                self.close()
            if now < self.drain_end:
                if self.free <= 0:
                    now = self.drain_end
            elif self.free < self.half:
                self.close()
                self.drain(now)
                self.drain_end = self.trace[-1][0]
        return now

    def close(self) -> None:
        """Close the open line, padded with nulls, unless it is empty."""
        if self.open:
            self.closed.append(self.open + [NULL] * (self.bandwidth - len(self.open)))
            self.open = []

    def drain(self, cycle: int) -> None:
        lines = self.closed[self.head : self.head + ceil_div(self.half, self.bandwidth)]
        self.trace += [[cycle + i, *line] for i, line in enumerate(lines)]
        self.head += len(lines)
        words = len(lines) * self.bandwidth - lines[-1].count(NULL)
        self.count += words
        self.free += words

    def flush(self, cycle: int) -> None:
        """Write what is left, from a cycle on."""
        self.close()
        while self.head < len(self.closed):
            self.drain(cycle)
            cycle = self.trace[-1][0] + 1
        if not self.trace:
            raise ScaleSimFails("an operand all of whose words have address -1")


def cut(sequence: list[int], length: int) -> list[list[int]]:
    """Return the sequence in pieces of a length; the last may be shorter."""
    return [sequence[i : i + length] for i in range(0, len(sequence), length)]
