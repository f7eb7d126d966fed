"""What a comparison with a published figure comes to: one row, and the sections that the rows are grouped in."""

from __future__ import annotations

from dataclasses import dataclass

GRADES = {
    "A": "read in the source, or recomputed from first principles and equal",
    "B": "recalled or from a transcription, and confirmed by arithmetic that a wrong digit would break",
    "C": "recalled or second-hand only",
}
"""How well a published figure is known."""

RECOMPUTED = " (recomputed)"
"""Stands behind a figure that its source does not print: it follows from the source's rule or formula, and was worked
out apart from the code that it is compared with."""


@dataclass(frozen=True)
class Row:
    """One comparison.

    `gate` is True if the suite fails when the row does not hold, False if the row is only reported, None if the figure
    is not reproduced. `holds` is whether ours agrees with the claim, which means nothing if it is not reproduced.
    `reason` says why there is a difference, or what the comparison rests on. `grade` is a key of `GRADES`, or "-" where
    nothing was published to compare with.
    """

    section: str
    claim: str
    ours: str
    published: str
    difference: str
    reason: str
    grade: str
    gate: bool | None
    holds: bool

    def __post_init__(self) -> None:
        assert self.section in SECTIONS, self.section
        assert set(self.grade) <= {*GRADES, "-"}, self.grade

    @property
    def recomputed(self) -> bool:
        """Whether the figure in the published column is not printed in the source."""
        return self.published.endswith(RECOMPUTED)

    @property
    def broken(self) -> bool:
        """Whether this row makes the suite fail."""
        return self.gate is True and not self.holds

    @property
    def verdict(self) -> str:
        """The row's outcome in a word or two."""
        if self.gate is None:
            return "not reproduced"
        if self.grade == "-":
            return "shown"
        if self.gate:
            return "ok" if self.holds else "FAILED"
        return "agrees" if self.holds else "differs"


@dataclass(frozen=True)
class Section:
    """A group of rows with one source."""

    title: str
    source: str


SECTIONS: dict[str, Section] = {
    "1.1": Section("RAINBOW: bit width of each layer, ResNet-50 v1", "VEDLIoT D3.4, figure 23"),
    "1.2": Section("RAINBOW: on-chip memory that a network needs [MiB]", "VEDLIoT D3.4, figure 21"),
    "1.3": Section("RAINBOW: 15 homogeneous plans", "VEDLIoT D3.4, table 3"),
    "1.4": Section("RAINBOW: heterogeneous plan, ResNet-50 v1, 8 bits", "VEDLIoT D3.4"),
    "1.5": Section("DPU convolution engine, cycles of eight sizes", "AMD PG338; VEDLIoT D3.4, figure 24"),
    "1.6": Section(
        "Eyeriss in Timeloop, 14x12 against 4x42 PEs; layer and mapping are inferred",
        "poster on the search for mappings with Timeloop",
    ),
    "1.7": Section(
        "SCALE-Sim's regression figures, 32x32, 64 kB each", "scale-sim-v2 and SCALE-Sim v3, test/general/golden_trace*"
    ),
    "1.8": Section("TPU peak figures", "Jouppi et al., ISCA 2017; Cloud TPU and Coral documentation"),
    "2.1": Section("Eyeriss, AlexNet", "Chen et al., JSSC 52(1), 2017, table V"),
    "2.2": Section("Eyeriss, VGG-16", "Chen et al., JSSC 52(1), 2017, table VI"),
    "2.3": Section("DPU on FPGA, measured", "VEDLIoT D3.4, table 1; AMD UG1354 2.5"),
    "2.4": Section("TPU v1, measured", "Jouppi et al., ISCA 2017, tables 1 and 3"),
    "2.5": Section("AlexNet on various platforms", "slides by V. Mrazek"),
    "3.1": Section("SCALE-Sim, ISPASS 2020: run time in closed form", "Samajdar et al., ISPASS 2020"),
    "3.2": Section("SCALE-Sim v1: square products on an array of their size", "arXiv 1811.02883"),
    "3.3": Section(
        "SCALE-Sim v3",
        "arXiv 2504.15377, abstract; SCALE-Sim 3.0.0, topologies/ispass25_models; its branch scalesim-accelergy",
    ),
    "3.4": Section("ONNXim", "arXiv 2406.08051"),
    "3.5": Section("TransInferSim", "IEEE Access 13, 2025"),
    "3.6": Section("XploreDL", "Colucci et al., CODES+ISSS 2020, abstract"),
    "3.7": Section("MAGNet", "ICCAD 2019"),
    "3.8": Section("CapsAcc, CapStore, DESCNet", "DATE 2019; arXiv 1902.01151; arXiv 2010.05754"),
    "3.9": Section("ALWANN", "ICCAD 2019"),
    "4.1": Section("EfficientNet-B0 rooflines", "VEDLIoT D3.4, figures 31 to 33"),
    "4.2": Section("ARADA savings", "VEDLIoT D3.4, figures 35 to 37"),
    "4.3": Section("FiBHA and co-design", "VEDLIoT D3.4"),
    "5": Section("Searching AlexNet's design space", "set out for `cyclesim explore`"),
}


def exact(
    section: str, claim: str, ours: int, published: int, grade: str = "A", reason: str = "", label: str = ""
) -> Row:
    """Return a gated row of two integers that must be equal; `label` says what the second is if it is not printed."""
    difference = "0" if ours == published else f"{ours - published:+,}"
    shown = f"{published:,}{label}"
    return Row(section, claim, f"{ours:,}", shown, difference, reason, grade, True, ours == published)


def printed(
    section: str,
    claim: str,
    ours: float,
    published: str,
    grade: str = "A",
    reason: str = "",
    gate: bool = True,
    label: str = "",
) -> Row:
    """Return a row that holds if ours, rounded to as many decimals as were published, is what was published.

    `label` says what the published figure is if it is not printed.
    """
    decimals = len(published.partition(".")[2])
    shown = f"{ours:.{decimals}f}"
    difference = f"{ours - float(published):+.{decimals + 2}f}"
    return Row(section, claim, shown, published + label, difference, reason, grade, gate, shown == published)


def not_reproduced(section: str, claim: str, published: str, reason: str, grade: str) -> Row:
    """Return a row for a figure that this suite has no counterpart of."""
    return Row(section, claim, "-", published, "-", reason, grade, None, False)
