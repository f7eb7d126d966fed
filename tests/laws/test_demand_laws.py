"""Do traces add up to the closed forms, and do equal layers ask for equal words? Without a model of the array.

So shapes can be larger here than in `test_demand`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cyclesim.demand import demand
from cyclesim.lowering import ifmap_requests_per_pass
from cyclesim.schedule import SramWords, sram_words
from cyclesim.validation.page_formulas import page_last_output, page_length
from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.laws.strategies import EVERY_VARIANT, array_machine, small_convolutions, small_layers
from tests.laws.traces import Traces, generate

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
sizes = st.integers(1, 8)


def product(m: int, k: int, n: int, groups: int = 1) -> Layer:
    """Return a matrix product as a layer."""
    return Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=k, groups=groups))


# ------------------------------------------------------------------------------------------ closed forms


@every_variant
def test_traces_add_up_to_the_closed_forms(variant: str, trimmed: bool) -> None:
    rng = np.random.default_rng(2)
    for case in range(150):
        rows, cols = (int(2 ** rng.uniform(0, 6)) for _ in range(2))
        hardware = array_machine(variant, trimmed, rows, cols, offsets=(0, 10**7, 10**8))
        layer = random_convolution(rng) if case % 4 == 0 else random_product(rng)
        plan = demand(layer, hardware)
        schedule = plan.plan
        sr, sc, t = schedule.spatial_rows, schedule.spatial_cols, schedule.steps
        assert schedule.cycles == page_length(hardware, sr, sc, t), (layer, hardware)

        traces, requests = generate(plan)
        words = {operand: int((trace >= 0).sum()) for operand, trace in traces.items()}
        expected = sram_words(schedule, plan.gemm.groups, ifmap_requests_per_pass(layer))
        assert SramWords(**{"psum": 0, **words}) == expected, (layer, hardware)
        assert {operand: int(each.sum()) for operand, each in requests.items()} == words, (layer, hardware)

        last = 1 + int(np.flatnonzero((traces["ofmap"] >= 0).any(axis=0))[-1])
        end = page_last_output(hardware, sr, sc, t)
        assert last == (plan.gemm.groups - 1) * schedule.cycles + end, (layer, hardware)


def random_product(rng: np.random.Generator) -> Layer:
    """Return a matrix product whose dimensions are spread over two orders of magnitude."""
    m, k, n = (int(2 ** rng.uniform(0, 7.5)) for _ in range(3))
    return product(m, k, n, groups=int(rng.integers(1, 3)))


def random_convolution(rng: np.random.Generator) -> Layer:
    """Return a convolution, mostly padded."""
    groups = int(rng.integers(1, 4))
    sides = []
    for _ in range(2):
        filter_, dilation, pad, stride = (int(rng.integers(1, high)) for high in (6, 4, 5, 5))
        least = max(1, dilation * (filter_ - 1) + 1 - 2 * (pad - 1))
        sides.append((least + int(rng.integers(0, 12)), filter_, stride, pad - 1, dilation))
    (ih, fh, sh, ph, dh), (iw, fw, sw, pw, dw) = sides
    channels, filters = (groups * int(rng.integers(1, 9)) for _ in range(2))
    shape = ConvShape(
        ih, iw, fh, fw, channels, filters, sh, sw, ph, pw, dh, dw, groups, ceil_output=bool(rng.integers(2))
    )
    return Layer("conv", 0, "conv", shape, batch=int(rng.integers(1, 3)))


# ------------------------------------------------------------------------------------------ equal layers

IS_TWIN_OF_WS = [(variant, trimmed) for variant, trimmed in EVERY_VARIANT if variant.startswith("is")]


@pytest.mark.parametrize(("variant", "trimmed"), IS_TWIN_OF_WS)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(dims=st.tuples(*[st.integers(1, 20)] * 3), groups=st.integers(1, 3), rows=sizes, cols=sizes)
def test_is_on_a_and_b_is_ws_on_their_transposes(
    variant: str, trimmed: bool, dims: tuple[int, int, int], groups: int, rows: int, cols: int
) -> None:
    m, k, n = dims
    ws_machine = array_machine("ws" + variant[2:], trimmed, rows, cols, offsets=(0, 10**5, 2 * 10**5))
    is_machine = array_machine(variant, trimmed, rows, cols, offsets=(10**5, 0, 2 * 10**5))
    # Stored as M x K, A is B^T's filter layout, so only the ofmap is laid out differently.
    of_ws, ws_requests = generate(demand(product(n, k, m, groups), ws_machine))
    of_is, is_requests = generate(demand(product(m, k, n, groups), is_machine))
    other = {"ifmap": "filter", "filter": "ifmap", "ofmap": "ofmap", "psum": "psum"}
    assert of_is.keys() == of_ws.keys()
    for operand, trace in of_is.items():
        twin = of_ws[other[operand]].astype(np.int64)
        if operand in ("ofmap", "psum"):
            twin = transposed_output(twin, 2 * 10**5, rows=n, cols=m)
        np.testing.assert_array_equal(trace, twin, err_msg=operand)
        np.testing.assert_array_equal(is_requests[operand], ws_requests[other[operand]], err_msg=operand)


def transposed_output(trace: NDArray[np.int64], base: int, rows: int, cols: int) -> NDArray[np.int64]:
    """Rename the words of (rows, cols) matrices, one a group, as those of their transposes."""
    group, within = np.divmod(trace - base, rows * cols)
    i, j = np.divmod(within, cols)
    return np.where(trace < 0, -1, base + group * rows * cols + j * rows + i)


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(shape=small_convolutions("conv"), batch=st.integers(1, 2), rows=sizes, cols=sizes)
def test_a_grouped_convolution_is_its_convolutions(
    variant: str, trimmed: bool, shape: ConvShape, batch: int, rows: int, cols: int
) -> None:
    hardware = array_machine(variant, trimmed, rows, cols, offsets=(0, 0, 0))
    groups, channels, filters = shape.groups, shape.channels // shape.groups, shape.filters // shape.groups
    part = demand(
        Layer("part", 0, "conv", replace(shape, channels=channels, filters=filters, groups=1), batch),
        hardware,
    )
    whole = demand(Layer("whole", 0, "conv", shape, batch), hardware)
    assert whole.cycles == groups * part.cycles
    part_traces, _ = generate(part)
    whole_traces, _ = generate(whole)
    for group in range(groups):
        time = slice(group * part.cycles, (group + 1) * part.cycles)
        expected: Traces = {
            "ifmap": one_of_groups(part_traces["ifmap"], group, channels, groups),
            "filter": np.where(
                part_traces["filter"] < 0, -1, part_traces["filter"] + group * part.gemm.filter.words
            ),
        } | {
            operand: one_of_groups(part_traces[operand], group, filters, groups)
            for operand in ("ofmap", "psum")
            if operand in part_traces
        }
        assert whole_traces.keys() == expected.keys()
        for operand, trace in expected.items():
            np.testing.assert_array_equal(whole_traces[operand][:, time], trace, err_msg=f"{operand} {group}")


def one_of_groups(trace: NDArray[np.integer], group: int, channels: int, groups: int) -> NDArray[np.integer]:
    """Rename the words of a tensor with `channels` channels as those of one group's channels in the whole."""
    pixel, channel = np.divmod(trace, channels)
    return np.where(trace < 0, -1, (pixel * groups + group) * channels + channel)


@every_variant
@settings(max_examples=5, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 5), width=st.integers(1, 4), channels=st.integers(1, 12),
    filters=st.integers(1, 12), batch=st.integers(1, 3), rows=sizes, cols=sizes,
)  # fmt: skip
def test_a_1x1_convolution_is_its_gemm(
    variant: str,
    trimmed: bool,
    height: int,
    width: int,
    channels: int,
    filters: int,
    batch: int,
    rows: int,
    cols: int,
) -> None:
    hardware = array_machine(variant, trimmed, rows, cols)
    pointwise = Layer("conv", 0, "conv", ConvShape(height, width, 1, 1, channels, filters), batch)
    gemm = Layer("gemm", 0, "gemm", GemmShape(m=height * width, n=filters, k=channels), batch)
    connected = Layer("fc", 0, "fc", ConvShape(1, 1, 1, 1, channels, filters), batch * height * width)
    expected, expected_requests = generate(
        demand(product(batch * height * width, channels, filters), hardware)
    )
    for layer in (pointwise, gemm, connected):
        traces, requests = generate(demand(layer, hardware))
        assert traces.keys() == expected.keys()
        for operand, trace in traces.items():
            np.testing.assert_array_equal(trace, expected[operand], err_msg=operand)
            np.testing.assert_array_equal(requests[operand], expected_requests[operand], err_msg=operand)


@every_variant
@settings(max_examples=8, deadline=None, derandomize=True)
@given(layer=small_layers(), batch=st.integers(2, 3), rows=sizes, cols=sizes)
def test_a_batch_is_that_many_output_rows_or_products(
    variant: str, trimmed: bool, layer: Layer, batch: int, rows: int, cols: int
) -> None:
    hardware = array_machine(variant, trimmed, rows, cols, offsets=(0, 0, 0))
    one = demand(replace(layer, batch=1), hardware).gemm
    many = demand(replace(layer, batch=batch), hardware)
    if layer.type == "matmul":
        like = product(one.m, one.k, one.n, one.groups * batch)
        operands = ["ifmap", "filter", "ofmap"]
    else:
        like = product(one.m * batch, one.k, one.n, one.groups)
        operands = ["filter"] + ["ofmap"] * (one.groups == 1)
    expected = demand(like, hardware)
    assert many.cycles == expected.cycles
    for operand in operands:
        np.testing.assert_array_equal(
            generate(many)[0][operand], generate(expected)[0][operand], err_msg=operand
        )
