"""The validation suites behind ``cyclesim validate``: proofs against independent truths, and measurements of speed.

Each suite is a module with ``run(settings, report) -> bool | None``, which prints a table of what was checked through
`report` and returns whether all is well, or None if it could not be run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SUITES: dict[str, str] = {
    "schedule": "cyclesim.validation.schedule",
    "functional": "cyclesim.validation.functional",
    "rtl": "cyclesim.validation.rtl",
    "scalesim": "cyclesim.validation.scalesim_parity",
    "published": "cyclesim.validation.published",
    "fidelity": "cyclesim.validation.fidelity",
    "speed": "cyclesim.validation.speed",
}
"""Suites by name, and the modules that they lie in."""


@dataclass(frozen=True)
class Settings:
    """How suites are run: a sample only, the seed of random cases, the Python of an environment with SCALE-Sim.

    `command` is the command line, for suites that judge what it writes: takes arguments, returns the exit status.
    """

    quick: bool = False
    seed: int = 0
    scalesim_python: str | None = None
    command: Callable[[Sequence[str]], int] | None = None


def run_suites(names: Sequence[str], settings: Settings, report: Callable[[str], None]) -> bool:
    """Run suites one after the other; return whether none failed."""
    passed = []
    for name in names:
        report(f"== {name}")
        ok: bool | None = importlib.import_module(SUITES[name]).run(settings, report)
        report(f"== {name}: {'skipped' if ok is None else 'passed' if ok else 'FAILED'}\n")
        passed.append(ok is not False)
    return all(passed)
