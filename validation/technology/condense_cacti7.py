"""Makes the package's scratchpad tables from cacti7_sram.csv, which lies beside this script.

    python validation/technology/condense_cacti7.py

What is kept, corrected and derived is said in cyclesim/technology/data/README.md.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "cyclesim/technology/data"
KEPT = (
    "node_nm", "ports", "word_bits", "capacity_bytes", "read_energy_pJ", "write_energy_pJ", "leakage_mW", "area_mm2",
    "cycle_time_ns",
)  # fmt: skip
NAMES = (
    "node_nm", "ports", "word_bits", "capacity_bytes", "read_energy_pj", "write_energy_pj", "leakage_mw", "area_mm2",
    "cycle_ns",
)  # fmt: skip
LEAKAGE_CORRECTIONS = {("itrs-lop", "90"): 0.245, ("itrs-lstp", "22"): 3.5}
"""Two off-currents at 360 K in CACTI 7's device tables are slips (README of the data)."""
REFERENCE_NODE = "45"
DEVICES = ("hp", "lstp", "lop")

_PLACE = ("device", *KEPT[:4])

Row = dict[str, str]


def single_banks(text: str) -> list[Row]:
    """Return the rows of memories of one bank, with leakage corrected and devices named without ``itrs-``."""
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["banks"] == "1"]
    for row in rows:
        factor = LEAKAGE_CORRECTIONS.get((row["device"], row["node_nm"]))
        if factor is not None:
            row["leakage_mW"] = f"{float(row['leakage_mW']) * factor:.5g}"
        row["device"] = row["device"].removeprefix("itrs-")
    return rows


def sram_text(rows: list[Row], device: str) -> str:
    """Return cacti7_DEVICE.csv of the package."""
    lines = [[row[name] for name in KEPT] for row in rows if row["device"] == device]
    return "".join(f"{','.join(line)}\n" for line in (NAMES, *lines))


def delay_text(rows: list[Row]) -> str:
    """Return delay_scaling.csv: the median ratio of access times of hp memories to the same at 45 nm."""
    found = {
        (row["node_nm"], row["capacity_bytes"], row["word_bits"]): float(row["access_time_ns"])
        for row in rows
        if row["device"] == "hp" and row["ports"] == "1RW"
    }
    lines = ["node_nm,delay_factor"]
    for node in sorted({node for node, *_ in found}, key=int):
        ratios = [time / found[(REFERENCE_NODE, *size)] for (at, *size), time in found.items() if at == node]
        lines.append(f"{node},{median(ratios):.3f}")
    return "\n".join(lines) + "\n"


def falling_text(rows: list[Row]) -> str:
    """Return falling_steps.csv: where a memory of twice the capacity costs less, for whatever figure but cycle time."""
    lines = ["figure,device,node_nm,ports,word_bits,capacity_bytes,value,value_of_double"]
    places = {tuple(row[name] for name in _PLACE): row for row in rows}
    for figure, name in list(zip(KEPT, NAMES, strict=True))[len(_PLACE) - 1 : -1]:
        for place, row in places.items():
            double = places.get((*place[:-1], str(2 * int(place[-1]))))
            if double is not None and float(double[figure]) < float(row[figure]):
                lines.append(",".join((name, *place, row[figure], double[figure])))
    return "\n".join(lines) + "\n"


def tables(text: str) -> dict[str, str]:
    """Return the package's files by name, from the text of CACTI's table."""
    rows = single_banks(text)
    return {
        **{f"cacti7_{device}.csv": sram_text(rows, device) for device in DEVICES},
        "delay_scaling.csv": delay_text(rows),
        "falling_steps.csv": falling_text(rows),
    }


def main() -> None:
    """Write the tables."""
    for name, text in tables((HERE / "cacti7_sram.csv").read_text(encoding="utf-8")).items():
        (DATA / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
