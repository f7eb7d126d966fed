"""Compiles (or loads) the kernels that a run needs, in the calling thread, before threads need them."""

from __future__ import annotations

import numpy as np


def warm_up(traces: str | None = None) -> None:
    """Run each kernel once on a single word.

    Parameters
    ----------
    traces : {"hdf5", "csv"}, optional
        Whether, and how, the run writes traces. 64-bit addresses are rare: their kernels are compiled when they come.
    """
    from cyclesim.kernels import demand

    table = demand.FoldTable(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0)
    axis = np.zeros(1, np.int32)
    stream = demand.PortStream(1, 0, 0, 0, 0, 1, 0, 0, axis, axis, axis, np.zeros((1, 1), np.int8))
    requests = np.zeros(1, np.int32)
    totals = np.zeros(4, np.int64)
    out = np.zeros((1, 1), np.int32)
    demand.count(stream, table, 1, 0, 1, 1, np.zeros(1, np.int32), requests, totals)
    if traces is None:
        return
    demand.tally(requests, totals)
    if traces == "csv":
        from cyclesim.kernels import text

        demand.fill(stream, table, 1, 0, out, requests)
        text.format_rows(0, out, np.zeros(64, np.uint8))
        return
    from cyclesim.kernels import encode, lzf

    demand.folds_in_flight(stream, table, 1, 0, 1)
    planes, recent, packed = np.zeros(16, np.uint8), np.zeros(1 << 13, np.int32), np.zeros(64, np.uint8)
    encode.encode_ports(
        stream, table, 1, 0, np.zeros(1, np.int32), 1, planes, recent, requests, packed, np.zeros(1, np.int64)
    )
    lzf.encode_line(np.zeros(1, np.int64), 1, planes, recent, packed)
