"""`cyclesim explore --evaluate simulate` and `refine`: the simulator's figures, and the model's front tested by it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cyclesim import command_explore
from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.simulated import Simulator
from cyclesim.model.estimate import Estimates
from tests.cli.conftest import CommandLine
from tests.cli.test_explore import same_points, table

KEYS: dict[str, list[Any]] = {
    "Dataflow": ["os", "ws"],
    "FoldOverlap": ["none", "pipe2"],
    "ArrayHeight": [2, 4, 8],
    "IfmapSramWords": [16, 1024],
    "DramBandwidth": [2, 8],
}
HEAD = """[explore]
machine = "machine.cfg"
networks = ["net.csv"]
objectives = { total_cycles = "min", dram_words = "min", pes = "min" }
[space]
"""
SPACE = HEAD + "\n".join(f"{key} = {json.dumps(values)}" for key, values in KEYS.items()) + "\n"
NETWORK = "name,M,N,K\nfirst,7,5,11\nsecond,9,4,6\n"
GOALS = ("total_cycles", "dram_words", "pes")
Row = dict[str, str]


@pytest.fixture(autouse=True)
def _space(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small space, blocks of four simulated points, and a model that is wrong enough for its front to change."""
    (cyclesim.folder / "space.toml").write_text(SPACE, encoding="utf-8")
    (cyclesim.folder / "net.csv").write_text(NETWORK, encoding="utf-8")
    monkeypatch.setattr(command_explore, "draw", lambda *arguments: None)
    monkeypatch.setattr(command_explore, "SIMULATED_ROWS", 4)
    model = Evaluator._model

    def wrong(self: Evaluator, codes: Any, machines: Any) -> Estimates:
        found = model(self, codes, machines)
        return replace(found, total_cycles=found.total_cycles * (1 + codes.sum(axis=1) % 2))

    monkeypatch.setattr(Evaluator, "_model", wrong)


def unbeaten(rows: list[Row]) -> list[Row]:
    """Return the feasible rows that no other one beats, the best by the first objective first."""
    feasible = [row for row in rows if row["feasible"] == "true"]
    figures: list[tuple[float, ...]] = [tuple(float(row[name]) for name in GOALS) for row in feasible]
    found = [
        row for row, own in zip(feasible, figures, strict=True)
        if not any(other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in figures)
    ]  # fmt: skip
    return sorted(found, key=lambda row: (*(float(row[name]) for name in GOALS), int(row["point"])))


def places(row: Row) -> list[int]:
    return [list(map(str, values)).index(row[key].removesuffix(".0")) for key, values in KEYS.items()]


def beside(row: Row, other: Row) -> bool:
    """Whether two points are one step apart along one key."""
    steps = [abs(a - b) for a, b in zip(places(row), places(other), strict=True)]
    return sum(steps) == 1


def test_refining_is_brute_force_on_the_models_front_and_its_neighbours(cyclesim: CommandLine) -> None:
    for evaluate in ("model", "simulate", "refine"):
        said = cyclesim("explore", "space.toml", "-p", evaluate, "--evaluate", evaluate, "--format", "csv")
        assert said.status == 0, said.err
    everything = table(cyclesim.folder / "simulate/points.csv")
    model = table(cyclesim.folder / "model/pareto.csv")
    assert model == unbeaten(table(cyclesim.folder / "model/points.csv"))
    assert table(cyclesim.folder / "simulate/pareto.csv") == unbeaten(everything)
    again = [
        row for row in everything
        if row["total_cycles"] and any(row["point"] == one["point"] or beside(row, one) for one in model)
    ]  # fmt: skip
    assert table(cyclesim.folder / "refine/simulated.csv") == again
    best = table(cyclesim.folder / "refine/refined.csv")
    assert best == unbeaten(again)
    stay = {row["point"] for row in best} & {row["point"] for row in model}
    summary = json.loads((cyclesim.folder / "refine/summary.json").read_text(encoding="utf-8"))
    assert summary["refined"] == {
        "simulated": len(again), "model_front": len(model), "stay": len(stay), "front": len(best),
    }  # fmt: skip
    assert 0 < len(stay) < len(model) < len(again) < len(everything)
    assert len(best) > len(stay)
    assert said.out.splitlines()[-2:] == [
        f"simulated again: the model's front of {len(model)} points, and {len(again) - len(model)} beside it",
        f"{len(stay)} of {len(model)} stay on the front, and {len(best) - len(stay)} from beside it enter: "
        f"{len(best)} points in refined.csv",
    ]
    for name in ("points.csv", "pareto.csv"):
        assert (cyclesim.folder / "refine" / name).read_bytes() == (cyclesim.folder / "model" / name).read_bytes()


def test_infeasible_neighbours_are_kept_with_their_reason_and_are_on_no_front(cyclesim: CommandLine) -> None:
    text = SPACE + '[constraints]\ntotal_cycles = "<= 230"\n'
    (cyclesim.folder / "space.toml").write_text(text, encoding="utf-8")
    assert cyclesim("explore", "space.toml", "-p", "out", "--evaluate", "refine").status == 0
    again = table(cyclesim.folder / "out/simulated.csv")
    reasons = {row["reason"] for row in again}
    assert reasons == {"", "outside of the constraint total_cycles <= 230"}
    assert not any((row["Dataflow"], row["FoldOverlap"]) == ("os", "pipe2") for row in again)
    assert all((row["reason"] == "") == (int(row["total_cycles"]) <= 230) for row in again)
    assert table(cyclesim.folder / "out/refined.csv") == unbeaten(again)


def test_without_a_front_there_is_nothing_to_refine(cyclesim: CommandLine) -> None:
    text = SPACE + '[constraints]\ntotal_cycles = "<= 1"\n'
    (cyclesim.folder / "space.toml").write_text(text, encoding="utf-8")
    words = ("explore", "space.toml", "-p", "out", "--evaluate", "refine")
    said = cyclesim(*words)
    assert said.status == 0
    assert said.out.splitlines()[-1] == "there is no front to refine"
    for name in ("pareto.csv", "simulated.csv", "refined.csv"):
        assert table(cyclesim.folder / "out" / name) == []
    summary = json.loads((cyclesim.folder / "out/summary.json").read_text(encoding="utf-8"))
    assert summary["refined"] == {"simulated": 0, "model_front": 0, "stay": 0, "front": 0}
    assert cyclesim(*words, "--resume").out == "out is complete already\n"


class _Interrupted:
    """A simulator that the user interrupts at some block."""

    def __init__(self, blocks: int) -> None:
        self.left = blocks

    def __call__(self, simulator: Simulator, indices: Any) -> Block:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        evaluator = simulator._evaluator
        return evaluator.block(evaluator.space.decode(indices), simulator._count)


@pytest.mark.parametrize(
    "how", [("refine",), ("simulate",), ("simulate", "--search", "random", "--budget", "30")]
)
def test_what_is_interrupted_at_several_points_ends_the_same(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...]
) -> None:
    words = ("explore", "space.toml", "--format", "csv", "--evaluate", *how, "-p")

    def carried_out(blocks: int, *more: str) -> tuple[int, int]:
        simulator = _Interrupted(blocks)
        with monkeypatch.context() as patch:
            patch.setattr(Simulator, "__call__", lambda self, indices: simulator(self, indices))
            status = cyclesim(*words, *more).status
        return status, blocks - simulator.left

    status, all_blocks = carried_out(1000, "whole")
    assert status == 0
    assert carried_out(0, "out") == (130, 0)
    assert carried_out(1, "out", "--resume") == (130, 1)
    assert carried_out(1, "out", "--resume") == (130, 1)
    assert not [path.name for path in (cyclesim.folder / "out").iterdir() if path.name in
                ("summary.json", "simulated.csv", "refined.csv")]  # fmt: skip
    assert carried_out(1000, "out", "--resume") == (0, all_blocks - 2)
    names = {path.name for path in (cyclesim.folder / "whole").iterdir()}
    assert names == {path.name for path in (cyclesim.folder / "out").iterdir()}
    for name in names - {"summary.json", "points.h5"}:
        assert (cyclesim.folder / "out" / name).read_bytes() == (cyclesim.folder / "whole" / name).read_bytes(), name
    same_points(cyclesim.folder / "out/points.h5", cyclesim.folder / "whole/points.h5")
