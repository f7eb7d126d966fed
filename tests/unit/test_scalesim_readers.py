"""How SCALE-Sim reads its files, which memory models scalesim and scalesim2 keep, and the line that a mistake gets."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.readers.hwconfig import format_hardware, read_hardware
from cyclesim.readers.scalesim_config import memory_model_of, read_scalesim_hardware, scalesim_key_name
from cyclesim.readers.scalesim_topology import MAX_LAYERS, read_scalesim_topology
from cyclesim.readers.topology_positional import Kind
from cyclesim.scalesim_versions import SCALESIM_VERSIONS
from cyclesim.workload import ConvShape, GemmShape, Layer, Network

BASE = """\
[general]
run_name : run

[architecture_presets]
ArrayHeight : 6
ArrayWidth : 5
IfmapSramSzkB : 1
FilterSramSzkB : 2
OfmapSramSzkB : 3
IfmapOffset : 0
FilterOffset : 10000000
OfmapOffset : 20000000
Bandwidth : 7
Dataflow : ws
ReadRequestBuffer : 32
WriteRequestBuffer : 32

[layout]
IfmapCustomLayout : False
IfmapSRAMBankBandwidth : 6
IfmapSRAMBankNum : 3
IfmapSRAMBankPort : 2
FilterCustomLayout : False
FilterSRAMBankBandwidth : 5
FilterSRAMBankNum : 1
FilterSRAMBankPort : 2

[sparsity]
SparsitySupport : false

[run_presets]
InterfaceBandwidth : USER
UseRamulatorTrace : False
"""
CALC = BASE.replace("USER", "CALC")
LINES = BASE.splitlines()

MACHINE = Hardware(
    run_name="run",
    rows=6,
    cols=5,
    dataflow="ws",
    ifmap_sram=Scratchpad(size_bytes=1024),
    filter_sram=Scratchpad(size_bytes=2048),
    ofmap_sram=Scratchpad(size_bytes=3072),
    ifmap_offset_words=0,
    filter_offset_words=10_000_000,
    ofmap_offset_words=20_000_000,
    memory_model="scalesim",
    interface_bandwidth="USER",
    dram_bandwidth_words_per_cycle=Fraction(7),
    scalesim_read_bandwidths=(6, 5),
)

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "Layer, M, N, K,\n"


@pytest.fixture
def cfg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the relative path of a file to write to, so that errors start ``run.cfg:``."""
    monkeypatch.chdir(tmp_path)
    return Path("run.cfg")


@pytest.fixture
def csv(cfg: Path) -> Path:
    return cfg.with_name("net.csv")


def line_of(key: str) -> int:
    return next(number for number, line in enumerate(LINES, 1) if line.startswith(key))


def with_value(key: str, value: str, text: str = BASE) -> str:
    return text.replace(LINES[line_of(key) - 1], f"{key} : {value}")


def without(*keys: str, text: str = BASE) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith(keys))


def read(cfg: Path, text: str, **overrides: str) -> Hardware:
    cfg.write_bytes(text.encode())
    hardware, warnings = read_scalesim_hardware(cfg, overrides)
    assert warnings == []
    return hardware


def error(cfg: Path, text: str, **overrides: str) -> str:
    cfg.write_bytes(text.encode())
    with pytest.raises(BadInput) as caught:
        read_scalesim_hardware(cfg, overrides)
    message = str(caught.value)
    assert message.isprintable(), "an error must be one printable line"
    return message


class TestMachine:
    def test_every_key_arrives(self, cfg: Path) -> None:
        hardware = read(cfg, BASE)
        assert hardware == MACHINE
        assert hardware.scalesim_read_bandwidths == (6, 5)
        assert (hardware.ifmap_bits, hardware.filter_bits, hardware.ofmap_bits) == (8, 8, 8)

    def test_without_a_budget_no_bandwidth_counts(self, cfg: Path) -> None:
        hardware = read(cfg, CALC)
        assert hardware == dataclasses.replace(
            MACHINE, interface_bandwidth="CALC", dram_bandwidth_words_per_cycle=None
        )
        assert hardware.scalesim_read_bandwidths is None

    def test_keys_without_effect_may_be_absent(self, cfg: Path) -> None:
        named = ("UseRam", "ReadReq", "WriteReq", "Sparsity", "[sparsity]", "IfmapCustom", "FilterCustom")
        ports = ("IfmapSRAMBankPort", "FilterSRAMBankPort", "IfmapSRAMBankNum", "FilterSRAMBankNum")
        assert read(cfg, without(*named, *ports)) == MACHINE
        bare = without(*named, *ports, "[layout]", "IfmapSRAM", "FilterSRAM", "Bandwidth", text=CALC)
        assert read(cfg, bare) == read(cfg, CALC)

    @pytest.mark.parametrize(
        "key",
        [
            "run_name", "InterfaceBandwidth", "ArrayHeight", "ArrayWidth", "IfmapSramSzkB", "FilterSramSzkB",
            "OfmapSramSzkB", "IfmapOffset", "FilterOffset", "OfmapOffset", "Dataflow",
        ],
    )  # fmt: skip
    def test_keys_with_an_effect_have_no_default(self, cfg: Path, key: str) -> None:
        section, line = next(
            (LINES[number - 1], number) for number in range(line_of(key), 0, -1) if LINES[number - 1].startswith("[")
        )
        for text in (BASE, CALC):
            assert error(cfg, without(key, text=text)) == f"run.cfg:{line}: {key} is missing from {section}"

    @pytest.mark.parametrize(
        ("key", "section", "line"),
        [
            ("Bandwidth", "architecture_presets", 4),
            ("IfmapSRAMBankBandwidth", "layout", 18),
            ("FilterSRAMBankBandwidth", "layout", 18),
        ],
    )
    def test_a_budget_needs_its_bandwidths(self, cfg: Path, key: str, section: str, line: int) -> None:
        text = with_value(key, "").replace(f"{key} : \n", "\n")
        assert error(cfg, text) == (
            f"run.cfg:{line}: {key} is missing from [{section}] (InterfaceBandwidth USER needs it)"
        )

    def test_a_missing_section_is_reported_at_the_last_line(self, cfg: Path) -> None:
        assert error(cfg, "") == "run.cfg:1: run_name is missing from [general]"
        assert error(cfg, "[general]\nrun_name=a\n\n") == (
            "run.cfg:3: InterfaceBandwidth is missing from [run_presets]"
        )
        assert error(cfg, without("[layout]", "IfmapSRAM", "FilterSRAM", "IfmapC", "FilterC")) == (
            "run.cfg:24: IfmapSRAMBankBandwidth is missing from [layout] (InterfaceBandwidth USER needs it)"
        )

    def test_what_may_be_a_typo_of_a_missing_key_is_named(self, cfg: Path) -> None:
        assert error(cfg, BASE.replace("Dataflow", "Dataflw")) == (
            "run.cfg:4: Dataflow is missing from [architecture_presets]; "
            "line 14 has 'dataflw' in [architecture_presets], did you mean 'Dataflow'?"
        )
        assert error(cfg, without("Dataflow") + "Dataflow = ws\n") == (
            "run.cfg:4: Dataflow is missing from [architecture_presets]; line 33 has 'dataflow' in [run_presets]"
        )
        assert error(cfg, without("IfmapSRAMBankB").replace("FilterSRAMBankNum", "IfmapSRAMBandwidth")) == (
            "run.cfg:18: IfmapSRAMBankBandwidth is missing from [layout] (InterfaceBandwidth USER needs it); "
            "line 24 has 'ifmapsrambandwidth' in [layout], did you mean 'IfmapSRAMBankBandwidth'?"
        )
        assert error(cfg, BASE.replace("[general]", "[General]")) == (
            "run.cfg:33: run_name is missing from [general]; names of sections are case-sensitive, "
            "line 1 has [General]"
        )

    @pytest.mark.parametrize("text", ["IS", "Ws", "", "wss", "ws ; weight stationary", "output"])
    def test_an_unknown_dataflow_runs_as_os_with_a_warning(self, cfg: Path, text: str) -> None:
        cfg.write_text(with_value("Dataflow", text))
        hardware, warnings = read_scalesim_hardware(cfg)
        assert hardware == dataclasses.replace(MACHINE, dataflow="os")
        rule = "Dataflow is run as os, as in SCALE-Sim, unless it is exactly os, ws or is"
        (warning,) = warnings
        assert warning.startswith(f"run.cfg:14: {rule} (got '{text}'")

    @pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
    def test_the_known_dataflows_are_silent(self, cfg: Path, dataflow: str) -> None:
        assert read(cfg, with_value("Dataflow", dataflow)).dataflow == dataflow

    @pytest.mark.parametrize("text", ["calc", "Calc", "USER ; x", "", "yes"])
    def test_the_interface_is_said_in_capitals(self, cfg: Path, text: str) -> None:
        message = error(cfg, with_value("InterfaceBandwidth", text))
        assert message.startswith(f"run.cfg:32: InterfaceBandwidth must be CALC or USER, in capitals (got '{text}'")

    @pytest.mark.parametrize(
        ("text", "value"), [("12", 12), ("+12", 12), ("1_2", 12), ("0012", 12), ("\u0661\u0662", 12), ("\t12 ", 12)]
    )
    def test_numbers_are_pythons(self, cfg: Path, text: str, value: int) -> None:
        assert read(cfg, with_value("ArrayHeight", text)).rows == value

    @pytest.mark.parametrize("text", ["8.0", "x", "", "1__2", "_1", "1e3", "0x10", "(5)", "4,5", "9" * 5000])
    def test_other_numbers_are_errors(self, cfg: Path, text: str) -> None:
        message = error(cfg, with_value("ArrayHeight", text))
        assert message.startswith("run.cfg:5: ArrayHeight must be a whole number from 1 to 65536 (got '")

    def test_a_comment_after_a_number_is_part_of_it(self, cfg: Path) -> None:
        assert error(cfg, with_value("ArrayHeight", "8 ; rows")) == (
            "run.cfg:5: ArrayHeight must be a whole number from 1 to 65536 (got '8 ; rows'); "
            "a comment after a value is part of it in SCALE-Sim"
        )

    @pytest.mark.parametrize(
        ("key", "values", "rule"),
        [
            ("ArrayHeight", ("0", "-1", "65537"), "a whole number from 1 to 65536"),
            ("ArrayWidth", ("0", "-1", "65537"), "a whole number from 1 to 65536"),
            ("IfmapSramSzkB", ("0", "-1", str(2**40 + 1)), "a whole number from 1 to 1099511627776"),
            ("FilterSramSzkB", ("0",), "a whole number from 1 to 1099511627776"),
            ("OfmapSramSzkB", ("0",), "a whole number from 1 to 1099511627776"),
            (
                "IfmapOffset",
                (str(10**15 + 1), str(-(10**15) - 1)),
                "a whole number from -1000000000000000 to 1000000000000000",
            ),
            ("Bandwidth", ("0", "-7", "0, 5", str(2**31)), "a whole number from 1 to 1048576"),
            ("Bandwidth", ("7,", "7, x", "7,8.0"), "whole numbers with commas between"),
            ("IfmapSRAMBankBandwidth", ("0", "-6", "6.0"), "a whole number from 1 to 1048576"),
            ("FilterSRAMBankBandwidth", ("0",), "a whole number from 1 to 1048576"),
        ],
    )
    def test_sizes_and_bandwidths_have_limits(
        self, cfg: Path, key: str, values: tuple[str, ...], rule: str
    ) -> None:
        for value in values:
            message = error(cfg, with_value(key, value))
            assert message.startswith(f"run.cfg:{line_of(key)}: {key} must be {rule} (got '")

    def test_offsets_may_be_negative(self, cfg: Path) -> None:
        text = with_value("IfmapOffset", "-5", with_value("OfmapOffset", str(-(10**15))))
        hardware = read(cfg, text)
        assert (hardware.ifmap_offset_words, hardware.ofmap_offset_words) == (-5, -(10**15))

    def test_the_first_bandwidth_counts(self, cfg: Path) -> None:
        assert read(cfg, with_value("Bandwidth", " 9 , 0, -3,1_0")).dram_bandwidth_words_per_cycle == 9

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "x" * 241, "a\n  b"])
    def test_the_run_name_is_a_single_path_component(self, cfg: Path, name: str) -> None:
        message = error(cfg, with_value("run_name", name))
        assert message.startswith("run.cfg:2: run_name must be a single path component")

    def test_the_run_name_may_hold_spaces_and_signs(self, cfg: Path) -> None:
        assert read(cfg, with_value("run_name", "a b ; c=d")).run_name == "a b ; c=d"

    def test_bandwidths_must_fill_their_banks(self, cfg: Path) -> None:
        assert error(cfg, with_value("IfmapSRAMBankNum", "4")) == (
            "run.cfg:20: IfmapSRAMBankBandwidth must be a multiple of IfmapSRAMBankNum of line 21 (got 6 and 4)"
        )
        assert error(cfg, with_value("FilterSRAMBankNum", "0")) == (
            "run.cfg:25: FilterSRAMBankNum must not be 0 with InterfaceBandwidth USER (got '0')"
        )
        assert read(cfg, with_value("IfmapSRAMBankNum", "-3")) == MACHINE
        for banks in ("4", "0", "-1"):
            assert read(cfg, with_value("IfmapSRAMBankNum", banks, CALC)) == read(cfg, CALC)

    @pytest.mark.parametrize(
        "key",
        [
            "ReadRequestBuffer", "WriteRequestBuffer", "IfmapSRAMBankNum", "IfmapSRAMBankPort", "FilterSRAMBankNum",
            "FilterSRAMBankPort", "IfmapSRAMBankBandwidth", "FilterSRAMBankBandwidth",
        ],
    )  # fmt: skip
    def test_numbers_without_effect_must_be_numbers(self, cfg: Path, key: str) -> None:
        assert read(cfg, with_value(key, "-1_000", CALC)) == read(cfg, CALC)
        message = error(cfg, with_value(key, "8.0", CALC))
        assert message == f"run.cfg:{line_of(key)}: {key} must be a whole number (got '8.0')"

    def test_bandwidth_is_not_looked_at_without_a_budget(self, cfg: Path) -> None:
        assert read(cfg, with_value("Bandwidth", "50%, x", CALC)) == read(cfg, CALC)

    def test_other_keys_and_sections_are_ignored(self, cfg: Path) -> None:
        text = BASE.replace("Dataflow", "MemoryBanks : many\nDataflow")
        more = "[cyclesim]\nWordBits = 0\nColour = 5%\n[technology]\nNodeNm = x\n[run]\nx=1\n"
        assert read(cfg, text + more) == MACHINE


class TestUnsupported:
    @pytest.mark.parametrize(
        ("key", "value", "off"),
        [
            ("UseRamulatorTrace", "True", "False"),
            ("IfmapCustomLayout", "yes", "False"),
            ("FilterCustomLayout", "TRUE", "False"),
            ("SparsitySupport", "True", "false"),
        ],
    )
    def test_what_this_mode_has_not_is_refused(self, cfg: Path, key: str, value: str, off: str) -> None:
        assert error(cfg, with_value(key, value)) == (
            f"run.cfg:{line_of(key)}: {key} is not supported in memory model scalesim: set it to {off} (got '{value}')"
        )

    @pytest.mark.parametrize(
        ("key", "values"),
        [
            ("UseRamulatorTrace", ("true", "TRUE", "", "x")),
            ("IfmapCustomLayout", ("no", "OFF", "0", "false")),
            ("SparsitySupport", ("", "yes", "1", "true ; not")),
        ],
    )
    def test_what_scale_sim_takes_as_off_is_off(self, cfg: Path, key: str, values: tuple[str, ...]) -> None:
        for value in values:
            assert read(cfg, with_value(key, value)) == MACHINE

    def test_a_layout_switch_is_a_boolean(self, cfg: Path) -> None:
        assert error(cfg, with_value("FilterCustomLayout", "flase")) == (
            "run.cfg:23: FilterCustomLayout must be one of true, yes, on, 1, false, no, off, 0 "
            "(got 'flase'; did you mean 'false'?)"
        )

    def test_network_presets_are_refused_as_scale_sim_fails_on_them(self, cfg: Path) -> None:
        more = '[network_presets]\nTopologyCsvLoc = "a.csv"\n'
        rule = "SCALE-Sim 3.0.0 fails on a section [network_presets]: delete it, and name the topology with -t"
        assert error(cfg, BASE + more) == f"run.cfg:34: {rule}"
        unquoted = BASE.replace("Dataflow", "TopologyCsvLoc = a.csv\nDataflow")
        assert error(cfg, unquoted + more) == f"run.cfg:35: {rule}"
        assert read(cfg, unquoted.replace("= a.csv", '= "a.csv"') + more) == MACHINE


class TestSyntax:
    def test_keys_have_no_case_and_either_sign_will_do(self, cfg: Path) -> None:
        assert read(cfg, BASE.replace(" : ", "=").replace("Array", "aRRAY")) == MACHINE

    def test_lines_that_start_with_a_sign_are_comments(self, cfg: Path) -> None:
        assert read(cfg, "# a\n; b\n" + BASE.replace("Dataflow", "  ; c [x]\nDataflow")) == MACHINE

    def test_indented_lines_continue_a_value(self, cfg: Path) -> None:
        text = BASE.replace("ArrayWidth", "  ArrayWidth")
        message = error(cfg, text)
        assert message == "run.cfg:5: ArrayHeight must be a whole number from 1 to 65536 (got '6\\nArrayWidth : 5')"

    def test_a_percent_sign_refers_to_another_key(self, cfg: Path) -> None:
        assert read(cfg, with_value("ArrayWidth", "%(arrayheight)s")).cols == 6
        assert read(cfg, with_value("run_name", "50%%")).run_name == "50%"

    @pytest.mark.parametrize("value", ["50%", "%(nothing)s", "%(run_name)s"])
    def test_a_percent_sign_that_refers_to_nothing_is_an_error(self, cfg: Path, value: str) -> None:
        assert error(cfg, with_value("run_name", value)) == (
            "run.cfg:2: run_name: a % in a value must be written %%, or %(KEY)s must name another key of [general] "
            f"(got '{value}')"
        )

    def test_the_section_default_counts_in_every_section(self, cfg: Path) -> None:
        text = "[DEFAULT]\nDataflow = is\n" + without("Dataflow")
        assert read(cfg, text).dataflow == "is"
        assert read(cfg, "[DEFAULT]\nDataflow = is\n" + BASE).dataflow == "ws"
        message = error(cfg, "[DEFAULT]\nArrayHeight = 0\n" + without("ArrayHeight"))
        assert message.startswith("run.cfg:2: ArrayHeight must be")
        message = error(cfg, with_value("ArrayHeight", "0") + "[DEFAULT]\nArrayHeight = 0\n")
        assert message.startswith("run.cfg:5: ArrayHeight must be")

    @pytest.mark.parametrize("line", ["ArrayWidth", "[general", "= 5", ": 5", "[]"])
    def test_a_line_that_is_neither_section_nor_key_is_an_error(self, cfg: Path, line: str) -> None:
        rule = "a line must be [SECTION], KEY = VALUE or KEY: VALUE"
        assert error(cfg, f"{BASE}\n{line}\n") == f"run.cfg:35: {rule} (got '{line}')"

    def test_a_key_before_any_section_is_an_error(self, cfg: Path) -> None:
        expected = "run.cfg:2: a key must follow a section header such as [general] (got 'a = 1')"
        assert error(cfg, "# x\na = 1\n" + BASE) == expected

    def test_a_repeated_key_is_an_error_at_the_second(self, cfg: Path) -> None:
        message = error(cfg, BASE.replace("ReadRequestBuffer : 32", "DATAFLOW = os"))
        assert message == "run.cfg:15: DATAFLOW is repeated in [architecture_presets] (first in line 14)"

    def test_a_repeated_section_is_an_error_at_the_second(self, cfg: Path) -> None:
        message = error(cfg, BASE.replace("[layout]", "nothing\n[general]"))
        assert message == "run.cfg:19: section [general] is repeated (first in line 1)"

    @pytest.mark.parametrize("newline", ["\r\n", "\r"])
    def test_any_newline_will_do(self, cfg: Path, newline: str) -> None:
        assert read(cfg, BASE.replace("\n", newline)) == MACHINE
        assert read(cfg, BASE.rstrip("\n").replace("\n", newline)) == MACHINE

    @pytest.mark.parametrize("text", [BASE, "# note\n" + BASE, "\n" + BASE, ""])
    def test_a_byte_order_mark_is_an_error(self, cfg: Path, text: str) -> None:
        rule = "SCALE-Sim reads no byte order mark: save the file as UTF-8 without one"
        assert error(cfg, "\ufeff" + text) == f"run.cfg:1: {rule}"

    def test_what_is_not_text_is_refused(self, cfg: Path) -> None:
        cfg.write_bytes(b"[general]\nx=\xff\n")
        with pytest.raises(BadInput, match=r"^run\.cfg: must be UTF-8 text \(byte 0xff in line 2 is not\)$"):
            read_scalesim_hardware(cfg)
        with pytest.raises(BadInput, match=r"^none\.cfg: cannot be read: "):
            read_scalesim_hardware(Path("none.cfg"))


class TestOverrides:
    def test_options_win_over_the_file(self, cfg: Path) -> None:
        hardware = read(cfg, BASE, dataflow="IS", MemoryModel="scalesim", ARRAYHEIGHT=" 1_0 ", Bandwidth="3")
        assert (hardware.dataflow, hardware.rows) == ("is", 10)
        assert hardware.dram_bandwidth_words_per_cycle == 3
        swept = read(cfg, BASE, IfmapSRAMBankBandwidth="9", FilterOffset="-1", run_name="other")
        assert swept.scalesim_read_bandwidths == (9, 5)
        assert (swept.filter_offset_words, swept.run_name) == (-1, "other")
        assert read(cfg, BASE, InterfaceBandwidth="calc") == read(cfg, CALC)

    def test_what_is_overridden_need_not_be_right_or_there(self, cfg: Path) -> None:
        for text in (without("ArrayHeight"), with_value("ArrayHeight", "x%")):
            assert read(cfg, text, ArrayHeight="6") == MACHINE
        assert read(cfg, with_value("Dataflow", "wss"), Dataflow="ws") == MACHINE
        assert read(cfg, with_value("IfmapSRAMBankBandwidth", "x"), IfmapSRAMBankBandwidth="6") == MACHINE

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("dataflow", "wss", "--dataflow: Dataflow must be one of os, ws, is (got 'wss'; did you mean 'ws'?)"),
            ("arrayheight", "0", "--sweep ArrayHeight: ArrayHeight must be a whole number from 1 to 65536 (got '0')"),
            (
                "IfmapSRAMBankBandwidth",
                "7",
                "--sweep IfmapSRAMBankBandwidth: IfmapSRAMBankBandwidth must be a multiple of IfmapSRAMBankNum "
                "of line 21 (got 7 and 3)",
            ),
            (
                "MemoryModel",
                "native",
                "--memory: MemoryModel must be scalesim or scalesim2 where a file is read by SCALE-Sim's rules "
                "(got 'native')",
            ),
        ],
    )
    def test_a_bad_override_is_an_error_of_the_command_line(
        self, cfg: Path, key: str, value: str, message: str
    ) -> None:
        assert error(cfg, BASE, **{key: value}) == f"cyclesim: {message}"

    @pytest.mark.parametrize("key", ["DramBandwidth", "FoldOverlap", "IfmapSramWords", "PsumBits"])
    def test_a_swept_key_of_the_native_model_has_no_effect(self, cfg: Path, key: str) -> None:
        message = error(cfg, BASE, **{key: "1"})
        rule = "has no effect in memory model scalesim; the keys that have one are run_name, "
        assert message.startswith(f"cyclesim: --sweep {key}: {rule}")
        assert "IfmapSRAMBankBandwidth" in message

    def test_a_swept_key_that_nobody_knows_is_an_error(self, cfg: Path) -> None:
        message = error(cfg, BASE, ArayHeight="1")
        assert message.startswith("cyclesim: --sweep ArayHeight: must be a key of the .cfg with an effect; ")
        assert message.endswith("(got 'ArayHeight'; did you mean 'ArrayHeight'?)")
        assert scalesim_key_name(" ifmapSRAMbankBANDWIDTH", "scalesim") == "IfmapSRAMBankBandwidth"

    def test_a_swept_bandwidth_needs_a_budget_to_have_an_effect(self, cfg: Path) -> None:
        assert error(cfg, CALC, Bandwidth="3") == (
            "cyclesim: --sweep Bandwidth: Bandwidth has an effect with InterfaceBandwidth USER only (got CALC)"
        )
        assert read(cfg, CALC, Bandwidth="7", InterfaceBandwidth="USER") == MACHINE
        assert read(cfg, CALC, Bandwidth="7", InterfaceBandwidth="CALC") == read(cfg, CALC)


class TestMemoryModel:
    @pytest.mark.parametrize(
        ("text", "model"),
        [
            ("", "native"),
            (BASE, "native"),
            ("[cyclesim]\nMemoryModel = scalesim\n", "scalesim"),
            ("junk\n[ CycleSim ] ; ours\n\n memorymodel: ScaleSim ; parity\n[cyclesim]\n%", "scalesim"),
            ("\ufeff[cyclesim]\nMemoryModel=native", "native"),
            ("[general]\nMemoryModel = scalesim\n", "native"),
            ("[cyclesim]\n; MemoryModel = scalesim\nMemoryModel", "native"),
            ("[cyclesim]\nMemoryModel = scalsim", "scalsim"),
        ],
    )
    def test_it_is_found_whatever_else_the_file_holds(self, cfg: Path, text: str, model: str) -> None:
        cfg.write_bytes(text.encode())
        assert memory_model_of(cfg, {}) == model
        assert memory_model_of(cfg, {"memoryMODEL": " Native"}) == "native"
        assert memory_model_of(cfg, {"MemoryModel": "scalesim", "Dataflow": "x"}) == "scalesim"

    def test_an_option_needs_no_file(self) -> None:
        assert memory_model_of(Path("none.cfg"), {"MemoryModel": "scalesim"}) == "scalesim"
        with pytest.raises(BadInput, match=r"^none\.cfg: cannot be read"):
            memory_model_of(Path("none.cfg"), {})

    def test_the_file_may_not_ask_for_another_one_unless_an_option_wins(self, cfg: Path) -> None:
        assert read(cfg, BASE + "[cyclesim]\nMemoryModel = ScaleSim\n") == MACHINE
        native = BASE + "[cyclesim]\nMemoryModel = native\n"
        rule = "MemoryModel must be scalesim or scalesim2 where a file is read by SCALE-Sim's rules"
        assert error(cfg, native) == f"run.cfg:35: {rule} (got 'native')"
        assert read(cfg, native, MemoryModel="scalesim") == MACHINE


class TestVersion2:
    """SCALE-Sim 2.0.2 needs less of a .cfg."""

    TEXT = without("[layout]", "[sparsity]", "Ifmap", "Filter", "Sparsity", "UseRam", "Read", "Write").replace(
        "Bandwidth : 7",
        "IfmapSramSzkB:1\nFilterSramSzkB:2\nIfmapOffset:0\nFilterOffset:10000000\nBandwidth : 7 , 9",
    )
    MACHINE = dataclasses.replace(MACHINE, memory_model="scalesim2", scalesim_read_bandwidths=None)

    def test_it_needs_no_layout(self, cfg: Path) -> None:
        found = read(cfg, self.TEXT, MemoryModel="ScaleSim2")
        assert found == self.MACHINE
        assert found.scalesim_read_bandwidths is None
        assert "IfmapSRAMBankBandwidth" not in found.expanded()
        assert error(cfg, self.TEXT).endswith("IfmapSRAMBankBandwidth is missing from [layout] (InterfaceBandwidth USER"
                                              " needs it)")  # fmt: skip

    def test_the_file_may_ask_for_it(self, cfg: Path) -> None:
        asked = self.TEXT + "[cyclesim]\nMemoryModel = scalesim2\n"
        assert read(cfg, asked) == self.MACHINE
        assert read(cfg, BASE + "[cyclesim]\nMemoryModel = scalesim2\n", MemoryModel="scalesim") == MACHINE

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("IfmapCustomLayout", "True"), ("FilterCustomLayout", "perhaps"), ("SparsitySupport", "true"),
            ("UseRamulatorTrace", "True"), ("ReadRequestBuffer", "x"), ("IfmapSRAMBankNum", "4"),
            ("IfmapSRAMBankBandwidth", "0"), ("FilterSRAMBankBandwidth", ""),
        ],
    )  # fmt: skip
    def test_the_keys_of_the_later_version_are_not_looked_at(self, cfg: Path, key: str, value: str) -> None:
        assert read(cfg, with_value(key, value), MemoryModel="scalesim2") == self.MACHINE

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (without("Bandwidth"), "Bandwidth is missing from [architecture_presets] (InterfaceBandwidth USER needs"),
            (with_value("Bandwidth", "7, x"), "Bandwidth must be whole numbers with commas between (got '7, x')"),
            (with_value("Bandwidth", "0"), "Bandwidth must be a whole number from 1 to "),
            (without("run_name"), "run_name is missing from [general]"),
            (BASE + "[network_presets]\n", "SCALE-Sim 2.0.2 fails on a section [network_presets]"),
        ],
    )
    def test_what_it_needs_is_needed(self, cfg: Path, text: str, message: str) -> None:
        assert error(cfg, text, MemoryModel="scalesim2").split(": ", 1)[1].startswith(message)

    def test_in_calc_no_bandwidth_is_read(self, cfg: Path) -> None:
        for text in (without("Bandwidth", text=CALC), with_value("Bandwidth", "x", CALC)):
            assert read(cfg, text, MemoryModel="scalesim2").interface_bandwidth == "CALC"

    def test_a_swept_key_of_the_layout_has_no_effect(self, cfg: Path) -> None:
        message = error(cfg, BASE, MemoryModel="scalesim2", IfmapSRAMBankBandwidth="6")
        start = "cyclesim: --sweep IfmapSRAMBankBandwidth: must be a key of the .cfg with an effect; the keys that"
        assert message.startswith(start)
        assert "BankBandwidth" not in message.removeprefix(start).split("(got")[0]


class TestOtherReaders:
    def test_the_native_reader_keeps_the_bandwidths_of_the_layout(self, cfg: Path) -> None:
        def of(text: str) -> tuple[int, int] | None:
            cfg.write_text(text)
            return read_hardware(cfg)[0].scalesim_read_bandwidths

        assert of(BASE) == of(CALC) == (6, 5)
        assert of(without("IfmapSRAMBankNum", "FilterSRAMBankNum")) == (6, 5)
        assert of(without("IfmapSRAMBankBandwidth")) is None
        for key, value in (
            ("IfmapSRAMBankNum", "4"), ("IfmapSRAMBankNum", "0"), ("IfmapSRAMBankNum", "x"),
            ("FilterSRAMBankBandwidth", "0"), ("FilterSRAMBankBandwidth", "5.0"), ("FilterSRAMBankBandwidth", ""),
        ):  # fmt: skip
            assert of(with_value(key, value)) is None

    def test_the_native_reader_still_says_that_they_have_no_effect(self, cfg: Path) -> None:
        cfg.write_text(BASE)
        (warning,) = read_hardware(cfg)[1]
        assert "IfmapSRAMBankBandwidth" in warning

    def test_the_bandwidths_are_told_in_this_mode_only_and_are_not_compared(self, cfg: Path) -> None:
        told = read(cfg, BASE).expanded()
        assert (told["IfmapSRAMBankBandwidth"], told["FilterSRAMBankBandwidth"]) == (6, 5)
        assert "IfmapSRAMBankBandwidth" not in read(cfg, CALC).expanded()
        cfg.write_text(BASE)
        native, _ = read_hardware(cfg)
        assert "IfmapSRAMBankBandwidth" not in native.expanded()
        assert native == dataclasses.replace(native, scalesim_read_bandwidths=None)
        cfg.write_text(format_hardware(native))
        assert read_hardware(cfg)[0] == native


KINDS: tuple[Kind | None, ...] = (None, "conv", "gemm")


def layers(csv: Path, text: str, kind: Kind | None = None, model: str = "scalesim") -> Network:
    csv.write_bytes(text.encode())
    network, warnings = read_scalesim_topology(csv, kind, lambda layer: None, SCALESIM_VERSIONS[model])
    assert warnings == []
    return network


def topology_error(csv: Path, text: str, kind: Kind | None = None, model: str = "scalesim") -> str:
    with pytest.raises(BadInput) as caught:
        layers(csv, text, kind, model)
    message = str(caught.value)
    assert message.isprintable(), "an error must be one printable line"
    return message


def conv(name: str, index: int, *sizes: int) -> Layer:
    h, w, fh, fw, channels, filters, stride = sizes
    shape = ConvShape(h, w, fh, fw, channels, filters, stride_h=stride, stride_w=stride, ceil_output=True)
    return Layer(name, index, "conv", shape)


SEVEN = "ifmap height, ifmap width, filter height, filter width, channels, filters, stride"
TOO_FEW = f"a layer must have 7 numbers after its name, each with a comma after it: {SEVEN}"


class TestConvolutions:
    def test_a_row_is_a_layer_whose_size_is_rounded_up(self, csv: Path) -> None:
        network = layers(csv, CONV + "rag, 15, 13, 4, 3, 12, 20, 3,\n")
        assert network == Network("net", (conv("rag", 0, 15, 13, 4, 3, 12, 20, 3),))
        shape = network.layers[0].shape
        assert isinstance(shape, ConvShape)
        assert (shape.ofmap_h, shape.ofmap_w) == (5, 5)

    @pytest.mark.parametrize("header", ["", "   ", "a, 8, 8, 3, 3, 1, 2, 1,", "\ufeffLayer,", GEMM.strip()])
    def test_the_first_line_is_always_skipped(self, csv: Path, header: str) -> None:
        assert layers(csv, f"{header}\nb, 9, 9, 3, 3, 1, 2, 1,\n").layers == (conv("b", 0, 9, 9, 3, 3, 1, 2, 1),)

    def test_a_file_may_have_no_layers(self, csv: Path) -> None:
        for text in ("", CONV, CONV + "\n \n\t\n", "\ufeff", "a, 8, 8, 3, 3, 1, 2, 1,"):
            assert layers(csv, text) == layers(csv, text, "gemm") == Network("net", ())

    def test_the_text_after_the_last_comma_is_dropped(self, csv: Path) -> None:
        text = CONV + "  a,8,8,3,3,1,2,1, a note \n\nb,8,8,3,3,1,2,2,9,x\n"
        message = topology_error(csv, text)
        assert message.startswith("net.csv:4: a field after the last number must be a ratio N:M (got '9')")
        assert layers(csv, text.replace(",9,x", ",x")).layers == (
            conv("a", 0, 8, 8, 3, 3, 1, 2, 1),
            conv("b", 1, 8, 8, 3, 3, 1, 2, 2),
        )

    def test_a_last_field_without_a_comma_is_lost(self, csv: Path) -> None:
        message = topology_error(csv, CONV + "a, 8, 8, 3, 3, 1, 2, 1\n")
        assert message == f"net.csv:2: {TOO_FEW} (got 6 and, without a trailing comma, '1')"
        assert topology_error(csv, CONV + "a\n") == (
            f"net.csv:2: {TOO_FEW} (got 0 and, without a trailing comma, 'a')"
        )
        assert topology_error(csv, CONV + "a, 8,\n") == f"net.csv:2: {TOO_FEW} (got 1)"

    @pytest.mark.parametrize("more", ["1:4,", "2:4, note", " 1 : 2 ,", "9, 1:2,", "9, -1, 1:2:x, note", "0:0,"])
    def test_a_ratio_has_no_effect(self, csv: Path, more: str) -> None:
        text = CONV + f"a, 8, 8, 3, 3, 1, 2, 1, {more}\n"
        assert layers(csv, text).layers == (conv("a", 0, 8, 8, 3, 3, 1, 2, 1),)

    @pytest.mark.parametrize("ratio", ["2", "x", "", "1:", ":4", "1:x", "1.0:4"])
    def test_another_ninth_field_is_an_error(self, csv: Path, ratio: str) -> None:
        message = topology_error(csv, CONV + f"a, 8, 8, 3, 3, 1, 2, 1, {ratio},\n")
        assert message == f"net.csv:2: a field after the last number must be a ratio N:M (got '{ratio}')"

    def test_a_ratio_without_a_trailing_comma_does_not_count(self, csv: Path) -> None:
        assert topology_error(csv, CONV + "a, 8, 8, 3, 3, 1, 2, 1, 9, 2:4\n") == (
            "net.csv:2: a field after the last number must be a ratio N:M (got '9'); "
            "'2:4', without a trailing comma, does not count"
        )
        message = topology_error(csv, CONV + "a, 8, 8, 3, 3, 1, 2, 1, x, 2:4,\n")
        expected = "net.csv:2: a field between the stride and the last one must be a whole number (got 'x')"
        assert message == expected

    def test_dp_makes_a_layer_of_each_channel_with_all_filters(self, csv: Path) -> None:
        text = CONV + "a DP1, 9, 9, 3, 3, 3, 7, 2,\ndp, 9, 9, 3, 3, 3, 7, 2,\n"
        assert layers(csv, text).layers == (
            conv("a DP1Channel_0", 0, 9, 9, 3, 3, 1, 7, 2),
            conv("a DP1Channel_1", 1, 9, 9, 3, 3, 1, 7, 2),
            conv("a DP1Channel_2", 2, 9, 9, 3, 3, 1, 7, 2),
            conv("dp", 3, 9, 9, 3, 3, 3, 7, 2),
        )

    def test_dp_does_not_make_layers_without_end(self, csv: Path) -> None:
        message = topology_error(csv, CONV + f"a, 9, 9, 3, 3, 3, 7, 2,\nDP, 9, 9, 3, 3, {MAX_LAYERS}, 7, 2,\n")
        assert message == f"net.csv:3: a file must hold at most {MAX_LAYERS} layers (got {MAX_LAYERS + 1})"

    @pytest.mark.parametrize(("position", "name"), list(enumerate(SEVEN.split(", "))))
    def test_sizes_are_whole_numbers_from_one(self, csv: Path, position: int, name: str) -> None:
        sizes = ["8", "8", "3", "3", "1", "2", "1"]
        for value in ("0", "-1", "8.0", "x", "", str(2**31), "9" * 5000):
            row = ", ".join(["a", *sizes[:position], value, *sizes[position + 1 :], "\n"])
            message = topology_error(csv, CONV + row)
            start = f"net.csv:2: {name} must be a whole number from 1 to 2147483647 (got '{value[:50]}"
            assert message.startswith(start)

    def test_numbers_are_pythons(self, csv: Path) -> None:
        text = CONV + "a,\t1_0, +10 ,03,\u0663,1, 2,1,\n"
        assert layers(csv, text).layers == (conv("a", 0, 10, 10, 3, 3, 1, 2, 1),)

    def test_a_filter_is_not_larger_than_the_ifmap(self, csv: Path) -> None:
        rule = "the filter must not be larger than the ifmap"
        message = topology_error(csv, CONV + "a, 3, 8, 4, 3, 1, 2, 1,\n")
        assert message == f"net.csv:2: {rule} (got filter height 4 and ifmap height 3)"
        message = topology_error(csv, CONV + "DP, 8, 3, 3, 4, 2, 2, 1,\n")
        assert message == f"net.csv:2: {rule} (got filter width 4 and ifmap width 3)"

    def test_a_stride_may_be_larger_than_the_filter(self, csv: Path) -> None:
        assert layers(csv, CONV + "a, 8, 8, 2, 2, 1, 2, 5,\n").layers == (conv("a", 0, 8, 8, 2, 2, 1, 2, 5),)

    def test_any_text_is_a_name(self, csv: Path) -> None:
        text = CONV + ', 8, 8, 3, 3, 1, 2, 1,\n"# b" é, 8, 8, 3, 3, 1, 2, 1,\nc\x1b, 8, 8, 3, 3, 1, 2, 1,\n'
        assert [layer.name for layer in layers(csv, text).layers] == ["", '"# b" é', "c\\x1b"]

    @pytest.mark.parametrize("newline", ["\r\n", "\r"])
    def test_any_newline_will_do(self, csv: Path, newline: str) -> None:
        text = CONV + "a, 8, 8, 3, 3, 1, 2, 1,\nb, 8, 8, 3, 3, 1, 2, 1,"
        assert layers(csv, text.replace("\n", newline)) == layers(csv, text)

    def test_a_second_header_is_an_error(self, csv: Path) -> None:
        message = topology_error(csv, "# a comment\n" + CONV)
        assert message.startswith("net.csv:2: ifmap height must be a whole number from 1 to 2147483647 (got 'IFMAP He")
        assert message.endswith("; only the first line is skipped as a header")


class TestMatrixProducts:
    def test_a_row_is_name_m_n_k(self, csv: Path) -> None:
        assert layers(csv, GEMM + "g, 60, 45, 50,\nDPh, 10, 12, 14, 1:4, x, y,\n", "gemm").layers == (
            Layer("g", 0, "gemm", GemmShape(m=60, n=45, k=50)),
            Layer("DPh", 1, "gemm", GemmShape(m=10, n=12, k=14)),
        )

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("g, 1, 2, 3", "{few} (got 2 and, without a trailing comma, '3')"),
            ("g, 1,", "{few} (got 1)"),
            ("g, 1, 0, 3,", "N must be a whole number from 1 to 2147483647 (got '0')"),
            ("g, 1, 2, 3.0,", "K must be a whole number from 1 to 2147483647 (got '3.0')"),
            ("g, -1, 2, 3,", "M must be a whole number from 1 to 2147483647 (got '-1')"),
            ("g, 1, 2, 3, 4,", "a field after the last number must be a ratio N:M (got '4')"),
            ("g, 1, 2, 3, 4, x,", "a field after the last number must be a ratio N:M (got '4')"),
            (
                "c, 8, 8, 3, 3, 1, 2, 1,",
                "a field after the last number must be a ratio N:M (got '3'); for convolutions leave out -i gemm",
            ),
        ],
    )
    def test_other_rows_are_errors(self, csv: Path, row: str, message: str) -> None:
        few = "a layer must have 3 numbers after its name, each with a comma after it: M, N, K"
        assert topology_error(csv, f"{GEMM}{row}\n", "gemm") == f"net.csv:2: {message.format(few=few)}"

    @pytest.mark.parametrize("row", ["g, 1, 2, 3,", "g, 1, 2, 3, 1:4,", "g, 1, 2, 3"])
    def test_they_must_be_asked_for(self, csv: Path, row: str) -> None:
        for header in (GEMM, CONV):
            for kind in KINDS[:2]:
                message = topology_error(csv, f"{header}{row}\n", kind)
                assert message.startswith(f"net.csv:2: {TOO_FEW} (got ")
                assert message.endswith("; for matrix products (M, N, K) give -i gemm")

    def test_another_kind_is_an_error(self, csv: Path) -> None:
        with pytest.raises(BadInput, match=r"^cyclesim: kind must be one of conv, gemm \(got 'gem'; did you mean"):
            read_scalesim_topology(csv, "gem", lambda layer: None)  # type: ignore[arg-type]


class TestFieldsOfVersion2:
    @pytest.mark.parametrize(
        ("more", "column_stride"),
        [("", 2), ("3,", 3), (" +3 , ", 3), ("3, 0, -1,", 3), ("3, 7, note", 3), ("3", 2), ("x", 2), ("1:1", 2)],
    )
    def test_the_ninth_field_is_the_column_stride(self, csv: Path, more: str, column_stride: int) -> None:
        for name, copies in (("a", 1), ("DP", 4)):
            [shape, *others] = [
                layer.shape
                for layer in layers(csv, CONV + f"{name}, 8, 9, 3, 2, 4, 2, 2,{more}\n", model="scalesim2").layers
            ]
            assert isinstance(shape, ConvShape)
            assert (shape.stride_h, shape.stride_w, shape.channels) == (2, column_stride, 4 // copies)
            assert (shape.ofmap_h, shape.ofmap_w) == (4, -(-7 // column_stride) + 1)
            assert others == [shape] * (copies - 1)

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ("1:1,", "column stride must be a whole number from 1 to 2147483647 (got '1:1')"),
            (",", "column stride must be a whole number from 1 to 2147483647 (got '')"),
            ("0,", "column stride must be a whole number from 1 to 2147483647 (got '0')"),
            ("2, x,", "a field after the column stride must be a whole number (got 'x')"),
            ("2, , 3", "a field after the column stride must be a whole number (got '')"),
        ],
    )
    def test_further_fields_are_whole_numbers(self, csv: Path, more: str, message: str) -> None:
        text = CONV + f"a, 8, 9, 3, 2, 4, 2, 2,{more}\n"
        assert topology_error(csv, text, model="scalesim2") == f"net.csv:2: {message}"

    def test_a_line_needs_the_same_fields(self, csv: Path) -> None:
        message = topology_error(csv, CONV + "a, 8, 8, 3, 3, 1, 2, 1\n", model="scalesim2")
        assert message == f"net.csv:2: {TOO_FEW} (got 6 and, without a trailing comma, '1')"

    @pytest.mark.parametrize("more", ["", "4,", "x, 1:4,", ",,", "1.5, note"])
    def test_fields_of_a_product_beyond_the_fourth_are_not_looked_at(self, csv: Path, more: str) -> None:
        found = layers(csv, f"{GEMM}g, 60, 45, 50,{more}\n", "gemm", "scalesim2")
        assert found.layers == (Layer("g", 0, "gemm", GemmShape(m=60, n=45, k=50)),)

    def test_named_columns_are_refused(self, csv: Path) -> None:
        message = topology_error(csv, "Layer,Type,M,N,K\ng,gemm,1,2,3\n", model="scalesim2")
        assert message.startswith("net.csv:1: this file has named columns, and memory model scalesim2 reads ")


class TestNamedColumns:
    RULE = "this file has named columns, and memory model scalesim reads SCALE-Sim's files by position only: "

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("Layer,Type,M,N,K\ng,gemm,1,2,3\n", 1),
            ("Layer,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,StrideH,StrideW\na,8,8,3,3,1,2,1,1\n", 1),
            ("layer, type, IfmapH, PatH,\na,conv,8,1,\n", 1),
            ("# ours\nLayer,Type,M,N,K\ng,gemm,1,2,3\n", 2),
        ],
    )
    def test_they_are_refused(self, csv: Path, text: str, line: int) -> None:
        for kind in KINDS:
            assert topology_error(csv, text, kind).startswith(f"net.csv:{line}: {self.RULE}")

    def test_a_column_that_scale_sim_drops_is_no_named_column(self, csv: Path) -> None:
        text = CONV.replace("Strides,", "Strides, Type") + "a, 8, 8, 3, 3, 1, 2, 1, conv\n"
        assert layers(csv, text).layers == (conv("a", 0, 8, 8, 3, 3, 1, 2, 1),)


class TestChecks:
    def test_every_layer_is_checked_and_reported_at_its_line(self, csv: Path) -> None:
        csv.write_text(CONV + "a, 8, 8, 3, 3, 1, 2, 1,\n\nDP, 8, 8, 3, 3, 3, 2, 1,\n")
        seen: list[Layer] = []

        def check(layer: Layer) -> str | None:
            seen.append(layer)
            return "all its addresses are -1" if layer.index == 2 else None

        with pytest.raises(BadInput) as caught:
            read_scalesim_topology(csv, None, check)
        assert str(caught.value) == "net.csv:4: all its addresses are -1"
        assert [layer.name for layer in seen] == ["a", "DPChannel_0", "DPChannel_1"]


TOKENS = st.sampled_from(
    (
        *LINES, "[general]", "[DEFAULT]", "[cyclesim]", "MemoryModel = scalesim", "ArrayHeight=0", "  6", "= 1", "x",
        "%", "Dataflow : %(run_name)s", "[a] b", "\ufeff", "\x0c", "#", "[network_presets]", "x = \x85\u2028",
    )
)  # fmt: skip
FIELDS = st.sampled_from(("a", "DP", "1", "3", "8", "0", "8.0", "1:4", "", " ", "-1", "Type", "IfmapH", "\t2", "9" * 9))
TEXTS = st.one_of(st.text(), st.lists(TOKENS).map("\n".join))
ROWS = st.one_of(st.text(), st.lists(st.lists(FIELDS).map(",".join)).map("\r\n".join))


def problem_of(data: str, use: Callable[[Path], object]) -> str:
    """Return the error that a file of this text gives, empty if none; any other exception passes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data.encode("utf-8", "surrogatepass"))
        try:
            use(path)
        except BadInput as problem:
            return str(problem)
    return ""


class TestFuzz:
    @settings(max_examples=60, deadline=None)
    @given(text=TEXTS, whole=st.booleans())
    def test_any_text_is_a_machine_or_bad_input(self, text: str, whole: bool) -> None:
        data = BASE * whole + text
        assert problem_of(data, read_scalesim_hardware).isprintable()
        assert "cannot be read" not in problem_of(data, lambda path: memory_model_of(path, {}))

    @settings(max_examples=60, deadline=None)
    @given(text=ROWS, kind=st.sampled_from(KINDS))
    def test_any_text_is_a_network_or_bad_input(self, text: str, kind: Kind | None) -> None:
        problem = problem_of(CONV + text, lambda path: read_scalesim_topology(path, kind, lambda layer: None))
        assert problem.isprintable()
