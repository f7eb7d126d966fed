"""Reads TOML, with the lines on which keys stand, which Python's own reader does not tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cyclesim.errors import BadInput
from cyclesim.readers.text import Text, printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HEADER = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


class Number(str):
    """The text of a number with a decimal point, as it stands in the file."""


@dataclass(frozen=True)
class Toml:
    """A file's tables, and the lines of its headers, `[table]` or `[[table]]`, and keys by their full dotted names."""

    text: Text
    tables: Mapping[str, Any]
    lines: Mapping[str, int]

    def error(self, message: str, *names: str) -> BadInput:
        """Return (not raise) an error at a key, given from its table down, or at the closest that is above it."""
        for length in range(len(names), 0, -1):
            name = ".".join(names[:length])
            within = (line for key, line in self.lines.items() if key.startswith(f"{name}."))
            line = self.lines.get(name) or next(within, None)
            if line is not None:
                return self.text.error(line, message)
        return self.text.error(self.text.last_line, message)


def parse_toml(text: Text) -> Toml:
    """Return a file's tables; numbers with a decimal point are `Number`.

    Raises
    ------
    BadInput
        If it is no TOML.
    """
    try:
        tables = tomllib.loads("\n".join(text.lines), parse_float=Number)
    except (ValueError, RecursionError) as error:
        what = str(error) or "it is nested too deeply"
        place = _PLACE.search(what)
        line = int(place[1]) if place and place[1] else text.last_line
        said = _PLACE.sub("", what)
        raise text.error(min(line, text.last_line), f"must be TOML: {printable(said[:1].lower() + said[1:])}") from None
    return Toml(text, tables, _lines(text))


def _lines(text: Text) -> dict[str, int]:
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.lines, 1):
        header, key = _HEADER.fullmatch(line), _KEY.match(line)
        if header:
            table = _name(header[1])
            found.setdefault(table, number)
        elif key:
            name = _name(key[1])
            found.setdefault(f"{table}.{name}" if table else name, number)
    return found


def _name(text: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in text.split("."))
