"""The model's best points again, by the simulator, with those beside them: how many stay on the front?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.exploration import Exploration
from cyclesim.explore.space import Space

Ints = NDArray[np.int64]


def neighbourhood(space: Space, points: Ints) -> Ints:
    """Return points, by their indices, and those a step away from them on any one axis; each once, ascending."""
    codes = space.decode(points)
    found = [points]
    for axis, size in enumerate(space.sizes):
        for step in (-1, 1):
            moved = codes.copy()
            moved[:, axis] += step
            found.append(space.encode(moved[(moved[:, axis] >= 0) & (moved[:, axis] < size)]))
    return np.unique(np.concatenate(found))


def verdict(refined: Exploration, simulated: Ints, front: Ints) -> dict[str, Any]:
    """Return what the summary says of a refinement.

    Parameters
    ----------
    refined : Exploration
        Of the points by the simulator.
    simulated, front : (n,), (k,) int64
        Indices of its rows, and of the model's front.
    """
    stay = np.intersect1d(simulated[refined.frontier.rows], front)
    return {
        "simulated": len(simulated),
        "model_front": len(front),
        "stay": len(stay),
        "front": len(refined.frontier.rows),
    }
