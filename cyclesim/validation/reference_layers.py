"""What a layer computes, by definition: direct convolution and matrix product in NumPy, on tensors as they lie.

Independent of lowering, schedules and addresses: tensors are reshaped to their axes (ifmap and ofmap: image, row,
column, channel; filter: filter, row, column, channel), a filter tap at a time is applied to a shifted, strided view.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cyclesim.workload import ConvShape, GemmShape, Layer

Words = NDArray[np.int64]


def compute_layer(layer: Layer, ifmap: Words, filter_: Words) -> Words:
    """Return a layer's ofmap tensor.

    Parameters
    ----------
    layer : Layer
    ifmap, filter_ : (words,) int64
        Tensors as they lie in memory, with products small enough that every sum stays below 2**53.

    Returns
    -------
    ofmap : (words,) int64
    """
    if isinstance(layer.shape, ConvShape):
        return _convolution(layer.shape, layer.batch, ifmap, filter_)
    groups, m = layer.shape.groups, layer.shape.m
    if layer.type == "matmul":
        groups *= layer.batch
    else:
        m *= layer.batch
    return _products(layer.shape, groups, m, ifmap, filter_)


def _products(shape: GemmShape, groups: int, m: int, ifmap: Words, filter_: Words) -> Words:
    a = ifmap.reshape(groups, m, shape.k)
    b = filter_.reshape(groups, shape.n, shape.k)
    return np.concatenate([multiply(a[g], b[g].T).ravel() for g in range(groups)])


def _convolution(shape: ConvShape, batch: int, ifmap: Words, filter_: Words) -> Words:
    groups, height, width = shape.groups, shape.ofmap_h, shape.ofmap_w
    channels, filters = shape.channels // groups, shape.filters // groups
    image = ifmap.reshape(batch, shape.ifmap_h, shape.ifmap_w, shape.channels)
    taps = filter_.reshape(groups, filters, shape.filter_h, shape.filter_w, channels)
    # Enough zeros below and to the right for windows that hang over because sizes are rounded up.
    reach_h = (height - 1) * shape.stride_h + (shape.filter_h - 1) * shape.dilation_h + 1
    reach_w = (width - 1) * shape.stride_w + (shape.filter_w - 1) * shape.dilation_w + 1
    below = max(0, reach_h - shape.pad_h - shape.ifmap_h)
    beside = max(0, reach_w - shape.pad_w - shape.ifmap_w)
    padded = np.pad(image, ((0, 0), (shape.pad_h, below), (shape.pad_w, beside), (0, 0)))
    ofmap = np.zeros((batch, height, width, shape.filters), np.int64)
    for kh in range(shape.filter_h):
        for kw in range(shape.filter_w):
            top, left = kh * shape.dilation_h, kw * shape.dilation_w
            seen = padded[
                :,
                top : top + (height - 1) * shape.stride_h + 1 : shape.stride_h,
                left : left + (width - 1) * shape.stride_w + 1 : shape.stride_w,
            ]
            for g in range(groups):
                inputs = seen[..., g * channels : (g + 1) * channels]
                ofmap[..., g * filters : (g + 1) * filters] += multiply(inputs, taps[g, :, kh, kw].T)
    return ofmap.ravel()


def multiply(a: Words, b: Words) -> Words:
    """Multiply matrices of integers by way of float64, which is exact below 2**53 and far faster."""
    return np.rint(a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
