"""Figures of an exploration: what is drawn, and that it fits a column."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from cyclesim.explore import figures, frontkeys, scatter
from cyclesim.explore.convergence import Convergence
from cyclesim.explore.effects import Axes, Columns, effects
from cyclesim.explore.labels import in_units, label, number
from cyclesim.explore.metrics import METRICS
from cyclesim.explore.pareto import front
from cyclesim.explore.scatter import some

AXES: Axes = {"ArrayHeight": [8, 16, 32, 64], "Dataflow": ["os", "ws", "is"], "OfmapSramSzkB": [16, 64], "Fixed": [1]}
Draw = Callable[..., dict[str, Figure]]


def columns(axes: Axes = AXES) -> Columns:
    """All points of a space, with time and throughput that grow apart by decades."""
    found: dict[str, Any] = {
        key: np.array(column) for key, column in zip(axes, zip(*product(*axes.values()), strict=True), strict=True)
    }
    flow = np.array([["os", "ws", "is"].index(value) for value in found["Dataflow"]])
    found["time_s"] = 1 / found["ArrayHeight"] ** 2 * (1 + flow) / found["OfmapSramSzkB"] ** 0.1
    found["tops"] = 1.0 / found["ArrayHeight"] * (3 + flow)
    return found


def chosen(points: Columns, goals: dict[str, str]) -> Columns:
    signed = np.stack([points[name] * (1 if goal == "min" else -1) for name, goal in goals.items()], axis=1)
    return {name: column[front(signed)] for name, column in points.items()}


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Draw:
    """Gives figures by the name of their files, which are left empty."""
    found: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "FORMS", ("png",))

    def keep(figure: Figure, path: Path, form: str) -> None:
        found[path.name.removeprefix(".").partition(".")[0]] = figure  # it is written under a temporary name
        path.touch()

    monkeypatch.setattr(figures, "save", keep)

    def drawn(points: Columns, goals: dict[str, str], axes: Axes = AXES, **more: Any) -> dict[str, Figure]:
        figures.write_figures(tmp_path, points, chosen(points, goals), goals, axes, **more)
        return found

    return drawn


def test_figures_are_written_in_three_forms_and_as_wide_as_a_column(tmp_path: Path) -> None:
    points, goals = columns(), {"time_s": "min", "tops": "max"}
    fixed: Axes = {key: values[:1] for key, values in AXES.items()}
    written = figures.write_figures(tmp_path, points, chosen(points, goals), goals, fixed)
    names = ["pareto.pdf", "pareto.png", "pareto.svg", "pareto-zoom.pdf", "pareto-zoom.png", "pareto-zoom.svg"]
    assert sorted(path.name for path in written) == sorted(names)
    with Image.open(tmp_path / "pareto.png") as image:
        assert image.width == 3.5 * figures.DOTS_PER_INCH
    assert (tmp_path / "pareto.pdf").read_bytes().startswith(b"%PDF")
    assert all(path.stat().st_size < 200_000 for path in written)


def test_two_objectives_are_one_plot_with_units_and_what_is_better(draw: Draw) -> None:
    drawn = draw(columns(), {"time_s": "min", "tops": "max"})
    assert list(drawn) == ["pareto", "pareto-zoom", "keys", "sensitivity"]
    axes = drawn["pareto"].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time [ms]  (← better)", "TOPS  (→ better)")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [scatter.is_log(np.array(ends)) for ends in ([1, 10], [1, 10.1], [0, 100], [-100, -1])] == [0, 1, 0, 0]


def test_three_objectives_are_a_plot_for_each_pair_and_one_is_none(draw: Draw) -> None:
    points = {**columns(), "edp": np.full(24, -1.0)}
    drawn = draw(points, {"time_s": "min", "tops": "max", "edp": "min"})
    pairs = ["pareto-time_s-tops", "pareto-time_s-edp", "pareto-tops-edp"]
    assert [name for name in drawn if "pareto" in name and "zoom" not in name] == pairs
    drawn.clear()
    assert list(draw(points, {"time_s": "min"})) == ["keys", "sensitivity"]


def test_the_cloud_is_thinned_to_a_point_for_each_cell_and_the_front_is_whole(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scatter, "CELLS", (10, 10))
    rng = np.random.default_rng(0)
    points = {"Dataflow": rng.choice(["os", "ws"], 5000), "time_s": 1 + rng.random(5000)}
    points["tops"] = points["time_s"] + 1e-9 * rng.random(5000)
    goals = {"time_s": "min", "tops": "max"}
    drawn = draw(points, goals, {"Dataflow": ["os", "ws"]})["pareto"].axes[0]
    cloud, *marks = (np.asarray(each.get_offsets()) for each in drawn.collections)
    assert 10 <= len(cloud) <= 19
    assert sum(map(len, marks)) == len(chosen(points, goals)["tops"]) > 1000


def test_points_are_coloured_by_the_strongest_key_that_varies_on_the_front(draw: Draw) -> None:
    goals = {"time_s": "min", "tops": "max"}
    assert draw(columns(), goals)["pareto"].axes[1].get_ylabel() == "ArrayHeight"
    # Only the highest array is on this front, and Dataflow does more than the scratchpad.
    points = {**columns(), "tops": columns()["ArrayHeight"] * np.where(columns()["Dataflow"] == "is", 2, 1)}
    legend = draw(points, goals)["pareto"].legends[0]
    assert legend.get_title().get_text() == "Dataflow"
    assert [text.get_text() for text in legend.get_texts()] == ["os", "ws", "is"]


def test_a_key_of_many_values_has_a_scale_of_few_shades(draw: Draw) -> None:
    values = list(range(1, 60_001))
    some_latencies, figures_of = np.array([1, 30_000, 60_000]), np.array([1.0, 2, 3])
    points = {"DramLatency": some_latencies, "time_s": figures_of, "tops": figures_of}
    figure = draw(points, {"time_s": "min", "tops": "max"}, {"DramLatency": values})["pareto"]
    figure.draw_without_rendering()
    assert figure.axes[1].get_ylabel() == "DramLatency"
    colors = scatter.Colors("DramLatency", values)
    assert len(np.unique(colors.of, axis=0)) == 16
    np.testing.assert_array_equal(colors.of[[0, 59_999]], [colors.map(0)[:3], colors.map(15)[:3]])


def test_the_colours_of_the_lines_are_those_of_the_first_objectives_axis(draw: Draw) -> None:
    points = {"ArrayHeight": np.array([8, 16, 32]), "time_s": np.array([4.0, 2.0, 1.0]), "tops": np.array([3.0, 2, 1])}
    drawn = draw(points, {"time_s": "min", "tops": "max"}, {"ArrayHeight": [8, 16, 32]})["keys"].axes[0]
    lines, axis = drawn.collections[:2]
    heights = np.array([np.asarray(path.vertices)[1, 1] for path in lines.get_paths()])
    assert heights.tolist() == pytest.approx([0, 1 / 3, 1])
    pieces = np.array([np.asarray(path.vertices) for path in axis.get_paths()])
    assert (pieces[:, :, 0] == 1).all()
    nearest = np.abs(pieces[:, 1, 1] - heights[:, None]).argmin(axis=1)
    np.testing.assert_allclose(np.asarray(axis.get_edgecolor())[nearest], np.asarray(lines.get_edgecolor()), atol=0.02)


def test_of_many_objectives_there_are_pairs_with_the_first_one_only(draw: Draw) -> None:
    others = ("edp", "fj_per_op", "area_mm2", "pes", "clock_mhz")
    points = {**columns(), **{name: columns()["time_s"] for name in others}}
    drawn = draw(points, {"time_s": "min", **dict.fromkeys(others, "min")})
    assert [name for name in drawn if name.startswith("pareto")] == [f"pareto-time_s-{other}" for other in others]


def test_keys_that_no_two_points_tell_about_have_no_figure(draw: Draw) -> None:
    points = {name: column[[0, 9, 23]] for name, column in columns().items()}
    assert "sensitivity" not in draw(points, {"time_s": "min", "tops": "max"})
    drawn = draw({**columns(), "macs": np.full(24, 5.0)}, {"macs": "min"})["sensitivity"].axes[0]
    assert drawn.get_xlim()[0] < 1 < drawn.get_xlim()[1]


def test_a_row_without_effects_says_why(draw: Draw) -> None:
    points = {name: column[columns()["OfmapSramSzkB"] == 64] for name, column in columns().items()}
    goals = {"time_s": "min", "tops": "max"}

    def notes(points: Columns, axes: Axes) -> dict[str, str]:
        drawn = draw(points, goals, axes)["sensitivity"].axes[0]
        rows = [label.get_text() for label in drawn.get_yticklabels()]
        assert sorted(rows) == sorted(key for key, values in axes.items() if len(values) > 1)
        return {rows[int(note.get_position()[1])]: note.get_text() for note in drawn.texts}

    assert notes(points, AXES) == {"OfmapSramSzkB": "all feasible points looked at have 64"}
    assert notes(columns(), AXES) == {}
    apart = {key: column[[0, 1, 8, 11]] for key, column in columns().items()}  # (8, os) twice, (16, ws), (16, is)
    assert notes(apart, AXES)["ArrayHeight"] == "no two points differ in this key alone"
    # A long name is shortened, and what has an effect of 1 is not unknown.
    name = "folder/figures_of_the_memory_compiler.csv"
    points = {**points, "ComponentFile": np.full(len(points["tops"]), name), "tops": np.full(len(points["tops"]), 1.0)}
    axes = {**AXES, "ComponentFile": [name, "other.csv"]}
    assert notes(points, axes)["ComponentFile"] == "all feasible points looked at have …_compiler.csv"


def test_parallel_coordinates_have_a_line_for_each_point_and_an_axis_for_each_key_that_varies_on_the_front(
    draw: Draw,
) -> None:
    goals = {"time_s": "min", "tops": "max"}
    axes = draw(columns(), goals)["keys"].axes[0]
    assert len(axes.collections[0].get_paths()) == len(chosen(columns(), goals)["tops"])
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "ArrayHeight", "Dataflow", "time [ms] (↓ better)", "TOPS (↑ better)",
    ]  # fmt: skip
    assert axes.get_title(loc="left") == "On all of the front: OfmapSramSzkB 64."


def test_keys_that_are_the_same_on_all_of_the_front_are_named_above_and_have_no_axis(draw: Draw) -> None:
    points = {**columns(), "tops": columns()["ArrayHeight"] * np.where(columns()["Dataflow"] == "is", 2.0, 1.0)}
    goals = {"time_s": "min", "tops": "max"}
    assert set(chosen(points, goals)["ArrayHeight"]) == {64}
    axes = draw(points, goals)["keys"].axes[0]
    assert axes.get_title(loc="left") == "On all of the front: ArrayHeight 64, OfmapSramSzkB 64."
    assert [text.get_text() for text in axes.get_xticklabels()][:1] == ["Dataflow"]
    # A front of one point shows all of its keys.
    axes = draw({name: column[:1] for name, column in points.items()}, goals)["keys"].axes[0]
    assert len(axes.get_xticklabels()) == 5
    assert axes.get_title(loc="left") == ""


def test_a_front_of_many_points_is_a_cloud_with_some_of_them_in_colour(draw: Draw) -> None:
    count = 500
    rng = np.random.default_rng(0)
    time, area = np.sort(rng.random(count)) + 1, np.sort(rng.random(count))[::-1] + 1
    points = {"ArrayHeight": rng.choice([8, 16, 32], count), "time_s": time, "area_mm2": area,
              "tops": rng.permutation(count).astype(float)}  # fmt: skip
    goals = {"time_s": "min", "area_mm2": "min", "tops": "max"}
    assert len(chosen(points, goals)["tops"]) == count
    axes = draw(points, goals, {"ArrayHeight": [8, 16, 32]})["keys"].axes[0]
    colored, _, cloud, *_ = axes.collections
    lines = {tuple(np.asarray(path.vertices)[:, 1]) for path in colored.get_paths()}
    assert len(cloud.get_paths()) == count
    assert len(lines) == frontkeys.MOST_LINES - 2  # the best by time, and by area, are the ends
    assert lines < {tuple(np.asarray(path.vertices)[:, 1]) for path in cloud.get_paths()}
    assert axes.get_title(loc="left") == f"In colour {len(lines)} of the front's 500 points, in grey all."
    for place, height in ((1, 0), (2, 0), (3, 1)):
        assert height in [line[place] for line in lines]


def test_convergence_is_in_per_cent_of_the_front_that_the_figure_names(draw: Draw) -> None:
    convergence = Convergence("exhaustive front", 5, np.array([10, 20, 25]), np.array([0.5, 0.875, 0.96875]))
    axes = draw(columns(), {"time_s": "min", "tops": "max"}, convergence=convergence)["convergence"].axes[0]
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == [50, 87.5, 96.875]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [10, 20, 25]
    assert axes.get_ylabel() == "hypervolume\n[% of the exhaustive front's]"
    assert axes.get_ylim()[1] > 100


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_an_effect_is_the_greatest_over_the_least_of_points_that_differ_in_one_key(data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(24)), unique=True, min_size=1))
    sign = data.draw(st.sampled_from([1, -1]))
    points = {name: column[kept] for name, column in columns().items()}
    points["time_s"] = sign * points["time_s"]
    found = effects(points, AXES, ["time_s"])
    rows = list(zip(*(points[key].tolist() for key in AXES), strict=True))
    for place, key in enumerate(AXES):
        groups: dict[tuple[Any, ...], list[float]] = {}
        for row, value in zip(rows, points["time_s"].tolist(), strict=True):
            groups.setdefault((*row[:place], *row[place + 1 :]), []).append(value)
        several = [group for group in groups.values() if len(group) > 1]
        size = np.median(np.abs(points["time_s"]))
        moves = [max(group) / min(group) if sign > 0 else 1 + (max(group) - min(group)) / size for group in several]
        expected = np.quantile(moves, (0.1, 0.5, 0.9)) if moves else np.full(3, np.nan)
        np.testing.assert_allclose(found[key][0], expected, rtol=1e-12)


def test_every_metric_has_a_name_and_those_of_a_unit_have_it() -> None:
    units = {"_pj": "pJ", "_mw": "mW", "_mm2": "mm²", "_mhz": "MHz", "_s": "s"}
    for metric in METRICS:
        name, unit = label(metric)
        assert name
        assert "_" not in name
        found = [unit for end, unit in units.items() if metric.endswith(end) or f"{end}_" in metric]
        if found and "per_mm2" not in metric:
            assert unit == found[0], metric
    assert label("energy_pj_dram") == ("energy, dram", "pJ")
    assert label("dram_reads_psum") == ("DRAM reads, psum", "words")


def test_units_suit_the_middle_of_the_values() -> None:
    assert in_units("energy_pj", np.array([1e9, 3.2e10, 1e12])) == ("energy [mJ]", 1e-9)
    assert in_units("fj_per_op", np.array([2500.0])) == ("energy per op [pJ]", 1e-3)
    assert in_units("total_cycles", np.array([9_999])) == ("cycles", 1)
    assert in_units("total_cycles", np.array([2_100_000])) == ("cycles [10⁶]", 1e-6)
    assert in_units("area_mm2", np.array([1e-6])) == ("area [mm²]", 1)
    assert in_units("stall_cycles", np.array([0])) == ("stall cycles", 1)


def test_numbers_have_three_digits_and_powers_where_they_are_long() -> None:
    found = [number(value) for value in (0, 0.00234567, 1000, 4096, 1234.5, 64.0)]
    assert found == ["0", "0.00235", "1000", "4096", "1230", "64"]
    assert [number(value) for value in (1e5, 2.5e-7)] == ["$10^{5}$", r"$2.5\times10^{-7}$"]
    assert some(5, 8) == [0, 1, 2, 3, 4]
    assert some(32, 8) == [3, 7, 11, 15, 19, 23, 27, 31]
