"""What the suites try: random layers and arrays, a small network, and parts of large layers, all from a seed.

A `Case` is complete in itself: its printed form can be pasted to run it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.hardware import PADDED_VARIANTS, TRIMMED_VARIANTS, Hardware, Scratchpad
from cyclesim.lowering import tensor_words
from cyclesim.workload import ConvShape, GemmShape, Layer, LayerType

__all__ = ["Case", "ConvShape", "GemmShape", "Layer"]

Words = NDArray[np.int64]

EVERY_ARRAY: tuple[tuple[str, bool], ...] = (
    *((variant, False) for variant in PADDED_VARIANTS),
    *((variant, True) for variant in TRIMMED_VARIANTS),
)
"""Every (variant, trimmed) that an array can be."""


@dataclass(frozen=True)
class Case:
    """A layer on an array, and the seed of its data."""

    layer: Layer
    variant: str
    trimmed: bool
    rows: int
    cols: int
    seed: int

    @property
    def hardware(self) -> Hardware:
        """The machine; the tensors lie one behind the other, with a gap."""
        ifmap, filter_, _ = tensor_words(self.layer)
        array, _, overlap = self.variant.partition("-")
        scratchpad = Scratchpad(size_words=1024)
        return Hardware(
            run_name="validation",
            rows=self.rows,
            cols=self.cols,
            dataflow=array[:2],  # type: ignore[arg-type]
            ifmap_sram=scratchpad,
            filter_sram=scratchpad,
            ofmap_sram=scratchpad,
            fold_overlap=overlap or "none",  # type: ignore[arg-type]
            os_drain="bus" if array == "osbus" else "shift",
            trim_folds=self.trimmed,
            ifmap_offset_words=7,
            filter_offset_words=7 + ifmap + 7,
            ofmap_offset_words=7 + ifmap + 7 + filter_ + 7,
        )

    def tensors(self) -> tuple[Words, Words]:
        """Return random int8 ifmap and filter tensors, (words,) int64, without zeros: every word matters."""
        rng = np.random.default_rng(self.seed)
        ifmap, filter_, _ = tensor_words(self.layer)
        return int8_words(rng, ifmap), int8_words(rng, filter_)

    def rerun(self, check: Callable[[Case], str | None]) -> str:
        """Return a shell command that runs `check` on this case alone."""
        name = check.__name__
        return (
            f'python -c "from cyclesim.validation.cases import *; from {check.__module__} import {name}; '
            f'print({name}({self!r}))"'
        )


def array_name(variant: str, trimmed: bool) -> str:
    """Return how tables call an array."""
    return f"{variant}+trim" if trimmed else variant


def int8_words(rng: np.random.Generator, words: int) -> Words:
    """Return non-zero values of -128...127."""
    magnitudes = rng.integers(1, 128, words)
    return np.where(rng.integers(0, 2, words) == 1, magnitudes, -magnitudes - (magnitudes == 127))


def random_side(rng: np.random.Generator, limit: int) -> int:
    """Return a number of 1...limit, small ones as likely as large ones in proportion."""
    return int(min(limit, np.exp2(rng.uniform(0, np.log2(limit + 1)))))


def random_layer(rng: np.random.Generator, limit: int) -> Layer:
    """Return a layer of any type; M, K and N are roughly up to `limit`."""
    kinds: tuple[LayerType, ...] = ("conv", "conv", "conv", "dw", "fc", "gemm", "matmul")
    kind = kinds[int(rng.integers(len(kinds)))]
    batch = int(rng.integers(1, 4))
    shape: ConvShape | GemmShape
    if kind in ("gemm", "matmul"):
        m, n, k = (random_side(rng, limit) for _ in range(3))
        shape = GemmShape(m=m, n=n, k=k, groups=int(rng.integers(1, 4)))
    elif kind == "fc":
        groups = int(rng.integers(1, 3))
        channels, filters = (groups * random_side(rng, limit) for _ in range(2))
        shape = ConvShape(1, 1, 1, 1, channels, filters, groups=groups)
    else:
        shape = _random_convolution(rng, kind, limit)
    return Layer(kind, 0, kind, shape, batch)


def _random_convolution(rng: np.random.Generator, kind: str, limit: int) -> ConvShape:
    groups = int(rng.integers(1, 5))
    channels = groups * (1 if kind == "dw" else random_side(rng, max(1, limit // 8)))
    filters = groups * random_side(rng, 4 if kind == "dw" else max(1, limit // 2))
    sides = []
    for _ in range(2):
        filter_, pad = int(rng.integers(1, 6)), int(rng.integers(4))
        stride, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        least = max(1, dilation * (filter_ - 1) + 1 - 2 * pad)
        sides.append((least + random_side(rng, max(2, limit // 3)) - 1, filter_, stride, pad, dilation))
    (ih, fh, sh, ph, dh), (iw, fw, sw, pw, dw) = sides
    round_up = bool(rng.integers(2))
    return ConvShape(ih, iw, fh, fw, channels, filters, sh, sw, ph, pw, dh, dw, groups, ceil_output=round_up)


def features(layer: Layer) -> list[str]:
    """Return what is special about a layer."""
    names: list[str] = [layer.type]
    shape = layer.shape
    if isinstance(shape, ConvShape):
        names += ["padded"] * (shape.pad_h + shape.pad_w > 0)
        names += ["strided"] * (shape.stride_h * shape.stride_w > 1)
        names += ["dilated"] * (shape.dilation_h * shape.dilation_w > 1)
        names += ["rounded up"] * shape.ceil_output
    names += ["grouped"] * (shape.groups > 1)
    names += ["batched"] * (layer.batch > 1)
    return names


def small_network() -> tuple[Layer, ...]:
    """Return five layers for two 12x12 RGB images; each one's ofmap is the next one's ifmap.

    The matmul multiplies its ifmap by its own transpose, so both its operands are the layer's before.
    """
    return (
        Layer("conv", 0, "conv", ConvShape(12, 12, 3, 3, 3, 8, 1, 1, 1, 1), batch=2),
        Layer("depthwise", 1, "dw", ConvShape(12, 12, 3, 3, 8, 8, 2, 2, 1, 1, groups=8), batch=2),
        Layer("grouped", 2, "conv", ConvShape(6, 6, 3, 3, 8, 12, 1, 1, 2, 2, 2, 2, groups=2), batch=2),
        Layer("attention", 3, "matmul", GemmShape(m=36, n=36, k=12), batch=2),
        Layer("connected", 4, "fc", ConvShape(1, 1, 1, 1, 36 * 36, 10), batch=2),
    )
