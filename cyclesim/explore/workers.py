"""Who evaluates blocks of points: this process, or a pool of processes on all cores."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from multiprocessing import get_context, parent_process
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.evaluate import Block, Evaluator

Ints = NDArray[np.int64]

AHEAD = 3
"""Blocks in work or waiting to be taken, for each worker: memory does not grow with the points."""


class Workers(AbstractContextManager["Workers"], Protocol):
    """Evaluates blocks of points."""

    def blocks(self, tasks: Iterable[Ints]) -> Iterator[Block]:
        """Yield the points of tasks, which are indices (n,) each, in the order of the tasks."""


class InProcess(Workers):
    """Evaluates in this process.

    Parameters
    ----------
    evaluate : callable
        Returns the points of indices; left with these workers if it is a context manager.
    """

    def __init__(self, evaluate: Callable[[Ints], Block]) -> None:
        self._evaluate = evaluate

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._evaluate, AbstractContextManager):
            self._evaluate.__exit__(kind, value, trace)

    def blocks(self, tasks: Iterable[Ints]) -> Iterator[Block]:
        """Yield the points of tasks, in order."""
        return map(self._evaluate, tasks)


class Processes(Workers):
    """Evaluates by the model in processes of their own.

    Parameters
    ----------
    evaluator : Evaluator
    jobs : int
        Processes.
    """

    def __init__(self, evaluator: Evaluator, jobs: int) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each process has a core; it is read when NumPy is loaded
        self._jobs = jobs
        self._pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (evaluator,))

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def blocks(self, tasks: Iterable[Ints]) -> Iterator[Block]:
        """Yield the points of tasks, in order."""
        waiting: deque[Future[Block]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(_evaluate, task))
            if len(waiting) >= AHEAD * self._jobs:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def _result(future: Future[Block]) -> Block:
    try:
        return future.result()
    except BrokenProcessPool:
        raise MemoryError("a process that evaluates points was killed, perhaps for want of memory") from None


_evaluator: Evaluator | None = None


def _begin(evaluator: Evaluator) -> None:
    """Keep what all tasks of this process need; leave Ctrl-C to the process that gave them, and end with it."""
    global _evaluator
    _evaluator = evaluator
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that gave it tasks was killed."""
    parent = parent_process()
    assert parent is not None, "workers are started by another process"
    parent.join()
    os._exit(1)


def _evaluate(indices: Ints) -> Block:
    assert _evaluator is not None, "a worker begins before it has tasks"
    return _evaluator(indices)
