"""Suite ``published``: do our figures agree with published ones?

Every figure that a systolic array and the layer tables can reproduce, beside ours: the difference, its reason, how well
the published one is known, and whether the suite fails if they part. One module a source; published figures stand
there as data, with what they were read in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from cyclesim.validation import Settings
from cyclesim.validation.findings import Bound, Findings
from cyclesim.validation.published import (
    arada,
    dpu,
    headline,
    ispass2020,
    magnet,
    others,
    poster,
    rainbow,
    rainbow_plans,
    scalesim_figures,
    scalesim_v3,
    searching,
    tpu,
    vit_energy,
    xploredl,
)
from cyclesim.validation.published.rows import GRADES, RECOMPUTED, SECTIONS, Row

__all__ = ["Row", "rows", "run"]

_SOURCES: tuple[Callable[[], Iterator[Row]], ...] = (
    rainbow.rows,
    rainbow_plans.rows,
    dpu.rows,
    poster.rows,
    scalesim_figures.rows,
    tpu.rows,
    ispass2020.rows,
    scalesim_v3.rows,
    vit_energy.rows,
    xploredl.rows,
    magnet.rows,
    arada.rows,
    others.rows,
)


def rows(settings: Settings | None = None) -> list[Row]:
    """Return all comparisons, by section.

    A quick run searches with fewer seeds; a full one, if it is given SCALE-Sim, times that, too, which takes minutes.
    """
    settings = settings or Settings()
    found = [row for source in _SOURCES for row in source()]
    found += [*searching.rows(settings.quick), *headline.rows(settings)]
    order = list(SECTIONS)
    return sorted(found, key=lambda row: order.index(row.section))


def run(settings: Settings, findings: Findings) -> None:
    """Run the suite: a table a section."""
    found = rows(settings)
    for number, section in SECTIONS.items():
        chosen = [row for row in found if row.section == number]
        if chosen:
            header, cells, notes = section_table(chosen)
            findings.table(f"{number} {section.title} ({section.source})", header, cells, notes)
    for grade, meaning in GRADES.items():
        findings.remark(f"grade {grade}: {meaning}")
    gated = [row for row in found if row.gate]
    against_rules = sum(row.recomputed for row in gated)
    findings.remark(
        f"{RECOMPUTED.strip()}: the source prints no such figure; it follows from the source's rule or formula, worked "
        f"out apart from the code that it is compared with ({against_rules} of the {len(gated)} gates)"
    )
    verdicts = Counter(row.verdict for row in found)
    broken = [row for row in gated if row.broken]
    for row in broken:
        findings.failure(f"{row.section} {row.claim}: {row.ours}, published {row.published}")
    findings.remark(
        f"{len(gated) - len(broken)} of {len(gated)} gates hold; without a gate {verdicts['agrees']} agree, "
        f"{verdicts['differs']} differ, {verdicts['shown']} have no counterpart; {verdicts['not reproduced']} are "
        "not reproduced"
    )
    findings.bound(Bound("gated figures that do not come out", len(broken), 0))


def section_table(chosen: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[str]]:
    """Return header and cells of a section's table, and the reasons as numbered notes."""
    notes: list[str] = []
    cells: list[tuple[str, ...]] = []
    for row in chosen:
        if row.reason and row.reason not in notes:
            notes.append(row.reason)
        note = f"[{notes.index(row.reason) + 1}]" if row.reason else ""
        cells.append((row.claim, row.ours, row.published, row.difference, row.grade, row.verdict, note))
    return ("claim", "ours", "published", "difference", "grade", "verdict", ""), cells, notes
