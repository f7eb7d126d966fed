"""Folds and cycles of layers on arrays, exactly (docs/microarchitecture.md), for all layers and machines at once.

`schedule.Schedule` says the same of one layer; tests compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cyclesim.model.tables import (
    DB,
    NONE,
    PIPE,
    PIPE1,
    PIPE2,
    Ints,
    LayerTable,
    MachineTable,
)


@dataclass(frozen=True)
class FoldTable:
    """Folds of one group, (layers, machines) int64 each.

    `step` is the cycles from one fold to the next, the longest if they are trimmed; `array_cycles` the layer's.
    `used_rows` and `used_cols` are those of a full fold, `last_cols` the columns of the last column fold.
    """

    spatial_rows: Ints
    spatial_cols: Ints
    steps: Ints
    row_folds: Ints
    col_folds: Ints
    used_rows: Ints
    used_cols: Ints
    last_cols: Ints
    step: Ints
    array_cycles: Ints
    stationary: bool

    @cached_property
    def folds(self) -> Ints:
        """Folds of one group."""
        return self.row_folds * self.col_folds

    @property
    def reads_psums(self) -> NDArray[np.bool_]:
        """Whether partial sums come back to the array."""
        return (self.row_folds > 1) & self.stationary


def fold_table(layers: LayerTable, machines: MachineTable) -> FoldTable:
    """Return the folds of every layer on every machine."""
    r, c, stationary = machines.rows, machines.cols, machines.stationary
    spatial_rows, spatial_cols, t = {
        "os": (layers.m, layers.n, layers.k), "ws": (layers.k, layers.n, layers.m), "is": (layers.k, layers.m, layers.n)
    }[machines.dataflow]  # fmt: skip
    row_folds, col_folds = -(-spatial_rows // r), -(-spatial_cols // c)
    folds = row_folds * col_folds
    used_rows, used_cols = np.minimum(r, spatial_rows), np.minimum(c, spatial_cols)

    # A step is `beside` longer than the stream, and no less than `least`; one of them is 0 in every overlap.
    short = (machines.overlap == DB) | (machines.on_bus & (machines.overlap == NONE))
    waves = [machines.overlap == PIPE1, machines.overlap == PIPE, machines.overlap == PIPE2]
    beside = np.select([short, *waves], [r + c - 2, r, 0, 0], 2 * r + c - 2)
    least = np.select(waves, [0, r, 2 * r - 1], 0)
    step = np.maximum(t + beside, least)
    tail = r + c - 2 + np.where(stationary | machines.on_bus, 0, r) + (r if stationary else 0)
    cycles = (folds - 1) * step + (t + tail)
    if machines.trimmed.any():
        base = t + np.where(machines.on_bus, -2, r - 2)
        step = np.where(machines.trimmed, base + used_rows + used_cols, step)
        trimmed = folds * base + spatial_rows * col_folds + spatial_cols * row_folds
        cycles = np.where(machines.trimmed, trimmed, cycles)
    return FoldTable(
        spatial_rows=spatial_rows,
        spatial_cols=spatial_cols,
        steps=t,
        row_folds=row_folds,
        col_folds=col_folds,
        used_rows=used_rows,
        used_cols=used_cols,
        last_cols=spatial_cols - (col_folds - 1) * c,
        step=step,
        array_cycles=layers.groups * cycles,
        stationary=stationary,
    )
