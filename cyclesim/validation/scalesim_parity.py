"""Suite ``scalesim``: does ``--memory scalesim`` write what SCALE-Sim 3.0.0 writes, byte for byte?

SCALE-Sim itself is run on random cases, in an environment of its own; every report and every trace must be the same.
What it fails on must be refused, with one line and without any output. Where the environment has SCALE-Sim 2.0.2, the
same is asked of ``--memory scalesim2``.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from cyclesim.validation import Settings
from cyclesim.validation.findings import Bound, Findings, Table
from cyclesim.validation.scalesim_batches import Finished, installed_version, run_cases
from cyclesim.validation.scalesim_cases import TextCase, random_case

Command = Callable[[Sequence[str]], int]
"""The command line: takes arguments, returns the exit status."""

OUTCOMES = ("matched", "refused", "mismatched", "not refused", "wrongly refused", "broke down", "undecided")
"""Equal files; a refusal of what SCALE-Sim fails on; and what is wrong: other files, a run of what SCALE-Sim fails on,
a refusal of what it runs, neither a run nor a refusal in one line, and cases that SCALE-Sim came to no end with."""
GOOD = OUTCOMES[:2]
FULL, QUICK = 1000, 60
ONLY_OURS = "SUMMARY.json"
SHOWN_CHARACTERS, SHOWN_CASES = 60, 50
"""How much is shown of a line that differs, and how many cases that went wrong."""


@dataclass(frozen=True)
class Verdict:
    """What came of a case: one of `OUTCOMES`, and the difference or the message."""

    outcome: str
    text: str = ""


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite; a quick run has fewer cases, and the same seed gives the same ones."""
    if settings.scalesim_python is None:
        findings.skip(
            "no --scalesim PYTHON (3.11 or earlier, with SCALE-Sim 3.0.0 or 2.0.2) was given",
            "python3.11 -m venv ss; ss/bin/pip install scalesim==3.0.0 numpy==1.26.4; --scalesim ss/bin/python",
        )
        return
    assert settings.command is not None, "the command line hands itself to the suites"
    version = installed_version(settings.scalesim_python)
    count = QUICK if settings.quick else FULL
    root = Path(tempfile.mkdtemp(prefix="cyclesim-scalesim-"))
    tally = _Tally()
    try:
        cases = [write_case(root / f"{i:04d}", random_case(settings.seed, i, version)) for i in range(count)]
        for done in run_cases(settings.scalesim_python, cases, version=version.number):
            if judge_and_count(done, settings.command, tally, findings.say) in GOOD:
                shutil.rmtree(done.case)
            if tally.cases % 100 == 0 and tally.cases < count:
                findings.say(f"... {tally.cases} of {count}, {tally.bad} wrong")
    finally:
        if not tally.bad:
            shutil.rmtree(root)
    for found in tally.tables():
        findings.table(found.title, found.header, found.rows)
    findings.remark(f"SCALE-Sim {version.number} took {tally.seconds:.0f} s in two processes.")
    findings.bound(Bound("cases whose files or refusals differ", tally.bad, 0))
    if tally.bad:
        call = f"check_kept({str(root)!r}, main)"
        findings.say(f"What failed is kept in {root}. To compare again with what SCALE-Sim wrote there:")
        findings.say(
            '  python -c "from cyclesim.cli import main; from cyclesim.validation.scalesim_parity import *; '
            f'print({call})"'
        )


def check_kept(folder: str | Path, command: Command, report: Callable[[str], None] | None = None) -> str:
    """Run and compare again the cases in a folder, where SCALE-Sim's output is from before; return the table."""
    tally = _Tally()
    wrong: list[str] = []
    for case in sorted(path.parent for path in Path(folder).glob("*/about")):
        crash = case / "crash.txt"
        done = Finished(case, 0.0, crash.read_text(encoding="utf-8").strip() if crash.exists() else "")
        judge_and_count(done, command, tally, report or wrong.append)
    return "\n".join([*wrong, *(found.text for found in tally.tables())])


def write_case(folder: Path, case: TextCase) -> Path:
    """Write the files of a case into a new folder, and return it."""
    folder.mkdir(parents=True)
    for name, text in (
        ("run.cfg", case.config),
        ("topology.csv", case.topology),
        ("kind", case.kind),
        ("about", f"{case.memory} {case.dataflow} {case.mode} {case.flaw}"),
    ):
        (folder / name).write_bytes(text.encode())
    return folder


def judge_and_count(done: Finished, command: Command, tally: _Tally, report: Callable[[str], None]) -> str:
    """Judge a case, count it, report it if something is wrong, and return the outcome."""
    verdict = judge(done, command)
    _, dataflow, mode, flaw = _about(done.case)
    tally.add(done, f"{dataflow} {mode}", flaw, verdict.outcome)
    if verdict.outcome not in GOOD and tally.bad <= SHOWN_CASES:
        report(f"{verdict.outcome.upper()}: {done.case} ({dataflow} {mode}): {verdict.text}")
    return verdict.outcome


def _about(case: Path) -> list[str]:
    """Return memory model, dataflow, mode and flaw of a case."""
    return (case / "about").read_text(encoding="utf-8").rstrip("\n").split(" ", 3)


def judge(done: Finished, command: Command) -> Verdict:
    """Run `command` on a case that SCALE-Sim is done with, and compare."""
    if done.undecided:
        return Verdict("undecided", done.crash)
    ours = done.case / "ours"
    shutil.rmtree(ours, ignore_errors=True)
    kind = (done.case / "kind").read_text(encoding="utf-8").strip()
    arguments = ["run", "--memory", _about(done.case)[0], "-q", "--trace-format", "csv", "--traces", "all"]
    arguments += ["-c", str(done.case / "run.cfg"), "-t", str(done.case / "topology.csv"), "-p", str(ours)]
    arguments += ["-i", "gemm"] if kind == "gemm" else []
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            status = command(arguments)
    except Exception as problem:
        return Verdict("broke down", f"{type(problem).__name__}: {problem}")
    message = said.getvalue().strip()
    if status == 0:
        if done.crash:
            return Verdict("not refused", f"SCALE-Sim fails: {done.crash}")
        difference = first_difference(done.case / "out", ours)
        return Verdict("mismatched", difference) if difference else Verdict("matched")
    if status != 2 or "\n" in message or not message or _files(ours):
        return Verdict("broke down", f"status {status}, {len(_files(ours))} files, and it says: {message or 'nothing'}")
    return Verdict("refused", message) if done.crash else Verdict("wrongly refused", message)


def first_difference(theirs: Path, ours: Path) -> str:
    """Return where two output folders differ first, traces before the reports that follow from them; or nothing."""
    expected, found = _files(theirs), _files(ours)
    found = {name: path for name, path in found.items() if Path(name).name != ONLY_OURS}
    if missing := sorted(expected.keys() - found.keys()):
        return f"{missing[0]} is missing ({len(missing)} files are)"
    if surplus := sorted(found.keys() - expected.keys()):
        return f"{surplus[0]} should not be there ({len(surplus)} files should not)"
    for name in sorted(expected, key=lambda name: (name.endswith("REPORT.csv"), "DRAM" in name, name)):
        if difference := _difference_of_bytes(expected[name].read_bytes(), found[name].read_bytes()):
            return f"{name}, {difference}"
    return ""


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def _difference_of_bytes(expected: bytes, found: bytes) -> str:
    """Return line, column and both texts where two files differ first, or nothing."""
    if expected == found:
        return ""
    both = enumerate(zip_longest(expected.splitlines(keepends=True), found.splitlines(keepends=True)), start=1)
    number, (their_line, our_line) = next((i, pair) for i, pair in both if pair[0] != pair[1])
    if their_line is None or our_line is None:
        which, line = ("SCALE-Sim's", our_line) if their_line is None else ("ours", their_line)
        return f"line {number}: {which} ends before {_shown(line or b'', 0)}"
    column = next((i for i, (a, b) in enumerate(zip(their_line, our_line, strict=False)) if a != b), len(our_line))
    return f"line {number}, character {column + 1}: {_shown(our_line, column)}, not {_shown(their_line, column)}"


def _shown(line: bytes, column: int) -> str:
    """Return the part of a line about a column."""
    start = max(0, column - SHOWN_CHARACTERS // 2)
    return repr(line[start : start + SHOWN_CHARACTERS].decode(errors="replace"))


class _Tally:
    """What came of all cases so far."""

    def __init__(self) -> None:
        self.cases = 0
        self.bad = 0
        self.seconds = 0.0
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._crashes: Counter[tuple[str, str]] = Counter()

    def add(self, done: Finished, group: str, flaw: str, outcome: str) -> None:
        """Count a case of a group (dataflow and mode)."""
        self.cases += 1
        self.bad += outcome not in GOOD
        self.seconds += done.seconds
        self._outcomes[group, outcome] += 1
        if done.crash:
            self._crashes[flaw or "NOT EXPECTED", done.crash] += 1

    def tables(self) -> list[Table]:
        """Return outcomes by dataflow and mode, and what SCALE-Sim failed on."""
        counts = {
            group: [self._outcomes[group, outcome] for outcome in OUTCOMES]
            for group in sorted({group for group, _ in self._outcomes})
        }
        counts["all"] = [sum(column) for column in zip(*counts.values(), strict=True)]
        rows = tuple((group, str(sum(numbers)), *map(str, numbers)) for group, numbers in counts.items())
        found = [Table("", ("dataflow, mode", "cases", *OUTCOMES), rows)]
        if self._crashes:
            crashes = sorted(self._crashes.items())
            lines = tuple((f"{flaw}: {crash[:90]}", str(cases)) for (flaw, crash), cases in crashes)
            found.append(Table("", ("SCALE-Sim fails on", "cases"), lines))
        return found
