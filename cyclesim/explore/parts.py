"""Rows that come a block at a time, kept in files that are renamed when they are complete, and put together at the end.

Nothing that is complete is lost if the work is interrupted, and memory is that of a block however many rows there are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.h5file import NewFile
from cyclesim.files import remove, replacing, temporary_name

if TYPE_CHECKING:
    import h5py

Rows = Mapping[str, NDArray[Any]]
"""Columns by name, of the same length."""

CACHE_BYTES = 1 << 18
"""Cache of each column of a file; by default some versions of HDF5 would keep all of a part."""
PART_ROWS = 1 << 20
PART_SECONDS = 60.0
"""A part is finished when it has so many rows or was begun so long ago: no more is lost in a power cut."""


@dataclass(frozen=True)
class Column:
    """A column; `words` are the texts of its codes."""

    name: str
    kind: np.dtype[Any]
    words: tuple[str, ...] = ()

    def create(self, file: h5py.File, rows: int, chunk: int) -> h5py.Dataset:
        """Make the column in a file, with so many rows; it may grow."""
        import h5py

        codes = {word: code for code, word in enumerate(self.words)}
        kind = h5py.enum_dtype(codes, self.kind) if codes else self.kind
        return file.create_dataset(
            self.name, (rows,), kind, maxshape=(None,), chunks=(chunk,), compression="lzf", shuffle=True
        )


class Parts:
    """Rows on their way to one file; a context manager, which finishes the part that is being written.

    Parameters
    ----------
    folder : Path
        Where the parts lie; nothing else does.
    columns : sequence of Column
    chunk : int
        Rows that are packed, and read, at a time.
    """

    def __init__(self, folder: Path, columns: Sequence[Column], chunk: int) -> None:
        self.columns = tuple(columns)
        self.chunk = chunk
        self.rows = 0
        self._folder = folder
        self._part: _Part | None = None

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        if kind is not None and issubclass(kind, OSError) and self._part is not None:  # a full disk, perhaps
            self._part.discard()
        else:
            self._finish_part()

    def begin(self) -> None:
        """Take up the rows that are complete already; what comes behind a gap or cannot be read goes."""
        import h5py

        self._folder.mkdir(exist_ok=True)
        for leftover in self._folder.glob(".*.tmp"):
            remove(leftover)
        self.rows = 0
        for path in self._paths():
            try:
                with h5py.File(path, "r") as file:
                    held = min(len(file[column.name]) for column in self.columns)
            except (OSError, KeyError):
                held = 0
            if int(path.stem) != self.rows or not held:
                remove(path)
            else:
                self.rows += held

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.h5"))

    def append(self, rows: Rows) -> None:
        """Add rows."""
        if self._part is None:
            self._part = _Part(self._folder / f"{self.rows:018d}.h5", self.columns, self.chunk)
        self._part.append(rows)
        self.rows += len(rows[self.columns[0].name])
        if self._part.rows >= PART_ROWS or self._part.age_seconds > PART_SECONDS:
            self._finish_part()

    def _finish_part(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.finish()

    def read(self, names: Sequence[str]) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
        """Yield these columns of all rows, a chunk at a time, behind the number of its first row."""
        import h5py

        self._finish_part()
        for path in self._paths():
            with h5py.File(path, "r") as file:
                for start, rows in slices(file, names):
                    yield int(path.stem) + start, rows

    def join(self, path: Path, attributes: Mapping[str, Any]) -> None:
        """Put the rows together in one file, which appears when it is complete."""
        import h5py

        self._finish_part()
        with replacing(path) as temporary:
            target = NewFile(temporary, CACHE_BYTES)
            try:
                target.h5.attrs.update(attributes)
                wholes = {column.name: column.create(target.h5, self.rows, self.chunk) for column in self.columns}
                for place in self._paths():
                    with h5py.File(place, "r") as part:
                        for name, whole in wholes.items():
                            _copy(part[name], whole, int(place.stem))
                            target.check()
            except BaseException:
                target.give_up()
                raise
            target.close()


class _Part:
    """Rows that are being written, under a temporary name until they are complete."""

    def __init__(self, path: Path, columns: Sequence[Column], chunk: int) -> None:
        self._path = path
        self._temporary = temporary_name(path)
        self._began = time.monotonic()
        self._file = NewFile(self._temporary, CACHE_BYTES)
        self._columns = {column.name: column.create(self._file.h5, 0, chunk) for column in columns}
        self.rows = 0

    @property
    def age_seconds(self) -> float:
        """How long ago the part was begun."""
        return time.monotonic() - self._began

    def append(self, rows: Rows) -> None:
        """Add rows to all columns."""
        more = len(next(iter(rows.values())))
        for name, column in self._columns.items():
            column.resize((self.rows + more,))
            column[self.rows :] = rows[name]
        self._file.check()
        self.rows += more

    def finish(self) -> None:
        """Give the part its name, with the rows that came whole into all columns."""
        for column in self._columns.values():
            column.resize((self.rows,))
        try:
            self._file.close()
        except OSError:
            remove(self._temporary)
            raise
        if self.rows:
            self._temporary.replace(self._path)
        else:
            remove(self._temporary)

    def discard(self) -> None:
        """Leave nothing of the part behind."""
        self._file.give_up()
        remove(self._temporary)


def _copy(source: Any, target: Any, first: int) -> None:
    """Copy a part's column to its place, packed as it is where chunks lie at the same places in both."""
    chunk = source.chunks[0]
    for start in range(0, len(source), chunk):
        if first % chunk == 0:
            mask, packed = source.id.read_direct_chunk((start,))
            target.id.write_direct_chunk((first + start,), packed, mask)
        else:
            end = min(start + chunk, len(source))
            target[first + start : first + end] = source[start:end]


def slices(file: h5py.File, names: Sequence[str]) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """Yield these columns of a file's rows, a chunk at a time, behind the number of its first row."""
    rows, chunk = len(file[names[0]]), file[names[0]].chunks[0]
    for start in range(0, rows, chunk):
        yield start, {name: file[name][start : start + chunk] for name in names}


def some_rows(file: h5py.File, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return these columns of some rows, in the order that is asked for; chunks without any are not read."""
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    ends = np.flatnonzero(np.diff(ascending // file[names[0]].chunks[0])) + 1
    groups = [group for group in np.split(ascending, ends) if len(group)]
    back = np.argsort(order, kind="stable")
    found = {}
    for name in names:
        column = file[name]
        pieces = [column[group[0] : group[-1] + 1][group - group[0]] for group in groups]
        found[name] = np.concatenate(pieces)[back] if pieces else column[:0]
    return found
