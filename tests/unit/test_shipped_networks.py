"""The shipped networks have the shapes of the networks they are named after.

Totals are compared with published ones, recomputed layer by layer; no tolerance. topologies/README.md says
where the shapes come from and explains every difference in counting.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

import cyclesim
from cyclesim.lowering import gemm_sizes

TOPOLOGIES = Path(__file__).resolve().parents[2] / "topologies"
MIB = 2**20

WINDOW = ["IfmapH", "IfmapW", "FilterH", "FilterW"]
STEPS = ["StrideH", "StrideW", "PadH", "PadW", "DilationH", "DilationW"]
COLUMNS = ["Layer", "Type", *WINDOW, "Channels", "Filters", *STEPS, "Groups", "Batch", "M", "N", "K"]
MEANINGLESS = {
    "conv": {"M", "N", "K"},
    "dw": {"M", "N", "K", "Groups"},
    "fc": {"M", "N", "K", "Groups", *WINDOW, *STEPS},
    "gemm": {"Channels", "Filters", *WINDOW, *STEPS},
    "matmul": {"Channels", "Filters", *WINDOW, *STEPS},
}


@dataclass(frozen=True)
class LayerSize:
    """Counts of one layer, in MACs and words, over all groups and the batch.

    `ifmap` is the first operand of a gemm or matmul; the second one is `weights`, which a matmul has none of.
    """

    name: str
    type: str
    macs: int
    weights: int
    ifmap: int
    ofmap: int


@dataclass(frozen=True)
class Totals:
    """What a network must add up to; `largest_activations`: the largest ifmap + ofmap of a layer [words]."""

    layers: int
    macs: int
    conv_macs: int
    depthwise_macs: int
    weights: int
    largest_layer_weights: int
    largest_activations: int


# Figures of torchvision, of the papers and of darknet, recomputed from the shapes: layers, MACs, conv MACs
# (depthwise included), depthwise MACs, weights, weights of the largest layer, largest ifmap + ofmap.
# topologies/README.md names the publication of each.  The capsule networks are without routing.
PUBLISHED = {
    "alexnet": Totals(8, 714_188_480, 655_566_528, 0, 61_090_496, 37_748_736, 344_128),
    "alexnet_two_group": Totals(8, 724_406_816, 665_784_864, 0, 60_954_656, 37_748_736, 444_987),
    "vgg16": Totals(16, 15_470_264_320, 15_346_630_656, 0, 138_344_128, 102_760_448, 6_422_528),
    "googlenet": Totals(58, 1_582_671_872, 1_581_647_872, 0, 6_990_272, 1_024_000, 953_344),
    "resnet18": Totals(21, 1_814_073_344, 1_813_561_344, 0, 11_678_912, 2_359_296, 953_344),
    "resnet50": Totals(54, 4_089_184_256, 4_087_136_256, 0, 25_502_912, 2_359_296, 1_204_224),
    "resnet50_v1": Totals(54, 3_857_973_248, 3_855_925_248, 0, 25_502_912, 2_359_296, 1_204_224),
    "mobilenet_v1": Totals(28, 568_740_352, 567_716_352, 17_385_984, 4_209_088, 1_048_576, 1_204_224),
    "mobilenet_v2": Totals(53, 300_774_272, 299_494_272, 20_716_416, 3_469_760, 1_280_000, 1_505_280),
    "efficientnet_b0": Totals(82, 385_814_752, 383_907_552, 34_532_064, 5_236_192, 1_280_000, 1_505_280),
    "yolov4": Totals(110, 30_052_385_792, 30_052_385_792, 0, 64_296_032, 4_718_592, 8_306_688),
    "yolov4_tiny": Totals(21, 3_453_938_176, 3_453_938_176, 0, 6_049_888, 2_359_296, 2_076_672),
    "bert_base": Totals(96, 11_173_625_856, 0, 0, 84_934_656, 2_359_296, 491_520),
    "vit_b_16": Totals(98, 17_563_828_224, 115_605_504, 0, 86_292_480, 2_359_296, 756_480),
    "capsnet": Totals(3, 200_871_936, 199_397_376, 0, 6_803_712, 5_308_416, 193_536),
}

# No table of totals is published for these: closed forms.
BY_FORMULA = {
    # Radford et al. 2019: 12 layers of 12 d^2 weights and 2 n^2 d attention MACs, head; n = 1024, d = 768.
    "gpt2": Totals(
        layers=12 * 8 + 1,
        macs=84_934_656 * 1024 + 2 * 12 * 768 * 1024**2 + 38_597_376 * 1024,
        conv_macs=0,
        depthwise_macs=0,
        weights=84_934_656 + 38_597_376,
        largest_layer_weights=768 * 50_257,
        largest_activations=1024 * (768 + 50_257),
    ),
    # MLPerf's DLRM: bottom 13-512-256-128, top 479-1024-1024-512-256-1.
    "dlrm": Totals(3 + 5, 2_365_184, 0, 0, 2_365_184, 1024 * 1024, 1024 + 1024),
    # MLPerf's GNMT: encoder and decoder cells, attention (2 projections, score, context), output projection.
    "gnmt": Totals(
        layers=5 + 4 + 4 + 1,
        macs=4096 * (4 * 2048 + 3072) + 50_331_648 + (2 * 1024**2 + 2 * 1024) + 1024 * 32_320,
        conv_macs=0,
        depthwise_macs=0,
        weights=4096 * (4 * 2048 + 3072) + 50_331_648 + (2 * 1024**2 + 1024) + 1024 * 32_320,
        largest_layer_weights=1024 * 32_320,
        largest_activations=1024 + 32_320,
    ),
    # DeepCapsNet28 of the reference code: 16 convolutions, the 3-D one and the class votes.
    "deepcaps": Totals(
        layers=16 + 1 + 1,
        macs=266_487_808,
        conv_macs=266_487_808 - 640 * 10 * 8 * 32,
        depthwise_macs=0,
        weights=9 * (128 + 4 * 128**2 + 128 * 256 + 10 * 256**2) + 8 * 9 * 256 + 640 * 10 * 8 * 32,
        largest_layer_weights=640 * 10 * 8 * 32,
        largest_activations=640 * 8 + 640 * 10 * 32,
    ),
}
EXPECTED = PUBLISHED | BY_FORMULA


def _rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a shipped file by column name."""
    with (TOPOLOGIES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _layers(name: str) -> list[LayerSize]:
    """Return the sizes of a shipped network's layers, in the order of the file."""
    sizes = []
    for row in _rows(name):
        field = {key: int(value) for key, value in row.items() if key not in ("Layer", "Type") and value}
        groups, batch = field.get("Groups", 1), field.get("Batch", 1)
        if row["Type"] in ("gemm", "matmul"):
            m, n, k = groups * batch * field["M"], field["N"], field["K"]
            weights = groups * k * n if row["Type"] == "gemm" else 0
            sizes.append(LayerSize(row["Layer"], row["Type"], m * n * k, weights, m * k, m * n))
            continue
        channels, filters = field["Channels"], field["Filters"]
        groups = channels if row["Type"] == "dw" else groups
        assert channels % groups == 0, row
        assert filters % groups == 0, row
        pixels_in, pixels_out = batch, batch
        window = channels // groups
        for side in "HW":
            length, kernel = field.get(f"Ifmap{side}", 1), field.get(f"Filter{side}", 1)
            reach = field.get(f"Dilation{side}", 1) * (kernel - 1) + 1
            room = length + 2 * field.get(f"Pad{side}", 0) - reach
            assert room >= 0, row
            pixels_in *= length
            pixels_out *= room // field.get(f"Stride{side}", 1) + 1
            window *= kernel
        weights, ifmap, ofmap = window * filters, pixels_in * channels, pixels_out * filters
        sizes.append(LayerSize(row["Layer"], row["Type"], ofmap * window, weights, ifmap, ofmap))
    return sizes


def test_the_promised_networks_are_shipped_and_no_others() -> None:
    """The folder holds one file for each network that has expected totals."""
    assert {path.stem for path in TOPOLOGIES.glob("*.csv")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_totals_equal_the_published_ones(name: str) -> None:
    """A network adds up to its published totals exactly."""
    layers = _layers(name)
    assert EXPECTED[name] == Totals(
        layers=len(layers),
        macs=sum(layer.macs for layer in layers),
        conv_macs=sum(layer.macs for layer in layers if layer.type in ("conv", "dw")),
        depthwise_macs=sum(layer.macs for layer in layers if layer.type == "dw"),
        weights=sum(layer.weights for layer in layers),
        largest_layer_weights=max(layer.weights for layer in layers),
        largest_activations=max(layer.ifmap + layer.ofmap for layer in layers),
    )


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_files_fill_the_columns_that_mean_something(name: str) -> None:
    """Columns stand in the documented order; a field is empty exactly where its type has no use for it."""
    rows = _rows(name)
    assert list(rows[0]) == [column for column in COLUMNS if column in rows[0]]
    for row in rows:
        empty = {column for column, value in row.items() if not value}
        assert empty == MEANINGLESS[row["Type"]] & set(row), row


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_layer_names_are_unique(name: str) -> None:
    """No two layers of a network share a name."""
    names = [layer.name for layer in _layers(name)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_tensors_fit_between_the_default_offsets(name: str) -> None:
    """No ifmap or filter tensor reaches the next operand's default offset, 500,000,000 words further on."""
    assert max(max(layer.ifmap, layer.weights) for layer in _layers(name)) <= 500_000_000


@pytest.mark.parametrize(("name", "layers"), [("bert_base", 12), ("gpt2", 12), ("vit_b_16", 12)])
def test_attention_is_two_products_of_activations_in_each_layer(name: str, layers: int) -> None:
    """Each encoder layer has QK^T and AV as matmul rows with one group a head of 64."""
    products = [row for row in _rows(name) if row["Type"] == "matmul"]
    tokens = products[0]["M"]
    assert [(row["Groups"], row["M"], row["N"], row["K"]) for row in products] == [
        ("12", tokens, tokens, "64"),
        ("12", tokens, "64", tokens),
    ] * layers


def test_gnmt_has_the_recurrent_macs_of_its_decoder() -> None:
    """Four cells with input 2048 and hidden size 1024: 4 * 4096 * 3072 MACs a token."""
    assert sum(layer.macs for layer in _layers("gnmt") if layer.name.startswith("decoder.lstm")) == 50_331_648


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_reader_finds_the_same_layers(name: str) -> None:
    """The package's reader and lowering agree with the counts made here from the text."""
    network = cyclesim.load_topology(name)
    sizes = [gemm_sizes(layer) for layer in network.layers]
    expected = [(layer.name, layer.type, layer.macs) for layer in _layers(name)]
    macs = [groups * m * k * n for groups, m, k, n in sizes]
    assert [(layer.name, layer.type, count) for layer, count in zip(network.layers, macs, strict=True)] == expected


def _convolutions_by_bits(name: str, buffer_bytes: int, low: int, high: int) -> list[int]:
    """Return the 1-based numbers of the convolutions that fit the buffer at `low` <= bits < `high` per word.

    bits = floor(8 * buffer bytes / (weights + ifmap + ofmap words)), one layer at a time.
    """
    convolutions = [layer for layer in _layers(name) if layer.type == "conv"]
    bits = [8 * buffer_bytes // (layer.weights + layer.ifmap + layer.ofmap) for layer in convolutions]
    return [number for number, value in enumerate(bits, 1) if low <= value < high]


# VEDLIoT D3.4, figure 23 (RAINBOW): bit width of each convolution of ResNet-50 that a shared buffer allows.
@pytest.mark.parametrize(
    ("mib", "below_8_bits", "below_16_bits"),
    [
        (4, [], [45, 47, 49, 52]),
        (2, [45, 47, 49, 52], [15, 28, 46, 48, 50, 51, 53]),
        (
            1,
            [15, 28, *range(45, 54)],
            [1, 4, 5, 6, 8, 9, 11, 12, 14, 16, 18, 19, 21, 22, 24, 25, 26, 30, 33, 36, 39, 42, 44],
        ),
    ],
)
def test_resnet50_v1_layers_stand_in_the_order_of_rainbow(
    mib: int, below_8_bits: list[int], below_16_bits: list[int]
) -> None:
    """The published layer numbers come out: they pin order, shapes and the v1 variant."""
    assert _convolutions_by_bits("resnet50_v1", mib * MIB, 0, 8) == below_8_bits
    assert _convolutions_by_bits("resnet50_v1", mib * MIB, 8, 16) == below_16_bits


def test_resnet50_v1_5_differs_from_v1_in_layer_12() -> None:
    """With the stride in the 3x3, the first 1x1 of stage 2 has a larger ofmap: 8 bits at 2 MiB."""
    assert _convolutions_by_bits("resnet50", 2 * MIB, 8, 16) == [12, 15, 28, 46, 48, 50, 51, 53]
