"""The machines of a design space: columns for many points at a time, and one `Hardware` for a single point."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.columns import MachineColumns, PadColumns, device_code, format_codes
from cyclesim.errors import BadInput
from cyclesim.explore.space import Space
from cyclesim.hardware import (
    DATAFLOWS,
    DRAM_TYPES,
    FOLD_OVERLAPS,
    OS_DRAINS,
    SRAM_ORGANISATIONS,
    SRAM_PORTS,
    Hardware,
    number_formats,
    variant_name,
    variant_problem,
)
from cyclesim.readers.hwconfig import read_unpriced
from cyclesim.readers.hwkeys import KEYS, MAX_BITS, Setting
from cyclesim.technology.components import OwnFigures, own_figures

Ints = NDArray[np.int64]

_VARIANT = ("Dataflow", "FoldOverlap", "OsDrain", "TrimFolds")
_BITS_FROM = {
    "IfmapBits": ("IfmapBits", "WordBits"),
    "FilterBits": ("FilterBits", "WordBits"),
    "OfmapBits": ("OfmapBits", "WordBits"),
    "PsumBits": ("PsumBits", "OfmapBits", "WordBits"),
}
"""Keys that widths follow from: the first that a space explores, as it hides what comes after it."""


class Machines:
    """The machines of a space.

    Parameters
    ----------
    space : Space

    Attributes
    ----------
    given : set of str
        Keys that the machine's file or the space gives.
    said : mapping of str to str
        What the machine's file gives and the space does not: keys and values, however they are written there.

    Raises
    ------
    BadInput
        If the machine of the space cannot be read, follows SCALE-Sim, or has no defined variant in all of the space.
    """

    def __init__(self, space: Space) -> None:
        self._axes = {axis.key: (place, axis) for place, axis in enumerate(space.axes)}
        self._space = space
        self.base, self.warnings, settings = self._first()
        self.given = frozenset(settings)
        # Defaults are left out: with WordBits explored, a file with `PsumBits = 8` says another thing than one without.
        self.said = {name: str(KEYS[name.lower()].parse(setting.text))
                     for name, setting in settings.items() if not setting.option}  # fmt: skip
        self._base = MachineColumns.of([self.base])
        if self.base.follows_scalesim:
            raise BadInput(str(space.machine), None, "designs are explored in memory model native only")
        for text in self._texts("InterfaceBandwidth"):  # USER may want a bandwidth that no key gives
            self._read({"InterfaceBandwidth": text})
        self._bits = {key: self._widths(key, keys) for key, keys in _BITS_FROM.items()}
        self.own = self._own_figures()
        self.reasons, self._reason_of = self._undefined()
        formats = np.array([format_codes(number_formats(None, bits)) for bits in range(MAX_BITS + 1)], np.int64)
        self._formats_of_bits = formats

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the .cfg that are explored."""
        return frozenset(self._axes)

    def hardware(self, codes: Sequence[int] | Ints) -> Hardware:
        """Return the machine of a point, by its positions on the axes.

        Raises
        ------
        BadInput
            If its variant is not defined.
        """
        chosen = {axis.key: self._text(axis.key, int(code)) for axis, code in zip(self._space.axes, codes, strict=True)}
        return read_unpriced(self._space.machine, chosen)[0]

    def undefined(self, codes: Ints) -> Ints:
        """Return the code of why a point's variant is not defined, 0 where it is; `reasons` has the texts."""
        dataflow, overlap, has_bus, trimmed = self._variant(codes)
        found: Ints = self._reason_of[dataflow, overlap, has_bus.astype(np.int64), trimmed.astype(np.int64)]
        return found

    def own_codes(self, codes: Ints) -> Ints:
        """Return which of `own` each point has."""
        place = self._axes.get("ComponentFile")
        return np.zeros(len(codes), np.int64) if place is None else codes[:, place[0]]

    def columns(self, codes: Ints) -> MachineColumns:
        """Return the machines of points (n, axes), whose variants are defined."""
        def of(key: str, read: Callable[[Any], Any], field: str) -> NDArray[Any]:
            return self._column(codes, key, read, getattr(self._base, field))

        dataflow, overlap, has_bus, trimmed = self._variant(codes)
        ifmap_bits, filter_bits, ofmap_bits, psum_bits = (self._width(codes, key) for key in _BITS_FROM)
        operands, sums = self._formats(codes, np.maximum(ifmap_bits, filter_bits))
        return MachineColumns(
            rows=of("ArrayHeight", int, "rows"),
            cols=of("ArrayWidth", int, "cols"),
            dataflow=dataflow,
            overlap=overlap,
            has_bus=has_bus,
            trimmed=trimmed,
            ifmap=self._pad(codes, "Ifmap"),
            filter=self._pad(codes, "Filter"),
            ofmap=self._pad(codes, "Ofmap"),
            ifmap_bits=ifmap_bits,
            filter_bits=filter_bits,
            ofmap_bits=ofmap_bits,
            psum_bits=psum_bits,
            active_numerator=of("ActiveFraction", lambda part: part.numerator, "active_numerator"),
            active_denominator=of("ActiveFraction", lambda part: part.denominator, "active_denominator"),
            bandwidth=self._bandwidth(codes),
            separate=of("DramPorts", lambda word: word == "separate", "separate"),
            latency=of("DramLatency", int, "latency"),
            node_nm=of("NodeNm", float, "node_nm"),
            clock_mhz=of("ClockMHz", float, "clock_mhz"),
            device=of("Device", device_code, "device"),
            organisation=of("SramOrganisation", SRAM_ORGANISATIONS.index, "organisation"),
            sram_ports=of("SramPorts", SRAM_PORTS.index, "sram_ports"),
            operand_format=operands,
            sum_format=sums,
            dram_type=of("DramType", DRAM_TYPES.index, "dram_type"),
        )

    def _column(self, codes: Ints, key: str, read: Callable[[Any], Any], base: NDArray[Any]) -> NDArray[Any]:
        """Return what a key's values are read as at each point, or the machine's own value (1,), which is read."""
        place = self._axes.get(key)
        if place is None:
            return np.repeat(base, len(codes))
        found: NDArray[Any] = np.array([read(value) for value in place[1].values], base.dtype)[codes[:, place[0]]]
        return found

    def _variant(self, codes: Ints) -> tuple[NDArray[Any], ...]:
        base = self._base
        return (
            self._column(codes, "Dataflow", DATAFLOWS.index, base.dataflow),
            self._column(codes, "FoldOverlap", FOLD_OVERLAPS.index, base.overlap),
            self._column(codes, "OsDrain", lambda word: word == "bus", base.has_bus),
            self._column(codes, "TrimFolds", bool, base.trimmed),
        )

    def _pad(self, codes: Ints, operand: str) -> PadColumns:
        pad: PadColumns = getattr(self._base, operand.lower())
        return PadColumns(
            self._column(codes, f"{operand}SramSzkB", lambda kilobytes: 1024 * kilobytes, pad.size_bytes),
            self._column(codes, f"{operand}SramWords", int, pad.size_words),
        )

    def _bandwidth(self, codes: Ints) -> NDArray[np.float64]:
        key = "DramBandwidth" if "DramBandwidth" in self._axes else "Bandwidth"
        given = self._column(codes, key, float, np.array([float(self.base.dram_bandwidth_words_per_cycle or np.inf)]))
        is_user = np.array([self.base.interface_bandwidth == "USER"])
        limited = self._column(codes, "InterfaceBandwidth", lambda word: word == "USER", is_user)
        return np.where(limited, given, np.inf)

    def _width(self, codes: Ints, key: str) -> Ints:
        source, widths = self._bits[key]
        found: Ints = widths[codes[:, self._axes[source][0]]] if source else np.full(len(codes), widths[0])
        return found

    def _formats(self, codes: Ints, bits: Ints) -> tuple[Ints, Ints]:
        given = self.base.technology.number_format
        if "NumberFormat" not in self._axes and given is None:
            return self._formats_of_bits[bits, 0], self._formats_of_bits[bits, 1]
        base = np.array([format_codes(number_formats(given, 0))])

        def codes_of(which: int) -> Ints:
            def read(text: str) -> int:
                return format_codes(number_formats(text, 0))[which]

            return self._column(codes, "NumberFormat", read, base[:, which])

        return codes_of(0), codes_of(1)

    def _texts(self, key: str) -> list[str]:
        place = self._axes.get(key)
        return [] if place is None else [self._text(key, code) for code in range(len(place[1]))]

    def _text(self, key: str, code: int) -> str:
        """Return a value as a .cfg has it; a file lies beside the space file, if it is there."""
        text = self._axes[key][1].texts[code]
        if key == "ComponentFile":
            beside = Path(self._space.file).parent / text
            return str(beside) if beside.is_file() else text
        return text

    def _first(self) -> tuple[Hardware, list[str], dict[str, Setting]]:
        """Return the first machine of the space that is defined, the warnings of its file, and its settings."""
        self._chosen = {key: self._text(key, 0) for key in self._axes}
        explored = [key for key in _VARIANT if key in self._axes]
        first: BadInput | None = None
        for texts in itertools.product(*(self._texts(key) for key in explored)):
            self._chosen |= dict(zip(explored, texts, strict=True))
            try:
                return self._read({})
            except BadInput as problem:
                first = first or problem
        assert first is not None
        raise first

    def _read(self, other: dict[str, str]) -> tuple[Hardware, list[str], dict[str, Setting]]:
        """Read the first machine with other values of some keys."""
        try:
            return read_unpriced(self._space.machine, {**self._chosen, **other})
        except BadInput as problem:
            if problem.file != "cyclesim":  # the machine's own file
                raise
            option, _, rule = problem.message.partition(": ")
            key = option.rpartition(" ")[2]
            raise BadInput(self._space.file, self._space.line_of(key), rule) from None

    def _widths(self, key: str, keys: Sequence[str]) -> tuple[str | None, Ints]:
        source = next((each for each in keys if each in self._axes), None)
        name = f"{key.removesuffix('Bits').lower()}_bits"
        if source is None:
            return None, np.array([getattr(self.base, name)], np.int64)
        read = [getattr(self._read({source: text})[0], name) for text in self._texts(source)]
        return source, np.array(read, np.int64)

    def _own_figures(self) -> list[OwnFigures]:
        texts = self._texts("ComponentFile")
        if not texts:
            return [own_figures(self.base.technology.components)]
        return [own_figures(self._read({"ComponentFile": text})[0].technology.components) for text in texts]

    def _undefined(self) -> tuple[tuple[str, ...], Ints]:
        """Return why variants are not defined, from code 1 on, and the code of each combination of the four keys."""
        codes = np.zeros((len(DATAFLOWS), len(FOLD_OVERLAPS), len(OS_DRAINS), 2), np.int64)
        reasons: dict[str, int] = {}
        for place in np.ndindex(*codes.shape):
            flow, overlap, drain, trimmed = place
            variant = (DATAFLOWS[flow], FOLD_OVERLAPS[overlap], OS_DRAINS[drain])
            if variant_problem(*variant, bool(trimmed)) is not None:
                also = variant_problem(*variant, False) is None
                text = f"variant {variant_name(*variant)} is not defined{' with TrimFolds' if also else ''}"
                codes[place] = reasons.setdefault(text, len(reasons) + 1)
        return tuple(reasons), codes
