"""Reuse where a fold holds pixels and time goes through the window (os, is)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd
from typing import NamedTuple

import numpy as np

from cyclesim.model.reads import FOLDS_AT_ONCE, Ints, Runs, batches, runs
from cyclesim.model.reuse import Curve, MadeOnce, Stage, Window, curve

FEW_WORDS = 16
"""Words of a step of the kernel below which an array's rows hold several steps."""


def by_pixels(window: Window, sides: Sequence[int], skewed: bool) -> list[Curve]:
    """Return the words of a pass whose folds hold as many pixels as each of these sides, if there are so many.

    If `skewed` each pixel goes through the window a cycle behind the one before (os), else all at once (is).
    """
    every = [min(side, window.pixels) for side in sides]
    rows = _kept_rows(window)
    return [_curve(window, *one, rows, skewed) for one in zip(every, _totals(window, every), strict=True)]


def _curve(window: Window, pixels: int, folds: _Totals, rows: _KeptRows | None, skewed: bool) -> Curve:
    down, across, channels = window.down, window.across, window.channels
    steps = window.depth
    step = across.anew * channels
    stages = []
    first = 1.0
    if across.shares:
        if skewed:
            cycles = across.shares * abs(step - across.apart)
            first = _most_within(min(pixels, steps), step, cycles, across.taps * channels)
        else:
            first = float(pixels * step)
        # Blocks of K are loaded last row first: in blocks of several steps it is up to twice as far.
        far = not skewed and step < FEW_WORDS < steps // 4
        low, high = (1.1, 2.0) if far else (0.8, 1.0)
        stages.append(Stage(low * first, high * first + 1, folds.by_row))
    else:
        stages.append(Stage(0, 1, folds.by_row))
    if pixels > across.outputs and down.shares:
        stages.append(_between_rows(window, pixels, skewed, folds))
    elif pixels < across.outputs:
        # What a fold shares with the next it asks for last; folds of few pixels share with several.
        words = folds.largest - max(0, folds.kernel_row - pixels * step)
        until_last = max(words, -(-across.shares * across.apart // pixels) * pixels * step)
        stages.append(Stage(0.9 * until_last, until_last, min(window.rows_anew, folds.distinct)))
    stages += _later_rows(window, pixels, rows, skewed)
    stages = [Stage(max(low, 0.8 * first), max(high, first), words * window.images) for low, high, words in stages]
    return curve(window.requests * window.images, stages)


class _KeptRows(NamedTuple):
    """Rows of the ifmap that have to stay for later rows of pixels to find them, whatever the array.

    `some` are, for those of fewer rows of pixels than share: the pixels between, and the rows' and the pass's words.
    `every` are the words of all that share, `a_row` those that a row of pixels brings.
    """

    some: list[tuple[int, int, int]]
    every: float
    a_row: int


def _kept_rows(window: Window) -> _KeptRows | None:
    """Return the rows that a window's later rows of pixels share with earlier ones, None if they share none."""
    down, across = window.down, window.across
    if not down.shares:
        return None
    # Rows of the ifmap that the first rows of pixels bring, before any finds what another brought; some for once only.
    inside = down.by_output.inside[: down.apart]
    once = max(0, down.by_output.ahead + down.pad // -down.dilation)
    uses = (down.taps - 1 - np.arange(down.anew)) // down.by_output.ahead + 1
    some = []
    for kept in range(1, down.shares):
        behind = kept * down.apart
        rows = max(behind * int((-(-uses // (1 + kept))).sum()), int(inside.sum()) - once)
        words = int((-(-down.uses // (1 + kept))).sum()) * window.row
        some.append((behind * across.outputs, rows * window.row, words))
    steady = down.shares * down.apart * down.anew
    begun = int(inside.sum() - inside[0]) + 1 + (down.shares - 1) * down.apart * down.anew
    return _KeptRows(some, float(max(steady, begun) * window.row), down.anew * window.row)


def _later_rows(window: Window, pixels: int, rows: _KeptRows | None, skewed: bool) -> list[Stage]:
    """Return the reuse by later rows of pixels: by some of those that share, and by all of them."""
    if rows is None:
        return [Stage(0.5 * window.row, window.row, window.tensor)]
    fold = window.down.anew * window.across.anew * window.channels * pixels
    # Those of less than a fold's pixels are in the fold itself.
    stages = [Stage(0.9 * kept, kept + 0.3 * fold, words) for between, kept, words in rows.some if between >= pixels]
    near, far = rows.every + 0.2 * rows.a_row, rows.every + 0.7 * rows.a_row
    if pixels > window.across.outputs:
        late = window.depth / (window.depth + pixels) if skewed else 1.0
        near, far = rows.every, max(1.15 * rows.every, fold * late)
    return [*stages, Stage(near, far, window.tensor)]


def _between_rows(window: Window, pixels: int, skewed: bool, folds: _Totals) -> Stage:
    """Return the reuse by rows of pixels of a fold: a word is asked for again so many kernel rows later."""
    down = window.down
    most = down.anew * folds.kernel_row
    if not skewed:
        return Stage(0.85 * most, most, folds.distinct)
    # A row of pixels is behind the one before, by as many cycles as it has pixels.
    cycles = abs(down.anew * window.across.taps * window.channels - down.apart * window.across.outputs)
    entered = cycles * folds.largest_by_row / (window.depth + pixels - 1)
    return Stage(min(entered, 0.85 * most), min(1.6 * entered, most), folds.distinct)


def _most_within(pixels: int, words: int, cycles: int, period: int) -> float:
    """Return the most words that enter within some cycles.

    Pixels are a cycle behind one another, and each takes a word a cycle for `words` cycles of every period.
    """
    if pixels >= period:
        return cycles * words * pixels / period
    outside = max(0, words + pixels - 1 - cycles)
    low, high = outside // 2, outside - outside // 2
    flat = min(words, pixels)
    return pixels * words - (low * (low + 1) + high * (high + 1)) / 2 if high < flat else cycles * flat


def first_of_pixels(window: Window, pixels: int) -> int:
    """Return the distinct words that the first fold of so many pixels asks for."""
    found = _folds(window, min(pixels, window.pixels), np.zeros(1, np.int64))
    return int(found.distinct[0]) * window.channels


class _Totals(NamedTuple):
    """Distinct words of all folds, if each kernel row reads anew and if none does; the most of a fold, a kernel row."""

    by_row: int
    distinct: int
    largest_by_row: int
    largest: int
    kernel_row: int


def _count(window: Window, sides: Sequence[int]) -> list[_Totals]:
    sums, most = np.zeros((2, len(sides)), np.int64), np.zeros((3, len(sides)), np.int64)
    for batch in batches(sides, lambda pixels: _alike(window, pixels)):
        found = _folds(window, batch.side, batch.number)
        for total, values in zip(sums, (found.by_row, found.distinct), strict=True):
            batch.add(total, values)
        for largest, values in zip(most, (found.by_row, found.distinct, found.across), strict=True):
            batch.raise_to(largest, values)
    return [_Totals(*figures) for figures in (window.channels * np.concatenate([sums, most])).T.tolist()]


_totals = MadeOnce(_count)


def _alike(window: Window, pixels: int) -> Iterator[tuple[Ints, Ints]]:
    """Return numbers of folds that differ, and how many there are of each, some at a time.

    Full folds that touch no border are alike if they begin in the same column, which comes back after so many folds.
    """
    down, width = window.down, window.across.outputs
    folds = -(-window.pixels // pixels)
    lowest, highest = -(-down.pad // down.stride), (down.size + down.pad - down.reach) // down.stride
    begin = min(folds, -(-lowest * width // pixels))
    end = max(begin, min((highest + 1) * width, window.pixels) // pixels)
    differ = min(end - begin, width // gcd(width, pixels))
    for start in range(0, folds - (end - begin) + differ, FOLDS_AT_ONCE):
        place = np.arange(start, min(start + FOLDS_AT_ONCE, folds - (end - begin) + differ))
        inside = (place >= begin) & (place < begin + differ)
        times = (end - begin) // max(1, differ) + (place - begin < (end - begin) % max(1, differ))
        yield np.where(place < begin + differ, place, place + end - begin - differ), np.where(inside, times, 1)


def _folds(window: Window, pixels: Ints | int, numbers: Ints) -> Runs:
    """Return what the folds with these numbers read, in a channel, each of so many pixels."""
    last = np.minimum((numbers + 1) * pixels, window.pixels) - 1
    return runs(window.down.by_output, window.across.by_output, numbers * pixels, last)


def forget() -> None:
    """Forget what was counted."""
    _totals.forget()
