"""What does each layer compute? The definition of every layer type, one multiplication at a time.

Tensors are flat lists of words as they lie in memory; no matrices, folds or ports.
"""

from __future__ import annotations

from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.reference.addresses import windows


def compute_layer(layer: Layer, ifmap: list[int], filter_: list[int]) -> list[int]:
    """Return a layer's ofmap tensor for given ifmap and filter tensors."""
    if isinstance(layer.shape, ConvShape):
        return _convolution(layer.shape, layer.batch, ifmap, filter_)
    if layer.type == "matmul":
        return _products(layer.shape, layer.batch * layer.shape.groups, layer.shape.m, ifmap, filter_)
    return _products(layer.shape, layer.shape.groups, layer.batch * layer.shape.m, ifmap, filter_)


def _convolution(shape: ConvShape, batch: int, ifmap: list[int], filter_: list[int]) -> list[int]:
    channels, filters = shape.channels // shape.groups, shape.filters // shape.groups
    tops, lefts = windows(shape)
    ofmap = []
    for image in range(batch):
        for top in tops:
            for left in lefts:
                for n in range(shape.filters):
                    total = 0
                    for kh in range(shape.filter_h):
                        for kw in range(shape.filter_w):
                            y, x = top + kh * shape.dilation_h, left + kw * shape.dilation_w
                            if y not in range(shape.ifmap_h) or x not in range(shape.ifmap_w):
                                continue
                            pixel = (image * shape.ifmap_h + y) * shape.ifmap_w + x
                            tap = (n * shape.filter_h + kh) * shape.filter_w + kw
                            for c in range(channels):
                                word = pixel * shape.channels + n // filters * channels + c
                                total += ifmap[word] * filter_[tap * channels + c]
                    ofmap.append(total)
    return ofmap


def _products(shape: GemmShape, groups: int, rows: int, ifmap: list[int], filter_: list[int]) -> list[int]:
    ofmap = []
    for group in range(groups):
        for m in range(rows):
            for n in range(shape.n):
                a, b = (group * rows + m) * shape.k, (group * shape.n + n) * shape.k
                ofmap.append(sum(ifmap[a + k] * filter_[b + k] for k in range(shape.k)))
    return ofmap
