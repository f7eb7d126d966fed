"""The front of all points of a space, for searches to be measured against.

Small spaces are evaluated whole by the model; an exhaustive exploration of the same points may be given for any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.errors import BadInput
from cyclesim.explore.evaluate import Evaluator
from cyclesim.explore.exploration import MODEL_ROWS, Exploration, blocks
from cyclesim.explore.frontier import Frontier
from cyclesim.explore.parts import slices
from cyclesim.explore.plan import EXHAUSTIVE, OWN, Plan
from cyclesim.explore.report import stored
from cyclesim.explore.store import POINTS
from cyclesim.explore.workers import Workers

Floats = NDArray[np.float64]

MOST_LAYER_POINTS = 1_000_000
"""Points times distinct layers up to which a space is small: the model evaluates them in some seconds."""
_SAME = {
    "version": "versions of cyclesim",
    "axes": "keys or values in [space]",
    "constraints": "constraints",
    "first_point": "machines",
    "figures_hash": "component figures",
    "networks": "networks or their weights",
    "network_hashes": "layers of networks",
    "engine": "ways to evaluate",
}
"""What two explorations of the same points have in common, and how a message calls it."""


def relative_to(evaluator: Evaluator, plan: Plan, given: bool) -> str | None:
    """Return what the convergence of an exploration is relative to, None if it is no search.

    Parameters
    ----------
    evaluator : Evaluator
    plan : Plan
    given : bool
        Whether an exhaustive exploration of the same points is given.
    """
    if plan.search == "exhaustive":
        return None
    points = evaluator.space.points
    small = plan.evaluate != "simulate" and points * len(evaluator.layers) <= MOST_LAYER_POINTS
    return EXHAUSTIVE if given or small or plan.evaluations(points) == points else OWN


def all_others(exploration: Exploration, workers: Workers, advance: Callable[[int], None]) -> Floats:
    """Return the front of all points of a space, of which some are evaluated already; nothing is kept of the others."""
    names = exploration.objectives
    frontier = Frontier(exploration.space.objectives)
    seen = np.concatenate([rows["point"] for rows in exploration.kept(["point"])] or [np.empty(0, np.int64)])
    missing = np.setdiff1d(np.arange(exploration.space.points), seen)
    for block in workers.blocks(blocks(missing, MODEL_ROWS)):
        frontier.add({name: block.metrics[name] for name in names}, block.feasible, 0)
        advance(len(block.reason))
    for rows in exploration.kept([*names, "reason"]):
        frontier.add(rows, np.equal(rows["reason"], 0), 0)
    return frontier.values


def read_front(folder: Path, inputs: Mapping[str, Any], evaluator: Evaluator) -> Floats:
    """Return the front of an exhaustive exploration of the same points, by the objectives of this space.

    Parameters
    ----------
    folder : Path
        OUT of that exploration.
    inputs : mapping
        Provenance of the exploration that is to be measured.

    Raises
    ------
    BadInput
        If there is no exhaustive exploration, or if it is one of other points.
    """
    import h5py

    def error(rule: str) -> BadInput:
        return BadInput("cyclesim", None, f"--reference: {folder} {rule}")

    path = folder / POINTS
    try:
        file = h5py.File(path, "r")
    except OSError:
        raise error(f"holds no {POINTS} of a complete exploration") from None
    with file:
        if file.attrs.get("format") != "cyclesim-points":
            raise error(f"holds no {POINTS} of a complete exploration")
        if file.attrs["search"] != "exhaustive":
            raise error(f"must hold an exhaustive exploration (got --search {file.attrs['search']})")
        different = [what for name, what in _SAME.items() if file.attrs.get(name) != stored(inputs[name])]
        if different:
            raise error(f"must hold an exploration of the same points (the {different[0]} differ)")
        objectives = evaluator.space.objectives
        missing = [each.metric for each in objectives if each.metric not in file]
        if missing:
            raise error(f"must hold the metrics of all objectives (there is no {missing[0]})")
        frontier = Frontier(objectives)
        for first, rows in slices(file, [*(each.metric for each in objectives), "feasible"]):
            frontier.add(rows, rows["feasible"], first)
    return frontier.values
