"""Suite ``speed``: how fast is it? Ratios measured in one run; machines differ and are noisy."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cyclesim.api import load_hardware, load_topology
from cyclesim.demand import demand
from cyclesim.hardware import Dataflow, Hardware
from cyclesim.lowering import ifmap_requests_per_pass
from cyclesim.memory import LayerMemory
from cyclesim.scalesim_schedule import layer_cycles
from cyclesim.schedule import sram_words
from cyclesim.simulation import available_cores, compile_kernels, simulate
from cyclesim.timeline import Series
from cyclesim.traffic import SOURCES, Traffic, at_once
from cyclesim.validation import Settings
from cyclesim.validation.findings import Findings
from cyclesim.validation.speed_model import model_table
from cyclesim.validation.speed_processes import process_table, scalesim_table
from cyclesim.validation.stopwatch import LONG_CYCLES, NARROW, alexnet_5, best, limited
from cyclesim.workload import Network

BUFFER_WORDS = 1 << 19
"""Addresses that are generated at a time: 2 MB of int32. Half of that would be no faster, twice no slower."""


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run measures less, and judges nothing by it."""
    compile_kernels()
    quick = settings.quick
    repeats = 3 if quick else 7
    machine = load_hardware("default")
    once = f"runs of {LONG_CYCLES:,} cycles or more once"
    findings.remark(f"{available_cores()} cores; the best of {repeats} times, {once}.")
    model_table(quick, settings.seed, findings)
    _demand_table(machine, repeats, quick, findings)
    _run_table(machine, repeats, quick, findings)
    _memory_table(machine, repeats, findings)
    scalesim_table(machine, repeats, settings, findings)
    process_table(repeats if quick else 5, quick, findings)


def _demand_table(machine: Hardware, repeats: int, quick: bool, findings: Findings) -> None:
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
                generating += best(repeats, generate)
                storing += best(repeats, store)
                words += plan.cycles * group.ports
        rows.append(
            (f"{network.name} {size}x{size} {dataflow}", f"{words / 1e6:,.0f} M", f"{generating / words * 1e9:.3f}",
             f"{storing / words * 1e9:.3f}", f"{storing / generating:.2f}")
        )  # fmt: skip
    header = ("network", "words", "ns/word generated", "ns/word stored", "rate against storing")
    findings.table("Generating demand, on one core", header, rows)


def _run_table(machine: Hardware, repeats: int, quick: bool, findings: Findings) -> None:
    """Time runs in this process, on a channel without limit and a narrow one, and with all traces."""
    cases = [(alexnet_5(), 32), (load_topology("alexnet"), 32)]
    if not quick:
        cases += [(load_topology(name), size) for name in ("resnet50", "vgg16") for size in (32, 128)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for network, size in cases:
            hardware = replace(machine, rows=size, cols=size)
            narrow = limited(hardware, NARROW)
            path = Path(folder) / "traces.h5"
            cycles = sum(layer_cycles(layer, hardware) for layer in network.layers)
            times = repeats if cycles < LONG_CYCLES else 1
            plain = best(times, lambda: simulate(network, hardware))  # noqa: B023
            found: list[int] = []
            held = best(times, lambda: found.append(simulate(network, narrow).totals.total_cycles))  # noqa: B023

            def trace() -> None:
                simulate(network, hardware, traces=path)  # noqa: B023

            traced = best(min(times, 3), trace, before=lambda: path.unlink(missing_ok=True))  # noqa: B023
            rows.append(
                (f"{network.name} {size}x{size} ws", f"{cycles:,}", f"{plain:.3f}", f"{cycles / plain / 1e6:.1f} M",
                 f"{found[0]:,}", f"{held:.3f}", f"{traced:.3f}", f"{traced / plain:.2f}",
                 f"{path.stat().st_size / 1e6:.1f}")
            )  # fmt: skip
    header = (
        "network", "array cycles", "s", "cycles/s", f"cycles at {NARROW} words/cycle", "s", "s with traces",
        "ratio", "MB of traces",
    )  # fmt: skip
    findings.table("Runs in this process, on all cores", header, rows)


def _memory_table(machine: Hardware, repeats: int, findings: Findings) -> None:
    """Say where the time of the memory system goes, part by part, in one thread."""
    rows = []
    network = alexnet_5()
    for hardware in (machine, limited(machine, NARROW)):
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
            seconds["traffic"] += best(repeats, produce)
            seconds["timeline"] += best(repeats, advance)
            seconds["counting"] += best(repeats, count)
            seconds["least bandwidth and bound"] += best(repeats, lambda: memory.verdict(timing))  # noqa: B023
        bandwidth = hardware.dram_bandwidth_words_per_cycle
        per = {"traffic": (requests, "request"), "timeline": (walls, "wall cycle"), "counting": (walls, "wall cycle")}
        for part, spent in seconds.items():
            unit = f"{spent / per[part][0] * 1e9:.1f} ns a {per[part][1]}" if part in per else ""
            rows.append((f"{bandwidth or 'unlimited'}: {part}", f"{spent:.3f}", unit))
    findings.table("Where the time of alexnet_5 goes, in one thread", ("words/cycle: part", "s", "each"), rows)
