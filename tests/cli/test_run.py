"""`cyclesim run`: what it writes, says and refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cyclesim as package
from cyclesim.demand import demand
from cyclesim.results import RESULT_FIELDS, flatten
from tests.cli.conftest import CommandLine

SMALL = ("-t", "net.csv", "-c", "machine.cfg")
REPORTS = [
    "AREA_REPORT.csv", "BANDWIDTH_REPORT.csv", "COMPUTE_REPORT.csv", "DETAILED_ACCESS_REPORT.csv", "ENERGY_REPORT.csv",
    "STALL_REPORT.csv",
]  # fmt: skip


def summary(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "SUMMARY.json").read_text(encoding="utf-8"))
    return loaded


def test_a_run_writes_reports_and_nothing_else(cyclesim: CommandLine) -> None:
    said = cyclesim("run", *SMALL, "-p", "deep/er/out")
    folder = cyclesim.folder / "deep/er/out/tiny"
    assert said.status == 0
    assert said.err == ""
    assert sorted(path.name for path in folder.iterdir()) == [*REPORTS, "SUMMARY.json", "traces.h5"]


def test_the_summary_has_every_field_of_every_layer_under_its_name(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL)
    found = summary(cyclesim.folder / "results/tiny")
    run = package.simulate(package.load_topology("net.csv"), package.load_hardware("machine.cfg"))
    assert found["format"] == "cyclesim-summary"
    assert found["engine"] == "simulate"
    assert [tuple(layer) for layer in found["layers"]] == [RESULT_FIELDS] * 5
    assert found["layers"] == [layer.to_dict() for layer in run.layers]
    assert found["totals"] == run.totals.to_dict()
    assert found["hardware"]["ArrayHeight"] == 4
    assert [layer["name"] for layer in found["layers"]] == [
        "first conv", "depthwise", "product", "scores", "classes",
    ]  # fmt: skip


def test_reports_start_with_the_columns_of_scalesim(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL)
    with (cyclesim.folder / "results/tiny/COMPUTE_REPORT.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    layers = summary(cyclesim.folder / "results/tiny")["layers"]
    assert list(rows[0])[:8] == [
        "LayerID", "Layer", "Total Cycles (incl. prefetch)", "Total Cycles", "Stall Cycles", "Overall Util %",
        "Mapping Efficiency %", "Compute Util %",
    ]  # fmt: skip
    for row, layer in zip(rows, layers, strict=True):
        assert row["Total Cycles"] == str(layer["compute_cycles"] + layer["stall_cycles"])
        assert float(row["Overall Util %"]) == pytest.approx(100 * layer["utilization"], rel=1e-15)
    text = (cyclesim.folder / "results/tiny/DETAILED_ACCESS_REPORT.csv").read_text(encoding="utf-8")
    assert not any(line.endswith(", ") or ", " in line for line in text.splitlines())


def test_traces_hold_the_demand_of_every_layer(cyclesim: CommandLine) -> None:
    assert cyclesim("run", *SMALL, "-s", "Y").status == 0
    machine = package.load_hardware("machine.cfg")
    run = package.simulate(package.load_topology("net.csv"), machine)
    with h5py.File(cyclesim.folder / "results/tiny/traces.h5") as file:
        assert file.attrs["format"] == "cyclesim-trace"
        assert json.loads(file.attrs["hardware"])["ArrayWidth"] == 3
        for layer in package.load_topology("net.csv").layers:
            group = file[f"layers/{layer.index:04d}"]
            plan = demand(layer, machine)
            assert group.attrs["name"] == layer.name
            assert set(group["sram"]) == {*plan.groups, "cycle"}
            assert group["sram/cycle"].shape == (plan.cycles,)
            assert (np.diff(group["sram/cycle"]) >= 1).all()
            for operand, ports in plan.groups.items():
                expected = np.empty((ports.ports, plan.cycles), plan.dtype)
                plan.fill(operand, 0, expected, np.empty(plan.cycles, np.int32))
                assert np.array_equal(group["sram"][operand][:].T, expected)
                assert group["sram"][operand].dtype == np.int32
            result = run.layers[layer.index]
            words = {**result.dram_reads, **result.dram_writes}
            assert {stream: len(group[f"dram/{stream}/address"]) for stream in group["dram"]} == words
            assert {stream: len(group[f"dram/{stream}/cycle"]) for stream in group["dram"]} == words


def test_csv_traces_hold_the_same_words_as_hdf5(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL, "--traces", "all")
    cyclesim("run", *SMALL, "-p", "text", "--traces", "all", "--trace-format", "csv")
    assert not (cyclesim.folder / "text/tiny/traces.h5").exists()
    with h5py.File(cyclesim.folder / "results/tiny/traces.h5") as file:
        for index in range(5):
            sram = file[f"layers/{index:04d}/sram"]
            for operand in ("ifmap", "filter", "psum", "ofmap"):
                path = cyclesim.folder / f"text/tiny/layer{index}/{operand.upper()}_SRAM_TRACE.csv"
                assert path.exists() == (operand in sram)
                if operand in sram:
                    text = np.loadtxt(path, delimiter=",", dtype=np.int64, ndmin=2)
                    assert np.array_equal(text[:, 0], sram["cycle"])
                    assert np.array_equal(text[:, 1:], sram[operand])
                path = cyclesim.folder / f"text/tiny/layer{index}/{operand.upper()}_DRAM_TRACE.csv"
                dram = file[f"layers/{index:04d}/dram/{operand}"]
                lines = [f"{cycle},{address}" for cycle, address in zip(dram["cycle"], dram["address"], strict=True)]
                assert path.read_text(encoding="utf-8").splitlines() == lines
            series = np.genfromtxt(cyclesim.folder / f"text/tiny/layer{index}/SERIES.csv", delimiter=",", names=True)
            for operand in ("ifmap", "filter", "psum", "ofmap"):
                assert series[f"dram_{operand}"].sum() == len(file[f"layers/{index:04d}/dram/{operand}/cycle"])


@pytest.mark.parametrize(
    ("options", "sram", "dram"),
    [(("-s", "Y"), True, True), (("-s", "N"), False, False), (("--traces", "sram"), True, False),
     (("--traces", "dram", "-s", "N"), False, True), (("-s", "Y", "--traces", "none"), False, False)],
)  # fmt: skip
def test_trace_options_choose_what_is_written(
    cyclesim: CommandLine, options: tuple[str, ...], sram: bool, dram: bool
) -> None:
    assert cyclesim("run", *SMALL, *options).status == 0
    with h5py.File(cyclesim.folder / "results/tiny/traces.h5") as file:
        wanted = {name for name, on in (("sram", sram), ("dram", dram)) if on}
        assert set(file["layers/0000"]) == {*wanted, "series"}


def test_the_window_of_the_series_is_selectable(cyclesim: CommandLine) -> None:
    assert cyclesim("run", *SMALL, "--window", "0").status == 0
    assert not (cyclesim.folder / "results/tiny/traces.h5").exists()
    for words in ((), ("--window", "7")):
        cyclesim("run", *SMALL, *words)
        layer = summary(cyclesim.folder / "results/tiny")["layers"][0]
        with package.open_trace("results/tiny/traces.h5") as trace:
            series = trace.series(0)
            window = int(trace.layers[0]["series"].attrs["window"])
        assert window == (7 if words else window)
        assert series["start"].tolist() == list(range(0, layer["total_cycles"], window))
        assert series["sram_ifmap"].sum() == layer["sram_reads"]["ifmap"]
        assert series["dram_ofmap"].sum() == layer["dram_writes"]["ofmap"]


def test_results_do_not_depend_on_jobs_or_traces(cyclesim: CommandLine) -> None:
    found = []
    for options in (("--jobs", "1"), ("--jobs", "3"), ("--jobs", "2", "-s", "Y")):
        cyclesim("run", *SMALL, *options)
        found.append(summary(cyclesim.folder / "results/tiny")["layers"])
    assert found[0] == found[1] == found[2]


def test_selected_layers_keep_their_index(cyclesim: CommandLine) -> None:
    assert cyclesim("run", *SMALL, "--layers", "1,3-4", "--traces", "sram", "--trace-format", "csv").status == 0
    folder = cyclesim.folder / "results/tiny"
    assert [layer["index"] for layer in summary(folder)["layers"]] == [1, 3, 4]
    assert sorted(path.name for path in folder.glob("layer*")) == ["layer1", "layer3", "layer4"]


def test_a_later_run_leaves_no_traces_of_an_earlier_one(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL, "-s", "Y")
    cyclesim("run", *SMALL, "-s", "Y", "--trace-format", "csv")
    assert not (cyclesim.folder / "results/tiny/traces.h5").exists()
    cyclesim("run", *SMALL)
    assert not list((cyclesim.folder / "results/tiny").glob("layer*"))


def test_dry_run_prints_sizes_and_writes_nothing(cyclesim: CommandLine) -> None:
    said = cyclesim("run", *SMALL, "--dry-run")
    run = package.simulate(package.load_topology("net.csv"), package.load_hardware("machine.cfg"))
    assert said.status == 0
    assert "first conv" in said.out
    assert f"{run.totals.compute_cycles:,}" in said.out
    assert not (cyclesim.folder / "results").exists()


def test_quiet_prints_nothing(cyclesim: CommandLine) -> None:
    said = cyclesim("run", *SMALL, "-q")
    assert (said.status, said.out, said.err) == (0, "", "")


def test_run_alone_is_alexnet_on_the_default_machine(cyclesim: CommandLine) -> None:
    assert cyclesim("run", "--layers", "0").status == 0
    found = summary(cyclesim.folder / "results/default")
    assert found["network"] == "alexnet"
    assert found["hardware"]["ArrayHeight"] == 32


def test_command_line_options_win_over_the_file(cyclesim: CommandLine) -> None:
    assert cyclesim("run", *SMALL, "--dataflow", "OS").status == 0
    assert summary(cyclesim.folder / "results/tiny")["hardware"]["Dataflow"] == "os"


def test_overlapping_offsets_are_warned_of_once(cyclesim: CommandLine) -> None:
    machine = cyclesim.folder / "machine.cfg"
    machine.write_text(
        machine.read_text(encoding="utf-8").replace("Dataflow = ws", "Dataflow = ws\nFilterOffset = 100"),
        encoding="utf-8",
    )
    said = cyclesim("run", *SMALL, "-q")
    assert said.status == 0
    assert said.err.startswith("warning: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "-t", "alexnt"), "cyclesim: -t: "),
        (("run", "-c", "eyeris"), "did you mean 'eyeriss'?"),
        (("run", "-t", "missing.csv"), "missing.csv: "),
        (("run", "-t", ""), "cyclesim: -t: no shipped network has this name"),
        (("run", "-t", "resnet50.csv"), "resnet50.csv: cannot be read: No such file or directory (got 'resnet50.csv'; "
         "did you mean 'resnet50'?)"),
        (("run", "-c", "old/eyeriss.cfg"), "did you mean 'eyeriss'?"),
        (("run", "-c", "vgg16.csv"), "vgg16.csv: cannot be read: No such file or directory\n"),
        (("run", *SMALL, "--layers", "5"), "cyclesim: --layers: net has layers 0 to 4 (got '5')"),
        (("run", *SMALL, "--layers", "3-1"), "cyclesim: --layers: "),
        (("run", *SMALL, "--layers", "a"), "cyclesim: --layers: "),
        (("run", *SMALL, "--jobs", "0"), "cyclesim: --jobs: "),
        (("run", *SMALL, "--dataflow", "wss"), "did you mean 'ws'?"),
        (("run", *SMALL, "--memory", "scalesim"), "machine.cfg:3: IfmapOffset is missing from [architecture_presets]"),
        (("run", *SMALL, "--resume"), "cyclesim: --resume: "),
        (("run", *SMALL, "-p", "net.csv"), "cyclesim: -p: net.csv is not a folder"),
        (("run", *SMALL, "-p", "new/" + 300 * "a"), "cannot be written to: File name too long"),
        (("run", *SMALL, "-p", "/proc"), "cyclesim: -p: /proc/tiny cannot be written to: "),
        (("run", *SMALL, "--unknown"), "cyclesim: unknown arguments: --unknown\n"),
        (("run", "--topolgy", "alexnet"), "--topolgy alexnet (got '--topolgy'; did you mean '--topology'?)"),
        (("validate", "--quik"), "did you mean '--quick'?"),
        (("rum",), "did you mean 'run'?"),
        (("validate", "schedul"), "did you mean 'schedule'?"),
        (("validate", "scalesim", "--quick"), "cyclesim: validate scalesim: needs --scalesim PYTHON"),
        (("validate", "schedule", "--seed", "-1"), "cyclesim: --seed: must be a whole number of at least 0 (got '-1')"),
    ],
)
def test_bad_input_is_one_line_and_status_2_and_nothing_written(
    cyclesim: CommandLine, words: tuple[str, ...], message: str
) -> None:
    before = sorted(cyclesim.folder.rglob("*"))
    said = cyclesim(*words)
    assert said.status == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(cyclesim.folder.rglob("*")) == before


def test_an_output_folder_that_is_a_dangling_link_is_refused(cyclesim: CommandLine) -> None:
    (cyclesim.folder / "link").symlink_to("nowhere")
    said = cyclesim("run", *SMALL, "-p", "link")
    assert (said.status, said.err) == (2, "cyclesim: -p: link is not a folder\n")


def test_a_limited_dram_channel_stalls_the_array(cyclesim: CommandLine) -> None:
    machine = cyclesim.folder / "machine.cfg"
    cyclesim("run", *SMALL)
    free = summary(cyclesim.folder / "results/tiny")
    text = machine.read_text(encoding="utf-8").replace("= CALC", "= USER\n[cyclesim]\nDramBandwidth = 1/2")
    machine.write_text(text, encoding="utf-8")
    assert cyclesim("run", *SMALL).status == 0
    found = summary(cyclesim.folder / "results/tiny")
    for layer, without in zip(found["layers"], free["layers"], strict=True):
        assert layer["stall_cycles"] > 0
        assert layer["dram_reads"] == without["dram_reads"]
        words = sum((*layer["dram_reads"].values(), *layer["dram_writes"].values()))
        assert words <= layer["total_cycles"] // 2
        assert layer["channel_utilization"] == words / (layer["total_cycles"] // 2)
        assert layer["machine_balance"] == 24
        assert without["channel_utilization"] is None
        assert layer["bound"] == "bandwidth"
        assert layer["least_bandwidth"] == without["least_bandwidth"]


class TestSweep:
    def test_one_line_for_each_point_and_layer(self, cyclesim: CommandLine) -> None:
        said = cyclesim("run", *SMALL, "--sweep", "dramBandwidth=1/2,4", "--sweep", "OfmapSramWords=8,400")
        assert said.status == 0
        folder = cyclesim.folder / "results/tiny"
        assert [path.name for path in folder.iterdir()] == ["SWEEP.csv"]
        with (folder / "SWEEP.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[:4] == ["DramBandwidth", "OfmapSramWords", "LayerID", "Layer"]
        assert [tuple(row.values())[:3] for row in rows] == [
            (bandwidth, words, str(layer)) for bandwidth in ("1/2", "4") for words in ("8", "400") for layer in range(5)
        ]
        machine = cyclesim.folder / "machine.cfg"
        text = machine.read_text(encoding="utf-8")
        machine.write_text(
            text.replace("= CALC", "= USER\n[cyclesim]\nDramBandwidth = 4\nOfmapSramWords = 8"), encoding="utf-8"
        )
        cyclesim("run", *SMALL)
        for row, layer in zip(rows[10:15], summary(folder)["layers"], strict=True):
            for name, value in flatten(layer).items():
                column = {"index": "LayerID", "name": "Layer"}.get(name, name)
                assert row[column] == ("" if value is None else str(value))

    def test_a_point_whose_tensors_overlap_is_warned_of(self, cyclesim: CommandLine) -> None:
        said = cyclesim("run", *SMALL, "--sweep", "FilterOffset=500000000,0", "-q")
        assert said.status == 0
        assert said.err.startswith("warning: the offsets let")
        assert said.err.count("\n") == 1

    def test_a_dry_run_lists_the_points(self, cyclesim: CommandLine) -> None:
        said = cyclesim("run", *SMALL, "--sweep", "ArrayWidth=2,3,8", "--dry-run")
        assert said.status == 0
        assert len(said.out.splitlines()) == 4
        assert not (cyclesim.folder / "results").exists()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("ArayWidth=1",), "cyclesim: --sweep ArayWidth: must name a key"),
            (("ArrayWidth",), "cyclesim: --sweep: must be KEY=VALUE,VALUE,... (got 'ArrayWidth')"),
            (("ArrayWidth=1,",), "cyclesim: --sweep: must be KEY=VALUE,VALUE,..."),
            (("ArrayWidth=1,0",), "cyclesim: --sweep ArrayWidth: "),
            (("ArrayWidth=1", "--sweep", "arraywidth=2"), "cyclesim: --sweep: ArrayWidth is given twice"),
            (("Dataflow=os", "--dataflow", "ws"), "cyclesim: --sweep: Dataflow is given twice"),
            (("ArrayWidth=1", "-s", "Y"), "cyclesim: --sweep: writes SWEEP.csv only"),
            (("ArrayWidth=1", "--resume"), "cyclesim: --sweep: writes SWEEP.csv only"),
            (("ArrayWidth=1", "--window", "8"), "cyclesim: --sweep: writes SWEEP.csv only"),
            (("FoldOverlap=pipe2", "--dataflow", "os"), "variant os-pipe2 is not defined"),
            (("MemoryModel=native,scalesim",), "cyclesim: --sweep MemoryModel: "),
            (("run_name=a,b",), "cyclesim: --sweep run_name: "),
            (("Dataflow=ws,wt",), "cyclesim: --sweep Dataflow: Dataflow must be one of os, ws, is (got 'wt')"),
            (("Dataflow=ws,os", "--sweep", "FoldOverlap=pipe2"), "variant os-pipe2 is not defined"),
        ],
    )
    def test_a_bad_sweep_is_refused_before_anything_runs(
        self, cyclesim: CommandLine, words: tuple[str, ...], message: str
    ) -> None:
        said = cyclesim("run", *SMALL, "--sweep", *words)
        assert said.status == 2
        assert message in said.err
        assert said.err.count("\n") == 1
        assert not (cyclesim.folder / "results").exists()


def test_list_names_what_is_shipped(cyclesim: CommandLine) -> None:
    said = cyclesim("list")
    assert said.status == 0
    assert "mobilenet_v2" in said.out
    assert "tpu_v3_core" in said.out
