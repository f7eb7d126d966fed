"""Pareto fronts and hypervolumes as they are defined: all pairs of points, and all cells of a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

Point = Sequence[float]


def dominates(a: Point, b: Point) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def front(values: Sequence[Point]) -> list[int]:
    numbers = [i for i, point in enumerate(values) if not any(math.isnan(x) for x in point)]
    return [i for i in numbers if not any(dominates(values[j], values[i]) for j in numbers)]


def hypervolume(values: Sequence[Point], reference: Point) -> float:
    """The cells between all values of each objective that some point dominates."""
    inside = [point for point in values if all(x < limit for x, limit in zip(point, reference, strict=True))]
    edges = [sorted({limit, *(point[i] for point in inside)}) for i, limit in enumerate(reference)]
    return sum(
        math.prod(high - low for low, high in cell)
        for cell in product(*(pairwise(edge) for edge in edges))
        if any(all(x <= low for x, (low, _) in zip(point, cell, strict=True)) for point in inside)
    )
