"""Do Verilog arrays agree with the traces, and would it show if they did not? Few, small layers on every array."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from cyclesim.demand import Demand, demand
from cyclesim.scalesim_schedule import layer_schedule
from cyclesim.schedule import Schedule
from cyclesim.validation import Settings, rtl, rtl_simulation
from cyclesim.validation.cases import Case
from cyclesim.validation.findings import FAILED, PASSED, SKIPPED, Findings
from cyclesim.validation.rtl_simulation import RtlArray, SimulatorError, rtl_array, sources
from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.laws.strategies import EVERY_VARIANT

needs_simulator = pytest.mark.skipif(
    not rtl_simulation.is_installed(), reason="Icarus Verilog (iverilog, vvp) is not installed"
)
every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
LAYER = Layer("conv", 0, "conv", ConvShape(3, 2, 2, 2, 4, 10, 1, 1, 1, 1, groups=2))
"""Ragged on 3x4 in both directions, several folds each way, padded, two groups."""


def arrays() -> list[RtlArray]:
    """Return one array of each kind."""
    seen: dict[RtlArray, None] = {}
    for variant, trimmed in EVERY_VARIANT:
        case = Case(LAYER, variant, trimmed, rows=3, cols=4, seed=0)
        array = rtl_array(demand(LAYER, case.hardware).plan)
        seen[array] = None
    return list(seen)


every_array = pytest.mark.parametrize(
    "array", arrays(), ids=lambda array: f"{'ws' if array.stationary else 'os'}{'bus' * array.on_bus}-{array.overlap}"
)


# ------------------------------------------------------------------------------------------ the Verilog


def test_the_arrays_are_written_for_synthesis() -> None:
    names = {path.name for path in sources()}
    assert {"array_os.v", "array_ws.v", "control_os.v", "control_ws.v", "testbench.v"} <= names
    for path in sources():
        if path.name != "testbench.v":
            code = re.sub(r"//.*", "", path.read_text(encoding="ascii"))
            assert not re.search(r"\binitial\b|\breal\b|\bforce\b|\bnegedge\b|#\s*\d|[$]", code), path.name
            assert set(re.findall(r"posedge (\w+)", code)) <= {"clk"}, f"{path.name}: one clock, synchronous reset"


@needs_simulator
@every_array
def test_the_compiler_has_nothing_to_warn_of(array: RtlArray) -> None:
    parameters = array.parameters.items()
    done = subprocess.run(
        ["iverilog", "-g2005", "-Wall", "-t", "null", "-s", "testbench"]
        + [f"-Ptestbench.{name}={value}" for name, value in parameters]
        + [str(path) for path in sources()],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ------------------------------------------------------------------------------------------ agreement


@needs_simulator
def test_every_array_does_what_the_traces_say() -> None:
    seen = set()
    for cases in rtl.random_batches(rtl.Amount(sizes=1, shapes=1, side=5, limit=10, cycles=150), seed=0):
        for case, outcome in zip(cases, rtl.check_batch(cases), strict=True):
            assert outcome.problem is None, case
            assert outcome.results > 0
            seen.add((case.variant, case.trimmed))
    assert seen == set(EVERY_VARIANT)


@needs_simulator
@every_array
def test_dimensions_of_one_agree(array: RtlArray) -> None:
    sizes = [(4, 5, 1), (1, 5, 4), (5, 1, 4), (1, 1, 1)]
    layers = [Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=k, groups=2)) for m, n, k in sizes]
    cases = [
        Case(layer, variant, trimmed, array.rows, array.cols, seed)
        for variant, trimmed in EVERY_VARIANT
        for seed, layer in enumerate(layers)
    ]
    cases = [case for case in cases if rtl_array(demand(case.layer, case.hardware).plan) == array]
    assert [outcome.problem for outcome in rtl.check_batch(cases)] == [None] * len(cases)


@needs_simulator
@pytest.mark.parametrize("variant", ["ws", "is"])
def test_operands_of_a_trimmed_group_do_not_reach_the_next_one(variant: str) -> None:
    """The first group's last fold uses one column of eight; the second one's first fold loads all of them."""
    m, n = (6, 9) if variant == "ws" else (9, 6)
    layer = Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=2, groups=2))
    assert rtl.check(Case(layer, variant, trimmed=True, rows=2, cols=8, seed=0)) is None


# ------------------------------------------------------------------------------------------ it can fail


def flawed(plan: Demand) -> dict[str, Demand]:
    """Return a demand with every flaw that the suite must notice, by name."""
    flaws = {}

    def with_group(operand: str, **changes: Any) -> Demand:
        return replace(plan, groups={**plan.groups, operand: replace(plan.groups[operand], **changes)})

    for operand, group in plan.groups.items():
        for late in (-1, 1):
            folds = group.folds._replace(first=group.folds.first + late, second=group.folds.second + late)
            flaws[f"{operand} {late:+}"] = with_group(operand, folds=folds)
        if operand != "psum":
            table = group.stream.space_address.copy()
            table[[0, -1]] = table[[-1, 0]]
            flaws[f"{operand} exchanged"] = with_group(operand, stream=group.stream._replace(space_address=table))
    if plan.plan.stationary:
        without = {name: group for name, group in plan.groups.items() if name != "psum"}
        flaws["psum removed"] = replace(plan, groups=without)
        flaws["psum needless"] = replace(plan, groups={**plan.groups, "psum": plan.groups["ofmap"]})
    return flaws


@needs_simulator
@every_variant
def test_notices_what_is_wrong_with_a_trace(variant: str, trimmed: bool) -> None:
    case = Case(LAYER, variant, trimmed, rows=3, cols=4, seed=1)
    plans = {"right": demand(case.layer, case.hardware)}
    plans |= flawed(plans["right"])
    outcomes = rtl.check_demands([case] * len(plans), list(plans.values()))
    problems = {name: outcome.problem for name, outcome in zip(plans, outcomes, strict=True)}
    assert problems.pop("right") is None
    assert len(problems) == (13 if plans["right"].plan.stationary else 9)
    assert all(problems.values()), problems


class Hasty(Schedule):
    """A schedule whose folds follow each other a cycle too fast, with traces to match."""

    @property
    def step(self) -> int:
        return super().step - 1


@needs_simulator
@pytest.mark.parametrize("variant", ["os", "os-db", "osbus-pipe", "ws", "ws-pipe", "is-pipe2"])
def test_notices_a_schedule_that_the_hardware_does_not_keep(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(LAYER, variant, False, rows=3, cols=4, seed=1)
    monkeypatch.setattr("cyclesim.demand.layer_schedule", lambda *of: Hasty(**vars(layer_schedule(*of))))
    assert rtl.check(case) is not None


# ------------------------------------------------------------------------------------------ the suite


@needs_simulator
def test_the_suite_passes_and_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtl, "EVERY_ARRAY", (("os-pipe", False), ("ws", True), ("is-db", False)))
    lines: list[str] = []
    findings = Findings(lines.append)
    rtl.run(Settings(quick=True, seed=3), findings)
    assert findings.outcome == PASSED
    assert not any("FAILED" in line for line in lines)
    monkeypatch.setattr(rtl, "difference", lambda *of: "something is wrong")
    rtl.run(Settings(quick=True, seed=3), findings)
    assert findings.outcome == FAILED
    [bound] = findings.result("rtl", "", 0.0).bounds[1:]
    assert bound.reached == 6
    assert any("FAILED: something is wrong\n  python -c" in line for line in lines)


@needs_simulator
def test_a_failing_case_can_be_run_again() -> None:
    command = Case(LAYER, "ws", trimmed=True, rows=2, cols=2, seed=5).rerun(rtl.check)
    scope: dict[str, Any] = {}
    exec(command.removeprefix('python -c "').removesuffix('"').replace("print(", "result = (", 1), scope)
    assert scope["result"] is None


@needs_simulator
def test_says_what_the_simulator_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtl_simulation, "sources", lambda: [path for path in sources() if path.name != "pe_ws.v"])
    with pytest.raises(SimulatorError, match="pe_ws"):
        rtl.check(Case(LAYER, "ws", trimmed=False, rows=2, cols=2, seed=5))
    monkeypatch.setattr(rtl, "EVERY_ARRAY", (("ws", False),))
    lines: list[str] = []
    findings = Findings(lines.append)
    rtl.run(Settings(quick=True), findings)
    assert findings.outcome == FAILED
    assert "FAILED: iverilog ended with status" in lines[-1]


def test_is_skipped_without_a_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    lines: list[str] = []
    findings = Findings(lines.append)
    rtl.run(Settings(), findings)
    assert findings.outcome == SKIPPED
    assert lines[0].startswith("skipped, as Icarus Verilog")
    assert rtl_simulation.simulator_version() is None


@needs_simulator
def test_the_simulator_says_its_version() -> None:
    assert re.fullmatch(r"[0-9]+\.[0-9]+\S*", rtl_simulation.simulator_version() or "")
