"""`cyclesim explore`: reads a design space, evaluates its points, and fills the exploration's folder."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.console import announce, interruptible, print_warnings, progress_bar
from cyclesim.errors import BadInput
from cyclesim.explore.cluster import Cluster
from cyclesim.explore.convergence import converged
from cyclesim.explore.drawing import clear_leftovers, draw
from cyclesim.explore.evaluate import Evaluator
from cyclesim.explore.exploration import MODEL_ROWS, SIMULATED_ROWS, Exploration
from cyclesim.explore.outcome import lines
from cyclesim.explore.parts import Parts
from cyclesim.explore.plan import EXHAUSTIVE, Plan
from cyclesim.explore.reference import all_others, read_front, relative_to
from cyclesim.explore.refine import neighbourhood, verdict
from cyclesim.explore.report import (
    above_clock_limit,
    front_rows,
    input_hash,
    loss_of,
    provenance,
    summary,
    write_points,
    write_refined,
)
from cyclesim.explore.search import needs_pymoo
from cyclesim.explore.searched import carry_out
from cyclesim.explore.space import read_space
from cyclesim.explore.store import ExplorationFolder, names_of
from cyclesim.explore.table import PointTable
from cyclesim.explore.workers import InProcess, Processes, Workers
from cyclesim.outputs import check_writable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FEW_BLOCKS = 4
"""Blocks of points that one process has done before others would have begun."""


def run(options: argparse.Namespace) -> int:
    """Carry out `cyclesim explore` and return the exit status."""
    started = time.perf_counter()
    plan = Plan(options.search, options.evaluate, options.seed or 0, options.budget)
    if plan.search == "exhaustive":
        for name in ("budget", "seed", "reference"):
            if getattr(options, name) is not None:
                rule = f"--{name}: is for searches; --search exhaustive evaluates all points"
                raise BadInput("cyclesim", None, rule)
    evaluator = Evaluator(read_space(Path(options.space)))
    inputs = provenance(evaluator, plan, relative_to(evaluator, plan, options.reference is not None))
    exhaustive = None if options.reference is None else read_front(Path(options.reference), inputs, evaluator)
    if plan.search == "nsga2":
        needs_pymoo()
    with ExitStack() as stack:
        folder = stack.enter_context(ExplorationFolder(Path(options.path), input_hash(inputs)))
        if options.resume and folder.is_complete(names_of(plan, options.format)):
            print_warnings(evaluator.warnings)
            if not options.quiet:
                print(f"{folder.folder} is complete already")
            return 0
        check_writable(folder.folder)  # before the disk's room: /proc has none, and that is not what is wrong with it
        if options.resume:
            folder.check_resumable()
        folder.check_disk(plan.evaluations(evaluator.space.points), options.format)
        cluster = None if options.scheduler is None else stack.enter_context(
            Cluster(evaluator, options.scheduler, None if options.quiet else announce)
        )
        folder.begin(options.resume)
        clear_leftovers(folder.folder)
        options.begun, options.kept = True, "points"
        print_warnings(evaluator.warnings)
        told = _explore(options, plan, evaluator, folder, inputs, exhaustive, cluster)
        told["wall_seconds"] = time.perf_counter() - started
        folder.publish(told)
    if not options.quiet:
        print("\n".join(lines(told, str(folder.folder))))
    return 0


def _explore(
    options: argparse.Namespace, plan: Plan, evaluator: Evaluator, folder: ExplorationFolder,
    inputs: Mapping[str, Any], reference: Floats | None, cluster: Cluster | None,
) -> dict[str, Any]:
    """Evaluate the points, fill the folder, and return what summary.json holds."""
    table = PointTable(evaluator)
    more: dict[str, Any] = {}
    searched, convergence = None, None
    with ExitStack() as stack:
        chunk = SIMULATED_ROWS if plan.evaluate == "simulate" else MODEL_ROWS
        parts = stack.enter_context(Parts(folder.partial / "points", table.columns, chunk))
        parts.begin()
        exploration = Exploration(evaluator, table, parts)
        total, before = plan.evaluations(evaluator.space.points), exploration.rows
        # The other searches ask for too few points at a time for processes.
        left = total - before if plan.search in ("exhaustive", "random") else 0
        workers = stack.enter_context(_workers(options, evaluator, cluster, plan.evaluate == "simulate", left))
        began = time.perf_counter()
        with _advancing(options, total, before, "exploring") as advance:
            if plan.search == "exhaustive":
                exploration.exhaust(workers, advance)
            else:
                searched = carry_out(exploration, plan, workers, advance)
        seconds = time.perf_counter() - began
        more["points_per_second"] = round((exploration.rows - before) / seconds) if seconds else None
        if searched is not None:
            if inputs["convergence"] == EXHAUSTIVE and reference is None:
                reference = _front_of_all(options, exploration, evaluator, cluster)
            convergence = converged(searched, reference, exploration.frontier.values)
    folder.clear()
    rows = front_rows(exploration)
    best = write_points(folder.folder, parts, table, inputs, rows, options.format == "csv")
    more["front_above_clock_limit"] = above_clock_limit(best)
    draw(folder.folder, exploration, plan, rows, convergence)
    if searched is not None:
        more["convergence"] = None if convergence is None else convergence.to_dict()
        if plan.search == "ga":
            more["loss"] = loss_of(folder.folder, table, evaluator.space, searched.loss)
    if plan.evaluate == "refine":
        more["refined"] = _refine(options, evaluator, folder, table, best["point"], cluster)
    return summary(evaluator, exploration, inputs, more)


def _front_of_all(
    options: argparse.Namespace, exploration: Exploration, evaluator: Evaluator, cluster: Cluster | None
) -> Floats:
    """Return the front of all points of a small space, for the sake of the convergence."""
    left = evaluator.space.points - exploration.rows
    if not left:
        return exploration.frontier.values
    with ExitStack() as stack:
        workers = stack.enter_context(_workers(options, evaluator, cluster, False, left))
        advance = stack.enter_context(_advancing(options, left, 0, "all points"))
        return all_others(exploration, workers, advance)


@contextmanager
def _advancing(
    options: argparse.Namespace, total: int, before: int, what: str
) -> Iterator[Callable[[int], None]]:
    """Give what is told of points that are kept: it moves the bar, and is where Ctrl-C ends the work."""
    with progress_bar(total, options.quiet, "point", what, before) as bar, interruptible() as check:

        def advance(points: int) -> None:
            bar(points)
            check()

        yield advance


def _workers(
    options: argparse.Namespace, evaluator: Evaluator, cluster: Cluster | None, simulated: bool, left: int
) -> Workers:
    """Return who evaluates points, of which so many at least are left."""
    if cluster is not None:
        return cluster.workers(simulated)
    from cyclesim.simulation import available_cores

    jobs = options.jobs or available_cores()
    if simulated:
        from cyclesim.explore.simulated import Simulator

        return InProcess(Simulator(evaluator, jobs, None if options.quiet else announce))
    if jobs == 1 or left <= FEW_BLOCKS * MODEL_ROWS:
        return InProcess(evaluator)
    return Processes(evaluator, jobs)


def _refine(
    options: argparse.Namespace, evaluator: Evaluator, folder: ExplorationFolder, table: PointTable, front: Ints,
    cluster: Cluster | None,
) -> dict[str, Any]:
    """Simulate the model's front and what lies beside it, and write what comes of them."""
    space = evaluator.space
    points = neighbourhood(space, front)
    points = points[evaluator.machines.undefined(space.decode(points)) == 0]
    with ExitStack() as stack:
        parts = stack.enter_context(Parts(folder.partial / "refined", table.columns, SIMULATED_ROWS))
        parts.begin()
        refined = Exploration(evaluator, table, parts)
        workers = stack.enter_context(_workers(options, evaluator, cluster, True, len(points)))
        advance = stack.enter_context(_advancing(options, len(points), refined.rows, "simulating"))
        for _ in refined.evaluated(points[refined.rows :], workers, advance):
            pass
    write_refined(folder.folder, parts, table, front_rows(refined))
    return verdict(refined, points, front)
