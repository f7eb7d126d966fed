"""`cyclesim estimate` on the command line: what it shares with a run, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import CommandLine

INPUTS = ("-t", "net.csv", "-c", "machine.cfg")


@pytest.mark.parametrize("command", ["run", "estimate"])
def test_every_point_of_a_sweep_can_warn_and_each_warning_comes_once(cyclesim: CommandLine, command: str) -> None:
    said = cyclesim(command, *INPUTS, "--sweep", "FilterOffset=500000000,3,5,3")
    assert said.status == 0
    warnings = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "share addresses in layer first conv" in warnings[0]
    assert said.out.startswith("4 points of 5 layers: ")


@pytest.mark.parametrize(("command", "folder"), [("run", "tiny"), ("estimate", "tiny-estimate")])
def test_nothing_stands_in_the_way_of_a_sweeps_table(cyclesim: CommandLine, command: str, folder: str) -> None:
    (cyclesim.folder / "results" / folder / "SWEEP.csv").mkdir(parents=True)
    said = cyclesim(command, *INPUTS, "--sweep", "FilterOffset=1,2")
    assert said.status == 2
    assert said.err == f"cyclesim: -p: results/{folder}/SWEEP.csv is a folder, and the sweep writes that file\n"


def test_it_loads_nothing_that_only_a_simulation_needs(cyclesim: CommandLine) -> None:
    heavy = ("numba", "h5py", "matplotlib", "tqdm", "cyclesim.simulation", "cyclesim.scalesim", "cyclesim.traces")
    code = (
        "import sys\n"
        "from cyclesim.cli import main\n"
        f"status = main({['estimate', *INPUTS, '-q']!r})\n"
        f"print(status, sorted({set(heavy)!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0 []\n", "")
