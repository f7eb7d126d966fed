"""Suite ``memory``: does the memory system move each word in its wall cycle, and the array in every one that it should?

The simulator is compared with docs/memory-model.md in plain Python (`memory_model`), which keeps deques and steps
through time word by word, on random layers, machines and channels; and with the figures of an independent program that
the page prints. What the array asks for in each cycle is read from the generated traces: the suites before this
one prove those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from cyclesim.demand import Demand, demand
from cyclesim.memory import LayerMemory
from cyclesim.results import ALL_OPERANDS, LayerResult
from cyclesim.simulation import LayerRunner
from cyclesim.timeline import Series, Timeline
from cyclesim.traffic import STREAMS, Traffic, at_once
from cyclesim.validation import Settings
from cyclesim.validation.cases import EVERY_ARRAY, GemmShape
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.memory_cases import (
    EXAMPLES,
    LONG,
    MORE_BANDWIDTH_COSTS,
    Amount,
    MemoryCase,
    features,
    random_case,
)
from cyclesim.validation.memory_model import Cycle, Machine, Outcome, read_stream, simulate, split, write_stream

QUICK = Amount(cases=15, side=5, limit=12, cycles=400, patience=2_000)
FULL = Amount(cases=120, side=8, limit=24, cycles=1_500, patience=6_000)

_STEP_CYCLES = 1_000
"""Array cycles that the timeline is asked for at a time."""


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run takes seconds instead of minutes, and the same seed gives the same cases."""
    mismatches = _examples(findings)
    mismatches += _random_cases(QUICK if settings.quick else FULL, settings.seed, findings)
    if not settings.quick:
        mismatches += _long_layers(findings)
    findings.bound(Bound("mismatches", mismatches, 0))


# ------------------------------------------------------------------------------------------ parts of the suite


def _examples(findings: Findings) -> int:
    """The figures that the page prints: every column, from what a run reports."""
    mismatches = 0
    rows = []
    for example in EXAMPLES:
        ours = figures(run_result(example.case))
        mismatches += _tell(check_figures(example.case, ours, example.figures), example.case, findings)
        total, words, stalls = ours[4], ours[5:9], ours[9:]
        rows.append((_label(example.case), *(", ".join(map(str, each)) for each in ((total,), words, stalls))))
    for case, total in MORE_BANDWIDTH_COSTS:
        ours = figures(run_result(case))
        problem = None if ours[4] == total else f"{ours[4]} cycles in total, {total} on the page"
        mismatches += _tell(problem, case, findings)
        rows.append((_label(case), str(ours[4]), "", ""))
    title = f"Worked examples of docs/memory-model.md: {len(rows)}, {mismatches} differ"
    header = ("example", "total cycles", "DRAM ifmap, filter, psum, ofmap", "stalls by ifmap, filter, psum, drain")
    findings.table(title, header, rows)
    return mismatches


def check_figures(case: MemoryCase, ours: Sequence[int], page: Sequence[int]) -> str | None:
    """Compare a row of the worked examples; return what differs, or None."""
    names = ("array cycles", "cold start", "stalls", "drain", "total", *(f"{stream} words" for stream in STREAMS))
    names += tuple(f"stalls by {cause}" for cause in ("ifmap", "filter", "psum", "drain"))
    wrong = [f"{name} {a}, on the page {b}" for name, a, b in zip(names, ours, page, strict=True) if a != b]
    return f"{_label(case)}: {'; '.join(wrong)}" if wrong else None


@dataclass
class _Totals:
    """What has been compared on arrays of one dataflow."""

    cases: int = 0
    cycles: int = 0
    walls: int = 0
    words: int = 0
    psums: int = 0
    stalls: int = 0
    stalled: int = 0
    mismatches: int = 0

    def add(self, outcome: Outcome, mismatches: int) -> None:
        held = outcome.cold + outcome.stalls
        self.cases += 1
        self.cycles += len(outcome.wall)
        self.walls += len(outcome.wall) + held + outcome.drain
        self.words += sum(outcome.words.values())
        self.psums += outcome.words["psum"]
        self.stalls += held
        self.stalled += outcome.stalls > 0
        self.mismatches += mismatches


def _random_cases(amount: Amount, seed: int, findings: Findings) -> int:
    """Random layers on random machines, on every kind of array."""
    totals = {dataflow: _Totals() for dataflow in ("os", "ws", "is")}
    seen: Counter[str] = Counter()
    for number, (variant, trimmed) in enumerate(EVERY_ARRAY):
        rng = np.random.default_rng([seed, number])
        for _ in range(amount.cases):
            case = random_case(rng, variant, trimmed, amount)
            seen.update(features(case))
            _compare_and_add(case, totals, findings)
    title = "Random layers and machines: " + ", ".join(f"{count} with {name}" for name, count in seen.most_common())
    return _add_table(title, totals, findings)


def _long_layers(findings: Findings) -> int:
    """Layers that the simulator takes in parts, so that what a scratchpad holds passes from one to the next."""
    totals = {dataflow: _Totals() for dataflow in ("os", "ws", "is")}
    for case in LONG:
        _compare_and_add(case, totals, findings)
    return _add_table("Layers of more array cycles than the simulator takes at a time", totals, findings)


def _compare_and_add(case: MemoryCase, totals: Mapping[str, _Totals], findings: Findings) -> None:
    problem, outcome = _compare(case)
    totals[case.hardware.dataflow].add(outcome, _tell(problem, case, findings))


def _add_table(title: str, totals: Mapping[str, _Totals], findings: Findings) -> int:
    """Give a table of what was compared; return the number of mismatches."""
    rows: list[tuple[str, list[int]]] = [(name, list(vars(each).values())) for name, each in totals.items()]
    rows.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]))
    header = (
        "dataflow", "cases", "array cycles", "wall cycles", "DRAM words", "psums among them", "cycles held",
        "cases with stalls", "mismatches",
    )  # fmt: skip
    findings.table(title, header, [(name, *(f"{number:,}" for number in numbers)) for name, numbers in rows])
    return rows[-1][1][-1]


def _tell(problem: str | None, case: MemoryCase, findings: Findings) -> int:
    if problem is None:
        return 0
    findings.failure(problem, case.rerun())
    return 1


def _label(case: MemoryCase) -> str:
    shape = case.layer.shape
    assert isinstance(shape, GemmShape), "examples are products"
    array = case.array
    product = f"M,K,N {shape.m},{shape.k},{shape.n}"
    ports = "separate" if case.separate else "shared"
    return f"{array.variant} {array.rows}x{array.cols}, {product}, {ports}, B {case.bandwidth}"


# ------------------------------------------------------------------------------------------ the comparison


def check(case: MemoryCase) -> str | None:
    """Compare the simulator with the plain model; return the first thing that differs, or None."""
    return _compare(case)[0]


def _compare(case: MemoryCase) -> tuple[str | None, Outcome]:
    plan = demand(case.layer, case.hardware)
    layer, machine = requests(plan), case.machine(plan.gemm.k)
    expected = simulate(layer, machine)
    problem = _different_events(simulated(plan, case), expected)
    if problem is None:
        problem = _different_result(run_result(case), expected, layer, machine)
    return problem, expected


def requests(plan: Demand) -> list[Cycle]:
    """Return what the traces of a layer ask for in each array cycle."""
    lines = {}
    for operand, group in plan.groups.items():
        trace = np.empty((group.ports, plan.cycles), plan.dtype)
        plan.fill(operand, 0, trace, np.empty(plan.cycles, np.int32))
        lines[operand] = trace.T.tolist()
    results = lines["ofmap"]
    stored = lines.get("psum", [[-1] * len(ports) for ports in results])
    return [
        Cycle(
            ifmap=[word for word in ifmap if word >= 0],
            filter=[word for word in filter_ if word >= 0],
            ofmap=[word for word in ofmap if word >= 0],
            first=[psum < 0 for word, psum in zip(ofmap, psums, strict=True) if word >= 0],
        )
        for ifmap, filter_, ofmap, psums in zip(lines["ifmap"], lines["filter"], results, stored, strict=True)
    ]


def run_result(case: MemoryCase) -> LayerResult:
    """Return what a run without traces reports."""
    with LayerRunner(1) as runner:
        return runner.start(case.layer, case.hardware).finish(lambda cycles: None)[0]


def figures(result: LayerResult) -> tuple[int, ...]:
    """Return a row of the worked examples."""
    assert result.stall_by is not None, "the native memory system says what stalls are due to"
    return (
        result.compute_cycles, result.cold_start_cycles, result.stall_cycles, result.drain_cycles, result.total_cycles,
        *result.dram_reads.values(), *result.dram_writes.values(), *result.stall_by.values(),
    )  # fmt: skip


def simulated(plan: Demand, case: MemoryCase) -> Outcome:
    """Return all that happens in the simulator's memory system, as a run with traces has it."""
    memory = LayerMemory(plan, case.hardware, at_once, lambda: None, keep_addresses=True)
    stops = range(_STEP_CYCLES, plan.cycles, _STEP_CYCLES)
    return played(memory.timeline(Series(), log=True), memory.traffic, stops)


def played(timeline: Timeline, traffic: Traffic | None, stops: Iterable[int] = ()) -> Outcome:
    """Run a timeline that logs to its end; return what happened, in the words of the plain model.

    Parameters
    ----------
    timeline : Timeline
    traffic : Traffic, optional
        Knows the addresses, which are -1 without it.
    stops : iterable of int
        Array cycles before which the timeline stops, as it does for a run that writes traces in parts.
    """
    walls: list[int] = []
    moved: dict[str, list[int]] = {stream: [] for stream in STREAMS}
    issued: dict[str, list[int]] = {stream: [] for stream in STREAMS}
    for stop in [*sorted(stops), timeline.cycles]:
        stretch = np.empty(stop - len(walls), np.int64)
        assert timeline.advance(stop, stretch), f"held before array cycle {stop}, which nobody asked for"
        walls += stretch.tolist()
        for stream, cycles in timeline.issued().items():
            issued[stream] += cycles.tolist()
        for stream, parts in {} if traffic is None else traffic.moved_addresses().items():
            moved[stream] += [word for part in parts for word in part.tolist()]
            missing = len(issued[stream]) - len(moved[stream])
            assert missing <= 0, f"addresses of {missing} {stream} words are not known before array cycle {stop}"
    timing = timeline.timing()
    return Outcome(
        cold=timing.cold_start_cycles,
        stalls=timing.stall_cycles,
        drain=timing.drain_cycles,
        words=timing.words,
        stall_by=timing.stall_by,
        wall=walls,
        issued={stream: list(zip_longest(issued[stream], moved[stream], fillvalue=-1)) for stream in STREAMS},
    )


def _different_events(ours: Outcome, page: Outcome) -> str | None:
    """Compare wall cycles and words one by one, then what they add up to."""
    for cycle, (a, b) in enumerate(zip(ours.wall, page.wall, strict=True)):
        if a != b:
            return f"array cycle {cycle} executes in wall cycle {a}, by the page in {b}"
    for stream in STREAMS:
        for number, (mine, other) in enumerate(zip(ours.issued[stream], page.issued[stream], strict=False)):
            if mine != other:
                return f"{stream} word {number} is (wall cycle, address) {mine}, by the page {other}"
        if len(ours.issued[stream]) != len(page.issued[stream]):
            return f"{len(ours.issued[stream])} {stream} words move, by the page {len(page.issued[stream])}"
    return _first_difference("with traces", vars(ours), vars(page))


def _different_result(result: LayerResult, page: Outcome, layer: Sequence[Cycle], machine: Machine) -> str | None:
    """Compare what a run reports."""
    expected = reported(page, layer, machine, result.step_cycles)
    return _first_difference("reported", {name: getattr(result, name) for name in expected}, expected)


def _first_difference(where: str, ours: Mapping[str, Any], page: Mapping[str, Any]) -> str | None:
    for name, value in page.items():
        if ours[name] != value:
            return f"{where}: {name} {ours[name]}, by the page {value}"
    return None


def reported(page: Outcome, layer: Sequence[Cycle], machine: Machine, step: int) -> dict[str, Any]:
    """Return the integers of a `LayerResult` that follow from the plain model; `step` is a fold's [array cycles]."""
    total = len(layer) + page.cold + page.stalls + page.drain
    asked = {
        "ifmap": [len(now.ifmap) for now in layer],
        "filter": [len(now.filter) for now in layer],
        "psum": [now.first.count(False) for now in layer],
        "ofmap": [len(now.ofmap) for now in layer],
    }
    busy = {name: [page.wall[t] for t, words in enumerate(counts) if words] for name, counts in asked.items()}
    walls = {stream: [wall for wall, _ in words] for stream, words in page.issued.items()}
    ports = 3 if machine.separate else 1
    return {
        "compute_cycles": len(layer),
        "cold_start_cycles": page.cold,
        "stall_cycles": page.stalls,
        "drain_cycles": page.drain,
        "total_cycles": total,
        "stall_by": page.stall_by,
        "dram_reads": {stream: page.words[stream] for stream in ("ifmap", "filter", "psum")},
        "dram_writes": {"ofmap": page.words["ofmap"]},
        "dram_first_cycle": _each(walls, lambda cycles: cycles[0]),
        "dram_last_cycle": _each(walls, lambda cycles: cycles[-1]),
        "dram_peak_words": _busiest_steps(layer, machine, step),
        "channel_words": None if machine.bandwidth is None else ports * (total * machine.bandwidth // 1),
        "sram_reads": {name: sum(asked[name]) for name in ("ifmap", "filter", "psum")},
        "sram_writes": {"ofmap": sum(asked["ofmap"])},
        "sram_peak_words": {name: max(asked[name]) for name in ALL_OPERANDS},
        "sram_first_cycle": _each(busy, lambda cycles: cycles[0]),
        "sram_last_cycle": _each(busy, lambda cycles: cycles[-1]),
    }


def _each(cycles: Mapping[str, list[int]], pick: Callable[[list[int]], int]) -> dict[str, int | None]:
    return {name: pick(found) if found else None for name, found in cycles.items()}


def _busiest_steps(layer: Sequence[Cycle], machine: Machine, step: int) -> dict[str, int]:
    """Return by stream the most words of a window of `step` array cycles; the final flush is left out."""
    active = [
        split(words, machine.active_fraction)[0]
        for words in (machine.ifmap_words, machine.filter_words, machine.ofmap_words)
    ]
    evictions, psums, flushed = write_stream(list(layer), active[2])
    gone = [cycle for cycle, words in enumerate(evictions) for _ in words]
    due = {
        "ifmap": [fetch.due for fetch in read_stream([now.ifmap for now in layer], active[0])],
        "filter": [fetch.due for fetch in read_stream([now.filter for now in layer], active[1])],
        "psum": [fetch.due for fetch in psums],
        "ofmap": gone[: len(gone) - flushed],
    }
    return {
        stream: max(Counter(cycle // step for cycle in cycles).values(), default=0) for stream, cycles in due.items()
    }
