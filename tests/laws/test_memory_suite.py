"""Does the suite ``memory`` pass, and would it show if the memory system were wrong by a word or a cycle?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cyclesim import memory as memory_system
from cyclesim import traffic
from cyclesim.channel import Channel, channel_of
from cyclesim.demand import demand
from cyclesim.hardware import Hardware
from cyclesim.kernels import timeline as kernel
from cyclesim.timeline import Timeline
from cyclesim.traffic import Split, split
from cyclesim.validation import Settings, memory
from cyclesim.validation.findings import FAILED, PASSED, Findings, SuiteResult
from cyclesim.validation.memory_cases import EXAMPLES, LONG, Amount, Fraction, product_case

SMALL = Amount(cases=8, side=4, limit=8, cycles=200, patience=400)


def run_suite(monkeypatch: pytest.MonkeyPatch) -> tuple[SuiteResult, list[str]]:
    """Run a few cases of a few kinds of array; return what was found and said."""
    monkeypatch.setattr(memory, "QUICK", SMALL)
    monkeypatch.setattr(memory, "EVERY_ARRAY", (("osbus-pipe", False), ("ws", True), ("is-db", False)))
    lines: list[str] = []
    findings = Findings(lines.append)
    memory.run(Settings(quick=True, seed=1), findings)
    return findings.result("memory", "", 0.0), lines


def test_it_passes_and_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    result, lines = run_suite(monkeypatch)
    assert result.outcome == PASSED
    assert not any("FAILED" in line for line in lines)
    examples, cases = result.tables
    assert len(examples.rows) == len(EXAMPLES) + 2
    assert [(row[0], row[1], row[-1]) for row in cases.rows] == [
        ("os", "8", "0"), ("ws", "8", "0"), ("is", "8", "0"), ("all", "24", "0"),
    ]  # fmt: skip


def test_long_layers_are_taken_in_parts() -> None:
    for case in LONG:
        plan = demand(case.layer, case.hardware)
        assert plan.cycles > traffic.CHUNK_WORDS // max(group.ports for group in plan.groups.values())


# ------------------------------------------------------------------------------------------ the proof can fail


def smaller_fifo(words: int, hardware: Hardware) -> Split:
    """Split a scratchpad, with an active word less."""
    pad = split(words, hardware)
    return replace(pad, active=max(1, pad.active - 1))


def smaller_lookahead(words: int, hardware: Hardware) -> Split:
    """Split a scratchpad, with a lookahead word less."""
    pad = split(words, hardware)
    return replace(pad, lookahead=max(1, pad.lookahead - 1))


def later_words(hardware: Hardware) -> Channel:
    """Return a channel whose words are usable a cycle later."""
    channel = channel_of(hardware)
    return replace(channel, latency=channel.latency + 1)


class LongerDrain(Timeline):
    """A timeline whose drain queue takes a word more."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self._queue[kernel.EVICTIONS, kernel.LOOKAHEAD] += 1


class HastyPsums(Timeline):
    """A timeline whose psum fetches wait for write-backs of long ago."""

    def _learn(self, source: str) -> None:
        super()._learn(source)
        self._run_entry[:-1] = self._run_fetch[:-1] - 10**9


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (traffic, "split", smaller_fifo),
        (traffic, "split", smaller_lookahead),
        (memory_system, "channel_of", later_words),
        (memory_system, "Timeline", LongerDrain),
        (memory_system, "Timeline", HastyPsums),
    ],
)
def test_notices(module: object, name: str, wrong: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, name, wrong)
    result, _ = run_suite(monkeypatch)
    assert result.outcome == FAILED
    # Each half is enough: the examples of the page, and the random cases.
    random_layers = result.tables[1].rows[-1]
    assert 0 < int(random_layers[-1]) < result.bounds[0].reached
    assert all("python -c" in failure for failure in result.failures)


@pytest.mark.parametrize("traced", [False, True])
def test_runs_with_and_without_traces_are_both_compared(traced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class LaterInOne(Timeline):
        def __init__(
            self, cycles: int, pads: Any, psums: bool, channel: Channel, words: Any, series: Any, log: bool
        ) -> None:
            late = replace(channel, latency=channel.latency + (log == traced))
            super().__init__(cycles, pads, psums, late, words, series, log)

    case = product_case("ws", (3, 2), (7, 8, 5), (32, 16, 20), False, "2", 5, "1/2")
    assert memory.check(case) is None
    monkeypatch.setattr(memory_system, "Timeline", LaterInOne)
    problem = memory.check(case)
    assert problem is not None
    assert problem.startswith("array cycle 0 executes" if traced else "reported: ")


def test_a_failing_case_can_be_run_again() -> None:
    case = product_case("is-pipe", (2, 3), (4, 5, 6), (1, 9, 3), True, "22/7", 3, "0.75")
    command = case.rerun()
    assert command.startswith('python -c "from cyclesim.validation.memory_cases import *; ')
    scope: dict[str, Any] = {}
    exec(command.removeprefix('python -c "').removesuffix('"').replace("print(", "result = (", 1), scope)
    assert scope["result"] is None
    assert case.bandwidth == Fraction(22, 7)
