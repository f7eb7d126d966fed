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
from cyclesim.model.spills import SpillTable
from cyclesim.model.tables import Floats, Ints, LayerTable, MachineTable


@dataclass(frozen=True)
class WordTable:
    """Words of a layer, all groups, (layers, machines) int64 each."""

    ifmap: Ints
    filter: Ints
    psum: Ints
    ofmap: Ints


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
        psum = psum + spill.times * spill.words
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
