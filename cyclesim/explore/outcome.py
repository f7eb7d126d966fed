"""What an exploration says at its end, from its summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lines(told: Mapping[str, Any], folder: str) -> list[str]:
    """Return the closing lines of a command."""
    found = [f"{_points(told['evaluated'])}, {told['feasible']:,} feasible, {told['front']:,} on the front: {folder}"]
    if not told["feasible"]:
        found += [f"infeasible: {count:,} {reason}" for reason, count in told["infeasible"].items()]
    elif told["unknown"]:
        found.append(f"objectives are not known of {_points(told['unknown'])}, which no front has")
    if told["front_above_clock_limit"]:
        share = f"{told['front_above_clock_limit']:,} of {_points(told['front'])} on the front"
        way = 'clock_margin = ">= 1" in [constraints] leaves such points out'
        found.append(f"{share} with a clock above what the tables allow; {way}")
    convergence = told.get("convergence")
    if convergence is not None and convergence["reference"] == "exhaustive front":
        share, count = convergence["hypervolume"][-1], convergence["reference_front"]
        found.append(f"{_percent(share)} of the hypervolume of the exhaustive front, which has {_points(count)}")
    if "least" in told.get("loss", {}):
        loss = told["loss"]
        keys = ", ".join(f"{key} {value}" for key, value in loss["keys"].items())
        found.append(f"least loss {loss['least']:.6g}: point {loss['point']} ({keys})")
    if "refined" in told:
        found += _refined(told["refined"])
    return found


def _refined(refined: Mapping[str, int]) -> list[str]:
    front, beside = refined["model_front"], refined["simulated"] - refined["model_front"]
    if not front:
        return ["there is no front to refine"]
    return [
        f"simulated again: the model's front of {_points(front)}, and {beside:,} beside it",
        f"{refined['stay']:,} of {front:,} stay on the front, and {refined['front'] - refined['stay']:,} "
        f"from beside it enter: {_points(refined['front'])} in refined.csv",
    ]


def _points(count: int) -> str:
    return f"{count:,} point{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    """Return a share in per cent, which says 100 only where nothing is missing."""
    percent = 100 * share
    return "100 %" if share >= 1 else f"{min(percent, 99.99):.2f} %"
