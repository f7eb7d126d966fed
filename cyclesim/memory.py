"""A layer in the memory system: its timeline on the machine's channel, and what another channel would change.

This is docs/memory-model.md in use. The traffic of a layer is produced once and recorded if it is small enough; the
questions that follow the main run (the least bandwidth without stalls, what the stalls are due to) play it again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cyclesim.demand import Demand
from cyclesim.hardware import Hardware
from cyclesim.timeline import Channel, LayerTiming, Series, Timeline, channel_of
from cyclesim.traffic import Replay, Traffic, TrafficChunk, scratchpads

Submit = Callable[[Callable[[], TrafficChunk]], "Future[TrafficChunk]"]

_NO_WALLS = np.empty(0, np.int64)
_CYCLES_AT_ONCE = 1 << 18
"""Array cycles after which a replay looks up whether it was cancelled."""
COMPUTE_BOUND_SHARE = 100
"""A layer is compute-bound if at most one in so many of its cycles is a stall."""


@dataclass(frozen=True)
class Verdict:
    """What would end a layer's stalls: `least_bandwidth` [words per cycle] and `bound`, as in docs/memory-model.md."""

    least_bandwidth: int | None
    bound: str


class LayerMemory:
    """One layer's memory system.

    Parameters
    ----------
    plan : Demand
    hardware : Hardware
    submit : callable
        Runs a function in a thread and returns its future.
    check : callable
        Called now and then; raises to cancel.
    keep_addresses : bool
        Whether chunks of traffic say which words move.
    """

    def __init__(
        self,
        plan: Demand,
        hardware: Hardware,
        submit: Submit,
        check: Callable[[], None],
        keep_addresses: bool = False,
    ) -> None:
        self._plan = plan
        self._hardware = hardware
        self._submit = submit
        self._check = check
        self._pads = scratchpads(plan, hardware)
        self.channel = channel_of(hardware)
        self.traffic = Traffic(plan, hardware, keep_addresses, submit)

    def timeline(self, series: Series, log: bool) -> Timeline:
        """Return the layer's timeline on the machine's channel. It takes the traffic: call this once."""
        return self._timeline(self.channel, self.traffic, series, log)

    def verdict(self, timing: LayerTiming) -> Verdict:
        """Say what would end the stalls, after the timeline has finished with `timing`."""
        stalls = timing.stall_cycles
        cycles = self._plan.cycles + timing.cold_start_cycles + stalls + timing.drain_cycles
        compute_bound = stalls * COMPUTE_BOUND_SHARE <= cycles
        remaining = stalls
        if self.channel.bandwidth is not None:
            remaining = self._stalls(None, self.channel.latency, only_whether=compute_bound)
        least = None if remaining else self._least_bandwidth(timing)
        if compute_bound:
            return Verdict(least, "compute")
        at_once = remaining
        if remaining and self.channel.latency > 1:
            at_once = self._stalls(None, 1, False)
        parts = {"bandwidth": stalls - remaining, "latency": remaining - at_once, "capacity": at_once}
        return Verdict(least, max(parts, key=lambda cause: parts[cause]))

    def _least_bandwidth(self, timing: LayerTiming) -> int:
        """Return a whole bandwidth without stalls, one word less having some; with an unlimited one there are none."""
        words = sum(timing.words.values())
        stalls_at, none_at = 0, max(1, words)  # nothing moves at 0, everything at once at the other
        machine = self.channel.bandwidth
        if machine is not None and machine.denominator == 1:
            if timing.stall_cycles:
                stalls_at = min(int(machine), none_at - 1)
            else:
                none_at = min(int(machine), none_at)
        guess = -(-words // (self._plan.cycles * self.channel.ports))
        step = 1
        while none_at - stalls_at > 1:
            middle = (stalls_at + none_at) // 2
            if stalls_at < guess < none_at:
                middle = guess
            if self._stalls(Fraction(middle), self.channel.latency, True):
                stalls_at = middle
                guess = stalls_at + step
            else:
                none_at = middle
                guess = none_at - step
            step *= 2
        return none_at

    def _stalls(self, bandwidth: Fraction | None, latency: int, only_whether: bool) -> int:
        """Return the stalls on another channel, or 1 for some and 0 for none."""
        channel = replace(self.channel, bandwidth=bandwidth, latency=latency)
        recording = self.traffic.recording()
        again = Replay(recording) if recording else Traffic(self._plan, self._hardware, False, self._submit)
        timeline = self._timeline(channel, again, None, False)
        for stop in [*range(_CYCLES_AT_ONCE, self._plan.cycles, _CYCLES_AT_ONCE), self._plan.cycles]:
            self._check()
            if not timeline.advance(stop, _NO_WALLS, until_stall=only_whether):
                return 1
        return timeline.timing().stall_cycles

    def _timeline(self, channel: Channel, traffic: Traffic | Replay, series: Series | None, log: bool) -> Timeline:
        return Timeline(self._plan.cycles, self._pads, "psum" in self._plan.groups, channel, traffic, series, log)
