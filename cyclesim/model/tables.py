"""Layers and machines as arrays: all that the model knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.hardware import Hardware
from cyclesim.lowering import gemm_sizes, ifmap_requests_per_pass
from cyclesim.workload import ConvShape, Layer

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = NDArray[Any]
"""Integers or floats: what a formula of both makes."""

OS, WS, IS = range(3)
DATAFLOWS = {"os": OS, "ws": WS, "is": IS}


@dataclass(frozen=True)
class LayerTable:
    """Layers as columns, (layers, 1) int64 each.

    `m`, `k`, `n` and the words are those of one group; there are `groups`. `requests` are the elements of the ifmap
    matrix that are not padding, `ifmap` its distinct words, and `rows_read` its words if each kernel row reads them
    anew. `kernel_h`, `kernel_w`, `stride` and `channels` describe the window, `row` is the words of an ifmap row and
    `outputs_w` the output pixels of one.
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
    outputs_w: Ints

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> LayerTable:
        """Return the columns of these layers."""
        rows = np.array([_layer_row(layer) for layer in layers], np.int64).reshape(len(layers), 13)
        return cls(*(rows[:, [column]] for column in range(13)))


def _layer_row(layer: Layer) -> tuple[int, ...]:
    groups, m, k, n = gemm_sizes(layer)
    requests = ifmap_requests_per_pass(layer) // groups
    shape = layer.shape
    if not isinstance(shape, ConvShape):
        return (groups, m, k, n, requests, m * k, m * k, 1, 1, 1, k, k, m)
    channels = shape.channels // groups
    down = _read(shape.ofmap_h, shape.stride_h, shape.pad_h, shape.filter_h, shape.dilation_h, shape.ifmap_h)
    across = _read(shape.ofmap_w, shape.stride_w, shape.pad_w, shape.filter_w, shape.dilation_w, shape.ifmap_w)
    ifmap = down[0] * across[0] * channels * layer.batch
    rows_read = down[1] * across[0] * channels * layer.batch
    return (
        groups, m, k, n, requests, ifmap, rows_read, shape.filter_h, shape.filter_w, shape.stride_h, channels,
        shape.ifmap_w * channels, shape.ofmap_w,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _read(outputs: int, stride: int, pad: int, taps: int, dilation: int, size: int) -> tuple[int, int]:
    """Return, for one direction, how many places of the ifmap are read, and how many (output, tap) pairs read one."""
    places = np.arange(outputs)[:, None] * stride + np.arange(taps)[None, :] * dilation - pad
    inside = places[(places >= 0) & (places < size)]
    return len(np.unique(inside)), len(inside)


@dataclass(frozen=True)
class MachineTable:
    """Machines as rows, (1, machines) each; bandwidths in words per cycle, infinite without a limit.

    `overlap`, `on_bus`, `trimmed` and `preload_skew` are those of the schedule. Active and lookahead words are of each
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


OVERLAPS = {"none": 0, "db": 1, "pipe1": 2, "pipe": 3, "pipe2": 4}


def _machine_row(machine: Hardware) -> tuple[float, ...]:
    pads = [
        _split(machine.ifmap_sram.words(machine.ifmap_bits), machine),
        _split(machine.filter_sram.words(machine.filter_bits), machine),
        _split(machine.ofmap_sram.words(machine.ofmap_bits), machine),
        _split(machine.ofmap_sram.words(machine.psum_bits), machine),
    ]
    limited = machine.interface_bandwidth == "USER" and machine.dram_bandwidth_words_per_cycle is not None
    return (
        machine.rows,
        machine.cols,
        DATAFLOWS[machine.dataflow],
        OVERLAPS[machine.fold_overlap],
        machine.dataflow == "os" and machine.os_drain == "bus",
        machine.trim_folds,
        *(words for pad in pads for words in pad),
        float(machine.dram_bandwidth_words_per_cycle or 0) if limited else np.inf,
        machine.dram_ports == "separate",
        machine.dram_latency_cycles,
    )


def _split(words: int, machine: Hardware) -> tuple[int, int]:
    """Return a scratchpad's active and lookahead words (docs/memory-model.md, Traffic)."""
    active = max(1, words * machine.active_fraction.numerator // machine.active_fraction.denominator)
    return active, max(1, words - active)
