"""The small traces in traces/reference are what this version writes, and what the specification's diagram shows."""

from __future__ import annotations

import filecmp
from pathlib import Path

import h5py
import numpy as np
import pytest

from cyclesim.cli import main

REFERENCE = Path(__file__).resolve().parents[2] / "traces/reference"

# The first diagram of section 6 of docs/microarchitecture.md: M=3, K=4, N=3 on 2 x 3. aij is ifmap word 4i + j, bij is
# filter word 100 + 4j + i (filters are contiguous), oij is ofmap word 200 + 3i + j.
ROW_0 = [-1, -1, 0, 4, 8, -1, -1, -1, -1, -1, 2, 6, 10, -1, -1, -1]
COL_1 = [105, 104, -1, -1, -1, -1, -1, -1, 107, 106, -1, -1, -1, -1, -1, -1]
OUT_2 = [-1, -1, -1, -1, -1, 202, 205, 208, -1, -1, -1, -1, -1, 202, 205, 208]


def written(folder: Path, form: str) -> Path:
    inputs = ["-t", str(REFERENCE / "product.csv"), "-c", str(REFERENCE / "ws_2x3.cfg")]
    assert main(["run", *inputs, "-p", str(folder), "-q", "--traces", "all", "--trace-format", form]) == 0
    return folder / "ws_2x3"


@pytest.mark.parametrize("operand", ["IFMAP", "FILTER", "OFMAP", "PSUM"])
def test_csv_traces_equal_the_reference_byte_for_byte(tmp_path: Path, operand: str) -> None:
    folder = written(tmp_path, "csv")
    for side in ("SRAM", "DRAM"):
        name = f"layer0/{operand}_{side}_TRACE.csv"
        assert filecmp.cmp(folder / name, REFERENCE / name, shallow=False)


def test_hdf5_traces_equal_the_reference_in_every_dataset_and_attribute(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path, "hdf5") / "traces.h5") as new, h5py.File(REFERENCE / "traces.h5") as old:
        names: list[str] = []
        old.visit(names.append)
        found: list[str] = []
        new.visit(found.append)
        assert names == found
        assert dict(old.attrs) == dict(new.attrs)
        for name in names:
            assert list(old[name].attrs) == list(new[name].attrs)
            assert all(np.array_equal(old[name].attrs[key], new[name].attrs[key]) for key in old[name].attrs)
            if isinstance(old[name], h5py.Dataset):
                assert old[name].dtype == new[name].dtype
                assert np.array_equal(old[name][()], new[name][()])


def test_the_reference_is_the_diagram_of_the_specification() -> None:
    with h5py.File(REFERENCE / "traces.h5") as file:
        sram = file["layers/0000/sram"]
        assert sram["ifmap"][:, 0].tolist() == ROW_0
        assert sram["filter"][:, 1].tolist() == COL_1
        assert sram["ofmap"][:, 2].tolist() == OUT_2
        assert sram["psum"][:, 2].tolist() == [-1] * 13 + [202, 205, 208]
        assert sram["cycle"][:].tolist() == list(range(1, 17))
