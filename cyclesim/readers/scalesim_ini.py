"""The .cfg syntax as SCALE-Sim sees it: Python's configparser in its default settings, and the lines it does not tell.

Section names are case-sensitive, keys are not; a comment after a value is part of it; indented lines continue a value;
``%`` interpolates; keys of ``[DEFAULT]`` count in every section. Lines are looked for only when an error or a warning
needs one, by configparser itself: a key stands in the first line without which it would not be seen.
"""

from __future__ import annotations

import bisect
import configparser
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cyclesim.errors import BadInput
from cyclesim.readers.text import Text, got, printable

_NO_HEADER = "\n"  # a default section that no header can name
_COMMENT_SIGN = re.compile(r"\s[#;]")

_T = TypeVar("_T")


@dataclass(frozen=True)
class ScalesimIni:
    """A parsed file: what configparser found, and the text for the lines of errors."""

    text: Text
    parser: configparser.ConfigParser

    def has(self, section: str, key: str) -> bool:
        """Return whether the section is there and has the key, or [DEFAULT] has it."""
        return self.parser.has_section(section) and self.parser.has_option(section, key)

    def get(self, section: str, key: str) -> str:
        """Return the value of a key that is there, interpolated."""
        try:
            return self.parser.get(section, key)
        except configparser.InterpolationError as error:
            rule = f"a % in a value must be written %%, or %(KEY)s must name another key of [{section}]"
            value = self.parser.get(section, key, raw=True)
            raise self.error(section, key, f"{key}: {rule} {got(value)}") from error

    def read(self, section: str, key: str, parse: Callable[[str], _T]) -> _T:
        """Return what `parse` makes of the value of a key that is there; its `ValueError` reads on after the key."""
        value = self.get(section, key)
        try:
            return parse(value)
        except ValueError as error:
            comment = "; a comment after a value is part of it in SCALE-Sim" if _COMMENT_SIGN.search(value) else ""
            raise self.error(section, key, f"{key} {error}{comment}") from error

    def line_of(self, section: str, key: str | None = None) -> int:
        """Return the line of a section, or of a key that counts in it; 1 if there is none."""
        line = _line_of(self.text, section, key)
        if line is None and key is not None:
            line = _line_of(self.text, self.parser.default_section, key)
        return line or 1

    def line_for_missing(self, section: str) -> int:
        """Return where something missing is reported: at its section's header, else at the last line."""
        return self.line_of(section) if self.parser.has_section(section) else self.text.last_line

    def error(self, section: str, key: str, message: str) -> BadInput:
        """Return the error of a key, at its line."""
        return self.text.error(self.line_of(section, key), message)


def parse_scalesim_ini(text: Text) -> ScalesimIni:
    """Parse the lines of a file; a byte order mark must still be there.

    Raises
    ------
    BadInput
        Where configparser fails.
    """
    parser = configparser.ConfigParser()
    try:
        parser.read_file(text.lines)
    except configparser.MissingSectionHeaderError as error:
        line = text.lines[error.lineno - 1]
        if line.startswith("\ufeff"):
            message = "SCALE-Sim reads no byte order mark: save the file as UTF-8 without one"
        else:
            message = f"a key must follow a section header such as [general] {got(line.strip())}"
        raise text.error(error.lineno, message) from error
    except configparser.DuplicateSectionError as error:
        first = f"(first in line {_line_of(text, error.section)})"
        raise text.error(error.lineno or 1, f"section [{printable(error.section[:60])}] is repeated {first}") from error
    except configparser.DuplicateOptionError as error:
        number = error.lineno or 1
        written = re.split("[:=]", text.lines[number - 1], maxsplit=1)[0].strip()
        place = f"[{printable(error.section[:60])}] (first in line {_line_of(text, error.section, error.option)})"
        raise text.error(number, f"{printable(written[:60])} is repeated in {place}") from error
    except configparser.ParsingError as error:
        number = error.errors[0][0]
        rule = "a line must be [SECTION], KEY = VALUE or KEY: VALUE"
        raise text.error(number, f"{rule} {got(text.lines[number - 1].strip())}") from error
    return ScalesimIni(text, parser)


def _line_of(text: Text, section: str, key: str | None = None) -> int | None:
    """Return the first line after which configparser has seen a section, or a key in it; None if there is none."""

    def seen(lines: int) -> bool:
        parser = configparser.RawConfigParser(default_section=_NO_HEADER, strict=False)
        with contextlib.suppress(configparser.ParsingError):  # it comes at the end; what was seen is there
            parser.read_file(text.lines[:lines])
        return parser.has_section(section) if key is None else parser.has_option(section, key)

    count = len(text.lines)
    line = bisect.bisect_left(range(count + 1), True, key=seen)
    return line if line <= count else None
