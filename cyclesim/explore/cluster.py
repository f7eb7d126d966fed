"""Points on a cluster, through Dask: blocks are tasks, their points come back, and only this process writes."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim import __version__
from cyclesim.errors import BadInput
from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.workers import AHEAD, Workers
from cyclesim.readers.text import got, printable

Ints = NDArray[np.int64]

SECONDS = 10
"""How long a scheduler may take to answer."""
_ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss|ucx)://)?(?:[\w.-]+|\[[0-9A-Fa-f:.%\w]+\]):(\d{1,5})")


class Cluster:
    """A Dask scheduler and its workers; a context manager.

    Parameters
    ----------
    evaluator : Evaluator
        Sent to workers once. Workers need cyclesim of this version.
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.
    announce : callable, optional
        Told when there are no workers to give points to.

    Raises
    ------
    BadInput
        If the address is none, if Dask is not installed, or if no scheduler answers.
    """

    def __init__(self, evaluator: Evaluator, address: str, announce: Callable[[str], None] | None = None) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None or not 0 < int(match[1]) < 1 << 16:
            raise BadInput("cyclesim", None, f"--scheduler: must be an address such as tcp://HOST:8786 {got(address)}")
        try:
            from distributed import Client
        except ImportError:
            rule = "--scheduler needs Dask: pip install 'cyclesim[distributed]'"
            raise BadInput("cyclesim", None, rule) from None
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what goes wrong is said here, in one line
        connect: Any = Client
        try:
            self._client = connect(address, timeout=SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            said = printable(" ".join(str(error).split()))
            raise BadInput("cyclesim", None, f"--scheduler: no scheduler answers at {address}: {said}") from None
        self.address = address
        self._announce = announce
        self._waits = False
        # A task, not scattered data, which would be lost with the workers that hold it.
        self._evaluator = self._client.submit(_here, evaluator, __version__, pure=False)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def workers(self, simulated: bool) -> Workers:
        """Return workers that evaluate by the model, or by the simulator."""
        return _OfCluster(self, _simulate if simulated else _evaluate)

    def submit(self, task: Callable[[Evaluator, Ints], Block], indices: Ints) -> Any:
        """Return a future of points."""
        return self._client.submit(task, self._evaluator, indices, pure=False)

    def cores(self) -> int:
        """Return how many tasks the workers carry out at a time; say so if there are none."""
        with self._failing():
            cores = sum(self._client.ncores().values())
        if not cores and not self._waits and self._announce is not None:
            self._announce(f"waiting for workers of the scheduler at {self.address}")
        self._waits = not cores
        return max(1, int(cores))

    def result(self, future: Any) -> Block:
        """Return the points of a future.

        Raises
        ------
        OSError
            If there is nobody left to evaluate them, or what evaluates them cannot.
        """
        from distributed import TimeoutError as NotYet

        while True:
            try:
                with self._failing(NotYet):
                    found: Block = future.result(timeout=SECONDS)
                    return found
            except NotYet:
                self.cores()

    @contextmanager
    def _failing(self, *wanted: type[Exception]) -> Iterator[None]:
        """Say in one line what goes wrong on a cluster; Dask has no type of its own for all of that."""
        from distributed import KilledWorker

        try:
            yield
        except KilledWorker:
            rule = "too many workers died under one block of points: they lack memory, or cyclesim"
            raise MemoryError(rule) from None
        except wanted:
            raise
        except (BadInput, MemoryError):
            raise
        except Exception as error:
            kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
            said = printable(" ".join(f"{kind}{error}".split()))
            raise OSError(f"the cluster at {self.address} does not go on: {said}") from None


class _OfCluster(Workers):
    """Evaluates on the workers of a cluster; what a lost worker had begun, others begin anew."""

    def __init__(self, cluster: Cluster, task: Callable[[Evaluator, Ints], Block]) -> None:
        self._cluster = cluster
        self._task = task

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster connected."""

    def blocks(self, tasks: Iterable[Ints]) -> Iterator[Block]:
        """Yield the points of tasks, in order."""
        waiting: deque[Any] = deque()
        for indices in tasks:
            waiting.append(self._cluster.submit(self._task, indices))
            if len(waiting) >= AHEAD * self._cluster.cores():
                yield self._cluster.result(waiting.popleft())
        while waiting:
            yield self._cluster.result(waiting.popleft())


def _here(evaluator: Evaluator, version: str) -> Evaluator:
    if version != __version__:
        raise OSError(f"a worker has cyclesim {__version__}, and this is {version}: they would not agree")
    return evaluator


def _evaluate(evaluator: Evaluator, indices: Ints) -> Block:
    return evaluator(indices)


def _simulate(evaluator: Evaluator, indices: Ints) -> Block:
    from cyclesim.explore.simulated import Simulator

    with Simulator(evaluator, 1) as simulator:
        return simulator(indices)
