"""Fronts and hypervolumes: equal to their definitions, on few and on many points."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim.errors import BadInput
from cyclesim.explore import pareto
from cyclesim.explore.pareto import Values, front, hypervolume, merge, share
from tests.reference import pareto as reference

NASTY = (0.0, -0.0, 1.0, 1.0 + 2**-52, 2.0, 3.0, np.inf, -np.inf, np.nan)


@st.composite
def points(draw: st.DrawFn, most: int = 30) -> Values:
    """Points with many ties, duplicates, infinities and NaN."""
    objectives = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(st.sampled_from(NASTY), min_size=objectives, max_size=objectives), max_size=most))
    return np.array(rows, np.float64).reshape(-1, objectives)


def clouds(seed: int, count: int) -> dict[str, Values]:
    """Clouds of points that take different ways through the code."""
    rng = np.random.default_rng(seed)
    simplex = rng.exponential(size=(count, 4))
    simplex /= simplex.sum(axis=1, keepdims=True)
    x = rng.random(count)
    return {
        "uniform": rng.random((count, 4)),
        "duplicates": rng.integers(0, 7, (count, 4)).astype(float),
        "all on the front": simplex,
        "half on the front": simplex + 0.1 * rng.random((count, 1)),
        "a line and noise": np.stack([x, -x, rng.random(count)], axis=1),
        "on the front, twice": np.repeat(simplex[: count // 2], 2, axis=0),
    }


@settings(max_examples=200, deadline=None, derandomize=True)
@given(values=points())
def test_a_front_is_what_no_other_point_dominates(values: Values) -> None:
    found = front(values)
    assert found.dtype == np.int64
    assert found.tolist() == reference.front(values.tolist())


@pytest.mark.parametrize("name", clouds(0, 4))
@pytest.mark.parametrize("many", [0, 4096])
def test_filtering_and_blocks_give_the_same_front(name: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = clouds(1, 1000)[name]
    monkeypatch.setattr(pareto, "MANY", many)
    monkeypatch.setattr(pareto, "PAIRS_AT_ONCE", 300)
    monkeypatch.setattr(pareto, "POINTS_AT_ONCE", 77)
    first, second = values[:, None, :], values[None, :, :]
    dominates = (first <= second).all(axis=2) & (first < second).any(axis=2)
    assert front(values).tolist() == np.flatnonzero(~dominates.any(axis=0)).tolist()


def test_equal_points_are_all_on_the_front_and_those_with_nan_never() -> None:
    values = np.array([[1, 2], [2, 1], [1, 2], [np.nan, 0], [2, 2], [2, 1]])
    assert front(values).tolist() == [0, 1, 2, 5]
    assert front(np.column_stack([values, values[:, :1]])).tolist() == [0, 1, 2, 5]
    assert front(np.empty((0, 3))).tolist() == []
    assert front(np.full((2, 3), np.nan)).tolist() == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(values=points(), cut=st.integers(0, 30))
def test_a_front_of_a_stream_is_that_of_all_points(values: Values, cut: int) -> None:
    kept = np.arange(len(values[:cut]))[front(values[:cut])]
    stay, enter = merge(values[kept], values[cut:])
    assert [*kept[stay], *(enter + len(values[:cut]))] == front(values).tolist()


def volumes(objectives: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    return st.lists(st.tuples(*[st.integers(0, 6)] * objectives), max_size=9)


@pytest.mark.parametrize("objectives", [1, 2, 3])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_hypervolume_is_that_of_the_dominated_cells(objectives: int, data: st.DataObject) -> None:
    values = data.draw(volumes(objectives))
    found = hypervolume(np.array(values, float).reshape(-1, objectives), np.full(objectives, 5.0))
    assert found == reference.hypervolume(values, [5] * objectives)


def test_a_hypervolume_of_four_objectives_is_that_of_the_dominated_cells() -> None:
    pytest.importorskip("pymoo", reason="pymoo is not installed: pip install 'cyclesim[explore]'")
    values = np.random.default_rng(3).integers(0, 6, (12, 4))
    assert hypervolume(values.astype(float), np.full(4, 5.0)) == reference.hypervolume(values.tolist(), [5] * 4)


def test_many_objectives_without_pymoo_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymoo.indicators.hv", None)
    with pytest.raises(BadInput, match=r"needs pymoo, .*: pip install 'cyclesim\[explore\]'$"):
        hypervolume(np.zeros((1, 4)), np.ones(4))


def test_a_share_is_relative_to_the_best_front_up_to_a_tenth_beyond_it() -> None:
    best = np.array([[100.0, 3.0], [200.0, 1.0]])
    # Scaled, the best are (0, 1) and (1, 0), the reference is (1.1, 1.1): 1.1 x 0.1 + 0.1 x 1 of 0.21.
    assert share(best, best) == 1
    assert share(best[:1], best) == pytest.approx(0.11 / 0.21)
    assert share(np.array([[500.0, 5.0]]), best) == 0
    assert share(np.array([[100.0, 3.1]]), best) == pytest.approx(1.1 * 0.05 / 0.21)


def test_a_share_of_a_front_without_extent_is_relative_to_its_size() -> None:
    assert share(np.array([[4.2, 0.0]]), np.array([[4.0, 0.0]])) == pytest.approx(1.05 / 1.1)
