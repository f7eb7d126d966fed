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
def test_a_cold_start_with_two_workers_agrees(tmp_path: Path) -> None:
    """Nothing compiled, two processes at once with two threads each: both finish, with equal and right results.

    It is Numba's cache that must bear this, whichever the kernels; these two are soon compiled.
    """
    code = (
        "import numpy\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from cyclesim.kernels.demand import tally\n"
        "from cyclesim.kernels.lzf import compress\n"
        "totals, packed = numpy.zeros(4, numpy.int64), numpy.zeros(200, numpy.uint8)\n"
        "kernels = [lambda: tally(numpy.arange(3, dtype=numpy.int32), totals),\n"
        "           lambda: compress(numpy.zeros(108, numpy.uint8), 100, numpy.zeros(1 << 13, numpy.int32), packed)]\n"
        "with ThreadPoolExecutor(2) as threads:\n"
        "    size = list(threads.map(lambda kernel: kernel(), kernels))[1]\n"
        "print(totals.tolist(), 0 < size < 20)\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    workers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    printed = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], printed
    assert [out for out, _ in printed] == [b"[3, 2, 1, 2] True\n"] * 2
    assert list((tmp_path / "cache").rglob("*.nbi"))


def test_a_read_only_installation_keeps_kernels_in_a_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cyclesim import kernels

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kernels, "_writable", lambda folder: False)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    kernels._choose_cache_folder()
    assert Path(os.environ.pop("NUMBA_CACHE_DIR")).parent == tmp_path
