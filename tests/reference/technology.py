"""What does one machine cost, in plain Python: loops over folds and words, one lookup after the other.

Restates docs/energy.md. It reads the full CACTI table of validation/technology, not the package's, and imports
nothing of cyclesim. A machine is a plain mapping; the words of a layer that cross its memories are given.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "cyclesim/technology/data"
NODES = (22, 32, 45, 65, 90)
BITS = {"int4": 4, "int8": 8, "int16": 16, "int24": 24, "int32": 32, "fp16": 16, "bf16": 16, "fp32": 32}
Figures = dict[str, float]


def table(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@lru_cache
def cacti() -> dict[tuple[str, int, str, int, int], Figures]:
    """The table by device, node, ports, word bits and bytes, with the two known slips of its leakage corrected."""
    found = {}
    with (ROOT / "validation/technology/cacti7_sram.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["banks"] != "1":
                continue
            device, node = row["device"][5:], int(row["node_nm"])
            leakage = float(row["leakage_mW"]) * {("lop", 90): 0.245, ("lstp", 22): 3.5}.get((device, node), 1)
            found[device, node, row["ports"], int(row["word_bits"]), int(row["capacity_bytes"])] = {
                "read": float(row["read_energy_pJ"]), "write": float(row["write_energy_pJ"]),
                "leakage": float(f"{leakage:.5g}"), "area": float(row["area_mm2"]),
                "cycle": float(row["cycle_time_ns"]),
            }  # fmt: skip
    return found


@dataclass(frozen=True)
class Neighbours:
    low: int
    high: int
    part: float


def neighbours(value: float, axis: tuple[int, ...]) -> Neighbours | None:
    """The places of an axis around a value, and how far it is between them in logarithms."""
    if value in axis:
        return Neighbours(int(value), int(value), 0.0)
    for low, high in pairwise(axis):
        if low < value < high:
            return Neighbours(low, high, math.log(value / low) / math.log(high / low))
    return None


def blend(low: Figures, high: Figures, part: float, larger: tuple[str, ...]) -> Figures:
    return {
        name: max(low[name], high[name]) if name in larger and part else low[name] ** (1 - part) * high[name] ** part
        for name in low
    }


def bank(device: str, node: float, ports: str, bits: int, size: float) -> Figures | None:
    """One bank, None outside of the table."""
    at_node = neighbours(max(node, NODES[0]), NODES)
    at_bits = neighbours(bits, tuple(2**i for i in range(3, 12)))
    at_size = neighbours(size, tuple(2**i for i in range(10, 26)))
    if at_node is None or at_bits is None or at_size is None or node < 7:
        return None
    found: dict[int, Figures] = {}
    for one_node in (at_node.low, at_node.high):
        by_bits = {}
        for word in (at_bits.low, at_bits.high):
            ends = [cacti().get((device, one_node, ports, word, each)) for each in (at_size.low, at_size.high)]
            if ends[0] is None or ends[1] is None:
                return None
            by_bits[word] = blend(ends[0], ends[1], at_size.part, ("cycle",))
        found[one_node] = blend(by_bits[at_bits.low], by_bits[at_bits.high], at_bits.part, ("cycle",))
    figures = blend(found[at_node.low], found[at_node.high], at_node.part, ("leakage", "cycle"))
    if node < NODES[0]:
        energy, area = (factor(node, column) / factor(NODES[0], column) for column in (ENERGY, AREA))
        scale = {"read": energy, "write": energy, "leakage": area, "area": area, "cycle": 1.0}
        figures = {name: value * scale[name] for name, value in figures.items()}
    return figures


ENERGY, AREA = "energy_factor_vs_45nm_at_0p9V", "area_factor_vs_45nm"


def factor(node: float, column: str) -> float:
    return between(node, [(float(row["node_nm"]), float(row[column])) for row in table("pe_scaling")])


def between(node: float, points: list[tuple[float, float]]) -> float:
    points = sorted(points)
    if node <= points[0][0]:
        return points[0][1]
    for (low, at_low), (high, at_high) in pairwise(points):
        if low <= node <= high:
            part = math.log(node / low) / math.log(high / low)
            return math.exp((1 - part) * math.log(at_low) + part * math.log(at_high))
    raise AssertionError(node)


def unit(component: str, name: str) -> dict[str, float]:
    row = next(row for row in table("pe") if (row["component"], row["format"]) == (component, name))
    return {figure: float(row[figure]) for figure in ("energy_pj", "area_um2", "delay_ns", "leakage_mw")}


def banks(ports: int, bits: int, size: float, organisation: str) -> tuple[int, int, float]:
    """Banks, bits of a word, bytes of a bank."""
    if organisation == "per_port":
        return ports, bits, size / ports
    word = 8
    while word < ports * bits:
        word *= 2
    count = 1
    while word > 2048:
        word, count = word // 2, count * 2
    return count, word, max(size / count, 1024, 32 * word / 8)


@dataclass(frozen=True)
class Work:
    """What a layer does, counted fold by fold."""

    macs: int
    register_bits: int
    skew_bits: int
    reads: dict[str, float]
    writes: dict[str, float]


def work(machine: dict[str, Any], groups: int, m: int, k: int, n: int, words: dict[str, int]) -> Work:
    """Count operations, register bits and accesses; `words` are named sram_ifmap, dram_psum and so on."""
    rows, cols, variant, trim = machine["rows"], machine["cols"], machine["variant"], machine["trim"]
    flow, overlap = variant[:2], variant.partition("-")[2]
    spatial_rows, spatial_cols, steps = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[flow]
    operand, sums = BITS[machine["operand"]], BITS[machine["sums"]]
    control = 1 if variant.startswith("osbus") else {"pipe1": 1, "pipe": 2, "pipe2": 1}.get(overlap, 0)
    links = 2 if overlap in ("pipe1", "pipe") else 1
    on_edges = [machine["ifmap_bits"], machine["filter_bits"]]
    row_bits, col_bits = on_edges[::-1] if flow == "is" else on_edges
    macs = register_bits = skew_bits = 0
    streamed = loaded = summed = results = 0
    for first_col in range(0, spatial_cols, cols):
        for first_row in range(0, spatial_rows, rows):
            used_rows, used_cols = min(rows, spatial_rows - first_row), min(cols, spatial_cols - first_col)
            macs += used_rows * used_cols * steps
            register_bits += used_rows * steps * cols * (operand + control)  # each row operand passes all columns
            streamed += steps
            skew_bits += sum(row for row in range(used_rows)) * steps * row_bits
            waits = sum(cols - 1 - col for col in range(used_cols))
            late = sum(col for col in range(used_cols))
            if flow == "os":
                register_bits += used_cols * steps * rows * operand
                register_bits += used_rows * used_cols * (steps - variant.startswith("osbus")) * sums
                if not variant.startswith("osbus"):
                    register_bits += rows * rows * (used_cols if trim else cols) * sums * links
                skew_bits += late * steps * col_bits
                skew_bits += 0 if overlap == "db" else waits * used_rows * machine["ofmap_bits"]
                loaded += steps
                results += used_rows
            else:
                register_bits += used_cols * steps * rows * sums
                register_bits += (used_rows if trim else rows) * rows * cols * operand * links
                register_bits += rows * cols * operand if overlap in ("db", "pipe2") else 0
                skew_bits += late * used_rows * col_bits if overlap in ("pipe1", "pipe", "pipe2") else 0
                skew_bits += waits * steps * machine["psum_bits"]
                skew_bits += late * steps * machine["psum_bits"] if first_row else 0
                loaded += used_rows
                results += steps
                summed += steps if first_row else 0
    row_pad, col_pad = ("filter", "ifmap") if flow == "is" else ("ifmap", "filter")
    ports = {row_pad: rows, col_pad: cols, "ofmap": cols}
    if machine["organisation"] == "wide":
        reads = {row_pad: groups * streamed, col_pad: groups * loaded, "ofmap": groups * summed}
        writes = {"ofmap": groups * results}
    else:
        ports = dict.fromkeys(ports, 1)
        reads = {pad: words[f"sram_{pad}"] for pad in ("ifmap", "filter")} | {"ofmap": words["sram_psum"]}
        writes = {"ofmap": words["sram_ofmap"]}
        skew_bits = 0
    return Work(
        groups * macs, groups * register_bits, groups * skew_bits,
        reads | {"ofmap": reads["ofmap"] + words["dram_ofmap"] / ports["ofmap"]},
        {pad: words[f"dram_{pad}"] / ports[pad] for pad in ("ifmap", "filter")}
        | {"ofmap": writes["ofmap"] + words["dram_psum"] / ports["ofmap"]},
    )  # fmt: skip


def registers(machine: dict[str, Any]) -> int:
    """Bits of registers in a PE, from the page's table of variants."""
    operand, sums = BITS[machine["operand"]], BITS[machine["sums"]]
    array, _, overlap = machine["variant"].partition("-")
    if array == "osbus":
        return 2 * operand + sums + 1
    stored = {"": 1, "db": 2, "pipe1": 2, "pipe": 3, "pipe2": 2}[overlap]
    control = {"pipe1": 1, "pipe": 2, "pipe2": 1}.get(overlap, 0)
    if array == "os":
        return operand + control + operand + stored * sums
    return operand + control + sums + stored * operand


def skew_registers(machine: dict[str, Any]) -> int:
    """Bits of the registers that skew the words of wide scratchpads."""
    if machine["organisation"] == "per_port":
        return 0
    rows, cols, variant = machine["rows"], machine["cols"], machine["variant"]
    flow, overlap = variant[:2], variant.partition("-")[2]
    bits = [machine["ifmap_bits"], machine["filter_bits"]]
    row_bits, col_bits = bits[::-1] if flow == "is" else bits
    total = int(sum(row * row_bits for row in range(rows)))
    if flow == "os" or overlap in ("pipe1", "pipe", "pipe2"):
        total += sum(col * col_bits for col in range(cols))
    if flow == "os":
        return total + (0 if overlap == "db" else sum(col * int(machine["ofmap_bits"]) for col in range(cols)))
    return total + 2 * sum(col * int(machine["psum_bits"]) for col in range(cols))


def costs(
    machine: dict[str, Any], groups: int, m: int, k: int, n: int, words: dict[str, int]
) -> tuple[Figures, Figures, float] | None:
    """Energy [pJ] and area [mm2] by component, and the clock [MHz]; None where there is no price."""
    flow, node = machine["variant"][:2], machine["node"]
    done = work(machine, groups, m, k, n, words)
    energy, area, leakage, delays = {}, {}, {}, []
    scale_energy, scale_area = factor(node, ENERGY), factor(node, AREA)
    pes = machine["rows"] * machine["cols"]
    multiplier, adder = unit("multiplier", machine["operand"]), unit("adder", machine["sums"])
    register = unit("register", "bit")
    skew = skew_registers(machine)
    accumulators = 0 if flow == "os" else machine["cols"]
    for name, count, part, events in (
        ("multiplier", pes, multiplier, done.macs),
        ("adder", pes, adder, done.macs),
        ("registers", pes * registers(machine), register, done.register_bits),
        ("skew_registers", skew, register, done.skew_bits),
        ("psum_accumulators", accumulators, adder, words["sram_psum"]),
    ):
        energy[name] = events * part["energy_pj"] * scale_energy
        area[name] = count * part["area_um2"] * scale_area / 1e6
        leakage[name] = count * part["leakage_mw"] * scale_area
    for pad in ("ifmap", "filter", "ofmap"):
        on_rows = pad == ("filter" if flow == "is" else "ifmap")
        bits = machine["psum_bits"] if pad == "ofmap" and flow != "os" else machine[f"{pad}_bits"]
        count, word, size = banks(
            machine["rows"] if on_rows else machine["cols"], bits, machine[f"{pad}_bytes"], machine["organisation"]
        )
        ports = machine["ports"] or ("1R1W" if pad == "ofmap" and flow != "os" else "1RW")
        one = bank(machine["device"], node, ports, word, size)
        if one is None:
            return None
        at_once = count if machine["organisation"] == "wide" else 1
        energy[f"{pad}_sram"] = at_once * (done.reads[pad] * one["read"] + done.writes[pad] * one["write"])
        area[f"{pad}_sram"], leakage[f"{pad}_sram"] = count * one["area"], count * one["leakage"]
        delays.append(one["cycle"])
    late = adder["delay_ns"]
    if machine["sums"].startswith("int"):
        late *= max(1, BITS[machine["sums"]] - 2 * BITS[machine["operand"]]) / BITS[machine["sums"]]
    shrink = between(node, [(float(row["node_nm"]), float(row["delay_factor"])) for row in table("delay_scaling")])
    delays.append((multiplier["delay_ns"] + late) * shrink)
    clock = machine["clock"] or 1e3 / max(delays)
    share = float(table("controller")[0]["share"])
    for costed in (energy, area, leakage):
        costed["controller"] = share * sum(costed.values())
    seconds = words["total_cycles"] / (clock * 1e6)
    energy = {name: energy[name] + leakage[name] * seconds * 1e9 for name in energy}
    final = words["dram_ofmap"] - words["dram_psum"]
    bits = (
        words["dram_ifmap"] * machine["ifmap_bits"] + words["dram_filter"] * machine["filter_bits"]
        + words["dram_psum"] * 2 * machine["psum_bits"] + final * machine["ofmap_bits"]
    )  # fmt: skip
    dram = next(float(row["energy_pj_per_bit"]) for row in table("dram") if row["dram_type"] == machine["dram"])
    return energy | {"dram": bits * dram}, area, clock
