"""Measures of agreement: worked examples, and definitions written down directly."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim.validation import design_space
from cyclesim.validation.agreement import (
    choice_regret,
    errors,
    hypervolume,
    kendall_tau,
    pairs_alike,
    pareto_set,
    spearman_rho,
)

values = st.lists(st.integers(1, 9), min_size=2, max_size=9)


def arrays(*lists: list[int]) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    return [np.array(each, np.float64) for each in lists]


def test_errors_are_relative_and_those_of_nothing_count_as_words() -> None:
    found = errors(*arrays([100, 110, 90, 3], [100, 100, 100, 0]))
    assert (found.points, found.exact) == (4, 0.25)
    assert found.mean == pytest.approx((0 + 0.1 + 0.1 + 3) / 4)
    assert found.bias == pytest.approx((0 + 0.1 - 0.1 + 3) / 4)
    assert found.worst == 3
    assert found.median == pytest.approx(0.1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(a=values, data=st.data())
def test_kendalls_tau_counts_pairs(a: list[int], data: st.DataObject) -> None:
    b = data.draw(st.lists(st.integers(1, 9), min_size=len(a), max_size=len(a)))
    signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
    untied = [sum(pair[side] != 0 for pair in signs) for side in (0, 1)]
    if all(untied):
        expected = sum(x * y for x, y in signs) / np.sqrt(untied[0] * untied[1])
        assert kendall_tau(*arrays(a, b)) == pytest.approx(expected)
    assert kendall_tau(*arrays(a, a)) == pytest.approx(1)


def test_spearmans_rho_shares_ranks() -> None:
    assert spearman_rho(*arrays([1, 2, 3, 4], [10, 20, 30, 40])) == pytest.approx(1)
    assert spearman_rho(*arrays([1, 2, 3, 4], [4, 3, 2, 1])) == pytest.approx(-1)
    assert spearman_rho(*arrays([1, 2, 2, 4], [1, 2, 3, 4])) == pytest.approx(0.9486832980505138)


def test_the_choice_costs_what_its_truth_is_worse() -> None:
    assert choice_regret(*arrays([3, 1, 2], [100, 110, 105])) == pytest.approx(0.1)
    assert choice_regret(*arrays([1, 2, 3], [100, 110, 105])) == 0


def test_pairs_are_sorted_by_how_far_they_are_apart() -> None:
    estimate, truth = arrays([10, 9, 30], [100, 101, 300])
    assert pairs_alike(estimate, truth, (0.0, 0.05)) == [(1, 0.0), (2, 1.0)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(points=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_pareto_set_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    def beaten(point: tuple[int, int]) -> bool:
        return any(x <= point[0] and y <= point[1] and (x, y) != point for x, y in points)

    x, y = np.array(points, np.float64).T
    assert pareto_set(x, y).tolist() == [i for i, point in enumerate(points) if not beaten(point)]
    cells = sum(any(px <= i and py <= j for px, py in points) for i in range(7) for j in range(7))
    assert hypervolume(x, y, (7.0, 7.0)) == cells


def test_a_sample_compares_the_same_points() -> None:
    one = design_space.sample("bert_base", 0, quick=True)
    shape = (len(one.layers), len(one.machines))
    assert {values.shape for side in (one.truth, one.estimate) for values in side.values()} == {shape}
    assert np.array_equal(one.truth["compute_cycles"], one.estimate["compute_cycles"])
    assert not np.array_equal(one.truth["stall_cycles"], one.estimate["stall_cycles"])
    machines = [design_space.random_machine(np.random.default_rng(3)) for _ in range(2)]
    assert machines[0] == machines[1]
