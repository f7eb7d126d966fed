"""Reads a network by SCALE-Sim's rules, which memory models scalesim and scalesim2 keep.

The first line is skipped whatever it holds, the text after a line's last comma is dropped, a name with ``DP`` makes one
layer of each channel, with all the filters. Whatever SCALE-Sim fails on is an error, and so are sizes below 1. What a
file is, convolutions or matrix products, is said from outside and not found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cyclesim.errors import BadInput
from cyclesim.readers.layer_limits import MAX_SIZE, conv_problem, gemm_problem
from cyclesim.readers.text import Text, got, has_control, printable, python_integer, read_text
from cyclesim.readers.topology_named import COLUMNS
from cyclesim.readers.topology_positional import Kind
from cyclesim.scalesim_versions import SCALESIM_VERSIONS, ScaleSimVersion
from cyclesim.workload import ConvShape, GemmShape, Layer, Network

MAX_LAYERS = 100_000
"""Most layers of a file, the copies that DP makes among them."""

_CONV_SIZES = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "filters", "stride")
_GEMM_SIZES = ("M", "N", "K")
_NAMED_MARKS = {"ifmaph", "type"}
_NAMED_COLUMNS = {name.lower() for name in COLUMNS}


def read_scalesim_topology(
    path: Path,
    kind: Kind | None,
    check: Callable[[Layer], str | None],
    version: ScaleSimVersion = SCALESIM_VERSIONS["scalesim"],
) -> tuple[Network, list[str]]:
    """Read a network for a memory model that follows SCALE-Sim.

    Parameters
    ----------
    path : Path
        A .csv file; its stem is the network's name.
    kind : {"conv", "gemm"} or None
        What the rows are; None is conv.
    check : callable
        Called with each layer; returns what is wrong with it beyond the file, which is raised at its line, or None.
    version : ScaleSimVersion

    Returns
    -------
    network : Network
        Without layers if the file has none: SCALE-Sim then writes headers only.
    warnings : list of str
        None yet; one line each, without ``warning:``.

    Raises
    ------
    BadInput
        If the file cannot be read, or SCALE-Sim fails on a line.
    """
    if kind not in (None, "conv", "gemm"):
        raise BadInput("cyclesim", None, f"kind must be one of conv, gemm {got(str(kind), ('conv', 'gemm'))}")
    text = read_text(path, "topologies")
    if text.lines and _pieces(text.lines[0]) & _NAMED_MARKS and not _pieces(text.lines[0]) - _NAMED_COLUMNS:
        raise _named(text, 1, version)
    layers: list[Layer] = []
    for number, line in enumerate(text.lines[1:], 2):
        row = line.strip()
        if not row:
            continue
        try:
            layer, copies = (_gemm if kind == "gemm" else _conv)(row, version)
        except ValueError as error:
            for place in (number, 1):
                if _pieces(text.lines[place - 1]) & _NAMED_MARKS:
                    raise _named(text, place, version) from error
            hint = _other_kind(kind, text.lines[0], row)
            raise text.error(number, f"{error}{hint}") from error
        if len(layers) + copies > MAX_LAYERS:
            raise text.error(number, f"a file must hold at most {MAX_LAYERS} layers (got {len(layers) + copies})")
        for channel in range(copies):
            name = f"{layer.name}Channel_{channel}" if _is_depthwise(layer) else layer.name
            layers.append(replace(layer, name=name, index=len(layers)))
            problem = check(layers[-1])
            if problem is not None:
                raise text.error(number, problem)
    return Network(Path(path).stem, tuple(layers)), []


def _pieces(line: str) -> set[str]:
    return {piece.strip().lower() for piece in line.split(",")} - {""}


def _is_depthwise(layer: Layer) -> bool:
    return layer.type == "conv" and "DP" in layer.name


def _conv(row: str, version: ScaleSimVersion) -> tuple[Layer, int]:
    """Return the layer of a row, and how many copies of it there are."""
    name, fields, dropped = _split(row)
    sizes = _sizes(fields, dropped, _CONV_SIZES)
    column_stride = _further(fields[len(_CONV_SIZES) :], dropped, version)
    copies = 1
    if "DP" in name:
        copies, sizes[4] = sizes[4], 1
    ifmap_h, ifmap_w, filter_h, filter_w, channels, filters, stride = sizes
    shape = ConvShape(
        ifmap_h, ifmap_w, filter_h, filter_w, channels, filters, stride, column_stride or stride, ceil_output=True
    )
    problem = conv_problem(shape, batch=1)
    if problem is not None:
        raise ValueError(problem)
    return Layer(name, 0, "conv", shape), copies


def _gemm(row: str, version: ScaleSimVersion) -> tuple[Layer, int]:
    """Return the layer of a row, and that there is one of it."""
    name, fields, dropped = _split(row)
    m, n, k = _sizes(fields, dropped, _GEMM_SIZES)
    if len(fields) > len(_GEMM_SIZES) and not version.has_column_stride:
        _check_ratio(fields[len(_GEMM_SIZES)], dropped)
    shape = GemmShape(m=m, n=n, k=k)
    problem = gemm_problem(shape, batch=1)
    if problem is not None:
        raise ValueError(problem)
    return Layer(name, 0, "gemm", shape), 1


def _split(row: str) -> tuple[str, list[str], str]:
    """Return a row's name, its fields, and the text after the last comma, which SCALE-Sim drops."""
    *kept, dropped = [piece.strip() for piece in row.split(",")]
    if not kept:
        return "", [], dropped
    name = printable(kept[0]) if has_control(kept[0]) else kept[0]
    return name, kept[1:], dropped


def _sizes(fields: Sequence[str], dropped: str, names: Sequence[str]) -> list[int]:
    """Return the numbers after the name, one a name."""
    if len(fields) < len(names):
        rule = f"a layer must have {len(names)} numbers after its name, each with a comma after it: {', '.join(names)}"
        lost = f" and, without a trailing comma, '{printable(dropped[:60])}'" if dropped else ""
        raise ValueError(f"{rule} (got {len(fields)}{lost})")
    return [_named_integer(name, field, 1, MAX_SIZE) for name, field in zip(names, fields, strict=False)]


def _named_integer(name: str, field: str, minimum: int | None = None, maximum: int | None = None) -> int:
    try:
        return python_integer(field, minimum, maximum)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error


def _further(fields: Sequence[str], dropped: str, version: ScaleSimVersion) -> int | None:
    """Check what stands behind a convolution's stride; return its column stride if there is one."""
    if not fields:
        return None
    if version.has_column_stride:
        stride, *rest = fields
        for field in rest:
            _named_integer("a field after the column stride", field)
        return _named_integer("column stride", stride, 1, MAX_SIZE)
    for field in fields[:-1]:
        _named_integer("a field between the stride and the last one", field)
    _check_ratio(fields[-1], dropped)
    return None


def _check_ratio(field: str, dropped: str) -> None:
    """Raise unless a field is a sparsity ratio, which has no effect on dense layers but is read."""
    first, *others = field.split(":")
    try:
        python_integer(first)
        python_integer(others[0])
    except (ValueError, IndexError) as error:
        lost = f"; '{printable(dropped[:60])}', without a trailing comma, does not count" if dropped else ""
        raise ValueError(f"a field after the last number must be a ratio N:M {got(field)}{lost}") from error


def _other_kind(kind: Kind | None, header: str, row: str) -> str:
    """Return what to add to an error if the file looks like one of the other kind, or has a header too many."""
    fields = [piece.strip() for piece in row.split(",")[1:] if piece.strip() and ":" not in piece]
    if fields and not any(character.isdecimal() for field in fields for character in field):
        return "; only the first line is skipped as a header"
    if kind == "gemm":
        return "; for convolutions leave out -i gemm" if len(fields) >= len(_CONV_SIZES) else ""
    is_gemm = {"m", "n", "k"} <= _pieces(header) or len(fields) == len(_GEMM_SIZES)
    return "; for matrix products (M, N, K) give -i gemm" if is_gemm else ""


def _named(text: Text, line: int, version: ScaleSimVersion) -> BadInput:
    model = f"memory model {version.memory_model} reads SCALE-Sim's files by position only"
    columns = f"name, {', '.join(_CONV_SIZES)}, or with -i gemm name, M, N, K"
    return text.error(line, f"this file has named columns, and {model}: {columns}")
