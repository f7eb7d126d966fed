"""Suite speed: ratios come from the times and sizes that were measured, and bounds name them. No time is asserted."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cyclesim.api import load_hardware
from cyclesim.validation import Settings, scalesim, speed_model, speed_processes
from cyclesim.validation.findings import FAILED, PASSED, Findings
from cyclesim.validation.scalesim import Measured
from cyclesim.validation.stopwatch import ALEXNET_5, alexnet_5, whole_process


def test_a_whole_process_is_timed_and_weighed() -> None:
    seconds, megabytes = whole_process([sys.executable, "-c", "x = bytearray(60_000_000)"])
    assert seconds > 0
    assert 60 < megabytes < 200


@pytest.mark.parametrize(("estimate", "outcome"), [((0.5, 50.0), PASSED), ((0.6, 50.0), FAILED), ((0.5, 60.0), FAILED)])
def test_an_estimate_is_compared_with_scalesim_as_a_whole_process(
    estimate: tuple[float, float], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def process(words: list[str]) -> tuple[float, float]:
        asked.append(words)
        return estimate if "estimate" in words else (1.0, 200.0)

    monkeypatch.setattr(speed_processes, "whole_process", process)
    monkeypatch.setattr(speed_processes, "best", lambda repeats, work: 0.2)
    monkeypatch.setattr(speed_processes, "installed_version", lambda python: SimpleNamespace(number="3.0.0"))
    monkeypatch.setattr(scalesim, "measure", lambda python, folder, traces=False: Measured(300.0, 2600.0))
    findings = Findings(lambda text: None)
    settings = Settings(scalesim_python="python")
    speed_processes.scalesim_table(load_hardware("default"), 1, settings, findings)
    result = findings.result("speed", "", 1.0)
    assert result.outcome == outcome
    assert [bound.reached for bound in result.bounds] == [300 / estimate[0], 2600 / estimate[1]]
    assert sum("estimate" in words for words in asked) == 2 * speed_processes.ESTIMATES


@pytest.mark.parametrize(
    ("settings", "why"),
    [(Settings(), "no --scalesim PYTHON"), (Settings(quick=True, scalesim_python="python"), "in full runs only"),
     (Settings(scalesim_python="python"), "has 2.0.2")],
)  # fmt: skip
def test_scalesim_is_left_out_with_a_reason(settings: Settings, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_processes, "installed_version", lambda python: SimpleNamespace(number="2.0.2"))
    findings = Findings(lambda text: None)
    speed_processes.scalesim_table(load_hardware("default"), 1, settings, findings)
    [remark] = findings.result("speed", "", 1.0).remarks
    assert why in remark


def test_scalesims_inputs_are_its_alexnet(tmp_path: Path) -> None:
    _, topology = scalesim.write_inputs(tmp_path, ALEXNET_5, scalesim.Machine(32, 32))
    assert len(topology.read_text(encoding="utf-8").splitlines()) == 1 + len(alexnet_5().layers)
    assert all((tmp_path / name).exists() for name in scalesim.INPUTS)


def test_the_models_rate_counts_every_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_model, "QUICK_POINTS", 2000)
    monkeypatch.setattr(speed_model, "best", lambda repeats, work: work() and 0.001)
    findings = Findings(lambda text: None)
    speed_model.model_table(True, 0, findings)
    result = findings.result("speed", "", 1.0)
    [table] = result.tables
    layers, machines, points = (int(cell.replace(",", "")) for cell in table.rows[0][1:4])
    assert layers * machines == points >= 2000
    assert result.bounds[0].reached == points * 1000
    assert not result.bounds[0].judged
