"""Charts of suite ``fidelity``: estimate against simulation, errors, and ranks of designs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cyclesim.hardware import DATAFLOWS
from cyclesim.plots.charts import Chart, Dots, Histogram, Points, Scatter, numbers
from cyclesim.validation.agreement import kendall_tau
from cyclesim.validation.design_space import DRAM, Numbers, Sample, joined

QUANTITIES = (("total cycles", "cycles", ("total_cycles",)), ("DRAM words", "words", DRAM))
"""Name, unit and the metrics that are added up."""
FASTER = 600
"""How many times faster than the simulator the model is to be, in every network."""


def charts(samples: Sequence[Sample]) -> list[Chart]:
    """Return all charts of the suite."""
    points = len(joined(samples, "total_cycles")[0])
    return [
        Chart(
            "fidelity-scatter",
            f"Estimate against simulation, {points:,} layers on designs. On the line both are equal.",
            tuple(_scatter(samples, *quantity) for quantity in QUANTITIES),
            columns=2, height_inches=3.7, across=2,
        ),
        Chart(
            "fidelity-errors",
            f"Errors of the model relative to the simulator, {points:,} layers on designs; above 0 the model says "
            "more. The classes grow with the error; the middle one is below 0.01 %.",
            tuple(_histogram(samples, name, metrics) for name, _, metrics in QUANTITIES),
            columns=2, height_inches=2.5, across=2,
        ),
        Chart(
            "fidelity-ranks",
            "Rank of each design by total cycles, fastest first: the model's against the simulator's. On the line the "
            "model puts a design where it belongs; τ is Kendall's.",
            tuple(_ranks(one) for one in samples),
            columns=2, height_inches=7.2, across=3,
        ),
        Chart(
            "fidelity-speed",
            "How many times faster the model evaluates each network's layers on all designs than the simulator, on the "
            "same cores.",
            (_speed(samples),),
            columns=1, height_inches=2.6,
        ),
    ]  # fmt: skip


def _scatter(samples: Sequence[Sample], name: str, unit: str, metrics: Sequence[str]) -> Scatter:
    series = []
    for dataflow in DATAFLOWS:
        x, y = (
            np.concatenate([_chosen(one, side, dataflow, metrics) for one in samples]) for side in ("truth", "estimate")
        )
        series.append(Points(dataflow, numbers(x), numbers(y)))
    return Scatter(name, f"simulated [{unit}]", f"estimated [{unit}]", tuple(series))


def _chosen(one: Sample, side: str, dataflow: str, metrics: Sequence[str]) -> Numbers:
    """Return a quantity of all points of a dataflow."""
    values = getattr(one, side)
    columns = [i for i, machine in enumerate(one.machines) if machine.dataflow == dataflow]
    total: Numbers = np.sum([values[metric][:, columns] for metric in metrics], axis=0)
    return total.ravel()


def _histogram(samples: Sequence[Sample], name: str, metrics: Sequence[str]) -> Histogram:
    estimate, truth = joined(samples, *metrics)
    text = f"{100 * np.mean(estimate == truth):.1f} % of points exact"
    return Histogram.of(name, "relative error [%]", (estimate - truth) / np.maximum(truth, 1), text)


def _ranks(one: Sample) -> Scatter:
    estimate, truth = one.totals("total_cycles")
    by_model, by_truth = (np.argsort(np.argsort(values, kind="stable")) + 1 for values in (estimate, truth))
    series = []
    for dataflow in DATAFLOWS:
        columns = [i for i, machine in enumerate(one.machines) if machine.dataflow == dataflow]
        series.append(Points(dataflow, numbers(by_truth[columns]), numbers(by_model[columns])))
    text = f"τ = {kendall_tau(estimate, truth):.3f}"
    return Scatter(one.network, "true rank", "rank by the model", tuple(series), log=False, text=text)


def _speed(samples: Sequence[Sample]) -> Dots:
    labels = tuple(one.network for one in samples)
    return Dots("", "times faster than simulating", labels, numbers([one.times_faster for one in samples]), FASTER)
