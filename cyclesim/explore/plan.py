"""What is asked of an exploration: which points, by what, how many. Light to import, for the command line."""

from __future__ import annotations

from dataclasses import dataclass

SEARCHES = ("exhaustive", "nsga2", "ga", "random")
"""Which points are evaluated: all, or those of a search (`search`)."""
EVALUATIONS = ("model", "simulate", "refine")
"""By what: the analytical model, the simulator, or the model with the simulator on what it finds best."""
EXHAUSTIVE, OWN = "exhaustive front", "best known front"
"""What the convergence of a search is relative to: the front of all points, or the one that the search ended with."""
SHARE_OF_POINTS = 50
LEAST_BUDGET, MOST_BUDGET = 1_000, 100_000
"""A search evaluates one in so many points by default, but no fewer and no more than these."""


@dataclass(frozen=True)
class Plan:
    """How a space is explored. `budget` is None for the default of a search."""

    search: str = "exhaustive"
    evaluate: str = "model"
    seed: int = 0
    budget: int | None = None

    def evaluations(self, points: int) -> int:
        """Return how many points of a space are evaluated."""
        if self.search == "exhaustive":
            return points
        default = min(max(points // SHARE_OF_POINTS, LEAST_BUDGET), MOST_BUDGET)
        return min(points, default if self.budget is None else self.budget)
