"""SCALE-Sim's row loop: when each demand row is served, what stalls it, and how its results drain.

All three buffers see a row in the same cycle; the largest of their delays moves the rows after it. The write buffer is
part of the loop, as when it drains depends on the cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand
from cyclesim.scalesim.buffers import TRACE_ENTRIES, DramSide, Served, TraceRows, Words, row_blocks
from cyclesim.scalesim_versions import ScaleSimVersion
from cyclesim.stretches import WordQueue

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Stamps:
    """The cycles of a stretch of rows, (rows,) each: when each row was requested, and when each buffer served it.

    Reads carry a hit's cycle of latency, writes do not.
    """

    requested: Ints
    ifmap: Ints
    filter: Ints
    ofmap: Ints

    def of(self, operand: str) -> Ints:
        """Return one operand's."""
        found: Ints = getattr(self, operand)
        return found


class RowLoop:
    """Moves a layer from row to row, with the write buffer.

    Parameters
    ----------
    plan : Demand
    size_bytes : int
        Of the ofmap buffer.
    bandwidth : int
        Words per cycle that drain, the entries of a line.
    fetch_rows : (int, int)
        Rows of a prefetch of the ifmap and of the filter buffer.
    version : ScaleSimVersion
    """

    def __init__(
        self, plan: Demand, size_bytes: int, bandwidth: int, fetch_rows: tuple[int, int], version: ScaleSimVersion
    ) -> None:
        from cyclesim.kernels.scalesim import FREE, ROW_FIELDS

        self._plan = plan
        self._half = size_bytes // 2
        self._bandwidth = bandwidth
        self._drain_lines = -(-self._half // bandwidth)
        self._fetch_rows = fetch_rows
        self._version = version
        self._state = np.zeros(ROW_FIELDS, np.int64)
        self._state[FREE] = size_bytes
        self._log = np.empty((1024, 2), np.int64)
        self._padded = np.empty((1024, 2), np.int64)
        self.last_write = 0

    def advance(self, words: NDArray[np.int32], ifmap: Served, filter_: Served) -> Stamps:
        """Serve a stretch of rows, of which each has so many results: (rows,)."""
        from cyclesim.kernels.scalesim import pass_rows

        stamps = Stamps(*(np.empty(len(words), np.int64) for _ in range(4)))
        done = 0
        while done < len(words):
            rest = slice(done, None)
            done += pass_rows(
                self._state, words[rest], ifmap.moves[rest], filter_.moves[rest], *self._fetch_rows, self._half,
                self._bandwidth, self._drain_lines, self._version.late_charges, self._version.write_latency,
                self._log, self._padded, stamps.requested[rest], stamps.ifmap[rest], stamps.filter[rest],
                stamps.ofmap[rest],
            )  # fmt: skip
            if done < len(words):
                self._grow(int(words[done]))
        self.last_write = int(stamps.ofmap[-1])
        return stamps

    def _grow(self, needed: int) -> None:
        """Make room in the logs."""
        size = 2 * len(self._log) + needed
        for name in ("_log", "_padded"):
            old = getattr(self, name)
            grown = np.empty((size, 2), np.int64)
            grown[: len(old)] = old
            setattr(self, name, grown)

    def complete(self) -> None:
        """Drain what is left, from the last row's cycle on."""
        from cyclesim.kernels.scalesim import flush

        while not flush(
            self._state, self.last_write, self._bandwidth, self._drain_lines, self._log, self._padded
        ):  # fmt: skip
            self._grow(0)

    @property
    def stalls(self) -> int:
        """Stall cycles."""
        from cyclesim.kernels.scalesim import STALLS

        return int(self._state[STALLS])

    @property
    def _drains(self) -> Ints:
        from cyclesim.kernels.scalesim import DRAINS

        return self._log[: self._state[DRAINS]]

    def dram(self) -> DramSide:
        """Return what the ofmap's DRAM trace comes to."""
        from cyclesim.kernels.scalesim import WRITES

        at, lines = self._drains.T
        ends = at + lines - 1  # the flush may be over before the drain that it runs into
        stop = ends.max() if self._version.ofmap_stop_is_latest else ends[-1]
        return DramSide(int(self._state[WRITES]), int(at[0]), int(stop), self._bandwidth)

    def trace(self) -> Iterator[TraceRows]:
        """Yield the rows of the ofmap's DRAM trace: the results of the demand, generated again, in lines."""
        from cyclesim.kernels.scalesim import PADDED, lay_lines

        width = self._bandwidth
        results = WordQueue(_results(self._plan), self._plan.dtype)
        padded = self._padded[: self._state[PADDED]]
        cycles = _line_cycles(self._drains, max(1, TRACE_ENTRIES // width))
        line = 0
        for stamps in cycles:
            short = padded[np.searchsorted(padded[:, 0], line) : np.searchsorted(padded[:, 0], line + len(stamps))]
            entries = np.empty(len(stamps) * width, self._plan.dtype)
            lay_lines(results.take(len(entries) - int(short[:, 1].sum())), line, short, width, entries)
            yield TraceRows(stamps, entries, width, width)
            line += len(stamps)


def _line_cycles(drains: Ints, at_once: int) -> Iterator[Ints]:
    """Yield the cycles of consecutive lines, so many at a time."""
    waiting = WordQueue((np.arange(start, start + lines) for start, lines in drains.tolist()), np.dtype(np.int64))
    while len(cycles := waiting.take(at_once)):
        yield cycles.astype(np.int64, copy=False)


def _results(plan: Demand) -> Iterator[Words]:
    """Yield the results of a layer in the order in which they leave the array."""
    from cyclesim.kernels.scalesim import pack_words

    for _, block in row_blocks(plan, "ofmap", 0, plan.cycles):
        words = np.empty(block.size, plan.dtype)
        yield words[: pack_words(block, words)].copy()
