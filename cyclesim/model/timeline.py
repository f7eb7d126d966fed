"""Cycles of a layer with a DRAM channel: a pipeline of folds, compute against transfer (docs/analytical-model.md).

A fold takes its step, or longer if its words cannot be there in time: because the channel is too narrow, or because
fewer words than the array wants within the channel's latency can be under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cyclesim.model.folds import FoldTable
from cyclesim.model.streams import Kind, PartialSums, Stream, operands, partial_sums, skewed
from cyclesim.model.tables import NONE, PIPE1, Floats, Ints, LayerTable, MachineTable, Numbers
from cyclesim.model.words import SpillTable, WordTable

MOST_CYCLES = 1 << 60
"""Stalls, cold start and drain are said to be no longer than this."""


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
    evicted = (words.ofmap - flushed) / groups / folds.folds

    cold_start, first = _start(machines, folds)
    longer = first + _pipeline(layers, machines, folds, words, spills, evicted, lookahead)
    run = np.maximum(folds.array_cycles + longer, _filled(layers, machines, folds, words, active + lookahead))
    moved = words.psum + words.ofmap - flushed
    alone = np.maximum(np.maximum(words.ifmap, words.filter), moved)
    least = np.where(machines.separate, alone, words.ifmap + words.filter + moved) / bandwidth
    stall = _whole(np.ceil(np.maximum(run, least) - folds.array_cycles))
    return CycleTable(
        compute=folds.array_cycles,
        cold_start=cold_start,
        stall=np.maximum(0, stall),
        drain=_whole(np.maximum(1, np.ceil(flushed / bandwidth))),
    )


def _whole(cycles: Floats) -> Ints:
    """Return cycles as integers; what a slow channel needs may be more than they hold."""
    return np.minimum(cycles, float(MOST_CYCLES)).astype(np.int64)


def _start(machines: MachineTable, folds: FoldTable) -> tuple[Ints, Ints]:
    """Return the wall cycle of the first array cycle, and the stalls until the first words are there.

    They need their time on the channel, and the latency. If rows of the array stay idle while it is loaded, it begins
    at once and waits where it wants something.
    """
    wanted = np.where(machines.separate, 1, 2)
    if machines.stationary:
        wanted = np.where(skewed(machines), 1, folds.used_cols)
    waits = _whole(np.ceil(wanted / machines.bandwidth))
    cycles: Ints = np.maximum(waits, 1) - 1 + machines.latency + np.zeros_like(folds.folds)
    idle = np.maximum(0, machines.rows - folds.spatial_rows) if machines.stationary else np.zeros_like(folds.folds)
    return np.where(idle > 0, 0, cycles), np.where(idle > 0, np.maximum(0, cycles - idle), 0)


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
    none = np.zeros_like(evicted)
    without = _results(machines, folds, PartialSums(none, none, none, none), evicted, lookahead)
    sums = [partial_sums(layers, machines, folds, spill) for spill in spills]
    back = [_results(machines, folds, each, evicted, lookahead) for each in sums]
    longer, spare, short = none, none, none
    for kind in kinds:
        # Partial sums are as many as the columns: those of the last column fold may be fewer.
        results = back if kind.psums else [without]
        times = [_fold_cycles(machines, folds, loaded, streamed, kind, each) for each in results]
        time = times[0] if len(times) == 1 else times[0] + (times[1] - times[0]) / folds.col_folds
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


class _Results(NamedTuple):
    """What a fold does with results: cycles of the channel that they add to its streaming, or that it is late by.

    `slow` is that of partial sums (`Stream`), `moved` are the words that it writes back and fetches again.
    """

    channel: Floats
    late: Floats
    slow: Floats
    moved: Floats


def _results(
    machines: MachineTable, folds: FoldTable, sums: PartialSums, evicted: Floats, lookahead: Ints
) -> _Results:
    """Return the results of a fold that fetches such partial sums and evicts as many, or so many if it fetches none."""
    entering = np.where(sums.words > 0, sums.words, evicted)
    leaving = np.maximum(0, entering - lookahead) / machines.bandwidth  # more than can queue
    if machines.stationary:
        return _Results(sums.pressing / machines.bandwidth + leaving, sums.late, sums.slow, sums.words + entering)
    return _Results(np.zeros_like(leaving), np.maximum(0, leaving - folds.used_rows), np.zeros_like(leaving), entering)


def _fold_cycles(
    machines: MachineTable, folds: FoldTable, loaded: Stream, streamed: Stream, kind: Kind, results: _Results
) -> Floats:
    """Return the cycles of a fold of some kind, with such results."""
    bandwidth, separate = machines.bandwidth, machines.separate
    # What came neither early nor can leave late goes over the channel while the array streams.
    pressing = results.channel
    if kind.streams:
        pressing = pressing + np.where(separate, 0.0, streamed.pressing) / bandwidth
    if machines.stationary:
        span = np.minimum(folds.steps + folds.used_cols - 1, folds.step)
        late = np.maximum(results.late, pressing - span)
        late = np.maximum(late, streamed.late) if kind.streams else np.maximum(late, 0)
        if kind.loads:
            # Where the next fold is loaded while one streams, what both wait for they wait for at the same time.
            apart = (machines.overlap == NONE) | (machines.overlap == PIPE1)
            while_loading = np.minimum(1.0, (folds.used_rows + np.where(skewed(machines), folds.used_cols, 1)) / span)
            late = late + loaded.late - np.where(apart, 0.0, np.minimum(loaded.late, late * while_loading))
    else:
        if kind.loads:
            pressing = pressing + np.where(separate, 0.0, loaded.pressing) / bandwidth
        late = np.maximum(0, pressing - folds.steps)
        for stream, read in ((loaded, kind.loads), (streamed, kind.streams)):
            late = np.maximum(late, stream.late) if read else late
        late = late + results.late
    late = np.maximum(late, results.slow)
    for stream, read in ((loaded, kind.loads), (streamed, kind.streams)):
        late = np.maximum(late, stream.slow) if read else late
    time: Floats = folds.step + late

    moving = [stream.here for stream, there in ((loaded, kind.loads), (streamed, kind.streams)) if there]
    now = _excess(machines, time, results.moved, moving)
    if len(moving) < 2:
        # Words for later folds come, too, where there are later ones.
        idle = [stream for stream, there in ((loaded, kind.loads), (streamed, kind.streams)) if not there]
        too = _excess(machines, time, results.moved, moving + [stream.ahead for stream in idle])
        now = now + (too - now) * idle[0].followed
    return time + now


def _excess(machines: MachineTable, time: Floats, moved: Floats, operand_words: Sequence[Floats]) -> Floats:
    """Return by how many cycles the channel needs longer for words of results and of operands than there are."""
    alone = together = moved
    for words in operand_words:
        alone, together = np.maximum(alone, words), together + words
    excess: Floats = np.maximum(0, np.where(machines.separate, alone, together) / machines.bandwidth - time)
    return excess


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
