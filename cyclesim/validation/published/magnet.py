"""MAGNet at 16 nm: ResNet-50 on the best designs of the AlexNet exploration, scaled from 45 nm by published factors.

MAGNet's figures come out of a 16 nm design flow, ours out of tables for bare units: a ratio of nodes is compared here,
no design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from cyclesim import estimate
from cyclesim.api import load_topology
from cyclesim.costs import FJ_PER_PJ, OPS_PER_MAC
from cyclesim.hardware import Hardware
from cyclesim.results import RunResult
from cyclesim.technology.tables import rows as table_rows
from cyclesim.validation.published import xploredl
from cyclesim.validation.published.exploring import Points, machine_label
from cyclesim.validation.published.rows import Row, printed

NODE_NM = 16
ENERGY, DENSITY = 40, 2.8
SUPPLIES = {
    "energy_factor_own_nominal_vs_45nm_1p0V": "0.8 V against 1.0 V at 45 nm",
    "energy_factor_vs_45nm_at_0p8V": "0.8 V at both",
    "energy_factor_vs_45nm_at_0p9V": "0.9 V at both",
}
"""Columns of pe_scaling.csv, and which supplies they compare."""


@dataclass(frozen=True)
class Scaling:
    """What energies at 45 nm are multiplied by at 16 nm, least and greatest, and areas."""

    least: float
    greatest: float
    area: float


def scaling(node_nm: int = NODE_NM) -> Scaling:
    """Return the factors of Stillmaker and Baas."""
    row = next(row for row in table_rows("pe_scaling") if int(row["node_nm"]) == node_nm)
    factors = [float(row[column]) for column in SUPPLIES]
    return Scaling(min(factors), max(factors), float(row["area_factor_vs_45nm"]))


def at_node(machine: Hardware, node_nm: int) -> Hardware:
    """Return a machine at another node, its clock given by the tables."""
    return replace(machine, technology=replace(machine.technology, node_nm=Fraction(node_nm)))


def factor_rows() -> Iterator[Row]:
    """Compare the energy factors with the range in which XploreDL's 200 fJ/op would lie at 16 nm."""
    factors = scaling()
    yield printed("3.7", "energy factor from 45 to 16 nm, least", factors.least, "0.12")
    yield printed("3.7", "energy factor from 45 to 16 nm, greatest", factors.greatest, "0.19",
                  reason="by the supplies that are compared")  # fmt: skip
    low, high = (factor * xploredl.ENERGY for factor in (factors.least, factors.greatest))
    yield Row(
        "3.7", f"XploreDL's {xploredl.ENERGY} fJ/op at {NODE_NM} nm [fJ/op]", f"{low:.0f} to {high:.0f}", f"{ENERGY}",
        f"{low - ENERGY:+.0f} to {high - ENERGY:+.0f}", "MAGNet's flow, which has clock tree and wires in it, lies "
        "just above", "A", False, low <= ENERGY <= high,
    )  # fmt: skip


def design_rows(cheapest: RunResult, small: RunResult, factors: Scaling, where: str) -> Iterator[Row]:
    """Compare ResNet-50's energy on a design at 45 nm, scaled as a whole, and on the same priced at 16 nm.

    Parameters
    ----------
    cheapest, small : RunResult
        At 45 nm, and at 16 nm by the tables, in which scratchpads below 22 nm are scaled as logic is.
    factors : Scaling
    where : str
        The design.
    """
    energy, priced, leakage = cheapest.totals.chip_fj_per_op, small.totals.chip_fj_per_op, small.totals.leakage_pj
    assert energy is not None, where
    assert priced is not None, where
    assert leakage is not None, where
    leaks = sum(leakage.values()) * FJ_PER_PJ / (OPS_PER_MAC * small.totals.macs)
    low, high = factors.least * energy, factors.greatest * energy
    yield Row(
        "3.7", f"ResNet-50, best energy of the chip at 45 nm, {energy:.0f}, scaled [fJ/op]", f"{low:.0f} to {high:.0f}",
        f"{ENERGY}", f"{low - ENERGY:+.0f} to {high - ENERGY:+.0f}", f"{where}; {_supplies()}. Energies of bare units: "
        "no clock tree, no wires beyond them, and the factors are optimistic below 22 nm", "A", False,
        low <= ENERGY <= high,
    )  # fmt: skip
    yield Row(
        "3.7", f"ResNet-50, the same priced with NodeNm {NODE_NM} [fJ/op]", f"{priced:.0f}", f"{ENERGY}",
        f"{priced - ENERGY:+.0f}", "logic by the factor at 0.9 V, scratchpads by CACTI's 22 nm times the factor from "
        f"there: they leak at 360 K as no factor says, {leaks:.0f} fJ/op of it", "A", False, priced <= ENERGY,
    )  # fmt: skip


def density_row(densest: RunResult, small: RunResult, factors: Scaling, where: str) -> Row:
    """Compare ResNet-50's density on the densest design, at the clock of 45 nm and at that of 16 nm."""
    density, priced = densest.totals.tops_per_mm2, small.totals.tops_per_mm2
    assert density is not None, where
    assert priced is not None, where
    scaled = density / factors.area
    return Row(
        "3.7", f"ResNet-50, best density at 45 nm, {density:.2f}, scaled [TOPS/mm2]", f"{scaled:.1f}; {priced:.1f}",
        f"{DENSITY}", f"{scaled - DENSITY:+.1f}; {priced - DENSITY:+.1f}",
        f"{where}; by the factor of area, {factors.area:g}, at the same clock; with NodeNm {NODE_NM}, which is faster. "
        "Areas are those of bare units, which other synthesised ones exceed by 2 to 2.6 times, with the smallest "
        "scratchpads of the space; MAGNet's is a design that was laid out, with its buffers",
        "A", False, scaled <= DENSITY <= priced,
    )  # fmt: skip


def _supplies() -> str:
    return "factors at " + ", ".join(SUPPLIES.values())


def rows() -> Iterator[Row]:
    """Yield all rows of section 3.7."""
    yield from factor_rows()
    points: Points = xploredl.explored(xploredl.CONVOLUTIONS, min(xploredl.SUMS))
    network, factors = load_topology("resnet50"), scaling()
    cheapest, densest = (points.hardware(points.best(*key)) for key in (("chip_fj_per_op",), ("tops_per_mm2", True)))
    yield from design_rows(
        estimate(network, cheapest), estimate(network, at_node(cheapest, NODE_NM)), factors, machine_label(cheapest)
    )
    yield density_row(
        estimate(network, densest), estimate(network, at_node(densest, NODE_NM)), factors, machine_label(densest)
    )
