"""AMD's DPU convolution engine: cycles by counting ceilings (PG338), and measured throughput as a bound and a ratio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

from cyclesim.api import load_topology
from cyclesim.validation.published.layers import conv_shape, macs, tensors
from cyclesim.validation.published.rows import RECOMPUTED, Row, exact, printed
from cyclesim.workload import Layer, Network

Engine = tuple[int, int]
"""Pixel parallelism, and channel parallelism of both input and output."""

# AMD PG338: the eight sizes; operations per cycle = 2 * pp * icp * ocp, which is the number in the name.
ENGINES: dict[str, Engine] = {
    "B512": (4, 8), "B800": (4, 10), "B1024": (8, 8), "B1152": (4, 12),
    "B1600": (8, 10), "B2304": (8, 12), "B3136": (8, 14), "B4096": (8, 16),
}  # fmt: skip

# Cycles of whole networks by the ceiling model, in the order of ENGINES; recomputed independently.
CYCLES: dict[str, tuple[int, ...]] = {
    "mobilenet_v1": (2_799_328, 2_016_934, 1_433_664, 1_463_275, 1_031_020, 747_539, 603_907, 441_248),
    "mobilenet_v2": (1_848_320, 1_455_391, 953_932, 1_053_041, 747_525, 540_859, 464_998, 341_282),
    "resnet18": (7_958_848, 5_721_364, 4_065_344, 4_242_243, 2_917_362, 2_160_363, 1_652_350, 1_170_016),
    "resnet50_v1": (16_037_632, 11_026_057, 8_206_848, 7_977_332, 5_636_003, 4_074_190, 3_091_161, 2_205_440),
    "yolov4": (118_920_192, 81_158_653, 59_938_304, 57_054_275, 40_893_212, 28_744_739, 22_051_882, 15_179_264),
}
FIRST_LAYER = {"B1024": 614_656, "B1152": 921_984}
"""Cycles of the ResNets' first layer."""


def engine_cycles(layer: Layer, engine: Engine, depthwise_halves: bool = False) -> int:
    """Return a layer's cycles: groups * ceil(pixels / pp) * ceil(Cin / icp) * ceil(Cout / ocp) * window.

    A depthwise layer takes ceil(pixels / pp) * ceil(C / icp) * window; with `depthwise_halves` pp counts half there, as
    in the real engine (PG338 3.4).
    """
    pixel_parallelism, channel_parallelism = engine
    shape = conv_shape(layer)
    pixels, window = shape.ofmap_h * shape.ofmap_w, shape.filter_h * shape.filter_w
    if layer.type == "dw":
        at_once = pixel_parallelism // 2 if depthwise_halves else pixel_parallelism
        return ceil(pixels / at_once) * ceil(shape.channels / channel_parallelism) * window
    channels, filters = shape.channels // shape.groups, shape.filters // shape.groups
    blocks = ceil(channels / channel_parallelism) * ceil(filters / channel_parallelism)
    return shape.groups * ceil(pixels / pixel_parallelism) * blocks * window


def network_cycles(network: Network, engine: Engine, depthwise_halves: bool = False) -> int:
    """Return a network's cycles."""
    return sum(engine_cycles(layer, engine, depthwise_halves) for layer in network.layers)


def engine_rows(engines: Mapping[str, Engine] = ENGINES) -> Iterator[Row]:
    """Compare the table of cycles, and the claim that B1152 is no better than B1024."""
    names = {f"B{2 * pixels * channels**2}" for pixels, channels in engines.values()}
    yield Row(
        "1.5", "operations per cycle of the eight sizes", f"{len(names & set(ENGINES))} of 8", "as named", "", "", "A",
        True, names == set(ENGINES),
    )  # fmt: skip
    for name, published in CYCLES.items():
        network = load_topology(name)
        ours = [network_cycles(network, engine) for engine in engines.values()]
        wrong = [f"{size} {one - other:+,}" for size, one, other in zip(engines, ours, published, strict=True)
                 if one != other]  # fmt: skip
        yield Row(
            "1.5", f"{name}, cycles on the eight sizes", f"{ours[0]:,} ... {ours[-1]:,}",
            f"{published[0]:,} ... {published[-1]:,}{RECOMPUTED}", ", ".join(wrong) or "0 in all 8",
            "ceilings over the parallelism that PG338 states; it prints no cycles of networks", "A", True, not wrong,
        )  # fmt: skip
    first = load_topology("resnet50_v1").layers[0]
    cycles = {size: engine_cycles(first, engines[size]) for size in FIRST_LAYER}
    for size, published_cycles in FIRST_LAYER.items():
        yield exact("1.5", f"first layer of the ResNets, {size}", cycles[size], published_cycles, label=RECOMPUTED)
    ratio = cycles["B1152"] / cycles["B1024"]
    yield Row(
        "1.5", "first layer: B1152 against B1024", f"{ratio:.3f}x", "1.5x", f"{ratio - 1.5:+.3f}",
        "half the pixels at once, and 3 channels of 12 instead of 3 of 8: this is the document's explanation",
        "A", True, 2 * cycles["B1152"] == 3 * cycles["B1024"],
    )  # fmt: skip
    for name in CYCLES:
        network = load_topology(name)
        change = network_cycles(network, engines["B1152"]) / network_cycles(network, engines["B1024"]) - 1
        gate = name in ("mobilenet_v1", "mobilenet_v2", "resnet18")
        reason = "" if gate else "wide layers gain more than the first one loses; on the figure's log axis it is a wash"
        yield Row(
            "1.5", f"{name}: B1152 no better than B1024", f"{100 * change:+.1f} %", ">= 0", "", reason, "A", gate,
            change >= 0,
        )  # fmt: skip


def measured_rows(clock_scale: float = 1.0, yolo_engines: int = 2, resnet: str = "resnet18") -> Iterator[Row]:
    """Compare measured throughput with what the engine could do at most; other arguments show that gates can break."""
    # D3.4 table 1 (XCZU15EG, 2 x B4096 at 200 MHz); AMD UG1354 2.5 (ZCU104, one thread, B4096 at 300 MHz):
    # inferences per second, and their ratio to the model as it was recomputed apart from this code.
    cases = (
        ("yolov4, 2 x B4096, 200 MHz", "yolov4", yolo_engines, 200e6, 19.0, "0.72"),
        ("resnet18, B4096, 300 MHz", resnet, 1, 300e6, 217.7, "0.85"),
        ("efficientnet_b0, B4096, 300 MHz", "efficientnet_b0", 1, 300e6, 83.7, "0.21"),
    )
    ratios, intensities = [], []
    for claim, name, engines_used, clock, measured, published_ratio in cases:
        network = load_topology(name)
        if name == resnet:  # the measured variant has no classifier: its 3.627 GOPS are those of the convolutions
            network = network.select(layer.index for layer in network.layers if layer.type != "fc")
        cycles = network_cycles(network, ENGINES["B4096"], depthwise_halves=True)
        most = engines_used * clock * clock_scale / cycles
        ratios.append(measured / most)
        layers = tensors(network)
        intensities.append(sum(each.macs for each in layers) / sum(each.words for each in layers) / engines_used)
        yield Row(
            "2.3", f"{claim}, inf/s", f"at most {most:.1f}", f"{measured:g}", f"{measured / most:.2f} of it",
            "memory and scheduling are not in the model", "A", True, measured <= most,
        )  # fmt: skip
        yield printed(
            "2.3", f"{claim}: measured against the model", measured / most, published_ratio, label=RECOMPUTED
        )
    alike = sorted(range(3), key=lambda at: ratios[at]) == sorted(range(3), key=lambda at: intensities[at])
    yield Row(
        "2.3", "ratios stand in the order of MACs per byte and engine",
        " / ".join(f"{value:.0f}" for value in intensities),
        " / ".join(f"{value:.2f}" for value in ratios) + " measured against the model", "",
        "each tensor moved once; the two engines share one memory", "A", True, alike,
    )  # fmt: skip
    convolutions = sum(macs(layer) for layer in load_topology(resnet).layers if layer.type != "fc")
    yield printed("2.3", "ResNet-18, convolutions only [GOPS]", 2 * convolutions / 1e9, "3.627")
    pixels, channels = ENGINES["B4096"]
    operations = 2 * pixels * channels**2
    yield printed("2.3", "2 x B4096 at 300 MHz [TOPS], ZCU104", 2 * operations * 300e6 * clock_scale / 1e12, "2.46")
    yield printed("2.3", "3 x B4096 at 281 MHz [TOPS], ZCU102", 3 * operations * 281e6 * clock_scale / 1e12, "3.45")


def rows() -> Iterator[Row]:
    """Yield all rows of sections 1.5 and 2.3."""
    yield from engine_rows()
    yield from measured_rows()
