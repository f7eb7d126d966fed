"""`cyclesim explore` on the command line: files, resuming, refusals."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cyclesim import command_explore
from cyclesim.explore import drawing, figures, parts
from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.plan import SEARCHES
from cyclesim.explore.search import KINDS
from cyclesim.files import Lock
from tests.cli.conftest import MACHINE, CommandLine

SPACE = """[explore]
machine = "machine.cfg"
networks = ["net.csv"]
objectives = { fj_per_op = "min", tops_per_mm2 = "max" }
[space]
Dataflow = ["os", "ws"]
FoldOverlap = ["none", "pipe2"]
ArrayHeight = { pow2 = [2, 16] }
ArrayWidth = [3, 8]
IfmapSramSzkB = { range = [1, 4, 1] }
DramBandwidth = [2, "7/2"]
[constraints]
pes = "<= 100"
"""
POINTS = 2 * 2 * 4 * 2 * 4 * 2


@pytest.fixture(autouse=True)
def _space(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A small space; figures are drawn only where a test looks at them."""
    (cyclesim.folder / "space.toml").write_text(SPACE, encoding="utf-8")
    if "draws" not in request.keywords:
        monkeypatch.setattr(command_explore, "draw", lambda *arguments: None)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def same_points(path: Path, other: Path) -> None:
    """Make sure that two files hold the same columns with the same values."""
    with h5py.File(path) as first, h5py.File(other) as second:
        assert set(first) == set(second)
        for name in first:
            np.testing.assert_array_equal(first[name][:], second[name][:], err_msg=name)
        assert dict(first.attrs) == dict(second.attrs)


def test_all_points_are_kept_with_their_figures_and_reasons(cyclesim: CommandLine) -> None:
    said = cyclesim("explore", "space.toml", "-p", "out", "--format", "csv")
    assert (said.status, said.err) == (0, "")
    summary = json.loads((cyclesim.folder / "out/summary.json").read_text(encoding="utf-8"))
    assert said.out == f"{POINTS} points, {summary['feasible']} feasible, {summary['front']} on the front: out\n"
    names = {path.name for path in (cyclesim.folder / "out").iterdir()}
    assert {"points.h5", "points.csv", "pareto.csv", "summary.json"} <= names
    assert not [name for name in names if name.startswith(".")]
    rows = table(cyclesim.folder / "out/points.csv")
    assert [int(row["point"]) for row in rows] == list(range(POINTS))
    assert (rows[0]["Dataflow"], rows[0]["DramBandwidth"], rows[1]["DramBandwidth"]) == ("os", "2.0", "3.5")
    reasons = {row["reason"] for row in rows}
    undefined, outside = "variant os-pipe2 is not defined", "outside of the constraint pes <= 100"
    assert reasons == {"", undefined, outside}
    assert all((row["feasible"] == "true") == (row["reason"] == "") for row in rows)
    assert all(row["total_cycles"] == "" for row in rows if row["reason"] == undefined)
    assert all(row["total_cycles"].isdigit() for row in rows if row["reason"] != undefined)
    assert summary["infeasible"] == {
        reason: sum(row["reason"] == reason for row in rows) for reason in (undefined, outside)
    }
    with h5py.File(cyclesim.folder / "out/points.h5") as file:
        assert file.attrs["state"] == "complete"
        assert file.attrs["space"] == SPACE
        assert set(file) == set(rows[0])
        for name in ("total_cycles", "edp", "area_mm2_controller"):
            texts = [row[name] for row in rows]
            np.testing.assert_array_equal(file[name][:], [float(text) if text else np.nan for text in texts])
        codes = h5py.check_enum_dtype(file["reason"].dtype)
        assert file["reason"][-1] == codes[rows[-1]["reason"] or "feasible"]


def test_the_front_is_what_no_feasible_point_beats_sorted_by_the_first_objective(cyclesim: CommandLine) -> None:
    assert cyclesim("explore", "space.toml", "-p", "out", "--format", "csv", "-q").out == ""
    rows = [row for row in table(cyclesim.folder / "out/points.csv") if row["feasible"] == "true"]
    best = table(cyclesim.folder / "out/pareto.csv")
    figures = [(float(row["fj_per_op"]), -float(row["tops_per_mm2"])) for row in rows]
    unbeaten = [
        row for row, own in zip(rows, figures, strict=True)
        if not any(other != own and other[0] <= own[0] and other[1] <= own[1] for other in figures)
    ]  # fmt: skip
    assert sorted(unbeaten, key=lambda row: (float(row["fj_per_op"]), int(row["point"]))) == best
    assert len(best) > 1


class _Interrupted:
    """An evaluator that the user interrupts at some block."""

    def __init__(self, blocks: int) -> None:
        self.left = blocks

    def __call__(self, evaluator: Evaluator, indices: Any) -> Block:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return evaluator.block(evaluator.space.decode(indices), evaluator._model)


@contextmanager
def _interrupted_after(blocks: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Interrupted]:
    """Explorations are interrupted when they have evaluated so many blocks, which are counted."""
    evaluate = _Interrupted(blocks)
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "__call__", lambda self, indices: evaluate(self, indices))
        yield evaluate


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 48 points, in parts of 96."""
    monkeypatch.setattr(command_explore, "MODEL_ROWS", 48)
    monkeypatch.setattr(parts, "PART_ROWS", 96)
    monkeypatch.setattr(command_explore, "FEW_BLOCKS", 10_000)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("search", [(), ("--search", "ga", "--budget", "150", "--seed", "3")])
def test_an_interrupted_exploration_goes_on_and_ends_the_same(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, search: tuple[str, ...]
) -> None:
    words = ("explore", "space.toml", "--format", "csv", *search, "-p")
    with _interrupted_after(1000, monkeypatch) as whole:
        assert cyclesim(*words, "whole").status == 0
    with _interrupted_after(3, monkeypatch):
        said = cyclesim(*words, "out")
    assert (said.status, said.err) == (130, "cyclesim: interrupted; finished points are kept, and --resume goes on\n")
    assert not (cyclesim.folder / "out/summary.json").exists()
    assert not (cyclesim.folder / "out/points.h5").exists()
    with _interrupted_after(1000, monkeypatch) as rest:
        said = cyclesim(*words, "out", "--resume")
    assert said.status == 0, said.err
    assert rest.left == whole.left + 3
    for name in ("points.csv", "pareto.csv"):
        assert (cyclesim.folder / "out" / name).read_bytes() == (cyclesim.folder / "whole" / name).read_bytes(), name
    said = cyclesim(*words, "out", "--resume")
    assert (said.status, said.out) == (0, "out is complete already\n")


@pytest.mark.usefixtures("_small_blocks")
def test_a_part_that_cannot_be_read_is_made_again(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("explore", "space.toml", "--format", "csv", "-p")
    assert cyclesim(*words, "whole").status == 0
    with _interrupted_after(5, monkeypatch):
        assert cyclesim(*words, "out").status == 130
    found = sorted((cyclesim.folder / "out/.points/points").glob("*.h5"))
    assert [int(path.stem) for path in found] == [0, 96, 192]
    found[1].write_bytes(found[1].read_bytes()[:1000])
    assert cyclesim(*words, "out", "--resume").status == 0
    assert (cyclesim.folder / "out/points.csv").read_bytes() == (cyclesim.folder / "whole/points.csv").read_bytes()


def test_processes_give_what_one_gives(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_explore, "MODEL_ROWS", 128)
    assert cyclesim("explore", "space.toml", "--format", "csv", "--jobs", "1", "-p", "one").status == 0
    monkeypatch.setattr(command_explore, "FEW_BLOCKS", 0)
    assert cyclesim("explore", "space.toml", "--format", "csv", "--jobs", "2", "-p", "two").status == 0
    assert (cyclesim.folder / "two/points.csv").read_bytes() == (cyclesim.folder / "one/points.csv").read_bytes()


@pytest.mark.parametrize("kind", ["random", "ga"])
def test_a_search_evaluates_its_budget_and_each_point_once(cyclesim: CommandLine, kind: str) -> None:
    said = cyclesim("explore", "space.toml", "-p", "out", "--search", kind, "--budget", "60", "--format", "csv")
    assert said.status == 0, said.err
    rows = table(cyclesim.folder / "out/points.csv")
    assert len({row["point"] for row in rows}) == len(rows) == 60


@pytest.mark.draws
def test_figures_are_drawn_of_a_sample_where_there_are_many_points(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def write_figures(folder: Path, points: Any, front: Any, objectives: Any, axes: Any, convergence: Any) -> None:
        given.update(points=points, front=front, objectives=objectives, axes=axes, convergence=convergence)

    monkeypatch.setattr(drawing, "write_figures", write_figures)
    (cyclesim.folder / "out/figures").mkdir(parents=True)
    for name in ("pareto-zoom.png", "pareto-edp-tops.svg", "mine.png"):
        (cyclesim.folder / "out/figures" / name).touch()
    assert cyclesim("explore", "space.toml", "-p", "out", "-q").status == 0
    assert [path.name for path in (cyclesim.folder / "out/figures").iterdir()] == ["mine.png"]
    summary = json.loads((cyclesim.folder / "out/summary.json").read_text(encoding="utf-8"))
    assert given["objectives"] == {"fj_per_op": "min", "tops_per_mm2": "max"}
    assert given["axes"]["Dataflow"] == ["os", "ws"]
    assert given["axes"]["DramBandwidth"] == [2.0, 3.5]
    assert {len(values) for values in given["points"].values()} == {summary["feasible"]}
    assert {len(values) for values in given["front"].values()} == {summary["front"]}
    assert given.pop("convergence") is None
    monkeypatch.setattr(drawing, "MOST_POINTS", 40)
    assert cyclesim("explore", "space.toml", "-p", "out", "-q").status == 0
    assert len(given["points"]["fj_per_op"]) < summary["feasible"]
    assert cyclesim("explore", "space.toml", "-p", "out", "-q", "--search", "ga", "--budget", "60").status == 0
    assert given["convergence"].evaluations[-1] == 60
    assert (np.diff(given["convergence"].shares) >= 0).all()


def test_searches_of_the_command_line_are_those_that_exist() -> None:
    assert set(SEARCHES) == {"exhaustive", *KINDS}


def test_refining_says_how_many_of_the_front_stay(cyclesim: CommandLine) -> None:
    said = cyclesim("explore", "space.toml", "-p", "out", "--evaluate", "refine")
    assert said.status == 0, said.err
    refined = json.loads((cyclesim.folder / "out/summary.json").read_text(encoding="utf-8"))["refined"]
    assert 0 <= refined["stay"] <= refined["model_front"] < refined["simulated"]
    assert len(table(cyclesim.folder / "out/refined.csv")) == refined["front"]


def test_simulated_points_have_the_figures_of_a_run(cyclesim: CommandLine) -> None:
    text = SPACE.replace("{ pow2 = [2, 16] }", "[4]").replace("{ range = [1, 4, 1] }", "[1]")
    (cyclesim.folder / "space.toml").write_text(text, encoding="utf-8")
    said = cyclesim("explore", "space.toml", "-p", "out", "--evaluate", "simulate", "--format", "csv")
    assert said.status == 0, said.err
    row = table(cyclesim.folder / "out/points.csv")[-1]
    keys = ("Dataflow", "FoldOverlap", "ArrayHeight", "ArrayWidth", "IfmapSramSzkB", "DramBandwidth")
    sweeps = [word for key in keys for word in ("--sweep", f"{key}={row[key]}")]
    assert cyclesim("run", "-t", "net.csv", "-c", "machine.cfg", *sweeps).status == 0
    layers = table(cyclesim.folder / "results/tiny/SWEEP.csv")
    for name in ("total_cycles", "stall_cycles", "dram_reads_ifmap", "dram_writes_ofmap"):
        assert int(row[name]) == sum(int(layer[name]) for layer in layers), name
    energy = sum(float(layer["total_energy_pj"]) for layer in layers)
    assert float(row["energy_pj"]) == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.toml",), "nowhere.toml: cannot be read: No such file or directory"),
        (("space.toml", "--search", "nsga3"), "--search: must be one of exhaustive, nsga2, ga, random (got 'nsga3'"),
        (("space.toml", "--budget", "9"), "cyclesim: --budget: is for searches"),
        (("space.toml", "--resume"), "cyclesim: --resume: out holds no unfinished exploration"),
        (("bad.toml",), "bad.toml:8: ArrayHeight must be a whole number from 1 to 65536"),
        (("nonet.toml",), "net2.csv: cannot be read"),
        (("huge.toml",), "cyclesim: --search: 60,000,000,000,000 points take about 9,600,000.0 GB, and "),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    cyclesim: CommandLine, words: tuple[str, ...], said: str
) -> None:
    (cyclesim.folder / "bad.toml").write_text(SPACE.replace("[2, 16]", "[2, 131072]"), encoding="utf-8")
    (cyclesim.folder / "nonet.toml").write_text(SPACE.replace("net.csv", "net2.csv"), encoding="utf-8")
    axes = "".join(f"{key} = {{ range = [1, 10000, 1] }}\n" for key in ("ArrayHeight", "IfmapSramWords", "DramLatency"))
    text = SPACE.partition("[space]")[0] + "[space]\nDramBandwidth = { range = [1, 60, 1] }\n" + axes
    (cyclesim.folder / "huge.toml").write_text(text, encoding="utf-8")
    found = cyclesim("explore", *words, "-p", "out")
    assert found.status == 2
    assert said in found.err
    assert found.err.count("\n") == 1
    assert found.out == ""
    assert not (cyclesim.folder / "out").exists()


def test_points_with_equal_objectives_are_all_on_the_front(cyclesim: CommandLine) -> None:
    """The type of DRAM changes no cycle: each point is there three times, on the front or off it."""
    axes = 'DramType = ["DDR4", "LPDDR4", "HBM2"]\nArrayHeight = [2, 4, 8]\nDramBandwidth = [2]\n'
    text = SPACE.partition("[space]")[0].replace("fj_per_op", "total_cycles")
    text = text.replace('tops_per_mm2 = "max"', 'pes = "min"')
    (cyclesim.folder / "space.toml").write_text(f"{text}[space]\n{axes}", encoding="utf-8")
    assert cyclesim("explore", "space.toml", "-p", "out").status == 0
    best = table(cyclesim.folder / "out/pareto.csv")
    vectors = [(row["total_cycles"], row["pes"]) for row in best]
    assert {vectors.count(vector) for vector in vectors} == {3}
    assert [row["DramType"] for row in best] == ["DDR4", "LPDDR4", "HBM2"] * (len(best) // 3)
    assert len(best) > 3


@pytest.mark.draws
def test_points_without_an_objective_are_on_no_front_and_are_counted(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel without a limit has no machine balance."""
    monkeypatch.setattr(figures, "FORMS", ("png",))
    axes = 'ArrayHeight = [2, 4]\nDramBandwidth = [2, 8]\nInterfaceBandwidth = ["CALC", "USER"]\n'
    text = SPACE.partition("[space]")[0].replace("fj_per_op", "machine_balance")
    (cyclesim.folder / "space.toml").write_text(f"{text}[space]\n{axes}", encoding="utf-8")
    said = cyclesim("explore", "space.toml", "-p", "out")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[1:] == ["objectives are not known of 4 points, which no front has"]
    assert json.loads((cyclesim.folder / "out/summary.json").read_text(encoding="utf-8"))["unknown"] == 4
    assert {row["InterfaceBandwidth"] for row in table(cyclesim.folder / "out/pareto.csv")} == {"USER"}
    assert (cyclesim.folder / "out/figures/pareto.png").is_file()
    (cyclesim.folder / "space.toml").write_text(f"{text}[space]\nArrayHeight = [2, 4]\n", encoding="utf-8")
    said = cyclesim("explore", "space.toml", "-p", "out")
    assert said.out.splitlines()[0] == "2 points, 2 feasible, 0 on the front: out"
    assert not list((cyclesim.folder / "out/figures").iterdir())


def test_points_above_the_clock_that_the_tables_allow_can_be_left_out(cyclesim: CommandLine) -> None:
    axes = 'ArrayHeight = [2, 4]\nIfmapSramSzkB = [1, 512]\nClockMHz = [50, 300, 9000]\n'
    text = f"{SPACE.partition('[space]')[0].replace('fj_per_op', 'area_mm2')}[space]\n{axes}"
    (cyclesim.folder / "space.toml").write_text(text, encoding="utf-8")
    said = cyclesim("explore", "space.toml", "-p", "out")
    best = table(cyclesim.folder / "out/pareto.csv")
    assert len(best) == 2
    assert said.out.splitlines()[1:] == [
        "2 of 2 points on the front with a clock above what the tables allow; "
        'clock_margin = ">= 1" in [constraints] leaves such points out'
    ]
    assert {row["ClockMHz"] for row in best} == {"9000.0"}
    assert "clock_margin" not in best[0]
    bound = '[constraints]\nclock_margin = ">= 1"\n'
    (cyclesim.folder / "space.toml").write_text(text + bound, encoding="utf-8")
    said = cyclesim("explore", "space.toml", "-p", "out", "--format", "csv")
    assert len(said.out.splitlines()) == 1
    rows = table(cyclesim.folder / "out/points.csv")
    allowed = [float(row["ClockMHz"]) <= float(row["clock_limit_mhz"]) for row in rows]
    assert [row["feasible"] == "true" for row in rows] == allowed
    assert {row["ClockMHz"] for row in table(cyclesim.folder / "out/pareto.csv")} == {"300.0"}
    told = json.loads((cyclesim.folder / "out/summary.json").read_text(encoding="utf-8"))
    assert told["front_above_clock_limit"] == 0
    assert told["infeasible"] == {"outside of the constraint clock_margin >= 1": allowed.count(False)}


@pytest.mark.draws
@pytest.mark.parametrize(
    ("axes", "search", "names"),
    [
        ("ArrayHeight = [4]\n", "ga", {"pareto", "pareto-zoom", "convergence"}),
        ("ArrayHeight = [2, 3, 4]\n", "exhaustive", {"pareto", "pareto-zoom", "keys", "sensitivity"}),
    ],
)
def test_a_space_may_have_one_axis_or_one_point(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, axes: str, search: str, names: set[str]
) -> None:
    monkeypatch.setattr(figures, "FORMS", ("png",))
    text = SPACE.partition("[space]")[0]
    (cyclesim.folder / "space.toml").write_text(f"{text}[space]\n{axes}", encoding="utf-8")
    assert cyclesim("explore", "space.toml", "-p", "out", "--search", search).status == 0
    assert {path.stem for path in (cyclesim.folder / "out/figures").iterdir()} == names


def test_two_explorations_cannot_write_into_one_folder(cyclesim: CommandLine) -> None:
    (cyclesim.folder / "out").mkdir()
    other = Lock(cyclesim.folder / "out/.points.lock", "")
    other.take()
    said = cyclesim("explore", "space.toml", "-p", "out")
    assert (said.status, said.err) == (2, "cyclesim: -p: another exploration is writing to out\n")
    other.release()
    assert cyclesim("explore", "space.toml", "-p", "out").status == 0


def test_another_space_is_not_resumed(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with _interrupted_after(0, monkeypatch):
        assert cyclesim("explore", "space.toml", "-p", "out").status == 130
    dataflow, other = 'Dataflow = ["os", "ws"]\n', "ArrayWidth = [3, 8]\n"
    for written, instead in (
        ("<= 100", "<= 101"),
        ("pes =", "folds ="),
        ('"max"', '"min"'),
        ('fj_per_op = "min", tops_per_mm2 = "max"', 'tops_per_mm2 = "max", fj_per_op = "min"'),
        ("[3, 8]", "[8, 3]"),
        (f'{dataflow}FoldOverlap = ["none", "pipe2"]', f'FoldOverlap = ["none", "pipe2"]\n{dataflow}'),
        ("[space]", "weights = { edp = 1 }\n[space]"),
        (other, other.replace("8", "9")),
        ('["net.csv"]', '{ "net.csv" = 2 }'),
    ):
        (cyclesim.folder / "space.toml").write_text(SPACE.replace(written, instead), encoding="utf-8")
        assert SPACE.replace(written, instead) != SPACE
        found = cyclesim("explore", "space.toml", "-p", "out", "--resume")
        assert (found.status, "had other inputs, options or another version" in found.err) == (2, True), instead


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("search", [(), ("--search", "random", "--budget", "150")])
def test_the_same_space_written_in_another_way_is_resumed(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch, search: tuple[str, ...]
) -> None:
    words = ("explore", "space.toml", "--format", "csv", *search, "-p")
    with _interrupted_after(3, monkeypatch):
        assert cyclesim(*words, "out").status == 130
    text = "# Another comment, other spaces and names of the same.\n" + SPACE
    for written, instead in (
        ("[2, \"7/2\"]", "[2.0, 3.5]  # words per cycle"),
        ("{ range = [1, 4, 1] }", "[1, 2, 3, 4]"),
        ("ArrayHeight =", "arrayheight="),
        ('["net.csv"]', '{ "net.csv" = 1 }'),
        ("<= 100", "<=1e2"),
    ):
        assert written in text
        text = text.replace(written, instead)
    (cyclesim.folder / "space.toml").write_text(text, encoding="utf-8")
    assert cyclesim(*words, "out", "--resume").status == 0
    assert cyclesim(*words, "whole").status == 0
    for name in ("points.csv", "pareto.csv"):
        assert (cyclesim.folder / "out" / name).read_bytes() == (cyclesim.folder / "whole" / name).read_bytes(), name
    (cyclesim.folder / "space.toml").write_text(SPACE, encoding="utf-8")
    assert cyclesim(*words, "out", "--resume").out == "out is complete already\n"


MACHINE_SAID = f"""{MACHINE.partition("[run_presets]")[0]}[cyclesim]
PsumBits = 8
DramPorts = separate
DramLatency = 5
ActiveFraction = 1/2
"""
SAID_OTHERWISE = """; The same machine, in other words.
[cyclesim]
activefraction: 0.50   ; of each scratchpad
DramLatency = 005
DramPorts = Separate
PsumBits = 8
[layout]
IfmapCustomLayout = False
[architecture_presets]
ArrayWidth : 3
ArrayHeight : 128      # [space] has its own
OfmapSramSzkB : 1
FilterSramSzkB : 1
IfmapSramSzkB : 77
Dataflow : WS
[general]
run_name : tiny
"""


@pytest.mark.usefixtures("_small_blocks")
def test_a_machine_that_says_the_same_in_other_words_is_resumed(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cyclesim.folder / "machine.cfg").write_text(MACHINE_SAID, encoding="utf-8")
    words = ("explore", "space.toml", "--format", "csv", "-p")
    assert cyclesim(*words, "whole").status == 0
    with _interrupted_after(3, monkeypatch):
        assert cyclesim(*words, "out").status == 130
    (cyclesim.folder / "machine.cfg").write_text(SAID_OTHERWISE, encoding="utf-8")
    assert cyclesim(*words, "out", "--resume").status == 0
    for name in ("points.csv", "pareto.csv"):
        assert (cyclesim.folder / "out" / name).read_bytes() == (cyclesim.folder / "whole" / name).read_bytes(), name
    (cyclesim.folder / "machine.cfg").write_text(f"# a comment\n{MACHINE_SAID}", encoding="utf-8")
    assert cyclesim(*words, "whole", "--resume").out == "whole is complete already\n"


def test_a_machine_that_says_something_else_is_not_resumed(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With WordBits explored, PsumBits follow it where the file gives none: the first point is the same, others are not.
    (cyclesim.folder / "space.toml").write_text(SPACE.replace("[space]", "[space]\nWordBits = [8, 16]"), "utf-8")
    (cyclesim.folder / "machine.cfg").write_text(MACHINE_SAID, encoding="utf-8")
    with _interrupted_after(0, monkeypatch):
        assert cyclesim("explore", "space.toml", "-p", "out").status == 130
    for written, instead in (
        ("PsumBits = 8\n", ""),
        ("PsumBits = 8", "PsumBits = 9"),
        ("separate", "shared"),
        ("1/2", "3/4"),
        ("FilterSramSzkB = 1", "FilterSramSzkB = 2"),
        ("DramLatency = 5", "#DramLatency = 5"),
        ("[cyclesim]", "[technology]\nNodeNm = 28\n[cyclesim]"),
    ):
        assert written in MACHINE_SAID
        (cyclesim.folder / "machine.cfg").write_text(MACHINE_SAID.replace(written, instead), encoding="utf-8")
        found = cyclesim("explore", "space.toml", "-p", "out", "--resume")
        assert (found.status, "had other inputs, options or another version" in found.err) == (2, True), instead
