"""All points of a small design space by the model, in this process: what `cyclesim explore` evaluates, as arrays."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.exploration import MODEL_ROWS, blocks
from cyclesim.explore.frontier import minimised
from cyclesim.explore.pareto import front
from cyclesim.explore.space import Space, read_space
from cyclesim.hardware import Hardware

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """The points of a space: positions on its axes (n, axes), metrics (n,) each, and which are feasible (n,)."""

    space: Space
    codes: Ints
    metrics: Mapping[str, Floats]
    feasible: NDArray[np.bool_]
    evaluator: Evaluator = field(repr=False)

    @property
    def objectives(self) -> Floats:
        """The space's objectives, all to be small, (n, objectives)."""
        return minimised(self.metrics, self.space.objectives)

    @property
    def front(self) -> Ints:
        """Feasible points that no other one beats."""
        places = np.flatnonzero(self.feasible)
        return places[front(self.objectives[places])]

    def best(self, metric: str, largest: bool = False) -> int:
        """Return the feasible point with the least, or the largest, value of a metric; the first of equal ones."""
        values = self.metrics[metric]
        if largest:
            return int(np.where(self.feasible, values, -np.inf).argmax())
        return int(np.where(self.feasible, values, np.inf).argmin())

    def at(self, metric: str, point: int) -> float:
        """Return a metric of a point."""
        return float(self.metrics[metric][point])

    def values_of(self, key: str) -> NDArray[Any]:
        """Return what a key is at every point, (n,)."""
        place = next(i for i, axis in enumerate(self.space.axes) if axis.key == key)
        return np.array(self.space.axes[place].values)[self.codes[:, place]]

    def hardware(self, point: int) -> Hardware:
        """Return the machine of a point."""
        return self.evaluator.machines.hardware(self.codes[point])


def explore(text: str, files: Mapping[str, str] | None = None) -> Points:
    """Evaluate all points of a space by the model.

    Parameters
    ----------
    text : str
        Of SPACE.toml.
    files : mapping, optional
        Files that it names, by their names.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**(files or {}), "space.toml": text}.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        evaluator = Evaluator(read_space(Path(folder) / "space.toml"))
        every = np.arange(evaluator.space.points)
        found: list[Block] = [evaluator(indices) for indices in blocks(every, MODEL_ROWS)]
        return Points(
            evaluator.space,
            np.concatenate([block.codes for block in found]),
            {name: np.concatenate([block.metrics[name] for block in found]) for name in evaluator.metrics},
            np.concatenate([block.feasible for block in found]),
            evaluator,
        )


def machine_label(machine: Hardware) -> str:
    """Return a machine in a few words: array, variant, scratchpads, how they are organised."""
    pads = (machine.ifmap_sram, machine.filter_sram, machine.ofmap_sram)
    sizes = "/".join(f"{(pad.size_bytes or 0) // 1024}" for pad in pads)
    banks = "a bank a port" if machine.technology.sram_organisation == "per_port" else "wide banks"
    return f"{machine.rows}x{machine.cols} {machine.variant}, {sizes} kB, {banks}"
