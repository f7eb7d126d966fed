"""Prices of random machines: equal to a plain program, sums of their parts, growing with what is priced."""

from __future__ import annotations

import csv
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cyclesim.costs import CHIP_COMPONENTS, COMPONENTS
from cyclesim.hardware import (
    ACCUMULATORS,
    DEVICES,
    DRAM_TYPES,
    SRAM_ORGANISATIONS,
    SRAM_PORTS,
    Hardware,
    Scratchpad,
    Technology,
)
from cyclesim.model.estimate import estimate
from cyclesim.results import LayerResult, Totals
from cyclesim.technology.activity import Activity, LayerCounts, activity
from cyclesim.technology.designs import DesignTable
from cyclesim.technology.energy import layer_energies
from cyclesim.technology.machine import priced
from cyclesim.technology.prices import price
from cyclesim.technology.tables import (
    AREA_MM2,
    LEAKAGE_MW,
    READ_PJ,
    SRAM_CAPACITY_BYTES,
    SRAM_NODES_NM,
    SRAM_WORD_BITS,
    WRITE_PJ,
    sram_grid,
)
from cyclesim.workload import GemmShape, Layer, Network
from tests.laws.strategies import EVERY_VARIANT, array_machine
from tests.reference import technology as reference
from tests.reference.pe_array import run_layer
from tests.reference.pe_array_common import IDLE, Edge, Grid, Strobe

SOME = settings(max_examples=80, deadline=None, derandomize=True)
FEW = settings(max_examples=25, deadline=None, derandomize=True)
ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
FIGURES = (
    (READ_PJ, "read_energy_pj"), (WRITE_PJ, "write_energy_pj"), (LEAKAGE_MW, "leakage_mw"), (AREA_MM2, "area_mm2"),
)  # fmt: skip
COUNTS = [field.name for field in fields(LayerCounts)]


@st.composite
def technologies(draw: st.DrawFn) -> Technology:
    """Any technology, most of them inside of the tables."""
    operand = draw(st.sampled_from(list(ACCUMULATORS)))
    return Technology(
        node_nm=draw(st.none() | st.sampled_from([Fraction(n) for n in (22, 45, 65, 90, 28, 16, 7)])),
        clock_mhz=draw(st.none() | st.just(Fraction(500))),
        device=draw(st.sampled_from([None, *DEVICES])),
        number_format=f"{operand}/{draw(st.sampled_from(ACCUMULATORS[operand]))}",
        dram_type=draw(st.sampled_from([None, *DRAM_TYPES])),
        sram_organisation=draw(st.sampled_from([None, *SRAM_ORGANISATIONS])),
        sram_ports=draw(st.sampled_from([None, *SRAM_PORTS])),
    )


@st.composite
def machines(draw: st.DrawFn, technology: st.SearchStrategy[Technology] | None = None) -> Hardware:
    """Machines of every variant and technology; scratchpads around both ends of the table."""
    variant, trimmed = draw(st.sampled_from(EVERY_VARIANT))
    sides = st.sampled_from([1, 2, 3, 5, 16, 33, 100, 300])
    hardware = array_machine(variant, trimmed, draw(sides), draw(sides))
    kilobytes = st.sampled_from([1, 2, 3, 16, 100, 5000, 40000])
    bits = st.sampled_from([1, 4, 8, 12, 16, 32])
    return replace(
        hardware,
        ifmap_sram=Scratchpad(size_bytes=1024 * draw(kilobytes)),
        filter_sram=Scratchpad(size_words=1000 * draw(kilobytes)),
        ofmap_sram=Scratchpad(size_bytes=1024 * draw(kilobytes)),
        ifmap_bits=draw(bits),
        filter_bits=draw(bits),
        ofmap_bits=draw(bits),
        psum_bits=draw(bits),
        technology=draw(technologies() if technology is None else technology),
    )


@st.composite
def layer_counts(draw: st.DrawFn) -> dict[str, int]:
    """Counts of a layer; those of memories need not be what a simulation gives."""
    sizes = st.integers(1, 70)
    counts = {name: draw(sizes) for name in ("groups", "m", "k", "n")}
    counts |= {name: draw(st.integers(0, 5000)) for name in COUNTS if name not in counts}
    counts["dram_ofmap"] += counts["dram_psum"]
    counts["total_cycles"] += 1
    return counts


def plain(hardware: Hardware) -> dict[str, Any]:
    """The machine as the reference takes it."""
    formats, technology = hardware.number_formats, hardware.technology
    assert formats is not None
    sizes = {}
    for pad, bits in (
        ("ifmap", hardware.ifmap_bits), ("filter", hardware.filter_bits),
        ("ofmap", hardware.ofmap_bits if hardware.dataflow == "os" else hardware.psum_bits),
    ):  # fmt: skip
        sram = getattr(hardware, f"{pad}_sram")
        sizes[f"{pad}_bytes"] = sram.size_bytes if sram.size_words is None else sram.size_words * bits / 8
    return {
        "rows": hardware.rows,
        "cols": hardware.cols,
        "variant": hardware.variant,
        "trim": hardware.trim_folds,
        "operand": formats[0],
        "sums": formats[1],
        "organisation": technology.sram_organisation or "wide",
        "ports": technology.sram_ports,
        "device": technology.device or "hp",
        "node": float(technology.node_nm or 45),
        "clock": None if technology.clock_mhz is None else float(technology.clock_mhz),
        "dram": technology.dram_type or "DDR4",
        **{f"{name}_bits": getattr(hardware, f"{name}_bits") for name in ("ifmap", "filter", "ofmap", "psum")},
        **sizes,
    }


@SOME
@given(hardware=machines(), counts=layer_counts())
def test_a_machine_costs_what_a_plain_program_says(hardware: Hardware, counts: dict[str, int]) -> None:
    shape = (counts["groups"], counts["m"], counts["k"], counts["n"])
    expected = reference.costs(plain(hardware), *shape, counts)
    machine = priced(hardware).machine
    assert (machine is None) == (expected is None)
    if machine is None or expected is None:
        return
    energy, area, clock = expected
    assert machine.energy(counts).energy_pj == pytest.approx(energy, rel=1e-9)
    assert machine.area_mm2 == pytest.approx(area, rel=1e-9)
    assert machine.clock_mhz == pytest.approx(clock, rel=1e-9)


@FEW
@given(some=st.lists(machines(), min_size=1, max_size=12), counts=st.lists(layer_counts(), min_size=1, max_size=3))
def test_designs_of_a_table_have_the_numbers_of_one_machine(some: list[Hardware], counts: list[dict[str, int]]) -> None:
    designs = DesignTable.of(some)
    prices = price(designs)
    layers = LayerCounts(**{name: np.array([[each[name]] for each in counts]) for name in COUNTS})
    found = layer_energies(activity(layers, designs), layers.total_cycles, prices)
    for column, hardware in enumerate(some):
        machine = priced(hardware).machine
        assert (machine is None) == bool(prices.problem[column])
        for row, each in enumerate(counts):
            energies = {name: found.energy_pj[name][row, column] for name in COMPONENTS}
            if machine is None:
                assert np.isnan(list(energies.values())).all()
            else:
                assert machine.energy(each).energy_pj == pytest.approx(energies, rel=1e-13)
        if machine is not None:
            areas = {name: prices.area_mm2[name][column] for name in CHIP_COMPONENTS}
            assert machine.area_mm2 == pytest.approx(areas, rel=1e-13)
            assert machine.clock_mhz == pytest.approx(prices.clock_mhz[column], rel=1e-13)


# --------------------------------------------------------------------------------------------------- laws


def known(value: T | None) -> T:
    """The figure, which must not be None."""
    assert value is not None
    return value


def network(m: int, k: int, n: int, groups: int = 1) -> Network:
    return Network("network", (Layer("layer", 0, "gemm", GemmShape(m, n, k, groups)),))


@FEW
@given(hardware=machines(), m=st.integers(1, 50), k=st.integers(1, 50), n=st.integers(1, 50))
def test_totals_are_sums_and_ratios_follow_from_them(hardware: Hardware, m: int, k: int, n: int) -> None:
    assume(priced(hardware).problem is None)
    two = Network("two", (*network(m, k, n).layers, *network(n, m, k).layers))
    run = estimate(two, hardware)
    every: tuple[LayerResult | Totals, ...] = (*run.layers, run.totals)
    for one in every:
        energies, power, seconds = known(one.energy_pj), known(one.power_mw), known(one.time_s)
        energy = sum(energies.values())
        assert tuple(energies) == tuple(power) == COMPONENTS
        assert all(known(one.leakage_pj)[name] <= energies[name] for name in CHIP_COMPONENTS)
        assert one.pes == hardware.rows * hardware.cols
        assert sum(power.values()) * seconds * 1e9 == pytest.approx(energy)
        assert one.total_energy_pj == pytest.approx(energy)
        assert one.fj_per_op == pytest.approx(1e3 * energy / (2 * one.macs))
        assert one.chip_fj_per_op == pytest.approx(1e3 * (energy - energies["dram"]) / (2 * one.macs))
        assert one.tops == pytest.approx(2e-12 * one.macs / seconds)
        assert one.tops_per_mm2 == pytest.approx(2e-12 * one.macs / seconds / sum(known(one.area_mm2).values()))
        assert one.tops_per_w == pytest.approx(2 * one.macs / energy)
        assert one.edp == pytest.approx(energy * 1e-12 * seconds)
    for name in COMPONENTS:
        parts = [known(layer.energy_pj)[name] for layer in run.layers]
        assert known(run.totals.energy_pj)[name] == pytest.approx(sum(parts))
    assert run.totals.time_s == pytest.approx(sum(known(layer.time_s) for layer in run.layers))


@FEW
@given(hardware=machines(), counts=layer_counts(), times=st.integers(2, 9))
def test_energy_grows_with_counts(hardware: Hardware, counts: dict[str, int], times: int) -> None:
    assume(priced(hardware).problem is None)
    machine = known(priced(hardware).machine)
    more = {name: count * times if name not in ("m", "k", "n") else count for name, count in counts.items()}
    once, often = machine.energy(counts), machine.energy(more)
    assert often.energy_pj == pytest.approx({name: times * energy for name, energy in once.energy_pj.items()})


@FEW
@given(hardware=machines(), m=st.integers(1, 60), k=st.integers(1, 60), n=st.integers(1, 60))
def test_arithmetic_alone_is_a_floor_of_energy_and_of_area(hardware: Hardware, m: int, k: int, n: int) -> None:
    """Bounds of XploreDL at 45 nm: 150 fJ per operation and 706 um2 per PE (0.30 pJ and 2.8 TOPS/mm2 at 1 GHz)."""
    technology = Technology(number_format="int8", clock_mhz=Fraction(1000))
    hardware = replace(hardware, technology=technology)
    assume(priced(hardware).problem is None)
    layer = estimate(network(m, k, n), hardware).layers[0]
    assert known(layer.chip_fj_per_op) > 150
    assert known(layer.tops_per_mm2) < 2 / 706e-6 * 1e9 / 1e12


@pytest.mark.parametrize("more", ["os-db", "os-pipe1", "os-pipe", "ws-db", "ws-pipe1", "ws-pipe2", "is-pipe"])
def test_each_extra_register_costs(more: str) -> None:
    """A variant with more registers has more area, leaks more, and writes more bits unless its chain only moved."""
    counts = dict.fromkeys(COUNTS, 1) | {"groups": 2, "m": 37, "k": 21, "n": 18}
    plainest, other = (known(priced(array_machine(name, False, 4, 5)).machine) for name in (more[:2], more))
    assert other.area_mm2["registers"] > plainest.area_mm2["registers"]
    one, two = plainest.energy(counts), other.energy(counts)
    assert two.leakage_pj["registers"] > one.leakage_pj["registers"]
    written = [each.energy_pj["registers"] - each.leakage_pj["registers"] for each in (one, two)]
    assert written[1] >= written[0] if more == "os-db" else written[1] > written[0]


# --------------------------------------------------------------------------------------------------- steps of the table


def listed_steps() -> list[dict[str, str]]:
    with (ROOT / "cyclesim/technology/data/falling_steps.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_larger_banks_cost_no_less_but_for_the_steps_that_are_listed() -> None:
    listed = {(row["figure"], row["device"], row["node_nm"], row["ports"], row["word_bits"], row["capacity_bytes"])
              for row in listed_steps()}  # fmt: skip
    found = set()
    for device in DEVICES:
        grid = sram_grid(device)
        for column, figure in FIGURES:
            for place in np.argwhere(grid[..., 1:, column] < grid[..., :-1, column]):
                ports, node, word, size = place
                found.add((figure, device, f"{SRAM_NODES_NM[node]:g}", SRAM_PORTS[ports], str(SRAM_WORD_BITS[word]),
                           str(SRAM_CAPACITY_BYTES[size])))  # fmt: skip
    assert found == listed


@SOME
@given(data=st.data(), kilobytes=st.tuples(st.integers(1, 30000), st.integers(1, 30000)))
def test_more_words_never_cost_less(data: st.DataObject, kilobytes: tuple[int, int]) -> None:
    """Area and leakage in any technology; energies at nodes where the table has no falling steps."""
    small, large = sorted(kilobytes)
    technology = data.draw(technologies())
    if data.draw(st.booleans()):
        technology = replace(technology, node_nm=Fraction(32), device="lop")
    pads = [replace(data.draw(machines(st.just(technology))), ifmap_sram=Scratchpad(size_bytes=1024 * small))]
    pads.append(replace(pads[0], ifmap_sram=Scratchpad(size_bytes=1024 * large)))
    prices = price(DesignTable.of(pads))
    assume(not prices.problem.any())
    pad = prices.pads["ifmap"]
    assert pad.area_mm2[1] >= pad.area_mm2[0] * (1 - 1e-12)
    assert pad.leakage_mw[1] >= pad.leakage_mw[0] * (1 - 1e-12)
    falling = {(row["device"], row["node_nm"]) for row in listed_steps()}
    at = (technology.device or "hp", str(technology.node_nm or 45))
    if at not in falling and float(at[1]) in SRAM_NODES_NM:
        assert pad.read_pj[1] >= pad.read_pj[0] * (1 - 1e-12)
        assert pad.write_pj[1] >= pad.write_pj[0] * (1 - 1e-12)


# --------------------------------------------------------------------------------------------------- registers


class Counted:
    """Counts what the PEs of a reference array write: words into links and accumulators, and shifts of chains."""

    def __init__(self, variant: str) -> None:
        self.rides = variant.endswith("pipe2")
        self.wave = variant.endswith(("pipe1", "pipe"))
        self.bus = variant.startswith("osbus")
        self.shadow = variant.endswith(("db", "pipe2")) and not variant.startswith("os")
        self.row = self.col = self.accumulated = self.chain = self.copied = 0

    def __call__(self, west: Any, strobe: Any, edge: Edge[Any]) -> None:
        pe = edge.pe
        self.row += pe.a.word is not None
        self.col += (pe.b if hasattr(pe, "b") else pe.s) is not None
        if hasattr(pe, "b"):
            self.accumulated += edge.mac and not (self.bus and west.last)
        if west.sh if self.wave else strobe.shift and not self.bus:
            self.chain += 2 if self.wave else 1
        if self.shadow:
            self.copied += west.first if self.rides else strobe.swap


@pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(rows=st.integers(1, 4), cols=st.integers(1, 4), m=st.integers(1, 7), k=st.integers(1, 7), n=st.integers(1, 7))
def test_register_bits_are_those_that_an_array_of_registers_writes(
    variant: str, trimmed: bool, rows: int, cols: int, m: int, k: int, n: int
) -> None:
    counted = Counted(variant)
    grids: dict[int, tuple[Any, Any]] = {}
    clock = Grid.clock

    def counting(self: Any, row_ports: Any, north: Any, strobes: Any) -> Any:
        grids.setdefault(id(self), (self, self.pes[0][0]))
        seen = [[self.row_input(r, c, row_ports) for c in range(cols)] for r in range(rows)]
        edges = clock(self, row_ports, north, strobes)
        for r in range(rows):
            for c in range(cols):
                counted(seen[r][c], strobes[c], edges[r][c])
        return edges

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Grid, "clock", counting)
        run_layer(variant, rows, cols, [[1] * k] * m, [[1] * n] * k, trimmed)
        [(grid, reset)] = grids.values()
        for _ in range(rows + cols):  # a trimmed layer ends with words on their way through unused PEs
            counting(grid, [IDLE] * rows, [reset] * cols, [Strobe()] * cols)
    hardware = replace(array_machine(variant, trimmed, rows, cols), technology=Technology(number_format="int8"))
    designs = DesignTable.of([hardware])
    counts = LayerCounts(**{name: np.array([[0]]) for name in COUNTS} | {"groups": np.array([[1]])}
                         | {name: np.array([[size]]) for name, size in (("m", m), ("k", k), ("n", n))})  # fmt: skip
    found: Activity = activity(counts, designs)
    rides = {"pipe1": 1, "pipe": 2, "pipe2": 1}.get(variant.partition("-")[2], 0)
    control = 1 if variant.startswith("osbus") else rides
    operand, sums = 8, 32
    through, stored = (operand, sums) if variant.startswith("os") else (sums, operand)
    bits = counted.row * (operand + control) + counted.col * through + counted.accumulated * sums
    bits += (counted.chain + counted.copied) * stored
    assert found.register_bits[0, 0] == bits
