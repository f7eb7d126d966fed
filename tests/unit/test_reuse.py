"""Reuse of a convolution's ifmap: distinct words against counting them, curves against the simulator's FIFO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim.demand import demand
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.model import reads, reuse_pixels, reuse_taps
from cyclesim.model.reuse import Curves, MadeOnce, Stage, Window, curve
from cyclesim.model.reuse_pixels import by_pixels
from cyclesim.model.reuse_taps import by_taps
from cyclesim.traffic import Source
from cyclesim.workload import ConvShape, Layer


@st.composite
def convolutions(draw: st.DrawFn) -> Layer:
    """Return a convolution with a window of more than one place."""
    filters = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)).filter(lambda sides: sides != (1, 1)))
    dilations = [draw(st.integers(1, 4)) for _ in filters]
    reaches = [(side - 1) * dilation + 1 for side, dilation in zip(filters, dilations, strict=True)]
    pads = [draw(st.integers(0, reach + 1)) for reach in reaches]
    strides = [draw(st.integers(1, 4)) for _ in filters]
    smallest = [max(1, reach - 2 * pad) for reach, pad in zip(reaches, pads, strict=True)]
    sides = [draw(st.integers(least, max(least, 9))) for least in smallest]
    shape = ConvShape(
        ifmap_h=sides[0], ifmap_w=sides[1], filter_h=filters[0], filter_w=filters[1], channels=draw(st.integers(1, 4)),
        filters=2, stride_h=strides[0], stride_w=strides[1], pad_h=pads[0], pad_w=pads[1],
        dilation_h=dilations[0], dilation_w=dilations[1], ceil_output=draw(st.booleans()),
    )  # fmt: skip
    return Layer("layer", 0, "conv", shape)


def places_of(layer: Layer) -> np.ndarray:
    """Return the ifmap word (or -1) of each pixel and place of the window, (M, K), by the definition."""
    shape = layer.shape
    assert isinstance(shape, ConvShape)
    words = np.full((shape.ofmap_h * shape.ofmap_w, shape.filter_h * shape.filter_w * shape.channels), -1)
    for pixel in range(len(words)):
        top, left = divmod(pixel, shape.ofmap_w)
        for place in range(words.shape[1]):
            tap, channel = divmod(place, shape.channels)
            down, across = divmod(tap, shape.filter_w)
            y = top * shape.stride_h + down * shape.dilation_h - shape.pad_h
            x = left * shape.stride_w + across * shape.dilation_w - shape.pad_w
            if 0 <= y < shape.ifmap_h and 0 <= x < shape.ifmap_w:
                words[pixel, place] = (y * shape.ifmap_w + x) * shape.channels + channel
    return words


def distinct(words: np.ndarray) -> int:
    return len(set(words.ravel().tolist()) - {-1})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(layer=convolutions(), pixels=st.integers(1, 30))
def test_a_fold_of_pixels_has_its_distinct_words(layer: Layer, pixels: int) -> None:
    window, words, shape = Window.of(layer), places_of(layer), layer.shape
    assert isinstance(shape, ConvShape)
    if window is None:  # all is padding
        assert distinct(words) == 0
        return
    assert (window.requests, window.tensor) == (int((words >= 0).sum()), distinct(words))
    row = shape.filter_w * shape.channels
    folds = [words[first : first + pixels] for first in range(0, len(words), pixels)]
    by_kernel_row = [
        [distinct(fold[:, first : first + row]) for first in range(0, words.shape[1], row)] for fold in folds
    ]
    found = reuse_pixels._folds(window, pixels, np.arange(len(folds)))
    assert (shape.channels * found.by_row).tolist() == [sum(rows) for rows in by_kernel_row]
    assert (shape.channels * found.distinct).tolist() == [distinct(fold) for fold in folds]
    assert all((shape.channels * found.across) >= [max(rows) for rows in by_kernel_row])
    assert reuse_pixels._count(window, [pixels])[0][:4] == (
        sum(map(sum, by_kernel_row)), sum(map(distinct, folds)), max(map(sum, by_kernel_row)), max(map(distinct, folds))
    )  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(layer=convolutions(), rows=st.integers(1, 40))
def test_a_fold_of_places_has_its_distinct_words(layer: Layer, rows: int) -> None:
    window, words, shape = Window.of(layer), places_of(layer), layer.shape
    assert isinstance(shape, ConvShape)
    if window is None:
        return
    begins = np.arange(0, window.depth, rows)
    found = reuse_taps._folds(window, rows, begins)
    row = shape.filter_w * shape.channels
    for fold, first in enumerate(begins.tolist()):
        columns = range(first, min(first + rows, window.depth))
        kernel_rows = {column // row for column in columns}
        assert found[0][fold] == (words[:, columns] >= 0).sum()
        assert found[1][fold] == sum(distinct(words[:, [c for c in columns if c // row == k]]) for k in kernel_rows)
        assert found[2][fold] == distinct(words[:, columns])


@pytest.mark.parametrize("at_once", [1, 7, 1 << 15])
@pytest.mark.parametrize(("shape", "pixels"), [((14, 3, 1, 1), 16), ((30, 3, 2, 0), 8), ((17, 7, 2, 5), 1)])
def test_folds_that_are_alike_count_as_often_as_there_are_such(
    shape: tuple[int, ...], pixels: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, kernel, stride, pad = shape
    window = Window.of(Layer("layer", 0, "conv", ConvShape(side, side, kernel, kernel, 2, 1, stride, stride, pad, pad)))
    assert window is not None
    folds = -(-window.pixels // pixels)
    words = reuse_pixels._folds(window, pixels, np.arange(folds))
    expected = [words.by_row.sum(), words.distinct.sum(), words.by_row.max(), words.distinct.max(), words.across.max()]
    monkeypatch.setattr(reuse_pixels, "FOLDS_AT_ONCE", at_once)
    parts = list(reuse_pixels._alike(window, pixels))
    numbers, times = (np.concatenate([part[i] for part in parts]) for i in range(2))
    assert max(len(part[0]) for part in parts) <= at_once
    assert times.sum() == folds
    assert len(np.unique(numbers)) == len(numbers) < folds
    assert list(reuse_pixels._count(window, [pixels])[0]) == [2 * total for total in expected]


@pytest.mark.parametrize("at_once", [1, 50, 1 << 15])
def test_sides_are_counted_together_as_each_is_alone(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window.of(Layer("layer", 0, "conv", ConvShape(17, 13, 3, 5, 6, 1, 1, 2, 1, 2)))
    assert window is not None
    sides = [1, 3, 7, 13, 16, 64, 200]
    alone = [[(*reuse_pixels._count(window, [side]), *reuse_taps._shared(window, [side]))] for side in sides]
    for module in (reads, reuse_pixels, reuse_taps):
        monkeypatch.setattr(module, "FOLDS_AT_ONCE", at_once)
    counted, (in_rows, in_columns) = reuse_pixels._count(window, sides), reuse_taps._shared(window, sides)
    assert [[(one, [row], [column])] for one, row, column in zip(counted, in_rows, in_columns, strict=True)] == alone


def test_what_is_made_for_a_side_is_made_once() -> None:
    window = Window.of(Layer("layer", 0, "conv", ConvShape(17, 13, 3, 5, 6, 1, 1, 2, 1, 2)))
    assert window is not None
    asked: list[tuple[int, ...]] = []

    def make(_: Window, sides: Sequence[int]) -> list[str]:
        asked.append(tuple(sides))
        return [str(side) for side in sides]

    once = MadeOnce(make)
    assert once(window, [4, 8, 4]) == ["4", "8", "4"]
    assert once(window, [8, 2, 4]) == ["8", "2", "4"]
    once.forget()
    assert once(window, [8]) == ["8"]
    assert asked == [(4, 8), (2,), (8,)]


def test_a_large_layer_on_one_row_has_few_folds_that_differ() -> None:
    window = Window.of(Layer("layer", 0, "conv", ConvShape(4000, 4000, 3, 3, 1, 1, 1, 1, 1, 1)))
    assert window is not None
    numbers, times = (np.concatenate(parts) for parts in zip(*reuse_pixels._alike(window, 1), strict=True))
    assert (len(numbers), times.sum()) == (3 * 4000, 4000 * 4000)


def pass_words(layer: Layer, dataflow: str, side: int, active: int) -> int:
    """Return the words that the simulator's FIFO fetches in one pass."""
    rows, cols = (side, 4) if dataflow != "is" else (24, side)
    hardware = Hardware("machine", rows, cols, dataflow, *[Scratchpad(1)] * 3)  # type: ignore[arg-type]
    plan = demand(layer, hardware)
    source = Source(plan, "ifmap", active, False)
    words = 0
    while source._next_cycle < plan.cycles:
        words += int(source.produce().queues["ifmap"].words.sum())
    return words


def model_words(layer: Layer, dataflow: str, side: int, active: int) -> int:
    window = Window.of(layer)
    assert window is not None
    found = by_taps(window, [side]) if dataflow == "ws" else by_pixels(window, [side], dataflow == "os")
    words = Curves(found).words(np.zeros((1, 1), np.int64), np.full((1, 1), active))
    return int(np.rint(words[0, 0]))


SMALL = ConvShape(14, 14, 3, 3, 32, 1, 1, 1, 1, 1)
FIRST = ConvShape(56, 56, 7, 7, 3, 1, 2, 2, 3, 3)
DILATED = ConvShape(33, 33, 3, 3, 16, 1, 1, 1, 4, 4, 4, 4)
EVEN = ConvShape(40, 40, 3, 3, 8, 1, 2, 2, 4, 4, 4, 4)
SERIES = ConvShape(1, 200, 1, 5, 8, 1, 1, 1, 0, 8, 1, 4)


@pytest.mark.parametrize(
    ("shape", "dataflow", "side", "active"),
    [
        (SMALL, "os", 16, 20),  # nothing is shared
        (SMALL, "os", 16, 5000),  # pixels, rows and folds share
        (SMALL, "is", 12, 8),
        (SMALL, "is", 12, 5000),
        (SMALL, "ws", 32, 4000),  # a tap a fold: nothing is shared
        (SMALL, "ws", 16, 6272),  # the whole tensor fits
        (FIRST, "os", 8, 8),
        (FIRST, "os", 8, 80),  # pixels share, rows do not
        (FIRST, "os", 16, 300),
        (FIRST, "os", 8, 2000),
        (FIRST, "ws", 8, 3),
        (FIRST, "ws", 21, 500),  # taps of a kernel row share
        (FIRST, "ws", 64, 2000),  # rows of taps share
        (DILATED, "os", 4, 16),  # neighbours that share are four pixels apart
        (DILATED, "os", 16, 3000),  # folds share with the next
        (DILATED, "is", 64, 10000),
        (DILATED, "ws", 64, 20000),
        (EVEN, "os", 8, 80),  # neighbours are two pixels apart
        (EVEN, "is", 32, 3000),
        (EVEN, "ws", 24, 2000),
        (SERIES, "is", 8, 24),
        (SERIES, "os", 8, 200),  # folds share with the next two, and there is but one kernel row
    ],
)
def test_between_two_steps_words_are_those_of_the_simulator(
    shape: ConvShape, dataflow: str, side: int, active: int
) -> None:
    layer = Layer("layer", 0, "conv", shape)
    assert model_words(layer, dataflow, side, active) == pass_words(layer, dataflow, side, active)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(layer=convolutions(), side=st.integers(1, 30), dataflow=st.sampled_from(["os", "ws", "is"]))
def test_more_active_words_never_need_more(layer: Layer, side: int, dataflow: str) -> None:
    window = Window.of(layer)
    if window is None:
        return
    found = [model_words(layer, dataflow, side, active) for active in (1, 2, 5, 17, 64, 300, 10**6)]
    assert found == sorted(found, reverse=True)
    assert found[0] <= window.requests
    assert found[-1] == window.tensor


def test_a_kind_of_reuse_that_saves_nothing_is_left_out() -> None:
    found = curve(100, [Stage(10, 20, 50), Stage(30, 40, 70), Stage(50, 60, 50), Stage(100, 100, 10)])
    words = Curves([found]).words(np.zeros(8, np.int64), np.array([1, 10, 20, 40, 99, 100, 101, 10**12]))
    assert words[:5].tolist() == [100, 100, 50, 50, 50]
    assert words[6:].tolist() == [10, 10]
    assert 10 <= words[5] <= 50


def test_curves_lie_apart() -> None:
    """Points of many curves at once are those of each alone."""
    several = [curve(1000 * (i + 1), [Stage(3, 7 + i, 100), Stage(50, 90, i)]) for i in range(5)]
    active = np.array([1, 4, 8, 60, 2**40])
    together = Curves(several).words(np.repeat(np.arange(5), 5), np.tile(active, 5)).reshape(5, 5)
    for one, words in zip(several, together, strict=True):
        assert Curves([one]).words(np.zeros(5, np.int64), active).tolist() == words.tolist()
