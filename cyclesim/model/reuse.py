"""Reuse of a convolution's ifmap: the words of one pass as a curve over the active words (docs/analytical-model.md).

A pass asks for most words several times. Each kind of reuse has a distance, the words that enter between two uses; with
that many active words, the pass needs so many words less. A curve is the steps that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cyclesim.model.reads import Reads
from cyclesim.workload import ConvShape, Layer

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
APART = 64.0
"""Curves lie one behind the other on one axis: more than the logarithm of any count of words."""
MOST_WINDOWS = 1 << 12
"""Windows that are remembered."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class Axis:
    """One direction of a convolution: places of the ifmap, taps of the kernel and outputs in it."""

    size: int
    taps: int
    stride: int
    pad: int
    dilation: int
    outputs: int

    @cached_property
    def by_output(self) -> Reads:
        """What each output reads, with all taps."""
        return Reads(self.outputs, self.stride, self.taps, self.dilation, self.pad, self.size)

    @cached_property
    def by_tap(self) -> Reads:
        """What each tap reads, over all outputs."""
        return Reads(self.taps, self.dilation, self.outputs, self.stride, self.pad, self.size)

    @cached_property
    def uses(self) -> Ints:
        """How many taps read each place that is read at all."""
        counts = np.zeros(self.size, np.int64)
        for tap in range(self.taps):
            start = tap * self.dilation - self.pad
            first = max(start, start % self.stride)
            counts[first : max(0, start + (self.outputs - 1) * self.stride + 1) : self.stride] += 1
        return counts[counts > 0]

    @cached_property
    def reach(self) -> int:
        """Places from the first tap to behind the last."""
        return (self.taps - 1) * self.dilation + 1

    @cached_property
    def apart(self) -> int:
        """Outputs from one that reads a place to the next that does: 1 but for dilated kernels."""
        return self.by_output.apart

    @cached_property
    def anew(self) -> int:
        """Taps at which an output reads places that none before did: the last ones."""
        return min(self.taps, self.by_output.ahead)

    @cached_property
    def shares(self) -> int:
        """How often a place is read again by later outputs, at most."""
        return (self.taps - 1) // self.by_output.ahead


@dataclass(frozen=True)
class Window:
    """The convolution of one group; pixels of all images follow one another."""

    down: Axis
    across: Axis
    channels: int
    images: int

    @classmethod
    def of(cls, layer: Layer) -> Window | None:
        """Return the window of a convolution, or None if every word is asked for once a pass."""
        shape = layer.shape
        if not isinstance(shape, ConvShape) or shape.filter_h * shape.filter_w == 1:
            return None
        window = cls(
            Axis(shape.ifmap_h, shape.filter_h, shape.stride_h, shape.pad_h, shape.dilation_h, shape.ofmap_h),
            Axis(shape.ifmap_w, shape.filter_w, shape.stride_w, shape.pad_w, shape.dilation_w, shape.ofmap_w),
            shape.channels // shape.groups,
            layer.batch,
        )
        return window if window.tensor else None  # all may be padding

    @cached_property
    def pixels(self) -> int:
        """Pixels of the ofmap of an image."""
        return self.down.outputs * self.across.outputs

    @cached_property
    def depth(self) -> int:
        """Places of the window in all channels, which is K."""
        return self.down.taps * self.across.taps * self.channels

    @cached_property
    def row(self) -> int:
        """Words of a row of the ifmap that are read."""
        return len(self.across.uses) * self.channels

    @cached_property
    def tensor(self) -> int:
        """Words of an image that are read."""
        return len(self.down.uses) * self.row

    @cached_property
    def requests(self) -> int:
        """Elements of an image's matrix that are no padding."""
        return int(self.down.uses.sum() * self.across.uses.sum()) * self.channels

    @cached_property
    def rows_anew(self) -> int:
        """Words of an image if each kernel row reads its rows anew."""
        return int(self.down.uses.sum()) * self.row


class Stage(NamedTuple):
    """One kind of reuse: from `low` active words on some of it is had, with `high` all, and the pass needs `words`."""

    low: float
    high: float
    words: float


class Curve(NamedTuple):
    """Words over active words: linear over their logarithm between the points, level outside."""

    active: tuple[float, ...]
    words: tuple[float, ...]


def curve(requests: float, stages: Sequence[Stage]) -> Curve:
    """Return the curve of these kinds of reuse; one that saves nothing beside one of less distance is left out."""
    points = [(1.0, float(requests))]
    for low, high, words in sorted(stages, key=lambda stage: (stage.high, -stage.words)):
        reached, last = points[-1]
        if words < last:
            low = max(low, reached)
            points += [(low, last), (max(high, 1.0001 * low), words)]
    points.append((2 * points[-1][0], points[-1][1]))
    return Curve(*zip(*points, strict=True))


class MadeOnce(Generic[Made]):
    """What is made of a window for each side of an array, together for all sides that are new, and remembered."""

    def __init__(self, make: Callable[[Window, Sequence[int]], Sequence[Made]]) -> None:
        self._make = make
        self._made: dict[Window, dict[int, Made]] = {}

    def __call__(self, window: Window, sides: Sequence[int]) -> list[Made]:
        """Return it for these sides, in their order."""
        if len(self._made) > MOST_WINDOWS:
            self._made.clear()
        made = self._made.setdefault(window, {})  # windows are long to hash
        new = [side for side in dict.fromkeys(sides) if side not in made]
        if new:
            made.update(zip(new, self._make(window, new), strict=True))
        return [made[side] for side in sides]

    def forget(self) -> None:
        """Forget all."""
        self._made.clear()


class Curves:
    """Curves that are evaluated for many points at a time."""

    def __init__(self, found: Sequence[Curve]) -> None:
        lengths = [len(one.active) for one in found]
        self._active = np.log(np.array([active for one in found for active in one.active]))
        self._words = np.array([words for one in found for words in one.words])
        self._axis = self._active + APART * np.repeat(np.arange(len(found)), np.array(lengths, np.int64))
        self._last = np.cumsum(lengths, dtype=np.int64) - 1

    def words(self, which: Ints, active: Ints) -> Floats:
        """Return the words of the curves `which`, counted from 0, with these active words, same shapes."""
        at = np.log(active)
        last = self._last[which]
        right = np.minimum(np.searchsorted(self._axis, at + APART * which, side="right"), last)
        left = right - 1
        share = (at - self._active[left]) / (self._active[right] - self._active[left])
        before = self._words[left]
        found: Floats = before + (self._words[right] - before) * np.minimum(share, 1.0)
        return found
