"""Standard output and error that are closed, have no reader or cannot hold a character."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cyclesim as package
from tests.cli.conftest import CommandLine

INPUTS = ("-t", "net.csv", "-c", "machine.cfg")
RUN = ("run", *INPUTS)
ESTIMATE = ("estimate", *INPUTS)
"""Prints and warns as a run does, through the same streams, and needs no kernels."""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[1])}


def process(
    folder: CommandLine, *words: str, gone: tuple[str, ...] = (), closed: str = "", **environment: str
) -> tuple[int, str, str]:
    """Run cyclesim with streams whose reader is gone, or that the shell has closed; return status, stdout, stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    stdout, stderr = (writer if name in gone else subprocess.PIPE for name in ("stdout", "stderr"))
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "cyclesim", *words]
    try:
        done = subprocess.run(
            command, stdout=stdout, stderr=stderr, cwd=folder.folder, text=True, env={**ENVIRONMENT, **environment}
        )
    finally:
        os.close(writer)
    return done.returncode, done.stdout or "", done.stderr or ""


@pytest.fixture
def warned_of(cyclesim: CommandLine) -> CommandLine:
    """A folder whose machine.cfg gives one warning."""
    path = cyclesim.folder / "machine.cfg"
    path.write_text(path.read_text(encoding="utf-8") + "[layout]\nIfmapCustomLayout = False\n", encoding="utf-8")
    assert cyclesim(*RUN, "--dry-run").err.startswith("warning: ")
    return cyclesim


@pytest.mark.parametrize(
    ("words", "folder", "unbuffered"), [(RUN, "tiny", ""), (ESTIMATE, "tiny-estimate", "1")]
)
def test_what_nobody_reads_the_warnings_of_is_carried_out(
    warned_of: CommandLine, words: tuple[str, ...], folder: str, unbuffered: str
) -> None:
    status, out, _ = process(warned_of, *words, gone=("stderr",), PYTHONUNBUFFERED=unbuffered)
    assert (status, out.count("\n")) == (0, 1)
    assert (warned_of.folder / "results" / folder / "SUMMARY.json").exists()


def test_bad_input_is_status_2_even_if_nobody_reads_why(cyclesim: CommandLine) -> None:
    assert process(cyclesim, "run", "-t", "missing.csv", gone=("stderr",)) == (2, "", "")


@pytest.mark.parametrize("words", [("list",), (*RUN, "--dry-run"), RUN])
def test_a_reader_of_stdout_that_has_seen_enough_is_no_failure(cyclesim: CommandLine, words: tuple[str, ...]) -> None:
    status, _, err = process(cyclesim, *words, gone=("stdout",))
    assert status == 0
    assert "BrokenPipeError" not in err
    assert (cyclesim.folder / "results/tiny/SUMMARY.json").exists() == (words == RUN)


def test_a_validation_that_was_cut_off_has_not_passed(cyclesim: CommandLine) -> None:
    words = ("validate", "schedule", "--quick")
    assert process(cyclesim, *words, gone=("stdout",), PYTHONUNBUFFERED="1") == (1, "", "")


@pytest.mark.parametrize(
    ("words", "folder", "closed"),
    [(ESTIMATE, "tiny-estimate", ">&-"), (ESTIMATE, "tiny-estimate", "2>&-"), (RUN, "tiny", ">&- 2>&-")],
)
def test_closed_streams_change_nothing_but_what_is_seen(
    warned_of: CommandLine, words: tuple[str, ...], folder: str, closed: str
) -> None:
    status, out, err = process(warned_of, *words, closed=closed)
    assert status == 0
    assert out.count("\n") == (closed == "2>&-")
    assert err.count("warning: ") == (closed == ">&-")
    assert "Traceback" not in err
    assert (warned_of.folder / "results" / folder / "SUMMARY.json").exists()
    assert process(warned_of, words[0], "-t", "missing.csv", closed=closed)[0] == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_that_a_stream_cannot_hold_are_escaped(cyclesim: CommandLine, encoding: str) -> None:
    path = cyclesim.folder / "net.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("first conv", "第一"), encoding="utf-8")
    status, out, err = process(cyclesim, *RUN, "--dry-run", PYTHONIOENCODING=encoding)
    assert (status, err) == (0, "")
    assert "\\u7b2c\\u4e00" in out
    status, out, err = process(cyclesim, *ESTIMATE, "-p", "出", PYTHONIOENCODING=encoding)
    assert (status, err) == (0, "")
    assert "\\u51fa" in out
