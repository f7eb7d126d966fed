"""A design space as SPACE.toml describes it: axes, networks with weights, objectives, constraints.

A point is an integer: its digits, one an axis and the last axis the lowest, are positions among the axes' values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim import shipped
from cyclesim.errors import BadInput
from cyclesim.explore.axes import Axis, read_axes
from cyclesim.explore.goals import Constraint, Objective, number, read_constraints, read_objectives, read_weights
from cyclesim.readers.text import got, printable, read_text
from cyclesim.readers.toml import Toml, parse_toml

Ints = NDArray[np.int64]

MOST_POINTS = 2**62
_TABLES = ("explore", "space", "constraints")
_KEYS = ("machine", "networks", "objectives", "weights")


@dataclass(frozen=True)
class WeightedNetwork:
    """A network's name or path as it is given, where it lies, and how often it runs in one inference of the mix."""

    name: str
    path: Path
    weight: float


@dataclass(frozen=True)
class Space:
    """A design space; `file` and `text` are those of SPACE.toml, `weights` the metrics in the loss and theirs."""

    file: str
    text: str
    machine: Path
    networks: tuple[WeightedNetwork, ...]
    objectives: tuple[Objective, ...]
    weights: Mapping[str, float]
    axes: tuple[Axis, ...]
    constraints: tuple[Constraint, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def points(self) -> int:
        """Points of the space."""
        return math.prod(self.sizes)

    @property
    def contents(self) -> dict[str, Any]:
        """What the file says, as JSON has it: the same however that is written, but for the order of things."""
        return {
            "networks": [[each.name, each.weight] for each in self.networks],
            "objectives": [[each.metric, each.maximised] for each in self.objectives],
            "weights": [[metric, weight] for metric, weight in self.weights.items()],
            "axes": [[axis.key, [str(value) for value in axis.values]] for axis in self.axes],
            "constraints": [[each.metric, each.at_most, each.bound] for each in self.constraints],
        }

    def line_of(self, key: str) -> int | None:
        """Return the line of SPACE.toml on which a key of the .cfg has its values, None if it is not explored."""
        return next((axis.line for axis in self.axes if axis.key == key), None)

    def decode(self, indices: Ints) -> Ints:
        """Return the positions of points (n,) on the axes, (n, axes) int64."""
        codes = np.empty((len(indices), len(self.axes)), np.int64)
        rest = np.asarray(indices, np.int64)
        for axis in range(len(self.axes) - 1, -1, -1):
            rest, codes[:, axis] = np.divmod(rest, self.sizes[axis])
        return codes

    def encode(self, codes: Ints) -> Ints:
        """Return the indices (n,) of points that have these positions on the axes, (n, axes)."""
        indices = np.zeros(len(codes), np.int64)
        for axis, size in enumerate(self.sizes):
            indices = indices * size + codes[:, axis]
        return indices


def read_space(path: Path) -> Space:
    """Read SPACE.toml; the machine and the networks are found, not read.

    Raises
    ------
    BadInput
        If the file cannot be read or something in it cannot be used.
    """
    toml = parse_toml(read_text(path))
    for name, table in toml.tables.items():
        if name not in _TABLES:
            raise toml.error(f"tables must be among {', '.join(_TABLES)} {got(name, _TABLES)}", name)
        if not isinstance(table, Mapping):
            raise toml.error(f"{name} must be one table, [{name}] {_instead_of_table(name, table)}", name)
    explore = toml.tables.get("explore")
    if explore is None:
        raise toml.error("[explore] must name networks and objectives", "explore")
    for name in explore:
        if name not in _KEYS:
            raise toml.error(f"keys of [explore] must be among {', '.join(_KEYS)} {got(name, _KEYS)}", "explore", name)
    machine = _machine(toml, explore.get("machine", "default"))
    networks = _networks(toml, explore.get("networks"))
    objectives = read_objectives(toml, explore.get("objectives"))
    space = Space(
        file=toml.text.file,
        text="\n".join(toml.text.lines) + "\n",
        machine=machine,
        networks=networks,
        objectives=objectives,
        weights=read_weights(toml, explore.get("weights"), objectives),
        axes=read_axes(toml),
        constraints=read_constraints(toml, toml.tables.get("constraints", {})),
    )
    if space.points > MOST_POINTS:
        raise toml.error(f"[space] must have at most {MOST_POINTS} points (got {space.points})", "space")
    return space


def _instead_of_table(name: str, given: Any) -> str:
    """Return the tail of a message about what stands where a table must."""
    if not isinstance(given, list):
        return got(str(given))
    return f"(got an array of tables, [[{name}]])" if given and isinstance(given[0], Mapping) else got("list")


def _found(toml: Toml, kind: str, name: str, key: str) -> Path:
    """Return the path of a shipped or the user's own file, which may be relative to the space file's folder."""
    beside = Path(toml.text.file).parent / name
    try:
        found = shipped.find(kind, name)
    except BadInput as problem:
        raise toml.error(f"{key}: {problem.message}", "explore", key, name) from None
    return beside if found == Path(name) and beside.is_file() else found


def _machine(toml: Toml, name: Any) -> Path:
    if not isinstance(name, str) or not name:
        raise toml.error("machine must be the name of a shipped machine or a path", "explore", "machine")
    return _found(toml, "hwconfigs", name, "machine")


def _networks(toml: Toml, given: Any) -> tuple[WeightedNetwork, ...]:
    rule = "networks must be a list of names and paths, or a table of their weights"
    if isinstance(given, list):
        weights = [(name, 1) for name in given]
    elif isinstance(given, Mapping):
        weights = list(given.items())
    else:
        raise toml.error(rule, "explore", "networks")
    if not weights or not all(isinstance(name, str) and name for name, _ in weights):
        raise toml.error(f"{rule}, and have at least one", "explore", "networks")
    found: dict[str, WeightedNetwork] = {}
    for name, weight in weights:
        if name in found:
            message = f"networks must have each network once (got '{printable(name[:60])}' again)"
            raise toml.error(message, "explore", "networks")
        value = number(weight)
        if not 0 < value < math.inf:
            shown = got(printable(str(weight)))
            raise toml.error(f"networks: the weight of {printable(name[:60])} must be a number above 0 {shown}",
                             "explore", "networks", name)  # fmt: skip
        path = _found(toml, "topologies", name, "networks")
        same = next((each.name for each in found.values() if each.path.resolve() == path.resolve()), None)
        if same is not None:
            names = f"'{printable(name[:60])}' and '{printable(same[:60])}', which are the same"
            raise toml.error(f"networks must have each network once (got {names})", "explore", "networks", name)
        found[name] = WeightedNetwork(name, path, value)
    return tuple(found.values())
