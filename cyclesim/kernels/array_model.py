"""What a systolic array does with the values on its edge ports: registers of all PEs, clocked cycle by cycle.

The PEs of docs/microarchitecture.md, sections 5 and 6, as register transfers on real numbers with valid bits. A kernel
is told only the control bits of the edge ports and strobes; when a result leaves follows from the registers. It is
what the validation suites drive through the traces.

PE (r, c) stands at index [r + 1, c + 1] of the state. Row and column 0 stand in for the wires of the edge ports, so
that a PE reads its western and northern neighbours in one way. PEs are clocked from the bottom right to the top
left: a PE's neighbours still hold the values of the cycle's start when it reads them.

Cost: about 10 ns a PE and cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

OS, OS_DB, OS_WAVE, OS_BUS, WS, WS_SHADOW, WS_WAVE = range(7)
"""Kinds of PE. Waves with one register never set SEL; the shadow serves ws-db (SWAP) and ws-pipe2 (FIRST)."""

VALID = 1
"""Row and column ports: the operand is there."""
STEP, FIRST, LAST, CHAIN, SEL, TWO = 2, 4, 8, 16, 32, 64
"""Row ports: the wave is a stream step, a fold's first, its last; it moves the chain; it uses register 1 for MACs;
the chain moves the other register than the MACs use."""
MOVE, SWAP = 2, 4
"""Column ports: strobes that all PEs of a column see at once. The chain moves; the double buffers swap."""


class ArrayState(NamedTuple):
    """The registers of all PEs, (R + 1, C + 1) each, and which of them hold something."""

    row_word: NDArray[np.int64]
    """Operand on its way east."""
    row_bits: NDArray[np.uint8]
    """What rides with it."""
    col_word: NDArray[np.int64]
    """os: operand on its way south; ws: partial sum on its way south."""
    col_valid: NDArray[np.uint8]
    kept: NDArray[np.int64]
    """(2, R + 1, C + 1). os: accumulator, and the second one or the drain register; ws: stationary words."""
    kept_valid: NDArray[np.uint8]
    link: NDArray[np.int64]
    """Chain link to the south (kinds with waves)."""
    link_valid: NDArray[np.uint8]


@njit(cache=True, nogil=True)
def _show_ports(a, kind, t, row_words, row_bits, col_words, col_bits):
    """Put cycle t's operands where the first column and row look for them: in the links, or (ws) in the chain."""
    for r in range(row_words.shape[0]):
        a.row_word[r + 1, 0] = row_words[r, t]
        a.row_bits[r + 1, 0] = row_bits[r, t]
    for c in range(col_words.shape[0]):
        word, valid = col_words[c, t], col_bits[c, t] & VALID
        if kind <= OS_BUS:
            a.col_word[0, c + 1] = word
            a.col_valid[0, c + 1] = valid
        else:
            for k in range(2):
                a.kept[k, 0, c + 1] = word
                a.kept_valid[k, 0, c + 1] = valid
            a.link[0, c + 1] = word
            a.link_valid[0, c + 1] = valid


@njit(cache=True, nogil=True)
def _pass_operands(a, kind):
    """Clock the links: row operands one PE to the east, os column operands one to the south."""
    word, bits, col_word, col_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    rows, cols = word.shape
    for r in range(1, rows):
        for c in range(cols - 1, 0, -1):
            word[r, c] = word[r, c - 1]
            bits[r, c] = bits[r, c - 1]
    if kind <= OS_BUS:
        for r in range(rows - 1, 0, -1):
            for c in range(1, cols):
                col_word[r, c] = col_word[r - 1, c]
                col_valid[r, c] = col_valid[r - 1, c]


@njit(cache=True, nogil=True)
def _os(a, strobes, out, valid_out):
    """``os``: the accumulators of a column are a shift chain while MOVE is on."""
    west, bits, north, north_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    acc, valid = a.kept[0], a.kept_valid[0]
    macs = conflicts = 0
    rows, cols = acc.shape[0] - 1, acc.shape[1] - 1
    for c in range(1, cols + 1):
        if strobes[c - 1] & MOVE:
            out[c - 1], valid_out[c - 1] = acc[rows, c], valid[rows, c]
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            multiplies = bits[r, c - 1] & north_valid[r - 1, c] & VALID
            macs += multiplies
            if strobes[c - 1] & MOVE:
                conflicts += multiplies
                acc[r, c], valid[r, c] = acc[r - 1, c], valid[r - 1, c]
            elif multiplies:
                acc[r, c] = (acc[r, c] if valid[r, c] else 0) + west[r, c - 1] * north[r - 1, c]
                valid[r, c] = 1
    return macs, conflicts


@njit(cache=True, nogil=True)
def _os_db(a, strobes, out, valid_out):
    """``os-db``: on SWAP the chain takes the accumulators, which restart with this cycle's product."""
    west, bits, north, north_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    kept, kept_valid = a.kept, a.kept_valid
    macs = 0
    rows, cols = kept.shape[1] - 1, kept.shape[2] - 1
    for c in range(1, cols + 1):
        if strobes[c - 1] & MOVE:
            source = 0 if strobes[c - 1] & SWAP else 1
            out[c - 1], valid_out[c - 1] = kept[source, rows, c], kept_valid[source, rows, c]
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            if strobes[c - 1] & MOVE:
                source = 0 if strobes[c - 1] & SWAP else 1
                kept[1, r, c], kept_valid[1, r, c] = kept[source, r - 1, c], kept_valid[source, r - 1, c]
            if strobes[c - 1] & SWAP:
                kept_valid[0, r, c] = 0
            multiplies = bits[r, c - 1] & north_valid[r - 1, c] & VALID
            macs += multiplies
            if multiplies:
                kept[0, r, c] = (kept[0, r, c] if kept_valid[0, r, c] else 0) + west[r, c - 1] * north[r - 1, c]
                kept_valid[0, r, c] = 1
    return macs, 0


@njit(cache=True, nogil=True)
def _os_wave(a, strobes, out, valid_out):
    """``os-pipe1``, ``os-pipe``: a wave with CHAIN moves the chain, through accumulator `drained`."""
    west, bits, north, north_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    kept, kept_valid, link, link_valid = a.kept, a.kept_valid, a.link, a.link_valid
    macs = conflicts = 0
    rows, cols = link.shape[0] - 1, link.shape[1] - 1
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            wave = bits[r, c - 1]
            used = 1 if wave & SEL else 0
            drained = 1 - used if wave & TWO else 0
            multiplies = wave & north_valid[r - 1, c] & VALID
            macs += multiplies
            if multiplies:
                old = kept[used, r, c] if kept_valid[used, r, c] else 0
                kept[used, r, c] = old + west[r, c - 1] * north[r - 1, c]
                kept_valid[used, r, c] = 1
            if wave & CHAIN:
                conflicts += multiplies and used == drained
                link[r, c], link_valid[r, c] = kept[drained, r, c], kept_valid[drained, r, c]
                kept[drained, r, c], kept_valid[drained, r, c] = link[r - 1, c], link_valid[r - 1, c]
                if r == rows:
                    out[c - 1], valid_out[c - 1] = link[r, c], link_valid[r, c]
    return macs, conflicts


@njit(cache=True, nogil=True)
def _os_bus(a, strobes, out, valid_out):
    """``osbus``, ``osbus-pipe``: with LAST the adder output goes onto the column's bus, the accumulator empties."""
    west, bits, north, north_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    acc, valid = a.kept[0], a.kept_valid[0]
    macs = conflicts = 0
    rows, cols = acc.shape[0] - 1, acc.shape[1] - 1
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            wave = bits[r, c - 1]
            multiplies = wave & north_valid[r - 1, c] & VALID
            macs += multiplies
            if multiplies:
                acc[r, c] = (acc[r, c] if valid[r, c] else 0) + west[r, c - 1] * north[r - 1, c]
                valid[r, c] = 1
            if wave & LAST and valid[r, c]:
                conflicts += valid_out[c - 1]
                out[c - 1], valid_out[c - 1] = acc[r, c], 1
                valid[r, c] = 0
    return macs, conflicts


@njit(cache=True, nogil=True)
def _show_sums(a, out, valid_out):
    """Put the adder outputs of the last row on the output ports."""
    for c in range(out.size):
        out[c], valid_out[c] = a.col_word[-1, c + 1], a.col_valid[-1, c + 1]


@njit(cache=True, nogil=True)
def _ws(a, strobes, out, valid_out):
    """``ws``: the stationary registers of a column are the preload chain while MOVE is on."""
    west, bits, total, total_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    kept, kept_valid = a.kept[0], a.kept_valid[0]
    macs = conflicts = 0
    rows, cols = kept.shape[0] - 1, kept.shape[1] - 1
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            multiplies = bits[r, c - 1] & kept_valid[r, c] & VALID
            macs += multiplies
            old = total[r - 1, c] if total_valid[r - 1, c] else 0
            total[r, c] = old + west[r, c - 1] * kept[r, c] if multiplies else old
            total_valid[r, c] = total_valid[r - 1, c] | multiplies
            if strobes[c - 1] & MOVE:
                conflicts += multiplies
                kept[r, c], kept_valid[r, c] = kept[r - 1, c], kept_valid[r - 1, c]
    _show_sums(a, out, valid_out)
    return macs, conflicts


@njit(cache=True, nogil=True)
def _ws_shadow(a, strobes, out, valid_out):
    """``ws-db``, ``ws-pipe2``: on SWAP or FIRST the MAC uses the shadow (1), and the active register (0) takes it."""
    west, bits, total, total_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    kept, kept_valid = a.kept, a.kept_valid
    macs = 0
    rows, cols = kept.shape[1] - 1, kept.shape[2] - 1
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            if strobes[c - 1] & SWAP or bits[r, c - 1] & FIRST:
                kept[0, r, c], kept_valid[0, r, c] = kept[1, r, c], kept_valid[1, r, c]
            if strobes[c - 1] & MOVE:
                kept[1, r, c], kept_valid[1, r, c] = kept[1, r - 1, c], kept_valid[1, r - 1, c]
            multiplies = bits[r, c - 1] & kept_valid[0, r, c] & VALID
            macs += multiplies
            old = total[r - 1, c] if total_valid[r - 1, c] else 0
            total[r, c] = old + west[r, c - 1] * kept[0, r, c] if multiplies else old
            total_valid[r, c] = total_valid[r - 1, c] | multiplies
    _show_sums(a, out, valid_out)
    return macs, 0


@njit(cache=True, nogil=True)
def _ws_wave(a, strobes, out, valid_out):
    """``ws-pipe1``, ``ws-pipe``: a wave with CHAIN moves the chain, through stationary register `loaded`."""
    west, bits, total, total_valid = a.row_word, a.row_bits, a.col_word, a.col_valid
    kept, kept_valid, link, link_valid = a.kept, a.kept_valid, a.link, a.link_valid
    macs = conflicts = 0
    rows, cols = link.shape[0] - 1, link.shape[1] - 1
    for r in range(rows, 0, -1):
        for c in range(1, cols + 1):
            wave = bits[r, c - 1]
            used = 1 if wave & SEL else 0
            loaded = 1 - used if wave & TWO else 0
            multiplies = wave & kept_valid[used, r, c] & VALID
            macs += multiplies
            old = total[r - 1, c] if total_valid[r - 1, c] else 0
            total[r, c] = old + west[r, c - 1] * kept[used, r, c] if multiplies else old
            total_valid[r, c] = total_valid[r - 1, c] | multiplies
            if wave & CHAIN:
                conflicts += multiplies and used == loaded
                link[r, c], link_valid[r, c] = kept[loaded, r, c], kept_valid[loaded, r, c]
                kept[loaded, r, c], kept_valid[loaded, r, c] = link[r - 1, c], link_valid[r - 1, c]
    _show_sums(a, out, valid_out)
    return macs, conflicts


@njit(cache=True, nogil=True)
def _is_active(a, strobes):
    """Whether any PE sees a stream step in this cycle, or moves its chain."""
    seen = np.uint8(0)
    for r in range(1, a.row_bits.shape[0]):
        for c in range(a.row_bits.shape[1] - 1):
            seen |= a.row_bits[r, c]
    moves = np.uint8(0)
    for c in range(strobes.size):
        moves |= strobes[c]
    return seen & (STEP | CHAIN) != 0 or moves & MOVE != 0


@njit(cache=True, nogil=True)
def step(kind, a, row_words, row_bits, col_words, col_bits, out_words, out_valid, found):
    """Clock the array through a stretch of cycles.

    Parameters
    ----------
    kind : int
        OS to WS_WAVE.
    a : ArrayState
        Registers at the start; those at the end when done.
    row_words, row_bits : (R, cycles) int64, uint8
        What the row ports carry: operands, and bits VALID, STEP, FIRST, LAST, CHAIN, SEL, TWO.
    col_words, col_bits : (C, cycles) int64, uint8
        What the column ports carry: operands, and bits VALID, MOVE, SWAP.
    out_words, out_valid : (C, cycles) int64, uint8
        Filled with the results on the output ports, and whether there is one.
    found : (3,) int64
        Set to the number of conflicts (a bus driven twice, a MAC that uses a register while it moves), the last
        cycle, from the stretch's start, in which a PE saw a stream step or moved its chain, or -1, and the number
        of MACs.
    """
    cols, cycles = col_words.shape
    out, valid_out = np.empty(cols, np.int64), np.empty(cols, np.uint8)
    strobes = np.empty(cols, np.uint8)
    found[0], found[1], found[2] = 0, -1, 0
    for t in range(cycles):
        for c in range(cols):
            strobes[c] = col_bits[c, t]
            valid_out[c] = 0
        _show_ports(a, kind, t, row_words, row_bits, col_words, col_bits)
        if kind == OS:
            macs, conflicts = _os(a, strobes, out, valid_out)
        elif kind == OS_DB:
            macs, conflicts = _os_db(a, strobes, out, valid_out)
        elif kind == OS_WAVE:
            macs, conflicts = _os_wave(a, strobes, out, valid_out)
        elif kind == OS_BUS:
            macs, conflicts = _os_bus(a, strobes, out, valid_out)
        elif kind == WS:
            macs, conflicts = _ws(a, strobes, out, valid_out)
        elif kind == WS_SHADOW:
            macs, conflicts = _ws_shadow(a, strobes, out, valid_out)
        else:
            macs, conflicts = _ws_wave(a, strobes, out, valid_out)
        for c in range(cols):
            out_words[c, t] = out[c]
            out_valid[c, t] = valid_out[c]
        if _is_active(a, strobes):
            found[1] = t
        found[0] += conflicts
        found[2] += macs
        _pass_operands(a, kind)


@njit(cache=True, nogil=True)
def store(out_words, out_valid, ofmap, psum, base, whole, memory, writes, fault):
    """Take results to the accumulator banks: write them where the ofmap trace says, onto what the psum trace reads.

    Parameters
    ----------
    out_words, out_valid : (C, cycles) int64, uint8
        What left the array.
    ofmap, psum : (C, cycles) int64
        Traces: addresses or -1.
    base : int
        Address of the first word of `memory`.
    whole : int
        1 if the trace may name an address only where a result leaves; 0 if other results than the array's are in it.
    memory, writes : (words,) int64
        The ofmap tensor, and how often each word has been written.
    fault : (3,) int64
        Set to 0 if all is well; else to 1 (a result leaves, but the trace is idle), 2 (the other way round) or 3 (an
        address outside the tensor), and the port and the cycle of the first such event.
    """
    cols, cycles = out_words.shape
    fault[:] = 0
    for t in range(cycles):
        for c in range(cols):
            address = ofmap[c, t]
            if not out_valid[c, t]:
                if whole and (address >= 0 or psum[c, t] >= 0):
                    fault[0], fault[1], fault[2] = 2, c, t
                    return
                continue
            place = address - base
            stored = psum[c, t] - base
            if address < 0:
                fault[0], fault[1], fault[2] = 1, c, t
                return
            if place < 0 or place >= memory.size or (psum[c, t] >= 0 and (stored < 0 or stored >= memory.size)):
                fault[0], fault[1], fault[2] = 3, c, t
                return
            total = out_words[c, t]
            if psum[c, t] >= 0:
                total += memory[stored]
            memory[place] = total
            writes[place] += 1
