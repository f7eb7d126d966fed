"""Searches of `cyclesim explore`: the loss that ga makes small, and how near a search comes to the exhaustive front."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cyclesim import command_explore
from cyclesim.explore import reference
from cyclesim.explore.pareto import share
from tests.cli.conftest import CommandLine
from tests.cli.test_explore import POINTS, SPACE, table

WEIGHTS = "weights = { total_cycles = 1, energy_pj = 0.5, tops = -2, utilization = -1 }"
SEARCH = ("explore", "space.toml", "--search", "ga", "--budget", "60", "--seed", "4", "-p")


@pytest.fixture(autouse=True)
def _space(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    (cyclesim.folder / "space.toml").write_text(SPACE, encoding="utf-8")
    monkeypatch.setattr(command_explore, "draw", lambda *arguments: None)


def summary_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def test_ga_reports_the_point_of_the_least_loss_as_its_weights_and_scales_give_it(cyclesim: CommandLine) -> None:
    (cyclesim.folder / "space.toml").write_text(SPACE.replace("[space]", f"{WEIGHTS}\n[space]"), encoding="utf-8")
    said = cyclesim(*SEARCH, "out", "--format", "csv")
    assert said.status == 0, said.err
    loss = summary_of(cyclesim.folder / "out")["loss"]
    assert loss["weights"] == {"total_cycles": 1, "energy_pj": 0.5, "tops": -2, "utilization": -1}
    rows = [row for row in table(cyclesim.folder / "out/points.csv") if row["feasible"] == "true"]
    found = [
        sum(weight * float(row[name]) / loss["scales"][name] for name, weight in loss["weights"].items())
        for row in rows
    ]
    best = rows[int(np.argmin(found))]
    assert loss["least"] == pytest.approx(min(found), rel=1e-12)
    assert loss["point"] == int(best["point"])
    assert loss["points"] == sum(np.isclose(found, min(found), rtol=1e-12))
    assert {key: str(value) for key, value in loss["keys"].items()} == {key: best[key] for key in loss["keys"]}
    assert loss["metrics"]["total_cycles"] == int(best["total_cycles"])
    # The first generation, by which metrics are scaled, is the first 20 points.
    first = [row for row in table(cyclesim.folder / "out/points.csv")[:20] if row["feasible"] == "true"]
    assert loss["scales"]["energy_pj"] == np.median([float(row["energy_pj"]) for row in first])
    assert f"least loss {loss['least']:.6g}: point {loss['point']} (Dataflow " in said.out


def test_ga_weighs_the_objectives_by_default_and_keeps_what_is_weighed(cyclesim: CommandLine) -> None:
    assert cyclesim(*SEARCH, "out").status == 0
    loss = summary_of(cyclesim.folder / "out")["loss"]
    assert loss["weights"] == {"fj_per_op": 1, "tops_per_mm2": -1}
    text = SPACE.replace("[space]", "weights = { leakage_pj = 1 }\n[space]")
    (cyclesim.folder / "space.toml").write_text(text, encoding="utf-8")
    assert cyclesim(*SEARCH, "out").status == 0
    with h5py.File(cyclesim.folder / "out/points.h5") as file:
        feasible = file["feasible"][:]
        least = file["leakage_pj"][:][feasible].min()
    loss = summary_of(cyclesim.folder / "out")["loss"]
    assert loss["least"] == least / loss["scales"]["leakage_pj"]


def test_a_search_without_a_feasible_point_has_no_least_loss_and_says_why(cyclesim: CommandLine) -> None:
    (cyclesim.folder / "space.toml").write_text(SPACE.replace("<= 100", "<= 1"), encoding="utf-8")
    said = cyclesim(*SEARCH, "out")
    assert said.status == 0
    told = summary_of(cyclesim.folder / "out")
    assert told["loss"] == {"weights": {"fj_per_op": 1, "tops_per_mm2": -1}}
    assert told["convergence"] is None
    counts = told["infeasible"]
    assert said.out.splitlines() == [
        "60 points, 0 feasible, 0 on the front: out",
        f"infeasible: {counts['variant os-pipe2 is not defined']} variant os-pipe2 is not defined",
        f"infeasible: {counts['outside of the constraint pes <= 1']} outside of the constraint pes <= 1",
    ]


def front_of(path: Path) -> np.ndarray[Any, Any]:
    return np.array([(float(row["fj_per_op"]), -float(row["tops_per_mm2"])) for row in table(path)])


@pytest.mark.parametrize("kind", ["random", "ga", "nsga2"])
def test_a_search_of_a_small_space_is_measured_against_the_front_of_all_points(
    cyclesim: CommandLine, kind: str
) -> None:
    if kind == "nsga2":
        pytest.importorskip("pymoo", reason="pymoo is not installed: pip install 'cyclesim[explore]'")
    assert cyclesim("explore", "space.toml", "-p", "all").status == 0
    said = cyclesim("explore", "space.toml", "-p", "out", "--search", kind, "--budget", "40")
    assert said.status == 0, said.err
    told = summary_of(cyclesim.folder / "out")
    found, best = front_of(cyclesim.folder / "out/pareto.csv"), front_of(cyclesim.folder / "all/pareto.csv")
    reached = told["convergence"]
    assert reached["reference"] == "exhaustive front"
    assert reached["reference_front"] == len(best)
    assert reached["evaluations"] == [20, 40]
    assert reached["hypervolume"] == sorted(reached["hypervolume"])
    assert reached["hypervolume"][-1] == pytest.approx(share(found, best), rel=1e-12)
    assert told["evaluated"] == 40
    percent = f"{100 * reached['hypervolume'][-1]:.2f} %".replace("100.00", "100")
    assert said.out.splitlines()[1].startswith(f"{percent} of the hypervolume of the exhaustive front, which has ")


def test_an_exhaustive_exploration_may_be_given_and_is_what_the_model_would_say(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cyclesim("explore", "space.toml", "-p", "all").status == 0
    assert cyclesim(*SEARCH, "small").status == 0
    monkeypatch.setattr(reference, "MOST_LAYER_POINTS", 5 * POINTS - 1)  # the network has five layers
    assert cyclesim(*SEARCH, "large").status == 0
    # Another comment, another objective, and weights are still the same points.
    text = "# again\n" + SPACE.replace("[space]", f"{WEIGHTS.replace('-2', '-3')}\n[space]")
    (cyclesim.folder / "space.toml").write_text(SPACE.replace("[space]", "\n[space]"), encoding="utf-8")
    said = cyclesim(*SEARCH, "given", "--reference", "all")
    assert said.status == 0, said.err
    small, large, given = (summary_of(cyclesim.folder / name)["convergence"] for name in ("small", "large", "given"))
    assert given == small
    assert large["reference"] == "best known front"
    assert large["hypervolume"][-1] == 1
    (cyclesim.folder / "space.toml").write_text(text.replace('tops_per_mm2 = "max"', 'edp = "min"'), encoding="utf-8")
    assert cyclesim(*SEARCH, "given", "--reference", "all").status == 0


def test_a_search_with_budget_for_all_points_knows_the_exhaustive_front(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "MOST_LAYER_POINTS", 0)
    words = ("explore", "space.toml", "--search", "random", "-p", "out", "--budget")
    assert cyclesim(*words, str(POINTS)).status == 0
    reached = summary_of(cyclesim.folder / "out")["convergence"]
    assert (reached["reference"], reached["hypervolume"][-1]) == ("exhaustive front", 1)
    assert cyclesim(*words, str(POINTS - 1)).status == 0
    assert summary_of(cyclesim.folder / "out")["convergence"]["reference"] == "best known front"


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        (("", ""), ("--reference", "none"), "none holds no points.h5 of a complete exploration"),
        (("", ""), ("--reference", "search"), "search must hold an exhaustive exploration (got --search ga)"),
        (("", ""), ("--reference", "all", "--evaluate", "simulate"), "the same points (the ways to evaluate differ)"),
        (("[3, 8]", "[3, 9]"), ("--reference", "all"), "the same points (the keys or values in [space] differ)"),
        (("<= 100", "<= 99"), ("--reference", "all"), "(the constraints differ)"),
        (('["net.csv"]', '{ "net.csv" = 2 }'), ("--reference", "all"), "(the networks or their weights differ)"),
        (('machine = "machine.cfg"', 'machine = "eyeriss"'), ("--reference", "all"), "(the machines differ)"),
        (('"min"', '"min", leakage_pj = "min"'), ("--reference", "all"), "of all objectives (there is no leakage_pj)"),
    ],
)  # fmt: skip
def test_a_reference_of_other_points_is_refused_before_anything_is_written(
    cyclesim: CommandLine, change: tuple[str, str], words: tuple[str, ...], said: str
) -> None:
    assert cyclesim("explore", "space.toml", "-p", "all").status == 0
    assert cyclesim(*SEARCH, "search").status == 0
    (cyclesim.folder / "space.toml").write_text(SPACE.replace(*change), encoding="utf-8")
    found = cyclesim(*SEARCH, "out", *words)
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("cyclesim: --reference: ")
    assert said in found.err
    assert found.err.count("\n") == 1
    assert not (cyclesim.folder / "out").exists()


@pytest.mark.parametrize("words", [("--reference", "all"), ("--budget", "9"), ("--seed", "0")])
def test_only_searches_have_a_budget_a_seed_and_a_reference(cyclesim: CommandLine, words: tuple[str, str]) -> None:
    found = cyclesim("explore", "space.toml", *words)
    assert found.err == f"cyclesim: {words[0]}: is for searches; --search exhaustive evaluates all points\n"
    assert found.status == 2


def test_without_pymoo_nsga2_is_refused_before_anything_is_written(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymoo.core.population", None)
    found = cyclesim("explore", "space.toml", "--search", "nsga2", "-p", "out")
    assert found.status == 2
    assert found.err.startswith("cyclesim: search nsga2 needs pymoo, which is not installed: pip install")
    assert not (cyclesim.folder / "out").exists()
