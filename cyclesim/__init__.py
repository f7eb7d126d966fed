"""cyclesim: a cycle-level simulator of systolic-array DNN accelerators.

Everything is loaded when it is first used: importing the package loads neither NumPy nor Numba, h5py or Matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cyclesim.api import load_hardware, load_topology
    from cyclesim.errors import BadInput, CyclesimWarning
    from cyclesim.hardware import Hardware
    from cyclesim.results import LayerResult, RunResult
    from cyclesim.simulation import simulate
    from cyclesim.traces import open_trace
    from cyclesim.workload import Layer, Network

_HOMES = {
    "BadInput": "cyclesim.errors",
    "CyclesimWarning": "cyclesim.errors",
    "Hardware": "cyclesim.hardware",
    "Layer": "cyclesim.workload",
    "LayerResult": "cyclesim.results",
    "Network": "cyclesim.workload",
    "RunResult": "cyclesim.results",
    "estimate": "cyclesim.model.estimate",
    "estimate_many": "cyclesim.model.estimate",
    "load_hardware": "cyclesim.api",
    "load_topology": "cyclesim.api",
    "open_trace": "cyclesim.traces",
    "simulate": "cyclesim.simulation",
}

__all__ = [
    "BadInput",
    "CyclesimWarning",
    "Hardware",
    "Layer",
    "LayerResult",
    "Network",
    "RunResult",
    "__version__",
    "estimate",
    "estimate_many",
    "load_hardware",
    "load_topology",
    "open_trace",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cyclesim' has no attribute '{name}'")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
