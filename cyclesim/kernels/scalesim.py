"""SCALE-Sim's buffers: what misses, what a window of lines holds, when results drain, and what that costs.

docs/scalesim-parity.md says what is computed and why it is no hardware. A buffer's state is an array of integers that
the caller keeps, so that a layer is passed a chunk of demand rows at a time; what a buffer holds is a map over the
words of its operand, so memory does not grow with cycles. Chunks are port-major, as `kernels.demand.fill` makes them,
and -1 is no request; within a row the first port comes first.

Cost on a 2.5 GHz core: about 1 ns a port and row for what a buffer holds, 3 to 10 ns a row for the row loop, 1 ns for
each word that enters or leaves a window, 10 to 20 ns a word for the order of sets.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cyclesim.kernels import IDLE
from cyclesim.kernels.demand import fill

SETS_PER_HALF = 50
"""Sets of words in half a read buffer."""
FREE_SLOT = -1
"""A slot of a hash table that holds no word; no word has this address."""

# State of a read buffer that fetches what misses: number of the open set, its words, first set held.
OPEN_SET, OPEN_WORDS, FIRST_HELD, MISS_FIELDS = range(4)
# State of a window: lines of its first and behind its last word.
TAIL_LINE, HEAD_LINE, WINDOW_FIELDS = range(3)
# State of a cursor, which walks over an operand's prefetch order: next row, next and last word of its buffer.
NEXT_ROW, POSITION, FILLED, CURSOR_FIELDS = range(4)
# State of the row loop and the write buffer.
(
    ROW, STALLS, IFMAP_PREFETCHES, FILTER_PREFETCHES, LINE_WORDS, FREE, LINES, HEAD, DRAIN_END, WRITES, DRAINS, PADDED,
    PADDED_HEAD, ROW_FIELDS,
) = range(14)  # fmt: skip


@njit(cache=True, nogil=True)
def first_row(chunk, above):
    """Return the first row of a chunk with an address above `above`, or, if that is -1's own value, any other than it.

    Returns -1 if there is none.
    """
    ports, rows = chunk.shape
    found = rows
    for port in range(ports):
        for row in range(found):
            if chunk[port, row] > above and chunk[port, row] != IDLE:
                found = row
                break
    return found if found < rows else -1


@njit(cache=True, nogil=True)
def last_row(chunk):
    """Return the last row of a chunk with a request, -1 if there is none."""
    ports, rows = chunk.shape
    found = -1
    for port in range(ports):
        for row in range(rows - 1, found, -1):
            if chunk[port, row] != IDLE:
                found = row
                break
    return found


@njit(cache=True, nogil=True)
def count_words(chunk, words):
    """Fill `words` (rows,) int32 with the requests of each row."""
    words[:] = 0
    for port in range(chunk.shape[0]):
        for row in range(chunk.shape[1]):
            words[row] += chunk[port, row] != IDLE


@njit(cache=True, nogil=True)
def pack_words(chunk, out):
    """Write the requests of a chunk, row by row, to `out` (ports * rows,) and return how many there are."""
    count = 0
    for row in range(chunk.shape[1]):
        for port in range(chunk.shape[0]):
            if chunk[port, row] != IDLE:
                out[count] = chunk[port, row]
                count += 1
    return count


@njit(cache=True, nogil=True)
def pass_misses(chunk, base, added, state, set_words, switches, missed):
    """Pass rows through a read buffer that fetches what it does not hold, and forgets all when half of it is full.

    Parameters
    ----------
    chunk : (ports, rows) int32 or int64
    base : int
        Address of the operand's first word.
    added : (words of the operand,) int32
        Number of the set to which each word was last added, -1 for none; updated. 32 bits do for 2 * 10^10 misses in
        the smallest buffer, which take hours.
    state : (MISS_FIELDS,) int64
        Updated.
    set_words : int
        Words of a set.
    switches : (rows,) int64
        Filled with the row of each switch.
    missed : (ports * rows,) int32 or int64
        Filled with the words that were added, in this order, or empty if they are not wanted.

    Returns
    -------
    misses, switched : int
        Words added, and filled entries of `switches`; -1 if these do not suffice, as several switches are in one row.
    """
    ports, rows = chunk.shape
    open_set, open_words, first_held = state[OPEN_SET], state[OPEN_WORDS], state[FIRST_HELD]
    keep = missed.size > 0
    misses, switched = 0, 0
    for row in range(rows):
        for port in range(ports):
            address = chunk[port, row]
            if address == IDLE:
                continue
            word = address - base
            if added[word] >= first_held:
                continue
            added[word] = open_set
            if keep:
                missed[misses] = address
            misses += 1
            open_words += 1
            if open_words == set_words:
                open_words = 0
                open_set += 1
                if open_set == first_held + SETS_PER_HALF:
                    first_held = open_set
                    if switched == switches.size:
                        return misses, -1
                    switches[switched] = row
                    switched += 1
    state[OPEN_SET], state[OPEN_WORDS], state[FIRST_HELD] = open_set, open_words, first_held
    return misses, switched


@njit(cache=True, nogil=True)
def _refill(cursor, words, chunk, requests, stream, folds, total_rows):
    """Fill a cursor's buffer with the words of the next rows of the prefetch order; behind the last comes the first."""
    if cursor[NEXT_ROW] == total_rows:
        cursor[NEXT_ROW] = 0
    rows = min(requests.size, total_rows - cursor[NEXT_ROW])
    block = chunk[: stream.ports * rows].reshape(stream.ports, rows)
    fill(stream, folds, total_rows, cursor[NEXT_ROW], block, requests[:rows])
    cursor[NEXT_ROW] += rows
    cursor[POSITION] = 0
    cursor[FILLED] = pack_words(block, words)


@njit(cache=True, nogil=True)
def _move(held, base, count, by, cursor, words, chunk, requests, stream, folds, total_rows):
    """Move one end of a window on by `count` words, each of which is held `by` times more."""
    while count:
        if cursor[POSITION] == cursor[FILLED]:
            _refill(cursor, words, chunk, requests, stream, folds, total_rows)
        part = min(count, cursor[FILLED] - cursor[POSITION])
        for i in range(cursor[POSITION], cursor[POSITION] + part):
            held[words[i] - base] += by
        cursor[POSITION] += part
        count -= part


@njit(cache=True, nogil=True)
def lines_words(first, count, lines, line_words, last_words):
    """Return the words of `count` lookup lines from line `first` on, in the circle of `lines`; the last is shorter."""
    return count * line_words - (line_words - last_words if first + count > lines - 1 else 0)


@njit(cache=True, nogil=True)
def pass_window(
    chunk, base, held, state, sizes, tail, head, tail_words, head_words, space, requests, stream, folds, total_rows,
    prefetches,
):  # fmt: skip
    """Pass rows through a read buffer that holds a window of the prefetch order, and moves it on until a word is in it.

    Parameters
    ----------
    chunk : (ports, rows) int32 or int64
    base : int
        Address of the operand's first word.
    held : (words of the operand,) int32
        How often each word is in the window; updated.
    state : (WINDOW_FIELDS,) int64
        Updated.
    sizes : (4,) int64
        Lookup lines, words of a line, words of the last line, lines by which the window moves.
    tail, head : (CURSOR_FIELDS,) int64
        Cursors at the two ends of the window; updated.
    tail_words, head_words : (ports * requests.size,) int32 or int64
        What the cursors will pass next; updated.
    space : (ports * requests.size,) int32 or int64
        Working space.
    requests : (rows of a cursor's buffer,) int32
        Working space.
    stream, folds : PortStream, FoldTable
        The prefetch order as if it were a port group's demand, of `total_rows` rows.
    prefetches : (rows,) int32
        Filled with how often the window moved in each row.
    """
    ports, rows = chunk.shape
    lines, line_words, last_words, step = sizes[0], sizes[1], sizes[2], sizes[3]
    for row in range(rows):
        moved = 0
        for port in range(ports):
            address = chunk[port, row]
            if address == IDLE:
                continue
            while held[address - base] == 0:
                count = lines_words(state[TAIL_LINE], step, lines, line_words, last_words)
                _move(held, base, count, -1, tail, tail_words, space, requests, stream, folds, total_rows)
                count = lines_words(state[HEAD_LINE], step, lines, line_words, last_words)
                _move(held, base, count, 1, head, head_words, space, requests, stream, folds, total_rows)
                state[TAIL_LINE] = (state[TAIL_LINE] + step) % lines
                state[HEAD_LINE] = (state[HEAD_LINE] + step) % lines
                moved += 1
        prefetches[row] = moved


@njit(cache=True, nogil=True)
def open_window(held, base, count, head, head_words, space, requests, stream, folds, total_rows):
    """Put the first `count` words of the prefetch order into a window. Parameters as in `pass_window`."""
    _move(held, base, count, 1, head, head_words, space, requests, stream, folds, total_rows)


@njit(cache=True, nogil=True)
def _offset_after(offset, request, moves, before, fetch_rows, late_charges):
    """Return a row's offset after so many prefetches: what is late is charged so often, what is early moves it back."""
    for i in range(moves):
        arrives = (before + i + 1) * (fetch_rows + 1) - 1
        late = arrives - (request + offset)
        offset += late_charges * late if late > 0 else late
    return offset


@njit(cache=True, nogil=True)
def _drain(state, at, line_words, drain_lines, log, padded):
    """Drain lines from cycle `at` on."""
    lines = min(state[HEAD] + drain_lines, state[LINES]) - state[HEAD]
    log[state[DRAINS], 0] = at
    log[state[DRAINS], 1] = lines
    state[DRAINS] += 1
    state[HEAD] += lines
    last = state[HEAD] - 1
    while state[PADDED_HEAD] < state[PADDED] and padded[state[PADDED_HEAD], 0] < last:
        state[PADDED_HEAD] += 1
    words = lines * line_words
    if state[PADDED_HEAD] < state[PADDED] and padded[state[PADDED_HEAD], 0] == last:
        words -= padded[state[PADDED_HEAD], 1]
    state[WRITES] += words
    state[FREE] += words
    return at + lines - 1


@njit(cache=True, nogil=True)
def _close_line(state, line_words, padded):
    """Close the open line if it holds words, and note how many it lacks."""
    if state[LINE_WORDS]:
        padded[state[PADDED], 0] = state[LINES]
        padded[state[PADDED], 1] = line_words - state[LINE_WORDS]
        state[PADDED] += 1
        state[LINES] += 1
        state[LINE_WORDS] = 0


@njit(cache=True, nogil=True)
def _write(state, request, words, half, line_words, drain_lines, log, padded):
    """Put a row's words into the write buffer, requested in cycle `request`; return the cycle in which they are in."""
    now = request
    left = words
    while left:
        waits = now < state[DRAIN_END]
        room = state[FREE] - 1 if waits else state[FREE] - half  # words that change nothing
        if room > 0:
            part = min(left, room)
            state[FREE] -= part
            state[LINE_WORDS] += part
            state[LINES] += state[LINE_WORDS] // line_words
            state[LINE_WORDS] %= line_words
            left -= part
            continue
        state[FREE] -= 1
        state[LINE_WORDS] += 1
        if state[LINE_WORDS] == line_words:
            state[LINE_WORDS] = 0
            state[LINES] += 1
        left -= 1
        if waits:
            now = state[DRAIN_END]
        else:
            _close_line(state, line_words, padded)
            state[DRAIN_END] = _drain(state, now, line_words, drain_lines, log, padded)
    return now


@njit(cache=True, nogil=True)
def pass_rows(
    state, words, ifmap_moves, filter_moves, ifmap_fetch, filter_fetch, half, line_words, drain_lines, late_charges,
    write_latency, log, padded, requested, ifmap_stamps, filter_stamps, ofmap_stamps,
):  # fmt: skip
    """Move the row loop on: stamps and stalls of a chunk of rows.

    Parameters
    ----------
    state : (ROW_FIELDS,) int64
        Updated.
    words : (rows,) int32
        Results of each row.
    ifmap_moves, filter_moves : (rows,) int32
        Prefetches in each row; empty if that buffer never waits.
    ifmap_fetch, filter_fetch : int
        Rows of a prefetch.
    half, line_words, drain_lines : int
        Half the write buffer [words], words of a line, lines of a drain.
    late_charges, write_latency : int
        How often a late prefetch is charged, cycles of a write that are no stall.
    log : (drains, 2) int64
        Gains the cycle and the lines of each drain.
    padded : (drains, 2) int64
        Gains the number of each line that was closed before it was full, and the words that it lacks.
    requested, ifmap_stamps, filter_stamps, ofmap_stamps : (rows,) int64
        Filled with the cycles in which rows were requested, and in which each buffer served them.

    Returns
    -------
    rows : int
        Rows passed: fewer than given if the logs might not suffice for the next one.
    """
    for row in range(words.size):
        if state[DRAINS] + words[row] > log.shape[0]:
            return row
        request = state[ROW] + state[STALLS]
        ifmap_offset, filter_offset = 1, 1
        if ifmap_moves.size and ifmap_moves[row]:
            before = state[IFMAP_PREFETCHES]
            ifmap_offset = _offset_after(1, request, ifmap_moves[row], before, ifmap_fetch, late_charges)
            state[IFMAP_PREFETCHES] = before + ifmap_moves[row]
        if filter_moves.size and filter_moves[row]:
            before = state[FILTER_PREFETCHES]
            filter_offset = _offset_after(1, request, filter_moves[row], before, filter_fetch, late_charges)
            state[FILTER_PREFETCHES] = before + filter_moves[row]
        written = request
        if words[row]:
            written = _write(state, request, words[row], half, line_words, drain_lines, log, padded)
        requested[row] = request
        ifmap_stamps[row] = request + ifmap_offset
        filter_stamps[row] = request + filter_offset
        ofmap_stamps[row] = written
        state[STALLS] += max(ifmap_offset - 1, filter_offset - 1, written - request - write_latency)
        state[ROW] += 1
    return words.size


@njit(cache=True, nogil=True)
def flush(state, at, line_words, drain_lines, log, padded):
    """Drain what is left from cycle `at` on; return False if the logs do not suffice, and nothing was done."""
    open_line = 1 if state[LINE_WORDS] else 0
    left = state[LINES] + open_line - state[HEAD]
    if state[DRAINS] + -(-left // drain_lines) > log.shape[0] or state[PADDED] + open_line > padded.shape[0]:
        return False
    _close_line(state, line_words, padded)
    while state[HEAD] < state[LINES]:
        at = _drain(state, at, line_words, drain_lines, log, padded) + 1
    return True


@njit(cache=True, nogil=True)
def _insert(table, mask, word):
    """Put a word into the first free slot that CPython would probe for it."""
    perturb = np.uint64(word)
    slot = np.uint64(word) & mask
    while True:
        probes = np.uint64(10) if slot + np.uint64(9) <= mask else np.uint64(1)
        for i in range(probes):
            if table[slot + np.uint64(i)] == FREE_SLOT:
                table[slot + np.uint64(i)] = word
                return
        perturb >>= np.uint64(5)
        slot = (slot * np.uint64(5) + np.uint64(1) + perturb) & mask


@njit(cache=True, nogil=True)
def order_sets(words, set_words, table, other):
    """Bring the words of each set into the order in which CPython iterates over a set of them, in place.

    Parameters
    ----------
    words : (words,) int32 or int64
        Sets of `set_words` words each, the last may have fewer; each in the order of insertion.
    set_words : int
    table, other : (slots,) int64
        Working space: at least 16 slots, and 8 for each word of a set.
    """
    for first in range(0, words.size, set_words):
        one = words[first : first + set_words]
        size = 8
        table[:size] = FREE_SLOT
        for used in range(1, one.size + 1):
            _insert(table, np.uint64(size - 1), np.int64(one[used - 1]))
            if 5 * used >= 3 * (size - 1):
                least = 2 * used if used > 50000 else 4 * used
                old_size, size = size, 8
                while size <= least:
                    size *= 2
                other[:size] = FREE_SLOT
                for slot in range(old_size):
                    if table[slot] != FREE_SLOT:
                        _insert(other, np.uint64(size - 1), table[slot])
                table, other = other, table
        place = 0
        for slot in range(size):
            if table[slot] != FREE_SLOT:
                one[place] = table[slot]
                place += 1


@njit(cache=True, nogil=True)
def lay_lines(words, first_line, padded, line_words, entries):
    """Lay words out in lines of the write buffer.

    Parameters
    ----------
    words : (words,) int32 or int64
    first_line : int
        Number of the first line.
    padded : (lines, 2) int64
        Numbers of the lines that are not full, rising, and the words that they lack.
    line_words : int
    entries : (lines * line_words,) int32 or int64
        Filled with the words, and -1 behind those of lines that are not full.
    """
    taken, place, short = 0, 0, 0
    while place < entries.size:
        filled = line_words
        if short < padded.shape[0] and padded[short, 0] == first_line:
            filled -= padded[short, 1]
            short += 1
        entries[place : place + filled] = words[taken : taken + filled]
        entries[place + filled : place + line_words] = IDLE
        taken += filled
        place += line_words
        first_line += 1
