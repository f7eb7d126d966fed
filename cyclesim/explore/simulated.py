"""Points by the cycle-level simulator: what it counts takes the place of the model's figures."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from cyclesim.columns import MachineColumns
from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.model.estimate import Estimates
from cyclesim.results import LayerResult
from cyclesim.simulation import LayerRunner, compile_kernels

Ints = NDArray[np.int64]

_FIGURES: dict[str, Callable[[LayerResult], int]] = {
    "folds": lambda layer: layer.folds,
    "compute_cycles": lambda layer: layer.compute_cycles,
    "cold_start_cycles": lambda layer: layer.cold_start_cycles,
    "stall_cycles": lambda layer: layer.stall_cycles,
    "drain_cycles": lambda layer: layer.drain_cycles,
    "total_cycles": lambda layer: layer.total_cycles,
    "sram_ifmap": lambda layer: layer.sram_reads["ifmap"],
    "sram_filter": lambda layer: layer.sram_reads["filter"],
    "sram_psum": lambda layer: layer.sram_reads["psum"],
    "sram_ofmap": lambda layer: layer.sram_writes["ofmap"],
    "dram_ifmap": lambda layer: layer.dram_reads["ifmap"],
    "dram_filter": lambda layer: layer.dram_reads["filter"],
    "dram_psum": lambda layer: layer.dram_reads["psum"],
    "dram_ofmap": lambda layer: layer.dram_writes["ofmap"],
}


class Simulator:
    """Simulates points in threads; a context manager.

    Parameters
    ----------
    evaluator : Evaluator
    jobs : int
        Layers at a time.
    announce : callable, optional
        Told when kernels are compiled.
    """

    def __init__(self, evaluator: Evaluator, jobs: int, announce: Callable[[str], None] | None = None) -> None:
        self._evaluator = evaluator
        compile_kernels(None, "native", announce)
        self._runner = LayerRunner(jobs)

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._runner.__exit__(kind, value, trace)

    def __call__(self, indices: Ints) -> Block:
        """Return the points with these indices (n,)."""
        return self._evaluator.block(self._evaluator.space.decode(indices), self._count)

    def _count(self, codes: Ints, machines: MachineColumns) -> Estimates:
        layers = self._evaluator.layers
        points = [(layer, self._evaluator.machines.hardware(each)) for layer in layers for each in codes]
        runs = self._runner.in_order(points, lambda point: self._runner.start(*point))
        results = [run.finish(lambda cycles: None)[0] for _, run in runs]
        shape = (len(layers), len(codes))
        found = {name: np.array([of(each) for each in results], np.int64) for name, of in _FIGURES.items()}
        return Estimates(**{name: values.reshape(shape) for name, values in found.items()})
