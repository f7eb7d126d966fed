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
from cyclesim.model.tables import DB, NONE, Floats, Ints, LayerTable, MachineTable, Numbers
from cyclesim.model.words import SpillTable, WordTable


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
        machines.filter_ahead, folds.steps, folds.used_cols, _wide(folds),
    )  # fmt: skip
    ifmap = _stream(
        layers, machines, folds, words.ifmap / groups, rows * in_sweeps, groups,
        machines.ifmap_ahead, folds.steps, folds.used_rows, _high(folds),
    )  # fmt: skip
    return filters, ifmap, [
        Kind(some_rows * some_sweeps, loads, streams, psums=False)
        for some_rows, loads in ((in_rows, True), (rows - in_rows, False))
        for some_sweeps, streams in ((in_sweeps, True), (cols - in_sweeps, False))
    ]


def _of_ws(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[Stream, Stream, Sequence[Kind]]:
    groups, rows, cols = layers.groups, folds.row_folds, folds.col_folds
    in_sweeps = np.where(machines.ifmap_active >= layers.ifmap, 1, cols)
    fresh = _fresh(layers, machines, folds, words.ifmap / groups / in_sweeps)
    ports = np.where(skewed(machines), folds.used_cols, 1)
    filters = _stream(
        layers, machines, folds, words.filter / groups, folds.folds, groups,
        machines.filter_ahead, folds.used_rows, ports, _wide(folds),
    )  # fmt: skip
    ifmap = _stream(
        layers, machines, folds, words.ifmap / groups, fresh * in_sweeps, in_sweeps * groups,
        machines.ifmap_ahead, folds.steps, folds.used_rows, _high(folds),
    )  # fmt: skip
    return filters, ifmap, [
        Kind(in_sweeps, loads=True, streams=True, psums=False),
        Kind(in_sweeps * (fresh - 1), loads=True, streams=True, psums=True),
        Kind(cols - in_sweeps, loads=True, streams=False, psums=False),
        Kind(cols * (rows - 1) - in_sweeps * (fresh - 1), loads=True, streams=False, psums=True),
    ]


def _of_is(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, words: WordTable
) -> tuple[Stream, Stream, Sequence[Kind]]:
    groups, rows, cols = layers.groups, folds.row_folds, folds.col_folds
    in_sweeps = np.where(machines.filter_active >= layers.k * layers.n, 1, cols)
    fresh = _fresh(layers, machines, folds, words.ifmap / groups)
    ports = np.where(skewed(machines), folds.used_cols, 1)
    ifmap = _stream(
        layers, machines, folds, words.ifmap / groups, fresh * cols, cols * groups,
        machines.ifmap_ahead, folds.used_rows, ports, _wide(folds),
    )  # fmt: skip
    filters = _stream(
        layers, machines, folds, words.filter / groups, rows * in_sweeps, groups,
        machines.filter_ahead, folds.steps, folds.used_rows, _high(folds),
    )  # fmt: skip
    return ifmap, filters, [
        Kind(sweeps * part, loads, streams, psums)
        for sweeps, streams in ((in_sweeps, True), (cols - in_sweeps, False))
        for part, loads, psums in ((1, True, False), (fresh - 1, True, True), (rows - fresh, False, True))
    ]


def skewed(machines: MachineTable) -> NDArray[np.bool_]:
    """Return whether a column of the array is loaded a cycle behind the one before."""
    waves: NDArray[np.bool_] = ~((machines.overlap == NONE) | (machines.overlap == DB))
    return waves


class _Sizes(NamedTuple):
    """Folds in one direction: how many, how much larger a full one is than their mean, the last as a share of it."""

    folds: Ints
    full: Floats
    last: Floats


def _high(folds: FoldTable) -> _Sizes:
    last_rows = folds.spatial_rows - (folds.row_folds - 1) * folds.used_rows
    full = folds.used_rows * folds.row_folds / folds.spatial_rows
    return _Sizes(folds.row_folds, full, last_rows / folds.used_rows)


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


def _stream(
    layers: LayerTable,
    machines: MachineTable,
    folds: FoldTable,
    words: Floats,
    read_in: Numbers,
    bursts: Numbers,
    ahead: Ints,
    steps: Ints,
    ports: Numbers,
    sizes: _Sizes,
) -> Stream:
    """Return an operand of so many words a group, `read_in` folds of it, in so many bursts of folds over all groups.

    A fold that reads takes `steps` words at each of `ports` ports, which are a cycle behind one another.
    """
    lookahead = ahead.astype(np.float64)
    each = words / np.maximum(read_in, 1)
    others = np.maximum(0, folds.folds - read_in)
    burst = np.maximum(read_in / np.maximum(1, bursts), 1e-9)
    # The folds before a burst that do not read fetch for it; nothing comes before the layer.
    early = np.minimum(lookahead, each * burst * others / folds.folds) / burst
    early = np.where((others > 0) & (bursts > 1), np.minimum(early, each), 0)
    followed = 1 - 1 / np.maximum(bursts, 1)
    total = np.rint(words * layers.groups)
    bandwidth = machines.bandwidth
    full = _wanted(folds, each * sizes.full, steps, ports)
    late = _late(machines, full, total, lookahead, bandwidth)
    last = np.maximum(0, (late + full.span) * sizes.last - full.span)
    late = late + (last - late) / sizes.folds
    # Nothing of the first fold that reads comes before the layer begins.
    first = np.maximum(0, full.words / bandwidth - full.span + full.slope * np.minimum(1, bandwidth / full.each) / 2)
    return Stream(
        late=late + np.maximum(0, first - late) / np.maximum(1, read_in * layers.groups),
        slow=_slow(machines, _wanted(folds, each, steps, ports), total, lookahead, bandwidth),
        pressing=np.maximum(0, each - lookahead),
        here=each - early * followed,
        ahead=early * read_in / np.maximum(others, 1),
        followed=followed,
    )


def partial_sums(
    layers: LayerTable, machines: MachineTable, folds: FoldTable, spill: SpillTable
) -> PartialSums:
    """Return the partial sums that a fold reads that is not the first of its column fold.

    One can be fetched when it has been written back, which is so many words before it is wanted.
    """
    words = spill.words * spill.times / np.maximum(1, folds.row_folds - 1)
    known = np.maximum(1, folds.steps * spill.used_cols - machines.psum_active)
    lookahead = np.minimum(machines.psum_ahead, known).astype(np.float64)
    # If less than a cycle's words can come early, the channel does not write meanwhile, and does so afterwards.
    bandwidth = machines.bandwidth / np.where(lookahead < spill.used_cols, 2, 1)
    total = spill.words * spill.times * spill.col_folds * layers.groups
    wanted = _wanted(folds, words, folds.steps, spill.used_cols)
    return PartialSums(
        words,
        np.maximum(0, words - lookahead),
        _late(machines, wanted, total, lookahead, bandwidth),
        _slow(machines, wanted, total, lookahead, bandwidth),
    )


class _Wanted(NamedTuple):
    """When a fold wants words: a port more each cycle for `slope` cycles, `each` a cycle, and then less again.

    That is `span` cycles in all, `spare` less than its step. `most` is what it could want in a cycle.
    """

    words: Floats
    span: Floats
    spare: Floats
    slope: Floats
    each: Floats
    most: Numbers


def _wanted(folds: FoldTable, words: Floats, steps: Ints, ports: Numbers) -> _Wanted:
    step = folds.step.astype(np.float64)
    span = np.minimum((steps + ports - 1).astype(np.float64), step)
    slope = np.maximum(0.0, span - np.maximum(steps, ports))
    each = np.maximum(words / np.maximum(1.0, span - slope), 1.0)
    return _Wanted(words, span, step - span, slope, each, np.minimum(ports, steps))


def _late(
    machines: MachineTable, wanted: _Wanted, total: Numbers, lookahead: Floats, bandwidth: Floats
) -> Floats:
    """Return how many cycles later than wanted a fold's last word comes, if the fold before was not late.

    `total` are the words of all folds.
    """
    words, span, spare, slope, each, _ = wanted
    by_channel = np.maximum(0, words - lookahead) / bandwidth - span + slope * np.minimum(1, bandwidth / each) / 2
    cycles_ahead = np.maximum(np.floor(lookahead / each), 1)
    window = cycles_ahead * each  # what the next cycle wants may always come
    turn = machines.latency + np.maximum(1, each / bandwidth)
    short = lookahead < each
    # Turns in the time in which words are wanted faster than they can come; the first is over if there was time. While
    # they rise, the turns of every rate up to `each` add up to `ramp` a port: 1/2 (x + x^2/3) for a share x of the
    # lookahead, until a cycle's words are more than a half of it.
    share = each / lookahead
    ramp = np.where(share > 0.5, share - 0.355, share * share / 2 * (1 + share / 3)) * lookahead
    slow = np.minimum(window / turn, each)
    turns = (span - 2 * slope) / cycles_ahead + 2 * slope / each * np.maximum(0, ramp - slow / turn / 2)
    of_all = np.floor(np.maximum(0, total - 1) / window) * words / np.maximum(1, total)
    ready = np.minimum(spare / turn, 1)
    most = np.minimum(np.floor((words - 1) / window) + 1 - ready, of_all)
    is_short = bool(short.any())
    if is_short:
        most = np.where(short, span - ready, most)
    windows = np.maximum(0, np.minimum(turns, most))
    inside = (words - slope * slow * slow / each) * windows / np.maximum(turns, 1e-9)
    rising = span - 2 * np.sqrt(np.maximum(0, words - inside) * slope / each)
    wanted_in = np.where(inside <= words - slope * each, inside / each, rising)
    taken = windows * turn
    if is_short:
        over = np.maximum(0, each / bandwidth - 1)
        beside = (span - 2 * slope) * over + slope * over * np.maximum(0, 1 - bandwidth / each)
        taken = np.where(short, windows * (machines.latency + 1) + beside, taken)
    by_latency = np.where((window < each * turn) & (window < words), taken - wanted_in, 0)
    return np.where(words > 0, np.maximum(0, np.maximum(by_latency, by_channel)), 0)


def _slow(
    machines: MachineTable, wanted: _Wanted, total: Numbers, lookahead: Floats, bandwidth: Floats
) -> Floats:
    """Return by how many cycles a fold of so many words takes longer as the latency lets no more words come.

    A word is asked for when the one a lookahead before is taken. So the layer's `total` takes as many times the latency
    as it has whole lookaheads before its last word.
    """
    window = np.maximum(lookahead, wanted.each)
    turn = machines.latency + np.maximum(1, wanted.each / bandwidth)
    share = np.floor(np.maximum(0, total - 1) / window) * window / np.maximum(1, total)
    slow: Floats = np.maximum(0, wanted.words * turn / window - wanted.span - wanted.spare) * share
    return np.where(lookahead < wanted.most, 0.0, slow)
