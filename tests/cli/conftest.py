"""A small network and machine in an empty folder, and a way to call the command line there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cyclesim.cli import main
from cyclesim.simulation import compile_kernels

NETWORK = """Layer,Type,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,StrideH,StrideW,PadH,PadW,Groups,M,N,K
first conv,conv,9,8,3,3,4,10,2,1,1,1,1,,,
depthwise,dw,6,6,3,3,5,5,1,1,1,1,,,,
product,gemm,,,,,,,,,,,2,7,5,11
scores,matmul,,,,,,,,,,,3,4,6,5
classes,fc,,,,,30,12,,,,,,,,
"""
MACHINE = """[general]
run_name = tiny
[architecture_presets]
ArrayHeight = 4
ArrayWidth = 3
Dataflow = ws
IfmapSramSzkB = 1
FilterSramSzkB = 1
OfmapSramSzkB = 1
[run_presets]
InterfaceBandwidth = CALC
"""


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


class CommandLine:
    """Runs cyclesim in this process, in the test's folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> Said:
        self._capsys.readouterr()
        status = main(list(words))
        printed = self._capsys.readouterr()
        return Said(status, printed.out, printed.err)


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Kernels are compiled once, so that no test sees the line that says so."""
    compile_kernels("hdf5")
    compile_kernels("csv")


@pytest.fixture
def cyclesim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line in an empty folder that holds net.csv and machine.cfg."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.csv").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "machine.cfg").write_text(MACHINE, encoding="utf-8")
    return CommandLine(tmp_path, capsys)
