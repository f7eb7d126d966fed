"""Shares of a hypervolume by random samples: for many objectives, where exact volumes take too long.

Samples are drawn evenly between the best of each objective and the reference point; those that the front dominates
are kept. The share of them that other points dominate, s, has a standard error of sqrt(s (1 - s) / samples).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENOUGH = 4096
"""Samples that are enough: a share of 99 % has a standard error of 0.16 %."""
AT_ONCE, MOST_ROUNDS = 1 << 14, 16
"""Samples that are drawn at a time, and how often, as long as there are not enough; the same ones always."""
FEWER_FROM = 100_000
"""Product of rounds and points of the front from which on there are fewer rounds: each compares all pairs."""
POINTS_AT_ONCE = 64
"""Points that samples are compared with at a time: memory stays flat."""


class Samples:
    """Samples of what a front dominates, and which of them others dominate, too.

    Parameters
    ----------
    best : (k, m) float64
        The front, at least 0 in all objectives.
    reference : (m,) float64
    """

    def __init__(self, best: Floats, reference: Floats) -> None:
        rng = np.random.default_rng(0)
        best = best[np.argsort(best.sum(axis=1), kind="stable")]  # those that dominate much first
        kept = [np.empty((0, len(reference)))]
        for _ in range(max(1, min(MOST_ROUNDS, FEWER_FROM // max(1, len(best))))):
            drawn = reference * rng.random((AT_ONCE, len(reference)))
            kept.append(np.delete(drawn, _beyond(drawn, best), axis=0))
            if sum(map(len, kept)) >= ENOUGH:
                break
        self._places = np.concatenate(kept)
        self._left = self._places

    def __len__(self) -> int:
        """Return how many samples there are; with none, shares are not known."""
        return len(self._places)

    def share(self, values: Floats) -> float:
        """Return the share that these points, (n, m), and all that were told before dominate."""
        self._left = self._left[_beyond(self._left, values)]
        return 1 - len(self._left) / len(self) if len(self) else np.nan


def _beyond(places: Floats, values: Floats) -> NDArray[np.int64]:
    """Return which places no point dominates."""
    left = np.arange(len(places))
    for start in range(0, len(values), POINTS_AT_ONCE):
        some = values[start : start + POINTS_AT_ONCE]
        below = np.ones((len(left), len(some)), np.bool_)
        for place, column in zip(places[left].T, some.T, strict=True):
            below &= column[None, :] <= place[:, None]
        left = left[~below.any(axis=1)]
    return left
