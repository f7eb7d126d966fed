"""EfficientNet-B0 on three rooflines (VEDLIoT D3.4, figures 31 to 33): which layers the memory bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cyclesim.validation.published.layers import Tensors, shipped_tensors
from cyclesim.validation.published.rows import RECOMPUTED, Row, exact, printed


@dataclass(frozen=True)
class Roofline:
    """A configuration: peak [TOPS], bandwidth [GB/s]; ridge [op/B] and memory-bound layers, convolutions and all."""

    name: str
    peak_tops: float
    bandwidth_gb_per_s: float
    ridge: str
    convolutions: int
    layers: int

    @property
    def ridge_point(self) -> float:
        """Operations per byte at which both roofs meet."""
        return 1e3 * self.peak_tops / self.bandwidth_gb_per_s


ROOFLINES = (
    Roofline("0.4 TOPS, DDR4-4000", 0.4, 29, "13.8", 9, 42),
    Roofline("0.4 TOPS, HBM-1", 0.4, 122, "3.28", 0, 33),
    Roofline("4 TOPS, HBM-1", 4.0, 122, "32.8", 18, 51),
)
"""Configurations as printed; ridges and counts recomputed."""


def intensity(layer: Tensors, bytes_per_word: int = 1) -> float:
    """Return operations per byte if each tensor is moved once."""
    return 2 * layer.macs / (bytes_per_word * layer.words)


def rows(
    layers: Sequence[Tensors] | None = None, bytes_per_word: int = 1, rooflines: Sequence[Roofline] = ROOFLINES
) -> Iterator[Row]:
    """Yield the rows of section 4.1; EfficientNet-B0 by default."""
    layers = shipped_tensors("efficientnet_b0") if layers is None else layers
    every = {layer.layer.name: intensity(layer, bytes_per_word) for layer in layers}
    conv = {layer.layer.name: every[layer.layer.name] for layer in layers if layer.layer.type != "fc"}
    yield exact("4.1", "convolutions, depthwise ones included", len(conv), 49, label=RECOMPUTED)
    yield exact("4.1", "with squeeze-and-excite and classifier", len(every), 82, label=RECOMPUTED)
    bound: list[set[str]] = []
    for roof in rooflines:
        ridge = roof.ridge_point
        bound.append({name for name, value in conv.items() if value < ridge})
        everywhere = sum(value < ridge for value in every.values())
        yield printed("4.1", f"{roof.name}: ridge [op/B]", ridge, roof.ridge, label=RECOMPUTED)
        reason = "the figure's points have no numbers"
        for what, count, expected in (
            ("convolutions", len(bound[-1]), roof.convolutions), ("layers", everywhere, roof.layers)
        ):  # fmt: skip
            claim = f"{roof.name}: memory-bound {what}"
            yield exact("4.1", claim, count, expected, reason=reason, label=RECOMPUTED)
    low, high = min(conv, key=lambda name: conv[name]), max(conv.values())
    yield printed("4.1", f"lowest intensity [op/B], {low}", conv[low], "3.57", label=RECOMPUTED)
    yield printed("4.1", "second lowest", sorted(conv.values())[1], "3.60", label=RECOMPUTED)
    yield printed("4.1", "highest", high, "128.9", label=RECOMPUTED)
    freed, caught = bound[0] - bound[1], bound[2] - bound[1]
    yield Row(
        "4.1", "layers change class with bandwidth, and with compute", f"{len(freed)} and {len(caught)}", "both", "",
        "HBM frees the former, ten times the compute catches the latter", "A", True,
        bound[1] < bound[0] and bound[1] < bound[2],
    )  # fmt: skip
