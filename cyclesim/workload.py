"""The kinds of layer that cyclesim simulates, and a network of them.

A layer is either convolution-like (`ConvShape`: conv, dw, fc) or a matrix product (`GemmShape`: gemm, matmul).
What a layer becomes on the array (M, K, N and address maps) is the business of `lowering`; this file only holds
what the user described. Everything is frozen; sizes are counts of elements (words).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

LayerType = Literal["conv", "dw", "fc", "gemm", "matmul"]
LAYER_TYPES: tuple[LayerType, ...] = ("conv", "dw", "fc", "gemm", "matmul")


@dataclass(frozen=True)
class ConvShape:
    """A convolution: unpadded ifmap, filter, stride, padding, dilation, channel groups.

    `channels` and `filters` are totals over all groups. With `ceil_output` the output size is rounded up as
    SCALE-Sim does (windows may hang over the lower and right edge; the overhang is padding), else down.
    """

    ifmap_h: int
    ifmap_w: int
    filter_h: int
    filter_w: int
    channels: int
    filters: int
    stride_h: int = 1
    stride_w: int = 1
    pad_h: int = 0
    pad_w: int = 0
    dilation_h: int = 1
    dilation_w: int = 1
    groups: int = 1
    ceil_output: bool = False

    @property
    def ofmap_h(self) -> int:
        """Output rows."""
        return self._outputs(self.ifmap_h, self.filter_h, self.stride_h, self.pad_h, self.dilation_h)

    @property
    def ofmap_w(self) -> int:
        """Output columns."""
        return self._outputs(self.ifmap_w, self.filter_w, self.stride_w, self.pad_w, self.dilation_w)

    def _outputs(self, ifmap: int, filter_: int, stride: int, pad: int, dilation: int) -> int:
        room = ifmap + 2 * pad - (dilation * (filter_ - 1) + 1)
        return (-(-room // stride) if self.ceil_output else room // stride) + 1


@dataclass(frozen=True)
class GemmShape:
    """A matrix product of M x K by K x N, done `groups` times on different operands."""

    m: int
    n: int
    k: int
    groups: int = 1


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    `index` is its 0-based position in the file and stays when layers are selected. `batch` multiplies M for conv,
    dw, fc and gemm, and the groups for matmul.
    """

    name: str
    index: int
    type: LayerType
    shape: ConvShape | GemmShape
    batch: int = 1


@dataclass(frozen=True)
class Network:
    """Layers in the order in which they run."""

    name: str
    layers: tuple[Layer, ...]

    def select(self, indices: Iterable[int]) -> Network:
        """Return the network with only the layers of these indices, in the order of the file.

        Raises
        ------
        IndexError
            If the network has no layer of such an index.
        """
        wanted = set(indices)
        missing = wanted - {layer.index for layer in self.layers}
        if missing:
            raise IndexError(f"{self.name} has no layer {min(missing)}")
        return replace(self, layers=tuple(layer for layer in self.layers if layer.index in wanted))
