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

    late: cycles by which a fold that reads it is late for its sake.
    pressing: words of a fold that do not come before it begins.
    here: words that go over the channel in the time of a fold that reads.
    ahead: words that do in the time of a fold that does not, for a later one that reads.
    followed: the share of such folds behind which one reads.
    """

    late: Floats
    pressing: Floats
    here: Floats
    ahead: Floats
    followed: Floats


class PartialSums(NamedTuple):
    """Partial sums of a fold of some width: words, those that do not come early, cycles by which the last is late."""

    words: Floats
    pressing: Floats
    late: Floats


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
        machines, folds, words.filter / groups, in_rows * cols, np.where(keeps, cols, 1) * groups,
        machines.filter_ahead, folds.steps, folds.used_cols, _wide(folds),
    )  # fmt: skip
    ifmap = _stream(
        machines, folds, words.ifmap / groups, rows * in_sweeps, groups,
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
        machines, folds, words.filter / groups, folds.folds, groups,
        machines.filter_ahead, folds.used_rows, ports, _wide(folds),
    )  # fmt: skip
    ifmap = _stream(
        machines, folds, words.ifmap / groups, fresh * in_sweeps, in_sweeps * groups,
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
        machines, folds, words.ifmap / groups, fresh * cols, cols * groups,
        machines.ifmap_ahead, folds.used_rows, ports, _wide(folds),
    )  # fmt: skip
    filters = _stream(
        machines, folds, words.filter / groups, rows * in_sweeps, groups,
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
    """How many folds there are in one direction, and how much larger a full one is than their mean."""

    folds: Ints
    full: Floats


def _high(folds: FoldTable) -> _Sizes:
    return _Sizes(folds.row_folds, folds.used_rows * folds.row_folds / folds.spatial_rows)


def _wide(folds: FoldTable) -> _Sizes:
    return _Sizes(folds.col_folds, folds.used_cols * folds.col_folds / folds.spatial_cols)


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
    machines: MachineTable,
    folds: FoldTable,
    words: Floats,
    read_in: Numbers,
    bursts: Numbers,
    lookahead: Ints,
    steps: Ints,
    ports: Numbers,
    sizes: _Sizes,
) -> Stream:
    """Return an operand of so many words a group, `read_in` folds of it, in so many bursts of folds over all groups.

    A fold that reads takes `steps` words at each of `ports` ports, which are a cycle behind one another.
    """
    each = words / np.maximum(read_in, 1)
    others = np.maximum(0, folds.folds - read_in)
    burst = np.maximum(read_in / np.maximum(1, bursts), 1e-9)
    # The folds before a burst that do not read fetch for it; nothing comes before the layer.
    early = np.minimum(lookahead, each * burst * others / folds.folds) / burst
    early = np.where((others > 0) & (bursts > 1), np.minimum(early, each), 0)
    followed = 1 - 1 / np.maximum(bursts, 1)
    late = lateness(machines, folds, each * sizes.full, lookahead, steps, ports)
    # The last fold may be smaller; what takes it longer is so much less.
    span = np.minimum(steps + ports - 1, folds.step)
    last = np.maximum(0, (late + span) * (1 - sizes.folds * (1 - 1 / sizes.full)) - span)
    return Stream(
        late=late + (last - late) / sizes.folds,
        pressing=np.maximum(0, each - lookahead),
        here=each - early * followed,
        ahead=early * read_in / np.maximum(others, 1),
        followed=followed,
    )


def partial_sums(machines: MachineTable, folds: FoldTable, spill: SpillTable) -> PartialSums:
    """Return the partial sums that a fold reads that is not the first of its column fold.

    One can be fetched when it has been written back, which is so many words before it is wanted.
    """
    words = spill.words * spill.times / np.maximum(1, folds.row_folds - 1)
    known = np.maximum(1, folds.steps * spill.used_cols - machines.psum_active)
    lookahead = np.minimum(machines.psum_ahead, known)
    late = lateness(machines, folds, words, lookahead, folds.steps, spill.used_cols)
    return PartialSums(words, np.maximum(0, words - lookahead), late)


def lateness(
    machines: MachineTable, folds: FoldTable, words: Floats, lookahead: Ints, steps: Ints, ports: Numbers
) -> Floats:
    """Return how many cycles later than wanted a fold's last word comes.

    What is wanted rises by a port a cycle, stays level at `each` words a cycle, and falls again.
    """
    bandwidth = machines.bandwidth
    span = np.minimum(steps + ports - 1, folds.step)
    slope = np.maximum(0, span - np.maximum(steps, ports))
    each = np.maximum(words / np.maximum(1, span - slope), 1)
    by_channel = np.maximum(0, words - lookahead) / bandwidth - span + slope * np.minimum(1, bandwidth / each) / 2
    window = np.maximum(np.floor(lookahead / each), 1) * each  # what the next cycle wants may always come
    turn = machines.latency + np.maximum(1, each / bandwidth)
    rate = window / turn
    # Windows of the words that are wanted faster than they can come; the first has come if there was time.
    ready = np.minimum((folds.step - span) / turn, 1)
    faster = (words - slope * rate * rate / each) / window
    windows = np.maximum(0, np.minimum(faster, np.floor((words - 1) / window) + 1 - ready))
    inside = windows * window
    rising = span - 2 * np.sqrt(np.maximum(0, words - inside) * slope / each)
    wanted_in = np.where(inside <= words - slope * each, inside / each, rising)
    by_latency = np.where(rate < each, windows * turn - wanted_in, 0)
    by_latency = np.maximum(by_latency, words * turn / np.maximum(lookahead, window) - folds.step)
    return np.where(words > 0, np.maximum(0, np.maximum(by_latency, by_channel)), 0)
