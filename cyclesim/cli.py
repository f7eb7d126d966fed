"""The command line: one function a subcommand. Parse, call, print; no modelling and no file formats."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO, cast

from cyclesim import __version__
from cyclesim.errors import BadInput, suggestion

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one line, as every other bad input."""

    def error(self, message: str) -> NoReturn:
        raise BadInput("cyclesim", None, message.removeprefix("argument "))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            words = [word.partition("=")[0] for word in unknown if word.startswith("-")]
            tail = suggestion(words[0], self._option_string_actions) if words else ""
            message = f"unknown arguments: {' '.join(unknown)} {tail if 'did you mean' in tail else ''}"
            raise BadInput("cyclesim", None, message)
        return known, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            name = "/".join(action.option_strings) or action.metavar or action.dest
            raise BadInput(
                "cyclesim", None, f"{name}: must be one of {', '.join(choices)} {suggestion(str(value), choices)}"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    _prepare_streams()
    with contextlib.redirect_stderr(cast(TextIO, _Stderr(sys.stderr))):
        return _carry_out(arguments)


def _carry_out(arguments: Sequence[str] | None) -> int:
    options = argparse.Namespace()
    status = DONE
    try:
        options = _parser().parse_args(arguments)
        if hasattr(options, "run"):
            status = options.run(options)
        else:
            status = BAD_INPUT
            _parser().print_help()
        sys.stdout.flush()
        return status
    except BadInput as problem:
        print(problem, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"cyclesim: interrupted{_kept(options)}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout (head, less) has seen enough of what is printed when all else is done.
        _silence(sys.stdout)
        return status
    except (OSError, MemoryError) as problem:
        print(f"cyclesim: failed: {_reason(problem)}{_kept(options)}", file=sys.stderr)
        return FAILED


def _kept(options: argparse.Namespace) -> str:
    """Return how a command that did not come to its end goes on."""
    kept = getattr(options, "kept", "layers")
    return f"; finished {kept} are kept, and --resume goes on" if getattr(options, "begun", False) else ""


def _prepare_streams() -> None:
    """Let anything be printed: nowhere if a stream is closed, escaped if its encoding lacks a character."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Stderr:
    """The standard error of a command, which goes on even if nobody reads its warnings any more.

    Parameters
    ----------
    stream : TextIO
        Where everything is written as long as it has a reader.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write to the stream, or nowhere if its reader is gone."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            _silence(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush the stream, if it has a reader."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            _silence(self._stream)


def _silence(stream: TextIO) -> None:
    """Send nowhere what a stream without a reader still holds, and whatever is written to it later."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _reason(problem: OSError | MemoryError) -> str:
    """Return what the system says went wrong, in one line; HDF5 says it in several."""
    if isinstance(problem, OSError) and problem.errno is not None:
        where = f": {problem.filename}" if problem.filename else ""
        return f"{os.strerror(problem.errno)}{where}"
    return " ".join(str(problem).split()) or "out of memory"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="cyclesim",
        description="Cycle-level simulator of systolic-array DNN accelerators.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cyclesim {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_run(commands)
    _add_estimate(commands)
    _add_explore(commands)
    listing = commands.add_parser("list", help="the networks and machines that come with cyclesim", allow_abbrev=False)
    listing.set_defaults(run=_list)
    _add_validate(commands)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run", help="simulate a network on a machine, cycle by cycle", allow_abbrev=False,
        description="Simulate a network on a machine. Alone: network alexnet on machine default.",
    )  # fmt: skip
    _add_inputs(run)
    add = run.add_argument
    add("-l", "--layout", metavar="FILE", help="accepted for SCALE-Sim's sake; a layout file is not needed")
    add("--traces", choices=["none", "sram", "dram", "all"], help="traces to write (default none)")
    add("-s", "--save", type=str.upper, choices=["Y", "N"], help="Y is --traces all, N is --traces none")
    add("--trace-format", choices=["hdf5", "csv"], default="hdf5", help="traces.h5, or SCALE-Sim's folders of CSV")
    add("--jobs", type=_positive, metavar="N", help="threads (default: the cores)")
    add("--window", type=_not_negative, metavar="CYCLES",
        help="wall cycles per entry of the bandwidth series (chosen by default; 0 for no series)")
    add("--resume", action="store_true", help="go on with an unfinished run of the same inputs")
    add("--dry-run", action="store_true", help="print layers, sizes, folds, cycles and trace sizes, and stop")
    run.set_defaults(run=_run, begun=False)


def _add_inputs(command: Any) -> None:
    """Add the options that a run and an estimate share."""
    add = command.add_argument
    add("-t", "--topology", default="alexnet", metavar="TOPO", help="shipped network or .csv file")
    add("-c", "--config", default="default", metavar="CFG", help="shipped machine or .cfg file")
    add("-p", "--path", default="results", metavar="OUT", help="output folder; files go to a folder of the run's in it")
    add("-i", "--input-type", choices=["conv", "gemm"], help="kind of a SCALE-Sim topology (found out by default)")
    add("--memory", choices=["native", "scalesim", "scalesim2"],
        help="memory model, in place of the file's; scalesim is SCALE-Sim 3.0.0, scalesim2 is SCALE-Sim 2.0.2")
    add("--dataflow", type=str.lower, choices=["os", "ws", "is"], help="in place of the file's")
    add("--layers", metavar="LIST", help="0-based layers to take, such as 0,2-4")
    add("--sweep", action="append", default=[], metavar="KEY=V1,V2",
        help="each value of a .cfg key, or all combinations of several; writes SWEEP.csv only")
    add("-q", "--quiet", action="store_true", help="print nothing but warnings and errors")


def _add_estimate(commands: Any) -> None:
    command = commands.add_parser(
        "estimate", help="estimate a network on a machine by the analytical model", allow_abbrev=False,
        description="Estimate what a run would find, in closed forms. Alone: network alexnet on machine default.",
    )  # fmt: skip
    _add_inputs(command)
    command.set_defaults(run=_estimate)


def _add_explore(commands: Any) -> None:
    from cyclesim.explore.plan import EVALUATIONS, SEARCHES

    explore = commands.add_parser(
        "explore", help="find the best machines of a design space", allow_abbrev=False,
        description="Evaluate the machines of a design space, and find those that no other one beats.",
    )  # fmt: skip
    add = explore.add_argument
    add("space", metavar="SPACE.toml", help="networks, objectives, keys with their values, constraints")
    add("-p", "--path", default="results", metavar="OUT", help="output folder (default %(default)s)")
    add("--search", choices=SEARCHES, default="exhaustive", help="which points are evaluated (default all)")
    add("--evaluate", choices=EVALUATIONS, default="model",
        help="by the analytical model (default), the simulator, or the model with its best points simulated again")
    add("--budget", type=_positive, metavar="N", help="points that a search evaluates (default a fiftieth of all)")
    add("--seed", type=_not_negative, metavar="N", help="of a search (default 0)")
    add("--reference", metavar="OUT",
        help="an exhaustive exploration of the same points, to measure a search against (small spaces need none)")
    place = explore.add_mutually_exclusive_group().add_argument
    place("--jobs", type=_positive, metavar="N", help="processes, or threads that simulate (default: the cores)")
    place("--scheduler", metavar="ADDRESS", help="of a Dask cluster that evaluates in place of this machine")
    add("--format", choices=["hdf5", "csv"], default="hdf5", help="csv: points.csv, too")
    add("--resume", action="store_true", help="go on with an unfinished exploration of the same inputs")
    add("-q", "--quiet", action="store_true", help="print nothing but warnings and errors")
    explore.set_defaults(run=_explore, begun=False)


def _add_validate(commands: Any) -> None:
    from cyclesim.validation import SUITES

    validate = commands.add_parser(
        "validate", help="prove the simulator against independent truths", allow_abbrev=False
    )
    validate.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)} (default: all)")
    validate.add_argument(
        "-p", "--path", default="results/validation", metavar="OUT", help="folder of the report (default %(default)s)"
    )
    validate.add_argument("--quick", action="store_true", help="a sample, in seconds")
    validate.add_argument("--seed", type=_not_negative, default=0, metavar="N", help="of the random cases (default 0)")
    validate.add_argument(
        "--scalesim", metavar="PYTHON",
        help="Python of an environment with SCALE-Sim 3.0.0, to compare with (scalesim, speed), or 2.0.2 (scalesim)",
    )  # fmt: skip
    validate.set_defaults(run=_validate)


def _positive(text: str) -> int:
    return _whole_number(text, least=1)


def _not_negative(text: str) -> int:
    return _whole_number(text, least=0)


def _whole_number(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {least} (got '{text}')")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from cyclesim.command_run import run

    return run(options)


def _estimate(options: argparse.Namespace) -> int:
    # The model multiplies no matrices. The threads that NumPy's BLAS would start cost more than the estimate itself.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from cyclesim.command_estimate import run

    return run(options)


def _explore(options: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # processes share the cores, not matrix products
    from cyclesim.command_explore import run

    return run(options)


def _list(options: argparse.Namespace) -> int:
    from cyclesim.listing import shipped_tables

    print(shipped_tables())
    return DONE


def _validate(options: argparse.Namespace) -> int:
    from cyclesim.command_validate import run

    try:
        return run(options, main)
    except BrokenPipeError:
        # Unlike other commands, this one prints while it works: it was not carried out.
        _silence(sys.stdout)
        return FAILED
