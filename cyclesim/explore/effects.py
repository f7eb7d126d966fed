"""How much does an objective move when one key alone is changed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = Mapping[str, Array]
"""Arrays of equal length by name: of keys (numbers or text) and of objectives (float64, finite)."""
Axes = Mapping[str, Sequence[Any]]
"""Key to its values, in their order; at most 2^63 points."""
Effect = tuple[float, float, float]
"""10th, 50th and 90th percentile of how much an objective moves; NaN where nothing is known."""


def effects(points: Columns, axes: Axes, objectives: Sequence[str]) -> dict[str, list[Effect]]:
    """Return, for each key, how much each objective moves when this key alone is changed.

    Points that differ in the key alone are a group; of each group of two or more the greatest value over the least
    counts. Where an objective is not always above 0, it is 1 + (greatest - least) / median size. Points of a search
    are few groups, mostly of points that were worth looking at.
    """
    codes = {key: places(points[key], values) for key, values in axes.items()}
    number = np.zeros(len(next(iter(codes.values()))) if codes else 0, np.int64)
    strides, stride = {}, 1
    for key, values in axes.items():
        strides[key], stride = stride, stride * len(values)
        number += codes[key] * strides[key]
    found: dict[str, list[Effect]] = {}
    for key in axes:
        group = number - codes[key] * strides[key]
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        several = np.diff(starts, append=len(order)) > 1
        found[key] = [_effect(np.asarray(points[name], np.float64)[order], starts, several) for name in objectives]
    return found


def _effect(values: Array, starts: Array, several: Array) -> Effect:
    """Return the effect on an objective, whose values stand group by group."""
    if not several.any():
        return np.nan, np.nan, np.nan
    least, greatest = np.minimum.reduceat(values, starts)[several], np.maximum.reduceat(values, starts)[several]
    size = float(np.median(np.abs(values))) or 1.0
    moves = greatest / least if values.min() > 0 else 1 + (greatest - least) / size
    low, middle, high = np.quantile(moves, (0.1, 0.5, 0.9)).tolist()
    return low, middle, high


def places(column: Array, values: Sequence[Any]) -> NDArray[np.int64]:
    """Return the places of a key's values in their order."""
    known, order = np.unique(np.asarray(values), return_index=True)
    found: NDArray[np.int64] = order[np.searchsorted(known, column)]
    return found
