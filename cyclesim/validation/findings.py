"""What a suite finds: tables, bounds and charts as data, which are printed as they come and kept for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cyclesim.listing import table
from cyclesim.plots.charts import Chart

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; numbered notes belong below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The table for a terminal."""
        title = [self.title] if self.title else []
        notes = [f"  [{number}] {note}" for number, note in enumerate(self.notes, 1)]
        return "\n".join([*title, table(self.header, self.rows), *notes])


@dataclass(frozen=True)
class Bound:
    """What was set out, and what was reached.

    `limit` is the least allowed value if `at_least`, else the largest. `form` shows both. A bound that is not `judged`
    is shown only: the sample is too small to judge by.
    """

    name: str
    reached: float
    limit: float
    at_least: bool = False
    form: str = "{:,}"
    judged: bool = True

    @property
    def holds(self) -> bool:
        """Whether what was set out was reached."""
        return self.reached >= self.limit if self.at_least else self.reached <= self.limit

    @property
    def broken(self) -> bool:
        """Whether this bound makes the suite fail."""
        return self.judged and not self.holds

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, reached, set out, holds."""
        reached, limit = (self.form.format(value).replace("%", " %") for value in (self.reached, self.limit))
        verdict = ("yes" if self.holds else "NO") + ("" if self.judged else ", not judged")
        return self.name, reached, f"{'>=' if self.at_least else '<='} {limit}", verdict


BOUND_HEADER = ("bound", "reached", "set out", "holds")


@dataclass(frozen=True)
class SuiteResult:
    """What a suite has found; `reason` says why it was skipped."""

    name: str
    claim: str
    outcome: str
    reason: str
    seconds: float
    tables: tuple[Table, ...]
    bounds: tuple[Bound, ...]
    charts: tuple[Chart, ...]
    remarks: tuple[str, ...]
    failures: tuple[str, ...]


class Findings:
    """Takes what a suite finds.

    Parameters
    ----------
    say : callable
        Prints a text.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        """For what is only of interest while the suite runs, such as progress, or a path on this machine."""
        self._tables: list[Table] = []
        self._bounds: list[Bound] = []
        self._charts: list[Chart] = []
        self._remarks: list[str] = []
        self._failures: list[str] = []
        self._skipped = ""

    @property
    def outcome(self) -> str:
        """PASSED, FAILED or SKIPPED, as far as is known."""
        if self._failures or any(bound.broken for bound in self._bounds):
            return FAILED
        return SKIPPED if self._skipped else PASSED

    def table(
        self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
    ) -> None:
        """Take a table."""
        self._tables.append(Table(title, tuple(header), tuple(tuple(row) for row in rows), tuple(notes)))
        self.say(self._tables[-1].text + "\n")

    def bound(self, bound: Bound) -> None:
        """Take a bound; all are printed together at the end."""
        self._bounds.append(bound)

    def chart(self, chart: Chart) -> None:
        """Take a chart, which is drawn in the report only."""
        self._charts.append(chart)

    def remark(self, text: str) -> None:
        """Take a line of text."""
        self._remarks.append(text)
        self.say(text)

    def failure(self, problem: str, rerun: str = "") -> None:
        """Take what is wrong with a case, and the command that runs it alone."""
        self._failures.append(problem + (f"\n  {rerun}" if rerun else ""))
        self.say(f"FAILED: {self._failures[-1]}")

    def skip(self, reason: str, advice: str = "") -> None:
        """Say why the suite cannot be run here, and what would help."""
        self._skipped = reason
        self.say(f"skipped, as {reason}" + (f"\n  {advice}" if advice else ""))

    def result(self, name: str, claim: str, seconds: float) -> SuiteResult:
        """Print the bounds, and return all that was found."""
        if self._bounds:
            self.say(Table("", BOUND_HEADER, tuple(bound.cells for bound in self._bounds)).text)
        return SuiteResult(
            name, claim, self.outcome, self._skipped, seconds, tuple(self._tables), tuple(self._bounds),
            tuple(self._charts), tuple(self._remarks), tuple(self._failures),
        )  # fmt: skip


def summary(results: Sequence[SuiteResult]) -> Table:
    """Return one line for each suite: outcome, bounds and time; why it failed or was skipped stands in the notes."""
    rows = []
    notes: list[str] = []
    for one in results:
        judged = [bound for bound in one.bounds if bound.judged]
        held = sum(bound.holds for bound in judged)
        if one.outcome != PASSED:
            notes.append(f"{one.name}: {_reason(one)}")
        note = f"[{len(notes)}]" if one.outcome != PASSED else ""
        unjudged = "nothing judged" if one.bounds else "-"  # a quick run shows some bounds without judging by them
        share = f"{held} of {len(judged)}" if judged else unjudged
        rows.append((one.name, one.outcome, share, f"{one.seconds:.0f}", note))
    return Table("", ("suite", "outcome", "judged bounds held", "s", ""), tuple(rows), tuple(notes))


def _reason(one: SuiteResult) -> str:
    if one.outcome == SKIPPED:
        return one.reason
    broken = [bound.name for bound in one.bounds if bound.broken]
    return "; ".join(broken) or one.failures[0].splitlines()[0]
