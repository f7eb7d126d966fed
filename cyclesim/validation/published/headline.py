"""XploreDL's headline, 600 times faster and 50 times less memory than SCALE-Sim on a similar exploration, in our terms.

One exploration for both: AlexNet's convolutions as SCALE-Sim 3.0.0 ships them, on 9,408 machines of the keys that it
knows (array, dataflow, buffers). Ours is `cyclesim explore` as a whole process. SCALE-Sim would take months, so some of
its runs are timed, one layer on one machine each, and the rest follows from the words that cross the array's edges: its
time goes with them.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from cyclesim import estimate_many
from cyclesim.api import load_hardware
from cyclesim.hardware import DATAFLOWS
from cyclesim.validation import Settings, scalesim
from cyclesim.validation.published.rows import Row, not_reproduced
from cyclesim.validation.scalesim_batches import installed_version
from cyclesim.validation.stopwatch import ALEXNET_5, alexnet_5, whole_process

FASTER, SMALLER = 600, 50
SIDES = tuple(1 << power for power in range(2, 9))
BUFFERS_KB = (4, 16, 64, 256)
MOST_WORDS = 4_000_000
"""Runs of more words take SCALE-Sim longer than half a minute, and are not timed."""
SAMPLED = 8
REPEATS = 2
"""How often our exploration runs before SCALE-Sim's runs, and again after them; the median counts."""
SECONDS_A_DAY = 86_400
_SPACE = """[explore]
networks = ["{network}"]
objectives = {{ fj_per_op = "min", tops_per_mm2 = "max" }}

[space]
Dataflow = {dataflows}
ArrayHeight = {sides}
ArrayWidth = {sides}
IfmapSramSzkB = {buffers}
FilterSramSzkB = {buffers}
OfmapSramSzkB = {buffers}
"""


@dataclass(frozen=True)
class Case:
    """One layer on one machine, and the words that cross the edges of its array."""

    layer: int
    machine: scalesim.Machine
    words: int


@dataclass(frozen=True)
class Timed:
    """What the sample took: seconds without start-up and peak memory [MB] of each case, times longer with traces."""

    cases: tuple[Case, ...]
    seconds: tuple[float, ...]
    megabytes: tuple[float, ...]
    with_traces: float


@dataclass(frozen=True)
class Explored:
    """What the same exploration takes here: whole process, and points per second of the evaluation in it."""

    seconds: float
    megabytes: float
    points_per_second: float


def all_cases() -> list[Case]:
    """Return every layer on every machine of the exploration."""
    arrays = list(product(DATAFLOWS, SIDES, SIDES))
    base = load_hardware("default")
    found = estimate_many(
        alexnet_5().layers, [replace(base, dataflow=flow, rows=rows, cols=cols) for flow, rows, cols in arrays]
    )
    words = found.sram_ifmap + found.sram_filter + found.sram_ofmap
    return [
        Case(layer, scalesim.Machine(rows, cols, flow, buffers), int(words[layer, place]))
        for place, (flow, rows, cols) in enumerate(arrays)
        for buffers in product(BUFFERS_KB, BUFFERS_KB, BUFFERS_KB)
        for layer in range(len(words))
    ]


def sample(cases: Sequence[Case], seed: int) -> list[Case]:
    """Return the first cases of a random order that are small enough to be timed."""
    order = np.random.default_rng([seed, 36]).permutation(len(cases)).tolist()
    return [cases[place] for place in order if cases[place].words <= MOST_WORDS][:SAMPLED]


def extrapolated(seconds: Sequence[float], words: Sequence[int], total_words: int) -> float:
    """Return the seconds that all words take if each takes as long as those that were timed."""
    return sum(seconds) / sum(words) * total_words


def time_scalesim(python: str, cases: Sequence[Case]) -> Timed:
    """Run SCALE-Sim on the cases, one process each; then on the shortest one again, without and with its traces."""
    start_up, _ = whole_process([python, "-c", "from scalesim.scale_sim import scalesim"])
    measured = [_measure(python, case) for case in cases]
    shortest = min(cases, key=lambda case: case.words)
    plain, traced = (_measure(python, shortest, traces).seconds - start_up for traces in (False, True))
    seconds = tuple(one.seconds - start_up for one in measured)
    return Timed(tuple(cases), seconds, tuple(one.megabytes for one in measured), traced / plain)


def _measure(python: str, case: Case, traces: bool = False) -> scalesim.Measured:
    with tempfile.TemporaryDirectory() as folder:
        scalesim.write_inputs(Path(folder), [ALEXNET_5[case.layer]], case.machine)
        return scalesim.measure(python, Path(folder), traces)


def time_ours() -> list[Explored]:
    """Run the exploration as a whole process some times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, topology = scalesim.write_inputs(folder, ALEXNET_5, scalesim.Machine(32, 32))
        space = folder / "space.toml"
        text = _SPACE.format(
            network=topology.name, dataflows=list(DATAFLOWS), sides=list(SIDES), buffers=list(BUFFERS_KB)
        )
        space.write_text(text.replace("'", '"'), encoding="utf-8")
        command = [sys.executable, "-m", "cyclesim", "explore", str(space), "-q", "-p"]
        runs = [whole_process([*command, str(folder / f"run{i}")]) for i in range(REPEATS)]
        told = [json.loads((folder / f"run{i}/summary.json").read_text("utf-8")) for i in range(REPEATS)]
    return [Explored(*run, each["points_per_second"]) for run, each in zip(runs, told, strict=True)]


def median(runs: Sequence[Explored]) -> Explored:
    """Return the median of each figure."""
    return Explored(*(statistics.median(column) for column in zip(*map(astuple, runs), strict=True)))


def measured_rows(theirs: Timed, ours: Explored, cases: Sequence[Case]) -> Iterator[Row]:
    """Compare both: time of the whole exploration, and memory."""
    words = [case.words for case in theirs.cases]
    total = sum(case.words for case in cases)
    machines = len({case.machine for case in cases})
    each = [spent / count for spent, count in zip(theirs.seconds, words, strict=True)]
    whole = extrapolated(theirs.seconds, words, total)
    ratios = [value * total / ours.seconds for value in (min(each), max(each))]
    yield Row(
        "3.6", f"{machines:,} machines, AlexNet's convolutions: times faster than SCALE-Sim 3.0.0, whole process",
        f"{whole / ours.seconds:,.0f}x", f"{FASTER}x", "",
        f"SCALE-Sim extrapolated to {whole / SECONDS_A_DAY:,.0f} days, one run after the other, linear in the words at "
        f"the array's edges, from {len(words)} runs that took {sum(theirs.seconds):.0f} s: drawn from all layers and "
        f"machines with at most {MOST_WORDS / 1e6:.0f} million words, without start-up and without traces (with them "
        f"{theirs.with_traces:.1f} times as long). Its fastest and slowest run alone would make it {ratios[0]:,.0f}x "
        f"and {ratios[1]:,.0f}x. `cyclesim explore` took {ours.seconds:.1f} s from start to end, with figures; it "
        f"evaluated {ours.points_per_second:,.0f} points a second. XploreDL cites SCALE-Sim 1, another program",
        "A", False, whole / ours.seconds >= FASTER,
    )  # fmt: skip
    largest = max(theirs.megabytes)
    per_word = largest * 1e6 / words[theirs.megabytes.index(largest)]
    longest = max(case.words for case in cases)
    yield Row(
        "3.6", "the same: times less memory", f"{largest / ours.megabytes:.1f}x", f"{SMALLER}x", "",
        f"the largest peak of the sample, {largest:.0f} MB, against {ours.megabytes:.0f} MB for all machines. Its "
        f"memory grows with a run's words, {per_word:.0f} bytes each there, and the sample has short runs only: the "
        f"longest of the exploration, of {longest / 1e6:.0f} million words, would take {longest * per_word / 1e9:.0f} "
        "GB. Suite speed measures a whole network on 32x32",
        "A", False, largest / ours.megabytes >= SMALLER,
    )  # fmt: skip


def rows(settings: Settings) -> Iterator[Row]:
    """Yield the rows on speed and memory; not reproduced without SCALE-Sim 3.0.0, or in a quick run."""
    python = settings.scalesim_python
    why = "no --scalesim PYTHON was given" if python is None else "it takes minutes: in full runs only"
    if python and not settings.quick and (version := installed_version(python).number) != "3.0.0":
        why, python = f"that Python has SCALE-Sim {version}, not 3.0.0", None
    if python is None or settings.quick:
        claim = "an exploration by SCALE-Sim: time and memory"
        yield not_reproduced("3.6", claim, f"{FASTER}x, {SMALLER}x", f"{why}; suite speed times single runs", "A")
        return
    cases = all_cases()
    before = time_ours()
    theirs = time_scalesim(python, sample(cases, settings.seed))
    yield from measured_rows(theirs, median([*before, *time_ours()]), cases)
