"""Designs as columns: all that prices depend on, one entry a design in each array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cyclesim.columns import MachineColumns
from cyclesim.hardware import DATAFLOWS, FOLD_OVERLAPS, SRAM_ORGANISATIONS, Hardware
from cyclesim.technology.components import OwnFigures, own_figures
from cyclesim.technology.tables import Bools, Floats, Ints

OS, WS, IS = range(len(DATAFLOWS))
NONE, DB, PIPE1, PIPE, PIPE2 = range(len(FOLD_OVERLAPS))
WIDE, PER_PORT = range(len(SRAM_ORGANISATIONS))


@dataclass(frozen=True)
class DesignTable:
    """Designs, (designs,) each; codes are positions in the tuples of `cyclesim.hardware` and in `FORMATS`.

    Sizes of scratchpads are in bytes and may be fractions. `sram_ports` is `AS_NEEDED` where they follow from the
    dataflow, `clock_mhz` NaN where it follows from the components, formats `NO_FORMAT` where operands are too wide for
    any. `own` are the user's figures, the same for all designs.
    """

    rows: Ints
    cols: Ints
    dataflow: Ints
    overlap: Ints
    on_bus: Bools
    trimmed: Bools
    ifmap_bytes: Floats
    filter_bytes: Floats
    ofmap_bytes: Floats
    ifmap_bits: Ints
    filter_bits: Ints
    ofmap_bits: Ints
    psum_bits: Ints
    node_nm: Floats
    clock_mhz: Floats
    device: Ints
    organisation: Ints
    sram_ports: Ints
    operand_format: Ints
    sum_format: Ints
    dram_type: Ints
    own: OwnFigures

    @property
    def stationary(self) -> Bools:
        """Whether an operand is preloaded and partial sums leave (ws, is)."""
        return np.not_equal(self.dataflow, OS)

    @property
    def preload_skewed(self) -> Bools:
        """Whether columns are preloaded one after the other."""
        return self.stationary & (self.overlap >= PIPE1)

    @property
    def output_skewed(self) -> Bools:
        """Whether columns deliver one after the other: all but os-db do."""
        return self.stationary | np.not_equal(self.overlap, DB)

    @property
    def output_bits(self) -> Ints:
        """Bits of the words that the ofmap scratchpad must be able to hold."""
        return np.where(self.stationary, self.psum_bits, self.ofmap_bits)

    @classmethod
    def of(cls, machines: Sequence[Hardware]) -> DesignTable:
        """Return the columns of machines that share their own figures.

        Raises
        ------
        ValueError
            If they do not.
        """
        shared = {machine.technology.components for machine in machines}
        if len(shared) != 1:
            raise ValueError(f"designs of a table must share their ComponentFile (got {len(shared)} of them)")
        return cls.from_columns(MachineColumns.of(machines), own_figures(shared.pop()))

    @classmethod
    def from_columns(cls, machines: MachineColumns, own: OwnFigures) -> DesignTable:
        """Return the designs of these machines, which share their own figures."""
        stored_bits = np.where(machines.dataflow == OS, machines.ofmap_bits, machines.psum_bits)
        plain: dict[str, Any] = {field.name: getattr(machines, field.name, None) for field in fields(cls)}
        return cls(
            **{
                **plain,
                "ifmap_bytes": machines.ifmap.bytes_of(machines.ifmap_bits),
                "filter_bytes": machines.filter.bytes_of(machines.filter_bits),
                "ofmap_bytes": machines.ofmap.bytes_of(stored_bits),
                "own": own,
            }
        )
