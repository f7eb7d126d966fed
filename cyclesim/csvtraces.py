"""Traces as text, in SCALE-Sim's folders and names: layerN/IFMAP_SRAM_TRACE.csv and so on.

One line a cycle: the wall cycle, then the address on each port, -1 where it is idle. No header. PSUM traces are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand

CHUNK_WORDS = 1 << 17
OPERANDS = ("ifmap", "filter", "ofmap", "psum")

_buffers = ThreadBuffers()


def file_name(operand: str, side: str) -> str:
    """Return SCALE-Sim's name of a trace; `side` is ``SRAM`` or ``DRAM``."""
    return f"{operand.upper()}_{side}_TRACE.csv"


def layer_folder(index: int) -> str:
    """Return SCALE-Sim's name of a layer's folder."""
    return f"layer{index}"


class CsvEncoder:
    """Formats chunks as lines of text; a `simulation.ChunkEncoder`."""

    repeats = False

    def __init__(self, sram: bool = True) -> None:
        self._sram = sram

    def chunk_cycles(self, demand: Demand) -> int:
        """Return how many array cycles are formatted at a time."""
        return min(demand.cycles, max(1, CHUNK_WORDS // max(group.ports for group in demand.groups.values())))

    def encode(
        self,
        plan: Demand,
        operand: str,
        first_cycle: int,
        cycles: int,
        chunk_cycles: int,
        requests: NDArray[np.int32],
    ) -> list[bytes]:
        """Generate one port group's chunk and return its lines."""
        from cyclesim.kernels.text import LONGEST_INT, format_rows

        ports = plan.groups[operand].ports
        addresses = _buffers.get("addresses", plan.dtype, ports * cycles).reshape(ports, cycles)
        plan.fill(operand, first_cycle, addresses, requests)
        if not self._sram:
            return []
        out = _buffers.get("lines", np.uint8, (ports + 1) * cycles * (LONGEST_INT + 1))
        return [out[: format_rows(first_cycle, addresses, out)].tobytes()]

    def encode_cycles(self, first_cycle: int, cycles: int, chunk_cycles: int) -> list[bytes]:
        """Return nothing: the wall cycle is the first column of every trace."""
        return []


class CsvLayerTrace:
    """Writes one layer's text traces into a folder; a `simulation.ChunkStore`.

    The folder is the caller's to rename when the layer is complete. A context manager: leaving it closes the files.
    """

    def __init__(self, folder: Path, sram: bool = True, dram: bool = True) -> None:
        self._folder = folder
        self._sram = sram
        self._dram = dram
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> CsvLayerTrace:
        self._folder.mkdir(parents=True)
        if self._dram:
            for operand in OPERANDS:
                (self._folder / file_name(operand, "DRAM")).touch()
        return self

    def __exit__(self, *exc: object) -> None:
        for file in self._files.values():
            file.close()

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        """Append a chunk to the layer's files."""
        if not self._sram:
            return
        for operand in demand.groups:
            if operand not in self._files:
                self._files[operand] = open(self._folder / file_name(operand, "SRAM"), "wb")  # noqa: SIM115
            self._files[operand].writelines(payloads[operand])
