"""The plain-Python reference of the compatibility modes reproduces SCALE-Sim, and examples worked out by hand."""

from __future__ import annotations

import configparser

import pytest

from tests.golden.scalesim_cases import GoldenCase, case, cases
from tests.reference.scalesim import Case, outputs, run_layer
from tests.reference.scalesim_buffers import CalcReadBuffer, UserReadBuffer, WriteBuffer
from tests.reference.scalesim_demand import NULL, LayerShape, ScaleSimFails, diagonal

SLOW = ("os_user_16x16_medium", "ws_calc_32x32_medium")
NAMES = [pytest.param(each.name, marks=[pytest.mark.slow] * (each.name in SLOW)) for each in cases()]


def machine_of(golden: GoldenCase) -> Case:
    config = configparser.ConfigParser()
    config.read_string(golden.files["run.cfg"].decode())
    keys, has_layout = config["architecture_presets"], config.has_section("layout")
    layout = config["layout"] if has_layout else {}
    return Case(
        rows=int(keys["ArrayHeight"]),
        cols=int(keys["ArrayWidth"]),
        dataflow=keys["Dataflow"],
        kb=(int(keys["IfmapSramSzkB"]), int(keys["FilterSramSzkB"]), int(keys["OfmapSramSzkB"])),
        offsets=(int(keys["IfmapOffset"]), int(keys["FilterOffset"]), int(keys["OfmapOffset"])),
        interface=config["run_presets"]["InterfaceBandwidth"],
        read_bandwidths=(int(layout.get("IfmapSRAMBankBandwidth", 0)), int(layout.get("FilterSRAMBankBandwidth", 0))),
        write_bandwidth=int(keys.get("Bandwidth", "10").split(",")[0]),
        version="3.0.0" if has_layout else "2.0.2",
    )


def network_of(golden: GoldenCase, version: str) -> list[LayerShape]:
    layers = []
    for line in golden.files["topology.csv"].decode().splitlines()[1:]:
        name, *rest = line.strip().split(",")[:-1] or [""]
        if not rest:
            continue
        if golden.input_type == "gemm":
            layers.append(LayerShape.gemm(*map(int, rest[:3])))
            continue
        ih, iw, fh, fw, channels, filters, stride = map(int, rest[:7])
        column_stride = int(rest[7]) if version == "2.0.2" and len(rest) > 7 else None
        copies, channels = (channels, 1) if "DP" in name else (1, channels)
        layers += [LayerShape(ih, iw, fh, fw, channels, filters, stride, column_stride)] * copies
    return layers


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_reproduces_every_byte_of_a_run(name: str) -> None:
    golden = case(name)
    assert golden.differences(outputs(machine_of(golden), network_of(golden, "3.0.0"))) == []


@pytest.mark.parametrize("name", [each.name for each in cases("2.0.2")])
def test_the_reference_reproduces_every_byte_of_the_other_version(name: str) -> None:
    golden = case(name, "2.0.2")
    assert golden.differences(outputs(machine_of(golden), network_of(golden, "2.0.2"))) == []


def test_a_difference_is_named() -> None:
    golden = case("os_user_16x16_medium")
    written = {name.removesuffix(".sha256"): content for name, content in golden.files.items() if "layer" not in name}
    del written["run.cfg"], written["topology.csv"]
    written["COMPUTE_REPORT.csv"] += b"\n"
    written["layer0/IFMAP_SRAM_TRACE.csv"] = b""
    written["extra.csv"] = b""
    found = golden.differences(written)
    assert "COMPUTE_REPORT.csv differs" in found
    assert "layer0/IFMAP_SRAM_TRACE.csv differs" in found
    assert "layer0/OFMAP_DRAM_TRACE.csv is missing" in found
    assert "extra.csv should not be there" in found
    assert len(found) == 3 + 5


# The product M = 3, N = 2, K = 3 on 2 x 2: ifmap words 0..8, filter 100..105, ofmap 200..205. Side by side: the SRAM
# traces of ifmap, filter and ofmap.
SIDE_BY_SIDE = {
    "os": """\
        1,0,-1      1,100,-1     0,-1,-1
        2,1,3       2,101,103    1,-1,-1
        3,2,4       3,102,104    2,202,-1
        4,-1,5      4,-1,105     3,200,203
        5,-1,-1     5,-1,-1      4,-1,201
        6,6,-1      6,100,-1     5,-1,-1
        7,7,-1      7,101,103    6,-1,-1
        8,8,-1      8,102,104    7,-1,-1
        9,-1,-1     9,-1,105     8,204,-1
        10,-1,-1    10,-1,-1     9,-1,205
        """,
    "ws": """\
        1,-1,-1     1,101,104    0,-1,-1
        2,-1,-1     2,100,103    1,-1,-1
        3,0,-1      3,-1,-1      2,-1,-1
        4,3,1       4,-1,-1      3,200,-1
        5,6,4       5,-1,-1      4,202,201
        6,-1,7      6,-1,-1      5,204,203
        7,-1,-1     7,-1,-1      6,-1,205
        8,-1,-1     8,-1,-1      7,-1,-1
        9,-1,-1     9,102,105    8,-1,-1
        10,2,-1     10,-1,-1     9,-1,-1
        11,5,-1     11,-1,-1     10,200,-1
        12,8,-1     12,-1,-1     11,202,201
        13,-1,-1    13,-1,-1     12,204,203
        14,-1,-1    14,-1,-1     13,-1,205
        """,
    "is": """\
        1,1,4       1,-1,-1      0,-1,-1
        2,0,3       2,-1,-1      1,-1,-1
        3,-1,-1     3,100,-1     2,-1,-1
        4,-1,-1     4,103,101    3,200,-1
        5,-1,-1     5,-1,104     4,201,202
        6,-1,-1     6,-1,-1      5,-1,203
        7,-1,-1     7,-1,-1      6,-1,-1
        8,2,5       8,-1,-1      7,-1,-1
        9,-1,-1     9,102,-1     8,-1,-1
        10,-1,-1    10,105,-1    9,200,-1
        11,-1,-1    11,-1,-1     10,201,202
        12,-1,-1    12,-1,-1     11,-1,203
        """,
}
PRODUCT = LayerShape.gemm(3, 2, 3)


def small(dataflow: str, offsets: tuple[int, int, int] = (0, 100, 200), interface: str = "CALC") -> Case:
    return Case(2, 2, dataflow, (1, 1, 1), offsets, interface)


@pytest.mark.parametrize("dataflow", SIDE_BY_SIDE)
def test_sram_traces_of_the_small_product(dataflow: str) -> None:
    out = run_layer(small(dataflow), PRODUCT)
    lines = SIDE_BY_SIDE[dataflow].split("\n")[:-1]
    for column, stream in enumerate(out.sram):
        rows = [",".join(map(str, row)) for row in stream.rows]
        assert rows[: len(lines)] == [line.split()[column] for line in lines]
        assert len(rows) == len(lines) * (2 if dataflow == "is" else 1)  # in is, only the first of two column folds


def test_dram_traces_and_reports_of_the_small_product() -> None:
    files = {name: content.decode() for name, content in outputs(small("os"), [PRODUCT]).items()}
    ifmap = "-1.0,0.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,-1.0\n"
    assert files["layer0/IFMAP_DRAM_TRACE.csv"] == ifmap
    filt = "-1.0,100.0,101.0,102.0,103.0,104.0,105.0,-1.0,-1.0,-1.0,-1.0\n"
    assert files["layer0/FILTER_DRAM_TRACE.csv"] == filt
    ofmap = "9.0,202.0,200.0\n10.0,203.0,201.0\n11.0,204.0,205.0\n"
    assert files["layer0/OFMAP_DRAM_TRACE.csv"] == ofmap
    assert [files[f"{name}_REPORT.csv"].split("\n", 1)[1] for name in ("COMPUTE", "BANDWIDTH", "DETAILED_ACCESS")] == [
        "0, 12, 9, 0, 50.0, 75.0, 44.99999999999999,\n",
        "0, 1.0, 1.3333333333333333, 1.5555555555555556, 9.0, 6.0, 2.0,\n",
        "0, 1.0, 8.0, 9, 1.0, 9.0, 12, 2.0, 9.0, 14, -1.0, -1.0, 9, -1.0, -1.0, 6, 9.0, 11.0, 6,\n",
    ]


def test_a_set_of_four_words_is_fetched_in_hash_order() -> None:
    buffer = CalcReadBuffer(1)
    buffer.service([10, 3, NULL, 8, 0], 0)
    buffer.finish()
    assert buffer.trace == [[-1, 8, 0, 10, 3, -1, -1, -1, -1, -1, -1]]
    assert buffer.count == 4


def test_a_diagonal_begins_at_its_lowest_row() -> None:
    assert diagonal([[0, 1], [10, 11], [20, 21]]) == [0, 10, 1, 20, 11, 21]


def test_the_last_block_can_be_empty() -> None:
    """500 words, the last at cycle 900, fill half a buffer exactly."""
    buffer = CalcReadBuffer(1)
    for word in range(500):
        assert buffer.service([word], word if word < 499 else 900) == (word if word < 499 else 900) + 1
    buffer.finish()
    assert [row[0] for row in buffer.trace] == [*range(-50, 0), *range(902)]
    assert sorted(word for row in buffer.trace[:50] for word in row[1:]) == list(range(500))
    assert all(row[1:] == [1] * 10 for row in buffer.trace[50:])


def test_prefetches_follow_one_another_without_regard_to_demand() -> None:
    """1 kB, ten words per cycle: fills of 52 lines, of which the last keeps two words."""
    sequence = list(range(3000))
    buffer = UserReadBuffer(1, 10, sequence)
    assert buffer.service([NULL], 0) == 1
    assert [row[0] for row in buffer.trace] == list(range(-52, 0))
    assert buffer.trace[0][1:] == list(range(10))
    assert buffer.trace[51][1:] == [510, 511] + [NULL] * 8
    assert buffer.service([516], 1) == 2  # the window holds 47 lines of 11 words
    assert buffer.service([517], 2) == 2 + 1 + 2 * (52 - 3)  # late by 49 cycles, charged twice
    assert [row[0] for row in buffer.trace[52:]] == list(range(1, 53))
    assert buffer.trace[52][1:] == [NULL, NULL, *range(522, 530)]
    assert buffer.trace[103][1:] == [1030, 1031] + [NULL] * 8
    assert buffer.service([2 * 517], 1000) == 105  # early: the stamp runs backwards
    assert buffer.service([3 * 517], 2000) == 158
    assert buffer.count == 4 * 520


def test_the_513th_word_starts_a_drain() -> None:
    buffer = WriteBuffer(1, 10)
    for word in range(512):
        assert buffer.service([word], word) == word
    assert (buffer.trace, buffer.free) == ([], 512)
    assert buffer.service([512], 512) == 512
    assert [row[0] for row in buffer.trace] == list(range(512, 512 + 52))
    assert buffer.trace[-1][1:] == [510, 511, 512] + [NULL] * 7
    assert (buffer.count, buffer.free) == (513, 1024)


# What SCALE-Sim 3.0.0 writes for two oddities that are in none of the archived runs.


def test_an_operand_at_minus_one_is_never_requested_in_user_mode() -> None:
    """Its start and stop in the SRAM are integers in the report, unlike all others."""
    one = Case(1, 1, "os", (1, 1, 1), (-1, 1000000, 2000000), "USER")
    files = outputs(one, [LayerShape.gemm(1, 3, 1)])
    expected = "0, 0, 0, 3, 1.0, 3.0, 3, 0.0, 2.0, 9, -1.0, -1.0, 10, -1.0, -1.0, 10, 2.0, 2.0, 3,"
    assert files["DETAILED_ACCESS_REPORT.csv"].decode().splitlines()[1] == expected
    assert files["layer0/IFMAP_SRAM_TRACE.csv"] == b"1,-1\n2,-1\n3,-1\n"
    assert files["layer0/IFMAP_DRAM_TRACE.csv"] == b"-1.0" + 10 * b",-1.0" + b"\n"


def test_large_addresses_are_rounded_to_doubles() -> None:
    huge = Case(2, 3, "os", (1, 1, 1), (10**16, 10**16 + 12, 2**60), "USER")
    out = run_layer(huge, LayerShape.gemm(4, 4, 4))
    assert [row[1:] for row in out.sram[2].rows[3:5]] == [[2**60, -1, -1], [2**60, 2**60, -1]]


@pytest.mark.parametrize(
    ("machine", "layer", "why"),
    [
        (small("os"), LayerShape(3, 3, 4, 1, 1, 1, 1), "filter larger than ifmap"),
        (small("os"), LayerShape(3, 3, 1, 1, 1, 1, 0), "stride 0"),
        (small("os"), LayerShape(3, 3, 1, 1, 0, 1, 1), "0 channels"),
        (small("os", interface="calc"), PRODUCT, "InterfaceBandwidth"),
        (Case(2, 2, "os", (1, 0, 1), (0, 0, 0)), PRODUCT, "SRAM size 0"),
        (Case(2, 2, "os", (1, 1, 1), (0, 0, 0), "USER", (10, 0)), PRODUCT, "read bandwidth 0"),
        (small("os", (-1, 100, 200)), LayerShape.gemm(1, 2, 1), "address -1"),
        (small("os", (0, 100, -1)), LayerShape.gemm(1, 1, 2), "address -1"),
        (Case(1, 1, "os", (1, 1, 1), (0, 0, 0)), LayerShape.gemm(1, 1, 1), "Total Cycles 0"),
        (Case(1, 1010, "ws", (1, 1, 1), (0, 0, 0)), LayerShape.gemm(3, 1010, 1), "two switches"),
    ],
)
def test_what_scale_sim_fails_on(machine: Case, layer: LayerShape, why: str) -> None:
    with pytest.raises(ScaleSimFails, match=why):
        run_layer(machine, layer)


def test_one_switch_in_a_row_is_no_failure() -> None:
    out = run_layer(Case(1, 501, "ws", (1, 1, 1), (0, 10**6, 2 * 10**6)), LayerShape.gemm(3, 501, 2))
    assert out.dram[1].count == 2 * 501


def test_unknown_dataflows_run_as_os() -> None:
    assert outputs(small("OS?"), [PRODUCT]) == outputs(small("os"), [PRODUCT])


def test_without_layers_there_are_headers_only() -> None:
    files = outputs(small("os"), [])
    assert sorted(files) == ["BANDWIDTH_REPORT.csv", "COMPUTE_REPORT.csv", "DETAILED_ACCESS_REPORT.csv"]
    assert all(content.startswith(b"LayerID, ") and content.count(b"\n") == 1 for content in files.values())
