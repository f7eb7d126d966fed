"""Does the memory system move every word in its wall cycle, and the array in every one it should? Word by word.

The judge is the memory system in plain Python (`cyclesim.validation.memory_model`), which is asked by the array that
moves values from register to register; neither knows chunks, events, jumps or renumbering. Equal are all reported
figures, the wall cycle of every array cycle, and the wall cycle and address of every word of each DRAM stream.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cyclesim import timeline, traffic
from cyclesim.demand import demand
from cyclesim.hardware import Scratchpad
from cyclesim.kernels import traffic as kernels
from cyclesim.traffic import Traffic, at_once
from cyclesim.validation.memory import run_result
from cyclesim.validation.memory_cases import EXAMPLES, MORE_BANDWIDTH_COSTS, Example
from cyclesim.validation.memory_model import simulate
from cyclesim.workload import GemmShape, Layer
from tests.laws.memories import (
    BANDWIDTHS,
    advance,
    assert_same,
    case,
    cases,
    run_fast,
    timeline_of,
    timing_of,
    with_channel,
    with_memory,
)
from tests.laws.strategies import EVERY_VARIANT
from tests.laws.test_memory_reference import figures

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)


def product(m: int, k: int, n: int, groups: int = 1) -> Layer:
    """Return a matrix product as a layer."""
    return Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=k, groups=groups))


# ----------------------------------------------------------------------------------------- against the naive model


# `cyclesim validate memory` compares 120 cases for each variant with the same model.
@every_variant
@settings(max_examples=6, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_word_and_every_cycle_is_the_naive_models(variant: str, trimmed: bool, data: st.DataObject) -> None:
    drawn = data.draw(cases(variant, trimmed))
    stops = data.draw(st.lists(st.integers(0, len(drawn.cycles) - 1), max_size=6))
    expected = simulate(drawn.cycles, drawn.machine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "CHUNK_WORDS", data.draw(st.sampled_from([1, 7, 50, 333, 1 << 19])))
        patch.setattr(timeline, "_LOG_ENTRIES", data.draw(st.sampled_from([1, 2, 5, 64, 1 << 16])))
        assert_same(run_fast(drawn.layer, drawn.hardware, stops), expected)
    timing = timing_of(drawn.layer, drawn.hardware)
    assert (timing.words, timing.stall_by) == (expected.words, expected.stall_by)


@every_variant
@settings(max_examples=5, deadline=None, derandomize=True)
@given(data=st.data())
def test_played_again_traffic_is_the_same(variant: str, trimmed: bool, data: st.DataObject) -> None:
    drawn = data.draw(cases(variant, trimmed))
    bandwidth = data.draw(st.none() | st.sampled_from([each for each in BANDWIDTHS if each >= 1]))
    plan = demand(drawn.layer, drawn.hardware)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "CHUNK_WORDS", data.draw(st.sampled_from([7, 50, 1 << 19])))
        source = Traffic(plan, drawn.hardware, False, at_once)
        advance(timeline_of(plan, drawn.hardware, source), None)
    recording = source.recording()
    assert recording is not None
    found = advance(timeline_of(plan, with_channel(drawn.hardware, bandwidth), recording), None)
    expected = drawn.naive(bandwidth)
    expected.issued = {stream: [(wall, -1) for wall, _ in words] for stream, words in expected.issued.items()}
    assert_same(found, expected)


# --------------------------------------------------------------------------------------------------- renumbering


@every_variant
@settings(max_examples=5, deadline=None, derandomize=True)
@given(data=st.data())
def test_entry_numbers_may_start_again(variant: str, trimmed: bool, data: st.DataObject) -> None:
    # A number must be kept until its word may come again, and until it was written back.
    pads = st.builds(Scratchpad, size_words=st.integers(1, 30))
    drawn = data.draw(cases(variant, trimmed, largest_side=3, pads=pads))
    step = demand(drawn.layer, drawn.hardware).plan.steps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "_NUMBERS_KEPT", 32 + drawn.hardware.cols * (1 + step))
        patch.setattr(traffic, "CHUNK_WORDS", data.draw(st.sampled_from([10, 33, 100])))
        assert_same(run_fast(drawn.layer, drawn.hardware), simulate(drawn.cycles, drawn.machine))


@pytest.mark.parametrize("variant", ["os", "ws", "is-pipe"])
@pytest.mark.parametrize("kept", [1, 64, 200])
def test_entry_numbers_that_start_again_often(variant: str, kept: int) -> None:
    hardware = with_memory(variant, (2, 3), (20, 9, 13), "1/2", False, 3)
    drawn = case(product(12, 13, 9), with_channel(hardware, Fraction(3)))
    renumber = kernels.renumber
    shifts = []

    def counting(entered: NDArray[np.int32], oldest: int, shift: int) -> None:
        shifts.append(shift)
        renumber(entered, oldest, shift)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "renumber", counting)
        patch.setattr(traffic, "_NUMBERS_KEPT", kept)
        patch.setattr(traffic, "CHUNK_WORDS", 17)
        found = run_fast(drawn.layer, drawn.hardware)
    if kept > 1:
        assert_same(found, simulate(drawn.cycles, drawn.machine))
    else:  # too few numbers to know when partial sums are back in memory, but enough for what moves
        assert found.words == simulate(drawn.cycles, drawn.machine).words
    assert shifts


# ------------------------------------------------------------------------------------------------ figures by hand


@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_examples_come_out(example: Example) -> None:
    drawn = case(example.case.layer, example.case.hardware)
    found = run_fast(drawn.layer, drawn.hardware)
    assert figures(drawn.cycles, found) == list(example.figures)
    assert_same(found, simulate(drawn.cycles, drawn.machine))


def test_more_bandwidth_can_cost_a_cycle() -> None:
    for wide, total in MORE_BANDWIDTH_COSTS:
        assert run_result(wide).total_cycles == total


@pytest.mark.parametrize(("variant", "trimmed"), [("ws", False), ("os", True), ("is-pipe", False)])
@pytest.mark.parametrize(
    "bandwidth", ["999999937/1000000007", "1000000007/999999937", "1/300", "1000000000", "3.333333333333"]
)
def test_odd_bandwidths(variant: str, trimmed: bool, bandwidth: str) -> None:
    hardware = replace(with_memory(variant, (3, 2), (9, 5, 7), "1/2", True, 30), trim_folds=trimmed)
    drawn = case(product(5, 5, 3), with_channel(hardware, Fraction(bandwidth)))
    assert_same(run_fast(drawn.layer, drawn.hardware), simulate(drawn.cycles, drawn.machine))


@pytest.mark.parametrize("variant", ["os", "ws-pipe", "is"])
@pytest.mark.parametrize("waits_for_latency", [True, False])
def test_long_waits_are_short_ones_stretched(variant: str, waits_for_latency: bool) -> None:
    # When each wait is longer than the whole layer, every wall cycle is a straight line of the wait's length.
    hardware = with_memory(variant, (3, 2), (6, 4, 3), "1/2", False, 1)
    layer = product(4, 5, 3)
    assert demand(layer, hardware).cycles < 500
    lines = []
    for wait in (500, 600, 5 * 10**6):
        bandwidth, latency = (None, wait) if waits_for_latency else (Fraction(1, wait), 1)
        outcome = run_fast(layer, with_channel(hardware, bandwidth, dram_latency_cycles=latency))
        issued = [wall for words in outcome.issued.values() for wall, _ in words]
        lines.append(np.array([*outcome.wall, *issued, *outcome.stall_by.values(), outcome.drain]))
    np.testing.assert_array_equal(lines[2], lines[0] + (lines[1] - lines[0]) // 100 * (5 * 10**6 - 500))
