"""Is every word that the kernels ask for the one that the array needs, on its port, in its cycle? In every cell.

The judges are the array that moves values from register to register (`tests.reference.pe_array`) and the
address maps written as loops (`tests.reference.addresses`). They share no formula with the code under test.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cyclesim.demand import demand
from cyclesim.lowering import gemm_sizes
from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.laws.strategies import EVERY_VARIANT, array_machine, small_layers
from tests.laws.traces import JUNK, expected_traces, generate, layer_addresses, run_naive_array

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
sizes = st.integers(1, 8)


def gemm(m: int, k: int, n: int, groups: int = 1) -> Layer:
    """Return a matrix product as a layer."""
    return Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=k, groups=groups))


def conv(*shape: int, batch: int = 1, **more: int | bool) -> Layer:
    """Return a convolution as a layer."""
    return Layer("conv", 0, "conv", ConvShape(*shape, **more), batch)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------- against the PE array


# More random shapes, 150 for each variant, go through the array model of `cyclesim validate schedule`.
@every_variant
@settings(max_examples=10, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sizes, cols=sizes)
@example(layer=gemm(1, 1, 1), rows=1, cols=1)
@example(layer=gemm(1, 1, 1), rows=8, cols=8)
@example(layer=gemm(3, 5, 4), rows=1, cols=1)
@example(layer=gemm(5, 9, 7), rows=1, cols=4)
@example(layer=gemm(7, 9, 5), rows=4, cols=1)
@example(layer=gemm(1, 17, 9), rows=8, cols=2)  # T < R for ws
@example(layer=gemm(17, 1, 9), rows=8, cols=2)  # T < R for os
@example(layer=gemm(9, 17, 1), rows=8, cols=2)  # T < R for is
@example(layer=gemm(9, 9, 9), rows=8, cols=8)  # ragged: one row and one column used in the last folds
@example(layer=gemm(8, 8, 8, groups=3), rows=4, cols=4)
@example(layer=conv(2, 2, 1, 1, 1, 1, 1, 1, 3, 3), rows=3, cols=2)  # windows in nothing but padding
@example(layer=conv(3, 5, 1, 2, 2, 3, 3, 4, ceil_output=True), rows=3, cols=2)  # a window beyond the edge
def test_ports_carry_what_the_array_takes(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int
) -> None:
    hardware = array_machine(variant, trimmed, rows, cols, offsets=(0, 5000, 100_000))
    plan = demand(layer, hardware)
    words = layer_addresses(layer, hardware)
    naive = run_naive_array(hardware, words)
    assert gemm_sizes(layer) == (words.groups, words.m, words.k, words.n)
    assert plan.plan.cycles == naive.cycles
    assert plan.cycles == naive.cycles * words.groups
    assert plan.plan.first_stream == next(cycle for cycle, row in enumerate(naive.row_ports) if row[0])

    traces, requests = generate(plan)
    expected = expected_traces(hardware, words, naive)
    if "psum" not in traces:
        assert (expected.pop("psum") == -1).all()
    assert traces.keys() == expected.keys()
    for operand, trace in traces.items():
        np.testing.assert_array_equal(trace, expected[operand], err_msg=operand)
        np.testing.assert_array_equal(
            requests[operand], (expected[operand] >= 0).sum(axis=0), err_msg=operand
        )


# ------------------------------------------------------------------------------------------ chunks and widths


@every_variant
@settings(max_examples=10, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sizes, cols=sizes, data=st.data())
def test_chunks_are_parts_of_the_whole(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int, data: st.DataObject
) -> None:
    plan = demand(layer, array_machine(variant, trimmed, rows, cols))
    whole, requests = generate(plan)
    group_ends = st.integers(0, plan.gemm.groups).map(lambda group: group * plan.plan.cycles)
    cut = st.integers(0, plan.cycles) | group_ends
    chunked, chunked_requests = generate(plan, cuts=data.draw(st.lists(cut, max_size=12)))
    for operand in whole:
        np.testing.assert_array_equal(chunked[operand], whole[operand], err_msg=operand)
        np.testing.assert_array_equal(chunked_requests[operand], requests[operand], err_msg=operand)


@pytest.mark.parametrize(
    ("variant", "trimmed"), [("os", True), ("osbus-pipe", False), ("ws-pipe", False), ("is", True)]
)
def test_single_cycles_are_parts_of_the_whole(variant: str, trimmed: bool) -> None:
    plan = demand(conv(3, 3, 2, 2, 3, 6, 1, 1, 1, 1, groups=3), array_machine(variant, trimmed, 3, 2))
    whole, requests = generate(plan)
    chunked, chunked_requests = generate(plan, cuts=range(plan.cycles))
    for operand in whole:
        np.testing.assert_array_equal(chunked[operand], whole[operand], err_msg=operand)
        np.testing.assert_array_equal(chunked_requests[operand], requests[operand], err_msg=operand)


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sizes, cols=sizes, data=st.data())
def test_counts_are_those_of_the_words(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int, data: st.DataObject
) -> None:
    plan = demand(layer, array_machine(variant, trimmed, rows, cols))
    first, stop = sorted(data.draw(st.tuples(*[st.integers(0, plan.cycles)] * 2)))
    totals = np.empty(4, np.int64)
    for operand, trace in generate(plan)[0].items():
        per_cycle = (trace[:, first:stop] >= 0).sum(axis=0)
        busy = np.flatnonzero(per_cycle)
        plan.count_requests(operand, first, np.full(stop - first, JUNK, np.int32), totals)
        expected = [per_cycle.sum(), per_cycle.max(), busy[0], busy[-1]] if busy.size else [0, 0, -1, -1]
        assert totals.tolist() == expected, operand


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sizes, cols=sizes, shift=st.integers(2**31, 2**62))
def test_wide_addresses_are_narrow_ones_shifted(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int, shift: int
) -> None:
    narrow = demand(layer, array_machine(variant, trimmed, rows, cols))
    offsets = (shift, shift + 500, shift + 1000)
    wide = demand(layer, array_machine(variant, trimmed, rows, cols, offsets=offsets))
    assert (narrow.dtype.name, wide.dtype.name) == ("int32", "int64")
    traces, requests = generate(narrow)
    wide_traces, wide_requests = generate(wide)
    for operand, trace in traces.items():
        shifted = np.where(trace < 0, -1, trace.astype(np.int64) + shift)
        np.testing.assert_array_equal(wide_traces[operand], shifted, err_msg=operand)
        np.testing.assert_array_equal(wide_requests[operand], requests[operand], err_msg=operand)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("beyond", [0, 1])
def test_the_last_narrow_address_is_the_largest_int32(dataflow: str, beyond: int) -> None:
    layer = conv(3, 3, 3, 3, 2, 2, 1, 1, 2, 2)
    first = 2**31 - 3 * 3 * 2 + beyond  # the ifmap's last word is 2**31 - 1 + beyond
    plain, high = (
        demand(layer, array_machine(dataflow, False, 3, 2, offsets=(offset, 500, 1000)))
        for offset in (0, first)
    )
    assert high.dtype.name == ("int64" if beyond else "int32")
    expected, trace = (generate(plan)[0]["ifmap"] for plan in (plain, high))
    np.testing.assert_array_equal(trace, np.where(expected < 0, -1, expected.astype(np.int64) + first))


@pytest.mark.parametrize("height", [2**15 - 4, 2**15 - 3, 2**15, 2**16 + 1])
@pytest.mark.parametrize("sideways", [False, True])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_padding_is_found_on_large_ifmaps(height: int, sideways: bool, dataflow: str) -> None:
    stride = height // 4
    sizes = [height, 2, 2, 1, 1, 1, stride, 1, 2, 1]
    if sideways:
        for i in range(0, 10, 2):
            sizes[i], sizes[i + 1] = sizes[i + 1], sizes[i]
    layer = conv(*sizes)
    hardware = array_machine(dataflow, False, 3, 2, offsets=(0, 500_000, 1_000_000))
    words = layer_addresses(layer, hardware)
    expected = expected_traces(hardware, words, run_naive_array(hardware, words))
    traces, _ = generate(demand(layer, hardware))
    np.testing.assert_array_equal(traces["ifmap"], expected["ifmap"])


@pytest.mark.parametrize("trimmed", [False, True])
def test_cycles_beyond_32_bits(trimmed: bool) -> None:
    size = 4096
    plan = demand(gemm(size, size, size), array_machine("ws", trimmed, 1, 1, offsets=(0, 2 * 10**7, 4 * 10**7)))
    fold_cycles = size + 1  # one preload, then a step a cycle
    assert plan.cycles == size * size * fold_cycles > 2**36
    cycles = np.arange(plan.cycles - 10 * fold_cycles - 100, plan.cycles)
    fold, step = np.divmod(cycles, fold_cycles)
    k, n, m = fold % size, fold // size, step - 1
    expected = {
        "ifmap": np.where(m < 0, -1, m * size + k),
        "filter": np.where(m < 0, 2 * 10**7 + n * size + k, -1),
        "ofmap": np.where(m < 0, -1, 4 * 10**7 + m * size + n),
    }
    for operand, trace in expected.items():
        out = np.empty((1, cycles.size), plan.dtype)
        plan.fill(operand, int(cycles[0]), out, np.empty(cycles.size, np.int32))
        np.testing.assert_array_equal(out[0], trace, err_msg=operand)


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sizes, cols=sizes, cycles=st.integers(1, 40))
def test_stretches_with_equal_keys_carry_equal_words(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int, cycles: int
) -> None:
    plan = demand(layer, array_machine(variant, trimmed, rows, cols))
    traces, _ = generate(plan)
    seen: dict[bytes, np.ndarray] = {}
    for operand, trace in traces.items():
        for start in range(0, plan.cycles - cycles + 1, max(1, cycles // 2)):
            chunk = trace[:, start : start + cycles]
            key = plan.content_key(operand, start, cycles)
            np.testing.assert_array_equal(seen.setdefault(key, chunk), chunk, err_msg=operand)
