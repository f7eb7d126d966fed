"""Traces as text, in SCALE-Sim's folders and names: layerN/IFMAP_SRAM_TRACE.csv and so on.

SRAM: one line an array cycle: its wall cycle, then the address on each port, -1 where it is idle. DRAM: one line a
word: the wall cycle in which it was issued, and its address. No header. PSUM traces are ours, and so is `SERIES.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand
from cyclesim.timeline import Series

CHUNK_WORDS = 1 << 17
OPERANDS = ("ifmap", "filter", "ofmap", "psum")

SERIES = "SERIES.csv"

Ints = NDArray[np.int64]

_buffers = ThreadBuffers()


def file_name(operand: str, side: str) -> str:
    """Return SCALE-Sim's name of a trace; `side` is ``SRAM`` or ``DRAM``."""
    return f"{operand.upper()}_{side}_TRACE.csv"


def layer_folder(index: int) -> str:
    """Return SCALE-Sim's name of a layer's folder."""
    return f"layer{index}"


def own_file(name: str) -> bool:
    """Whether a file of this name in a layer's folder is one that this module writes."""
    return name == SERIES or any(name == file_name(operand, side) for operand in OPERANDS for side in ("SRAM", "DRAM"))


def series_text(series: Series, total_cycles: int) -> str:
    """Return a layer's series as CSV: a line for each window."""
    names = [name for name in series.COLUMNS if name != "stalled"]
    lines = [",".join(["start", *names, "stall_fraction"])]
    words = np.stack([series.column(name) for name in names], axis=1).tolist()
    for i, fraction in enumerate(series.stall_fraction(total_cycles).tolist()):
        lines.append(",".join(map(str, [i * series.window, *words[i], repr(fraction)])))
    return "\n".join(lines) + "\n"


class CsvEncoder:
    """Formats chunks as lines of text; a `simulation.ChunkEncoder`."""

    repeats = False

    def __init__(self, sram: bool = True, dram: bool = True) -> None:
        self.sram = sram
        self.dram_words = CHUNK_WORDS if dram else 0

    def chunk_cycles(self, demand: Demand) -> int:
        """Return how many array cycles are formatted at a time."""
        return min(demand.cycles, max(1, CHUNK_WORDS // max(group.ports for group in demand.groups.values())))

    def encode(self, plan: Demand, operand: str, first_cycle: int, walls: Ints, chunk_cycles: int) -> list[bytes]:
        """Generate one port group's chunk and return its lines."""
        cycles, ports = len(walls), plan.groups[operand].ports
        addresses = _buffers.get("addresses", plan.dtype, ports * cycles).reshape(ports, cycles)
        plan.fill(operand, first_cycle, addresses, _buffers.get("requests", np.int32, cycles))
        return [_lines(walls, addresses)]

    def encode_cycles(self, walls: Ints, chunk_cycles: int) -> list[bytes]:
        """Return nothing: the wall cycle is the first column of every trace."""
        return []

    def encode_dram(self, walls: Ints, addresses: NDArray[np.integer]) -> list[bytes]:
        """Return a line for each word."""
        return [_lines(walls, addresses.reshape(1, -1))]


def _lines(walls: Ints, addresses: NDArray[np.integer]) -> bytes:
    from cyclesim.kernels.text import LONGEST_INT, format_rows

    out = _buffers.get("lines", np.uint8, (len(addresses) + 1) * len(walls) * (LONGEST_INT + 1))
    return out[: format_rows(walls, addresses, out)].tobytes()


class CsvLayerTrace:
    """Writes one layer's text traces into a folder; a `simulation.ChunkStore`.

    The folder is the caller's to rename when the layer is complete. A context manager: leaving it closes the files.
    """

    def __init__(self, folder: Path, sram: bool = True, dram: bool = True) -> None:
        self._folder = folder
        self._sides = [side for side, wanted in (("SRAM", sram), ("DRAM", dram)) if wanted]
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> CsvLayerTrace:
        self._folder.mkdir(parents=True)
        return self

    def __exit__(self, *exc: object) -> None:
        for file in self._files.values():
            file.close()

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        """Append a chunk to the layer's files."""
        self._begin(demand)
        for operand in demand.groups:
            self._files[file_name(operand, "SRAM")].writelines(payloads[operand])

    def store_dram(self, demand: Demand, stream: str, first_word: int, words: int, payload: Sequence[bytes]) -> None:
        """Append words to a stream's file."""
        self._begin(demand)
        self._files[file_name(stream, "DRAM")].writelines(payload)

    def _begin(self, demand: Demand) -> None:
        """Make all files, also those that stay empty: a stream without words, but no port group that does not exist."""
        if self._files:
            return
        for side in self._sides:
            for operand in demand.plan.dram_streams if side == "DRAM" else demand.groups:
                name = file_name(operand, side)
                self._files[name] = open(self._folder / name, "wb")  # noqa: SIM115
