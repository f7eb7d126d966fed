"""`--memory scalesim` and `scalesim2` from the command line and from Python: files, options, what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cyclesim as package
from cyclesim.simulation import LayerRun
from tests.cli.conftest import CommandLine

CONFIG = """[general]
run_name = parity
[architecture_presets]
ArrayHeight = 4
ArrayWidth = 3
IfmapSramSzkB = 1
FilterSramSzkB = 1
OfmapSramSzkB = 1
IfmapOffset = 0
FilterOffset = 10000
OfmapOffset = 20000
Dataflow = ws
Bandwidth = 7
[layout]
IfmapSRAMBankBandwidth = 10
FilterSRAMBankBandwidth = 5
[run_presets]
InterfaceBandwidth = USER
"""
TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
first, 10, 9, 3, 3, 8, 30, 1,
oneDP, 6, 6, 3, 3, 2, 5, 2,
"""
REPORTS = ("BANDWIDTH_REPORT.csv", "COMPUTE_REPORT.csv", "DETAILED_ACCESS_REPORT.csv")
TRACES = [f"{operand}_{side}_TRACE.csv" for operand in ("IFMAP", "FILTER", "OFMAP") for side in ("SRAM", "DRAM")]
RUN = ("run", "-t", "net.csv", "-c", "scale.cfg", "--memory", "scalesim", "-q")
OUT = Path("results/parity")


@pytest.fixture
def scalesim(cyclesim: CommandLine) -> CommandLine:
    """The command line in a folder with files in SCALE-Sim's format."""
    Path("scale.cfg").write_text(CONFIG, encoding="utf-8")
    Path("net.csv").write_text(TOPOLOGY, encoding="utf-8")
    return cyclesim


def written(folder: Path = OUT) -> dict[str, bytes]:
    """Return all files of a run but the summary, which has times in it."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name not in ("SUMMARY.json", ".lock")}


def test_writes_scalesims_files_and_a_summary(scalesim: CommandLine) -> None:
    said = scalesim(*RUN)
    assert (said.status, said.out, said.err) == (0, "", "")
    assert sorted(written()) == sorted(REPORTS)
    summary = json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))
    assert summary["memory"] == "scalesim"
    assert [layer["index"] for layer in summary["layers"]] == [0, 1, 2]
    for layer, line in zip(summary["layers"], rows("COMPUTE_REPORT.csv"), strict=True):
        assert layer["total_cycles"] == int(line["Total Cycles"]) >= layer["compute_cycles"] - 1
        assert layer["stall_cycles"] == int(line["Stall Cycles"])
        assert (layer["cold_start_cycles"], layer["drain_cycles"]) == (0, 0)
        assert (layer["bound"], layer["stall_by"]) == (None, None)
    assert summary["totals"]["stall_by"] is None


def rows(name: str) -> list[dict[str, str]]:
    """Return a report's lines by their columns."""
    return list(csv.DictReader((OUT / name).read_text(encoding="utf-8").splitlines(), skipinitialspace=True))


def test_the_other_version_has_its_own_reports(scalesim: CommandLine) -> None:
    """SCALE-Sim 2.0.2: no cycles with prefetch, columns with strides of their own, no [layout], one bandwidth."""
    text = CONFIG.replace("[layout]\nIfmapSRAMBankBandwidth = 10\nFilterSRAMBankBandwidth = 5\n", "")
    Path("scale.cfg").write_text(text.replace("Bandwidth = 7", "Bandwidth = 7, 10"), encoding="utf-8")
    Path("net.csv").write_text(TOPOLOGY + "columns, 6, 9, 3, 3, 2, 5, 2, 3, 7,\n", encoding="utf-8")
    said = scalesim(*RUN, "--memory", "scalesim2")
    assert (said.status, said.out, said.err) == (0, "", "")
    assert sorted(written()) == sorted(REPORTS)
    summary = json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))
    assert summary["memory"] == "scalesim2"
    reported = rows("COMPUTE_REPORT.csv")
    assert "Total Cycles (incl. prefetch)" not in reported[0]
    assert len(rows("BANDWIDTH_REPORT.csv")) == len(rows("DETAILED_ACCESS_REPORT.csv")) == 4
    for layer, line in zip(summary["layers"], reported, strict=True):
        assert layer["total_cycles"] == int(line["Total Cycles"])
        assert layer["stall_cycles"] == int(line["Stall Cycles"])
    assert summary["layers"][3]["m"] == 3 * 3


def test_stall_cycles_may_be_negative(scalesim: CommandLine) -> None:
    """In SCALE-Sim 2.0.2, reads of a row that are both early pull the rows after it forward."""
    text = CONFIG.replace("= ws", "= os").replace("ArrayWidth = 3", "ArrayWidth = 4").replace("h = 7", "h = 64")
    Path("scale.cfg").write_text(text + "[cyclesim]\nMemoryModel = scalesim2\n", encoding="utf-8")
    Path("net.csv").write_text("header\nearly, 8, 8, 200, no ratio,\n", encoding="utf-8")
    command = ("run", "-t", "net.csv", "-c", "scale.cfg", "-i", "gemm", "-q")
    assert scalesim(*command, "--traces", "all").status == 0
    [line] = rows("COMPUTE_REPORT.csv")
    assert (line["Total Cycles"], line["Stall Cycles"]) == ("822", "-1")
    [layer] = json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))["layers"]
    assert layer["stall_cycles"] == -1
    with h5py.File(OUT / "traces.h5") as file:
        requested = file["layers/0000/sram/cycle"][:]
    assert np.unique(np.diff(requested)).tolist() == [0, 1]
    assert scalesim(*command, "--memory", "scalesim").err.startswith("net.csv:2: a field after the last number must be")


def test_a_read_operand_without_a_request_starts_and_stops_at_zero(scalesim: CommandLine) -> None:
    """With USER bandwidths SCALE-Sim needs no request, and reports the integers that it began with."""
    Path("scale.cfg").write_text(CONFIG.replace("IfmapOffset = 0", "IfmapOffset = -1"), encoding="utf-8")
    Path("net.csv").write_text("header\none, 1, 3, 1,\n", encoding="utf-8")
    for memory in ("scalesim", "scalesim2"):
        assert scalesim(*RUN, "-i", "gemm", "--memory", memory).status == 0
        [line] = rows("DETAILED_ACCESS_REPORT.csv")
        assert [line[f"SRAM IFMAP {word} Cycle"] for word in ("Start", "Stop")] == ["0", "0"]
        assert line["SRAM Filter Start Cycle"].endswith(".0")


def test_traces_do_not_depend_on_jobs_and_reports_not_on_traces(scalesim: CommandLine) -> None:
    scalesim(*RUN)
    reports = written()
    scalesim(*RUN, "--traces", "all", "--trace-format", "csv", "--jobs", "1")
    alone = written()
    assert sorted(alone) == sorted([*REPORTS, *(f"layer{i}/{name}" for i in range(3) for name in TRACES)])
    scalesim(*RUN, "--traces", "all", "--trace-format", "csv", "--jobs", "4")
    assert written() == alone
    scalesim(*RUN, "--traces", "dram", "--trace-format", "csv", "--layers", "1")
    some = written()
    assert sorted(some) == sorted([*REPORTS, *(f"layer1/{name}" for name in TRACES if "DRAM" in name)])
    assert all(some[name] == alone[name] for name in some if name not in REPORTS)
    assert {name: alone[name] for name in REPORTS} == reports


def test_hdf5_traces_hold_what_the_text_holds(scalesim: CommandLine) -> None:
    scalesim(*RUN, "--traces", "all", "--trace-format", "csv")
    text = written()
    scalesim(*RUN, "--traces", "all")
    assert sorted(written()) == sorted([*REPORTS, "traces.h5"])
    with h5py.File(OUT / "traces.h5") as file:
        for index in range(3):
            layer = file[f"layers/{index:04d}"]
            assert layer.attrs["variant"] == "scalesim-ws"
            for operand in ("ifmap", "filter", "ofmap"):
                sram = read(text[f"layer{index}/{operand.upper()}_SRAM_TRACE.csv"])
                assert np.array_equal(layer[f"sram/{operand}_cycle"][:], sram[:, 0])
                assert np.array_equal(layer[f"sram/{operand}"][:], sram[:, 1:])
                dram = read(text[f"layer{index}/{operand.upper()}_DRAM_TRACE.csv"])
                real = dram[:, 1:] != -1
                assert np.array_equal(layer[f"dram/{operand}/address"][:], dram[:, 1:][real])
                assert np.array_equal(layer[f"dram/{operand}/cycle"][:], np.repeat(dram[:, 0], real.sum(axis=1)))
            assert layer["dram/psum/cycle"].shape == (0,)
            assert "series" not in layer


def read(text: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return a text trace's numbers."""
    return np.array([[float(number) for number in line.split(",")] for line in text.decode().splitlines()])


def test_files_of_a_native_run_under_this_name_go(scalesim: CommandLine) -> None:
    scalesim("run", "-t", "net.csv", "-c", "scale.cfg", "-q")
    assert (OUT / "STALL_REPORT.csv").is_file()
    assert (OUT / "traces.h5").is_file()
    scalesim(*RUN)
    assert sorted(written()) == sorted(REPORTS)


def test_an_interrupted_run_is_resumed(scalesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*RUN, "--traces", "all", "--trace-format", "csv")
    scalesim(*words)
    whole = written()
    shutil.rmtree(OUT)
    finish = LayerRun.finish
    done: list[Any] = []

    def interrupt(self: LayerRun, *given: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(finish(self, *given))
        return done[0]

    with monkeypatch.context() as patch:
        patch.setattr(LayerRun, "finish", interrupt)
        assert scalesim(*words).status == 130
    assert Path(OUT, ".partial/0000.json").is_file()
    assert scalesim(*words, "--resume").status == 0
    assert written() == whole
    assert json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))["totals"]["layers"] == 3


def test_the_machines_file_may_ask_for_it(scalesim: CommandLine) -> None:
    scalesim(*RUN)
    asked = written()
    Path("scale.cfg").write_text(CONFIG + "[cyclesim]\nMemoryModel = scalesim\n", encoding="utf-8")
    assert scalesim("run", "-t", "net.csv", "-c", "scale.cfg", "-q").status == 0
    assert written() == asked
    assert scalesim("run", "-t", "net.csv", "-c", "scale.cfg", "-q", "--memory", "native").status == 0
    assert (OUT / "STALL_REPORT.csv").is_file()


def test_keys_of_the_native_mode_have_no_effect_and_are_named(scalesim: CommandLine) -> None:
    Path("scale.cfg").write_text(CONFIG + "[cyclesim]\nPsumBits = 32\nMemoryModel = native\n", encoding="utf-8")
    said = scalesim(*RUN)
    assert (said.status, said.err) == (
        0, "warning: scale.cfg: these keys have no effect in memory model scalesim: PsumBits\n"
    )  # fmt: skip


def test_a_topology_without_layers_makes_headers(scalesim: CommandLine) -> None:
    Path("net.csv").write_text("header\n\n", encoding="utf-8")
    assert scalesim(*RUN).status == 0
    assert [content.count(b"\n") for content in written().values()] == [1, 1, 1]
    assert json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))["totals"] is None
    said = scalesim(*RUN, "--layers", "0")
    assert (said.status, said.err) == (2, "cyclesim: --layers: net has no layers (got '0')\n")


def test_sweeps_read_each_point_by_scalesims_rules(scalesim: CommandLine) -> None:
    said = scalesim(*RUN, "--sweep", "IfmapSRAMBankBandwidth=1,20", "--sweep", "Dataflow=os,ws")
    assert (said.status, said.err) == (0, "")
    table = list(csv.DictReader((OUT / "SWEEP.csv").read_text(encoding="utf-8").splitlines()))
    assert len(table) == 2 * 2 * 3
    assert [row["Dataflow"] for row in table[:6]] == ["os"] * 3 + ["ws"] * 3
    Path("fast.cfg").write_text(CONFIG.replace("BankBandwidth = 10", "BankBandwidth = 20"), encoding="utf-8")
    scalesim("run", "-t", "net.csv", "-c", "fast.cfg", "--memory", "scalesim", "-q")
    assert [row["stall_cycles"] for row in table[9:]] == [row["Stall Cycles"] for row in rows("COMPUTE_REPORT.csv")]


def test_dry_run_tells_demand_rows(scalesim: CommandLine) -> None:
    said = scalesim(*RUN, "--dry-run")
    summed = said.out.splitlines()[-1].split()
    scalesim(*RUN)
    layers = json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))["layers"]
    assert int(summed[1].replace(",", "")) == sum(layer["compute_cycles"] for layer in layers)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--window", "10"), "cyclesim: --window: memory model scalesim has no bandwidth series\n"),
        (("--sweep", "MemoryModel=native,scalesim"), "cyclesim: --sweep MemoryModel: "),
        (("--sweep", "DramBandwidth=1,2"), "cyclesim: --sweep DramBandwidth: has no effect in memory model scalesim"),
        (("--sweep", "Bandwidth=1,0"), "cyclesim: --sweep Bandwidth: "),
        (("-t", "alexnet"), "SCALE-Sim"),
        (("-c", "machine.cfg"), "machine.cfg:3: IfmapOffset is missing from [architecture_presets]"),
        (("--layers", "3"), "cyclesim: --layers: net has layers 0 to 2 (got '3')\n"),
    ],
)
def test_bad_input_is_one_line(scalesim: CommandLine, words: tuple[str, ...], message: str) -> None:
    before = sorted(scalesim.folder.rglob("*"))
    said = scalesim(*RUN, *words)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert sorted(scalesim.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("config", "layer", "words", "message"),
    [
        (
            {"ArrayHeight = 4": "ArrayHeight = 1", "ArrayWidth = 3": "ArrayWidth = 1"},
            "one, 1, 1, 1,",
            ("-i", "gemm", "--dataflow", "os"),
            "net.csv:2: SCALE-Sim divides by its Total Cycles, which are 0 here: one multiplication on a 1 x 1 array",
        ),
        (
            {"IfmapOffset = 0": "IfmapOffset = -1", "USER": "CALC"},
            "one, 1, 8, 1,",
            ("-i", "gemm"),
            "net.csv:2: SCALE-Sim needs a request: the only address of the ifmap is -1, its marker for none",
        ),
        (
            {"IfmapOffset = 0": "IfmapOffset = -1", "USER": "CALC"},
            "over, 3, 3, 1, 1, 1, 4, 5,",  # the second window of each direction hangs over
            (),
            "net.csv:2: SCALE-Sim needs a request: the only address of the ifmap is -1, its marker for none",
        ),
        (
            {"ArrayWidth = 3": "ArrayWidth = 1001", "USER": "CALC"},
            "wide, 1, 1001, 1,",
            ("-i", "gemm"),
            "net.csv:2: SCALE-Sim fails where a demand row brings over 500 new filter words; FilterSramSzkB must be",
        ),
    ],
)
def test_what_scalesim_fails_on_is_refused_at_its_line(
    scalesim: CommandLine, config: dict[str, str], layer: str, words: tuple[str, ...], message: str
) -> None:
    text = CONFIG
    for old, new in config.items():
        assert old in text
        text = text.replace(old, new)
    Path("scale.cfg").write_text(text, encoding="utf-8")
    Path("net.csv").write_text(f"header\n{layer}\n", encoding="utf-8")
    said = scalesim(*RUN, *words)
    assert said.status == 2
    assert said.err.startswith(message)
    assert said.err.count("\n") == 1
    assert not Path("results").exists()


def test_an_operand_without_any_request_is_none_in_user_mode(scalesim: CommandLine) -> None:
    """SCALE-Sim prints its first and last cycle as integers then."""
    Path("scale.cfg").write_text(CONFIG.replace("IfmapOffset = 0", "IfmapOffset = -1"), encoding="utf-8")
    Path("net.csv").write_text("header\none, 1, 8, 1,\n", encoding="utf-8")
    assert scalesim(*RUN, "-i", "gemm").status == 0
    report = (OUT / "DETAILED_ACCESS_REPORT.csv").read_text(encoding="utf-8").splitlines()
    assert report[1].startswith("0, 0, 0, 3, 4.0, 24.0, 8, ")


def test_a_swept_point_that_scalesim_fails_on_is_named(scalesim: CommandLine) -> None:
    Path("net.csv").write_text("header\none, 1, 1, 1,\n", encoding="utf-8")
    said = scalesim(*RUN, "-i", "gemm", "--dataflow", "os", "--sweep", "ArrayHeight=2,1", "--sweep", "ArrayWidth=1")
    assert said.status == 2
    assert said.err.startswith("cyclesim: --sweep ArrayHeight=1, ArrayWidth=1: layer one: SCALE-Sim divides by")


# ---------------------------------------------------------------------------------------------------------- Python


def test_python_runs_what_the_command_line_runs(scalesim: CommandLine) -> None:
    scalesim(*RUN)
    expected = json.loads((OUT / "SUMMARY.json").read_text(encoding="utf-8"))["layers"]
    hardware = package.load_hardware("scale.cfg", memory="scalesim")
    network = package.load_topology("net.csv", memory="scalesim")
    assert [layer.to_dict() for layer in package.simulate(network, hardware).layers] == expected

    # A machine and a network that were loaded natively: a DP layer there is one layer, grouped.
    with pytest.warns(package.CyclesimWarning):
        hardware, network = package.load_hardware("scale.cfg"), package.load_topology("net.csv")
    run = package.simulate(network, hardware, memory="scalesim")
    assert [layer.stall_cycles for layer in run.layers] == [layer["stall_cycles"] for layer in expected]
    assert [layer.index for layer in run.layers] == [0, 1, 2]


def test_python_traces(scalesim: CommandLine) -> None:
    scalesim(*RUN, "--traces", "all")
    hardware = package.load_hardware("scale.cfg", memory="scalesim")
    package.simulate(package.load_topology("net.csv", memory="scalesim"), hardware, traces="own.h5")
    with package.open_trace("own.h5") as own, package.open_trace(OUT / "traces.h5") as run:
        for index in range(3):
            for (cycles, words), (same_cycles, same_words) in zip(
                own.chunks(index, "ifmap"), run.chunks(index, "ifmap"), strict=True
            ):
                assert np.array_equal(cycles, same_cycles)
                assert np.array_equal(words, same_words)
        with pytest.raises(ValueError, match="layer 0 has no series"):
            run.series(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"[layout]\nIfmapSRAMBankBandwidth = 10\n": "[layout]\n"}, "needs IfmapSRAMBankBandwidth and Filter"),
        ({"Bandwidth = 7\n": "", "USER": "USER\n[cyclesim]\nDramBandwidth = 3/2"}, "Bandwidth must be a whole number"),
        ({"IfmapSramSzkB = 1\n": "", "USER": "USER\n[cyclesim]\nIfmapSramWords = 512"}, "IfmapSramSzkB must be given"),
    ],
)
@pytest.mark.filterwarnings("ignore::cyclesim.CyclesimWarning")
def test_a_native_machine_must_have_what_scalesim_needs(
    scalesim: CommandLine, changes: dict[str, str], message: str
) -> None:
    text = CONFIG
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    Path("scale.cfg").write_text(text, encoding="utf-8")
    hardware, network = package.load_hardware("scale.cfg"), package.load_topology("net.csv")
    with pytest.raises(package.BadInput, match=message):
        package.simulate(network, hardware, memory="scalesim")


def test_a_native_machine_and_network_run_as_either_version(scalesim: CommandLine) -> None:
    Path("net.csv").write_text("header\ncolumns, 6, 9, 3, 3, 2, 5, 2, 3,\n", encoding="utf-8")
    text = CONFIG.split("[layout]")[0] + "[run_presets]\nInterfaceBandwidth = USER\n"
    Path("scale.cfg").write_text(text, encoding="utf-8")
    hardware, network = package.load_hardware("scale.cfg"), package.load_topology("net.csv", memory="scalesim2")
    same = package.simulate(network, package.load_hardware("scale.cfg", memory="scalesim2"))
    assert package.simulate(network, hardware, memory="scalesim2").layers == same.layers
    with pytest.raises(package.BadInput, match="memory scalesim: InterfaceBandwidth USER needs IfmapSRAMBankBandwidth"):
        package.simulate(network, hardware, memory="scalesim")
    with pytest.raises(package.BadInput, match="with one stride for both directions and output sizes"):
        package.simulate(network, package.load_hardware("default"), memory="scalesim")


def test_a_layer_that_scalesim_cannot_describe_is_refused() -> None:
    with pytest.raises(package.BadInput, match="memory scalesim: layer conv1: must be a convolution without padding"):
        package.simulate(package.load_topology("resnet18"), package.load_hardware("default"), memory="scalesim")
