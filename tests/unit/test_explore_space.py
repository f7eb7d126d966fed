"""SPACE.toml: what it may say, and the one line about what it may not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cyclesim.errors import BadInput
from cyclesim.explore import space as space_module
from cyclesim.explore.evaluate import Evaluator
from cyclesim.explore.space import read_space

HEAD = """[explore]
networks = ["alexnet"]
objectives = { fj_per_op = "min", tops_per_mm2 = "max" }
[space]
"""


SIDE = "ArrayHeight = [8]\n"


def space_of(folder: Path, text: str) -> Path:
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_axes_are_lists_powers_of_two_and_ranges_with_their_ends(tmp_path: Path) -> None:
    axes = """ArrayHeight = [8, 12]
arraywidth = { pow2 = [8, 64] }
IfmapSramSzkB = { range = [16, 60, 16] }
ActiveFraction = { range = [0.25, 0.75, 0.25] }
DramBandwidth = ["3/2", 8.5, 16]
Device = ["HP", "itrs-lop"]
TrimFolds = [true, false]
"""
    space = read_space(space_of(tmp_path, HEAD + axes))
    found = {axis.key: axis.texts for axis in space.axes}
    assert found == {
        "ArrayHeight": ("8", "12"),
        "ArrayWidth": ("8", "16", "32", "64"),
        "IfmapSramSzkB": ("16", "32", "48"),
        "ActiveFraction": ("1/4", "1/2", "3/4"),
        "DramBandwidth": ("3/2", "8.5", "16"),
        "Device": ("hp", "itrs-lop"),
        "TrimFolds": ("true", "false"),
    }
    assert [axis.column.dtype.kind for axis in space.axes] == ["i", "i", "i", "f", "f", "S", "b"]
    assert space.points == 2 * 4 * 3 * 3 * 3 * 2 * 2
    assert space.line_of("ArrayWidth") == 6


def test_networks_have_weights_and_objectives_directions(tmp_path: Path) -> None:
    text = """[explore]
machine = "eyeriss"
[explore.networks]
alexnet = 0.7
resnet18 = 3
[explore.objectives]
total_area_mm2 = "min"
tops = "max"
[space]
Dataflow = ["os"]
[constraints]
area_mm2 = "<= 20"
utilization = ">=.5"
edp = [">= 1e-9", "<= 2"]
pes = ["<= 64"]
"""
    space = read_space(space_of(tmp_path, text))
    assert [(each.name, each.weight) for each in space.networks] == [("alexnet", 0.7), ("resnet18", 3.0)]
    assert [(each.metric, each.maximised) for each in space.objectives] == [("area_mm2", False), ("tops", True)]
    bounds = [(each.metric, each.at_most, each.bound) for each in space.constraints]
    assert bounds[:2] == [("area_mm2", True, 20.0), ("utilization", False, 0.5)]
    assert bounds[2:] == [("edp", False, 1e-9), ("edp", True, 2.0), ("pes", True, 64.0)]
    assert [each.text for each in space.constraints[2:]] == ["edp >= 1e-9", "edp <= 2", "pes <= 64"]
    assert space.machine.name == "eyeriss.cfg"


def test_the_loss_weighs_the_objectives_alike_unless_weights_are_given(tmp_path: Path) -> None:
    assert read_space(space_of(tmp_path, HEAD + SIDE)).weights == {"fj_per_op": 1, "tops_per_mm2": -1}
    weights = "weights = { total_cycles = 1, fj_per_op = 0.5, tops = -2, utilization = -1e-3 }\n[space]"
    space = read_space(space_of(tmp_path, HEAD.replace("[space]", weights) + SIDE))
    assert space.weights == {"total_cycles": 1, "fj_per_op": 0.5, "tops": -2, "utilization": -0.001}


def test_nested_metrics_are_named_with_a_dot_or_a_line(tmp_path: Path) -> None:
    text = """[explore]
networks = ["alexnet"]
objectives = { energy_pj.dram = "min", dram_reads_ifmap = "min", sram_writes.ofmap = "max" }
[space]
ArrayHeight = [8]
[constraints]
area_mm2.pe_array = "<= 2"
"""
    found = read_space(space_of(tmp_path, text.replace("pe_array", "multiplier")))
    assert [each.metric for each in found.objectives] == ["energy_pj_dram", "dram_reads_ifmap", "sram_writes_ofmap"]
    assert [each.metric for each in found.constraints] == ["area_mm2_multiplier"]


def test_nested_metrics_may_be_quoted(tmp_path: Path) -> None:
    text = """[explore]
networks = ["alexnet"]
objectives = { "energy_pj.dram" = "min", sram_writes."ofmap" = "max", energy_pj = "min" }
weights = { "energy_pj.dram" = 1 }
[space]
ArrayHeight = [8]
[constraints]
"energy_pj.dram" = "<= 5"
'area_mm2.multiplier' = [">= 1", "<= 2"]
area_mm2 = "<= 20"
"""
    found = read_space(space_of(tmp_path, text))
    assert [each.metric for each in found.objectives] == ["energy_pj_dram", "sram_writes_ofmap", "energy_pj"]
    assert found.weights == {"energy_pj_dram": 1}
    multiplier = ["area_mm2_multiplier >= 1", "area_mm2_multiplier <= 2"]
    assert [each.text for each in found.constraints] == ["energy_pj_dram <= 5", *multiplier, "area_mm2 <= 20"]


def test_indices_count_the_last_axis_fastest_and_decode_to_what_they_encode(tmp_path: Path) -> None:
    space = read_space(space_of(tmp_path, HEAD + "ArrayHeight = [1, 2, 3]\nArrayWidth = [4, 5]\n"))
    codes = space.decode(np.arange(6))
    assert codes.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert space.encode(codes).tolist() == list(range(6))


def test_files_beside_the_space_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text("name,M,N,K\na,2,3,4\n", encoding="utf-8")
    text = HEAD.replace('"alexnet"', '"net.csv"') + "ArrayHeight = [8]\n"
    assert read_space(space_of(tmp_path, text)).networks[0].path == tmp_path / "net.csv"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "[explore] must name networks and objectives"),
        ("a = \n", 1, "must be TOML: invalid value"),
        ("[explore]\nnetworks = [\n", 2, "must be TOML:"),
        (HEAD + "ArrayHeight = [8]\nArrayHeight = [9]\n", 6, "must be TOML: cannot overwrite a value"),
        (HEAD + f"{SIDE}[spaces]\n", 6, "(got 'spaces'; did you mean 'space'?)"),
        (HEAD, 4, "[space] must give at least one key"),
        (HEAD.replace("[space]", "[[space]]") + SIDE, 4, "one table, [space] (got an array of tables, [[space]])"),
        (HEAD.replace("[space]", "[[ space ]]  # one") + "DramLatency = 1\n", 4, "space must be one table, [space]"),
        (HEAD.replace("[explore]", "[[explore]]") + SIDE, 1, "explore must be one table, [explore] (got an array of"),
        (HEAD + f"{SIDE}[[constraints]]\npes = '<= 2'\n[[constraints]]\nedp = '<= 2'\n", 6, "one table, [constraints]"),
        (HEAD + f"{SIDE}[[objectives]]\npes = 'min'\n", 6, "tables must be among explore, space, constraints"),
        ("explore = 3\n[space]\n" + SIDE, 1, "explore must be one table, [explore] (got '3')"),
        ("constraints = ['pes <= 2']\n" + HEAD + SIDE, 1, "constraints must be one table, [constraints] (got 'list')"),
        (HEAD + "ArayHeight = [8]\n", 5, "did you mean 'ArrayHeight'?"),
        (HEAD + "ArrayHeight = 8\n", 5, "ArrayHeight must be a list of values, { pow2 = [first, last] }"),
        (HEAD + "ArrayHeight = []\n", 5, "ArrayHeight must have at least one value"),
        (HEAD + "ArrayHeight = [8, 0]\n", 5, "ArrayHeight must be a whole number from 1 to 65536 (got '0')"),
        (HEAD + "ArrayHeight = [8, 8.5]\n", 5, "ArrayHeight must be a whole number from 1 to 65536 (got '8.5')"),
        (HEAD + "ArrayHeight = [8, 8]\n", 5, "ArrayHeight must have each value once (got '8' again)"),
        (HEAD + "ArrayHeight = [[8]]\n", 5, "numbers, text, true or false as values (got 'list')"),
        (HEAD + "ArrayHeight = { pow3 = [8, 9] }\n", 5, "(got 'pow3'; did you mean 'pow2'?)"),
        (HEAD + "ArrayHeight = { pow2 = [8, 9] }\n", 5, "both powers of two, the smaller first (got '[8, 9]')"),
        (HEAD + "ArrayHeight = { pow2 = 8 }\n", 5, "both powers of two, the smaller first (got '8')"),
        (HEAD + "ArrayHeight = { range = [8, 9] }\n", 5, "ArrayHeight must have range = [start, stop, step]"),
        (HEAD + "ArrayHeight = { range = [9, 8, 1] }\n", 5, "ArrayHeight must have range = [start, stop, step]"),
        (HEAD + "ArrayHeight = { range = [1, 60000000, 1] }\n", 5, "ArrayHeight must have at most 100000 values"),
        (HEAD + 'Dataflow = ["wss"]\n', 5, "Dataflow must be one of os, ws, is (got 'wss'; did you mean 'ws'?)"),
        (HEAD + 'run_name = ["a"]\n', 5, "run_name names a run and changes none of its figures"),
        (HEAD + 'MemoryModel = ["scalesim"]\n', 5, "MemoryModel cannot be explored"),
        (HEAD + "arrayheight = [8]\nArrayHeight = [9]\n", 6, "ArrayHeight must be given once in [space]"),
        (HEAD + "IfmapSramSzkB = [8]\nIfmapSramWords = [9]\n", 5, "IfmapSramSzkB has no effect beside"),
        (HEAD + f"{SIDE}[constraints]\narea = '<= 2'\n", 7, "constraints must name metrics of"),
        (HEAD + f"{SIDE}[constraints]\n'energy_pj.drm' = '<= 2'\n", 7, "did you mean 'energy_pj_dram'?)"),
        (HEAD + f"{SIDE}[constraints]\nedp = '<= 2'\n'area_mm2.dram' = '<= 2'\n", 8, "must name metrics of"),
        (HEAD + f"{SIDE}[constraints]\nenergy_pj_dram = '<= 2'\n'energy_pj.dram' = '<= 2'\n", 8, "each metric once"),
        (HEAD + f"{SIDE}[constraints]\n'stall_by.ifmap' = '<= 2'\n", 7, "constraints cannot name stall_by_ifmap"),
        (HEAD + f"{SIDE}[constraints]\npes = '< 2'\n", 7, 'pes must be bounded as "<= value" or ">= value"'),
        (HEAD + f"{SIDE}[constraints]\npes = 2\n", 7, "pes must be bounded as"),
        (HEAD + f"{SIDE}[constraints]\npes = []\n", 7, "or by a list of at most one of each (got '[]')"),
        (HEAD + f"{SIDE}[constraints]\npes = ['<= 2', 3]\n", 7, "or by a list of at most one of each (got '3')"),
        (HEAD + f"{SIDE}[constraints]\npes = ['<= 2', '<= 3']\n", 7, "one bound of each kind (got '<= 2, <= 3')"),
        (HEAD + f"{SIDE}[constraints]\npes = ['<= 2', '>= 3']\n", 7, 'a ">=" bound that is not above its "<="'),
        (HEAD.replace("fj_per_op", "fj_per_ops") + SIDE, 3, "(got 'fj_per_ops'; did you mean 'fj_per_op'?)"),
        (HEAD.replace('"min"', '"low"') + SIDE, 3, 'fj_per_op must be "min" or "max" (got \'low\')'),
        (HEAD.replace('"alexnet"', '"alexnett"') + SIDE, 2, "did you mean 'alexnet'?"),
        (HEAD.replace('["alexnet"]', "[]") + SIDE, 2, "and have at least one"),
        (HEAD.replace('["alexnet"]', "{ alexnet = 0 }") + SIDE, 2, "weight of alexnet must be a number"),
        (HEAD.replace('["alexnet"]', '["alexnet", "alexnet"]') + SIDE, 2, "each network once"),
        (HEAD.replace("networks", "network") + SIDE, 2, "did you mean 'networks'?"),
        (HEAD.replace("fj_per_op", "least_bandwidth") + SIDE, 3, "least_bandwidth, which only a run of one machine"),
        (HEAD.replace("fj_per_op", "stall_by.ifmap") + SIDE, 3, "objectives cannot name stall_by_ifmap"),
        (HEAD.replace("fj_per_op", "dram_reads") + SIDE, 3, "objectives must name metrics of"),
        (HEAD.replace('"min"', '"min", total_energy_pj = "min", energy_pj = "min"') + SIDE, 3, "each metric once"),
        (HEAD.replace("[space]", "weights = 3\n[space]") + SIDE, 4, "weights must give at least one metric its"),
        (HEAD.replace("[space]", "weights = {}\n[space]") + SIDE, 4, "weights must give at least one metric its"),
        (HEAD.replace("[space]", "weights = { edpp = 1 }\n[space]") + SIDE, 4, "(got 'edpp'; did you mean 'edp'?)"),
        (HEAD.replace("[space]", "weights = { edp = 0 }\n[space]") + SIDE, 4, "weights: edp must be a number of a"),
        (HEAD.replace("[space]", "weights = { edp = 'x' }\n[space]") + SIDE, 4, "from 1e-09 to 1e+09 (got 'x')"),
        (HEAD.replace("[space]", "weights = { edp = nan }\n[space]") + SIDE, 4, "from 1e-09 to 1e+09 (got 'nan')"),
        (HEAD.replace("[space]", "weights = { tops_per_mm2 = 1 }\n[space]") + SIDE, 4, 'its objective is "max" (got'),
        (HEAD.replace("[space]", "weights = { fj_per_op = -1.5 }\n[space]") + SIDE, 4, "must be above 0, as its"),
        (HEAD.replace("[space]", "wights = { edp = 1 }\n[space]") + SIDE, 4, "did you mean 'weights'?"),
        ("[explore]\nmachine = 3\n[space]\n" + SIDE, 2, "machine must be the name of a shipped machine"),
        ("[explore]\nmachine = 'eyeris'\n[space]\n" + SIDE, 2, "did you mean 'eyeriss'?"),
        ("[explore]\nnetworks = ['alexnet']\n[space]\n" + SIDE, 1, "objectives must give at least"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_a_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = space_of(tmp_path, text)
    with pytest.raises(BadInput) as problem:
        read_space(path)
    message = str(problem.value)
    assert message.startswith(f"{path}:{line}: "), message
    assert said in message, message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("ArrayHeight = [64, 32, '064']", "'064' and '64'"),
        ("DramBandwidth = [2, 2.0]", "'2.0' and '2'"),
        ("DramBandwidth = ['7/2', 3.50]", "'3.50' and '7/2'"),
        ("ActiveFraction = ['2/4', 0.5]", "'0.5' and '2/4'"),
        ("Bandwidth = ['8, 9', 8]", "'8' and '8, 9'"),
        ("Dataflow = ['WS', 'os', 'ws']", "'ws' and 'WS'"),
        ("DramPorts = ['Shared', 'shared']", "'shared' and 'Shared'"),
        ("TrimFolds = [true, 'yes']", "'yes' and 'true'"),
        ("NodeNm = [45, '90/2']", "'90/2' and '45'"),
        ("ClockMHz = [1_000.0, 1000]", "'1000' and '1000.0'"),
        ("Device = ['hp', 'lop', 'ITRS-HP']", "'ITRS-HP' and 'hp'"),
        ("NumberFormat = ['int8', 'fp16', 'int8/int32']", "'int8/int32' and 'int8'"),
        ("NumberFormat = ['bf16/fp32', 'bf16']", "'bf16' and 'bf16/fp32'"),
        ("DramType = ['ddr4', 'DDR4']", "'DDR4' and 'ddr4'"),
        ("SramPorts = ['1rw', '1RW']", "'1RW' and '1rw'"),
        ("ComponentFile = ['a.csv', './a.csv']", "'./a.csv' and 'a.csv'"),
    ],
)
def test_two_names_of_one_value_are_one_value(tmp_path: Path, values: str, said: str) -> None:
    key = values.partition(" ")[0]
    with pytest.raises(BadInput) as problem:
        read_space(space_of(tmp_path, f"{HEAD}{values}\n"))
    assert str(problem.value).endswith(f":5: {key} must have each value once (got {said}, which are the same)")


def test_values_that_only_look_alike_are_several(tmp_path: Path) -> None:
    axes = "NumberFormat = ['int8', 'int8/int16', 'int8/int24']\nDevice = ['hp', 'lop', 'itrs-lstp']\n"
    assert read_space(space_of(tmp_path, HEAD + axes)).points == 9


def test_two_names_of_one_network_are_one_network(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text("name,M,N,K\na,2,3,4\n", encoding="utf-8")
    text = HEAD.replace('["alexnet"]', '["net.csv", "./net.csv"]')
    with pytest.raises(BadInput, match=r"each network once \(got './net.csv' and 'net.csv', which are the same\)"):
        read_space(space_of(tmp_path, text + SIDE))


def test_the_space_that_comes_with_the_documentation_has_constraints_that_some_points_keep() -> None:
    space = read_space(Path(__file__).parents[2] / "spaces/alexnet.toml")
    assert space.points == 1_047_816
    points = Evaluator(space)
    found = points(np.random.default_rng(0).integers(space.points, size=2000)).reason
    assert {points.reasons[code] for code in np.unique(found)} == {
        "feasible", "outside of the constraint area_mm2 <= 10", "outside of the constraint time_s <= 0.005",
    }  # fmt: skip


def test_a_space_of_too_many_points_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = space_of(tmp_path, HEAD + "ArrayHeight = [8, 16]\nArrayWidth = [8, 16, 24]\n")
    monkeypatch.setattr(space_module, "MOST_POINTS", 6)
    assert read_space(path).points == 6
    monkeypatch.setattr(space_module, "MOST_POINTS", 5)
    with pytest.raises(BadInput, match=r":4: \[space\] must have at most 5 points \(got 6\)"):
        read_space(path)
