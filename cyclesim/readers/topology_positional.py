"""SCALE-Sim's topology files: fields by position, for convolutions or for matrix products.

The first row that is no heading is a header unless it holds a layer. There is no padding: output sizes are rounded up
(`ceil_output`). A file holds matrix products if its header says ``M, N, K`` or if it has four columns;
`kind` forces either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cyclesim.readers.layer_limits import MAX_SIZE, conv_problem, gemm_problem
from cyclesim.readers.rows import Row, layer_name, quote
from cyclesim.readers.text import Text, got, printable, whole_number
from cyclesim.workload import ConvShape, GemmShape, Layer, LayerType

Kind = Literal["conv", "gemm"]

_CONV_FIELDS = (
    "ifmap height", "ifmap width", "filter height", "filter width", "channels", "filters", "stride",
)  # fmt: skip
_GEMM_FIELDS = ("M", "N", "K")
_SECOND_STRIDE = len(_CONV_FIELDS) + 1
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_TWO_NUMBERS = re.compile(r"[0-9]+\s+[0-9]+")
_RATIO = re.compile(r"[0-9]+\s*:\s*[0-9]+")


@dataclass
class _Notes:
    """Rows about which one warning is given at the end, by what there is to say."""

    ignored: list[Row] = field(default_factory=list)
    sparse: list[Row] = field(default_factory=list)
    depthwise: list[Row] = field(default_factory=list)
    slipped: list[Row] = field(default_factory=list)


def read_positional(
    text: Text, rows: Sequence[Row], comments: Sequence[Row], kind: Kind | None
) -> tuple[list[Layer], list[str]]:
    """Return the layers of a positional file, of which the first row is no heading, and its warnings.

    Raises
    ------
    BadInput
        At the row that holds neither a layer nor a heading.
    """
    header = rows[0] if rows and not _holds_numbers(rows[0]) else None
    body = [row for row in rows if row is not header and not row.is_heading]
    forced = kind is not None
    if kind != "conv":
        _check_order(text, header)
    kind = kind or _recognise(header, body)
    by_columns = not forced and not _says_mnk(header)
    second_stride = kind == "conv" and header is not None and "stride" in header.field(_SECOND_STRIDE).lower()
    notes = _Notes()
    layers: list[Layer] = []
    for row in body:
        if kind == "gemm":
            layer = _gemm(text, row, len(layers), notes, by_columns)
        else:
            layer = _conv(text, row, len(layers), notes, second_stride)
        layers.append(layer)
    return layers, _warnings(text, notes, [row for row in comments if _holds_numbers(row)])


def format_positional(layers: Sequence[Layer]) -> str:
    """Return convolutions whose output sizes are rounded up as a file that SCALE-Sim reads as well.

    Different strides down and across take a ninth column, which the header names and SCALE-Sim 3 does not
    know.
    """
    shapes = [layer.shape for layer in layers if isinstance(layer.shape, ConvShape)]
    assert len(shapes) == len(layers), "matrix products have no place in this format"
    square = all(shape.stride_h == shape.stride_w for shape in shapes)
    strides = "Strides," if square else "Stride height, Stride width,"
    sizes = "IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter"
    lines = [f"Layer name, {sizes}, {strides}"]
    for layer, shape in zip(layers, shapes, strict=True):
        filters = shape.filters // max(1, shape.channels) if layer.type == "dw" else shape.filters
        numbers = [shape.ifmap_h, shape.ifmap_w, shape.filter_h, shape.filter_w, shape.channels, filters]
        numbers += [shape.stride_h] if square else [shape.stride_h, shape.stride_w]
        lines.append(f"{quote(layer.name)}, {', '.join(map(str, numbers))},")
    return "\n".join(lines) + "\n"


def _holds_numbers(row: Row) -> bool:
    return any(_NUMBER.fullmatch(each.strip()) for each in row.fields[1 : 1 + len(_CONV_FIELDS)])


def _says_mnk(header: Row | None) -> bool:
    return header is not None and {"m", "n", "k"} <= {each.strip().lower() for each in header.fields}


def _check_order(text: Text, header: Row | None) -> None:
    """Refuse a header that names M, N and K in another order than that in which they are read."""
    if header is None or not _says_mnk(header):
        return
    if [each.strip().lower() for each in header.fields[1:4]] != ["m", "n", "k"]:
        rule = "the columns of a GEMM file must be name, M, N, K in this order unless there is a Type column"
        raise text.error(header.line, f"{rule} {got(', '.join(header.fields))}")


def _recognise(header: Row | None, body: Sequence[Row]) -> Kind:
    if _says_mnk(header):
        return "gemm"
    telling = header or (body[0] if body else None)
    if telling is None:
        return "conv"
    columns = len(telling.fields)
    last = telling.fields[-1].lower()
    if columns == 5 and (_RATIO.fullmatch(last) or "sparsity" in last):
        columns = 4
    return "gemm" if columns == 4 else "conv"


def _numbers(text: Text, row: Row, names: Sequence[str], notes: _Notes) -> list[int]:
    """Return the numbers after the name, one a name; further fields are noted."""
    fields = list(row.fields[1 : 1 + len(names)])
    if len(fields) < len(names):
        rule = f"a layer must have {len(names)} numbers after its name: {', '.join(names)}"
        raise text.error(row.line, f"{rule} (got {len(fields)} fields)")
    slip = _slipped_comma(fields)
    if slip is not None:
        fields = slip
        notes.slipped.append(row)
    numbers = []
    for name, each in zip(names, fields, strict=True):
        try:
            numbers.append(whole_number(each, 1, MAX_SIZE))
        except ValueError as error:
            raise text.error(row.line, f"{name} {error}") from error
    return numbers


def _slipped_comma(fields: Sequence[str]) -> list[str] | None:
    """Return the fields with ``, ,1 2,`` read as ``,1, 2,``: an empty field beside one of two numbers.

    Three of SCALE-Sim's files have this; the order of the numbers leaves one reading.
    """
    empty = [i for i, each in enumerate(fields) if not each.strip()]
    double = [i for i, each in enumerate(fields) if _TWO_NUMBERS.fullmatch(each.strip())]
    if len(empty) != 1 or len(double) != 1 or abs(empty[0] - double[0]) != 1:
        return None
    repaired = list(fields)
    first = min(empty[0], double[0])
    repaired[first], repaired[first + 1] = fields[double[0]].split()
    return repaired


def _note_further(row: Row, used: int, notes: _Notes) -> None:
    further = [each.strip() for each in row.fields[used:] if each.strip()]
    if further and _RATIO.fullmatch(further[-1]):
        notes.sparse.append(row)
        further.pop()
    if further:
        notes.ignored.append(row)


def _conv(text: Text, row: Row, index: int, notes: _Notes, second_stride: bool) -> Layer:
    name = layer_name(row, row.fields[0], text)
    names: tuple[str, ...] = _CONV_FIELDS
    if second_stride and row.field(_SECOND_STRIDE).strip():
        names = (*_CONV_FIELDS, "stride across")
    numbers = _numbers(text, row, names, notes)
    _note_further(row, 1 + len(names), notes)
    ifmap_h, ifmap_w, filter_h, filter_w, channels, filters, stride_h = numbers[:7]
    depthwise = "DP" in name
    if depthwise:
        notes.depthwise.append(row)
    shape = ConvShape(
        ifmap_h,
        ifmap_w,
        filter_h,
        filter_w,
        channels,
        filters * (channels if depthwise else 1),
        stride_h=stride_h,
        stride_w=numbers[-1],
        groups=channels if depthwise else 1,
        ceil_output=True,
    )
    problem = conv_problem(shape, batch=1)
    if problem is not None:
        raise text.error(row.line, problem)
    type_: LayerType = "dw" if depthwise else "conv"
    return Layer(name, index, type_, shape)


def _gemm(text: Text, row: Row, index: int, notes: _Notes, by_columns: bool) -> Layer:
    name = layer_name(row, row.fields[0], text)
    if by_columns and len(row.fields) > len(_CONV_FIELDS):
        rule = "a row must be name, M, N, K as in the file's first layer"
        raise text.error(row.line, f"{rule}, or force conv with -i conv (got {len(row.fields)} fields)")
    m, n, k = _numbers(text, row, _GEMM_FIELDS, notes)
    _note_further(row, 1 + len(_GEMM_FIELDS), notes)
    shape = GemmShape(m=m, n=n, k=k)
    problem = gemm_problem(shape, batch=1)
    if problem is not None:
        raise text.error(row.line, problem)
    return Layer(name, index, "gemm", shape)


def _warnings(text: Text, notes: _Notes, comments: Sequence[Row]) -> list[str]:
    said = (
        (notes.slipped, "a misplaced comma is read as one between the two numbers beside it"),
        (notes.depthwise, "names with DP are depthwise: Groups = Channels, Filters = Channels x Filters"),
        (notes.sparse, "sparsity ratios are ignored: layers are dense"),
        (notes.ignored, "further fields are ignored"),
        (comments, "lines that start with # are comments, though some hold numbers"),
    )
    warnings = []
    for rows, what in said:
        if rows:
            lines = "1 line" if len(rows) == 1 else f"{len(rows)} lines, the first"
            name = printable(rows[0].fields[0][:60])
            warnings.append(f"{text.file}:{rows[0].line}: {what} ({lines}: '{name}')")
    return warnings
