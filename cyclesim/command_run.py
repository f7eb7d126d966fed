"""`cyclesim run`: reads the inputs, shows what would be done or does it, and fills the run's folder."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclesim.command_inputs import all_warnings, read_inputs, run_sweep
from cyclesim.console import announce, print_warnings, progress_bar
from cyclesim.errors import BadInput
from cyclesim.files import replacing
from cyclesim.hardware import Hardware
from cyclesim.listing import dry_run_table, result_table
from cyclesim.outputs import check_writable, input_hash
from cyclesim.results import LayerResult, RunResult
from cyclesim.rundir import RunFolder
from cyclesim.scalesim_schedule import layer_cycles
from cyclesim.simulation import LayerRun, LayerRunner, available_cores, compile_kernels
from cyclesim.stretches import ChunkEncoder
from cyclesim.sweep import Point, table_of_points
from cyclesim.timeline import Series
from cyclesim.tracesize import trace_bytes
from cyclesim.workload import Layer, Network


@dataclass(frozen=True)
class TraceOptions:
    """Which traces to write, and how."""

    sram: bool
    dram: bool
    form: Literal["hdf5", "csv"]

    @property
    def any(self) -> bool:
        """Whether any trace is written."""
        return self.sram or self.dram


def run(options: argparse.Namespace) -> int:
    """Carry out `cyclesim run` and return the exit status."""
    started = time.perf_counter()
    network, point, others, warnings = read_inputs(options)
    hardware = point.hardware
    traces = _trace_options(options)
    native = not hardware.follows_scalesim
    if not native and options.window:
        raise BadInput("cyclesim", None, f"--window: memory model {hardware.memory_model} has no bandwidth series")
    if options.sweep:
        _refuse_with_sweep(options, traces)
        found = [point, *others]
        if options.dry_run:
            print_warnings(all_warnings(network, found, warnings))
            print(table_of_points(network, found))
            return 0
        return run_sweep(options, network, found, warnings, Path(options.path) / hardware.run_name, _evaluate)
    if options.dry_run:
        print_warnings(warnings)
        print(dry_run_table(network, hardware, traces.form))
        return 0
    out = Path(options.path)
    folder = out / hardware.run_name
    series = native and options.window != 0
    key = input_hash(
        network, hardware, {"traces": [traces.sram, traces.dram], "form": traces.form, "window": options.window}
    )
    with RunFolder(folder, key, hardware.memory_model) as runs:
        if options.resume and runs.is_complete():
            print_warnings(warnings)
            if not options.quiet:
                print(f"{folder} is complete already")
            return 0
        if options.resume:
            runs.check_resumable()
        check_writable(folder)
        runs.check_names()
        if traces.any:
            _check_disk(network, hardware, traces, out)
        runs.begin(options.resume)
        options.begun = True
        print_warnings(warnings)
        layers = _simulate(options, network, hardware, traces, runs, series)
        result = RunResult(network.name, hardware, "simulate", layers)
        runs.publish(result, time.perf_counter() - started)
    if layers and sys.stdout.isatty() and not options.quiet:
        print(result_table(result))
    if not options.quiet:
        cycles = result.totals.total_cycles if layers else 0
        print(f"{len(layers)} layers, {cycles:,} cycles: {folder}")
    return 0


def _refuse_with_sweep(options: argparse.Namespace, traces: TraceOptions) -> None:
    for option, given in (
        ("--traces", traces.any), ("--resume", options.resume), ("--window", options.window is not None)
    ):  # fmt: skip
        if given:
            raise BadInput("cyclesim", None, f"--sweep: writes SWEEP.csv only and cannot be combined with {option}")


def _evaluate(options: argparse.Namespace, network: Network, found: Sequence[Point]) -> list[LayerResult]:
    """Simulate all layers on all points of a sweep."""
    compile_kernels(None, found[0].hardware.memory_model, None if options.quiet else announce)
    total = sum(layer_cycles(layer, point.hardware) for point in found for layer in network.layers)
    tasks = [(point.hardware, layer) for point in found for layer in network.layers]
    with progress_bar(total, options.quiet) as advance, LayerRunner(options.jobs or available_cores()) as runner:
        runs = runner.in_order(tasks, lambda task: runner.start(task[1], task[0]))
        return [run.finish(advance)[0] for _, run in runs]


def _trace_options(options: argparse.Namespace) -> TraceOptions:
    which = options.traces or ("all" if options.save == "Y" else "none")
    return TraceOptions(which in ("sram", "all"), which in ("dram", "all"), options.trace_format)


def _check_disk(network: Network, hardware: Hardware, traces: TraceOptions, out: Path) -> None:
    """Refuse traces that the disk has no room for; HDF5 files of layers are there twice when they are joined."""
    copies = 2 if traces.form == "hdf5" else 1
    needed = copies * sum(trace_bytes(layer, hardware, traces.form) for layer in network.layers)
    place = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise BadInput(
            "cyclesim", None,
            f"--traces: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free in {place}; "
            "choose layers with --layers, or --trace-format hdf5",
        )  # fmt: skip


def _simulate(
    options: argparse.Namespace, network: Network, hardware: Hardware, traces: TraceOptions, runs: RunFolder,
    series: bool,
) -> tuple[LayerResult, ...]:  # fmt: skip
    compile_kernels(
        traces.form if traces.any else None, hardware.memory_model, None if options.quiet else announce
    )
    total = sum(layer_cycles(layer, hardware) for layer in network.layers)
    finished: dict[int, LayerResult] = {}
    if options.resume:
        for layer in network.layers:
            result = runs.finished(layer.index, _trace_place(layer, traces, runs), series)
            if result is not None:
                finished[layer.index] = result
    encoder = _encoder(traces, hardware)
    jobs = options.jobs or available_cores()
    with progress_bar(total, options.quiet) as advance, LayerRunner(jobs, options.window or None) as runner:
        advance(sum(result.compute_cycles for result in finished.values()))
        missing = [layer for layer in network.layers if layer.index not in finished]
        for layer, run in runner.in_order(missing, lambda layer: runner.start(layer, hardware, encoder)):
            result, windows = _finish_layer(run, layer, hardware, traces, _trace_place(layer, traces, runs), advance)
            runs.finish(result, windows if series else None)
            finished[layer.index] = result
    return tuple(finished[layer.index] for layer in network.layers)


def _encoder(traces: TraceOptions, hardware: Hardware) -> ChunkEncoder | None:
    """Return what encodes the traces that are asked for."""
    if not traces.any:
        return None
    if traces.form == "csv" and hardware.follows_scalesim:
        from cyclesim.scalesim.text import ScaleSimText

        return ScaleSimText(traces.sram, traces.dram)
    if traces.form == "csv":
        from cyclesim.csvtraces import CsvEncoder

        return CsvEncoder(traces.sram, traces.dram)
    from cyclesim.traces import TraceEncoder

    return TraceEncoder(traces.sram, traces.dram)


def _trace_place(layer: Layer, traces: TraceOptions, runs: RunFolder) -> Path | None:
    """Return where a finished layer's traces lie until the run is complete, None if there are none."""
    if not traces.any:
        return None
    return runs.layer_csv(layer.index) if traces.form == "csv" else runs.layer_file(layer.index)


def _finish_layer(
    run: LayerRun,
    layer: Layer,
    hardware: Hardware,
    traces: TraceOptions,
    place: Path | None,
    advance: Callable[[int], None],
) -> tuple[LayerResult, Series | None]:
    """Finish a layer and put its traces in place."""
    if place is None:
        return run.finish(advance)
    if traces.form == "csv":
        from cyclesim.csvtraces import CsvLayerTrace

        with replacing(place) as temporary, CsvLayerTrace(temporary, traces.sram, traces.dram) as text:
            return run.finish(advance, text)
    import h5py

    from cyclesim.traces import LIBRARY_VERSIONS, LayerTrace, layer_path, write_header

    with replacing(place) as temporary, h5py.File(temporary, "w", libver=LIBRARY_VERSIONS) as file:
        write_header(file, hardware)
        with LayerTrace(lambda: file.create_group(layer_path(layer.index)), traces.sram, traces.dram) as trace:
            return run.finish(advance, trace)
