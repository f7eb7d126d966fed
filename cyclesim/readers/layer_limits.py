"""Which layers can exist and be counted in 64-bit integers: the checks that both topology formats share.

Addresses are words plus an offset of at most 2**62, so tensors of at most 2**62 words keep every address, and
every count of accesses, inside int64.
"""

from __future__ import annotations

from cyclesim.workload import ConvShape, GemmShape

MAX_SIZE = 2**31 - 1
"""Largest value of any field."""

_MAX_COUNT = 2**62


def conv_problem(shape: ConvShape, batch: int) -> str | None:
    """Return what makes this convolution impossible, or None."""
    for axis, ifmap, pad, filter_, dilation in (
        ("height", shape.ifmap_h, shape.pad_h, shape.filter_h, shape.dilation_h),
        ("width", shape.ifmap_w, shape.pad_w, shape.filter_w, shape.dilation_w),
    ):
        extent = dilation * (filter_ - 1) + 1
        room = ifmap + 2 * pad
        if extent > room:
            filter_text = f"filter {axis} {filter_}" + (f" (dilated {extent})" if dilation > 1 else "")
            ifmap_text = f"ifmap {axis} {ifmap}" + (f" (padded {room})" if pad else "")
            return f"the filter must not be larger than the ifmap (got {filter_text} and {ifmap_text})"
    groups = shape.groups
    for name, count in (("Channels", shape.channels), ("Filters", shape.filters)):
        if count % groups:
            return f"Groups must divide {name} (got {groups} groups of {count})"
    filter_words = shape.filters * shape.filter_h * shape.filter_w * (shape.channels // groups)
    pixels = batch * shape.ofmap_h * shape.ofmap_w
    ifmap_words = batch * shape.ifmap_h * shape.ifmap_w * shape.channels
    return _size_problem(ifmap_words, filter_words, pixels * shape.filters, pixels * filter_words)


def gemm_problem(shape: GemmShape, batch: int) -> str | None:
    """Return what makes this matrix product impossible, or None."""
    m, n, k, copies = shape.m, shape.n, shape.k, batch * shape.groups
    return _size_problem(copies * m * k, copies * n * k, copies * m * n, copies * m * n * k)


def _size_problem(ifmap_words: int, filter_words: int, ofmap_words: int, macs: int) -> str | None:
    names = ("ifmap words", "filter words", "ofmap words", "MACs")
    for name, size in zip(names, (ifmap_words, filter_words, ofmap_words, macs), strict=True):
        if size > _MAX_COUNT:
            return f"a layer must have at most 2**62 {name} (got {size})"
    return None
