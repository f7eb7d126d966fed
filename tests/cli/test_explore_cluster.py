"""`cyclesim explore --scheduler`: a real scheduler and real workers on this machine, and what can be wrong."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

import pytest

from cyclesim import command_explore
from cyclesim.errors import BadInput
from cyclesim.explore import cluster as cluster_module
from cyclesim.explore.cluster import Cluster, _here
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
    """By the model, one of two workers is killed in the middle; the simulator then has the one that is left."""
    distributed = pytest.importorskip("distributed", reason="extra distributed is not installed")
    words = ("explore", "space.toml", "--format", "csv", "--evaluate", "refine", "-q", "-p")
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
    simulated = len(table(cyclesim.folder / "one/simulated.csv"))
    assert sum(taken) == POINTS + simulated
    rows = table(cyclesim.folder / "two/points.csv")
    assert [int(row["point"]) for row in rows] == list(range(POINTS))
    for name in ("points.csv", "pareto.csv", "simulated.csv", "refined.csv"):
        assert (cyclesim.folder / "two" / name).read_bytes() == (cyclesim.folder / "one" / name).read_bytes(), name


def test_jobs_and_a_scheduler_exclude_each_other(cyclesim: CommandLine) -> None:
    said = cyclesim("explore", "space.toml", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1")
    assert said.status == 2
    assert said.err == "cyclesim: --scheduler: not allowed with argument --jobs\n"


def refused(cyclesim: CommandLine, address: str) -> str:
    said = cyclesim("explore", "space.toml", "--scheduler", address, "-p", "out")
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert not (cyclesim.folder / "out").exists()
    return said.err


@pytest.mark.parametrize(
    "address", ["", "here", "127.0.0.1", "tcp://127.0.0.1", "http://127.0.0.1:80", "h:0", "h:65536", "h:1:2", "a b:1"]
)
def test_what_is_no_address_is_said_at_once(cyclesim: CommandLine, address: str) -> None:
    expected = f"cyclesim: --scheduler: must be an address such as tcp://HOST:8786 (got '{address}')\n"
    assert refused(cyclesim, address) == expected


def test_a_scheduler_that_is_not_there_is_one_line(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="extra distributed is not installed")
    monkeypatch.setattr(cluster_module, "SECONDS", 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    assert refused(cyclesim, address).startswith(f"cyclesim: --scheduler: no scheduler answers at {address}: ")


def test_without_dask_the_extra_is_named(cyclesim: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    expected = "cyclesim: --scheduler needs Dask: pip install 'cyclesim[distributed]'\n"
    assert refused(cyclesim, "127.0.0.1:8786") == expected


class _Future:
    """A task that ended so: with an error, or after it was asked for some times."""

    def __init__(self, *ends: Exception | str) -> None:
        self.ends = list(ends)

    def result(self, timeout: float) -> Any:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


class _Client:
    """A connection to a scheduler without workers."""

    def ncores(self) -> dict[str, int]:
        return {}


@pytest.fixture
def lonely() -> tuple[Cluster, list[str]]:
    """A cluster without workers, and what it announces."""
    pytest.importorskip("distributed", reason="extra distributed is not installed")
    said: list[str] = []
    cluster = object.__new__(Cluster)
    cluster.address, cluster._client, cluster._announce, cluster._waits = "h:1", _Client(), said.append, False
    return cluster, said


def test_a_cluster_that_does_not_go_on_is_one_line(lonely: tuple[Cluster, list[str]]) -> None:
    from distributed import CancelledError, KilledWorker

    cluster, _ = lonely
    for problem, message in (
        (ModuleNotFoundError("No module\nnamed 'cyclesim'"), "ModuleNotFoundError: No module named 'cyclesim'"),
        (CancelledError("lost"), "CancelledError: lost"),
        (ConnectionError("gone"), "gone"),
    ):
        with pytest.raises(OSError, match=r"^the cluster at h:1 does not go on: ") as raised:
            cluster.result(_Future(problem))
        assert str(raised.value).endswith(f": {message}")
    nobody: Any = None
    with pytest.raises(MemoryError, match="too many workers died"):
        cluster.result(_Future(KilledWorker("block", nobody, 3)))
    with pytest.raises(BadInput):
        cluster.result(_Future(BadInput("cyclesim", None, "its own")))


def test_a_wait_for_workers_is_said_once(lonely: tuple[Cluster, list[str]]) -> None:
    from distributed import TimeoutError as NotYet

    cluster, said = lonely
    assert cluster.cores() == 1
    found: Any = cluster.result(_Future(NotYet(), NotYet(), "points"))
    assert (found, said) == ("points", ["waiting for workers of the scheduler at h:1"])


def test_a_worker_of_another_version_is_no_worker() -> None:
    with pytest.raises(OSError, match=r"a worker has cyclesim .*, and this is 99\.9: they would not agree"):
        _here(None, "99.9")  # type: ignore[arg-type]
