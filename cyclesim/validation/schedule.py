"""Suite ``schedule``: are the cycles right? Generated traces against closed forms, and against an array that computes.

For thousands of random shapes, the words and cycles of the generated traces equal the closed forms of `schedule` and
the lengths that the microarchitecture page writes out. For a part of them a register-level model of the array is
driven through the traces: each result must leave the array on the port and in the cycle that the trace says, and the
array must come to rest in the layer's last cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand, demand
from cyclesim.lowering import ifmap_requests_per_pass
from cyclesim.schedule import SramWords, sram_words
from cyclesim.validation import Settings
from cyclesim.validation.cases import EVERY_ARRAY, Case, array_name, random_layer, random_side
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.page_formulas import page_last_output, page_length
from cyclesim.validation.replay import Replay, ReplayError, replay

CHUNK_WORDS = 1 << 20
"""Addresses that are generated at a time."""


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run takes seconds instead of minutes, and the same seed gives the same cases."""
    totals = {}
    for number, (variant, trimmed) in enumerate(EVERY_ARRAY):
        rng = np.random.default_rng([settings.seed, number])
        totals[array_name(variant, trimmed)] = _try_shapes(variant, trimmed, settings.quick, rng, findings)
    rows = [
        (name, [each.shapes, each.ragged, each.cycles, each.words, each.replayed, each.results, each.failures])
        for name, each in totals.items()
    ]
    rows.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]))
    header = ("array", "shapes", "ragged", "array cycles", "words", "replayed", "results", "failed")
    findings.table("Random shapes", header, [(name, *(f"{number:,}" for number in each)) for name, each in rows])
    findings.bound(Bound("shapes whose traces differ from closed forms or array", rows[-1][1][-1], 0))


@dataclass
class _Totals:
    """What has been tried on one kind of array; `results` are those that left the array as the trace says."""

    shapes: int = 0
    ragged: int = 0
    cycles: int = 0
    words: int = 0
    replayed: int = 0
    results: int = 0
    failures: int = 0


def _try_shapes(variant: str, trimmed: bool, quick: bool, rng: np.random.Generator, findings: Findings) -> _Totals:
    """Try random shapes on one kind of array: traces alone, and smaller ones through the array model."""
    done = _Totals()
    counted, replayed = (100, 15) if quick else (1000, 150)
    side, limit, most = (64, 128, 10**7) if quick else (160, 400, 10**8)  # ports x array cycles
    for number in range(counted + replayed):
        small = number >= counted
        plan = None
        while plan is None or sum(group.ports for group in plan.groups.values()) * plan.cycles > most:
            rows, cols = (random_side(rng, 16 if small else side) for _ in range(2))
            layer = random_layer(rng, 40 if small else limit)
            case = Case(layer, variant, trimmed, rows, cols, seed=int(rng.integers(2**31)))
            plan = demand(case.layer, case.hardware)
        problem = check_traces(case)
        done.shapes += 1
        done.ragged += plan.plan.spatial_rows % rows != 0 or plan.plan.spatial_cols % cols != 0
        done.cycles += plan.cycles
        done.words += sum(_closed_words(plan).values())
        check: Callable[[Case], str | None] = check_traces
        if small and problem is None:
            check = check_array
            problem = check_array(case)
            done.replayed += 1
            done.results += _closed_words(plan)["ofmap"]
        if problem is not None:
            done.failures += 1
            findings.failure(problem, case.rerun(check))
    return done


def _closed_words(plan: Demand) -> dict[str, int]:
    words: SramWords = sram_words(plan.plan, plan.gemm.groups, ifmap_requests_per_pass(plan.gemm.layer))
    return {"ifmap": words.ifmap, "filter": words.filter, "psum": words.psum, "ofmap": words.ofmap}


def check_traces(case: Case) -> str | None:
    """Compare the generated traces of a layer with the closed forms; return what is wrong, or None."""
    plan = demand(case.layer, case.hardware)
    page = case.hardware, plan.plan.spatial_rows, plan.plan.spatial_cols, plan.plan.steps
    if plan.plan.cycles != page_length(*page):
        return f"the schedule has {plan.plan.cycles} cycles, the page {page_length(*page)}"
    for operand, expected in _closed_words(plan).items():
        if operand not in plan.groups:
            if expected:
                return f"{operand}: no trace, but {expected} words in closed form"
            continue
        words, requests, per_port, last = _count(plan, operand)
        if words != expected or requests != expected:
            return f"{operand}: {words} words in the trace, {requests} requests, {expected} in closed form"
        if operand == "ofmap":
            end = (plan.gemm.groups - 1) * plan.plan.cycles + page_last_output(*page)
            if last + 1 != end:
                return f"the last result leaves in cycle {last}, by the page in {end - 1}"
            uneven = _outputs_per_port(plan) - per_port
            if uneven.any():
                port = int(np.flatnonzero(uneven)[0])
                return f"{per_port[port]} results leave on port {port}, not {per_port[port] + uneven[port]}"
    return None


def _count(plan: Demand, operand: str) -> tuple[int, int, NDArray[np.int64], int]:
    """Return words of a trace, requests, words of each port, and the last cycle with a word."""
    ports = plan.groups[operand].ports
    at_once = max(1, CHUNK_WORDS // ports)
    per_port = np.zeros(ports, np.int64)
    total = 0
    last = -1
    for start in range(0, plan.cycles, at_once):
        cycles = min(at_once, plan.cycles - start)
        trace = np.empty((ports, cycles), plan.dtype)
        requests = np.empty(cycles, np.int32)
        plan.fill(operand, start, trace, requests)
        asked = trace >= 0
        per_port += asked.sum(axis=1)
        total += int(requests.sum())
        busy = np.flatnonzero(asked.any(axis=0))
        if busy.size:
            last = start + int(busy[-1])
    return int(per_port.sum()), total, per_port, last


def _outputs_per_port(plan: Demand) -> NDArray[np.int64]:
    """Return how many results leave on each output port: of each column of O, once per K fold."""
    schedule = plan.plan
    columns = np.bincount(np.arange(schedule.spatial_cols) % schedule.cols, minlength=schedule.cols)
    each = schedule.steps * schedule.row_folds if schedule.stationary else schedule.spatial_rows
    return plan.gemm.groups * each * columns.astype(np.int64)


def check_array(case: Case) -> str | None:
    """Drive the array model through the traces of a layer; return what is wrong with its cycles, or None."""
    plan = demand(case.layer, case.hardware)
    try:
        done: Replay = replay(plan, *case.tensors())
    except ReplayError as error:
        return str(error)
    # A padded layer lasts until the array has come to rest, a trimmed one until its last result.
    ends, what = (done.output_cycles, "the last result leaves") if case.trimmed else (done.active_cycles, "PEs rest")
    for group, end in enumerate(ends):
        if end != plan.plan.cycles:
            return f"{what} after {end} cycles of group {group}, not {plan.plan.cycles}"
    if done.macs != plan.gemm.macs:
        return f"{done.macs} MACs were done, not {plan.gemm.macs}"
    return None
