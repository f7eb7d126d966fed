"""How well do estimates agree with the truth? Errors, ranks, choices and Pareto sets, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Relative errors of a metric over points: their sizes, and their mean with signs; `exact` is a share of points."""

    points: int
    exact: float
    mean: float
    median: float
    p95: float
    worst: float
    bias: float


def errors(estimate: Numbers, truth: Numbers, scale: Numbers | None = None) -> Errors:
    """Return the errors of estimates relative to `scale`: the truth if it is left out, and 1 where that is less."""
    relative = (estimate - truth) / np.maximum(np.abs(truth if scale is None else scale), 1)
    size = np.abs(relative)
    return Errors(
        points=len(size),
        exact=float(np.mean(estimate == truth)),
        mean=float(size.mean()),
        median=float(np.median(size)),
        p95=float(np.quantile(size, 0.95)),
        worst=float(size.max()),
        bias=float(relative.mean()),
    )


def kendall_tau(a: Numbers, b: Numbers) -> float:
    """Return Kendall's tau-b: pairs ordered alike less those ordered otherwise, ties counted as neither."""
    first, second = (np.sign(values[:, None] - values[None, :])[np.triu_indices(len(values), 1)] for values in (a, b))
    untied = np.sqrt(np.count_nonzero(first)) * np.sqrt(np.count_nonzero(second))
    return float((first * second).sum() / untied) if untied else 1.0


def spearman_rho(a: Numbers, b: Numbers) -> float:
    """Return the correlation of ranks; equal values share the mean of their ranks."""
    first, second = _ranks(a), _ranks(b)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 1.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Numbers) -> Numbers:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Numbers = (ends - (counts - 1) / 2)[place.ravel()]
    return ranks


def choice_regret(estimate: Numbers, truth: Numbers) -> float:
    """Return how much worse the design is that the estimates call best than the one that is: 0.01 is 1 %."""
    return float(truth[np.argmin(estimate)] / truth.min() - 1)


def pairs_alike(estimate: Numbers, truth: Numbers, edges: tuple[float, ...]) -> list[tuple[int, float]]:
    """Return, for pairs of designs whose true values differ by a share between edges, how many, and how many alike."""
    i, j = np.triu_indices(len(truth), 1)
    apart = np.abs(truth[i] - truth[j]) / np.minimum(truth[i], truth[j])
    alike = np.sign(estimate[i] - estimate[j]) == np.sign(truth[i] - truth[j])
    found = []
    for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
        here = (apart > low) & (apart <= high)
        found.append((int(here.sum()), float(alike[here].mean()) if here.any() else 1.0))
    return found


def pareto_set(x: Numbers, y: Numbers) -> NDArray[np.int64]:
    """Return the designs that no other one beats in both (smaller is better); equal ones are all kept."""
    order = np.lexsort((y, x))
    best, kept = np.inf, []
    last = (np.nan, np.nan)
    for place in order:
        point = (x[place], y[place])
        if y[place] < best or point == last:
            kept.append(place)
            best, last = min(best, y[place]), point
    return np.sort(np.array(kept, np.int64))


def hypervolume(x: Numbers, y: Numbers, reference: tuple[float, float]) -> float:
    """Return the area that the points of a Pareto set dominate, up to a reference point."""
    front = pareto_set(x, y)
    front = front[np.argsort(x[front], kind="stable")]
    area, above = 0.0, reference[1]
    for place in front:
        if x[place] < reference[0] and y[place] < above:
            area += (reference[0] - x[place]) * (above - y[place])
            above = y[place]
    return float(area)
