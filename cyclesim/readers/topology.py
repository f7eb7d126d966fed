"""Reads a network from a topology .csv, and writes one: which format a file is in, which one a network needs.

Two formats: SCALE-Sim's by position (`topology_positional`) and ours by named columns (`topology_named`);
how a line becomes fields is in `rows`.
"""

from __future__ import annotations

from pathlib import Path

from cyclesim.errors import BadInput
from cyclesim.readers.rows import split_rows
from cyclesim.readers.text import Text, got, read_text
from cyclesim.readers.topology_named import format_named, is_named_header, read_named
from cyclesim.readers.topology_positional import Kind, format_positional, read_positional
from cyclesim.workload import ConvShape, GemmShape, Layer, Network


def read_topology(path: Path, kind: Kind | None = None) -> tuple[Network, list[str]]:
    """Read a network.

    Parameters
    ----------
    path : Path
        A .csv file; its stem is the network's name.
    kind : {"conv", "gemm"}, optional
        Forces what the rows of a positional file are. Named columns say so themselves.

    Returns
    -------
    network : Network
    warnings : list of str
        One line each, without ``warning:``.

    Raises
    ------
    BadInput
        If the file cannot be read or holds something else than layers.
    """
    if kind not in (None, "conv", "gemm"):
        raise BadInput("cyclesim", None, f"kind must be one of conv, gemm {got(str(kind), ('conv', 'gemm'))}")
    return parse_topology(read_text(path, "topologies"), Path(path).stem, kind)


def parse_topology(text: Text, name: str, kind: Kind | None = None) -> tuple[Network, list[str]]:
    """Do what `read_topology` does on lines that are read already."""
    rows, comments = split_rows(text)
    while rows and rows[0].is_heading:
        del rows[0]
    if rows and is_named_header(text, rows[0]):
        layers = read_named(text, rows[0], rows[1:])
        warnings = []
        are_gemm = {isinstance(layer.shape, GemmShape) for layer in layers}
        if kind is not None and are_gemm - {kind == "gemm"}:
            place = f"{text.file}:{rows[0].line}"
            warnings.append(f"{place}: named columns say what a layer is: {kind} is not forced")
    else:
        layers, warnings = read_positional(text, rows, comments, kind)
    if not layers:
        raise text.error(text.last_line, "a topology must hold at least one layer (got none)")
    return Network(name, tuple(layers)), warnings


def format_topology(network: Network) -> str:
    """Return a .csv that reads back as these layers (the name is the file's).

    Raises
    ------
    ValueError
        If neither format can hold the network: no layers, indices that are not 0, 1, 2, ..., output sizes
        that some layers round up and others down, a layer that rounds up and is padded, grouped or batched,
        or a name that fits no field.
    """
    if not network.layers:
        raise ValueError(f"a topology must hold at least one layer, and {network.name} has none")
    up, down = _split_by_rounding(network.layers)
    if up and down:
        raise ValueError(
            f"no topology file holds both layers that round output sizes up (as {up[0].name}) and others "
            f"(as {down[0].name})"
        )
    written = format_positional(network.layers) if up else format_named(network.layers)
    try:
        again, _ = parse_topology(Text("(the text written)", tuple(written.split("\n")[:-1])), network.name)
    except BadInput as error:
        raise ValueError(f"no topology file can hold {network.name}: {error.message}") from error
    for before, after in zip(network.layers, again.layers, strict=False):
        if before != after:
            raise ValueError(f"no topology file can hold {before!r}: it would read back as {after!r}")
    if len(network.layers) != len(again.layers):
        raise ValueError(f"no topology file can hold {network.name}: layers would be lost")
    return written


def _split_by_rounding(layers: tuple[Layer, ...]) -> tuple[list[Layer], list[Layer]]:
    """Return the layers that need the positional form, and those that need named columns."""
    up: list[Layer] = []
    down: list[Layer] = []
    for layer in layers:
        (up if isinstance(layer.shape, ConvShape) and layer.shape.ceil_output else down).append(layer)
    return up, down
