"""Points of a space: the machines that their indices mean, and the metrics that an estimate of them says."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cyclesim
from cyclesim.columns import MachineColumns, PadColumns
from cyclesim.console import interruptible
from cyclesim.errors import BadInput
from cyclesim.explore.evaluate import Evaluator
from cyclesim.explore.metrics import METRICS
from cyclesim.explore.space import read_space
from cyclesim.hardware import Hardware
from cyclesim.results import flatten
from cyclesim.technology.machine import priced

NETWORK = """Layer,Type,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,StrideH,StrideW,PadH,PadW,Groups,M,N,K
first conv,conv,9,8,3,3,4,10,2,1,1,1,1,,,
product,gemm,,,,,,,,,,,2,7,5,11
first again,conv,9,8,3,3,4,10,2,1,1,1,1,,,
"""
SMALL = '[explore]\nnetworks = ["net.csv"]\nobjectives = { edp = "min" }\n[space]\n'
MANY_KEYS = """Dataflow = ["os", "ws", "is"]
FoldOverlap = ["none", "db", "pipe1", "pipe", "pipe2"]
OsDrain = ["shift", "bus"]
TrimFolds = [false, true]
ArrayHeight = [4, 16]
ArrayWidth = { pow2 = [4, 64] }
IfmapSramSzkB = [1, 64, 100000]
FilterSramWords = [333, 100000]
OfmapSramSzkB = [1, 64]
WordBits = [8, 12]
OfmapBits = [8, 40]
ActiveFraction = [0.5, "2/3"]
Bandwidth = [4, 2.5]
InterfaceBandwidth = ["CALC", "USER"]
DramPorts = ["shared", "separate"]
DramLatency = [1, 40]
NodeNm = [45, 28, 5]
ClockMHz = [500, 1000]
Device = ["hp", "itrs-lstp"]
DramType = ["DDR4", "HBM2"]
SramOrganisation = ["wide", "per_port"]
SramPorts = ["1RW", "1R1W"]
"""


def evaluator(folder: Path, text: str) -> Evaluator:
    (folder / "net.csv").write_text(NETWORK, encoding="utf-8")
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return Evaluator(read_space(path))


def added(totals: Mapping[str, Any], *names: str) -> Any:
    return sum(value for name, value in totals.items() if name.startswith(names))


def limit_mhz(hardware: Hardware) -> float:
    machine = priced(hardware).machine
    assert machine is not None
    return machine.clock_limit_mhz


def same(found: MachineColumns, expected: MachineColumns) -> None:
    for field in fields(MachineColumns):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(ours, PadColumns):
            np.testing.assert_array_equal(ours.size_bytes, theirs.size_bytes)
            np.testing.assert_array_equal(ours.size_words, theirs.size_words)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
            assert ours.dtype == theirs.dtype, field.name


@pytest.mark.parametrize(
    "axes",
    [
        MANY_KEYS,
        'NumberFormat = ["int8", "fp16/fp32"]\nPsumBits = [16, 32]\nIfmapBits = [4, 8]\nDramBandwidth = [3, "7/2"]\n',
        "DramLatency = [3, 4]\nBandwidth = [2]\n",
        "FilterBits = [8, 16, 64]\nWordBits = [4, 9]\nOfmapSramWords = [1, 1000]\n",
    ],
)
def test_columns_are_those_of_the_machines_read_one_by_one(tmp_path: Path, axes: str) -> None:
    points = evaluator(tmp_path, SMALL + axes)
    indices = np.random.default_rng(1).integers(0, points.space.points, 150)
    codes = points.space.decode(indices)
    codes = codes[points.machines.undefined(codes) == 0][:40]
    same(points.machines.columns(codes), MachineColumns.of([points.machines.hardware(each) for each in codes]))


def test_metrics_are_those_of_an_estimates_totals(tmp_path: Path) -> None:
    everything = ", ".join(f'{name} = "min"' for name in METRICS)
    points = evaluator(tmp_path, SMALL.replace('edp = "min"', everything) + MANY_KEYS)
    assert set(points.metrics) == set(METRICS)
    block = points(np.random.default_rng(2).integers(0, points.space.points, 400))
    compared = 0
    for place in range(len(block.reason)):
        if "variant" in points.reasons[block.reason[place]]:
            assert all(np.isnan(values[place]) for values in block.metrics.values())
            with pytest.raises(BadInput, match="defined"):
                points.machines.hardware(block.codes[place])
            continue
        hardware = points.machines.hardware(block.codes[place])
        if block.reason[place]:
            with pytest.raises(BadInput, match="to be priced"):
                cyclesim.estimate(points.networks[0], hardware)
            assert np.isnan(block.metrics["edp"][place])
            assert block.metrics["total_cycles"][place] > 0
            continue
        if compared == 25:
            continue
        compared += 1
        totals = flatten(cyclesim.estimate(points.networks[0], hardware).totals.to_dict())
        expected = {
            **totals,
            "energy_pj": totals["total_energy_pj"],
            "area_mm2": totals["total_area_mm2"],
            "power_mw": added(totals, "power_mw_"),
            "leakage_pj": added(totals, "leakage_pj_"),
            "sram_words": added(totals, "sram_reads", "sram_writes"),
            "dram_words": added(totals, "dram_reads", "dram_writes"),
            "clock_limit_mhz": limit_mhz(hardware),
            "clock_margin": limit_mhz(hardware) / totals["clock_mhz"],
        }
        for name, values in block.metrics.items():
            value = np.nan if expected[name] is None else expected[name]
            if METRICS[name].is_count:
                assert values[place] == value, name
            else:
                np.testing.assert_allclose(values[place], value, rtol=1e-12, err_msg=name)
    assert compared == 25


def test_totals_of_several_networks_are_weighted_and_ratios_formed_from_them(tmp_path: Path) -> None:
    head = SMALL.replace('["net.csv"]', '{ "net.csv" = 0.25, alexnet = 2 }')
    points = evaluator(tmp_path, head + "ArrayHeight = [16]\n")
    assert not points.whole_weights
    found = points(np.array([0])).metrics
    small, large = (cyclesim.estimate(net, points.machines.hardware([0])).totals for net in points.networks)
    cycles = 0.25 * small.total_cycles + 2 * large.total_cycles
    assert found["total_cycles"][0] == cycles
    macs = 0.25 * small.macs + 2 * large.macs
    assert found["utilization"][0] == pytest.approx(macs / (small.pes * cycles), rel=1e-14)
    energy = 0.25 * (small.total_energy_pj or 0) + 2 * (large.total_energy_pj or 0)
    assert found["fj_per_op"][0] == pytest.approx(energy * 1e3 / (2 * macs), rel=1e-12)
    assert found["area_mm2"][0] == pytest.approx(large.total_area_mm2, rel=1e-14)


def test_points_outside_of_constraints_keep_their_metrics_and_say_which(tmp_path: Path) -> None:
    bounds = "pes = ['<= 256', '>= 96']\ntotal_cycles = '>= 500'\n"
    points = evaluator(tmp_path, SMALL + f"ArrayHeight = [2, 3, 8, 16]\n[constraints]\n{bounds}")
    block = points(np.arange(4))
    pes = block.metrics["pes"]
    assert pes.tolist() == [64, 96, 256, 512]
    inside = (block.metrics["total_cycles"] >= 500) & (pes <= 256) & (pes >= 96)
    assert block.feasible.tolist() == inside.tolist()
    assert points.reasons[block.reason[0]] == "outside of the constraint pes >= 96"
    assert points.reasons[block.reason[3]] == "outside of the constraint pes <= 256"
    assert block.metrics["edp"][2] > 0


def test_blocks_do_not_change_a_point_and_evaluators_travel(tmp_path: Path) -> None:
    points = evaluator(tmp_path, SMALL + MANY_KEYS)
    indices = np.random.default_rng(3).integers(0, points.space.points, 200)
    whole = pickle.loads(pickle.dumps(points))(indices)
    for start in (0, 7, 199):
        alone = points(indices[start : start + 1])
        for name, values in alone.metrics.items():
            np.testing.assert_array_equal(values[0], whole.metrics[name][start], err_msg=name)


@pytest.mark.parametrize(
    ("axes", "line", "said"),
    [
        ('Dataflow = ["os"]\nFoldOverlap = ["pipe2"]\n', 6, "variant os-pipe2 is not defined"),
        ('InterfaceBandwidth = ["CALC", "USER"]\n', 5, "InterfaceBandwidth USER needs DramBandwidth in"),
        ("DramLatency = [3]\n", 5, "InterfaceBandwidth USER needs DramBandwidth in"),
        ('ComponentFile = ["none.csv"]\n', 5, "ComponentFile 'none.csv' cannot be read"),
    ],
)
def test_spaces_without_a_machine_say_why(tmp_path: Path, axes: str, line: int, said: str) -> None:
    with pytest.raises(BadInput) as problem:
        evaluator(tmp_path, SMALL + axes)
    assert str(problem.value).startswith(f"{tmp_path / 'space.toml'}:{line}: {said}"), str(problem.value)


def test_figures_of_ones_own_can_be_explored(tmp_path: Path) -> None:
    for name, value in (("a.csv", 0.2), ("b.csv", 0.4)):
        (tmp_path / name).write_text(f"component,figure,value\nmultiplier,energy_pj,{value}\n", encoding="utf-8")
    points = evaluator(tmp_path, SMALL + 'ComponentFile = ["a.csv", "b.csv"]\nClockMHz = [1000]\n')
    block = points(np.arange(2))
    macs = block.metrics["macs"]
    more = block.metrics["energy_pj_multiplier"][1] - block.metrics["energy_pj_multiplier"][0]
    assert more == pytest.approx(0.2 * macs[0])
    assert [len(own.values) for own in points.machines.own] == [1, 1]


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    """Ctrl-C as on a terminal, even where the tests run in the background and would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_an_interruption_waits_for_the_end_of_a_step_and_a_second_one_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible() as check:  # noqa: PT012
        check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
