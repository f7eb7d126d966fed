"""Windows of large layers: real values through real traces, compared with the partial sums that their folds form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim.demand import demand
from cyclesim.validation import functional_networks
from cyclesim.validation.cases import Case, array_name
from cyclesim.validation.findings import Findings
from cyclesim.validation.functional_networks import (
    Window,
    check_layer,
    distinct_layers,
    network_cases,
    replay_window,
    shipped_networks,
    try_layer,
    window_block,
    windows,
)
from cyclesim.validation.reference_layers import compute_layer
from cyclesim.validation.reference_windows import Block, int8_fetch
from cyclesim.workload import ConvShape, GemmShape, Layer
from tests.laws.strategies import EVERY_VARIANT, small_layers

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
LARGE = Layer("alexnet conv2", 0, "conv", ConvShape(27, 27, 5, 5, 96, 256, 1, 1, 2, 2, groups=2))
SMALL = Layer("conv", 0, "conv", ConvShape(5, 5, 2, 2, 5, 6, 1, 1, 1, 1))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(layer=small_layers(), seed=st.integers(0, 2**31))
def test_the_blocks_of_all_groups_are_the_layer(layer: Layer, seed: int) -> None:
    gemm = demand(layer, Case(layer, "os", False, 2, 2, 0).hardware).gemm
    ifmap, filter_ = int8_fetch(seed), int8_fetch(seed + 1)
    words = np.arange(gemm.ofmap.words)
    expected = compute_layer(layer, ifmap(np.arange(gemm.ifmap.words)), filter_(np.arange(gemm.filter.words)))
    found = np.zeros(gemm.ofmap.words, np.int64)
    for group in range(gemm.groups):
        halves = range(gemm.k // 2), range(gemm.k // 2, gemm.k)
        block = Block(layer, group, range(gemm.m), range(gemm.k), range(gemm.n))
        products = [replace(block, places=half).product(ifmap, filter_) for half in halves]
        places = block.output_places(words)
        inside = places < block.size
        assert inside.sum() == block.size
        found[inside] = (products[0] + products[1]).ravel()[places[inside]]
    assert np.array_equal(found, expected)


def test_values_are_int8_without_zeros_and_depend_on_place_and_seed() -> None:
    values = int8_fetch(3)(np.arange(100_000))
    assert (values.min(), values.max()) == (-128, 127)
    assert not (values == 0).any()
    counts = np.bincount(values + 128, minlength=256)
    assert counts[:128].min() > 250
    assert abs(values.mean()) < 2
    assert np.mean(values == int8_fetch(4)(np.arange(100_000))) < 0.02


@every_variant
def test_windows_of_a_large_layer_compute(variant: str, trimmed: bool) -> None:
    case = Case(LARGE, variant, trimmed, rows=16, cols=16, seed=3)
    plan = demand(case.layer, case.hardware)
    last = plan.plan.row_folds
    for window in (Window(0, 0, 0, 2), Window(1, 3, 7, 9), Window(1, plan.plan.col_folds - 1, last - 2, last)):
        block = window_block(case, plan, window)
        assert replay_window(case, plan, window) == (None, block.size * len(block.places))


@every_variant
@pytest.mark.parametrize("operand", ["ifmap", "filter", "ofmap"])
def test_a_window_notices_two_exchanged_words(variant: str, trimmed: bool, operand: str) -> None:
    case = Case(SMALL, variant, trimmed, rows=3, cols=4, seed=1)
    plan = demand(case.layer, case.hardware)
    col_fold = 2 if variant.startswith("is") else 0  # away from pixels that see nothing but padding
    window = Window(0, col_fold, 1, 3)
    assert replay_window(case, plan, window)[0] is None
    group = plan.groups[operand]
    table = group.stream.space_address.copy()
    on_rows = {"os": "ifmap", "ws": "ifmap", "is": "filter"}[variant[:2]] == operand
    first = 3 if on_rows else 4 * col_fold
    table[[first, first + 1]] = table[[first + 1, first]]
    exchanged = replace(group, stream=group.stream._replace(space_address=table))
    wrong = replace(plan, groups={**plan.groups, operand: exchanged})
    assert replay_window(case, wrong, window)[0] is not None


@pytest.mark.parametrize("variant", ["ws", "is-pipe"])
def test_a_window_notices_a_missing_and_a_needless_psum_read(variant: str) -> None:
    case = Case(SMALL, variant, trimmed=False, rows=3, cols=4, seed=1)
    plan = demand(case.layer, case.hardware)
    without = {name: group for name, group in plan.groups.items() if name != "psum"}
    assert replay_window(case, replace(plan, groups=without), Window(0, 0, 1, 3))[0] is not None
    needless = {**plan.groups, "psum": plan.groups["ofmap"]}
    assert replay_window(case, replace(plan, groups=needless), Window(0, 0, 0, 2))[0] is not None


def test_windows_lie_inside_and_include_both_ends() -> None:
    seen = set()
    for seed in range(40):
        case = Case(LARGE, "ws", False, 16, 16, seed)
        plan = demand(case.layer, case.hardware)
        for window in windows(plan, seed):
            assert 0 <= window.first < window.stop <= plan.plan.row_folds
            assert window.group < plan.gemm.groups
            assert window.col_fold < plan.plan.col_folds
            seen |= {window.first == 0, window.stop == plan.plan.row_folds, 2 * (window.first == 0)}
    assert seen == {False, True, 2}


def test_small_layers_are_replayed_whole_and_counted() -> None:
    case = Case(SMALL, "ws-pipe", False, 3, 4, 1)
    plan = demand(case.layer, case.hardware)
    problem, share = try_layer(case)
    assert problem is None
    assert (share.whole, share.windows) == (1, 0)
    assert (share.folds, share.macs) == (share.of_folds, share.of_macs) == (plan.plan.folds, plan.gemm.macs)
    problem, share = try_layer(replace(case, layer=Layer("gemm", 0, "gemm", GemmShape(m=512, n=512, k=512))))
    assert problem is None
    assert share.whole == 0
    assert 0 < share.windows <= functional_networks.MOST_WINDOWS
    assert 0 < share.macs < share.of_macs == 512**3


def test_every_layer_meets_every_array_in_a_full_run() -> None:
    cases = list(network_cases("resnet18", False, 0))
    assert {array_name(case.variant, case.trimmed) for case in cases} == {array_name(*kind) for kind in EVERY_VARIANT}
    assert len(cases) == len(distinct_layers("resnet18")) * len(EVERY_VARIANT) == 12 * 20
    assert cases == list(network_cases("resnet18", False, 0))
    assert cases != list(network_cases("resnet18", False, 1))
    few = list(network_cases("resnet18", True, 0))
    assert len(few) == functional_networks.QUICK_LAYERS * functional_networks.QUICK_ARRAYS


def test_a_failure_names_its_layer_and_can_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cyclesim.shipped.names", lambda kind: ["capsnet"])
    monkeypatch.setattr(functional_networks, "PE_CYCLES", 10_000)
    findings = Findings(lambda text: None)
    assert shipped_networks(True, 0, findings) == 0
    monkeypatch.setattr(functional_networks, "replay_window", lambda *of: ("it differs", 0))
    failures = shipped_networks(True, 0, findings)
    result = findings.result("functional", "", 0.0)
    assert failures == len(result.failures) > 0
    assert result.tables[-1].rows[0][-1] == str(failures)
    problem, rerun = result.failures[0].split("\n  ")
    assert problem.startswith("capsnet: ")
    assert "it differs" in problem
    scope: dict[str, Any] = {}
    exec(rerun.removeprefix('python -c "').removesuffix('"').replace("print(", "result = (", 1), scope)
    assert scope["result"].endswith("it differs")
    assert check_layer.__name__ in rerun
