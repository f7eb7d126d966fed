"""Our own topology format: columns named in a header, in any order, with padding, groups, batch and type.

Sizes of the ifmap are without padding, output sizes round down. A field that is empty, or whose column is
not there, has its default or is missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from cyclesim.readers.layer_limits import MAX_SIZE, conv_problem, gemm_problem
from cyclesim.readers.rows import Row, layer_name, quote
from cyclesim.readers.text import Text, got, whole_number
from cyclesim.workload import LAYER_TYPES, ConvShape, GemmShape, Layer, LayerType

_CONV_SIZES = ("IfmapH", "IfmapW", "FilterH", "FilterW", "Channels", "Filters")
_GEMM_SIZES = ("M", "N", "K")
_CONV_DEFAULTS = {"StrideH": 1, "StrideW": 1, "PadH": 0, "PadW": 0, "DilationH": 1, "DilationW": 1}
COLUMNS = ("Layer", "Type", *_CONV_SIZES, *_CONV_DEFAULTS, "Groups", "Batch", *_GEMM_SIZES)
_CANONICAL = {name.lower(): name for name in COLUMNS}
_MARKS = {"ifmaph", "type"}
_NEAR_MARKS = {"ifmapw", "padh", "padw", "dilationh", "dilationw"}


def is_named_header(text: Text, row: Row) -> bool:
    """Return whether this first row makes the file one of named columns.

    Raises
    ------
    BadInput
        If it has columns of this format only, but neither IfmapH nor Type: one of them is misspelt, and by
        position the same numbers would mean another layer.
    """
    names = {each.strip().lower() for each in row.fields}
    if names & _MARKS:
        return True
    if names & _NEAR_MARKS:
        strangers = [each for each in row.fields if each.strip().lower() not in _CANONICAL]
        close = [each for each in strangers if difflib.get_close_matches(each[:60].lower(), _MARKS, n=1)]
        tail = got(close[0], ("IfmapH", "Type")) if close else got(", ".join(row.fields))
        raise text.error(row.line, f"a header of named columns must have IfmapH or Type {tail}")
    return False


def read_named(text: Text, header: Row, rows: Sequence[Row]) -> list[Layer]:
    """Return the layers of the rows below a header of named columns.

    Raises
    ------
    BadInput
        At the header, or at the first row that is no layer.
    """
    columns = _columns(text, header)
    layers: list[Layer] = []
    for row in rows:
        cells = _cells(text, columns, row)
        if cells.keys() - {"Layer"}:
            layers.append(_Cells(text, row, cells).layer(len(layers)))
    return layers


def format_named(layers: Sequence[Layer]) -> str:
    """Return layers as named columns; columns that no layer needs are left out."""
    table = [_row(layer) for layer in layers]
    columns = [name for name in COLUMNS if name in {"Layer", "Type"} or any(name in cells for cells in table)]
    lines = [",".join(columns), *(",".join(cells.get(name, "") for name in columns) for cells in table)]
    return "\n".join(lines) + "\n"


def _columns(text: Text, header: Row) -> list[str]:
    columns: list[str] = []
    for each in header.fields:
        name = _CANONICAL.get(each.strip().lower(), "")
        if not name and each.strip():
            raise text.error(header.line, f"columns must be among {', '.join(COLUMNS)} {got(each, COLUMNS)}")
        if name and name in columns:
            raise text.error(header.line, f"a column must not be repeated {got(name)}")
        columns.append(name)
    if "Layer" not in columns:
        tail = got(", ".join(header.fields))
        raise text.error(header.line, f"a header of named columns must have Layer {tail}")
    return columns


def _cells(text: Text, columns: Sequence[str], row: Row) -> dict[str, str]:
    """Return the fields that are not empty by the names of their columns."""
    cells: dict[str, str] = {}
    for position, each in enumerate(row.fields):
        if not each.strip():
            continue
        if position >= len(columns) or not columns[position]:
            rule = f"a row must have a named column for each field, of which there are {len(columns)}"
            raise text.error(row.line, f"{rule} {got(each)}")
        cells[columns[position]] = each
    return cells


class _Cells:
    """One row on its way to a layer: looks fields up, and knows the line for errors."""

    def __init__(self, text: Text, row: Row, cells: dict[str, str]) -> None:
        self.text = text
        self.row = row
        self.cells = cells

    def layer(self, index: int) -> Layer:
        name = layer_name(self.row, self.cells.get("Layer", ""), self.text)
        type_ = self._type()
        batch = self._number("Batch", type_, default=1)
        shape: ConvShape | GemmShape
        if type_ in {"gemm", "matmul"}:
            shape = self._gemm(type_)
            problem = gemm_problem(shape, batch)
        else:
            shape = self._conv(type_)
            problem = conv_problem(shape, batch)
        if problem is not None:
            raise self.text.error(self.row.line, problem)
        return Layer(name, index, type_, shape, batch)

    def _type(self) -> LayerType:
        written = self.cells.get("Type", "conv").strip()
        for each in LAYER_TYPES:
            if written.lower() == each:
                return each
        rule = f"Type must be one of {', '.join(LAYER_TYPES)}"
        raise self.text.error(self.row.line, f"{rule} {got(written, LAYER_TYPES)}")

    def _number(self, column: str, type_: str, default: int | None = None, minimum: int = 1) -> int:
        written = self.cells.get(column)
        if written is None:
            if default is None:
                raise self.text.error(self.row.line, f"{column} must be given for a layer of type {type_}")
            return default
        try:
            return whole_number(written, minimum, MAX_SIZE)
        except ValueError as error:
            raise self.text.error(self.row.line, f"{column} {error}") from error

    def _fixed(self, column: str, type_: str, value: int) -> int:
        """Return a value that the type fixes; the field may be empty or say the same."""
        number = self._number(column, type_, default=value, minimum=0)
        if number != value:
            rule = f"{column} must be {value} or empty for a layer of type {type_}"
            raise self.text.error(self.row.line, f"{rule} (got '{number}')")
        return number

    def _empty(self, columns: Sequence[str], type_: str) -> None:
        for column in columns:
            if column in self.cells:
                rule = f"{column} must be empty for a layer of type {type_}"
                raise self.text.error(self.row.line, f"{rule} {got(self.cells[column])}")

    def _gemm(self, type_: LayerType) -> GemmShape:
        self._empty(_CONV_SIZES, type_)
        for column, default in _CONV_DEFAULTS.items():
            self._fixed(column, type_, default)
        m, n, k = (self._number(column, type_) for column in _GEMM_SIZES)
        return GemmShape(m=m, n=n, k=k, groups=self._number("Groups", type_, default=1))

    def _conv(self, type_: LayerType) -> ConvShape:
        self._empty(_GEMM_SIZES, type_)
        if type_ == "fc":
            for column in ("IfmapH", "IfmapW", "FilterH", "FilterW"):
                self._fixed(column, type_, 1)
            for column in ("PadH", "PadW"):
                self._fixed(column, type_, 0)
        size = 1 if type_ == "fc" else None
        ifmap_h, ifmap_w, filter_h, filter_w = (self._number(each, type_, size) for each in _CONV_SIZES[:4])
        channels, filters = (self._number(each, type_) for each in _CONV_SIZES[4:])
        strides_and_more = (
            self._number(column, type_, default, minimum=default)
            for column, default in _CONV_DEFAULTS.items()
        )
        stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w = strides_and_more
        groups = self._number("Groups", type_, default=channels if type_ == "dw" else 1)
        if type_ == "dw" and groups != channels:
            rule = f"Groups must be {channels} (Channels) or empty for a layer of type dw"
            raise self.text.error(self.row.line, f"{rule} (got '{groups}')")
        return ConvShape(
            ifmap_h,
            ifmap_w,
            filter_h,
            filter_w,
            channels,
            filters,
            stride_h,
            stride_w,
            pad_h,
            pad_w,
            dilation_h,
            dilation_w,
            groups,
        )


def _row(layer: Layer) -> dict[str, str]:
    """Return the fields of a layer that differ from their defaults."""
    shape = layer.shape
    numbers: dict[str, int]
    if isinstance(shape, GemmShape):
        numbers = {"M": shape.m, "N": shape.n, "K": shape.k}
        defaults: dict[str, int] = {}
    else:
        sizes = (shape.ifmap_h, shape.ifmap_w, shape.filter_h, shape.filter_w, shape.channels, shape.filters)
        numbers = dict(zip(_CONV_SIZES, sizes, strict=True))
        more = (
            shape.stride_h, shape.stride_w, shape.pad_h, shape.pad_w, shape.dilation_h, shape.dilation_w,
        )  # fmt: skip
        numbers |= dict(zip(_CONV_DEFAULTS, more, strict=True))
        defaults = dict(_CONV_DEFAULTS)
    numbers |= {"Groups": shape.groups, "Batch": layer.batch}
    defaults |= {"Groups": numbers["Channels"] if layer.type == "dw" else 1, "Batch": 1}
    cells = {column: str(number) for column, number in numbers.items() if number != defaults.get(column)}
    return {"Layer": quote(layer.name), "Type": layer.type, **cells}
