"""Do `--memory scalesim` and `scalesim2` write what SCALE-Sim 3.0.0 and 2.0.2 wrote, every file, byte for byte?"""

from __future__ import annotations

from pathlib import Path

import pytest

from cyclesim.cli import main
from tests.golden.scalesim_cases import case, cases

MEMORY_MODELS = {"3.0.0": "scalesim", "2.0.2": "scalesim2"}
RUNS = [(version, each.name) for version in MEMORY_MODELS for each in cases(version)]


@pytest.mark.filterwarnings("ignore::cyclesim.CyclesimWarning")
@pytest.mark.parametrize(("version", "name"), RUNS)
def test_every_byte_is_scalesims(version: str, name: str, tmp_path: Path) -> None:
    golden = case(name, version)
    for file in ("run.cfg", "topology.csv"):
        (tmp_path / file).write_bytes(golden.files[file])
    inputs = ["-c", str(tmp_path / "run.cfg"), "-t", str(tmp_path / "topology.csv"), "-i", golden.input_type]
    output = ["-p", str(tmp_path / "out"), "--traces", "all", "--trace-format", "csv", "-q"]
    assert main(["run", "--memory", MEMORY_MODELS[version], *inputs, *output]) == 0
    folder = tmp_path / "out" / name
    written = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del written["SUMMARY.json"]
    assert golden.differences({path: content for path, content in written.items() if path != ".lock"}) == []
