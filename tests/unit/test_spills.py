"""Partial sums that a scratchpad loses: the closed forms against a first-in first-out memory, word by word."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import cyclesim
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.model.estimate import estimate
from cyclesim.model.spills import _Trapezoid
from cyclesim.workload import GemmShape, Layer, Network
from tests.laws.strategies import array_machine

MEAN, BIAS = 0.046, 0.018
"""Words that the model loses too many or too few of, as shares of all results: little more than is reached."""
EXACT, FAR_OFF = 0.57, 0.042
"""Shares of the cases that are exact, and more than 30 % of all results off: what is reached."""

some = st.integers(1, 24)


def fifo_losses(steps: int, cols: int, step: int, row_folds: int, col_folds: int, active: int) -> int:
    """Return how many results find what they add to gone: fold f delivers step s of column c in f*step + s + c."""
    due: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for fold in range(row_folds * col_folds):
        for port in range(cols):
            for s in range(steps):
                due[fold * step + s + port].append((port, fold, s))
    entries: dict[tuple[int, int, int], int] = {}
    entered = lost = 0
    for cycle in sorted(due):
        results = [(fold, (fold // row_folds, s, port)) for port, fold, s in sorted(due[cycle])]
        gone = [(fold, word) for fold, word in results if word not in entries or entered - entries[word] > active]
        for fold, word in gone:
            entries[word] = entered
            entered += 1
            lost += fold % row_folds > 0
    return lost


def delivered(steps: int, cols: int) -> list[int]:
    """Return how many results a fold delivers in each of its cycles."""
    return [sum(0 <= cycle - port < steps for port in range(cols)) for cycle in range(steps + cols - 1)]


@given(steps=some, cols=some, length=st.integers(0, 60))
def test_busiest_cycles_of_a_fold(steps: int, cols: int, length: int) -> None:
    results = delivered(steps, cols)
    most = max(sum(results[first : first + length]) for first in range(len(results)))
    wave = _Trapezoid(np.array([steps]), np.array([cols]))
    assert wave.busiest(np.array([length])).tolist() == [most]


@given(steps=some, cols=some, data=st.data())
def test_longest_run_that_fits(steps: int, cols: int, data: st.DataObject) -> None:
    active = data.draw(st.integers(0, steps * cols - 1))
    wave = _Trapezoid(np.array([steps]), np.array([cols]))
    longest = wave.longest(np.array([active]))
    assert wave.busiest(longest)[0] <= active < wave.busiest(longest + 1)[0]


@given(steps=some, cols=some, period=st.integers(1, 60), data=st.data())
def test_busiest_cycles_of_folds_that_overlap(steps: int, cols: int, period: int, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, period))
    results = [0] * period
    for cycle, words in enumerate(delivered(steps, cols)):
        results[cycle % period] += words
    most = max(sum((results + results)[first : first + length]) for first in range(period))
    wave = _Trapezoid(np.array([steps]), np.array([cols]))
    assert wave.most(np.array([length]), np.array([period])).tolist() == [most]


def machine(variant: str, rows: int, cols: int, active: int) -> Hardware:
    """Return a machine whose ofmap scratchpad has so many active words, the others room for everything."""
    large = Scratchpad(size_words=10**9)
    array = array_machine(variant, False, rows, cols, (0, 10**6, 2 * 10**6))
    return replace(array, ifmap_sram=large, filter_sram=large, ofmap_sram=Scratchpad(size_words=2 * active))


def layer_of(dataflow: str, steps: int, spatial_rows: int, spatial_cols: int) -> Layer:
    m, n = (steps, spatial_cols) if dataflow == "ws" else (spatial_cols, steps)
    return Layer("layer", 0, "gemm", GemmShape(m=m, k=spatial_rows, n=n))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    dataflow=st.sampled_from(["ws", "is"]),
    steps=st.integers(1, 12),
    cols=st.integers(1, 16),
    row_folds=st.integers(2, 6),
    active=st.integers(1, 100),
)
def test_the_memory_of_these_tests_is_the_simulators(
    dataflow: str, steps: int, cols: int, row_folds: int, active: int
) -> None:
    layer = layer_of(dataflow, steps, 4 * row_folds, 2 * cols)
    found = cyclesim.simulate(Network("one", (layer,)), machine(f"{dataflow}-pipe", 4, cols, active)).layers[0]
    assert found.dram_reads["psum"] == fifo_losses(steps, cols, max(steps, 4), row_folds, 2, active)


def test_losses_are_those_of_the_memory() -> None:
    """Random folds, most of them overlapped by several, and scratchpads that are a little too small for one."""
    random = Random(0)
    wrong: list[float] = []
    while len(wrong) < 300:
        rows, cols = random.choice([4, 8, 12, 16]), random.choice([8, 16, 32, 48, 64, 96])
        steps, variant = random.choice([1, 1, 2, 3, 5, 8, 16]), random.choice(["pipe", "pipe2", "pipe1"])
        row_folds, col_folds = random.choice([2, 3, 4, 7, 9, 12, 18, 24]), random.choice([1, 2, 3, 5])
        words = steps * cols
        if words * row_folds * col_folds > 15_000:
            continue
        active = random.randint(words // 4, words - 1)
        hardware = machine(f"ws-{variant}", rows, cols, active)
        layer = layer_of("ws", steps, rows * row_folds, cols * col_folds)
        found = estimate(Network("one", (layer,)), hardware).layers[0]
        lost = fifo_losses(steps, cols, found.step_cycles, row_folds, col_folds, active)
        wrong.append((found.dram_reads["psum"] - lost) / (words * row_folds * col_folds))
    errors = np.abs(wrong)
    assert errors.mean() <= MEAN
    assert (errors == 0).mean() >= EXACT
    assert (errors > 0.3).mean() <= FAR_OFF
    assert abs(np.mean(wrong)) <= BIAS
