"""The shipped networks in suite ``functional``: layers replayed whole where they are small, else windows of folds.

A window is some consecutive row folds of one column fold and group. What leaves the array is stored where the traces
say, onto what they read; each output of the window must be the exact sum of the products that its folds form, be
written by each of them once, and nothing may be stored elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import numpy as np

from cyclesim import shipped
from cyclesim.api import load_topology
from cyclesim.demand import Demand, demand
from cyclesim.lowering import gemm_sizes, tensor_words
from cyclesim.simulation import available_cores
from cyclesim.validation.cases import EVERY_ARRAY, Case
from cyclesim.validation.findings import Findings
from cyclesim.validation.reference_layers import compute_layer
from cyclesim.validation.reference_windows import Block, int8_fetch
from cyclesim.validation.replay import JUNK, Replay, ReplayError, replay, replay_block
from cyclesim.workload import Layer

SIDES = (8, 16, 32)
"""Rows and columns of the arrays."""
LONG_STREAM = 20_000
"""Folds that stream for more cycles than this run on the smallest array."""
PE_CYCLES = 3_000_000
"""PEs x cycles that are replayed of a layer on one kind of array, about; two folds at least."""
WHOLE_WORDS = 2_000_000
"""Tensors up to this size are kept in memory; of larger ones only windows are replayed."""
MOST_WINDOWS = 4
"""Windows of a layer on one kind of array."""
QUICK_LAYERS, QUICK_ARRAYS = 5, 4
"""Layers of a network, evenly over it, and kinds of array for each."""
HEADER = ("network", "layers", "distinct", "replayed whole", "windows", "folds", "of all", "MACs", "of all", "failed")


@dataclass(frozen=True)
class Window:
    """Row folds `first` to `stop` - 1 of a column fold of a group."""

    group: int
    col_fold: int
    first: int
    stop: int


@dataclass
class Share:
    """How much was replayed: layers whole and in windows, folds and MACs; `of_` counts all there are."""

    whole: int = 0
    windows: int = 0
    folds: int = 0
    of_folds: int = 0
    macs: int = 0
    of_macs: int = 0
    failures: int = 0

    def add(self, more: Share) -> None:
        """Add what was replayed elsewhere."""
        self.__init__(*(a + b for a, b in zip(astuple(self), astuple(more), strict=True)))  # type: ignore[misc]


def shipped_networks(quick: bool, seed: int, findings: Findings) -> int:
    """Replay layers of all shipped networks on every kind of array, give a table, and return the number of failures."""
    total, all_layers, all_distinct, rows = Share(), 0, 0, []
    with ThreadPoolExecutor(available_cores()) as pool:
        for name in shipped.names("topologies"):
            layers, distinct = load_topology(name).layers, distinct_layers(name)
            done = Share()
            cases = list(network_cases(name, quick, seed))
            for case, (problem, share) in zip(cases, pool.map(try_layer, cases), strict=True):
                done.add(share)
                if problem is not None:
                    findings.failure(f"{name}: {problem}", case.rerun(check_layer))
            rows.append(_cells(name, len(layers), len(distinct), done))
            total.add(done)
            all_layers += len(layers)
            all_distinct += len(distinct)
    rows.append(_cells("all", all_layers, all_distinct, total))
    amount = f"a few layers on {QUICK_ARRAYS} kinds of array each" if quick else f"on {len(EVERY_ARRAY)} kinds of array"
    notes = ["Equal layers of a network are tried once. Shares are those of the layers and arrays that were tried."]
    findings.table(f"All shipped networks, {amount}", HEADER, rows, notes)
    return total.failures


def _cells(name: str, layers: int, distinct: int, done: Share) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in (layers, distinct, done.whole, done.windows, done.folds))
    folds, macs = (f"{part / max(1, of):.2%}" for part, of in ((done.folds, done.of_folds), (done.macs, done.of_macs)))
    return (name, *counts, folds, f"{done.macs:,}", macs, str(done.failures))


def distinct_layers(name: str) -> list[Layer]:
    """Return the layers of a shipped network without those that equal an earlier one but for the name."""
    found: dict[object, Layer] = {}
    for layer in load_topology(name).layers:
        found.setdefault((layer.type, layer.shape, layer.batch), layer)
    return list(found.values())


def network_cases(name: str, quick: bool, seed: int) -> Iterator[Case]:
    """Yield the distinct layers of a shipped network on every kind of array, or a few on a few."""
    number = shipped.names("topologies").index(name)
    rng = np.random.default_rng([seed, 1000 + number])
    layers = distinct_layers(name)
    if quick:
        layers = [layers[place] for place in np.unique(np.linspace(0, len(layers) - 1, QUICK_LAYERS).astype(int))]
    for place, layer in enumerate(layers):
        apart = len(EVERY_ARRAY) // QUICK_ARRAYS if quick and len(EVERY_ARRAY) > QUICK_ARRAYS else 1
        for kind in range(0, len(EVERY_ARRAY), apart):
            variant, trimmed = EVERY_ARRAY[(kind + number + place) % len(EVERY_ARRAY)]
            _, m, k, n = gemm_sizes(layer)
            long = {"os": k, "ws": m, "is": n}[variant[:2]] > LONG_STREAM
            side = SIDES[0] if long else int(rng.choice(SIDES))
            yield Case(layer, variant, trimmed, side, side, int(rng.integers(2**31)))


def check_layer(case: Case) -> str | None:
    """Replay a layer, or windows of it; return what is wrong, or None."""
    return try_layer(case)[0]


def try_layer(case: Case) -> tuple[str | None, Share]:
    """Replay a layer, or windows of it; return what is wrong, or None, and how much was replayed."""
    plan = demand(case.layer, case.hardware)
    share = Share(of_folds=plan.gemm.groups * plan.plan.folds, of_macs=plan.gemm.macs)
    problem = _replay_whole(case, plan, share) if _is_small(case, plan) else _replay_windows(case, plan, share)
    if problem is not None:
        share.failures = 1
        problem = f"{case.layer.name}: {problem}"
    return problem, share


def _is_small(case: Case, plan: Demand) -> bool:
    pe_cycles = plan.cycles * case.rows * case.cols
    return pe_cycles <= PE_CYCLES and max(tensor_words(case.layer)) <= WHOLE_WORDS


def _replay_whole(case: Case, plan: Demand, share: Share) -> str | None:
    ifmap, filter_ = case.tensors()
    try:
        done = replay(plan, ifmap, filter_)
    except ReplayError as error:
        return str(error)
    share.whole, share.folds, share.macs = 1, share.of_folds, done.macs
    return difference(plan, done, compute_layer(case.layer, ifmap, filter_))


def difference(plan: Demand, done: Replay, expected: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str | None:
    """Compare a whole layer's replay with what it should be; return what is wrong, or None."""
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


def windows(plan: Demand, seed: int) -> list[Window]:
    """Return windows of a layer: at random, at the first and at the last fold, which are special, as often as not."""
    schedule = plan.plan
    rng = np.random.default_rng(seed)
    each = schedule.longest_step * schedule.rows * schedule.cols
    length = min(schedule.row_folds, max(2, PE_CYCLES // (MOST_WINDOWS * each)))
    count = min(MOST_WINDOWS, max(1, PE_CYCLES // (length * each)))
    found = []
    for _ in range(count):
        latest = schedule.row_folds - length
        first = (0, latest, *rng.integers(latest + 1, size=2).tolist())[rng.integers(4)]
        col_fold = (schedule.col_folds - 1, int(rng.integers(schedule.col_folds)))[rng.integers(2)]
        found.append(Window(int(rng.integers(plan.gemm.groups)), col_fold, first, first + length))
    return list(dict.fromkeys(found))


def _replay_windows(case: Case, plan: Demand, share: Share) -> str | None:
    for window in windows(plan, case.seed):
        problem, macs = replay_window(case, plan, window)
        if problem is not None:
            return f"{window}: {problem}"
        share.windows += 1
        share.folds += window.stop - window.first
        share.macs += macs
    return None


def replay_window(case: Case, plan: Demand, window: Window) -> tuple[str | None, int]:
    """Replay a window of a layer; return what is wrong, or None, and the MACs that were done."""
    schedule = plan.plan
    block = window_block(case, plan, window)
    ifmap, filter_ = int8_fetch(case.seed), int8_fetch(case.seed + 1)
    first = window.col_fold * schedule.row_folds + window.first
    try:
        done = replay_block(plan, ifmap, filter_, block, first, first + window.stop - window.first)
    except ReplayError as error:
        return str(error), 0
    # Later row folds of a stationary array add to what is there; here that is junk, as the earlier ones were left out.
    onto = JUNK if schedule.stationary and window.first else 0
    expected = block.product(ifmap, filter_).ravel() + onto
    wrong = np.flatnonzero(done.ofmap != expected)
    if wrong.size:
        output = int(wrong[0])
        return (
            f"{wrong.size} of {expected.size} outputs differ, the first is output {output} of the window: "
            f"{int(done.ofmap[output])}, not {int(expected[output])}"
        ), done.macs
    writes = window.stop - window.first if schedule.stationary else 1
    if (done.writes != writes).any():
        times = f"{int(done.writes.min())} to {int(done.writes.max())}"
        return f"an output is written {times} times, not {writes}", done.macs
    macs = block.size * len(block.places)
    return (None if done.macs == macs else f"{done.macs} MACs were done, not {macs}"), done.macs


def window_block(case: Case, plan: Demand, window: Window) -> Block:
    """Return which part of the layer's product a window computes, by what each dataflow has on rows and columns."""
    _, m, k, n = gemm_sizes(case.layer)
    on_rows, on_cols = {"os": (m, n), "ws": (k, n), "is": (k, m)}[plan.plan.dataflow]
    rows = range(window.first * case.rows, min(on_rows, window.stop * case.rows))
    cols = range(window.col_fold * case.cols, min(on_cols, (window.col_fold + 1) * case.cols))
    m_part, k_part, n_part = {
        "os": (rows, range(k), cols),
        "ws": (range(m), rows, cols),
        "is": (cols, rows, range(n)),
    }[plan.plan.dataflow]
    return Block(case.layer, window.group, m_part, k_part, n_part)
