"""What `cyclesim run` and `cyclesim estimate` do alike: read and check what the user gave, and carry out sweeps."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cyclesim import shipped
from cyclesim.console import print_warnings
from cyclesim.errors import BadInput
from cyclesim.files import write_text
from cyclesim.inputs import read_network
from cyclesim.lowering import overlap_warning
from cyclesim.outputs import check_names, check_writable
from cyclesim.readers.scalesim_config import memory_model_of
from cyclesim.readers.text import printable
from cyclesim.results import LayerResult
from cyclesim.sweep import SWEEP, Point, sweep_axes, sweep_points, sweep_text
from cyclesim.technology.machine import unpriced
from cyclesim.workload import Network

Evaluate = Callable[[argparse.Namespace, Network, Sequence[Point]], Sequence[LayerResult]]
"""Returns the results of all layers on all points, point by point."""


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
    return network, point, points, [*point.warnings, *more, *_overlaps(network, point), *_unpriced(point)]


def _overlaps(network: Network, point: Point) -> list[str]:
    """Return the warning about tensors that share addresses, if there is one."""
    overlap = overlap_warning(network.layers, point.hardware)
    return [overlap] if overlap else []


def _unpriced(point: Point) -> list[str]:
    """Return the warning about a machine without prices, if it has none."""
    warning = unpriced(point.hardware)
    return [] if warning is None else [f"machine {point.hardware.run_name}: {warning}"]


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


def run_sweep(
    options: argparse.Namespace, network: Network, found: Sequence[Point], warnings: Sequence[str], folder: Path,
    evaluate: Evaluate,
) -> int:
    """Evaluate all points of a sweep, write SWEEP.csv into a folder, and return the exit status.

    `read_inputs` has checked the first point; `warnings` are those of it and of the network.
    """
    told = all_warnings(network, found, warnings)
    check_writable(folder)
    check_names(folder, [SWEEP], "the sweep")
    print_warnings(told)
    results = evaluate(options, network, found)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SWEEP, sweep_text(found, network, results))
    if not options.quiet:
        print(f"{len(found)} points of {len(network.layers)} layers: {folder / SWEEP}")
    return 0


def all_warnings(network: Network, found: Sequence[Point], warnings: Sequence[str]) -> list[str]:
    """Check the further points of a sweep; return the warnings of all, each once."""
    told = list(warnings)
    for point in found[1:]:
        _check_layers(network, point)
        told += [*point.warnings, *_overlaps(network, point), *_unpriced(point)]
    return list(dict.fromkeys(told))


def _check_layers(network: Network, point: Point) -> None:
    """Refuse a point of a sweep on which SCALE-Sim fails, in its memory model."""
    if not point.hardware.follows_scalesim:
        return
    from cyclesim.scalesim.limits import layer_problem

    for layer in network.layers:
        problem = layer_problem(layer, point.hardware)
        if problem is not None:
            keys = ", ".join(f"{key}={value}" for key, value in point.values.items())
            raise BadInput("cyclesim", None, f"--sweep {keys}: layer {layer.name}: {problem}")
