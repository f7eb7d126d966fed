"""Words that cross the scratchpads' ports, exactly, and the DRAM channel, by reuse distance (docs/analytical-model.md).

A scratchpad of A active words is a first-in first-out memory: a word is still there when it is asked for again if at
most A words entered since. Streams repeat at a few distances only: a fold later, a sweep over all row folds later,
for convolutions a pixel or a row of pixels later. So their words are steps over A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cyclesim.hardware import Dataflow
from cyclesim.model import reuse_pixels
from cyclesim.model.folds import FoldTable
from cyclesim.model.reuse import Curve, Curves, MadeOnce
from cyclesim.model.reuse_pixels import by_pixels
from cyclesim.model.reuse_taps import by_taps
from cyclesim.model.tables import Floats, Ints, LayerTable, MachineTable, Places

MOST_OVERLAP = 3
"""Folds later in which results of a fold that is not over yet are looked for."""


@dataclass(frozen=True)
class WordTable:
    """Words of a layer, all groups, (layers, machines) int64 each."""

    ifmap: Ints
    filter: Ints
    psum: Ints
    ofmap: Ints


@dataclass(frozen=True)
class SpillTable:
    """Partial sums that a scratchpad loses, in column folds of one width, (layers, machines) int64 each.

    Of so many `col_folds`, each `used_cols` wide: `times` so many row folds find so many `words` gone.
    """

    used_cols: Ints
    col_folds: Ints
    times: Ints
    words: Ints


def sram_table(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> WordTable:
    """Return the words that cross the scratchpads' ports (docs/microarchitecture.md, section 4)."""
    none = np.zeros_like(folds.folds)
    passes = 1 if machines.dataflow == "is" else folds.col_folds
    loads = {"os": folds.row_folds, "ws": none + 1, "is": folds.col_folds}[machines.dataflow]
    again = folds.row_folds - 1 if machines.stationary else none
    outputs = layers.groups * layers.m * layers.n
    return WordTable(
        ifmap=layers.groups * layers.requests * passes + none,
        filter=layers.groups * layers.k * layers.n * loads,
        psum=outputs * again,
        ofmap=outputs * (again + 1),
    )


def dram_table(
    layers: LayerTable,
    machines: MachineTable,
    folds: FoldTable,
    spills: Sequence[SpillTable],
    reuse: ReuseTable,
) -> WordTable:
    """Return the words that cross the DRAM channel."""
    groups = layers.groups
    psum = np.zeros_like(folds.folds)
    for spill in spills:
        psum = psum + spill.col_folds * spill.times * spill.words
    return WordTable(
        ifmap=groups * _ifmap(layers, machines, folds, reuse),
        filter=groups * _filters(layers, machines, folds),
        psum=groups * psum,
        ofmap=groups * (layers.m * layers.n + psum),
    )


def _filters(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> Ints:
    """Return a group's filter words: each once in ws; in os and is, again and again what does not fit in between."""
    active, weights = machines.filter_active, layers.k * layers.n
    if machines.dataflow == "ws":
        return weights + np.zeros_like(folds.folds)
    if machines.dataflow == "is":
        return weights * np.where(active >= weights, 1, folds.col_folds)
    full, last = layers.k * folds.used_cols, layers.k * folds.last_cols
    by_column = np.where(active >= full, 1, folds.row_folds) * (folds.col_folds - 1) * full
    words: Ints = by_column + np.where(active >= last, 1, folds.row_folds) * last
    return words


def spill_tables(machines: MachineTable, folds: FoldTable) -> tuple[SpillTable, ...]:
    """Return the spills of the column folds but the last, and of the last, which may be narrower; none for os."""
    if not machines.stationary:
        return ()
    return (
        _spills(machines, folds, folds.used_cols, folds.col_folds - 1),
        _spills(machines, folds, folds.last_cols, np.ones_like(folds.col_folds)),
    )


def _spills(machines: MachineTable, folds: FoldTable, used_cols: Ints, col_folds: Ints) -> SpillTable:
    """Return the spills of column folds of some width.

    A word is gone if more than A have entered since. Where the next fold adds to the first results before the last
    ones are delivered, fewer have entered: those of the busiest cycles of one step. Folds that find all words enter
    none, so words are gone every other fold, or every third. Residency is judged at the start of a cycle: of a fold
    that is too long by no more than half a cycle's words, only what is too long goes.
    """
    words = folds.steps * used_cols
    over = words - machines.psum_active
    times, gone = np.zeros_like(over), np.zeros_like(over)
    places = Places.where((over > 0) & (folds.row_folds > 1))
    if places.any:  # on few machines
        held = (folds.steps, folds.step, folds.row_folds, machines.psum_active, used_cols)
        steps, step, row_folds, active, cols = places.of(*held)
        all_words = steps * cols
        span = steps + cols - 1
        flat = np.minimum(steps, cols)
        apart = np.ones_like(all_words)
        for later in range(1, MOST_OVERLAP + 1):
            outside = np.maximum(0, span - later * step)
            less = outside // 2
            more = outside - less
            fewer = all_words - (less * (less + 1) + more * (more + 1)) // 2
            apart = apart + (np.where(more < flat, fewer, later * step * flat) <= active)
        too_many = all_words - active
        places.put(times, (row_folds - 1) // apart)
        places.put(gone, np.where(2 * too_many <= cols, too_many, all_words))
    return SpillTable(used_cols, col_folds, times, gone)


def _ifmap(layers: LayerTable, machines: MachineTable, folds: FoldTable, reuse: ReuseTable) -> Ints:
    """Return a group's ifmap words: once if the tensor fits, else what each pass over it needs."""
    words = layers.ifmap + np.zeros_like(folds.folds)
    if reuse.rows:
        words[reuse.rows] = np.rint(reuse.words(machines)).astype(np.int64)
    passes = 1 if machines.dataflow == "is" else folds.col_folds
    return np.where(machines.ifmap_active >= layers.ifmap, layers.ifmap, words * passes)


@dataclass(frozen=True)
class ReuseTable:
    """The curves of all convolutions of some layers on arrays of some `sides`, which ascend.

    `rows` are the convolutions' places among the layers; a convolution's curves follow one another, side by side. Those
    of the first are behind those of `before` others.
    """

    rows: list[int]
    sides: Ints
    curves: Curves
    before: int = 0

    def some(self, places: slice) -> ReuseTable:
        """Return the curves of the layers in these places."""
        first, behind = np.searchsorted(self.rows, (places.start, places.stop)).tolist()
        rows = [row - places.start for row in self.rows[first:behind]]
        return replace(self, rows=rows, before=self.before + first)

    def words(self, machines: MachineTable) -> Floats:
        """Return the words of a pass of every convolution on every machine, (convolutions, machines)."""
        side = np.searchsorted(self.sides, _side(machines))
        which = (self.before + np.arange(len(self.rows)))[:, None] * len(self.sides) + side
        return self.curves.words(which, np.broadcast_to(machines.ifmap_active, which.shape))


def reuse_table(layers: LayerTable, machines: MachineTable) -> ReuseTable:
    """Return the curves for these layers on these machines, or on some of them."""
    windows = [(row, window) for row, window in enumerate(layers.windows) if window is not None]
    sides = np.array(sorted(set(_side(machines).ravel().tolist())), np.int64)  # np.unique would load numpy.ma
    curves = [curve for _, window in windows for curve in _CURVES[machines.dataflow](window, sides.tolist())]
    return ReuseTable([row for row, _ in windows], sides, Curves(curves))


def forget_curves() -> None:
    """Forget the curves that were made, so that a first call can be timed."""
    reuse_pixels.forget()
    for made in _CURVES.values():
        made.forget()


def _side(machines: MachineTable) -> Ints:
    """Return the side of the array that the ifmap's places or pixels lie along."""
    return machines.cols if machines.dataflow == "is" else machines.rows


_CURVES: dict[Dataflow, MadeOnce[Curve]] = {
    "os": MadeOnce(partial(by_pixels, skewed=True)),
    "ws": MadeOnce(by_taps),
    "is": MadeOnce(partial(by_pixels, skewed=False)),
}
