"""Carries an exploration out: points are evaluated, kept, and the front of those so far is kept with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.frontier import Frontier, minimised
from cyclesim.explore.pareto import merge
from cyclesim.explore.parts import Parts
from cyclesim.explore.plan import Plan
from cyclesim.explore.table import PointTable
from cyclesim.explore.workers import Workers

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MODEL_ROWS = 1 << 14
SIMULATED_ROWS = 16
"""Points that are evaluated, stored and lost together if the exploration is interrupted."""


class Exploration:
    """Points that are evaluated, and what they come to.

    Parameters
    ----------
    evaluator : Evaluator
    table : PointTable
    parts : Parts
        Where the points are kept; those that are there already are taken up.

    Attributes
    ----------
    frontier : Frontier
        The rows that no other one beats.
    reasons : (codes,) int64
        Points by the code of the reason, 0 of which are feasible.
    fronts : list of (evaluations, values)
        The front after each generation of a search.
    """

    def __init__(self, evaluator: Evaluator, table: PointTable, parts: Parts) -> None:
        self.space = evaluator.space
        self.frontier = Frontier(self.space.objectives)
        self.reasons: Ints = np.zeros(len(evaluator.reasons), np.int64)
        self.fronts: list[tuple[int, Floats]] = []
        self._table = table
        self._parts = parts
        self._names = list(dict.fromkeys(each.metric for each in self.space.objectives))
        for first, rows in parts.read([*self._names, "reason"]):
            self._note(rows, rows["reason"], first)

    @property
    def rows(self) -> int:
        """Points so far."""
        return self._parts.rows

    def _note(self, metrics: dict[str, Floats], reason: NDArray[np.int16], first_row: int) -> None:
        self.frontier.add(metrics, np.equal(reason, 0), first_row)
        self.reasons += np.bincount(reason, minlength=len(self.reasons))

    def take(self, block: Block) -> None:
        """Keep points."""
        self._note({name: block.metrics[name] for name in self._names}, block.reason, self._parts.rows)
        self._parts.append(self._table.rows(block))

    def exhaust(self, workers: Workers, advance: Callable[[int], None]) -> None:
        """Evaluate all points that are not there yet, in the order of their indices."""
        tasks = pieces(self.rows, self.space.points, self._parts.chunk)
        for block in workers.blocks(tasks):
            self.take(block)
            advance(len(block.reason))

    def search(self, plan: Plan, workers: Workers, advance: Callable[[int], None]) -> None:
        """Evaluate the points that a search asks for; those that are there already are not evaluated again."""
        from cyclesim.explore.search import search

        known: dict[int, tuple[Floats, bool]] = {}
        for _, rows in self._parts.read([*self._names, "point", "reason"]):
            self._remember(known, rows["point"], rows, rows["reason"])

        def evaluate(codes: Ints) -> tuple[Floats, NDArray[np.bool_]]:
            indices = self.space.encode(codes)
            missing = np.array([index for index in indices.tolist() if index not in known], np.int64)
            tasks = (missing[part] for part in _cuts(len(missing), self._parts.chunk))
            for block in workers.blocks(tasks):
                self.take(block)
                self._remember(known, self.space.encode(block.codes), dict(block.metrics), block.reason)
                advance(len(block.reason))
            found = [known[index] for index in indices.tolist()]
            values = np.array([values for values, _ in found])
            feasible = np.array([feasible for _, feasible in found], np.bool_)
            self._advance_front(values[feasible], len(indices))
            return values, feasible

        budget = plan.evaluations(self.space.points)
        search(plan.search, self.space.sizes, evaluate, budget, plan.seed)

    def _advance_front(self, values: Floats, evaluated: int) -> None:
        """Note the front after a generation; one that was kept before is a generation all the same."""
        count, best = self.fronts[-1] if self.fronts else (0, np.empty((0, values.shape[1])))
        kept, entering = merge(best, values)
        self.fronts.append((count + evaluated, np.concatenate([best[kept], values[entering]])))

    def _remember(
        self, known: dict[int, tuple[Floats, bool]], indices: Ints, metrics: dict[str, Floats],
        reason: NDArray[np.int16],
    ) -> None:
        values = minimised(metrics, self.space.objectives)
        for index, row, code in zip(indices.tolist(), values, reason.tolist(), strict=True):
            known[index] = row, code == 0


def pieces(first: int, points: int, size: int) -> Iterator[Ints]:
    """Yield indices from the first one on, so many at a time."""
    for start in range(first, points, size):
        yield np.arange(start, min(start + size, points))


def _cuts(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
