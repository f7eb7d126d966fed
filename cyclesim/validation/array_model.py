"""The array, register by register, driven by the values on its edge ports.

The control of every variant (docs/microarchitecture.md, sections 3 to 7) as bits that enter with the row operands
and strobes of the columns, derived from a group's `Schedule`; the PEs themselves are `kernels.array_model`. The
model is told values, never which element they are, and decides by its registers when a result leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cyclesim.schedule import Schedule

if TYPE_CHECKING:
    from cyclesim.kernels.array_model import ArrayState

Words = NDArray[np.int64]
Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class FoldTimes:
    """When consecutive folds of a group start, and how much of the array they use. All arrays are (folds,) int64.

    `stream` and `preload` are S_f and P_f [array cycles of the group]; `first` is the first fold's number.
    """

    first: int
    stream: Words
    preload: Words
    used_rows: Words
    used_cols: Words


def fold_times(plan: Schedule, first: int = 0, stop: int | None = None) -> FoldTimes:
    """Return the times of folds `first` to `stop` - 1 (all by default) of a group."""
    f = np.arange(plan.folds if stop is None else stop, dtype=np.int64)
    used_rows = np.minimum(plan.rows, plan.spatial_rows - f % plan.row_folds * plan.rows)
    used_cols = np.minimum(plan.cols, plan.spatial_cols - f // plan.row_folds * plan.cols)
    if plan.trimmed:
        lengths = plan.trimmed_base + used_rows + used_cols
        preload = np.cumsum(lengths) - lengths
        stream = preload + used_rows if plan.stationary else preload
    else:
        stream = plan.first_stream + f * plan.step
        preload = np.where(f == 0, 0, plan.second_preload + (f - 1) * plan.step) if plan.stationary else stream
    return FoldTimes(first, stream[first:], preload[first:], used_rows[first:], used_cols[first:])


@dataclass(frozen=True)
class Control:
    """What the controller drives in a stretch of cycles: `row` (R, cycles) and `col` (C, cycles) bits.

    Bit ``VALID`` says that the port carries an operand (padding zeros are operands, too).
    """

    row: Bits
    col: Bits


def control(plan: Schedule, times: FoldTimes, first_cycle: int, cycles: int) -> Control:
    """Return the controller's bits in `cycles` array cycles of a group, from `first_cycle` on, for some folds."""
    return Control(
        _row_bits(plan, times, first_cycle, cycles),
        _streamed_columns(plan, times, first_cycle, cycles)
        if not plan.stationary
        else _preloaded_columns(plan, times, first_cycle, cycles),
    )


def _phase(starts: Words, lengths: Words | int, cycles: Words) -> tuple[Words, Words, NDArray[np.bool_]]:
    """Return for each cycle the newest fold that has started (0 if none), its step, and whether it still runs."""
    newest = np.searchsorted(starts, cycles, side="right") - 1
    fold = np.maximum(newest, 0)
    step = cycles - starts[fold]
    active = (newest >= 0) & (step < np.broadcast_to(lengths, starts.shape)[fold])
    return fold, step, active


def _row_bits(plan: Schedule, times: FoldTimes, first_cycle: int, cycles: int) -> Bits:
    """Waves enter row r with a skew of r, on used and unused rows alike; operands only on the used ones."""
    from cyclesim.kernels import array_model as bits

    waves = np.arange(first_cycle - plan.rows + 1, first_cycle + cycles, dtype=np.int64)
    fold, step, streams = _phase(times.stream, plan.steps, waves)
    wave_bits = np.where(streams, bits.STEP, 0)
    if plan.overlap == "pipe2":
        wave_bits |= np.where(streams & (step == 0), bits.FIRST, 0)
    if plan.on_bus:
        wave_bits |= np.where(streams & (step == plan.steps - 1), bits.LAST, 0)
    elif plan.overlap in ("pipe1", "pipe"):
        chain_starts = times.preload if plan.stationary else times.stream + plan.steps
        _, _, moves = _phase(chain_starts, plan.rows, waves)
        wave_bits |= np.where(moves, bits.CHAIN, 0)
    if plan.overlap == "pipe" and not plan.on_bus:
        # ws: register f mod 2 from S_f on, 1 before S_0; os: accumulator (f + 1) mod 2 from the end of stream f on.
        switches = times.stream if plan.stationary else times.stream + plan.steps
        behind = times.first + np.searchsorted(switches, waves, side="right") + (1 if plan.stationary else 0)
        wave_bits |= np.where(behind % 2 == 1, bits.SEL, 0) | bits.TWO
    used_rows = np.where(streams, times.used_rows[fold], 0)
    row = np.empty((plan.rows, cycles), np.uint8)
    for r in range(plan.rows):
        seen = slice(plan.rows - 1 - r, plan.rows - 1 - r + cycles)
        row[r] = wave_bits[seen] | np.where(r < used_rows[seen], bits.VALID, 0)
    return row


def _streamed_columns(plan: Schedule, times: FoldTimes, first_cycle: int, cycles: int) -> Bits:
    """Output stationary: operands enter column c with a skew of c; strobes drain what the variant drains so."""
    from cyclesim.kernels import array_model as bits

    now = np.arange(first_cycle, first_cycle + cycles, dtype=np.int64)
    col = np.empty((plan.cols, cycles), np.uint8)
    for c in range(plan.cols):
        fold, _, streams = _phase(times.stream, plan.steps, now - c)
        col[c] = np.where(streams & (c < times.used_cols[fold]), bits.VALID, 0)
    if plan.overlap == "db":
        _, slot, drains = _phase(times.stream + plan.steps + plan.rows + plan.cols - 2, plan.rows, now)
        col |= (np.where(drains, bits.MOVE, 0) | np.where(drains & (slot == 0), bits.SWAP, 0)).astype(np.uint8)
    elif plan.overlap == "none" and not plan.on_bus:
        last_row = times.used_rows if plan.trimmed else plan.rows
        for c in range(plan.cols):
            _, _, drains = _phase(times.stream + plan.steps + last_row - 1 + c, plan.rows, now)
            col[c] |= np.where(drains, bits.MOVE, 0).astype(np.uint8)
    return col


def _preloaded_columns(plan: Schedule, times: FoldTimes, first_cycle: int, cycles: int) -> Bits:
    """Weight and input stationary: R preload slots, last row first, the first ones empty if rows are unused."""
    from cyclesim.kernels import array_model as bits

    now = np.arange(first_cycle, first_cycle + cycles, dtype=np.int64)
    slots = times.used_rows if plan.trimmed else np.full_like(times.used_rows, plan.rows)
    strobed = plan.overlap not in ("pipe1", "pipe")  # there the chain moves with waves
    col = np.empty((plan.cols, cycles), np.uint8)
    for c in range(plan.cols):
        fold, slot, loads = _phase(times.preload, slots, now - plan.preload_skew * c)
        taken = loads & (slot >= slots[fold] - times.used_rows[fold]) & (c < times.used_cols[fold])
        col[c] = np.where(taken, bits.VALID, 0) | (np.where(loads, bits.MOVE, 0) if strobed else 0)
    if plan.overlap == "db":
        col |= np.where(np.isin(now, times.stream), bits.SWAP, 0).astype(np.uint8)
    return col


@dataclass(frozen=True)
class Results:
    """What left the array in a stretch of cycles: `words` and `valid`, (C, cycles) int64 and uint8.

    `conflicts` counts what the hardware cannot do: two results on a bus, a MAC with a register that moves.
    `last_active` is the last cycle of the stretch in which any PE saw a stream step or moved its chain, or -1.
    """

    words: Words
    valid: Bits
    conflicts: int
    last_active: int
    macs: int


class ArrayModel:
    """An array with its registers; cycles must be run in order.

    Parameters
    ----------
    plan : Schedule
        Its size and variant.
    """

    def __init__(self, plan: Schedule) -> None:
        from cyclesim.kernels import array_model as kernels

        self._rows, self._cols = plan.rows, plan.cols
        if plan.stationary:
            kinds = {"none": kernels.WS, "db": kernels.WS_SHADOW, "pipe2": kernels.WS_SHADOW}
            self._kind = kinds.get(plan.overlap, kernels.WS_WAVE)
        elif plan.on_bus:
            self._kind = kernels.OS_BUS
        else:
            self._kind = {"none": kernels.OS, "db": kernels.OS_DB}.get(plan.overlap, kernels.OS_WAVE)
        self._state = _reset(plan.rows, plan.cols)

    def step(self, bits: Control, row_words: Words, col_words: Words) -> Results:
        """Run a stretch of cycles.

        Parameters
        ----------
        bits : Control
        row_words : (R, cycles) int64
            Values on the row ports; what stands where the control has no operand does not matter.
        col_words : (C, cycles) int64
        """
        from cyclesim.kernels import array_model as kernels

        cycles = row_words.shape[1]
        assert row_words.shape == bits.row.shape == (self._rows, cycles), f"row ports: {row_words.shape}"
        assert col_words.shape == bits.col.shape == (self._cols, cycles), f"column ports: {col_words.shape}"
        words = np.empty((self._cols, cycles), np.int64)
        valid = np.empty((self._cols, cycles), np.uint8)
        found = np.empty(3, np.int64)
        kernels.step(
            self._kind, self._state, row_words, bits.row, col_words, bits.col, words, valid, found
        )
        conflicts, last_active, macs = (int(each) for each in found)
        return Results(words, valid, conflicts, last_active, macs)


def _reset(rows: int, cols: int) -> ArrayState:
    from cyclesim.kernels.array_model import ArrayState

    shape = (rows + 1, cols + 1)
    return ArrayState(
        row_word=np.zeros(shape, np.int64),
        row_bits=np.zeros(shape, np.uint8),
        col_word=np.zeros(shape, np.int64),
        col_valid=np.zeros(shape, np.uint8),
        kept=np.zeros((2, *shape), np.int64),
        kept_valid=np.zeros((2, *shape), np.uint8),
        link=np.zeros(shape, np.int64),
        link_valid=np.zeros(shape, np.uint8),
    )
