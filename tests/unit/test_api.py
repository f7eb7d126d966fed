"""What callers from Python may pass by mistake, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

import cyclesim

NETWORK: Any = cyclesim.load_topology("alexnet").select([7])
MACHINE: Any = cyclesim.load_hardware("eyeriss")


@pytest.mark.parametrize("jobs", [0, -1, 1.5, "2"])
def test_jobs_must_be_a_whole_number(jobs: Any) -> None:
    for call in (cyclesim.simulate, lambda network, machine, jobs: cyclesim.estimate_many([], [machine], jobs)):
        with pytest.raises(cyclesim.BadInput) as caught:
            call(NETWORK, MACHINE, jobs=jobs)
        assert str(caught.value) == f"cyclesim: jobs must be a whole number of at least 1 (got {jobs!r})"


def test_names_in_place_of_a_network_or_a_machine_are_refused() -> None:
    name: Any = "alexnet"
    for evaluate in (cyclesim.simulate, cyclesim.estimate):
        with pytest.raises(cyclesim.BadInput, match=r"network must be a Network, as cyclesim.load_topology returns"):
            evaluate(name, MACHINE)
        with pytest.raises(cyclesim.BadInput, match=r"hardware must be a Hardware, as .* \(got 'alexnet'\)"):
            evaluate(NETWORK, name)


def test_an_unknown_kind_is_named_as_in_the_call() -> None:
    kind: Any = "Gemm"
    with pytest.raises(cyclesim.BadInput, match=r"^cyclesim: kind must be one of conv, gemm \(got 'Gemm'; did you"):
        cyclesim.load_topology("alexnet", kind=kind)


def test_what_is_no_trace_file_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(cyclesim.BadInput, match=r"missing\.h5: cannot be read: No such file or directory$"):
        cyclesim.open_trace(tmp_path / "missing.h5")
    (tmp_path / "net.csv").write_text("Layer,M,N,K\n", encoding="utf-8")
    with pytest.raises(cyclesim.BadInput, match=r"net\.csv: is not a trace file: "):
        cyclesim.open_trace(tmp_path / "net.csv")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "another"
    with pytest.raises(cyclesim.BadInput, match=r"other\.h5: is no complete trace file of format cyclesim-trace"):
        cyclesim.open_trace(tmp_path / "other.h5")
