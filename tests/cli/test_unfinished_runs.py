"""Interrupted and failed runs: what stays, what --resume does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cyclesim.rundir import RunFolder
from cyclesim.simulation import LayerRun, LayerRunner
from cyclesim.workload import Layer
from tests.cli.conftest import CommandLine

SMALL = ("-t", "net.csv", "-c", "machine.cfg")


def fail_at(layer_index: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one layer raise at its end: after its chunks were stored, before it counts as finished."""
    real: Callable[..., Any] = LayerRun.finish

    def finish(self: LayerRun, *arguments: Any) -> Any:
        result = real(self, *arguments)
        if result[0].index == layer_index:
            raise error
        return result

    monkeypatch.setattr(LayerRun, "finish", finish)


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("SUMMARY.json", "traces.h5")
    }


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left on device"), 1), (MemoryError(), 1)]
)
@pytest.mark.parametrize("form", ["hdf5", "csv"])
def test_a_stopped_run_keeps_finished_layers_only_and_resumes(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, form: str
) -> None:
    traces = ("-s", "Y", "--trace-format", form)
    with monkeypatch.context() as patch:
        fail_at(2, error, patch)
        said = cyclesim("run", *SMALL, *traces)
    folder = cyclesim.folder / "results/tiny"
    assert said.status == status
    assert said.err.startswith("cyclesim: ")
    assert said.err.endswith("; finished layers are kept, and --resume goes on\n")
    assert said.err.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == [".partial"]
    left = sorted(path.name for path in (folder / ".partial").iterdir())
    layers = ["0000.h5", "0001.h5"] if form == "hdf5" else ["layer0", "layer1"]
    assert left == sorted(["0000.json", "0000.npz", "0001.json", "0001.npz", *layers, "run.json"])

    simulated: list[int] = []
    real: Callable[..., Any] = LayerRunner.start
    with monkeypatch.context() as patch:

        def start(self: LayerRunner, layer: Layer, *rest: Any) -> Any:
            simulated.append(layer.index)
            return real(self, layer, *rest)

        patch.setattr(LayerRunner, "start", start)
        assert cyclesim("run", *SMALL, *traces, "--resume").status == 0
    assert simulated == [2, 3, 4]
    assert cyclesim("run", *SMALL, *traces, "-p", "whole").status == 0
    assert everything(folder) == everything(cyclesim.folder / "whole/tiny")
    if form == "hdf5":
        with h5py.File(folder / "traces.h5") as resumed, h5py.File(cyclesim.folder / "whole/tiny/traces.h5") as whole:
            names: list[str] = []
            whole.visit(names.append)
            for name in names:
                if isinstance(whole[name], h5py.Dataset):
                    assert np.array_equal(resumed[name][()], whole[name][()])


def test_layers_whose_traces_have_gone_are_run_again(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while traces are moved to their place leaves results without traces."""
    traces = ("-s", "Y", "--trace-format", "csv")
    with monkeypatch.context() as patch:
        fail_at(3, KeyboardInterrupt(), patch)
        cyclesim("run", *SMALL, *traces)
    partial = cyclesim.folder / "results/tiny/.partial"
    (partial / "layer1").rename(cyclesim.folder / "results/tiny/layer1")
    assert cyclesim("run", *SMALL, *traces, "--resume").status == 0
    assert len(list((cyclesim.folder / "results/tiny").glob("layer*/IFMAP_SRAM_TRACE.csv"))) == 5


def test_resume_leaves_a_complete_run_alone(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL)
    summary = cyclesim.folder / "results/tiny/SUMMARY.json"
    before = summary.stat().st_mtime_ns
    assert cyclesim("run", *SMALL, "--resume").status == 0
    assert summary.stat().st_mtime_ns == before


def test_resume_refuses_a_complete_run_that_lacks_a_report(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL)
    (cyclesim.folder / "results/tiny/BANDWIDTH_REPORT.csv").unlink()
    said = cyclesim("run", *SMALL, "--resume")
    assert said.status == 2
    assert "complete but for a report" in said.err


def test_resume_is_not_offered_before_the_run_has_a_folder(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: RunFolder, resume: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "begin", interrupt)
    said = cyclesim("run", *SMALL)
    assert (said.status, said.err) == (130, "cyclesim: interrupted\n")


def test_resume_refuses_other_inputs(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fail_at(1, KeyboardInterrupt(), patch)
        cyclesim("run", *SMALL)
    said = cyclesim("run", *SMALL, "--resume", "--dataflow", "os")
    assert said.status == 2
    assert "other inputs" in said.err
    said = cyclesim("run", *SMALL, "--resume", "-s", "Y")
    assert said.status == 2


def test_resume_after_another_run_was_completed_is_refused(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL)
    assert cyclesim("run", *SMALL, "--resume", "--layers", "0").status == 2


def test_without_resume_a_run_starts_anew(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fail_at(1, KeyboardInterrupt(), patch)
        cyclesim("run", *SMALL)
    first = cyclesim.folder / "results/tiny/.partial/0000.json"
    damaged = json.loads(first.read_text(encoding="utf-8"))
    damaged["compute_cycles"] = 1
    first.write_text(json.dumps(damaged), encoding="utf-8")
    assert cyclesim("run", *SMALL).status == 0
    found = json.loads((cyclesim.folder / "results/tiny/SUMMARY.json").read_text(encoding="utf-8"))
    assert found["layers"][0]["compute_cycles"] > 1


def test_traces_that_do_not_fit_the_disk_are_refused(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10, 0, 10))
    said = cyclesim("run", *SMALL, "-s", "Y")
    assert said.status == 2
    assert said.err.startswith("cyclesim: --traces: ")
    assert not (cyclesim.folder / "results").exists()


@pytest.mark.parametrize(
    ("name", "content"), [("0001.json", b""), ("0001.json", b'{"a": 1}'), ("0001.h5", b""), ("0001.npz", b"PK")]
)
def test_a_damaged_layer_is_run_again(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    with monkeypatch.context() as patch:
        fail_at(3, KeyboardInterrupt(), patch)
        cyclesim("run", *SMALL, "-s", "Y")
    folder = cyclesim.folder / "results/tiny"
    (folder / ".partial" / name).write_bytes(content)
    assert cyclesim("run", *SMALL, "-s", "Y", "--resume").status == 0
    cyclesim("run", *SMALL, "-s", "Y", "-p", "whole")
    assert everything(folder) == everything(cyclesim.folder / "whole/tiny")


def test_files_that_are_not_the_runs_stay(cyclesim: CommandLine) -> None:
    folder = cyclesim.folder / "results/tiny"
    cyclesim("run", *SMALL, "-s", "Y", "--trace-format", "csv")
    (folder / "layer1/notes.txt").write_text("mine", encoding="utf-8")
    (folder / "layer0-notes").mkdir()
    (folder / "layer7.txt").write_text("mine", encoding="utf-8")
    assert cyclesim("run", *SMALL).status == 0
    assert sorted(path.name for path in folder.glob("layer*")) == ["layer0-notes", "layer1", "layer7.txt"]
    assert [path.name for path in (folder / "layer1").iterdir()] == ["notes.txt"]
    assert cyclesim("run", *SMALL, "-s", "Y", "--trace-format", "csv").status == 0
    assert (folder / "layer1/notes.txt").exists()
    assert (folder / "layer1/IFMAP_SRAM_TRACE.csv").exists()


def test_a_folder_in_place_of_a_report_is_refused_at_once(cyclesim: CommandLine) -> None:
    (cyclesim.folder / "results/tiny/SUMMARY.json").mkdir(parents=True)
    said = cyclesim("run", *SMALL)
    assert said.status == 2
    assert said.err.startswith("cyclesim: -p: ")
    assert [path.name for path in (cyclesim.folder / "results/tiny").iterdir()] == ["SUMMARY.json"]


def test_a_second_run_into_the_same_folder_is_refused(cyclesim: CommandLine) -> None:
    cyclesim("run", *SMALL)
    with RunFolder(cyclesim.folder / "results/tiny", "another run") as other:
        other.begin(resume=False)
        said = cyclesim("run", *SMALL)
        assert said.status == 2
        assert "another run is writing to" in said.err
    assert cyclesim("run", *SMALL).status == 0
