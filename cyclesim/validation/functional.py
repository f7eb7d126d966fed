"""Suite ``functional``: do the traces compute the layers? Real products of data fetched through every trace.

Each layer's words are fetched by its generated traces, run through a register-level model of the array, and stored
where the ofmap trace says; the tensor must equal a direct NumPy computation that knows no im2col, folds or cycles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cyclesim.demand import Demand, demand
from cyclesim.validation import Settings
from cyclesim.validation.cases import (
    EVERY_ARRAY,
    Case,
    Words,
    array_name,
    features,
    int8_words,
    large_layers,
    random_layer,
    random_side,
    small_network,
)
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.reference_layers import compute_layer
from cyclesim.validation.replay import JUNK, Replay, ReplayError, replay, replay_folds
from cyclesim.workload import Layer


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run takes seconds instead of minutes, and the same seed gives the same cases."""
    parts = (_random_layers, _networks, _windows)
    failures = sum(part(settings.quick, settings.seed, findings) for part in parts)
    findings.bound(Bound("layers and windows that compute something else", failures, 0))


@dataclass
class _Totals:
    """What has been done on one kind of array."""

    layers: int = 0
    cycles: int = 0
    macs: int = 0
    failures: int = 0

    def add(self, done: Replay | None) -> None:
        self.layers += 1
        if done is not None:
            self.cycles += done.cycles
            self.macs += done.macs


def check(case: Case) -> str | None:
    """Replay a layer through its traces; return what is wrong, or None."""
    return _check(case)[0]


def _check(case: Case) -> tuple[str | None, Replay | None]:
    plan = demand(case.layer, case.hardware)
    ifmap, filter_ = case.tensors()
    chunk_cycles = (4096, 1000, 97)[case.seed % 3]
    try:
        done = replay(plan, ifmap, filter_, chunk_cycles)
    except ReplayError as error:
        return str(error), None
    return _difference(plan, done, compute_layer(case.layer, ifmap, filter_)), done


def _difference(plan: Demand, done: Replay, expected: Words) -> str | None:
    """Compare a whole layer's replay with what it should be."""
    wrong = np.flatnonzero(done.ofmap != expected)
    if wrong.size:
        word = int(wrong[0])
        return (
            f"{wrong.size} of {expected.size} outputs differ, the first is word {word}: "
            f"{int(done.ofmap[word])}, not {int(expected[word])}"
        )
    writes = plan.plan.row_folds if plan.plan.stationary else 1
    if (done.writes != writes).any():
        return f"an output is written {int(done.writes.min())} to {int(done.writes.max())} times, not {writes}"
    if done.macs != plan.gemm.macs:
        return f"{done.macs} MACs were done, not {plan.gemm.macs}"
    return None


def _random_layers(quick: bool, seed: int, findings: Findings) -> int:
    """Random layers of every type on every kind of array."""
    count, limit = (20, 24) if quick else (200, 48)
    seen: Counter[str] = Counter()
    totals = {}
    for number, (variant, trimmed) in enumerate(EVERY_ARRAY):
        rng = np.random.default_rng([seed, number])
        done = totals[array_name(variant, trimmed)] = _Totals()
        for _ in range(count):
            layer = random_layer(rng, limit)
            rows, cols = (random_side(rng, int(rng.choice([5, 16]))) for _ in range(2))
            case = Case(layer, variant, trimmed, rows, cols, int(rng.integers(2**31)))
            seen.update(features(layer))
            problem, result = _check(case)
            done.add(result)
            if problem is not None:
                done.failures += 1
                findings.failure(problem, case.rerun(check))
    title = "Random layers: " + ", ".join(f"{number} {name}" for name, number in seen.most_common())
    return _add_table(title, "layers", totals, findings)


def _networks(quick: bool, seed: int, findings: Findings) -> int:
    """The small network, each layer fed with the replayed outputs of the one before, on every kind of array."""
    sizes = [(8, 8)] if quick else [(8, 8), (12, 14), (16, 16)]
    totals = {}
    for variant, trimmed in EVERY_ARRAY:
        done = totals[array_name(variant, trimmed)] = _Totals()
        for rows, cols in sizes:
            problem = check_network(variant, trimmed, rows, cols, seed, done.add)
            if problem is not None:
                done.failures += 1
                call = f"check_network({variant!r}, {trimmed}, {rows}, {cols}, {seed})"
                rerun = f'python -c "from cyclesim.validation.functional import *; print({call})"'
                findings.failure(problem, rerun)
    names = ", ".join(layer.name for layer in small_network())
    arrays = ", ".join(f"{rows}x{cols}" for rows, cols in sizes)
    return _add_table(f"A network ({names}) on {arrays}", "layers", totals, findings)


def check_network(
    variant: str, trimmed: bool, rows: int, cols: int, seed: int, add: Callable[[Replay], None] | None = None
) -> str | None:
    """Replay the small network layer after layer; return what is wrong, or None.

    Outputs are scaled back to int8 between layers. `add` is called with each layer's replay.
    """
    rng = np.random.default_rng(seed)
    first = Case(small_network()[0], variant, trimmed, rows, cols, seed)
    activations = first.tensors()[0]
    expected = activations
    for layer in small_network():
        plan = demand(layer, Case(layer, variant, trimmed, rows, cols, seed).hardware)
        weights = None if layer.type == "matmul" else int8_words(rng, plan.gemm.filter.words)
        try:
            done = replay(plan, activations, activations if weights is None else weights)
        except ReplayError as error:
            return f"{layer.name}: {error}"
        if add is not None:
            add(done)
        ofmap = compute_layer(layer, expected, expected if weights is None else weights)
        problem = _difference(plan, done, ofmap)
        if problem is not None:
            return f"{layer.name}: {problem}"
        activations, expected = (np.clip(tensor >> 6, -128, 127) for tensor in (done.ofmap, ofmap))
    return None


def _windows(quick: bool, seed: int, findings: Findings) -> int:
    """A few consecutive folds out of the middle of large layers."""
    layers = large_layers()[2:6:2] if quick else large_layers()
    totals = {}
    for number, (variant, trimmed) in enumerate(EVERY_ARRAY):
        rng = np.random.default_rng([seed, 1000 + number])
        done = totals[array_name(variant, trimmed)] = _Totals()
        for layer in layers:
            size = int(rng.choice([16, 32] if quick else [16, 32, 64]))
            case = Case(layer, variant, trimmed, size, size, int(rng.integers(2**31)))
            problem, result = _check_window(case)
            done.add(result)
            if problem is not None:
                done.failures += 1
                findings.failure(problem, case.rerun(check_window))
    names = ", ".join(layer.name for layer in layers)
    return _add_table(f"Windows of large layers: {names}", "windows", totals, findings)


def check_window(case: Case) -> str | None:
    """Replay two or three consecutive folds of one group; return what is wrong, or None."""
    return _check_window(case)[0]


def _check_window(case: Case) -> tuple[str | None, Replay | None]:
    plan = demand(case.layer, case.hardware)
    ifmap, filter_ = case.tensors()
    rng = np.random.default_rng(case.seed)
    group = int(rng.integers(plan.gemm.groups))
    row_folds = plan.plan.row_folds
    col_fold = int(rng.integers(plan.plan.col_folds))
    first = int(rng.integers(row_folds))
    stop = min(row_folds, first + int(rng.integers(2, 4)))
    try:
        done = replay_folds(plan, ifmap, filter_, group, col_fold * row_folds + first, col_fold * row_folds + stop)
    except ReplayError as error:
        return str(error), None
    expected = _window_outputs(plan, case.layer, ifmap, filter_, first, stop)
    written = done.writes > 0
    wrong = np.flatnonzero(written & (done.ofmap != expected))
    if wrong.size:
        word = int(wrong[0])
        return (
            f"folds {first} to {stop - 1} of column fold {col_fold}, group {group}: {wrong.size} outputs differ, the "
            f"first is word {word}: {int(done.ofmap[word])}, not {int(expected[word])}"
        ), done
    used_rows = min(stop * case.rows, plan.plan.spatial_rows) - first * case.rows
    used_cols = min((col_fold + 1) * case.cols, plan.plan.spatial_cols) - col_fold * case.cols
    outputs = used_cols * (plan.plan.steps if plan.plan.stationary else used_rows)
    if written.sum() != outputs or done.macs != used_rows * used_cols * plan.plan.steps:
        return f"{int(written.sum())} outputs and {done.macs} MACs, not {outputs} outputs", done
    return None, done


def _window_outputs(plan: Demand, layer: Layer, ifmap: Words, filter_: Words, first: int, stop: int) -> Words:
    """Return what row folds `first` to `stop` - 1 leave in the ofmap tensor, wherever they write.

    With K on the rows that is a sum over some k only (all others' weights are 0), onto what was there before.
    """
    if not plan.plan.stationary:
        return compute_layer(layer, ifmap, filter_)
    weights = filter_.reshape(-1, plan.gemm.k).copy()
    weights[:, : first * plan.plan.rows] = 0
    weights[:, stop * plan.plan.rows :] = 0
    return compute_layer(layer, ifmap, weights.ravel()) + (JUNK if first else 0)


def _add_table(title: str, what: str, totals: dict[str, _Totals], findings: Findings) -> int:
    """Give a table of what was done on each kind of array; return the number of failures."""
    rows = [(name, [each.layers, each.cycles, each.macs, each.failures]) for name, each in totals.items()]
    rows.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]))
    header = ("array", what, "array cycles", "MACs", "failed")
    findings.table(title, header, [(name, *(f"{number:,}" for number in numbers)) for name, numbers in rows])
    return rows[-1][1][-1]
