"""The suite of published figures: its gates hold, and each of them can fail.

What takes seconds to simulate is in the suite only; its comparisons are tried here on small or altered results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import pytest

from cyclesim.api import load_hardware, load_topology
from cyclesim.hardware import Hardware
from cyclesim.schedule import Schedule, schedule
from cyclesim.validation import Settings, published
from cyclesim.validation.findings import FAILED, PASSED, Findings
from cyclesim.validation.published import (
    arada,
    dpu,
    ispass2020,
    others,
    poster,
    rainbow,
    rainbow_plans,
    scalesim_figures,
    scalesim_v3,
    tpu,
)
from cyclesim.validation.published.layers import Tensors, resized, shipped_tensors, tensors
from cyclesim.validation.published.rows import SECTIONS, Row
from cyclesim.workload import ConvShape, GemmShape, Layer, Network

RowsOf = Callable[[], Iterable[Row]]
RESNET = shipped_tensors("resnet50_v1")


def _engines(pixels: int, channels: int) -> dict[str, dpu.Engine]:
    return {name: (pp + pixels, icp + channels) for name, (pp, icp) in dpu.ENGINES.items()}


def _machine(name: str, clock: int) -> Hardware:
    machine = load_hardware(name)
    return replace(machine, technology=replace(machine.technology, clock_mhz=Fraction(clock)))


def _wrong_plans(layers: Iterable[Tensors], *tile: int) -> dict[str, int]:
    found = rainbow_plans.plan_bytes(tuple(layers), *tile)
    return {**found, "tF+p/tA": found["tF/tA"] - 1}


def _one_longer(m: int, k: int, n: int, hardware: Hardware) -> Schedule:
    return schedule(m, k + 1, n + 1, hardware)


LIGHT: dict[str, RowsOf] = {
    "bit width": rainbow.bit_width_rows,
    "memory": rainbow.memory_rows,
    "plans": rainbow_plans.plan_rows,
    "heterogeneous": rainbow_plans.heterogeneous_rows,
    "engine": dpu.engine_rows,
    "measured": dpu.measured_rows,
    "poster": poster.rows,
    "peaks": tpu.peak_rows,
    "roofline": tpu.roofline_rows,
    "closed forms": ispass2020.closed_form_rows,
    "partitions": ispass2020.partition_rows,
    "aspect ratios": ispass2020.aspect_rows,
    "squares": lambda: ispass2020.square_rows(clocked=8),
    "six layers": scalesim_v3.compute_rows,
    "vit": scalesim_v3.vit_rows,
    "efficientnet": arada.rows,
}
"""Rows that need no simulation."""

ALTERED: dict[str, list[RowsOf]] = {
    "bit width": [
        lambda: rainbow.bit_width_rows(mib=400_000),
        lambda: rainbow.bit_width_rows(shipped_tensors("resnet50", "conv")),
    ],
    "memory": [
        lambda: rainbow.memory_rows(bytes_per_word=2),
        lambda: rainbow.memory_rows(rainbow.networks(yolo_input=608)),
    ],
    "plans": [lambda: rainbow_plans.plan_rows({"resnet50_v1": RESNET}, _wrong_plans)],
    "heterogeneous": [
        lambda: rainbow_plans.heterogeneous_rows(tile_rows=2),
        lambda: rainbow_plans.heterogeneous_rows(mib=1 << 19),
    ],
    "engine": [
        lambda: dpu.engine_rows(_engines(1, 1)),
        lambda: dpu.engine_rows({**dpu.ENGINES, "B1152": (8, 12)}),
    ],
    "measured": [
        lambda: dpu.measured_rows(clock_scale=0.2),
        lambda: dpu.measured_rows(yolo_engines=8),
        lambda: dpu.measured_rows(resnet="resnet50"),
    ],
    "poster": [
        lambda: poster.rows(load_topology("vgg16").layers[1]),
        lambda: poster.rows(load_topology("alexnet_two_group").layers[0]),
    ],
    "peaks": [
        lambda: tpu.peak_rows(_machine("tpu_v1", 710), _machine("tpu_v3_core", 950)),
        lambda: tpu.peak_rows(replace(load_hardware("tpu_v1"), rows=255, cols=255)),
    ],
    "roofline": [lambda: tpu.roofline_rows(_machine("tpu_v1", 70)), lambda: tpu.roofline_rows(_narrow("tpu_v1"))],
    "closed forms": [lambda: ispass2020.closed_form_rows(_one_longer)],
    "partitions": [lambda: ispass2020.partition_rows(least=16)],
    "aspect ratios": [lambda: ispass2020.aspect_rows(least=32)],
    "squares": [lambda: ispass2020.square_rows((4, 8), _one_longer)],
    "six layers": [lambda: scalesim_v3.compute_rows(scalesim_v3.resnet18_six())],
    "vit": [lambda: scalesim_v3.vit_rows(_small_product(), _small_product())],
    "efficientnet": [
        lambda: arada.rows(shipped_tensors("mobilenet_v2"), bytes_per_word=2),
        lambda: arada.rows(rooflines=[replace(roof, peak_tops=3 * roof.peak_tops) for roof in arada.ROOFLINES]),
        lambda: arada.rows(rooflines=[replace(roof, peak_tops=0.001) for roof in arada.ROOFLINES]),
        lambda: arada.rows(bytes_per_word=4),
    ],
}
"""The same with one input altered: among them, every gate must break."""


def _narrow(name: str) -> Hardware:
    return replace(load_hardware(name), dram_bandwidth_words_per_cycle=Fraction(1))


def _small_product() -> Network:
    return Network("small", (Layer("product", 0, "gemm", GemmShape(1, 128, 256)),))


def _gates(rows: Iterable[Row]) -> set[str]:
    return {row.claim for row in rows if row.gate}


def _broken(rows: Iterable[Row]) -> set[str]:
    return {row.claim for row in rows if row.broken}


@pytest.mark.parametrize("name", LIGHT)
def test_gates_hold_and_each_can_break(name: str) -> None:
    """As shipped every gate holds; of some altered input each one breaks."""
    rows = list(LIGHT[name]())
    assert _broken(rows) == set()
    broken = set().union(*(_broken(altered()) for altered in ALTERED[name]))
    assert _gates(rows) - broken == set()
    assert all(row.claim and row.ours and row.published for row in rows)


def test_scalesim_figures_are_compared_one_by_one() -> None:
    """SCALE-Sim's shortest case is met exactly; each figure that is one off breaks its own row."""
    case = scalesim_figures.PUBLISHED[3]
    ours = scalesim_figures.scalesim_result(case)
    rows = list(scalesim_figures.figure_rows(case, ours))
    assert len(rows) == 10
    assert _broken(rows) == set()
    for field in ("compute_cycles", "last_cycle", "cycles_with_prefetch", "stall_cycles"):
        altered = replace(ours, **{field: getattr(ours, field) + 1})
        assert len(_broken(scalesim_figures.figure_rows(case, altered)) - {"product is: Overall Util %"}) == 1
    for field in ("compute_percent", "mapping_percent"):
        altered = replace(ours, **{field: getattr(ours, field) - 0.001})
        assert len(_broken(scalesim_figures.figure_rows(case, altered))) == (field == "compute_percent")
    for operand in ("ifmap", "filter"):
        altered = replace(ours, dram_reads={**ours.dram_reads, operand: ours.dram_reads[operand] - 1})
        assert _broken(scalesim_figures.figure_rows(case, altered)) == {f"product is: {operand} words read"}
    altered = replace(ours, dram_writes={"ofmap": 0}, array_size=1023, mapping_percent=99.0)
    assert _broken(scalesim_figures.figure_rows(case, altered)) == {
        f"product is: {what}" for what in ("result words written", "Overall Util %", "Mapping Efficiency %")
    }


def test_native_figures_differ_by_the_drain_only() -> None:
    """Native os takes R cycles more in each fold than SCALE-Sim's; any other number breaks the gate."""
    case = scalesim_figures.PUBLISHED[1]
    native = scalesim_figures.native_result(case)
    assert _broken(scalesim_figures.native_rows(case, native)) == set()
    altered = replace(native, compute_cycles=native.compute_cycles - 1)
    assert _broken(scalesim_figures.native_rows(case, altered)) == {"native product os: compute cycles"}


def test_a_stand_in_must_lie_between_measurement_and_roofline() -> None:
    """A stand-in that is too fast or too slow breaks its gate."""
    workload, machine = tpu.WORKLOADS[2], load_hardware("tpu_v1")
    result = tpu.stand_in(workload, machine)
    assert tpu.stand_in_row(workload, machine, result).holds
    for cycles in (-1_000, 3_000):
        altered = replace(result, stall_cycles=result.stall_cycles + cycles)
        assert tpu.stand_in_row(workload, machine, altered).broken


def test_output_stationary_wins_where_partial_sums_spill() -> None:
    """With the small buffers os needs fewer cycles than ws; with those that hold all partial sums it does not."""
    network = scalesim_v3.resnet18_six()
    assert scalesim_v3.spilling_row(network).holds
    assert scalesim_v3.spilling_row(network, kilobytes=scalesim_v3.PRESET_KB).broken


def test_scalesims_words_cost_weight_stationary_its_lead() -> None:
    """At 60 words per cycle os wins by SCALE-Sim's traffic; on a channel without limit it does not."""
    network = scalesim_v3.resnet18_six()
    assert not any(row.broken for row in scalesim_v3.scalesim_traffic_rows(network))
    assert all(row.broken for row in scalesim_v3.scalesim_traffic_rows(network, bandwidth=10**6))


def test_stalls_cost_the_larger_array_more() -> None:
    """A product of ViT's block gains less from the larger array with stalls; without any, the gate breaks."""
    block = Network("part", scalesim_v3.vit_block().layers[1:2])
    assert scalesim_v3.vit_stall_row(block).holds
    assert scalesim_v3.vit_stall_row(block, bandwidth=10**6).broken


def test_what_is_not_reproduced_says_why() -> None:
    """Rows without a counterpart are no gates and have a reason."""
    for row in others.rows():
        assert row.gate is None
        assert row.reason
        assert row.verdict == "not reproduced"


def test_plans_need_what_their_formulas_say() -> None:
    """The memory of the 15 plans for two layers, worked by hand: 8 filters and 1 output row a tile."""
    # conv: 6x6x4 ifmap, 3x3 filters, 16 of them, padding 1: 144 + 576 + 576 words; a tile has 3 ifmap rows.
    # then 1x1, 16 channels, 10 filters: 576 + 160 + 360 words; a tile has 1 ifmap row.
    first = Layer("first", 0, "conv", ConvShape(6, 6, 3, 3, 4, 16, pad_h=1, pad_w=1))
    second = Layer("second", 1, "conv", ConvShape(6, 6, 1, 1, 16, 10))
    layers = tensors(Network("two", (first, second)))
    assert [(each.ifmap, each.filter, each.ofmap) for each in layers] == [(144, 576, 576), (576, 160, 360)]
    assert rainbow_plans.plan_bytes(layers) == {
        "aF/lA": 736 + 936, "aF/tA": 736 + 168, "aF/tA+p": 736 + 336,
        "lF/lA": 576 + 720, "lF/tA": 576 + 168, "lF/tA+p": 576 + 336,
        "lF+p/lA": 736 + 720, "lF+p/tA": 736 + 168, "lF+p/tA+p": 736 + 336,
        "tF/lA": 128 + 936, "tF/tA": 288 + 168, "tF/tA+p": 288 + 336,
        "tF+p/lA": 576 + 720, "tF+p/tA": 576 + 168, "tF+p/tA+p": 576 + 336,
    }  # fmt: skip
    # Words: the first layer's six tiles read 2, 3, 3, 3, 3 and 2 ifmap rows of 24 words.
    moved = [rainbow_plans.words_moved(layers[0], "tF/tA", by_rows, 8, 1, halo)
             for by_rows in (True, False) for halo in (False, True)]  # fmt: skip
    assert moved == [576 * 6 + 144 + 576, 576 * 6 + 384 + 576, 576 + 2 * 144 + 576, 576 + 2 * 384 + 576]


def test_resizing_scales_feature_maps_only() -> None:
    """YOLOv4 at 608 has the MACs that darknet states (128.4 BFLOPs are 64,194,741,248 MACs), and the same weights."""
    small, large = (tensors(resized(load_topology("yolov4"), 416, side)) for side in (416, 608))
    assert sum(layer.macs for layer in large) == 64_194_741_248
    assert sum(layer.filter for layer in large) == sum(layer.filter for layer in small)


def test_the_suite_prints_sections_and_fails_with_a_broken_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table a section, a summary at the end; one broken gate fails the suite."""
    good = list(rainbow.bit_width_rows())
    bad = replace(good[0], holds=False)
    for rows, passed in ((good, True), ([*good, bad], False)):
        monkeypatch.setattr(published, "rows", lambda settings, rows=rows: rows)
        lines: list[str] = []
        findings = Findings(lines.append)
        published.run(Settings(), findings)
        assert findings.outcome == (PASSED if passed else FAILED)
        assert lines[0].startswith(f"1.1 {SECTIONS['1.1'].title}")
        assert any(line.startswith("FAILED") for line in lines) is not passed
        assert "7 of 7 gates hold" in lines[-1] or not passed
