"""Suite ``fidelity``: how close is the analytical model to the simulator, and does it choose the same designs?

Random machines of a wide design space run a few layers of each of several networks, by both. Errors are reported for
each metric, and for each network whether designs come out in the same order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cyclesim.api import load_topology
from cyclesim.hardware import DATAFLOWS, Hardware, Scratchpad, variant_problem
from cyclesim.listing import table
from cyclesim.model.estimate import Estimates, estimate_many
from cyclesim.results import LayerResult
from cyclesim.simulation import LayerRunner, available_cores, compile_kernels
from cyclesim.validation import Settings
from cyclesim.validation.agreement import (
    choice_regret,
    errors,
    hypervolume,
    kendall_tau,
    pairs_alike,
    pareto_set,
    spearman_rho,
)
from cyclesim.workload import Layer

NETWORKS = (
    "alexnet", "resnet18", "resnet50", "mobilenet_v2", "googlenet", "efficientnet_b0", "bert_base", "vit_b_16", "vgg16",
)  # fmt: skip
SIDES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
OVERLAPS = ("none", "none", "db", "pipe1", "pipe")
DESIGNS, QUICK_DESIGNS = 112, 12
"""Machines for each network."""
LAYERS, QUICK_LAYERS = 5, 3
"""Layers of each network, evenly over it."""
MOST_CYCLES, QUICK_CYCLES = 3_000_000, 1_000_000
"""Cycles of a design's layers by the model; designs that need more are drawn again: their truth would take minutes."""
CHOICES, CANDIDATES = 400, 20
"""How often the best of so many designs is chosen."""
METRICS = ("compute_cycles", "dram_ifmap", "dram_filter", "dram_psum", "dram_ofmap", "stall_cycles", "total_cycles")
EDGES = (0.0, 0.01, 0.05, 0.2, 1.0)
BOUNDS = {
    "compute cycles, mean error": 0.0,
    "DRAM words exact, share of points": 0.90,
    "DRAM words, mean error": 0.02,
    "total cycles, mean error": 0.03,
    "total cycles, 95th percentile": 0.10,
    "Kendall tau, lowest network": 0.98,
    "best design within 1 %, share of choices": 0.95,
}
"""What was set out to be reached."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One network's designs: what the simulator and the model say by metric, (layers, designs) each, and the times."""

    network: str
    layers: Sequence[Layer]
    machines: Sequence[Hardware]
    truth: dict[str, Numbers]
    estimate: dict[str, Numbers]
    truth_seconds: float
    estimate_seconds: float


def random_machine(rng: np.random.Generator) -> Hardware:
    """Return a machine of the design space."""
    while True:
        dataflow, overlap = DATAFLOWS[rng.integers(3)], str(rng.choice(OVERLAPS))
        if variant_problem(dataflow, overlap, "shift", False) is None:
            break
    ifmap, filters, ofmap = (Scratchpad(size_bytes=int(2 ** rng.uniform(10, 24.58))) for _ in range(3))
    limited = rng.random() < 0.85
    return Hardware(
        "design",
        int(rng.choice(SIDES)),
        int(rng.choice(SIDES)),
        dataflow,
        ifmap,
        filters,
        ofmap,
        fold_overlap=overlap,  # type: ignore[arg-type]
        psum_bits=int(rng.choice([8, 32])),
        interface_bandwidth="USER" if limited else "CALC",
        dram_bandwidth_words_per_cycle=Fraction(round(2 ** rng.uniform(0, 9))) if limited else None,
        dram_ports="shared" if rng.random() < 0.5 else "separate",
        dram_latency_cycles=int(rng.choice([1, 10, 50, 100, 200])),
    )


def sample(name: str, seed: int, quick: bool) -> Sample:
    """Run some layers of a network on random designs, by the simulator and by the model."""
    rng = np.random.default_rng([seed, NETWORKS.index(name)])
    network = load_topology(name)
    count = QUICK_LAYERS if quick else LAYERS
    places = np.unique(np.linspace(0, len(network.layers) - 1, count).round().astype(int))
    layers = [network.layers[place] for place in places]
    machines: list[Hardware] = []
    while len(machines) < (QUICK_DESIGNS if quick else DESIGNS):
        machine = random_machine(rng)
        if estimate_many(layers, [machine], 1).total_cycles.sum() <= (QUICK_CYCLES if quick else MOST_CYCLES):
            machines.append(machine)
    started = time.perf_counter()
    points = [(layer, machine) for layer in layers for machine in machines]
    with LayerRunner(available_cores()) as runner:
        runs = runner.in_order(points, lambda point: runner.start(*point))
        results = [run.finish(lambda cycles: None)[0] for _, run in runs]
    truth_seconds = time.perf_counter() - started
    estimate_many(layers, machines)  # whatever is loaded at first
    started = time.perf_counter()
    found = estimate_many(layers, machines)
    estimate_seconds = time.perf_counter() - started
    shape = (len(layers), len(machines))
    truth = {metric: np.array([_metric(result, metric) for result in results]).reshape(shape) for metric in METRICS}
    return Sample(name, layers, machines, truth, _estimated(found), truth_seconds, estimate_seconds)


def _metric(result: LayerResult, metric: str) -> float:
    side, _, operand = metric.partition("_")
    if side == "dram":
        return float({**result.dram_reads, **result.dram_writes}[operand])
    return float(getattr(result, metric))


def _estimated(found: Estimates) -> dict[str, Numbers]:
    return {metric: getattr(found, metric).astype(np.float64) for metric in METRICS}


def run(settings: Settings, report: Callable[[str], None]) -> bool:
    """Measure, print tables, and return whether the model reaches its bounds."""
    compile_kernels()
    samples = []
    for name in NETWORKS:
        samples.append(sample(name, settings.seed, settings.quick))
        taken = samples[-1]
        points = len(taken.layers) * len(taken.machines)
        report(f"... {name}: {points} points simulated in {taken.truth_seconds:.0f} s")
    report("")
    report(_error_table(samples))
    report("")
    report(_rank_table(samples, settings.seed))
    report("")
    report(_pair_table(samples))
    report("")
    report(_worst_table(samples))
    report("")
    text, reached = _bound_table(samples, settings.seed)
    report(text)
    return reached or settings.quick  # a small sample is too small to judge by


def _joined(samples: Sequence[Sample], metric: str) -> tuple[Numbers, Numbers]:
    """Return estimates and truth of all points."""
    return tuple(  # type: ignore[return-value]
        np.concatenate([getattr(each, side)[metric].ravel() for each in samples]) for side in ("estimate", "truth")
    )


def _error_table(samples: Sequence[Sample]) -> str:
    rows = []
    for metric in METRICS:
        # Stalls are often few or none: what counts is their share of the cycles.
        scale = _joined(samples, "total_cycles")[1] if metric == "stall_cycles" else None
        found = errors(*_joined(samples, metric), scale)
        shares = (found.exact, found.mean, found.median, found.p95, found.worst, found.bias)
        name = "stall_cycles / total_cycles" if scale is not None else metric
        rows.append((name, str(found.points), *(f"{100 * share:.2f} %" for share in shares)))
    return table(("layer on a design", "points", "exact", "mean error", "median", "95th", "worst", "bias"), rows)


def _network_totals(one: Sample, metric: str) -> tuple[Numbers, Numbers]:
    return one.estimate[metric].sum(axis=0), one.truth[metric].sum(axis=0)


def _dram(one: Sample) -> tuple[Numbers, Numbers]:
    streams = [metric for metric in METRICS if metric.startswith("dram")]
    pairs = [_network_totals(one, metric) for metric in streams]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)  # type: ignore[return-value]


def regrets(one: Sample, seed: int) -> Numbers:
    """Return how much worse the model's choice is than the best, for many small sets of designs."""
    rng = np.random.default_rng([seed, 77, NETWORKS.index(one.network)])
    estimate, truth = _network_totals(one, "total_cycles")
    size = min(CANDIDATES, len(truth))
    sets = [rng.choice(len(truth), size, replace=False) for _ in range(CHOICES)]
    return np.array([choice_regret(estimate[chosen], truth[chosen]) for chosen in sets])


def _rank_table(samples: Sequence[Sample], seed: int) -> str:
    rows = []
    for one in samples:
        estimate, truth = _network_totals(one, "total_cycles")
        words, true_words = _dram(one)
        regret = regrets(one, seed)
        theirs, ours = pareto_set(truth, true_words), pareto_set(estimate, words)
        overlap = len(np.intersect1d(theirs, ours)) / len(np.union1d(theirs, ours))
        corner = (float(truth.max()) * 1.01, float(true_words.max()) * 1.01)
        volume = hypervolume(truth[ours], true_words[ours], corner) / hypervolume(truth, true_words, corner)
        rows.append(
            (one.network, str(len(one.machines)), f"{kendall_tau(estimate, truth):.4f}",
             f"{spearman_rho(estimate, truth):.4f}", f"{100 * np.mean(regret <= 0.01):.1f} %",
             f"{100 * np.mean(regret <= 0.05):.1f} %", f"{len(theirs)}", f"{100 * overlap:.0f} %", f"{volume:.4f}",
             f"{one.truth_seconds / one.estimate_seconds:,.0f}")
        )  # fmt: skip
    header = ("designs by total cycles", "designs", "Kendall tau", "Spearman", "best within 1 %", "5 %", "Pareto set",
              "overlap", "hypervolume", "times faster")  # fmt: skip
    return table(header, rows)


def _pair_table(samples: Sequence[Sample]) -> str:
    counts = np.zeros(len(EDGES))
    alike = np.zeros(len(EDGES))
    for one in samples:
        for i, (count, share) in enumerate(pairs_alike(*_network_totals(one, "total_cycles"), EDGES)):
            counts[i] += count
            alike[i] += count * share
    ends = [f"up to {100 * high:.0f} %" for high in EDGES[1:]] + [f"over {100 * EDGES[-1]:.0f} %"]
    rows = [
        (end, f"{int(count):,}", f"{100 * same / max(count, 1):.2f} %")
        for end, count, same in zip(ends, counts, alike, strict=True)
    ]
    return table(("pairs of designs that differ by", "pairs", "ordered alike"), rows)


def _worst_table(samples: Sequence[Sample]) -> str:
    """Name the families of points with the largest errors of total cycles."""
    families: dict[str, list[float]] = {}
    for one in samples:
        size = np.abs(one.estimate["total_cycles"] / one.truth["total_cycles"] - 1)
        for i, layer in enumerate(one.layers):
            for j, machine in enumerate(one.machines):
                limited = machine.interface_bandwidth == "USER"
                for family in (
                    f"dataflow {machine.dataflow}", f"FoldOverlap {machine.fold_overlap}", f"type {layer.type}",
                    f"ports {machine.dram_ports}" if limited else "unlimited channel",
                    f"latency {machine.dram_latency_cycles}",
                ):  # fmt: skip
                    families.setdefault(family, []).append(float(size[i, j]))
    rows = [
        (name, str(len(found)), f"{100 * np.mean(found):.2f} %", f"{100 * np.quantile(found, 0.95):.2f} %")
        for name, found in sorted(families.items(), key=lambda item: -float(np.mean(item[1])))
    ]
    return table(("total cycles, by family of points", "points", "mean error", "95th"), rows)


def _bound_table(samples: Sequence[Sample], seed: int) -> tuple[str, bool]:
    """Return the bounds beside what was reached, and whether all were."""
    streams = [metric for metric in METRICS if metric.startswith("dram")]
    same = np.concatenate(
        [np.all([one.estimate[m] == one.truth[m] for m in streams], axis=0).ravel() for one in samples]
    )
    words = [sum(_joined(samples, metric)[side] for metric in streams) for side in (0, 1)]
    total = errors(*_joined(samples, "total_cycles"))
    reached = {
        "compute cycles, mean error": errors(*_joined(samples, "compute_cycles")).mean,
        "DRAM words exact, share of points": float(same.mean()),
        "DRAM words, mean error": errors(words[0], words[1]).mean,  # type: ignore[arg-type]
        "total cycles, mean error": total.mean,
        "total cycles, 95th percentile": total.p95,
        "Kendall tau, lowest network": min(kendall_tau(*_network_totals(one, "total_cycles")) for one in samples),
        "best design within 1 %, share of choices": float(
            np.mean(np.concatenate([regrets(one, seed) for one in samples]) <= 0.01)
        ),
    }
    rows, all_reached = [], True
    for name, bound in BOUNDS.items():
        at_least = name.startswith(("DRAM words exact", "Kendall", "best"))
        holds = reached[name] >= bound if at_least else reached[name] <= bound
        all_reached &= holds
        rows.append((name, f"{reached[name]:.4f}", f"{'>=' if at_least else '<='} {bound}", "yes" if holds else "NO"))
    return table(("bound", "reached", "set out", "holds"), rows), all_reached
