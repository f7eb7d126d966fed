"""Which keys a .cfg has: their sections, the text they take, and SCALE-Sim's keys that have no effect here.

The table of docs/inputs.md, once. Parsers take the text of a value and return it checked, or
raise a `ValueError` that reads on after the name of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from cyclesim import hardware
from cyclesim.errors import BadInput
from cyclesim.readers.text import got, has_control, rational, whole_number

MAX_ARRAY = 65_536
MAX_SRAM_KB = 2**40
MAX_SRAM_WORDS = 2**53
MAX_OFFSET_WORDS = 2**62
MAX_BITS = 1024
MAX_LATENCY_CYCLES = 1_000_000_000
MAX_LINE_WORDS = 1 << 20
"""Largest bandwidth in memory model scalesim, where a DRAM line has as many words."""

MAX_RUN_NAME_BYTES = 240
"""A file name has 255 bytes in most file systems; ``-estimate`` and temporary suffixes need room."""


@dataclass(frozen=True)
class Key:
    """A key with an effect: its spelling, its section (lower case) and the parser of its value."""

    name: str
    section: str
    parse: Callable[[str], Any]


@dataclass(frozen=True)
class Setting:
    """The text given for a key, and where: a line of the file, or an option of the command line."""

    text: str
    file: str
    line: int | None
    option: str = ""

    def error(self, message: str) -> BadInput:
        """Return (not raise) the error of this setting."""
        return BadInput(self.file, self.line, f"{self.option}: {message}" if self.option else message)


def run_name(text: str) -> str:
    """Return the text if it is a single path component on every system."""
    too_long = len(text.encode("utf-8", "surrogatepass")) > MAX_RUN_NAME_BYTES
    if too_long or text in {"", ".", ".."} or "/" in text or "\\" in text or has_control(text):
        rule = f"a single path component of at most {MAX_RUN_NAME_BYTES} bytes, without / or \\, not . or .."
        raise ValueError(f"must be {rule} {got(text)}")
    return text


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    return lambda text: whole_number(text, minimum, maximum)


def _choice(allowed: Sequence[str]) -> Callable[[str], str]:
    by_lower = {word.lower(): word for word in allowed}

    def parse(text: str) -> str:
        word = by_lower.get(text.strip().lower())
        if word is None:
            raise ValueError(f"must be one of {', '.join(allowed)} {got(text, allowed)}")
        return word

    return parse


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError(f"must be true or false {got(text, ('true', 'false'))}")


def _first_rational(text: str) -> Fraction:
    entries = text.strip().removesuffix(",").split(",")
    first, *_ = [rational(entry) for entry in entries]
    return first


def _fraction_of_one(text: str) -> Fraction:
    return rational(text, maximum=1)


def _words(text: str) -> str:
    if not text.strip() or has_control(text):
        raise ValueError(f"must be text on one line {got(text)}")
    return text.strip()


def _keys() -> tuple[Key, ...]:
    architecture, native, technology = "architecture_presets", "cyclesim", "technology"
    operands = ("Ifmap", "Filter", "Ofmap")
    bits = _whole(1, MAX_BITS)
    return (
        Key("run_name", "general", run_name),
        Key("ArrayHeight", architecture, _whole(1, MAX_ARRAY)),
        Key("ArrayWidth", architecture, _whole(1, MAX_ARRAY)),
        Key("Dataflow", architecture, _choice(hardware.DATAFLOWS)),
        *(Key(f"{operand}SramSzkB", architecture, _whole(1, MAX_SRAM_KB)) for operand in operands),
        *(Key(f"{operand}Offset", architecture, _whole(0, MAX_OFFSET_WORDS)) for operand in operands),
        Key("Bandwidth", architecture, _first_rational),
        Key("InterfaceBandwidth", "run_presets", _choice(hardware.INTERFACE_BANDWIDTHS)),
        Key("MemoryModel", native, _choice(hardware.MEMORY_MODELS)),
        Key("FoldOverlap", native, _choice(hardware.FOLD_OVERLAPS)),
        Key("OsDrain", native, _choice(hardware.OS_DRAINS)),
        Key("TrimFolds", native, _flag),
        Key("WordBits", native, bits),
        *(Key(f"{operand}Bits", native, bits) for operand in operands),
        Key("PsumBits", native, bits),
        *(Key(f"{operand}SramWords", native, _whole(1, MAX_SRAM_WORDS)) for operand in operands),
        Key("ActiveFraction", native, _fraction_of_one),
        Key("DramBandwidth", native, rational),
        Key("DramPorts", native, _choice(hardware.DRAM_PORTS)),
        Key("DramLatency", native, _whole(1, MAX_LATENCY_CYCLES)),
        Key("NodeNm", technology, rational),
        Key("ClockMHz", technology, rational),
        Key("Device", technology, _choice(hardware.DEVICES_AS_WRITTEN)),
        Key("NumberFormat", technology, _choice(hardware.NUMBER_FORMATS)),
        Key("DramType", technology, _choice(hardware.DRAM_TYPES)),
        Key("SramOrganisation", technology, _choice(hardware.SRAM_ORGANISATIONS)),
        Key("SramPorts", technology, _choice(hardware.SRAM_PORTS)),
        Key("ComponentFile", technology, _words),
    )


KEYS: dict[str, Key] = {key.name.lower(): key for key in _keys()}
"""Every key with an effect, by its name in lower case."""

_OPTIONS = {"Dataflow": "--dataflow", "MemoryModel": "--memory"}


def option_name(key: str) -> str:
    """Return the option of the command line that sets a key, for errors."""
    return _OPTIONS.get(key, f"--sweep {key}")


STRICT_SECTIONS = ("cyclesim", "technology")
"""Sections that are ours alone: an unknown key in them is an error."""

SCALESIM_SECTIONS = ("layout", "sparsity", "network_presets")
"""Sections of SCALE-Sim none of whose keys has an effect natively."""

SECTIONS = ("general", "architecture_presets", "run_presets", *STRICT_SECTIONS, *SCALESIM_SECTIONS)

SCALESIM_KEYS: frozenset[str] = frozenset(
    {
        "memorybanks",
        "onchipmemorybanks",
        "onchipmemorybankports",
        "readrequestbuffer",
        "writerequestbuffer",
        "useramulatortrace",
        "topologycsvloc",
    }
)
"""Keys (lower case) of SCALE-Sim's files outside those sections that have no effect natively."""
