"""Reuse where a fold holds pixels and time goes through the window (os, is)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cyclesim.model.reuse import Axis, Curve, Ints, Stage, Window, curve

FEW_WORDS = 16
"""Words of a step of the kernel below which an array's rows hold several steps."""


@lru_cache(maxsize=1 << 16)
def by_pixels(window: Window, pixels: int, skewed: bool) -> Curve:
    """Return the words of a pass whose folds hold so many pixels.

    If `skewed` each pixel goes through the window a cycle behind the one before (os), else all at once (is).
    """
    pixels = min(pixels, window.pixels)
    down, across, channels = window.down, window.across, window.channels
    steps = window.depth
    folds = _totals(window, pixels)
    step = across.stride * channels
    stages = []
    first = 1.0
    if across.shares:
        if skewed:
            first = _most_within(min(pixels, steps), step, across.shares * (step - 1), across.taps * channels)
        else:
            first = float(pixels * step)
        # Blocks of K are loaded last row first: in blocks of several steps it is up to twice as far.
        far = not skewed and step < FEW_WORDS < steps // 4
        low, high = (1.1, 2.0) if far else (0.8, 1.0)
        stages.append(Stage(low * first, high * first + 1, folds.by_row))
    else:
        stages.append(Stage(0, 1, folds.by_row))
    a_row = down.stride * window.row
    if pixels > across.outputs:
        if down.shares:
            stages.append(_between_rows(window, pixels, skewed, folds))
        fold = down.stride * step * pixels * (steps / (steps + pixels) if skewed else 1.0)
        near, far_off = float(down.shares * a_row), max(1.15 * down.shares * a_row, fold)
    else:
        if pixels < across.outputs:
            stages.append(Stage(0.8 * folds.largest, folds.largest, min(window.rows_anew, folds.distinct)))
        for kept in range(1, down.shares):
            words = int((-(-down.uses // (1 + kept))).sum()) * window.row
            entering = words / len(down.uses) * down.stride
            stages.append(Stage(0.9 * kept * entering, kept * entering + 0.3 * down.stride * step * pixels, words))
        near, far_off = (down.shares + 0.2) * a_row, (down.shares + 0.7) * a_row
    if not down.shares:
        near, far_off = 0.5 * window.row, float(window.row)
    stages.append(Stage(near, far_off, window.tensor))
    stages = [
        Stage(max(low, 0.8 * first), max(high, first), words * window.images) for low, high, words in stages
    ]
    return curve(window.requests * window.images, stages)


def _between_rows(window: Window, pixels: int, skewed: bool, folds: _Totals) -> Stage:
    """Return the reuse by rows of pixels of a fold: a word is asked for again so many kernel rows later."""
    most = window.down.stride * folds.kernel_row
    if not skewed:
        return Stage(0.85 * most, most, folds.distinct)
    # A row of pixels is behind the one before, by as many cycles as it has pixels.
    cycles = abs(window.down.stride * window.across.taps * window.channels - window.across.outputs)
    entered = cycles * folds.largest_by_row / (window.depth + pixels - 1)
    return Stage(min(entered, 0.85 * most), min(1.6 * entered, most), folds.distinct)


def _most_within(pixels: int, words: int, cycles: int, period: int) -> float:
    """Return the most words that enter within some cycles.

    Pixels are a cycle behind one another, and each takes a word a cycle for `words` cycles of every period.
    """
    cycles = max(cycles, 1)
    if pixels >= period:
        return cycles * words * pixels / period
    outside = max(0, words + pixels - 1 - cycles)
    low, high = outside // 2, outside - outside // 2
    flat = min(words, pixels)
    return pixels * words - (low * (low + 1) + high * (high + 1)) / 2 if high < flat else cycles * flat


class _Totals(NamedTuple):
    """Distinct words of all folds, if each kernel row reads anew and if none does; the most of a fold, a kernel row."""

    by_row: int
    distinct: int
    largest_by_row: int
    largest: int
    kernel_row: int


@lru_cache(maxsize=1 << 16)
def _totals(window: Window, pixels: int) -> _Totals:
    by_row, distinct, kernel_row = _distinct(window, pixels)
    return _Totals(int(by_row.sum()), int(distinct.sum()), int(by_row.max()), int(distinct.max()), kernel_row)


def _distinct(window: Window, pixels: int) -> tuple[Ints, Ints, int]:
    """Return the distinct words of each fold: if each kernel row reads anew, and if none does; and of a kernel row."""
    down, across = window.down, window.across
    width = across.outputs
    starts = np.arange(0, window.pixels, pixels)
    ends = np.minimum(starts + pixels, window.pixels) - 1
    (top, left), (bottom, right) = np.divmod(starts, width), np.divmod(ends, width)
    # Folds that touch no border are alike if they begin in the same column: they are worked out once.
    lowest, highest = -(-down.pad // down.stride), (down.size + down.pad - down.reach) // down.stride
    moved = np.where((top >= lowest) & (bottom <= highest), top - lowest, 0)
    keys = ((top - moved) * width + left) * window.pixels + (bottom - moved) * width + right
    _, chosen, which = np.unique(keys, return_index=True, return_inverse=True)
    top, left, bottom, right = (top - moved)[chosen], left[chosen], (bottom - moved)[chosen], right[chosen]
    rows = top[:, None] + np.arange(int((bottom - top).max()) + 1)
    begin = np.where(rows == top[:, None], left[:, None], 0)
    end = np.where(rows == bottom[:, None], right[:, None], width - 1)
    columns = np.where(rows <= bottom[:, None], _places(across, begin, end), 0)
    inside = down.taps_inside[np.minimum(rows, down.outputs - 1)]
    by_row = (columns * inside).sum(axis=1)
    return (
        by_row[which] * window.channels,
        _areas(window, top, left, bottom, right)[which] * window.channels,
        int(columns.sum(axis=1).max()) * window.channels,
    )


def _areas(window: Window, top: Ints, left: Ints, bottom: Ints, right: Ints) -> Ints:
    """Return the places of the ifmap that folds read, from pixel (top, left) to (bottom, right), inclusive."""
    down, across = window.down, window.across
    last = np.full_like(left, across.outputs - 1)
    row = (top * down.stride - down.pad)[:, None] + np.arange(int((bottom - top).max()) * down.stride + down.reach)
    lowest = np.maximum(-(-(row + down.pad - down.reach + 1) // down.stride), top[:, None])
    highest = np.minimum((row + down.pad) // down.stride, bottom[:, None])
    whole = _places(across, np.zeros_like(left), last)[:, None]
    first, behind = _places(across, left, last)[:, None], _places(across, np.zeros_like(right), right)[:, None]
    alone = _places(across, left, right)[:, None]
    starts, ends = lowest == top[:, None], highest == bottom[:, None]
    columns = np.select(
        [(top == bottom)[:, None], highest - lowest >= 2, (lowest == highest) & starts, (lowest == highest) & ends,
         (highest - lowest == 1) & starts & ends],
        [alone, whole, first, behind, np.minimum(whole, first + behind)],
        whole,
    )  # fmt: skip
    used = (row >= 0) & (row < down.size) & (lowest <= highest)
    areas: Ints = np.where(used, columns, 0).sum(axis=1)
    return areas


def _places(axis: Axis, first: Ints, last: Ints) -> Ints:
    """Return how many places the outputs from `first` to `last`, inclusive, read."""
    if axis.stride > axis.reach:
        inside = np.concatenate([[0], np.cumsum(axis.taps_inside)])
        apart: Ints = inside[last + 1] - inside[first]
        return apart
    ends = np.clip(last * axis.stride - axis.pad + axis.reach, 0, axis.size)
    touching: Ints = ends - np.clip(first * axis.stride - axis.pad, 0, axis.size)
    return touching


MADE_ONCE = (by_pixels, _totals)
"""What is remembered from call to call."""
