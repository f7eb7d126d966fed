"""Checks that what a command will write has a place to go to, before it does any work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from cyclesim.errors import BadInput
from cyclesim.files import temporary_name
from cyclesim.readers.text import printable


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
