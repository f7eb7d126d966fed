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
from cyclesim.model.spills import SpillTable
from cyclesim.model.streams import Kind, PartialSums, Stream, operands, partial_sums, skewed
from cyclesim.model.tables import NONE, PIPE1, Floats, Ints, LayerTable, MachineTable, Numbers, Places, in_floats
from cyclesim.model.words import WordTable

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
    cold_start, first = _start(machines, folds)
    compute = folds.array_cycles
    layers, machines, folds, words = in_floats(layers), in_floats(machines), in_floats(folds), in_floats(words)
    bandwidth = machines.bandwidth
    sums = folds.reads_psums
    active = np.where(sums, machines.psum_active, machines.result_active)
    lookahead = np.where(sums, machines.psum_ahead, machines.result_ahead)
    flushed = np.minimum(active, words.ofmap)
    evicted = (words.ofmap - flushed) / (layers.groups * folds.folds)

    longer = _pipeline(layers, machines, folds, words, (), evicted, lookahead)
    places = Places.where(words.psum > 0)
    if places.any:  # on few machines
        spilled = [in_floats(places.row_of(spill)) for spill in spills]
        some_evicted, some_lookahead = (values[None, :] for values in places.of(evicted, lookahead))
        found = _pipeline(*_of_places(places, layers, machines, folds, words), spilled, some_evicted, some_lookahead)
        places.put(longer, found[0])
    run = folds.array_cycles + (first + longer)
    run = np.maximum(run, _filled(layers, machines, folds, words, active + lookahead))
    moved = words.psum + words.ofmap - flushed
    alone = np.maximum(np.maximum(words.ifmap, words.filter), moved)
    least = np.where(machines.separate, alone, words.ifmap + words.filter + moved) / bandwidth
    stall = _whole(np.ceil(np.maximum(run, least) - folds.array_cycles))
    return CycleTable(
        compute=compute,
        cold_start=cold_start,
        stall=np.maximum(0, stall),
        drain=_whole(np.maximum(1, np.ceil(flushed / bandwidth))),
    )


def _of_places(
    places: Places, layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[LayerTable, MachineTable, FoldTable, WordTable]:
    return places.row_of(layers), places.row_of(machines), places.row_of(folds), places.row_of(words)


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
    lookahead: Numbers,
) -> Floats:
    """Return by how many cycles all folds take longer than their steps, kind by kind.

    Without `spills` no fold reads partial sums.
    """
    loaded, streamed, kinds = operands(layers, machines, folds, words)
    without = [_results(machines, folds, None, evicted, lookahead)]
    sums = [partial_sums(layers, machines, folds, spill) for spill in spills]
    back = [_results(machines, folds, each, evicted, lookahead) for each in sums]
    loading = _loading(machines, folds)
    longer = spare = short = np.zeros_like(evicted)
    times: dict[tuple[bool, bool, bool], Floats] = {}
    for kind in kinds:
        reads = kind.loads, kind.streams, kind.psums and bool(spills)
        if reads not in times:
            # Partial sums are as many as the columns: those of the last column fold may be fewer.
            results = back if reads[2] else without
            found = [_late_fold(machines, folds, loading, loaded, streamed, kind, each) for each in results]
            times[reads] = found[0] if len(found) == 1 else found[0] + (found[1] - found[0]) / folds.col_folds
        late = times[reads]
        longer = longer + kind.folds * late
        if kind.loads and kind.streams:
            spare = spare + kind.folds * (late + folds.step - loaded.here / machines.bandwidth)
        elif kind.loads:
            short = short + kind.folds * np.minimum(loaded.late, late)
    # On a port of its own what is loaded can come while folds wait for what streams, for folds that do not.
    places = Places.where((short > 0) & machines.separate)
    if places.any:
        room = machines.ifmap_ahead if machines.dataflow == "is" else machines.filter_ahead
        held = (longer, spare, short, room, machines.bandwidth, layers.groups)
        some, spare, short, room, bandwidth, groups = places.of(*held)
        places.put(longer, some - np.minimum(np.minimum(spare, short), room / bandwidth / groups))
    total: Floats = layers.groups * longer
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
    machines: MachineTable, folds: FoldTable, sums: PartialSums | None, evicted: Floats, lookahead: Numbers
) -> _Results:
    """Return the results of a fold that fetches such partial sums and evicts as many, or so many if it fetches none."""
    entering = evicted if sums is None else np.where(sums.words > 0, sums.words, evicted)
    leaving = np.maximum(0, entering - lookahead) / machines.bandwidth  # more than can queue
    none = np.zeros((1, 1))
    if not machines.stationary:
        return _Results(none, np.maximum(0, leaving - folds.used_rows), none, entering)
    if sums is None:
        return _Results(leaving, none, none, entering)
    return _Results(sums.pressing / machines.bandwidth + leaving, sums.late, sums.slow, sums.words + entering)


class _Loading(NamedTuple):
    """Cycles in which a fold streams, and the share of them in which the next one is loaded, 0 if that is apart."""

    span: Floats
    share: Floats


def _loading(machines: MachineTable, folds: FoldTable) -> _Loading:
    span = np.minimum(folds.steps + folds.used_cols - 1, folds.step)
    apart = (machines.overlap == NONE) | (machines.overlap == PIPE1)
    share = np.minimum(1.0, (folds.used_rows + np.where(skewed(machines), folds.used_cols, 1)) / span)
    return _Loading(span, np.where(apart, 0.0, share))


def _late_fold(
    machines: MachineTable,
    folds: FoldTable,
    loading: _Loading,
    loaded: Stream,
    streamed: Stream,
    kind: Kind,
    results: _Results,
) -> Floats:
    """Return by how many cycles a fold of some kind takes longer than its step, with such results."""
    bandwidth, separate = machines.bandwidth, machines.separate
    # What came neither early nor can leave late goes over the channel while the array streams.
    pressing = results.channel
    shared = np.where(separate, 0.0, 1 / bandwidth)
    if kind.streams:
        pressing = pressing + streamed.pressing * shared
    if machines.stationary:
        late = np.maximum(results.late, pressing - loading.span)
        late = np.maximum(late, streamed.late) if kind.streams else np.maximum(late, 0)
        if kind.loads:
            # Where the next fold is loaded while one streams, what both wait for they wait for at the same time.
            late = late + loaded.late - np.minimum(loaded.late, late * loading.share)
    else:
        if kind.loads:
            pressing = pressing + loaded.pressing * shared
        late = np.maximum(0, pressing - folds.steps)
        for stream, read in ((loaded, kind.loads), (streamed, kind.streams)):
            late = np.maximum(late, stream.late) if read else late
        late = late + results.late
    late = np.maximum(late, results.slow)
    for stream, read in ((loaded, kind.loads), (streamed, kind.streams)):
        late = np.maximum(late, stream.slow) if read else late

    time = folds.step + late
    moving = [stream.here for stream, there in ((loaded, kind.loads), (streamed, kind.streams)) if there]
    now = _excess(machines, time, results.moved, moving)
    if len(moving) < 2:
        # Words for later folds come, too, where there are later ones.
        idle = [stream for stream, there in ((loaded, kind.loads), (streamed, kind.streams)) if not there]
        too = _excess(machines, time, results.moved, moving + [stream.ahead for stream in idle])
        now = now + (too - now) * idle[0].followed
    return late + now


def _excess(machines: MachineTable, time: Numbers, moved: Floats, operand_words: Sequence[Floats]) -> Floats:
    """Return by how many cycles the channel needs longer for words of results and of operands than there are."""
    alone = together = moved
    for words in operand_words:
        alone, together = np.maximum(alone, words), together + words
    excess: Floats = np.maximum(0, np.where(machines.separate, alone, together) / machines.bandwidth - time)
    return excess


def _filled(layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable, room: Numbers) -> Numbers:
    """Return the cycles of a run on a shared channel that reads as far ahead as it may before it writes.

    Reads go before writes until the drain queue is full. So when it is for the first time, the array waits until the
    operands' scratchpads are filled; what they hold then is no longer to be read, but the time is gone. A queue that
    takes one word a cycle never has to wait: it is written when it is full.
    """
    filled = np.zeros_like(words.ofmap)
    places = Places.where((room < words.ofmap) & (folds.used_cols > 1) & ~machines.separate)
    if places.any:  # on few machines
        layers, machines, folds, words = _of_places(places, layers, machines, folds, words)
        done = places.of(room)[0] / words.ofmap
        if not machines.stationary:  # results leave at the end of a fold
            every = folds.folds * layers.groups
            done = np.minimum(1.0, np.ceil(done * every) / every)
        ifmap = np.minimum(words.ifmap * done + machines.ifmap_ahead, words.ifmap)
        filters = np.minimum(words.filter * done + machines.filter_ahead, words.filter)
        fetching = (ifmap + filters) / machines.bandwidth
        waits = (done < 1) & (fetching > done * folds.array_cycles)
        places.put(filled, np.where(waits, fetching + (1 - done) * folds.array_cycles, 0.0)[0])
    return filled
