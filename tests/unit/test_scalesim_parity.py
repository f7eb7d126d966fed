"""The comparison with SCALE-Sim: what is equal, what is not, and worker processes that survive their cases."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cyclesim.errors import BadInput
from cyclesim.scalesim_versions import ScaleSimVersion
from cyclesim.validation import Settings, run_suites, scalesim_batches, scalesim_parity
from cyclesim.validation.findings import FAILED, PASSED, SKIPPED, Findings
from cyclesim.validation.scalesim_batches import Finished, installed_version, run_cases
from cyclesim.validation.scalesim_cases import TextCase, random_case
from cyclesim.validation.scalesim_parity import check_kept, first_difference, judge, write_case

FILES = {
    "run/COMPUTE_REPORT.csv": b"LayerID, Total Cycles,\n0, 12,\n",
    "run/layer0/IFMAP_SRAM_TRACE.csv": b"1,0,-1\n2,1,3\n",
    "run/layer0/IFMAP_DRAM_TRACE.csv": b"-1.0,0.0,1.0\n",
}


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


class Ours:
    """In place of the command line: writes files, says a line, returns a status."""

    def __init__(self, status: int = 0, says: str = "", files: dict[str, bytes] | None = None) -> None:
        self.status, self.says, self.files = status, says, files or {}

    def __call__(self, arguments: Sequence[str]) -> int:
        write_files(Path(arguments[arguments.index("-p") + 1]), self.files)
        print(self.says, end="", file=sys.stderr)
        return self.status


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A folder of a case that SCALE-Sim ran."""
    folder = write_case(tmp_path / "0000", TextCase("gemm", "config", "topology", "os", "CALC"))
    write_files(folder / "out", FILES)
    return folder


class TestComparison:
    def test_equal_files_have_no_difference_and_the_summary_is_ours_alone(self, tmp_path: Path) -> None:
        theirs, ours = write_files(tmp_path / "a", FILES), write_files(tmp_path / "b", FILES)
        write_files(ours, {"run/SUMMARY.json": b"{}"})
        assert first_difference(theirs, ours) == ""

    @pytest.mark.parametrize("name", FILES)
    def test_any_changed_byte_is_found(self, tmp_path: Path, name: str) -> None:
        theirs = write_files(tmp_path / "a", FILES)
        for place in range(len(FILES[name])):
            changed = bytearray(FILES[name])
            changed[place] ^= 1
            ours = write_files(tmp_path / f"b{place}", {**FILES, name: bytes(changed)})
            assert first_difference(theirs, ours).startswith(f"{name}, line ")

    def test_file_line_column_and_both_texts_are_named(self, tmp_path: Path) -> None:
        theirs = write_files(tmp_path / "a", FILES)
        ours = write_files(tmp_path / "b", {**FILES, "run/layer0/IFMAP_SRAM_TRACE.csv": b"1,0,-1\n2,1,4\n"})
        expected = r"run/layer0/IFMAP_SRAM_TRACE.csv, line 2, character 5: '2,1,4\n', not '2,1,3\n'"
        assert first_difference(theirs, ours) == expected

    def test_a_trace_is_named_before_the_reports_that_follow_from_it(self, tmp_path: Path) -> None:
        theirs = write_files(tmp_path / "a", FILES)
        ours = write_files(tmp_path / "b", dict.fromkeys(FILES, b"other\n"))
        assert first_difference(theirs, ours).startswith("run/layer0/IFMAP_SRAM_TRACE.csv, line 1")

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"1,0,-1\n", r"line 2: ours ends before '2,1,3\n'"),
            (b"1,0,-1\n2,1,3\n3\n", r"line 3: SCALE-Sim's ends before '3\n'"),
            (b"1,0,-1\n2,1,3", r"line 2, character 6: '2,1,3', not '2,1,3\n'"),
            (b"1,0,-1\r\n2,1,3\n", r"line 1, character 7: '1,0,-1\r\n', not '1,0,-1\n'"),
        ],
    )
    def test_a_file_that_ends_elsewhere_differs(self, tmp_path: Path, content: bytes, told: str) -> None:
        theirs = write_files(tmp_path / "a", FILES)
        ours = write_files(tmp_path / "b", {**FILES, "run/layer0/IFMAP_SRAM_TRACE.csv": content})
        assert first_difference(theirs, ours) == f"run/layer0/IFMAP_SRAM_TRACE.csv, {told}"

    def test_missing_and_surplus_files_are_differences(self, tmp_path: Path) -> None:
        everything = write_files(tmp_path / "a", FILES)
        some = write_files(tmp_path / "b", {name: FILES[name] for name in list(FILES)[:2]})
        assert first_difference(everything, some) == "run/layer0/IFMAP_DRAM_TRACE.csv is missing (1 files are)"
        assert first_difference(some, everything).startswith("run/layer0/IFMAP_DRAM_TRACE.csv should not be there")


class TestVerdict:
    LINE = "run.cfg:3: it is wrong\n"

    @pytest.mark.parametrize(
        ("ours", "crash", "outcome"),
        [
            (Ours(files=FILES), "", "matched"),
            (Ours(files={}), "", "mismatched"),
            (Ours(2, LINE), "", "wrongly refused"),
            (Ours(2, LINE), "ValueError: no (a.py, f)", "refused"),
            (Ours(files=FILES), "ValueError: no (a.py, f)", "not refused"),
            (Ours(2, LINE + LINE), "ValueError: no (a.py, f)", "broke down"),
            (Ours(2, "", {}), "ValueError: no (a.py, f)", "broke down"),
            (Ours(2, LINE, FILES), "ValueError: no (a.py, f)", "broke down"),
            (Ours(1, LINE), "", "broke down"),
            (Ours(files=FILES), "TookTooLong: it took too long (a.py, f)", "undecided"),
        ],
    )
    def test_status_line_and_files_decide(self, case: Path, ours: Ours, crash: str, outcome: str) -> None:
        assert judge(Finished(case, 0.0, crash), ours).outcome == outcome

    def test_a_traceback_of_ours_is_no_refusal(self, case: Path) -> None:
        def ours(arguments: Sequence[str]) -> int:
            raise KeyError("size")

        verdict = judge(Finished(case, 0.0, "ValueError: no (a.py, f)"), ours)
        assert (verdict.outcome, verdict.text) == ("broke down", "KeyError: 'size'")

    def test_what_is_left_of_an_earlier_run_does_not_count(self, case: Path) -> None:
        assert judge(Finished(case, 0.0, ""), Ours(files={**FILES, "run/more.csv": b""})).outcome == "mismatched"
        assert judge(Finished(case, 0.0, ""), Ours(files=FILES)).outcome == "matched"

    def test_kept_cases_are_compared_again_without_scalesim(self, case: Path) -> None:
        write_case(case.with_name("0001"), TextCase("conv", "", "", "ws", "USER", "missing key"))
        (case.with_name("0001") / "crash.txt").write_text("NoOptionError: no (a.py, f)\n", encoding="utf-8")
        text = check_kept(case.parent, Ours(files=FILES))
        assert "NOT REFUSED" in text
        assert "0001 (ws USER): SCALE-Sim fails: NoOptionError: no (a.py, f)" in text
        assert "0000" not in text
        rows = [line.split() for line in text.splitlines()]
        assert ["os", "CALC", "1", "1", "0", "0", "0", "0", "0", "0"] in rows
        assert ["all", "2", "1", "0", "0", "1", "0", "0", "0"] in rows


FAKE = """
import os, sys, time
from pathlib import Path
class scalesim:
    def __init__(self, save_disk_space, verbose, config, topology, layout, input_type_gemm):
        self.name, self.gemm = Path(topology).read_text(), input_type_gemm
    def run_scale(self, top_path):
        print("noise"); print("noise", file=sys.stderr)
        if self.name == "fails":
            raise ValueError("a\\n  reason")
        if self.name == "exits":
            sys.exit()
        if self.name == "dies":
            os._exit(7)
        if self.name == "hangs":
            time.sleep(60)
        folder = Path(top_path) / "run"
        folder.mkdir(parents=True)
        (folder / "COMPUTE_REPORT.csv").write_text(f"{self.name} {self.gemm}\\n")
"""


@pytest.fixture
def fake_scalesim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is called as SCALE-Sim 3.0.0, for this Python; the folder that it lies in."""
    site = tmp_path / "site"
    write_files(
        site,
        {
            "scalesim/__init__.py": b"",
            "scalesim/scale_sim.py": FAKE.encode(),
            "scalesim-3.0.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: scalesim\nVersion: 3.0.0\n",
        },
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(scalesim_batches, "LAST_PYTHON", sys.version_info[:2])
    return site


class TestWorkers:
    def test_one_bad_case_does_not_cost_the_others(self, fake_scalesim: Path, tmp_path: Path) -> None:
        names = ["good", "fails", "dies", "fine", "exits", "hangs", "well", "dies"]
        cases = [
            write_case(tmp_path / "cases" / f"{i}", TextCase("conv" if i else "gemm", "", name, "os", "CALC"))
            for i, name in enumerate(names)
        ]
        done = sorted(run_cases(sys.executable, cases, batch=5, limit_seconds=1), key=lambda one: one.case)
        assert [one.case for one in done] == cases
        assert [one.crash for one in done] == [
            "", "ValueError: a reason (scale_sim.py, run_scale)", "Died: the process ended with status 7", "",
            "SystemExit:  (scale_sim.py, run_scale)", "TookTooLong: it took too long (scale_sim.py, run_scale)", "",
            "Died: the process ended with status 7",
        ]  # fmt: skip
        assert [one.undecided for one in done] == [name in ("dies", "hangs") for name in names]
        for one, name in zip(done, names, strict=True):
            assert (one.case / "crash.txt").exists() == bool(one.crash)
            report = one.case / "out" / "run" / "COMPUTE_REPORT.csv"
            assert report.exists() == (not one.crash)
            if not one.crash:
                assert report.read_text() == f"{name} {name == 'good'}\n"

    def test_a_python_without_scalesim_is_bad_input(self, tmp_path: Path) -> None:
        case = write_case(tmp_path / "0", TextCase("conv", "", "", "os", "CALC"))
        with pytest.raises(BadInput, match=r"cannot be run by no-such-python: .*no-such-python"):
            list(run_cases("no-such-python", [case]))
        with pytest.raises(BadInput, match=r"SCALE-Sim 3\.0\.0 cannot be run by .*: ModuleNotFoundError: .*scalesim"):
            list(run_cases(sys.executable, [case]))

    def test_other_versions_are_refused(
        self, fake_scalesim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        case = write_case(tmp_path / "0", TextCase("conv", "", "", "os", "CALC"))
        monkeypatch.setattr(scalesim_batches, "LAST_PYTHON", (3, 9))
        with pytest.raises(BadInput, match=r"Python 3\.9 or earlier is needed"):
            list(run_cases(sys.executable, [case]))
        monkeypatch.setattr(scalesim_batches, "LAST_PYTHON", sys.version_info[:2])
        with pytest.raises(BadInput, match=r"SCALE-Sim 2\.0\.2 cannot be run by .*: it has version 3\.0\.0"):
            list(run_cases(sys.executable, [case], version="2.0.2"))


    def test_the_installed_version_is_found(self, fake_scalesim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert installed_version(sys.executable).memory_model == "scalesim"
        metadata = fake_scalesim / "scalesim-3.0.0.dist-info/METADATA"
        for number, model in (("2.0.2", "scalesim2"), ("2.0.1", None)):
            metadata.write_text(f"Metadata-Version: 2.1\nName: scalesim\nVersion: {number}\n", encoding="utf-8")
            if model is not None:
                assert installed_version(sys.executable).memory_model == model
        with pytest.raises(BadInput, match=r"SCALE-Sim 3\.0\.0 or 2\.0\.2 cannot be run by .*: it has version 2\.0\.1"):
            installed_version(sys.executable)
        with pytest.raises(BadInput, match=r"cannot be run by no-such-python: .*no-such-python"):
            installed_version("no-such-python")
        monkeypatch.delenv("PYTHONPATH")
        with pytest.raises(BadInput, match="ModuleNotFoundError"):
            installed_version(sys.executable)

    def test_a_case_is_run_in_the_memory_model_of_its_version(self, tmp_path: Path) -> None:
        asked = []

        def ours(arguments: Sequence[str]) -> int:
            asked.append(arguments[arguments.index("--memory") + 1])
            return 2

        for memory in ("scalesim", "scalesim2"):
            case = write_case(tmp_path / memory, TextCase("conv", "", "", "os", "CALC", "a flaw", memory))
            judge(Finished(case, 0.0, "ValueError: no (a.py, f)"), ours)
        assert asked == ["scalesim", "scalesim2"]


class TestSuite:
    def run(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ours: Ours) -> tuple[str, list[str]]:
        def few(seed: int, number: int, version: ScaleSimVersion) -> TextCase:
            topology = "good" if number % 2 else "fails"
            flaw = random_case(seed, number, version).flaw
            return TextCase("conv", "", topology, "ws", "USER", flaw, version.memory_model)

        lines: list[str] = []
        monkeypatch.setattr(scalesim_parity, "random_case", few)
        monkeypatch.setattr(scalesim_parity, "QUICK", 4)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        settings = Settings(quick=True, scalesim_python=sys.executable, command=ours)
        findings = Findings(lines.append)
        scalesim_parity.run(settings, findings)
        findings.result("scalesim", "", 0.0)
        return findings.outcome, lines

    def test_it_fails_on_differences_and_keeps_their_cases(
        self, fake_scalesim: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        outcome, lines = self.run(monkeypatch, tmp_path, Ours(files={"run/COMPUTE_REPORT.csv": b"good True\n"}))
        assert outcome == FAILED
        told = "\n".join(lines)
        assert "MISMATCHED" in told
        assert "line 1, character 6: 'good True\\n', not 'good False\\n'" in told
        [root] = tmp_path.glob("cyclesim-scalesim-*")
        assert str(root) in told
        assert {path.name for path in root.iterdir()} == {"0000", "0001", "0002", "0003"}
        assert "cases whose files or refusals differ        4     <= 0     NO" in told

    def test_it_passes_and_keeps_nothing_if_all_is_equal(
        self, fake_scalesim: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def ours(arguments: Sequence[str]) -> int:
            topology = Path(arguments[arguments.index("-t") + 1])
            if topology.read_text() == "fails":
                return Ours(2, "topology.csv:1: no\n")(arguments)
            return Ours(files={"run/COMPUTE_REPORT.csv": b"good False\n"})(arguments)

        outcome, lines = self.run(monkeypatch, tmp_path, ours)  # type: ignore[arg-type]
        assert outcome == PASSED, lines
        assert list(tmp_path.glob("cyclesim-scalesim-*")) == []

    def test_it_is_skipped_without_a_python_and_that_is_no_failure(self) -> None:
        lines: list[str] = []
        [found] = run_suites(["scalesim"], Settings(), lines.append)
        assert found.outcome == SKIPPED
        assert found.reason.startswith("no --scalesim PYTHON")
        assert "--scalesim PYTHON" in lines[1]
        assert lines[-1].startswith("== scalesim: skipped")
