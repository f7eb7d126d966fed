"""What the README shows is what the commands print."""

from __future__ import annotations

import csv
from pathlib import Path

from cyclesim.results import Totals
from tests.cli.conftest import CommandLine

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
ENERGY = (Path(__file__).resolve().parents[2] / "docs/energy.md").read_text(encoding="utf-8")


def energy_figures(totals: Totals) -> list[str]:
    """What docs/energy.md says of a machine: uJ by group of components, and the figures that follow."""
    energy, leakage = dict(totals.energy_pj or {}), dict(totals.leakage_pj or {})
    pes = [energy.pop(name) for name in ("multiplier", "adder", "registers")]
    pads = [energy.pop(f"{pad}_sram") for pad in ("ifmap", "filter", "ofmap")]
    dram = energy.pop("dram")
    groups = [sum(pes), sum(pads), sum(energy.values()), dram, sum(leakage.values())]
    return [
        f"{totals.clock_mhz:.0f}",
        f"{1e3 * (totals.time_s or 0):.2f}",
        *(f"{group / 1e6:,.0f}" for group in groups),
        f"{totals.total_area_mm2:.2f}",
        f"{totals.fj_per_op:,.0f}",
        f"{totals.chip_fj_per_op:,.0f}",
        f"{totals.tops:.3f}",
        f"{totals.tops_per_mm2:.4f}",
        f"{totals.tops_per_w:.3f}",
    ]


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
    start = README.splitlines().index(next(line for line in README.splitlines() if "| ofmap buffer, kB |" in line))
    for row, line in zip(rows, README.splitlines()[start + 2 : start + 5], strict=True):
        energies = (float(row["energy_pj_dram"]) / 1e9, float(row["total_energy_pj"]) / 1e9)
        priced = [f"{value:.2f}" for value in (1e3 * float(row["time_s"]), *energies)]
        priced += [f"{float(row['fj_per_op']):,.0f}", f"{float(row['total_area_mm2']):.2f}"]
        assert [cell.strip() for cell in line.strip("|").split("|")] == [row["OfmapSramSzkB"], *priced]


def test_the_table_of_the_first_command(cyclesim: CommandLine) -> None:
    from cyclesim.api import load_hardware, load_topology
    from cyclesim.listing import result_table
    from cyclesim.simulation import simulate

    run = simulate(load_topology("alexnet"), load_hardware("default"))
    assert result_table(run) in README
    line = next(line for line in ENERGY.splitlines() if line.startswith("| default |"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["default", *energy_figures(run.totals)]
