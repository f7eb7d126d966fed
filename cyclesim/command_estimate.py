"""`cyclesim estimate`: the analytical model's figures, in the reports of a run."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from cyclesim.command_run import overrides, read_inputs
from cyclesim.console import print_warnings
from cyclesim.errors import BadInput
from cyclesim.files import write_text
from cyclesim.hardware import Hardware
from cyclesim.listing import result_table
from cyclesim.model.estimate import estimate
from cyclesim.outputs import check_names, check_writable
from cyclesim.reports import REPORTS, report_text, summary_text
from cyclesim.results import RunResult
from cyclesim.rundir import SUMMARY, input_hash
from cyclesim.sweep import SWEEP, Point, sweep_text
from cyclesim.workload import Network

SUFFIX = "-estimate"
"""What the folder's name has after the run's."""


def run(options: argparse.Namespace) -> int:
    """Carry out `cyclesim estimate` and return the exit status."""
    started = time.perf_counter()
    network, point, others, warnings = read_inputs(options)
    _check_native(options, point)
    folder = Path(options.path) / f"{point.hardware.run_name}{SUFFIX}"
    if options.sweep:
        return _sweep(options, network, [point, *others], warnings, folder)
    hardware = point.hardware
    check_writable(folder)
    check_names(folder, (SUMMARY, *REPORTS), "the estimate")
    print_warnings(warnings)
    result = estimate(network, hardware)
    _write(folder, network, hardware, result, started)
    if sys.stdout.isatty() and not options.quiet:
        print(result_table(result))
    if not options.quiet:
        print(f"{len(result.layers)} layers, {result.totals.total_cycles:,} cycles estimated: {folder}")
    return 0


def _check_native(options: argparse.Namespace, point: Point) -> None:
    """Refuse a machine of another memory model."""
    if point.hardware.memory_model != "native":
        where = "--memory" if "MemoryModel" in overrides(options) else f"-c {options.config}"
        raise BadInput("cyclesim", None, f"{where}: the model estimates memory native only")


def _write(folder: Path, network: Network, hardware: Hardware, result: RunResult, started: float) -> None:
    """Write the reports, SUMMARY.json last: a folder with that file is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY).unlink(missing_ok=True)
    for name, columns in REPORTS.items():
        write_text(folder / name, report_text(columns, result))
    key = input_hash(network, hardware, {"engine": "estimate"})
    write_text(folder / SUMMARY, summary_text(result, key, time.perf_counter() - started))


def _sweep(
    options: argparse.Namespace, network: Network, points: list[Point], warnings: list[str], folder: Path
) -> int:
    """Estimate all points of a sweep and write SWEEP.csv."""
    for point in points[1:]:
        warnings += [warning for warning in point.warnings if warning not in warnings]
    check_writable(folder)
    print_warnings(warnings)
    layers = [layer for point in points for layer in estimate(network, point.hardware).layers]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SWEEP, sweep_text(points, network, layers))
    if not options.quiet:
        print(f"{len(points)} points of {len(network.layers)} layers estimated: {folder / SWEEP}")
    return 0
