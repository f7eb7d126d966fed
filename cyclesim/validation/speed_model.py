"""The analytical model in suite ``speed``: how many points it evaluates in a second."""

from __future__ import annotations

import numpy as np

from cyclesim import shipped
from cyclesim.api import load_topology
from cyclesim.model.estimate import estimate_many
from cyclesim.model.tables import LayerTable
from cyclesim.model.words import forget_curves
from cyclesim.validation.design_space import random_machine
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.stopwatch import best

POINTS, QUICK_POINTS = 1_000_000, 100_000
"""Layer-machine points of the cross product, at least."""
AGAIN = "again, all cores"
RATE = 1_000_000
"""Points per second that were set out to be reached, on 2 cores."""


def model_table(quick: bool, seed: int, findings: Findings) -> None:
    """Time a cross product of all shipped networks' layers and random machines of the fidelity suite's design space.

    Layers that are alike are evaluated once, so only those that differ count. A first call makes the curves of all
    convolutions and sides, a fixed cost of some seconds; more points share it.
    """
    rng = np.random.default_rng([seed, 99])
    every = [layer for name in shipped.names("topologies") for layer in load_topology(name).layers]
    layers = [every[place] for place in np.unique(LayerTable.distinct(every)[1], return_index=True)[1]]
    machines = [random_machine(rng) for _ in range(-(-(QUICK_POINTS if quick else POINTS) // len(layers)))]
    points = len(layers) * len(machines)
    rows, rates = [], {}
    for jobs, name, repeats in ((None, "first call, all cores", 1), (1, "again, one thread", 3), (None, AGAIN, 3)):
        if repeats == 1:
            forget_curves()
        seconds = best(repeats, lambda: estimate_many(layers, machines, jobs))  # noqa: B023
        rates[name] = points / seconds
        counts = (f"{number:,}" for number in (len(layers), len(machines), points))
        rows.append((name, *counts, f"{seconds:.2f}", f"{rates[name] / 1e6:.2f} M"))
    header = ("estimate_many", "distinct layers", "machines", "points", "s", "points/s")
    findings.table("The model on a cross product of layers and machines", header, rows)
    name = "estimate_many, points per second of a second call"
    findings.bound(Bound(name, round(rates[AGAIN]), RATE, at_least=True, judged=not quick))
