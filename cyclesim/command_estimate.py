"""`cyclesim estimate`: the analytical model's figures, in the reports of a run."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cyclesim.command_inputs import read_inputs, run_sweep
from cyclesim.console import print_warnings
from cyclesim.errors import BadInput
from cyclesim.files import write_text
from cyclesim.hardware import Hardware
from cyclesim.model.estimate import estimate
from cyclesim.outputs import SUMMARY, check_names, check_writable, input_hash
from cyclesim.reports import REPORTS, report_text, summary_text
from cyclesim.results import LayerResult, RunResult
from cyclesim.sweep import Point
from cyclesim.workload import Network

SUFFIX = "-estimate"
"""What the folder's name has after the run's."""
_NATIVE_ONLY = "the model estimates memory native only"


def run(options: argparse.Namespace) -> int:
    """Carry out `cyclesim estimate` and return the exit status."""
    started = time.perf_counter()
    if (options.memory or "native") != "native":
        raise BadInput("cyclesim", None, f"--memory: {_NATIVE_ONLY}")
    network, point, others, warnings = read_inputs(options)
    if point.hardware.memory_model != "native":
        raise BadInput("cyclesim", None, f"-c {options.config}: {_NATIVE_ONLY}")
    folder = Path(options.path) / f"{point.hardware.run_name}{SUFFIX}"
    if options.sweep:
        return run_sweep(options, network, [point, *others], warnings, folder, _evaluate)
    hardware = point.hardware
    check_writable(folder)
    check_names(folder, (SUMMARY, *REPORTS), "the estimate")
    print_warnings(warnings)
    result = estimate(network, hardware)
    _write(folder, network, hardware, result, started)
    if sys.stdout.isatty() and not options.quiet:
        from cyclesim.listing import result_table

        print(result_table(result))
    if not options.quiet:
        print(f"{len(result.layers)} layers, {result.totals.total_cycles:,} cycles estimated: {folder}")
    return 0


def _write(folder: Path, network: Network, hardware: Hardware, result: RunResult, started: float) -> None:
    """Write the reports, SUMMARY.json last: a folder with that file is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY).unlink(missing_ok=True)
    for name, columns in REPORTS.items():
        write_text(folder / name, report_text(columns, result))
    key = input_hash(network, hardware, {"engine": "estimate"})
    write_text(folder / SUMMARY, summary_text(result, key, time.perf_counter() - started))


def _evaluate(options: argparse.Namespace, network: Network, found: Sequence[Point]) -> list[LayerResult]:
    """Estimate all layers on all points of a sweep."""
    return [layer for point in found for layer in estimate(network, point.hardware).layers]
