"""Runs layers on the Verilog arrays of ``validation/rtl``, simulated with Icarus Verilog.

A layer's operands are a memory image, the words that its traces name, port by port and cycle by cycle. The hardware is
told the layer's sizes and nothing else; what happens at its edge comes back as `Events`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclesim import shipped
from cyclesim.schedule import Schedule
from cyclesim.validation.cases import Words

Bits = NDArray[np.bool_]

NOTHING = 1 << 20
"""A word of an image that is not there: the port carries x, which spoils every result that it gets into."""
LARGEST = 2**16 - 1
"""Sizes of layers are 16 bits wide in the hardware."""
_OVERLAPS = {"none": 0, "db": 1, "pipe1": 2, "pipe": 3, "pipe2": 4}
_HEX = np.array([f"{word & 255:02x}".encode() for word in range(-128, 128)] + [b"xx"])


class SimulatorError(Exception):
    """The simulator could not be run, or said something unexpected."""


@dataclass(frozen=True)
class RtlArray:
    """The parameters with which an array is elaborated; trimmed and input-stationary layers run on the same ones."""

    stationary: bool
    overlap: str
    on_bus: bool
    rows: int
    cols: int

    @property
    def parameters(self) -> dict[str, int]:
        """Parameters of the test bench."""
        return {
            "STATIONARY": int(self.stationary),
            "OVERLAP": _OVERLAPS[self.overlap],
            "BUS": int(self.on_bus),
            "ROWS": self.rows,
            "COLS": self.cols,
        }


@dataclass(frozen=True)
class Stimulus:
    """A layer as the hardware gets it.

    `row_words` (R, cycles) and `col_words` (C, cycles) int64 are the words on the ports, or NOTHING. With `holds` other
    than 0, the clock enable is off in a quarter of all cycles, at random from this seed (up to 65535).
    """

    plan: Schedule
    groups: int
    row_words: Words
    col_words: Words
    holds: int = 0


@dataclass(frozen=True)
class Events:
    """What happened at the edge, in array cycles.

    `row_taken` (R, cycles) and `col_taken` (C, cycles): the array used the port's word. `out_valid`, `out_add`,
    `out_words` (C, cycles): a result left, it is to be added to a stored one, its value. `end` is the first cycle in
    which the controller had nothing left to do; `unknown` the first cycle with a bit that is neither 0 nor 1, or None.
    """

    row_taken: Bits
    col_taken: Bits
    out_valid: Bits
    out_add: Bits
    out_words: Words
    end: int
    unknown: int | None


def rtl_array(plan: Schedule) -> RtlArray:
    """Return the array that a layer's schedule is for."""
    return RtlArray(plan.stationary, plan.overlap, plan.on_bus, plan.rows, plan.cols)


def is_installed() -> bool:
    """Return whether the simulator can be found."""
    return shutil.which("iverilog") is not None and shutil.which("vvp") is not None


def simulator_version() -> str | None:
    """Return the simulator's version, or None if it cannot be found."""
    if not is_installed():
        return None
    said = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"Icarus Verilog version (\S+)", said)
    return found[1] if found else "unknown"


def sources() -> list[Path]:
    """Return the Verilog files, the test bench among them."""
    return sorted(shipped.folder("rtl").glob("*.v"))


def simulate(array: RtlArray, stimuli: Sequence[Stimulus]) -> list[Events]:
    """Run layers one after the other on an array, with a reset between them, in one process.

    Raises
    ------
    SimulatorError
        If the simulator does not do what is expected.
    """
    with tempfile.TemporaryDirectory(prefix="cyclesim-rtl-") as name:
        folder = Path(name)
        _write_images(folder, stimuli)
        cycles = sum(each.row_words.shape[1] for each in stimuli)
        parameters = {**array.parameters, "LAYERS": len(stimuli), "CYCLES": cycles}
        settings = [f"-Ptestbench.{key}={value}" for key, value in parameters.items()]
        files = [str(path) for path in sources()]
        _call(["iverilog", "-g2005", "-s", "testbench", *settings, "-o", "array.vvp", *files], folder)
        _call(["vvp", "-n", "array.vvp"], folder)
        log = (folder / "log.txt").read_text(encoding="ascii")
    return _read_log(log, array, [each.row_words.shape[1] for each in stimuli])


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip() or "it says nothing"
        raise SimulatorError(f"{command[0]} ended with status {done.returncode}: {said}")


def _write_images(folder: Path, stimuli: Sequence[Stimulus]) -> None:
    lines = []
    first = 0
    for each in stimuli:
        plan, cycles = each.plan, each.row_words.shape[1]
        sizes = (plan.steps, plan.spatial_rows, plan.spatial_cols, each.groups, int(plan.trimmed), each.holds)
        assert max(sizes) <= LARGEST, f"a size does not fit the hardware: {sizes}"
        lines.append("".join(f"{size:04x}" for size in sizes) + f"{first:08x}{cycles:08x}\n")
        first += cycles
    (folder / "layers.hex").write_text("".join(lines), encoding="ascii")
    for name, images in (
        ("rows.hex", [each.row_words for each in stimuli]),
        ("cols.hex", [each.col_words for each in stimuli]),
    ):
        (folder / name).write_bytes(b"".join(_image(words) for words in images))


def _image(words: Words) -> bytes:
    """Return a line of hexadecimal digits for each cycle, port 0 at the right."""
    ports, cycles = words.shape
    digits = _HEX[np.where(words == NOTHING, 256, words + 128)].T[:, ::-1]
    text = np.ascontiguousarray(digits).view(np.uint8).reshape(cycles, 2 * ports)
    return np.hstack([text, np.full((cycles, 1), ord("\n"), np.uint8)]).tobytes()


def _read_log(log: str, array: RtlArray, lengths: Sequence[int]) -> list[Events]:
    found: list[Events] = []
    lines: list[list[str]] = []
    for line in log.splitlines():
        fields = line.split()
        if fields[0] == "end":
            found.append(_events(array, lengths[len(found)], lines, int(fields[1])))
        elif fields[0] == "layer":
            lines = []
        else:
            lines.append(fields)
    if len(found) != len(lengths):
        raise SimulatorError(f"the log has {len(found)} of {len(lengths)} layers")
    return found


def _events(array: RtlArray, length: int, lines: Sequence[Sequence[str]], end: int) -> Events:
    """Arrange the lines of a layer's log as (ports, cycles), with as many cycles as the traces or the log have."""
    unknown = None
    for number, fields in enumerate(lines):
        if any(set(field) & set("xXzZ") for field in fields):
            unknown, lines = int(fields[0]), lines[:number]
            break
    cycles = max(length, end)
    cycle = np.array([int(fields[0]) for fields in lines], np.int64)

    def bits(column: int, ports: int) -> Bits:
        """Set the logged bits of a port group; bit p is port p."""
        size = (ports + 7) // 8
        text = b"".join(int(fields[column], 16).to_bytes(size, "little") for fields in lines)
        logged = np.frombuffer(text, np.uint8).reshape(len(lines), size)
        all_bits = np.zeros((ports, cycles), np.bool_)
        all_bits[:, cycle] = np.unpackbits(logged, axis=1, count=ports, bitorder="little").T
        return all_bits

    logged_words = np.frombuffer(b"".join(bytes.fromhex(fields[5]) for fields in lines), ">i4")
    out_words = np.zeros((array.cols, cycles), np.int64)
    out_words[:, cycle] = logged_words.reshape(len(lines), array.cols)[:, ::-1].T
    return Events(
        row_taken=bits(1, array.rows),
        col_taken=bits(2, array.cols),
        out_valid=bits(3, array.cols),
        out_add=bits(4, array.cols),
        out_words=out_words,
        end=end,
        unknown=unknown,
    )
