"""`cyclesim explore`: reads a design space, evaluates its points, and fills the exploration's folder."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from cyclesim.console import announce, interruptible, print_warnings, progress_bar
from cyclesim.errors import BadInput
from cyclesim.explore.cluster import Cluster
from cyclesim.explore.drawing import draw
from cyclesim.explore.evaluate import Evaluator
from cyclesim.explore.exploration import MODEL_ROWS, SIMULATED_ROWS, Exploration, pieces
from cyclesim.explore.parts import Parts
from cyclesim.explore.plan import Plan
from cyclesim.explore.refine import neighbourhood, verdict
from cyclesim.explore.report import front_rows, input_hash, provenance, summary, write_points
from cyclesim.explore.space import read_space
from cyclesim.explore.store import FRONT, POINTS, POINTS_CSV, REFINED, ExplorationFolder
from cyclesim.explore.table import PointTable
from cyclesim.explore.workers import InProcess, Processes, Workers
from cyclesim.outputs import check_writable

FEW_BLOCKS = 4
"""Blocks of points that one process has done before others would have begun."""


def run(options: argparse.Namespace) -> int:
    """Carry out `cyclesim explore` and return the exit status."""
    started = time.perf_counter()
    plan = Plan(options.search, options.evaluate, options.seed, options.budget)
    if plan.budget is not None and plan.search == "exhaustive":
        raise BadInput("cyclesim", None, "--budget: is for searches; --search exhaustive evaluates all points")
    evaluator = Evaluator(read_space(Path(options.space)))
    inputs = provenance(evaluator, plan)
    names = [POINTS, FRONT, *([POINTS_CSV] if options.format == "csv" else [])]
    names += [REFINED] if plan.evaluate == "refine" else []
    with ExplorationFolder(Path(options.path), input_hash(inputs)) as folder:
        if options.resume and folder.is_complete(names):
            print_warnings(evaluator.warnings)
            if not options.quiet:
                print(f"{folder.folder} is complete already")
            return 0
        if options.resume:
            folder.check_resumable()
        check_writable(folder.folder)
        folder.begin(options.resume)
        options.begun, options.kept = True, "points"
        print_warnings(evaluator.warnings)
        told = _explore(options, plan, evaluator, folder, inputs, started)
    if not options.quiet:
        print(f"{told['evaluated']:,} points, {told['feasible']:,} feasible, {told['front']:,} on the front: "
              f"{folder.folder}")  # fmt: skip
        if "refined" in told:
            refined = told["refined"]
            print(f"simulated {refined['simulated']:,} points: {refined['stay']:,} of {refined['model_front']:,} "
                  "of the model's front stay on it")  # fmt: skip
    return 0


def _explore(
    options: argparse.Namespace, plan: Plan, evaluator: Evaluator, folder: ExplorationFolder,
    inputs: dict[str, Any], started: float,
) -> dict[str, Any]:
    table = PointTable(evaluator)
    chunk = SIMULATED_ROWS if plan.evaluate == "simulate" else MODEL_ROWS
    more: dict[str, Any] = {}
    with ExitStack() as stack:
        parts = stack.enter_context(Parts(folder.partial / "points", table.columns, chunk))
        parts.begin()
        exploration = Exploration(evaluator, table, parts)
        workers = stack.enter_context(_workers(options, plan, evaluator, exploration))
        total, before = plan.evaluations(evaluator.space.points), exploration.rows
        advance = _advance(stack, options, total, "exploring")
        advance(before)
        began = time.perf_counter()
        if plan.search == "exhaustive":
            exploration.exhaust(workers, advance)
        else:
            exploration.search(plan, workers, advance)
        seconds = time.perf_counter() - began
        more["points_per_second"] = round((exploration.rows - before) / seconds) if seconds else None
    folder.clear()
    rows = front_rows(exploration)
    best = write_points(folder.folder, parts, table, inputs, rows, options.format == "csv")
    draw(folder.folder, exploration, plan, rows)
    if plan.evaluate == "refine":
        more["refined"] = _refine(options, evaluator, folder, table, best)
    told = summary(evaluator, exploration, inputs, {**more, "wall_seconds": time.perf_counter() - started})
    folder.publish(told)
    return told


def _advance(stack: ExitStack, options: argparse.Namespace, total: int, what: str) -> Callable[[int], None]:
    """Return what is told of points that are kept: it moves the bar, and is where Ctrl-C ends the work."""
    bar = stack.enter_context(progress_bar(total, options.quiet, "point", what))
    check = stack.enter_context(interruptible())

    def advance(points: int) -> None:
        bar(points)
        check()

    return advance


def _workers(options: argparse.Namespace, plan: Plan, evaluator: Evaluator, exploration: Exploration) -> Workers:
    """Return who evaluates the points."""
    from cyclesim.simulation import available_cores

    if plan.evaluate == "simulate":
        return _simulating(options, evaluator)
    if options.scheduler is not None:
        return Cluster(evaluator, options.scheduler, simulated=False)
    jobs = options.jobs or available_cores()
    left = evaluator.space.points - exploration.rows if plan.search == "exhaustive" else 0
    if jobs == 1 or left <= FEW_BLOCKS * MODEL_ROWS:
        return InProcess(evaluator)
    return Processes(evaluator, jobs)


def _simulating(options: argparse.Namespace, evaluator: Evaluator) -> Workers:
    if options.scheduler is not None:
        return Cluster(evaluator, options.scheduler, simulated=True)
    from cyclesim.explore.simulated import Simulator
    from cyclesim.simulation import available_cores

    tell: Callable[[str], None] | None = None if options.quiet else announce
    return InProcess(Simulator(evaluator, options.jobs or available_cores(), tell))


def _refine(
    options: argparse.Namespace, evaluator: Evaluator, folder: ExplorationFolder, table: PointTable, front: Any
) -> dict[str, Any]:
    """Simulate the model's front and what lies beside it, and write refined.csv."""
    space = evaluator.space
    points = neighbourhood(space, front)
    points = points[evaluator.machines.undefined(space.decode(points)) == 0]
    with ExitStack() as stack:
        parts = stack.enter_context(Parts(folder.partial / "refined", table.columns, SIMULATED_ROWS))
        parts.begin()
        refined = Exploration(evaluator, table, parts)
        workers = stack.enter_context(_simulating(options, evaluator))
        advance = _advance(stack, options, len(points), "simulating")
        advance(refined.rows)
        tasks = (points[places] for places in pieces(refined.rows, len(points), SIMULATED_ROWS))
        for block in workers.blocks(tasks):
            refined.take(block)
            advance(len(block.reason))
    names = [column.name for column in table.columns]
    blocks = [rows for _, rows in parts.read(names)]
    whole = {name: np.concatenate([rows[name] for rows in blocks]) for name in names} if blocks else {}
    if whole:
        order = front_rows(refined)
        table.write_csv(folder.folder / REFINED, [{name: values[order] for name, values in whole.items()}])
    return verdict(refined, points, front)
