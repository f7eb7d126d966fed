"""RAINBOW (VEDLIoT D3.4): which layers fit a buffer at which bit width, and how much memory a network needs.

The layer numbers of figure 23 pin the order and the shapes of the shipped `resnet50_v1`, and that MB means MiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cyclesim.api import load_topology
from cyclesim.validation.published.layers import Tensors, resized, shipped_tensors, tensors
from cyclesim.validation.published.rainbow_plans import plan_bytes
from cyclesim.validation.published.rows import RECOMPUTED, Row, printed

MIB = 1 << 20
YOLO_INPUT = 416

# D3.4, figure 23 and its text: convolutions of ResNet-50, numbered from 1, that a buffer of so many MB does not hold
# at 8 bits, and those that it holds at 8 but not at 16.  The text names those of 2 MB below 8 bits, 15 and 28 among the
# early ones at 8, and that 4 MB hold all at 8; the others are bars, recomputed from the rule and the layer table.
BITS: dict[int, tuple[list[int], list[int]]] = {
    4: ([], [45, 47, 49, 52]),
    2: ([45, 47, 49, 52], [15, 28, 46, 48, 50, 51, 53]),
    1: (
        [15, 28, *range(45, 54)],
        [1, 4, 5, 6, 8, 9, 11, 12, 14, 16, 18, 19, 21, 22, 24, 25, 26, 30, 33, 36, 39, 42, 44],
    ),
}

NAMED = {(4, "below 8 bits"), (2, "below 8 bits")}
"""The lists that the text gives in full."""

# Recomputed for figure 21, whose bars have no numbers: all filters and the largest activations, the largest layer, and
# the largest layer with the next one's filters [MiB].
MEMORY: dict[str, tuple[str, str, str]] = {
    "mobilenet_v1": ("5.16", "1.15", "2.07"),
    "mobilenet_v2": ("4.75", "1.44", "1.69"),
    "resnet18": ("12.05", "2.30", "4.55"),
    "resnet50_v1": ("25.47", "2.30", "3.37"),
    "yolov4 416": ("69.24", "7.94", "8.00"),
    "yolov4 608": ("78.24", "16.94", "17.00"),
}
ROUNDED_UP = ("mobilenet_v2", "aF/lA")
"""The one cell that is no correct rounding."""


def bits_of(layers: Sequence[Tensors], buffer_bytes: int) -> list[int]:
    """Return floor(8 * buffer bytes / words) of each layer: the widest word at which all its tensors fit."""
    return [8 * buffer_bytes // each.words for each in layers]


def bit_width_rows(layers: Sequence[Tensors] | None = None, mib: int = MIB) -> Iterator[Row]:
    """Compare the layer lists of figure 23; `layers` are the convolutions, ResNet-50 v1's by default."""
    layers = shipped_tensors("resnet50_v1", "conv") if layers is None else layers
    for size, published in BITS.items():
        bits = bits_of(layers, size * mib)
        for (low, high, what), expected in zip(
            ((0, 8, "below 8 bits"), (8, 16, "8 but not 16 bits")), published, strict=True
        ):
            ours = [number for number, value in enumerate(bits, 1) if low <= value < high]
            wrong = sorted(set(ours) ^ set(expected))
            label = "" if (size, what) in NAMED else RECOMPUTED
            yield Row(
                "1.1", f"{size} MiB: layers {what}", _numbers(ours), _numbers(expected) + label, _numbers(wrong),
                "", "A", True, ours == expected,
            )  # fmt: skip
    v15 = shipped_tensors("resnet50", "conv")
    changed = [
        number
        for number, (one, other) in enumerate(zip(bits_of(layers, 2 * mib), bits_of(v15, 2 * mib), strict=True), 1)
        if (one < 16) != (other < 16)
    ]
    yield Row(
        "1.1", "layers that v1.5 would move at 2 MiB", _numbers(changed), f"12{RECOMPUTED}",
        _numbers(sorted({12} ^ set(changed))),
        "v1.5 has the stride in the 3x3 layer, so the 1x1 before it is larger: the figure shows v1",
        "A", True, changed == [12],
    )  # fmt: skip


def _numbers(values: Sequence[int]) -> str:
    """Return numbers as text, runs of three and more with a dash."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    texts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(map(str, run)) for run in runs]
    return " ".join(texts) or "none"


def networks(yolo_input: int = YOLO_INPUT) -> dict[str, tuple[Tensors, ...]]:
    """Return figure 21's networks by their names in `MEMORY`; the first YOLOv4 is for images of `yolo_input`."""
    yolo = load_topology("yolov4")
    found = {name: shipped_tensors(name) for name in MEMORY if not name.startswith("yolov4")}
    return {
        **found,
        "yolov4 416": tensors(resized(yolo, 416, yolo_input)),
        "yolov4 608": tensors(resized(yolo, 416, 608)),
    }


def memory_rows(
    layers: Mapping[str, Sequence[Tensors]] | None = None, bytes_per_word: int = 1
) -> Iterator[Row]:
    """Compare the memory needs of figure 21 and what the document concludes from them."""
    layers = networks() if layers is None else layers
    plans = {name: plan_bytes(each, bytes_per_word=bytes_per_word) for name, each in layers.items()}
    for name, published in MEMORY.items():
        for plan, expected in zip(("aF/lA", "lF/lA", "lF+p/lA"), published, strict=True):
            up = (name, plan) == ROUNDED_UP
            size = plans[name][plan]
            reason = "the figure's bars have no numbers"
            if up:
                reason = f"{size:,} bytes are {size / MIB:.4f} MiB: the recomputed figure was rounded up"
            claim = f"{name} {plan}"
            yield printed("1.2", claim, size / MIB, expected, reason=reason, gate=not up, label=RECOMPUTED)

    filters = {name: bytes_per_word * sum(layer.filter for layer in each) for name, each in layers.items()}
    small = [name for name in MEMORY if plans[name]["aF/lA"] <= 8 * MIB]
    yield Row(
        "1.2", "8 MB hold all filters of", ", ".join(small), "mobilenet_v1, mobilenet_v2", "none",
        f"with the largest activations; the next network is resnet18, {filters['resnet18'] / MIB:.1f} MiB of filters",
        "A", True, small == ["mobilenet_v1", "mobilenet_v2"],
    )  # fmt: skip
    resnet18, resnet50 = plans["resnet18"], plans["resnet50_v1"]
    yield Row(
        "1.2", "ResNet-18 at 4 MB: with and without prefetch",
        f"{resnet18['lF+p/lA'] / MIB:.2f} / {resnet18['lF/lA'] / MIB:.2f}", "too large / fits", "none", "", "A", True,
        resnet18["lF+p/lA"] > 4 * MIB >= resnet18["lF/lA"],
    )  # fmt: skip
    yield Row(
        "1.2", "ResNet-50 at 4 MB: with prefetch", f"{resnet50['lF+p/lA'] / MIB:.2f}", "fits", "none", "", "A", True,
        resnet50["lF+p/lA"] <= 4 * MIB,
    )  # fmt: skip
    for name, gate in (("yolov4 416", True), ("yolov4 608", False)):
        ratio = plans[name]["aF/lA"] / plans[name]["lF+p/lA"]
        yield Row(
            "1.2", f"{name}: all filters against a layer's with prefetch", f"{ratio:.2f}x", "more than 8x", "",
            "" if gate else "at 608 the activations dominate: the document's input was 416", "A", gate, ratio > 8,
        )  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield all rows of sections 1.1 and 1.2."""
    yield from bit_width_rows()
    yield from memory_rows()
