"""Partial sums that the ofmap scratchpad loses between two row folds (docs/analytical-model.md, "DRAM words")."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cyclesim.model.folds import FoldTable
from cyclesim.model.tables import Ints, LayerTable, MachineTable, Places

ROOM_TO_SETTLE = 12
"""Where losses cannot stay as rare as at first, this part of a fold's words must be to spare for each rarer state."""


@dataclass(frozen=True)
class SpillTable:
    """Partial sums that a scratchpad loses, in column folds of one width, (layers, machines) int64 each.

    Of the row folds of a group's `col_folds` that are `used_cols` wide, `times` find so many `words` gone.
    """

    used_cols: Ints
    col_folds: Ints
    times: Ints
    words: Ints


def spill_tables(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> tuple[SpillTable, ...]:
    """Return the spills of the column folds but the last, and of the last, which may be narrower; none for os."""
    if not machines.stationary:
        return ()
    alone = (folds.col_folds == 1) & (layers.groups == 1)
    others = folds.col_folds - 1
    return (
        _spills(machines, folds, folds.used_cols, others, np.minimum(others, 1), alone),
        _spills(machines, folds, folds.last_cols, np.ones_like(others), np.zeros_like(others), alone),
    )


def _spills(
    machines: MachineTable, folds: FoldTable, used_cols: Ints, col_folds: Ints, begins: Ints, alone: NDArray[np.bool_]
) -> SpillTable:
    """Return the spills of column folds of some width: a layer `begins` with so many of them, or one is `alone`.

    A word is gone if A or more have entered after it. Residency is judged at the start of a cycle: if less than a
    cycle's words are too many, few go, about two for each, or three.
    """
    words = folds.steps * used_cols
    times, gone = np.zeros_like(words), np.zeros_like(words)
    places = Places.where((words > machines.psum_active) & (folds.row_folds > 1) & (col_folds > 0))
    if places.any:  # on few machines
        held = (folds.steps, used_cols, folds.step, folds.row_folds, machines.psum_active, col_folds)
        steps, cols, step, row_folds, active, columns = places.of(*held)
        wave = _Trapezoid(steps, cols)
        too_many = wave.words - active
        first = 1 + wave.longest(active) // step
        few = too_many < wave.level
        some = np.where(2 * too_many > wave.level, 3, 2) * too_many
        places.put(gone, np.where(few, np.minimum(wave.words, some), wave.words))
        places.put(times, columns * np.maximum(0, row_folds - first))
        rare = (first > 1) & ~few
        overlapped = Places(places.flat[rare], places.wide)
        if overlapped.any:  # on fewer
            overlapped.put(times, _often(first[rare], *overlapped.of(*held, begins, alone)))
    return SpillTable(used_cols, col_folds, times, gone)


def _often(
    first: Ints,
    steps: Ints,
    cols: Ints,
    step: Ints,
    row_folds: Ints,
    active: Ints,
    col_folds: Ints,
    begins: Ints,
    alone: NDArray[np.bool_],
) -> Ints:
    """Return how many row folds find all of their words gone, where folds begin before earlier ones have ended.

    The `first` that does is the one behind which A words of fold 0 have entered. Folds that find all words enter none,
    so it may go on like that, as long as those that enter do not press out what the folds in between are to find; else
    losses come more often, down to every fold. Where they do not divide the row folds of a column fold, two come closer
    together at its end, and from then on all do.
    """
    wave = _Trapezoid(steps, cols)
    apart = np.minimum(np.minimum(first, row_folds), np.maximum(1, wave.words // (wave.words - active)))
    for _ in range(2):  # the mean rate of entering, above, is seldom off by more
        spare = np.where(apart < first, wave.words // ROOM_TO_SETTLE, 0)
        apart = apart - ((apart > 1) & (wave.most((apart - 1) * step, apart * step) > active - spare))
    one = np.where(first < row_folds, (row_folds - 1 - first) // apart + 1, 0)
    never = (first >= row_folds) & (wave.most((row_folds - 1) * step, row_folds * step) <= active)
    then = np.where(row_folds % apart == 0, apart, np.where(apart > 2, apart - 1, 1))
    several = begins * ((row_folds - 1) // apart) + (col_folds - begins) * ((row_folds - 1) // then)
    times: Ints = np.where(alone, one, np.where(never, 0, several))
    return times


@dataclass(frozen=True)
class _Trapezoid:
    """Results of a fold as they are delivered: `steps` from each of `cols` ports, each a cycle behind its neighbour."""

    steps: Ints
    cols: Ints

    @cached_property
    def words(self) -> Ints:
        """Results of a fold."""
        return self.steps * self.cols

    @cached_property
    def level(self) -> Ints:
        """The most of a cycle."""
        return np.minimum(self.steps, self.cols)

    def busiest(self, length: Ints) -> Ints:
        """Return the most results of so many cycles in a row."""
        outside = np.maximum(0, self.steps + self.cols - 1 - length)
        less = outside // 2
        more = outside - less
        fewer = self.words - (less * (less + 1) + more * (more + 1)) // 2
        return np.where(more < self.level, fewer, length * self.level)

    def longest(self, active: Ints) -> Ints:
        """Return the most cycles in a row that never have more than `active` results, if a fold has more."""
        outside = np.sqrt(4 * (self.words - active) - 1).astype(np.int64)  # `busiest` solved; no square is 4n - 1
        within = self.steps + self.cols - 1 - outside
        cycles: Ints = np.where(outside - outside // 2 < self.level, within, active // self.level)
        return cycles

    def most(self, length: Ints, period: Ints) -> Ints:
        """Return the most results of `length` cycles in a row, at most `period`, if such a fold begins every `period`.

        A fold is ports on for `steps` each, seen for a window: whole periods of either are the same in any window.
        """
        long: Ints = np.maximum(self.steps, self.cols)
        short = self.level
        always = long // period * short + short // period * (long % period)
        rest, other = long % period, short % period
        left, low = np.maximum(rest, other), np.minimum(rest, other)
        apart = _Trapezoid(left, low).busiest(length)
        # What is left of two folds touches: `low` in every cycle, but for gaps that are one, too.
        gaps = _Trapezoid(period - left, low)
        touching = low * length - gaps.words + gaps.busiest(period - length)
        most: Ints = np.where(left + low - 1 <= period, apart, touching)
        return always * length + most
