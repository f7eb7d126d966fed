"""Formats a chunk of a port group's demand as lines of CSV: wall cycle, then the address of each port.

Cost: about 2 ns a character.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LONGEST_INT = 20
"""Characters of the longest 64-bit integer."""


@njit(cache=True, nogil=True)
def _put_int(value, out, place):
    """Write an integer in decimal; return the place behind it."""
    if value < 0:
        out[place] = 45  # minus
        place += 1
        value = -value
    digits = 1
    limit = 10
    while digits < 19 and value >= limit:
        digits += 1
        limit *= 10
    for i in range(place + digits - 1, place - 1, -1):
        rest = value // 10
        out[i] = 48 + (value - 10 * rest)
        value = rest
    return place + digits


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
    place = 0
    for cycle in range(cycles):
        place = _put_int(walls[cycle], out, place)
        for port in range(ports):
            out[place] = 44  # comma
            place = _put_int(np.int64(addresses[port, cycle]), out, place + 1)
        out[place] = 10  # line feed
        place += 1
    return place
