"""Does the memory system keep the laws of any memory system, and do its verdict and its series say what happened?

Laws are checked without the naive model, so layers can be larger than in `test_memory`; verdicts and series are
compared with what the naive model does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cyclesim import traffic
from cyclesim.demand import Demand, demand
from cyclesim.hardware import Hardware
from cyclesim.memory import LayerMemory, never_waits
from cyclesim.simulation import LayerRunner
from cyclesim.timeline import Series
from cyclesim.traffic import SOURCES, STREAMS, Traffic, at_once, scratchpads
from cyclesim.validation.memory_model import Outcome, simulate
from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.laws.memories import (
    ACTIVE_FRACTIONS,
    BANDWIDTHS,
    LATENCIES,
    Case,
    case,
    cases,
    run_fast,
    timing_of,
    with_channel,
    with_memory,
)
from tests.laws.strategies import EVERY_VARIANT
from tests.laws.traces import generate

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)

LAYERS = (
    Layer("gemm", 0, "gemm", GemmShape(m=50, n=37, k=41)),
    Layer("matmul", 0, "matmul", GemmShape(m=20, n=17, k=33, groups=2), 2),
    Layer("thin", 0, "gemm", GemmShape(m=1, n=90, k=70)),
    Layer("conv", 0, "conv", ConvShape(9, 9, 3, 3, 6, 13, 1, 1, 1, 1), 2),
    Layer("strided", 0, "conv", ConvShape(13, 11, 3, 2, 8, 12, 2, 3, 2, 0, groups=2)),
    Layer("depthwise", 0, "dw", ConvShape(8, 8, 3, 3, 5, 10, 1, 1, 1, 1, groups=5)),
)
layers = st.sampled_from(LAYERS)
arrays = st.tuples(st.integers(3, 12), st.integers(3, 12))
words = st.tuples(*[st.sampled_from([1, 4, 30, 100, 1000, 10**6])] * 3)


@st.composite
def memories(draw: st.DrawFn, variant: str, trimmed: bool) -> Hardware:
    """Return machines with any memory system, of more PEs than the naive models have patience for."""
    active = draw(st.sampled_from(ACTIVE_FRACTIONS))
    separate, latency = draw(st.booleans()), draw(st.sampled_from(LATENCIES))
    hardware = with_memory(variant, draw(arrays), draw(words), str(active), separate, latency)
    bandwidth = draw(st.none() | st.sampled_from(BANDWIDTHS))
    return with_channel(replace(hardware, trim_folds=trimmed), bandwidth)


def footprint(layer: Layer, hardware: Hardware) -> dict[str, set[int]]:
    """Return the distinct words that the array asks for and produces."""
    traces, _ = generate(demand(layer, hardware))
    found = {operand: set(np.unique(trace[trace >= 0]).tolist()) for operand, trace in traces.items()}
    return {"psum": set(), **found}


def total_cycles(outcome: Outcome) -> int:
    """Return all wall cycles of a layer."""
    return len(outcome.wall) + outcome.cold + outcome.stalls + outcome.drain


# ----------------------------------------------------------------------------------------------------------- laws


@every_variant
@settings(max_examples=3, deadline=None, derandomize=True)
@given(layer=layers, data=st.data())
def test_no_memory_system_does_better_than_its_parts(
    variant: str, trimmed: bool, layer: Layer, data: st.DataObject
) -> None:
    hardware = data.draw(memories(variant, trimmed))
    outcome = run_fast(layer, hardware)
    cycles, total = len(outcome.wall), total_cycles(outcome)
    assert all(early < late for early, late in zip(outcome.wall, outcome.wall[1:], strict=False))
    reads = [wall for stream in ("ifmap", "filter") for wall, _ in outcome.issued[stream]]
    assert outcome.wall[-1] >= min(reads) + hardware.dram_latency_cycles
    assert total >= cycles
    for stream, issued in outcome.issued.items():
        walls = [wall for wall, _ in issued]
        assert walls == sorted(walls), stream
        assert not walls or walls[-1] < total, stream
    bandwidth = hardware.dram_bandwidth_words_per_cycle
    if bandwidth is None:
        return
    ports = [["ifmap", "filter", "psum", "ofmap"]]
    if hardware.dram_ports == "separate":
        ports = [["ifmap"], ["filter"], ["psum", "ofmap"]]
    for streams in ports:
        moved = Counter(wall for stream in streams for wall, _ in outcome.issued[stream])
        assert all(count <= floor((wall + 1) * bandwidth) - floor(wall * bandwidth) for wall, count in moved.items())
        assert total * bandwidth >= moved.total()


@every_variant
@settings(max_examples=3, deadline=None, derandomize=True)
@given(layer=layers, data=st.data())
def test_what_is_fetched_and_written_back_is_what_is_asked_for(
    variant: str, trimmed: bool, layer: Layer, data: st.DataObject
) -> None:
    hardware = data.draw(memories(variant, trimmed))
    outcome = run_fast(layer, hardware)
    asked = footprint(layer, hardware)
    moved = {stream: Counter(address for _, address in issued) for stream, issued in outcome.issued.items()}
    for stream in ("ifmap", "filter", "ofmap"):
        assert moved[stream].keys() == asked[stream], stream
    assert moved["psum"].keys() <= asked["psum"]
    assert moved["ofmap"] - moved["psum"] == Counter(dict.fromkeys(asked["ofmap"], 1))
    # A partial sum comes back from memory after it went there, and before it goes there again.
    went: dict[int, list[int]] = {}
    came: dict[int, list[int]] = {}
    for visits, stream in ((went, "ofmap"), (came, "psum")):
        for wall, address in outcome.issued[stream]:
            visits.setdefault(address, []).append(wall)
    for address, back in came.items():
        there = went[address]
        assert all(there[i] < wall < there[i + 1] for i, wall in enumerate(back))


@every_variant
@settings(max_examples=3, deadline=None, derandomize=True)
@given(layer=layers, data=st.data())
def test_traffic_does_not_depend_on_the_channel(variant: str, trimmed: bool, layer: Layer, data: st.DataObject) -> None:
    one = data.draw(memories(variant, trimmed))
    bandwidth = data.draw(st.none() | st.sampled_from(BANDWIDTHS))
    latency, ports = data.draw(st.sampled_from(LATENCIES)), data.draw(st.sampled_from(["shared", "separate"]))
    other = with_channel(one, bandwidth, dram_latency_cycles=latency, dram_ports=ports)
    streams = [
        {stream: [address for _, address in issued] for stream, issued in run_fast(layer, hardware).issued.items()}
        for hardware in (one, other)
    ]
    assert streams[0] == streams[1]


@every_variant
@settings(max_examples=3, deadline=None, derandomize=True)
@given(layer=layers, array=arrays, separate=st.booleans())
def test_with_everything_to_spare_only_the_first_word_is_waited_for(
    variant: str, trimmed: bool, layer: Layer, array: tuple[int, int], separate: bool
) -> None:
    # Ten active words for what is read, so that most is fetched again; partial sums stay.
    sizes = (10**6, 10**6, 10**6 if variant.startswith("os") else 10**9)
    hardware = replace(with_memory(variant, array, sizes, "1/100000", separate, 1), trim_folds=trimmed)
    timing = timing_of(layer, hardware)
    # An array that takes padding first does not wait even for that.
    first = generate(demand(layer, hardware))[1]
    assert timing.cold_start_cycles == int(first["ifmap"][0] + first["filter"][0] > 0)
    assert timing.stall_cycles == 0


@pytest.mark.parametrize("variant", ["ws", "is"])
def test_a_partial_sum_that_is_needed_at_once_is_waited_for_whatever_the_channel(variant: str) -> None:
    """One word is kept, so each result leaves when the other comes, and is asked for again two cycles later."""
    hardware = with_memory(variant, (1, 1), (10**6,) * 3, "1/1000000", False, 1)
    m, n = (2, 1) if variant == "ws" else (1, 2)
    drawn = case(Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=2)), hardware)
    found = run_fast(drawn.layer, hardware)
    assert found == simulate(drawn.cycles, drawn.machine)
    assert (found.stalls, found.stall_by["psum"]) == (3, 3)


@every_variant
@settings(max_examples=3, deadline=None, derandomize=True)
@given(layer=layers, array=arrays, data=st.data())
def test_scratchpads_that_hold_the_tensors_fetch_each_word_once(
    variant: str, trimmed: bool, layer: Layer, array: tuple[int, int], data: st.DataObject
) -> None:
    plain = replace(with_memory(variant, array, (1, 1, 1), "1", False, 5), trim_folds=trimmed)
    asked = {operand: len(words) for operand, words in footprint(layer, plain).items()}
    gemm = demand(layer, plain).gemm
    sizes = (gemm.ifmap.words, gemm.filter.words, gemm.ofmap.words)
    active = data.draw(st.sampled_from(ACTIVE_FRACTIONS))
    enough = [-(-size // active) for size in sizes]
    hardware = replace(
        with_memory(variant, array, (enough[0], enough[1], enough[2]), str(active), False, 5), trim_folds=trimmed
    )
    words = timing_of(layer, with_channel(hardware, Fraction(7, 2))).words
    assert words == {"ifmap": asked["ifmap"], "filter": asked["filter"], "psum": 0, "ofmap": asked["ofmap"]}


@every_variant
@settings(max_examples=2, deadline=None, derandomize=True)
@given(layer=layers, data=st.data())
def test_chunks_and_stops_change_nothing(variant: str, trimmed: bool, layer: Layer, data: st.DataObject) -> None:
    hardware = data.draw(memories(variant, trimmed))
    whole = run_fast(layer, hardware)
    stops = data.draw(st.lists(st.integers(0, len(whole.wall) - 1), max_size=20))
    with pytest.MonkeyPatch.context() as patch:
        # Chunks of a few words are compared with the naive model, on smaller layers, in `test_memory`.
        patch.setattr(traffic, "CHUNK_WORDS", data.draw(st.sampled_from([100, 1000, 7777])))
        assert run_fast(layer, hardware, stops) == whole


# ---------------------------------------------------------------------------------------------------------- verdict


@every_variant
@settings(max_examples=4, deadline=None, derandomize=True)
@given(data=st.data(), recorded=st.sampled_from([0, 1 << 20]))
def test_the_verdict_is_what_other_channels_would_do(
    variant: str, trimmed: bool, data: st.DataObject, recorded: int
) -> None:
    drawn = data.draw(cases(variant, trimmed))
    plan = demand(drawn.layer, drawn.hardware)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "RECORDED_EVENTS", recorded)
        memory = LayerMemory(plan, drawn.hardware, at_once, lambda: None)
        timeline = memory.timeline(Series(), False)
        timeline.advance(plan.cycles, np.empty(0, np.int64))
        verdict = memory.verdict(timeline.timing())
    least = verdict.least_bandwidth
    at_best = drawn.naive(None).stalls
    assert (least is None) == (at_best > 0)
    if least is not None:
        assert least >= 1
        assert drawn.naive(Fraction(least)).stalls == 0
        assert least == 1 or drawn.naive(Fraction(least - 1)).stalls > 0
    now = simulate(drawn.cycles, drawn.machine)
    if 100 * now.stalls <= total_cycles(now):
        assert verdict.bound == "compute"
    else:
        at_once_too = simulate(drawn.cycles, replace(drawn.machine, bandwidth=None, latency=1)).stalls
        gains = {
            "bandwidth": now.stalls - at_best,
            "latency": at_best - at_once_too,
            "capacity": at_once_too,
        }
        assert gains[verdict.bound] == max(gains.values())


def events_of(plan: Demand, hardware: Hardware, keep_addresses: bool) -> dict[str, list[int]]:
    """Return all events of a layer's traffic, and the write-back that each psum fetch waits for."""
    found = Traffic(plan, hardware, keep_addresses, at_once)
    events: dict[str, list[int]] = {}
    waits: dict[str, list[int]] = {"run_fetch": [], "run_entry": []}
    for source in SOURCES:
        until = 0
        while until < plan.cycles:
            chunk = found.take(source)
            until = chunk.until
            for name, queue in chunk.queues.items():
                events.setdefault(f"{name} due", []).extend(queue.due.tolist())
                events.setdefault(f"{name} words", []).extend(queue.words.tolist())
            for name, numbers in waits.items():
                numbers += getattr(chunk, name).tolist()
    bounds = pairwise([*waits["run_fetch"], sum(events["psum words"])])
    runs = zip(bounds, waits["run_entry"], strict=True)
    events["waits"] = [entry + i for (first, end), entry in runs for i in range(end - first)]
    return {**events, "held": [chunk.held], "peaks": list(found.peaks().values())}


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(layer=layers, data=st.data())
def test_what_is_known_without_looking_is_what_looking_finds(
    variant: str, trimmed: bool, layer: Layer, data: st.DataObject
) -> None:
    """Without addresses, repeated column folds and results in order do not go through a scratchpad word by word."""
    hardware = data.draw(memories(variant, trimmed))
    plan = demand(layer, hardware)
    assert events_of(plan, hardware, keep_addresses=False) == events_of(plan, hardware, keep_addresses=True)


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(layer=layers, data=st.data())
def test_whether_an_unlimited_channel_ever_stalls_is_known_without_running_it(
    variant: str, trimmed: bool, layer: Layer, data: st.DataObject
) -> None:
    hardware = data.draw(memories(variant, trimmed))
    hardware = with_channel(hardware, None, dram_latency_cycles=data.draw(st.sampled_from([1, 2, 5, 30])))
    plan = demand(layer, hardware)
    memory = LayerMemory(plan, hardware, at_once, lambda: None)
    timeline = memory.timeline(Series(), False)
    timeline.advance(plan.cycles, np.empty(0, np.int64))
    recording = memory.traffic.recording()
    assert recording is not None
    waits = not never_waits(recording, scratchpads(plan, hardware), hardware.dram_latency_cycles)
    assert waits == (timeline.timing().stall_cycles > 0)


@pytest.mark.parametrize("separate", [False, True])
def test_the_least_bandwidth_is_found_from_wherever_the_machine_is(separate: bool) -> None:
    plain = with_memory("ws", (3, 2), (400, 400, 400), "1/2", separate, 2)
    drawn = case(Layer("gemm", 0, "gemm", GemmShape(m=7, n=5, k=8)), plain)
    stalls = [1, *(drawn.naive(Fraction(bandwidth)).stalls for bandwidth in range(1, 40))]
    assert stalls[1] > 0
    assert stalls[-1] == 0
    for bandwidth in range(1, 40):
        hardware = with_channel(plain, Fraction(bandwidth))
        plan = demand(drawn.layer, hardware)
        memory = LayerMemory(plan, hardware, at_once, lambda: None)
        timeline = memory.timeline(Series(), False)
        timeline.advance(plan.cycles, np.empty(0, np.int64))
        least = memory.verdict(timeline.timing()).least_bandwidth
        assert least is not None
        assert stalls[least] == 0
        assert stalls[least - 1] > 0


# ----------------------------------------------------------------------------------- series, and what a run keeps


class Plain:
    """An encoder that leaves addresses and cycles as they are, in chunks of any size."""

    sram = True

    def __init__(self, cycles: int, dram_words: int, repeats: bool) -> None:
        self._cycles = cycles
        self.dram_words = dram_words
        self.repeats = repeats

    def chunk_cycles(self, demand: Demand) -> int:
        return self._cycles

    def encode(
        self, plan: Demand, operand: str, first_cycle: int, walls: NDArray[np.int64], chunk_cycles: int
    ) -> Sequence[bytes]:
        out = np.empty((plan.groups[operand].ports, len(walls)), plan.dtype)
        plan.fill(operand, first_cycle, out, np.empty(len(walls), np.int32))
        return [out.astype(np.int64).tobytes()]

    def encode_cycles(self, walls: NDArray[np.int64], chunk_cycles: int) -> Sequence[bytes]:
        return [walls.tobytes()]

    def encode_dram(self, walls: NDArray[np.int64], addresses: NDArray[np.integer]) -> Sequence[bytes]:
        return [walls.tobytes(), addresses.astype(np.int64).tobytes()]


class Kept:
    """Keeps what a `Plain` encoder made of a layer."""

    def __init__(self) -> None:
        self.walls: list[int] = []
        self.sram: dict[str, list[list[int]]] = {}
        self.dram: dict[str, list[tuple[int, int]]] = {stream: [] for stream in STREAMS}

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        assert first_cycle == len(self.walls)
        self.walls += np.frombuffer(payloads["cycle"][0], np.int64).tolist()
        for operand, group in demand.groups.items():
            trace = np.frombuffer(payloads[operand][0], np.int64).reshape(group.ports, -1)
            lines = [[word for word in cycle if word >= 0] for cycle in trace.T.tolist()]
            self.sram.setdefault(operand, []).extend(lines)

    def store_dram(self, demand: Demand, stream: str, first_word: int, words: int, payload: Sequence[bytes]) -> None:
        assert first_word == len(self.dram[stream])
        walls, addresses = (np.frombuffer(part, np.int64).tolist() for part in payload)
        assert len(walls) == words
        self.dram[stream] += zip(walls, addresses, strict=True)


def naive_series(drawn: Case, outcome: Outcome, window: int) -> dict[str, list[int]]:
    """Count what happens in each window of wall cycles."""
    windows = -(-total_cycles(outcome) // window)
    ran = set(outcome.wall)
    events = {f"dram_{stream}": [wall for wall, _ in issued] for stream, issued in outcome.issued.items()}
    events["stalled"] = [wall for wall in range(outcome.wall[-1]) if wall not in ran]
    for operand in ("ifmap", "filter", "ofmap"):
        requests = [len(getattr(cycle, operand)) for cycle in drawn.cycles]
        events[f"sram_{operand}"] = np.repeat(outcome.wall, requests).tolist()
    events["sram_psum"] = np.repeat(outcome.wall, [cycle.first.count(False) for cycle in drawn.cycles]).tolist()
    return {
        name: np.bincount(np.array(walls, int) // window, minlength=windows).tolist() for name, walls in events.items()
    }


@every_variant
@settings(max_examples=4, deadline=None, derandomize=True)
@given(data=st.data(), jobs=st.integers(1, 2), repeats=st.booleans())
def test_a_run_keeps_what_happened(
    variant: str, trimmed: bool, data: st.DataObject, jobs: int, repeats: bool
) -> None:
    drawn = data.draw(cases(variant, trimmed))
    expected = simulate(drawn.cycles, drawn.machine)
    window = data.draw(st.sampled_from([None, None, 1, 3, 16, 1000]))
    encoder = Plain(data.draw(st.integers(1, 40) | st.just(1 << 16)), data.draw(st.integers(1, 50)), repeats)
    kept = Kept()
    most = data.draw(st.sampled_from([2, 8, 1024]))
    done: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "CHUNK_WORDS", data.draw(st.sampled_from([20, 1 << 19])))
        patch.setattr(Series, "MOST_WINDOWS", most)
        with LayerRunner(jobs, window) as runner:
            result, series = runner.start(drawn.layer, drawn.hardware, encoder).finish(done.append, kept)

    assert series is not None
    assert sum(done) == len(drawn.cycles)
    assert kept.walls == expected.wall
    assert kept.dram == expected.issued
    for operand in ("ifmap", "filter", "ofmap"):
        assert kept.sram[operand] == [getattr(cycle, operand) for cycle in drawn.cycles]

    counted = naive_series(drawn, expected, series.window)
    assert series.window == window if window else len(series.values) <= most
    assert {name: series.column(name).tolist() for name in Series.COLUMNS} == counted
    totals = dict(zip(Series.COLUMNS, series.values.sum(axis=0).tolist(), strict=True))
    assert totals["stalled"] == result.cold_start_cycles + result.stall_cycles
    moved = {**result.dram_reads, **result.dram_writes}
    assert {stream: totals[f"dram_{stream}"] for stream in STREAMS} == moved == expected.words
    served = {**result.sram_reads, **result.sram_writes}
    assert {stream: totals[f"sram_{stream}"] for stream in STREAMS} == served

    assert result.total_cycles == total_cycles(expected)
    assert result.stall_by == expected.stall_by
    for stream, issued in expected.issued.items():
        assert result.dram_first_cycle[stream] == (issued[0][0] if issued else None)
        assert result.dram_last_cycle[stream] == (issued[-1][0] if issued else None)
    for operand in ("ifmap", "filter", "ofmap"):
        busy = [wall for wall, words in zip(expected.wall, kept.sram[operand], strict=True) if words]
        assert result.sram_first_cycle[operand] == (busy[0] if busy else None)
        assert result.sram_last_cycle[operand] == (busy[-1] if busy else None)
