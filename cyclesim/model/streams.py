"""The streams that a fold reads, and how late their words come (docs/analytical-model.md).

Words are not spread evenly over folds: a kept operand is read in some of them only, partial sums in all but the first
row fold. So folds come in a few kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cyclesim.model.folds import FoldTable
from cyclesim.model.spills import SpillTable
from cyclesim.model.tables import DB, NONE, Floats, LayerTable, MachineTable, Numbers, Places
from cyclesim.model.words import WordTable


class Stream(NamedTuple):
    """An operand in the folds that read it, and in those that do not.

    late: cycles by which a fold that reads it is late for its sake, whatever came before.
    slow: cycles by which it is late if all folds are, because only so many words can be under way.
    pressing: words of a fold that do not come before it begins.
    here: words that go over the channel in the time of a fold that reads.
    ahead: words that do in the time of a fold that does not, for a later one that reads.
    followed: the share of such folds behind which one reads.
    """

    late: Floats
    slow: Floats
    pressing: Floats
    here: Floats
    ahead: Floats
    followed: Floats


class PartialSums(NamedTuple):
    """Partial sums of a fold of some width: words, those that do not come early, and lateness as of a `Stream`."""

    words: Floats
    pressing: Floats
    late: Floats
    slow: Floats


class Kind(NamedTuple):
    """Folds of one kind: how many of a group, whether they read what is loaded, what streams, and partial sums."""

    folds: Numbers
    loads: bool
    streams: bool
    psums: bool


def operands(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[Stream, Stream, Sequence[Kind]]:
    """Return the operand that is loaded before a fold streams, the one that streams, and the kinds of folds.

    In os both stream; the filter is the one that stays for a column fold, if it fits.
    """
    return {"os": _of_os, "ws": _of_ws, "is": _of_is}[machines.dataflow](layers, machines, folds, words)


def _of_os(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[Stream, Stream, Sequence[Kind]]:
    groups, rows, cols = layers.groups, folds.row_folds, folds.col_folds
    keeps = machines.filter_active >= layers.k * folds.used_cols
    in_rows, in_sweeps = np.where(keeps, 1, rows), np.where(machines.ifmap_active >= layers.ifmap, 1, cols)
    filters = _stream(
        layers, machines, folds, words.filter / groups, in_rows * cols, np.where(keeps, cols, 1) * groups,
        machines.filter_ahead, _wave(folds, folds.steps, folds.used_cols), _wide(folds),
    )  # fmt: skip
    ifmap = _stream(
        layers, machines, folds, words.ifmap / groups, rows * in_sweeps, groups,
        machines.ifmap_ahead, _wave(folds, folds.steps, folds.used_rows), _high(folds),
    )  # fmt: skip
    return (
        filters,
        ifmap,
        [
            Kind(some_rows * some_sweeps, loads, streams, psums=False)
            for some_rows, loads in ((in_rows, True), (rows - in_rows, False))
            for some_sweeps, streams in ((in_sweeps, True), (cols - in_sweeps, False))
        ],
    )


def _of_ws(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[Stream, Stream, Sequence[Kind]]:
    groups, rows, cols = layers.groups, folds.row_folds, folds.col_folds
    in_sweeps = np.where(machines.ifmap_active >= layers.ifmap, 1, cols)
    fresh = _fresh(layers, machines, folds, words.ifmap / groups / in_sweeps)
    ports = np.where(skewed(machines), folds.used_cols, 1)
    filters = _stream(
        layers, machines, folds, words.filter / groups, folds.folds, groups,
        machines.filter_ahead, _wave(folds, folds.used_rows, ports), _wide(folds),
    )  # fmt: skip
    ifmap = _stream(
        layers, machines, folds, words.ifmap / groups, fresh * in_sweeps, in_sweeps * groups,
        machines.ifmap_ahead, _wave(folds, folds.steps, folds.used_rows), _high(folds),
    )  # fmt: skip
    return (
        filters,
        ifmap,
        [
            Kind(in_sweeps, loads=True, streams=True, psums=False),
            Kind(in_sweeps * (fresh - 1), loads=True, streams=True, psums=True),
            Kind(cols - in_sweeps, loads=True, streams=False, psums=False),
            Kind(cols * (rows - 1) - in_sweeps * (fresh - 1), loads=True, streams=False, psums=True),
        ],
    )


def _of_is(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[Stream, Stream, Sequence[Kind]]:
    groups, rows, cols = layers.groups, folds.row_folds, folds.col_folds
    in_sweeps = np.where(machines.filter_active >= layers.k * layers.n, 1, cols)
    fresh = _fresh(layers, machines, folds, words.ifmap / groups)
    ports = np.where(skewed(machines), folds.used_cols, 1)
    ifmap = _stream(
        layers, machines, folds, words.ifmap / groups, fresh * cols, cols * groups,
        machines.ifmap_ahead, _wave(folds, folds.used_rows, ports), _wide(folds),
    )  # fmt: skip
    filters = _stream(
        layers, machines, folds, words.filter / groups, rows * in_sweeps, groups,
        machines.filter_ahead, _wave(folds, folds.steps, folds.used_rows), _high(folds),
    )  # fmt: skip
    return (
        ifmap,
        filters,
        [
            Kind(sweeps * part, loads, streams, psums)
            for sweeps, streams in ((in_sweeps, True), (cols - in_sweeps, False))
            for part, loads, psums in ((1, True, False), (fresh - 1, True, True), (rows - fresh, False, True))
        ],
    )


def skewed(machines: MachineTable) -> NDArray[np.bool_]:
    """Return whether a column of the array is loaded a cycle behind the one before."""
    waves: NDArray[np.bool_] = ~((machines.overlap == NONE) | (machines.overlap == DB))
    return waves


class _Sizes(NamedTuple):
    """Folds in one direction: how many, how much larger a full one is than their mean, the last as a share of it."""

    folds: Numbers
    full: Floats
    last: Floats


def _high(folds: FoldTable) -> _Sizes:
    full_rows = (folds.row_folds - 1) * folds.used_rows
    full = folds.used_rows * folds.row_folds / folds.spatial_rows
    return _Sizes(folds.row_folds, full, (folds.spatial_rows - full_rows) / folds.used_rows)


def _wide(folds: FoldTable) -> _Sizes:
    full = folds.used_cols * folds.col_folds / folds.spatial_cols
    return _Sizes(folds.col_folds, full, folds.last_cols / folds.used_cols)


def _fresh(layers: LayerTable, machines: MachineTable, folds: FoldTable, words: Floats) -> Floats:
    """Return how many row folds of a sweep bring the ifmap's words.

    The others hold places of the window whose words earlier ones have brought: folds of one tap bring all they ask for,
    or nothing; folds of several taps share among these, and are more alike.
    """
    taps = np.maximum(1, machines.rows / layers.channels)
    share = np.minimum(1, words / np.maximum(1, layers.requests) * taps)
    fresh: Floats = np.maximum(1.0, share * folds.row_folds)
    return fresh


class _Wave(NamedTuple):
    """When a fold wants words: a port more each cycle for `slope` cycles, then alike, and then less again.

    That is `span` cycles in all, of its `step`; at the full rate all words would be wanted in `level` cycles. `most` is
    what it could want in a cycle.
    """

    span: Numbers
    step: Numbers
    slope: Numbers
    level: Numbers
    most: Numbers

    def a_cycle(self, words: Floats) -> Floats:
        """Return how many of so many words are wanted in a cycle at full rate."""
        each: Floats = np.maximum(words / self.level, 1.0)
        return each

    def behind(self, each: Floats, bandwidth: Floats) -> Floats:
        """Return what makes the channel's time for a fold's words the cycles by which its last word is late.

        The words have the span; while the wave rises, a narrow channel waits until more is wanted than it moves.
        """
        cycles: Floats = self.slope * np.minimum(0.5, bandwidth / each / 2) - self.span
        return cycles


def _wave(folds: FoldTable, steps: Numbers, ports: Numbers) -> _Wave:
    """Return the wave of a fold that takes `steps` words at each of `ports` ports, a cycle behind one another."""
    longer = np.maximum(steps, ports)
    span = np.minimum(steps + ports - 1, folds.step)
    level = np.minimum(span, longer)
    return _Wave(span, folds.step, span - level, np.maximum(1.0, level), np.minimum(ports, steps))


def _stream(
    layers: LayerTable,
    machines: MachineTable,
    folds: FoldTable,
    words: Floats,
    read_in: Numbers,
    bursts: Numbers,
    ahead: Numbers,
    wave: _Wave,
    sizes: _Sizes,
) -> Stream:
    """Return an operand of so many words a group, `read_in` folds of it, in so many bursts of folds over all groups."""
    each = words / np.maximum(read_in, 1)
    followed = 1 - 1 / np.maximum(bursts, 1)
    others = np.maximum(0, folds.folds - read_in)
    early = _early(folds, each, ahead, read_in, bursts, others)
    total = np.rint(words * layers.groups)
    bandwidth = machines.bandwidth
    full = each * sizes.full
    at_rate = wave.a_cycle(full)
    behind = wave.behind(at_rate, bandwidth)
    late = _late(machines, wave, full, at_rate, behind, total, ahead, bandwidth)
    places = Places.where(late > 0)
    if places.any:
        some, span, last, all_folds = places.of(late, wave.span, sizes.last, sizes.folds)
        places.put(late, some + (np.maximum(0, (some + span) * last - span) - some) / all_folds)
    # Nothing of the first fold that reads comes before the layer begins.
    first = full / bandwidth + behind
    return Stream(
        late=late + np.maximum(0, first - late) / np.maximum(1, read_in * layers.groups),
        slow=_slow(machines, wave, each, total, ahead, bandwidth),
        pressing=np.maximum(0, each - ahead),
        here=each - early * followed,
        ahead=early * read_in / np.maximum(others, 1),
        followed=followed,
    )


def _early(
    folds: FoldTable, each: Floats, ahead: Numbers, read_in: Numbers, bursts: Numbers, others: Numbers
) -> Floats:
    """Return the words of a fold that reads that `others`, which do not, fetch before its burst.

    Nothing comes before the layer.
    """
    early = np.zeros_like(each + others)
    places = Places.where((others > 0) & (bursts > 1))
    if places.any:
        each, ahead, read_in, bursts, others, all_folds = places.of(each, ahead, read_in, bursts, others, folds.folds)
        burst = np.maximum(read_in / bursts, 1e-9)
        places.put(early, np.minimum(np.minimum(ahead, each * burst * others / all_folds) / burst, each))
    return early


def partial_sums(layers: LayerTable, machines: MachineTable, folds: FoldTable, spill: SpillTable) -> PartialSums:
    """Return the partial sums that a fold reads that is not the first of its column fold.

    One can be fetched when it has been written back, which is so many words before it is wanted.
    """
    words = spill.words * spill.times / np.maximum(1, (folds.row_folds - 1) * spill.col_folds)
    known = np.maximum(1, folds.steps * spill.used_cols - machines.psum_active)
    lookahead = np.minimum(machines.psum_ahead, known)
    # If less than a cycle's words can come early, the channel does not write meanwhile, and does so afterwards.
    bandwidth = machines.bandwidth / np.where(lookahead < spill.used_cols, 2, 1)
    total = spill.words * spill.times * layers.groups
    wave = _wave(folds, folds.steps, spill.used_cols)
    each = wave.a_cycle(words)
    return PartialSums(
        words,
        np.maximum(0, words - lookahead),
        _late(machines, wave, words, each, wave.behind(each, bandwidth), total, lookahead, bandwidth),
        _slow(machines, wave, words, total, lookahead, bandwidth),
    )


def _late(
    machines: MachineTable,
    wave: _Wave,
    words: Floats,
    each: Floats,
    behind: Floats,
    total: Numbers,
    lookahead: Numbers,
    bandwidth: Floats,
) -> Floats:
    """Return how many cycles later than wanted a fold's last word comes, if the fold before was not late.

    `total` are the words of all folds, `each` and `behind` those of the wave for a fold's words.
    """
    turn = machines.latency + np.maximum(1, each / bandwidth)
    window = np.maximum(np.floor(lookahead / each), 1) * each  # what the next cycle wants may always come
    late = np.maximum(0, np.maximum(0, words - lookahead) / bandwidth + behind)
    places = Places.where((window < each * turn) & (window < words))
    if places.any:  # of few folds
        part = _Wave(*places.of(*wave))
        held = (words, each, total, lookahead, bandwidth, machines.latency, turn)
        found = _late_by_latency(part, *places.of(*held))
        places.put(late, np.maximum(places.of(late)[0], found))
    return late


def _late_by_latency(
    wave: _Wave,
    words: Floats,
    each: Floats,
    total: Numbers,
    lookahead: Numbers,
    bandwidth: Floats,
    latency: Numbers,
    turn: Floats,
) -> Floats:
    """Return how late the last words are where fewer can be under way than are wanted.

    What can, a window of words, is asked for again a turn later.
    """
    span, step, slope, _, _ = wave
    cycles_ahead = np.maximum(np.floor(lookahead / each), 1)
    window = cycles_ahead * each
    short = lookahead < each
    # Turns in the time in which words are wanted faster than they can come; the first is over if there was time. While
    # they rise, the turns of every rate up to `each` add up to `ramp` a port: 1/2 (x + x^2/3) for a share x of the
    # lookahead, until a cycle's words are more than a half of it.
    share = each / lookahead
    ramp = np.where(share > 0.5, share - 0.355, share * share / 2 * (1 + share / 3)) * lookahead
    slow = np.minimum(window / turn, each)
    turns = (span - 2 * slope) / cycles_ahead + 2 * slope / each * np.maximum(0, ramp - slow / turn / 2)
    of_all = np.floor(np.maximum(0, total - 1) / window) * words / np.maximum(1, total)
    ready = np.minimum((step - span) / turn, 1)
    most = np.where(short, span - ready, np.minimum(np.floor((words - 1) / window) + 1 - ready, of_all))
    windows = np.maximum(0, np.minimum(turns, most))
    inside = (words - slope * slow * slow / each) * windows / np.maximum(turns, 1e-9)
    rising = span - 2 * np.sqrt(np.maximum(0, words - inside) * slope / each)
    wanted_in = np.where(inside <= words - slope * each, inside / each, rising)
    over = np.maximum(0, each / bandwidth - 1)
    beside = (span - 2 * slope) * over + slope * over * np.maximum(0, 1 - bandwidth / each)
    taken = np.where(short, windows * (latency + 1) + beside, windows * turn)
    late: Floats = taken - wanted_in
    return late


def _slow(
    machines: MachineTable, wave: _Wave, words: Floats, total: Numbers, lookahead: Numbers, bandwidth: Floats
) -> Floats:
    """Return by how many cycles a fold of so many words takes longer as the latency lets no more words come.

    A word is asked for when the one a lookahead before is taken. So the layer's `total` takes as many times the latency
    as it has whole lookaheads before its last word.
    """
    each = wave.a_cycle(words)
    window = np.maximum(lookahead, each)
    turn = machines.latency + np.maximum(1, each / bandwidth)
    slow: Floats = np.maximum(0, words * turn / window - wave.step)
    places = Places.where(slow > 0)
    if places.any:
        some, total, window, lookahead, most = places.of(slow, total, window, lookahead, wave.most)
        share = np.floor(np.maximum(0, total - 1) / window) * window / np.maximum(1, total)
        places.put(slow, np.where(lookahead < most, 0.0, some * share))
    return slow
