"""What a search of a design space is to reach: nearly all of the front's hypervolume by a fiftieth of the evaluations.

The space is XploreDL's, with the width of the sums as one more axis, so that all of its points can be evaluated, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.goals import Objective
from cyclesim.explore.pareto import share
from cyclesim.explore.search import search
from cyclesim.validation.published import xploredl
from cyclesim.validation.published.exploring import Points, explore
from cyclesim.validation.published.rows import Row, not_reproduced

Ints = NDArray[np.int64]

SECTION = "5"
LEAST_SHARE = 0.99
EVALUATED = 50
"""One point in so many is evaluated."""
SEEDS, QUICK_SEEDS = 10, 3
_DENSITY = Objective("tops_per_mm2", maximised=True)
OBJECTIVES = {
    "fJ/op with DRAM and TOPS/mm2": (Objective("fj_per_op", maximised=False), _DENSITY),
    "fJ/op of the chip and TOPS/mm2": (Objective("chip_fj_per_op", maximised=False), _DENSITY),
    "EDP and mm2": (Objective("edp", maximised=False), Objective("area_mm2", maximised=False)),
}
"""Pairs by name; the first is the example of the documentation, and the gate."""


@dataclass(frozen=True)
class Reached:
    """What a search has found: its share of the front's hypervolume, and how many designs of the front it has not."""

    share: float
    missed: int


def reached(points: Points, kind: str, budget: int, seed: int) -> Reached:
    """Return what a search reaches; its points are looked up, as all of the space were evaluated before."""
    objectives, best = points.objectives, points.front
    seen: list[Ints] = []

    def look_up(codes: Ints) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        places = points.space.encode(codes)
        seen.append(places)
        return objectives[places], points.feasible[places]

    search(kind, points.space.sizes, look_up, budget, seed)
    found = np.concatenate(seen)
    assert len(np.unique(found)) == len(found) <= budget, (kind, budget)
    missed = int(np.count_nonzero(~np.isin(best, found)))
    return Reached(share(objectives[found[points.feasible[found]]], objectives[best]), missed)


def search_row(name: str, points: Points, seeds: int, gate: bool) -> Row:
    """Compare what NSGA-II reaches, the median of so many seeds, with what was set out; random points beside it."""
    total = points.space.points
    budget = total // EVALUATED
    by_search, by_chance = (
        [reached(points, kind, budget, seed) for seed in range(seeds)] for kind in ("nsga2", "random")
    )
    shares = [each.share for each in by_search]
    median = statistics.median(shares)
    missed = sorted(each.missed for each in by_search)
    chance = statistics.median(each.share for each in by_chance)
    return Row(
        SECTION, f"{name}: hypervolume by NSGA-II, median of {seeds} seeds", f"{100 * median:.2f} %",
        f"at least {100 * LEAST_SHARE:.0f} %", f"{100 * (median - LEAST_SHARE):+.2f}",
        f"{budget:,} evaluations of {total:,} points. Seeds from {100 * min(shares):.1f} to {100 * max(shares):.1f} %; "
        f"of the front's {len(points.front)} designs {missed[0]} to {missed[-1]} are missed; random points reach "
        f"{100 * chance:.1f} %", "A", gate, median >= LEAST_SHARE,
    )  # fmt: skip


def with_objectives(points: Points, objectives: tuple[Objective, ...]) -> Points:
    """Return the same points, to be best in something else."""
    return replace(points, space=replace(points.space, objectives=objectives))


def rows(quick: bool = False) -> Iterator[Row]:
    """Yield the rows of the section; a quick run takes fewer seeds."""
    if find_spec("pymoo") is None:
        claim = f"hypervolume by NSGA-II with one evaluation in {EVALUATED}"
        limit = f"at least {100 * LEAST_SHARE:.0f} %"
        yield not_reproduced(SECTION, claim, limit, "pymoo is not installed: pip install 'cyclesim[explore]'", "A")
        return
    points = explore(xploredl.space_text(xploredl.WHOLE, xploredl.SUMS))
    for i, (name, objectives) in enumerate(OBJECTIVES.items()):
        yield search_row(name, with_objectives(points, objectives), QUICK_SEEDS if quick else SEEDS, gate=i == 0)
