"""How does a weight-stationary array work, register by register?

Restates sections 6 and 8 of the microarchitecture page (and section 7 for the trimmed variant): the PEs of
``ws``, ``ws-db``, ``ws-pipe1``, ``ws-pipe`` and ``ws-pipe2``, the controller of each, and the accumulator
banks below the output ports. Input stationary is the same array with other data, see ``pe_array``.
Conventions: ``pe_array_common``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.reference.pe_array_common import (
    IDLE,
    ColSignal,
    Edge,
    Element,
    Fold,
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
class WsPe:
    """PE of ``ws``: row operand a (east), stationary word and preload chain w, partial sum s (south)."""

    a: RowSignal = IDLE
    w: Word | None = None
    s: Sum | None = None


def ws_edge(pe: WsPe, west: RowSignal, north: WsPe, strobe: Strobe) -> Edge[WsPe]:
    """``ws``: multiply by w, or load the northern w."""
    product = multiply(west.word, pe.w)
    s = add(north.s, product)
    assert not (strobe.shift and s), f"a partial sum of {s} while the stationary registers load"
    return Edge(WsPe(west, north.w if strobe.shift else pe.w, s), s, product is not None)


@dataclass(frozen=True)
class WsShadowPe:
    """PE of ``ws-db`` and ``ws-pipe2``: the chain is a shadow register, the MAC uses the active one."""

    a: RowSignal = IDLE
    shadow: Word | None = None
    act: Word | None = None
    s: Sum | None = None


def ws_shadow_edge(
    pe: WsShadowPe, west: RowSignal, north: WsShadowPe, strobe: Strobe, take: bool
) -> Edge[WsShadowPe]:
    """Multiply by act; in the cycle of ``take`` by the shadow, which act becomes. The chain may move too."""
    act = pe.shadow if take else pe.act
    shadow = north.shadow if strobe.shift else pe.shadow
    product = multiply(west.word, act)
    s = add(north.s, product)
    return Edge(WsShadowPe(west, shadow, act, s), s, product is not None)


def ws_db_edge(pe: WsShadowPe, west: RowSignal, north: WsShadowPe, strobe: Strobe) -> Edge[WsShadowPe]:
    """``ws-db``: all PEs take the shadow over at once."""
    return ws_shadow_edge(pe, west, north, strobe, take=strobe.swap)


def ws_pipe2_edge(pe: WsShadowPe, west: RowSignal, north: WsShadowPe, strobe: Strobe) -> Edge[WsShadowPe]:
    """``ws-pipe2``: a PE takes the shadow over when the fold's first step reaches it."""
    return ws_shadow_edge(pe, west, north, strobe, take=west.first)


@dataclass(frozen=True)
class WsWavePe:
    """PE of ``ws-pipe1`` (one stationary register) and ``ws-pipe`` (two): the chain link is a register."""

    a: RowSignal = IDLE
    w: tuple[Word | None, ...] = (None,)
    link: Word | None = None
    s: Sum | None = None


def ws_wave_edge(pe: WsWavePe, west: RowSignal, north: WsWavePe, strobe: Strobe) -> Edge[WsWavePe]:
    """``ws-pipe1``, ``ws-pipe``: a wave with ``sh`` moves the chain, through stationary register d."""
    w = list(pe.w)
    product = multiply(west.word, w[west.sel])
    s = add(north.s, product)
    if not west.sh:
        return Edge(WsWavePe(west, pe.w, pe.link, s), s, product is not None)
    d = 1 - west.sel if len(w) == 2 else 0
    assert not (product and d == west.sel), f"a MAC for {product} while its stationary register moves"
    w[d] = north.link
    return Edge(WsWavePe(west, tuple(w), pe.w[d], s), s, product is not None)


# ---------------------------------------------------------------------------------------------- accumulators


class AccumulatorBank:
    """Bank below one output port: stores partial sums by output element (section 8)."""

    def __init__(self) -> None:
        self.stored: dict[Element, Sum] = {}

    def arrive(self, partial: Sum, accumulate: bool) -> Sum | None:
        """Write the arriving sum, or add it to the stored one; return what was read."""
        read = self.stored[partial.tag] if accumulate else None
        assert accumulate or partial.tag not in self.stored, f"{partial.tag} would be overwritten"
        total = add(read, partial)
        assert total is not None
        self.stored[partial.tag] = total
        return read


# ---------------------------------------------------------------------------------------------- controllers


class WsLayer(Layer[P]):
    """What all weight-stationary variants share: B is preloaded from the north, A streams from the west.

    The preload engine issues the words of a fold, last row first, one row per cycle and without gaps; when it
    may start is what a variant defines. A fold is ready to stream when its preload has been issued.
    """

    def __init__(
        self,
        rows: int,
        cols: int,
        a: Matrix,
        b: Matrix,
        trim: bool,
        reset: P,
        logic: PeLogic[P],
        col_skew: Iterable[int],
    ) -> None:
        super().__init__(rows, cols, len(a), trim, Grid(rows, cols, reset, logic), col_skew)
        self.a, self.b, self.reset = a, b, reset
        self.to_preload: deque[Fold] = deque(folds(len(b), len(b[0]), rows, cols))
        self.preloading: Fold | None = None
        self.preload_left = 0
        self.banks = [AccumulatorBank() for _ in range(cols)]

    def cycle(self) -> None:
        """Run one array cycle."""
        step = self.next_step()
        preload = self.next_preload(step)
        sh, sel = self.wave_bits(step, preload)
        row_ports = self.row_skew.clock([self.row_signal(r, step, sh, sel) for r in range(self.rows)])
        col_ports = self.col_skew.clock([self.col_signal(c, preload) for c in range(self.cols)])
        row_ports, col_ports = self.fed_rows(row_ports), self.fed_cols(col_ports)
        bottom = [self.grid.row_input(self.rows - 1, c, row_ports) for c in range(self.cols)]
        swap = step is not None and step.first
        strobes = [Strobe(shift=signal.load, swap=swap) for signal in col_ports]
        edges = self.grid.clock(row_ports, [self.north(signal.word) for signal in col_ports], strobes)
        out_ports = [edge.out for edge in edges[-1]]
        psum_reads = [
            bank.arrive(partial, signal.accumulate) if partial is not None else None
            for bank, partial, signal in zip(self.banks, out_ports, bottom, strict=True)
        ]
        self.record(row_ports, col_ports, out_ports, psum_reads, edges)

    def next_preload(self, step: Step | None) -> tuple[Fold, int] | None:
        """Preload engine: the fold and the array row whose words are issued in this cycle.

        The chain must have been emptied by its stream, and the variant's rule allow it. A trimmed preload
        moves the chain only as far as the used rows.
        """
        if self.preloading is None and self.to_preload and not self.ready and self.may_start_preload(step):
            self.preloading = self.to_preload.popleft()
            self.preload_left = self.preloading.used_rows if self.trim else self.rows
        if self.preloading is None:
            return None
        fold = self.preloading
        self.preload_left -= 1
        if self.preload_left == 0:
            self.ready.append(fold)
            self.preloading = None
        return fold, self.preload_left

    def row_signal(self, r: int, step: Step | None, sh: bool, sel: int) -> RowSignal:
        """What enters the skew line of row r: A(i, rho + r) if the row is used, control bits in any case."""
        if step is None:
            return RowSignal(sh=sh, sel=sel)
        word, m, k = None, step.index, step.fold.first_row + r
        if r < step.fold.used_rows:
            word = Word(self.a[m][k], ("A", m, k))
        accumulate = step.fold.first_row > 0
        return RowSignal(word, True, step.first, step.last, accumulate, sh, sel)

    def col_signal(self, c: int, preload: tuple[Fold, int] | None) -> ColSignal:
        """What enters the skew line of column c: the strobe, and B(rho + row, gamma + c) if it exists."""
        if preload is None:
            return ColSignal()
        fold, row = preload
        if row >= fold.used_rows or c >= fold.used_cols:
            return ColSignal(load=True)
        k, n = fold.first_row + row, fold.first_col + c
        return ColSignal(Word(self.b[k][n], ("B", k, n)), load=True)

    def output(self) -> Matrix:
        """Collect O, (M, N), from the accumulator banks."""
        sums = [total for bank in self.banks for total in bank.stored.values()]
        return finished_output(sums, len(self.a), len(self.b), len(self.b[0]))

    def awaited(self) -> tuple[int, int]:
        """All PEs; if trimmed, all rows (the sums leave in the south) of the used columns."""
        if self.trim and self.fold is not None:
            return self.rows, self.fold.used_cols
        return self.rows, self.cols

    def chains_stopped(self) -> bool:
        """Tell if no preload is under way or to come."""
        return not self.to_preload and self.preloading is None

    def may_start_stream(self) -> bool:
        """Tell if a preloaded fold may start: in general, yes."""
        return True

    def wave_bits(self, step: Step | None, preload: tuple[Fold, int] | None) -> tuple[bool, int]:
        """``sh`` and ``sel`` of the wave that is issued in this cycle."""
        return False, 0

    @abstractmethod
    def north(self, word: Word | None) -> P:
        """Stand-in for the PE above row 0, with what the column port carries in its chain."""

    @abstractmethod
    def may_start_preload(self, step: Step | None) -> bool:
        """Tell if the next preload may start in this cycle, in which the stream engine issues ``step``."""


class Ws(WsLayer[WsPe]):
    """``ws``: preload, stream, and wait until the stream has left the array. The preload strobe is global."""

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool) -> None:
        super().__init__(rows, cols, a, b, trim, WsPe(), ws_edge, [0] * cols)

    def north(self, word: Word | None) -> WsPe:
        return WsPe(w=word)

    def may_start_preload(self, step: Step | None) -> bool:
        return step is None and not self.in_flight()


class WsDb(WsLayer[WsShadowPe]):
    """``ws-db``: preload from the swap on, while the fold streams. Streams do not overlap."""

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool) -> None:
        super().__init__(rows, cols, a, b, trim, WsShadowPe(), ws_db_edge, [0] * cols)

    def north(self, word: Word | None) -> WsShadowPe:
        return WsShadowPe(shadow=word)

    def may_start_stream(self) -> bool:
        return not self.in_flight()

    def may_start_preload(self, step: Step | None) -> bool:
        return True


class WsPipe2(WsLayer[WsShadowPe]):
    """``ws-pipe2``: a column's chain may move from the cycle on in which its last row takes its word over.

    The strobe reaches column c through c registers, as ``first`` does, so it is enough to watch column 0.
    """

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool) -> None:
        super().__init__(rows, cols, a, b, trim, WsShadowPe(), ws_pipe2_edge, range(cols))
        self.last_row_waits = False  # the fold streams, but row R-1 has not yet taken its word over

    def north(self, word: Word | None) -> WsShadowPe:
        return WsShadowPe(shadow=word)

    def may_start_preload(self, step: Step | None) -> bool:
        return not self.last_row_waits

    def next_preload(self, step: Step | None) -> tuple[Fold, int] | None:
        first = step is not None and step.first
        self.last_row_waits |= first
        if self.row_skew.output(self.rows - 1, RowSignal(first=first)).first:
            self.last_row_waits = False
        return super().next_preload(step)


class WsWave(WsLayer[WsWavePe]):
    """``ws-pipe1`` and ``ws-pipe``: preload waves follow stream waves, or (two registers) go with them."""

    def __init__(self, rows: int, cols: int, a: Matrix, b: Matrix, trim: bool, registers: int) -> None:
        super().__init__(rows, cols, a, b, trim, WsWavePe(w=(None,) * registers), ws_wave_edge, range(cols))
        self.registers = registers
        self.sel = registers - 1

    def north(self, word: Word | None) -> WsWavePe:
        return replace(self.reset, link=word)

    def may_start_preload(self, step: Step | None) -> bool:
        return self.registers == 2 or step is None

    def wave_bits(self, step: Step | None, preload: tuple[Fold, int] | None) -> tuple[bool, int]:
        if step is not None and step.first:
            self.sel = (self.sel + 1) % self.registers
        return preload is not None, self.sel
