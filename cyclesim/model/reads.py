"""Which places of the ifmap a run of outputs or taps reads, counted in closed form (docs/analytical-model.md).

Output o reads at tap t the place o * stride + t * dilation - pad. Outputs and taps are symmetric in that: both are
*items* here, each of which reads the places that all items of the other kind give it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
FOLDS_AT_ONCE = 1 << 15
"""Folds that are counted at a time."""


@dataclass(frozen=True)
class Reads:
    """Items of one direction: `count` of them, `step` places apart.

    Item i reads the places i * step + j * other_step - pad for 0 <= j < others, as far as they are in 0...size-1. With
    g the greatest common divisor of both steps, its j-th place is the (j + `ahead`)-th of item i - `apart`, where
    apart = other_step / g and ahead = step / g; items in between do not read it.
    """

    count: int
    step: int
    others: int
    other_step: int
    pad: int
    size: int

    @cached_property
    def apart(self) -> int:
        """Items from one that reads a place to the next that does."""
        return self.other_step // gcd(self.step, self.other_step)

    @cached_property
    def ahead(self) -> int:
        """Places of an item from the one that the next item reads as its own to that."""
        return self.step // gcd(self.step, self.other_step)

    @cached_property
    def inside(self) -> Ints:
        """How many places of each item are in the ifmap, (count,)."""
        return self._held(np.arange(self.count), self.others - 1)

    @cached_property
    def all_distinct(self) -> int:
        """How many different places all items read."""
        return int(self._inside_before[-1] - self._again_before[-1])

    @cached_property
    def all_requests(self) -> int:
        """How many places all items read, as often as they do."""
        return int(self._inside_before[-1])

    def requests(self, first: Ints, last: Ints) -> Ints:
        """Return how many places the items from `first` to `last`, inclusive, read, as often as they do."""
        behind = np.maximum(last + 1, first)
        total: Ints = self._inside_before[behind] - self._inside_before[first]
        return total

    def distinct(self, first: Ints, last: Ints) -> Ints:
        """Return how many different places the items from `first` to `last`, inclusive, read."""
        behind = np.maximum(last + 1, first)
        again = self._again_before[behind] - self._again_before[np.minimum(first + self.apart, behind)]
        found: Ints = self.requests(first, last) - again
        return found

    def distinct_at_ends(self, first: Ints, last: Ints) -> Ints:
        """Return how many different places the items from `first` on and those up to `last` read, all together."""
        both = np.zeros_like(first)
        for place in range(min(self.apart, self.count)):
            # Of the items from `first` on, only the first `apart` can find that the item before is not among them.
            item = first + place
            turns = np.maximum(1, -((last - item) // self.apart))
            both += np.where(item < self.count, self._again(item, turns), 0)
        found = self.distinct(first, np.full_like(first, self.count - 1)) + self.distinct(np.zeros_like(last), last)
        return np.where(last >= first - 1, self.all_distinct, found - both)

    def _held(self, items: Ints, last: Ints | int) -> Ints:
        """Return how many of the places up to the `last`-th of each item are in the ifmap."""
        start = items * self.step - self.pad
        low = np.maximum(0, -(start // self.other_step))
        high = np.minimum(last, (self.size - 1 - start) // self.other_step)
        held: Ints = np.maximum(0, high - low + 1)
        return held

    def _again(self, items: Ints, turns: Ints | int) -> Ints:
        """Return how many places of each item are read, too, by the one `turns` times `apart` items before."""
        held = self._held(items, self.others - 1 - turns * self.ahead)
        return np.where(items >= turns * self.apart, held, 0)

    @cached_property
    def _inside_before(self) -> Ints:
        return np.concatenate([[0], np.cumsum(self.inside)])

    @cached_property
    def _again_before(self) -> Ints:
        return np.concatenate([[0], np.cumsum(self._again(np.arange(self.count), 1))])


class Batch(NamedTuple):
    """Folds of several sides of an array, counted together: side by side, (folds,) each.

    `side` is the side of each fold, `number` says which it is, and there are `times` such. Folds of one side are
    together; those of `places`, positions among all sides, begin at `starts`.
    """

    side: Ints
    number: Ints
    times: Ints
    places: Ints
    starts: Ints

    def add(self, totals: NDArray[Any], values: NDArray[Any]) -> None:
        """Add the values of all folds, (folds,), to those of their sides, (sides,)."""
        np.add.at(totals, self.places, np.add.reduceat(values * self.times, self.starts))

    def raise_to(self, most: NDArray[Any], values: NDArray[Any]) -> None:
        """Raise what is had of every side, (sides,), to the largest value of its folds, (folds,)."""
        np.maximum.at(most, self.places, np.maximum.reduceat(values, self.starts))


def batches(sides: Sequence[int], folds: Callable[[int], Iterable[tuple[Ints, Ints]]]) -> Iterator[Batch]:
    """Put folds of all sides together; `folds` gives numbers and times of one side's, `FOLDS_AT_ONCE` at a time."""
    held: list[tuple[int, Ints, Ints]] = []
    for place, side in enumerate(sides):
        for numbers, times in folds(side):
            held.append((place, numbers, times))
            if sum(len(one) for _, one, _ in held) >= FOLDS_AT_ONCE:
                yield _batch(sides, held)
                held = []
    if held:
        yield _batch(sides, held)


def _batch(sides: Sequence[int], held: Sequence[tuple[int, Ints, Ints]]) -> Batch:
    places = np.array([place for place, _, _ in held], np.int64)
    lengths = np.array([len(numbers) for _, numbers, _ in held], np.int64)
    return Batch(
        np.repeat(np.array(sides, np.int64)[places], lengths),
        np.concatenate([numbers for _, numbers, _ in held]),
        np.concatenate([times for _, _, times in held]),
        places,
        np.cumsum(lengths) - lengths,
    )


class Runs(NamedTuple):
    """Words of one channel that runs of consecutive items read, (runs,) int64 each.

    requests: as often as they are read. by_row: the different ones of each row of items. distinct: the different ones.
    across: places of the ifmap's rows that its rows of items read, added up.
    """

    requests: Ints
    by_row: Ints
    distinct: Ints
    across: Ints


def runs(down: Reads, across: Reads, first: Ints, last: Ints) -> Runs:
    """Return what the items from `first` to `last`, inclusive, read, counted row by row of `across.count` items."""
    width = across.count
    (top, left), (bottom, right) = np.divmod(first, width), np.divmod(last, width)
    alone = top == bottom
    upper_end, lower_end = np.where(alone, right, width - 1), np.where(alone, -1, right)
    begin = np.zeros_like(left)
    whole, upper, lower = across.all_distinct, across.distinct(left, upper_end), across.distinct(begin, lower_end)
    above, between, below = down.inside[top], down.requests(top + 1, bottom - 1), down.inside[bottom]
    # Rows of the ifmap by who reads them: rows of items between the first and the last, only these, both of them.
    inner = down.distinct(top + 1, bottom - 1)
    all_rows = down.distinct(top, bottom)
    only_upper = all_rows - down.distinct(top + 1, bottom)
    only_lower = all_rows - down.distinct(top, bottom - 1)
    shared = all_rows - inner - only_upper - only_lower
    apart = inner * whole + only_upper * upper + only_lower * lower
    apart = apart + shared * across.distinct_at_ends(left, right)
    by_row = above * upper + between * whole + below * lower
    return Runs(
        requests=above * across.requests(left, upper_end)
        + between * across.all_requests
        + below * across.requests(begin, lower_end),
        by_row=by_row,
        distinct=np.where(alone, by_row, apart),
        across=upper + np.maximum(0, bottom - top - 1) * whole + lower,
    )
