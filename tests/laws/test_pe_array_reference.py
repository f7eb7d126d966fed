"""Is the reference array what the microarchitecture page describes? Both are judged here, by each other.

The model knows no formula, the page no registers: that all cells, cycles and MACs agree is evidence for both.
Formulas for timing (``page_schedule``) stand in this file only, as a check of the page; other tests compare
with the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.pe_array import TRIMMED, VARIANTS, Element, Trace, run_layer
from tests.reference.pe_array_common import Fold, Layer, Matrix, Step
from tests.reference.pe_array_os import OsBus, OsWave
from tests.reference.pe_array_ws import WsPipe2, WsWave

Port = tuple[str, int, int]
"""(port kind, array cycle, port number)."""

# The worked diagrams of sections 5 to 7, verbatim.
DIAGRAMS = """
os  R=2 C=3  M=4 K=3 N=3: T=3, 2 folds, 16 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15
row 0   a00 a01 a02   .   .   .   .   . a20 a21 a22   .   .   .   .   .
row 1     . a10 a11 a12   .   .   .   .   . a30 a31 a32   .   .   .   .
col 0   b00 b10 b20   .   .   .   .   . b00 b10 b20   .   .   .   .   .
col 1     . b01 b11 b21   .   .   .   .   . b01 b11 b21   .   .   .   .
col 2     .   . b02 b12 b22   .   .   .   .   . b02 b12 b22   .   .   .
out 0     .   .   .   . o10 o00   .   .   .   .   .   . o30 o20   .   .
out 1     .   .   .   .   . o11 o01   .   .   .   .   .   . o31 o21   .
out 2     .   .   .   .   .   . o12 o02   .   .   .   .   .   . o32 o22
MACs      1   3   5   5   3   1   0   0   1   3   5   5   3   1   0   0

os-db  R=2 C=3  M=4 K=3 N=3: T=3, 2 folds, 14 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13
row 0   a00 a01 a02   .   .   . a20 a21 a22   .   .   .   .   .
row 1     . a10 a11 a12   .   .   . a30 a31 a32   .   .   .   .
col 0   b00 b10 b20   .   .   . b00 b10 b20   .   .   .   .   .
col 1     . b01 b11 b21   .   .   . b01 b11 b21   .   .   .   .
col 2     .   . b02 b12 b22   .   .   . b02 b12 b22   .   .   .
out 0     .   .   .   .   .   . o10 o00   .   .   .   . o30 o20
out 1     .   .   .   .   .   . o11 o01   .   .   .   . o31 o21
out 2     .   .   .   .   .   . o12 o02   .   .   .   . o32 o22
MACs      1   3   5   5   3   1   1   3   5   5   3   1   0   0

os-pipe1  R=2 C=3  M=4 K=3 N=3: T=3, 2 folds, 13 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12
row 0   a00 a01 a02   .   . a20 a21 a22   .   .   .   .   .
row 1     . a10 a11 a12   .   . a30 a31 a32   .   .   .   .
col 0   b00 b10 b20   .   . b00 b10 b20   .   .   .   .   .
col 1     . b01 b11 b21   .   . b01 b11 b21   .   .   .   .
col 2     .   . b02 b12 b22   .   . b02 b12 b22   .   .   .
out 0     .   .   .   . o10 o00   .   .   . o30 o20   .   .
out 1     .   .   .   .   . o11 o01   .   .   . o31 o21   .
out 2     .   .   .   .   .   . o12 o02   .   .   . o32 o22
MACs      1   3   5   5   3   2   3   5   5   3   1   0   0

os-pipe  R=2 C=3  M=4 K=3 N=3: T=3, 2 folds, 11 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10
row 0   a00 a01 a02 a20 a21 a22   .   .   .   .   .
row 1     . a10 a11 a12 a30 a31 a32   .   .   .   .
col 0   b00 b10 b20 b00 b10 b20   .   .   .   .   .
col 1     . b01 b11 b21 b01 b11 b21   .   .   .   .
col 2     .   . b02 b12 b22 b02 b12 b22   .   .   .
out 0     .   .   .   . o10 o00   . o30 o20   .   .
out 1     .   .   .   .   . o11 o01   . o31 o21   .
out 2     .   .   .   .   .   . o12 o02   . o32 o22
MACs      1   3   5   6   6   6   5   3   1   0   0

os-pipe  R=3 C=2  M=6 K=1 N=3: T=1, 4 folds, 16 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15
row 0   a00   .   . a30   .   . a00   .   . a30   .   .   .   .   .   .
row 1     . a10   .   . a40   .   . a10   .   . a40   .   .   .   .   .
row 2     .   . a20   .   . a50   .   . a20   .   . a50   .   .   .   .
col 0   b00   .   . b00   .   . b02   .   . b02   .   .   .   .   .   .
col 1     . b01   .   . b01   .   .   .   .   .   .   .   .   .   .   .
out 0     .   .   . o20 o10 o00 o50 o40 o30 o22 o12 o02 o52 o42 o32   .
out 1     .   .   .   . o21 o11 o01 o51 o41 o31   .   .   .   .   .   .
MACs      1   2   2   2   2   2   2   1   1   1   1   1   0   0   0   0

osbus  R=2 C=3  M=4 K=3 N=3: T=3, 2 folds, 12 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11
row 0   a00 a01 a02   .   .   . a20 a21 a22   .   .   .
row 1     . a10 a11 a12   .   .   . a30 a31 a32   .   .
col 0   b00 b10 b20   .   .   . b00 b10 b20   .   .   .
col 1     . b01 b11 b21   .   .   . b01 b11 b21   .   .
col 2     .   . b02 b12 b22   .   .   . b02 b12 b22   .
out 0     .   . o00 o10   .   .   .   . o20 o30   .   .
out 1     .   .   . o01 o11   .   .   .   . o21 o31   .
out 2     .   .   .   . o02 o12   .   .   .   . o22 o32
MACs      1   3   5   5   3   1   1   3   5   5   3   1

osbus-pipe  R=2 C=3  M=4 K=3 N=3: T=3, 2 folds, 9 cycles
cycle     0   1   2   3   4   5   6   7   8
row 0   a00 a01 a02 a20 a21 a22   .   .   .
row 1     . a10 a11 a12 a30 a31 a32   .   .
col 0   b00 b10 b20 b00 b10 b20   .   .   .
col 1     . b01 b11 b21 b01 b11 b21   .   .
col 2     .   . b02 b12 b22 b02 b12 b22   .
out 0     .   . o00 o10   . o20 o30   .   .
out 1     .   .   . o01 o11   . o21 o31   .
out 2     .   .   .   . o02 o12   . o22 o32
MACs      1   3   5   6   6   6   5   3   1

ws  R=2 C=3  M=3 K=4 N=3: T=3, 2 folds, 16 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15
row 0     .   . a00 a10 a20   .   .   .   .   . a02 a12 a22   .   .   .
row 1     .   .   . a01 a11 a21   .   .   .   .   . a03 a13 a23   .   .
col 0   b10 b00   .   .   .   .   .   . b30 b20   .   .   .   .   .   .
col 1   b11 b01   .   .   .   .   .   . b31 b21   .   .   .   .   .   .
col 2   b12 b02   .   .   .   .   .   . b32 b22   .   .   .   .   .   .
out 0     .   .   . o00 o10 o20   .   .   .   .   . O00 O10 O20   .   .
out 1     .   .   .   . o01 o11 o21   .   .   .   .   . O01 O11 O21   .
out 2     .   .   .   .   . o02 o12 o22   .   .   .   .   . O02 O12 O22
MACs      0   0   1   3   5   5   3   1   0   0   1   3   5   5   3   1

ws-db  R=2 C=3  M=3 K=4 N=3: T=3, 2 folds, 14 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13
row 0     .   . a00 a10 a20   .   .   . a02 a12 a22   .   .   .
row 1     .   .   . a01 a11 a21   .   .   . a03 a13 a23   .   .
col 0   b10 b00 b30 b20   .   .   .   .   .   .   .   .   .   .
col 1   b11 b01 b31 b21   .   .   .   .   .   .   .   .   .   .
col 2   b12 b02 b32 b22   .   .   .   .   .   .   .   .   .   .
out 0     .   .   . o00 o10 o20   .   .   . O00 O10 O20   .   .
out 1     .   .   .   . o01 o11 o21   .   .   . O01 O11 O21   .
out 2     .   .   .   .   . o02 o12 o22   .   .   . O02 O12 O22
MACs      0   0   1   3   5   5   3   1   1   3   5   5   3   1

ws-pipe1  R=2 C=3  M=3 K=4 N=3: T=3, 2 folds, 13 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12
row 0     .   . a00 a10 a20   .   . a02 a12 a22   .   .   .
row 1     .   .   . a01 a11 a21   .   . a03 a13 a23   .   .
col 0   b10 b00   .   .   . b30 b20   .   .   .   .   .   .
col 1     . b11 b01   .   .   . b31 b21   .   .   .   .   .
col 2     .   . b12 b02   .   .   . b32 b22   .   .   .   .
out 0     .   .   . o00 o10 o20   .   . O00 O10 O20   .   .
out 1     .   .   .   . o01 o11 o21   .   . O01 O11 O21   .
out 2     .   .   .   .   . o02 o12 o22   .   . O02 O12 O22
MACs      0   0   1   3   5   5   3   2   3   5   5   3   1

ws-pipe  R=2 C=3  M=3 K=4 N=3: T=3, 2 folds, 11 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10
row 0     .   . a00 a10 a20 a02 a12 a22   .   .   .
row 1     .   .   . a01 a11 a21 a03 a13 a23   .   .
col 0   b10 b00 b30 b20   .   .   .   .   .   .   .
col 1     . b11 b01 b31 b21   .   .   .   .   .   .
col 2     .   . b12 b02 b32 b22   .   .   .   .   .
out 0     .   .   . o00 o10 o20 O00 O10 O20   .   .
out 1     .   .   .   . o01 o11 o21 O01 O11 O21   .
out 2     .   .   .   .   . o02 o12 o22 O02 O12 O22
MACs      0   0   1   3   5   6   6   6   5   3   1

ws-pipe  R=3 C=2  M=1 K=6 N=3: T=1, 4 folds, 16 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15
row 0     .   .   . a00   .   . a03   .   . a00   .   . a03   .   .   .
row 1     .   .   .   . a01   .   . a04   .   . a01   .   . a04   .   .
row 2     .   .   .   .   . a02   .   . a05   .   . a02   .   . a05   .
col 0   b20 b10 b00 b50 b40 b30 b22 b12 b02 b52 b42 b32   .   .   .   .
col 1     . b21 b11 b01 b51 b41 b31   .   .   .   .   .   .   .   .   .
out 0     .   .   .   .   . o00   .   . O00   .   . o02   .   . O02   .
out 1     .   .   .   .   .   . o01   .   . O01   .   .   .   .   .   .
MACs      0   0   0   1   2   2   2   2   2   2   1   1   1   1   1   0

ws-pipe2  R=2 C=3  M=3 K=4 N=3: T=3, 2 folds, 11 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10
row 0     .   . a00 a10 a20 a02 a12 a22   .   .   .
row 1     .   .   . a01 a11 a21 a03 a13 a23   .   .
col 0   b10 b00   . b30 b20   .   .   .   .   .   .
col 1     . b11 b01   . b31 b21   .   .   .   .   .
col 2     .   . b12 b02   . b32 b22   .   .   .   .
out 0     .   .   . o00 o10 o20 O00 O10 O20   .   .
out 1     .   .   .   . o01 o11 o21 O01 O11 O21   .
out 2     .   .   .   .   . o02 o12 o22 O02 O12 O22
MACs      0   0   1   3   5   6   6   6   5   3   1

is  R=2 C=3  M=3 K=4 N=3: T=3, 2 folds, 16 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15
row 0     .   . b00 b01 b02   .   .   .   .   . b20 b21 b22   .   .   .
row 1     .   .   . b10 b11 b12   .   .   .   .   . b30 b31 b32   .   .
col 0   a01 a00   .   .   .   .   .   . a03 a02   .   .   .   .   .   .
col 1   a11 a10   .   .   .   .   .   . a13 a12   .   .   .   .   .   .
col 2   a21 a20   .   .   .   .   .   . a23 a22   .   .   .   .   .   .
out 0     .   .   . o00 o01 o02   .   .   .   .   . O00 O01 O02   .   .
out 1     .   .   .   . o10 o11 o12   .   .   .   .   . O10 O11 O12   .
out 2     .   .   .   .   . o20 o21 o22   .   .   .   .   . O20 O21 O22
MACs      0   0   1   3   5   5   3   1   0   0   1   3   5   5   3   1

ws  R=2 C=3  M=2 K=3 N=2: T=2, 2 folds, 14 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10  11  12  13
row 0     .   . a00 a10   .   .   .   .   . a02 a12   .   .   .
row 1     .   .   . a01 a11   .   .   .   .   .   .   .   .   .
col 0   b10 b00   .   .   .   .   .   . b20   .   .   .   .   .
col 1   b11 b01   .   .   .   .   .   . b21   .   .   .   .   .
col 2     .   .   .   .   .   .   .   .   .   .   .   .   .   .
out 0     .   .   . o00 o10   .   .   .   .   . O00 O10   .   .
out 1     .   .   .   . o01 o11   .   .   .   .   . O01 O11   .
out 2     .   .   .   .   .   .   .   .   .   .   .   .   .   .
MACs      0   0   1   3   3   1   0   0   0   1   2   1   0   0

ws+trim  R=2 C=3  M=2 K=3 N=2: T=2, 2 folds, 11 cycles
cycle     0   1   2   3   4   5   6   7   8   9  10
row 0     .   . a00 a10   .   .   . a02 a12   .   .
row 1     .   .   . a01 a11   .   .   .   .   .   .
col 0   b10 b00   .   .   .   . b20   .   .   .   .
col 1   b11 b01   .   .   .   . b21   .   .   .   .
col 2     .   .   .   .   .   .   .   .   .   .   .
out 0     .   .   . o00 o10   .   .   . O00 O10   .
out 1     .   .   .   . o01 o11   .   .   . O01 O11
out 2     .   .   .   .   .   .   .   .   .   .   .
MACs      0   0   1   3   3   1   0   1   2   1   0
"""

EVERY_VARIANT = [(variant, False) for variant in VARIANTS] + [(variant, True) for variant in TRIMMED]


def matrices(m: int, k: int, n: int) -> tuple[Matrix, Matrix]:
    """Make an A, (M, K), and a B, (K, N), in which no two products are likely to be equal."""
    rng = np.random.default_rng(m * 10_000 + k * 100 + n)
    a: Matrix = rng.integers(-(10**6), 10**6, (m, k)).tolist()
    b: Matrix = rng.integers(-(10**6), 10**6, (k, n)).tolist()
    return a, b


# ------------------------------------------------------------------------------------------ diagrams


def draw(trace: Trace) -> list[list[str]]:
    """Draw a trace as the page does: one list of cells per line, without the header."""

    def cell(element: Element | None) -> str:
        return "." if element is None else f"{element[0].lower()}{element[1]}{element[2]}"

    def lines(name: str, ports: list[list[str]]) -> list[list[str]]:
        return [[name, str(p), *(cycle[p] for cycle in ports)] for p in range(len(ports[0]))]

    out = [
        [cell(word).upper() if read else cell(word) for word, read in zip(words, reads, strict=True)]
        for words, reads in zip(trace.out_ports, trace.psum_reads, strict=True)
    ]
    return [
        ["cycle", *(str(cycle) for cycle in range(trace.cycles))],
        *lines("row", [[cell(word) for word in cycle] for cycle in trace.row_ports]),
        *lines("col", [[cell(word) for word in cycle] for cycle in trace.col_ports]),
        *lines("out", out),
        ["MACs", *(str(len(macs)) for macs in trace.macs)],
    ]


@pytest.mark.parametrize("diagram", DIAGRAMS.strip().split("\n\n"), ids=lambda text: text.split(":")[0])
def test_draws_the_worked_diagrams(diagram: str) -> None:
    header, *body = diagram.splitlines()
    name, sizes = header.split(maxsplit=1)
    rows, cols, m, k, n = (int(number) for number in re.findall(r"[RCMKN]=(\d+)", sizes))
    variant, _, trim = name.partition("+")
    trace = run_layer(variant, rows, cols, *matrices(m, k, n), trim=bool(trim))
    # `draw` writes "O00" for a result that is added to a stored one, so this compares the psum reads, too.
    assert draw(trace) == [line.split() for line in body]
    assert trace.cycles == int(re.findall(r"(\d+) cycles", header)[0])


# ------------------------------------------------------------------------------------------ the page's tables

layers = st.tuples(st.integers(1, 4), st.integers(1, 4), *[st.integers(1, 9)] * 3)
"""Arrays from 1x1 to 4x4, which up to nine folds in a row or column give a first, a last and others between."""


@pytest.mark.parametrize(("variant", "trim"), EVERY_VARIANT)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(layer=layers)
def test_computes_the_gemm_at_the_times_of_the_page(variant: str, trim: bool, layer: tuple[int, ...]) -> None:
    rows, cols, m, k, n = layer
    a, b = matrices(m, k, n)
    trace = run_layer(variant, rows, cols, a, b, trim)
    assert trace.output == (np.array(a) @ np.array(b)).tolist()
    length, events, macs = page_schedule(variant, trim, *layer)
    assert trace.cycles == length
    assert events_of(trace) == events
    assert [sorted(pes) for pes in trace.macs] == [sorted(macs.get(cycle, ())) for cycle in range(length)]


def events_of(trace: Trace) -> dict[Port, Element]:
    """List what the ports of a trace carry."""
    kinds = {
        "row": trace.row_ports, "col": trace.col_ports, "out": trace.out_ports, "psum": trace.psum_reads
    }  # fmt: skip
    return {
        (kind, cycle, port): element
        for kind, cycles in kinds.items()
        for cycle, ports in enumerate(cycles)
        for port, element in enumerate(ports)
        if element is not None
    }


def page_schedule(
    variant: str, trim: bool, rows: int, cols: int, m: int, k: int, n: int
) -> tuple[int, dict[Port, Element], dict[int, set[tuple[int, int]]]]:
    """Evaluate the page's tables: layer length, what each port carries when, and which PEs multiply when."""
    dataflow, kind = variant[:2], variant[2:]
    sr, sc, t = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[dataflow]
    fold_rows, fold_cols = -(-sr // rows), -(-sc // cols)
    count = fold_rows * fold_cols
    serial, span = t + 2 * rows + cols - 2, t + rows + cols - 2
    os = dataflow == "os"
    # Section 3: step and tail.
    step = {
        "": serial, "-db": span, "-pipe1": t + rows, "-pipe": max(t, rows), "-pipe2": max(t, 2 * rows - 1),
        "bus": span, "bus-pipe": max(t, rows),
    }[kind]  # fmt: skip
    s0, tail = (0, span if "bus" in kind else serial) if os else (rows, span)
    length = s0 + (count - 1) * step + tail
    skewed = "pipe" in kind
    preload_1 = {
        "": step, "-db": rows, "-pipe1": step, "-pipe": rows, "-pipe2": 2 * rows - 1
    }.get(kind, 0)  # fmt: skip
    begin = 0  # B_f of section 7
    events: dict[Port, Element] = {}
    macs: dict[int, set[tuple[int, int]]] = {}

    def put(port: str, cycle: int, number: int, element: Element) -> None:
        assert (port, cycle, number) not in events
        events[port, cycle, number] = element

    for f in range(count):
        rho, gamma = f % fold_rows * rows, f // fold_rows * cols
        used_rows, used_cols = min(rows, sr - rho), min(cols, sc - gamma)
        s = s0 + f * step
        p = preload_1 + (f - 1) * step if f else 0
        depth = rows
        if trim:
            p, s, depth = begin, begin + (0 if os else used_rows), used_rows
            begin += used_rows + used_cols + t - 2 + (0 if kind == "bus" else rows)
        for i in range(t):
            for r in range(used_rows):
                row_element = {"os": ("A", rho + r, i), "ws": ("A", i, rho + r), "is": ("B", rho + r, i)}
                put("row", s + i + r, r, row_element[dataflow])
                for c in range(used_cols):
                    macs.setdefault(s + i + r + c, set()).add((r, c))
            for c in range(used_cols):
                if os:
                    put("col", s + i + c, c, ("B", i, gamma + c))
                    continue
                result = ("O", i, gamma + c) if dataflow == "ws" else ("O", gamma + c, i)
                put("out", s + i + rows - 1 + c, c, result)
                if rho > 0:
                    put("psum", s + i + rows - 1 + c, c, result)
        for c in range(used_cols):
            for r in range(used_rows):
                if os:
                    drain = {"-db": t + rows + cols - 2 + (rows - 1 - r)}.get(
                        kind, t + rows - 1 + c + (depth - 1 - r)
                    )
                    put("out", s + (t - 1 + r + c if "bus" in kind else drain), c, ("O", rho + r, gamma + c))
                else:
                    stationary = ("B", rho + r, gamma + c) if dataflow == "ws" else ("A", gamma + c, rho + r)
                    put("col", p + (depth - 1 - r) + skewed * c, c, stationary)
    if trim:
        assert begin == count * (t - 2 + (0 if kind == "bus" else rows)) + sr * fold_cols + sc * fold_rows
        length = begin
    return length, events, macs


# ------------------------------------------------------------------------------------------ one cycle sooner


class HastyOsWave(OsWave):
    def may_start_stream(self) -> bool:
        return self.drain_waves_left <= 1 + (0 if self.accumulators == 1 else self.steps)


class HastyOsBus(OsBus):
    def may_start_stream(self) -> bool:
        return self.bus_waves_left <= self.steps


class HastyWsPipe1(WsWave):
    def may_start_preload(self, step: Step | None) -> bool:
        return step is None or step.last


class HastyWsPipe(WsWave):
    def next_preload(self, step: Step | None) -> tuple[Fold, int] | None:
        issued = super().next_preload(step)
        if issued and self.preload_left == 0:
            self.ready.pop()  # has been announced one wave ago
        if self.preloading is not None and self.preload_left == 1:
            self.ready.append(self.preloading)
        return issued


class HastyWsPipe2(WsPipe2):
    def may_start_preload(self, step: Step | None) -> bool:
        on_port_next = self.row_skew.lines[self.rows - 1][-2].first
        return not self.last_row_waits or on_port_next


@pytest.mark.parametrize(
    "hasty",
    [
        lambda: HastyOsWave(3, 3, *matrices(6, 2, 6), trim=False, accumulators=1),
        lambda: HastyOsWave(3, 3, *matrices(6, 2, 6), trim=False, accumulators=2),
        lambda: HastyOsBus(3, 3, *matrices(6, 2, 6), trim=False, pipelined=True),
        lambda: HastyWsPipe1(3, 3, *matrices(2, 6, 6), trim=False, registers=1),
        lambda: HastyWsPipe(3, 3, *matrices(2, 6, 6), trim=False, registers=2),
        lambda: HastyWsPipe2(3, 3, *matrices(2, 6, 6), trim=False),
    ],
    ids=["os-pipe1", "os-pipe", "osbus-pipe", "ws-pipe1", "ws-pipe", "ws-pipe2"],
)
def test_notices_a_controller_that_is_one_cycle_too_fast(hasty: Callable[[], Layer[Any]]) -> None:
    layer = hasty()
    with pytest.raises(AssertionError):
        layer.run()
