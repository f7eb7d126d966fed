"""Carries a search out, and keeps what it came to after each generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.exploration import Exploration, blocks
from cyclesim.explore.frontier import minimised
from cyclesim.explore.loss import losses, scales
from cyclesim.explore.pareto import merge
from cyclesim.explore.plan import Plan
from cyclesim.explore.search import generation_points, search
from cyclesim.explore.workers import Workers

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """The least loss that was found: the scales of the metrics, the loss, its row, and how many points have it."""

    scales: Mapping[str, float]
    least: float
    row: int
    points: int


@dataclass(frozen=True)
class Searched:
    """A search that is done.

    Attributes
    ----------
    evaluations : (generations,) int64
        Points that were evaluated by the end of each.
    entered : tuple of (n, objectives) float64
        Objectives, all minimised, of the points of each generation that no earlier one and no other of it beats.
    loss : Loss or None
        Of a search for the least loss that found a feasible point.
    """

    evaluations: Ints
    entered: tuple[Floats, ...]
    loss: Loss | None


def carry_out(
    exploration: Exploration, plan: Plan, workers: Workers, advance: Callable[[int], None]
) -> Searched:
    """Evaluate the points that a search asks for; those that are there already are not evaluated again."""
    space = exploration.space
    weights = space.weights if plan.search == "ga" else {}
    budget = plan.evaluations(space.points)
    known = _Known(exploration, tuple(weights), budget)
    best = np.empty((0, len(space.objectives)))
    evaluations, entered = [0], []
    sizes: Floats | None = None

    def evaluate(codes: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        nonlocal best, sizes
        rows = known.rows(space.encode(codes), workers, advance)
        objectives, feasible = known.objectives[rows], known.feasible[rows]
        for part in blocks(np.arange(len(rows)), generation_points(budget)):
            found = objectives[part][feasible[part]]
            kept, entering = merge(best, found)
            evaluations.append(evaluations[-1] + len(part))
            entered.append(found[entering])
            best = np.concatenate([best[kept], entered[-1]])
        if not weights:
            return objectives, feasible
        terms = known.terms[rows]
        usable = feasible & np.isfinite(terms).all(axis=1)
        if sizes is None and usable.any():
            sizes = scales(terms[usable])
        loss = np.full(len(rows), np.nan)
        if sizes is not None:
            loss[usable] = losses(terms[usable], weights, sizes)
        return loss[:, None], usable

    search(plan.search, space.sizes, evaluate, budget, plan.seed)
    loss = None if sizes is None else known.least(weights, sizes)
    return Searched(np.array(evaluations[1:], np.int64), tuple(entered), loss)


class _Known:
    """What a search is told of points: each is evaluated once, and those of an earlier attempt are there already."""

    def __init__(self, exploration: Exploration, weighted: tuple[str, ...], most: int) -> None:
        self._exploration = exploration
        self._weighted = weighted
        self._row_of: dict[int, int] = {}
        objectives = exploration.space.objectives
        self.objectives: Floats = np.empty((most, len(objectives)))
        self.terms: Floats = np.empty((most, len(weighted)))
        self.feasible: NDArray[np.bool_] = np.zeros(most, np.bool_)
        named = dict.fromkeys((*(each.metric for each in objectives), *weighted))
        for rows in exploration.kept([*named, "point", "reason"]):
            self._add(rows["point"], rows, rows["reason"])

    def _add(self, indices: Ints, metrics: Mapping[str, Floats], reason: NDArray[np.int16]) -> None:
        first = len(self._row_of)
        rows = slice(first, first + len(indices))
        self._row_of.update(zip(indices.tolist(), range(first, first + len(indices)), strict=True))
        self.objectives[rows] = minimised(metrics, self._exploration.space.objectives)
        for place, name in enumerate(self._weighted):
            self.terms[rows, place] = metrics[name]
        self.feasible[rows] = np.equal(reason, 0)

    def rows(self, indices: Ints, workers: Workers, advance: Callable[[int], None]) -> Ints:
        """Return the rows of points, evaluating those that are not there yet."""
        missing = np.array([index for index in indices.tolist() if index not in self._row_of], np.int64)
        for block in self._exploration.evaluated(missing, workers, advance):
            self._add(self._exploration.space.encode(block.codes), block.metrics, block.reason)
        return np.array([self._row_of[index] for index in indices.tolist()], np.int64)

    def least(self, weights: Mapping[str, float], sizes: Floats) -> Loss:
        """Return the least loss; of equal points the row is that of the first one."""
        rows = np.flatnonzero(self.feasible & np.isfinite(self.terms).all(axis=1))
        found = losses(self.terms[rows], weights, sizes)
        least = found.min()
        named = dict(zip(weights, sizes.tolist(), strict=True))
        return Loss(named, float(least), int(rows[found.argmin()]), int((found == least).sum()))
