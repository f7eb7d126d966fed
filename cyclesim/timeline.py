"""When a layer's words move and when its array advances: the state of `kernels.timeline`, and its bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.channel import Channel
from cyclesim.results import STALL_CAUSES
from cyclesim.traffic import QUEUES, STREAMS, Events, Recording, Split, Traffic

Ints = NDArray[np.int64]
_SOURCE_OF = {"ifmap": "ifmap", "filter": "filter", "psum": "ofmap", "evictions": "ofmap"}
_NEVER_REACHED = 1 << 62
_LOG_ENTRIES = 1 << 16
_ROOM = 1 << 10
"""Events that a queue has room for at first."""
_NO_TABLE = np.empty((0, 0), np.int64)


class Series:
    """What happens in windows of wall cycles: DRAM words by stream, stalled cycles, scratchpad words by operand.

    `values` is (windows, 9) int64 with the columns `COLUMNS`.

    Parameters
    ----------
    window : int, optional
        Wall cycles of a window. By default the smallest power of two with which the layer has no more than
        `MOST_WINDOWS` of them. A layer that would have more than `MOST_FIXED_WINDOWS` gets longer ones all the same.
    """

    COLUMNS = (
        "dram_ifmap", "dram_filter", "dram_psum", "dram_ofmap", "stalled",
        "sram_ifmap", "sram_filter", "sram_psum", "sram_ofmap",
    )  # fmt: skip
    MOST_WINDOWS = 1024
    MOST_FIXED_WINDOWS = 1 << 20

    def __init__(self, window: int | None = None) -> None:
        self._fixed = window is not None
        self.window = window or 1
        self.values = np.zeros((self.MOST_WINDOWS, len(self.COLUMNS)), np.int64)

    def make_room(self) -> None:
        """Double the windows, or their length."""
        room = len(self.values)
        if self._fixed and room < self.MOST_FIXED_WINDOWS:
            self.values = np.concatenate((self.values, np.zeros_like(self.values)))
        else:
            self.values[: room // 2] = self.values[::2] + self.values[1::2]
            self.values[room // 2 :] = 0
            self.window *= 2

    def column(self, name: str) -> Ints:
        """Return a view of one column."""
        return self.values[:, self.COLUMNS.index(name)]

    def stall_fraction(self, wall_cycles: int) -> NDArray[np.float64]:
        """Return the share of each window's cycles in which the array was held; the last window may be shorter."""
        cycles = np.full(len(self.values), self.window)
        if len(cycles):
            cycles[-1] = wall_cycles - self.window * (len(cycles) - 1)
        return np.asarray(self.column("stalled") / cycles)

    def cut(self, wall_cycles: int) -> Series:
        """Leave out the windows behind the end."""
        self.values = self.values[: -(-wall_cycles // self.window)]
        return self


@dataclass(frozen=True)
class LayerTiming:
    """What the timeline of a layer says: cycles, stalls by cause, and by DRAM stream words, first and last cycle.

    `total_cycles` is the wall cycle that would come next: array cycles, cold start, stalls and drain together.
    """

    cold_start_cycles: int
    stall_cycles: int
    drain_cycles: int
    total_cycles: int
    stall_by: dict[str, int]
    words: dict[str, int]
    first_cycle: dict[str, int | None]
    last_cycle: dict[str, int | None]


class Timeline:
    """A layer on a channel, from its first wall cycle to its last.

    Parameters
    ----------
    cycles : int
        Array cycles of the layer.
    pads : mapping
        The split of each scratchpad.
    psums : bool
        Whether partial sums may be fetched.
    channel : Channel
    traffic : Traffic or Recording
    series : Series, optional
        Gains what the channel and the array do; scratchpad words are the caller's to add.
    log : bool
        Whether `issued` is wanted.
    """

    def __init__(
        self,
        cycles: int,
        pads: Mapping[str, Split],
        psums: bool,
        channel: Channel,
        traffic: Traffic | Recording,
        series: Series | None = None,
        log: bool = False,
    ) -> None:
        from cyclesim.kernels import timeline as kernel

        self._kernel = kernel
        self.cycles = cycles
        self._channel = channel
        self._clock = np.zeros(kernel.CLOCK_SIZE, np.int64)
        self._clock[kernel.SLOTS] = -1
        self._queue = np.zeros((kernel.QUEUES, kernel.QUEUE_FIELDS), np.int64)
        self._queue[:, kernel.LOOKAHEAD] = [pads[_SOURCE_OF[name]].lookahead for name in QUEUES]
        if not psums:
            self._queue[kernel.PSUM, kernel.HORIZON] = cycles
        self._psums = psums
        end = np.array([_NEVER_REACHED])
        if isinstance(traffic, Recording):
            self._due, self._count = traffic.due, traffic.words
            self._ready = np.empty_like(self._due)
            self._queue[:, [kernel.ISSUE, kernel.TAKE]] = traffic.bounds[:-1, None]
            self._queue[:, kernel.KNOWN] = traffic.bounds[1:]
            self._queue[:, kernel.HORIZON] = cycles
            begun = traffic.bounds[:-1] < traffic.bounds[1:]
            self._queue[begun, kernel.LEFT] = self._count[traffic.bounds[:-1][begun]]
            self._run_fetch = np.concatenate((traffic.run_fetch, end))
            self._run_entry = np.concatenate((traffic.run_entry, end))
            self._flushed = traffic.held
        else:
            self._traffic = traffic
            self._room = _ROOM
            self._due, self._count, self._ready = (np.zeros(kernel.QUEUES * _ROOM, np.int64) for _ in range(3))
            self._queue[:, [kernel.ISSUE, kernel.TAKE, kernel.KNOWN]] = np.arange(kernel.QUEUES)[:, None] * _ROOM
            self._run_fetch = self._run_entry = end
            self._flushed = 0
        self._stall_by = np.zeros(kernel.QUEUES, np.int64)
        self._budget = (kernel.UNLIMITED, 0, 1)
        if channel.bandwidth is not None:
            numerator, parts = channel.bandwidth.as_integer_ratio()
            self._budget = (numerator // parts, numerator % parts, parts)
        self._series = series
        self._clock[kernel.WINDOW_END] = series.window if series else 0
        self._log = np.empty((_LOG_ENTRIES if log else 0, 3), np.int64)
        self._issued: list[Ints] = []

    @property
    def wall_cycle(self) -> int:
        """The wall cycle that comes next."""
        return int(self._clock[self._kernel.WALL])

    def advance(self, stop: int, walls: Ints, *, until_stall: bool = False) -> bool:
        """Run until array cycle `stop`, or to the very end if that is the layer's; False if it stalled on the way.

        `walls` is filled with the wall cycles of the array cycles before `stop`, as many as it has room for.
        """
        kernel = self._kernel
        while True:
            series = _NO_TABLE if self._series is None else self._series.values
            window = 0 if self._series is None else self._series.window
            reason = kernel.run(
                self._clock, self._queue, self._due, self._count, self._ready, self._run_fetch, self._run_entry,
                self._flushed, self.cycles, stop, *self._budget, self._channel.latency,
                int(self._channel.separate_ports), self._stall_by, int(until_stall), walls, series, window, self._log,
            )  # fmt: skip
            if reason < kernel.REACHED:
                self._learn(_SOURCE_OF[QUEUES[reason]])
            elif reason == kernel.LOG_FULL:
                self._empty_log()
            else:
                # Where only the array ran, windows went by that the kernel has not looked at yet.
                self._enter_window(self.wall_cycle - (reason == kernel.FINISHED))
                if reason != kernel.SERIES_FULL:
                    return bool(reason != kernel.STALLED)

    def issued(self) -> dict[str, Ints]:
        """Return, by stream, the wall cycle of each word that was issued since this was last asked."""
        self._empty_log()
        entries = np.concatenate(self._issued)
        self._issued = []
        found = {}
        for q, name in enumerate(STREAMS):
            mine = entries[entries[:, 1] == q]
            found[name] = np.repeat(mine[:, 0], mine[:, 2])
        return found

    def _enter_window(self, wall_cycle: int) -> None:
        """Make the series reach a wall cycle."""
        kernel, series = self._kernel, self._series
        if series is not None:
            while wall_cycle >= series.window * len(series.values):
                series.make_room()
            index = wall_cycle // series.window
            self._clock[kernel.WINDOW_INDEX] = index
            self._clock[kernel.WINDOW_END] = (index + 1) * series.window

    def _empty_log(self) -> None:
        logged = int(self._clock[self._kernel.LOGGED])
        self._issued.append(self._log[:logged].copy())
        self._clock[self._kernel.LOGGED] = 0

    def timing(self) -> LayerTiming:
        """Return the layer's figures, when it is finished."""
        kernel, clock, queue = self._kernel, self._clock, self._queue
        first, last, end = (int(clock[field]) for field in (kernel.FIRST_WALL, kernel.LAST_WALL, kernel.WALL))
        moved = queue[:, kernel.WORDS] > 0
        return LayerTiming(
            cold_start_cycles=first,
            stall_cycles=last - first - (self.cycles - 1),
            drain_cycles=end - 1 - last,
            total_cycles=end,
            stall_by={name: int(self._stall_by[q]) for q, name in enumerate(STALL_CAUSES)},
            words={name: int(queue[q, kernel.WORDS]) for q, name in enumerate(STREAMS)},
            first_cycle={n: int(queue[q, kernel.FIRST_ISSUE]) if moved[q] else None for q, n in enumerate(STREAMS)},
            last_cycle={n: int(queue[q, kernel.LAST_ISSUE]) if moved[q] else None for q, n in enumerate(STREAMS)},
        )

    def _learn(self, source: str) -> None:
        """Append a source's next chunk to its queues."""
        kernel = self._kernel
        chunk = self._traffic.take(source)
        for name, events in chunk.queues.items():
            q = QUEUES.index(name)
            if name != "psum" or self._psums:
                self._append(q, events)
                self._queue[q, kernel.HORIZON] = chunk.until
        if source == "ofmap":
            self._flushed = chunk.held
        if len(chunk.run_fetch):
            done = int(self._clock[kernel.WAIT_RUN])
            end = np.array([_NEVER_REACHED])
            self._run_fetch = np.concatenate((self._run_fetch[done:-1], chunk.run_fetch, end))
            self._run_entry = np.concatenate((self._run_entry[done:-1], chunk.run_entry, end))
            issued = self._clock[kernel.PSUMS_ISSUED]
            self._clock[kernel.WAIT_RUN] = max(0, int(np.searchsorted(self._run_fetch, issued, "right")) - 1)

    def _append(self, q: int, events: Events) -> None:
        """Put events behind those that a queue knows; each queue has a stretch of `_room` places."""
        kernel, state = self._kernel, self._queue[q]
        take, known = int(state[kernel.TAKE]), int(state[kernel.KNOWN])
        if known + len(events.due) > (q + 1) * self._room:
            room = self._room
            while room < 2 * (known - take + len(events.due)):
                room *= 2
            self._move(room)
            known = int(state[kernel.KNOWN])
        behind = known + len(events.due)
        self._due[known:behind] = events.due
        self._count[known:behind] = events.words
        state[kernel.KNOWN] = behind
        if state[kernel.ISSUE] == known and behind > known:
            state[kernel.LEFT] = self._count[known]

    def _move(self, room: int) -> None:
        """Move what the array has not consumed to the start of each queue's stretch, which gets this much room."""
        kernel = self._kernel
        old = self._due, self._count, self._ready
        self._due, self._count, self._ready = (np.empty(kernel.QUEUES * room, np.int64) for _ in range(3))
        for q, state in enumerate(self._queue):
            take, known = int(state[kernel.TAKE]), int(state[kernel.KNOWN])
            start = q * room
            for new, previous in zip((self._due, self._count, self._ready), old, strict=True):
                new[start : start + known - take] = previous[take:known]
            state[[kernel.ISSUE, kernel.TAKE, kernel.KNOWN]] += start - take
        self._room = room
