"""The .cfg syntax: sections of keys, each with the line it stands on, which configparser does not tell.

What SCALE-Sim's files use: ``[section]``, ``key = value`` or ``key: value`` (whichever sign comes first),
lines that start with ``#`` or ``;``, and, beyond SCALE-Sim, comments after white space and ``#`` or ``;``.
Sections and keys are not case-sensitive and may not be repeated. There are no continuation lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cyclesim.readers.text import Text, got, printable

_COMMENT = re.compile(r"(?:^|(?<=\s))[#;].*", re.DOTALL)
_DELIMITER = re.compile(r"[:=]")


@dataclass(frozen=True)
class Entry:
    """One ``key = value`` line; `section` in lower case, `key` and `value` as written, `line` 1-based."""

    section: str
    key: str
    value: str
    line: int


@dataclass(frozen=True)
class Ini:
    """A parsed file: section headers (lower case) with their lines, and entries in the order of the file."""

    text: Text
    sections: dict[str, int]
    entries: tuple[Entry, ...]

    def line_for_missing(self, section: str) -> int:
        """Return where something missing is reported: at its section's header, else at the last line."""
        return self.sections.get(section, self.text.last_line)


def parse_ini(text: Text) -> Ini:
    """Parse the lines of a file.

    Raises
    ------
    BadInput
        At the first line that is neither comment, section nor key, or that repeats one.
    """
    sections: dict[str, int] = {}
    entries: dict[tuple[str, str], Entry] = {}
    section: str | None = None
    for number, raw in enumerate(text.lines, 1):
        line = without_comment(raw)
        if not line:
            continue
        if line.startswith("["):
            section = line[1:-1].strip().lower()
            if not line.endswith("]") or not section:
                raise text.error(number, f"a section header must be [NAME] {got(line)}")
            if section in sections:
                first_place = f"(first in line {sections[section]})"
                raise text.error(number, f"section [{_short(section)}] is repeated {first_place}")
            sections[section] = number
            continue
        delimiter = _DELIMITER.search(line)
        key = line[: delimiter.start()].strip() if delimiter else ""
        if delimiter is None or not key:
            raise text.error(number, f"a line must be [SECTION], KEY = VALUE or KEY: VALUE {got(line)}")
        if section is None:
            raise text.error(number, f"a key must follow a section header such as [general] {got(key)}")
        entry = Entry(section, key, line[delimiter.end() :].strip(), number)
        first = entries.setdefault((section, key.lower()), entry)
        if first is not entry:
            place = f"[{_short(section)}] (first in line {first.line})"
            raise text.error(number, f"{_short(key)} is repeated in {place}")
    return Ini(text, sections, tuple(entries.values()))


def without_comment(line: str) -> str:
    """Return a line without the comment that it may end in or be, and without white space around."""
    return _COMMENT.sub("", line).strip()


def _short(name: str) -> str:
    return printable(name[:60])
