"""The points that nothing beats, kept while points come: memory is that of the front and of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.goals import Objective
from cyclesim.explore.pareto import merge

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def minimised(metrics: Mapping[str, Floats], objectives: Sequence[Objective]) -> Floats:
    """Return the objectives of points as (points, objectives), all to be small; NaN where one is not known."""
    columns = [-metrics[each.metric] if each.maximised else metrics[each.metric] for each in objectives]
    return np.stack(columns, axis=1)


class Frontier:
    """Feasible points that no other one beats. Equal ones are all kept; those with an unknown objective are not.

    Parameters
    ----------
    objectives : sequence of Objective

    Attributes
    ----------
    values : (k, objectives) float64
        The front, all minimised.
    rows : (k,) int64
        Rows of its points.
    unknown : int
        Feasible points with an unknown objective.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)
        self.values: Floats = np.empty((0, len(self._objectives)))
        self.rows: Ints = np.empty(0, np.int64)
        self.unknown = 0

    def add(self, metrics: Mapping[str, Floats], feasible: NDArray[np.bool_], first_row: int) -> None:
        """Take the feasible ones of points that are rows `first_row` and on of a table."""
        places = np.flatnonzero(feasible)
        values = minimised({each.metric: metrics[each.metric][places] for each in self._objectives}, self._objectives)
        self.unknown += int(np.isnan(values).any(axis=1).sum())
        kept, entering = merge(self.values, values)
        self.values = np.concatenate([self.values[kept], values[entering]])
        self.rows = np.concatenate([self.rows[kept], first_row + places[entering]])

    @property
    def best_first(self) -> Ints:
        """Positions in the front by the first objective, ties by the next ones and then by row."""
        return np.lexsort((self.rows, *self.values.T[::-1]))
