"""`--sweep`: many machines that differ in a few keys, and one tidy table of all their layers."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.inputs import read_machine, swept_key
from cyclesim.readers.text import printable
from cyclesim.reports import cell
from cyclesim.results import LayerResult, flatten
from cyclesim.scalesim_schedule import layer_cycles
from cyclesim.workload import Network

SWEEP = "SWEEP.csv"
_NOT_SWEPT = {
    "MemoryModel": "files are read by other rules in each memory model; take --memory, and a run for each",
    "run_name": "names the folder that the one table of all points goes to; no figure depends on it",
}
_OPTION_OF_DATAFLOW = "--dataflow: "


@dataclass(frozen=True)
class Point:
    """One machine of a sweep: the values of the swept keys, in their order, as they were given."""

    values: Mapping[str, str]
    hardware: Hardware
    warnings: Sequence[str]


def sweep_axes(sweeps: Sequence[str], given: Mapping[str, str], memory_model: str) -> dict[str, list[str]]:
    """Return the swept keys with their values.

    Parameters
    ----------
    sweeps : sequence of str
        ``KEY=V1,V2`` each.
    given : mapping
        Keys that other options set.
    memory_model : str
        By whose rules the machine is read.

    Raises
    ------
    BadInput
        If a sweep cannot be read, or a key comes twice.
    """
    axes: dict[str, list[str]] = {}
    for text in sweeps:
        key, equals, values = text.partition("=")
        listed = [value.strip() for value in values.split(",")]
        if not equals or not all(listed):
            raise BadInput("cyclesim", None, f"--sweep: must be KEY=VALUE,VALUE,... (got '{printable(text)}')")
        name = swept_key(key, memory_model)
        if name in _NOT_SWEPT:
            raise BadInput("cyclesim", None, f"--sweep {name}: {_NOT_SWEPT[name]}")
        if name in axes or name in given:
            raise BadInput("cyclesim", None, f"--sweep: {name} is given twice")
        axes[name] = listed
    return axes


def sweep_points(axes: Mapping[str, Sequence[str]], config: Path, given: Mapping[str, str]) -> Iterator[Point]:
    """Yield all combinations of the swept values, the last key changing fastest; `config` gives every other key.

    Without swept keys that is one point, the machine as it is given.

    Raises
    ------
    BadInput
        If a value, or a combination, is not allowed.
    """
    for combination in itertools.product(*axes.values()):
        values = dict(zip(axes, combination, strict=True))
        try:
            hardware, warnings = read_machine(config, {**given, **values})
        except BadInput as problem:
            if "Dataflow" not in axes or not problem.message.startswith(_OPTION_OF_DATAFLOW):
                raise
            message = problem.message.removeprefix(_OPTION_OF_DATAFLOW)
            raise BadInput(problem.file, problem.line, f"--sweep Dataflow: {message}") from None
        yield Point(values, hardware, warnings)


def sweep_text(points: Sequence[Point], network: Network, results: Sequence[LayerResult]) -> str:
    """Return SWEEP.csv: a line for each point and layer, with every result field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = iter(results)
    for i, point in enumerate(points):
        for _ in network.layers:
            fields = flatten(next(rows).to_dict())
            line = {**point.values, "LayerID": fields.pop("index"), "Layer": fields.pop("name"), **fields}
            if not i and text.tell() == 0:
                writer.writerow(line)
            writer.writerow([cell(value) for value in line.values()])
    return text.getvalue()


def table_of_points(network: Network, points: Sequence[Point]) -> str:
    """Return what a sweep would do: its points and their cycles."""
    from cyclesim.listing import table

    rows = [
        (str(i), *point.values.values(), f"{sum(layer_cycles(layer, point.hardware) for layer in network.layers):,}")
        for i, point in enumerate(points)
    ]
    return table(("point", *points[0].values, "cycles"), rows)
