"""Whole processes in suite ``speed``: their time and peak memory, and SCALE-Sim 3.0.0 beside them."""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from cyclesim.hardware import Hardware
from cyclesim.simulation import compile_kernels, simulate
from cyclesim.validation import Settings, scalesim
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.scalesim_batches import installed_version
from cyclesim.validation.stopwatch import ALEXNET_5, NARROW, alexnet_5, best, limited, whole_process

ESTIMATES = 5
"""How often `cyclesim estimate` is timed before SCALE-Sim runs, and again after it; the median counts."""
FASTER, SMALLER = 600, 50
"""How many times faster and smaller than SCALE-Sim's `cyclesim estimate` is to be, as a whole process."""


def scalesim_table(machine: Hardware, repeats: int, settings: Settings, findings: Findings) -> None:
    """Time SCALE-Sim 3.0.0 and cyclesim on the same network, machine and bandwidth, one after the other."""
    python = settings.scalesim_python
    why = "no --scalesim PYTHON was given" if python is None else "it takes minutes: in full runs only"
    if python and not settings.quick and (version := installed_version(python).number) != "3.0.0":
        why, python = f"that Python has {version}", None
    if python is None or settings.quick:
        findings.remark(
            f"SCALE-Sim 3.0.0 was not timed: {why}. So two bounds were not judged: cyclesim estimate {FASTER} times as "
            f"fast, with {SMALLER} times less memory. Suite published (3.6) times an exploration by both."
        )
        return
    network = alexnet_5()
    compile_kernels("csv", "scalesim")
    in_process = {
        f"cyclesim in process, {NARROW} words/cycle": limited(machine, NARROW),
        "cyclesim in process": machine,
        "cyclesim in process, --memory scalesim": replace(machine, memory_model="scalesim"),
    }
    times = {name: (best(repeats, lambda: simulate(network, at)), 0.0) for name, at in in_process.items()}  # noqa: B023
    with tempfile.TemporaryDirectory() as folder:
        config, topology = scalesim.write_inputs(Path(folder), ALEXNET_5, scalesim.Machine(32, 32))
        cyclesim = [sys.executable, "-m", "cyclesim"]
        ours = ["-q", "-p", folder, "-t", str(topology)]
        estimate = [*cyclesim, "estimate", *ours]
        estimates = [whole_process(estimate) for _ in range(ESTIMATES)]
        theirs = scalesim.measure(python, Path(folder))
        estimates += [whole_process(estimate) for _ in range(ESTIMATES)]
        times["cyclesim estimate"] = tuple(map(statistics.median, zip(*estimates, strict=True)))
        follow = ["-c", str(config), "--memory", "scalesim"]
        for name, words in {
            "cyclesim run": [],
            "cyclesim run --traces all": ["--traces", "all"],
            "cyclesim run --memory scalesim": follow,
            "cyclesim run --memory scalesim, all CSV traces": [*follow, "--traces", "all", "--trace-format", "csv"],
        }.items():
            times[name] = min(whole_process([*cyclesim, "run", *ours, *words]) for _ in range(3))
        traced = scalesim.measure(python, Path(folder), traces=True)
    measured = {
        "SCALE-Sim 3.0.0, reports only": (theirs.seconds, theirs.megabytes),
        "SCALE-Sim 3.0.0, with its traces": (traced.seconds, traced.megabytes),
        **times,
    }
    rows = [
        (name, f"{seconds:.{1 if seconds > 50 else 3}f}", f"{theirs.seconds / seconds:.0f}",
         f"{traced.seconds / seconds:.0f}", f"{megabytes:.0f}" if megabytes else "")
        for name, (seconds, megabytes) in measured.items()
    ]  # fmt: skip
    title = "alexnet_5, 32x32 ws, CALC: SCALE-Sim's whole processes and ours, and runs in process"
    findings.table(title, ("program", "s", "times faster", "than with traces", "peak MB"), rows)
    seconds, megabytes = times["cyclesim estimate"]
    findings.bound(
        Bound("estimate, times faster than SCALE-Sim without traces, whole processes", theirs.seconds / seconds, FASTER,
              at_least=True, form="{:,.0f}")
    )  # fmt: skip
    findings.bound(
        Bound("estimate, times less peak memory than SCALE-Sim without traces", theirs.megabytes / megabytes, SMALLER,
              at_least=True, form="{:,.0f}")
    )  # fmt: skip


def process_table(repeats: int, quick: bool, findings: Findings) -> None:
    """Time whole processes: import, a run, a run with traces, a first run with nothing compiled."""
    command = [sys.executable, "-m", "cyclesim", "run", "-q"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        here = ["-p", folder]
        cold = {"NUMBA_CACHE_DIR": str(Path(folder) / "nothing-compiled")}
        cases: list[tuple[str, list[str], dict[str, str], int]] = [
            ("python -c pass", [sys.executable, "-c", "pass"], {}, repeats),
            ("import cyclesim", [sys.executable, "-c", "import cyclesim"], {}, repeats),
            ("cyclesim estimate", [sys.executable, "-m", "cyclesim", "estimate", "-q", *here], {}, repeats),
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
            seconds, megabytes = min(whole_process(words, environment) for _ in range(count))
            rows.append((name, f"{seconds:.2f}", f"{megabytes:.0f}"))
    findings.table("Whole processes", ("process", "s", "peak MB"), rows)


def _large_product(folder: str) -> Path:
    path = Path(folder) / "product.csv"
    path.write_text("Layer,M,N,K\nproduct,4096,4096,4096\n", encoding="utf-8")
    return path
