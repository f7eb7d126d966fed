"""SCALE-Sim's three reports, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cyclesim.results import RunResult
from cyclesim.scalesim.layer import ScaleSimResult
from cyclesim.scalesim_versions import SCALESIM_VERSIONS

_SIDES = (("IFMAP", "ifmap", "Reads"), ("Filter", "filter", "Reads"), ("OFMAP", "ofmap", "Writes"))

COMPUTE_COLUMNS = (
    "LayerID", "Total Cycles (incl. prefetch)", "Total Cycles", "Stall Cycles", "Overall Util %",
    "Mapping Efficiency %", "Compute Util %",
)  # fmt: skip
BANDWIDTH_COLUMNS = (
    "LayerID", "Avg IFMAP SRAM BW", "Avg FILTER SRAM BW", "Avg OFMAP SRAM BW", "Avg IFMAP DRAM BW",
    "Avg FILTER DRAM BW", "Avg OFMAP DRAM BW",
)  # fmt: skip
ACCESS_COLUMNS = (
    "LayerID",
    *(
        f"{memory} {operand} {figure}"
        for memory in ("SRAM", "DRAM")
        for operand, _, moved in _SIDES
        for figure in ("Start Cycle", "Stop Cycle", moved)
    ),
)


def _compute(layer: ScaleSimResult) -> list[int | float]:
    total = layer.total_cycles
    overall = layer.macs * 100 / (total * layer.array_size)
    percentages = [overall, layer.mapping_percent, layer.compute_percent]
    return [layer.cycles_with_prefetch, total, layer.stall_cycles, *percentages]


def _compute_without_prefetch(layer: ScaleSimResult) -> list[int | float]:
    return _compute(layer)[1:]


def _bandwidth(layer: ScaleSimResult) -> list[int | float]:
    sram, dram = {**layer.sram_reads, **layer.sram_writes}, {**layer.dram_reads, **layer.dram_writes}
    operands = [operand for _, operand, _ in _SIDES]
    return [
        *(sram[operand] / layer.total_cycles for operand in operands),
        *(dram[operand] / (_last(layer, operand) - _first(layer, operand) + 1) for operand in operands),
    ]


def _access(layer: ScaleSimResult) -> list[int | float]:
    sram, dram = {**layer.sram_reads, **layer.sram_writes}, {**layer.dram_reads, **layer.dram_writes}
    figures: list[int | float] = []
    for _, operand, _ in _SIDES:
        first, last = layer.sram_first_cycle[operand], layer.sram_last_cycle[operand]
        cycles = [0, 0] if first is None or last is None else [float(first), float(last)]  # SCALE-Sim's, too
        figures += [*cycles, sram[operand]]
    for _, operand, _ in _SIDES:
        figures += [float(_first(layer, operand)), float(_last(layer, operand)), dram[operand]]
    return figures


def _first(layer: ScaleSimResult, operand: str) -> int:
    first = layer.dram_first_cycle[operand]
    assert first is not None, "every operand has a DRAM trace"
    return first


def _last(layer: ScaleSimResult, operand: str) -> int:
    last = layer.dram_last_cycle[operand]
    assert last is not None, "every operand has a DRAM trace"
    return last


SCALESIM_REPORTS: dict[str, tuple[tuple[str, ...], Callable[[ScaleSimResult], list[int | float]]]] = {
    "COMPUTE_REPORT.csv": (COMPUTE_COLUMNS, _compute),
    "BANDWIDTH_REPORT.csv": (BANDWIDTH_COLUMNS, _bandwidth),
    "DETAILED_ACCESS_REPORT.csv": (ACCESS_COLUMNS, _access),
}


def scalesim_report_text(name: str, run: RunResult) -> str:
    """Return the text of the report of this file name, as the version that the memory model follows has it."""
    columns, figures = SCALESIM_REPORTS[name]
    if figures is _compute and not SCALESIM_VERSIONS[run.hardware.memory_model].reports_prefetch:
        columns, figures = (columns[0], *columns[2:]), _compute_without_prefetch
    lines = [_line(columns)]
    for layer in run.layers:
        assert isinstance(layer, ScaleSimResult), "a run of this memory model"
        lines.append(_line([layer.index, *figures(layer)]))
    return "".join(lines)


def _line(fields: Sequence[str | int | float]) -> str:
    return "".join(f"{', '.join(map(str, fields))},\n")
