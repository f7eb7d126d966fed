"""The report of a validation: Markdown with PNG files beside it, HTML in one file, and the same data as JSON.

Nothing in it names a path of the machine that made it. Files are written under temporary names, report.md last; what an
earlier report left under these names is removed first, so that a folder with a report.md holds a whole report.
"""

from __future__ import annotations

import base64
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import metadata
from pathlib import Path

from cyclesim import __version__
from cyclesim.files import replacing, write_text
from cyclesim.plots.charts import Chart, draw
from cyclesim.validation.findings import BOUND_HEADER, SuiteResult, Table, summary

MARKDOWN, HTML, DATA = "report.md", "report.html", "report.json"
CHART_PREFIX = "report-"
"""What the names of PNG files begin with."""
SHOWN_FAILURES = 20
PACKAGES = ("numpy", "numba", "h5py", "matplotlib")
TITLE = "cyclesim: validation report"
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 62em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; }
h2 { font-size: 1.25em; border-bottom: 1px solid #ccc; margin-top: 2.2em; }
h3 { font-size: 1em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.87em; margin: 0.6em 0; }
th, td { padding: 0.2em 0.7em; border-bottom: 1px solid #ddd; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 1px solid #666; }
.bad { color: #b00020; font-weight: 600; }
figure { margin: 1.2em 0; } figcaption { font-size: 0.9em; max-width: 50em; }
img { max-width: 100%; height: auto; }
ol { font-size: 0.87em; } pre { background: #f5f5f5; padding: 0.6em; overflow-x: auto; }
"""


@dataclass(frozen=True)
class Report:
    """All suites of a validation; `about` says with what and how it was made, `command` how to make it again."""

    suites: tuple[SuiteResult, ...]
    about: Mapping[str, str]
    command: str


def provenance(
    seed: int, quick: bool, cores: int, seconds: float, programs: Mapping[str, str | None]
) -> dict[str, str]:
    """Return what a report says about its origin.

    Parameters
    ----------
    seed : int
    quick : bool
    cores : int
    seconds : float
        Wall time of all suites.
    programs : mapping
        Versions of the programs that were compared with, None for one that is not there.
    """
    return {
        "cyclesim": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in PACKAGES},
        **{name: version or "not there" for name, version in programs.items()},
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(cores),
        "seed": str(seed),
        "amount": "quick" if quick else "full",
        "wall seconds": f"{seconds:.0f}",
    }


def file_names(suites: Sequence[SuiteResult] = ()) -> tuple[str, ...]:
    """Return the files that a report of some suites consists of, in the order in which they are written."""
    return (*(_png(chart) for one in suites for chart in one.charts), DATA, HTML, MARKDOWN)


def write_report(folder: Path, report: Report) -> None:
    """Write a report into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (*file_names(report.suites), *_charts_there(folder)):
        (folder / stale).unlink(missing_ok=True)
    images: dict[str, bytes] = {}
    for one in report.suites:
        for chart in one.charts:
            with replacing(folder / _png(chart)) as temporary:
                draw(chart, temporary)
            images[chart.name] = (folder / _png(chart)).read_bytes()
    write_text(folder / DATA, json_text(report))
    write_text(folder / HTML, html_text(report, images))
    write_text(folder / MARKDOWN, markdown_text(report))


def _charts_there(folder: Path) -> list[str]:
    """Return the charts of the report that is in a folder; other files of such names are not the report's."""
    try:
        suites = json.loads((folder / DATA).read_text(encoding="utf-8"))["suites"]
        return [f"{CHART_PREFIX}{Path(chart['name']).name}.png" for suite in suites for chart in suite["charts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _png(chart: Chart) -> str:
    return f"{CHART_PREFIX}{chart.name}.png"


def bound_table(suites: Sequence[SuiteResult]) -> Table:
    """Return all bounds beside what was reached."""
    rows = tuple((one.name, *bound.cells) for one in suites for bound in one.bounds)
    return Table("", ("suite", *BOUND_HEADER), rows)


def json_text(report: Report) -> str:
    """Return report.json: everything, the charts' data included."""
    suites = [asdict(one) for one in report.suites]
    for one, found in zip(report.suites, suites, strict=True):
        for bound, fields in zip(one.bounds, found["bounds"], strict=True):
            del fields["form"]
            fields["holds"] = bound.holds
    content = {
        "format": "cyclesim-validation", "version": __version__, "about": dict(report.about),
        "command": report.command, "suites": suites,
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


# ------------------------------------------------------------------------------------------ Markdown


def markdown_text(report: Report) -> str:
    """Return report.md; its images are the PNG files beside it."""
    parts = [f"# {TITLE}", _markdown_table(summary(report.suites))]
    if any(one.bounds for one in report.suites):
        parts += ["## What was set out, and what was reached", _markdown_table(bound_table(report.suites))]
    about = tuple(report.about.items())
    parts += ["## How this was made", f"```\n{report.command}\n```", _markdown_table(Table("", ("", ""), about))]
    for one in report.suites:
        parts += [f"## `{one.name}`: {one.outcome}", one.claim]
        if one.reason:
            parts.append(f"Skipped, as {one.reason}.")
        if one.failures:
            parts.append("```\n" + "\n".join(_failures(one)) + "\n```")
        for chart in one.charts:
            parts.append(f"![{chart.caption}]({_png(chart)})\n\n*{chart.caption}*")
        for found in one.tables:
            parts += [f"### {found.title}"] if found.title else []
            parts.append(_markdown_table(found))
        parts += one.remarks
    return "\n\n".join(parts) + "\n"


def _failures(one: SuiteResult) -> list[str]:
    more = len(one.failures) - SHOWN_FAILURES
    return [*one.failures[:SHOWN_FAILURES], *([f"... and {more} more"] if more > 0 else [])]


def _markdown_table(found: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join(["---", *["---:"] * (len(found.header) - 1)]) + "|"
    text = "\n".join([line(found.header), rule, *(line(row) for row in found.rows)])
    notes = "\n".join(f"- [{number}] {note}" for number, note in enumerate(found.notes, 1))
    return f"{text}\n\n{notes}" if notes else text


# ------------------------------------------------------------------------------------------ HTML


def html_text(report: Report, images: Mapping[str, bytes]) -> str:
    """Return report.html, which needs no other file.

    Parameters
    ----------
    report : Report
    images : mapping
        PNG files of the charts by name.
    """
    parts = [f"<h1>{TITLE}</h1>", _html_table(summary(report.suites))]
    if any(one.bounds for one in report.suites):
        parts += ["<h2>What was set out, and what was reached</h2>", _html_table(bound_table(report.suites))]
    about = tuple(report.about.items())
    parts += ["<h2>How this was made</h2>", f"<pre>{escape(report.command)}</pre>",
              _html_table(Table("", ("", ""), about))]  # fmt: skip
    for one in report.suites:
        parts += [f"<h2><code>{one.name}</code>: {_marked(one.outcome)}</h2>", f"<p>{escape(one.claim)}</p>"]
        if one.reason:
            parts.append(f"<p>Skipped, as {escape(one.reason)}.</p>")
        if one.failures:
            parts.append(f"<pre>{escape(chr(10).join(_failures(one)))}</pre>")
        for chart in one.charts:
            data = base64.b64encode(images[chart.name]).decode()
            caption = escape(chart.caption)
            image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
            parts.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
        for found in one.tables:
            parts += [f"<h3>{escape(found.title)}</h3>"] if found.title else []
            parts.append(_html_table(found))
        parts += [f"<p>{escape(text)}</p>" for text in one.remarks]
    head = f'<meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _marked(text: str) -> str:
    bad = text in ("FAILED", "NO")
    return f'<span class="bad">{escape(text)}</span>' if bad else escape(text)


def _html_table(found: Table) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{_marked(cell)}</{tag}>" for cell in cells) + "</tr>"

    head = f"<thead>{line(found.header, 'th')}</thead>" if any(found.header) else ""
    body = "\n".join(line(row, "td") for row in found.rows)
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    text = f'<div class="wide"><table>{head}<tbody>\n{body}\n</tbody></table></div>'
    return f"{text}<ol>{notes}</ol>" if notes else text
