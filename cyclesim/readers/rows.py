"""A topology file as rows of fields: which lines count, what separates fields, how quotes protect a comma.

Fields are separated by commas, or by tabs in a line without a comma. White space around them (no-break
spaces included) and empty fields at the end do not count. A field in double quotes may hold commas, and
doubled quotes for one. Empty rows, and lines that start with ``#``, are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cyclesim.readers.text import Text, got, has_control

_LOST_SEPARATORS = re.compile(r"[0-9](?:[\s;|]+[0-9]+){2,}[\s;|]*$")


@dataclass(frozen=True)
class Row:
    """A line that is not empty: its 1-based number and its fields, of which the last is not empty."""

    line: int
    fields: tuple[str, ...]

    @property
    def is_heading(self) -> bool:
        """Whether there is nothing after the name."""
        return len(self.fields) == 1

    def field(self, position: int) -> str:
        """Return the field at a 0-based position, empty beyond the last."""
        return self.fields[position] if position < len(self.fields) else ""


def split_rows(text: Text) -> tuple[list[Row], list[Row]]:
    """Return the rows of a file and, apart, those that are commented out with ``#``.

    Raises
    ------
    BadInput
        For a quote that is not closed, and for a single field that ends in a series of numbers: such a line
        would pass for a heading, and more probably is a layer whose separators were lost.
    """
    rows: list[Row] = []
    comments: list[Row] = []
    for number, line in enumerate(text.lines, 1):
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append(Row(number, tuple(field.strip() for field in stripped.split(","))))
            continue
        try:
            fields = _split(line)
        except ValueError as error:
            raise text.error(number, str(error)) from error
        while fields and not fields[-1].strip():
            fields.pop()
        if not fields:
            continue
        if len(fields) == 1 and _LOST_SEPARATORS.search(stripped[-200:]):
            raise text.error(number, f"fields must be separated by commas or tabs {got(stripped)}")
        rows.append(Row(number, tuple(fields)))
    return rows, comments


def layer_name(row: Row, text: str, file: Text) -> str:
    """Return the text of a name field if it can name a layer.

    Raises
    ------
    BadInput
        If it is empty or holds control characters.
    """
    if not text.strip():
        raise file.error(row.line, "a layer must have a name (got an empty field)")
    if has_control(text):
        raise file.error(row.line, f"a layer's name must not hold control characters {got(text)}")
    return text


def quote(name: str) -> str:
    """Return a name as a field that reads back as it is."""
    if name != name.strip() or name.startswith("#") or any(c in name for c in ',"\t'):
        return '"' + name.replace('"', '""') + '"'
    return name


def _split(line: str) -> list[str]:
    separator = "," if "," in line else "\t"
    if '"' not in line:
        return [field.strip() for field in line.split(separator)]
    fields: list[str] = []
    rest = line
    while True:
        start = rest.lstrip(" \u00a0") if separator == "\t" else rest.lstrip()
        if start.startswith('"'):
            field, rest = _unquote(start)
            after, found, rest = rest.partition(separator)
            if after.strip():
                raise ValueError(f"a field in double quotes must end at its closing quote {got(start)}")
        else:
            field, found, rest = rest.partition(separator)
            field = field.strip()
        fields.append(field)
        if not found:
            return fields


def _unquote(text: str) -> tuple[str, str]:
    """Return the content of the quoted field that the text starts with, and what follows the quote."""
    end = 1
    while True:
        end = text.find('"', end)
        if end < 0:
            raise ValueError(f"a double quote must be closed in the same line {got(text)}")
        if text[end + 1 : end + 2] != '"':
            return text[1:end].replace('""', '"'), text[end + 1 :]
        end += 2
