"""Does `--memory scalesim` write what SCALE-Sim 3.0.0 wrote, every file of every golden run, byte for byte?"""

from __future__ import annotations

from pathlib import Path

import pytest

from cyclesim.cli import main
from tests.golden.scalesim_cases import cases


@pytest.mark.filterwarnings("ignore::cyclesim.CyclesimWarning")
@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_every_byte_is_scalesims(name: str, tmp_path: Path) -> None:
    golden = next(case for case in cases() if case.name == name)
    for file in ("run.cfg", "topology.csv"):
        (tmp_path / file).write_bytes(golden.files[file])
    inputs = ["-c", str(tmp_path / "run.cfg"), "-t", str(tmp_path / "topology.csv"), "-i", golden.input_type]
    output = ["-p", str(tmp_path / "out"), "--traces", "all", "--trace-format", "csv", "-q"]
    assert main(["run", "--memory", "scalesim", *inputs, *output]) == 0
    folder = tmp_path / "out" / name
    written = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del written["SUMMARY.json"]
    assert golden.differences({path: content for path, content in written.items() if path != ".lock"}) == []
