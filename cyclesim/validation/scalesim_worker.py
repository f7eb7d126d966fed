"""Runs SCALE-Sim on many cases in one process, so that its start-up is paid once.

This file is run by path with the Python of SCALE-Sim's environment, in which cyclesim is not installed:

    python scalesim_worker.py SECONDS CASE...

Each CASE is a folder with ``run.cfg``, ``topology.csv`` and ``kind`` (conv or gemm). SCALE-Sim's output goes to its
``out``; if it fails, ``crash.txt`` says how. Prints one line of JSON with the versions, and one a finished case.
A case that takes longer than SECONDS is given up.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO


class TookTooLong(Exception):
    """A case did not end within its time."""


def main(arguments: list[str]) -> None:
    """Run all cases one after the other."""
    seconds, *folders = arguments
    _forget_neighbours()
    from scalesim.scale_sim import scalesim

    cases = [Path(folder).resolve() for folder in folders]
    versions = {name: metadata.version(name) for name in ("scalesim", "numpy")}
    versions["python"] = platform.python_version()
    _print(sys.stdout, versions)
    report = _private_stdout()
    for case in cases:
        started = time.perf_counter()
        crash = run_case(scalesim, case, int(seconds), versions["scalesim"])
        if crash:
            (case / "crash.txt").write_text(crash + "\n", encoding="utf-8")
        _print(report, {"case": case.name, "seconds": round(time.perf_counter() - started, 3), "crash": crash})


def run_case(scalesim: Any, case: Path, seconds: int, version: str) -> str:
    """Run SCALE-Sim on a case; return how it failed, or an empty text.

    It works in the case's folder with relative paths, as it hands them to a shell without quotes.
    """
    os.chdir(case)
    arguments = {"config": "run.cfg", "topology": "topology.csv"}
    if not version.startswith("2."):
        Path("layout.csv").write_text("Layer name,\n", encoding="utf-8")
        arguments["layout"] = "layout.csv"
    gemm = Path("kind").read_text(encoding="utf-8").strip() == "gemm"
    _alarm(seconds)
    try:
        simulator = scalesim(save_disk_space=False, verbose=False, input_type_gemm=gemm, **arguments)
        simulator.run_scale(top_path="out")
    except BaseException as problem:  # SCALE-Sim ends the process on some inputs
        if isinstance(problem, KeyboardInterrupt):
            raise
        return _one_line(problem)
    finally:
        _alarm(0)
    return ""


def _forget_neighbours() -> None:
    """Take this file's folder off the module path: a module in it has SCALE-Sim's name."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]


def _alarm(seconds: int) -> None:
    """Interrupt what runs after so many seconds; 0 calls it off."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(seconds)


def _give_up(number: int, frame: object) -> None:
    raise TookTooLong("it took too long")


def _one_line(problem: BaseException) -> str:
    """Return type, message and place of an exception."""
    calls = traceback.extract_tb(problem.__traceback__)
    place = [call for call in calls if f"{os.sep}scalesim{os.sep}" in call.filename or call is calls[0]][-1]
    message = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {message} ({os.path.basename(place.filename)}, {place.name})"


def _private_stdout() -> TextIO:
    """Return what stdout was; from now on whatever is printed goes nowhere, also by programs that are started."""
    sys.stdout.flush()
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return report


def _print(report: TextIO, line: dict[str, object] | dict[str, str]) -> None:
    report.write(json.dumps(line) + "\n")
    report.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
