"""Layers in the memory system, naively and as the simulator does it, for the tests of this folder.

The naive side takes what each array cycle asks for from the array that moves values from register to register, and
what the memory system does with it from `cyclesim.validation.memory_model`. Both sides are told as an `Outcome` of the
latter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from cyclesim.channel import channel_of
from cyclesim.demand import Demand, demand
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.timeline import LayerTiming, Series, Timeline
from cyclesim.traffic import Recording, Traffic, at_once, scratchpads
from cyclesim.validation.memory import played
from cyclesim.validation.memory_model import Cycle, Machine, Outcome, simulate
from cyclesim.workload import Layer
from tests.laws.strategies import array_machine, small_layers
from tests.laws.traces import expected_traces, layer_addresses, run_naive_array

SLOWEST = 5_000
"""Wall cycles, about, that the naive memory system may take on a drawn case."""
BANDWIDTHS = tuple(map(Fraction, ("1/50", "1/7", "1/2", "2/3", "1", "3/2", "2", "22/7", "3", "7", "64")))
LATENCIES = (1, 2, 3, 5, 9, 40, 200)
ACTIVE_FRACTIONS = tuple(map(Fraction, ("1/10", "1/4", "1/2", "2/3", "3/4", "1")))
WORDS = (1, 2, 3, 5, 8, 13, 20, 33, 60, 100_000)


@dataclass(frozen=True)
class Case:
    """A layer, a machine, what each of its array cycles asks for, and the machine as the naive model sees it."""

    layer: Layer
    hardware: Hardware
    cycles: list[Cycle]
    machine: Machine

    def __repr__(self) -> str:
        return f"Case of {self.layer}, {self.hardware}"

    def naive(self, bandwidth: Fraction | None) -> Outcome:
        """Return what the naive memory system does with another bandwidth."""
        return simulate(self.cycles, replace(self.machine, bandwidth=bandwidth))


def case(layer: Layer, hardware: Hardware) -> Case:
    """Return a layer on a machine, with what the PE-by-PE array asks for."""
    sizes = layer_addresses(layer, hardware)
    traces = expected_traces(hardware, sizes, run_naive_array(hardware, sizes))
    lines = [traces[operand].T.tolist() for operand in ("ifmap", "filter", "ofmap", "psum")]
    cycles = [
        Cycle(
            ifmap=[word for word in ifmap if word >= 0],
            filter=[word for word in filter_ if word >= 0],
            ofmap=[word for word in ofmap if word >= 0],
            first=[psum < 0 for word, psum in zip(ofmap, psums, strict=True) if word >= 0],
        )
        for ifmap, filter_, ofmap, psums in zip(*lines, strict=True)
    ]
    keeps_psums = hardware.dataflow != "os" and sizes.k > hardware.rows
    machine = Machine(
        ifmap_words=naive_words(hardware.ifmap_sram, hardware.ifmap_bits),
        filter_words=naive_words(hardware.filter_sram, hardware.filter_bits),
        ofmap_words=naive_words(hardware.ofmap_sram, hardware.psum_bits if keeps_psums else hardware.ofmap_bits),
        active_fraction=hardware.active_fraction,
        bandwidth=hardware.dram_bandwidth_words_per_cycle if hardware.interface_bandwidth == "USER" else None,
        separate=hardware.dram_ports == "separate",
        latency=hardware.dram_latency_cycles,
    )
    return Case(layer, hardware, cycles, machine)


def naive_words(scratchpad: Scratchpad, bits: int) -> int:
    """Return the elements of a scratchpad."""
    if scratchpad.size_words is not None:
        return scratchpad.size_words
    assert scratchpad.size_bytes is not None
    return 8 * scratchpad.size_bytes // bits


def with_channel(hardware: Hardware, bandwidth: Fraction | None, **changes: str | int) -> Hardware:
    """Return a machine with a bandwidth [words per cycle, None if unlimited] and other changes."""
    return replace(
        hardware,
        interface_bandwidth="CALC" if bandwidth is None else "USER",
        dram_bandwidth_words_per_cycle=bandwidth,
        **changes,  # type: ignore[arg-type]
    )


def with_memory(
    variant: str, array: tuple[int, int], words: tuple[int, int, int], active: str, separate: bool, latency: int
) -> Hardware:
    """Return a machine with an array, scratchpads of so many words and an unlimited channel."""
    ifmap, filter_, ofmap = (Scratchpad(size_words=each) for each in words)
    return replace(
        array_machine(variant, False, *array, offsets=(0, 10**7, 2 * 10**7)),
        ifmap_sram=ifmap,
        filter_sram=filter_,
        ofmap_sram=ofmap,
        active_fraction=Fraction(active),
        dram_ports="separate" if separate else "shared",
        dram_latency_cycles=latency,
    )


@st.composite
def buffers(draw: st.DrawFn) -> Scratchpad:
    """Return scratchpads from one word, or none, to more than all small layers need."""
    if draw(st.integers(0, 4)) == 0:
        return Scratchpad(size_bytes=draw(st.integers(1, 200)))
    return Scratchpad(size_words=draw(st.sampled_from(WORDS) | st.integers(1, 200)))


@st.composite
def cases(
    draw: st.DrawFn,
    variant: str,
    trimmed: bool,
    largest_side: int = 6,
    pads: st.SearchStrategy[Scratchpad] | None = None,
) -> Case:
    """Return small layers on arrays of a variant with any memory system, within the patience of the naive one."""
    offsets = draw(st.sampled_from([(0, 5000, 100_000), (0, 0, 0), (2**33, 2**34, 2**31)]))
    sides = st.integers(1, largest_side)
    pads = buffers() if pads is None else pads
    plain = array_machine(variant, trimmed, draw(sides), draw(sides), offsets)
    plain = replace(
        plain,
        ifmap_sram=draw(pads),
        filter_sram=draw(pads),
        ofmap_sram=draw(pads),
        ifmap_bits=draw(st.sampled_from([4, 8, 16])),
        psum_bits=draw(st.sampled_from([8, 24, 32])),
        active_fraction=draw(st.sampled_from(ACTIVE_FRACTIONS)),
        dram_ports=draw(st.sampled_from(["shared", "shared", "separate"])),
    )
    found = case(draw(small_layers()), plain)
    asking = sum(1 for cycle in found.cycles if cycle.ifmap or cycle.filter or cycle.ofmap)
    words = sum(len(cycle.ifmap) + len(cycle.filter) + 2 * len(cycle.ofmap) for cycle in found.cycles)
    latency = draw(st.sampled_from([each for each in LATENCIES if each == 1 or asking * each <= SLOWEST]))
    fast_enough = [each for each in BANDWIDTHS if each >= 1 or words / each <= SLOWEST]
    bandwidth = draw(st.none() | st.sampled_from(fast_enough))
    hardware = with_channel(plain, bandwidth, dram_latency_cycles=latency)
    return Case(found.layer, hardware, found.cycles, replace(found.machine, bandwidth=bandwidth, latency=latency))


# ------------------------------------------------------------------------------------------ as the simulator does it


def advance(timeline: Timeline, traffic: Traffic | None, stops: Sequence[int] = ()) -> Outcome:
    """Run a timeline to its end, with stops before the given array cycles; its figures are those of what it logs."""
    outcome = played(timeline, traffic, stops)
    timing = timeline.timing()
    for stream, words in outcome.issued.items():
        assert timing.words[stream] == len(words)
        assert timing.first_cycle[stream] == (words[0][0] if words else None)
        assert timing.last_cycle[stream] == (words[-1][0] if words else None)
    return outcome


def timeline_of(
    plan: Demand, hardware: Hardware, traffic: Traffic | Recording, series: Series | None = None, log: bool = True
) -> Timeline:
    """Return the timeline of a layer on a machine's channel."""
    pads = scratchpads(plan, hardware)
    return Timeline(plan.cycles, pads, "psum" in plan.groups, channel_of(hardware), traffic, series, log)


def run_fast(layer: Layer, hardware: Hardware, stops: Sequence[int] = ()) -> Outcome:
    """Return all that the memory system does with a layer."""
    plan = demand(layer, hardware)
    traffic = Traffic(plan, hardware, True, at_once)
    return advance(timeline_of(plan, hardware, traffic), traffic, stops)


def timing_of(layer: Layer, hardware: Hardware) -> LayerTiming:
    """Return a layer's figures, without noting what happens when."""
    plan = demand(layer, hardware)
    timeline = timeline_of(plan, hardware, Traffic(plan, hardware, False, at_once), log=False)
    assert timeline.advance(plan.cycles, np.empty(0, np.int64))
    return timeline.timing()


def assert_same(found: Outcome, expected: Outcome) -> None:
    """Compare two outcomes, figures first."""
    for field in fields(Outcome):
        assert getattr(found, field.name) == getattr(expected, field.name), field.name
