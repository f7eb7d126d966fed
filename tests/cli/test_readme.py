"""What the README shows is what the commands print."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.cli.conftest import CommandLine

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_example_of_a_layer_that_waits(cyclesim: CommandLine) -> None:
    command = next(line for line in README.splitlines() if line.startswith("cyclesim run --layers 1 --sweep"))
    assert cyclesim(*command.split()[1:]).status == 0
    with (cyclesim.folder / "results/default/SWEEP.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    start = README.splitlines().index(next(line for line in README.splitlines() if "| OfmapSramSzkB |" in line))
    header, _, *shown = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines()[start : start + 5]
    )
    for row, cells in zip(rows, shown, strict=True):
        row["arithmetic_intensity"] = f"{float(row['arithmetic_intensity']):.1f}"
        assert [row[name] for name in header] == [cell.replace(",", "") for cell in cells]
    assert {row["machine_balance"] for row in rows} == {"32.0"}


def test_the_table_of_the_first_command(cyclesim: CommandLine) -> None:
    from cyclesim.api import load_hardware, load_topology
    from cyclesim.listing import result_table
    from cyclesim.simulation import simulate

    assert result_table(simulate(load_topology("alexnet"), load_hardware("default"))) in README
