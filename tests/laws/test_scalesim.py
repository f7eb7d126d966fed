"""Do memory models scalesim and scalesim2 write what the naive SCALE-Sim of `tests/reference` writes, byte for byte?

Cases are small and nasty: buffers that thrash, windows that hang over the edge, lines that are wider than what is
left, offsets below zero. Chunks are cut so small that every state is carried from one to the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim import csvtraces
from cyclesim.demand import Demand
from cyclesim.hardware import Hardware, MemoryModel, Scratchpad
from cyclesim.kernels.scalesim import order_sets
from cyclesim.kernels.text import LONGEST_INT, format_float_rows, format_rows
from cyclesim.results import RunResult
from cyclesim.scalesim import buffers
from cyclesim.scalesim.limits import layer_problem
from cyclesim.scalesim.reports import SCALESIM_REPORTS, scalesim_report_text
from cyclesim.scalesim.text import ScaleSimText
from cyclesim.simulation import LayerRunner
from cyclesim.traces import TraceEncoder
from cyclesim.workload import ConvShape, Layer
from tests.reference import scalesim as naive
from tests.reference.scalesim_demand import LayerShape, ScaleSimFails

DOUBLE_SWITCH = "SCALE-Sim fails where a demand row brings over 500 new filter words; FilterSramSzkB must be more"
BANDWIDTHS = (1, 2, 3, 10, 25, 511, 512, 600)
OFFSETS = (
    (0, 10_000, 20_000), (0, 0, 0), (-5, 3, -100), (-1, -2, -3), (-2500, -700, 0), (7, -40, 2**31 - 20),
    (2**31, 5, 2**40),
)  # fmt: skip


MEMORY_MODELS: dict[str, MemoryModel] = {"3.0.0": "scalesim", "2.0.2": "scalesim2"}


@st.composite
def shapes(draw: st.DrawFn, version: str) -> LayerShape:
    """Return a layer of at most some thousand multiplications."""
    filter_h, filter_w = draw(st.tuples(*[st.integers(1, 4)] * 2))
    return LayerShape(
        ih=filter_h + draw(st.integers(0, 8)),
        iw=filter_w + draw(st.integers(0, 7)),
        fh=filter_h,
        fw=filter_w,
        channels=draw(st.sampled_from([1, 2, 8, 24])),
        filters=draw(st.sampled_from([1, 2, 5, 17, 40])),
        stride=draw(st.integers(1, 4)),
        own_column_stride=draw(st.none() | st.integers(1, 4)) if version == "2.0.2" else None,
    )


@st.composite
def machines(draw: st.DrawFn, dataflow: str, interface: str, version: str) -> naive.Case:
    """Return a machine with buffers that are too small."""
    return naive.Case(
        rows=draw(st.sampled_from([1, 2, 3, 5, 8, 13])),
        cols=draw(st.sampled_from([1, 2, 4, 7, 11])),
        dataflow=dataflow,
        kb=draw(st.tuples(*[st.sampled_from([1, 1, 2, 3])] * 3)),
        offsets=draw(st.sampled_from(OFFSETS)),
        interface=interface,
        read_bandwidths=draw(st.tuples(*[st.sampled_from(BANDWIDTHS)] * 2)),
        write_bandwidth=draw(st.sampled_from(BANDWIDTHS)),
        version=version,
    )


def hardware_of(case: naive.Case) -> Hardware:
    """Return the machine in our words."""
    ifmap, filter_, ofmap = (Scratchpad(1024 * kb) for kb in case.kb)
    user = case.interface == "USER"
    return Hardware(
        "machine",
        case.rows,
        case.cols,
        case.dataflow,  # type: ignore[arg-type]
        ifmap,
        filter_,
        ofmap,
        ifmap_offset_words=case.offsets[0],
        filter_offset_words=case.offsets[1],
        ofmap_offset_words=case.offsets[2],
        memory_model=MEMORY_MODELS[case.version],
        interface_bandwidth="USER" if user else "CALC",
        dram_bandwidth_words_per_cycle=Fraction(case.write_bandwidth) if user else None,
        scalesim_read_bandwidths=case.read_bandwidths if user else None,
    )


def layer_of(shape: LayerShape) -> Layer:
    """Return the layer in our words."""
    conv = ConvShape(
        shape.ih, shape.iw, shape.fh, shape.fw, shape.channels, shape.filters, shape.stride, shape.column_stride,
        ceil_output=True,
    )  # fmt: skip
    return Layer("layer", 0, "conv", conv)


@dataclass
class Kept:
    """A `stretches.ChunkStore` that keeps the text of each trace."""

    files: dict[str, bytes]

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        """Append scratchpad requests."""
        for operand in demand.groups:
            self.files[f"layer0/{operand.upper()}_SRAM_TRACE.csv"] += b"".join(payloads[operand])

    def store_dram(self, demand: Demand, stream: str, first_word: int, words: int, payload: Sequence[bytes]) -> None:
        """Append DRAM words."""
        self.files[f"layer0/{stream.upper()}_DRAM_TRACE.csv"] += b"".join(payload)


def files_of(case: naive.Case, shape: LayerShape, jobs: int) -> dict[str, bytes]:
    """Return what a run of one layer writes."""
    hardware, layer = hardware_of(case), layer_of(shape)
    kept = Kept(defaultdict(bytes))
    with LayerRunner(jobs) as runner:
        result, series = runner.start(layer, hardware, ScaleSimText()).finish(lambda cycles: None, kept)
    assert series is None
    run = RunResult("network", hardware, "simulate", (result,))
    return {**kept.files, **{name: scalesim_report_text(name, run).encode() for name in SCALESIM_REPORTS}}


@pytest.fixture
def tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut everything into small pieces."""
    monkeypatch.setattr(buffers, "BLOCK_WORDS", 40)
    monkeypatch.setattr(buffers, "CURSOR_WORDS", 50)
    monkeypatch.setattr(buffers, "TRACE_ENTRIES", 64)
    monkeypatch.setattr("cyclesim.scalesim.rowloop.TRACE_ENTRIES", 64)
    monkeypatch.setattr(csvtraces, "CHUNK_WORDS", 900)


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("interface", ["CALC", "USER"])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=16, deadline=None, derandomize=True, print_blob=True)
@given(data=st.data(), shape=shapes("3.0.0"), jobs=st.integers(1, 2))
def test_every_byte_is_the_naive_ones(
    dataflow: str, interface: str, data: st.DataObject, shape: LayerShape, jobs: int
) -> None:
    compare(data.draw(machines(dataflow, interface, "3.0.0")), shape, jobs)


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("interface", ["CALC", "USER"])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=8, deadline=None, derandomize=True, print_blob=True)
@given(data=st.data(), shape=shapes("2.0.2"), jobs=st.integers(1, 2))
def test_every_byte_of_the_other_version_is_the_naive_ones(
    dataflow: str, interface: str, data: st.DataObject, shape: LayerShape, jobs: int
) -> None:
    compare(data.draw(machines(dataflow, interface, "2.0.2")), shape, jobs)


def compare(case: naive.Case, shape: LayerShape, jobs: int) -> None:
    """Run a layer both ways."""
    try:
        expected = naive.outputs(case, [shape])
    except ScaleSimFails:
        assert layer_problem(layer_of(shape), hardware_of(case)) is not None
        return
    assert layer_problem(layer_of(shape), hardware_of(case)) is None
    found = files_of(case, shape, jobs)
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        assert found[name] == content, name


def test_a_row_that_switches_twice_is_refused() -> None:
    """Halves have 500 words: rows of 600 fill two with the fifth row, rows of 500 never do."""
    wide = naive.Case(8, 1, "ws", (1, 1, 1), (0, 10_000, 20_000))
    failing = []
    for words, depth in ((500, 8), (600, 4), (600, 5), (1000, 1), (1001, 1)):
        shape = LayerShape(1, 1, 1, 1, depth, words, 1)
        case = replace(wide, cols=words)
        try:
            naive.run_layer(case, shape)
            fails = False
        except ScaleSimFails:
            fails = True
            failing.append((words, depth))
        problem = layer_problem(layer_of(shape), hardware_of(case))
        assert problem == (DOUBLE_SWITCH if fails else None)
    assert failing == [(600, 5), (1000, 1), (1001, 1)]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    words=st.lists(st.integers(-(2**50), 2**50) | st.integers(-40, 400), unique=True, max_size=500),
    stride=st.sampled_from([1, 8, 32, 1024]),
    set_words=st.integers(1, 200),
)
def test_sets_are_in_the_order_of_cpython(words: list[int], stride: int, set_words: int) -> None:
    addresses = [word for word in dict.fromkeys(word * stride for word in words) if word != -1]
    expected: list[float] = []
    for first in range(0, len(addresses), set_words):
        one: set[float] = set()
        for address in addresses[first : first + set_words]:
            one.add(float(address))
        expected += one
    ordered = np.array(addresses, np.int64)
    slots = 1 << (8 * set_words + 16).bit_length()
    order_sets(ordered, set_words, np.empty(slots, np.int64), np.empty(slots, np.int64))
    assert ordered.tolist() == expected


def test_a_set_grows_more_slowly_beyond_fifty_thousand_words() -> None:
    addresses = [(7919 * i) % 400_009 for i in range(120_000)]
    expected: set[float] = set()
    for address in addresses:
        expected.add(float(address))
    ordered = np.array(addresses, np.int32)
    slots = 1 << (8 * len(addresses) + 16).bit_length()
    order_sets(ordered, len(addresses), np.empty(slots, np.int64), np.empty(slots, np.int64))
    assert ordered.tolist() == list(expected)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    cycles=st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=6),
    entries=st.lists(st.integers(-(10**15), 10**15) | st.just(-1), max_size=24),
    width=st.integers(0, 5),
    more=st.integers(0, 3),
)
def test_numbers_are_written_as_python_writes_them(
    cycles: list[int], entries: list[int], width: int, more: int
) -> None:
    entries = (entries + [-1] * len(cycles) * width)[: len(cycles) * width]
    rows = [entries[row * width : (row + 1) * width] for row in range(len(cycles))]
    stamps, out = np.array(cycles), np.empty(len(cycles) * (width + more + 1) * (LONGEST_INT + 3), np.uint8)
    size = format_float_rows(stamps, np.array(entries, np.int64), width, width + more, out)
    floats = [[float(stamp), *map(float, row), *[1.0] * more] for stamp, row in zip(cycles, rows, strict=True)]
    assert out[:size].tobytes().decode() == "".join(",".join(map(repr, row)) + "\n" for row in floats)
    size = format_rows(stamps, np.array(rows, np.int64).reshape(len(cycles), width).T, out)
    integers = [[stamp, *row] for stamp, row in zip(cycles, rows, strict=True)]
    assert out[:size].tobytes().decode() == "".join(",".join(map(str, row)) + "\n" for row in integers)


def test_results_do_not_depend_on_how_traces_are_kept() -> None:
    """Without traces, and with those of HDF5, figures are the same as with text."""

    @dataclass
    class Ignored:
        words: dict[str, int]

        def store(self, *chunk: Any) -> None: ...

        def store_dram(self, demand: Demand, stream: str, first: int, words: int, payload: Sequence[bytes]) -> None:
            assert first == self.words.get(stream, 0)
            self.words[stream] = first + words

    shape = LayerShape(9, 9, 3, 3, 8, 40, 1)
    for interface, version in (("CALC", "3.0.0"), ("USER", "3.0.0"), ("USER", "2.0.2")):
        case = naive.Case(5, 4, "ws", (1, 1, 1), (0, 10_000, 20_000), interface, (3, 10), 25, version)
        layer, hardware = layer_of(shape), hardware_of(case)
        stores = [None, Ignored({}), Kept(defaultdict(bytes))]
        results = []
        for encoder, store in zip((None, TraceEncoder(), ScaleSimText()), stores, strict=True):
            with LayerRunner(2) as runner:
                results.append(runner.start(layer, hardware, encoder).finish(lambda cycles: None, store)[0])
        assert results[0] == results[1] == results[2]
        assert results[0].total_cycles == naive.run_layer(case, shape).total_cycles
        kept = stores[1]
        assert isinstance(kept, Ignored)
        outcome = naive.run_layer(case, shape)
        real = [sum(word != -1 for row in stream.rows for word in row[1:]) for stream in outcome.dram]
        if interface == "USER":  # in CALC, text fills rows up with ones
            assert [kept.words[operand] for operand in ("ifmap", "filter", "ofmap")] == real


def test_a_switch_before_any_address_above_minus_one_starts_from_cycle_zero() -> None:
    """Found by comparing with SCALE-Sim: 994 words below 0 switch halves before the first word that counts comes."""
    case = naive.Case(24, 18, "os", (1, 1, 1), (-994, 10_000, 20_000))
    shape = LayerShape(191, 11, 1, 11, 1, 3, 1)
    expected = naive.outputs(case, [shape])
    assert b", -50.0, " in expected["DETAILED_ACCESS_REPORT.csv"]
    found = files_of(case, shape, 1)
    assert {name: content == found[name] for name, content in expected.items()} == dict.fromkeys(expected, True)
