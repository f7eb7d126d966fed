"""Which word of memory is each element of a layer's matrices? The address maps as plain nested loops.

Restates the addresses of the topology format: ifmap ((b*H + y)*W + x)*Channels + c with unpadded H and W, filter
n*(FH*FW*Channels/Groups) + (kh*FW + kw)*Channels/Groups + c, ofmap m*Filters + n, window order kh, kw, c; of gemm
and matmul one matrix after the other. No formula for sizes or strides: every index is counted, every matrix
index is the number of times that its loop has run.
"""

from __future__ import annotations

from dataclasses import dataclass

from cyclesim.workload import ConvShape, GemmShape, Layer

Place = tuple[int, int, int]
"""(group, row, column) of an element: (group, m, k), (group, k, n) or (group, m, n)."""


@dataclass(frozen=True)
class Addresses:
    """A layer as matrices: how many, how large, and the word address of each element.

    `ifmap` maps (group, m, k) to an address or None for padding, `filter` maps (group, k, n), `ofmap` (group, m, n).
    """

    groups: int
    m: int
    k: int
    n: int
    ifmap: dict[Place, int | None]
    filter: dict[Place, int]
    ofmap: dict[Place, int]


def addresses(
    layer: Layer, ifmap_offset: int = 0, filter_offset: int = 0, ofmap_offset: int = 0
) -> Addresses:
    """Return the word addresses of all elements of a layer, by walking over the layer.

    Parameters
    ----------
    layer : Layer
    ifmap_offset, filter_offset, ofmap_offset : first word of each tensor
    """
    if isinstance(layer.shape, ConvShape):
        groups = layer.shape.groups
        ifmap = _conv_ifmap(layer.shape, layer.batch)
        filter_ = _conv_filter(layer.shape)
        ofmap = _conv_ofmap(layer.shape, layer.batch)
    elif layer.type == "matmul":
        groups = layer.batch * layer.shape.groups
        ifmap, filter_, ofmap = _products(groups, layer.shape.m, layer.shape)
    else:
        groups = layer.shape.groups
        ifmap, filter_, ofmap = _products(groups, layer.batch * layer.shape.m, layer.shape)
    return Addresses(
        groups=groups,
        m=1 + max(m for _, m, _ in ifmap),
        k=1 + max(k for _, _, k in ifmap),
        n=1 + max(n for _, _, n in filter_),
        ifmap={place: None if word is None else word + ifmap_offset for place, word in ifmap.items()},
        filter={place: word + filter_offset for place, word in filter_.items()},
        ofmap={place: word + ofmap_offset for place, word in ofmap.items()},
    )


def positions(ifmap: int, filter_: int, stride: int, pad: int, dilation: int, ceil: bool) -> list[int]:
    """Return where windows start in one direction, in unpadded coordinates (so the first may be negative).

    Windows are placed from the padded edge on as long as they end inside; if sizes are rounded up, as long as the
    one before does not reach the far padded edge.
    """
    starts = []
    start, end = -pad, ifmap + pad
    while ceil or start + dilation * (filter_ - 1) < end:
        starts.append(start)
        if start + dilation * (filter_ - 1) >= end - 1 and ceil:
            break
        start += stride
    return starts


def windows(shape: ConvShape) -> tuple[list[int], list[int]]:
    """Return the top rows and left columns of a convolution's windows."""
    tops = positions(
        shape.ifmap_h, shape.filter_h, shape.stride_h, shape.pad_h, shape.dilation_h, shape.ceil_output
    )
    lefts = positions(
        shape.ifmap_w, shape.filter_w, shape.stride_w, shape.pad_w, shape.dilation_w, shape.ceil_output
    )
    return tops, lefts


def _conv_ifmap(shape: ConvShape, batch: int) -> dict[Place, int | None]:
    tops, lefts = windows(shape)
    height, width, channels = shape.ifmap_h, shape.ifmap_w, shape.channels
    words: dict[Place, int | None] = {}
    for group in range(shape.groups):
        channels_of_group = range(channels)[group * (channels // shape.groups) :][: channels // shape.groups]
        m = 0
        for b in range(batch):
            for top in tops:
                for left in lefts:
                    k = 0
                    for kh in range(shape.filter_h):
                        for kw in range(shape.filter_w):
                            for c in channels_of_group:
                                y, x = top + kh * shape.dilation_h, left + kw * shape.dilation_w
                                inside = y in range(height) and x in range(width)
                                words[group, m, k] = (
                                    ((b * height + y) * width + x) * channels + c if inside else None
                                )
                                k += 1
                    m += 1
    return words


def _conv_filter(shape: ConvShape) -> dict[Place, int]:
    words: dict[Place, int] = {}
    address = 0
    for group in range(shape.groups):
        for n in range(shape.filters // shape.groups):
            for k in range(shape.filter_h * shape.filter_w * (shape.channels // shape.groups)):
                words[group, k, n] = address
                address += 1
    return words


def _conv_ofmap(shape: ConvShape, batch: int) -> dict[Place, int]:
    tops, lefts = windows(shape)
    words: dict[Place, int] = {}
    address = 0
    for m in range(batch * len(tops) * len(lefts)):
        for group in range(shape.groups):
            for n in range(shape.filters // shape.groups):
                words[group, m, n] = address
                address += 1
    return words


def _products(
    groups: int, rows: int, shape: GemmShape
) -> tuple[dict[Place, int | None], dict[Place, int], dict[Place, int]]:
    ifmap: dict[Place, int | None] = {}
    filter_: dict[Place, int] = {}
    ofmap: dict[Place, int] = {}
    for group in range(groups):
        for m in range(rows):
            for k in range(shape.k):
                ifmap[group, m, k] = len(ifmap)
        for n in range(shape.n):
            for k in range(shape.k):
                filter_[group, k, n] = len(filter_)
        for m in range(rows):
            for n in range(shape.n):
                ofmap[group, m, n] = len(ofmap)
    return ifmap, filter_, ofmap
