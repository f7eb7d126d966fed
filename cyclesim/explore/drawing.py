"""Chooses what the figures of an exploration show: all points, or lines along each axis through some of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.convergence import Convergence
from cyclesim.explore.exploration import Exploration
from cyclesim.explore.figures import FORMS, write_figures
from cyclesim.explore.metrics import METRICS
from cyclesim.explore.parts import Rows, some_rows
from cyclesim.explore.plan import Plan
from cyclesim.explore.space import Space
from cyclesim.explore.store import FIGURES, POINTS
from cyclesim.files import leftovers, remove

Ints = NDArray[np.int64]

MOST_POINTS = 300_000
"""Points that figures are drawn of; of more, those on lines along each axis through some of them."""
_METRIC = "|".join(METRICS)
_OURS = re.compile(rf"(pareto(-({_METRIC})-({_METRIC}))?(-zoom)?|keys|sensitivity|convergence)\.({'|'.join(FORMS)})")
"""Names of figures."""


def clear_leftovers(folder: Path) -> None:
    """Remove what was left of figures by an exploration that was killed while it drew them."""
    for leftover in leftovers(folder / FIGURES, _OURS.fullmatch):
        remove(leftover)


def draw(folder: Path, exploration: Exploration, plan: Plan, front: Ints, convergence: Convergence | None) -> None:
    """Write the figures of a complete points.h5, given the rows on the front; none if that is empty."""
    import h5py

    place = folder / FIGURES
    if place.is_dir():
        for path in place.iterdir():
            if _OURS.fullmatch(path.name):  # of an earlier exploration
                path.unlink()
    if not len(front):
        return
    place.mkdir(exist_ok=True)
    space = exploration.space
    objectives = {each.metric: "max" if each.maximised else "min" for each in space.objectives}
    names = [*(axis.key for axis in space.axes), *objectives, "feasible"]
    rows = np.arange(exploration.rows)
    if len(rows) > MOST_POINTS:
        rows = _lines(space) if plan.search == "exhaustive" else rows[:: -(-len(rows) // MOST_POINTS)]
    with h5py.File(folder / POINTS, "r") as file:
        points = _columns(some_rows(file, names, rows))
        best = _columns(some_rows(file, names, front))
    drawable = points.pop("feasible") & np.isfinite([points[name] for name in objectives]).all(axis=0)
    best.pop("feasible")
    shown = {name: values[drawable] for name, values in points.items()} if drawable.any() else best
    axes = {axis.key: _values(axis.column).tolist() for axis in space.axes}
    write_figures(place, shown, best, objectives, axes, convergence)


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
