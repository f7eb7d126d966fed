"""`cyclesim run`: reads the inputs, shows what would be done or does it, and fills the run's folder."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclesim import shipped
from cyclesim.console import announce, print_warnings, progress_bar
from cyclesim.errors import BadInput
from cyclesim.files import replacing, write_text
from cyclesim.hardware import Hardware
from cyclesim.inputs import read_network
from cyclesim.listing import dry_run_table, result_table
from cyclesim.outputs import check_writable
from cyclesim.readers.scalesim_config import memory_model_of
from cyclesim.readers.text import printable
from cyclesim.results import LayerResult, RunResult
from cyclesim.rundir import RunFolder, input_hash
from cyclesim.scalesim.limits import layer_problem
from cyclesim.simulation import (
    LayerRun,
    LayerRunner,
    available_cores,
    compile_kernels,
    layer_cycles,
    overlap_warning,
)
from cyclesim.stretches import ChunkEncoder
from cyclesim.sweep import SWEEP, Point, sweep_axes, sweep_points, sweep_text, table_of_points
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
        return _sweep(options, network, [point, *others], warnings)
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


def _sweep(options: argparse.Namespace, network: Network, found: list[Point], warnings: list[str]) -> int:
    """Simulate all points of a sweep and write SWEEP.csv.

    `read_inputs` has checked the first point; `warnings` are those of it and of the network.
    """
    for point in found[1:]:
        _check_layers(network, point)
        told = [*point.warnings, *_overlaps(network, point)]
        warnings += [warning for warning in told if warning not in warnings]
    print_warnings(warnings)
    if options.dry_run:
        print(table_of_points(network, found))
        return 0
    folder = Path(options.path) / found[0].hardware.run_name
    check_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    compile_kernels(None, found[0].hardware.memory_model, None if options.quiet else announce)
    total = sum(layer_cycles(layer, point.hardware) for point in found for layer in network.layers)
    tasks = [(point.hardware, layer) for point in found for layer in network.layers]
    with progress_bar(total, options.quiet) as advance, LayerRunner(options.jobs or available_cores()) as runner:
        runs = runner.in_order(tasks, lambda task: runner.start(task[1], task[0]))
        results = [run.finish(advance)[0] for _, run in runs]
    write_text(folder / SWEEP, sweep_text(found, network, results))
    if not options.quiet:
        print(f"{len(found)} points of {len(network.layers)} layers: {folder / SWEEP}")
    return 0


def _check_layers(network: Network, point: Point) -> None:
    """Refuse a point of a sweep on which SCALE-Sim fails, in its memory model."""
    if not point.hardware.follows_scalesim:
        return
    for layer in network.layers:
        problem = layer_problem(layer, point.hardware)
        if problem is not None:
            keys = ", ".join(f"{key}={value}" for key, value in point.values.items())
            raise BadInput("cyclesim", None, f"--sweep {keys}: layer {layer.name}: {problem}")


def overrides(options: argparse.Namespace) -> dict[str, str]:
    """Return the keys of the .cfg that options set."""
    given = {"Dataflow": options.dataflow, "MemoryModel": options.memory}
    return {key: value for key, value in given.items() if value is not None}


def read_inputs(options: argparse.Namespace) -> tuple[Network, Point, Iterator[Point], list[str]]:
    """Read and check what the user gave; warnings wait until all of it is valid.

    The machine is the first point of a sweep, or the only one there is; the others are read when they are taken.
    """
    given = overrides(options)
    config = _find("-c", "hwconfigs", options.config)
    axes = sweep_axes(options.sweep, given, memory_model_of(config, given)) if options.sweep else {}
    points = sweep_points(axes, config, given)
    point = next(points)
    network, more = read_network(_find("-t", "topologies", options.topology), options.input_type, point.hardware)
    if options.layers is not None:
        network = network.select(_layer_indices(options.layers, network))
    return network, point, points, [*point.warnings, *more, *_overlaps(network, point)]


def _overlaps(network: Network, point: Point) -> list[str]:
    """Return the warning about tensors that share addresses, if there is one."""
    overlap = overlap_warning(network.layers, point.hardware)
    return [overlap] if overlap else []


def _find(option: str, kind: str, name: str) -> Path:
    try:
        return shipped.find(kind, name)
    except BadInput as problem:
        raise BadInput(problem.file, problem.line, f"{option}: {problem.message}") from None


def _layer_indices(text: str, network: Network) -> list[int]:
    """Return the indices that a list such as 0,2-4 names."""
    known = {layer.index for layer in network.layers}
    if not known:
        raise BadInput("cyclesim", None, f"--layers: {network.name} has no layers (got '{printable(text)}')")
    indices: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?", part)
        if not match:
            message = f"--layers: must be 0-based numbers and ranges such as 0,2-4 (got '{text}')"
            raise BadInput("cyclesim", None, message)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise BadInput("cyclesim", None, f"--layers: a range must not run backwards (got '{part.strip()}')")
        if last > max(known):
            raise BadInput(
                "cyclesim", None, f"--layers: {network.name} has layers 0 to {max(known)} (got '{part.strip()}')"
            )
        indices += range(first, last + 1)
    return indices


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
