"""Reports: the text of their cells, and that the documentation is what the code says."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

import cyclesim
from cyclesim.reports import COMPUTE_REPORT, DETAILED_ACCESS_REPORT, STALL_REPORT, columns_as_markdown, report_text
from cyclesim.results import LayerResult, RunResult
from cyclesim.simulation import Tally

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run() -> RunResult:
    """A product of 7x8 by 8x5 on 3x2 weight stationary: 9 folds of 13 cycles (memory model's first example)."""
    machine = replace(cyclesim.load_hardware("default"), rows=3, cols=2)
    net = cyclesim.load_topology("dlrm").select([0])
    return cyclesim.simulate(net, machine)


def test_the_documentation_is_made_from_the_code() -> None:
    text = (ROOT / "docs/reports.md").read_text(encoding="utf-8")
    head = (ROOT / "docs/reports.head.md").read_text(encoding="utf-8")
    assert text == head + columns_as_markdown()


def test_names_with_commas_and_quotes_stay_one_field(run: RunResult) -> None:
    renamed = replace(run, layers=tuple(replace(layer, name='a, "b"') for layer in run.layers))
    rows = list(csv.reader(io.StringIO(report_text(COMPUTE_REPORT, renamed))))
    assert rows[1][1] == 'a, "b"'
    assert len(rows[1]) == len(rows[0])


def test_unknown_figures_are_empty_and_floats_read_back_exactly(run: RunResult) -> None:
    row = next(csv.DictReader(io.StringIO(report_text(DETAILED_ACCESS_REPORT, run))))
    assert row["sram_reads_psum"] == str(run.layers[0].sram_reads["psum"])
    row = next(csv.DictReader(io.StringIO(report_text(STALL_REPORT, run))))
    assert row["channel_utilization"] == ""
    row = next(csv.DictReader(io.StringIO(report_text(COMPUTE_REPORT, run))))
    layer = run.layers[0]
    assert float(row["Overall Util %"]) == 100 * layer.macs / (6 * layer.total_cycles)


def test_totals_are_sums_and_ratios_of_sums() -> None:
    net = cyclesim.load_topology("dlrm")
    run = cyclesim.simulate(net, cyclesim.load_hardware("eyeriss"))
    totals = run.totals
    assert totals.macs == 2_365_184
    assert totals.compute_cycles == sum(layer.compute_cycles for layer in run.layers)
    assert totals.utilization == totals.macs / (12 * 14 * totals.total_cycles)
    assert totals.sram_bandwidth_peak["ofmap"] == max(layer.sram_bandwidth_peak["ofmap"] for layer in run.layers)
    assert totals.dram_reads["filter"] == 2_365_184
    assert totals.arithmetic_intensity == totals.macs / sum((*totals.dram_reads.values(), *totals.dram_writes.values()))
    assert totals.channel_utilization is None


def test_a_stored_result_reads_back_equal(run: RunResult) -> None:
    for layer in run.layers:
        assert LayerResult.from_dict(layer.stored()) == layer


def test_a_data_frame_has_a_row_a_layer(run: RunResult) -> None:
    frame = run.to_dataframe()
    assert len(frame) == 1
    assert frame["sram_reads_ifmap"][0] == run.layers[0].sram_reads["ifmap"]


def test_tallies_of_consecutive_stretches_add_up() -> None:
    quiet = Tally()
    early = Tally(words=5, peak=3, first=2, last=4)
    late = Tally(words=1, peak=1, first=10, last=10)
    assert quiet.then(early).then(quiet).then(late) == Tally(words=6, peak=3, first=2, last=10)
