"""The suite of published figures, where designs are explored: each comparison on small spaces and made-up figures.

The whole explorations, searches and SCALE-Sim's runs are in the suite only.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cyclesim
from cyclesim.api import load_hardware, load_topology
from cyclesim.costs import COMPONENTS
from cyclesim.validation import Settings, scalesim
from cyclesim.validation.published import headline, ispass2020, magnet, searching, vit_energy, xploredl
from cyclesim.validation.published.exploring import Points, explore, machine_label
from cyclesim.validation.published.layers import macs
from cyclesim.validation.published.rows import Row
from cyclesim.validation.published.scalesim_v3 import vit_block
from cyclesim.validation.scalesim import Measured
from cyclesim.validation.stopwatch import alexnet_5
from cyclesim.workload import GemmShape, Layer, Network

SPACE = """[explore]
networks = ["convolutions.csv"]
objectives = {{ chip_fj_per_op = "min", tops_per_mm2 = "max" }}
[space]
Dataflow = ["os", "ws"]
ArrayHeight = {sides}
ArrayWidth = {sides}
IfmapSramSzkB = {buffers}
FilterSramSzkB = {buffers}
OfmapSramSzkB = {buffers}
SramOrganisation = ["wide", "per_port"]
DramBandwidth = [64]
Device = ["lop"]
NumberFormat = ["int8/int{bits}"]
PsumBits = [{bits}]
"""


def small(sides: Iterable[int] = (16, 32), buffers: Iterable[int] = (4, 32), bits: int = 16) -> Points:
    text = SPACE.format(sides=list(sides), buffers=list(buffers), bits=bits)
    return explore(text, xploredl.convolutions())


@pytest.fixture(scope="module")
def points() -> Points:
    return small()


def _by_claim(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.claim: row for row in rows}


def _broken(rows: Iterable[Row]) -> int:
    return sum(row.broken for row in rows)


def _with(points: Points, **metrics: Any) -> Points:
    return replace(points, metrics={**points.metrics, **metrics})


def test_points_are_the_estimates_of_their_machines(points: Points) -> None:
    """A point's metrics are what `cyclesim.estimate` says of its machine; the best is found by comparing all."""
    network = load_topology("alexnet").select(range(5))
    feasible = np.flatnonzero(points.feasible).tolist()
    assert 0 < len(feasible) < points.space.points, "a bank a port of less than 1 KiB cannot be priced"
    for point in feasible[::7]:
        totals = cyclesim.estimate(network, points.hardware(point)).totals
        assert points.at("chip_fj_per_op", point) == pytest.approx(totals.chip_fj_per_op, rel=1e-12)
        assert points.at("tops_per_mm2", point) == pytest.approx(totals.tops_per_mm2, rel=1e-12)
        assert points.values_of("ArrayHeight")[point] == points.hardware(point).rows
    least = min(feasible, key=lambda point: points.metrics["fj_per_op"][point])
    most = max(feasible, key=lambda point: points.metrics["tops_per_mm2"][point])
    assert (points.best("fj_per_op"), points.best("tops_per_mm2", largest=True)) == (least, most)
    for point in points.front.tolist():
        other = points.objectives[feasible]
        beaten = (other <= points.objectives[point]).all(axis=1) & (other < points.objectives[point]).any(axis=1)
        assert not beaten.any()
    assert machine_label(points.hardware(0)) == "16x16 os, 4/4/4 kB, wide banks"


def test_arithmetic_bounds_are_read_from_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """All come out as published; with a tenth more of everything none does."""
    rows = list(xploredl.bound_rows())
    assert _broken(rows) == 0
    assert xploredl.mac_floor("int8", "int16") == pytest.approx((0.2 + 0.05) / 2 * 1000)
    # 282 + 137 um2 of arithmetic, 48 bits of 5.98: 2 operations a nanosecond on 706.04 um2.
    assert xploredl.area_ceiling() == pytest.approx(2e-3 / 706.04e-6)
    figure = xploredl.figure
    monkeypatch.setattr(xploredl, "figure", lambda *names: 1.1 * figure(*names))
    assert _broken(xploredl.bound_rows()) == sum(row.gate is True for row in rows) == 7


def test_the_best_designs_are_gated_for_the_narrowest_sums() -> None:
    """Designs that reach the bounds hold both gates, others break them; wider sums are only reported."""
    good, bad = small(sides=(32, 64), buffers=(4, 64)), small(sides=(4,), buffers=(64,))
    key = (xploredl.CONVOLUTIONS, 16)
    assert _broken(xploredl.pareto_rows({key: _with(good, chip_fj_per_op=good.metrics["chip_fj_per_op"] - 20)})) == 0
    assert _broken(xploredl.pareto_rows({key: bad})) == 2
    assert not any(row.gate for row in xploredl.pareto_rows({(xploredl.CONVOLUTIONS, 24): bad}))
    assert not any(row.gate for row in xploredl.pareto_rows({(xploredl.WHOLE, 16): bad}))


def test_bounds_that_are_crossed_are_counted(points: Points) -> None:
    """Feasible points below the floor, above the published ceiling or above that of their clock break their gate."""
    found = {(xploredl.CONVOLUTIONS, 16): points}
    assert _broken(xploredl.never_crossed_rows(found)) == 0
    cheap, dense = (points.metrics[name].copy() for name in ("chip_fj_per_op", "tops_per_mm2"))
    feasible, infeasible = np.flatnonzero(points.feasible), np.flatnonzero(~points.feasible)
    cheap[feasible[:2]], cheap[infeasible[0]] = 124.9, 1.0
    dense[feasible[:3]] = 2.79  # below 2.8, but more than bare PEs do at 641 MHz
    rows = list(xploredl.never_crossed_rows({(xploredl.CONVOLUTIONS, 16): _with(
        points, chip_fj_per_op=cheap, tops_per_mm2=dense)}))  # fmt: skip
    assert [row.ours for row in rows] == ["2", "3"]


def test_the_clock_scales_density(points: Points) -> None:
    """At 1 GHz a design does 1000 / clock times as many operations a second."""
    found = {(xploredl.CONVOLUTIONS, bits): points for bits in xploredl.SUMS}
    [row] = xploredl.clock_rows(found)
    densest = points.best("tops_per_mm2", largest=True)
    at_clock = points.at("tops_per_mm2", densest) * 1000 / points.at("clock_mhz", densest)
    assert row.ours == " / ".join([f"{at_clock:.2f}"] * 3)


def test_dram_takes_at_least_each_word_once(points: Points) -> None:
    """The words of AlexNet's convolutions, added by hand."""
    filters = 64 * 3 * 121 + 192 * 64 * 25 + 384 * 192 * 9 + 256 * 384 * 9 + 256 * 256 * 9
    ifmaps = 224 * 224 * 3 + 27 * 27 * 64 + 13 * 13 * (192 + 384 + 256)
    ofmaps = 55 * 55 * 64 + 27 * 27 * 192 + 13 * 13 * (384 + 256 + 256)
    macs = 655_566_528
    by_hand = 8 * (filters + ifmaps + ofmaps) * 10e3 / (2 * macs)
    assert xploredl.least_dram_energy(xploredl.CONVOLUTIONS, 10) == pytest.approx(by_hand)
    found = {(network, 16): points for network in xploredl.NAMES}
    rows = list(xploredl.dram_rows(found))
    best = points.best("fj_per_op")
    assert rows[0].ours == f"{points.at('fj_per_op', best):,.0f}", "the space has no DramType: it is the default one"
    assert not any(row.gate for row in rows)


def test_components_add_up_to_what_is_compared(points: Points) -> None:
    """The energies of a column add up to its fJ/op, the shares of area to all of it."""
    rows = list(xploredl.component_rows(points, "small"))
    assert [row.claim.split(", ")[1].split(":")[0] for row in rows] == list(COMPONENTS)
    energies = np.array([[float(text) for text in row.ours.split(";")[0].split(" / ")] for row in rows])
    chosen = (points.best("chip_fj_per_op"), points.best("fj_per_op"), points.best("tops_per_mm2", largest=True))
    assert energies.sum(axis=0) == pytest.approx([points.at("fj_per_op", point) for point in chosen], abs=0.6)
    chip = [points.at("chip_fj_per_op", point) for point in chosen]
    assert energies[:-1].sum(axis=0) == pytest.approx(chip, abs=0.6)
    shares = np.array([[float(text) for text in row.ours.split("; ")[1].removesuffix(" % of mm2").split(" / ")]
                       for row in rows[:-1]])  # fmt: skip
    assert shares.sum(axis=0) == pytest.approx(100, abs=4.5)


def test_a_vertical_line_needs_a_smaller_array_with_more_memory(points: Points) -> None:
    """The most expensive of equally dense designs is compared with the cheapest, whatever the others are."""
    energy, density = (np.full(points.space.points, value) for value in (1000.0, 5.0))
    of = {(machine.rows, machine.cols, machine.ifmap_sram.size_bytes): point for point in np.flatnonzero(
        points.feasible).tolist() for machine in [points.hardware(point)]}  # fmt: skip
    large, small_ = of[32, 32, 4096], of[16, 16, 32768]
    energy[large], density[large], energy[small_], density[small_] = 100, 1.0, 151, 1.009
    row = xploredl.vertical_row(_with(points, chip_fj_per_op=energy, tops_per_mm2=density))
    assert row.holds
    assert row.ours.startswith("100 fJ/op, 1,024 PEs")
    assert "/ 151 fJ/op, 256 PEs" in row.ours
    energy[large], energy[small_] = 151, 100
    assert not xploredl.vertical_row(_with(points, chip_fj_per_op=energy, tops_per_mm2=density)).holds


def test_magnet_is_compared_by_the_published_factors() -> None:
    """Energy is multiplied by the least and the greatest factor, area by its own."""
    factors = magnet.scaling()
    assert (factors.least, factors.greatest, factors.area) == (0.118, 0.187, 0.19)
    assert _broken(magnet.factor_rows()) == 0
    network = Network("one", (Layer("product", 0, "gemm", GemmShape(64, 64, 64)),))
    machine = load_hardware("default")
    run, small_run = (cyclesim.estimate(network, magnet.at_node(machine, node)) for node in (45, 16))
    scaled, priced = magnet.design_rows(run, small_run, factors, "here")
    energy, smaller = run.totals.chip_fj_per_op, small_run.totals.chip_fj_per_op
    assert energy is not None
    assert smaller is not None
    assert scaled.ours == f"{0.118 * energy:.0f} to {0.187 * energy:.0f}"
    assert priced.ours == f"{smaller:.0f}"
    density = run.totals.tops_per_mm2
    assert density is not None
    assert magnet.density_row(run, small_run, factors, "here").ours.startswith(f"{density / 0.19:.1f}; ")


def test_how_much_an_idle_pe_must_take_is_worked_by_hand() -> None:
    """Where two lines cross: energy plus idle energy, times the cycles for the EDP."""
    small_, middle, large = (200.0, 10, 9), (150.0, 30, 3), (130.0, 70, 2)
    spent = {32: vit_energy.Spent(*small_), 64: vit_energy.Spent(*middle), 128: vit_energy.Spent(*large)}
    found = vit_energy.needed(spent)
    # 200 + 10 x = 150 + 30 x at 2.5, 150 + 30 x = 130 + 70 x at 0.5; both must hold.
    assert found.order == pytest.approx(2.5)
    # 3 (150 + 30 x) = 2 (130 + 70 x) at 3.8; there 9 (200 + 38) is more than 3 (150 + 114).
    assert found.edp == pytest.approx(3.8)
    # 2.86 (200 + 10 x) = 130 + 70 x.
    assert found.ratio == pytest.approx((572 - 130) / (70 - 28.6))
    never = {**spent, 128: vit_energy.Spent(500.0, 20, 2)}
    assert vit_energy.needed(never).ratio == np.inf
    first = {**spent, 32: vit_energy.Spent(1.0, 0, 9)}
    assert vit_energy.needed(first).edp == np.inf, "32x32 has the better EDP by then"


def test_energies_of_vit_are_those_of_its_runs() -> None:
    """Energy and EDP of a small product on the three arrays are compared as they come out."""
    network = Network("one", (Layer("product", 0, "gemm", GemmShape(196, 192, 768)),))
    runs = {side: cyclesim.estimate(network, vit_energy.machine(side)) for side in vit_energy.SIDES}
    energies = {side: run.totals.total_energy_pj or 0.0 for side, run in runs.items()}
    ratio, edp, idle = vit_energy.energy_rows("one", runs)
    assert ratio.ours == f"{energies[128] / energies[32]:.2f}x"
    best = min(runs, key=lambda side: energies[side] * runs[side].totals.total_cycles)
    assert edp.ours == f"{best}x{best}"
    assert "take 0.3 here" in idle.reason
    spent = vit_energy.Spent.of(runs[64], 64)
    assert spent.idle_pe_cycles == 64 * 64 * runs[64].totals.total_cycles - 196 * 192 * 768


@pytest.mark.parametrize(
    ("cycles", "differing"),
    [
        ({32: 1000, 64: 300, 128: 180}, 0),
        ({32: 1000, 64: 300, 128: 100}, 1),  # 128x128 is fast enough for the best EDP
        ({32: 1000, 64: 900, 128: 800}, 1),  # 32x32 has the best EDP
        ({32: 1000, 64: 200, 128: 110}, 1),  # 64x64 takes less energy than 32x32
    ],
)
def test_pe_cycles_agree_or_differ(cycles: Mapping[int, int], differing: int) -> None:
    """With every PE charged in every cycle energy should rise with the array, and 64x64 have the best EDP."""
    rows = list(vit_energy.pe_cycle_rows("made up", lambda side, bandwidth: cycles[side], (10,)))
    assert [row.verdict for row in rows].count("differs") == differing
    assert rows[0].ours == f"{4 * cycles[64] / cycles[32]:.2f}x, {16 * cycles[128] / cycles[32]:.2f}x"


def test_the_claims_on_vit_hold_for_the_block() -> None:
    """By the model, on the bandwidths next to the assumed one."""
    cycles = vit_energy.estimated_cycles(vit_block())
    rows = list(vit_energy.pe_cycle_rows("block", cycles, (50, 720)))
    assert [row.verdict for row in rows] == ["agrees", "agrees", "shown"]
    assert (rows[-1].ours, rows[-1].reason.split(":")[0]) == ("50", "else 128x128 at 720")


def test_a_search_is_measured_by_what_it_has_seen(points: Points) -> None:
    """With every point it reaches all of the front; with a few by chance it misses some of it."""
    everything = searching.reached(points, "random", points.space.points, 0)
    assert everything.share == pytest.approx(1)
    assert everything.missed == 0
    few = searching.reached(points, "random", 4, 0)
    assert few.share < 1
    assert few.missed > 0


def test_a_search_that_reaches_too_little_breaks_the_gate(
    points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The median of the seeds counts; budgets are shares of the space."""
    shares = iter([0.995, 0.5, 0.99, 0.1, 0.1, 0.1, 0.989, 0.995, 0.5, 0.1, 0.1, 0.1])
    budgets = []

    def reach(points: Points, kind: str, budget: int, seed: int) -> searching.Reached:
        budgets.append((kind, budget, seed))
        return searching.Reached(next(shares), 1)

    monkeypatch.setattr(searching, "reached", reach)
    assert not searching.search_row("good", points, 3, gate=True).broken
    assert searching.search_row("bad", points, 3, gate=True).broken
    assert budgets[:3] == [("nsga2", points.space.points // 50, seed) for seed in range(3)]


def test_without_pymoo_searches_are_not_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "find_spec", lambda name: None)
    [row] = searching.rows()
    assert row.verdict == "not reproduced"
    assert "pip install" in row.reason


def test_partitions_and_shapes_are_never_slower_than_a_square() -> None:
    """The best partition is at most as slow as the best array, and that as the square, which is one of them."""
    layers = ispass2020.LANGUAGE_LAYERS.values()
    for sizes, dataflow, budget in itertools.product(layers, ("os", "ws", "is"), (10, 14, 18)):
        spatial = ispass2020.mapped(*sizes, dataflow)  # type: ignore[arg-type]
        one, best = ispass2020.square(spatial, budget), ispass2020.best_single(spatial, budget, 8)
        parts = ispass2020.best_partitioned(spatial, budget, 8)
        assert parts.cycles <= best.cycles <= one.cycles
        assert best.rows * best.cols == 1 << budget
        assert parts.rows * parts.cols * parts.row_parts * parts.col_parts == 1 << budget


def test_scalesims_words_are_counted_in_all_layers_on_all_machines() -> None:
    """Words at the edges of an output-stationary array: each operand once for each fold along the other."""
    cases = headline.all_cases()
    assert len(cases) == 5 * 3 * 49 * 64
    assert len({case.machine for case in cases}) == 3 * 49 * 64
    machine = scalesim.Machine(16, 64, "os", (4, 16, 256))
    [case] = [case for case in cases if case.machine == machine and case.layer == 2]
    m, k, n = 11 * 11, 9 * 256, 384
    assert case.words == m * k * (n // 64) + n * k * -(-m // 16) + m * n


def test_the_sample_has_short_cases_only_and_follows_the_seed() -> None:
    """Of a random order the first ones that are short enough, up to as many as are timed."""
    cases = [headline.Case(0, scalesim.Machine(rows, 4), rows * 100_000) for rows in range(1, 101)]
    chosen = headline.sample(cases, 0)
    assert len(chosen) == headline.SAMPLED == len(set(chosen))
    assert all(case.words <= headline.MOST_WORDS for case in chosen)
    assert headline.sample(cases, 0) == chosen != headline.sample(cases, 1)
    assert len(headline.sample(cases[:3], 0)) == 3


def test_times_are_extrapolated_by_words() -> None:
    """30 s for 3 million words are 10 s for each million; the rest is arithmetic."""
    assert headline.extrapolated([10.0, 20.0], [2_000_000, 1_000_000], 60_000_000) == pytest.approx(600)
    cases = [headline.Case(0, scalesim.Machine(rows, 4), words) for rows, words in ((4, 2 * 10**6), (8, 10**6),
                                                                                    (16, 57 * 10**6))]  # fmt: skip
    theirs = headline.Timed(tuple(cases[:2]), (10.0, 20.0), (300.0, 400.0), 2.0)
    time, memory = headline.measured_rows(theirs, headline.Explored(0.5, 100.0, 9.0), cases)
    assert (time.ours, time.verdict) == ("1,200x", "agrees")  # 60 million words: 600 s against 0.5 s
    assert "600x and 2,400x" in time.reason
    assert (memory.ours, memory.verdict) == ("4.0x", "differs")
    assert "23 GB" in memory.reason  # 400 bytes a word, 57 million words
    slower, _ = headline.measured_rows(theirs, headline.Explored(2.0, 100.0, 9.0), cases)
    assert slower.verdict == "differs"


def test_scalesim_is_timed_without_its_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case is a process; the shortest one runs again, without and with traces."""
    asked: list[bool] = []

    def measure(python: str, folder: Path, traces: bool = False) -> Measured:
        config = (folder / scalesim.INPUTS[0]).read_text(encoding="utf-8")
        rows = int(config.split("ArrayHeight : ")[1].split("\n")[0])
        asked.append(traces)
        return Measured(rows + 1.0 + 8 * traces + 2 * (len(asked) > 2), 10.0 * rows)

    monkeypatch.setattr(scalesim, "measure", measure)
    monkeypatch.setattr(headline, "whole_process", lambda words: (1.0, 30.0))
    cases = [headline.Case(layer, scalesim.Machine(4 * (layer + 1), 8), 100 - layer) for layer in range(2)]
    timed = headline.time_scalesim("python", cases)
    assert (timed.seconds, timed.megabytes) == ((4.0, 8.0), (40.0, 80.0))
    assert timed.with_traces == (8 + 2 + 8) / (8 + 2)
    assert asked == [False, False, False, True]


def test_our_exploration_is_a_whole_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command gets SCALE-Sim's layers and all machines; the median of all runs is taken figure by figure."""
    seconds = iter([3.0, 1.0])

    def process(words: list[str]) -> tuple[float, float]:
        space, out = Path(words[4]), Path(words[-1])
        if out.name == "run0":
            network = (space.parent / "network.csv").read_text("utf-8")
            found = explore(space.read_text("utf-8"), {"network.csv": network})
            assert found.space.points == 9408
            assert found.at("macs", 0) == sum(map(macs, alexnet_5().layers))
        out.mkdir()
        (out / "summary.json").write_text(json.dumps({"points_per_second": 7}), encoding="utf-8")
        return next(seconds), 120.0

    monkeypatch.setattr(headline, "whole_process", process)
    runs = headline.time_ours()
    assert runs == [headline.Explored(3.0, 120.0, 7), headline.Explored(1.0, 120.0, 7)]
    assert headline.median([*runs, headline.Explored(1.5, 90.0, 9)]) == headline.Explored(1.5, 120.0, 7)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(), "no --scalesim PYTHON"),
        (Settings(quick=True, scalesim_python="python"), "in full runs only"),
        (Settings(scalesim_python="python"), "has SCALE-Sim 2.0.2"),
    ],
)
def test_without_scalesim_the_headline_is_not_reproduced(
    settings: Settings, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headline, "installed_version", lambda python: SimpleNamespace(number="2.0.2"))
    [row] = headline.rows(settings)
    assert row.verdict == "not reproduced"
    assert why in row.reason
