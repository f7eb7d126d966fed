"""What the demand kernel is measured against: a kernel that merely stores sequential addresses."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def store_sequence(out, first):
    """Fill `out` (words,) with first, first + 1, and so on."""
    for i in range(out.size):
        out[i] = first + i
