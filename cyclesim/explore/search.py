"""Which points of a space of designs are worth evaluating, when there are too many for all of them?

A space has axes, the keys, and each axis some values in their order; a point is the place of its value on each axis
(its codes). Every search evaluates a point at most once, and stops at its budget or when no point is left. The same
seed gives the same points.

- `random`: points without repetition, the baseline of the others.
- `nsga2`: the Pareto front by NSGA-II (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6(2), 2002); pymoo sorts.
- `ga`: the least of a single objective, such as a weighted loss (`loss`), by a genetic search.

The genetic searches share their operators. They start from the corners of the space and a Latin hypercube. Parents win
tournaments of two; a child takes each code from either, and some codes change: by few places, as neighbours on an axis
are alike, or to any. Children that were evaluated before are made anew. Infeasible points rank behind all others, and
as long as there are only such, points are drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.errors import BadInput, one_of
from cyclesim.explore.pareto import merge, no_pymoo, scaled, share
from cyclesim.explore.sampled import Samples

KINDS = ("random", "nsga2", "ga")
"""Searches by name."""
GENERATIONS = 50
"""Generations that the budget is for, if `POPULATION` allows."""
POPULATION = (20, 400)
"""Fewest and most points of a generation, which are the parents of the next."""
CORNERS = 0.1
"""Share of the first generation that are corners of the space."""
FROM_ONE = 0.5
"""Share of children that have the codes of one parent, before some change."""
BY_STEPS = 0.7
"""Share of changes that are steps along an axis; the others go anywhere on it."""
ATTEMPTS = 10
"""Times that children are made anew before random points take their places."""
RANDOM_AT_ONCE = 1 << 17
"""Most points that a random search draws at a time: it learns nothing from them, and the model is fastest on many."""
EXACT = 3
"""Objectives up to which hypervolumes are exact."""

Codes = NDArray[np.int64]
Objectives = NDArray[np.float64]
Feasible = NDArray[np.bool_]
Evaluate = Callable[[Codes], tuple[Objectives, Feasible]]
"""Codes (n, axes) to objectives (n, m), all minimised, and whether each point is feasible (n,)."""


def search(
    kind: str,
    sizes: Sequence[int],
    evaluate: Evaluate,
    budget: int,
    seed: int,
) -> list[Codes]:
    """Search a space.

    Parameters
    ----------
    kind : {"random", "nsga2", "ga"}
    sizes : sequence of int
        Number of values on each axis.
    evaluate : callable
        Codes (n, axes) int64 to objectives (n, m) float64, all minimised, and feasible (n,) bool; m is 1 for ``ga``.
        A point whose objectives are not all finite counts as infeasible. Called once a generation, with points that
        differ; by ``random`` with many at a time.
    budget : int
        Most points to evaluate.
    seed : int

    Returns
    -------
    list of (n, axes) int64
        The points of each generation in the order of their evaluation.

    Raises
    ------
    BadInput
        If there is no such search, if the space has 2^63 points or more, or if pymoo is needed and not installed.
    """
    one_of("search", kind, KINDS)
    if kind == "nsga2":
        _pymoo()
    space = _Space(sizes, budget, np.random.default_rng(seed))
    if kind == "random":
        while space.left:
            evaluate(space.take(space.unseen(min(space.left, RANDOM_AT_ONCE))))
        return space.generations
    population = generation_points(budget)
    if not space.left:
        return []
    codes = space.take(space.spread(population))
    objectives, feasible = _evaluated(evaluate, codes)
    order = _by_value if kind == "ga" else _by_fronts
    while space.left:
        best = order(objectives, feasible)[:population]
        codes, objectives, feasible = codes[best], objectives[best], feasible[best]
        children = space.take(space.children(codes, population) if feasible.any() else space.unseen(population))
        found = _evaluated(evaluate, children)
        codes = np.concatenate([codes, children])
        objectives, feasible = np.concatenate([objectives, found[0]]), np.concatenate([feasible, found[1]])
    return space.generations


def generation_points(budget: int) -> int:
    """Return the points of a generation, and between two values of the convergence."""
    return min(max(budget // GENERATIONS, POPULATION[0]), POPULATION[1])


def progress(generations: Sequence[Objectives], best: Objectives) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return evaluations and the share of a front's hypervolume (`pareto.share`) after each generation.

    Of four objectives and more it is found by `sampled`, to about half a per cent.

    Parameters
    ----------
    generations : sequence of (n, m) float64
        Objectives of each generation, all minimised, NaN for infeasible points.
    best : (k, m) float64
        Objectives of the front, feasible and finite.
    """
    kept, shares = best[:0], []
    samples = Samples(*scaled(best, best)) if best.shape[1] > EXACT else None
    for values in generations:
        stay, enter = merge(kept, values)
        kept = np.concatenate([kept[stay], values[enter]])
        shares.append(share(kept, best) if samples is None else samples.share(scaled(values[enter], best)[0]))
    return np.cumsum([len(values) for values in generations], dtype=np.int64), np.array(shares)


class _Space:
    """A space, and which of its points were taken: at most a budget of them, none twice."""

    def __init__(self, sizes: Sequence[int], budget: int, rng: np.random.Generator) -> None:
        self.sizes = np.array(sizes, np.int64)
        self.points = math.prod(sizes)
        if self.points >= 2**63:
            raise BadInput("cyclesim", None, f"a space must have less than 2^63 points (got {self.points:.3g})")
        self._budget = min(budget, self.points)
        self._rng = rng
        self._taken: set[int] = set()
        self.generations: list[Codes] = []

    @property
    def left(self) -> int:
        """How many points may still be taken."""
        return self._budget - len(self._taken)

    def take(self, codes: Codes) -> Codes:
        """Take points that were not yet, as far as the budget goes, and return them as a generation."""
        codes = codes[: self.left]
        if len(codes):
            self._taken.update(self._places(codes).tolist())
            self.generations.append(codes)
        return codes

    def unseen(self, count: int, others: Codes | None = None) -> Codes:
        """Return random points that were not taken, and are none of some others."""
        others = np.empty((0, len(self.sizes)), np.int64) if others is None else others
        taken, out = self._taken, set(self._places(others).tolist())
        known = len(taken) + len(out - taken)
        count = min(count, self.points - known)
        if self.points <= 2 * (known + count):
            free = np.setdiff1d(np.arange(self.points), np.fromiter(taken | out, np.int64, known))
            return self._codes(self._rng.permutation(free)[:count])
        places: dict[int, None] = {}
        while len(places) < count:
            drawn = self._rng.integers(self.points, size=count - len(places)).tolist()
            places.update(dict.fromkeys(place for place in drawn if place not in taken and place not in out))
        return self._codes(np.fromiter(places, np.int64, count))

    def spread(self, count: int) -> Codes:
        """Return points that cover the space: some of its corners, and a Latin hypercube."""
        axes = len(self.sizes)
        high = self._rng.integers(2, size=(int(CORNERS * count), axes))
        high[:1], high[1:2] = 0, 1
        cells = np.argsort(self._rng.random((axes, count)), axis=1).T
        cube = ((cells + self._rng.random((count, axes))) / count * self.sizes).astype(np.int64)
        found = self._new(np.concatenate([high * (self.sizes - 1), np.minimum(cube, self.sizes - 1)]))[:count]
        return np.concatenate([found, self.unseen(count - len(found), found)])

    def children(self, parents: Codes, count: int) -> Codes:
        """Return new points that come from parents, the best of which stand first."""
        found = np.empty((0, len(self.sizes)), np.int64)
        for _ in range(ATTEMPTS):
            found = self._new(np.concatenate([found, self._offspring(parents, count)]))[:count]
            if len(found) == count:
                return found
        return np.concatenate([found, self.unseen(count - len(found), found)])

    def _offspring(self, parents: Codes, count: int) -> Codes:
        rng, axes = self._rng, len(self.sizes)
        one, other = (parents[rng.integers(len(parents), size=(count, 2)).min(axis=1)] for _ in range(2))
        from_other = (rng.random((count, axes)) < 0.5) & (rng.random((count, 1)) >= FROM_ONE)
        codes = np.where(from_other, other, one)
        changes = rng.random((count, axes)) < 1 / axes
        changes[np.arange(count), rng.integers(axes, size=count)] |= ~changes.any(axis=1)
        steps = rng.geometric(0.5, (count, axes)) * rng.choice([-1, 1], (count, axes))
        stepped = np.clip(codes + steps, 0, self.sizes - 1)
        anywhere = rng.integers(self.sizes, size=(count, axes))
        changed = np.where(rng.random((count, axes)) < BY_STEPS, stepped, anywhere)
        return np.where(changes, changed, codes)

    def _new(self, codes: Codes) -> Codes:
        """Return the points that were not taken, each once, in their order."""
        places = self._places(codes)
        first = np.sort(np.unique(places, return_index=True)[1])
        return codes[[i for i in first.tolist() if int(places[i]) not in self._taken]]

    def _places(self, codes: Codes) -> NDArray[np.int64]:
        """Return the mixed-radix numbers of points, the last axis fastest."""
        places = np.zeros(len(codes), np.int64)
        for size, column in zip(self.sizes, codes.T, strict=True):
            places = places * size + column
        return places

    def _codes(self, places: NDArray[np.int64]) -> Codes:
        columns = []
        for size in self.sizes[::-1]:
            places, column = np.divmod(places, size)
            columns.append(column)
        return np.stack(columns[::-1], axis=1)


def _evaluated(evaluate: Evaluate, codes: Codes) -> tuple[Objectives, Feasible]:
    objectives, feasible = evaluate(codes)
    return objectives, feasible & np.isfinite(objectives).all(axis=1)


def _by_fronts(objectives: Objectives, feasible: Feasible) -> NDArray[np.int64]:
    """Return points, best first: by the number of their front, then by how far their neighbours on it are."""
    population, problem, survival = _pymoo()
    places = np.flatnonzero(feasible)
    if len(places):
        told = population.new("F", objectives[places], "place", places)
        ranked = survival().do(problem(), told, n_survive=len(places))
        ranks, crowding, places = (np.array(ranked.get(name)) for name in ("rank", "crowding", "place"))
        places = places[np.lexsort((places, -crowding, ranks))]
    return np.concatenate([places, np.flatnonzero(~feasible)])


def _by_value(objectives: Objectives, feasible: Feasible) -> NDArray[np.int64]:
    """Return points, the least of the one objective first; infeasible ones come last."""
    assert objectives.shape[1] == 1, f"a genetic search has one objective (got {objectives.shape[1]})"
    return np.argsort(np.where(feasible, objectives[:, 0], np.inf), kind="stable")


def needs_pymoo() -> None:
    """Make sure that NSGA-II can be done.

    Raises
    ------
    BadInput
        If pymoo is not installed.
    """
    _pymoo()


def _pymoo() -> tuple[Any, Any, Any]:
    """Return what is used of pymoo."""
    try:
        from pymoo.core.population import Population
        from pymoo.core.problem import Problem
        from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
    except ModuleNotFoundError:
        raise no_pymoo("search nsga2") from None
    return Population, Problem, RankAndCrowding
