"""What a part of a layer computes, by definition, without the whole tensors: a block of one group's matrix product.

Words are values of a function of their place, so a layer of any size needs no memory. Which words meet in a product is
worked out here from the layer's shape and the address formats of docs/inputs.md, independent of lowering, schedules and
cycles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.validation.reference_layers import multiply
from cyclesim.workload import ConvShape, Layer

Words = NDArray[np.int64]
Fetch = Callable[[Words], Words]
"""Returns the values of words by their places in a tensor."""


def int8_fetch(seed: int) -> Fetch:
    """Return a tensor of int8 values without zeros, of any size: the value of each word is a hash of its place."""
    start = np.uint64(seed)

    def fetch(places: Words) -> Words:
        mixed = (places.astype(np.uint64) + start) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (mixed >> np.uint64(56)).astype(np.int64) - 128
        return np.where(values == 0, 1, values)

    return fetch


@dataclass(frozen=True)
class Block:
    """Outputs `rows` x `cols` of one group's product (m, n), summed over `places` (k) only."""

    layer: Layer
    group: int
    rows: range
    places: range
    cols: range

    def product(self, ifmap: Fetch, filter_: Fetch) -> Words:
        """Return the block's sums, (rows, cols) int64."""
        m, k, n = (np.array(part, np.int64) for part in (self.rows, self.places, self.cols))
        ifmap_place, inside = self._ifmap_places(m[:, None], k[None, :])
        a = np.where(inside, ifmap(np.where(inside, ifmap_place, 0)), 0)
        return multiply(a, filter_(self._filter_places(k[:, None], n[None, :])))

    def output_places(self, words: Words) -> Words:
        """Return where words of the ofmap tensor are in the block, row by row; its size if they are not in it."""
        shape = self.layer.shape
        if isinstance(shape, ConvShape):
            filters = shape.filters // shape.groups
            m, n = words // shape.filters, words % shape.filters - self.group * filters
        else:
            m, n = words // shape.n - self.group * self._product_rows, words % shape.n
        inside = (m >= self.rows.start) & (m < self.rows.stop) & (n >= self.cols.start) & (n < self.cols.stop)
        return np.where(inside, (m - self.rows.start) * len(self.cols) + n - self.cols.start, self.size)

    @property
    def size(self) -> int:
        """How many outputs it has."""
        return len(self.rows) * len(self.cols)

    @property
    def _product_rows(self) -> int:
        """M of a gemm or matmul layer: a batch makes more rows of the one, more groups of the other."""
        assert not isinstance(self.layer.shape, ConvShape), "only of products"
        return self.layer.shape.m * (1 if self.layer.type == "matmul" else self.layer.batch)

    def _ifmap_places(self, m: Words, k: Words) -> tuple[Words, NDArray[np.bool_]]:
        shape = self.layer.shape
        if not isinstance(shape, ConvShape):
            place = (self.group * self._product_rows + m) * shape.k + k
            return place, np.ones(place.shape, np.bool_)
        channels = shape.channels // shape.groups
        pixel, image = m % (shape.ofmap_h * shape.ofmap_w), m // (shape.ofmap_h * shape.ofmap_w)
        tap, channel = k // channels, k % channels
        y = pixel // shape.ofmap_w * shape.stride_h - shape.pad_h + tap // shape.filter_w * shape.dilation_h
        x = pixel % shape.ofmap_w * shape.stride_w - shape.pad_w + tap % shape.filter_w * shape.dilation_w
        inside = (y >= 0) & (y < shape.ifmap_h) & (x >= 0) & (x < shape.ifmap_w)
        place = ((image * shape.ifmap_h + y) * shape.ifmap_w + x) * shape.channels + self.group * channels + channel
        return place, inside

    def _filter_places(self, k: Words, n: Words) -> Words:
        shape = self.layer.shape
        if not isinstance(shape, ConvShape):
            return (self.group * shape.n + n) * shape.k + k
        window = shape.filter_h * shape.filter_w * (shape.channels // shape.groups)
        return (self.group * (shape.filters // shape.groups) + n) * window + k
