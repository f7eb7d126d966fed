"""A layer in the memory system: its timeline on the machine's channel, and what another channel would change.

This is docs/memory-model.md in use. The traffic of a layer is produced once and recorded if it is small enough; the
questions that follow the main run (the least bandwidth without stalls, what the stalls are due to) play it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cyclesim.channel import Channel, channel_of
from cyclesim.demand import Demand
from cyclesim.hardware import Hardware
from cyclesim.results import is_compute_bound, stall_bound
from cyclesim.timeline import LayerTiming, Series, Timeline
from cyclesim.traffic import SOURCES, Recording, Split, Submit, Traffic, scratchpads

_NO_WALLS = np.empty(0, np.int64)
_CYCLES_AT_ONCE = 1 << 18
"""Array cycles after which a replay looks up whether it was cancelled."""
_FIRST_CYCLES = 1 << 12
_FIRST_STEPS = 4
"""Array cycles, and steps of a fold, that are tried with many bandwidths before the whole layer is."""


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

    def replay(self, channel: Channel) -> Timeline:
        """Return the layer's timeline on any channel, after the main one: its traffic again, recorded or new."""
        traffic = self.traffic.recording() or Traffic(self._plan, self._hardware, False, self._submit)
        return self._timeline(channel, traffic, None, False)

    def verdict(self, timing: LayerTiming) -> Verdict:
        """Say what would end the stalls, after the timeline has finished with `timing`."""
        stalls = timing.stall_cycles
        compute_bound = is_compute_bound(stalls, timing.total_cycles)
        remaining = stalls
        if self.channel.bandwidth is not None:
            remaining = self._unlimited_stalls(self.channel.latency, self._plan.cycles if compute_bound else None)
        least = None if remaining else self._least_bandwidth(timing)
        if compute_bound:
            return Verdict(least, "compute")
        at_once = remaining
        if remaining and self.channel.latency > 1:
            at_once = self._unlimited_stalls(1)
        return Verdict(least, stall_bound(stalls, remaining, at_once))

    def _least_bandwidth(self, timing: LayerTiming) -> int:
        """Return a whole bandwidth without stalls, one word less having some; with an unlimited one there are none.

        A bandwidth that is too low mostly shows soon. So the first array cycles alone tell where to look, and one
        run of the whole layer often is enough.
        """
        words = sum(timing.words.values())
        low, high = 0, max(1, words)  # nothing moves at 0, everything at once at the other
        machine = self.channel.bandwidth
        if machine is not None and machine.denominator == 1:
            if timing.stall_cycles:
                low = min(int(machine), high - 1)
            else:
                high = min(int(machine), high)
        guess = -(-words // (self._plan.cycles * self.channel.ports))
        first = max(_FIRST_CYCLES, min(_FIRST_STEPS * self._plan.plan.longest_step, self._plan.cycles // 8))
        for stop in (min(first, self._plan.cycles), self._plan.cycles):
            guess = self._bisect(low, high, guess, stop)
            # What stalls in the first cycles stalls in the layer.
            low = max(low, guess - 1)
        return guess

    def _bisect(self, low: int, high: int, guess: int, stop: int) -> int:
        """Return a bandwidth above `low` without stalls before array cycle `stop`, one word less having some."""
        middle, step = max(guess, low + 1), 1
        while high - low > 1:
            if not low < middle < high:
                middle = (low + high) // 2
            if self._stalls(Fraction(middle), self.channel.latency, stop):
                low, middle = middle, middle + step
            else:
                high, middle = middle, middle - step
            step *= 2
        return high

    def _unlimited_stalls(self, latency: int, until: int | None = None) -> int:
        recording = self.traffic.recording()
        if recording is not None and never_waits(recording, self._pads, latency):
            return 0
        return self._stalls(None, latency, until)

    def _stalls(self, bandwidth: Fraction | None, latency: int, until: int | None = None) -> int:
        """Return the stalls on another channel; or, up to an array cycle, 1 if there are some and 0 if not."""
        timeline = self.replay(replace(self.channel, bandwidth=bandwidth, latency=latency))
        end = self._plan.cycles if until is None else until
        for stop in [*range(_CYCLES_AT_ONCE, end, _CYCLES_AT_ONCE), end]:
            self._check()
            if not timeline.advance(stop, _NO_WALLS, until_stall=until is not None):
                return 1
        return 0 if until is not None else timeline.timing().stall_cycles

    def _timeline(
        self, channel: Channel, traffic: Traffic | Recording, series: Series | None, log: bool
    ) -> Timeline:
        return Timeline(self._plan.cycles, self._pads, "psum" in self._plan.groups, channel, traffic, series, log)


def never_waits(recording: Recording, pads: Mapping[str, Split], latency: int) -> bool:
    """Whether a layer never stalls after array cycle 0 if the budget is unlimited: what running it says, but faster."""
    from cyclesim.kernels.timeline import comes_late

    lookahead = np.array([pads[name].lookahead for name in SOURCES])
    return not comes_late(
        recording.due, recording.words, recording.bounds, lookahead, latency, recording.run_fetch, recording.run_entry
    )
