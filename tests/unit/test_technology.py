"""What a machine costs: examples worked by hand from the rows of the tables, and what is refused or warned of."""

from __future__ import annotations

import csv
import importlib.util
import json
from dataclasses import replace
from fractions import Fraction
from math import log, log2
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cyclesim
from cyclesim import command_explore
from cyclesim.cli import main
from cyclesim.costs import DERIVED_FIELDS
from cyclesim.hardware import Hardware, Scratchpad, Technology
from cyclesim.model.estimate import estimate
from cyclesim.results import flatten
from cyclesim.technology.machine import Component, PricedMachine, priced
from cyclesim.workload import GemmShape, Layer, Network

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "cyclesim/technology/data"


def machine(**settings: Any) -> Hardware:
    """A 2x3 weight-stationary array with 1 kB for each operand, 8-bit words and 32-bit partial sums."""
    kilobyte = Scratchpad(size_bytes=1024)
    return replace(Hardware("small", 2, 3, "ws", kilobyte, kilobyte, kilobyte, psum_bits=32), **settings)


def prices(hardware: Hardware) -> PricedMachine:
    found = priced(hardware).machine
    assert found is not None, priced(hardware).problem
    return found


def components(hardware: Hardware) -> dict[str, Component]:
    return {component.component: component for component in prices(hardware).components}


COUNTS = {
    "groups": 1, "m": 4, "k": 3, "n": 5,
    "sram_ifmap": 24, "sram_filter": 15, "sram_psum": 20, "sram_ofmap": 40,
    "dram_ifmap": 12, "dram_filter": 15, "dram_psum": 0, "dram_ofmap": 20,
    "total_cycles": 110,
}  # fmt: skip
"""M, K, N = 4, 3, 5 on 2x3 weight stationary: Fr = ceil(3/2) = 2, Fc = ceil(5/3) = 2, T = 4, so four folds."""


class TestWorkedByHand:
    def test_energy_of_a_small_product(self) -> None:
        """Every figure from a row of a data file, at 45 nm and hp."""
        found = prices(machine()).energy(COUNTS)
        dynamic = {name: found.energy_pj[name] - found.leakage_pj.get(name, 0) for name in found.energy_pj}
        # pe.csv: int8 multiplier 0.2 pJ, int32 adder 0.1 pJ, a register bit 0.009 pJ; 4 x 3 x 5 = 60 MACs.
        assert dynamic["multiplier"] == pytest.approx(60 * 0.2)
        assert dynamic["adder"] == pytest.approx(60 * 0.1)
        # Row links: 3 x 4 words in each of 2 column folds pass 3 columns:     72 writes of 8 bits.
        # Sums: 4 x 5 of each of 2 row folds pass 2 rows:                      80 writes of 32 bits.
        # Preload: 4 folds of 2 shifts of all 6 stationary registers:          48 writes of 8 bits.
        assert dynamic["registers"] == pytest.approx((72 * 8 + 80 * 32 + 48 * 8) * 0.009)
        # Rows: the one word that row 1 takes in a step waits a cycle: only the first row fold has it, 2 column
        # folds x 4 steps = 8 words of 8 bits. Sums that leave column c wait 2 - c cycles: 2 + 1 + 0 in a full
        # column fold, 2 + 1 in the other of 2 columns: 6 for each of 2 x 4 steps: 48 of 32 bits. Sums read again in
        # the second row fold wait c cycles, 0 + 1 + 2 and 0 + 1: 4 in each of 4 steps, 16 of 32 bits.
        assert dynamic["skew_registers"] == pytest.approx((8 * 8 + 48 * 32 + 16 * 32) * 0.009)
        # 20 sums are added to stored ones below the array.
        assert dynamic["psum_accumulators"] == pytest.approx(20 * 0.1)
        # 2 ports x 8 bits = 16: row 45,1RW,16,1024 has 1.0397 and 1.1769 pJ. 4 folds x 4 steps are read, and 12
        # words from DRAM fill 6 whole words.
        assert dynamic["ifmap_sram"] == pytest.approx(16 * 1.0397 + 6 * 1.1769)
        # 3 x 8 = 24, rounded up to 32 bits: 1.1684 and 1.7507. The 3 rows of filters of each of 2 column folds are
        # read, 15 words fill 5.
        assert dynamic["filter_sram"] == pytest.approx(6 * 1.1684 + 5 * 1.7507)
        # 3 x 32 = 96, rounded up to 128; read and written in one cycle: 45,1R1W,128,1024 has 3.3445 and 5.1794.
        # 16 steps are written, 2 x 4 read again, and 20 results leave, 3 a word.
        assert dynamic["ofmap_sram"] == pytest.approx((8 + 20 / 3) * 3.3445 + 16 * 5.1794)
        # All words are of 8 bits; DDR4 takes 15 pJ a bit.
        assert dynamic["dram"] == pytest.approx((12 + 15 + 20) * 8 * 15)
        # The controller adds 3 % of everything else on the chip.
        others = [dynamic[name] for name in dynamic if name not in ("controller", "dram")]
        assert dynamic["controller"] == pytest.approx(0.03 * sum(others))

    def test_leakage_takes_power_for_as_long_as_the_layer_takes(self) -> None:
        """110 cycles at 363.6 MHz are 302.5 ns; 1.2517 mW for so long are 378.6 pJ."""
        found = prices(machine()).energy(COUNTS)
        assert found.leakage_pj["ifmap_sram"] == pytest.approx(1.2517 * 302.5)
        assert found.leakage_pj["multiplier"] == pytest.approx(6 * 0.00355 * 302.5)
        assert "dram" not in found.leakage_pj

    def test_area_of_a_small_machine(self) -> None:
        area = prices(machine()).area_mm2
        assert area["multiplier"] == pytest.approx(6 * 282e-6)
        assert area["adder"] == pytest.approx(6 * 137e-6)
        # Operand link 8, stationary word 8, partial sum 32 bits: 48 in each of 6 PEs.
        assert area["registers"] == pytest.approx(6 * 48 * 5.98e-6)
        assert area["ifmap_sram"] == pytest.approx(0.0033766)
        assert area["ofmap_sram"] == pytest.approx(0.012165)
        # Row 1 has one register of 8 bits; columns have 2 + 1 + 0 of 32 bits where sums leave, and as many where
        # they are read again.
        assert area["skew_registers"] == pytest.approx((8 + 3 * 32 + 3 * 32) * 5.98e-6)
        assert area["psum_accumulators"] == pytest.approx(3 * 137e-6)
        assert area["controller"] == pytest.approx(0.03 * (sum(area.values()) - area["controller"]))

    def test_the_clock_is_that_of_the_slowest_part(self) -> None:
        """The int8 multiplier takes 1.48 ns, and a 32-bit carry 2.54 ns, of which the upper 16 bits come after it."""
        assert prices(machine()).clock_mhz == pytest.approx(1e3 / (1.48 + 2.54 / 2))
        assert prices(machine()).clock_part == "PE stage"
        large = prices(machine(rows=256, ifmap_sram=Scratchpad(size_bytes=2**23)))
        assert large.clock_mhz == pytest.approx(1e3 / 7.301)  # row 45,1RW,2048,8388608
        assert large.clock_part == "ifmap scratchpad"
        given = prices(machine(technology=Technology(clock_mhz=Fraction(700))))
        assert given.clock_mhz == 700
        assert given.clock_limit_mhz == pytest.approx(1e3 / 2.75)

    def test_between_two_capacities_logarithms_are_interpolated(self) -> None:
        """48 KiB x 256 lies log2(1.5) of the way from 32 KiB (21.678 pJ, 0.10342 mm2) to 64 KiB (41.709, 0.19893)."""
        hardware = machine(rows=32, ifmap_sram=Scratchpad(size_bytes=48 * 1024))
        part = log2(1.5)
        found = components(hardware)["ifmap_sram"]
        assert found.energy_pj == pytest.approx(21.678 * (41.709 / 21.678) ** part)
        assert found.area_mm2 == pytest.approx(0.10342 * (0.19893 / 0.10342) ** part)
        assert found.delay_ns == pytest.approx(0.79542)  # the larger of 0.43118 and 0.79542

    def test_between_two_nodes_leakage_and_cycle_are_the_larger(self) -> None:
        """28 nm, 256 KiB x 2048: read energy on the line from 22 nm (108.63 pJ) to 32 nm (198.01)."""
        technology = Technology(node_nm=Fraction(28))
        found = components(machine(rows=256, ifmap_sram=Scratchpad(size_bytes=2**18), technology=technology))
        part = log(28 / 22) / log(32 / 22)
        assert found["ifmap_sram"].energy_pj == pytest.approx(108.63 * (198.01 / 108.63) ** part)
        assert found["ifmap_sram"].leakage_mw == pytest.approx(145.82)
        assert found["ifmap_sram"].delay_ns == pytest.approx(1.7593)

    def test_below_22_nm_scratchpads_are_scaled_as_logic_is(self) -> None:
        """Factors of 32 and 20 nm are 0.641 and 0.238 (energy), 0.46 and 0.21 (area); those of 16 nm 0.187 and 0.19."""
        at22, at16 = (components(machine(technology=Technology(node_nm=Fraction(node)))) for node in (22, 16))
        part = log(32 / 22) / log(32 / 20)
        energy, area = 0.641 * (0.238 / 0.641) ** part, 0.46 * (0.21 / 0.46) ** part
        # Row 22,1RW,16,1024 of the table: 0.25405 pJ and 0.00080856 mm2.
        assert at22["ifmap_sram"].energy_pj == pytest.approx(0.25405)
        assert at16["ifmap_sram"].energy_pj == pytest.approx(0.25405 * 0.187 / energy)
        assert at16["ifmap_sram"].area_mm2 == pytest.approx(0.00080856 * 0.19 / area)
        assert at16["ifmap_sram"].note == "scaled from 22 nm"
        assert at22["multiplier"].energy_pj == pytest.approx(0.2 * energy)
        assert at16["multiplier"].energy_pj == pytest.approx(0.2 * 0.187)
        assert at16["multiplier"].area_mm2 == pytest.approx(6 * 282e-6 * 0.19)

    def test_partial_sums_that_come_back_cross_the_channel_twice_in_their_own_width(self) -> None:
        counts = COUNTS | {"dram_psum": 7, "dram_ofmap": 27}
        found = prices(machine()).energy(counts).energy_pj["dram"]
        assert found == pytest.approx(((12 + 15 + 20) * 8 + 2 * 7 * 32) * 15)

    def test_a_wide_word_is_cut_into_the_fewest_banks(self) -> None:
        """256 columns of 32 bits are 8192 bits: four banks of 2048, a quarter of 4 MiB each."""
        found = components(machine(cols=256, ofmap_sram=Scratchpad(size_bytes=2**22)))["ofmap_sram"]
        assert (found.count, found.word_bits, found.bank_bytes) == (4, 2048, 2**20)

    def test_a_bank_below_the_table_is_the_smallest_of_its_word_and_said_to_be(self) -> None:
        """256 rows of 8 bits want 2048 bits, of which there are 32 words in 8 KiB at least: 280.06 pJ."""
        found = components(machine(rows=256))["ifmap_sram"]
        assert found.bank_bytes == 8192
        assert found.energy_pj == pytest.approx(280.06)
        assert found.note == "below the table: priced as the smallest bank of its word"

    def test_each_port_can_have_its_own_bank(self) -> None:
        hardware = machine(
            ifmap_sram=Scratchpad(size_bytes=2 * 2**15), filter_sram=Scratchpad(size_bytes=3 * 1024),
            ofmap_sram=Scratchpad(size_bytes=3 * 1024), technology=Technology(sram_organisation="per_port"),
        )  # fmt: skip
        found = components(hardware)
        assert (found["ifmap_sram"].count, found["ifmap_sram"].word_bits) == (2, 8)
        # 45,1RW,8,32768 of the table: 12.964 pJ; each of the 24 words is one access.
        assert found["ifmap_sram"].energy_pj == pytest.approx(12.964)
        energy = prices(hardware).energy(COUNTS)
        reads = (energy.energy_pj["ifmap_sram"] - energy.leakage_pj["ifmap_sram"]) - 12 * (
            found["ifmap_sram"].write_energy_pj or 0
        )
        assert reads == pytest.approx(24 * 12.964)
        assert found["skew_registers"].count == 0


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestTables:
    def script(self) -> ModuleType:
        path = ROOT / "validation/technology/condense_cacti7.py"
        spec = importlib.util.spec_from_file_location("condense_cacti7", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_the_packages_files_are_made_from_the_full_table(self) -> None:
        made = self.script().tables((ROOT / "validation/technology/cacti7_sram.csv").read_text(encoding="utf-8"))
        assert {name: (DATA / name).read_text(encoding="utf-8") for name in made} == made

    def test_every_allowed_name_has_a_row(self) -> None:
        from cyclesim import hardware

        assert {row["dram_type"] for row in rows("dram")} == set(hardware.DRAM_TYPES)
        units = {(row["component"], row["format"]) for row in rows("pe")}
        assert {("multiplier", name) for name in hardware.ACCUMULATORS} <= units
        assert {("adder", name) for name in hardware.FORMAT_BITS} <= units
        for row in rows("dram"):
            assert float(row["low_pj_per_bit"]) <= float(row["energy_pj_per_bit"]) <= float(row["high_pj_per_bit"])

    def test_memory_models_of_scalesim_read_no_table(self) -> None:
        from cyclesim.technology import tables

        tables.sram_grid.cache_clear()
        assert priced(machine(memory_model="scalesim")).machine is None
        assert tables.sram_grid.cache_info().currsize == 0


# --------------------------------------------------------------------------------------------------- what a user sees

CFG = """[general]
run_name = small
[architecture_presets]
ArrayHeight = 4
ArrayWidth = 3
Dataflow = ws
IfmapSramSzkB = 1
FilterSramSzkB = 1
OfmapSramSzkB = 1
[cyclesim]
PsumBits = 32
[technology]
"""


@pytest.fixture
def cfg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.csv").write_text("Layer,M,N,K\nfirst,20,7,9\nsecond,3,30,8\n", encoding="utf-8")
    return tmp_path / "m.cfg"


def said(capsys: pytest.CaptureFixture[str], cfg: Path, text: str, *words: str) -> tuple[int, str]:
    cfg.write_text(text, encoding="utf-8")
    status = main(["estimate", "-t", "net.csv", "-c", cfg.name, "-q", *words])
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("NodeNm = 5\n", "m.cfg:13: NodeNm must be from 7 to 90 to be priced (got 5)\n"),
        ("NodeNm = 130\n", "m.cfg:13: NodeNm must be from 7 to 90 to be priced (got 130)\n"),
        ("Device = itrs-hq\n", "m.cfg:13: Device must be one of hp, lstp, lop, itrs-hp, itrs-lstp, itrs-lop "
                               "(got 'itrs-hq'; did you mean 'itrs-hp'?)\n"),
        ("NumberFormat = int7\n", "m.cfg:13: NumberFormat must be one of int4, int8,"),
        ("DramType = DDR9\n", "m.cfg:13: DramType must be one of DDR3, DDR4,"),
        ("SramOrganisation = narrow\n", "m.cfg:13: SramOrganisation must be one of wide, per_port (got 'narrow')\n"),
        ("SramOrganisation = per_port\n",
         "m.cfg:7: the ifmap scratchpad must have banks of at least 1024 bytes and 32 words of 8 to 2048 bits to be "
         "priced per port (got 4 of 256 bytes and 8 bits a word)\n"),
        ("SramSize = 1\n", "m.cfg:13: keys of [technology] must be among NodeNm,"),
        ("ComponentFile = none.csv\n", "m.cfg:13: ComponentFile 'none.csv' cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_bad_technology_is_one_line(
    lines: str, message: str, cfg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, error = said(capsys, cfg, CFG + lines)
    assert status == 2
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert not (cfg.parent / "results").exists()


LARGE = CFG.replace("FilterSramSzkB = 1", f"FilterSramSzkB = {2**15 + 1}")


def test_a_scratchpad_outside_of_the_table_is_refused_where_the_technology_is_given(
    cfg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "the filter scratchpad must have banks of at most 32 MiB to be priced"
    bank = "(got 1 of 33555456 bytes and 32 bits a word)"
    assert said(capsys, cfg, f"{LARGE}NodeNm = 45\n") == (2, f"m.cfg:8: {rule} {bank}\n")
    swept = ("--sweep", "FilterSramSzkB=1,32769")
    assert said(capsys, cfg, f"{CFG}NodeNm = 45\n", *swept) == (
        2, f"cyclesim: --sweep FilterSramSzkB: {rule} {bank}\n"
    )  # fmt: skip
    with pytest.raises(cyclesim.BadInput, match="machine small: the filter scratchpad must have banks of at most"):
        estimate(
            cyclesim.load_topology("net.csv"),
            machine(filter_sram=Scratchpad(size_bytes=2**26), technology=Technology(node_nm=Fraction(45))),
        )


def test_a_missing_file_of_figures_is_no_network_and_may_be_one_beside(
    cfg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = "No such file or directory"
    (cfg.parent / "gpt3.csv").write_text("name,M,N,K\na,2,3,4\n", encoding="utf-8")
    assert said(capsys, cfg, f"{CFG}ComponentFile = gpt2.csv\n") == (
        2, f"m.cfg:13: ComponentFile 'gpt2.csv' cannot be read: {missing}\n"
    )  # fmt: skip
    (cfg.parent / "gpt4.csv").write_text("Component, Figure, Value, Source\n", encoding="utf-8")
    assert said(capsys, cfg, f"{CFG}ComponentFile = gpt2.csv\n") == (
        2, f"m.cfg:13: ComponentFile 'gpt2.csv' cannot be read: {missing} (got 'gpt2.csv'; did you mean 'gpt4.csv'?)\n"
    )  # fmt: skip


def test_without_a_technology_it_runs_as_ever_and_has_no_prices(cfg: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = said(capsys, cfg, LARGE)
    assert status == 0
    reason = "the filter scratchpad must have banks of at most 32 MiB to be priced"
    assert told.startswith(f"warning: machine small: no energy, area and clock: {reason} (got 1 of ")
    assert told.count("\n") == 1
    folder = cfg.parent / "results/small-estimate"
    summary = json.loads((folder / "SUMMARY.json").read_text(encoding="utf-8"))
    assert summary["prices"] == {"reason": reason}
    for each in (*summary["layers"], summary["totals"]):
        assert {each[name] for name in ("energy_pj", "leakage_pj", "area_mm2", "clock_mhz", *DERIVED_FIELDS)} == {None}
        assert each["pes"] == 12
    assert (folder / "AREA_REPORT.csv").read_text(encoding="utf-8").count("\n") == 1
    with (folder / "ENERGY_REPORT.csv").open(encoding="utf-8") as file:
        row, *_, total = csv.DictReader(file)
    for each in (row, total):
        assert (each["energy_pj_dram"], each["fj_per_op"]) == ("", "")
    assert int(total["macs"]) == summary["totals"]["macs"]


def test_rows_of_a_sweep_have_the_same_columns_with_and_without_prices(
    cfg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = said(capsys, cfg, CFG, "--sweep", "FilterSramSzkB=1,32769")
    assert (status, told.count("warning: "), "(got 1 of 33555456 bytes" in told) == (0, 1, True)
    with (cfg.parent / "results/small-estimate/SWEEP.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [bool(row["energy_pj_dram"]) for row in table] == [True, True, False, False]
    assert all(None not in row and None not in row.values() for row in table)
    assert {row["pes"] for row in table} == {"12"}


def test_reports_and_summary_agree(cfg: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, cfg, f"{CFG}NodeNm = 45\n") == (0, "")
    folder = cfg.parent / "results/small-estimate"
    summary = json.loads((folder / "SUMMARY.json").read_text(encoding="utf-8"))
    with (folder / "ENERGY_REPORT.csv").open(encoding="utf-8") as file:
        *rows, total = csv.DictReader(file)
    assert (total["LayerID"], total["Layer"]) == ("", "total")
    for row, figures in zip((*rows, total), (*summary["layers"], summary["totals"]), strict=True):
        flat = flatten(figures)
        assert all(float(row[name]) == flat[name] for name in row if name not in ("LayerID", "Layer"))
    with (folder / "AREA_REPORT.csv").open(encoding="utf-8") as file:
        *parts, chip = csv.DictReader(file)
    area = {row["component"]: row["area_mm2"] for row in parts}
    assert {name: float(text) for name, text in area.items() if text} == summary["totals"]["area_mm2"]
    assert (chip["component"], float(chip["area_mm2"])) == ("total", summary["totals"]["total_area_mm2"])
    assert float(chip["leakage_mw"]) == sum(float(row["leakage_mw"]) for row in parts if row["leakage_mw"])
    assert (chip["count"], chip["energy_pj"]) == ("", "")
    assert summary["hardware"]["SramOrganisation"] == "wide"
    assert summary["hardware"]["NumberFormat"] == "int8/int32"
    assert summary["prices"]["clock_limited_by"] == "PE stage"


def test_costs_of_a_network_are_formed_from_its_sums(cfg: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Power, EDP and the rest are those of all energy in all time, and no sums or means of the layers' own."""
    assert said(capsys, cfg, f"{CFG}NodeNm = 45\n") == (0, "")
    with (cfg.parent / "results/small-estimate/ENERGY_REPORT.csv").open(encoding="utf-8") as file:
        *layers, total = csv.DictReader(file)

    def added(name: str) -> float:
        return sum(float(row[name]) for row in layers)

    energy_j, time_s, ops = added("total_energy_pj") * 1e-12, added("time_s"), 2 * added("macs")
    expected = {
        "total_cycles": added("total_cycles"),
        "clock_mhz": float(layers[0]["clock_mhz"]),
        "time_s": time_s,
        "leakage_pj_ifmap_sram": added("leakage_pj_ifmap_sram"),
        "power_mw_dram": added("energy_pj_dram") * 1e-12 / time_s * 1e3,
        "fj_per_op": energy_j * 1e15 / ops,
        "tops": ops / time_s / 1e12,
        "tops_per_mm2": ops / time_s / 1e12 * float(layers[0]["tops_per_mm2"]) / float(layers[0]["tops"]),
        "tops_per_w": ops / energy_j / 1e12,
        "edp": energy_j * time_s,
    }
    assert {name: float(total[name]) for name in expected} == pytest.approx(expected, rel=1e-12)
    assert len(layers) > 1
    assert float(total["edp"]) > 1.01 * added("edp")


def test_estimate_and_simulation_of_the_same_words_cost_the_same(cfg: Path) -> None:
    net = cyclesim.load_topology("net.csv")
    small = machine(ifmap_sram=Scratchpad(size_bytes=2**16), filter_sram=Scratchpad(size_bytes=2**16))
    run, estimated = cyclesim.simulate(net, small), estimate(net, small)
    for one, other in zip(run.layers, estimated.layers, strict=True):
        assert (one.total_cycles, one.dram_reads) == (other.total_cycles, other.dram_reads)
        assert one.energy_pj == other.energy_pj
        assert one.area_mm2 == other.area_mm2


def test_a_format_of_another_width_is_warned_of(cfg: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, error = said(capsys, cfg, CFG.replace("PsumBits", "FilterBits = 8\nPsumBits") + "NumberFormat = fp16\n")
    assert status == 0
    assert error == (
        "warning: m.cfg: NumberFormat fp16/fp16 sets the energy of arithmetic, the Bits keys the size of words, and "
        "they differ: FilterBits is 8, not 16, PsumBits is 32, not 16\n"
    )
    assert said(capsys, cfg, f"{CFG}NumberFormat = INT8\n") == (0, "")
    assert said(capsys, cfg, CFG.replace("PsumBits", "WordBits")) == (0, "")  # nothing is said of a format


@pytest.mark.parametrize(
    ("bits", "number_format", "differing"),
    [
        ("", "fp16", ""),
        ("WordBits = 16", "fp16", ""),
        ("WordBits = 16", "int16", ""),  # sums of 32 bits, and nothing is said of PsumBits
        ("IfmapBits = 8\nFilterBits = 8\nOfmapBits = 16", "int8", ""),
        ("WordBits = 8", "fp32", "WordBits is 8, not 32"),
        ("WordBits = 8\nIfmapBits = 16", "fp16", "WordBits is 8, not 16"),
        ("WordBits = 16\nIfmapBits = 8", "fp16", "IfmapBits is 8, not 16"),
        ("IfmapBits = 8\nFilterBits = 8", "fp16", "IfmapBits is 8, not 16, FilterBits is 8, not 16"),
        ("PsumBits = 16", "int8", "PsumBits is 16, not 32"),
        ("PsumBits = 24", "int8/int24", ""),
    ],
)
@pytest.mark.parametrize("command", ["estimate", "explore"])
def test_only_widths_that_are_given_are_compared_with_the_format(
    cfg: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    bits: str,
    number_format: str,
    differing: str,
) -> None:
    text = f"{CFG.replace('PsumBits = 32', bits)}NumberFormat = {number_format}\n"
    if command == "estimate":
        status, error = said(capsys, cfg, text)
    else:
        monkeypatch.setattr(command_explore, "draw", lambda *arguments: None)
        cfg.write_text(text, encoding="utf-8")
        space = '[explore]\nmachine = "m.cfg"\nnetworks = ["net.csv"]\nobjectives = { tops = "max" }\n'
        cfg.with_name("space.toml").write_text(f"{space}[space]\nArrayHeight = [4]\n", encoding="utf-8")
        status, error = main(["explore", "space.toml", "-p", "out", "-q"]), capsys.readouterr().err
    assert status == 0
    assert error.count("\n") == bool(differing)
    assert error.endswith(f"and they differ: {differing}\n" if differing else "")


def test_a_width_that_an_option_gives_is_compared_with_the_format(
    cfg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg.write_text(f"{CFG.replace('PsumBits = 32', '')}NumberFormat = int8\n", encoding="utf-8")
    assert main(["estimate", "-t", "net.csv", "-c", "m.cfg", "--sweep", "PsumBits=32,24", "-q"]) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith("they differ: PsumBits is 24, not 32\n")


class TestOwnFigures:
    TABLE = "component,figure,value,source\nmultiplier,energy_pj,1.5,our synthesis\ndram,energy_pj_per_bit,2,\n"

    def load(self, cfg: Path, table: str, lines: str = "NodeNm = 22\nComponentFile = own.csv\n") -> Hardware:
        folder = cfg.parent / "elsewhere"
        folder.mkdir()
        (folder / "own.csv").write_text(table, encoding="utf-8")
        (folder / "m.cfg").write_text(CFG + lines, encoding="utf-8")
        return cyclesim.load_hardware("elsewhere/m.cfg")

    def test_they_replace_the_tables_as_they_are_and_are_named(self, cfg: Path) -> None:
        found = components(self.load(cfg, self.TABLE))
        assert (found["multiplier"].energy_pj, found["multiplier"].note) == (1.5, "own figures: energy_pj")
        assert (found["dram"].energy_pj, found["dram"].note) == (2.0, "own figures: energy_pj_per_bit")
        assert found["multiplier"].area_mm2 == components(self.no_file(cfg))["multiplier"].area_mm2

    def no_file(self, cfg: Path) -> Hardware:
        (cfg.parent / "plain.cfg").write_text(f"{CFG}NodeNm = 22\n", encoding="utf-8")
        return cyclesim.load_hardware("plain.cfg")

    def test_a_scratchpad_of_ones_own_may_have_any_size(self, cfg: Path) -> None:
        table = "component,figure,value\n" + "".join(
            f"filter_sram,{figure},{value}\n"
            for figure, value in (
                ("read_energy_pj", 9), ("write_energy_pj", 8), ("leakage_mw", 0), ("area_mm2", 7), ("cycle_ns", 5),
            )
        )  # fmt: skip
        (cfg.parent / "own.csv").write_text(table, encoding="utf-8")
        cfg.write_text(f"{LARGE}ComponentFile = own.csv\n", encoding="utf-8")
        found = prices(cyclesim.load_hardware("m.cfg"))
        assert found.area_mm2["filter_sram"] == 7
        assert found.clock_mhz == pytest.approx(200)
        assert found.clock_part == "filter scratchpad"

    def test_its_content_is_part_of_a_runs_hash(self, cfg: Path) -> None:
        expanded = self.load(cfg, self.TABLE).expanded()
        assert expanded["multiplier energy_pj"] == 1.5

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("", "own.csv:1: the first columns must be component, figure, value"),
            ("name,value\n", "own.csv:1: the first columns must be component, figure, value"),
            ("component,figure,value\nmultiplyer,energy_pj,1\n",
             "own.csv:2: component must be one of multiplier, adder, register, ifmap_sram, filter_sram, ofmap_sram, "
             "dram, controller (got 'multiplyer'; did you mean 'multiplier'?)"),
            ("component,figure,value\ndram,energy_pj,1\n",
             "own.csv:2: figure of dram must be one of energy_pj_per_bit (got 'energy_pj'"),
            ("component,figure,value\nadder,delay_ns,0\n",
             "own.csv:2: delay_ns of adder must be a number above 0 to 1e+12 (got '0')"),
            ("component,figure,value\nadder,leakage_mw,nan\n",
             "own.csv:2: leakage_mw of adder must be a number from 0 to 1e+12 (got 'nan')"),
            ("component,figure,value\nadder,delay_ns,1\n\nadder,Delay_ns,1\n",
             "own.csv:4: delay_ns of adder must be given once (got it again)"),
        ],
    )  # fmt: skip
    def test_bad_ones_are_one_line(
        self, table: str, message: str, cfg: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (cfg.parent / "own.csv").write_text(table, encoding="utf-8")
        status, error = said(capsys, cfg, f"{CFG}ComponentFile = own.csv\n")
        assert status == 2
        assert error.startswith(message)
        assert error.count("\n") == 1


def test_a_technology_of_an_unknown_name_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"device must be one of hp, lstp, lop, .* \(got 'fast'\)"):
        Technology(device="fast")


def test_every_shipped_machine_has_prices_without_a_warning() -> None:
    net = Network("net", (Layer("layer", 0, "gemm", GemmShape(50, 60, 70)),))
    for path in sorted((ROOT / "hwconfigs").glob("*.cfg")):
        found = estimate(net, cyclesim.load_hardware(path.stem)).totals
        assert found.total_energy_pj is not None, path.stem
