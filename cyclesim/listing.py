"""Tables for the terminal: shipped files, what a run would do, and what it found."""

from __future__ import annotations

from collections.abc import Sequence

from cyclesim import shipped
from cyclesim.hardware import Hardware
from cyclesim.lowering import gemm_sizes
from cyclesim.readers.hwconfig import read_hardware
from cyclesim.readers.topology import read_topology
from cyclesim.results import LayerResult, RunResult, Totals
from cyclesim.scalesim_schedule import layer_schedule
from cyclesim.tracesize import trace_bytes
from cyclesim.workload import Network


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return text columns: the first left-aligned, the others right-aligned."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def shipped_tables() -> str:
    """Return the shipped networks and machines with their main figures."""
    networks = []
    for name in shipped.names("topologies"):
        network, _ = read_topology(shipped.find("topologies", name))
        sizes = [gemm_sizes(layer) for layer in network.layers]
        macs = sum(groups * m * k * n for groups, m, k, n in sizes)
        networks.append((name, str(len(sizes)), f"{macs / 1e6:,.1f} M"))
    machines = []
    for name in shipped.names("hwconfigs"):
        hardware, _ = read_hardware(shipped.find("hwconfigs", name))
        buffers = "/".join(
            str(pad.words(bits) * bits // 8192)
            for pad, bits in (
                (hardware.ifmap_sram, hardware.ifmap_bits),
                (hardware.filter_sram, hardware.filter_bits),
                (hardware.ofmap_sram, hardware.ofmap_bits),
            )
        )
        machines.append((name, f"{hardware.rows}x{hardware.cols}", hardware.variant, buffers))
    return "\n\n".join(
        [
            table(("network", "layers", "MACs"), networks),
            table(("machine", "array", "variant", "ifmap/filter/ofmap kB"), machines),
        ]
    )


def dry_run_table(network: Network, hardware: Hardware, trace_format: str) -> str:
    """Return what a run would do: layers, matrix sizes, folds, cycles and the size of all traces."""
    rows: list[tuple[str, ...]] = []
    total_cycles = total_bytes = 0
    for layer in network.layers:
        groups, m, k, n = gemm_sizes(layer)
        plan = layer_schedule(layer, hardware)
        cycles = groups * plan.cycles
        size = trace_bytes(layer, hardware, trace_format)
        total_cycles += cycles
        total_bytes += size
        rows.append(
            (layer.name, str(layer.index), layer.type, f"{groups:,}", f"{m:,}", f"{k:,}", f"{n:,}",
             f"{groups * plan.folds:,}", f"{cycles:,}", megabytes(size))
        )  # fmt: skip
    header = ("layer", "index", "type", "groups", "M", "K", "N", "folds", "cycles", f"{trace_format} traces")
    rows.append(("total", "", "", "", "", "", "", "", f"{total_cycles:,}", megabytes(total_bytes)))
    return table(header, rows)


def result_table(run: RunResult) -> str:
    """Return the closing table of a run: cycles, utilization, words and what limits each layer."""
    rows = [(*_figures(layer.name, layer), layer.bound or "-") for layer in run.layers]
    rows.append((*_figures("total", run.totals), ""))
    header = ("layer", "cycles", "stalls", "utilization", "SRAM words", "DRAM words", "least bandwidth", "bound")
    return table(header, rows)


def _figures(name: str, result: LayerResult | Totals) -> tuple[str, ...]:
    sram, dram = (
        sum((*reads.values(), *writes.values()))
        for reads, writes in ((result.sram_reads, result.sram_writes), (result.dram_reads, result.dram_writes))
    )
    least = "-" if result.least_bandwidth is None else str(result.least_bandwidth)
    cycles = (f"{result.total_cycles:,}", f"{result.stall_cycles:,}", f"{100 * result.utilization:.1f} %")
    return (name, *cycles, f"{sram:,}", f"{dram:,}", least)


def megabytes(size: int) -> str:
    """Return a size in MB."""
    return f"{size / 1e6:,.1f} MB"
