"""Chooses what the figures of an exploration show: all points, or lines along each axis through some of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.errors import BadInput
from cyclesim.explore.exploration import Exploration
from cyclesim.explore.figures import FORMS, History, write_figures
from cyclesim.explore.pareto import share
from cyclesim.explore.parts import Rows, some_rows
from cyclesim.explore.plan import Plan
from cyclesim.explore.space import Space
from cyclesim.explore.store import FIGURES, POINTS

Ints = NDArray[np.int64]

MOST_POINTS = 300_000
"""Points that figures are drawn of; of more, those on lines along each axis through some of them."""


def draw(folder: Path, exploration: Exploration, plan: Plan, front: Ints) -> None:
    """Write the figures of a complete points.h5, given the rows on the front; none if that is empty."""
    import h5py

    place = folder / FIGURES
    place.mkdir(exist_ok=True)
    for path in place.iterdir():
        if path.suffix[1:] in FORMS:  # of an earlier exploration
            path.unlink()
    if not len(front):
        return
    space = exploration.space
    objectives = {each.metric: "max" if each.maximised else "min" for each in space.objectives}
    names = [*(axis.key for axis in space.axes), *objectives, "feasible"]
    rows = np.arange(exploration.rows)
    if len(rows) > MOST_POINTS:
        rows = _lines(space) if plan.search == "exhaustive" else rows[:: -(-len(rows) // MOST_POINTS)]
    with h5py.File(folder / POINTS, "r") as file:
        points = _columns(some_rows(file, names, rows))
        best = _columns(some_rows(file, names, front))
    feasible = points.pop("feasible")
    shown = {name: values[feasible] for name, values in points.items()}
    if not feasible.any():  # none of those that were chosen
        shown = best
    axes = {axis.key: _values(axis.column).tolist() for axis in space.axes}
    write_figures(place, shown, best, objectives, axes, _history(exploration, plan))


def _lines(space: Space) -> Ints:
    """Return rows of an exhaustive exploration: lines along each axis through random points, each row once."""
    rng = np.random.default_rng(0)
    centres = space.decode(rng.integers(space.points, size=max(1, MOST_POINTS // sum(space.sizes))))
    found = []
    for axis, size in enumerate(space.sizes):
        for code in range(size):
            moved = centres.copy()
            moved[:, axis] = code
            found.append(space.encode(moved))
    return np.unique(np.concatenate(found))


def _columns(rows: Rows) -> dict[str, NDArray[Any]]:
    return {name: _values(values) for name, values in rows.items()}


def _values(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(np.str_) if column.dtype.kind == "S" else column


def _history(exploration: Exploration, plan: Plan) -> History | None:
    """Return the hypervolume after each generation, relative to what the search found in the end."""
    fronts = [(count, values) for count, values in exploration.fronts if len(values)]
    if not fronts:
        return None
    try:
        shares = [share(values, fronts[-1][1]) for _, values in fronts]
    except BadInput:  # many objectives, and nothing that measures their volume
        return None
    return {plan.search: (np.array([count for count, _ in fronts]), np.array(shares))}
