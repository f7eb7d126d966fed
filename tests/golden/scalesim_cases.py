"""Reads the archives in `scalesim`: runs of SCALE-Sim 3.0.0 and 2.0.2, inputs and outputs (see the README there)."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent / "scalesim"
ARCHIVES = {"3.0.0": FOLDER / "cases.tar.xz", "2.0.2": FOLDER / "cases_2.0.2.tar.xz"}
INPUT_TYPES = "input_types.csv"
INPUTS = ("run.cfg", "topology.csv")
SUM = ".sha256"


class GoldenCase(NamedTuple):
    """One run: its name (also the run_name), `conv` or `gemm`, and its files by their names in the run's folder.

    Some large traces are there only as `NAME.sha256`, the SHA-256 in hexadecimal and a line end.
    """

    name: str
    input_type: str
    files: dict[str, bytes]

    def differences(self, written: Mapping[str, bytes]) -> list[str]:
        """Return which outputs are missing, should not be there, or differ in any byte; `written` has no inputs."""
        expected = {name: content for name, content in self.files.items() if name not in INPUTS}
        found = []
        for name, content in expected.items():
            plain = name.removesuffix(SUM)
            if plain not in written:
                found.append(f"{plain} is missing")
            elif (digest(written[plain]) if name.endswith(SUM) else written[plain]) != content:
                found.append(f"{plain} differs")
        allowed = {name.removesuffix(SUM) for name in expected}
        return found + [f"{name} should not be there" for name in written if name not in allowed]


def digest(content: bytes) -> bytes:
    """Return what stands in a .sha256 file."""
    return hashlib.sha256(content).hexdigest().encode() + b"\n"


@lru_cache
def cases(version: str = "3.0.0") -> list[GoldenCase]:
    """Return all runs of a version, in the order of their names."""
    files: dict[str, dict[str, bytes]] = {}
    types = ""
    with tarfile.open(ARCHIVES[version]) as archive:
        for member in archive:
            opened = archive.extractfile(member)
            assert opened is not None, member.name
            content = opened.read()
            if member.name == INPUT_TYPES:
                types = content.decode()
            else:
                case, _, name = member.name.partition("/")
                files.setdefault(case, {})[name] = content
    pairs = [line.split(",") for line in types.splitlines()]
    return [GoldenCase(name, input_type, files[name]) for name, input_type in sorted(pairs)]


def case(name: str, version: str = "3.0.0") -> GoldenCase:
    """Return one run."""
    return next(each for each in cases(version) if each.name == name)
