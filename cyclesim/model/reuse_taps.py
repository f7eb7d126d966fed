"""Reuse where a fold holds places of the window and time goes through the pixels (ws)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cyclesim.model.reads import FOLDS_AT_ONCE, Ints, batches, runs
from cyclesim.model.reuse import Curve, Stage, Window, curve


def by_taps(window: Window, sides: Sequence[int]) -> list[Curve]:
    """Return the words of a pass whose folds hold as many places of the window as each of these sides."""
    held = [min(side, window.depth) for side in sides]
    return [_curve(window, *one) for one in zip(sides, *_shared(window, held), strict=True)]


def _curve(window: Window, rows: int, in_rows: _Shared, in_columns: _Shared) -> Curve:
    across, channels = window.across, window.channels
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


def _shared(window: Window, sides: Sequence[int]) -> tuple[list[_Shared], list[_Shared]]:
    """Return the reuse inside folds of so many places: by taps of a kernel row, and by rows of taps, too."""
    down, across, channels = window.down, window.across, window.channels
    # A word is read by a later tap of the row, then by one of a later row, so many cycles later. It is not moved up by
    # that, so it has to stay until the last use.
    a_tap = abs(across.anew * channels - across.apart)
    a_row = abs(down.apart * across.outputs - down.anew * across.taps * channels)
    words, most = np.zeros((2, len(sides))), np.zeros((2, len(sides)))
    closest = np.full((2, len(sides)), -np.inf)  # of the least, the negative
    for batch in batches(sides, lambda rows: _places(window, rows)):
        requests, by_row, distinct, in_row, tap_rows = _folds(window, batch.side, batch.number)
        in_rows = (np.ceil(in_row / across.anew) - 1) * a_tap
        in_columns = np.maximum(in_rows, a_row * np.maximum(1, np.ceil(tap_rows / down.anew) - 1))
        for kind, (cycles, with_it, without) in enumerate(
            ((in_rows, by_row, requests), (in_columns, distinct, by_row))
        ):
            entering, shares = cycles * with_it / window.pixels, with_it < without
            batch.add(words[kind], with_it)
            batch.raise_to(most[kind], np.where(shares, entering, 0))
            batch.raise_to(closest[kind], np.where(shares, -entering, -np.inf))
    by_rows, by_columns = (
        [_Shared(*figures) for figures in zip(*columns, strict=True)]
        for columns in zip(words.tolist(), (-closest).tolist(), most.tolist(), strict=True)
    )
    return by_rows, by_columns


def _places(window: Window, rows: int) -> Iterator[tuple[Ints, Ints]]:
    """Return the places of the window with which folds of so many begin, some at a time, and that each is one."""
    for start in range(0, window.depth, FOLDS_AT_ONCE * rows):
        first = np.arange(start, min(start + FOLDS_AT_ONCE * rows, window.depth), rows)
        yield first, np.ones_like(first)


def _folds(window: Window, rows: Ints | int, first: Ints) -> tuple[Ints, ...]:
    """Return figures of the folds that begin with these places of the window and hold so many.

    Their requests, their words if each kernel row reads anew and if none does, all summed over channels; and of any
    channel the most taps in a kernel row, and the kernel rows.
    """
    channels = window.channels
    last = np.minimum(first + rows, window.depth) - 1
    (tap0, channel0), (tap1, channel1) = np.divmod(first, channels), np.divmod(last, channels)
    # Channels from the first on begin a tap earlier, those up to the last end a tap later.
    both = np.maximum(0, channel1 - channel0 + 1)
    neither = np.maximum(0, channel0 - channel1 - 1)
    begin = np.stack([tap0, tap0 + 1, tap0 + 1, tap0])
    end = np.stack([tap1, tap1 - 1, tap1, tap1 - 1])
    count = np.stack([both, neither, channel1 + 1 - both, channels - channel0 - both])
    held = (count > 0) & (begin <= end)
    found = np.zeros((5, *held.shape), np.int64)
    found[:, held] = _taps(window, begin[held], end[held])
    return (*(found[:3] * count).sum(axis=1), *found[3:].max(axis=1))


def _taps(window: Window, first: Ints, last: Ints) -> Ints:
    """Return the same figures of one channel for the taps from `first` to `last`, inclusive."""
    found, width = runs(window.down.by_tap, window.across.by_tap, first, last), window.across.taps
    (top, left), (bottom, right) = np.divmod(first, width), np.divmod(last, width)
    longest = np.where(
        top == bottom, right - left + 1, np.where(bottom - top > 1, width, np.maximum(width - left, right + 1))
    )
    return np.stack([found.requests, found.by_row, found.distinct, longest, bottom - top + 1])
