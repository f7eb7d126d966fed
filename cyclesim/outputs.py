"""What commands that write have in common: a look at the place before any work, and the identity of what goes there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cyclesim import __version__
from cyclesim.errors import BadInput
from cyclesim.files import temporary_name
from cyclesim.hardware import Hardware
from cyclesim.readers.text import printable
from cyclesim.workload import Network

SUMMARY = "SUMMARY.json"
"""Written last: a folder with this file is complete."""


def check_writable(folder: Path) -> None:
    """Refuse an output folder that cannot be made or written to, before anything is simulated; leave nothing behind."""
    made: list[Path] = []
    try:
        for path in (*reversed(folder.parents), folder):
            if not os.path.lexists(path):
                path.mkdir()
                made.append(path)
            elif not path.is_dir():
                raise BadInput("cyclesim", None, f"-p: {printable(str(path))} is not a folder")
        tried = temporary_name(folder / "writable")
        tried.touch()
        tried.unlink()
    except OSError as problem:
        where = printable(str(folder))
        raise BadInput("cyclesim", None, f"-p: {where} cannot be written to: {problem.strerror}") from None
    finally:
        for path in reversed(made):
            with contextlib.suppress(OSError):  # another run may have begun in it
                path.rmdir()


def check_names(folder: Path, names: Iterable[str], writer: str) -> None:
    """Make sure that no folder stands in the way of a file that `writer` ("the run") will write.

    Raises
    ------
    BadInput
        If a folder has the name of one of them.
    """
    for name in names:
        if (folder / name).is_dir():
            raise BadInput("cyclesim", None, f"-p: {folder / name} is a folder, and {writer} writes that file")


def input_hash(network: Network, hardware: Hardware, options: Mapping[str, Any]) -> str:
    """Return a hash of everything that a run's files depend on: inputs, options and version."""
    description = {
        "version": __version__,
        "hardware": hardware.expanded(),
        "layers": [asdict(layer) for layer in network.layers],
        "network": network.name,
        "options": dict(options),
    }
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
