"""Points on a cluster, through Dask: blocks are tasks, their points come back, and only this process writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.errors import BadInput
from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.workers import AHEAD, Workers

Ints = NDArray[np.int64]

SECONDS = 30
"""How long a scheduler may take to answer."""


class Cluster(Workers):
    """Evaluates on the workers of a Dask scheduler; what a lost worker had begun, others begin anew.

    Parameters
    ----------
    evaluator : Evaluator
        Sent to workers once. Workers need cyclesim of this version.
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.
    simulated : bool
        Whether the simulator takes the place of the model.

    Raises
    ------
    BadInput
        If Dask is not installed, or no scheduler answers.
    """

    def __init__(
        self, evaluator: Evaluator, address: str, simulated: bool, announce: Callable[[str], None] | None = None
    ) -> None:
        try:
            from distributed import Client
        except ImportError:
            rule = "--scheduler needs Dask: pip install 'cyclesim[distributed]'"
            raise BadInput("cyclesim", None, rule) from None
        connect: Any = Client
        try:
            self._client = connect(address, timeout=SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            said = " ".join(str(error).split())
            raise BadInput("cyclesim", None, f"--scheduler: no scheduler answers at {address}: {said}") from None
        # A task, not scattered data, which would be lost with the workers that hold it.
        self._evaluator = self._client.submit(_itself, evaluator, pure=False)
        self._evaluate = _simulate if simulated else _evaluate

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def blocks(self, tasks: Iterable[Ints]) -> Iterator[Block]:
        """Yield the points of tasks, in order."""
        waiting: deque[Any] = deque()
        for task in tasks:
            waiting.append(self._client.submit(self._evaluate, self._evaluator, task, pure=False))
            if len(waiting) >= AHEAD * max(1, sum(self._client.ncores().values())):
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _result(self, future: Any) -> Block:
        from distributed import KilledWorker

        try:
            found: Block = future.result()
        except KilledWorker:
            raise MemoryError("too many workers died under one block of points") from None
        return found


def _itself(evaluator: Evaluator) -> Evaluator:
    return evaluator


def _evaluate(evaluator: Evaluator, indices: Ints) -> Block:
    return evaluator(indices)


def _simulate(evaluator: Evaluator, indices: Ints) -> Block:
    from cyclesim.explore.simulated import Simulator

    with Simulator(evaluator, 1) as simulator:
        return simulator(indices)
