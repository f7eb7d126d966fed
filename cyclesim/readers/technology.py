"""What a machine's ``[technology]`` says beyond single keys: figures of another file, and whether it can be priced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.readers.components import read_components
from cyclesim.readers.hwkeys import Setting
from cyclesim.readers.text import Text, printable


def with_components(hardware: Hardware, folder: Path, given: Mapping[str, Setting]) -> Hardware:
    """Return the machine with the figures of its ComponentFile.

    Parameters
    ----------
    hardware : Hardware
    folder : Path
        Of the .cfg; the file lies relative to it, or to the working folder if an option names it.
    given : mapping
        Keys that are given, by name.

    Raises
    ------
    BadInput
        If the file cannot be read, with the place that names it; or if one of its lines cannot be used.
    """
    name = hardware.technology.component_file
    if name is None:
        return hardware
    setting = given["ComponentFile"]
    try:
        components = read_components(Path(name) if setting.option else folder / name)
    except BadInput as error:
        if error.line is not None:
            raise
        raise setting.error(f"ComponentFile '{printable(name[:60])}' {error.message}") from error
    return replace(hardware, technology=replace(hardware.technology, components=components))


def check_technology(text: Text, hardware: Hardware, given: Mapping[str, Setting]) -> list[str]:
    """Return a warning if number formats do not match.

    Raises
    ------
    BadInput
        If the machine is outside of the tables; the place is that of a key that makes it so, an option before a line.
    """
    from cyclesim.technology.machine import format_mismatch, machine_value, priced

    problem = priced(hardware).problem
    if problem is not None:
        makers = [given[name] for name in problem.keys if name in given]
        assert makers, f"{problem.rule}: none of {problem.keys} is given"
        maker = next((maker for maker in makers if maker.option), makers[0])
        raise maker.error(f"{problem.rule}{machine_value(hardware, problem)}")
    mismatch = format_mismatch(hardware, given)
    return [] if mismatch is None else [f"{text.file}: {mismatch}"]
