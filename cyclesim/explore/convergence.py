"""How near a search came to the best front after each generation: the hypervolume, relative to that front's.

The best front is the exhaustive one, of all points of the space, where that is known (`reference`); otherwise it is
the front that the search ended with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.plan import EXHAUSTIVE, OWN
from cyclesim.explore.search import progress
from cyclesim.explore.searched import Searched

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]



@dataclass(frozen=True)
class Convergence:
    """The share of the best front's hypervolume, in 0 to 1, that a search had after so many evaluations, (g,) each.

    `reference` says which front that is, `front` how many points it has.
    """

    reference: str
    front: int
    evaluations: Ints
    shares: Floats

    def to_dict(self) -> dict[str, Any]:
        """Return what summary.json has of it."""
        return {
            "reference": self.reference,
            "reference_front": self.front,
            "evaluations": self.evaluations.tolist(),
            "hypervolume": self.shares.tolist(),
        }


def converged(searched: Searched, exhaustive: Floats | None, own: Floats) -> Convergence | None:
    """Return the convergence of a search, None if there is no front or its volume is not known.

    Parameters
    ----------
    searched : Searched
    exhaustive : (k, objectives) float64 or None
        The exhaustive front, if it is known, all minimised.
    own : (n, objectives) float64
        The front that the search ended with.
    """
    best = own if exhaustive is None else exhaustive
    best = best[np.isfinite(best).all(axis=1)]
    if not len(best):
        return None
    shares = progress(searched.entered, best)[1]
    if np.isnan(shares).any():
        return None
    return Convergence(OWN if exhaustive is None else EXHAUSTIVE, len(best), searched.evaluations, shares)
