"""Runs SCALE-Sim itself, in an environment of its own (it needs an older NumPy), to compare with."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclesim.errors import BadInput

_CONFIG = """[general]
run_name = pair
[architecture_presets]
ArrayHeight : {rows}
ArrayWidth : {cols}
IfmapSramSzkB : {ifmap_kb}
FilterSramSzkB : {filter_kb}
OfmapSramSzkB : {ofmap_kb}
IfmapOffset : 0
FilterOffset : 10000000
OfmapOffset : 20000000
Bandwidth : 10
Dataflow : {dataflow}
MemoryBanks : 1
ReadRequestBuffer : 32
WriteRequestBuffer : 32
[layout]
IfmapCustomLayout : False
IfmapSRAMBankBandwidth : 10
IfmapSRAMBankNum : 10
IfmapSRAMBankPort : 2
FilterCustomLayout : False
FilterSRAMBankBandwidth : 10
FilterSRAMBankNum : 10
FilterSRAMBankPort : 2
[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40
[run_presets]
InterfaceBandwidth : CALC
UseRamulatorTrace : False
"""
_DRIVER = """
import resource, sys
from scalesim.scale_sim import scalesim
config, topology, layout, out, traces = sys.argv[1:]
simulator = scalesim(save_disk_space=traces != "traces", verbose=False, config=config, topology=topology, layout=layout)
simulator.run_scale(top_path=out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


INPUTS = ("machine.cfg", "network.csv", "layout.csv")


@dataclass(frozen=True)
class Machine:
    """What is set of a machine; `buffers_kb` are those of ifmap, filter and ofmap."""

    rows: int
    cols: int
    dataflow: str = "ws"
    buffers_kb: tuple[int, int, int] = (64, 64, 64)


@dataclass(frozen=True)
class Measured:
    """What one run of SCALE-Sim took, as a whole process."""

    seconds: float
    megabytes: float


def write_inputs(folder: Path, layers: Sequence[tuple[int, ...]], machine: Machine) -> tuple[Path, Path]:
    """Write SCALE-Sim's files for convolutions; return the machine's and the network's.

    Parameters
    ----------
    folder : Path
    layers : sequence
        (ifmap h, w, filter h, w, channels, filters, stride) each.
    machine : Machine
    """
    header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
    rows = [f"Conv{i + 1}, {', '.join(map(str, row))},\n" for i, row in enumerate(layers)]
    config, topology, layout = (folder / name for name in INPUTS)
    sizes = dict(zip(("ifmap_kb", "filter_kb", "ofmap_kb"), machine.buffers_kb, strict=True))
    array = {"rows": machine.rows, "cols": machine.cols, "dataflow": machine.dataflow}
    config.write_text(_CONFIG.format(**array, **sizes), encoding="utf-8")
    topology.write_text(header + "".join(rows), encoding="utf-8")
    columns = 16
    lines = ["Layer name," + "x," * columns, *(f"Conv{i + 1}," + "1," * columns for i in range(len(layers)))]
    layout.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config, topology


def measure(python: str, folder: Path, traces: bool = False) -> Measured:
    """Run SCALE-Sim as a process of its own, on the files that `write_inputs` left in a folder.

    It runs in CALC mode, its faster one: with a bandwidth of the user's it takes several times as long.

    Parameters
    ----------
    python : str
        The Python of an environment with ``scalesim`` 3.0.0.
    folder : Path
        Where its outputs go, too.
    traces : bool
        Whether it writes its traces, which its command line always does.

    Raises
    ------
    BadInput
        If SCALE-Sim cannot be run there.
    """
    inputs = [str(folder / name) for name in (*INPUTS, "theirs")]
    started = time.perf_counter()
    done = subprocess.run(
        [python, "-c", _DRIVER, *inputs, "traces" if traces else "none"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode:
        reason = (done.stderr.strip() or "it says nothing").splitlines()[-1]
        raise BadInput("cyclesim", None, f"--scalesim: SCALE-Sim 3.0.0 cannot be run by {python}: {reason}")
    return Measured(seconds, float(done.stdout.strip().splitlines()[-1]))
