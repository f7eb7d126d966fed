"""A layer becomes a matrix product: M, K, N, and one address map per operand.

Every operand's address is a sum: of an entry for its first matrix index, one for its second, the group's offset and
the operand's base (docs/inputs.md, Addresses). For the im2col ifmap the first index is the output pixel and the second
the place in the window, so padding too is decided by a sum, of coordinates. The simulator and the analytical model
share these maps; nothing here knows about arrays or cycles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.hardware import Hardware
from cyclesim.workload import ConvShape, Layer

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """One matrix index of an operand: what each value of it adds to the address and to the coordinates.

    `address` is (length,) int64 words. `coord_y` and `coord_x` are (length,) int64, or None for operands without
    padding.
    """

    address: IntArray
    coord_y: IntArray | None = None
    coord_x: IntArray | None = None


@dataclass(frozen=True)
class OperandMap:
    """Addresses of one operand: base + group * group_step + first.address[i] + second.address[j] [words].

    With `bounds` = (H, W), elements whose summed coordinates are outside 0...H-1, 0...W-1 are padding: no request.
    `words` is the size of the whole tensor.
    """

    base: int
    group_step: int
    words: int
    first: Axis
    second: Axis
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True)
class Gemm:
    """A layer as the array sees it: `groups` products of (m, k) by (k, n).

    `ifmap` is indexed (m, k), `filter` (k, n), `ofmap` (m, n).
    """

    layer: Layer
    groups: int
    m: int
    k: int
    n: int
    ifmap: OperandMap
    filter: OperandMap
    ofmap: OperandMap

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with padding zeros included."""
        return self.groups * self.m * self.k * self.n

    def operand(self, name: str) -> OperandMap:
        """Return the map of ``ifmap``, ``filter`` or ``ofmap``."""
        return {"ifmap": self.ifmap, "filter": self.filter, "ofmap": self.ofmap}[name]


def ifmap_requests_per_pass(layer: Layer) -> int:
    """Return how many elements of all groups' (m, k) matrices are not padding: the requests of one pass over it."""
    shape = layer.shape
    if not isinstance(shape, ConvShape):
        groups, m, k, _ = gemm_sizes(layer)
        return groups * m * k
    rows = taps_inside(shape.ofmap_h, shape.stride_h, shape.pad_h, shape.filter_h, shape.dilation_h, shape.ifmap_h)
    cols = taps_inside(shape.ofmap_w, shape.stride_w, shape.pad_w, shape.filter_w, shape.dilation_w, shape.ifmap_w)
    return rows * cols * shape.channels * layer.batch


def taps_inside(outputs: int, stride: int, pad: int, taps: int, dilation: int, size: int) -> int:
    """Return how many (output, tap) pairs of one direction read inside: 0 <= o * stride - pad + t * dilation < size."""
    total = 0
    for tap in range(taps):
        shift = tap * dilation - pad
        low = max(0, -(shift // stride))  # first output with o * stride + shift >= 0
        high = min(outputs - 1, (size - 1 - shift) // stride)
        total += max(0, high - low + 1)
    return total


def gemm_sizes(layer: Layer) -> tuple[int, int, int, int]:
    """Return (groups, m, k, n) of a layer, without building its maps."""
    shape = layer.shape
    if isinstance(shape, ConvShape):
        window = shape.filter_h * shape.filter_w * (shape.channels // shape.groups)
        return shape.groups, layer.batch * shape.ofmap_h * shape.ofmap_w, window, shape.filters // shape.groups
    if layer.type == "matmul":
        return shape.groups * layer.batch, shape.m, shape.k, shape.n
    return shape.groups, shape.m * layer.batch, shape.k, shape.n


def tensor_words(layer: Layer) -> tuple[int, int, int]:
    """Return the sizes of a layer's ifmap, filter and ofmap tensors [words]."""
    groups, m, k, n = gemm_sizes(layer)
    shape = layer.shape
    ifmap = groups * m * k
    if isinstance(shape, ConvShape):
        ifmap = layer.batch * shape.ifmap_h * shape.ifmap_w * shape.channels
    return ifmap, groups * k * n, groups * m * n


def lower(layer: Layer, hardware: Hardware) -> Gemm:
    """Return the layer's matrix product with the addresses that the machine's offsets give it."""
    groups, m, k, n = gemm_sizes(layer)
    ifmap_words, filter_words, ofmap_words = tensor_words(layer)
    shape = layer.shape
    ms, ks, ns = (np.arange(size, dtype=np.int64) for size in (m, k, n))
    bounds: tuple[int, int] | None = None
    if isinstance(shape, ConvShape):
        pixels, window = _im2col_axes(shape, layer.batch)
        if _overhangs(shape):
            bounds = (shape.ifmap_h, shape.ifmap_w)
        ifmap_step, ofmap_row, ofmap_step = shape.channels // groups, shape.filters, n
    else:
        pixels, window = Axis(ms * k), Axis(ks)
        ifmap_step, ofmap_row, ofmap_step = m * k, n, m * n
    return Gemm(
        layer=layer,
        groups=groups,
        m=m,
        k=k,
        n=n,
        ifmap=OperandMap(hardware.ifmap_offset_words, ifmap_step, ifmap_words, pixels, window, bounds),
        filter=OperandMap(hardware.filter_offset_words, n * k, filter_words, Axis(ks), Axis(ns * k)),
        ofmap=OperandMap(hardware.ofmap_offset_words, ofmap_step, ofmap_words, Axis(ms * ofmap_row), Axis(ns)),
    )


def _overhangs(shape: ConvShape) -> bool:
    """Whether any window reaches outside the ifmap, by padding or by SCALE-Sim's rounding up."""
    last_y = (shape.ofmap_h - 1) * shape.stride_h - shape.pad_h + (shape.filter_h - 1) * shape.dilation_h
    last_x = (shape.ofmap_w - 1) * shape.stride_w - shape.pad_w + (shape.filter_w - 1) * shape.dilation_w
    return shape.pad_h > 0 or shape.pad_w > 0 or last_y >= shape.ifmap_h or last_x >= shape.ifmap_w


def _im2col_axes(shape: ConvShape, batch: int) -> tuple[Axis, Axis]:
    """Return the axes of the im2col matrix: output pixels (b, oy, ox) and window places (kh, kw, c)."""
    image_words = shape.ifmap_h * shape.ifmap_w * shape.channels
    row_words = shape.ifmap_w * shape.channels
    image, top, left = np.meshgrid(
        np.arange(batch, dtype=np.int64),
        np.arange(shape.ofmap_h, dtype=np.int64) * shape.stride_h - shape.pad_h,
        np.arange(shape.ofmap_w, dtype=np.int64) * shape.stride_w - shape.pad_w,
        indexing="ij",
    )
    pixel_address = image * image_words + top * row_words + left * shape.channels
    down, right, channel = np.meshgrid(
        np.arange(shape.filter_h, dtype=np.int64) * shape.dilation_h,
        np.arange(shape.filter_w, dtype=np.int64) * shape.dilation_w,
        np.arange(shape.channels // shape.groups, dtype=np.int64),
        indexing="ij",
    )
    window_address = down * row_words + right * shape.channels + channel
    return (
        Axis(pixel_address.ravel(), top.ravel(), left.ravel()),
        Axis(window_address.ravel(), down.ravel(), right.ravel()),
    )


def padding_masks(
    space: Axis, time: Axis, bounds: tuple[int, int] | None
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return which entries of one axis meet padding where on the other.

    Entries of `space` from which the same places along `time` are padding form a class: an array's ports then share
    one mask. A kernel of 3x3 has 9 classes at most, of which the inner one needs no mask.

    Returns
    -------
    classes : (space,) int32
        Row of `masks`, -1 if no place is padding.
    masks : (rows, time) int8
        -1 where the element is padding, else 0.
    """
    if bounds is None or time.coord_y is None or time.coord_x is None or space.coord_y is None or space.coord_x is None:
        return np.full(len(space.address), -1, np.int32), np.empty((0, len(time.address)), np.int8)
    above, rows = _outside(space.coord_y, time.coord_y, bounds[0])
    beside, cols = _outside(space.coord_x, time.coord_x, bounds[1])
    pairs, classes = np.unique(above * len(cols) + beside, return_inverse=True)
    masks = -(rows[pairs // len(cols)] | cols[pairs % len(cols)]).astype(np.int8)
    used = masks.any(axis=1)
    numbers = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    return numbers[classes.ravel()], masks[used]


def _outside(space: IntArray, time: IntArray, size: int) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return, for one direction, the class of each entry of `space`, and (classes, time): what is outside."""
    space_values, space_index = np.unique(space, return_inverse=True)
    time_values, time_index = np.unique(time, return_inverse=True)
    place = space_values[:, None] + time_values[None, :]
    patterns, pattern_index = np.unique((place < 0) | (place >= size), axis=0, return_inverse=True)
    return pattern_index.ravel()[space_index.ravel()], patterns[:, time_index.ravel()]


def address_range(gemm: Gemm) -> tuple[int, int]:
    """Return the smallest and the largest address of the layer's tensors."""
    operands = (gemm.ifmap, gemm.filter, gemm.ofmap)
    return min(op.base for op in operands), max(op.base + op.words - 1 for op in operands)


def overlapping_tensors(layer: Layer, hardware: Hardware) -> list[tuple[str, str]]:
    """Return the pairs of a layer's operands whose address ranges share words."""
    bases = (hardware.ifmap_offset_words, hardware.filter_offset_words, hardware.ofmap_offset_words)
    ranges = sorted(
        (base, base + words, name)
        for name, base, words in zip(("ifmap", "filter", "ofmap"), bases, tensor_words(layer), strict=True)
    )
    return [(low[2], high[2]) for i, low in enumerate(ranges) for high in ranges[i + 1 :] if high[0] < low[1]]


def overlap_warning(layers: Sequence[Layer], hardware: Hardware) -> str | None:
    """Return one warning if the machine's offsets make tensors of a layer share addresses."""
    clashes = [(layer.name, pairs) for layer in layers if (pairs := overlapping_tensors(layer, hardware))]
    if not clashes:
        return None
    name, pairs = clashes[0]
    more = f" and in {len(clashes) - 1} more layers" if len(clashes) > 1 else ""
    return (
        f"the offsets let {' and '.join(pairs[0])} share addresses in layer {name}{more}; "
        "counts stay right, but traces show them as the same words"
    )
