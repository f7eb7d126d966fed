"""Cycles of a layer with a DRAM channel: a pipeline of folds, compute against transfer (docs/analytical-model.md).

A fold takes its step, or longer if its words cannot be there in time: because the channel is too narrow, or because
fewer words than the array wants within the channel's latency can be under way. Folds come in four kinds, as words are
not spread evenly over them: the first sweep over the row folds or a later one, its first row fold or another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cyclesim.model.folds import FoldTable
from cyclesim.model.tables import IS, OS, Floats, Ints, LayerTable, MachineTable, Numbers
from cyclesim.model.words import WordTable, spilled


@dataclass(frozen=True)
class CycleTable:
    """Cycles of a layer, (layers, machines) int64 each."""

    compute: Ints
    cold_start: Ints
    stall: Ints
    drain: Ints

    @property
    def total(self) -> Ints:
        """The sum of the four."""
        return self.compute + self.cold_start + self.stall + self.drain


@dataclass(frozen=True)
class _Stream:
    """One stream's words of a fold of some kind.

    `words` are wanted in `within` cycles of the fold, and in none of the `idle` cycles before; `ahead` may be under
    way, and `early` may have come when the fold begins. Of the channel's words `share` are this fold's: those that come
    in the time of others are theirs.
    """

    words: Floats
    share: Floats
    within: Ints
    ahead: Ints
    idle: Floats
    early: Numbers


def cycle_table(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> CycleTable:
    """Return the cycles of every layer on every machine."""
    bandwidth, separate = machines.bandwidth, machines.separate
    groups = layers.groups
    reads = folds.reads_psums
    active = np.where(reads, machines.psum_active, machines.result_active)
    ahead = np.where(reads, machines.psum_ahead, machines.result_ahead)
    flushed = np.minimum(active, words.ofmap)
    evicted = np.maximum(0, words.ofmap / groups - np.where(groups > 1, 0, flushed)) / folds.folds

    nothing = np.zeros_like(evicted)
    none = [_PartialSums(nothing, nothing, nothing)] * 2
    psums = [_partial_sums(machines, folds, used) for used in (folds.used_cols, folds.last_cols)]
    longer = np.zeros_like(evicted)
    for first_sweep in (True, False):
        for first_row in (True, False):
            sweeps = 1 if first_sweep else folds.col_folds - 1
            rows = 1 if first_row else folds.row_folds - 1
            streams = _streams(layers, machines, folds, words, first_sweep, first_row)
            time = _fold_cycles(machines, folds, streams, none if first_row else psums, evicted, ahead)
            longer = longer + sweeps * rows * (time - folds.step)
    run = folds.array_cycles + groups * longer

    moved = words.psum + words.ofmap - flushed
    alone = np.maximum(np.maximum(words.ifmap, words.filter), moved)
    least = np.where(separate, alone, words.ifmap + words.filter + moved) / bandwidth
    stall = np.ceil(np.maximum(run, least) - folds.array_cycles).astype(np.int64)
    return CycleTable(
        compute=folds.array_cycles,
        cold_start=_cold_start(machines, folds),
        stall=np.maximum(0, stall),
        drain=np.maximum(1, np.ceil(flushed / bandwidth)).astype(np.int64),
    )


def _cold_start(machines: MachineTable, folds: FoldTable) -> Ints:
    """Return the wall cycle of the first array cycle: its words' time on the channel, and the latency."""
    wanted = np.where(folds.stationary, folds.used_cols, np.where(machines.separate, 1, 2))
    waits = np.ceil(wanted / machines.bandwidth).astype(np.int64)
    cycles: Ints = np.maximum(waits, 1) - 1 + machines.latency
    idle = folds.stationary & (folds.spatial_rows < machines.rows)  # nothing is wanted in array cycle 0
    return np.where(idle, 0, cycles)


def _streams(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable, first_sweep: bool, first_row: bool
) -> tuple[_Stream, _Stream]:
    """Return what a fold of this kind reads of the operands: what is stationary (or the filter of os), what moves."""
    flow, groups = machines.dataflow, layers.groups
    ifmap, filters = words.ifmap / groups, words.filter / groups
    sweep = folds.row_folds * folds.step
    others = folds.col_folds - 1

    def swept(total: Floats, kept: Numbers, ahead: Ints) -> list[Numbers]:
        """Words of a fold, its share of the channel, idle cycles before; kept words come in the first sweep only."""
        early = np.where(groups > 1, np.minimum(ahead, total * others / folds.col_folds), 0)
        if first_sweep:
            here, share = total / folds.row_folds, (total - early) / folds.row_folds
            idle = np.where(groups > 1, others * sweep, 0)
        else:
            here, share, idle = 0.0 * total, early / folds.row_folds / np.maximum(1, others), 0 * sweep
        even = total / folds.folds
        parts = ((here, even), (share, even), (idle, 0))
        return [*(np.where(kept, one, other) for one, other in parts), ahead + 0 * folds.step]

    def by_row(total: Floats, ahead: Ints) -> list[Numbers]:
        """The same of words that come in the first row fold of each column fold."""
        block = total / folds.col_folds
        rest = folds.row_folds - 1
        early = np.minimum(ahead, block * rest / folds.row_folds)
        if first_row and first_sweep:  # nothing of the layer's first block can come early
            share = np.where(groups > 1, block - early, block)
            return [block, share, np.where(groups > 1, rest * folds.step, 0), np.where(groups > 1, ahead, 0)]
        if first_row:
            return [block, block - early, rest * folds.step, ahead + 0 * folds.step]
        following = np.where(groups > 1, 1, others / folds.col_folds)  # the last block has none to make room for
        return [0.0 * block, early * following / np.maximum(1, rest), 0 * folds.step, ahead + 0 * folds.step]

    keeps_ifmap = (machines.ifmap_active >= layers.ifmap) & (flow != IS)
    keeps_filter = (machines.filter_active >= layers.k * layers.n) & (flow == IS)
    keeps_block = (machines.filter_active >= layers.k * folds.used_cols) & (flow == OS)
    from_ifmap = swept(ifmap, keeps_ifmap, machines.ifmap_ahead)
    blocks = by_row(filters, machines.filter_ahead)
    sweeps = swept(filters, keeps_filter, machines.filter_ahead)
    from_filter = [np.where(keeps_block, block, other) for block, other in zip(blocks, sweeps, strict=True)]
    moves_filter = flow == IS
    still = [np.where(moves_filter, a, b) for a, b in zip(from_ifmap, from_filter, strict=True)]
    moving = [np.where(moves_filter, b, a) for a, b in zip(from_ifmap, from_filter, strict=True)]
    loading = np.where(folds.stationary, folds.used_rows, folds.steps)
    first, second = (
        _Stream(part[0], part[1], within, ahead, np.maximum(0, folds.step - within) + part[2], part[3])
        for part, within, ahead in (
            (still, loading, np.where(moves_filter, machines.ifmap_ahead, machines.filter_ahead)),
            (moving, folds.steps, np.where(moves_filter, machines.filter_ahead, machines.ifmap_ahead)),
        )
    )
    return first, second


@dataclass(frozen=True)
class _PartialSums:
    """Partial sums of a fold of some width: words, those that do not come early, cycles by which the last is late."""

    words: Floats
    rest: Floats
    late: Floats


def _partial_sums(machines: MachineTable, folds: FoldTable, used_cols: Ints) -> _PartialSums:
    """Return the partial sums that a fold of this width reads, unless it is the first of its column fold.

    One can be fetched when it has been written back, which is so many words before it is wanted.
    """
    active = machines.psum_active
    words = np.where(folds.reads_psums, spilled(folds, active, used_cols), 0).astype(np.float64)
    ahead = np.minimum(machines.psum_ahead, np.maximum(1, folds.steps * used_cols - active))
    stream = _Stream(words, words, folds.steps, ahead, np.maximum(0, folds.step - folds.steps), ahead)
    return _PartialSums(words, _rest(stream), _late(machines, stream))


def _fold_cycles(
    machines: MachineTable,
    folds: FoldTable,
    operands: Sequence[_Stream],
    psums: Sequence[_PartialSums],
    evicted: Floats,
    ahead: Ints,
) -> Floats:
    """Return the mean cycles of a fold that reads these streams (partial sums by width) and evicts so many words."""
    first, second = (_late(machines, stream) for stream in operands)
    leaving = np.maximum(0, evicted - ahead)  # more than can queue
    queued = np.maximum(0, leaving / machines.bandwidth - folds.used_rows)
    reads = _rest(operands[1]) + np.where(folds.stationary, 0, _rest(operands[0]))
    reads = np.where(machines.separate, 0, reads)
    total: Floats = np.zeros_like(evicted)
    for back, count in zip(psums, (folds.col_folds - 1, 1), strict=True):
        # What neither came early nor can leave late goes over the channel while the array streams.
        pressing = np.where(folds.stationary, back.rest + leaving, 0) + reads
        streaming = np.maximum(np.maximum(second, back.late), pressing / machines.bandwidth - folds.steps)
        late = np.where(folds.stationary, first + streaming, np.maximum(first, streaming) + queued)
        a, b, c = operands[0].share, operands[1].share, back.words
        channel = np.where(machines.separate, np.maximum(np.maximum(a, b), c + evicted), a + b + c + evicted)
        total = total + count * np.maximum(folds.step + late, channel / machines.bandwidth)
    return total / folds.col_folds


def _rest(stream: _Stream) -> Floats:
    """Return the words that do not come early."""
    words: Floats = stream.words - np.minimum(stream.early, stream.words)
    return words


def _late(machines: MachineTable, stream: _Stream) -> Floats:
    """Return how many cycles later than wanted a fold's last word comes."""
    words, within = stream.words, stream.within
    each = np.minimum(np.maximum(words / np.maximum(within, 1), 1), np.maximum(words, 1))  # a cycle
    window = np.maximum(np.floor(stream.ahead / each), 1) * each  # what the next cycle wants may always come
    turn = np.maximum(1, machines.latency + each / machines.bandwidth - 1)
    ready = np.clip(stream.idle / turn, 0, 1)
    windows = np.floor(np.maximum(words - 1, 0) / window)
    rest = np.maximum(words - 1, 0) - windows * window
    by_latency = np.minimum((windows + 1 - ready) * turn + rest / each, words * turn / window)
    by_latency = np.where(window >= turn * each, within, by_latency)
    by_channel = _rest(stream) / machines.bandwidth
    return np.where(words > 0, np.maximum(0, np.maximum(by_latency, by_channel) - within), 0)
