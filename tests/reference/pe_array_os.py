"""How does an output-stationary array work, register by register?

Restates section 5 of the microarchitecture page (and section 7 for the trimmed variants): the PEs of ``os``,
``os-db``, ``os-pipe1``, ``os-pipe``, ``osbus`` and ``osbus-pipe``, and the controller of each. Conventions:
``pe_array_common``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

from tests.reference.pe_array_common import (
    IDLE,
    ColSignal,
    Edge,
    Grid,
    Layer,
    Matrix,
    P,
    PeLogic,
    RowSignal,
    Step,
    Strobe,
    Sum,
    Word,
    add,
    finished_output,
    folds,
    multiply,
)

# ---------------------------------------------------------------------------------------------- PEs


@dataclass(frozen=True)
class OsPe:
    """PE of ``os`` and of the bus variants: operand links a (east) and b (south), one accumulator."""

    a: RowSignal = IDLE
    b: Word | None = None
    acc: Sum | None = None


def os_edge(pe: OsPe, west: RowSignal, north: OsPe, strobe: Strobe) -> Edge[OsPe]:
    """``os``: the accumulators of a column are a shift chain while the strobe is on."""
    product = multiply(west.word, north.b)
    if strobe.shift:
        assert product is None, f"a MAC for {product} while the accumulator shifts"
        return Edge(OsPe(west, north.b, north.acc), pe.acc, False)
    return Edge(OsPe(west, north.b, add(pe.acc, product)), None, product is not None)


def osbus_edge(pe: OsPe, west: RowSignal, north: OsPe, strobe: Strobe) -> Edge[OsPe]:
    """``osbus``, ``osbus-pipe``: the adder output goes onto the bus in the cycle of the last MAC."""
    product = multiply(west.word, north.b)
    total = add(pe.acc, product)
    if west.last:
        return Edge(OsPe(west, north.b, None), total, product is not None)
    return Edge(OsPe(west, north.b, total), None, product is not None)


@dataclass(frozen=True)
class OsDbPe:
    """PE of ``os-db``: as ``os``, and a drain register, which is the chain."""

    a: RowSignal = IDLE
    b: Word | None = None
    acc: Sum | None = None
    drain: Sum | None = None

    def chain(self, strobe: Strobe) -> Sum | None:
        """What the PE shows its chain neighbour: in the swap cycle the accumulator itself."""
        return self.acc if strobe.swap else self.drain


def os_db_edge(pe: OsDbPe, west: RowSignal, north: OsDbPe, strobe: Strobe) -> Edge[OsDbPe]:
    """``os-db``: on swap the chain takes the accumulators, which restart with this cycle's product."""
    product = multiply(west.word, north.b)
    acc = add(None if strobe.swap else pe.acc, product)
    if not strobe.shift:
        return Edge(OsDbPe(west, north.b, acc, pe.drain), None, product is not None)
    return Edge(OsDbPe(west, north.b, acc, north.chain(strobe)), pe.chain(strobe), product is not None)


@dataclass(frozen=True)
class OsWavePe:
    """PE of ``os-pipe1`` (one accumulator) and ``os-pipe`` (two): the chain link has its own register."""

    a: RowSignal = IDLE
    b: Word | None = None
    acc: tuple[Sum | None, ...] = (None,)
    link: Sum | None = None


def os_wave_edge(pe: OsWavePe, west: RowSignal, north: OsWavePe, strobe: Strobe) -> Edge[OsWavePe]:
    """``os-pipe1``, ``os-pipe``: a wave with ``sh`` moves the chain, through accumulator d."""
    product = multiply(west.word, north.b)
    acc = list(pe.acc)
    d = 1 - west.sel if len(acc) == 2 else 0
    assert not (west.sh and product and d == west.sel), f"a MAC for {product} while its accumulator shifts"
    acc[west.sel] = add(acc[west.sel], product)
    if not west.sh:
        return Edge(OsWavePe(west, north.b, tuple(acc), pe.link), None, product is not None)
    acc[d] = north.link
    return Edge(OsWavePe(west, north.b, tuple(acc), pe.acc[d]), pe.acc[d], product is not None)


# ---------------------------------------------------------------------------------------------- controllers


class OsLayer(Layer[P]):
    """What all output-stationary variants share: A comes from the west, B from the north, O goes south."""

    bus = False  # True: every row can drive its column's output port, not only row R-1

    def __init__(
        self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool, reset: P, logic: PeLogic[P]
    ) -> None:
        super().__init__(rows, cols, len(b), trim, Grid(rows, cols, reset, logic), range(cols))
        self.a, self.b, self.reset = a, b, reset
        self.ready.extend(folds(len(a), len(b[0]), rows, cols))
        self.results: list[Sum] = []

    def cycle(self) -> None:
        """Run one array cycle."""
        strobes = self.strobes()
        step = self.next_step()
        sh, sel = self.wave_bits(step)
        row_ports = self.row_skew.clock([self.row_signal(r, step, sh, sel) for r in range(self.rows)])
        col_ports = self.col_skew.clock([self.col_signal(c, step) for c in range(self.cols)])
        row_ports, col_ports = self.fed_rows(row_ports), self.fed_cols(col_ports)
        seen = [[self.grid.row_input(r, c, row_ports) for c in range(self.cols)] for r in range(self.rows)]
        edges = self.grid.clock(row_ports, [self.north(signal.word) for signal in col_ports], strobes)
        out_ports = [self.port_value(c, edges) for c in range(self.cols)]
        self.after_edge(seen)
        self.results += [total for total in out_ports if total is not None]
        self.record(row_ports, col_ports, out_ports, [None] * self.cols, edges)

    def row_signal(self, r: int, step: Step | None, sh: bool, sel: int) -> RowSignal:
        """What enters the skew line of row r: A(rho + r, i) if the row is used, control bits in any case."""
        if step is None:
            return RowSignal(sh=sh, sel=sel)
        word, m = None, step.fold.first_row + r
        if r < step.fold.used_rows:
            word = Word(self.a[m][step.index], ("A", m, step.index))
        return RowSignal(word, step=True, first=step.first, last=step.last, sh=sh, sel=sel)

    def col_signal(self, c: int, step: Step | None) -> ColSignal:
        """What enters the skew line of column c: B(i, gamma + c) if the column is used."""
        if step is None or c >= step.fold.used_cols:
            return ColSignal()
        n = step.fold.first_col + c
        return ColSignal(Word(self.b[step.index][n], ("B", step.index, n)))

    def port_value(self, c: int, edges: list[list[Edge[P]]]) -> Sum | None:
        """Value on output port c: row R-1's, or that of whoever drives the bus."""
        column = [row[c].out for row in edges]
        drivers = [total for total in (column if self.bus else column[-1:]) if total is not None]
        assert len(drivers) <= 1, f"bus of column {c} is driven twice: {[total.tag for total in drivers]}"
        return drivers[0] if drivers else None

    def output(self) -> Matrix:
        """Collect O, (M, N), from the words that left the array."""
        return finished_output(self.results, len(self.a), self.steps, len(self.b[0]))

    def awaited(self) -> tuple[int, int]:
        """All PEs; if trimmed, only the used ones."""
        if self.trim and self.fold is not None:
            return self.fold.used_rows, self.fold.used_cols
        return self.rows, self.cols

    @abstractmethod
    def north(self, word: Word | None) -> P:
        """Stand-in for the PE above row 0, with what the column port carries in its b and an empty chain."""

    def strobes(self) -> list[Strobe]:
        """Strobes of the columns in this cycle (called at its start)."""
        return [Strobe()] * self.cols

    def wave_bits(self, step: Step | None) -> tuple[bool, int]:
        """``sh`` and ``sel`` of the wave that is issued in this cycle."""
        return False, 0

    def after_edge(self, seen: list[list[RowSignal]]) -> None:
        """Update the controller's registers at the end of the cycle; ``seen[r][c]`` is what PE (r, c) got."""


class OsShift(OsLayer[OsPe]):
    """``os``: a column shifts R times, from the cycle after its last PE's last MAC. Then the next fold.

    Trimmed: the last PE that counts is that of the last used row, and only the used columns shift.
    """

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool) -> None:
        super().__init__(rows, cols, a, b, trim, OsPe(), os_edge)
        self.shifts_left = [0] * cols

    def north(self, word: Word | None) -> OsPe:
        return OsPe(b=word)

    def may_start_stream(self) -> bool:
        return not self.in_flight() and self.chains_stopped()

    def chains_stopped(self) -> bool:
        return not any(self.shifts_left)

    def strobes(self) -> list[Strobe]:
        return [Strobe(shift=left > 0) for left in self.shifts_left]

    def after_edge(self, seen: list[list[RowSignal]]) -> None:
        self.shifts_left = [max(left - 1, 0) for left in self.shifts_left]
        last_row, cols = self.awaited()
        for c in range(cols):
            if seen[last_row - 1][c].last:
                assert self.shifts_left[c] == 0, f"column {c} must drain, but still shifts"
                self.shifts_left[c] = self.rows


class OsDb(OsLayer[OsDbPe]):
    """``os-db``: once a fold's stream has left the array, swap and drain it while the next one streams."""

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool) -> None:
        super().__init__(rows, cols, a, b, trim, OsDbPe(), os_db_edge)
        self.swap_pending = False  # a fold is in the accumulators, not yet in the drain registers
        self.shifts_left = 0

    def north(self, word: Word | None) -> OsDbPe:
        return OsDbPe(b=word)

    def may_start_stream(self) -> bool:
        return not self.swap_pending  # may be the swap cycle itself

    def chains_stopped(self) -> bool:
        return not self.swap_pending and self.shifts_left == 0

    def strobes(self) -> list[Strobe]:
        swap = self.swap_pending and self.issued == self.steps and not self.in_flight()
        if swap:
            assert self.shifts_left == 0, "swap while the drain chain still shifts"
            self.swap_pending, self.shifts_left = False, self.rows
        strobe = Strobe(shift=self.shifts_left > 0, swap=swap)
        self.shifts_left = max(self.shifts_left - 1, 0)
        return [strobe] * self.cols

    def wave_bits(self, step: Step | None) -> tuple[bool, int]:
        if step is not None:
            self.swap_pending = True
        return False, 0


class OsWave(OsLayer[OsWavePe]):
    """``os-pipe1`` and ``os-pipe``: R drain waves follow each fold's last step at once.

    With one accumulator a wave streams or drains, never both. With two, the next stream may start as soon as
    its own drain waves will find the drain engine free.
    """

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool, accumulators: int) -> None:
        super().__init__(rows, cols, a, b, trim, OsWavePe(acc=(None,) * accumulators), os_wave_edge)
        self.accumulators = accumulators
        self.drain_waves_left = 0
        self.sel = 0

    def north(self, word: Word | None) -> OsWavePe:
        return replace(self.reset, b=word)

    def may_start_stream(self) -> bool:
        return self.drain_waves_left <= (0 if self.accumulators == 1 else self.steps)

    def chains_stopped(self) -> bool:
        return self.drain_waves_left == 0

    def wave_bits(self, step: Step | None) -> tuple[bool, int]:
        sh, sel = self.drain_waves_left > 0, self.sel
        self.drain_waves_left = max(self.drain_waves_left - 1, 0)
        if step is not None and step.last:
            assert self.drain_waves_left == 0, "a fold must drain, but the output ports are not free"
            self.drain_waves_left = self.rows
            self.sel = (self.sel + 1) % self.accumulators
        return sh, sel


class OsBus(OsLayer[OsPe]):
    """``osbus`` and ``osbus-pipe``: a wave with ``last`` takes the bus for R waves' time, row after row.

    Plain: next fold when the stream has left the array. Pipelined: when its last step will find the bus free.
    """

    bus = True

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool, pipelined: bool) -> None:
        super().__init__(rows, cols, a, b, trim, OsPe(), osbus_edge)
        self.pipelined = pipelined
        self.bus_waves_left = 0

    def north(self, word: Word | None) -> OsPe:
        return OsPe(b=word)

    def may_start_stream(self) -> bool:
        return self.bus_waves_left < self.steps if self.pipelined else not self.in_flight()

    def chains_stopped(self) -> bool:
        return True

    def wave_bits(self, step: Step | None) -> tuple[bool, int]:
        if step is not None and step.last:
            self.bus_waves_left = self.rows
        self.bus_waves_left = max(self.bus_waves_left - 1, 0)
        return False, 0
