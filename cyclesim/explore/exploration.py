"""Carries an exploration out: points are evaluated, kept, and the front of those so far is kept with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.frontier import Frontier
from cyclesim.explore.parts import Parts
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
    objectives : list of str
        The metrics that make it.
    reasons : (codes,) int64
        Points by the code of the reason, 0 of which are feasible.
    """

    def __init__(self, evaluator: Evaluator, table: PointTable, parts: Parts) -> None:
        self.space = evaluator.space
        self.frontier = Frontier(self.space.objectives)
        self.reasons: Ints = np.zeros(len(evaluator.reasons), np.int64)
        self._table = table
        self._parts = parts
        self.objectives = list(dict.fromkeys(each.metric for each in self.space.objectives))
        for first, rows in parts.read([*self.objectives, "reason"]):
            self._note(rows, rows["reason"], first)

    @property
    def rows(self) -> int:
        """Points so far."""
        return self._parts.rows

    @property
    def feasible(self) -> int:
        """Feasible points so far."""
        return int(self.reasons[0])

    def kept(self, names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield columns of all points so far, a chunk at a time."""
        return (rows for _, rows in self._parts.read(names))

    def _note(self, metrics: Mapping[str, Floats], reason: NDArray[np.int16], first_row: int) -> None:
        self.frontier.add(metrics, np.equal(reason, 0), first_row)
        self.reasons += np.bincount(reason, minlength=len(self.reasons))

    def take(self, block: Block) -> None:
        """Keep points."""
        self._note({name: block.metrics[name] for name in self.objectives}, block.reason, self._parts.rows)
        self._parts.append(self._table.rows(block))

    def exhaust(self, workers: Workers, advance: Callable[[int], None]) -> None:
        """Evaluate all points that are not there yet, in the order of their indices."""
        starts = range(self.rows, self.space.points, self._parts.chunk)
        tasks = (np.arange(start, min(start + self._parts.chunk, self.space.points)) for start in starts)
        for _ in self._evaluated(tasks, workers, advance):
            pass

    def evaluated(self, indices: Ints, workers: Workers, advance: Callable[[int], None]) -> Iterator[Block]:
        """Yield points (n,), a block at a time, when they are evaluated and kept."""
        return self._evaluated(blocks(indices, self._parts.chunk), workers, advance)

    def _evaluated(
        self, tasks: Iterable[Ints], workers: Workers, advance: Callable[[int], None]
    ) -> Iterator[Block]:
        for block in workers.blocks(tasks):
            self.take(block)
            advance(len(block.reason))
            yield block


def blocks(indices: Ints, size: int) -> Iterator[Ints]:
    """Yield indices, so many at a time."""
    return (indices[start : start + size] for start in range(0, len(indices), size))
