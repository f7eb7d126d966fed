"""Which words SCALE-Sim's array asks for, cell by cell: what a layer's operands are, and what each lane sees.

The lower part of the naive twin of the compatibility mode (`scalesim.py`). Matrices are lists of lists of addresses;
-1 is no request, also where a negative offset gives a real word that address.
"""

from __future__ import annotations

from dataclasses import dataclass

NULL = -1
Matrix = list[list[int]]


class ScaleSimFails(Exception):
    """SCALE-Sim ends with an error here; the message says what makes it do so."""


@dataclass(frozen=True)
class LayerShape:
    """A convolution without padding: ifmap height and width, filter height and width, counts, one stride.

    In version 2.0.2 columns may have a stride of their own.
    """

    ih: int
    iw: int
    fh: int
    fw: int
    channels: int
    filters: int
    stride: int
    own_column_stride: int | None = None

    @classmethod
    def gemm(cls, m: int, n: int, k: int) -> LayerShape:
        """Return the convolution that stands for a product of M x K and K x N."""
        return cls(m, k, 1, k, 1, n, 1)

    @property
    def column_stride(self) -> int:
        return self.stride if self.own_column_stride is None else self.own_column_stride

    @property
    def ofmap_size(self) -> tuple[int, int]:
        """Height and width of the ofmap; the last windows may hang over the edge."""
        return ceil_div(self.ih - self.fh, self.stride) + 1, ceil_div(self.iw - self.fw, self.column_stride) + 1


@dataclass(frozen=True)
class Operands:
    """The addresses of ifmap [pixel][window], filter [window][filter] and ofmap [pixel][filter]."""

    ifmap: Matrix
    filter: Matrix
    ofmap: Matrix


@dataclass(frozen=True)
class Fold:
    """What one use of the array asks for in each cycle and lane, and its figures for the reports."""

    ifmap: Matrix
    filter: Matrix
    ofmap: Matrix
    reads_ifmap: int
    reads_filter: int
    writes_ofmap: int
    mapping: float
    util: float


def ceil_div(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -((-a) // b)


def operands(layer: LayerShape, offsets: tuple[int, int, int]) -> Operands:
    """Return the three operand matrices of a layer."""
    if layer.stride == 0 or layer.column_stride == 0 or layer.channels == 0 or layer.filters == 0:
        raise ScaleSimFails("stride 0; 0 channels; 0 filters")
    if layer.fh > layer.ih or layer.fw > layer.iw:
        raise ScaleSimFails("filter larger than ifmap")
    oh, ow = layer.ofmap_size
    ch, window = layer.channels, layer.fh * layer.fw * layer.channels
    ifmap = []
    for pixel in range(oh * ow):
        orow, ocol = divmod(pixel, ow)
        line = []
        for w in range(window):
            kr, rest = divmod(w, layer.fw * ch)
            kc, c = divmod(rest, ch)
            y, x = orow * layer.stride + kr, ocol * layer.column_stride + kc
            inside = y < layer.ih and x < layer.iw
            line.append(word(offsets[0] + (y * layer.iw + x) * ch + c) if inside else NULL)
        ifmap.append(line)
    return Operands(
        ifmap=ifmap,
        filter=[[word(offsets[1] + n * window + w) for n in range(layer.filters)] for w in range(window)],
        ofmap=[[word(offsets[2] + p * layer.filters + n) for n in range(layer.filters)] for p in range(oh * ow)],
    )


def word(address: int) -> int:
    """Return the address as SCALE-Sim holds it, in a double: from 2^53 on neighbours become one word."""
    return int(float(address))


def at(matrix: Matrix, row: int, col: int) -> int:
    """Return an address, or null outside the matrix."""
    return matrix[row][col] if row < len(matrix) and col < len(matrix[0]) else NULL


def spaces(op: Operands, dataflow: str) -> tuple[int, int, int]:
    """Return the spatial rows, the spatial columns and the temporal length."""
    pixels, window, filters = len(op.ofmap), len(op.filter), len(op.filter[0])
    return {"os": (pixels, filters, window), "ws": (window, filters, pixels), "is": (window, pixels, filters)}[dataflow]


def folds(op: Operands, rows: int, cols: int, dataflow: str, version: str) -> list[Fold]:
    """Return the folds in the order in which they run: column folds outside, row folds inside."""
    sr, sc, _ = spaces(op, dataflow)
    return [fold(op, rows, cols, dataflow, version, r0, c0) for c0 in range(0, sc, cols) for r0 in range(0, sr, rows)]


def fold(op: Operands, rows: int, cols: int, dataflow: str, version: str, r0: int, c0: int) -> Fold:
    """Return the fold whose first spatial row and column are r0 and c0."""
    sr, sc, t = spaces(op, dataflow)
    height = t + rows + cols - 2 if dataflow == "os" else 2 * rows + cols + t - 2
    # What the array's left side streams in has a lane for each row; what is stationary has a lane for each column.
    i_lanes, f_lanes = (cols, rows) if dataflow == "is" else (rows, cols)
    ifmap = [[NULL] * i_lanes for _ in range(height)]
    filt = [[NULL] * f_lanes for _ in range(height)]
    ofmap = [[NULL] * cols for _ in range(height)]
    if dataflow == "os":
        for k in range(t):
            for r in range(rows):
                ifmap[k + r][r] = at(op.ifmap, r0 + r, k)
            for c in range(cols):
                filt[k + c][c] = at(op.filter, k, c0 + c)
        for j in range(rows):
            for c in range(cols):
                ofmap[t - 1 + j + c][c] = at(op.ofmap, r0 + rows - 1 - j, c0 + c)
    else:
        for j in range(rows):
            for c in range(cols):
                if dataflow == "ws":
                    filt[j][c] = at(op.filter, r0 + rows - 1 - j, c0 + c)
                else:
                    ifmap[j][c] = at(op.ifmap, c0 + c, r0 + rows - 1 - j)
        for k in range(t):
            for r in range(rows):
                if dataflow == "ws":
                    ifmap[rows + k + r][r] = at(op.ifmap, k, r0 + r)
                else:
                    filt[rows + k + r][r] = at(op.filter, r0 + r, k)
            for c in range(cols):
                pixel, number = (k, c0 + c) if dataflow == "ws" else (c0 + c, k)
                ofmap[2 * rows - 1 + k + c][c] = at(op.ofmap, pixel, number)

    used_rows, used_cols = min(r0 + rows, sr) - r0, min(c0 + cols, sc) - c0
    used = used_rows * used_cols
    reads_rows, reads_cols = t * used_rows, t * used_cols
    if dataflow == "os":
        counts = reads_rows, reads_cols, used + rows + cols
    elif dataflow == "ws":
        counts = reads_rows, used, reads_cols
    else:
        counts = used, reads_rows, reads_cols
    mapped = used
    if dataflow == "ws" and version == "3.0.0":
        mapped = sum(address != NULL for line in filt[:rows] for address in line)
    cycles = t + rows + cols - 2 if dataflow == "os" else 2 * rows + 2 * cols + t - 3
    return Fold(ifmap, filt, ofmap, *counts, mapped / (rows * cols), (used * t) / (rows * cols * cycles))


def prefetch_orders(op: Operands, rows: int, cols: int, dataflow: str) -> tuple[list[int], list[int]]:
    """Return the sequences in which USER mode brings in the ifmap and the filter, nulls included."""
    sr, sc, t = spaces(op, dataflow)
    row_folds, col_folds = range(0, sr, rows), range(0, sc, cols)
    ifmap, filt = op.ifmap, op.filter
    if dataflow == "os":
        return (
            diagonal([[at(ifmap, r0 + col, row) for col in range(rows)] for r0 in row_folds for row in range(t)]),
            diagonal([[at(filt, row, c0 + col) for col in range(cols)] for c0 in col_folds for row in range(t)]),
        )
    if dataflow == "ws":
        return (
            diagonal([[at(ifmap, row, r0 + col) for col in range(rows)] for r0 in row_folds for row in range(t)]),
            [at(filt, row, c0 + col) for c0 in col_folds for row in range(sr) for col in range(cols)],
        )
    return (
        [at(ifmap, c0 + col, row) for c0 in col_folds for row in range(sr) for col in range(cols)],
        diagonal([[at(filt, r0 + col, row) for col in range(rows)] for r0 in row_folds for row in range(t)]),
    )


def diagonal(matrix: Matrix) -> list[int]:
    """Return all entries, one anti-diagonal after the other, each from its lowest row upwards."""
    m, n = len(matrix), len(matrix[0])
    return [matrix[row][d - row] for d in range(m + n - 1) for row in range(d, d - n, -1) if 0 <= row < m]
