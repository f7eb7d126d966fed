"""What the measurements of suite ``speed`` share: the best of several times, whole processes, SCALE-Sim's AlexNet.

"AlexNet-5" is the five-layer file of SCALE-Sim 3.0.0 (1,136,244 array cycles on 32x32 ws), on which that simulator's
time and memory are known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from cyclesim.hardware import Hardware
from cyclesim.workload import ConvShape, Layer, Network

NARROW = 64
"""Bandwidth of the limited channel [words per cycle]: less than alexnet_5 needs."""
LONG_CYCLES = 5_000_000
"""Networks from this length on are run once."""
# ifmap h, w, filter h, w, channels, filters, stride: topologies/conv_nets/alexnet.csv of SCALE-Sim 3.0.0
ALEXNET_5 = [
    (224, 224, 11, 11, 3, 96, 4),
    (27, 27, 5, 5, 96, 256, 1),
    (13, 13, 3, 3, 256, 384, 1),
    (13, 13, 3, 3, 384, 384, 1),
    (13, 13, 3, 3, 384, 256, 1),
]


def alexnet_5() -> Network:
    """Return SCALE-Sim's five-layer AlexNet, sizes rounded up as there."""
    return Network(
        "alexnet_5",
        tuple(
            Layer(f"Conv{i + 1}", i, "conv", ConvShape(*row, stride_w=row[-1], ceil_output=True))
            for i, row in enumerate(ALEXNET_5)
        ),
    )


def best(repeats: int, work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Return the shortest time of several [s]; `before` is not timed."""
    times = []
    for _ in range(repeats):
        before()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def limited(machine: Hardware, bandwidth: int) -> Hardware:
    """Return a machine on a channel of so many words per cycle."""
    return replace(machine, interface_bandwidth="USER", dram_bandwidth_words_per_cycle=Fraction(bandwidth))


def whole_process(words: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run a command; return its time [s] and peak memory [MB]."""
    measure = (
        "import json, resource, subprocess, sys, time\n"
        "started = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "seconds = time.perf_counter() - started\n"
        "print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, *words],
        check=True, capture_output=True, text=True, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    seconds, peak = json.loads(done.stdout)
    return seconds, peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
