"""Runs SCALE-Sim itself, in an environment of its own (it needs an older NumPy), to compare with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclesim.errors import BadInput

_CONFIG = """[general]
run_name = pair
[architecture_presets]
ArrayHeight : {size}
ArrayWidth : {size}
IfmapSramSzkB : 64
FilterSramSzkB : 64
OfmapSramSzkB : 64
IfmapOffset : 0
FilterOffset : 10000000
OfmapOffset : 20000000
Bandwidth : 10
Dataflow : ws
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
import json, resource, sys, time
from scalesim.scale_sim import scalesim
config, topology, layout, out, traces = sys.argv[1:]
simulator = scalesim(save_disk_space=traces != "traces", verbose=False, config=config, topology=topology, layout=layout)
started = time.perf_counter()
simulator.run_scale(top_path=out)
seconds = time.perf_counter() - started
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Measured:
    """What one run of SCALE-Sim took, its start-up apart."""

    seconds: float
    megabytes: float


def measure(
    python: str, folder: Path, layers: Sequence[tuple[int, ...]], size: int, traces: bool = False
) -> Measured:
    """Run SCALE-Sim on convolutions (ifmap h, w, filter h, w, channels, filters, stride).

    It runs in CALC mode, its faster one: with a bandwidth of the user's it takes several times as long.

    Parameters
    ----------
    python : str
        The Python of an environment with ``scalesim`` 3.0.0.
    folder : Path
        Where its inputs and outputs go; the inputs stay there as ``machine.cfg`` and ``network.csv``.
    layers : sequence
    size : int
        Rows and columns of the weight-stationary array.
    traces : bool
        Whether it writes its traces, which its command line always does.

    Raises
    ------
    BadInput
        If SCALE-Sim cannot be run there.
    """
    header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
    rows = [f"Conv{i + 1}, {', '.join(map(str, row))},\n" for i, row in enumerate(layers)]
    config, topology, layout = (folder / name for name in ("machine.cfg", "network.csv", "layout.csv"))
    config.write_text(_CONFIG.format(size=size), encoding="utf-8")
    topology.write_text(header + "".join(rows), encoding="utf-8")
    columns = 16
    lines = ["Layer name," + "x," * columns, *(f"Conv{i + 1}," + "1," * columns for i in range(len(layers)))]
    layout.write_text("\n".join(lines) + "\n", encoding="utf-8")
    inputs = [str(path) for path in (config, topology, layout, folder / "theirs")]
    done = subprocess.run(
        [python, "-c", _DRIVER, *inputs, "traces" if traces else "none"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.strip() or "it says nothing").splitlines()[-1]
        raise BadInput("cyclesim", None, f"--scalesim: SCALE-Sim 3.0.0 cannot be run by {python}: {reason}")
    seconds, megabytes = json.loads(done.stdout.strip().splitlines()[-1])
    return Measured(seconds, megabytes)
