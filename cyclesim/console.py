"""What commands tell the user: progress, warnings, a closing line. Nothing of it goes to files."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def announce(message: str) -> None:
    """Say what is going on, on stderr."""
    print(f"cyclesim: {message}", file=sys.stderr, flush=True)


@contextmanager
def progress_bar(
    total: int, quiet: bool, unit: str = "cycle", what: str = "simulating", before: int = 0
) -> Iterator[Callable[[int], None]]:
    """Give a function that is told of what is done; it draws a bar on a terminal and nothing elsewhere.

    What was done `before`, by an earlier attempt, does not count for the rate and the time left.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=True, desc=what, leave=False, initial=before) as bar:
        yield lambda done: bar.update(done) and None


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Give a function to call between steps, which raises KeyboardInterrupt if Ctrl-C came meanwhile.

    So no step is cut in the middle; a second Ctrl-C does not wait for the step's end.
    """
    asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def print_warnings(warnings: list[str]) -> None:
    """Print one line a warning, on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
