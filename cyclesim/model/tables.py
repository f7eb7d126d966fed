"""Layers and machines as arrays: all that the model knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.hardware import DATAFLOWS, FOLD_OVERLAPS, Hardware
from cyclesim.lowering import gemm_sizes, ifmap_requests_per_pass, taps_inside
from cyclesim.timeline import channel_of
from cyclesim.traffic import split
from cyclesim.workload import ConvShape, Layer

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = NDArray[Any]
"""Integers or floats: what a formula of both makes."""

OS, WS, IS = range(len(DATAFLOWS))
NONE, DB, PIPE1, PIPE, PIPE2 = range(len(FOLD_OVERLAPS))


@dataclass(frozen=True)
class LayerTable:
    """Layers as columns, (layers, 1) int64 each.

    `m`, `k`, `n` and the words are those of one group; there are `groups`. `requests` are the elements of the ifmap
    matrix that are not padding, `ifmap` its distinct words, and `rows_read` its words if each kernel row reads them
    anew. `kernel_h`, `kernel_w`, `stride` and `channels` describe the window, `row` is the words of an ifmap row.
    """

    groups: Ints
    m: Ints
    k: Ints
    n: Ints
    requests: Ints
    ifmap: Ints
    rows_read: Ints
    kernel_h: Ints
    kernel_w: Ints
    stride: Ints
    channels: Ints
    row: Ints

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> LayerTable:
        """Return the columns of these layers."""
        rows = np.array([_layer_row(layer) for layer in layers], np.int64).reshape(len(layers), len(fields(cls)))
        return cls(*(column[:, None] for column in rows.T))


def _layer_row(layer: Layer) -> tuple[int, ...]:
    groups, m, k, n = gemm_sizes(layer)
    requests = ifmap_requests_per_pass(layer) // groups
    shape = layer.shape
    if not isinstance(shape, ConvShape):
        return (groups, m, k, n, requests, m * k, m * k, 1, 1, 1, k, k)
    channels = shape.channels // groups
    down = (shape.ofmap_h, shape.stride_h, shape.pad_h, shape.filter_h, shape.dilation_h, shape.ifmap_h)
    across = (shape.ofmap_w, shape.stride_w, shape.pad_w, shape.filter_w, shape.dilation_w, shape.ifmap_w)
    row_words = _places_read(*across) * channels * layer.batch
    ifmap, rows_read = _places_read(*down) * row_words, taps_inside(*down) * row_words
    return (
        groups, m, k, n, requests, ifmap, rows_read, shape.filter_h, shape.filter_w, shape.stride_h, channels,
        shape.ifmap_w * channels,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _places_read(outputs: int, stride: int, pad: int, taps: int, dilation: int, size: int) -> int:
    """Return, for one direction, how many places of the ifmap are read."""
    places = np.arange(outputs)[:, None] * stride + np.arange(taps)[None, :] * dilation - pad
    return len(np.unique(places[(places >= 0) & (places < size)]))


@dataclass(frozen=True)
class MachineTable:
    """Machines as rows, (1, machines) each; bandwidths in words per cycle, infinite without a limit.

    `overlap`, `on_bus` and `trimmed` are those of the schedule. Active and lookahead words are of each
    scratchpad; those of the ofmap's are given for results and for partial sums.
    """

    rows: Ints
    cols: Ints
    dataflow: Ints
    overlap: Ints
    on_bus: NDArray[np.bool_]
    trimmed: NDArray[np.bool_]
    ifmap_active: Ints
    ifmap_ahead: Ints
    filter_active: Ints
    filter_ahead: Ints
    result_active: Ints
    result_ahead: Ints
    psum_active: Ints
    psum_ahead: Ints
    bandwidth: Floats
    separate: NDArray[np.bool_]
    latency: Ints

    @classmethod
    def of(cls, machines: Sequence[Hardware]) -> MachineTable:
        """Return the rows of these machines."""
        rows = [_machine_row(machine) for machine in machines]
        columns = list(zip(*rows, strict=True))
        kinds = {"on_bus": np.bool_, "trimmed": np.bool_, "separate": np.bool_, "bandwidth": np.float64}
        return cls(
            *(
                np.array([column], kinds.get(name, np.int64))
                for name, column in zip(cls.__dataclass_fields__, columns, strict=True)
            )
        )


def _machine_row(machine: Hardware) -> tuple[float, ...]:
    sizes = [
        machine.ifmap_sram.words(machine.ifmap_bits),
        machine.filter_sram.words(machine.filter_bits),
        machine.ofmap_sram.words(machine.ofmap_bits),
        machine.ofmap_sram.words(machine.psum_bits),
    ]
    pads = [split(words, machine) for words in sizes]
    bandwidth = channel_of(machine).bandwidth
    return (
        machine.rows,
        machine.cols,
        DATAFLOWS.index(machine.dataflow),
        FOLD_OVERLAPS.index(machine.fold_overlap),
        machine.dataflow == "os" and machine.os_drain == "bus",
        machine.trim_folds,
        *(words for pad in pads for words in (pad.active, pad.lookahead)),
        np.inf if bandwidth is None else float(bandwidth),
        machine.dram_ports == "separate",
        machine.dram_latency_cycles,
    )
