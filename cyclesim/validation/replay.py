"""Computes a layer through its traces: fetch by the traces, clock the array, store by the ofmap trace.

If a trace names a wrong word, the wrong port or the wrong cycle, the array computes something else than the layer,
or a result leaves where the trace has none. The ofmap tensor starts out full of junk, so a partial sum that should
have been read, or should not, shows as well; ports without an operand carry junk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand
from cyclesim.lowering import OperandMap
from cyclesim.validation.array_model import ArrayModel, Bits, Results, Words, control, fold_times
from cyclesim.validation.reference_windows import Block, Fetch

JUNK = 0x5A5A5A5A
"""What is on ports without an operand, and in the ofmap tensor before anything is written."""


class ReplayError(Exception):
    """The traces and the array do not fit together; the message says where."""


@dataclass(frozen=True)
class Replay:
    """What a replayed layer, or a part of one, computed.

    `ofmap` is the tensor, (words,) int64, and `writes` how often each of its words was written. `cycles` array cycles
    were run and `macs` done. `active_cycles` is, group by group, the cycle after the last one in which any PE saw a
    stream step or moved its chain; `output_cycles` that after the last result, both from the group's start.
    """

    ofmap: Words
    writes: Words
    cycles: int
    macs: int
    active_cycles: tuple[int, ...]
    output_cycles: tuple[int, ...]


def replay(plan: Demand, ifmap: Words, filter_: Words, chunk_cycles: int = 4096) -> Replay:
    """Compute a whole layer through its traces.

    Parameters
    ----------
    plan : Demand
    ifmap, filter_ : (words,) int64
        The tensors, as they lie in memory from their offsets on.
    chunk_cycles : int
        Array cycles that are generated at a time.

    Raises
    ------
    ReplayError
        If a port asks for nothing where the array takes an operand, or for a word where it takes none; if a result
        leaves where the ofmap trace has none, or the other way round; or if the array would need a bus or a register
        twice.
    """
    for tensor, operand in ((ifmap, plan.gemm.ifmap), (filter_, plan.gemm.filter)):
        assert tensor.shape == (operand.words,), f"tensor of {tensor.shape}, not {operand.words} words"
    run = _Run(plan, ifmap.__getitem__, filter_.__getitem__)
    for group in range(plan.gemm.groups):
        run.stretch(group, 0, plan.plan.folds, 0, plan.plan.cycles, chunk_cycles)
    return run.result()


def replay_block(
    plan: Demand, ifmap: Fetch, filter_: Fetch, block: Block, first: int, stop: int, chunk_cycles: int = 4096
) -> Replay:
    """Compute folds `first` to `stop` - 1 of a block's group through a window of the layer's traces.

    The other folds' words that are in the window are not looked at. The result's `ofmap` and `writes` are those of the
    block's outputs only, row by row; a result that is stored elsewhere is a fault.

    Raises
    ------
    ReplayError
    """
    run = _Run(plan, ifmap, filter_, block)
    times = fold_times(plan.plan, first, stop)
    begin = int(min(times.preload[0], times.stream[0]))
    end = min(plan.plan.cycles, int(times.stream[-1]) + plan.plan.tail)
    run.stretch(block.group, first, stop, begin, end, chunk_cycles)
    return run.result()


class _Run:
    """An array at work on a layer, or on a block of it."""

    def __init__(self, plan: Demand, ifmap: Fetch, filter_: Fetch, block: Block | None = None) -> None:
        gemm = plan.gemm
        self._plan = plan
        self._block = block
        self._whole = block is None
        self._array = ArrayModel(plan.plan)
        sides = [("ifmap", gemm.ifmap, ifmap), ("filter", gemm.filter, filter_)]
        self._row_side, self._col_side = sides[::-1] if plan.plan.dataflow == "is" else sides
        outputs = gemm.ofmap.words if block is None else block.size
        self._ofmap = np.full(outputs, JUNK, np.int64)
        self._writes = np.zeros(outputs, np.int64)
        self._cycles = 0
        self._macs = 0
        self._active: list[int] = []
        self._output: list[int] = []

    def stretch(self, group: int, first: int, stop: int, begin: int, end: int, chunk_cycles: int) -> None:
        """Run cycles `begin` to `end` - 1 of a group, with the control of folds `first` to `stop` - 1."""
        times = fold_times(self._plan.plan, first, stop)
        if self._plan.plan.trimmed and self._plan.plan.stationary:
            # A trimmed group ends while its last operands still travel through unused columns. They must not meet
            # the next group's stationary words: the valid bits are cleared between groups.
            self._array = ArrayModel(self._plan.plan)
        active = output = 0
        for cycle in range(begin, end, chunk_cycles):
            cycles = min(chunk_cycles, end - cycle)
            bits = control(self._plan.plan, times, cycle, cycles)
            start = group * self._plan.plan.cycles + cycle
            row_words = self._fetch(*self._row_side, start, bits.row)
            col_words = self._fetch(*self._col_side, start, bits.col)
            results = self._array.step(bits, row_words, col_words)
            if results.conflicts:
                last = start + cycles - 1
                raise ReplayError(f"{results.conflicts} conflicts in the array in cycles {start} to {last}")
            self._store(start, results)
            if results.last_active >= 0:
                active = cycle + results.last_active + 1
            leaving = np.flatnonzero(results.valid.any(axis=0))
            if leaving.size:
                output = cycle + int(leaving[-1]) + 1
            self._cycles += cycles
            self._macs += results.macs
        self._active.append(active)
        self._output.append(output)

    def result(self) -> Replay:
        """Return what has been computed so far."""
        return Replay(
            self._ofmap, self._writes, self._cycles, self._macs, tuple(self._active), tuple(self._output)
        )

    def _trace(self, operand: str, start: int, cycles: int) -> NDArray[np.int64]:
        trace = np.empty((self._plan.groups[operand].ports, cycles), self._plan.dtype)
        self._plan.fill(operand, start, trace, np.empty(cycles, np.int32))
        return trace.astype(np.int64)

    def _fetch(self, operand: str, tensor: OperandMap, memory: Fetch, start: int, bits: Bits) -> Words:
        """Return the values on a side's ports: what lies at the trace's addresses, 0 for padding, junk elsewhere."""
        from cyclesim.kernels.array_model import VALID

        trace = self._trace(operand, start, bits.shape[1])
        asked, taken = trace >= 0, bits & VALID != 0
        if self._whole:
            _refuse(asked & ~taken, start, operand, "asks for a word where the array takes none")
        if tensor.bounds is None:
            _refuse(taken & ~asked, start, operand, "asks for nothing where the array takes a word")
        place = np.where(asked, trace - tensor.base, 0)
        _refuse((place < 0) | (place >= tensor.words), start, operand, "asks for a word outside its tensor")
        return np.where(taken, np.where(asked, memory(place), 0), JUNK)

    def _store(self, start: int, results: Results) -> None:
        from cyclesim.kernels.array_model import store

        cycles = results.words.shape[1]
        ofmap = self._trace("ofmap", start, cycles)
        psum = self._trace("psum", start, cycles) if "psum" in self._plan.groups else np.full_like(ofmap, -1)
        base = self._plan.gemm.ofmap.base
        if self._block is not None:
            ofmap, psum = (
                np.where(trace >= 0, self._block.output_places(trace - base), -1) for trace in (ofmap, psum)
            )
            base = 0
        fault = np.empty(3, np.int64)
        store(
            results.words, results.valid, ofmap, psum, base, int(self._whole), self._ofmap, self._writes, fault
        )
        kind, port, cycle = (int(each) for each in fault)
        if kind:
            what = {
                1: "has nothing where a result leaves the array",
                2: "has a word where no result leaves the array",
                3: "has a word outside its tensor" if self._whole else "has a word of another fold",
            }[kind]
            raise ReplayError(f"ofmap or psum trace, port {port}, cycle {start + cycle}: {what}")


def _refuse(wrong: NDArray[np.bool_], start: int, operand: str, what: str) -> None:
    """Raise for the first port and cycle that is wrong."""
    if wrong.any():
        cycle, port = np.argwhere(wrong.T)[0]
        raise ReplayError(f"{operand} trace, port {port}, cycle {start + cycle}: {what}")
