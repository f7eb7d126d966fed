"""Suite ``published``: do our figures agree with published ones?

Every figure that a systolic array and the layer tables can reproduce, beside ours: the difference, its reason, how well
the published one is known, and whether the suite fails if they part. One module a source; published figures stand
there as data, with what they were read in.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from cyclesim.listing import table
from cyclesim.validation import Settings
from cyclesim.validation.published import (
    arada,
    dpu,
    ispass2020,
    others,
    poster,
    rainbow,
    rainbow_plans,
    scalesim_figures,
    scalesim_v3,
    tpu,
)
from cyclesim.validation.published.rows import GRADES, SECTIONS, Row

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
    arada.rows,
    others.rows,
)


def rows() -> list[Row]:
    """Return all comparisons, by section."""
    found = [row for source in _SOURCES for row in source()]
    order = list(SECTIONS)
    return sorted(found, key=lambda row: order.index(row.section))


def run(settings: Settings, report: Callable[[str], None]) -> bool:
    """Run the suite; print its tables through `report` and return whether every gate holds.

    A quick run is the same: a full one takes seconds.
    """
    started = time.perf_counter()
    found = rows()
    for number, section in SECTIONS.items():
        chosen = [row for row in found if row.section == number]
        if chosen:
            report(f"{number} {section.title} ({section.source})")
            report(section_table(chosen))
            report("")
    for grade, meaning in GRADES.items():
        report(f"grade {grade}: {meaning}")
    gated = [row for row in found if row.gate]
    verdicts = Counter(row.verdict for row in found)
    broken = [row for row in gated if row.broken]
    for row in broken:
        report(f"FAILED: {row.section} {row.claim}: {row.ours}, published {row.published}")
    report(
        f"published: {len(gated) - len(broken)} of {len(gated)} gates hold; without a gate {verdicts['agrees']} agree, "
        f"{verdicts['differs']} differ, {verdicts['shown']} have no counterpart; {verdicts['not reproduced']} are "
        f"not reproduced ({time.perf_counter() - started:.0f} s)"
    )
    return not broken


def section_table(chosen: Sequence[Row]) -> str:
    """Return the rows of a section as a table, with their reasons below as numbered notes."""
    notes: list[str] = []
    cells = []
    for row in chosen:
        if row.reason and row.reason not in notes:
            notes.append(row.reason)
        note = f"[{notes.index(row.reason) + 1}]" if row.reason else ""
        cells.append((row.claim, row.ours, row.published, row.difference, row.grade, row.verdict, note))
    text = table(("claim", "ours", "published", "difference", "grade", "verdict", ""), cells)
    return "\n".join([text, *(f"  [{number}] {note}" for number, note in enumerate(notes, 1))])
