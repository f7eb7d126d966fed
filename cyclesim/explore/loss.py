"""One number for how far a point is from what is wanted: the weighted sum that a genetic search makes small.

The loss of a point is the sum over metrics of weight x metric / scale. A scale is the usual size of its metric: the
median of its absolute values, zeros left out, over the feasible points of the first generation that has any. So weights
say what matters how much, whatever the units; a metric with a weight below 0 is wanted large.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def scales(metrics: Floats) -> Floats:
    """Return the usual size of metrics, (m,), given some points (n, m), finite and n >= 1; 1 where all are zero."""
    sizes = np.abs(metrics)
    found: Floats = np.array([np.median(column[column > 0]) if column.any() else 1.0 for column in sizes.T])
    return found


def losses(metrics: Floats, weights: Mapping[str, float], sizes: Floats) -> Floats:
    """Return the loss of points, (n,), from the metrics that have weights, (n, m), in the order of these."""
    total = np.zeros(len(metrics))
    for column, weight, size in zip(metrics.T, weights.values(), sizes.tolist(), strict=True):
        total = total + weight * (column / size)
    return total
