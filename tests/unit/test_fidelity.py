"""Suite fidelity on made-up samples: what its tables, bounds and charts say about errors that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim.plots.charts import Histogram, Scatter
from cyclesim.validation import Settings, fidelity
from cyclesim.validation.agreement import spearman_rho
from cyclesim.validation.design_space import DRAM, METRICS, SAMPLES, Sample, joined, random_machine
from cyclesim.validation.fidelity import bounds, regrets
from cyclesim.validation.fidelity_charts import charts
from cyclesim.validation.findings import FAILED, PASSED, Findings
from cyclesim.workload import GemmShape, Layer

LAYERS = (Layer("a", 0, "gemm", GemmShape(m=2, n=2, k=2)), Layer("b", 1, "gemm", GemmShape(m=2, n=3, k=2)))
DESIGNS = 30


def made(name: str, error: float = 0.0) -> Sample:
    """A sample in which total cycles of the second layer are wrong by a share, up and down in turn."""
    rng = np.random.default_rng(5)
    machines = [random_machine(rng) for _ in range(DESIGNS)]
    truth = {metric: rng.integers(100, 10**6, (2, DESIGNS)).astype(np.float64) for metric in METRICS}
    estimate = {metric: values.copy() for metric, values in truth.items()}
    estimate["total_cycles"][1] *= 1 + error * (-1) ** np.arange(DESIGNS)
    seconds = {"truth_seconds": 30.0, "estimate_seconds": 0.01, "again_seconds": 0.005}
    least = np.array([1.0, 8.0, 10.0, np.inf])
    return Sample(name, LAYERS, machines, truth, estimate, **seconds, least_bandwidths=(least * (1 + error), least))


def verdicts(*samples: Sample) -> dict[str, bool]:
    regret = {one.network: regrets(one, 0) for one in samples}
    return {bound.name: bound.holds for bound in bounds(samples, regret, judged=True)}


def test_a_model_without_errors_reaches_every_bound() -> None:
    assert set(verdicts(made("alexnet"), made("vgg16")).values()) == {True}


def test_each_bound_sees_its_own_errors() -> None:
    exact = made("alexnet")
    wrong_words = {**exact.estimate, "dram_psum": exact.estimate["dram_psum"] + 1}
    broken = {
        "total cycles, mean error": made("vgg16", 0.2),
        "total cycles, 95th percentile of errors": made("vgg16", 0.2),
        "SRAM words, largest mean error of a stream": replace(
            exact, network="vgg16", estimate={**exact.estimate, "sram_ofmap": exact.estimate["sram_ofmap"] + 1}
        ),
        "DRAM words exact in every stream, share of points": replace(exact, network="vgg16", estimate=wrong_words),
        "times faster than simulating, lowest network": replace(exact, network="vgg16", estimate_seconds=1.0),
    }
    for name, sample in broken.items():
        found = verdicts(exact, sample)
        assert not found[name], name
        assert found["compute cycles, mean error"]
    assert not verdicts(exact, made("vgg16", 0.9))["Kendall tau, lowest network"]


def test_sums_run_over_metrics_layers_and_samples() -> None:
    one, two = made("alexnet", 0.1), made("vgg16")
    estimate, truth = one.totals(*DRAM)
    assert truth[3] == sum(one.truth[metric][layer, 3] for metric in DRAM for layer in range(2))
    assert np.array_equal(estimate, truth)
    estimate, truth = joined([one, two], "total_cycles")
    assert len(truth) == 2 * 2 * DESIGNS
    assert np.count_nonzero(estimate != truth) == DESIGNS
    assert one.times_faster == pytest.approx(3000)


def test_charts_have_every_point_and_network() -> None:
    scatter, histogram, ranks, speed = charts([made("alexnet", 0.1), made("vgg16")])
    for panel in scatter.panels:
        assert isinstance(panel, Scatter)
        assert sum(len(series.x) for series in panel.series) == 4 * DESIGNS
    cycles, words = histogram.panels
    assert isinstance(cycles, Histogram)
    assert isinstance(words, Histogram)
    assert cycles.text == "75.0 % of points exact"
    assert max(words.shares) == 100
    assert [panel.title for panel in ranks.panels] == ["alexnet", "vgg16"]
    places = ranks.panels[1].series  # type: ignore[union-attr]
    assert sorted(rank for series in places for rank in series.x) == list(range(1, DESIGNS + 1))
    assert all(series.x == series.y for series in places)
    assert speed.panels[0].values == (3000, 3000)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("quick", "error", "outcome"), [(False, 0.0, PASSED), (False, 0.5, FAILED), (True, 0.5, PASSED)]
)
def test_only_a_full_run_is_judged(quick: bool, error: float, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "sample", lambda name, seed, quick: made(name, error))
    said: list[str] = []
    findings = Findings(said.append)
    fidelity.run(Settings(quick=quick), findings)
    result = findings.result("fidelity", "", 1.0)
    assert result.outcome == outcome
    assert len(result.charts) == 4
    assert [row[0] for row in result.tables[2].rows] == list(SAMPLES)
    pairs = [row for row in result.tables[4].rows if row[0] == "all"]
    assert pairs[0][1] == f"{len(SAMPLES) * DESIGNS * (DESIGNS - 1) // 2:,}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(a=st.lists(st.integers(1, 5), min_size=3, max_size=9), data=st.data())
def test_spearmans_rho_is_the_correlation_of_ranks_that_are_counted(a: list[int], data: st.DataObject) -> None:
    b = data.draw(st.lists(st.integers(1, 5), min_size=len(a), max_size=len(a)))

    def ranks(values: list[int]) -> list[float]:
        return [sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values]

    first, second = ranks(a), ranks(b)
    mean = (len(a) + 1) / 2
    spread = [sum((rank - mean) ** 2 for rank in side) for side in (first, second)]
    if all(spread):
        together = sum((x - mean) * (y - mean) for x, y in zip(first, second, strict=True))
        expected = together / (spread[0] * spread[1]) ** 0.5
        assert spearman_rho(np.array(a, np.float64), np.array(b, np.float64)) == pytest.approx(expected)
