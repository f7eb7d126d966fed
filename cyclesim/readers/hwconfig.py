"""Reads a machine from a .cfg, and writes one: text and command-line overrides in, a checked `Hardware` out.

SCALE-Sim's v2 and v3 files load as they are; our own keys stand in ``[cyclesim]`` and ``[technology]``. The
keys are the table in `hwkeys`, the syntax is in `ini`. What has no effect is named in a warning, what may
be a typo is an error: nothing is read as something else than what it says.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware, Scratchpad, Technology, variant_problem
from cyclesim.readers.hwkeys import (
    KEYS,
    MAX_LINE_WORDS,
    SCALESIM_KEYS,
    SCALESIM_SECTIONS,
    SECTIONS,
    STRICT_SECTIONS,
    Setting,
    option_name,
)
from cyclesim.readers.hwkeys import run_name as parse_run_name
from cyclesim.readers.ini import Entry, Ini, parse_ini
from cyclesim.readers.technology import check_technology, with_components
from cyclesim.readers.text import Text, got, printable, read_text, whole_number

_OPERANDS = ("Ifmap", "Filter", "Ofmap")
_IMPLY_USER = ("DramBandwidth", "DramPorts", "DramLatency")
_TYPO_CUTOFF = 0.75
_LISTED = 40


def read_hardware(path: Path, overrides: Mapping[str, str] | None = None) -> tuple[Hardware, list[str]]:
    """Read a machine.

    Parameters
    ----------
    path : Path
        A .cfg file.
    overrides : mapping of str to str, optional
        Keys of the .cfg (not case-sensitive) given on the command line; they win over the file. An
        overridden ``...SramSzkB`` also wins over the file's ``...SramWords``, and ``Bandwidth`` over its
        ``DramBandwidth``. ``DramBandwidth``, ``DramPorts`` and ``DramLatency`` imply ``InterfaceBandwidth:
        USER`` unless it is given too.

    Returns
    -------
    hardware : Hardware
    warnings : list of str
        One line each, without ``warning:``.

    Raises
    ------
    BadInput
        If the file or its ComponentFile cannot be read or a value used, or if the technology is given and the machine
        outside of its tables; the place is the file's line or the option.
    """
    text = read_text(path, "hwconfigs")
    hardware, warnings, given = _with_components(text, Path(path), overrides)
    if hardware.follows_scalesim or not hardware.technology.is_given:
        return hardware, warnings
    return hardware, [*warnings, *check_technology(text, hardware, given)]


def read_unpriced(
    path: Path, overrides: Mapping[str, str] | None = None
) -> tuple[Hardware, list[str], dict[str, Setting]]:
    """Do what `read_hardware` does, but leave unsaid whether the machine can be priced, and return what it is made of.

    That is the settings of the file and of the overrides that have an effect, by key.
    """
    return _with_components(read_text(path, "hwconfigs"), Path(path), overrides)


def _with_components(
    text: Text, path: Path, overrides: Mapping[str, str] | None
) -> tuple[Hardware, list[str], dict[str, Setting]]:
    hardware, warnings, given = _parse(text, path.stem, overrides)
    if not hardware.follows_scalesim:
        hardware = with_components(hardware, path.parent, given)
    return hardware, warnings, given


def parse_hardware(
    text: Text, stem: str, overrides: Mapping[str, str] | None = None
) -> tuple[Hardware, list[str]]:
    """Do what `read_hardware` does on lines that are read already, but for prices: no other file is read.

    `stem` is the default of run_name.
    """
    return _parse(text, stem, overrides)[:2]


def _parse(
    text: Text, stem: str, overrides: Mapping[str, str] | None
) -> tuple[Hardware, list[str], dict[str, Setting]]:
    """Return the machine, its warnings, and the settings that it was made of."""
    options = _options(overrides or {})
    ini = parse_ini(text)
    given = {
        KEYS[entry.key.lower()].name: Setting(entry.value, text.file, entry.line)
        for entry in ini.entries
        if _is_native(entry)
    }
    _check_sections(ini)
    _require(ini, given.keys() | options.keys())
    without_effect, unknown = _check_other_entries(ini)
    _override(given, options)
    values: dict[str, Any] = {}
    for name, setting in given.items():
        try:
            values[name] = KEYS[name.lower()].parse(setting.text)
        except ValueError as error:
            raise setting.error(f"{name} {error}") from error
    hardware = _build(ini, stem, given, values)
    warnings = []
    if without_effect and not hardware.follows_scalesim:
        keys = _listed(list(dict.fromkeys(without_effect)))
        warnings.append(f"{text.file}: these keys of SCALE-Sim have no effect: {keys}")
    if unknown:
        warnings.append(f"{text.file}: unknown keys are ignored: {_listed(unknown)}")
    return hardware, warnings, given


def format_hardware(hardware: Hardware) -> str:
    """Return a .cfg that reads back as an equal machine.

    Raises
    ------
    ValueError
        If no .cfg says this, such as a scratchpad of 1000 bytes or a name that holds a comment sign.
    """
    settings: dict[str, Any] = {
        "run_name": hardware.run_name,
        "ArrayHeight": hardware.rows,
        "ArrayWidth": hardware.cols,
        "Dataflow": hardware.dataflow,
        "IfmapOffset": hardware.ifmap_offset_words,
        "FilterOffset": hardware.filter_offset_words,
        "OfmapOffset": hardware.ofmap_offset_words,
        "InterfaceBandwidth": hardware.interface_bandwidth,
        "MemoryModel": hardware.memory_model,
        "FoldOverlap": hardware.fold_overlap,
        "OsDrain": hardware.os_drain,
        "TrimFolds": str(hardware.trim_folds).lower(),
        "IfmapBits": hardware.ifmap_bits,
        "FilterBits": hardware.filter_bits,
        "OfmapBits": hardware.ofmap_bits,
        "PsumBits": hardware.psum_bits,
        "ActiveFraction": hardware.active_fraction,
        "DramBandwidth": hardware.dram_bandwidth_words_per_cycle,
        "DramPorts": hardware.dram_ports,
        "DramLatency": hardware.dram_latency_cycles,
        "NodeNm": hardware.technology.node_nm,
        "ClockMHz": hardware.technology.clock_mhz,
        "Device": hardware.technology.device,
        "NumberFormat": hardware.technology.number_format,
        "DramType": hardware.technology.dram_type,
        "SramOrganisation": hardware.technology.sram_organisation,
        "SramPorts": hardware.technology.sram_ports,
        "ComponentFile": hardware.technology.component_file,
    }
    for operand, sram in zip(
        _OPERANDS, (hardware.ifmap_sram, hardware.filter_sram, hardware.ofmap_sram), strict=True
    ):
        settings[f"{operand}SramSzkB"] = None if sram.size_bytes is None else sram.size_bytes // 1024
        settings[f"{operand}SramWords"] = sram.size_words
    lines: list[str] = []
    for section in SECTIONS:
        keys = [key.name for key in KEYS.values() if key.section == section]
        told = [f"{name} = {settings[name]}" for name in keys if settings.get(name) is not None]
        if told:
            lines += [f"[{section}]", *told, ""]
    try:
        again, _ = parse_hardware(Text("(the text written)", tuple(lines)), stem="none")
    except BadInput as error:
        raise ValueError(f"no .cfg can hold this machine: {error.message}") from error
    technology = replace(hardware.technology, components=())  # what another file holds
    if again != replace(hardware, technology=technology):
        differing = [name for name in vars(again) if getattr(again, name) != getattr(hardware, name)]
        raise ValueError(f"no .cfg can hold this machine: {', '.join(differing)} would read back differently")
    return "\n".join(lines)


def _options(overrides: Mapping[str, str]) -> dict[str, Setting]:
    options: dict[str, Setting] = {}
    for key, text in overrides.items():
        name = key_name(key)
        options[name] = Setting(text.strip(), "cyclesim", None, option_name(name))
    return options


def key_name(key: str) -> str:
    """Return a swept key as the documentation spells it.

    Raises
    ------
    BadInput
        If no key of the .cfg that has an effect has this name.
    """
    known = KEYS.get(key.strip().lower())
    if known is None:
        names = [each.name for each in KEYS.values()]
        message = f"must name a key of the .cfg that has an effect {got(key, names)}"
        raise BadInput("cyclesim", None, f"--sweep {printable(key[:60])}: {message}")
    return known.name


def _override(given: dict[str, Setting], options: Mapping[str, Setting]) -> None:
    """Let options win over the file, and over what in the file would rob them of their effect."""
    for operand in _OPERANDS:
        if f"{operand}SramSzkB" in options:
            given.pop(f"{operand}SramWords", None)
    if "Bandwidth" in options:
        given.pop("DramBandwidth", None)
    given.update(options)
    implying = [name for name in _IMPLY_USER if name in options]
    if implying and "InterfaceBandwidth" not in options:
        given["InterfaceBandwidth"] = Setting("USER", "cyclesim", None, options[implying[0]].option)


def _is_native(entry: Entry) -> bool:
    key = KEYS.get(entry.key.lower())
    return key is not None and key.section == entry.section


def _check_sections(ini: Ini) -> None:
    """Raise for a section that may be a typo; the keys of others that nobody knows are in a warning later."""
    for section, line in ini.sections.items():
        tail = got(section, SECTIONS)
        if section not in SECTIONS and "did you mean" in tail:
            raise ini.text.error(line, f"sections must be among {', '.join(SECTIONS)} {tail}")


def _require(ini: Ini, names: set[str]) -> None:
    """Raise for the first required key that is missing, naming a typo of it if there is one."""
    required = ["ArrayHeight", "ArrayWidth", "Dataflow"]
    required += [f"{operand}SramSzkB" for operand in _OPERANDS if f"{operand}SramWords" not in names]
    for name in required:
        if name in names:
            continue
        section = KEYS[name.lower()].section
        strangers = {e.key.lower(): e for e in ini.entries if not _is_native(e) and not _has_no_effect(e)}
        close = difflib.get_close_matches(name.lower(), strangers, n=1, cutoff=_TYPO_CUTOFF)
        message = f"{name} is missing from [{section}]"
        if name.endswith("SramSzkB"):
            message += f" (and {name[:-4]}Words from [cyclesim])"
        if close:
            entry = strangers[close[0]]
            there = f"'{printable(entry.key[:60])}' in [{printable(entry.section[:60])}]"
            message += f"; line {entry.line} has {there}"
            message += "" if close[0] == name.lower() else f", did you mean '{name}'?"
        raise ini.text.error(ini.line_for_missing(section), message)


def _has_no_effect(entry: Entry) -> bool:
    return entry.section in SCALESIM_SECTIONS or entry.key.lower() in SCALESIM_KEYS


def _check_other_entries(ini: Ini) -> tuple[list[str], list[str]]:
    """Return the keys of SCALE-Sim without effect, and the unknown ones with their lines.

    Raises
    ------
    BadInput
        For a key that stands in the wrong section, is unknown in one of ours, or may be a typo.
    """
    without_effect: list[str] = []
    unknown: list[str] = []
    for entry in ini.entries:
        if _is_native(entry):
            continue
        shown, section = printable(entry.key[:60]), printable(entry.section[:60])
        known = KEYS.get(entry.key.lower())
        if known is not None:
            message = f"{known.name} must stand in [{known.section}] (got it in [{section}])"
            raise ini.text.error(entry.line, message)
        if entry.section in STRICT_SECTIONS:
            names = [key.name for key in KEYS.values() if key.section == entry.section]
            rule = f"keys of [{section}] must be among {', '.join(names)}"
            raise ini.text.error(entry.line, f"{rule} {got(entry.key, names)}")
        if _has_no_effect(entry):
            without_effect.append(shown)
            continue
        close = difflib.get_close_matches(entry.key[:60].lower(), KEYS, n=1, cutoff=_TYPO_CUTOFF)
        if close:
            typo = f"(got '{shown}'; did you mean '{KEYS[close[0]].name}'?)"
            raise ini.text.error(entry.line, f"a key of [{section}] must be one that exists {typo}")
        unknown.append(f"{shown} (line {entry.line})")
    return without_effect, unknown


def _listed(names: list[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _build(ini: Ini, stem: str, given: Mapping[str, Setting], values: Mapping[str, Any]) -> Hardware:
    """Fill in the defaults and make the machine; what no single key can know is checked here."""
    if "run_name" not in values:
        try:
            parse_run_name(stem)
        except ValueError as error:
            message = f"run_name is missing, and the file's stem, its default, {error}"
            raise ini.text.error(ini.line_for_missing("general"), message) from error
    word_bits = values.get("WordBits", 8)
    ofmap_bits = values.get("OfmapBits", word_bits)
    interface = values.get("InterfaceBandwidth", "CALC")
    bandwidth = values.get("DramBandwidth", values.get("Bandwidth"))
    if interface == "USER" and bandwidth is None:
        places = "DramBandwidth in [cyclesim] or Bandwidth in [architecture_presets]"
        raise given["InterfaceBandwidth"].error(f"InterfaceBandwidth USER needs {places} (got neither)")
    variant = (values["Dataflow"], values.get("FoldOverlap", "none"), values.get("OsDrain", "shift"))
    trim_folds = values.get("TrimFolds", False)
    problem = variant_problem(*variant, trim_folds)
    if problem is not None:
        names = ("FoldOverlap", "Dataflow", "OsDrain", "TrimFolds")
        makers = [given[name] for name in names if name in given]
        raise next((maker for maker in makers if maker.option), makers[0]).error(problem)
    return Hardware(
        run_name=values.get("run_name", stem),
        rows=values["ArrayHeight"],
        cols=values["ArrayWidth"],
        dataflow=variant[0],
        ifmap_sram=_scratchpad(values, "Ifmap"),
        filter_sram=_scratchpad(values, "Filter"),
        ofmap_sram=_scratchpad(values, "Ofmap"),
        fold_overlap=variant[1],
        os_drain=variant[2],
        trim_folds=trim_folds,
        **_given(values, _PLAIN),
        ifmap_bits=values.get("IfmapBits", word_bits),
        filter_bits=values.get("FilterBits", word_bits),
        ofmap_bits=ofmap_bits,
        psum_bits=values.get("PsumBits", ofmap_bits),
        interface_bandwidth=interface,
        dram_bandwidth_words_per_cycle=bandwidth,
        technology=Technology(**_given(values, _TECHNOLOGY)),
        scalesim_read_bandwidths=_read_bandwidths(ini),
    )


def _read_bandwidths(ini: Ini) -> tuple[int, int] | None:
    """Return the bandwidths of [layout] if memory model scalesim could use both: they have no effect natively."""
    layout = {entry.key.lower(): entry.value for entry in ini.entries if entry.section == "layout"}
    found = []
    for operand in ("ifmap", "filter"):
        try:
            bandwidth = whole_number(layout.get(f"{operand}srambankbandwidth", ""), 1, MAX_LINE_WORDS)
            banks = whole_number(layout.get(f"{operand}srambanknum", "1"), 1, MAX_LINE_WORDS)
        except ValueError:
            return None
        if bandwidth % banks:
            return None
        found.append(bandwidth)
    return found[0], found[1]


_PLAIN = {
    "IfmapOffset": "ifmap_offset_words",
    "FilterOffset": "filter_offset_words",
    "OfmapOffset": "ofmap_offset_words",
    "MemoryModel": "memory_model",
    "ActiveFraction": "active_fraction",
    "DramPorts": "dram_ports",
    "DramLatency": "dram_latency_cycles",
}
_TECHNOLOGY = {
    "NodeNm": "node_nm",
    "ClockMHz": "clock_mhz",
    "Device": "device",
    "NumberFormat": "number_format",
    "DramType": "dram_type",
    "SramOrganisation": "sram_organisation",
    "SramPorts": "sram_ports",
    "ComponentFile": "component_file",
}


def _given(values: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the constructor arguments for the keys that are given; the dataclass has the other defaults."""
    return {field: values[name] for name, field in fields.items() if name in values}


def _scratchpad(values: Mapping[str, Any], operand: str) -> Scratchpad:
    """Return a scratchpad; with at least 1 kB and at most 1024 bits a word it holds a word in any case."""
    size_kb = values.get(f"{operand}SramSzkB")
    size_bytes = None if size_kb is None else 1024 * size_kb
    return Scratchpad(size_bytes=size_bytes, size_words=values.get(f"{operand}SramWords"))
