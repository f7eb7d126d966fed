"""The design space of suite ``fidelity``, and samples of it that the simulator and the model have both evaluated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cyclesim.api import load_topology
from cyclesim.hardware import DATAFLOWS, Hardware, Scratchpad, variant_problem
from cyclesim.model.estimate import Estimates, estimate_many
from cyclesim.model.words import forget_curves
from cyclesim.results import LayerResult
from cyclesim.simulation import LayerRunner, available_cores
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
SRAM = ("sram_ifmap", "sram_filter", "sram_psum", "sram_ofmap")
DRAM = ("dram_ifmap", "dram_filter", "dram_psum", "dram_ofmap")
METRICS = ("compute_cycles", *SRAM, *DRAM, "stall_cycles", "total_cycles")
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One network's designs: what the simulator and the model say by metric, (layers, designs) each, and the times.

    `again_seconds` are those of a second call of the model, which has the curves of these layers and sides already.
    """

    network: str
    layers: Sequence[Layer]
    machines: Sequence[Hardware]
    truth: dict[str, Numbers]
    estimate: dict[str, Numbers]
    truth_seconds: float
    estimate_seconds: float
    again_seconds: float

    @property
    def times_faster(self) -> float:
        """Time of the simulator over that of the model's first call, both on all cores, for the same points."""
        return self.truth_seconds / self.estimate_seconds

    def totals(self, *metrics: str) -> tuple[Numbers, Numbers]:
        """Return sums over metrics and layers by design, (designs,) each: the model's and the simulator's."""
        return _added(self.estimate, metrics).sum(axis=0), _added(self.truth, metrics).sum(axis=0)


def joined(samples: Sequence[Sample], *metrics: str) -> tuple[Numbers, Numbers]:
    """Return sums over metrics by point, (points,) each: the model's and the simulator's of all samples."""
    return (
        np.concatenate([_added(one.estimate, metrics).ravel() for one in samples]),
        np.concatenate([_added(one.truth, metrics).ravel() for one in samples]),
    )


def _added(values: Mapping[str, Numbers], metrics: Sequence[str]) -> Numbers:
    total: Numbers = np.sum([values[metric] for metric in metrics], axis=0)
    return total


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
    forget_curves()  # those of other networks, too: what is timed is a first call
    started = time.perf_counter()
    found = estimate_many(layers, machines)
    estimate_seconds = time.perf_counter() - started
    started = time.perf_counter()
    estimate_many(layers, machines)
    again_seconds = time.perf_counter() - started
    shape = (len(layers), len(machines))
    truth = {metric: np.array([_metric(result, metric) for result in results]).reshape(shape) for metric in METRICS}
    return Sample(name, layers, machines, truth, _estimated(found), truth_seconds, estimate_seconds, again_seconds)


def _metric(result: LayerResult, metric: str) -> float:
    side, _, operand = metric.partition("_")
    if side == "dram":
        return float({**result.dram_reads, **result.dram_writes}[operand])
    if side == "sram":
        return float({**result.sram_reads, **result.sram_writes}[operand])
    return float(getattr(result, metric))


def _estimated(found: Estimates) -> dict[str, Numbers]:
    return {metric: getattr(found, metric).astype(np.float64) for metric in METRICS}
