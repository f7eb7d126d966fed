"""The columns of points, in points.h5 and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.evaluate import Block, Evaluator
from cyclesim.explore.metrics import METRICS
from cyclesim.explore.parts import Column, Rows
from cyclesim.files import replacing


class PointTable:
    """The columns of a space's points: index, keys, metrics, feasible, reason.

    Parameters
    ----------
    evaluator : Evaluator
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._space = evaluator.space
        self._reasons = evaluator.reasons
        self._keys = {axis.key: axis.column for axis in self._space.axes}
        whole = evaluator.whole_weights
        self._counts = {name for name in evaluator.metrics if METRICS[name].is_count and (whole or name == "pes")}
        self.metrics = evaluator.metrics
        self.columns: tuple[Column, ...] = (
            Column("point", np.dtype(np.int64)),
            *(Column(key, values.dtype) for key, values in self._keys.items()),
            *(Column(name, np.dtype(np.float64)) for name in self.metrics),
            Column("feasible", np.dtype(np.bool_)),
            Column("reason", np.dtype(np.int16), self._reasons),
        )

    def rows(self, block: Block) -> dict[str, NDArray[Any]]:
        """Return the columns of points."""
        keys = {key: values[block.codes[:, place]] for place, (key, values) in enumerate(self._keys.items())}
        return {
            "point": self._space.encode(block.codes),
            **keys,
            **block.metrics,
            "feasible": block.feasible,
            "reason": block.reason,
        }

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        """Return rows as JSON has them: whole numbers as such, None where a figure is not known."""
        columns = {column.name: self._values(column.name, rows[column.name]) for column in self.columns}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _values(self, name: str, values: NDArray[Any]) -> list[Any]:
        if name == "reason":
            return [self._reasons[code] for code in values.tolist()]
        if values.dtype.kind == "f":
            whole = name in self._counts
            return [None if value != value else int(value) if whole else value for value in values.tolist()]
        return [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]

    def texts(self, rows: Rows) -> list[list[str]]:
        """Return the cells of rows by column: whole numbers as such, nothing where a figure is not known."""
        return [self._cells(column.name, rows[column.name]) for column in self.columns]

    def _cells(self, name: str, values: NDArray[Any]) -> list[str]:
        if name == "reason":
            return ["" if code == 0 else self._reasons[code] for code in values.tolist()]
        if values.dtype.kind == "f":
            whole = name in self._counts
            return ["" if value != value else str(int(value)) if whole else repr(value) for value in values.tolist()]
        if values.dtype.kind == "b":
            return [str(value).lower() for value in values.tolist()]
        if values.dtype.kind == "S":
            return [value.decode() for value in values.tolist()]
        return [str(value) for value in values.tolist()]

    def write_csv(self, path: Path, blocks: Iterable[Rows]) -> None:
        """Write rows as CSV, a block at a time."""
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(_lines([[column.name] for column in self.columns]))
            for rows in blocks:
                file.write(_lines(self.texts(rows)))


def _lines(columns: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue()
