"""What is wanted of the points of a space: objectives, bounds of metrics, and the weights of a loss."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cyclesim.explore.metrics import METRICS, UNKNOWN, metric_name
from cyclesim.readers.text import got, printable
from cyclesim.readers.toml import Number, Toml

LEAST_WEIGHT, MOST_WEIGHT = 1e-9, 1e9
"""Sizes that a weight of a metric may have: its products with metrics stay finite."""
_OBJECTIVES, _WEIGHTS, _CONSTRAINTS = ("explore", "objectives"), ("explore", "weights"), ("constraints",)
_BOUND = re.compile(r"\s*(<=|>=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*")


@dataclass(frozen=True)
class Objective:
    """A metric that is to be small, or large."""

    metric: str
    maximised: bool


@dataclass(frozen=True)
class Constraint:
    """A bound of a metric, inclusive."""

    metric: str
    at_most: bool
    bound: float
    text: str


def number(given: Any) -> float:
    """Return a number of a TOML file, NaN if it is something else."""
    if isinstance(given, bool) or not isinstance(given, int | Number):
        return math.nan
    try:
        return float(given)
    except (ValueError, OverflowError):
        return math.nan


def read_objectives(toml: Toml, given: Any) -> tuple[Objective, ...]:
    """Return the objectives of a space."""
    if not isinstance(given, Mapping) or not given:
        rule = 'objectives must give at least one metric its direction: { metric = "min" }'
        raise toml.error(rule, *_OBJECTIVES)
    found = []
    for metric, direction, names in _metrics(toml, given, *_OBJECTIVES):
        if direction not in ("min", "max"):
            tail = got(str(direction), ("min", "max"))
            raise toml.error(f'objectives: {metric} must be "min" or "max" {tail}', *names)
        found.append(Objective(metric, direction == "max"))
    return tuple(found)


def read_weights(toml: Toml, given: Any, objectives: Sequence[Objective]) -> dict[str, float]:
    """Return the weights of metrics in the loss; left out, objectives have 1 where they are to be small, else -1."""
    if given is None:
        return {each.metric: -1.0 if each.maximised else 1.0 for each in objectives}
    if not isinstance(given, Mapping) or not given:
        raise toml.error("weights must give at least one metric its weight: { metric = 0.5 }", *_WEIGHTS)
    directions = {each.metric: each.maximised for each in objectives}
    found = {}
    for metric, value, names in _metrics(toml, given, *_WEIGHTS):
        weight = number(value)
        if not LEAST_WEIGHT <= abs(weight) <= MOST_WEIGHT:
            rule = f"weights: {metric} must be a number of a size from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
            raise toml.error(f"{rule} {got(str(value))}", *names)
        if directions.get(metric, weight < 0) != (weight < 0):
            goal, rule = ("max", "below 0") if directions[metric] else ("min", "above 0")
            raise toml.error(f'weights: {metric} must be {rule}, as its objective is "{goal}" {got(str(value))}',
                             *names)  # fmt: skip
        found[metric] = weight
    return found


def read_constraints(toml: Toml, given: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """Return the bounds that points of a space must keep, those of a metric in the order in which they are given."""
    found: list[Constraint] = []
    for metric, bounds, names in _metrics(toml, given, *_CONSTRAINTS):
        several = bounds if isinstance(bounds, list) and bounds else [bounds]
        try:
            constraints = [_bound(metric, bound) for bound in several]
        except ValueError as problem:
            raise toml.error(str(problem), *names) from None
        lower, upper = ([each.bound for each in constraints if each.at_most is at_most] for at_most in (False, True))
        if len(lower) > 1 or len(upper) > 1:
            raise toml.error(f"{metric} must have at most one bound of each kind {_got(bounds)}", *names)
        if lower and upper and lower > upper:
            raise toml.error(f'{metric} must have a ">=" bound that is not above its "<=" {_got(bounds)}', *names)
        found += constraints
    return tuple(found)


def _bound(metric: str, text: Any) -> Constraint:
    """Return a bound; raise a `ValueError` if it is none."""
    match = _BOUND.fullmatch(text) if isinstance(text, str) else None
    if match is None or not math.isfinite(float(match[2])):
        rule = f'{metric} must be bounded as "<= value" or ">= value", or by a list of at most one of each'
        raise ValueError(f"{rule} {_got(text)}")
    return Constraint(metric, match[1] == "<=", float(match[2]), f"{metric} {match[1]} {match[2]}")


def _got(given: Any) -> str:
    """Return the tail of a message about bounds."""
    return got(", ".join(map(str, given)) if isinstance(given, list) and given else str(given))


def _metrics(toml: Toml, given: Mapping[str, Any], *place: str) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Yield the metrics of a table, each once, what they are given, and the names on the way there."""
    seen = set()
    for names, value in _leaves(given, ()):
        metric = _metric(toml, names, *place)
        if metric in seen:
            raise toml.error(f"{place[-1]} must have each metric once (got {metric} again)", *place, *names)
        seen.add(metric)
        yield metric, value, (*place, *names)


def _leaves(given: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what a table holds with the names that lead there: energy_pj.dram is a table in a table."""
    for name, value in given.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*names, name))
        else:
            yield (*names, name), value


def _metric(toml: Toml, names: tuple[str, ...], *place: str) -> str:
    written = "_".join(names).replace(".", "_")  # "energy_pj.dram" in quotes is one name
    metric = metric_name(written)
    if metric is not None:
        return metric
    if written.startswith(UNKNOWN):
        message = f"{place[-1]} cannot name {printable(written[:60])}, which only a run of one machine reports"
    else:
        message = f"{place[-1]} must name metrics of docs/exploration.md {got(written, METRICS)}"
    raise toml.error(message, *place, *names)
