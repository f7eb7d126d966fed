"""`cyclesim validate`: runs suites, prints one table of them at the end, and writes the report."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cyclesim.errors import BadInput, suggestion
from cyclesim.outputs import check_names, check_writable
from cyclesim.simulation import available_cores
from cyclesim.validation import SUITES, Settings, run_suites
from cyclesim.validation.findings import FAILED, SKIPPED, summary
from cyclesim.validation.report import MARKDOWN, Report, file_names, provenance, write_report
from cyclesim.validation.rtl_simulation import simulator_version
from cyclesim.validation.scalesim_batches import installed_version


def run(options: argparse.Namespace, command: Callable[[Sequence[str]], int]) -> int:
    """Carry out `cyclesim validate` and return the exit status; `command` is the command line."""
    for name in options.suites:
        if name not in SUITES:
            message = f"SUITE: must be one of {', '.join(SUITES)} {suggestion(name, SUITES)}"
            raise BadInput("cyclesim", None, message)
    names = list(dict.fromkeys(options.suites)) or list(SUITES)
    if "scalesim" in options.suites and options.scalesim is None:
        needed = "the Python of an environment with SCALE-Sim 3.0.0 or 2.0.2"
        raise BadInput("cyclesim", None, f"validate scalesim: needs --scalesim PYTHON, {needed}")
    folder = Path(options.path)
    check_writable(folder)
    check_names(folder, file_names(), "the report")
    programs = {
        "SCALE-Sim": installed_version(options.scalesim).number if options.scalesim else None,
        "Icarus Verilog": simulator_version(),
    }
    started = time.perf_counter()
    results = run_suites(names, Settings(options.quick, options.seed, options.scalesim, command), print)
    about = provenance(options.seed, options.quick, available_cores(), time.perf_counter() - started, programs)
    write_report(folder, Report(tuple(results), about, remake(options)))
    print(summary(results).text)
    print(f"report: {folder / MARKDOWN}")
    if any(one.outcome == FAILED for one in results):
        return 1
    # A suite that was asked for by name has to be run.
    return 2 if any(one.outcome == SKIPPED and one.name in options.suites for one in results) else 0


def remake(options: argparse.Namespace) -> str:
    """Return the command that makes the report again, without paths of this machine."""
    words = ["cyclesim", "validate", *dict.fromkeys(options.suites), *(["--quick"] if options.quick else [])]
    words += ["--seed", str(options.seed), *(["--scalesim", "PYTHON"] if options.scalesim else []), "-p", "OUT"]
    return " ".join(words)
