"""The machine: array, dataflow variant, scratchpads and DRAM channel. Frozen, checked, units in the names.

The names of the variants are those of docs/microarchitecture.md: a dataflow, how folds overlap, and for output
stationary how results leave the array. A `Hardware` that exists is one that the simulator defines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Literal

Dataflow = Literal["os", "ws", "is"]
FoldOverlap = Literal["none", "db", "pipe1", "pipe", "pipe2"]
OsDrain = Literal["shift", "bus"]
MemoryModel = Literal["native", "scalesim", "scalesim2"]
InterfaceBandwidth = Literal["CALC", "USER"]
DramPorts = Literal["shared", "separate"]

DATAFLOWS: tuple[Dataflow, ...] = ("os", "ws", "is")
FOLD_OVERLAPS: tuple[FoldOverlap, ...] = ("none", "db", "pipe1", "pipe", "pipe2")
OS_DRAINS: tuple[OsDrain, ...] = ("shift", "bus")
MEMORY_MODELS: tuple[MemoryModel, ...] = ("native", "scalesim", "scalesim2")
INTERFACE_BANDWIDTHS: tuple[InterfaceBandwidth, ...] = ("CALC", "USER")
DRAM_PORTS: tuple[DramPorts, ...] = ("shared", "separate")

DEVICES: tuple[str, ...] = ("hp", "lstp", "lop")
DEVICES_AS_WRITTEN: tuple[str, ...] = (*DEVICES, *(f"itrs-{device}" for device in DEVICES))
"""Transistors of the scratchpads, with or without the ``itrs-`` that CACTI puts before their names."""
SRAM_ORGANISATIONS: tuple[str, ...] = ("wide", "per_port")
SRAM_PORTS: tuple[str, ...] = ("1RW", "1R1W")
DRAM_TYPES: tuple[str, ...] = (
    "DDR3", "DDR4", "DDR5", "LPDDR2", "LPDDR4", "GDDR5", "GDDR6", "HBM1", "HBM2", "HMC",
)  # fmt: skip
FORMAT_BITS: dict[str, int] = {
    "int4": 4, "int8": 8, "int16": 16, "int24": 24, "int32": 32, "fp16": 16, "bf16": 16, "fp32": 32,
}  # fmt: skip
ACCUMULATORS: dict[str, tuple[str, ...]] = {
    "int4": ("int16", "int8", "int24", "int32"),
    "int8": ("int32", "int8", "int16", "int24"),
    "int16": ("int32", "int16", "int24"),
    "int32": ("int32",),
    "fp16": ("fp16", "fp32"),
    "bf16": ("fp32", "bf16"),
    "fp32": ("fp32",),
}
"""Formats that products of each operand format may be summed in; the first is the default."""
NUMBER_FORMATS: tuple[str, ...] = (
    *ACCUMULATORS, *(f"{operand}/{sums}" for operand, all_sums in ACCUMULATORS.items() for sums in all_sums),
)  # fmt: skip
DEFAULT_NODE_NM = Fraction(45)
DEFAULT_DEVICE = "hp"
DEFAULT_DRAM_TYPE = "DDR4"
DEFAULT_SRAM_ORGANISATION = "wide"

PADDED_VARIANTS: tuple[str, ...] = (
    "os", "os-db", "os-pipe1", "os-pipe", "osbus", "osbus-pipe",
    "ws", "ws-db", "ws-pipe1", "ws-pipe", "ws-pipe2",
    "is", "is-db", "is-pipe1", "is-pipe", "is-pipe2",
)  # fmt: skip
TRIMMED_VARIANTS: tuple[str, ...] = ("os", "osbus", "ws", "is")


def variant_name(dataflow: str, fold_overlap: str, os_drain: str) -> str:
    """Return the variant's name, such as ``osbus-pipe``; `os_drain` counts for output stationary only."""
    array = "osbus" if dataflow == "os" and os_drain == "bus" else dataflow
    return array if fold_overlap == "none" else f"{array}-{fold_overlap}"


def variant_problem(dataflow: str, fold_overlap: str, os_drain: str, trim_folds: bool) -> str | None:
    """Return why the page does not define this combination, or None if it does."""
    name = variant_name(dataflow, fold_overlap, os_drain)
    if name not in PADDED_VARIANTS:
        return f"variant {name} is not defined; the defined ones are {', '.join(PADDED_VARIANTS)}"
    if trim_folds and name not in TRIMMED_VARIANTS:
        return f"TrimFolds is defined for FoldOverlap none only (got variant {name})"
    return None


@lru_cache(maxsize=256)
def number_formats(given: str | None, operand_bits: int) -> tuple[str, str] | None:
    """Return the formats of operands and of their sums: the given ones, else the narrowest integers that fit.

    None if the operands are wider than any.
    """
    if given is not None:
        operand, _, sums = given.partition("/")
        return operand, sums or ACCUMULATORS[operand][0]
    fitting = [name for name in ACCUMULATORS if name.startswith("int") and FORMAT_BITS[name] >= operand_bits]
    return (fitting[0], ACCUMULATORS[fitting[0]][0]) if fitting else None


@dataclass(frozen=True)
class Scratchpad:
    """Capacity of one on-chip buffer: bytes, or a number of words that wins over them."""

    size_bytes: int | None = None
    size_words: int | None = None

    def words(self, element_bits: int) -> int:
        """Return how many elements of `element_bits` bits it holds (memory model, section Words)."""
        if self.size_words is not None:
            return self.size_words
        assert self.size_bytes is not None, "a scratchpad needs bytes or words"
        return self.size_bytes * 8 // element_bits


@dataclass(frozen=True)
class ComponentFigure:
    """One of the user's own figures for a component, such as ("multiplier", "energy_pj", 0.18)."""

    component: str
    figure: str
    value: float


@dataclass(frozen=True)
class Technology:
    """What energy, area, power and clock depend on (docs/energy.md); None where the default applies.

    `components` are the figures that `component_file` holds.

    Raises
    ------
    ValueError
        If a name is not one of those that exist.
    """

    node_nm: Fraction | None = None
    clock_mhz: Fraction | None = None
    device: str | None = None
    number_format: str | None = None
    dram_type: str | None = None
    component_file: str | None = None
    sram_organisation: str | None = None
    sram_ports: str | None = None
    components: tuple[ComponentFigure, ...] = ()

    def __post_init__(self) -> None:
        for name, allowed in (
            ("device", DEVICES_AS_WRITTEN),
            ("number_format", NUMBER_FORMATS),
            ("dram_type", DRAM_TYPES),
            ("sram_organisation", SRAM_ORGANISATIONS),
            ("sram_ports", SRAM_PORTS),
        ):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)} (got {value!r})")

    @property
    def is_given(self) -> bool:
        """Whether anything is said about the technology: then a machine that has no prices is an error."""
        return self != Technology()


@dataclass(frozen=True)
class Hardware:
    """A machine, fully described: every default is filled in.

    `scalesim_read_bandwidths` counts in memory model scalesim with InterfaceBandwidth USER only: words per cycle in
    which ifmap and filter are read, ``IfmapSRAMBankBandwidth`` and ``FilterSRAMBankBandwidth`` of ``[layout]``; None
    where they are not given. It takes no part in comparisons. Offsets may be negative where SCALE-Sim is followed.

    Raises
    ------
    ValueError
        If the array has no rows or columns, or if the variant is not defined.
    """

    run_name: str
    rows: int
    cols: int
    dataflow: Dataflow
    ifmap_sram: Scratchpad
    filter_sram: Scratchpad
    ofmap_sram: Scratchpad
    fold_overlap: FoldOverlap = "none"
    os_drain: OsDrain = "shift"
    trim_folds: bool = False
    ifmap_offset_words: int = 0
    filter_offset_words: int = 500_000_000
    ofmap_offset_words: int = 1_000_000_000
    ifmap_bits: int = 8
    filter_bits: int = 8
    ofmap_bits: int = 8
    psum_bits: int = 8
    memory_model: MemoryModel = "native"
    interface_bandwidth: InterfaceBandwidth = "CALC"
    active_fraction: Fraction = Fraction(1, 2)
    dram_bandwidth_words_per_cycle: Fraction | None = None
    dram_ports: DramPorts = "shared"
    dram_latency_cycles: int = 1
    technology: Technology = field(default_factory=Technology)
    scalesim_read_bandwidths: tuple[int, int] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"the array needs at least one row and column (got {self.rows}x{self.cols})")
        problem = variant_problem(self.dataflow, self.fold_overlap, self.os_drain, self.trim_folds)
        if problem is not None:
            raise ValueError(problem)

    @property
    def variant(self) -> str:
        """Name of the array's variant, such as ``ws-pipe``."""
        return variant_name(self.dataflow, self.fold_overlap, self.os_drain)

    @property
    def number_formats(self) -> tuple[str, str] | None:
        """Formats of operands and of their sums: NumberFormat, else the narrowest integers that hold the operands.

        None if the operands are wider than any.
        """
        return number_formats(self.technology.number_format, max(self.ifmap_bits, self.filter_bits))

    @property
    def follows_scalesim(self) -> bool:
        """Whether the memory model is that of a version of SCALE-Sim (`scalesim_versions`)."""
        return self.memory_model != "native"

    def expanded(self) -> dict[str, str | int | float | bool | None]:
        """Return every setting under its name in the .cfg, defaults filled in, rationals as text.

        ClockMHz is None where it follows from the components, SramPorts where they follow from the dataflow; figures of
        the ComponentFile stand under their own names.

        The bandwidths of ``[layout]`` are among them in memory model scalesim only, and only if they are given.
        """
        bandwidth = self.dram_bandwidth_words_per_cycle
        read_bandwidths: dict[str, str | int | float | bool | None] = {}
        if self.memory_model == "scalesim" and self.scalesim_read_bandwidths is not None:
            names = ("IfmapSRAMBankBandwidth", "FilterSRAMBankBandwidth")
            read_bandwidths.update(zip(names, self.scalesim_read_bandwidths, strict=True))
        return {
            "run_name": self.run_name,
            "ArrayHeight": self.rows,
            "ArrayWidth": self.cols,
            "Dataflow": self.dataflow,
            "IfmapSramWords": self.ifmap_sram.words(self.ifmap_bits),
            "FilterSramWords": self.filter_sram.words(self.filter_bits),
            "OfmapSramWords": self.ofmap_sram.words(self.ofmap_bits),
            "PsumSramWords": self.ofmap_sram.words(self.psum_bits),
            "IfmapOffset": self.ifmap_offset_words,
            "FilterOffset": self.filter_offset_words,
            "OfmapOffset": self.ofmap_offset_words,
            "InterfaceBandwidth": self.interface_bandwidth,
            "MemoryModel": self.memory_model,
            "FoldOverlap": self.fold_overlap,
            "OsDrain": self.os_drain,
            "TrimFolds": self.trim_folds,
            "Variant": self.variant,
            "IfmapBits": self.ifmap_bits,
            "FilterBits": self.filter_bits,
            "OfmapBits": self.ofmap_bits,
            "PsumBits": self.psum_bits,
            "ActiveFraction": str(self.active_fraction),
            "DramBandwidth": None if bandwidth is None else str(bandwidth),
            "DramPorts": self.dram_ports,
            "DramLatency": self.dram_latency_cycles,
            **self._technology_settings(),
            **read_bandwidths,
        }

    def _technology_settings(self) -> dict[str, str | float | None]:
        """Return the settings of ``[technology]``, without defaults where SCALE-Sim is followed: nothing is priced."""
        technology, formats = self.technology, self.number_formats
        defaults: dict[str, str | float | None] = {}
        if not self.follows_scalesim:
            defaults = {
                "NodeNm": str(DEFAULT_NODE_NM),
                "Device": DEFAULT_DEVICE,
                "NumberFormat": None if formats is None else "/".join(formats),
                "DramType": DEFAULT_DRAM_TYPE,
                "SramOrganisation": DEFAULT_SRAM_ORGANISATION,
            }
        given = {
            "NodeNm": None if technology.node_nm is None else str(technology.node_nm),
            "ClockMHz": None if technology.clock_mhz is None else str(technology.clock_mhz),
            "Device": technology.device,
            "NumberFormat": technology.number_format,
            "DramType": technology.dram_type,
            "SramOrganisation": technology.sram_organisation,
            "SramPorts": technology.sram_ports,
            "ComponentFile": technology.component_file,
        }
        settings = {key: defaults.get(key) if value is None else value for key, value in given.items()}
        return {**settings, **{f"{each.component} {each.figure}": each.value for each in technology.components}}
