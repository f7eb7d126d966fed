"""Whole traces from the demand kernels, and what they should be, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand
from cyclesim.hardware import Hardware
from cyclesim.workload import Layer
from tests.reference.addresses import Addresses, addresses
from tests.reference.pe_array import Element, Feed, Trace, run_layer

JUNK = -77
"""What buffers hold before a kernel fills them: neither an address nor idle."""

Traces = dict[str, NDArray[np.integer]]
"""Operand -> (ports, cycles) addresses or -1."""


def generate(plan: Demand, cuts: Sequence[int] = ()) -> tuple[Traces, Traces]:
    """Return the traces of a layer and the requests of each cycle, generated in chunks that end at `cuts`."""
    bounds = [0, *sorted(cuts), plan.cycles]
    traces: Traces = {}
    requests: Traces = {}
    for operand, group in plan.groups.items():
        chunks = []
        counts = []
        for start, stop in pairwise(bounds):
            chunks.append(np.full((group.ports, stop - start), JUNK, plan.dtype))
            counts.append(np.full(stop - start, JUNK, np.int32))
            plan.fill(operand, start, chunks[-1], counts[-1])
        traces[operand] = np.concatenate(chunks, axis=1)
        requests[operand] = np.concatenate(counts)
    return traces, requests


def layer_addresses(layer: Layer, hardware: Hardware) -> Addresses:
    """Return the naive addresses of a layer on a machine."""
    offsets = hardware.ifmap_offset_words, hardware.filter_offset_words, hardware.ofmap_offset_words
    return addresses(layer, *offsets)


def run_naive_array(hardware: Hardware, sizes: Addresses, feed: Feed | None = None) -> Trace:
    """Run one group of a layer on the PE-by-PE array, with the values of `feed` or arbitrary ones."""
    a = [[1] * sizes.k] * sizes.m
    b = [[1] * sizes.n] * sizes.k
    return run_layer(hardware.variant, hardware.rows, hardware.cols, a, b, hardware.trim_folds, feed)


def expected_traces(hardware: Hardware, sizes: Addresses, naive: Trace) -> Traces:
    """Return the traces of a layer that a naive array's trace of one group means; ``psum`` in any case."""

    def mapped(ports: list[list[Element | None]], group: int) -> list[list[int]]:
        return [[_address(sizes, group, element) for element in cycle] for cycle in ports]

    ifmap_on_rows = hardware.dataflow != "is"
    sides = {
        "ifmap": naive.row_ports if ifmap_on_rows else naive.col_ports,
        "filter": naive.col_ports if ifmap_on_rows else naive.row_ports,
        "ofmap": naive.out_ports,
        "psum": naive.psum_reads,
    }
    return {
        operand: np.array(
            [line for group in range(sizes.groups) for line in mapped(ports, group)], np.int64
        ).T
        for operand, ports in sides.items()
    }


def _address(sizes: Addresses, group: int, element: Element | None) -> int:
    if element is None:
        return -1
    name, i, j = element
    if name == "A":
        ifmap_address = sizes.ifmap[group, i, j]
        return -1 if ifmap_address is None else ifmap_address
    return (sizes.filter if name == "B" else sizes.ofmap)[group, i, j]
