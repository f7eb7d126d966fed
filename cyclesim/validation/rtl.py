"""Suite ``rtl``: do synthesizable Verilog arrays do what the traces say, in the cycles in which they say it?

The arrays of ``validation/rtl`` have registers, neighbour links and a controller of their own, which is told the sizes
of a layer and counts; no cycle number of cyclesim gets into them. Their edge ports are fed with the words that the
traces name. Every event at the edge must be in the trace and the other way round: operands taken, results that leave,
partial sums read, the layer's end. Results are stored at the ofmap trace's addresses; the tensor must be the layer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand, demand
from cyclesim.lowering import OperandMap
from cyclesim.validation import Settings
from cyclesim.validation.cases import EVERY_ARRAY, Case, Words, array_name, random_layer, random_side
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.reference_layers import compute_layer
from cyclesim.validation.replay import JUNK
from cyclesim.validation.rtl_simulation import (
    LARGEST,
    NOTHING,
    Events,
    SimulatorError,
    Stimulus,
    is_installed,
    rtl_array,
    simulate,
)
from cyclesim.workload import ConvShape, Layer

WORKERS = 2
"""Simulator processes at a time."""


@dataclass(frozen=True)
class Amount:
    """How much is tried: array sizes of each kind of hardware, shapes of each kind of array on each size, and limits.

    `side` limits rows and columns, `limit` is roughly that of M, K and N, `cycles` that of a layer's length.
    """

    sizes: int
    shapes: int
    side: int
    limit: int
    cycles: int


FULL = Amount(sizes=6, shapes=5, side=16, limit=40, cycles=3000)
QUICK = Amount(sizes=2, shapes=1, side=8, limit=16, cycles=400)


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run takes seconds instead of minutes, and the same seed gives the same cases."""
    if not is_installed():
        findings.skip("Icarus Verilog's iverilog and vvp are not on the PATH", "apt-get install iverilog")
        return
    amount = QUICK if settings.quick else FULL
    totals = {array_name(*kind): _Totals() for kind in EVERY_ARRAY}
    try:
        mismatches = _run_batches(list(random_batches(amount, settings.seed)), totals, findings)
        _add_table("Random shapes", "array", totals, findings)
        if not settings.quick:
            real = {case.layer.name: _Totals() for case in real_layers(settings.seed)}
            cases = [[case] for case in real_layers(settings.seed)]
            mismatches += _run_batches(cases, real, findings, by_layer=True)
            _add_table("Layers of ResNet-18", "layer", real, findings)
    except SimulatorError as error:
        findings.failure(str(error))
        return
    findings.bound(Bound("layers whose edge events or results differ from the traces", mismatches, 0))


@dataclass
class _Totals:
    """What was tried on one kind of array; `events` are operands taken, results that left and partial sums read."""

    layers: int = 0
    cycles: int = 0
    events: int = 0
    results: int = 0
    failures: int = 0


def _add_table(title: str, kind: str, totals: dict[str, _Totals], findings: Findings) -> None:
    rows = [
        (name, [each.layers, each.cycles, each.events, each.results, each.failures]) for name, each in totals.items()
    ]
    rows.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]))
    header = (kind, "layers", "array cycles", "edge events", "results", "mismatches")
    findings.table(title, header, [(name, *(f"{number:,}" for number in numbers)) for name, numbers in rows])


def random_batches(amount: Amount, seed: int) -> Iterator[list[Case]]:
    """Yield cases that share the parameters of one array each: one simulation a batch."""
    kinds: dict[str, list[tuple[str, bool]]] = {}
    for variant, trimmed in EVERY_ARRAY:
        kinds.setdefault(variant.replace("is", "ws"), []).append((variant, trimmed))
    for number, variants in enumerate(kinds.values()):
        for size in range(amount.sizes):
            rng = np.random.default_rng([seed, number, size])
            rows, cols = (random_side(rng, amount.side) for _ in range(2))
            yield [
                _random_case(rng, amount, variant, trimmed, rows, cols)
                for variant, trimmed in variants
                for _ in range(amount.shapes)
            ]


def _random_case(rng: np.random.Generator, amount: Amount, variant: str, trimmed: bool, rows: int, cols: int) -> Case:
    while True:
        layer = random_layer(rng, amount.limit)
        case = Case(layer, variant, trimmed, rows, cols, int(rng.integers(2**31)))
        if demand(layer, case.hardware).cycles <= amount.cycles:
            return case


def real_layers(seed: int) -> list[Case]:
    """Return layers of ResNet-18 on 16x16: a whole one, and a strip of a larger one that is two rows high."""
    whole = Layer("layer2.0.downsample", 0, "conv", ConvShape(56, 56, 1, 1, 64, 128, 2, 2))
    strip = Layer("layer1.0.conv1, 2 rows", 1, "conv", ConvShape(2, 56, 3, 3, 64, 64, 1, 1, 1, 1))
    return [
        Case(whole, "ws-pipe", False, 16, 16, seed),
        Case(strip, "os-pipe", False, 16, 16, seed),
    ]


def _run_batches(
    batches: Sequence[list[Case]], totals: dict[str, _Totals], findings: Findings, by_layer: bool = False
) -> int:
    """Check batches, several at a time, and count what came of them; return the number of failures."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for cases, outcomes in zip(batches, pool.map(check_batch, batches), strict=True):
            for case, outcome in zip(cases, outcomes, strict=True):
                done = totals[case.layer.name if by_layer else array_name(case.variant, case.trimmed)]
                done.layers += 1
                done.cycles += outcome.cycles
                done.events += outcome.events
                done.results += outcome.results
                if outcome.problem is not None:
                    done.failures += 1
                    findings.failure(outcome.problem, case.rerun(check))
    return sum(each.failures for each in totals.values())


@dataclass(frozen=True)
class Outcome:
    """What came of a case: what is wrong, or None; array cycles, events at the edge, and results among them."""

    problem: str | None
    cycles: int
    events: int
    results: int


def check(case: Case) -> str | None:
    """Run a layer on the Verilog array; return what is wrong, or None."""
    return check_batch([case])[0].problem


def check_batch(cases: Sequence[Case]) -> list[Outcome]:
    """Run layers that share an array's parameters in one simulation."""
    return check_demands(cases, [demand(case.layer, case.hardware) for case in cases])


def check_demands(cases: Sequence[Case], plans: Sequence[Demand]) -> list[Outcome]:
    """Run layers by demands that are given, in one simulation."""
    traces = [_traces(plan) for plan in plans]
    stimuli = [_stimulus(*each) for each in zip(cases, plans, traces, strict=True)]
    events = simulate(rtl_array(plans[0].plan), stimuli)
    outcomes = []
    for case, plan, trace, found in zip(cases, plans, traces, events, strict=True):
        counts = [int(each.sum()) for each in (found.out_valid, found.row_taken, found.col_taken, found.out_add)]
        problem = difference(case, plan, trace, found)
        outcomes.append(Outcome(problem, found.end, sum(counts), counts[0]))
    return outcomes


def _traces(plan: Demand) -> dict[str, Words]:
    """Return each operand's trace, (ports, cycles) int64; that of partial sums also where none are read."""
    traces = {}
    for operand, group in plan.groups.items():
        trace = np.empty((group.ports, plan.cycles), plan.dtype)
        plan.fill(operand, 0, trace, np.empty(plan.cycles, np.int32))
        traces[operand] = trace.astype(np.int64)
    traces.setdefault("psum", np.full_like(traces["ofmap"], -1))
    return traces


def _sides(plan: Demand) -> tuple[str, str]:
    """Return which operands are on the row and on the column ports."""
    return ("filter", "ifmap") if plan.plan.dataflow == "is" else ("ifmap", "filter")


def _stimulus(case: Case, plan: Demand, traces: dict[str, Words]) -> Stimulus:
    """Fetch the words of both sides through their traces; every second case gets held cycles."""
    memories = dict(zip(("ifmap", "filter"), case.tensors(), strict=True))
    rows, cols = (_words(plan.gemm.operand(name), traces[name], memories[name]) for name in _sides(plan))
    holds = case.seed % LARGEST + 1 if case.seed % 2 else 0
    return Stimulus(plan.plan, plan.gemm.groups, rows, cols, holds)


def _words(operand: OperandMap, trace: Words, memory: Words) -> Words:
    """Return what lies at the trace's addresses, and elsewhere 0 if the operand is padded, else nothing at all.

    An address outside the tensor finds nothing, too.
    """
    place = trace - operand.base
    inside = (trace >= 0) & (place >= 0) & (place < memory.size)
    idle = NOTHING if operand.bounds is None else 0
    return np.where(inside, memory[np.where(inside, place, 0)], np.where(trace >= 0, NOTHING, idle))


def difference(case: Case, plan: Demand, traces: dict[str, Words], found: Events) -> str | None:
    """Return how the events at the edge differ from the traces, or the results from the layer's; None if nowhere."""
    if found.unknown is not None:
        return f"cycle {found.unknown}: the array has used a word that is not there"
    row_name, col_name = _sides(plan)
    for name, taken in ((row_name, found.row_taken), (col_name, found.col_taken)):
        asked = _extended(traces[name] >= 0, taken.shape[1])
        problem = _first(asked & ~taken, f"the {name} trace has a word where the array takes none")
        if problem is None and plan.gemm.operand(name).bounds is None:
            problem = _first(taken & ~asked, f"the {name} trace has nothing where the array takes a word")
        if problem is not None:
            return problem
    for name, left, what in (
        ("ofmap", found.out_valid, "result leaves"),
        ("psum", found.out_add, "partial sum is added"),
    ):
        named = _extended(traces[name] >= 0, left.shape[1])
        problem = _first(left & ~named, f"the {name} trace has nothing where a {what}")
        problem = problem or _first(named & ~left, f"the {name} trace has a word where no {what}")
        if problem is not None:
            return problem
    if found.end != plan.cycles:
        return f"the hardware is done after {found.end} cycles, not {plan.cycles}"
    return _wrong_counts(plan, found) or _wrong_results(case, plan, traces, found)


def _extended(events: NDArray[np.bool_], cycles: int) -> NDArray[np.bool_]:
    """Return (ports, cycles), without events after the end of the traces."""
    return np.pad(events, ((0, 0), (0, cycles - events.shape[1])))


def _first(wrong: NDArray[np.bool_], what: str) -> str | None:
    if not wrong.any():
        return None
    cycle, port = np.argwhere(wrong.T)[0]
    return f"port {port}, cycle {cycle}: {what}"


def _wrong_counts(plan: Demand, found: Events) -> str | None:
    """Count operands: where padding is supplied, traces do not have them all."""
    schedule = plan.plan
    on_rows = schedule.spatial_rows * schedule.steps * schedule.col_folds
    on_cols = schedule.spatial_cols * (
        schedule.spatial_rows if schedule.stationary else schedule.steps * schedule.row_folds
    )
    for side, taken, expected in (("row", found.row_taken, on_rows), ("column", found.col_taken, on_cols)):
        if taken.sum() != expected * plan.gemm.groups:
            return f"{int(taken.sum())} words are taken on the {side} ports, not {expected * plan.gemm.groups}"
    return None


def _wrong_results(case: Case, plan: Demand, traces: dict[str, Words], found: Events) -> str | None:
    """Store the results by the ofmap trace, onto what the psum trace reads, and compare with the layer's definition."""
    from cyclesim.kernels.array_model import store

    ofmap = np.full(plan.gemm.ofmap.words, JUNK, np.int64)
    writes = np.zeros(plan.gemm.ofmap.words, np.int64)
    fault = np.empty(3, np.int64)
    store(
        found.out_words, found.out_valid.astype(np.uint8), traces["ofmap"], traces["psum"], plan.gemm.ofmap.base, 1,
        ofmap, writes, fault,
    )  # fmt: skip
    if fault[0]:
        return f"port {fault[1]}, cycle {fault[2]}: the ofmap or psum trace has a word outside its tensor"
    expected = compute_layer(case.layer, *case.tensors())
    wrong = np.flatnonzero(ofmap != expected)
    if wrong.size:
        word = int(wrong[0])
        return (
            f"{wrong.size} of {expected.size} outputs differ, the first is word {word}: "
            f"{int(ofmap[word])}, not {int(expected[word])}"
        )
    times = plan.plan.row_folds if plan.plan.stationary else 1
    if (writes != times).any():
        return f"an output is written {int(writes.min())} to {int(writes.max())} times, not {times}"
    return None
