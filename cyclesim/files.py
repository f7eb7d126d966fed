"""Files that are either whole or not there: written under a temporary name, renamed when complete."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cyclesim.errors import BadInput


def temporary_name(path: Path) -> Path:
    """Return the hidden name under which `path` is written by this process."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


_TEMPORARY = re.compile(r"\.(.+)\.\d+\.tmp")


def leftovers(folder: Path, ours: Callable[[str], object]) -> list[Path]:
    """Return what killed processes left in a folder under temporary names of files that are `ours`."""
    if not folder.is_dir():
        return []
    matches = ((path, _TEMPORARY.fullmatch(path.name)) for path in folder.iterdir())
    return [path for path, match in matches if match is not None and ours(match[1])]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; rename it to `path` at the end, or remove it if anything goes wrong."""
    temporary = temporary_name(path)
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir():  # a folder cannot be replaced in one step
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


class Lock:
    """Keeps other processes out, by a file that the system unlocks even if this process is killed.

    Parameters
    ----------
    path : Path
        Removed when the lock is released.
    refusal : str
        What to tell whoever comes second.
    """

    def __init__(self, path: Path, refusal: str) -> None:
        self._path = path
        self._refusal = refusal
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock.

        Raises
        ------
        BadInput
            If another process has it.
        """
        file = open(self._path, "a")  # noqa: SIM115
        try:
            import fcntl
        except ImportError:  # no such locks on this system: do without
            file.close()
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise BadInput("cyclesim", None, self._refusal) from None
        except OSError:  # a file system without locks
            pass
        self._file = file

    def release(self) -> None:
        """Give the lock back, if it was taken."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears only when it is complete."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
