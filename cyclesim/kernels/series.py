"""Spreads the requests of array cycles over windows of wall cycles."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def add_requests(requests, walls, window, column):
    """Add the requests of a stretch of array cycles to a series: about 1 ns a cycle.

    Parameters
    ----------
    requests : (cycles,) int32
    walls : (cycles,) int64
        Wall cycle of each array cycle, ascending.
    window : int
        Wall cycles of a window.
    column : (windows,) int64
        Gains the requests of each window.
    """
    index = walls[0] // window
    end = (index + 1) * window
    words = 0
    for i in range(requests.size):
        if walls[i] >= end:
            column[index] += words
            words = 0
            index = walls[i] // window
            end = (index + 1) * window
        words += requests[i]
    column[index] += words
