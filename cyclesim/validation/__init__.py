"""The validation suites behind ``cyclesim validate``: proofs against independent truths, and measurements of speed.

Each suite is a module with ``run(settings, report) -> bool``, which prints a table of what was checked through
`report` and returns whether all is well.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SUITES: dict[str, str] = {
    "schedule": "cyclesim.validation.schedule",
    "functional": "cyclesim.validation.functional",
    "speed": "cyclesim.validation.speed",
}
"""Suites by name, and the modules that they lie in."""


@dataclass(frozen=True)
class Settings:
    """How suites are run: a sample only, the seed of random cases, the Python of an environment with SCALE-Sim."""

    quick: bool = False
    seed: int = 0
    scalesim_python: str | None = None


def run_suites(names: Sequence[str], settings: Settings, report: Callable[[str], None]) -> bool:
    """Run suites one after the other; return whether all passed."""
    passed = []
    for name in names:
        report(f"== {name}")
        ok: bool = importlib.import_module(SUITES[name]).run(settings, report)
        report(f"== {name}: {'passed' if ok else 'FAILED'}\n")
        passed.append(ok)
    return all(passed)
