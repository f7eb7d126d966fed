"""What can go wrong through a user's input, and how it is said: one line, with the place and what is allowed.

`BadInput` is the one exception meant for users; everything else that escapes is a defect of ours. `suggestion`
makes the "did you mean" tail of a message, so that every reader words it alike.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class BadInput(ValueError):
    """An input file, option or argument that cannot be used as it stands.

    Parameters
    ----------
    file : str
        The file as the user named it, or ``cyclesim`` for the command line.
    line : int or None
        1-based line in that file; None where a line makes no sense (an unreadable file, an option).
    message : str
        What is wrong and what is allowed, without the place.
    """

    def __init__(self, file: str, line: int | None, message: str) -> None:
        self.file = file
        self.line = line
        self.message = " ".join(message.split())
        super().__init__(file, line, message)

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


class CyclesimWarning(UserWarning):
    """Something in the input that was read but has no effect, or is probably not meant."""


def suggestion(got: str, allowed: Iterable[str]) -> str:
    """Return ``(got 'x'; did you mean 'y'?)``, or ``(got 'x')`` when nothing allowed is close.

    Parameters
    ----------
    got : str
        The text as the user wrote it.
    allowed : iterable of str
        The words that would have been accepted; compared without regard to case.
    """
    by_lower = {word.lower(): word for word in allowed}
    close = difflib.get_close_matches(got.lower(), by_lower, n=1, cutoff=0.6)
    shown = got if len(got) <= 60 else got[:57] + "..."
    tail = f"; did you mean '{by_lower[close[0]]}'?" if close else ""
    return f"(got '{shown}'{tail})"


def one_of(name: str, value: str, allowed: Sequence[Any]) -> Any:
    """Return an argument of a Python function if it is an allowed one.

    Raises
    ------
    BadInput
        If it is another.
    """
    if value not in allowed:
        rule = f"{name} must be one of {', '.join(allowed)}"
        raise BadInput("cyclesim", None, f"{rule} {suggestion(str(value), allowed)}")
    return value
