"""Loading inputs from Python: shipped names or paths, warnings as Python warnings."""

from __future__ import annotations

import os
import warnings
from typing import Literal

from cyclesim import shipped
from cyclesim.errors import CyclesimWarning
from cyclesim.hardware import Hardware
from cyclesim.readers.hwconfig import read_hardware
from cyclesim.readers.topology import read_topology
from cyclesim.workload import Network


def load_hardware(name_or_path: str | os.PathLike[str]) -> Hardware:
    """Load a machine: a shipped one by its bare name, or a .cfg file.

    Raises
    ------
    BadInput
        If there is no such machine or file, or if it cannot be used; the message names the line.
    """
    hardware, messages = read_hardware(shipped.find("hwconfigs", name_or_path))
    _warn(messages)
    return hardware


def load_topology(name_or_path: str | os.PathLike[str], kind: Literal["conv", "gemm"] | None = None) -> Network:
    """Load a network: a shipped one by its bare name, or a .csv file.

    Parameters
    ----------
    name_or_path : str or path
    kind : {"conv", "gemm"}, optional
        What the rows of a file in SCALE-Sim's format are; found out from the file if left out.

    Raises
    ------
    BadInput
        If there is no such network or file, or if it cannot be used; the message names the line.
    """
    network, messages = read_topology(shipped.find("topologies", name_or_path), kind)
    _warn(messages)
    return network


def _warn(messages: list[str]) -> None:
    for message in messages:
        warnings.warn(message, CyclesimWarning, stacklevel=3)
