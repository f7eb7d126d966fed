"""SCALE-Sim's outputs for a dense run, in plain Python: the judge of the compatibility modes.

Versions 3.0.0 and 2.0.2 differ in a few rules; each place where they do asks for the version.

Each rule is written down once, in the slowest and most direct way, with lists and sets; no shortcuts, nothing of ours
imported. `run_layer` gives the numbers and traces of one layer, `outputs` the files of a run, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.reference import scalesim_demand as demand
from tests.reference.scalesim_buffers import CalcReadBuffer, ReadBuffer, UserReadBuffer, WriteBuffer
from tests.reference.scalesim_demand import NULL, LayerShape, ScaleSimFails

OPERANDS = ("ifmap", "filter", "ofmap")
COMPUTE_HEADER = (
    "LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, Overall Util %, Mapping Efficiency %, "
    "Compute Util %,\n"
)
BANDWIDTH_HEADER = (
    "LayerID, Avg IFMAP SRAM BW, Avg FILTER SRAM BW, Avg OFMAP SRAM BW, "
    "Avg IFMAP DRAM BW, Avg FILTER DRAM BW, Avg OFMAP DRAM BW,\n"
)
ACCESS_HEADER = (
    "LayerID, SRAM IFMAP Start Cycle, SRAM IFMAP Stop Cycle, SRAM IFMAP Reads, SRAM Filter Start Cycle, "
    "SRAM Filter Stop Cycle, SRAM Filter Reads, SRAM OFMAP Start Cycle, SRAM OFMAP Stop Cycle, SRAM OFMAP Writes, "
    "DRAM IFMAP Start Cycle, DRAM IFMAP Stop Cycle, DRAM IFMAP Reads, DRAM Filter Start Cycle, "
    "DRAM Filter Stop Cycle, DRAM Filter Reads, DRAM OFMAP Start Cycle, DRAM OFMAP Stop Cycle, DRAM OFMAP Writes,\n"
)


@dataclass(frozen=True)
class Case:
    """A machine. Sizes [kB], offsets [words] in the order ifmap, filter, ofmap.

    The bandwidths [words per cycle] hold in USER mode; in CALC mode they are not looked at. In version 2.0.2 the write
    bandwidth is that of reads, too.
    """

    rows: int
    cols: int
    dataflow: str
    kb: tuple[int, int, int]
    offsets: tuple[int, int, int]
    interface: str = "CALC"
    read_bandwidths: tuple[int, int] = (10, 10)
    write_bandwidth: int = 10
    version: str = "3.0.0"


@dataclass(frozen=True)
class Stream:
    """One trace, as rows of a stamp and addresses, with the start, stop and count that the reports give for it.

    A trace is silent if no row holds a request, because all words have address -1: the reports then give start and
    stop as the integer 0, and as floats otherwise.
    """

    rows: list[list[int]]
    start: int
    stop: int
    count: int
    silent: bool = False

    def reported(self) -> list[int | float]:
        return [*([self.start, self.stop] if self.silent else [float(self.start), float(self.stop)]), self.count]


@dataclass(frozen=True)
class LayerOutcome:
    """What a layer comes to; `sram` and `dram` are in the order ifmap, filter, ofmap."""

    macs: int
    stall_cycles: int
    total_cycles: int
    total_cycles_with_prefetch: int
    mapping_efficiency_percent: float
    compute_util_percent: float
    sram: tuple[Stream, Stream, Stream]
    dram: tuple[Stream, Stream, Stream]


def run_layer(case: Case, layer: LayerShape) -> LayerOutcome:
    """Run one layer, from cycle 0 with empty buffers."""
    if case.interface not in ("CALC", "USER"):
        raise ScaleSimFails("InterfaceBandwidth not CALC or USER")
    if 0 in case.kb:
        raise ScaleSimFails("any SRAM size 0")
    read_bandwidths = case.read_bandwidths if case.version == "3.0.0" else (case.write_bandwidth, case.write_bandwidth)
    if case.interface == "USER" and 0 in (*read_bandwidths, case.write_bandwidth):
        raise ScaleSimFails("Bandwidth 0, read bandwidth 0")
    dataflow = case.dataflow if case.dataflow in ("ws", "is") else "os"
    op = demand.operands(layer, case.offsets)
    folds = demand.folds(op, case.rows, case.cols, dataflow, case.version)

    readers: list[ReadBuffer]
    if case.interface == "CALC":
        readers = [CalcReadBuffer(kb) for kb in case.kb[:2]]
        writer = WriteBuffer(case.kb[2], case.cols)
    else:
        orders = demand.prefetch_orders(op, case.rows, case.cols, dataflow)
        given = zip(case.kb[:2], read_bandwidths, orders, strict=True)
        readers = [UserReadBuffer(*each, case.version) for each in given]
        writer = WriteBuffer(case.kb[2], case.write_bandwidth)

    traces: list[list[list[int]]] = [[], [], []]
    stall = 0
    last = 0
    row = 0
    for fold in folds:
        for requests in zip(fold.ifmap, fold.filter, fold.ofmap, strict=True):
            cycle = row + stall
            xi, xf = (each.service(line, cycle) for each, line in zip(readers, requests[:2], strict=True))
            xo = writer.service(requests[2], cycle)
            for trace, stamp, line in zip(traces, (xi, xf, xo), requests, strict=True):
                trace.append([stamp, *line])
            write_stall = xo - cycle if case.version == "3.0.0" else xo - cycle - 1
            stall += max(xi - cycle - 1, xf - cycle - 1, write_stall)
            last = xo
            row += 1
    for each in readers:
        each.finish()
    writer.flush(last)

    counts = (
        sum(fold.reads_ifmap for fold in folds),
        sum(fold.reads_filter for fold in folds),
        sum(fold.writes_ofmap for fold in folds),
    )
    ifmap, filt, ofmap = (sram_stream(trace, count) for trace, count in zip(traces, counts, strict=True))
    from_ifmap, from_filter = (dram_stream(each.trace, each.count, case.version) for each in readers)
    to_ofmap = dram_stream(writer.trace, writer.count, case.version)
    ends = max(row[0] for row in writer.trace)
    if last == 0:
        raise ScaleSimFails("Total Cycles 0")
    return LayerOutcome(
        macs=len(op.ofmap) * len(op.filter) * len(op.filter[0]),
        stall_cycles=stall,
        total_cycles=last,
        total_cycles_with_prefetch=ends - min(from_ifmap.start, from_filter.start),
        mapping_efficiency_percent=mean([fold.mapping for fold in folds]) * 100,
        compute_util_percent=mean([fold.util for fold in folds]) * 100,
        sram=(ifmap, filt, ofmap),
        dram=(from_ifmap, from_filter, to_ofmap),
    )


def sram_stream(rows: list[list[int]], count: int) -> Stream:
    """Start and stop are those of the first and the last row with a request, even if stamps run backwards."""
    stamps = [row[0] for row in rows if any(address != NULL for address in row[1:])]
    return Stream(rows, stamps[0], stamps[-1], count) if stamps else Stream(rows, 0, 0, count, silent=True)


def dram_stream(rows: list[list[int]], count: int, version: str) -> Stream:
    stamps = [row[0] for row in rows]
    if version == "2.0.2":
        return Stream(rows, stamps[0], stamps[-1], count)
    return Stream(rows, min(stamps), max(stamps), count)


def mean(values: list[float]) -> float:
    """Add from left to right in double precision, then divide; `sum` compensates from Python 3.12 on."""
    total = 0.0
    for value in values:
        total = total + value
    return total / len(values)


def outputs(case: Case, layers: list[LayerShape]) -> dict[str, bytes]:
    """Return the files of a run by their names relative to its folder."""
    files = {}
    compute, bandwidth, access = COMPUTE_HEADER, BANDWIDTH_HEADER, ACCESS_HEADER
    if case.version == "2.0.2":
        compute = compute.replace(" Total Cycles (incl. prefetch),", "")
    for number, layer in enumerate(layers):
        out = run_layer(case, layer)
        total = out.total_cycles
        overall = (out.macs * 100) / (total * case.rows * case.cols)
        with_prefetch = [out.total_cycles_with_prefetch] if case.version == "3.0.0" else []
        compute += report_line(
            [number, *with_prefetch, total, out.stall_cycles],
            [overall, out.mapping_efficiency_percent, out.compute_util_percent],
        )
        bandwidth += report_line(
            [number],
            [each.count / total for each in out.sram],
            [each.count / (each.stop - each.start + 1) for each in out.dram],
        )
        access += report_line([number], *(each.reported() for each in (*out.sram, *out.dram)))
        for name, sram, dram in zip(OPERANDS, out.sram, out.dram, strict=True):
            files[f"layer{number}/{name.upper()}_SRAM_TRACE.csv"] = trace_text(sram.rows)
            files[f"layer{number}/{name.upper()}_DRAM_TRACE.csv"] = trace_text(
                [[float(value) for value in row] for row in dram.rows]
            )
    files["COMPUTE_REPORT.csv"] = compute.encode()
    files["BANDWIDTH_REPORT.csv"] = bandwidth.encode()
    files["DETAILED_ACCESS_REPORT.csv"] = access.encode()
    return files


def report_line(*groups: Sequence[int | float]) -> str:
    return "".join(f"{value!r}, " for group in groups for value in group)[:-1] + "\n"


def trace_text(rows: Sequence[Sequence[int | float]]) -> bytes:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows).encode()
