"""Runs SCALE-Sim on many cases in worker processes, each of which takes a batch, and survives what kills them."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclesim.errors import BadInput
from cyclesim.scalesim_versions import SCALESIM_VERSIONS, ScaleSimVersion

WORKER = Path(__file__).with_name("scalesim_worker.py")
VERSIONS = {version.number: version for version in SCALESIM_VERSIONS.values()}
"""What can be compared with, by SCALE-Sim's numbers."""
LAST_PYTHON = (3, 11)
"""Later ones add up with less rounding, and SCALE-Sim's percentages come out differently in the last digits."""
UNDECIDED = "TookTooLong", "Died"
"""Crashes that say nothing about the case: another machine, or more time, may do."""


@dataclass(frozen=True)
class Finished:
    """A case that SCALE-Sim is done with.

    Parameters
    ----------
    case : Path
        Its folder; what SCALE-Sim wrote is in its ``out``.
    seconds : float
        How long SCALE-Sim took.
    crash : str
        How it failed (type, message, place), also in ``crash.txt``; or empty.
    """

    case: Path
    seconds: float
    crash: str

    @property
    def undecided(self) -> bool:
        """Whether SCALE-Sim did not come to an end of its own."""
        return self.crash.startswith(UNDECIDED)


def run_cases(
    python: str,
    cases: Sequence[Path],
    *,
    processes: int = 2,
    batch: int = 50,
    limit_seconds: int = 120,
    version: str = "3.0.0",
) -> Iterator[Finished]:
    """Run SCALE-Sim on cases (folders, see the worker), and yield them in the order in which they are done.

    Parameters
    ----------
    python : str
        The Python of an environment with SCALE-Sim.
    cases : sequence of Path
    processes : int
        How many workers there are at a time.
    batch : int
        Cases that a worker takes before a new one is started, so that none grows without end.
    limit_seconds : int
        How long a case may take.
    version : str
        SCALE-Sim's version, which is checked.

    Raises
    ------
    BadInput
        If SCALE-Sim cannot be run there.
    """
    batches: queue.SimpleQueue[list[Path]] = queue.SimpleQueue()
    for start in range(0, len(cases), batch):
        batches.put(list(cases[start : start + batch]))
    pool = _Pool(python, limit_seconds, version, batches)
    threads = [threading.Thread(target=pool.work, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    try:
        for _ in cases:
            found = pool.results.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        pool.stop()
        for thread in threads:
            thread.join()


def installed_version(python: str) -> ScaleSimVersion:
    """Return which version of SCALE-Sim an environment has.

    Raises
    ------
    BadInput
        If SCALE-Sim cannot be run there, or is another version than those that are followed.
    """
    wanted = " or ".join(VERSIONS)
    try:
        said = subprocess.run([python, str(WORKER), "0"], capture_output=True, text=True, check=False)
    except OSError as problem:
        raise _unusable(wanted, python, str(problem)) from None
    if said.returncode or not said.stdout:
        raise _unusable(wanted, python, said.stderr)
    versions = json.loads(said.stdout)
    found = VERSIONS.get(versions["scalesim"])
    if found is None:
        raise _unusable(wanted, python, f"it has version {versions['scalesim']}")
    _check(found.number, versions, python)
    return found


class _Pool:
    """Worker processes, one a thread, and the queue of what they found."""

    def __init__(self, python: str, limit_seconds: int, version: str, batches: queue.SimpleQueue[list[Path]]) -> None:
        self.results: queue.SimpleQueue[Finished | BaseException] = queue.SimpleQueue()
        self._command = [python, str(WORKER), str(limit_seconds)]
        self._version = version
        self._batches = batches
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def work(self) -> None:
        """Run batches until none is left."""
        try:
            while True:
                left = self._batches.get_nowait()
                while left and not self._stopped:
                    left = self._run(left)
        except queue.Empty:
            pass
        except BaseException as problem:
            self.results.put(problem)

    def stop(self) -> None:
        """End the workers that still run."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def _run(self, cases: list[Path]) -> list[Path]:
        """Run a worker on cases; return those that are left because it died, which costs the one that it was at."""
        with self._lock:
            if self._stopped:
                return []
            process = self._start(cases)
            self._running.add(process)
        left = list(cases)
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            versions = process.stdout.readline()
            if versions:
                _check(self._version, json.loads(versions), self._command[0])
            for line in process.stdout:
                done = json.loads(line)
                self.results.put(Finished(left.pop(0), done["seconds"], done["crash"]))
            complaint = process.stderr.read()
        with self._lock:
            self._running.discard(process)
        if not versions and not self._stopped:
            raise _unusable(self._version, self._command[0], complaint)
        if left and not self._stopped:
            crash = f"Died: the process ended with status {process.returncode}"
            (left[0] / "crash.txt").write_text(crash + "\n", encoding="utf-8")
            self.results.put(Finished(left.pop(0), 0.0, crash))
        return left

    def _start(self, cases: list[Path]) -> subprocess.Popen[str]:
        command = [*self._command, *map(str, cases)]
        try:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError as problem:
            raise _unusable(self._version, self._command[0], str(problem)) from None


def _check(version: str, versions: dict[str, str], python: str) -> None:
    """Refuse versions whose output is another."""
    if versions["scalesim"] != version:
        raise _unusable(version, python, f"it has version {versions['scalesim']}")
    release = tuple(int(part) for part in versions["python"].split(".")[:2])
    if release > LAST_PYTHON:
        latest = ".".join(map(str, LAST_PYTHON))
        raise _unusable(version, python, f"Python {latest} or earlier is needed (it is {versions['python']})")


def _unusable(version: str, python: str, complaint: str) -> BadInput:
    reason = (complaint.strip() or "it says nothing").splitlines()[-1]
    return BadInput("cyclesim", None, f"--scalesim: SCALE-Sim {version} cannot be run by {python}: {reason}")
