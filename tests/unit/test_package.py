"""The package as a whole: light to import, cold start with two workers, a cache folder wherever it may write."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import cyclesim


def python(code: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )


def test_importing_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'numba', 'h5py', 'matplotlib', 'tqdm', 'pandas'}"
    done = python(f"import sys, cyclesim, cyclesim.cli; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


def test_public_names_are_there() -> None:
    for name in cyclesim.__all__:
        assert getattr(cyclesim, name) is not None
    assert set(cyclesim.__all__) <= set(dir(cyclesim))
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        cyclesim.simulat  # noqa: B018


@pytest.mark.slow
def test_a_cold_start_with_two_workers_compiles_once_and_agrees(tmp_path: Path) -> None:
    """Nothing compiled, two processes at once with two threads each: both finish, with equal results."""
    code = (
        "import cyclesim\n"
        "net = cyclesim.load_topology('alexnet').select([2])\n"
        "run = cyclesim.simulate(net, cyclesim.load_hardware('default'), jobs=2)\n"
        "print(run.totals.compute_cycles, dict(run.totals.sram_reads))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    workers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    printed = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], printed
    assert printed[0][0] == printed[1][0]
    assert printed[0][0].startswith(b"170424 ")


def test_a_read_only_installation_keeps_kernels_in_a_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cyclesim import kernels

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kernels, "_writable", lambda folder: False)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    kernels._choose_cache_folder()
    assert Path(os.environ.pop("NUMBA_CACHE_DIR")).parent == tmp_path
