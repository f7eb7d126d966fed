"""HDF5 files that can be given up when the disk is full.

HDF5 tries again to write what it could not write, when a file is closed and when the process ends, and crashes where
that fails, too. So it writes through an object of ours, which takes everything after the first failure, keeps nothing
of it, and tells us instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py


class Sink:
    """A new file for HDF5 to write to.

    Attributes
    ----------
    failure : OSError or None
        Why the file is not whole.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of the bytes; note a failure, after which nothing is written."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while self.failure is None and len(left):
                left = left[self._file.write(left) :]
        except OSError as error:
            self.failure = error
        return size

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as there is room for."""
        return self._file.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def truncate(self, size: int) -> int:
        """Make the file so long; note a failure."""
        try:
            return size if self.failure else self._file.truncate(size)
        except OSError as error:
            self.failure = error
            return size

    def flush(self) -> None:
        """Do nothing: nothing waits here."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class NewFile:
    """An HDF5 file that is written from its beginning.

    Parameters
    ----------
    path : Path
    cache_bytes : int
        Of each dataset.
    """

    def __init__(self, path: Path, cache_bytes: int) -> None:
        import h5py

        self._sink = Sink(path)
        self.h5: h5py.File = h5py.File(self._sink, "w", rdcc_nbytes=cache_bytes)

    def check(self) -> None:
        """Make sure that all could be written so far.

        Raises
        ------
        OSError
            If anything could not.
        """
        if self._sink.failure is not None:
            raise self._sink.failure

    def close(self) -> None:
        """Close the file.

        Raises
        ------
        OSError
            If it is not whole.
        """
        self.h5.close()
        self._sink.close()
        self.check()

    def give_up(self) -> None:
        """Close the file, which need not be whole."""
        self._sink.failure = self._sink.failure or OSError("given up")
        self.h5.close()
        self._sink.close()
