"""Reads machines and networks by the rules of their memory model: SCALE-Sim's own where it is followed, else ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.readers.hwconfig import key_name, read_hardware
from cyclesim.readers.hwkeys import STRICT_SECTIONS
from cyclesim.readers.ini import parse_ini
from cyclesim.readers.scalesim_config import memory_model_of, read_scalesim_hardware, scalesim_key_name
from cyclesim.readers.text import printable, read_text
from cyclesim.readers.topology import read_topology
from cyclesim.scalesim_versions import SCALESIM_VERSIONS
from cyclesim.workload import Network


def read_machine(path: Path, overrides: Mapping[str, str]) -> tuple[Hardware, list[str]]:
    """Read a machine and its warnings; keys in `overrides` win over the file, MemoryModel among them.

    Raises
    ------
    BadInput
        If the file cannot be read or a value used.
    """
    if memory_model_of(path, overrides) in SCALESIM_VERSIONS:
        hardware, warnings = read_scalesim_hardware(path, overrides)
        return hardware, [*warnings, *_native_keys(path)]
    return read_hardware(path, overrides)


def _native_keys(path: Path) -> list[str]:
    """Return a warning about keys that only the native memory model has, if the file holds some."""
    try:
        entries = parse_ini(read_text(path, "hwconfigs")).entries
    except BadInput:  # it is SCALE-Sim's syntax that counts
        return []
    ours = [each.key for each in entries if each.section in STRICT_SECTIONS and each.key.lower() != "memorymodel"]
    if not ours:
        return []
    return [f"{path}: these keys have no effect in memory model scalesim: {', '.join(map(printable, ours))}"]


def read_network(path: Path, kind: Literal["conv", "gemm"] | None, hardware: Hardware) -> tuple[Network, list[str]]:
    """Read a network for a machine, and its warnings.

    Raises
    ------
    BadInput
        If the file cannot be read or used; where SCALE-Sim is followed also if it fails on it.
    """
    if hardware.follows_scalesim:
        from cyclesim.readers.scalesim_topology import read_scalesim_topology
        from cyclesim.scalesim.limits import layer_problem

        version = SCALESIM_VERSIONS[hardware.memory_model]
        return read_scalesim_topology(path, kind, lambda layer: layer_problem(layer, hardware), version)
    return read_topology(path, kind)


def swept_key(key: str, memory_model: str) -> str:
    """Return a swept key as the documentation spells it.

    Raises
    ------
    BadInput
        If no key of the .cfg that has an effect in this memory model has this name.
    """
    return scalesim_key_name(key, memory_model) if memory_model in SCALESIM_VERSIONS else key_name(key)
