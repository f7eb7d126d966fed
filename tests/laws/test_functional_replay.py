"""Do the traces compute the layer? Random data fetched through them, on both models of the array.

The PE-by-PE array is fed with ``memory[trace[port, cycle]]`` on small layers, and what leaves it is stored where the
ofmap trace says; the compiled array of `cyclesim.validation` does the same on larger ones. Both must produce what
the layer's definition does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cyclesim.demand import Demand, demand
from cyclesim.scalesim_schedule import layer_schedule
from cyclesim.schedule import Schedule
from cyclesim.validation import Settings, functional, schedule
from cyclesim.validation.cases import Case, int8_words
from cyclesim.validation.findings import PASSED, Findings
from cyclesim.validation.reference_layers import compute_layer as compute_in_numpy
from cyclesim.validation.replay import ReplayError, replay
from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.laws.strategies import EVERY_VARIANT, array_machine, small_layers
from tests.laws.traces import generate, run_naive_array
from tests.reference.addresses import addresses
from tests.reference.direct_layers import compute_layer
from tests.reference.pe_array import Element

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
sizes = st.integers(1, 8)
JUNK = 1_234_567


def replay_on_naive_array(plan: Demand, variant: str, trimmed: bool, ifmap: list[int], filter_: list[int]) -> list[int]:
    """Compute a layer on the PE-by-PE array through its traces; return the ofmap tensor."""
    hardware = array_machine(variant, trimmed, plan.plan.rows, plan.plan.cols)
    offsets = plan.gemm.ifmap.base, plan.gemm.filter.base, plan.gemm.ofmap.base
    memory = dict(enumerate(ifmap, offsets[0])) | dict(enumerate(filter_, offsets[1]))
    memory |= {offsets[2] + word: JUNK for word in range(plan.gemm.ofmap.words)}
    traces, _ = generate(plan)
    on_rows, on_cols = ("filter", "ifmap") if plan.plan.dataflow == "is" else ("ifmap", "filter")
    sides = {"row": traces[on_rows].tolist(), "col": traces[on_cols].tolist()}
    ofmap = traces["ofmap"].tolist()
    psum = traces["psum"].tolist() if "psum" in traces else None

    for group in range(plan.gemm.groups):
        start = group * plan.plan.cycles

        def feed(side: str, port: int, cycle: int, _: Element, start: int = start) -> int:
            address: int = sides[side][port][start + cycle]
            return 0 if address == -1 else memory[address]

        trace = run_naive_array(hardware, addresses(plan.gemm.layer), feed)
        for cycle, values in enumerate(trace.out_values):
            for port, value in enumerate(values):
                address = ofmap[port][start + cycle]
                assert (value is None) == (address == -1), f"group {group}, cycle {cycle}, port {port}"
                if value is not None:
                    stored = psum[port][start + cycle] if psum else -1
                    memory[address] = value + (0 if stored == -1 else memory[stored])
    return [memory[offsets[2] + word] for word in range(plan.gemm.ofmap.words)]


# `cyclesim validate functional` has 200 random layers for each variant, on the array model that this one judges.
@every_variant
@settings(max_examples=6, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sizes, cols=sizes, seed=st.integers(0, 2**31))
@example(
    layer=Layer("all of it", 0, "conv", ConvShape(6, 5, 3, 2, 4, 6, 2, 1, 2, 1, 1, 2, groups=2), batch=2),
    rows=3, cols=2, seed=0,
)  # fmt: skip
def test_naive_array_computes_the_layer(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int, seed: int
) -> None:
    plan = demand(layer, array_machine(variant, trimmed, rows, cols, offsets=(3, 5000, 100_000)))
    rng = np.random.default_rng(seed)
    ifmap, filter_ = (int8_words(rng, tensor.words) for tensor in (plan.gemm.ifmap, plan.gemm.filter))
    expected = compute_layer(layer, ifmap.tolist(), filter_.tolist())
    assert replay_on_naive_array(plan, variant, trimmed, ifmap.tolist(), filter_.tolist()) == expected
    # The references and models that larger layers rely on agree with the naive ones.
    assert compute_in_numpy(layer, ifmap, filter_).tolist() == expected
    assert replay(plan, ifmap, filter_, chunk_cycles=50).ofmap.tolist() == expected


@every_variant
def test_a_network_computes_on_every_array(variant: str, trimmed: bool) -> None:
    assert functional.check_network(variant, trimmed, rows=8, cols=8, seed=1) is None


@pytest.mark.parametrize("suite", [functional, schedule])
def test_suites_pass_and_report(suite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "shipped_networks", lambda *of: 0)
    monkeypatch.setattr(suite, "EVERY_ARRAY", (("os-pipe", False), ("ws", True), ("is-db", False)))
    lines: list[str] = []
    findings = Findings(lines.append)
    suite.run(Settings(quick=True, seed=3), findings)
    assert findings.outcome == PASSED
    assert not any("FAILED" in line for line in lines)


# ------------------------------------------------------------------------------------------ the proofs can fail

LAYER = Layer("conv", 0, "conv", ConvShape(5, 5, 2, 2, 5, 6, 1, 1, 1, 1))
PORT_GROUPS = [
    (variant, trimmed, operand)
    for variant, trimmed in EVERY_VARIANT
    for operand in ("ifmap", "filter", "ofmap", "psum")
    if operand != "psum" or not variant.startswith("os")
]


def computes(plan: Demand, case: Case) -> bool:
    """Tell whether a case's traces fit the array and compute its layer."""
    try:
        ofmap = replay(plan, *case.tensors()).ofmap
    except ReplayError:
        return False
    return np.array_equal(ofmap, compute_in_numpy(case.layer, *case.tensors()))


@pytest.mark.parametrize(("variant", "trimmed", "operand"), PORT_GROUPS)
@pytest.mark.parametrize("late", [-1, 1])
def test_notices_a_port_group_that_is_a_cycle_off(variant: str, trimmed: bool, operand: str, late: int) -> None:
    case = Case(LAYER, variant, trimmed, rows=3, cols=4, seed=1)
    plan = demand(case.layer, case.hardware)
    assert computes(plan, case)
    group = plan.groups[operand]
    folds = group.folds._replace(first=group.folds.first + late, second=group.folds.second + late)
    wrong = replace(plan, groups={**plan.groups, operand: replace(group, folds=folds)})
    assert not computes(wrong, case)


@every_variant
@pytest.mark.parametrize("operand", ["ifmap", "filter", "ofmap"])
def test_notices_two_exchanged_words(variant: str, trimmed: bool, operand: str) -> None:
    case = Case(LAYER, variant, trimmed, rows=3, cols=4, seed=1)
    plan = demand(case.layer, case.hardware)
    group = plan.groups[operand]
    table = group.stream.space_address.copy()
    table[[0, -1]] = table[[-1, 0]]
    exchanged = replace(group, stream=group.stream._replace(space_address=table))
    wrong = replace(plan, groups={**plan.groups, operand: exchanged})
    assert not computes(wrong, case)


class Hasty(Schedule):
    """A schedule whose folds follow each other a cycle too fast, with traces and control to match."""

    @property
    def step(self) -> int:
        return super().step - 1


@pytest.mark.parametrize("steps", [2, 5])
@pytest.mark.parametrize("variant", [variant for variant, _ in EVERY_VARIANT if "pipe" in variant])
def test_notices_a_schedule_that_the_hardware_cannot_keep(
    variant: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    m, k, n = {"os": (6, steps, 6), "ws": (steps, 6, 6), "is": (6, 6, steps)}[variant[:2]]
    case = Case(Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=k)), variant, False, rows=3, cols=3, seed=1)
    assert computes(demand(case.layer, case.hardware), case)
    monkeypatch.setattr("cyclesim.demand.layer_schedule", lambda *of: Hasty(**vars(layer_schedule(*of))))
    assert not computes(demand(case.layer, case.hardware), case)
    if variant == "osbus-pipe" and steps == 2:
        with pytest.raises(ReplayError, match="conflict"):
            replay(demand(case.layer, case.hardware), *case.tensors())


@pytest.mark.parametrize("variant", ["ws", "is-pipe"])
def test_notices_a_missing_and_a_needless_psum_read(variant: str) -> None:
    case = Case(LAYER, variant, trimmed=False, rows=3, cols=4, seed=1)
    plan = demand(case.layer, case.hardware)
    without = {name: group for name, group in plan.groups.items() if name != "psum"}
    for groups in (without, {**plan.groups, "psum": plan.groups["ofmap"]}):
        assert not computes(replace(plan, groups=groups), case)


def test_a_failing_case_can_be_run_again() -> None:
    layer = Layer("gemm", 0, "gemm", GemmShape(m=2, n=3, k=4))
    case = Case(layer, "ws", trimmed=False, rows=2, cols=2, seed=5)
    command = case.rerun(functional.check)
    assert command.startswith('python -c "from cyclesim.validation.cases import *; from cyclesim.validation.functional')
    scope: dict[str, Any] = {}
    exec(command.removeprefix('python -c "').removesuffix('"').replace("print(", "result = (", 1), scope)
    assert scope["result"] is None
