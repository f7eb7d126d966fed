"""The axes of a design space: a key of the .cfg and the values that it takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.columns import device_code
from cyclesim.errors import BadInput
from cyclesim.hardware import number_formats
from cyclesim.readers.hwkeys import KEYS
from cyclesim.readers.text import got, printable
from cyclesim.readers.toml import Number, Toml

MOST_VALUES = 100_000
"""Values that an axis may have."""
REFUSED = {
    "run_name": "names a run and changes none of its figures",
    "MemoryModel": "cannot be explored: spaces are of memory model native",
}
SHADOWED = {
    **{f"{operand}SramSzkB": f"{operand}SramWords" for operand in ("Ifmap", "Filter", "Ofmap")},
    "Bandwidth": "DramBandwidth",
}
"""Keys that have no effect beside another."""
_MEANINGS: dict[str, Callable[[Any], Any]] = {
    "Device": device_code,
    "NumberFormat": lambda name: number_formats(name, 0),
    "ComponentFile": os.path.normpath,
}
"""What the values of a key stand for, where several mean the same."""
_FORMS = "must be a list of values, { pow2 = [first, last] } or { range = [start, stop, step] }"


@dataclass(frozen=True)
class Axis:
    """A key of the .cfg, as the documentation spells it, and its values: their texts, and what these are read as.

    `line` is where SPACE.toml has it.
    """

    key: str
    line: int
    texts: tuple[str, ...]
    values: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def column(self) -> NDArray[Any]:
        """The values as tables store them: int64, float64, bool, or ASCII text."""
        first = self.values[0]
        if isinstance(first, Fraction):
            return np.array([float(value) for value in self.values])
        return np.array(self.values) if isinstance(first, bool | int) else np.array(self.texts, np.bytes_)


def read_axes(toml: Toml) -> tuple[Axis, ...]:
    """Return the axes of table ``[space]``, in their order.

    Raises
    ------
    BadInput
        If a key or a value cannot be used.
    """
    table = toml.tables.get("space")
    if not table:
        raise toml.error("[space] must give at least one key of the .cfg its values", "space")
    axes: dict[str, Axis] = {}
    for written, given in table.items():
        axis = _axis(toml, written, given)
        if axis.key in axes:
            raise toml.error(f"{axis.key} must be given once in [space] (got it again)", "space", written)
        axes[axis.key] = axis
    for key, winner in SHADOWED.items():
        if key in axes and winner in axes:
            written = next(name for name in table if name.lower() == key.lower())
            raise toml.error(f"{key} has no effect beside {winner}: give one of them", "space", written)
    return tuple(axes.values())


def _axis(toml: Toml, written: str, given: Any) -> Axis:
    def error(message: str) -> BadInput:
        return toml.error(message, "space", written)

    key = KEYS.get(written.lower())
    if key is None:
        names = [each.name for each in KEYS.values() if each.name not in REFUSED]
        raise error(f"keys of [space] must be keys of the .cfg that have an effect {got(written, names)}")
    if key.name in REFUSED:
        raise error(f"{key.name} {REFUSED[key.name]}")
    try:
        texts = tuple(_texts(given))
    except ValueError as problem:
        raise error(f"{key.name} {problem}") from None
    values = []
    for text in texts:
        try:
            values.append(key.parse(text))
        except ValueError as problem:
            raise error(f"{key.name} {problem}") from None
    meant = _MEANINGS.get(key.name, lambda value: value)
    seen: dict[Any, str] = {}
    for text, value in zip(texts, values, strict=True):
        if meant(value) in seen:
            before = seen[meant(value)]
            said = "again" if text == before else f"and '{printable(before[:60])}', which are the same"
            raise error(f"{key.name} must have each value once (got '{printable(text[:60])}' {said})")
        seen[meant(value)] = text
    shown = (value if isinstance(value, str) else text for text, value in zip(texts, values, strict=True))
    return Axis(key.name, error("").line or 1, tuple(shown), tuple(values))


def _texts(given: Any) -> Sequence[str]:
    """Return the values as a .cfg has them; an error's text follows the name of the key."""
    if isinstance(given, list):
        if not given:
            raise ValueError("must have at least one value (got [])")
        if len(given) > MOST_VALUES:
            raise ValueError(f"must have at most {MOST_VALUES} values (got {len(given)})")
        return [_text(value) for value in given]
    if isinstance(given, Mapping) and len(given) == 1:
        form, ends = next(iter(given.items()))
        if form == "pow2":
            return _powers(ends)
        if form == "range":
            return _range(ends)
        raise ValueError(f"{_FORMS} {got(form, ('pow2', 'range'))}")
    raise ValueError(f"{_FORMS} {got(_shown(given))}")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(str(name) for name in value) + " }"
    return "[...]" if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return value.replace("_", "")
    if isinstance(value, int | str):
        return str(value)
    raise ValueError(f"must have numbers, text, true or false as values {got(type(value).__name__)}")


def _powers(ends: Any) -> Sequence[str]:
    whole = isinstance(ends, list) and all(type(end) is int and end > 0 and end & (end - 1) == 0 for end in ends)
    if not whole or len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError(f"must have pow2 = [first, last], both powers of two, the smaller first {got(_listed(ends))}")
    return [str(1 << power) for power in range(ends[0].bit_length() - 1, ends[1].bit_length())]


def _range(ends: Any) -> Sequence[str]:
    rule = "must have range = [start, stop, step] with start up to stop and a step above 0"
    try:
        start, stop, step = (Fraction(_text(end)) for end in ends)
    except (TypeError, ValueError, ZeroDivisionError):
        raise ValueError(f"{rule} {got(_listed(ends))}") from None
    if start > stop or step <= 0:
        raise ValueError(f"{rule} {got(_listed(ends))}")
    count = (stop - start) // step + 1
    if count > MOST_VALUES:
        raise ValueError(f"must have at most {MOST_VALUES} values (got {count})")
    return [str(start + i * step) for i in range(count)]


def _listed(ends: Any) -> str:
    return f"[{', '.join(_shown(end) for end in ends)}]" if isinstance(ends, list) else _shown(ends)
