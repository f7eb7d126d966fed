"""Searches: what they may evaluate, that a seed repeats them, and that they find what is best."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from cyclesim.errors import BadInput
from cyclesim.explore import search as search_module
from cyclesim.explore.pareto import front, scaled, share
from cyclesim.explore.search import KINDS, Codes, Feasible, Objectives, progress, search

SIZES = (9, 8, 3, 7, 7, 5)
COLUMN = {"ga": 0}
"""The one objective of searches that have one."""


def needs_pymoo(kind: str) -> None:
    if kind == "nsga2":
        pytest.importorskip("pymoo", reason="pymoo is not installed: pip install 'cyclesim[explore]'")


class Space:
    """An accelerator in a few terms: time, energy and area of an array with two scratchpads and a channel."""

    def __init__(
        self, sizes: Sequence[int] = SIZES, most_area: float = np.inf, column: int | None = None
    ) -> None:
        self.sizes, self.most_area = sizes, most_area
        self.columns = slice(None) if column is None else slice(column, column + 1)
        self.asked: list[Codes] = []

    def __call__(self, codes: Codes) -> tuple[Objectives, Feasible]:
        self.asked.append(codes)
        return self.of(codes)

    def of(self, codes: Codes) -> tuple[Objectives, Feasible]:
        rows, cols, dataflow, ifmap, ofmap, channel = codes.T
        pes = 2.0 ** (rows + cols)
        fits = np.minimum(1, 0.05 + 0.12 * ifmap * (1 + (dataflow == 1)) / 2 + 0.03 * ofmap * (dataflow != 1))
        steps = np.ceil(5000 / 2.0**rows) * np.ceil(700 / 2.0**cols) * (300 + 2.0**rows * (dataflow + 1))
        time = np.maximum(steps, 3e6 / fits / 2.0**channel)
        area = pes * 2 + 40 * 2.0**ifmap + 60 * 2.0**ofmap + 100 * channel
        energy = 1e6 * (1 + 0.1 * ifmap + 0.1 * ofmap) + 4e5 / fits + 0.001 * area * time / 100
        return np.stack([time, energy, area], axis=1)[:, self.columns], area <= self.most_area

    @property
    def all_codes(self) -> Codes:
        return np.stack(np.unravel_index(np.arange(np.prod(self.sizes)), self.sizes), axis=1).astype(np.int64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [0, 1, 37, 500])
def test_a_search_evaluates_no_point_twice_and_no_more_than_its_budget(kind: str, budget: int) -> None:
    needs_pymoo(kind)
    space = Space(column=COLUMN.get(kind))
    generations = search(kind, SIZES, space, budget, seed=1)
    assert [codes.tolist() for codes in generations] == [codes.tolist() for codes in space.asked]
    assert all(codes.dtype == np.int64 and len(codes) for codes in generations)
    points = [tuple(point) for codes in generations for point in codes.tolist()]
    assert len(points) == len(set(points)) == budget
    assert all(0 <= code < size for point in points for code, size in zip(point, SIZES, strict=True))


def test_random_points_are_asked_for_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is several times faster on thousands of points than on the twenty of a generation."""
    space = Space()
    search("random", SIZES, space, 900, seed=1)
    assert [len(codes) for codes in space.asked] == [900]
    monkeypatch.setattr(search_module, "RANDOM_AT_ONCE", 400)
    space = Space()
    found = np.concatenate(search("random", SIZES, space, 900, seed=1))
    assert [len(codes) for codes in space.asked] == [400, 400, 100]
    assert len(np.unique(found, axis=0)) == 900


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(2, 1, 1, 3, 1, 1), (4, 3, 3, 2, 3, 1)])
def test_a_search_with_budget_to_spare_evaluates_all_points(kind: str, sizes: tuple[int, ...]) -> None:
    needs_pymoo(kind)
    generations = search(kind, sizes, Space(sizes, column=COLUMN.get(kind)), 10_000, seed=1)
    assert len(np.unique(np.concatenate(generations), axis=0)) == np.prod(sizes)
    assert sum(map(len, generations)) == np.prod(sizes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_repeats_a_search(kind: str) -> None:
    needs_pymoo(kind)
    first, again, other = (search(kind, SIZES, Space(column=COLUMN.get(kind)), 150, seed) for seed in (7, 7, 8))
    assert [codes.tolist() for codes in first] == [codes.tolist() for codes in again]
    assert [codes.tolist() for codes in first] != [codes.tolist() for codes in other]


@pytest.mark.parametrize("most_area", [np.inf, 3000])
def test_nsga2_finds_the_front_with_a_part_of_the_evaluations(most_area: float) -> None:
    needs_pymoo("nsga2")
    space = Space(most_area=most_area)
    reached = {kind: [] for kind in ("nsga2", "random")}  # type: dict[str, list[float]]
    values, feasible = space.of(space.all_codes)
    best = values[feasible][front(values[feasible])]
    for seed in range(5):
        for kind, found in reached.items():
            values, feasible = space.of(np.concatenate(search(kind, SIZES, space, 1000, seed)))
            found.append(share(values[feasible], best))
    assert np.median(reached["nsga2"]) > 0.99
    assert np.median(reached["nsga2"]) > np.median(reached["random"])


@pytest.mark.parametrize("column", [0, 1, 2])
def test_ga_finds_the_least_of_its_objective(column: int) -> None:
    space = Space(column=column)
    values, _ = space.of(np.concatenate(search("ga", SIZES, space, 1000, 3)))
    everything, _ = space.of(space.all_codes)
    assert values.min() == everything.min()


@pytest.mark.parametrize("kind", ["nsga2", "ga"])
def test_points_without_finite_objectives_are_infeasible_and_the_search_goes_on(kind: str) -> None:
    needs_pymoo(kind)

    def evaluate(codes: Codes) -> tuple[Objectives, Feasible]:
        values = np.where(codes[:, :1] == 5, codes[:, 1:3], np.nan).astype(float)
        return values if kind == "nsga2" else values[:, :1] + values[:, 1:], np.ones(len(codes), np.bool_)

    found = np.concatenate(search(kind, (60, 20, 20), evaluate, 600, 2))
    assert [5, 0, 0] in found.tolist()


def test_a_huge_space_is_searched_without_listing_it() -> None:
    sizes = (1000,) * 6
    found = np.concatenate(search("ga", sizes, lambda codes: (codes[:, :1].astype(float), codes[:, 1] > 2), 400, 0))
    assert len(found) == 400


def test_progress_is_the_share_of_the_front_after_each_generation() -> None:
    values = np.random.default_rng(0).random((90, 2))
    values[::7] = np.nan
    best = values[front(values)]
    evaluations, shares = progress([values[:20], values[20:30], values[30:]], best)
    assert evaluations.tolist() == [20, 30, 90]
    assert shares.tolist() == [share(values[:20], best), share(values[:30], best), 1.0]


@pytest.mark.parametrize("objectives", [4, 6])
def test_progress_of_many_objectives_is_sampled_and_ends_with_all_of_it(objectives: int) -> None:
    """Against the exact volume, by inclusion and exclusion: four points take fifteen boxes."""
    rng = np.random.default_rng(objectives)
    best = rng.random((4, objectives))
    best[np.arange(4), np.arange(4)] = 0  # each is the best of an objective: all are on the front
    best[0], best[1] = best[0] * 0.9, best[1] * 0.9
    points, corner = scaled(best, best)

    def volume(chosen: Objectives) -> float:
        sets = (list(some) for count in range(1, len(chosen) + 1) for some in combinations(chosen, count))
        return float(sum((-1) ** (len(some) - 1) * np.prod(corner - np.max(some, axis=0)) for some in sets))

    evaluations, shares = progress([best[:1], best[1:3], best[3:]], best)
    exact = [volume(points[:count]) / volume(points) for count in (1, 3, 4)]
    assert evaluations.tolist() == [1, 3, 4]
    assert shares[-1] == 1
    np.testing.assert_allclose(shares, exact, atol=0.025)  # three standard errors at 50 %
    assert progress([best], best)[1].tolist() == [1]


def test_what_cannot_be_searched_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"search must be one of random, nsga2, ga .*did you mean 'nsga2'\?\)"):
        search("nsga", SIZES, Space(), 10, 0)
    with pytest.raises(BadInput, match=r"less than 2\^63 points"):
        search("random", (1000,) * 7, Space(), 10, 0)
    monkeypatch.setitem(sys.modules, "pymoo.core.population", None)
    with pytest.raises(BadInput, match=r"search nsga2 needs pymoo, .*: pip install 'cyclesim\[explore\]'"):
        search("nsga2", SIZES, Space(), 10, 0)
