"""SCALE-Sim's regression figures: exact in memory model scalesim, and what native mode says of the same cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from cyclesim.api import load_hardware
from cyclesim.hardware import Dataflow, Hardware
from cyclesim.results import LayerResult
from cyclesim.scalesim.layer import ScaleSimResult
from cyclesim.simulation import simulate
from cyclesim.validation.published.rows import Row, exact, printed
from cyclesim.workload import ConvShape, GemmShape, Layer, Network

CONVOLUTION = Layer("conv", 0, "conv", ConvShape(224, 224, 11, 11, 3, 96, 4, 4, ceil_output=True))
"""The first layer of SCALE-Sim's AlexNet: 224 without padding, which its own rule for outputs turns into 55."""
PRODUCT = Layer("product", 0, "gemm", GemmShape(m=256, n=128, k=256))
BANDWIDTH = 10
"""Words per cycle in the USER cases."""


@dataclass(frozen=True)
class Figures:
    """A case's published figures.

    `total` is SCALE-Sim's Total Cycles, which is the number of the last cycle; words are those of DRAM traces.
    """

    dataflow: Dataflow
    layer: Layer
    limited: bool
    compute_cycles: int
    total: int
    total_with_prefetch: int
    stalls: int
    overall_utilization: str
    compute_utilization: str
    mapping_efficiency: str
    ifmap_words: int
    filter_words: int
    ofmap_words: int

    @property
    def name(self) -> str:
        """What rows call the case."""
        return f"{self.layer.name} {self.dataflow}"


# scale-sim-v2 and SCALE-Sim v3, test/general: golden_trace, golden_trace_user_os, golden_trace_user_ws,
# golden_trace_user_is.  Compute cycles are Total Cycles + 1 - Stall Cycles; totals with prefetch and the convolution's
# words are of SCALE-Sim 3.0.0.
PUBLISHED = (
    Figures("ws", CONVOLUTION, False, 112_284, 112_283, 116_210, 0, "91.683", "90.780", "94.531",
            1_805_023, 34_848, 3_484_831),
    Figures("os", PRODUCT, True, 10_176, 52_447, 59_000, 42_272, "15.620", "80.503", "100", 524_320, 32_770, 32_768),
    Figures("ws", PRODUCT, True, 11_200, 52_447, 59_002, 41_248, "15.620", "67.192", "100", 524_320, 32_770, 262_175),
    Figures("is", PRODUCT, True, 14_208, 19_984, 29_815, 5_777, "40.993", "50.593", "100", 131_080, 32_770, 262_157),
)  # fmt: skip


def machine(case: Figures) -> Hardware:
    """Return the machine of the tests: 32x32, 64 kB a buffer, 8-bit words."""
    found = replace(load_hardware("default"), dataflow=case.dataflow, psum_bits=8)
    if not case.limited:
        return found
    return replace(
        found, interface_bandwidth="USER", dram_bandwidth_words_per_cycle=Fraction(BANDWIDTH), dram_ports="separate",
        scalesim_read_bandwidths=(BANDWIDTH, BANDWIDTH),
    )  # fmt: skip


def scalesim_result(case: Figures) -> ScaleSimResult:
    """Return what memory model scalesim says."""
    result = simulate(Network("scalesim", (case.layer,)), machine(case), memory="scalesim").layers[0]
    assert isinstance(result, ScaleSimResult), type(result)
    return result


def native_result(case: Figures) -> LayerResult:
    """Return what native mode says of the same machine, with a DRAM port for each operand, as there."""
    return simulate(Network("native", (case.layer,)), machine(case)).layers[0]


def figure_rows(case: Figures, ours: ScaleSimResult) -> Iterator[Row]:
    """Compare memory model scalesim with the figures: equal, every one."""
    integers = {
        "compute cycles": (ours.compute_cycles, case.compute_cycles),
        "Total Cycles": (ours.last_cycle, case.total),
        "Total Cycles (incl. prefetch)": (ours.cycles_with_prefetch, case.total_with_prefetch),
        "Stall Cycles": (ours.stall_cycles, case.stalls),
        "ifmap words read": (ours.dram_reads["ifmap"], case.ifmap_words),
        "filter words read": (ours.dram_reads["filter"], case.filter_words),
        "result words written": (ours.dram_writes["ofmap"], case.ofmap_words),
    }
    for what, (value, published) in integers.items():
        yield exact("1.7", f"{case.name}: {what}", value, published)
    percentages = {
        "Overall Util %": (100 * ours.utilization, case.overall_utilization),
        "Compute Util %": (ours.compute_percent, case.compute_utilization),
        "Mapping Efficiency %": (ours.mapping_percent, case.mapping_efficiency),
    }
    for what, (share, printed_share) in percentages.items():
        yield printed("1.7", f"{case.name}: {what}", share, printed_share)


def native_rows(case: Figures, native: LayerResult) -> Iterator[Row]:
    """Set native mode beside the figures: cycles differ by a number that is known, words and stalls for a reason."""
    # SCALE-Sim's os starts to drain before the sums are ready: R cycles less in each fold.
    more = native.folds * machine(case).rows if case.dataflow == "os" else 0
    yield Row(
        "1.7", f"native {case.name}: compute cycles", f"{native.compute_cycles:,}", f"{case.compute_cycles:,}",
        _difference(native.compute_cycles, case.compute_cycles),
        f"SCALE-Sim drains before the sums are ready: 32 cycles less in each of {native.folds} folds" if more else "",
        "A", True, native.compute_cycles - case.compute_cycles == more,
    )  # fmt: skip
    reasons = _LIMITED if case.limited else _UNLIMITED
    others = {
        "all cycles": (native.total_cycles, case.total_with_prefetch),
        "stalls": (native.stall_cycles, case.stalls),
        "ifmap words read": (native.dram_reads["ifmap"], case.ifmap_words),
        "filter words read": (native.dram_reads["filter"], case.filter_words),
        "result words written": (native.dram_writes["ofmap"], case.ofmap_words),
    }
    for what, (ours, published) in others.items():
        yield Row(
            "1.7", f"native {case.name}: {what}", f"{ours:,}", f"{published:,}", _difference(ours, published),
            reasons[what] if ours != published else "", "A", False, ours == published,
        )  # fmt: skip


def _difference(ours: int, published: int) -> str:
    return f"{ours - published:+,}" if ours != published else "0"


# Why native mode differs, by row; docs/scalesim-parity.md has the rules.
_UNLIMITED = {
    "all cycles": "there 3,275 cycles before cycle 0, as the first fill moves 10 words per cycle even in CALC, and 652 "
    "of write-back at the end; here the channel has no limit",
    "stalls": "",
    "ifmap words read": "each time half a buffer is full it drops all that it holds; ours is a FIFO",
    "filter words read": "",
    "result words written": "31 words that fill up the last line count there; both write every partial sum, "
    "ours also reads them back",
}
_LIMITED = {
    "all cycles": "there the first fill comes before cycle 0, and stalls are counted as said below",
    "stalls": "words come in an order fixed in advance, round and round, and a late one is charged twice; ours fetches "
    "what misses",
    "ifmap words read": "whole lines of 10 words, round and round in a fixed order; ours fetches what misses",
    "filter words read": "whole lines of 10 words",
    "result words written": "every partial sum of every row fold goes to DRAM there; ours stay in the ofmap scratchpad",
}


def rows(
    run: Callable[[Figures], ScaleSimResult] = scalesim_result, native: Callable[[Figures], LayerResult] = native_result
) -> Iterator[Row]:
    """Yield all rows of section 1.7."""
    for case in PUBLISHED:
        yield from figure_rows(case, run(case))
    for case in PUBLISHED:
        yield from native_rows(case, native(case))
