"""Machines as columns: what the model and the prices know of them, one entry a machine in each array.

The model's tables and the price tables are both made from these, whether they come from `Hardware` or straight from the
axes of a design space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.hardware import (
    DATAFLOWS,
    DEFAULT_DEVICE,
    DEFAULT_DRAM_TYPE,
    DEFAULT_NODE_NM,
    DEFAULT_SRAM_ORGANISATION,
    DEVICES,
    DRAM_TYPES,
    FOLD_OVERLAPS,
    FORMAT_BITS,
    SRAM_ORGANISATIONS,
    SRAM_PORTS,
    Hardware,
    Scratchpad,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FORMATS: tuple[str, ...] = tuple(FORMAT_BITS)
"""Number formats in the order of their codes."""
AS_NEEDED = -1
"""Code of scratchpad ports that follow from the dataflow."""
NO_FORMAT = -1
"""Code where operands are too wide for any number format."""


@dataclass(frozen=True)
class PadColumns:
    """One scratchpad of every machine: its bytes, and its words, which win over them; 0 where it is not given."""

    size_bytes: Ints
    size_words: Ints

    def words(self, bits: Ints) -> Ints:
        """Return how many elements of so many bits it holds, as `Scratchpad.words` does of one."""
        return np.where(self.size_words > 0, self.size_words, self.size_bytes * 8 // bits)

    def bytes_of(self, bits: Ints) -> Floats:
        """Return its size in bytes, which may be a fraction, if its elements have so many bits."""
        in_words: Floats = self.size_words.astype(np.float64) * bits / 8
        return np.where(self.size_words > 0, in_words, self.size_bytes.astype(np.float64))

    def some(self, places: slice | Ints) -> PadColumns:
        """Return those of the machines in these places."""
        return PadColumns(self.size_bytes[places], self.size_words[places])


@dataclass(frozen=True)
class MachineColumns:
    """Machines, (machines,) each; codes are positions in the tuples of `cyclesim.hardware` and in `FORMATS`.

    `active_numerator` over `active_denominator` is the active fraction. `bandwidth` is in words per cycle, infinite
    without a limit. `sram_ports` is `AS_NEEDED` where they follow from the dataflow, `clock_mhz` NaN where it follows
    from the components.
    """

    rows: Ints
    cols: Ints
    dataflow: Ints
    overlap: Ints
    has_bus: Bools
    trimmed: Bools
    ifmap: PadColumns
    filter: PadColumns
    ofmap: PadColumns
    ifmap_bits: Ints
    filter_bits: Ints
    ofmap_bits: Ints
    psum_bits: Ints
    active_numerator: Ints
    active_denominator: Ints
    bandwidth: Floats
    separate: Bools
    latency: Ints
    node_nm: Floats
    clock_mhz: Floats
    device: Ints
    organisation: Ints
    sram_ports: Ints
    operand_format: Ints
    sum_format: Ints
    dram_type: Ints

    @property
    def on_bus(self) -> Bools:
        """Whether results leave on a bus: OsDrain counts for output stationary only."""
        return np.equal(self.dataflow, DATAFLOWS.index("os")) & self.has_bus

    def some(self, places: slice | Ints) -> MachineColumns:
        """Return the machines in these places."""
        picked: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            picked[field.name] = value.some(places) if isinstance(value, PadColumns) else value[places]
        return MachineColumns(**picked)

    @classmethod
    def of(cls, machines: Sequence[Hardware]) -> MachineColumns:
        """Return the columns of these machines."""
        columns = zip(*(_row(machine) for machine in machines), strict=True)
        names = [field.name for field in fields(cls) if field.name not in _PADS]
        arrays: dict[str, Any] = {
            name: np.array(column, _TYPES.get(name, np.int64)) for name, column in zip(names, columns, strict=True)
        }
        arrays |= {name: _pads([getattr(machine, f"{name}_sram") for machine in machines]) for name in _PADS}
        return cls(**arrays)


_PADS = ("ifmap", "filter", "ofmap")
_TYPES: dict[str, type] = {
    **dict.fromkeys(("has_bus", "trimmed", "separate"), np.bool_),
    **dict.fromkeys(("bandwidth", "node_nm", "clock_mhz"), np.float64),
}


def _pads(pads: Sequence[Scratchpad]) -> PadColumns:
    return PadColumns(
        np.array([pad.size_bytes or 0 for pad in pads], np.int64),
        np.array([pad.size_words or 0 for pad in pads], np.int64),
    )


def _row(machine: Hardware) -> tuple[float, ...]:
    """Return the values of all columns but the scratchpads'."""
    technology = machine.technology
    limit = machine.dram_bandwidth_words_per_cycle if machine.interface_bandwidth == "USER" else None
    return (
        machine.rows,
        machine.cols,
        DATAFLOWS.index(machine.dataflow),
        FOLD_OVERLAPS.index(machine.fold_overlap),
        machine.os_drain == "bus",
        machine.trim_folds,
        machine.ifmap_bits,
        machine.filter_bits,
        machine.ofmap_bits,
        machine.psum_bits,
        machine.active_fraction.numerator,
        machine.active_fraction.denominator,
        np.inf if limit is None else float(limit),
        machine.dram_ports == "separate",
        machine.dram_latency_cycles,
        float(technology.node_nm or DEFAULT_NODE_NM),
        np.nan if technology.clock_mhz is None else float(technology.clock_mhz),
        device_code(technology.device),
        SRAM_ORGANISATIONS.index(technology.sram_organisation or DEFAULT_SRAM_ORGANISATION),
        AS_NEEDED if technology.sram_ports is None else SRAM_PORTS.index(technology.sram_ports),
        *format_codes(machine.number_formats),
        DRAM_TYPES.index(technology.dram_type or DEFAULT_DRAM_TYPE),
    )


def device_code(name: str | None) -> int:
    """Return the code of a device, with or without the prefix of CACTI's names; of the default if it is not given."""
    return DEVICES.index((name or DEFAULT_DEVICE).removeprefix("itrs-"))


def format_codes(formats: tuple[str, str] | None) -> tuple[int, int]:
    """Return the codes of the formats of operands and sums."""
    return (NO_FORMAT, NO_FORMAT) if formats is None else (FORMATS.index(formats[0]), FORMATS.index(formats[1]))
