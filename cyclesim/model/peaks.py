"""The most words of one array cycle at the scratchpads' ports, and of one fold's step at the DRAM channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cyclesim.hardware import Dataflow, Hardware
from cyclesim.model.folds import FoldTable
from cyclesim.model.reuse import Window
from cyclesim.model.reuse_pixels import first_of_pixels
from cyclesim.model.reuse_taps import first_of_taps
from cyclesim.model.spills import SpillTable
from cyclesim.model.tables import DB, PIPE, PIPE2, Ints, LayerTable, MachineTable
from cyclesim.model.words import WordTable
from cyclesim.schedule import Schedule


def scratchpad_peaks(plan: Schedule, hardware: Hardware) -> dict[str, int]:
    """Return the most words of one cycle: all ports of a fold that can be busy at once."""
    used_rows, used_cols = min(plan.rows, plan.spatial_rows), min(plan.cols, plan.spatial_cols)
    rows, cols = min(used_rows, plan.steps), min(used_cols, plan.steps)
    if hardware.dataflow == "os":
        return {"ifmap": rows, "filter": cols, "psum": 0, "ofmap": min(used_rows, used_cols)}
    loads = min(used_rows, used_cols) if plan.preload_skew else used_cols
    moving, still = ("ifmap", "filter") if hardware.dataflow == "ws" else ("filter", "ifmap")
    return {moving: rows, still: loads, "psum": cols if plan.reads_psums else 0, "ofmap": cols}


def dram_peaks(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable, spills: Sequence[SpillTable]
) -> WordTable:
    """Return the most words of one fold's step: those of a full fold, of which none were there before.

    Of a convolution's ifmap it is what a full fold asks for, times the share of a pass that comes over the channel,
    but no less than the distinct words of the first fold, which finds none of them. Where the array is loaded while the
    fold before streams, the first step has the loads of two folds. A peak is no less than the mean.
    """
    if machines.dataflow == "os":
        ifmap, filters = folds.used_rows * folds.steps, folds.used_cols * folds.steps
        results = folds.used_rows * folds.used_cols
    else:
        still, moving = folds.used_rows * folds.used_cols, folds.used_rows * folds.steps
        ifmap, filters = (moving, still) if machines.dataflow == "ws" else (still, moving)
        results = folds.used_cols * folds.steps
    passes = layers.groups * (1 if machines.dataflow == "is" else folds.col_folds)
    fetched = ifmap * words.ifmap / passes / (layers.m * layers.k)
    active = np.where(folds.reads_psums, machines.psum_active, machines.result_active)
    psum = np.zeros_like(results)
    for spill in spills:
        psum = np.maximum(psum, spill.words * (spill.times > 0))
    ifmap = np.maximum(np.ceil(fetched).astype(np.int64), _first(layers, machines, ifmap))
    if machines.dataflow == "ws":
        filters = filters + _second_load(machines, folds, filters)
    elif machines.dataflow == "is":
        ifmap = ifmap + _second_load(machines, folds, ifmap)

    def at_least_mean(peak: Ints, all_words: Ints) -> Ints:
        mean = np.ceil(all_words / folds.array_cycles * folds.step).astype(np.int64)
        return np.minimum(np.maximum(peak, mean), all_words)

    return WordTable(
        ifmap=at_least_mean(ifmap, words.ifmap),
        filter=at_least_mean(filters, words.filter),
        psum=at_least_mean(psum, words.psum),
        ofmap=at_least_mean(results, np.maximum(0, words.ofmap - active)),
    )


def _second_load(machines: MachineTable, folds: FoldTable, words: Ints) -> Ints:
    """Return the words that are loaded for the second fold in the first step, if a fold loads so many."""
    begins = np.where(machines.overlap == PIPE2, 2 * machines.rows - 1, machines.rows)
    share = np.clip((folds.step - begins) / machines.rows, 0, 1)
    early = (machines.overlap == DB) | (machines.overlap == PIPE) | (machines.overlap == PIPE2)
    return np.where(early & (folds.folds > 1), (words * share).astype(np.int64), 0)


def _first(layers: LayerTable, machines: MachineTable, requests: Ints) -> Ints:
    """Return the distinct ifmap words that the first fold asks for."""
    found = requests.copy()
    for row, window in enumerate(layers.windows):
        if window is not None:
            sides = zip(machines.rows[0].tolist(), machines.cols[0].tolist(), strict=True)
            found[row] = [_first_of(window, machines.dataflow, *each) for each in sides]
    return found


def _first_of(window: Window, dataflow: Dataflow, rows: int, cols: int) -> int:
    if dataflow == "ws":
        return first_of_taps(window, rows)
    if dataflow == "os":
        return first_of_pixels(window, rows)
    # Each pixel brings a stride's words for every kernel row that the fold holds.
    kernel_rows = -(-rows // (window.across.taps * window.channels))
    each = min(rows, window.depth, window.across.anew * window.channels * kernel_rows)
    return each * min(cols, window.pixels * window.images)
