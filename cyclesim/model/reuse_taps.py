"""Reuse where a fold holds places of the window and time goes through the pixels (ws)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cyclesim.model.reads import FOLDS_AT_ONCE, Ints, runs
from cyclesim.model.reuse import Curve, Floats, Stage, Window, curve


@lru_cache(maxsize=1 << 16)
def by_taps(window: Window, rows: int) -> Curve:
    """Return the words of a pass whose folds hold so many places of the window."""
    across, channels = window.across, window.channels
    in_rows, in_columns = _shared(window, min(rows, window.depth))
    step = across.anew * channels
    stages = []
    if in_rows.least < np.inf:
        stages.append(Stage(0.8 * max(1, in_rows.least), 1.15 * max(1, in_rows.most), in_rows.words))
    if in_columns.least < np.inf:
        stages.append(Stage(0.8 * in_columns.least, 1.3 * in_columns.most, in_columns.words))
    images = window.images
    if across.shares:
        # A tap reads what an earlier one of its kernel row did, folds before; each kernel row begins anew.
        begun = (rows - 1) // (across.taps * channels) + 1
        entering_rows = step * window.requests / window.depth * begun * images
        stages.append(Stage(0.8 * entering_rows, 0.97 * entering_rows, window.rows_anew))
    stages = [Stage(low, high, words * images) for low, high, words in stages]
    whole = window.tensor * images
    stages.append(Stage(0.98 * whole, whole, whole))
    return curve(window.requests * images, stages)


def first_of_taps(window: Window, rows: int) -> int:
    """Return the distinct words that the first fold of so many places asks for."""
    distinct = _folds(window, min(rows, window.depth), np.zeros(1, np.int64))[2]
    return int(distinct[0]) * window.images


class _Shared(NamedTuple):
    """Reuse of one kind inside folds: words of all folds with it, and the least and the most that enter meanwhile.

    The least is infinite if no fold has it.
    """

    words: float
    least: float
    most: float


def _shared(window: Window, rows: int) -> tuple[_Shared, _Shared]:
    """Return the reuse inside folds of so many places: by taps of a kernel row, and by rows of taps, too."""
    down, across, channels = window.down, window.across, window.channels
    # A word is read by a later tap of the row, then by one of a later row, so many cycles later. It is not moved up by
    # that, so it has to stay until the last use.
    a_tap = abs(across.anew * channels - across.apart)
    a_row = abs(down.apart * across.outputs - down.anew * across.taps * channels)
    words, least, most = np.zeros(2), np.full(2, np.inf), np.zeros(2)
    for start in range(0, -(-window.depth // rows), FOLDS_AT_ONCE):
        places = np.arange(start * rows, min((start + FOLDS_AT_ONCE) * rows, window.depth), rows)
        requests, by_row, distinct, in_row, tap_rows = _folds(window, rows, places)
        in_rows = (np.ceil(in_row / across.anew) - 1) * a_tap
        in_columns = np.maximum(in_rows, a_row * np.maximum(1, np.ceil(tap_rows / down.anew) - 1))
        for kind, (cycles, with_it, without) in enumerate(
            ((in_rows, by_row, requests), (in_columns, distinct, by_row))
        ):
            entering = (cycles * with_it / window.pixels)[with_it < without]
            words[kind] += with_it.sum()
            least[kind] = min(least[kind], entering.min(initial=np.inf))
            most[kind] = max(most[kind], entering.max(initial=0))
    return _Shared(words[0], least[0], most[0]), _Shared(words[1], least[1], most[1])


def _folds(window: Window, rows: int, first: Ints) -> tuple[Floats, ...]:
    """Return figures of the folds that begin with these places of the window.

    Their requests, their words if each kernel row reads anew and if none does, all summed over channels; and of any
    channel the most taps in a kernel row, and the kernel rows.
    """
    channels = window.channels
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
        if held.any():
            found = _taps(window, begin[held], end[held])
            sums[:3, held] += found[:3] * count[held]
            sums[3:, held] = np.maximum(sums[3:, held], found[3:])
    return tuple(sums)


def _taps(window: Window, first: Ints, last: Ints) -> Ints:
    """Return the same figures of one channel for the taps from `first` to `last`, inclusive."""
    found, width = runs(window.down.by_tap, window.across.by_tap, first, last), window.across.taps
    (top, left), (bottom, right) = np.divmod(first, width), np.divmod(last, width)
    longest = np.where(
        top == bottom, right - left + 1, np.where(bottom - top > 1, width, np.maximum(width - left, right + 1))
    )
    return np.stack([found.requests, found.by_row, found.distinct, longest, bottom - top + 1])


MADE_ONCE = (by_taps,)
"""What is remembered from call to call."""
