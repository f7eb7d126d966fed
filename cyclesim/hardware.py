"""The machine: array, dataflow variant, scratchpads and DRAM channel. Frozen, checked, units in the names.

The names of the variants are those of docs/microarchitecture.md: a dataflow, how folds overlap, and for output
stationary how results leave the array. A `Hardware` that exists is one that the simulator defines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
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
class Technology:
    """What the energy model needs to know; None where its default applies."""

    node_nm: Fraction | None = None
    clock_mhz: Fraction | None = None
    device: str | None = None
    number_format: str | None = None
    dram_type: str | None = None
    component_file: str | None = None


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
    def follows_scalesim(self) -> bool:
        """Whether the memory model is that of a version of SCALE-Sim (`scalesim_versions`)."""
        return self.memory_model != "native"

    def expanded(self) -> dict[str, str | int | bool | None]:
        """Return every setting under its name in the .cfg, defaults filled in, rationals as text.

        The bandwidths of ``[layout]`` are among them in memory model scalesim only, and only if they are given.
        """
        bandwidth = self.dram_bandwidth_words_per_cycle
        technology = self.technology
        read_bandwidths: dict[str, str | int | bool | None] = {}
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
            "NodeNm": None if technology.node_nm is None else str(technology.node_nm),
            "ClockMHz": None if technology.clock_mhz is None else str(technology.clock_mhz),
            "Device": technology.device,
            "NumberFormat": technology.number_format,
            "DramType": technology.dram_type,
            "ComponentFile": technology.component_file,
            **read_bandwidths,
        }
