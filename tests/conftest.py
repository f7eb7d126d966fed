"""Compiles the kernels before the tests, where nothing is compiled yet and several workers would each do it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import cyclesim.kernels

_NATIVE = """
from dataclasses import replace
from cyclesim.api import load_hardware
from cyclesim.simulation import compile_kernels, simulate
from cyclesim.workload import GemmShape, Layer, Network
compile_kernels("csv")
compile_kernels("hdf5")
machine = replace(load_hardware("default"), rows=2, cols=2, ofmap_offset_words=2**33)  # 64-bit addresses
network = Network("one", (Layer("one", 0, "gemm", GemmShape(3, 3, 3)),))
simulate(network, machine, traces="traces.h5")
"""
_OTHERS = """
from dataclasses import replace
from cyclesim.api import load_hardware
from cyclesim.simulation import compile_kernels, simulate
from cyclesim.validation.cases import Case
from cyclesim.validation.schedule import check_array
from cyclesim.workload import GemmShape, Layer, Network
layer = Layer("one", 0, "gemm", GemmShape(3, 3, 3))
for variant in ("os", "ws"):
    check_array(Case(layer, variant, False, 2, 2, 0))
compile_kernels("csv", "scalesim")
compile_kernels("hdf5", "scalesim")
machine = replace(load_hardware("default"), rows=2, cols=2, memory_model="scalesim", ofmap_offset_words=2**33)
simulate(Network("one", (layer,)), machine)
"""


def pytest_configure(config: pytest.Config) -> None:
    """Share the compiling out to two processes; workers that began with nothing would do all of it once each."""
    is_worker = hasattr(config, "workerinput")
    several = config.getoption("numprocesses", default=None) not in (None, 0, 1)
    cache = Path(cyclesim.kernels.__file__).parent / "__pycache__"
    if is_worker or not several or "NUMBA_CACHE_DIR" in os.environ or any(cache.glob("*.nbi")):
        return
    with tempfile.TemporaryDirectory() as folder:
        running = [subprocess.Popen([sys.executable, "-c", code], cwd=folder) for code in (_NATIVE, _OTHERS)]
        for process in running:
            process.wait()
