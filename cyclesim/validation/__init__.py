"""The validation suites behind ``cyclesim validate``: proofs against independent truths, and measurements of speed.

Each suite is a module with ``run(settings, findings) -> None``, which gives what it finds to a `findings.Findings`:
tables, bounds, charts and failures are printed as they come, and gathered into a report (`report`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclesim.validation.findings import SuiteResult


@dataclass(frozen=True)
class Suite:
    """The module that a suite lies in, and what it claims."""

    module: str
    claim: str


SUITES: dict[str, Suite] = {
    "schedule": Suite(
        "cyclesim.validation.schedule",
        "Every array cycle is right: how many a layer takes, and in which one each word crosses each port. "
        "Judged by closed forms and by an array of registers that is driven through the traces.",
    ),
    "functional": Suite(
        "cyclesim.validation.functional",
        "The traces compute the layer. Judged by direct convolutions and matrix products in NumPy.",
    ),
    "memory": Suite(
        "cyclesim.validation.memory",
        "The native memory system moves each DRAM word, and the array, in the wall cycle that its page says: all words "
        "and stalls are right. Judged by the page in plain Python, and by an independent program's figures.",
    ),
    "rtl": Suite(
        "cyclesim.validation.rtl",
        "Hardware does what the traces say, in the cycles in which they say it. Judged by synthesizable Verilog arrays "
        "with controllers of their own, simulated with Icarus Verilog.",
    ),
    "scalesim": Suite(
        "cyclesim.validation.scalesim_parity",
        "--memory scalesim writes what SCALE-Sim 3.0.0 writes (scalesim2: 2.0.2), byte for byte, and refuses what it "
        "fails on. Judged by SCALE-Sim itself.",
    ),
    "published": Suite(
        "cyclesim.validation.published",
        "Our figures agree with published ones, or differ for a known reason. Judged by papers, measured chips and "
        "other simulators' test data.",
    ),
    "fidelity": Suite(
        "cyclesim.validation.fidelity",
        "How close the analytical model is to the simulator, and whether it chooses the same designs. "
        "Judged by the simulator.",
    ),
    "speed": Suite(
        "cyclesim.validation.speed",
        "How fast simulator and model are, as ratios measured in one run. Times vary with the machine and what else "
        "runs on it.",
    ),
}
"""Suites by name, in the order in which they run."""


@dataclass(frozen=True)
class Settings:
    """How suites are run: a sample only, the seed of random cases, the Python of an environment with SCALE-Sim.

    `command` is the command line, for suites that judge what it writes: takes arguments, returns the exit status.
    """

    quick: bool = False
    seed: int = 0
    scalesim_python: str | None = None
    command: Callable[[Sequence[str]], int] | None = None


def run_suites(names: Sequence[str], settings: Settings, say: Callable[[str], None]) -> list[SuiteResult]:
    """Run suites one after the other, print what they find through `say`, and return it."""
    import importlib
    import time

    from cyclesim.validation.findings import Findings

    results = []
    for name in names:
        say(f"== {name}\n{SUITES[name].claim}\n")
        started = time.perf_counter()
        findings = Findings(say)
        importlib.import_module(SUITES[name].module).run(settings, findings)
        results.append(findings.result(name, SUITES[name].claim, time.perf_counter() - started))
        say(f"== {name}: {results[-1].outcome} ({results[-1].seconds:.0f} s, seed {settings.seed})\n")
    return results
