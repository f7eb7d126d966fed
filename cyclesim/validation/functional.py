"""Suite ``functional``: do the traces compute the layers? Real products of data fetched through every trace.

Each layer's words are fetched by its generated traces, run through a register-level model of the array, and stored
where the ofmap trace says; the tensor must equal a direct NumPy computation that knows no im2col, folds or cycles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cyclesim.demand import demand
from cyclesim.validation import Settings
from cyclesim.validation.cases import (
    EVERY_ARRAY,
    Case,
    array_name,
    features,
    int8_words,
    random_layer,
    random_side,
    small_network,
)
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.functional_networks import difference, shipped_networks
from cyclesim.validation.reference_layers import compute_layer
from cyclesim.validation.replay import Replay, ReplayError, replay


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run takes seconds instead of minutes, and the same seed gives the same cases."""
    parts = (_random_layers, _networks, shipped_networks)
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
    return difference(plan, done, compute_layer(case.layer, ifmap, filter_)), done


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
        problem = difference(plan, done, ofmap)
        if problem is not None:
            return f"{layer.name}: {problem}"
        activations, expected = (np.clip(tensor >> 6, -128, 127) for tensor in (done.ofmap, ofmap))
    return None


def _add_table(title: str, what: str, totals: dict[str, _Totals], findings: Findings) -> int:
    """Give a table of what was done on each kind of array; return the number of failures."""
    rows = [(name, [each.layers, each.cycles, each.macs, each.failures]) for name, each in totals.items()]
    rows.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]))
    header = ("array", what, "array cycles", "MACs", "failed")
    findings.table(title, header, [(name, *(f"{number:,}" for number in numbers)) for name, numbers in rows])
    return rows[-1][1][-1]
