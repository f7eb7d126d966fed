"""`cyclesim run`: reads the inputs, shows what would be done or does it, and fills the run's folder."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclesim import shipped
from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.listing import dry_run_table, result_table
from cyclesim.readers.hwconfig import read_hardware
from cyclesim.readers.ini import parse_ini
from cyclesim.readers.text import read_text
from cyclesim.readers.topology import read_topology
from cyclesim.results import LayerResult, RunResult
from cyclesim.rundir import RunFolder, input_hash
from cyclesim.simulation import (
    ChunkEncoder,
    LayerRun,
    LayerRunner,
    available_cores,
    compile_kernels,
    layer_cycles,
    one_ahead,
    overlap_warning,
    unsupported,
)
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
    network, hardware, warnings = _inputs(options)
    traces = _trace_options(options)
    if options.dry_run:
        _print_warnings(warnings)
        print(dry_run_table(network, hardware, traces.form))
        return 0
    out = Path(options.path)
    folder = out / hardware.run_name
    key = input_hash(network, hardware, {"traces": [traces.sram, traces.dram], "form": traces.form})
    runs = RunFolder(folder, key)
    if options.resume and runs.is_complete():
        _print_warnings(warnings)
        _say(options, f"{folder} is complete already")
        return 0
    if options.resume:
        runs.check_resumable()
    _check_writable(out, folder)
    if traces.any:
        _check_disk(network, hardware, traces, out)
    _print_warnings(warnings)
    runs.begin(options.resume)
    layers = _simulate(options, network, hardware, traces, runs)
    result = RunResult(network.name, hardware, "simulate", layers)
    runs.publish(result, time.perf_counter() - started)
    if sys.stdout.isatty() and not options.quiet:
        print(result_table(result))
    _say(options, f"{len(layers)} layers, {result.totals.total_cycles:,} cycles: {folder}")
    return 0


def _inputs(options: argparse.Namespace) -> tuple[Network, Hardware, list[str]]:
    """Read and check everything that the user gave; warnings wait until all of it is valid."""
    overrides = {"Dataflow": options.dataflow, "MemoryModel": options.memory}
    given = {key: value for key, value in overrides.items() if value is not None}
    config = _find("-c", "hwconfigs", options.config)
    hardware, warnings = read_hardware(config, given)
    network, more = read_topology(_find("-t", "topologies", options.topology), options.input_type)
    if options.layers is not None:
        network = network.select(_layer_indices(options.layers, network))
    _refuse_unsupported(hardware, config, given)
    warnings += more
    overlap = overlap_warning(network.layers, hardware)
    return network, hardware, [*warnings, overlap] if overlap else warnings


def _refuse_unsupported(hardware: Hardware, config: Path, given: dict[str, str]) -> None:
    """Refuse what this version does not simulate, at the line or the option that asks for it."""
    refused = unsupported(hardware)
    if refused is None:
        return
    key, message = refused
    if key in given:
        raise BadInput("cyclesim", None, f"--memory: {message}")
    lines = [entry.line for entry in parse_ini(read_text(config)).entries if entry.key.lower() == key.lower()]
    raise BadInput(str(config), lines[0] if lines else 1, message)


def _find(option: str, kind: str, name: str) -> Path:
    try:
        return shipped.find(kind, name)
    except BadInput as problem:
        raise BadInput(problem.file, problem.line, f"{option}: {problem.message}") from None


def _layer_indices(text: str, network: Network) -> list[int]:
    """Return the indices that a list such as 0,2-4 names."""
    known = {layer.index for layer in network.layers}
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


def _check_writable(out: Path, folder: Path) -> None:
    """Refuse an output folder that cannot be made, before anything is simulated."""
    for path in (folder, *folder.parents):
        if path.exists():
            if not path.is_dir():
                raise BadInput("cyclesim", None, f"-p: {path} is not a folder")
            if not os.access(path, os.W_OK | os.X_OK):
                raise BadInput("cyclesim", None, f"-p: {path} cannot be written to")
            return


def _check_disk(network: Network, hardware: Hardware, traces: TraceOptions, out: Path) -> None:
    """Refuse traces that the disk has no room for."""
    if not traces.sram:
        return
    needed = sum(trace_bytes(layer, hardware, traces.form) for layer in network.layers)
    place = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise BadInput(
            "cyclesim", None,
            f"--traces: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free in {place}; "
            "choose layers with --layers, or --trace-format hdf5",
        )  # fmt: skip


def _simulate(
    options: argparse.Namespace, network: Network, hardware: Hardware, traces: TraceOptions, runs: RunFolder
) -> tuple[LayerResult, ...]:
    compile_kernels(traces.form if traces.any else None, None if options.quiet else _announce)
    total = sum(layer_cycles(layer, hardware) for layer in network.layers)
    finished: dict[int, LayerResult] = {}
    if options.resume:
        for layer in network.layers:
            result = runs.finished(layer.index, _trace_place(layer, traces, runs))
            if result is not None:
                finished[layer.index] = result
    encoder = _encoder(traces)
    with _progress(total, options.quiet) as advance, LayerRunner(options.jobs or available_cores()) as runner:
        advance(sum(result.compute_cycles for result in finished.values()))
        missing = [layer for layer in network.layers if layer.index not in finished]
        for layer, run in one_ahead(missing, lambda layer: runner.start(layer, hardware, encoder)):
            result = _finish_layer(run, layer, hardware, traces, _trace_place(layer, traces, runs), advance)
            runs.finish(result)
            finished[layer.index] = result
    return tuple(finished[layer.index] for layer in network.layers)


def _encoder(traces: TraceOptions) -> ChunkEncoder | None:
    """Return what encodes the traces that are asked for."""
    if not traces.any:
        return None
    if traces.form == "csv":
        from cyclesim.csvtraces import CsvEncoder

        return CsvEncoder(traces.sram)
    from cyclesim.traces import TraceEncoder

    return TraceEncoder(traces.sram)


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
) -> LayerResult:
    """Finish a layer and put its traces in place."""
    from cyclesim.files import replacing

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
        trace = LayerTrace(lambda: file.create_group(layer_path(layer.index)), traces.sram, traces.dram)
        return run.finish(advance, trace)


def _announce(message: str) -> None:
    print(f"cyclesim: {message}", file=sys.stderr, flush=True)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Give a function that is told of array cycles done; it draws a bar on a terminal and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda cycles: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="cycle", unit_scale=True, desc="simulating", leave=False) as bar:
        yield lambda cycles: bar.update(cycles) and None


def _print_warnings(warnings: list[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _say(options: argparse.Namespace, message: str) -> None:
    if not options.quiet:
        print(message)
