"""The plain-Python memory system gives an independent program's figures, and keeps the laws of any memory system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cyclesim.demand import demand
from cyclesim.validation.memory import requests
from cyclesim.validation.memory_cases import EXAMPLES, MORE_BANDWIDTH_COSTS, Example, MemoryCase, product_case
from cyclesim.validation.memory_model import Cycle, Outcome, simulate


def run_page(case: MemoryCase) -> tuple[list[Cycle], Outcome]:
    """Return what a layer asks for, and what the plain model does with it."""
    plan = demand(case.layer, case.hardware)
    layer = requests(plan)
    return layer, simulate(layer, case.machine(plan.gemm.k))


def figures(layer: list[Cycle], outcome: Outcome) -> list[int]:
    """Return a row of the worked examples: L, cold, stalls, drain, total, words by stream, stalls by cause."""
    cycles = [len(layer), outcome.cold, outcome.stalls, outcome.drain]
    return [*cycles, sum(cycles), *outcome.words.values(), *outcome.stall_by.values()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_examples_come_out(example: Example) -> None:
    assert figures(*run_page(example.case)) == list(example.figures)


def test_worked_examples_are_those_of_the_page() -> None:
    text = (Path(__file__).parents[2] / "docs/memory-model.md").read_text(encoding="utf-8")
    lines = text.split("## Worked examples")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]

    def integers(cell: str) -> tuple[int, ...]:
        return tuple(map(int, cell.split(",")))

    read = []
    for variant, array, product, words, ports, bandwidth, latency, active, *columns in rows:
        given = integers(array), integers(product), integers(words), ports == "separate"
        case = product_case(variant, *given, bandwidth, int(latency), active)  # type: ignore[arg-type]
        read.append(Example(case, tuple(number for cell in columns for number in integers(cell))))
    assert read == list(EXAMPLES)


def test_more_bandwidth_can_cost_a_cycle() -> None:
    for case, total in MORE_BANDWIDTH_COSTS:
        assert figures(*run_page(case))[4] == total


def test_with_everything_to_spare_only_the_first_word_is_waited_for() -> None:
    limited = product_case("ws-pipe", (3, 4), (9, 8, 7), (10_000, 10_000, 10_000), False, "1", 1, "1/2")
    _, outcome = run_page(replace(limited, bandwidth=None))
    assert outcome.stalls == 0
    assert outcome.words == {"ifmap": 72, "filter": 56, "psum": 0, "ofmap": 63}
