"""Cycles of a layer with a DRAM channel: a pipeline of folds, compute against transfer (docs/analytical-model.md).

A fold takes its step, or longer if its words cannot be there in time: because the channel is too narrow, or because
fewer words than the array wants within the channel's latency can be under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cyclesim.model.folds import FoldTable
from cyclesim.model.streams import Kind, PartialSums, Stream, operands, partial_sums, skewed
from cyclesim.model.tables import Floats, Ints, LayerTable, MachineTable, Numbers
from cyclesim.model.words import SpillTable, WordTable


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


def cycle_table(
    layers: LayerTable,
    machines: MachineTable,
    folds: FoldTable,
    words: WordTable,
    spills: Sequence[SpillTable],
) -> CycleTable:
    """Return the cycles of every layer on every machine."""
    bandwidth, groups = machines.bandwidth, layers.groups
    active = np.where(folds.reads_psums, machines.psum_active, machines.result_active)
    lookahead = np.where(folds.reads_psums, machines.psum_ahead, machines.result_ahead)
    flushed = np.minimum(active, words.ofmap)
    evicted = np.maximum(0, words.ofmap / groups - np.where(groups > 1, 0, flushed)) / folds.folds

    longer = _pipeline(layers, machines, folds, words, spills, evicted, lookahead)
    run = np.maximum(folds.array_cycles + longer, _filled(layers, machines, folds, words, active + lookahead))
    moved = words.psum + words.ofmap - flushed
    alone = np.maximum(np.maximum(words.ifmap, words.filter), moved)
    least = np.where(machines.separate, alone, words.ifmap + words.filter + moved) / bandwidth
    stall = np.ceil(np.maximum(run, least) - folds.array_cycles).astype(np.int64)
    return CycleTable(
        compute=folds.array_cycles,
        cold_start=_cold_start(machines, folds),
        stall=np.maximum(0, stall),
        drain=np.maximum(1, np.ceil(flushed / bandwidth)).astype(np.int64),
    )


def _cold_start(machines: MachineTable, folds: FoldTable) -> Ints:
    """Return the wall cycle of the first array cycle: its words' time on the channel, and the latency."""
    wanted = np.where(machines.separate, 1, 2)
    if machines.stationary:
        wanted = np.where(skewed(machines), 1, folds.used_cols)
    waits = np.ceil(wanted / machines.bandwidth).astype(np.int64)
    cycles: Ints = np.maximum(waits, 1) - 1 + machines.latency + np.zeros_like(folds.folds)
    idle = (folds.spatial_rows < machines.rows) & machines.stationary  # nothing is wanted in array cycle 0
    return np.where(idle, 0, cycles)


def _pipeline(
    layers: LayerTable,
    machines: MachineTable,
    folds: FoldTable,
    words: WordTable,
    spills: Sequence[SpillTable],
    evicted: Floats,
    lookahead: Ints,
) -> Floats:
    """Return by how many cycles all folds take longer than their steps, kind by kind."""
    loaded, streamed, kinds = operands(layers, machines, folds, words)
    back = [partial_sums(machines, folds, spill) for spill in spills]
    longer, spare, short = (np.zeros_like(evicted) for _ in range(3))
    for kind in kinds:
        time = _fold_cycles(machines, folds, loaded, streamed, kind, back, evicted, lookahead)
        longer = longer + kind.folds * (time - folds.step)
        if kind.loads and kind.streams:
            spare = spare + kind.folds * (time - loaded.here / machines.bandwidth)
        elif kind.loads:
            short = short + kind.folds * np.minimum(loaded.late, time - folds.step)
    # On a port of its own what is loaded can come while folds wait for what streams, for folds that do not.
    room = machines.ifmap_ahead if machines.dataflow == "is" else machines.filter_ahead
    early = np.minimum(np.minimum(spare, short), room / machines.bandwidth / layers.groups)
    total: Floats = layers.groups * (longer - np.where(machines.separate, early, 0))
    return total


def _fold_cycles(
    machines: MachineTable,
    folds: FoldTable,
    loaded: Stream,
    streamed: Stream,
    kind: Kind,
    back: Sequence[PartialSums],
    evicted: Floats,
    lookahead: Ints,
) -> Floats:
    """Return the mean cycles of a fold of some kind that evicts so many words, over the widths of partial sums."""
    bandwidth, separate = machines.bandwidth, machines.separate
    span = np.minimum(folds.steps + folds.used_cols - 1, folds.step)
    none = np.zeros_like(evicted)
    late_load, late_stream = loaded.late if kind.loads else none, streamed.late if kind.streams else none
    reads = streamed.pressing if kind.streams else none
    if kind.loads and not machines.stationary:
        reads = reads + loaded.pressing
    reads = np.where(separate, 0.0, reads)

    def cycles(sums: PartialSums) -> Floats:
        # What a fold fetches again, one before has written back.
        entering = np.where(sums.words > 0, sums.words, evicted)
        leaving = np.maximum(0, entering - lookahead)  # more than can queue
        if machines.stationary:
            # What neither came early nor can leave late goes over the channel while the array streams.
            pressing = (sums.pressing + leaving + reads) / bandwidth - span
            late = late_load + np.maximum(np.maximum(late_stream, sums.late), pressing)
        else:
            queued = np.maximum(0, leaving / bandwidth - folds.used_rows)
            late = np.maximum(np.maximum(late_load, late_stream), reads / bandwidth - folds.steps) + queued
        time = folds.step + np.maximum(0, late)
        moved = sums.words + entering

        def over(of_loaded: Floats, of_streamed: Floats) -> Floats:
            alone = np.maximum(np.maximum(of_loaded, of_streamed), moved)
            words = np.where(separate, alone, of_loaded + of_streamed + moved)
            excess: Floats = np.maximum(0, words / bandwidth - time)
            return excess

        now = over(loaded.here if kind.loads else none, streamed.here if kind.streams else none)
        found: Floats = time + now
        if not (kind.loads and kind.streams):
            # Words for later folds come, too, where there are later ones.
            too = over(loaded.here if kind.loads else loaded.ahead, streamed.here if kind.streams else streamed.ahead)
            found = found + (too - now) * (streamed.followed if kind.loads else loaded.followed)
        return found

    if not kind.psums:
        return cycles(PartialSums(none, none, none))
    full, last = (cycles(sums) for sums in back)
    mean: Floats = full + (last - full) / folds.col_folds
    return mean


def _filled(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable, room: Ints
) -> Numbers:
    """Return the cycles of a run on a shared channel that reads as far ahead as it may before it writes.

    Reads go before writes until the drain queue is full. So when it is for the first time, the array waits until the
    operands' scratchpads are filled; what they hold then is no longer to be read, but the time is gone. A queue that
    takes one word a cycle never has to wait: it is written when it is full.
    """
    done = np.minimum(1.0, room / np.maximum(1, words.ofmap))
    if not machines.stationary:  # results leave at the end of a fold
        every = folds.folds * layers.groups
        done = np.minimum(1.0, np.ceil(done * every) / every)
    ifmap = np.minimum(words.ifmap * done + machines.ifmap_ahead, words.ifmap)
    filters = np.minimum(words.filter * done + machines.filter_ahead, words.filter)
    fetching = (ifmap + filters) / machines.bandwidth
    waits = (done < 1) & (folds.used_cols > 1) & ~machines.separate & (fetching > done * folds.array_cycles)
    return np.where(waits, fetching + (1 - done) * folds.array_cycles, 0.0)
