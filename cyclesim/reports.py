"""The reports of a run: CSV tables and SUMMARY.json.

Each column is defined once, here, with its unit and meaning; docs/reports.md is made from the same tables
(``python -m cyclesim.reports``). The first columns are SCALE-Sim's names in SCALE-Sim's order, ours follow under
their names in `results`.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cyclesim import __version__
from cyclesim.costs import CHIP_COMPONENTS, COMPONENTS, OFF_CHIP
from cyclesim.hardware import Hardware
from cyclesim.results import ALL_OPERANDS, READ_OPERANDS, STALL_CAUSES, LayerResult, RunResult
from cyclesim.technology.machine import Component, priced

SUMMARY_FORMAT = "cyclesim-summary"
SUMMARY_VERSION = 1


@dataclass(frozen=True)
class Column:
    """One column of a report: its head, its unit, what it says, and how to get it from a layer or a component."""

    name: str
    unit: str
    meaning: str
    value: Callable[[Any], Any]


def _field(name: str, unit: str, meaning: str) -> Column:
    return Column(name, unit, meaning, lambda layer: getattr(layer, name))


def _entries(name: str, keys: Sequence[str], unit: str, meaning: str) -> list[Column]:
    def entry(key: str) -> Column:
        def value(layer: LayerResult) -> Any:
            found = getattr(layer, name)
            return None if found is None else found[key]

        return Column(f"{name}_{key}", unit, f"{meaning}: {key}", value)

    return [entry(key) for key in keys]


def _per_cycle(words: int, layer: LayerResult) -> float:
    return words / layer.total_cycles


_IDENTITY = [
    Column("LayerID", "", "0-based index of the layer in its file", lambda layer: layer.index),
    Column("Layer", "", "its name", lambda layer: layer.name),
]

COMPUTE_REPORT: list[Column] = [
    *_IDENTITY,
    Column(
        "Total Cycles (incl. prefetch)", "cycles", "cold start, compute, stalls and drain", lambda r: r.total_cycles
    ),
    Column("Total Cycles", "cycles", "compute and stalls", lambda r: r.compute_cycles + r.stall_cycles),
    Column("Stall Cycles", "cycles", "stalls after the first array cycle", lambda r: r.stall_cycles),
    Column(
        "Overall Util %", "%", "MACs per PE and cycle, of all cycles",
        lambda r: 100 * r.macs / (r.array_size * r.total_cycles),
    ),
    Column(
        "Mapping Efficiency %", "%", "PEs that the folds use, averaged over folds",
        lambda r: 100 * r.spatial_used / r.spatial_slots,
    ),
    Column(
        "Compute Util %", "%", "MACs per PE and compute cycle",
        lambda r: 100 * r.macs / (r.array_size * r.compute_cycles),
    ),
    _field("type", "", "conv, dw, fc, gemm or matmul"),
    _field("groups", "", "matrix products in the layer"),
    _field("m", "", "rows of one group's ofmap matrix (output pixels, times batch)"),
    _field("k", "", "length of one group's products (window)"),
    _field("n", "", "columns of one group's ofmap matrix (filters)"),
    _field("macs", "MACs", "multiply-accumulates, those with padding zeros included"),
    _field("folds", "", "passes over the array"),
    _field("compute_cycles", "array cycles", "cycles in which the array advances"),
    _field("cold_start_cycles", "cycles", "before the first array cycle"),
    _field("stall_cycles", "cycles", "in which the array is held after that"),
    _field("drain_cycles", "cycles", "after the last array cycle"),
    _field("total_cycles", "cycles", "the sum of the four"),
]  # fmt: skip

BANDWIDTH_REPORT: list[Column] = [
    *_IDENTITY,
    Column("Avg IFMAP SRAM BW", "words/cycle", "ifmap reads / total_cycles",
           lambda r: _per_cycle(r.sram_reads["ifmap"], r)),
    Column("Avg FILTER SRAM BW", "words/cycle", "filter reads / total_cycles",
           lambda r: _per_cycle(r.sram_reads["filter"], r)),
    Column("Avg OFMAP SRAM BW", "words/cycle", "ofmap writes / total_cycles",
           lambda r: _per_cycle(r.sram_writes["ofmap"], r)),
    Column("Avg IFMAP DRAM BW", "words/cycle", "DRAM ifmap reads / total_cycles",
           lambda r: _per_cycle(r.dram_reads["ifmap"], r)),
    Column("Avg FILTER DRAM BW", "words/cycle", "DRAM filter reads / total_cycles",
           lambda r: _per_cycle(r.dram_reads["filter"], r)),
    Column("Avg OFMAP DRAM BW", "words/cycle", "DRAM ofmap writes / total_cycles",
           lambda r: _per_cycle(r.dram_writes["ofmap"], r)),
    *_entries("sram_bandwidth_mean", ALL_OPERANDS, "words/array cycle", "scratchpad words over compute cycles"),
    *_entries("sram_bandwidth_peak", ALL_OPERANDS, "words/array cycle", "most scratchpad words in one array cycle"),
    *_entries("dram_bandwidth_mean", ALL_OPERANDS, "words/array cycle", "DRAM words over compute cycles"),
    *_entries("dram_bandwidth_peak", ALL_OPERANDS, "words/array cycle", "most DRAM words of one fold's step"),
]  # fmt: skip


def _access(kind: str, label: str, operand: str, action: str) -> list[Column]:
    """Return SCALE-Sim's three columns of one operand on one side."""
    sram = kind == "SRAM"

    def words(layer: LayerResult) -> Any:
        counts = (layer.sram_reads, layer.sram_writes) if sram else (layer.dram_reads, layer.dram_writes)
        return counts[action == "Writes"][operand]

    return [
        Column(f"{kind} {label} Start Cycle", "wall cycle", "first with a request or issued word",
               lambda layer: (layer.sram_first_cycle if sram else layer.dram_first_cycle)[operand]),
        Column(f"{kind} {label} Stop Cycle", "wall cycle", "last with a request or issued word",
               lambda layer: (layer.sram_last_cycle if sram else layer.dram_last_cycle)[operand]),
        Column(f"{kind} {label} {action}", "words", f"{kind} {action.lower()} of the {operand}", words),
    ]  # fmt: skip


_ACCESSES = [("IFMAP", "ifmap", "Reads"), ("Filter", "filter", "Reads"), ("OFMAP", "ofmap", "Writes")]

DETAILED_ACCESS_REPORT: list[Column] = [
    *_IDENTITY,
    *(column for access in _ACCESSES for column in _access("SRAM", *access)),
    *(column for access in _ACCESSES for column in _access("DRAM", *access)),
    *_entries("sram_reads", READ_OPERANDS, "words", "scratchpad reads"),
    *_entries("sram_writes", ("ofmap",), "words", "scratchpad writes"),
    *_entries("dram_reads", READ_OPERANDS, "words", "DRAM reads"),
    *_entries("dram_writes", ("ofmap",), "words", "DRAM writes"),
]

STALL_REPORT: list[Column] = [
    *_IDENTITY,
    _field("compute_cycles", "array cycles", "cycles in which the array advances"),
    _field("cold_start_cycles", "cycles", "before the first array cycle"),
    _field("stall_cycles", "cycles", "in which the array is held after that"),
    _field("drain_cycles", "cycles", "after the last array cycle"),
    _field("total_cycles", "cycles", "the sum of the four"),
    *_entries("stall_by", STALL_CAUSES, "cycles", "held cycles in which this cause holds"),
    _field("least_bandwidth", "words/cycle", "a whole DRAM bandwidth without stalls, one less having some"),
    _field("bound", "", "compute, bandwidth, latency or capacity (docs/memory-model.md)"),
    *_entries("dram_reads", READ_OPERANDS, "words", "DRAM reads"),
    *_entries("dram_writes", ("ofmap",), "words", "DRAM writes"),
    _field("effective_bandwidth", "words/cycle", "DRAM words / total_cycles"),
    _field("channel_utilization", "", "DRAM words over what the channel could have moved; empty if it has no limit"),
    _field("arithmetic_intensity", "MACs/word", "MACs per DRAM word"),
    _field("machine_balance", "MACs/word", "PEs over words per cycle of the channel; empty if it has no limit"),
]

ENERGY_REPORT: list[Column] = [
    *_IDENTITY,
    _field("total_cycles", "cycles", "cycles of the whole layer"),
    _field("clock_mhz", "MHz", "given, or what the slowest part allows"),
    _field("time_s", "s", "total_cycles / clock"),
    _field("macs", "MACs", "multiply-accumulates, of two operations each"),
    _field("total_energy_pj", "pJ", "energy of all components"),
    *_entries("energy_pj", COMPONENTS, "pJ", "energy, leakage included"),
    *_entries("leakage_pj", CHIP_COMPONENTS, "pJ", "energy that leaks away"),
    *_entries("power_mw", COMPONENTS, "mW", "average power, energy / time"),
    _field("fj_per_op", "fJ", "energy per operation"),
    _field("chip_fj_per_op", "fJ", "energy per operation without the DRAM's"),
    _field("tops", "10^12/s", "operations per second"),
    _field("tops_per_mm2", "10^12/s/mm2", "operations per second and area of the chip"),
    _field("tops_per_w", "10^12/s/W", "operations per second and watt"),
    _field("edp", "J s", "energy times time"),
]

AREA_REPORT: list[Column] = [
    _field("component", "", "part of the machine (docs/energy.md); the last row, total, is the chip"),
    _field("count", "", "units, bits of registers, banks"),
    _field("area_mm2", "mm2", "area of all of them; empty for the DRAM"),
    _field("leakage_mw", "mW", "leakage of all of them"),
    _field("energy_pj", "pJ", "one operation, bit written, read access, or bit transferred"),
    _field("write_energy_pj", "pJ", "a write access of a scratchpad"),
    _field("delay_ns", "ns", "a scratchpad's cycle; the PE's stage in the row of the multiplier"),
    _field("bank_bytes", "bytes", "size of a scratchpad's bank, as priced"),
    _field("word_bits", "bits", "its word"),
    _field("sram_ports", "", "1RW or 1R1W"),
    _field("note", "", "where the figures are not plainly the table's"),
]

TOTAL = "total"
"""Name of the last row of the reports that have one."""

REPORTS: dict[str, list[Column]] = {
    "COMPUTE_REPORT.csv": COMPUTE_REPORT,
    "BANDWIDTH_REPORT.csv": BANDWIDTH_REPORT,
    "DETAILED_ACCESS_REPORT.csv": DETAILED_ACCESS_REPORT,
    "STALL_REPORT.csv": STALL_REPORT,
    "ENERGY_REPORT.csv": ENERGY_REPORT,
    "AREA_REPORT.csv": AREA_REPORT,
}


def report_text(columns: list[Column], run: RunResult) -> str:
    """Return a report as CSV: integers as integers, floats by repr, unknown figures empty.

    The area report has a row a component and one of the chip, and none if the machine has no prices; the others have a
    row a layer, the energy report one of the network, too.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in _components(run.hardware) if columns is AREA_REPORT else run.layers:
        writer.writerow([cell(column.value(row)) for column in columns])
    if columns is ENERGY_REPORT and run.layers:
        totals = run.totals
        writer.writerow(["", TOTAL, *(cell(column.value(totals)) for column in columns[len(_IDENTITY) :])])
    return text.getvalue()


def _components(hardware: Hardware) -> list[Component]:
    machine = priced(hardware).machine
    return [] if machine is None else [*machine.components, _chip(machine.components)]


def _chip(components: Sequence[Component]) -> Component:
    """Return the sums of the components: areas and leakages add up, energies of different events do not."""
    on_chip = [each for each in components if each.component != OFF_CHIP]
    area_mm2 = sum(each.area_mm2 for each in on_chip if each.area_mm2 is not None)
    leakage_mw = sum(each.leakage_mw for each in on_chip if each.leakage_mw is not None)
    nothing: dict[str, Any] = {field.name: None for field in fields(Component)}
    return Component(**{**nothing, "component": TOTAL, "area_mm2": area_mm2, "leakage_mw": leakage_mw,
                        "note": "the chip, without the DRAM"})  # fmt: skip


def _prices(hardware: Hardware) -> dict[str, Any]:
    """Return what SUMMARY.json says of the machine's prices, or why it has none."""
    found = priced(hardware)
    if found.machine is not None:
        return found.machine.summary()
    assert found.problem is not None, "no prices for a reason"
    return {"reason": found.problem.rule}


def cell(value: Any) -> Any:
    """Return a value as the CSV files have it."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else value


def summary_text(run: RunResult, input_hash: str, wall_seconds: float) -> str:
    """Return SUMMARY.json."""
    summary: Mapping[str, Any] = {
        "format": SUMMARY_FORMAT,
        "version": SUMMARY_VERSION,
        "engine": run.engine,
        "run_name": run.hardware.run_name,
        "network": run.network,
        "memory": run.hardware.memory_model,
        "layers": [layer.to_dict() for layer in run.layers],
        "totals": run.totals.to_dict() if run.layers else None,
        "hardware": run.hardware.expanded(),
        "prices": _prices(run.hardware),
        "versions": _versions(run.engine),
        "input_hash": input_hash,
        "wall_seconds": wall_seconds,
    }
    return json.dumps(summary, indent=1, allow_nan=False) + "\n"


def _versions(engine: str) -> dict[str, str]:
    """Return the versions of what a result was made with; the model has no part in Numba and HDF5."""
    found = {"cyclesim": __version__, "python": sys.version.split()[0], "numpy": np.__version__}
    if engine == "simulate":
        from importlib import metadata  # takes as long to load as a tenth of an estimate

        found |= {package: metadata.version(package) for package in ("numba", "h5py")}
    return found


def columns_as_markdown() -> str:
    """Return the tables of docs/reports.md."""
    parts = []
    for name, columns in REPORTS.items():
        rows = [f"| {column.name} | {column.unit} | {column.meaning} |" for column in columns]
        parts.append("\n".join([f"## {name}", "", "| column | unit | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(columns_as_markdown(), end="")
