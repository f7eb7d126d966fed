"""What do the words, wires and registers of the reference arrays look like, and who drives them?

Restates sections 1 and 2 of the microarchitecture page: folds, words with valid bits, skewed edge ports, a
grid of PEs with one clock. The PEs and controllers themselves are in ``pe_array_os`` and ``pe_array_ws``.

Conventions of the whole model:

- ``None`` on a wire or in a register is "valid bit 0"; its data bits are never looked at.
- Words carry their element tag, sums the set of products they were built from. Arithmetic on words that do
  not belong together is an ``AssertionError``, so a schedule counts as right only if the hardware computes
  the GEMM.
- No cycle number is computed anywhere. A controller looks at what is in the registers and decides, cycle by
  cycle, what to issue; everything else is delay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

Matrix = list[list[int]]
Element = tuple[str, int, int]
"""What a port carries: ("A", m, k), ("B", k, n) or ("O", m, n)."""
Feed = Callable[[str, int, int, Element], int]
"""(side, port, array cycle, element) -> the value that enters edge port ``port`` of side "row" or "col".

It is asked for the operands that the array takes, in the cycle in which each is on its port; without it they
come from the matrices. The element says what the array takes the value for.
"""


@dataclass(frozen=True)
class Trace:
    """Everything that happened at the edge of the array, and where it multiplied.

    Attributes
    ----------
    cycles : length L of the layer [array cycles]
    row_ports : (cycles, rows), operand on each west port, None where the port is idle
    col_ports : (cycles, cols), operand on each north port, None where the port is idle
    out_ports : (cycles, cols), result (ws, is: partial sum) on each south port, None where the port is idle
    out_values : (cycles, cols), the value of that result, None where the port is idle
    psum_reads : (cycles, cols), stored partial sum that the accumulator bank reads, None where it reads none
    macs : (cycles,) sets of PEs (row, col) that multiply in the cycle
    output : (M, N), the O that the array computed
    """

    cycles: int
    row_ports: list[list[Element | None]]
    col_ports: list[list[Element | None]]
    out_ports: list[list[Element | None]]
    out_values: list[list[int | None]]
    psum_reads: list[list[Element | None]]
    macs: list[set[tuple[int, int]]]
    output: Matrix


# ---------------------------------------------------------------------------------------------- words


@dataclass(frozen=True)
class Word:
    """An operand: its value, and the element ("A", m, k) or ("B", k, n) that it is."""

    value: int
    tag: Element


@dataclass(frozen=True)
class Sum:
    """A partial sum: its value, the output ("O", m, n) that it belongs to, and the k of its products."""

    value: int
    tag: Element
    ks: frozenset[int]


def multiply(a: Word | None, b: Word | None) -> Sum | None:
    """Multiply an element of A by one of B; nothing if either is invalid (section 2)."""
    if a is None or b is None:
        return None
    (a_name, m, k), (b_name, b_k, n) = a.tag, b.tag
    assert (a_name, b_name) == ("A", "B"), f"operands in the wrong place: {a.tag} x {b.tag}"
    assert k == b_k, f"operands of different k met: {a.tag} x {b.tag}"
    return Sum(a.value * b.value, ("O", m, n), frozenset({k}))


def add(left: Sum | None, right: Sum | None) -> Sum | None:
    """Add two partial sums of one output; an invalid one leaves the other unchanged."""
    if left is None or right is None:
        return left or right
    assert left.tag == right.tag, f"sums of different outputs met: {left.tag} + {right.tag}"
    assert not left.ks & right.ks, f"{left.tag}: products k = {sorted(left.ks & right.ks)} added twice"
    return Sum(left.value + right.value, left.tag, left.ks | right.ks)


def tag_of(word: Word | Sum | None) -> Element | None:
    """Name the element that a wire carries; None if it carries nothing."""
    return None if word is None else word.tag


def finished_output(sums: Iterable[Sum], m: int, k: int, n: int) -> Matrix:
    """Arrange final sums as O, (m, n), having checked that each is there once with every k in it."""
    by_tag: dict[Element, Sum] = {}
    for total in sums:
        assert total.tag not in by_tag, f"{total.tag} left the array twice"
        assert total.ks == frozenset(range(k)), f"{total.tag} lacks some products: has k = {sorted(total.ks)}"
        by_tag[total.tag] = total
    assert len(by_tag) == m * n, f"{len(by_tag)} of {m * n} outputs left the array"
    return [[by_tag["O", i, j].value for j in range(n)] for i in range(m)]


# ---------------------------------------------------------------------------------------------- wires


@dataclass(frozen=True)
class Fold:
    """One tile of the (Sr, Sc) index space on the array: its corner (rho, gamma) and its size."""

    first_row: int
    first_col: int
    used_rows: int
    used_cols: int


def folds(sr: int, sc: int, rows: int, cols: int) -> list[Fold]:
    """Cut Sr x Sc into folds: column folds outer, row folds inner (section 1)."""
    return [
        Fold(first_row, first_col, min(rows, sr - first_row), min(cols, sc - first_col))
        for first_col in range(0, sc, cols)
        for first_row in range(0, sr, rows)
    ]


@dataclass(frozen=True)
class RowSignal:
    """What travels west to east through one row, one PE per cycle: the operand and bits that ride with it.

    A PE obeys only those bits that section 3 gives its variant. ``step`` is how the controller knows that a
    wave is still in the array; it is driven on all rows, used or not.
    """

    word: Word | None = None
    step: bool = False  # this wave is a stream step
    first: bool = False  # ... the fold's first one
    last: bool = False  # ... the fold's last one
    accumulate: bool = False  # ... of a fold with fr > 0: the bank adds to what it has stored (section 8)
    sh: bool = False  # this wave moves the chain
    sel: int = 0  # register that the MAC uses; the chain moves the other one


IDLE = RowSignal()


@dataclass(frozen=True)
class ColSignal:
    """What a column port carries: the operand, and (ws, is) the preload strobe that comes with it."""

    word: Word | None = None
    load: bool = False


@dataclass(frozen=True)
class Strobe:
    """Control wires that all PEs of a column see at once: move the chain, swap the double buffers."""

    shift: bool = False
    swap: bool = False


T_ = TypeVar("T_")


class Skew(Generic[T_]):
    """Delay lines in front of the edge ports: port p has ``lengths[p]`` registers in series."""

    def __init__(self, lengths: Iterable[int], idle: T_) -> None:
        self.lines = [[idle] * length for length in lengths]  # newest register first

    def output(self, port: int, entering: T_) -> T_:
        """Value on the port in this cycle, while ``entering`` is at the other end of its line."""
        return self.lines[port][-1] if self.lines[port] else entering

    def clock(self, entering: list[T_]) -> list[T_]:
        """Give the values on all ports in this cycle, then load the registers."""
        on_ports = [self.output(port, value) for port, value in enumerate(entering)]
        self.lines = [[value, *line][:-1] for value, line in zip(entering, self.lines, strict=True)]
        return on_ports


# ---------------------------------------------------------------------------------------------- PEs


class Pe(Protocol):
    """Registers of a PE; ``a`` is the row operand's link register to the east."""

    @property
    def a(self) -> RowSignal:
        """Row operand and the bits that ride with it, as the eastern neighbour sees them."""


P = TypeVar("P", bound=Pe)


@dataclass(frozen=True)
class Edge(Generic[P]):
    """One PE in one cycle: its registers after the edge, what it offers the output port, if it multiplied."""

    pe: P
    out: Sum | None
    mac: bool


PeLogic = Callable[[P, RowSignal, P, Strobe], Edge[P]]
"""(registers, row operand from the west, registers of the northern PE, strobes of the column) -> Edge."""


class Grid(Generic[P]):
    """R x C PEs on one clock. All read the registers of the cycle's start, then all load at once."""

    def __init__(self, rows: int, cols: int, reset: P, logic: PeLogic[P]) -> None:
        self.pes = [[reset] * cols for _ in range(rows)]
        self.logic = logic

    def row_input(self, r: int, c: int, row_ports: list[RowSignal]) -> RowSignal:
        """Row signal that PE (r, c) sees in this cycle."""
        return row_ports[r] if c == 0 else self.pes[r][c - 1].a

    def clock(self, row_ports: list[RowSignal], north: list[P], strobes: list[Strobe]) -> list[list[Edge[P]]]:
        """Run one cycle. ``north[c]`` stands in for a PE above row 0: it shows what column port c carries."""
        above = [north, *self.pes[:-1]]
        edges = [
            [
                self.logic(pe, self.row_input(r, c, row_ports), above[r][c], strobes[c])
                for c, pe in enumerate(row)
            ]
            for r, row in enumerate(self.pes)
        ]
        self.pes = [[edge.pe for edge in row] for row in edges]
        return edges


# ---------------------------------------------------------------------------------------------- control


@dataclass(frozen=True)
class Step:
    """A stream step as it is issued at the corner of the array: step ``index`` of ``fold``."""

    fold: Fold
    index: int
    first: bool
    last: bool


class Layer(ABC, Generic[P]):
    """One layer on one array: skew lines, PEs, stream engine and trace. Variants add their controller.

    The stream engine issues the T steps of a fold one per cycle, without gaps. When the next fold may start
    is what a variant defines (``may_start_stream``); ``ready`` holds the folds whose operands the array is
    prepared for.
    """

    def __init__(
        self, rows: int, cols: int, steps: int, trim: bool, grid: Grid[P], col_skew: Iterable[int]
    ) -> None:
        self.rows, self.cols, self.steps, self.trim = rows, cols, steps, trim
        self.grid = grid
        self.row_skew = Skew(range(rows), IDLE)
        self.col_skew = Skew(col_skew, ColSignal())
        self.ready: deque[Fold] = deque()
        self.fold: Fold | None = None  # the one that streams, or has streamed last
        self.issued = steps  # steps of it that have been issued
        self.row_ports: list[list[Element | None]] = []
        self.col_ports: list[list[Element | None]] = []
        self.out_ports: list[list[Element | None]] = []
        self.out_values: list[list[int | None]] = []
        self.psum_reads: list[list[Element | None]] = []
        self.macs: list[set[tuple[int, int]]] = []
        self.feed: Feed | None = None

    def run(self, feed: Feed | None = None) -> Trace:
        """Clock the array until nothing is left to do."""
        self.feed = feed
        while not self.finished():
            self.cycle()
        return Trace(
            cycles=len(self.macs),
            row_ports=self.row_ports,
            col_ports=self.col_ports,
            out_ports=self.out_ports,
            out_values=self.out_values,
            psum_reads=self.psum_reads,
            macs=self.macs,
            output=self.output(),
        )

    def finished(self) -> bool:
        """Tell if the controller's activity has ended: streams have left the array, chains have stopped."""
        return not self.ready and self.issued == self.steps and not self.in_flight() and self.chains_stopped()

    def in_flight(self) -> bool:
        """Tell if a wave of the last fold has not yet been through all PEs that the controller waits for.

        A wave is still to come for PE (r, c) as long as it is in a register before it: in the skew line of
        row r, or in the ``a`` of a PE further west.
        """
        rows, cols = self.awaited()
        waiting = [signal for line in self.row_skew.lines[:rows] for signal in line]
        waiting += [pe.a for row in self.grid.pes[:rows] for pe in row[: cols - 1]]
        return any(signal.step or signal.sh for signal in waiting)

    def next_step(self) -> Step | None:
        """Stream engine: the step that is issued in this cycle."""
        if self.issued == self.steps and self.ready and self.may_start_stream():
            self.fold, self.issued = self.ready.popleft(), 0
        if self.fold is None or self.issued == self.steps:
            return None
        self.issued += 1
        return Step(self.fold, self.issued - 1, self.issued == 1, self.issued == self.steps)

    def fed_rows(self, row_ports: list[RowSignal]) -> list[RowSignal]:
        """Give the row ports of this cycle with the values that the feed supplies."""
        return [
            replace(signal, word=self.fed_word("row", r, signal.word)) for r, signal in enumerate(row_ports)
        ]

    def fed_cols(self, col_ports: list[ColSignal]) -> list[ColSignal]:
        """Give the column ports of this cycle with the values that the feed supplies."""
        return [
            replace(signal, word=self.fed_word("col", c, signal.word)) for c, signal in enumerate(col_ports)
        ]

    def fed_word(self, side: str, port: int, word: Word | None) -> Word | None:
        """Give a word on an edge port in this cycle with the value that the feed supplies."""
        if self.feed is None or word is None:
            return word
        return Word(self.feed(side, port, len(self.macs), word.tag), word.tag)

    def record(
        self,
        row_ports: list[RowSignal],
        col_ports: list[ColSignal],
        out_ports: list[Sum | None],
        psum_reads: list[Sum | None],
        edges: list[list[Edge[P]]],
    ) -> None:
        """Write one cycle into the trace."""
        self.row_ports.append([tag_of(signal.word) for signal in row_ports])
        self.col_ports.append([tag_of(signal.word) for signal in col_ports])
        self.out_ports.append([tag_of(total) for total in out_ports])
        self.out_values.append([None if total is None else total.value for total in out_ports])
        self.psum_reads.append([tag_of(total) for total in psum_reads])
        self.macs.append({(r, c) for r, row in enumerate(edges) for c, edge in enumerate(row) if edge.mac})

    @abstractmethod
    def awaited(self) -> tuple[int, int]:
        """Rows and columns (from the top left) that a wave must have been through before it is over."""

    @abstractmethod
    def may_start_stream(self) -> bool:
        """Tell if the stream of the next ready fold may start in this cycle, the last one being issued."""

    @abstractmethod
    def chains_stopped(self) -> bool:
        """Tell if nothing but the streams themselves keeps the controller busy."""

    @abstractmethod
    def cycle(self) -> None:
        """Run one array cycle."""

    @abstractmethod
    def output(self) -> Matrix:
        """Collect O, (M, N), from what left the array."""
