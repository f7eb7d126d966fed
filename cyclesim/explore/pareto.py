"""Which points does no other one beat, and how much of the objectives' space do they take?

All objectives are minimised. A point dominates another if it is nowhere greater and somewhere less. Hence equal
points do not dominate each other: all of them are on the front, or none. A point with a NaN is on no front and
dominates nothing; infinities are ordinary values.

The front is exact for any number of objectives. One and two take a sort. More of them work on ranks: first the points
are filtered through those with the least sums of ranks, which nothing later can dominate (sort-first skyline: Chomicki,
Godfrey, Gryz and Liang, ICDE 2003); if this leaves many that do not dominate each other, the rest is cut into blocks by
medians, and only blocks whose corners allow it are compared (as by dual trees: Gray and Moore, NIPS 2000).
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from cyclesim.errors import BadInput

Values = NDArray[np.float64]
Places = NDArray[np.int64]
Ranks = NDArray[np.int32]

SLAB = (16, 256)
"""Points through which the others are filtered at a time: at first, and at most."""
LEAST_GAIN = 0.2
"""Share of points that a slab must remove; otherwise blocks are faster."""
MANY = 4096
"""Points from which on blocks are worth it."""
POINTS_AT_ONCE = 1 << 14
"""Points that are filtered at a time: their ranks stay in the cache."""
BLOCK = 16
"""Points in a block."""
PAIRS_AT_ONCE = 1 << 12
"""Pairs of blocks that are compared at a time: memory stays flat, and tables of comparisons in the cache."""
MARGIN = 0.1
"""How far beyond the worst of the front the reference point of `share` lies, relative to the front's extent."""


def front(values: Values) -> Places:
    """Return which points are on the Pareto front.

    Parameters
    ----------
    values : (n, m) float64
        Objectives of points, all minimised; m >= 1.

    Returns
    -------
    (k,) int64
        Their places, ascending. Equal points are all on it; points with a NaN never.
    """
    values = np.asarray(values, np.float64)
    places = np.flatnonzero(~np.isnan(values).any(axis=1))
    numbers = values[places]
    objectives = numbers.shape[1]
    if len(numbers) == 0:
        return places
    if objectives == 1:
        return places[np.flatnonzero(numbers[:, 0] == numbers[:, 0].min())]
    if objectives == 2:
        return places[_of_two(numbers)]
    ranks = np.stack([_ranks(column) for column in numbers.T], axis=1)
    order = np.lexsort((*ranks.T[::-1], ranks.sum(axis=1, dtype=np.int64)))
    ranks = ranks[order]
    differs = np.r_[True, (ranks[1:] != ranks[:-1]).any(axis=1)]
    on_front = _of_distinct(ranks[differs])
    return np.sort(places[order[on_front[np.cumsum(differs) - 1]]])


def merge(kept: Values, new: Values) -> tuple[Places, Places]:
    """Return what is left of a front when points come, and which of these enter it.

    Parameters
    ----------
    kept, new : (k, m) and (n, m) float64
        Objectives of the front so far, and of new points.

    Returns
    -------
    (p,) and (q,) int64
        Places in `kept` and in `new` of the points on the front of both together, ascending.
    """
    entering = front(new)
    both = front(np.concatenate([kept, new[entering]]))
    return both[both < len(kept)], entering[both[both >= len(kept)] - len(kept)]


def _of_two(values: Values) -> NDArray[np.bool_]:
    """Return which points are on the front: the lowest of each x, if lower than all before."""
    x, y = values.T
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    starts = np.flatnonzero(np.r_[True, x[1:] != x[:-1]])
    lowest = y[starts]
    lower = np.r_[True, lowest[1:] < np.minimum.accumulate(lowest)[:-1]]
    group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(x)]))
    found = np.empty(len(x), np.bool_)
    found[order] = lower[group] & (y == lowest[group])
    return found


def _ranks(column: Values) -> Ranks:
    """Return the places of values among the distinct ones."""
    order = np.argsort(column)
    ordered = column[order]
    ranks = np.empty(len(column), np.int32)
    ranks[order] = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]])
    return ranks


def _of_distinct(ranks: Ranks) -> NDArray[np.bool_]:
    """Return which of distinct points are on the front; they are ordered by the sum of their ranks."""
    found = np.zeros(len(ranks), np.bool_)
    left = np.arange(len(ranks))
    slab_size = SLAB[0]
    while len(left):
        slab, left = left[:slab_size], left[slab_size:]
        slab = slab[_of_few(ranks[slab])]
        found[slab] = True
        before = len(left)
        left = left[~_dominated(ranks[left], ranks[slab])]
        if len(left) > MANY and len(left) > (1 - LEAST_GAIN) * before:
            found[left[_of_blocks(ranks[left])]] = True
            break
        slab_size = min(2 * slab_size, SLAB[1])
    return found


def _of_few(ranks: Ranks) -> NDArray[np.bool_]:
    """Return which of distinct points are on the front, by comparing all pairs."""
    below = np.ones((len(ranks), len(ranks)), np.bool_)
    for column in ranks.T:
        below &= column[:, None] <= column
    alone: NDArray[np.bool_] = np.count_nonzero(below, axis=0) == 1
    return alone


def _dominated(ranks: Ranks, by: Ranks) -> NDArray[np.bool_]:
    """Return which points some others dominate, of which none is equal to any."""
    found = np.zeros(len(ranks), np.bool_)
    for start in range(0, len(ranks), POINTS_AT_ONCE):
        some = slice(start, start + POINTS_AT_ONCE)
        columns = np.ascontiguousarray(ranks[some].T)
        for point in by:
            below = columns[0] >= point[0]
            for values, value in zip(columns[1:], point[1:], strict=True):
                below &= values >= value
            found[some] |= below
    return found


def _of_blocks(ranks: Ranks) -> NDArray[np.bool_]:
    """Return which of distinct points are on the front, by comparing blocks of neighbours."""
    count, objectives = ranks.shape
    levels = max(0, int(np.ceil(np.log2(count / BLOCK))))
    size = -(-count // 2**levels)
    # The last point fills the blocks: equal points do not dominate each other.
    places = np.minimum(np.arange(size << levels), count - 1)[None, :]
    for level in range(levels):
        order = np.argsort(ranks[places, level % objectives], axis=1)
        places = np.take_along_axis(places, order, axis=1).reshape(2 << level, -1)
    blocks = places.T
    columns = [np.ascontiguousarray(column[blocks]) for column in (*ranks.T, ranks.sum(axis=1, dtype=np.int64))]
    corners = [(np.stack([c.min(axis=0) for c in columns]), np.stack([c.max(axis=0) for c in columns]))]
    for _ in range(levels):
        low, high = corners[-1]
        corners.append((np.minimum(low[:, ::2], low[:, 1::2]), np.maximum(high[:, ::2], high[:, 1::2])))

    dominated = np.zeros(blocks.shape, np.bool_)
    nothing = np.zeros(1, np.int64)
    stack = [(levels, nothing, nothing)]
    while stack:
        height, first, second = stack.pop()
        if len(first) > PAIRS_AT_ONCE:
            stack += [(height, part, other) for part, other in zip(_halves(first), _halves(second), strict=True)]
            continue
        low, high = corners[height]
        possible = low[-1, first] < high[-1, second]
        for least, most in zip(low[:-1], high[:-1], strict=True):
            possible &= least[first] <= most[second]
        first, second = first[possible], second[possible]
        if height:
            left, right = 2 * first, 2 * second
            children = np.concatenate([left, left, left + 1, left + 1])
            stack.append((height - 1, children, np.concatenate([right, right + 1, right, right + 1])))
            continue
        below = columns[-1][:, None, first] < columns[-1][None, :, second]
        for column in columns[:-1]:
            below &= column[:, None, first] <= column[None, :, second]
        point, pair = np.nonzero(below.any(axis=0))
        dominated[point, second[pair]] = True
    found = np.empty(count, np.bool_)
    found[blocks] = ~dominated
    return found


def _halves(places: Places) -> tuple[Places, Places]:
    middle = len(places) // 2
    return places[:middle], places[middle:]


def hypervolume(values: Values, reference: Values) -> float:
    """Return how much of the objectives' space points dominate up to a reference point.

    One to three objectives are swept here, three of them slab by slab along the last with a staircase of the others;
    pymoo does more of them (Fonseca, Paquete and Lopez-Ibanez, CEC 2006).

    Parameters
    ----------
    values : (n, m) float64
        Objectives of points, all minimised. What does not lie below the reference in each adds nothing.
    reference : (m,) float64

    Returns
    -------
    float
        In the product of the units of all objectives.

    Raises
    ------
    BadInput
        With four objectives or more, if pymoo is not installed.
    """
    values, reference = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    inside = values[(values < reference).all(axis=1)]
    points = np.unique(inside[front(inside)], axis=0)
    if len(points) == 0:
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - points[0, 0])
    if len(reference) == 2:
        heights = np.r_[reference[1], points[:-1, 1]] - points[:, 1]
        return float(((reference[0] - points[:, 0]) * heights).sum())
    if len(reference) == 3:
        return _volume(points, reference)
    return _by_pymoo(points, reference)


def share(values: Values, best: Values) -> float:
    """Return how much of what the best front dominates some points dominate: 1 is all of it.

    Each objective is scaled to 0 at the least value of the best front and 1 at its greatest; the reference point lies
    at 1 + `MARGIN`. An objective in which that front has no extent is scaled by its size there.

    Parameters
    ----------
    values : (n, m) float64
        Objectives of the points, all minimised.
    best : (k, m) float64
        Objectives of the front that they are measured against, k >= 1 and finite.

    Raises
    ------
    BadInput
        With four objectives or more, if pymoo is not installed.
    """
    points, reference = scaled(values, best)
    return hypervolume(points, reference) / hypervolume(scaled(best, best)[0], reference)


def scaled(values: Values, best: Values) -> tuple[Values, Values]:
    """Return points in the scale of the best front, and the reference point of `share` there."""
    least, extent = best.min(axis=0), np.ptp(best, axis=0)
    extent = np.where(extent > 0, extent, np.where(least == 0, 1.0, np.abs(least)))
    return (values - least) / extent, np.full(len(least), 1 + MARGIN)


def _volume(points: Values, reference: Values) -> float:
    """Return the volume that distinct points of a front dominate."""
    points = points[np.argsort(points[:, 2], kind="stable")]
    # The staircase of what was swept, between the reference's two sides: x ascends, y descends.
    x, y = [-np.inf, float(reference[0])], [float(reference[1]), -np.inf]
    volume = area = 0.0
    depths = np.diff(np.r_[points[:, 2], reference[2]]).tolist()
    for (px, py, _), depth in zip(points.tolist(), depths, strict=True):
        first = bisect_left(x, px)
        last = first
        if y[first - 1] > py:
            # Steps from `first` to before `last` are dominated; each lies left of the next.
            left, top = px, y[first - 1]
            while y[last] >= py:
                area += (x[last] - left) * (top - py)
                left, top = x[last], y[last]
                last += 1
            area += (x[last] - left) * (top - py)
            x[first:last], y[first:last] = [px], [py]
        volume += area * depth
    return volume


def _by_pymoo(points: Values, reference: Values) -> float:
    try:
        from pymoo.indicators.hv import HV
    except ModuleNotFoundError:
        raise no_pymoo("the hypervolume of four objectives and more") from None
    return float(HV(ref_point=reference)(points))


def no_pymoo(what: str) -> BadInput:
    """Return the error that something needs pymoo, which is not installed."""
    return BadInput("cyclesim", None, f"{what} needs pymoo, which is not installed: pip install 'cyclesim[explore]'")
