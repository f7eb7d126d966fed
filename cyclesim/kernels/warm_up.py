"""Compiles (or loads) every kernel with the types that runs use, in the calling thread, before threads need it."""

from __future__ import annotations

import numpy as np

from cyclesim.kernels import demand, lzf, text


def warm_up() -> None:
    """Run each kernel once on a single word. 64-bit addresses are rare and compiled when they come."""
    table = demand.FoldTable(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0)
    axis = np.zeros(1, np.int32)
    stream = demand.PortStream(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, axis, axis, axis, axis)
    requests = np.zeros(1, np.int32)
    out = np.zeros((1, 1), np.int32)
    demand.fill(stream, table, 1, 0, out, requests)
    totals = np.zeros(4, np.int64)
    demand.tally(requests, totals)
    demand.count(stream, table, 1, 0, 1, 1, np.zeros(1, np.int32), requests, totals)
    demand.folds_in_flight(stream, table, 0, 1)
    text.format_rows(0, out, np.zeros(64, np.uint8))
    planes, recent, packed = np.zeros(16, np.uint8), np.zeros(1 << 13, np.int32), np.zeros(64, np.uint8)
    for words in (out, out.astype(np.int64)):
        lzf.encode_ports(words, 1, planes, recent, packed, np.zeros(1, np.int64))
