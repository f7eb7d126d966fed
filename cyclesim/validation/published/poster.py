"""A poster's search for Eyeriss mappings with Timeloop: cycles, utilization and energy-delay product of two meshes.

The poster does not name its layer. Cycles times active PEs are 86,704,128 MACs for both meshes, which VGG-16's first
convolution has; the GFLOPs column confirms it, as it is (2 MACs - outputs) / cycles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cyclesim.api import load_topology
from cyclesim.validation.published.layers import conv_shape, macs
from cyclesim.validation.published.rows import Row, exact, printed
from cyclesim.workload import Layer


@dataclass(frozen=True)
class Mesh:
    """What the poster prints for one mesh; energy in microjoule, EDP in joule times cycles."""

    rows: int
    cols: int
    cycles: int
    utilization_percent: str
    gflops: str
    energy_uj: float
    edp: str


ORIGINAL = Mesh(12, 14, 903_168, "57.14", "188.48", 720.99, "651.0")
OPTIMISED = Mesh(42, 4, 602_112, "85.71", "282.67", 305.38, "184.0")

INFERRED = (
    "Layer and mapping are inferred, as the poster names neither: VGG-16's first convolution has the MACs, and the "
    "most PEs that factors of its sizes keep busy are as many as the printed utilization says"
)


def active_pes(layer: Layer, rows: int, cols: int) -> int:
    """Return the most PEs that a mapping without remainders keeps busy.

    Rows take channels, filter rows and filters, columns take filters (row stationary without output rows side by
    side); every factor divides its dimension, as in Timeloop. This mapping is inferred from the poster's 96 and 144.
    """
    shape = conv_shape(layer)
    best = 1
    for on_cols in _divisors(shape.filters, cols):
        for on_rows in _divisors(shape.filters // on_cols, rows):
            for channels in _divisors(shape.channels, rows // on_rows):
                for taps in _divisors(shape.filter_h, rows // (on_rows * channels)):
                    best = max(best, on_cols * on_rows * channels * taps)
    return best


def _divisors(number: int, most: int) -> list[int]:
    return [each for each in range(1, most + 1) if number % each == 0]


def rows(layer: Layer | None = None) -> Iterator[Row]:
    """Yield the rows of section 1.6 for a layer, VGG-16's first one by default."""
    layer = load_topology("vgg16").layers[0] if layer is None else layer
    shape = conv_shape(layer)
    outputs = shape.ofmap_h * shape.ofmap_w * shape.filters
    for mesh in (ORIGINAL, OPTIMISED):
        name = f"{mesh.cols}x{mesh.rows}"
        pes = mesh.rows * mesh.cols
        active = active_pes(layer, mesh.rows, mesh.cols)
        cycles = macs(layer) // active
        slip = mesh is ORIGINAL
        yield printed(
            "1.6", f"{name} utilization [%]", 100 * active / pes, mesh.utilization_percent,
            reason=f"{active} of {pes} PEs. {INFERRED}",
        )  # fmt: skip
        yield exact(
            "1.6", f"{name} cycles", cycles, mesh.cycles,
            reason=f"{macs(layer):,} MACs on {active} PEs: no ramps, factors without remainder. {INFERRED}",
        )  # fmt: skip
        yield printed(
            "1.6", f"{name} GFLOPs at 1 GHz", (2 * macs(layer) - outputs) / cycles, mesh.gflops, gate=not slip,
            reason="a slip in print: the same formula gives the other column" if slip else "first products add nothing",
        )  # fmt: skip
        yield printed(
            "1.6", f"{name} EDP [J cycles]", mesh.energy_uj * 1e-6 * cycles, mesh.edp, gate=False,
            reason="of the printed energy, which is rounded, or the product was; energy itself needs Timeloop's tables",
        )  # fmt: skip
