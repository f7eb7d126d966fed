"""Which address is on which edge port in which array cycle: the demand of one port group, a chunk of rows at a time.

Every port group of every dataflow and variant is one pattern (docs/microarchitecture.md, section 4): fold f starts at
`start(f)`; its step j is on port p in cycle ``start(f) + j + skew * p``; the address is the sum of an entry of the
time axis (chosen by j) and one of the space axis (chosen by p). So a row of ports is the sum of two contiguous table
slices, with the time table laid out so that its index grows with the port, and the inner loop has neither division
nor gather. Convolution padding is a mask along the time axis: places on the space axis whose taps fall off the same
sides of the ifmap share one (`PortStream.pad_class`), and most of them need none.

Cost: about 0.15 ns a port and cycle without padding and 0.18 ns with it on a 2.5 GHz core with AVX-512 (32 ports,
buffers in the cache), plus 5 to 10 ns a cycle in which folds begin or end. It does not depend on the layer's size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cyclesim.kernels import IDLE


class FoldTable(NamedTuple):
    """When the folds of one group start at port 0 of a port group, in closed form.

    Padded folds: start(f) is `first` for f = 0, else ``second + (f - 1) * step``. Trimmed folds: `first` plus the
    lengths of the folds before, each ``step + R_f + C_f``. Both plus ``row_factor * R_f``.
    """

    rows: int
    cols: int
    spatial_rows: int
    spatial_cols: int
    row_folds: int
    col_folds: int
    trimmed: int
    first: int
    second: int
    step: int
    row_factor: int


class PortStream(NamedTuple):
    """What one group of edge ports carries: the two axes of its operand and how folds walk over them."""

    ports: int
    skew: int
    """1 if port p is p cycles behind port 0, else 0."""
    time_is_fold_rows: int
    """1 if a fold's steps walk over its own rows (preload, os results), 0 if over the whole time axis."""
    bottom_first: int
    """1 if those steps go from the fold's last row to its first; the time axis is stored reversed if 0."""
    space_is_rows: int
    """1 if the ports are the fold's rows, 0 if its columns."""
    steps: int
    """Length of the time axis: the steps of a fold, unless they walk over its rows."""
    skip_first_row_fold: int
    """1 for partial sums: the first fold over K has none to read."""
    group_step: int
    """Address distance from one group of the layer to the next."""
    time_address: NDArray[np.integer]
    space_address: NDArray[np.integer]
    pad_class: NDArray[np.int32]
    """For each place on the space axis the row of `pad_masks` that holds there, -1 if nothing is padding there."""
    pad_masks: NDArray[np.int8]
    """(classes, time axis): -1 where the sum of the axes is padding, thus no request, else 0."""


@njit(cache=True, nogil=True)
def fold_start(folds, f):
    """Return the cycle, within its group, in which fold f's step 0 is on port 0."""
    row_fold = f % folds.row_folds
    col_fold = f // folds.row_folds
    used_rows = min(folds.rows, folds.spatial_rows - row_fold * folds.rows)
    if folds.trimmed:
        used_cols = min(folds.cols, folds.spatial_cols - col_fold * folds.cols)
        before = f * folds.step
        before += col_fold * folds.spatial_rows + row_fold * folds.rows
        before += col_fold * folds.row_folds * folds.cols + row_fold * used_cols
    elif f == 0:
        before = 0
    else:
        before = folds.second - folds.first + (f - 1) * folds.step
    return folds.first + before + folds.row_factor * used_rows


@njit(cache=True, nogil=True)
def newest_fold(folds, cycle):
    """Return the last fold that starts at or before `cycle`, -1 if there is none."""
    low = -1
    high = folds.row_folds * folds.col_folds
    while high - low > 1:
        middle = (low + high) // 2
        if fold_start(folds, middle) <= cycle:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _idle(out):
    """Set one port's cycles to idle."""
    for i in range(out.size):
        out[i] = IDLE


@njit(cache=True, nogil=True)
def _plain(out, time, shift):
    """Fill one port's cycles with consecutive entries of the time axis. All arrays have the length of `out`."""
    for i in range(out.size):
        out[i] = time[i] + shift


@njit(cache=True, nogil=True)
def _masked(out, time, shift, mask):
    """Like `_plain`, with -1 where the mask says padding."""
    for i in range(out.size):
        out[i] = (time[i] + shift) | mask[i]


@njit(cache=True, nogil=True)
def _candidates(stream, folds, first_cycle, cycles):
    """Return the first fold of a group that may be on a port in a stretch of the group's cycles, and how many."""
    longest = min(folds.rows, folds.spatial_rows) if stream.time_is_fold_rows else stream.steps
    reach = longest + stream.skew * (stream.ports - 1)  # cycles after its start in which a fold can be on a port
    first = max(newest_fold(folds, first_cycle - reach), 0)
    return first, max(newest_fold(folds, first_cycle + cycles - 1) - first + 1, 0)


@njit(cache=True, nogil=True)
def folds_in_flight(stream, folds, cycles_per_group, first_cycle, cycles):
    """Tabulate the folds that are on a port in a stretch of a layer's cycles, in the order of their starts.

    Returns
    -------
    table : (folds, 6) int64
        Start relative to `first_cycle`, span in steps, first entry of the time axis, number of ports, first entry of
        the space axis, and the group's address offset. Stretches with equal tables carry equal words.
    """
    first_group = first_cycle // cycles_per_group
    last_group = (first_cycle + cycles - 1) // cycles_per_group
    room = 0
    for group in range(first_group, last_group + 1):
        room += _candidates(stream, folds, first_cycle - group * cycles_per_group, cycles)[1]
    table = np.empty((room, 6), np.int64)
    count = 0
    for group in range(first_group, last_group + 1):
        within = first_cycle - group * cycles_per_group
        first, candidates = _candidates(stream, folds, within, cycles)
        for fold in range(first, first + candidates):
            row_fold = fold % folds.row_folds
            col_fold = fold // folds.row_folds
            first_row = row_fold * folds.rows
            used_rows = min(folds.rows, folds.spatial_rows - first_row)
            first_col = col_fold * folds.cols
            used_cols = min(folds.cols, folds.spatial_cols - first_col)
            start = fold_start(folds, fold) - within
            width = used_rows if stream.space_is_rows else used_cols
            span = used_rows if stream.time_is_fold_rows else stream.steps
            over = start + span + stream.skew * (width - 1) <= 0
            if over or (stream.skip_first_row_fold and row_fold == 0):
                continue
            table[count, 0] = start
            table[count, 1] = span
            table[count, 2] = 0
            if stream.time_is_fold_rows:
                table[count, 2] = folds.spatial_rows - first_row - used_rows if stream.bottom_first else first_row
            table[count, 3] = width
            table[count, 4] = first_row if stream.space_is_rows else first_col
            table[count, 5] = group * stream.group_step
            count += 1
    return table[:count]


@njit(cache=True, nogil=True)
def fill_port(line, port, table, skew, time, space, pad_class, pad_masks):
    """Fill one port's cycles, fold by fold.

    Parameters
    ----------
    line : (cycles,) int32 or int64
        Filled with addresses or -1.
    port : int
    table : (folds, 6) int64
        From `folds_in_flight`.
    skew, time, space, pad_class, pad_masks
        Those of the `PortStream`, one by one: passing it whole would cost more than the work.
    """
    cycles = line.size
    done = 0
    for i in range(table.shape[0]):
        enter = table[i, 0] + skew * port
        low = max(enter, 0)
        high = min(enter + table[i, 1], cycles)
        if port >= table[i, 3] or low >= high:
            continue
        _idle(line[done:low])
        begin = table[i, 2] + low - enter
        end = begin + high - low
        place = table[i, 4] + port
        shift = space[place] + table[i, 5]
        padding = pad_class[place]
        if padding < 0:
            _plain(line[low:high], time[begin:end], shift)
        else:
            _masked(line[low:high], time[begin:end], shift, pad_masks[padding, begin:end])
        done = high
    _idle(line[done:])


@njit(cache=True, nogil=True)
def _add(changes, mask, times):
    for i in range(mask.size):
        changes[i] += times * mask[i]


@njit(cache=True, nogil=True)
def _add_shifted(changes, start, mask, times):
    """Add a mask that begins in cycle `start`, as far as it lies behind the first cycle and before the end."""
    low = max(start, 1)
    high = min(start + mask.size, changes.size)
    if low < high:
        _add(changes[low:high], mask[low - start : high - start], times)


@njit(cache=True, nogil=True)
def _take_off_padding(changes, table, skew, pad_class, pad_masks):
    """Note in the changes of the requests per cycle that padding is none.

    Neighbouring ports with the same mask, one cycle apart, show it as a sliding sum; what enters and leaves that sum
    are the mask on the first port and on the port behind the last.
    """
    for i in range(table.shape[0]):
        start, span, first, width, space = table[i, 0], table[i, 1], table[i, 2], table[i, 3], table[i, 4]
        port = 0
        while port < width:
            padding = pad_class[space + port]
            behind = port + 1
            while behind < width and pad_class[space + behind] == padding:
                behind += 1
            if padding >= 0:
                mask = pad_masks[padding, first : first + span]
                if skew:
                    _add_shifted(changes, start + port, mask, 1)
                    _add_shifted(changes, start + behind, mask, -1)
                else:
                    _add_shifted(changes, start, mask, behind - port)
                    _add_shifted(changes, start + 1, mask, port - behind)
                for one in range(port, behind):
                    now = -start - skew * one
                    if 0 <= now < span:
                        changes[0] += mask[now]
            port = behind


@njit(cache=True, nogil=True)
def _count_requests(stream, table, requests):
    """Fill `requests` (cycles,) int32 with the requests of each cycle, given the folds in flight.

    Changes are noted first and summed up then: a fold's turn on a port adds one where it begins and takes it off behind
    its end, however long it is.
    """
    cycles, skew = requests.size, stream.skew
    requests[:] = 0
    for i in range(table.shape[0]):
        start, span, width = table[i, 0], table[i, 1], table[i, 3]
        for port in range(width):
            enter = start + skew * port
            low = max(enter, 0)
            high = min(enter + span, cycles)
            if low < high:
                requests[low] += 1
                if high < cycles:
                    requests[high] -= 1
    if stream.pad_masks.shape[0] and cycles:
        _take_off_padding(requests, table, skew, stream.pad_class, stream.pad_masks)
    running = np.int32(0)
    for cycle in range(cycles):
        running += requests[cycle]
        requests[cycle] = running


@njit(cache=True, nogil=True)
def fill(stream, folds, cycles_per_group, first_cycle, out, requests):
    """Fill a chunk of one port group's demand.

    Parameters
    ----------
    stream : PortStream
    folds : FoldTable
        The folds of one group; the groups of a layer follow each other, `cycles_per_group` array cycles each.
    cycles_per_group : int
    first_cycle : int
        Array cycle of the layer in the chunk's first column.
    out : (ports, cycles) int32 or int64, C-contiguous
        Filled with word addresses, -1 where the port is idle or padding is supplied. Time is the fast axis here,
        because a port walks through consecutive entries of its operand's table.
    requests : (cycles,) int32
        Filled with the number of ports that carry a request.
    """
    cycles = out.shape[1]
    table = folds_in_flight(stream, folds, cycles_per_group, first_cycle, cycles)
    for port in range(stream.ports):
        fill_port(
            out[port], port, table, stream.skew, stream.time_address, stream.space_address, stream.pad_class,
            stream.pad_masks,
        )  # fmt: skip
    _count_requests(stream, table, requests)


@njit(cache=True, nogil=True)
def requests_per_cycle(stream, folds, cycles_per_group, first_cycle, requests):
    """Fill `requests` (cycles,) int32 as `fill` does, without generating the addresses: about 1 ns a cycle."""
    table = folds_in_flight(stream, folds, cycles_per_group, first_cycle, requests.size)
    _count_requests(stream, table, requests)


@njit(cache=True, nogil=True)
def tally(requests, totals):
    """Add a chunk's per-cycle requests to running totals.

    Parameters
    ----------
    requests : (cycles,) int32
    totals : (4,) int64
        Words, most words in one cycle, and the first and last row with a request (-1, -1 if none), of this chunk.
    """
    words = 0
    peak = 0
    for row in range(requests.size):
        words += requests[row]
        peak = max(peak, requests[row])
    first = -1
    last = -1
    if words:
        first = 0
        while requests[first] == 0:
            first += 1
        last = requests.size - 1
        while requests[last] == 0:
            last -= 1
    totals[0] = words
    totals[1] = peak
    totals[2] = first
    totals[3] = last
