"""Reuse where a fold holds places of the window and time goes through the pixels (ws)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cyclesim.model.reuse import Curve, Floats, Ints, Stage, Window, curve


@lru_cache(maxsize=1 << 16)
def by_taps(window: Window, rows: int) -> Curve:
    """Return the words of a pass whose folds hold so many places of the window."""
    down, across, channels = window.down, window.across, window.channels
    requests, by_row, distinct, in_row, tap_rows = _folds(window, min(rows, window.depth))
    step = across.stride * channels
    # A word is read by a later tap of the row, then by one of a later row, so many cycles later. It is not moved up by
    # that, so it has to stay until the last use.
    in_rows = (np.ceil(in_row / across.stride) - 1) * (step - 1)
    between = abs(across.outputs - down.stride * across.taps * channels)
    in_columns = between * np.maximum(1, np.ceil(tap_rows / down.stride) - 1)
    stages = []
    sharing = by_row < requests
    if sharing.any():
        entering = (in_rows * by_row / window.pixels)[sharing]
        stages.append(Stage(0.8 * max(1, entering.min()), 1.15 * max(1, entering.max()), by_row.sum()))
    sharing = distinct < by_row
    if sharing.any():
        entering = (np.maximum(in_rows, in_columns) * distinct / window.pixels)[sharing]
        stages.append(Stage(0.8 * entering.min(), 1.3 * entering.max(), distinct.sum()))
    images = window.images
    if across.shares:
        # A tap reads what an earlier one of its kernel row did, folds before; each kernel row begins anew.
        begun = (rows - 1) // (across.taps * channels) + 1
        entering_rows = step * window.pixels * begun * images
        stages.append(Stage(0.8 * entering_rows, 0.97 * entering_rows, window.rows_anew))
    stages = [Stage(low, high, words * images) for low, high, words in stages]
    whole = window.tensor * images
    stages.append(Stage(0.98 * whole, whole, whole))
    return curve(window.requests * images, stages)


def _folds(window: Window, rows: int) -> tuple[Floats, ...]:
    """Return figures of each fold.

    Its requests, its words if each kernel row reads anew and if none does, all summed over its channels; and of any
    channel the most taps in a kernel row, and the kernel rows.
    """
    channels = window.channels
    first = np.arange(0, window.depth, rows)
    last = np.minimum(first + rows, window.depth) - 1
    (tap0, channel0), (tap1, channel1) = np.divmod(first, channels), np.divmod(last, channels)
    # Channels from the first on begin a tap earlier, those up to the last end a tap later.
    both = np.maximum(0, channel1 - channel0 + 1)
    neither = np.maximum(0, channel0 - channel1 - 1)
    parts = (
        (tap0, tap1, both),
        (tap0 + 1, tap1 - 1, neither),
        (tap0 + 1, tap1, channel1 + 1 - both),
        (tap0, tap1 - 1, channels - channel0 - both),
    )
    tables, across_taps = _tables(window), window.across.taps
    sums = np.zeros((5, len(first)))
    for begin, end, count in parts:
        held = (count > 0) & (begin <= end)
        if held.any():
            found = _taps(tables, across_taps, begin[held], end[held])
            sums[:3, held] += found[:3] * count[held]
            sums[3:, held] = np.maximum(sums[3:, held], found[3:])
    return tuple(sums)


class _Tables(NamedTuple):
    """Places that taps read, counted by the first and last tap of a range, both inclusive.

    across: of a row, for taps of a kernel row. ends: those of the taps from `first` on, or up to `last`, of it.
    rows: requests of rows, up to a kernel row. inner, upper, lower, both: rows that are read by a kernel row between
    the first and the last; of the others, those read by the first only, the last only, both.
    """

    across: Ints
    ends: Ints
    requests: Ints
    rows: Ints
    inner: Ints
    upper: Ints
    lower: Ints
    both: Ints


@lru_cache(maxsize=1 << 12)
def _tables(window: Window) -> _Tables:
    across, down = window.across.places, window.down.places
    width, height = len(across), len(down)
    # The last of an empty range is before its first: seen[i, j] are the places of taps i to j - 1.
    by_range = _unions(across)
    ends = (by_range[:, width][:width, None] | by_range[0, 1:][None, :]).sum(axis=2)
    inner = _unions(down)[np.minimum(np.arange(height) + 1, height)[:, None], np.arange(height)[None, :]]
    upper, lower = down[:, None] & ~inner, down[None, :] & ~inner
    return _Tables(
        across=by_range[:width, 1:].sum(axis=2),
        ends=ends,
        requests=np.concatenate([[0], np.cumsum(across.sum(axis=1))]),
        rows=np.concatenate([[0], np.cumsum(down.sum(axis=1))]),
        inner=inner.sum(axis=2),
        upper=(upper & ~lower).sum(axis=2),
        lower=(lower & ~upper).sum(axis=2),
        both=(upper & lower).sum(axis=2),
    )


def _unions(places: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which places are read by the taps from i to before j, (taps + 1, taps + 1, size)."""
    taps, size = places.shape
    found = np.zeros((taps + 1, taps + 1, size), np.bool_)
    for first in range(taps):
        found[first, first + 1 :] = np.logical_or.accumulate(places[first:], axis=0)
    return found


def _taps(tables: _Tables, width: int, first: Ints, last: Ints) -> Ints:
    """Return the same figures of one channel for the taps from `first` to `last`, inclusive, of kernel rows so wide."""
    (top, left), (bottom, right) = np.divmod(first, width), np.divmod(last, width)
    alone = top == bottom
    between = np.where(alone, 0, tables.rows[bottom] - tables.rows[top + 1])
    rows = np.diff(tables.rows)
    whole = tables.across[0, width - 1]
    upper_end = np.where(alone, right, width - 1)
    begun, ended = tables.across[left, upper_end], tables.across[0, right]
    requests = rows[top] * (tables.requests[upper_end + 1] - tables.requests[left]) + np.where(
        alone, 0, between * tables.requests[width] + rows[bottom] * tables.requests[right + 1]
    )
    by_row = rows[top] * begun + np.where(alone, 0, between * whole + rows[bottom] * ended)
    apart = (
        tables.inner[top, bottom] * whole
        + tables.upper[top, bottom] * begun
        + tables.lower[top, bottom] * ended
        + tables.both[top, bottom] * tables.ends[left, right]
    )
    longest = np.where(
        alone, right - left + 1, np.where(bottom - top > 1, width, np.maximum(width - left, right + 1))
    )
    return np.stack([requests, by_row, np.where(alone, by_row, apart), longest, bottom - top + 1])


MADE_ONCE = (by_taps, _tables)
"""What is remembered from call to call."""
