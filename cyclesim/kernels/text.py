"""Formats cycles and addresses as lines of CSV: of integers, and of floats as SCALE-Sim's DRAM traces have them.

Neighbouring numbers are of about the same size, so the number of digits is remembered from one to the next, and digits
are written in pairs. The places are unsigned, so that nothing is added for negative ones.

Cost: about 1 ns a character where numbers are of one length, 2 ns where it changes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LONGEST_INT = 20
"""Characters of the longest 64-bit integer."""
POWERS = np.array([10**digits for digits in range(19)] + [2**63 - 1])
PAIRS = np.array([ord(digit) for number in range(100) for digit in f"{number:02d}"], np.uint8)
"""The digits of 00 to 99."""
COMMA, LINE_FEED, MINUS, POINT, ZERO = (np.uint8(ord(sign)) for sign in ",\n-.0")
ONE, TWO, TEN, HUNDRED = (np.uint64(number) for number in (1, 2, 10, 100))


@njit(inline="always")
def _put(value, out, place, digits):
    """Write an integer in decimal from `place` on; return the place behind it, and how many digits to expect next."""
    if value < 0:
        out[place] = MINUS
        place += ONE
        value = -value
    if value < 10:
        out[place] = np.uint8(48 + value)
        place += ONE
    else:
        while value >= POWERS[digits]:
            digits += ONE
        while value < POWERS[digits - ONE]:
            digits -= ONE
        place += digits
        at = place
        rest = np.uint64(value)
        while rest >= HUNDRED:
            quotient = rest // HUNDRED
            pair = TWO * (rest - quotient * HUNDRED)
            rest = quotient
            at -= TWO
            out[at] = PAIRS[pair]
            out[at + ONE] = PAIRS[pair + ONE]
        if rest >= TEN:
            out[at - TWO] = PAIRS[TWO * rest]
        out[at - ONE] = PAIRS[TWO * rest + ONE]
    return place, digits


@njit(cache=True, nogil=True)
def format_rows(walls, addresses, out):
    """Write one line a cycle and return how many bytes were written.

    Parameters
    ----------
    walls : (cycles,) int64
        The wall cycle of each column.
    addresses : (ports, cycles) int32 or int64
    out : (bytes,) uint8
        With room for (ports + 1) * cycles integers of `LONGEST_INT` characters, each with a separator.
    """
    ports, cycles = addresses.shape
    place = np.uint64(0)
    digits = ONE
    for cycle in range(cycles):
        place, digits = _put(walls[cycle], out, place, digits)
        for port in range(ports):
            out[place] = COMMA
            place, digits = _put(np.int64(addresses[port, cycle]), out, place + ONE, digits)
        out[place] = LINE_FEED
        place += ONE
    return place


@njit(cache=True, nogil=True)
def format_float_rows(cycles, entries, width, text_width, out):
    """Write one line a row and return how many bytes were written.

    Parameters
    ----------
    cycles : (rows,) int64
    entries : (at most rows * width,) int32 or int64
        The rows one after the other; what is missing at the end is -1.
    width : int
        Entries of a row.
    text_width : int
        Entries of a line, at least `width`; the others are 1.
    out : (bytes,) uint8
        With room for rows * (text_width + 1) integers of `LONGEST_INT` characters, each with three more.
    """
    place = np.uint64(0)
    digits = ONE
    taken = 0
    for row in range(cycles.size):
        for column in range(-1, text_width):
            if column < 0:
                value = cycles[row]
            elif column >= width:
                value = np.int64(1)
            else:
                value = np.int64(entries[taken]) if taken < entries.size else np.int64(-1)
                taken += 1
            if column >= 0:
                out[place] = COMMA
                place += ONE
            place, digits = _put(value, out, place, digits)
            out[place] = POINT
            out[place + ONE] = ZERO
            place += TWO
        out[place] = LINE_FEED
        place += ONE
    return place
