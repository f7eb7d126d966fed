"""Words in the order in which a buffer moves them, taken in other portions than those in which they come."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class WordQueue:
    """Takes words from an iterable of arrays, any number at a time.

    Parameters
    ----------
    parts : iterable of (words,) int32 or int64
        Arrays that stay as they are when the next one is made.
    dtype : dtype
    """

    def __init__(self, parts: Iterable[NDArray[np.integer]], dtype: np.dtype[np.integer]) -> None:
        self._parts = iter(parts)
        self._left: NDArray[np.integer] = np.empty(0, dtype)

    def take(self, count: int) -> NDArray[np.integer]:
        """Return the next words: `count`, or what is left."""
        taken = [self._left[:count]]
        missing = count - len(taken[0])
        self._left = self._left[count:]
        while missing:
            part = next(self._parts, None)
            if part is None:
                break
            taken.append(part[:missing])
            self._left = part[missing:]
            missing -= len(taken[-1])
        return np.concatenate(taken)
