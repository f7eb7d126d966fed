"""What commands tell the user: progress, warnings, a closing line. Nothing of it goes to files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def announce(message: str) -> None:
    """Say what is going on, on stderr."""
    print(f"cyclesim: {message}", file=sys.stderr, flush=True)


@contextmanager
def progress_bar(
    total: int, quiet: bool, unit: str = "cycle", what: str = "simulating"
) -> Iterator[Callable[[int], None]]:
    """Give a function that is told of what is done; it draws a bar on a terminal and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=True, desc=what, leave=False) as bar:
        yield lambda done: bar.update(done) and None


def print_warnings(warnings: list[str]) -> None:
    """Print one line a warning, on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
