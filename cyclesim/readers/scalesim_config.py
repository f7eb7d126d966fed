"""Reads a machine by SCALE-Sim's rules, which memory models scalesim and scalesim2 keep: what does that simulator see?

The syntax is in `scalesim_ini`; numbers are what Python's ``int()`` takes. Whatever SCALE-Sim fails on is an error,
and so is what it has and this mode has not. Keys without effect may be absent; if they are there, they are read
and must be right. Other keys are ignored, as there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from cyclesim.errors import BadInput
from cyclesim.hardware import (
    DATAFLOWS,
    INTERFACE_BANDWIDTHS,
    MEMORY_MODELS,
    Dataflow,
    Hardware,
    InterfaceBandwidth,
    MemoryModel,
    Scratchpad,
)
from cyclesim.readers.hwkeys import KEYS, MAX_ARRAY, MAX_LINE_WORDS, MAX_SRAM_KB, option_name
from cyclesim.readers.hwkeys import run_name as parse_run_name
from cyclesim.readers.ini import without_comment
from cyclesim.readers.scalesim_ini import ScalesimIni, parse_scalesim_ini
from cyclesim.readers.text import Text, got, printable, python_integer, read_text
from cyclesim.scalesim_versions import SCALESIM_VERSIONS, ScaleSimVersion

MAX_OFFSET_WORDS = 10**15
"""Largest offset, either way: SCALE-Sim holds addresses in doubles."""

_OPERANDS = ("Ifmap", "Filter", "Ofmap")
_ARCHITECTURE = "architecture_presets"
_SECTION_OF = {
    "run_name": "general",
    "InterfaceBandwidth": "run_presets",
    "ArrayHeight": _ARCHITECTURE,
    "ArrayWidth": _ARCHITECTURE,
    **{f"{operand}SramSzkB": _ARCHITECTURE for operand in _OPERANDS},
    **{f"{operand}Offset": _ARCHITECTURE for operand in _OPERANDS},
    "Dataflow": _ARCHITECTURE,
    "Bandwidth": _ARCHITECTURE,
    "IfmapSRAMBankBandwidth": "layout",
    "FilterSRAMBankBandwidth": "layout",
}
"""The keys with an effect, those of [layout] in version 3.0.0 only. SCALE-Sim has no default for any of them."""

_FOR_USER = ("Bandwidth", "IfmapSRAMBankBandwidth", "FilterSRAMBankBandwidth")
_SWITCHES = (
    ("run_presets", "UseRamulatorTrace", "False"),
    ("layout", "IfmapCustomLayout", "False"),
    ("layout", "FilterCustomLayout", "False"),
    ("sparsity", "SparsitySupport", "false"),
)
"""Keys that switch on what this mode has not, and how they are switched off."""

_UNUSED = (
    (_ARCHITECTURE, "ReadRequestBuffer"),
    (_ARCHITECTURE, "WriteRequestBuffer"),
    *(("layout", f"{operand}SRAMBank{what}") for operand in ("Ifmap", "Filter") for what in ("Num", "Port")),
)
"""Numbers that SCALE-Sim reads and does not use, or only to check another."""

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_TYPO_CUTOFF = 0.75

_T = TypeVar("_T")


def read_scalesim_hardware(path: Path, overrides: Mapping[str, str] | None = None) -> tuple[Hardware, list[str]]:
    """Read a machine for memory model scalesim or scalesim2: the option's, the file's or, if neither says it, scalesim.

    Parameters
    ----------
    path : Path
        A .cfg file. Of ``[cyclesim]`` only MemoryModel is looked at, ``[technology]`` not at all.
    overrides : mapping of str to str, optional
        Keys of the .cfg (not case-sensitive) given on the command line; they win over the file, whose values of
        these keys are not looked at.

    Returns
    -------
    hardware : Hardware
    warnings : list of str
        One line each, without ``warning:``.

    Raises
    ------
    BadInput
        If the file cannot be read, SCALE-Sim fails on it, or it asks for what this mode has not; the place is the
        file's line or the option.
    """
    text = read_text(path, "hwconfigs", keep_mark=True)
    model = _memory_model(text, overrides or {})
    options = {scalesim_key_name(key, model): value.strip() for key, value in (overrides or {}).items()}
    return _build(_Config(parse_scalesim_ini(text), options, model))


def memory_model_of(path: Path, overrides: Mapping[str, str]) -> str:
    """Return which memory model is asked for, in lower case, whether or not there is such a one.

    The option wins; else it is MemoryModel in ``[cyclesim]`` of the file, whatever else the file holds; else native.

    Raises
    ------
    BadInput
        Only if the file cannot be read as text.
    """
    for key, value in overrides.items():
        if key.strip().lower() == "memorymodel":
            return value.strip().lower()
    asked, _ = _file_memory_model(read_text(path, "hwconfigs"))
    return asked or "native"


def scalesim_key_name(key: str, memory_model: str) -> str:
    """Return a swept key as the documentation spells it.

    Raises
    ------
    BadInput
        If no key of the .cfg that has an effect in this memory model has this name.
    """
    names = _names(memory_model)
    name = names.get(key.strip().lower())
    if name is None:
        native = KEYS.get(key.strip().lower())
        wrong = "must be a key of the .cfg with an effect"
        wrong = f"has no effect in memory model {memory_model}" if native else wrong
        message = f"{wrong}; the keys that have one are {', '.join(names.values())} {got(key, names.values())}"
        raise BadInput("cyclesim", None, f"--sweep {printable(key[:60])}: {message}")
    return name


def _names(memory_model: str) -> dict[str, str]:
    """Return the keys with an effect, by their names in lower case."""
    has_layout = SCALESIM_VERSIONS[memory_model].has_layout
    keys = [name for name, section in _SECTION_OF.items() if has_layout or section != "layout"]
    return {name.lower(): name for name in (*keys, "MemoryModel")}


@dataclass(frozen=True)
class _Config:
    """A parsed file, the options that win over it, and the memory model that is asked for."""

    ini: ScalesimIni
    options: Mapping[str, str]
    memory_model: MemoryModel

    @property
    def version(self) -> ScaleSimVersion:
        """The version of SCALE-Sim by whose rules the file is read."""
        return SCALESIM_VERSIONS[self.memory_model]

    def value(self, name: str, parse: Callable[[str], _T], parse_option: Callable[[str], _T] | None = None) -> _T:
        """Return what `parse` makes of a key with an effect: the option's text if there is one, else the file's."""
        if name in self.options:
            try:
                return (parse_option or parse)(self.options[name])
            except ValueError as error:
                raise _option_error(name, f"{name} {error}") from error
        section = _SECTION_OF[name]
        if not self.ini.has(section, name):
            raise _missing(self.ini, section, name)
        return self.ini.read(section, name, parse)

    def error(self, name: str, message: str) -> BadInput:
        """Return the error of a key with an effect that has a value."""
        in_option = name in self.options
        return _option_error(name, message) if in_option else self.ini.error(_SECTION_OF[name], name, message)


def _option_error(name: str, message: str) -> BadInput:
    return BadInput("cyclesim", None, f"{option_name(name)}: {message}")


def _missing(ini: ScalesimIni, section: str, name: str) -> BadInput:
    """Return the error of a key that is not there, naming what may be a typo of it."""
    reason = " (InterfaceBandwidth USER needs it)" if name in _FOR_USER else ""
    message = f"{name} is missing from [{section}]{reason}"
    sections = ini.parser.sections()
    shouted = [each for each in sections if each.lower() == section and section not in sections]
    misplaced = [(each, name.lower()) for each in sections if ini.has(each, name)]
    known = {*_names("scalesim"), *(key.lower() for _, key, *_ in (*_SWITCHES, *_UNUSED))}
    strangers = [(each, key) for each in sections for key in ini.parser.options(each) if key not in known]
    close = difflib.get_close_matches(name.lower(), [key for _, key in strangers], 1, _TYPO_CUTOFF)
    if shouted:
        place = f"line {ini.line_of(shouted[0])} has [{printable(shouted[0])}]"
        message += f"; names of sections are case-sensitive, {place}"
    elif misplaced or close:
        each, key = next(iter([*misplaced, *(found for found in strangers if found[1] in close)]))
        message += f"; line {ini.line_of(each, key)} has '{printable(key[:60])}' in [{printable(each[:60])}]"
        message += "" if misplaced else f", did you mean '{name}'?"
    return ini.text.error(ini.line_for_missing(section), message)


def _file_memory_model(text: Text) -> tuple[str | None, int]:
    """Return MemoryModel of [cyclesim], in lower case, and its line: in the native syntax, whatever else is there."""
    section = ""
    for number, raw in enumerate(text.lines, 1):
        line = without_comment(raw)
        if line.startswith("["):
            section = line.strip("[]").strip().lower()
        elif section == "cyclesim":
            key, *value = re.split("[:=]", line, maxsplit=1)
            if key.strip().lower() == "memorymodel" and value:
                return value[0].strip().lower(), number
    return None, 0


def _memory_model(text: Text, overrides: Mapping[str, str]) -> MemoryModel:
    """Return which of the memory models whose rules these are is asked for; refuse others."""
    rule = f"MemoryModel must be {' or '.join(SCALESIM_VERSIONS)} where a file is read by SCALE-Sim's rules"
    for key, value in overrides.items():
        if key.strip().lower() == "memorymodel":
            for model in MEMORY_MODELS:
                if model in SCALESIM_VERSIONS and value.strip().lower() == model:
                    return model
            raise _option_error("MemoryModel", f"{rule} {got(value.strip())}")
    asked, line = _file_memory_model(text)
    for model in MEMORY_MODELS:
        if model in SCALESIM_VERSIONS and asked in (None, model):
            return model
    raise text.error(line, f"{rule} {got(asked or '')}")


def _build(config: _Config) -> tuple[Hardware, list[str]]:
    """Look at the keys in the order in which SCALE-Sim does, and make the machine."""
    run_name = config.value("run_name", parse_run_name)
    interface = config.value("InterfaceBandwidth", _interface, KEYS["interfacebandwidth"].parse)
    if config.version.has_layout:
        _check_switches(config.ini)
    _check_network_presets(config)
    rows = config.value("ArrayHeight", _between(1, MAX_ARRAY))
    cols = config.value("ArrayWidth", _between(1, MAX_ARRAY))
    srams = [config.value(f"{operand}SramSzkB", _between(1, MAX_SRAM_KB)) for operand in _OPERANDS]
    offset = _between(-MAX_OFFSET_WORDS, MAX_OFFSET_WORDS)
    offsets = [config.value(f"{operand}Offset", offset) for operand in _OPERANDS]
    dataflow, warnings = _dataflow(config)
    if config.version.has_layout:
        _check_unused(config, interface)
    bandwidth: Fraction | None = None
    read_bandwidths: tuple[int, int] | None = None
    if interface == "USER":
        if config.version.has_layout:
            read_bandwidths = (_read_bandwidth(config, "Ifmap"), _read_bandwidth(config, "Filter"))
        bandwidth = Fraction(config.value("Bandwidth", _first_bandwidth))
    elif "InterfaceBandwidth" not in config.options:
        for name in _FOR_USER:
            if name in config.options:
                message = f"{name} has an effect with InterfaceBandwidth USER only (got CALC)"
                raise _option_error(name, message)
    hardware = Hardware(
        run_name=run_name,
        rows=rows,
        cols=cols,
        dataflow=dataflow,
        ifmap_sram=Scratchpad(size_bytes=1024 * srams[0]),
        filter_sram=Scratchpad(size_bytes=1024 * srams[1]),
        ofmap_sram=Scratchpad(size_bytes=1024 * srams[2]),
        ifmap_offset_words=offsets[0],
        filter_offset_words=offsets[1],
        ofmap_offset_words=offsets[2],
        memory_model=config.memory_model,
        interface_bandwidth=interface,
        dram_bandwidth_words_per_cycle=bandwidth,
        scalesim_read_bandwidths=read_bandwidths,
    )
    return hardware, warnings


def _between(minimum: int, maximum: int) -> Callable[[str], int]:
    return lambda text: python_integer(text, minimum, maximum)


def _interface(text: str) -> InterfaceBandwidth:
    for word in INTERFACE_BANDWIDTHS:
        if text == word:
            return word
    raise ValueError(f"must be CALC or USER, in capitals {got(text, INTERFACE_BANDWIDTHS)}")


def _dataflow(config: _Config) -> tuple[Dataflow, list[str]]:
    """Return the dataflow; SCALE-Sim runs every text that it does not know as os."""
    asked = config.value("Dataflow", str, KEYS["dataflow"].parse)
    for word in DATAFLOWS:
        if asked == word:
            return word, []
    place = f"{config.ini.text.file}:{config.ini.line_of(_ARCHITECTURE, 'Dataflow')}"
    rule = "Dataflow is run as os, as in SCALE-Sim, unless it is exactly os, ws or is"
    return "os", [f"{place}: {rule} {got(asked, DATAFLOWS)}"]


def _first_bandwidth(text: str) -> int:
    """Return the first of the numbers; SCALE-Sim reads them all."""
    first, *others = text.split(",")
    for other in others:
        try:
            python_integer(other)
        except ValueError as error:
            raise ValueError(f"must be whole numbers with commas between {got(text)}") from error
    return python_integer(first, 1, MAX_LINE_WORDS)


def _read_bandwidth(config: _Config, operand: str) -> int:
    """Return the words per cycle of an operand's reads, which its number of banks must divide."""
    name, number = f"{operand}SRAMBankBandwidth", f"{operand}SRAMBankNum"
    bandwidth = config.value(name, _between(1, MAX_LINE_WORDS))
    if config.ini.has("layout", number):
        banks = config.ini.read("layout", number, python_integer)
        if banks == 0:
            raise config.ini.error("layout", number, f"{number} must not be 0 with InterfaceBandwidth USER (got '0')")
        if bandwidth % banks:
            place = f"of line {config.ini.line_of('layout', number)}"
            raise config.error(name, f"{name} must be a multiple of {number} {place} (got {bandwidth} and {banks})")
    return bandwidth


def _check_switches(ini: ScalesimIni) -> None:
    """Refuse what SCALE-Sim has and this mode has not."""
    for section, name, off in _SWITCHES:
        if ini.has(section, name) and ini.read(section, name, _is_on(name)):
            rule = f"{name} is not supported in memory model scalesim: set it to {off}"
            raise ini.error(section, name, f"{rule} {got(ini.get(section, name))}")


def _check_network_presets(config: _Config) -> None:
    """Refuse a section on which SCALE-Sim fails, unless what it looks for is where it looks for it, between quotes."""
    ini = config.ini
    if ini.parser.has_section("network_presets"):
        if ini.has(_ARCHITECTURE, "TopologyCsvLoc") and '"' in ini.get(_ARCHITECTURE, "TopologyCsvLoc"):
            return
        rule = "fails on a section [network_presets]: delete it, and name the topology with -t"
        raise ini.text.error(ini.line_of("network_presets"), f"SCALE-Sim {config.version.number} {rule}")


def _is_on(switch: str) -> Callable[[str], bool]:
    """Return how SCALE-Sim reads this switch."""
    if switch == "UseRamulatorTrace":
        return lambda text: text == "True"
    if switch == "SparsitySupport":
        return lambda text: text.lower() == "true"
    return _boolean


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"must be one of {', '.join(_BOOLEANS)} {got(text, _BOOLEANS)}")
    return _BOOLEANS[text.lower()]


def _check_unused(config: _Config, interface: InterfaceBandwidth) -> None:
    """Check the numbers that SCALE-Sim reads and does not use."""
    idle = [("layout", f"{operand}SRAMBankBandwidth") for operand in ("Ifmap", "Filter") if interface == "CALC"]
    for section, name in (*_UNUSED, *idle):
        if name not in config.options and config.ini.has(section, name):
            config.ini.read(section, name, python_integer)
