"""Words that cross the scratchpads' ports, exactly, and the DRAM channel, by reuse distance (docs/analytical-model.md).

A scratchpad of A active words is a first-in first-out memory: a word is still there when it is asked for again if at
most A words entered since. Streams repeat at a few distances only: a fold later, a sweep over all row folds later,
for convolutions a pixel or a row of pixels later. So their words are steps over A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cyclesim.model.folds import FoldTable
from cyclesim.model.tables import IS, OS, WS, Floats, Ints, LayerTable, MachineTable, Numbers


@dataclass(frozen=True)
class WordTable:
    """Words of a layer, all groups, (layers, machines) int64 each."""

    ifmap: Ints
    filter: Ints
    psum: Ints
    ofmap: Ints


def sram_table(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> WordTable:
    """Return the words that cross the scratchpads' ports (docs/microarchitecture.md, section 4)."""
    flow = machines.dataflow
    outputs, passes = layers.m * layers.n, np.where(flow == IS, 1, folds.col_folds)
    weights = layers.k * layers.n
    filters = np.select([flow == OS, flow == WS], [weights * folds.row_folds, weights], weights * folds.col_folds)
    contributions = np.where(folds.stationary, folds.row_folds, 1)
    groups = layers.groups
    return WordTable(
        ifmap=groups * layers.requests * passes,
        filter=groups * filters,
        psum=groups * outputs * (contributions - 1),
        ofmap=groups * outputs * contributions,
    )


def dram_table(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> WordTable:
    """Return the words that cross the DRAM channel."""
    groups = layers.groups
    psum, ofmap = _results(layers, machines, folds)
    return WordTable(
        ifmap=groups * _ifmap(layers, machines, folds),
        filter=groups * _filters(layers, machines, folds),
        psum=groups * psum,
        ofmap=groups * ofmap,
    )


def _filters(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> Ints:
    """Return a group's filter words: each once in ws; in os and is, again and again what does not fit in between."""
    flow, active = machines.dataflow, machines.filter_active
    full, last = layers.k * folds.used_cols, layers.k * folds.last_cols
    by_column = np.where(active >= full, 1, folds.row_folds) * (folds.col_folds - 1) * full
    by_column = by_column + np.where(active >= last, 1, folds.row_folds) * last
    weights = layers.k * layers.n
    swept: Ints = weights * np.where(active >= weights, 1, folds.col_folds)
    return np.select([flow == WS, flow == OS], [weights + 0 * swept, by_column], swept)


def _results(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> tuple[Ints, Ints]:
    """Return a group's partial sums that are fetched, and results that are written back."""
    active = np.where(folds.reads_psums, machines.psum_active, machines.result_active)
    again = folds.row_folds - 1
    fetched = np.zeros_like(folds.steps)
    for used, count in ((folds.used_cols, folds.col_folds - 1), (folds.last_cols, 1)):
        fetched = fetched + count * again * spilled(folds, active, used)
    fetched = np.where(folds.stationary, fetched, 0)
    return fetched, layers.m * layers.n + fetched


def spilled(folds: FoldTable, active: Ints, used_cols: Ints) -> Ints:
    """Return the results of a fold that are gone when the next one adds to them, in a column fold of this width.

    Residency is judged at the start of a cycle: of a fold that is too long by no more than half a cycle's words, only
    what is too long goes. Where the next fold begins before the last columns have delivered, so much less is between.
    """
    words = folds.steps * used_cols
    behind = np.maximum(0, used_cols - 1 - np.maximum(0, folds.step - folds.steps))
    over = words - behind * (behind + 1) // 2 - active
    return np.where(over <= 0, 0, np.where(2 * over <= used_cols, over, words))


def _ifmap(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> Ints:
    """Return a group's ifmap words."""
    active = machines.ifmap_active
    passes = np.where(machines.dataflow == IS, 1, folds.col_folds)
    window = layers.kernel_h * layers.kernel_w
    one_pass = np.where(machines.dataflow == WS, _by_place(layers, machines), _by_pixel(layers, machines, folds))
    one_pass = np.where(window == 1, layers.ifmap, np.rint(one_pass).astype(np.int64))
    return np.where(active >= layers.ifmap, layers.ifmap, one_pass * passes)


def _by_pixel(layers: LayerTable, machines: MachineTable, folds: FoldTable) -> Floats:
    """Return the words of one pass where a fold holds pixels and time goes through the window (os, is).

    Neighbouring pixels of a fold share words a place of the kernel later: about the fold's pixels times the channels.
    Rows of pixels share words a kernel row later, when the rows in between have entered.
    """
    pixels = np.minimum(np.where(machines.dataflow == OS, machines.rows, machines.cols), layers.m)
    place = layers.channels * pixels
    rows = np.maximum(layers.kernel_h - layers.stride, 0) * layers.row
    active = machines.ifmap_active
    row_by_row = _between(active, 0.55 * place, 1.0 * place, layers.requests, layers.rows_read)
    return _between(active, 0.75 * np.maximum(place, rows), np.maximum(place, rows) + 1.0 * place,
                    row_by_row, layers.ifmap)  # fmt: skip


def _by_place(layers: LayerTable, machines: MachineTable) -> Floats:
    """Return the words of one pass where a fold holds places of the window and time goes through the pixels (ws).

    A fold of several places of the kernel shares words a pixel later, or a row of pixels later; folds share words when
    all folds of a place of the kernel have gone by, which is nearly the whole tensor.
    """
    active, taps = machines.ifmap_active, layers.kernel_h * layers.kernel_w
    several = machines.rows > layers.channels
    places = np.clip(machines.rows / layers.channels, 1, taps)
    in_row = np.minimum(places, layers.kernel_w)
    parts = np.where(several, -(-layers.kernel_w // np.maximum(1, in_row.astype(np.int64))), layers.kernel_w)
    by_pixel = np.maximum(layers.ifmap, layers.requests * (parts / layers.kernel_w))
    rows = np.minimum(layers.kernel_h, places / layers.kernel_w)
    by_row = np.maximum(layers.ifmap, by_pixel / np.maximum(1, rows))
    words = np.where(
        several,
        _between(active, np.maximum(8, 0.5 * layers.channels * in_row), 2.0 * layers.channels * in_row,
                 layers.requests, by_pixel),
        layers.requests,
    )  # fmt: skip
    deep = several & (places > layers.kernel_w)
    words = np.where(deep, _between(active, 0.6 * layers.row, layers.row * np.maximum(1, rows), words, by_row), words)
    place = layers.m * layers.channels * np.minimum(layers.stride, layers.kernel_w)
    return _between(active, 0.83 * np.minimum(place, layers.ifmap), 1.0 * layers.ifmap, words, layers.ifmap)


def _between(active: Ints, low: Numbers, high: Numbers, before: Numbers, behind: Numbers) -> Floats:
    """Return `before` below a reuse distance, `behind` from its upper end on, and in between what lies between."""
    low = np.maximum(low, 1.0)
    high = np.maximum(high, 1.0001 * low)
    share = np.clip(np.log(active / low) / np.log(high / low), 0, 1)
    found: Floats = before + (behind - before) * share
    return found
