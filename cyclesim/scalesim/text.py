"""SCALE-Sim's traces as text, byte for byte.

SRAM traces look as those of the native mode, DRAM traces are rows of floats.
"""

from __future__ import annotations

import numpy as np

from cyclesim.buffers import ThreadBuffers
from cyclesim.csvtraces import CsvEncoder
from cyclesim.scalesim.buffers import TraceRows

_buffers = ThreadBuffers()


class ScaleSimText(CsvEncoder):
    """Formats chunks as lines of text; a `stretches.ChunkEncoder` whose DRAM traces have rows of several words."""

    def encode_rows(self, rows: TraceRows) -> list[bytes]:
        """Return a line for each row: its cycle and its entries as floats; nulls are -1.0, what fills it up is 1.0."""
        from cyclesim.kernels.text import LONGEST_INT, format_float_rows

        room = len(rows.cycles) * (rows.text_width + 1) * (LONGEST_INT + 3)
        out = _buffers.get("lines", np.uint8, room)
        return [out[: format_float_rows(rows.cycles, rows.entries, rows.width, rows.text_width, out)].tobytes()]
