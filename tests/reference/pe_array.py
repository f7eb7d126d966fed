"""What does the array do in every cycle, and what does it compute? The judge of the fast kernels.

A PE-by-PE model in plain Python of every variant of the microarchitecture page (sections 2, 3, 5 to 8). It
multiplies real integers, moves them register by register, and knows no formula for when anything happens:
skew is registers, and controllers start the next preload, stream or drain as soon as the registers allow. It
imports nothing of cyclesim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.reference.pe_array_common import Element, Feed, Layer, Matrix, Trace
from tests.reference.pe_array_os import OsBus, OsDb, OsShift, OsWave
from tests.reference.pe_array_ws import Ws, WsDb, WsPipe2, WsWave

__all__ = ["TRIMMED", "VARIANTS", "Element", "Feed", "Trace", "run_layer"]

_Builder = Callable[[int, int, Matrix, Matrix, bool], Layer[Any]]

_ARRAYS: dict[str, _Builder] = {
    "os": lambda rows, cols, a, b, trim: OsShift(rows, cols, a, b, trim),
    "os-db": lambda rows, cols, a, b, trim: OsDb(rows, cols, a, b, trim),
    "os-pipe1": lambda rows, cols, a, b, trim: OsWave(rows, cols, a, b, trim, accumulators=1),
    "os-pipe": lambda rows, cols, a, b, trim: OsWave(rows, cols, a, b, trim, accumulators=2),
    "osbus": lambda rows, cols, a, b, trim: OsBus(rows, cols, a, b, trim, pipelined=False),
    "osbus-pipe": lambda rows, cols, a, b, trim: OsBus(rows, cols, a, b, trim, pipelined=True),
    "ws": lambda rows, cols, a, b, trim: Ws(rows, cols, a, b, trim),
    "ws-db": lambda rows, cols, a, b, trim: WsDb(rows, cols, a, b, trim),
    "ws-pipe1": lambda rows, cols, a, b, trim: WsWave(rows, cols, a, b, trim, registers=1),
    "ws-pipe": lambda rows, cols, a, b, trim: WsWave(rows, cols, a, b, trim, registers=2),
    "ws-pipe2": lambda rows, cols, a, b, trim: WsPipe2(rows, cols, a, b, trim),
}

VARIANTS = (*_ARRAYS, "is", "is-db", "is-pipe1", "is-pipe", "is-pipe2")
"""Every variant of section 3."""

TRIMMED = ("os", "osbus", "ws", "is")
"""The variants that can be trimmed (section 7)."""


def run_layer(
    variant: str, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool = False, feed: Feed | None = None
) -> Trace:
    """Compute O = A @ B on an array of rows x cols PEs and tell what happened in every cycle.

    Parameters
    ----------
    variant : one of VARIANTS
    rows, cols : R, C, at least 1
    a : (M, K), ifmap
    b : (K, N), filters
    trim : skip cycles that serve only unused rows or columns (variants in TRIMMED only)
    feed : supplies the values that enter the edge ports; without it they are those of `a` and `b`

    Returns
    -------
    Trace of the layer, cycle 0 to L-1.

    Raises
    ------
    AssertionError : if the hardware would compute anything but A @ B, or needs one thing twice at once.
    """
    assert variant in VARIANTS, f"variant must be one of {', '.join(VARIANTS)} (got {variant!r})"
    assert not trim or variant in TRIMMED, f"only {', '.join(TRIMMED)} can be trimmed (got {variant!r})"
    assert min(rows, cols) >= 1, f"the array needs at least one PE (got {rows} x {cols})"
    assert all([a, b, b and b[0]]), "matrices must not be empty"
    assert all(len(row) == len(b) for row in a), "A must be M x K and B K x N with the same K"
    assert all(len(row) == len(b[0]) for row in b), "all rows of B must have the same length"
    if variant.startswith("is"):
        array = _ARRAYS["ws" + variant[2:]](rows, cols, _transposed(b), _transposed(a), trim)
        return _exchanged(array.run(feed and _exchanged_feed(feed)))
    return _ARRAYS[variant](rows, cols, a, b, trim).run(feed)


def _transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def _exchanged(trace: Trace) -> Trace:
    """Rename what a ws array did on (B^T, A^T) as what the is array does on (A, B), see section 6.

    The "A" of that array is B^T, its "B" is A^T and its "O" is O^T; element (i, j) of each is (j, i) of ours.
    """

    def renamed(ports: list[list[Element | None]]) -> list[list[Element | None]]:
        return [[e and _exchanged_element(e) for e in cycle] for cycle in ports]

    return replace(
        trace,
        row_ports=renamed(trace.row_ports),
        col_ports=renamed(trace.col_ports),
        out_ports=renamed(trace.out_ports),
        psum_reads=renamed(trace.psum_reads),
        output=_transposed(trace.output),
    )


def _exchanged_element(element: Element) -> Element:
    name, i, j = element
    return {"A": "B", "B": "A", "O": "O"}[name], j, i


def _exchanged_feed(feed: Feed) -> Feed:
    return lambda side, port, cycle, element: feed(side, port, cycle, _exchanged_element(element))
