"""Compiles (or loads) the kernels that a run needs, in the calling thread, before threads need them."""

from __future__ import annotations

from typing import Any

import numpy as np


def warm_up(traces: str | None = None, memory_model: str = "native") -> None:
    """Run each kernel once on a single word.

    Parameters
    ----------
    traces : {"hdf5", "csv"}, optional
        Whether, and how, the run writes traces. 64-bit addresses are rare: their kernels are compiled when they come.
    memory_model : {"native", "scalesim", "scalesim2"}
        Whose buffers are simulated.
    """
    from cyclesim.kernels import demand

    table = demand.FoldTable(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0)
    axis = np.zeros(1, np.int32)
    stream = demand.PortStream(1, 0, 0, 0, 0, 1, 0, 0, axis, axis, axis, np.zeros((1, 1), np.int8))
    requests = np.zeros(1, np.int32)
    totals = np.zeros(4, np.int64)
    out = np.zeros((1, 1), np.int32)
    demand.requests_per_cycle(stream, table, 1, 0, requests)
    demand.tally(requests, totals)
    if memory_model != "native":
        demand.fill(stream, table, 1, 0, out, requests)
        _warm_up_scalesim(stream, table, out)
    else:
        _warm_up_memory(stream, table)
    if traces is None:
        return
    if traces == "csv":
        from cyclesim.kernels import text

        demand.fill(stream, table, 1, 0, out, requests)
        text.format_rows(np.zeros(1, np.int64), out, np.zeros(64, np.uint8))
        if memory_model != "native":
            text.format_float_rows(np.zeros(1, np.int64), axis, 1, 1, np.zeros(64, np.uint8))
        return
    from cyclesim.kernels import encode, lzf

    demand.folds_in_flight(stream, table, 1, 0, 1)
    planes, recent, packed = np.zeros(16, np.uint8), np.zeros(1 << 13, np.int32), np.zeros(64, np.uint8)
    encode.encode_ports(stream, table, 1, 0, axis, 1, planes, recent, packed, np.zeros(1, np.int64))
    lzf.encode_line(axis, 1, planes, recent, packed)
    lzf.encode_line(np.zeros(1, np.int64), 1, planes, recent, packed)


def _warm_up_memory(stream: Any, table: Any) -> None:
    """Run the kernels of the memory system on one word."""
    from cyclesim.kernels import series, timeline, traffic

    requests, entered = np.zeros(1, np.int32), np.zeros(1, np.int32)
    numbers, addresses = [np.zeros(1, np.int64) for _ in range(6)], np.zeros(1, np.int32)
    traffic.pass_chunk(stream, table, 1, 0, 1, 0, entered, 1, 0, 1, *numbers, addresses, addresses.copy())
    traffic.pass_results_in_order(stream, table, 1, 0, requests, 1, 0, *numbers)
    traffic.renumber(entered, 0, 0)
    traffic.busiest_step(numbers[0], numbers[1], 1, np.array([1, 0, 0]))
    clock, queue = np.zeros(timeline.CLOCK_SIZE, np.int64), np.zeros((timeline.QUEUES, timeline.QUEUE_FIELDS), np.int64)
    clock[timeline.SLOTS] = -1
    events = np.zeros(1, np.int64)
    empty = np.empty((0, 0), np.int64)
    timeline.run(
        clock, queue, events, events.copy(), events.copy(), numbers[0], numbers[1], 0, 1, 1, 1, 0, 1, 1, 0,
        np.zeros(4, np.int64), 0, numbers[2], empty, 1, empty,
    )  # fmt: skip
    timeline.comes_late(events, events, np.zeros(5, np.int64), np.ones(3, np.int64), 1, numbers[0], numbers[1])
    series.add_requests(requests, numbers[0], 1, np.zeros((1, 2), np.int64)[:, 0])


def _warm_up_scalesim(stream: Any, table: Any, chunk: Any) -> None:
    """Run the kernels of SCALE-Sim's buffers on one word."""
    from cyclesim.kernels import scalesim

    moves, held, words = np.zeros(1, np.int32), np.ones(1, np.int32), np.zeros(1, np.int32)
    numbers, state = [np.zeros(1, np.int64) for _ in range(4)], np.zeros(scalesim.ROW_FIELDS, np.int64)
    cursor, pairs = np.zeros(scalesim.CURSOR_FIELDS, np.int64), np.zeros((4, 2), np.int64)
    scalesim.first_row(chunk, -1)
    scalesim.last_row(chunk)
    scalesim.pack_words(chunk, words)
    scalesim.pass_misses(chunk, 0, held, np.zeros(scalesim.MISS_FIELDS, np.int64), 1, numbers[0], words)
    scalesim.order_sets(words, 1, np.zeros(16, np.int64), np.zeros(16, np.int64))
    scalesim.lines_words(0, 1, 1, 1, 1)
    scalesim.open_window(held, 0, 1, cursor, words, words.copy(), moves, stream, table, 1)
    scalesim.pass_window(
        chunk, 0, held, np.zeros(scalesim.WINDOW_FIELDS, np.int64), np.ones(4, np.int64), cursor, cursor.copy(), words,
        words.copy(), words.copy(), moves, stream, table, 1, np.zeros(1, np.int32),
    )  # fmt: skip
    scalesim.pass_rows(state, moves, moves, moves, 1, 1, 1, 1, 1, 2, 0, pairs, pairs.copy(), *numbers)
    scalesim.flush(state, 0, 1, 1, pairs, pairs.copy())
    scalesim.lay_lines(words, 0, pairs, 1, words.copy())
