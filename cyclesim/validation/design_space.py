"""The design space of suite ``fidelity``, and samples of it that the simulator and the model have both evaluated."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cyclesim.api import load_topology
from cyclesim.channel import channel_of
from cyclesim.hardware import DATAFLOWS, Hardware, Scratchpad, variant_problem
from cyclesim.model.estimate import Estimates, estimate, estimate_many
from cyclesim.model.tables import LayerTable
from cyclesim.model.words import forget_curves
from cyclesim.results import LayerResult
from cyclesim.scalesim_schedule import layer_cycles
from cyclesim.simulation import LayerRunner, available_cores
from cyclesim.workload import Layer, Network

NETWORKS = (
    "alexnet", "resnet18", "resnet50", "mobilenet_v2", "googlenet", "efficientnet_b0", "bert_base", "vit_b_16", "vgg16",
)  # fmt: skip
SMALL = "small arrays"
"""Name of the sample of small arrays, on which most layers of most networks would take too long."""
SMALL_LAYERS = (
    ("deepcaps", "cell4_conv1"), ("googlenet", "inception_4a_5x5"), ("mobilenet_v2", "block6_project"),
    ("efficientnet_b0", "block4b_dwconv"), ("gnmt", "attention.key"),
)  # fmt: skip
SAMPLES = (*NETWORKS, SMALL)
SMALL_SIDES = (4, 6, 8, 12, 16)
SIDES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
OVERLAPS = ("none", "none", "none", "db", "pipe1", "pipe", "pipe2")
ACTIVE = (*[Fraction(1, 2)] * 4, Fraction(1, 4), Fraction(3, 4), Fraction(9, 10))
LATENCIES = (1, 10, 50, 100, 200)
DESIGNS, QUICK_DESIGNS = 112, 12
"""Machines for each network."""
LAYERS, QUICK_LAYERS = 5, 3
"""Layers of each network, evenly over it."""
FIRST_CALLS = 5
"""First calls of the model that are timed, of which the median counts."""
MOST_CYCLES, QUICK_CYCLES = 1_500_000, 500_000
"""Designs that need more cycles at least (`least_cycles`) are drawn again: their truth would take minutes.

The rule has nothing of what the model estimates, so that it cannot favour designs that the model gets right.
"""
BANDWIDTH_DESIGNS = 16
"""Designs of each network whose least bandwidth is estimated, too: it is searched for, point by point."""
SRAM = ("sram_ifmap", "sram_filter", "sram_psum", "sram_ofmap")
DRAM = ("dram_ifmap", "dram_filter", "dram_psum", "dram_ofmap")
METRICS = ("compute_cycles", *SRAM, *DRAM, "stall_cycles", "total_cycles")
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One network's designs: what the simulator and the model say by metric, (layers, designs) each, and the times.

    `again_seconds` are those of a second call of the model, which has the curves of these layers and sides already.
    `least_bandwidths` are those of the first designs, (points,) each: the model's and the simulator's, infinite where
    no bandwidth ends the stalls.
    """

    network: str
    layers: Sequence[Layer]
    machines: Sequence[Hardware]
    truth: dict[str, Numbers]
    estimate: dict[str, Numbers]
    truth_seconds: float
    estimate_seconds: float
    again_seconds: float
    least_bandwidths: tuple[Numbers, Numbers]

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


def random_machine(rng: np.random.Generator, sides: Sequence[int] = SIDES) -> Hardware:
    """Return a machine of the design space, on an array with such sides."""
    while True:
        dataflow, overlap = DATAFLOWS[rng.integers(3)], str(rng.choice(OVERLAPS))
        drain = "bus" if dataflow == "os" and rng.random() < 0.3 else "shift"
        trimmed = overlap == "none" and rng.random() < 0.3
        if variant_problem(dataflow, overlap, drain, trimmed) is None:
            break
    ifmap, filters, ofmap = (Scratchpad(size_bytes=int(2 ** rng.uniform(10, 24.58))) for _ in range(3))
    limited = rng.random() < 0.85
    parts = 4 if rng.random() < 0.2 else 1
    return Hardware(
        "design",
        int(rng.choice(sides)),
        int(rng.choice(sides)),
        dataflow,
        ifmap,
        filters,
        ofmap,
        fold_overlap=overlap,  # type: ignore[arg-type]
        os_drain=drain,  # type: ignore[arg-type]
        trim_folds=trimmed,
        active_fraction=ACTIVE[rng.integers(len(ACTIVE))],
        psum_bits=int(rng.choice([8, 32])),
        interface_bandwidth="USER" if limited else "CALC",
        dram_bandwidth_words_per_cycle=Fraction(round(parts * 2 ** rng.uniform(0, 9)), parts) if limited else None,
        dram_ports="shared" if rng.random() < 0.5 else "separate",
        dram_latency_cycles=int(rng.choice(LATENCIES)),
    )


def least_cycles(layers: Sequence[Layer], machine: Hardware) -> int:
    """Return what layers take at least on a machine: the array's cycles, or those to move every word once."""
    array = sum(layer_cycles(layer, machine) for layer in layers)
    bandwidth = channel_of(machine).bandwidth
    if bandwidth is None:
        return array
    rows = LayerTable.of(layers)
    words = int((rows.groups * (rows.ifmap + rows.k * rows.n + rows.m * rows.n)).sum())
    return max(array, int(words / bandwidth))


def sample(name: str, seed: int, quick: bool) -> Sample:
    """Run some layers of a network, or those for small arrays, on random designs, by the simulator and by the model."""
    rng = np.random.default_rng([seed, SAMPLES.index(name)])
    layers = _layers(name, QUICK_LAYERS if quick else LAYERS)
    sides = SMALL_SIDES if name == SMALL else SIDES
    machines: list[Hardware] = []
    while len(machines) < (QUICK_DESIGNS if quick else DESIGNS):
        machine = random_machine(rng, sides)
        if least_cycles(layers, machine) <= (QUICK_CYCLES if quick else MOST_CYCLES):
            machines.append(machine)
    started = time.perf_counter()
    points = [(layer, machine) for layer in layers for machine in machines]
    with LayerRunner(available_cores()) as runner:
        runs = runner.in_order(points, lambda point: runner.start(*point))
        results = [run.finish(lambda cycles: None)[0] for _, run in runs]
    truth_seconds = time.perf_counter() - started
    firsts = []
    for _ in range(FIRST_CALLS):
        forget_curves()  # those of other networks, too: what is timed is a first call
        started = time.perf_counter()
        found = estimate_many(layers, machines)
        firsts.append(time.perf_counter() - started)
    estimate_seconds = statistics.median(firsts)
    started = time.perf_counter()
    estimate_many(layers, machines)
    again_seconds = time.perf_counter() - started
    shape = (len(layers), len(machines))
    truth = {metric: np.array([_metric(result, metric) for result in results]).reshape(shape) for metric in METRICS}
    least = np.array([_bandwidth(result) for result in results]).reshape(shape)[:, :BANDWIDTH_DESIGNS]
    guessed = [estimate(Network(name, tuple(layers)), machine).layers for machine in machines[:BANDWIDTH_DESIGNS]]
    guesses = np.array([[_bandwidth(result) for result in layered] for layered in guessed]).T
    return Sample(
        name, layers, machines, truth, _estimated(found), truth_seconds, estimate_seconds, again_seconds,
        (guesses.ravel(), least.ravel()),
    )  # fmt: skip


def _layers(name: str, count: int) -> list[Layer]:
    """Return so many layers of a sample."""
    if name == SMALL:
        chosen = [next(layer for layer in load_topology(network).layers if layer.name == layer_name)
                  for network, layer_name in SMALL_LAYERS[:count]]  # fmt: skip
        return [replace(layer, index=i) for i, layer in enumerate(chosen)]
    network = load_topology(name)
    places = np.unique(np.linspace(0, len(network.layers) - 1, count).round().astype(int))
    return [network.layers[place] for place in places]


def _bandwidth(result: LayerResult) -> float:
    return np.inf if result.least_bandwidth is None else float(result.least_bandwidth)


def _metric(result: LayerResult, metric: str) -> float:
    side, _, operand = metric.partition("_")
    if side == "dram":
        return float({**result.dram_reads, **result.dram_writes}[operand])
    if side == "sram":
        return float({**result.sram_reads, **result.sram_writes}[operand])
    return float(getattr(result, metric))


def _estimated(found: Estimates) -> dict[str, Numbers]:
    return {metric: getattr(found, metric).astype(np.float64) for metric in METRICS}
