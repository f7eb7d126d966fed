"""What an exploration leaves behind: points.h5 with its provenance, CSV files, figures, and the summary's contents."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim import __version__
from cyclesim.explore.evaluate import Evaluator
from cyclesim.explore.exploration import Exploration
from cyclesim.explore.parts import Parts, Rows, slices, some_rows
from cyclesim.explore.plan import Plan
from cyclesim.explore.searched import Loss
from cyclesim.explore.space import Space
from cyclesim.explore.store import FRONT, POINTS, POINTS_CSV, REFINED, SIMULATED
from cyclesim.explore.table import PointTable

Ints = NDArray[np.int64]


_AS_WRITTEN = ("space_file", "space", "axes", "constraints")
"""Parts of the provenance that say how a space is written; `space_hash` is of what it says."""


def provenance(evaluator: Evaluator, plan: Plan, relative_to: str | None) -> dict[str, Any]:
    """Return what the points and figures depend on: inputs, options and version.

    Parameters
    ----------
    evaluator : Evaluator
    plan : Plan
    relative_to : str or None
        What the convergence of a search is relative to.
    """
    space = evaluator.space
    networks = zip(space.networks, evaluator.networks, strict=True)
    return {
        "version": __version__,
        "space_file": space.file,
        "space": space.text,
        "space_hash": _hash(space.contents),
        "axes": {axis.key: axis.texts for axis in space.axes},
        "constraints": [each.text for each in space.constraints],
        "machine": space.machine.name,
        "first_point": evaluator.machines.base.expanded(),
        "machine_hash": _hash(evaluator.machines.said),
        "figures_hash": _hash([sorted([*key, value] for key, value in own.values.items())
                               for own in evaluator.machines.own]),
        "networks": {each.name: each.weight for each in space.networks},
        "network_hashes": {each.name: _hash([asdict(layer) for layer in found.layers]) for each, found in networks},
        "search": plan.search,
        "evaluate": plan.evaluate,
        "engine": "simulate" if plan.evaluate == "simulate" else "model",
        "seed": plan.seed,
        "budget": plan.evaluations(space.points),
        "convergence": relative_to,
    }  # fmt: skip


def input_hash(inputs: Mapping[str, Any]) -> str:
    """Return a hash of everything that points and figures depend on: what space and machine say, not how or where."""
    return _hash({name: value for name, value in inputs.items() if name not in _AS_WRITTEN})


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def write_points(
    folder: Path, parts: Parts, table: PointTable, inputs: Mapping[str, Any], rows: Ints, csv: bool
) -> Rows:
    """Write points.h5, pareto.csv with some of its rows, and points.csv if asked for; return these rows."""
    import h5py

    attributes = {name: stored(value) for name, value in inputs.items()}
    libraries = {name: version(name) for name in ("numpy", "h5py")}
    attributes |= {"format": "cyclesim-points", "python": sys.version.split()[0], "libraries": json.dumps(libraries)}
    parts.join(folder / POINTS, {**attributes, "input_hash": input_hash(inputs), "state": "complete"})
    names = [column.name for column in table.columns]
    with h5py.File(folder / POINTS, "r") as file:
        best = some_rows(file, names, rows)
        table.write_csv(folder / FRONT, [best])
        if csv:
            table.write_csv(folder / POINTS_CSV, (block for _, block in slices(file, names)))
    return best


def above_clock_limit(rows: Rows) -> int:
    """Return how many points have a clock that is given, and above what the tables allow."""
    return int((rows["clock_mhz"] > rows["clock_limit_mhz"]).sum())


def stored(value: Any) -> Any:
    """Return what points.h5 has of a value of the provenance."""
    return value if isinstance(value, str | int) else json.dumps(value)


def write_refined(folder: Path, parts: Parts, table: PointTable, rows: Ints) -> None:
    """Write simulated.csv, with all points that were simulated again, and refined.csv, with some of its rows."""
    names = [column.name for column in table.columns]
    blocks = [block for _, block in parts.read(names)]
    table.write_csv(folder / SIMULATED, blocks)
    whole = {name: np.concatenate([block[name] for block in blocks]) for name in names} if blocks else {}
    table.write_csv(folder / REFINED, [{name: values[rows] for name, values in whole.items()}] if blocks else [])


def loss_of(folder: Path, table: PointTable, space: Space, loss: Loss | None) -> dict[str, Any]:
    """Return what the summary says of the least loss; without a feasible point there are only the weights."""
    import h5py

    told: dict[str, Any] = {"weights": dict(space.weights)}
    if loss is None:
        return told
    names = [column.name for column in table.columns]
    with h5py.File(folder / POINTS, "r") as file:
        row = table.records(some_rows(file, names, np.array([loss.row])))[0]
    keys = {axis.key: row[axis.key] for axis in space.axes}
    metrics = {name: row[name] for name in table.metrics}
    return {**told, "scales": loss.scales, "least": loss.least, "points": loss.points, "point": row["point"],
            "keys": keys, "metrics": metrics}  # fmt: skip


def front_rows(exploration: Exploration) -> Ints:
    """Return the rows on the front, best by the first objective first."""
    rows: Ints = exploration.frontier.rows[exploration.frontier.best_first]
    return rows


def summary(
    evaluator: Evaluator, exploration: Exploration, inputs: Mapping[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what summary.json holds."""
    counts = exploration.reasons.tolist()
    infeasible = {text: count for text, count in zip(evaluator.reasons[1:], counts[1:], strict=True) if count}
    return {
        "format": "cyclesim-exploration",
        **{name: inputs[name] for name in (
            "version", "space_file", "space_hash", "networks", "network_hashes", "search", "evaluate", "seed"
        )},
        "axes": {axis.key: len(axis) for axis in evaluator.space.axes},
        "objectives": {each.metric: "max" if each.maximised else "min" for each in evaluator.space.objectives},
        "constraints": [each.text for each in evaluator.space.constraints],
        "points": evaluator.space.points,
        "evaluated": sum(counts),
        "feasible": counts[0],
        "infeasible": infeasible,
        "unknown": exploration.frontier.unknown,
        "front": len(exploration.frontier.rows),
        "best": _best(exploration),
        **more,
        "machine": inputs["machine"],
        "first_point": inputs["first_point"],
    }  # fmt: skip


def _best(exploration: Exploration) -> dict[str, float]:
    """Return the best value of each objective."""
    values = exploration.frontier.values
    if not len(values):
        return {}
    best: Sequence[float] = values.min(axis=0).tolist()
    objectives = exploration.space.objectives
    return {each.metric: -value if each.maximised else value for each, value in zip(objectives, best, strict=True)}
