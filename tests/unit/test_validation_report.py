"""The report of a validation: verdicts from bounds, files that are whole or not there, HTML that needs nothing else."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cyclesim import command_validate, validation
from cyclesim.cli import main
from cyclesim.plots.charts import Chart, Dots, Histogram, Points, Scatter, draw, numbers
from cyclesim.plots.style import COLUMN_INCHES, PIXELS_PER_INCH
from cyclesim.validation import Settings, Suite, report, run_suites
from cyclesim.validation.findings import FAILED, PASSED, SKIPPED, Bound, Findings, SuiteResult, summary
from cyclesim.validation.report import Report, provenance, write_report

SCATTER = Scatter("cycles", "simulated", "estimated", (Points("os", (10, 200, 3000), (11, 190, 3000)),))
CHART = Chart("small", "A <small> chart", (SCATTER,), columns=1, height_inches=2.0)


def found(name: str = "one", broken: bool = False, skipped: bool = False) -> SuiteResult:
    """A suite's result, with a table, a bound and a chart."""
    findings = Findings(lambda text: None)
    if skipped:
        findings.skip("there is no <simulator>")
    else:
        findings.table("A title", ("case", "count"), [("a | b", "1"), ("c", "2")], ["a note"])
        findings.bound(Bound("mean error", 0.04 if broken else 0.01, 0.03, form="{:.1%}"))
        findings.chart(CHART)
        findings.remark("A remark & more.")
    return findings.result(name, "The claim.", 1.25)


def made(*suites: SuiteResult) -> Report:
    about = provenance(3, True, 2, 12.0, {"SCALE-Sim": None, "Icarus Verilog": "11.0"})
    return Report(suites, about, "cyclesim validate --quick --seed 3 -p OUT")


class TestFindings:
    def test_a_bound_holds_up_to_its_limit(self) -> None:
        assert Bound("most", 0.03, 0.03).holds
        assert not Bound("most", 0.031, 0.03).holds
        assert Bound("least", 600, 600, at_least=True).holds
        assert not Bound("least", 599, 600, at_least=True).holds

    def test_a_bound_that_is_not_judged_is_shown_but_breaks_nothing(self) -> None:
        bound = Bound("least", 0.5, 0.9, at_least=True, form="{:.0%}", judged=False)
        assert bound.cells == ("least", "50 %", ">= 90 %", "NO, not judged")
        assert not bound.broken

    def test_the_outcome_follows_from_bounds_and_failures(self) -> None:
        assert found().outcome == PASSED
        assert found(broken=True).outcome == FAILED
        assert found(skipped=True).outcome == SKIPPED
        findings = Findings(lambda text: None)
        findings.failure("it differs", "python -c 1")
        assert findings.outcome == FAILED
        assert findings.result("one", "", 0.0).failures == ("it differs\n  python -c 1",)

    def test_what_is_only_said_is_not_kept(self) -> None:
        said: list[str] = []
        findings = Findings(said.append)
        findings.say("kept in /tmp/somewhere")
        assert said == ["kept in /tmp/somewhere"]
        assert "somewhere" not in report.json_text(made(findings.result("one", "", 0.0)))

    def test_the_summary_says_why_a_suite_failed_or_was_skipped(self) -> None:
        text = summary([found("a"), found("b", broken=True), found("c", skipped=True)]).text
        assert re.search(r"^a +passed +1 of 1 +1$", text, re.MULTILINE)
        assert re.search(r"^b +FAILED +0 of 1 +1 +\[1\]$", text, re.MULTILINE)
        assert "[1] b: mean error" in text
        assert "[2] c: there is no <simulator>" in text
        findings = Findings(lambda said: None)
        findings.bound(Bound("points per second", 1, 2, at_least=True, judged=False))
        quick = summary([findings.result("d", "", 1.0)]).text
        assert re.search(r"^d +passed +nothing judged +1$", quick, re.MULTILINE)


class Page(HTMLParser):
    """Checks that tags close, and keeps what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestFiles:
    def test_a_report_is_four_kinds_of_files(self, tmp_path: Path) -> None:
        write_report(tmp_path / "a/b", made(found()))
        assert {path.name for path in (tmp_path / "a/b").iterdir()} == {
            "report.md", "report.html", "report.json", "report-small.png"
        }  # fmt: skip

    def test_markdown_refers_to_images_beside_it(self, tmp_path: Path) -> None:
        write_report(tmp_path, made(found(), found("two", skipped=True)))
        text = (tmp_path / "report.md").read_text(encoding="utf-8")
        assert "![A <small> chart](report-small.png)" in text
        assert "| a \\| b | 1 |" in text
        assert "Skipped, as there is no <simulator>." in text
        assert "| one | mean error | 1.0 % | <= 3.0 % | yes |" in text
        assert "cyclesim validate --quick --seed 3 -p OUT" in text

    def test_html_needs_no_other_file(self, tmp_path: Path) -> None:
        write_report(tmp_path, made(found(), found("two", broken=True)))
        text = (tmp_path / "report.html").read_text(encoding="utf-8")
        page = Page(text)
        assert page.open == []
        assert page.links
        assert all(link.startswith("data:image/png;base64,") for link in page.links)
        assert "@import" not in text
        assert "url(" not in text
        assert "A &lt;small&gt; chart" in text
        assert '<span class="bad">FAILED</span>' in text

    def test_json_has_the_figures_of_the_charts(self, tmp_path: Path) -> None:
        write_report(tmp_path, made(found()))
        content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        assert content["format"] == "cyclesim-validation"
        assert content["about"]["seed"] == "3"
        assert content["about"]["amount"] == "quick"
        assert content["about"]["SCALE-Sim"] == "not there"
        assert content["about"]["Icarus Verilog"] == "11.0"
        [suite] = content["suites"]
        assert suite["charts"][0]["panels"][0]["series"][0]["y"] == [11, 190, 3000]
        assert suite["bounds"] == [
            {"name": "mean error", "reached": 0.01, "limit": 0.03, "at_least": False, "judged": True, "holds": True}
        ]

    def test_nothing_names_a_path_of_the_machine(self, tmp_path: Path) -> None:
        write_report(tmp_path, made(found()))
        for name in ("report.md", "report.html", "report.json"):
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert not [place for place in (tmp_path, Path.cwd(), sys.prefix) if str(place) in text]

    def test_an_interrupted_one_is_not_taken_for_a_whole_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_report(tmp_path, made(found()))
        (tmp_path / "mine.png").touch()
        (tmp_path / "report-mine.png").touch()

        def stop(*anything: object) -> str:
            raise KeyboardInterrupt

        monkeypatch.setattr(report, "html_text", stop)
        with pytest.raises(KeyboardInterrupt):
            write_report(tmp_path, made(found()))
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"report.json", "report-small.png", "mine.png", "report-mine.png"}

    def test_charts_of_the_report_before_go(self, tmp_path: Path) -> None:
        old = Chart("old", "", (SCATTER,), columns=1, height_inches=2.0)
        write_report(tmp_path, made(replace(found(), charts=(old,))))
        assert (tmp_path / "report-old.png").exists()
        write_report(tmp_path, made(found()))
        assert not (tmp_path / "report-old.png").exists()


class TestCharts:
    @pytest.mark.parametrize("form", ["png", "svg", "pdf"])
    def test_every_kind_is_drawn_the_same_each_time(self, tmp_path: Path, form: str) -> None:
        errors = np.array([0.0, 0.0, -0.5, 0.02, 9.0])
        ranks = Scatter("net", "true rank", "rank", (Points("ws", (1, 2), (2, 1)),), log=False, text="tau = -1")
        bars = Dots("title", "times faster", ("alexnet", "vgg16"), (700, 90.5), goal=600)
        histogram = Histogram.of("total cycles", "relative error [%]", errors, "40 % exact")
        chart = Chart("all", "", (SCATTER, ranks, bars, histogram), columns=1, height_inches=2.0, across=3)
        drawn = []
        for turn in "ab":
            draw(chart, tmp_path / turn, form)
            drawn.append((tmp_path / turn).read_bytes())
        assert drawn[0] == drawn[1]

    def test_a_png_is_as_wide_as_its_columns(self, tmp_path: Path) -> None:
        draw(CHART, tmp_path / "chart.png")
        width = int.from_bytes((tmp_path / "chart.png").read_bytes()[16:20], "big")
        assert width == int(COLUMN_INCHES[1] * PIXELS_PER_INCH)

    def test_errors_are_counted_in_classes_around_0(self) -> None:
        found = Histogram.of("", "", np.array([0.0, 0.00005, -0.00005, 0.02, -0.9, 50.0, 0.05, 0.05, 0.05, 0.05]))
        shares = dict(zip(zip(found.edges, found.edges[1:], strict=False), found.shares, strict=True))
        assert sum(found.shares) == pytest.approx(100)
        assert shares[-0.01, 0.01] == 30
        assert shares[1, 3] == 10
        assert shares[3, 10] == 40
        assert shares[-100, -30] == shares[100, 300] == 10

    def test_whole_numbers_stay_whole(self) -> None:
        assert [str(value) for value in numbers(np.array([3.0, 2.0**40, 1 / 3]))] == ["3", "1099511627776", "0.333333"]


@pytest.fixture
def suites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suites that only say what a test wants: good, bad, absent (skipped) and interrupted."""

    def add(name: str, run: object) -> None:
        module = ModuleType(f"suite_{name}")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        known[name] = Suite(module.__name__, f"What {name} claims.")

    def good(settings: Settings, findings: Findings) -> None:
        findings.bound(Bound("wrong cases", 0, 0))

    def bad(settings: Settings, findings: Findings) -> None:
        findings.bound(Bound("wrong cases", 2, 0))

    def absent(settings: Settings, findings: Findings) -> None:
        findings.skip("it is not installed")

    def interrupted(settings: Settings, findings: Findings) -> None:
        raise KeyboardInterrupt

    known: dict[str, Suite] = {}
    for name, run in {"good": good, "bad": bad, "absent": absent, "interrupted": interrupted}.items():
        add(name, run)
    monkeypatch.setattr(validation, "SUITES", known)
    monkeypatch.setattr(command_validate, "SUITES", known)


@pytest.mark.usefixtures("suites")
class TestCommand:
    @pytest.mark.parametrize(
        ("names", "status"), [(("good",), 0), (("good", "absent"), 2), (("good", "bad"), 1), (("absent",), 2)]
    )
    def test_it_fails_with_a_broken_bound_or_if_what_was_named_cannot_be_run(
        self, names: tuple[str, ...], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["validate", *names, "-p", str(tmp_path / "out")]) == status
        content = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
        outcomes = {"good": PASSED, "bad": FAILED, "absent": SKIPPED}
        assert {one["name"]: one["outcome"] for one in content["suites"]} == {name: outcomes[name] for name in names}
        said = capsys.readouterr().out
        assert said.count("bounds held") == 1
        assert all(f"== {name}\nWhat {name} claims.\n" in said for name in names)
        assert said.endswith(f"report: {tmp_path}/out/report.md\n")

    def test_an_interrupted_run_writes_no_report(self, tmp_path: Path) -> None:
        assert main(["validate", "good", "interrupted", "-p", str(tmp_path / "out")]) == 130
        assert not (tmp_path / "out").exists()

    def test_a_suite_runs_once(self, tmp_path: Path) -> None:
        main(["validate", "good", "good", "--seed", "5", "-p", str(tmp_path)])
        content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        assert [one["name"] for one in content["suites"]] == ["good"]
        assert content["command"] == "cyclesim validate good --seed 5 -p OUT"

    def test_the_place_is_looked_at_first(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "out/report.html").mkdir(parents=True)
        for path, message in (
            ("file", "is not a folder"),
            ("out", "is a folder, and the report writes that file"),
        ):
            assert main(["validate", "interrupted", "-p", str(tmp_path / path)]) == 2
            assert message in capsys.readouterr().err

    def test_it_says_if_scalesim_cannot_be_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        missing = str(tmp_path / "nowhere/python")
        assert main(["validate", "interrupted", "--scalesim", missing, "-p", str(tmp_path)]) == 2
        assert capsys.readouterr().err.startswith("cyclesim: --scalesim: ")


def test_every_suite_is_there() -> None:
    import importlib

    for name, suite in validation.SUITES.items():
        assert callable(importlib.import_module(suite.module).run), name
        assert suite.claim.endswith(".")


def test_results_come_in_order(suites: None) -> None:
    results = run_suites(["bad", "good"], Settings(), lambda text: None)
    assert [(one.name, one.outcome) for one in results] == [("bad", FAILED), ("good", PASSED)]
    assert results[0].claim == "What bad claims."
