"""Finds the files that come with cyclesim: networks and machines, by bare name, and the Verilog arrays.

An installed package holds them as `cyclesim/topologies`, `cyclesim/hwconfigs` and `cyclesim/rtl`; in a checkout (and an
editable installation) they lie one level up, the arrays in `validation/rtl`. A name without a path separator or suffix
is a shipped one, anything else is a path.
"""

from __future__ import annotations

import os
from pathlib import Path

from cyclesim.errors import BadInput, suggestion

_SUFFIXES = {"topologies": ".csv", "hwconfigs": ".cfg"}
_IN_CHECKOUT = {"rtl": "validation/rtl"}
_NOUNS = {"topologies": "network", "hwconfigs": "machine"}


def folder(kind: str) -> Path:
    """Return the folder of shipped files of this kind (``topologies``, ``hwconfigs`` or ``rtl``)."""
    package = Path(__file__).resolve().parent
    inside = package / kind
    return inside if inside.is_dir() else package.parent / _IN_CHECKOUT.get(kind, kind)


def names(kind: str) -> list[str]:
    """Return the shipped names of this kind, sorted."""
    return sorted(path.stem for path in folder(kind).glob(f"*{_SUFFIXES[kind]}"))


def is_shipped(kind: str, path: Path) -> bool:
    """Return whether a file of this name, wherever it lies, is shipped under its stem."""
    return path.suffix.lower() == _SUFFIXES[kind] and path.stem.lower() in names(kind)


def find(kind: str, name_or_path: str | os.PathLike[str]) -> Path:
    """Return the path of a shipped file or of the user's own.

    Raises
    ------
    BadInput
        If a bare name is not a shipped one (with the closest that is).
    """
    text = os.fspath(name_or_path)
    if os.path.basename(text) != text or os.path.splitext(text)[1]:
        return Path(text)
    known = names(kind)
    if text not in known:
        raise BadInput(
            "cyclesim",
            None,
            f"no shipped {_NOUNS[kind]} has this name: give one of {', '.join(known)}, or a path with a suffix "
            f"{suggestion(text, known)}",
        )
    return folder(kind) / f"{text}{_SUFFIXES[kind]}"
