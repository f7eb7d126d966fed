"""The published tables (data/README.md), read once and only when something is priced."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclesim.columns import FORMATS
from cyclesim.hardware import DEVICES, DRAM_TYPES, SRAM_PORTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DATA = Path(__file__).resolve().parent / "data"

SRAM_NODES_NM = np.array([22.0, 32.0, 45.0, 65.0, 90.0])
SRAM_WORD_BITS = 2 ** np.arange(3, 12)
SRAM_CAPACITY_BYTES = 2 ** np.arange(10, 26)
READ_PJ, WRITE_PJ, LEAKAGE_MW, AREA_MM2, CYCLE_NS = range(5)
"""Columns of the scratchpad table: energies of an access of a whole word, the rest of the whole memory."""
SMALLEST_WORDS = 32
"""CACTI refuses memories of fewer words."""


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a data file."""
    with (DATA / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=len(DEVICES))
def sram_grid(device: str) -> Floats:
    """Return base-2 logarithms of the scratchpad table of a device.

    Returns
    -------
    (ports, nodes, word bits, capacities, columns) float64, NaN where CACTI refuses the memory.
    """
    lines = (DATA / f"cacti7_{device}.csv").read_text(encoding="utf-8").splitlines()[1:]
    fields = [line.split(",") for line in lines]
    ports_codes = {name: code for code, name in enumerate(SRAM_PORTS)}
    keys = np.array([(int(line[0]), ports_codes[line[1]], int(line[2]), int(line[3])) for line in fields])
    figures = np.array([[float(text) for text in line[4:]] for line in fields])
    shape = (len(SRAM_PORTS), len(SRAM_NODES_NM), len(SRAM_WORD_BITS), len(SRAM_CAPACITY_BYTES), figures.shape[1])
    grid = np.full(shape, np.nan)
    nodes, bits, sizes = (
        np.searchsorted(axis, keys[:, column])
        for axis, column in ((SRAM_NODES_NM, 0), (SRAM_WORD_BITS, 2), (SRAM_CAPACITY_BYTES, 3))
    )
    grid[keys[:, 1], nodes, bits, sizes] = np.log2(figures)
    grid.setflags(write=False)
    return grid


@dataclass(frozen=True)
class Units:
    """Arithmetic units at 45 nm by the code of their format, NaN where there is none; a register is of one bit."""

    energy_pj: Floats
    area_um2: Floats
    delay_ns: Floats
    leakage_mw: Floats


@lru_cache(maxsize=3)
def units(component: str) -> Units:
    """Return the multipliers, the adders or the register."""
    found = {row["format"]: row for row in rows("pe") if row["component"] == component}
    names = ("bit",) if component == "register" else FORMATS
    return Units(
        *(
            np.array([float(found[name][figure]) if name in found else np.nan for name in names])
            for figure in ("energy_pj", "area_um2", "delay_ns", "leakage_mw")
        )
    )


@lru_cache(maxsize=1)
def dram_pj_per_bit() -> dict[str, Floats]:
    """Return the default, low and high energy of a transferred bit, by the code of the DRAM's type."""
    found = {row["dram_type"]: row for row in rows("dram")}
    columns = {"default": "energy_pj_per_bit", "low": "low_pj_per_bit", "high": "high_pj_per_bit"}
    return {name: np.array([float(found[kind][column]) for kind in DRAM_TYPES]) for name, column in columns.items()}


@lru_cache(maxsize=1)
def controller_share() -> float:
    """Return what the controller adds to the rest of the chip, in energy and in area."""
    return float(rows("controller")[0]["share"])


@dataclass(frozen=True)
class NodeFactors:
    """What a figure at 45 nm is multiplied by at each node, ascending."""

    node_nm: Floats
    energy: Floats
    area: Floats


@lru_cache(maxsize=1)
def node_factors() -> NodeFactors:
    """Return the factors of arithmetic, at a supply of 0.9 V, that of the 45 nm figures."""
    found = sorted(rows("pe_scaling"), key=lambda row: float(row["node_nm"]))
    columns = ("node_nm", "energy_factor_vs_45nm_at_0p9V", "area_factor_vs_45nm")
    return NodeFactors(*(np.array([float(row[column]) for row in found]) for column in columns))


@lru_cache(maxsize=1)
def delay_factors() -> tuple[Floats, Floats]:
    """Return nodes [nm], ascending, and what a delay at 45 nm is multiplied by."""
    found = rows("delay_scaling")
    return np.array([float(row["node_nm"]) for row in found]), np.array([float(row["delay_factor"]) for row in found])
