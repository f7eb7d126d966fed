"""The plain-Python memory system gives an independent program's figures, and keeps the laws of any memory system."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cyclesim.demand import demand
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.workload import GemmShape, Layer
from tests.reference.memory import Cycle, Machine, Outcome, simulate

KB = Scratchpad(size_bytes=1024)


def layer_of(variant: str, rows: int, cols: int, m: int, k: int, n: int) -> list[Cycle]:
    """Return what each array cycle of a product asks for."""
    array, _, overlap = variant.partition("-")
    hardware = Hardware(
        "x", rows, cols, "os" if array == "osbus" else array, KB, KB, KB,  # type: ignore[arg-type]
        fold_overlap=overlap or "none", os_drain="bus" if array == "osbus" else "shift",  # type: ignore[arg-type]
    )  # fmt: skip
    plan = demand(Layer("product", 0, "gemm", GemmShape(m=m, n=n, k=k)), hardware)
    words = {}
    for operand, group in plan.groups.items():
        words[operand] = np.empty((group.ports, plan.cycles), plan.dtype)
        plan.fill(operand, 0, words[operand], np.empty(plan.cycles, np.int32))
    psum = words.get("psum", np.full_like(words["ofmap"], -1))
    cycles = []
    for t in range(plan.cycles):
        results = [p for p in range(cols) if words["ofmap"][p, t] >= 0]
        asked = {operand: [int(word) for word in words[operand][:, t] if word >= 0] for operand in ("ifmap", "filter")}
        cycles.append(
            Cycle(**asked, ofmap=[int(words["ofmap"][p, t]) for p in results], first=[psum[p, t] < 0 for p in results])
        )
    return cycles


def figures(layer: list[Cycle], outcome: Outcome) -> list[int]:
    """Return a row of the worked examples: L, cold, stalls, drain, total, words by stream, stalls by cause."""
    cycles = [len(layer), outcome.cold, outcome.stalls, outcome.drain]
    return [*cycles, sum(cycles), *outcome.words.values(), *outcome.stall_by.values()]


# variant, array, product, scratchpad words, separate ports, bandwidth, latency, active fraction: an independent
# program's figures, from the specification of the memory system.
Example = tuple[str, tuple[int, int], tuple[int, int, int], tuple[int, int, int], bool, str, int, str, list[int]]
EXAMPLES: list[Example] = [
    ("ws", (3, 2), (7, 8, 5), (512, 512, 512), False, "64", 1, "1/2",
     [117, 1, 0, 1, 119, 56, 40, 0, 35, 0, 1, 0, 0]),
    ("ws", (3, 2), (7, 8, 5), (32, 16, 20), False, "2", 5, "1/2",
     [117, 5, 109, 5, 236, 168, 40, 56, 91, 5, 5, 101, 3]),
    ("ws", (3, 2), (7, 8, 5), (32, 16, 20), True, "2", 5, "1/2",
     [117, 5, 68, 5, 195, 168, 40, 56, 91, 4, 5, 64, 0]),
    ("os", (3, 2), (7, 8, 5), (24, 24, 4), False, "3/2", 9, "1/2",
     [126, 10, 101, 1, 238, 168, 104, 0, 35, 60, 51, 0, 26]),
    ("osbus", (3, 2), (7, 8, 5), (24, 24, 4), False, "3/2", 9, "1/4",
     [99, 10, 116, 1, 226, 168, 120, 0, 35, 42, 51, 0, 63]),
    ("is-pipe", (2, 4), (9, 7, 6), (40, 10, 30), False, "3", 20, "1/2",
     [78, 20, 674, 5, 777, 63, 126, 144, 198, 20, 451, 448, 0]),
    ("ws-db", (4, 4), (5, 13, 9), (1, 1, 1), False, "1/2", 3, "1/2",
     [136, 10, 1284, 2, 1432, 195, 117, 135, 180, 611, 402, 684, 196]),
    ("ws-pipe", (4, 3), (20, 12, 10), (128, 64, 24), True, "1", 2, "3/4",
     [249, 2, 880, 18, 1149, 960, 120, 400, 600, 206, 16, 1, 671]),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[0]}-{example[5]}")
def test_worked_examples_come_out(example: Example) -> None:
    variant, array, product, words, separate, bandwidth, latency, active, expected = example
    layer = layer_of(variant, *array, *product)
    machine = Machine(*words, Fraction(active), Fraction(bandwidth), separate, latency)
    assert figures(layer, simulate(layer, machine)) == expected


def test_more_bandwidth_can_cost_a_cycle() -> None:
    layer = layer_of("os-pipe", 4, 3, 8, 1, 5)
    totals = [
        sum(figures(layer, simulate(layer, Machine(60, 2, 1, Fraction(3, 4), Fraction(bandwidth), False, 9)))[:4])
        for bandwidth in (2, 3)
    ]
    assert totals == [115, 116]


def test_with_everything_to_spare_only_the_first_word_is_waited_for() -> None:
    layer = layer_of("ws-pipe", 3, 4, 9, 8, 7)
    outcome = simulate(layer, Machine(10_000, 10_000, 10_000))
    assert outcome.stalls == 0
    assert outcome.words == {"ifmap": 72, "filter": 56, "psum": 0, "ofmap": 63}
