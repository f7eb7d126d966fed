"""Loading inputs from Python: shipped names or paths, warnings as Python warnings."""

from __future__ import annotations

import os
import warnings
from typing import Literal

from cyclesim import shipped
from cyclesim.errors import CyclesimWarning, one_of
from cyclesim.hardware import MEMORY_MODELS, Hardware, MemoryModel
from cyclesim.inputs import read_machine
from cyclesim.readers.scalesim_topology import read_scalesim_topology
from cyclesim.readers.topology import read_topology
from cyclesim.scalesim_versions import SCALESIM_VERSIONS
from cyclesim.workload import Network


def load_hardware(
    name_or_path: str | os.PathLike[str], memory: MemoryModel | None = None
) -> Hardware:
    """Load a machine: a shipped one by its bare name, or a .cfg file.

    Parameters
    ----------
    name_or_path : str or path
    memory : {"native", "scalesim", "scalesim2"}, optional
        In place of the file's MemoryModel. A file is read by SCALE-Sim's rules in memory models scalesim and scalesim2.

    Raises
    ------
    BadInput
        If there is no such machine or file, or if it cannot be used; the message names the line.
    """
    overrides = {} if memory is None else {"MemoryModel": one_of("memory", memory, MEMORY_MODELS)}
    hardware, messages = read_machine(shipped.find("hwconfigs", name_or_path), overrides)
    _warn(messages)
    return hardware


def load_topology(
    name_or_path: str | os.PathLike[str],
    kind: Literal["conv", "gemm"] | None = None,
    memory: MemoryModel = "native",
) -> Network:
    """Load a network: a shipped one by its bare name, or a .csv file.

    Parameters
    ----------
    name_or_path : str or path
    kind : {"conv", "gemm"}, optional
        What the rows of a file in SCALE-Sim's format are; found out from the file if left out.
    memory : {"native", "scalesim", "scalesim2"}
        By whose rules the file is read; SCALE-Sim takes rows for convolutions if `kind` is left out.

    Raises
    ------
    BadInput
        If there is no such network or file, or if it cannot be used; the message names the line.
    """
    path = shipped.find("topologies", name_or_path)
    version = SCALESIM_VERSIONS.get(one_of("memory", memory, MEMORY_MODELS))
    if version is not None:
        network, messages = read_scalesim_topology(path, kind, lambda layer: None, version)
    else:
        network, messages = read_topology(path, kind)
    _warn(messages)
    return network


def _warn(messages: list[str]) -> None:
    for message in messages:
        warnings.warn(message, CyclesimWarning, stacklevel=3)
