"""How fast is it? Ratios measured in one run, never asserted: machines differ and are noisy.

"AlexNet-5" is the five-layer file of SCALE-Sim 3.0.0 (1,136,244 array cycles on 32x32 ws), on which that simulator's
time and memory are known; the other figures are of the networks that come with cyclesim.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from cyclesim.api import load_hardware, load_topology
from cyclesim.demand import demand
from cyclesim.hardware import Dataflow, Hardware
from cyclesim.listing import table
from cyclesim.lowering import ifmap_requests_per_pass
from cyclesim.memory import LayerMemory
from cyclesim.schedule import sram_words
from cyclesim.simulation import available_cores, compile_kernels, layer_cycles, simulate
from cyclesim.timeline import Series
from cyclesim.traffic import SOURCES, Traffic, at_once
from cyclesim.validation import Settings, scalesim
from cyclesim.workload import ConvShape, Layer, Network

NARROW = 64
"""Bandwidth of the limited channel [words per cycle]: less than alexnet_5 needs."""
LONG_CYCLES = 5_000_000
"""Networks from this length on are run once."""
BUFFER_WORDS = 1 << 19
"""Addresses that are generated at a time: 2 MB of int32. Half of that would be no faster, twice no slower."""
# ifmap h, w, filter h, w, channels, filters, stride: topologies/conv_nets/alexnet.csv of SCALE-Sim 3.0.0
_ALEXNET_5 = [
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
            for i, row in enumerate(_ALEXNET_5)
        ),
    )


def run(settings: Settings, report: Callable[[str], None]) -> bool:
    """Measure and print; always passes."""
    compile_kernels()
    quick = settings.quick
    repeats = 3 if quick else 7
    machine = load_hardware("default")
    report(f"{available_cores()} cores, best of {repeats}")
    report(_demand_table(machine, repeats, quick))
    report("")
    report(_run_table(machine, repeats, quick))
    report("")
    report(_memory_table(machine, repeats))
    report("")
    report(_scalesim_table(machine, repeats, settings.scalesim_python))
    report("")
    report(_process_table(repeats if quick else 5, quick))
    return True


def _best(repeats: int, work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Return the shortest time of several [s]; `before` is not timed."""
    times = []
    for _ in range(repeats):
        before()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _demand_table(machine: Hardware, repeats: int, quick: bool) -> str:
    """Compare generating a network's demand with storing as many sequential addresses, on one core."""
    from cyclesim.kernels.baseline import store_sequence

    convolutions = load_topology("alexnet").select(range(5))
    cases: list[tuple[Network, Dataflow, int]] = [
        (alexnet_5(), "ws", 32), (convolutions, "ws", 32), (alexnet_5(), "os", 32), (alexnet_5(), "is", 32),
    ]
    if not quick:
        cases += [(alexnet_5(), "ws", 128), (convolutions, "ws", 128), (load_topology("resnet18"), "ws", 32)]
    rows = []
    for network, dataflow, size in cases:
        hardware = replace(machine, dataflow=dataflow, rows=size, cols=size)
        generating = storing = 0.0
        words = 0
        for layer in network.layers:
            plan = demand(layer, hardware)
            for operand, group in plan.groups.items():
                longest = max(1, BUFFER_WORDS // group.ports)
                buffer = np.empty(group.ports * longest, plan.dtype)
                requests = np.empty(longest, np.int32)

                def generate() -> None:
                    for first in range(0, plan.cycles, longest):  # noqa: B023
                        cycles = min(longest, plan.cycles - first)  # noqa: B023
                        out = buffer[: group.ports * cycles].reshape(group.ports, cycles)  # noqa: B023
                        plan.fill(operand, first, out, requests[:cycles])  # noqa: B023

                def store() -> None:
                    left = plan.cycles * group.ports  # noqa: B023
                    while left > 0:
                        store_sequence(buffer[:left], 0)  # noqa: B023
                        left -= len(buffer)  # noqa: B023

                generate()
                store()
                generating += _best(repeats, generate)
                storing += _best(repeats, store)
                words += plan.cycles * group.ports
        rows.append(
            (f"{network.name} {size}x{size} {dataflow}", f"{words / 1e6:,.0f} M", f"{generating / words * 1e9:.3f}",
             f"{storing / words * 1e9:.3f}", f"{storing / generating:.2f}")
        )  # fmt: skip
    header = ("demand, one core", "words", "ns/word generated", "ns/word stored", "rate against storing")
    return table(header, rows)


def _run_table(machine: Hardware, repeats: int, quick: bool) -> str:
    """Time runs in this process, on a channel without limit and a narrow one, and with all traces."""
    cases = [(alexnet_5(), 32), (load_topology("alexnet"), 32)]
    if not quick:
        cases += [(load_topology(name), size) for name in ("resnet50", "vgg16") for size in (32, 128)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for network, size in cases:
            hardware = replace(machine, rows=size, cols=size)
            narrow = _limited(hardware, NARROW)
            path = Path(folder) / "traces.h5"
            cycles = sum(layer_cycles(layer, hardware) for layer in network.layers)
            times = repeats if cycles < LONG_CYCLES else 1
            plain = _best(times, lambda: simulate(network, hardware))  # noqa: B023
            found: list[int] = []
            held = _best(times, lambda: found.append(simulate(network, narrow).totals.total_cycles))  # noqa: B023

            def trace() -> None:
                simulate(network, hardware, traces=path)  # noqa: B023

            traced = _best(min(times, 3), trace, before=lambda: path.unlink(missing_ok=True))  # noqa: B023
            rows.append(
                (f"{network.name} {size}x{size} ws", f"{cycles:,}", f"{plain:.3f}", f"{cycles / plain / 1e6:.1f} M",
                 f"{found[0]:,}", f"{held:.3f}", f"{traced:.3f}", f"{traced / plain:.2f}",
                 f"{path.stat().st_size / 1e6:.1f}")
            )  # fmt: skip
    header = (
        "run, all cores", "array cycles", "s", "cycles/s", f"cycles at {NARROW} words/cycle", "s", "s with traces",
        "ratio", "MB of traces",
    )  # fmt: skip
    return table(header, rows)


def _limited(machine: Hardware, bandwidth: int) -> Hardware:
    return replace(machine, interface_bandwidth="USER", dram_bandwidth_words_per_cycle=Fraction(bandwidth))


def _memory_table(machine: Hardware, repeats: int) -> str:
    """Say where the time of the memory system goes, part by part, in one thread."""
    rows = []
    network = alexnet_5()
    for hardware in (machine, _limited(machine, NARROW)):
        seconds = dict.fromkeys(("traffic", "timeline", "counting", "least bandwidth and bound"), 0.0)
        requests = walls = 0
        for layer in network.layers:
            plan = demand(layer, hardware)
            memory = LayerMemory(plan, hardware, at_once, lambda: None)
            main = memory.timeline(Series(), False)
            main.advance(plan.cycles, np.empty(plan.cycles, np.int64))
            timing = main.timing()
            assert memory.traffic.recording() is not None, "alexnet_5 is small enough to be recorded"

            def produce() -> None:
                traffic = Traffic(plan, hardware, False, at_once)  # noqa: B023
                for name in SOURCES:
                    while traffic.take(name).until < plan.cycles:  # noqa: B023
                        pass

            def advance() -> None:
                again = memory.replay(memory.channel)  # noqa: B023
                again.advance(plan.cycles, np.empty(plan.cycles, np.int64))  # noqa: B023

            def count() -> None:
                for operand in plan.groups:  # noqa: B023
                    plan.count_requests(operand, 0, np.empty(plan.cycles, np.int32), np.empty(4, np.int64))  # noqa: B023

            walls += timing.total_cycles
            found = sram_words(plan.plan, plan.gemm.groups, ifmap_requests_per_pass(layer))
            requests += found.ifmap + found.filter + found.ofmap
            seconds["traffic"] += _best(repeats, produce)
            seconds["timeline"] += _best(repeats, advance)
            seconds["counting"] += _best(repeats, count)
            seconds["least bandwidth and bound"] += _best(repeats, lambda: memory.verdict(timing))  # noqa: B023
        bandwidth = hardware.dram_bandwidth_words_per_cycle
        per = {"traffic": (requests, "request"), "timeline": (walls, "wall cycle"), "counting": (walls, "wall cycle")}
        for part, spent in seconds.items():
            unit = f"{spent / per[part][0] * 1e9:.1f} ns a {per[part][1]}" if part in per else ""
            rows.append((f"{bandwidth or 'unlimited'}: {part}", f"{spent:.3f}", unit))
    return table(("alexnet_5, one thread, words/cycle", "s", "each"), rows)


def _scalesim_table(machine: Hardware, repeats: int, python: str | None) -> str:
    """Time SCALE-Sim 3.0.0 and cyclesim on the same network, machine and bandwidth, one after the other."""
    if python is None:
        return "SCALE-Sim: skipped, as no --scalesim PYTHON (of an environment with scalesim 3.0.0) was given"
    network = alexnet_5()
    scalesims = replace(machine, memory_model="scalesim")
    compile_kernels("csv", "scalesim")
    in_process = {
        f"cyclesim in process, {NARROW} words/cycle": _limited(machine, NARROW),
        "cyclesim in process, CALC": machine,
        "cyclesim in process, --memory scalesim": scalesims,
    }
    times = {name: (_best(repeats, lambda: simulate(network, at)), 0.0) for name, at in in_process.items()}  # noqa: B023
    with tempfile.TemporaryDirectory() as folder:
        theirs = scalesim.measure(python, Path(folder), _ALEXNET_5, size=32)
        files = ["-t", str(Path(folder) / "network.csv")]
        config = ["-c", str(Path(folder) / "machine.cfg"), "--memory", "scalesim"]
        text = ["--traces", "all", "--trace-format", "csv"]
        processes = {
            "cyclesim run": files,
            "cyclesim run --traces all": [*files, "--traces", "all"],
            "cyclesim run --memory scalesim": [*files, *config],
            "cyclesim run --memory scalesim, all CSV traces": [*files, *config, *text],
        }
        for name, words in processes.items():
            command = [sys.executable, "-m", "cyclesim", "run", "-q", "-p", folder, *words]
            times[name] = min(_process(command, {}) for _ in range(3))
        traced = scalesim.measure(python, Path(folder), _ALEXNET_5, size=32, traces=True)
    rows = [
        (name, f"{seconds:.{1 if seconds > 50 else 3}f}", f"{theirs.seconds / seconds:.0f}",
         f"{traced.seconds / seconds:.0f}", f"{megabytes:.0f}" if megabytes else "")
        for name, (seconds, megabytes) in {
            "SCALE-Sim 3.0.0, CALC, reports only": (theirs.seconds, theirs.megabytes),
            "SCALE-Sim 3.0.0, CALC, with its traces": (traced.seconds, traced.megabytes),
            **times,
        }.items()
    ]  # fmt: skip
    header = ("alexnet_5 32x32 ws, without start-up for SCALE-Sim", "s", "times faster", "than with traces", "peak MB")
    return table(header, rows)


def _process_table(repeats: int, quick: bool) -> str:
    """Time whole processes: import, a run, a run with traces, a first run with nothing compiled."""
    command = [sys.executable, "-m", "cyclesim", "run", "-q"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        here = ["-p", folder]
        cold = {"NUMBA_CACHE_DIR": str(Path(folder) / "nothing-compiled")}
        cases: list[tuple[str, list[str], dict[str, str], int]] = [
            ("python -c pass", [sys.executable, "-c", "pass"], {}, repeats),
            ("import cyclesim", [sys.executable, "-c", "import cyclesim"], {}, repeats),
            ("cyclesim run", [*command, *here], {}, repeats),
            ("cyclesim run --traces all", [*command, *here, "--traces", "all"], {}, repeats),
            ("first run, nothing compiled", [*command, *here], cold, 1),
        ]
        if not quick:
            cases.append(("cyclesim run -t vgg16 --layers 1", [*command, *here, "-t", "vgg16", "--layers", "1"], {}, 1))
            for name in ("resnet50", "vgg16"):
                for size in (32, 128):
                    point = [f"ArrayHeight={size}", f"ArrayWidth={size}", f"DramBandwidth={NARROW}"]
                    sweeps = [word for one in point for word in ("--sweep", one)]
                    label = f"{name} {size}x{size}, {NARROW} words/cycle"
                    cases.append((label, [*command, *here, "-t", name, *sweeps], {}, 1))
            cases.append(("4096 x 4096 x 4096 product", [*command, *here, "-t", str(_large_product(folder))], {}, 1))
        for name, words, environment, count in cases:
            seconds, megabytes = min(_process(words, environment) for _ in range(count))
            rows.append((name, f"{seconds:.2f}", f"{megabytes:.0f}"))
    return table(("whole process", "s", "peak MB"), rows)


def _large_product(folder: str) -> Path:
    path = Path(folder) / "product.csv"
    path.write_text("Layer,M,N,K\nproduct,4096,4096,4096\n", encoding="utf-8")
    return path


def _process(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
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
        check=True, capture_output=True, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    seconds, peak = json.loads(done.stdout)
    return seconds, peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
