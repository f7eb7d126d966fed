"""`cyclesim explore --scheduler`: a real scheduler and real workers on this machine."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from cyclesim import command_explore
from cyclesim.explore.exploration import Exploration
from tests.cli.conftest import CommandLine
from tests.cli.test_explore import POINTS, SPACE, table

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _space(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    (cyclesim.folder / "space.toml").write_text(SPACE, encoding="utf-8")
    monkeypatch.setattr(command_explore, "draw", lambda *arguments: None)
    monkeypatch.setattr(command_explore, "MODEL_ROWS", 16)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_point_and_doubles_none(
    cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="extra distributed is not installed")
    words = ("explore", "space.toml", "--format", "csv", "-q", "-p")
    assert cyclesim(*words, "one", "--jobs", "1").status == 0
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))
        taken = []
        take = Exploration.take

        def take_and_kill(self: Exploration, block: Any) -> None:
            take(self, block)
            taken.append(len(block.reason))
            if len(taken) == 3:
                os.kill(victim, signal.SIGKILL)

        monkeypatch.setattr(Exploration, "take", take_and_kill)
        said = cyclesim(*words, "two", "--scheduler", cluster.scheduler_address)
        assert victim not in client.run(os.getpid).values()
    assert said.status == 0, said.err
    assert sum(taken) == POINTS
    rows = table(cyclesim.folder / "two/points.csv")
    assert [int(row["point"]) for row in rows] == list(range(POINTS))
    assert (cyclesim.folder / "two/points.csv").read_bytes() == (cyclesim.folder / "one/points.csv").read_bytes()
    assert (cyclesim.folder / "two/pareto.csv").read_bytes() == (cyclesim.folder / "one/pareto.csv").read_bytes()


def test_jobs_and_a_scheduler_exclude_each_other(cyclesim: CommandLine) -> None:
    said = cyclesim("explore", "space.toml", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1")
    assert said.status == 2
    assert said.err == "cyclesim: --scheduler: not allowed with argument --jobs\n"
