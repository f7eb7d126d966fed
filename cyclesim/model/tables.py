"""Layers and machines as arrays: all that the model knows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cyclesim.columns import MachineColumns
from cyclesim.hardware import DATAFLOWS, FOLD_OVERLAPS, Dataflow, Hardware
from cyclesim.lowering import gemm_sizes, ifmap_requests_per_pass
from cyclesim.model.reuse import Window
from cyclesim.workload import Layer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = NDArray[Any]
"""Integers or floats: what a formula of both makes."""

Table = TypeVar("Table", bound="DataclassInstance")

NONE, DB, PIPE1, PIPE, PIPE2 = range(len(FOLD_OVERLAPS))


@dataclass(frozen=True)
class Places:
    """Some places of a table of points with so many machines a row: counted row by row, (places,)."""

    flat: Ints
    wide: int

    @classmethod
    def where(cls, mask: NDArray[np.bool_]) -> Places:
        """Return the places where a (layers, machines) mask holds."""
        return cls(mask.ravel().nonzero()[0], mask.shape[1])

    @cached_property
    def _layers(self) -> Ints:
        return self.flat // self.wide

    @cached_property
    def _machines(self) -> Ints:
        return self.flat - self._layers * self.wide

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return len(self.flat) > 0

    def of(self, *tables: Numbers) -> tuple[Numbers, ...]:
        """Return what tables, columns of layers or rows of machines hold for these places, (places,) each."""
        return tuple(self._of(table) for table in tables)

    def _of(self, table: Numbers) -> Numbers:
        high, wide = table.shape
        if high > 1:
            return table.take(self.flat if wide > 1 else self._layers)
        return table.take(self._machines) if wide > 1 else np.full(self.flat.shape, table[0, 0])

    def row_of(self, table: Table) -> Table:
        """Return a table that has only these points, in one row: each as a layer and a machine of its own."""
        return _changed(table, lambda values: self._of(values)[None, :])

    def put(self, table: Numbers, values: Numbers) -> None:
        """Set these places of a table."""
        table.reshape(-1)[self.flat] = values


def in_floats(table: Table) -> Table:
    """Return a table whose integers are floats, exact up to 2^53: NumPy is slow where a formula has both."""
    return _changed(table, lambda values: values.astype(np.float64) if values.dtype == np.int64 else values)


def _changed(table: Table, change: Callable[[Numbers], Numbers]) -> Table:
    values = (getattr(table, name) for name in _names(type(table)))
    return type(table)(*(change(value) if isinstance(value, np.ndarray) else value for value in values))


@lru_cache
def _names(table: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(table))


@dataclass(frozen=True)
class LayerTable:
    """Layers as columns, (layers, 1) int64 each.

    `m`, `k`, `n` and the words are those of one group; there are `groups`. `requests` are the elements of the ifmap
    matrix that are not padding, `ifmap` its distinct words, `channels` those of a place of the window. `windows` are
    the convolutions, None where an element of the matrix is a word of its own.
    """

    groups: Ints
    m: Ints
    k: Ints
    n: Ints
    requests: Ints
    ifmap: Ints
    channels: Ints
    windows: tuple[Window | None, ...]

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> LayerTable:
        """Return the columns of these layers."""
        return cls._of_rows([_layer_row(layer) for layer in layers])

    @classmethod
    def distinct(cls, layers: Sequence[Layer]) -> tuple[LayerTable, Ints]:
        """Return the columns of the layers that differ, and which of them each layer is."""
        rows = [_layer_row(layer) for layer in layers]
        places = {row: place for place, row in enumerate(dict.fromkeys(rows))}
        return cls._of_rows(list(places)), np.array([places[row] for row in rows], np.int64)

    @classmethod
    def _of_rows(cls, rows: Sequence[tuple[Any, ...]]) -> LayerTable:
        numbers = np.array([row[:-1] for row in rows], np.int64).reshape(len(rows), 7)
        groups, m, k, n, requests, ifmap, channels = (column[:, None] for column in numbers.T)
        return cls(groups, m, k, n, requests, ifmap, channels, tuple(row[-1] for row in rows))

    def some(self, places: slice) -> LayerTable:
        """Return the layers in these places."""
        return LayerTable(*(getattr(self, field.name)[places] for field in fields(self)))


def _layer_row(layer: Layer) -> tuple[Any, ...]:
    groups, m, k, n = gemm_sizes(layer)
    window = Window.of(layer)
    if window is None:
        requests = ifmap_requests_per_pass(layer) // groups
        return groups, m, k, n, requests, requests, k, window
    images = window.images
    return groups, m, k, n, window.requests * images, window.tensor * images, window.channels, window


@dataclass(frozen=True)
class MachineTable:
    """Machines of one dataflow as rows, (1, machines) each; bandwidths in words per cycle, infinite without a limit.

    `overlap`, `on_bus` and `trimmed` are those of the schedule. Active and lookahead words are of each
    scratchpad; those of the ofmap's are given for results and for partial sums.
    """

    dataflow: Dataflow
    rows: Ints
    cols: Ints
    overlap: Ints
    on_bus: NDArray[np.bool_]
    trimmed: NDArray[np.bool_]
    ifmap_active: Ints
    ifmap_ahead: Ints
    filter_active: Ints
    filter_ahead: Ints
    result_active: Ints
    result_ahead: Ints
    psum_active: Ints
    psum_ahead: Ints
    bandwidth: Floats
    separate: NDArray[np.bool_]
    latency: Ints

    @classmethod
    def of(cls, machines: Sequence[Hardware]) -> MachineTable:
        """Return the rows of these machines, which have one dataflow."""
        return cls.from_columns(MachineColumns.of(machines))

    @classmethod
    def from_columns(cls, machines: MachineColumns) -> MachineTable:
        """Return the rows of these machines, which have one dataflow."""
        share = machines.active_numerator[None, :], machines.active_denominator[None, :]
        return cls(
            DATAFLOWS[machines.dataflow[0]],
            machines.rows[None, :],
            machines.cols[None, :],
            machines.overlap[None, :],
            machines.on_bus[None, :],
            machines.trimmed[None, :],
            *_split(machines.ifmap.words(machines.ifmap_bits)[None, :], *share),
            *_split(machines.filter.words(machines.filter_bits)[None, :], *share),
            *_split(machines.ofmap.words(machines.ofmap_bits)[None, :], *share),
            *_split(machines.ofmap.words(machines.psum_bits)[None, :], *share),
            machines.bandwidth[None, :],
            machines.separate[None, :],
            machines.latency[None, :],
        )

    @property
    def stationary(self) -> bool:
        """Whether an operand stays in the array, so that results of a row fold are partial sums."""
        return self.dataflow != "os"

    def some(self, places: slice) -> MachineTable:
        """Return the machines in these places."""
        rows = (getattr(self, field.name)[:, places] for field in fields(self)[1:])
        return MachineTable(self.dataflow, *rows)

    def repeated(self, times: int) -> MachineTable:
        """Return the machines so many times."""
        return _changed(self, lambda values: np.repeat(values, times, axis=1))


def _split(words: Ints, numerator: Ints, denominator: Ints) -> tuple[Ints, Ints]:
    """Return the active and lookahead words of scratchpads, as `traffic.split` does of one."""
    if int(words.max()) * int(numerator.max()) > np.iinfo(np.int64).max:
        part = (words.astype(np.object_) * numerator // denominator).astype(np.int64)
    else:
        part = words * numerator // denominator
    active = np.maximum(1, part)
    return active, np.maximum(1, words - active)
