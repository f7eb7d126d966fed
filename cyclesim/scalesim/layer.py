"""Runs one layer as SCALE-Sim does: the demand, the three buffers, the row loop, then the DRAM traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cyclesim.demand import Demand
from cyclesim.hardware import Hardware
from cyclesim.kernels import IDLE
from cyclesim.results import ALL_OPERANDS, LayerResult
from cyclesim.scalesim.buffers import DramSide, MissBuffer, Served, TraceRows, WindowBuffer, row_blocks
from cyclesim.scalesim.demand import efficiencies, sram_counts
from cyclesim.scalesim.rowloop import RowLoop, Stamps
from cyclesim.scalesim.text import ScaleSimText
from cyclesim.scalesim_versions import SCALESIM_VERSIONS
from cyclesim.schedule import layer_fields
from cyclesim.stretches import ChunkEncoder, DramPart, Issued, SramEncoding, Stretch

STRETCH_ROWS = 1 << 15
"""Demand rows between two looks at the progress of an untraced layer."""
OPERANDS = ("ifmap", "filter", "ofmap")
READS = ("ifmap", "filter")


@dataclass(frozen=True)
class ScaleSimResult(LayerResult):
    """A layer's figures in SCALE-Sim's sense, and those that only its reports know (docs/scalesim.md, Results).

    `last_cycle` is its Total Cycles, `cycles_with_prefetch` its Total Cycles (incl. prefetch); the percentages are its
    Mapping Efficiency % and Compute Util %.
    """

    last_cycle: int
    cycles_with_prefetch: int
    mapping_percent: float
    compute_percent: float

    @property
    def total_cycles(self) -> int:
        """SCALE-Sim's Total Cycles: the number of the last demand row's cycle, not a sum of parts."""
        return self.last_cycle


class _Traced(Protocol):
    """A buffer with a DRAM trace."""

    def dram(self) -> DramSide:
        """Return what the trace comes to."""

    def trace(self) -> Iterator[TraceRows]:
        """Yield its rows."""


def read_buffer(plan: Demand, hardware: Hardware, operand: str) -> MissBuffer | WindowBuffer:
    """Return the machine's buffer for an operand that is read."""
    size = {"ifmap": hardware.ifmap_sram, "filter": hardware.filter_sram}[operand].words(8)
    if hardware.interface_bandwidth == "CALC":
        return MissBuffer(plan, operand, size)
    version = SCALESIM_VERSIONS[hardware.memory_model]
    bandwidths = hardware.scalesim_read_bandwidths if version.has_layout else (_bandwidth(hardware),) * 2
    assert bandwidths is not None, "USER needs read bandwidths"
    return WindowBuffer(plan, operand, size, bandwidths[READS.index(operand)], version)


def _bandwidth(hardware: Hardware) -> int:
    assert hardware.dram_bandwidth_words_per_cycle is not None, "USER needs a bandwidth"
    return int(hardware.dram_bandwidth_words_per_cycle)


class ScaleSimLayer:
    """Moves one layer from its first demand row to its last, a stretch at a time.

    Parameters
    ----------
    plan : Demand
        Of a machine that follows SCALE-Sim.
    hardware : Hardware
    encoder : ChunkEncoder or None
    submit : callable
        Calls a function with arguments in some thread, and returns a future.
    check : callable
        Raises if the run was interrupted.
    """

    def __init__(
        self,
        plan: Demand,
        hardware: Hardware,
        encoder: ChunkEncoder | None,
        submit: Callable[..., Future[Any]],
        check: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._encoder = encoder
        self._submit = submit
        self._check = check
        self._reads = {operand: read_buffer(plan, hardware, operand) for operand in READS}
        self._version = SCALESIM_VERSIONS[hardware.memory_model]
        self._loop = RowLoop(
            plan,
            hardware.ofmap_sram.words(8),
            plan.plan.cols if hardware.interface_bandwidth == "CALC" else _bandwidth(hardware),
            (self._reads["ifmap"].fetch_rows, self._reads["filter"].fetch_rows),
            self._version,
        )
        ofmap = plan.gemm.ofmap
        self._ofmap_has_null = ofmap.base <= -1 < ofmap.base + ofmap.words
        self._first: dict[str, int | None] = dict.fromkeys(ALL_OPERANDS)
        self._last: dict[str, int | None] = dict.fromkeys(ALL_OPERANDS)
        self._peak = dict.fromkeys(ALL_OPERANDS, 0)

    def run(self, put: Callable[[Stretch], None]) -> ScaleSimResult:
        """Run the layer and hand its stretches on: scratchpad requests first, then DRAM words."""
        plan, encoder = self._plan, self._encoder
        length = STRETCH_ROWS if encoder is None else encoder.chunk_cycles(plan)
        requests = SramEncoding(plan, encoder, self._submit)
        for first in range(0, plan.cycles, length):
            self._check()
            rows = min(length, plan.cycles - first)
            stamps = self._advance(first, rows)
            walls = {operand: stamps.of(operand) for operand in OPERANDS}
            clocks = {"cycle": stamps.requested, **{f"{operand}_cycle": walls[operand] for operand in OPERANDS}}
            put(Stretch(first, rows, requests.encode(first, walls, clocks, length), []))
        for buffer in self._reads.values():
            buffer.complete()
        self._loop.complete()
        if encoder is not None and encoder.dram_words:
            self._trace(encoder, put)
        return self._result()

    def _advance(self, first: int, rows: int) -> Stamps:
        """Move the buffers and the row loop over a stretch."""
        serving = {operand: self._submit(buffer.serve, first, rows) for operand, buffer in self._reads.items()}
        results = self._results(first, rows)
        served: dict[str, Served] = {operand: future.result() for operand, future in serving.items()}
        stamps = self._loop.advance(results, served["ifmap"], served["filter"])
        for operand, buffer in self._reads.items():
            buffer.note(served[operand], first, stamps.requested)
            self._see(operand, served[operand].first - first, served[operand].last - first, stamps)
        with_results = np.flatnonzero(results)
        if len(with_results):
            self._see("ofmap", int(with_results[0]), int(with_results[-1]), stamps)
        return stamps

    def _results(self, first: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Return the results of each row, and note the most requests of one in each operand."""
        from cyclesim.kernels.scalesim import count_words

        totals = np.empty(4, np.int64)
        found = np.empty(rows, np.int32)
        for operand in OPERANDS:
            self._plan.count_requests(operand, first, found, totals)
            self._peak[operand] = max(self._peak[operand], int(totals[1]))
        if self._ofmap_has_null:
            for start, block in row_blocks(self._plan, "ofmap", first, rows):
                count_words(block, found[start - first : start - first + block.shape[1]])
        return found

    def _see(self, operand: str, first: int, last: int, stamps: Stamps) -> None:
        """Note the cycles of a stretch's first and last row with a request, if it has any."""
        if last < 0:
            return
        if self._first[operand] is None:
            self._first[operand] = int(stamps.of(operand)[first])
        self._last[operand] = int(stamps.of(operand)[last])

    def _trace(self, encoder: ChunkEncoder, put: Callable[[Stretch], None]) -> None:
        """Hand the DRAM traces on."""
        traced: dict[str, _Traced] = {**self._reads, "ofmap": self._loop}
        for operand, buffer in traced.items():
            parts = self._lines(encoder, operand, buffer) if isinstance(encoder, ScaleSimText) else self._words(
                encoder, operand, buffer
            )  # fmt: skip
            for part in parts:
                self._check()
                put(Stretch(self._plan.cycles, 0, {}, [part]))

    def _lines(self, encoder: ScaleSimText, operand: str, buffer: _Traced) -> Iterator[DramPart]:
        """Have the rows of a trace formatted as they are."""
        done = 0
        for rows in buffer.trace():
            yield DramPart(operand, done, rows.entries.size, self._submit(encoder.encode_rows, rows))
            done += rows.entries.size

    def _words(self, encoder: ChunkEncoder, operand: str, buffer: _Traced) -> Iterator[DramPart]:
        """Have the words of a trace encoded, without what is null."""
        issued = Issued()
        for rows in buffer.trace():
            cycles = np.repeat(rows.cycles, rows.width)[: rows.entries.size]
            real = rows.entries != IDLE
            issued.add(cycles[real], [rows.entries[real]])
            for first, walls, words in issued.take(encoder.dram_words, ends=False):
                yield DramPart(operand, first, len(words), self._submit(encoder.encode_dram, walls, words))
        for first, walls, words in issued.take(encoder.dram_words, ends=True):
            yield DramPart(operand, first, len(words), self._submit(encoder.encode_dram, walls, words))

    def _result(self) -> ScaleSimResult:
        folds = self._plan.plan
        counts = {"psum": 0, **sram_counts(folds)}
        dram = {operand: buffer.dram() for operand, buffer in self._reads.items()}
        dram["ofmap"] = self._loop.dram()
        words = {"psum": 0, **{operand: side.words for operand, side in dram.items()}}
        begins = min(dram["ifmap"].first, dram["filter"].first)
        mapping, utilization = efficiencies(self._plan, self._version)
        return ScaleSimResult(
            **layer_fields(self._plan.gemm.layer, folds),
            compute_cycles=folds.cycles,
            cold_start_cycles=0,
            stall_cycles=self._loop.stalls,
            drain_cycles=0,
            sram_reads={operand: counts[operand] for operand in ("ifmap", "filter", "psum")},
            sram_writes={"ofmap": counts["ofmap"]},
            sram_peak_words=self._peak,
            sram_first_cycle=self._first,
            sram_last_cycle=self._last,
            dram_reads={operand: words[operand] for operand in ("ifmap", "filter", "psum")},
            dram_writes={"ofmap": words["ofmap"]},
            dram_first_cycle={"psum": None, **{operand: side.first for operand, side in dram.items()}},
            dram_last_cycle={"psum": None, **{operand: side.last for operand, side in dram.items()}},
            dram_peak_words={"psum": 0, **{operand: side.peak for operand, side in dram.items()}},
            step_cycles=1,
            stall_by=None,
            channel_words=None,
            machine_balance=None,
            least_bandwidth=None,
            bound=None,
            last_cycle=self._loop.last_write,
            cycles_with_prefetch=dram["ofmap"].last - begins,
            mapping_percent=mapping,
            compute_percent=utilization,
        )
