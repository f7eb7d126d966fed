"""Each thread's own buffers, kept from chunk to chunk: page faults of fresh ones would cost more than filling them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class ThreadBuffers(threading.local):
    """Named arrays that grow when they must. What they held before is not cleared."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def get(self, name: str, dtype: DTypeLike, count: int) -> NDArray[Any]:
        """Return a (count,) array."""
        array = self._arrays.get(name)
        if array is None or array.dtype != dtype or array.size < count:
            array = self._arrays[name] = np.empty(count, dtype)
        return array[:count]
