"""Reuse where a fold holds places of the window and time goes through the pixels (ws)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cyclesim.model.reuse import Curve, Floats, Ints, Stage, Window, curve


class Taps(NamedTuple):
    """Some taps of the kernel that follow one another, in one channel of one image.

    `requests`, the words if each row of them reads anew and if none does, the most taps in a row, and the rows.
    """

    requests: int
    by_row: int
    distinct: int
    in_row: int
    rows: int


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
    """Return the figures of `Taps` for each fold, over its channels: sums, but the most taps in a row and rows."""
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
    sums = np.zeros((5, len(first)))
    for begin, end, count in parts:
        held = (count > 0) & (begin <= end)
        keys, which = np.unique(np.stack([begin, end])[:, held], axis=1, return_inverse=True)
        if keys.size == 0:
            continue
        found = np.array([_taps(window, int(a), int(b)) for a, b in keys.T], np.float64).T[:, which.ravel()]
        sums[:3, held] += found[:3] * count[held]
        sums[3:, held] = np.maximum(sums[3:, held], found[3:])
    return tuple(sums)


@lru_cache(maxsize=1 << 16)
def _taps(window: Window, first: int, last: int) -> Taps:
    """Return the figures of the taps from `first` to `last`, inclusive."""
    down, across = window.down.places, window.across.places
    width = window.across.taps
    (top, left), (bottom, right) = divmod(first, width), divmod(last, width)
    parts = [
        across[left if row == top else 0 : (right if row == bottom else width - 1) + 1]
        for row in range(top, bottom + 1)
    ]
    columns = [part.any(axis=0) for part in parts]
    heights: Ints = down[top : bottom + 1].sum(axis=1)
    inner = down[top + 1 : bottom].any(axis=0)
    distinct = int(inner.sum()) * int(columns[1].sum()) if bottom - top > 1 else 0
    above, below = down[top] & ~inner, (down[bottom] & ~inner if bottom > top else np.zeros_like(inner))
    for held, place in (
        (above & ~below, columns[0]), (below & ~above, columns[-1]), (above & below, columns[0] | columns[-1])
    ):  # fmt: skip
        distinct += int(held.sum()) * int(place.sum())
    return Taps(
        requests=sum(int(height) * int(part.sum()) for height, part in zip(heights, parts, strict=True)),
        by_row=sum(int(height) * int(column.sum()) for height, column in zip(heights, columns, strict=True)),
        distinct=distinct,
        in_row=max(len(part) for part in parts),
        rows=bottom - top + 1,
    )
