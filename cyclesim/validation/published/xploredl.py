"""XploreDL: the Pareto sets of AlexNet at 45 nm against its 200 fJ/op and 1.8 TOPS/mm2, and the distance by component.

The abstract gives the two best figures, and neither network (with its fully connected layers or without), batch, number
format, clock, nor whether DRAM counts. So all 8-bit machines of a space are evaluated by the model for the network and
for its convolutions, with sums of three widths, and energy is given with and without DRAM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclesim import shipped
from cyclesim.columns import FORMATS
from cyclesim.costs import CHIP_COMPONENTS, COMPONENTS, FJ_PER_PJ, OFF_CHIP, OPS_PER_MAC
from cyclesim.hardware import DEFAULT_DRAM_TYPE, DRAM_TYPES
from cyclesim.technology.tables import dram_pj_per_bit, units
from cyclesim.validation.published.exploring import Points, explore, machine_label
from cyclesim.validation.published.layers import shipped_tensors
from cyclesim.validation.published.rows import Row, exact, not_reproduced, printed

Floats = NDArray[np.float64]

ENERGY, DENSITY = 200, 1.8
"""Best fJ/op and best TOPS/mm2, not necessarily of one design."""
WITHIN = 0.5
"""How far from the published energy ours may be."""
LEAST_DENSITY = 1.0
CEILING = 2.8
"""TOPS/mm2 of 48 register bits, an int8 multiplier and a 32-bit adder in each PE at 1 GHz, without any memory."""
REGISTER_BITS = 48
TRAINING_ENERGY, TRAINING_DENSITY = 800, 0.4
WORD_BITS = 8
SUMS = (16, 24, 32)
"""Bits of the sums."""
WHOLE, CONVOLUTIONS = "alexnet", "convolutions"
NAMES = {CONVOLUTIONS: "its five convolutions", WHOLE: "whole AlexNet, batch 1"}
WIDE_MEMORY = "HBM2"
"""The DRAM beside the default one."""
BAND = 0.01
"""Relative width of a vertical line in the plot, to either side."""
_SPACE = """[explore]
networks = ["{network}"]
objectives = {{ {objectives} }}

[space]
Dataflow = ["os", "ws", "is"]
FoldOverlap = ["none", "db"]
ArrayHeight = {{ pow2 = [4, 256] }}
ArrayWidth = {{ pow2 = [4, 256] }}
IfmapSramSzkB = [4, 16, 64, 256]
FilterSramSzkB = [4, 16, 64, 256]
OfmapSramSzkB = [4, 16, 64, 256]
SramOrganisation = ["wide", "per_port"]
DramBandwidth = [64]
Device = ["lop"]
NumberFormat = [{formats}]
PsumBits = [{psum_bits}]
"""


def space_text(
    network: str, sums: tuple[int, ...], objectives: str = 'chip_fj_per_op = "min", tops_per_mm2 = "max"'
) -> str:
    """Return the design space: 37,632 machines for each width of the sums; stored sums are as wide as the widest."""
    formats = ", ".join(f'"int8/int{bits}"' for bits in sums)
    return _SPACE.format(
        network=network if network == WHOLE else f"{network}.csv", objectives=objectives, formats=formats,
        psum_bits=max(sums),
    )  # fmt: skip


def convolutions() -> dict[str, str]:
    """Return the file of AlexNet's convolutions, by its name."""
    text = shipped.find("topologies", WHOLE).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if ",fc," not in line]
    return {f"{CONVOLUTIONS}.csv": "\n".join(lines) + "\n"}


def explored(network: str, sums: int) -> Points:
    """Return all points of the space for one network and width of the sums."""
    return explore(space_text(network, (sums,)), convolutions())


def figure(component: str, number_format: str, name: str = "energy_pj") -> float:
    """Return a figure of a multiplier or an adder at 45 nm."""
    values: Floats = getattr(units(component), name)
    return float(values[FORMATS.index(number_format)])


def mac_floor(operands: str, sums: str) -> float:
    """Return the fJ per operation of a bare multiply-accumulate."""
    picojoules = figure("multiplier", operands) + figure("adder", sums)
    return picojoules * FJ_PER_PJ / OPS_PER_MAC


def area_ceiling(sums: str = "int32", register_bits: int = REGISTER_BITS) -> float:
    """Return the TOPS/mm2 of bare PEs at 1 GHz."""
    arithmetic = figure("multiplier", "int8", "area_um2") + figure("adder", sums, "area_um2")
    return OPS_PER_MAC / (arithmetic + register_bits * float(units("register").area_um2[0])) * 1e3


def bound_rows() -> Iterator[Row]:
    """Compare the arithmetic bounds of inference and of training with those that the tables were read for."""
    yield printed("3.6", "floor: int8 multiplication, 32-bit addition [fJ/op]", mac_floor("int8", "int32"), "150")
    yield printed("3.6", "floor: int8 multiplication, 8-bit addition [fJ/op]", mac_floor("int8", "int8"), "115")
    yield printed("3.6", f"ceiling: bare PEs with {REGISTER_BITS} register bits at 1 GHz [TOPS/mm2]", area_ceiling(),
                  f"{CEILING}")  # fmt: skip
    for name, formats, published in (
        ("fp16, fp32 sums", ("fp16", "fp32"), "1000"),
        ("fp16, fp16 sums", ("fp16", "fp16"), "750"),
        ("int16, int32 sums", ("int16", "int32"), "445"),
    ):
        yield printed("3.6", f"training floor: {name} [fJ/op]", mac_floor(*formats), published)
    fits = [name for name, formats in (("fp16", ("fp16", "fp16")), ("int16", ("int16", "int32")))
            if mac_floor(*formats) <= TRAINING_ENERGY < mac_floor("fp16", "fp32")]  # fmt: skip
    yield Row(
        "3.6", "DeepCaps training: formats that the best energy leaves room for", " and ".join(fits) or "none",
        f"{TRAINING_ENERGY} fJ/op", "", "above their floors, and below that of fp16 with fp32 sums: it is 16-bit "
        "arithmetic throughout", "A", True, fits == ["fp16", "int16"],
    )  # fmt: skip
    yield not_reproduced(
        "3.6", "DeepCaps training: best designs", f"{TRAINING_ENERGY} fJ/op, {TRAINING_DENSITY} TOPS/mm2",
        "backward passes and weight updates are not modelled, nor is which layers they were", "A",
    )  # fmt: skip


def pareto_rows(found: Mapping[tuple[str, int], Points]) -> Iterator[Row]:
    """Compare the best energy and density of every exploration, by network and bits of the sums, with the published."""
    for (network, bits), points in found.items():
        is_gate = network == CONVOLUTIONS and bits == min(SUMS)
        name = f"{NAMES[network]}, {bits}-bit sums"
        cheapest, densest = points.best("chip_fj_per_op"), points.best("tops_per_mm2", largest=True)
        energy, density = points.at("chip_fj_per_op", cheapest), points.at("tops_per_mm2", densest)
        limit = (1 + WITHIN) * ENERGY
        yield Row(
            "3.6", f"{name}: best energy of the chip [fJ/op]", f"{energy:.0f}", f"{ENERGY}", f"{energy - ENERGY:+.0f}",
            f"{'gated at ' if is_gate else 'limit '}{limit:.0f}"
            f"{', as the most favourable of the six settings' if is_gate else ''}. "
            f"On {machine_label(points.hardware(cheapest))}. "
            f"{_energy_reason(points, cheapest, bits)}", "A", is_gate, energy <= limit,
        )  # fmt: skip
        yield Row(
            "3.6", f"{name}: best density [TOPS/mm2]", f"{density:.2f}", f"{DENSITY}", f"{density - DENSITY:+.2f}",
            f"{'gated' if is_gate else 'least'} {LEAST_DENSITY:g}. On {machine_label(points.hardware(densest))}, "
            f"{100 * points.at('utilization', densest):.0f} % used, at the "
            f"{points.at('clock_mhz', densest):.0f} MHz that a PE allows (1.48 ns for the multiplier and what of the "
            "adder comes after it)", "A", is_gate, density >= LEAST_DENSITY,
        )  # fmt: skip


def _energy_reason(points: Points, point: int, bits: int) -> str:
    arithmetic = mac_floor("int8", f"int{bits}")
    registers = _fj_per_op(points, "registers", point)
    return (
        f"Multiplier and adder are {arithmetic:.0f} of the published {ENERGY}, which leaves {ENERGY - arithmetic:.0f} "
        f"for all else; here the PE registers alone take {registers:.0f} (9 fJ a bit, Aladdin's figure)"
        + ("; 16-bit sums cannot hold all sums of 8-bit products" if bits == min(SUMS) else "")
    )


def clock_rows(found: Mapping[tuple[str, int], Points]) -> Iterator[Row]:
    """Report the best densities of the convolutions at 1 GHz: cycles are the same, and the clock was not published."""
    values = []
    for bits in SUMS:
        points = found[CONVOLUTIONS, bits]
        at_clock = points.metrics["tops_per_mm2"] * 1e3 / points.metrics["clock_mhz"]
        values.append(float(np.where(points.feasible, at_clock, 0.0).max()))
    yield Row(
        "3.6", "its five convolutions at 1 GHz, 16, 24, 32-bit sums: best density [TOPS/mm2]",
        " / ".join(f"{value:.2f}" for value in values), f"{DENSITY}", "",
        "a clock that our multiplier does not reach; the published one is not known, and the figure lies between",
        "A", False, values[-1] >= DENSITY,
    )  # fmt: skip


def never_crossed_rows(found: Mapping[tuple[str, int], Points]) -> Iterator[Row]:
    """Count points of all explorations that cross the arithmetic bounds: there must be none."""
    too_cheap = too_dense = total = 0
    least = np.inf
    for (_, bits), points in found.items():
        chip, density = (points.metrics[name][points.feasible] for name in ("chip_fj_per_op", "tops_per_mm2"))
        gigahertz = points.metrics["clock_mhz"][points.feasible] / 1e3
        # No PE has fewer register bits than a ws one: a row link, a stored operand, a sum.
        ceiling = area_ceiling(f"int{bits}", 2 * WORD_BITS + bits) * gigahertz
        too_cheap += int(np.count_nonzero(chip < mac_floor("int8", f"int{bits}")))
        too_dense += int(np.count_nonzero((density > CEILING) | (density > ceiling)))
        least = min(least, float(chip.min()))
        total += len(chip)
    yield exact("3.6", f"designs below the floor of their arithmetic, of {total:,}", too_cheap, 0,
                reason=f"the least is {least:.0f} fJ/op")  # fmt: skip
    yield exact("3.6", f"designs above {CEILING} TOPS/mm2, or above bare PEs at their clock, of {total:,}", too_dense,
                0)  # fmt: skip


def dram_rows(found: Mapping[tuple[str, int], Points]) -> Iterator[Row]:
    """Compare energies with DRAM, and the least that DRAM can take, with the published energy."""
    price = {kind: float(dram_pj_per_bit()["default"][DRAM_TYPES.index(kind)])
             for kind in (DEFAULT_DRAM_TYPE, WIDE_MEMORY)}  # fmt: skip
    for network in NAMES:
        points = found[network, min(SUMS)]
        chip, both = points.metrics["chip_fj_per_op"], points.metrics["fj_per_op"]
        for kind, picojoules in price.items():
            energy = chip + (both - chip) * picojoules / price[DEFAULT_DRAM_TYPE]
            best = float(np.where(points.feasible, energy, np.inf).min())
            least = least_dram_energy(network, picojoules)
            yield Row(
                "3.6", f"{NAMES[network]}, {min(SUMS)}-bit sums, with {kind}: best energy [fJ/op]", f"{best:,.0f}",
                f"{ENERGY}", f"{best - ENERGY:+,.0f}",
                f"DRAM alone takes {least:,.0f} fJ/op at {picojoules:g} pJ a bit if every word crosses once: "
                + ("with it no design could reach the published figure at batch 1" if least > ENERGY else
                   "scratchpads of the space do not hold the tensors, so they cross more often"),
                "A", False, best <= (1 + WITHIN) * ENERGY,
            )  # fmt: skip


def least_dram_energy(network: str, picojoules_per_bit: float) -> float:
    """Return the fJ per operation of a network whose words all cross the DRAM channel once."""
    layers = shipped_tensors(WHOLE) if network == WHOLE else shipped_tensors(WHOLE, "conv")
    bits = WORD_BITS * sum(layer.words for layer in layers)
    return bits * picojoules_per_bit * FJ_PER_PJ / (OPS_PER_MAC * sum(layer.macs for layer in layers))


@dataclass(frozen=True)
class _Chosen:
    """A point of which the components are shown."""

    name: str
    point: int


def _fj_per_op(points: Points, component: str, point: int) -> float:
    return points.at(f"energy_pj_{component}", point) * FJ_PER_PJ / (OPS_PER_MAC * points.at("macs", point))


def component_rows(points: Points, name: str) -> Iterator[Row]:
    """Show what each component takes at the points with the best energy, without and with DRAM, and the best density.

    Their sums are the figures that were compared.
    """
    chosen = (
        _Chosen("least energy of the chip", points.best("chip_fj_per_op")),
        _Chosen("least energy with DRAM", points.best("fj_per_op")),
        _Chosen("best density", points.best("tops_per_mm2", largest=True)),
    )
    where = "; ".join(f"{each.name}: {machine_label(points.hardware(each.point))}" for each in chosen)
    for component in COMPONENTS:
        energy = " / ".join(f"{_fj_per_op(points, component, each.point):.1f}" for each in chosen)
        shares = ""
        if component in CHIP_COMPONENTS:
            share = [points.at(f"area_mm2_{component}", each.point) / points.at("area_mm2", each.point)
                     for each in chosen]  # fmt: skip
            shares = "; " + " / ".join(f"{100 * value:.0f}" for value in share) + " % of mm2"
        yield Row(
            "3.6", f"{name}, {component}: fJ/op; area", f"{energy}{shares}",
            f"{ENERGY} fJ/op in all" if component != OFF_CHIP else "not known whether it counts", "", where, "-", False,
            True,
        )  # fmt: skip


def vertical_row(points: Points) -> Row:
    """Look for the published pattern: as dense, but more energy, with a smaller array and more memory for each PE.

    The design with the least energy is compared with the one that takes the most of all that are as dense.
    """
    low = points.best("chip_fj_per_op")
    density, energy = points.metrics["tops_per_mm2"], points.metrics["chip_fj_per_op"]
    as_dense = points.feasible & (np.abs(density / density[low] - 1) <= BAND)
    high = int(np.where(as_dense, energy, -np.inf).argmax())
    memory = sum(points.values_of(f"{operand}SramSzkB") for operand in ("Ifmap", "Filter", "Ofmap")) * 1024
    pes = points.metrics["pes"]
    per_pe = memory / pes

    def told(point: int) -> str:
        return f"{energy[point]:.0f} fJ/op, {pes[point]:,.0f} PEs, {per_pe[point]:.0f} B each"

    holds = bool(energy[high] > 1.5 * energy[low] and pes[high] < pes[low] and per_pe[high] > per_pe[low])
    return Row(
        "3.6", f"designs of {density[low]:.2f} TOPS/mm2, least and most energy", f"{told(low)} / {told(high)}",
        "vertical lines", "", "a line in the plot: as dense, more energy from more memory with a smaller array. "
        f"{np.count_nonzero(as_dense)} designs are within {100 * BAND:.0f} %", "A", False, holds,
    )  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield all rows of section 3.6 but the speed."""
    yield from bound_rows()
    found = {(network, bits): explored(network, bits) for network in NAMES for bits in SUMS}
    yield from pareto_rows(found)
    yield from clock_rows(found)
    yield from never_crossed_rows(found)
    yield from dram_rows(found)
    yield from component_rows(found[CONVOLUTIONS, min(SUMS)], f"convolutions, {min(SUMS)}-bit sums")
    yield vertical_row(found[CONVOLUTIONS, min(SUMS)])
