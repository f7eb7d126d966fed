"""How figures call metrics, in which units, and how they write numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LABELS = {
    "macs": ("MACs", ""),
    "folds": ("folds", ""),
    "total_cycles": ("cycles", ""),
    "pes": ("PEs", ""),
    "sram_words": ("SRAM words", ""),
    "dram_words": ("DRAM words", ""),
    "effective_bandwidth": ("DRAM bandwidth", "words/cycle"),
    "arithmetic_intensity": ("arithmetic intensity", "MACs/word"),
    "machine_balance": ("machine balance", "MACs/word"),
    "clock_mhz": ("clock", "MHz"),
    "clock_limit_mhz": ("clock limit", "MHz"),
    "clock_margin": ("clock limit / clock", ""),
    "time_s": ("time", "s"),
    "fj_per_op": ("energy per op", "fJ"),
    "chip_fj_per_op": ("chip energy per op", "fJ"),
    "tops": ("TOPS", ""),
    "tops_per_mm2": ("TOPS/mm²", ""),
    "tops_per_w": ("TOPS/W", ""),
    "edp": ("energy × time", "J s"),
}
"""Name and unit of metrics."""
GROUPS = {
    "sram_reads": ("SRAM reads", "words"),
    "sram_writes": ("SRAM writes", "words"),
    "dram_reads": ("DRAM reads", "words"),
    "dram_writes": ("DRAM writes", "words"),
    "sram_bandwidth_mean": ("SRAM bandwidth", "words/cycle"),
    "dram_bandwidth_mean": ("DRAM bandwidth", "words/cycle"),
    "energy_pj": ("energy", "pJ"),
    "leakage_pj": ("leakage", "pJ"),
    "power_mw": ("power", "mW"),
    "area_mm2": ("area", "mm²"),
}
"""The same of metrics that are there by operand or component; these follow the name."""
UNITS = {
    "": {"": 1.0, "10³": 1e-3, "10⁶": 1e-6, "10⁹": 1e-9, "10¹²": 1e-12},
    "words": {"words": 1.0, "10³ words": 1e-3, "10⁶ words": 1e-6, "10⁹ words": 1e-9},
    "s": {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9},
    "fJ": {"fJ": 1.0, "pJ": 1e-3, "nJ": 1e-6, "µJ": 1e-9},
    "pJ": {"pJ": 1.0, "nJ": 1e-3, "µJ": 1e-6, "mJ": 1e-9, "J": 1e-12},
    "mW": {"mW": 1.0, "W": 1e-3},
    "J s": {"J s": 1.0, "mJ s": 1e3, "µJ s": 1e6, "nJ s": 1e9, "pJ s": 1e12},
}
"""What a unit may be shown in, and the factors."""
LEAST_SHOWN, MOST_SHOWN = 1, 1000
COUNTS_SHOWN = 10_000
"""Middles of values lie between these in the unit that is chosen; below the last, counts stay as they are."""
MOST_LETTERS = 14
"""Of a value where there is little room."""


def label(metric: str) -> tuple[str, str]:
    """Return the name and the unit of a metric."""
    if metric in LABELS:
        return LABELS[metric]
    for group, (text, unit) in GROUPS.items():
        if metric == group:
            return text, unit
        if metric.startswith(f"{group}_"):
            return f"{text}, {metric[len(group) + 1 :].replace('_', ' ')}", unit
    return metric.replace("_", " "), ""


def in_units(metric: str, values: NDArray[Any]) -> tuple[str, float]:
    """Return how a metric of some values is labelled, and the factor to the unit that suits their middle."""
    text, unit = label(metric)
    middle = float(np.median(np.abs(values)))
    factor = 1.0
    if unit or middle >= COUNTS_SHOWN:
        suits = (each for each in UNITS.get(unit, {}).items() if LEAST_SHOWN <= each[1] * middle < MOST_SHOWN)
        unit, factor = next(suits, (unit, factor))
    return f"{text} [{unit}]" if unit else text, factor


def number(value: float) -> str:
    """Return a value as a figure has it, with three digits; whole numbers of four are whole."""
    if value == round(value) and abs(value) < COUNTS_SHOWN:
        return str(round(value))
    if 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.3g}'):g}"
    digits, _, exponent = f"{value:.2e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if digits == "1" else f"${digits}\\times{power}$"


def text(value: Any) -> str:
    """Return a value of a key as a figure has it."""
    return number(value) if isinstance(value, float) else str(value)


def shortened(value: Any) -> str:
    """Return a value of a key for where there is little room: of a long name, as of a file, its end."""
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        return f"…{value[1 - MOST_LETTERS :]}"
    return text(value)
