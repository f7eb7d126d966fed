"""How an input file becomes lines, and a field a number: the failures that every reader shares, worded once.

Files are UTF-8 (a byte order mark is dropped), with any kind of newline. Whatever keeps a file from being
read is a `BadInput` that names the file; whatever a user wrote is escaped before it is shown, so that a
message stays one line.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cyclesim import shipped
from cyclesim.errors import BadInput, suggestion

SIZE_LIMIT_BYTES = 64 * 2**20
"""No topology or configuration is anywhere near as large; a disk image or /dev/zero is."""

RATIONAL_LIMIT = 1_000_000_000_000
"""Largest numerator and denominator of a rational, in lowest terms."""

# Bounded digits, so that no text makes int() slow or refuse; [0-9] and not \d, which holds all of Unicode.
_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,40})")
_RATIONAL = re.compile(r"[+-]?(?:[0-9]{1,40}/[0-9]{1,40}|[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})")
_SHOWN_LIMIT = 100


@dataclass(frozen=True)
class Text:
    """The lines of a file, without their ends, and the name under which errors mention it."""

    file: str
    lines: tuple[str, ...]

    @property
    def last_line(self) -> int:
        """1-based number of the last line; 1 in an empty file."""
        return max(1, len(self.lines))

    def error(self, line: int, message: str) -> BadInput:
        """Return (not raise) the error of a 1-based line."""
        return BadInput(self.file, line, message)


def printable(text: str) -> str:
    """Return the text with everything that could break or garble a line of a terminal escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def has_control(text: str) -> bool:
    """Return whether the text holds what no name in a report may: controls, line ends, lone surrogates."""
    return any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)


def got(text: str, allowed: Collection[str] = ()) -> str:
    """Return the ``(got 'x'; did you mean 'y'?)`` tail for a user's text, escaped and of bounded length."""
    return suggestion(printable(text[:_SHOWN_LIMIT]), allowed)


def read_text(path: Path, kind: str | None = None, keep_mark: bool = False, head: str = "") -> Text:
    """Read a file as lines.

    Parameters
    ----------
    path : Path
    kind : {"topologies", "hwconfigs"}, optional
        What is read, if such files are shipped, one of which may be meant where the file is missing.
    keep_mark : bool
        Whether the first line keeps a byte order mark.
    head : str
        How files begin, in lower case, of which one beside a missing file may be meant.

    Raises
    ------
    BadInput
        Without a line if the file cannot be read or is not UTF-8 text; with one where a NUL byte stands.
    """
    file = printable(str(path))
    try:
        with open(path, "rb") as stream:
            data = stream.read(SIZE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = _hint(path, kind, head) if isinstance(error, FileNotFoundError) else ""
        raise BadInput(file, None, f"cannot be read: {printable(reason)}{hint}") from error
    return decode(file, data, keep_mark)


def decode(file: str, data: bytes, keep_mark: bool = False) -> Text:
    """Return the lines of a file's bytes; `file` is the (printable) name for errors."""
    if len(data) > SIZE_LIMIT_BYTES:
        raise BadInput(file, None, f"must be at most {SIZE_LIMIT_BYTES // 2**20} MB of text")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(file, None, "must be UTF-8 text, and is UTF-16: save it as UTF-8")
    try:
        text = data.decode("utf-8" if keep_mark else "utf-8-sig")
    except UnicodeDecodeError as error:
        newline = b"\n"
        before = error.object[: error.start].replace(b"\r\n", newline).replace(b"\r", newline)
        place = f"byte 0x{error.object[error.start]:02x} in line {1 + before.count(newline)}"
        message = f"must be UTF-8 text ({place} is not)"
        raise BadInput(file, None, message) from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise BadInput(file, number, "must be text, and holds a NUL byte here")
    return Text(file, tuple(lines))


def whole_number(text: str, minimum: int, maximum: int) -> int:
    """Return the integer that the text is, in ASCII digits with an optional sign; bounds are inclusive.

    Raises
    ------
    ValueError
        Worded to follow the name of the field: ``must be a whole number ...``.
    """
    match = _WHOLE.fullmatch(text.strip())
    if match:
        number = int(match[1] + match[2])
        if minimum <= number <= maximum:
            return number
    raise ValueError(f"must be a whole number from {minimum} to {maximum} {got(text)}")


def python_integer(text: str, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return what Python's ``int()`` makes of the text, as SCALE-Sim does; bounds are inclusive, None is none.

    Raises
    ------
    ValueError
        Worded to follow the name of the field.
    """
    bounds = "" if minimum is None or maximum is None else f" from {minimum} to {maximum}"
    with contextlib.suppress(ValueError):
        number = int(text)
        if (minimum is None or number >= minimum) and (maximum is None or number <= maximum):
            return number
    raise ValueError(f"must be a whole number{bounds} {got(text)}")


def rational(text: str, maximum: int | None = None) -> Fraction:
    """Return the exact value of ``1.5`` or ``3/2``: above 0 and at most `maximum`.

    Raises
    ------
    ValueError
        Worded to follow the name of the field.
    """
    plain = text.strip()
    highest = RATIONAL_LIMIT if maximum is None else maximum
    if _RATIONAL.fullmatch(plain) and int(plain.partition("/")[2] or 1):
        number = Fraction(plain)
        if 0 < number <= highest:
            if max(number.numerator, number.denominator) <= RATIONAL_LIMIT:
                return number
            raise ValueError(f"must be a fraction of two numbers up to {RATIONAL_LIMIT} {got(text)}")
    raise ValueError(f"must be a number above 0 and at most {highest}, such as 1/2 or 0.75 {got(text)}")


def _hint(path: Path, kind: str | None, head: str) -> str:
    """Return a "did you mean" for a missing file that is shipped, or beside which one of a similar name lies."""
    if kind is not None and shipped.is_shipped(kind, path):
        return f" {got(path.name, [path.stem.lower()])}"
    try:
        siblings = [name for name in os.listdir(path.parent) if name.lower().endswith(path.suffix.lower())]
        siblings = [name for name in siblings if not head or _begins(path.with_name(name), head)]
    except (OSError, ValueError):
        return ""
    tail = got(path.name, [printable(name) for name in siblings[:1000]])
    return f" {tail}" if "did you mean" in tail else ""


def _begins(path: Path, head: str) -> bool:
    """Return whether a file begins with a text, spaces, case and a byte order mark apart."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return "".join(file.readline(_SHOWN_LIMIT).lower().split()).startswith(head)
    except OSError:
        return False
