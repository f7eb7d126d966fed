"""What a .cfg may say, what each key means, and the one line that every mistake gets."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from cyclesim.errors import BadInput
from cyclesim.hardware import PADDED_VARIANTS, Hardware, Scratchpad, Technology
from cyclesim.readers.hwconfig import format_hardware, read_hardware

BASE = """\
[general]
run_name = edge

[architecture_presets]
ArrayHeight: 12
ArrayWidth: 14
IfmapSramSzkB: 36
FilterSramSzkB: 37
OfmapSramSzkB: 38
Dataflow: ws

[run_presets]
InterfaceBandwidth: CALC
"""


@pytest.fixture
def cfg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the relative path of a file to write to, so that errors start ``edge.cfg:``."""
    monkeypatch.chdir(tmp_path)
    return Path("edge.cfg")


def read(cfg: Path, text: str, **overrides: str) -> Hardware:
    cfg.write_text(text, encoding="utf-8")
    hardware, warnings = read_hardware(cfg, overrides)
    assert warnings == []
    return hardware


def warnings_of(cfg: Path, text: str, **overrides: str) -> list[str]:
    cfg.write_text(text, encoding="utf-8")
    return read_hardware(cfg, overrides)[1]


def error(cfg: Path, text: str, **overrides: str) -> str:
    cfg.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_hardware(cfg, overrides)
    message = str(caught.value)
    assert message.isprintable(), "an error must be one printable line"
    return message


def with_ours(*lines: str) -> str:
    return "\n".join((BASE, "[cyclesim]", *lines, ""))


OURS = 1 + len(BASE.splitlines()) + 1
"""Line of the [cyclesim] header in `with_ours`."""


class TestDefaults:
    def test_a_file_of_scale_sim_keys_has_the_contracts_defaults(self, cfg: Path) -> None:
        assert read(cfg, BASE) == Hardware(
            run_name="edge",
            rows=12,
            cols=14,
            dataflow="ws",
            ifmap_sram=Scratchpad(size_bytes=36 * 1024),
            filter_sram=Scratchpad(size_bytes=37 * 1024),
            ofmap_sram=Scratchpad(size_bytes=38 * 1024),
            ifmap_offset_words=0,
            filter_offset_words=500_000_000,
            ofmap_offset_words=1_000_000_000,
            ifmap_bits=8,
            filter_bits=8,
            ofmap_bits=8,
            psum_bits=8,
            memory_model="native",
            interface_bandwidth="CALC",
            active_fraction=Fraction(1, 2),
            dram_bandwidth_words_per_cycle=None,
            dram_ports="shared",
            dram_latency_cycles=1,
            technology=Technology(),
        )

    def test_the_name_of_the_run_is_the_files_stem(self, cfg: Path) -> None:
        assert read(cfg, BASE.replace("run_name = edge", "")).run_name == "edge"
        other = cfg.with_name("my machine.cfg")
        assert read(other, BASE.replace("run_name = edge", "")).run_name == "my machine"

    def test_presets_for_the_run_may_be_absent(self, cfg: Path) -> None:
        assert read(cfg, BASE.partition("[run_presets]")[0]).interface_bandwidth == "CALC"

    def test_bits_follow_the_word_and_partial_sums_follow_the_ofmap(self, cfg: Path) -> None:
        wide = read(cfg, with_ours("WordBits = 16"))
        assert (wide.ifmap_bits, wide.filter_bits, wide.ofmap_bits, wide.psum_bits) == (16, 16, 16, 16)
        mixed = read(cfg, with_ours("WordBits = 16", "FilterBits = 4", "OfmapBits = 24"))
        assert (mixed.ifmap_bits, mixed.filter_bits, mixed.ofmap_bits, mixed.psum_bits) == (16, 4, 24, 24)
        assert read(cfg, with_ours("OfmapBits = 8", "PsumBits = 32")).psum_bits == 32


class TestValues:
    def test_every_key_of_ours_arrives(self, cfg: Path) -> None:
        hardware = read(
            cfg,
            BASE.replace(
                "Dataflow: ws", "Dataflow: OS\nIfmapOffset=1\nFilterOffset=2\nOfmapOffset=3"
            ).replace("CALC", "USER")
            + "[cyclesim]\nMemoryModel=scalesim\nFoldOverlap=pipe\nOsDrain=bus\nTrimFolds=false\n"
            "ActiveFraction=3/4\nDramBandwidth=1.5\nDramPorts=separate\nDramLatency=9\nIfmapSramWords=5\n"
            "[technology]\nNodeNm=45\nClockMHz=666.5\nDevice=itrs-hp\nNumberFormat=int8\nDramType=HBM2\n"
            "ComponentFile=my table.csv\n",
        )
        assert hardware.variant == "osbus-pipe"
        offsets = (hardware.ifmap_offset_words, hardware.filter_offset_words, hardware.ofmap_offset_words)
        assert offsets == (1, 2, 3)
        assert hardware.memory_model == "scalesim"
        assert hardware.interface_bandwidth == "USER"
        assert hardware.active_fraction == Fraction(3, 4)
        assert hardware.dram_bandwidth_words_per_cycle == Fraction(3, 2)
        assert (hardware.dram_ports, hardware.dram_latency_cycles) == ("separate", 9)
        assert hardware.technology == Technology(
            Fraction(45), Fraction(1333, 2), "itrs-hp", "int8", "HBM2", "my table.csv"
        )

    def test_words_win_over_kilobytes_and_make_them_optional(self, cfg: Path) -> None:
        both = read(cfg, with_ours("IfmapSramWords = 100"))
        assert both.ifmap_sram == Scratchpad(size_bytes=36 * 1024, size_words=100)
        assert both.ifmap_sram.words(8) == 100
        alone = read(cfg, with_ours("IfmapSramWords = 100").replace("IfmapSramSzkB: 36\n", ""))
        assert alone.ifmap_sram == Scratchpad(size_words=100)

    @pytest.mark.parametrize(
        ("text", "value"), [("10", 10), ("10,20,30", 10), ("10, 20,", 10), ("1.5", Fraction(3, 2))]
    )
    def test_the_first_bandwidth_counts(self, cfg: Path, text: str, value: Fraction) -> None:
        told = BASE.replace("Dataflow", f"Bandwidth : {text}\nDataflow").replace("CALC", "USER")
        assert read(cfg, told).dram_bandwidth_words_per_cycle == value
        ours = told + "[cyclesim]\nDramBandwidth = 1/3\n"
        assert read(cfg, ours).dram_bandwidth_words_per_cycle == Fraction(1, 3)

    @pytest.mark.parametrize("text", ["0.1", ".1", "1/10", "2/20", "0.10"])
    def test_a_rational_is_exactly_its_text(self, cfg: Path, text: str) -> None:
        assert read(cfg, with_ours(f"ActiveFraction = {text}")).active_fraction == Fraction(1, 10)

    @pytest.mark.parametrize("name", PADDED_VARIANTS)
    def test_every_defined_variant_can_be_said(self, cfg: Path, name: str) -> None:
        array, _, overlap = name.partition("-")
        keys = [f"FoldOverlap = {overlap or 'none'}", f"OsDrain = {'bus' if 'bus' in array else 'shift'}"]
        text = with_ours(*keys).replace("Dataflow: ws", f"Dataflow: {array[:2]}")
        assert read(cfg, text).variant == name

    def test_how_outputs_drain_has_no_effect_on_other_dataflows(self, cfg: Path) -> None:
        assert read(cfg, with_ours("OsDrain = bus", "FoldOverlap = db")).variant == "ws-db"


class TestSyntax:
    def test_sections_and_keys_have_no_case_and_either_sign_will_do(self, cfg: Path) -> None:
        shouted = BASE.replace("[general]", "[GENERAL]").replace("ArrayHeight: 12", "  arrayHEIGHT =12 ")
        assert read(cfg, shouted) == read(cfg, BASE)

    def test_the_sign_that_comes_first_separates(self, cfg: Path) -> None:
        assert read(cfg, BASE.replace("= edge", "= a:b")).run_name == "a:b"
        assert read(cfg, BASE.replace("= edge", ": a=b")).run_name == "a=b"

    def test_comments_start_a_line_or_follow_white_space(self, cfg: Path) -> None:
        text = BASE.replace("ArrayHeight: 12", "; a comment\n  # another\nArrayHeight: 12 ; rows").replace(
            "Dataflow: ws", "Dataflow: ws\t# weight stationary"
        )
        assert read(cfg, text) == read(cfg, BASE)
        assert read(cfg, BASE.replace("edge", "a#b;c")).run_name == "a#b;c"

    @pytest.mark.parametrize("newline", ["\r\n", "\r"])
    def test_any_newline_and_a_byte_order_mark_are_fine(self, cfg: Path, newline: str) -> None:
        expected = read(cfg, BASE)
        cfg.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", newline).encode())
        assert read_hardware(cfg) == (expected, [])

    def test_a_file_may_end_without_newline(self, cfg: Path) -> None:
        assert read(cfg, BASE.rstrip("\n")) == read(cfg, BASE)

    @pytest.mark.parametrize("line", ["ArrayWidth", "[general", "= 5", ": 5", "[]", "[a] b"])
    def test_a_line_that_is_neither_section_nor_key_is_an_error(self, cfg: Path, line: str) -> None:
        assert error(cfg, BASE + line).startswith(f"edge.cfg:{len(BASE.splitlines()) + 1}: ")

    def test_a_key_before_any_section_is_an_error(self, cfg: Path) -> None:
        assert error(cfg, "a = 1\n" + BASE).startswith("edge.cfg:1: a key must follow a section header")

    def test_a_repeated_key_is_an_error_at_the_second(self, cfg: Path) -> None:
        message = error(cfg, BASE.replace("Dataflow: ws", "Dataflow: ws\ndataflow: ws"))
        expected = "edge.cfg:11: dataflow is repeated in [architecture_presets] (first in line 10)"
        assert message == expected

    def test_a_repeated_section_is_an_error_at_the_second(self, cfg: Path) -> None:
        message = error(cfg, BASE + "[General]\n")
        assert message == "edge.cfg:14: section [general] is repeated (first in line 1)"


class TestErrors:
    def test_a_typo_in_a_value_suggests_the_right_word(self, cfg: Path) -> None:
        message = error(cfg, BASE.replace("ws", "wss"))
        assert message == "edge.cfg:10: Dataflow must be one of os, ws, is (got 'wss'; did you mean 'ws'?)"

    @pytest.mark.parametrize(
        ("line", "key"),
        [
            ("MemoryModel = nativ", "MemoryModel"),
            ("FoldOverlap = pipe3", "FoldOverlap"),
            ("OsDrain = shft", "OsDrain"),
            ("TrimFolds = maybe", "TrimFolds"),
            ("WordBits = 0", "WordBits"),
            ("IfmapBits = 1025", "IfmapBits"),
            ("PsumBits = 8.0", "PsumBits"),
            ("OfmapSramWords = 0", "OfmapSramWords"),
            ("ActiveFraction = 0", "ActiveFraction"),
            ("ActiveFraction = 1.01", "ActiveFraction"),
            ("ActiveFraction = -1/2", "ActiveFraction"),
            ("ActiveFraction = 1/0", "ActiveFraction"),
            ("DramBandwidth = 1e3", "DramBandwidth"),
            ("DramBandwidth = 0/7", "DramBandwidth"),
            ("DramBandwidth = 1/9999999999999", "DramBandwidth"),
            ("DramBandwidth = nan", "DramBandwidth"),
            ("DramPorts = both", "DramPorts"),
            ("DramLatency = 0", "DramLatency"),
            ("DramLatency =", "DramLatency"),
        ],
    )
    def test_a_value_of_ours_out_of_range_is_an_error_though_it_has_no_effect(
        self, cfg: Path, line: str, key: str
    ) -> None:
        message = error(cfg, with_ours("", line))
        assert message.startswith(f"edge.cfg:{OURS + 2}: {key} must be ")
        assert f"(got '{line.partition('=')[2].strip()}'" in message

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("ArrayHeight", "0"),
            ("ArrayHeight", "-3"),
            ("ArrayHeight", "8.0"),
            ("ArrayHeight", "1_2"),
            ("ArrayHeight", "\u0661\u0662"),
            ("ArrayHeight", "9" * 5000),
            ("ArrayWidth", "65537"),
            ("ArrayWidth", "twelve"),
            ("IfmapSramSzkB", "0"),
            ("IfmapOffset", "-1"),
            ("OfmapOffset", str(2**63)),
            ("Bandwidth", "0"),
            ("Bandwidth", "10, x"),
            ("Bandwidth", ","),
        ],
    )
    def test_a_value_of_scale_sims_out_of_range_is_an_error(self, cfg: Path, key: str, value: str) -> None:
        lines = [line for line in BASE.splitlines() if not line.startswith(key)]
        lines.insert(lines.index("[architecture_presets]") + 1, f"{key}: {value}")
        assert error(cfg, "\n".join(lines)).startswith(f"edge.cfg:5: {key} must be ")

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\x1bb", "a\u2028b", "x" * 241])
    def test_the_run_name_is_a_single_path_component(self, cfg: Path, name: str) -> None:
        message = error(cfg, BASE.replace("run_name = edge", f"run_name = {name}"))
        assert message.startswith("edge.cfg:2: run_name must be a single path component")

    def test_a_stem_that_cannot_name_a_run_is_an_error(self, cfg: Path) -> None:
        other = cfg.with_name("a\\b.cfg")
        message = error(other, BASE.replace("run_name = edge", ""))
        assert message.startswith(
            "a\\b.cfg:1: run_name is missing, and the file's stem, its default, must be"
        )

    @pytest.mark.parametrize("key", ["ArrayHeight", "ArrayWidth", "Dataflow", "OfmapSramSzkB"])
    def test_a_missing_key_is_reported_at_its_section(self, cfg: Path, key: str) -> None:
        text = "\n".join(line for line in BASE.splitlines() if not line.startswith(key))
        assert error(cfg, text).startswith(f"edge.cfg:4: {key} is missing from [architecture_presets]")

    def test_a_missing_section_is_reported_at_the_last_line(self, cfg: Path) -> None:
        assert error(cfg, "[general]\nrun_name=a\n\n").startswith("edge.cfg:3: ArrayHeight is missing")
        assert error(cfg, "").startswith("edge.cfg:1: ArrayHeight is missing")

    def test_a_typo_in_a_required_key_is_named_with_its_line(self, cfg: Path) -> None:
        assert error(cfg, BASE.replace("Dataflow", "Dataflw")) == (
            "edge.cfg:4: Dataflow is missing from [architecture_presets]; "
            "line 10 has 'Dataflw' in [architecture_presets], did you mean 'Dataflow'?"
        )

    @pytest.mark.parametrize(
        ("typo", "key"), [("IfmapOfset", "IfmapOffset"), ("Bandwith", "Bandwidth"), ("PsumBit", "PsumBits")]
    )
    def test_a_typo_in_an_optional_key_is_an_error(self, cfg: Path, typo: str, key: str) -> None:
        message = error(cfg, BASE.replace("Dataflow", f"{typo}: 5\nDataflow"))
        assert message.startswith("edge.cfg:10: ")
        assert message.endswith(f"(got '{typo}'; did you mean '{key}'?)")

    @pytest.mark.parametrize(
        ("section", "line", "tail"),
        [
            ("cyclesim", "DramLatancy = 4", "(got 'DramLatancy'; did you mean 'DramLatency'?)"),
            ("cyclesim", "MemoryBanks = 4", "(got 'MemoryBanks')"),
            ("technology", "Node = 4", "(got 'Node'; did you mean 'NodeNm'?)"),
        ],
    )
    def test_an_unknown_key_in_a_section_of_ours_is_an_error(
        self, cfg: Path, section: str, line: str, tail: str
    ) -> None:
        message = error(cfg, f"{BASE}[{section}]\n{line}\n")
        assert message.startswith(f"edge.cfg:15: keys of [{section}] must be among ")
        assert tail in message

    def test_a_key_in_the_wrong_section_is_an_error(self, cfg: Path) -> None:
        message = error(cfg, BASE + "PsumBits = 32\n")
        assert message == "edge.cfg:14: PsumBits must stand in [cyclesim] (got it in [run_presets])"

    def test_a_typo_in_a_section_is_an_error(self, cfg: Path) -> None:
        message = error(cfg, BASE + "[cyclsim]\nPsumBits = 32\n")
        assert message.startswith("edge.cfg:14: sections must be among ")
        assert message.endswith("(got 'cyclsim'; did you mean 'cyclesim'?)")
        message = error(cfg, BASE.replace("architecture_presets", "Architecture_preset"))
        assert message.startswith("edge.cfg:4: sections must be among ")
        assert message.endswith("(got 'architecture_preset'; did you mean 'architecture_presets'?)")

    @pytest.mark.parametrize(
        ("dataflow", "lines"),
        [
            ("os", ("FoldOverlap = pipe2",)),
            ("os", ("FoldOverlap = db", "OsDrain = bus")),
            ("os", ("FoldOverlap = pipe1", "OsDrain = bus")),
            ("ws", ("FoldOverlap = pipe", "TrimFolds = true")),
        ],
    )
    def test_an_undefined_variant_is_an_error_at_a_key_that_makes_it(
        self, cfg: Path, dataflow: str, lines: tuple[str, ...]
    ) -> None:
        message = error(cfg, with_ours(*lines).replace("Dataflow: ws", f"Dataflow: {dataflow}"))
        assert message.startswith(f"edge.cfg:{OURS + 1}: ")
        assert "defined" in message

    def test_a_bandwidth_for_user_must_be_given(self, cfg: Path) -> None:
        message = error(cfg, BASE.replace("CALC", "USER"))
        assert message.startswith("edge.cfg:13: InterfaceBandwidth USER needs DramBandwidth in [cyclesim]")


class TestUnreadableFiles:
    def test_a_missing_file_is_one_line_that_suggests_a_neighbour(self, cfg: Path) -> None:
        cfg.write_text(BASE)
        with pytest.raises(BadInput) as caught:
            read_hardware(Path("egde.cfg"))
        assert str(caught.value) == (
            "egde.cfg: cannot be read: No such file or directory (got 'egde.cfg'; did you mean 'edge.cfg'?)"
        )

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="cannot be read: Is a directory"):
            read_hardware(tmp_path)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"\xef\xbb\xbf[a]\r\nb\xff=1\n", "must be UTF-8 text (byte 0xff in line 2 is not)"),
            ("[general]".encode("utf-16"), "must be UTF-8 text, and is UTF-16: save it as UTF-8"),
        ],
    )
    def test_what_is_not_text_is_refused(self, cfg: Path, data: bytes, message: str) -> None:
        cfg.write_bytes(data)
        with pytest.raises(BadInput) as caught:
            read_hardware(cfg)
        assert str(caught.value) == f"edge.cfg: {message}"

    def test_a_null_byte_is_refused_at_its_line(self, cfg: Path) -> None:
        assert error(cfg, BASE + "a\0=1\n").startswith("edge.cfg:14: ")

    def test_a_path_that_no_system_takes_is_refused(self) -> None:
        with pytest.raises(BadInput, match=r"^a\\x00b: cannot be read: "):
            read_hardware(Path("a\0b"))


class TestWarnings:
    def test_keys_of_scale_sim_without_effect_share_one_warning(self, cfg: Path) -> None:
        text = BASE.replace("Dataflow", "MemoryBanks: 1\nReadRequestBuffer: 32\nDataflow")
        text += (
            "UseRamulatorTrace: False\n[layout]\nIfmapCustomLayout: True\n[sparsity]\nSparsitySupport : x\n"
        )
        assert warnings_of(cfg, text) == [
            "edge.cfg: these keys of SCALE-Sim have no effect: MemoryBanks, ReadRequestBuffer, "
            "UseRamulatorTrace, IfmapCustomLayout, SparsitySupport"
        ]
        assert warnings_of(cfg, text + "[cyclesim]\nMemoryModel = scalesim\n") == []

    def test_keys_and_sections_that_nobody_knows_share_another(self, cfg: Path) -> None:
        text = BASE + "Colour: blue\n[notes]\nauthor = me\n"
        assert warnings_of(cfg, text) == [
            "edge.cfg: unknown keys are ignored: Colour (line 14), author (line 16)"
        ]


class TestOverrides:
    def test_the_command_line_wins_over_the_file(self, cfg: Path) -> None:
        text = with_ours("MemoryModel = scalesim")
        hardware = read(cfg, text, Dataflow="IS", memorymodel="native", ARRAYHEIGHT="7")
        assert (hardware.dataflow, hardware.memory_model, hardware.rows) == ("is", "native", 7)

    def test_what_is_overridden_need_not_be_right_or_there(self, cfg: Path) -> None:
        assert read(cfg, BASE.replace("ws", "wss"), Dataflow="os").dataflow == "os"
        assert read(cfg, BASE.replace("Dataflow: ws\n", ""), Dataflow="os").dataflow == "os"
        assert (
            read(cfg, BASE.replace("IfmapSramSzkB: 36\n", ""), IfmapSramWords="9").ifmap_sram.size_words == 9
        )

    @pytest.mark.parametrize(
        ("key", "value", "start"),
        [
            ("dataflow", "wss", "cyclesim: --dataflow: Dataflow must be one of os, ws, is (got 'wss'; did"),
            ("MemoryModel", "x", "cyclesim: --memory: MemoryModel must be one of native, scalesim, scalesim2 (got "),
            ("arrayheight", "0", "cyclesim: --sweep ArrayHeight: ArrayHeight must be a whole number from 1"),
            ("DramBandwith", "1", "cyclesim: --sweep DramBandwith: must name a key of the .cfg"),
            ("MemoryBanks", "1", "cyclesim: --sweep MemoryBanks: must name a key of the .cfg"),
        ],
    )
    def test_a_bad_override_is_an_error_of_the_command_line(
        self, cfg: Path, key: str, value: str, start: str
    ) -> None:
        assert error(cfg, BASE, **{key: value}).startswith(start)

    def test_an_override_that_makes_an_undefined_variant_is_the_one_to_blame(self, cfg: Path) -> None:
        message = error(cfg, with_ours("FoldOverlap = pipe2"), Dataflow="os")
        assert message.startswith("cyclesim: --dataflow: variant os-pipe2 is not defined")

    def test_a_swept_capacity_in_kilobytes_is_not_lost_to_the_files_words(self, cfg: Path) -> None:
        hardware = read(cfg, with_ours("IfmapSramWords = 9"), IfmapSramSzkB="2")
        assert hardware.ifmap_sram == Scratchpad(size_bytes=2048)

    def test_a_swept_bandwidth_list_is_not_lost_to_the_files_dram_bandwidth(self, cfg: Path) -> None:
        assert read(cfg, with_ours("DramBandwidth = 9"), Bandwidth="2").dram_bandwidth_words_per_cycle == 2

    @pytest.mark.parametrize(
        "overrides", [{"DramBandwidth": "3"}, {"DramPorts": "separate", "Bandwidth": "1"}]
    )
    def test_sweeping_the_channel_implies_a_limited_one(self, cfg: Path, overrides: dict[str, str]) -> None:
        assert read(cfg, BASE, **overrides).interface_bandwidth == "USER"
        assert read(cfg, BASE, **overrides, InterfaceBandwidth="CALC").interface_bandwidth == "CALC"

    def test_sweeping_the_latency_needs_a_bandwidth(self, cfg: Path) -> None:
        message = error(cfg, BASE, DramLatency="3")
        assert message.startswith(
            "cyclesim: --sweep DramLatency: InterfaceBandwidth USER needs DramBandwidth"
        )


class TestWriting:
    def test_what_no_file_can_hold_is_refused(self, cfg: Path) -> None:
        plain = read(cfg, BASE)
        kept = vars(plain) | {"ifmap_sram": Scratchpad(size_bytes=1000)}
        with pytest.raises(ValueError, match=r"IfmapSramSzkB must be a whole number"):
            format_hardware(Hardware(**kept))
        with pytest.raises(ValueError, match="run_name would read back differently"):
            format_hardware(Hardware(**(vars(plain) | {"run_name": "a #b"})))
        with pytest.raises(ValueError, match="run_name must be a single path component"):
            format_hardware(Hardware(**(vars(plain) | {"run_name": "a/b"})))
