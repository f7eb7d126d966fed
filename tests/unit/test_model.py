"""The analytical model: is what it calls exact exact, and does what it estimates keep the laws of any memory system?

How close its estimates come is measured by ``cyclesim validate fidelity``, not here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cyclesim
from cyclesim.cli import main
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.lowering import gemm_sizes, ifmap_requests_per_pass
from cyclesim.model import estimate as model_estimate
from cyclesim.model.estimate import Estimates, estimate, estimate_many
from cyclesim.schedule import schedule, sram_words
from cyclesim.validation.design_space import random_machine
from cyclesim.workload import GemmShape, Layer, Network
from tests.laws.strategies import EVERY_VARIANT, array_machine, small_layers

every_variant = pytest.mark.parametrize(("variant", "trimmed"), EVERY_VARIANT)
sides = st.integers(1, 20)
LIMITS = {"mean": 0.026, "p95": 0.142, "cold_start": 0.0004, "stall": 0.026, "drain": 0.0002}
"""Errors of total cycles, and of their parts as shares of them: little more than the points of the test reach."""
OPERANDS = ("ifmap", "filter", "psum", "ofmap")


def network(*layers: Layer) -> Network:
    return Network("network", layers)


# `cyclesim validate fidelity` asks the same of 5,600 points, with an error of 0 as its bound.
@every_variant
@settings(max_examples=12, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sides, cols=sides)
def test_cycles_folds_and_scratchpad_words_are_those_of_the_schedule(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int
) -> None:
    hardware = array_machine(variant, trimmed, rows, cols)
    found = estimate(network(layer), hardware).layers[0]
    groups, m, k, n = gemm_sizes(layer)
    plan = schedule(m, k, n, hardware)
    words = sram_words(plan, groups, ifmap_requests_per_pass(layer))
    assert found.compute_cycles == groups * plan.cycles
    assert (found.folds, found.step_cycles) == (groups * plan.folds, plan.longest_step)
    assert found.spatial_used == groups * plan.spatial_rows * plan.spatial_cols
    assert found.sram_reads == {"ifmap": words.ifmap, "filter": words.filter, "psum": words.psum}
    assert found.sram_writes == {"ofmap": words.ofmap}


@st.composite
def memories(draw: st.DrawFn, hardware: Hardware) -> Hardware:
    """Return the machine with any scratchpads and channel."""
    pads = [Scratchpad(size_words=draw(st.sampled_from([1, 2, 30, 300, 5000, 10**6]))) for _ in range(3)]
    bandwidth = draw(st.none() | st.sampled_from([Fraction(1, 3), Fraction(2), Fraction(31), Fraction(10**6)]))
    return replace(
        hardware,
        ifmap_sram=pads[0],
        filter_sram=pads[1],
        ofmap_sram=pads[2],
        psum_bits=draw(st.sampled_from([8, 32])),
        interface_bandwidth="CALC" if bandwidth is None else "USER",
        dram_bandwidth_words_per_cycle=bandwidth,
        dram_latency_cycles=draw(st.sampled_from([1, 7, 200])),
        dram_ports=draw(st.sampled_from(["shared", "separate"])),
    )


@every_variant
@settings(max_examples=10, deadline=None, derandomize=True)
@given(layer=small_layers(), rows=sides, cols=sides, data=st.data())
def test_estimates_keep_the_laws_of_a_memory_system(
    variant: str, trimmed: bool, layer: Layer, rows: int, cols: int, data: st.DataObject
) -> None:
    hardware = data.draw(memories(array_machine(variant, trimmed, rows, cols)))
    found = estimate(network(layer), hardware).layers[0]
    reads, writes = found.dram_reads, found.dram_writes["ofmap"]
    assert found.stall_cycles >= 0
    assert found.cold_start_cycles >= 0
    assert found.drain_cycles >= 1
    assert reads["psum"] + found.groups * found.m * found.n == writes
    assert all(reads[operand] <= found.sram_reads[operand] for operand in ("ifmap", "filter", "psum"))
    assert writes <= found.sram_writes["ofmap"]
    bandwidth = hardware.dram_bandwidth_words_per_cycle
    if bandwidth is not None:
        words = found.dram_words
        if hardware.dram_ports == "separate":
            words = max(reads["ifmap"], reads["filter"], reads["psum"] + writes)
        assert found.total_cycles * bandwidth >= words
    large = Scratchpad(size_words=10**9)
    roomy = replace(hardware, ifmap_sram=large, filter_sram=large, ofmap_sram=large)
    least = estimate(network(layer), roomy).layers[0]
    assert least.dram_words <= found.dram_words
    assert least.dram_reads["filter"] == found.groups * found.k * found.n


@settings(max_examples=25, deadline=None, derandomize=True)
@given(layers=st.lists(small_layers(), min_size=1, max_size=4), data=st.data(), jobs=st.integers(1, 3))
def test_many_are_the_same_as_one(layers: list[Layer], data: st.DataObject, jobs: int) -> None:
    variants = data.draw(st.lists(st.sampled_from(EVERY_VARIANT), min_size=1, max_size=5))
    arrays = [array_machine(*variant, data.draw(sides), data.draw(sides)) for variant in variants]
    machines = [data.draw(memories(array)) for array in arrays]
    many = estimate_many(layers, machines, jobs)
    for i, layer in enumerate(layers):
        for j, machine in enumerate(machines):
            one = estimate(network(layer), machine).layers[0]
            alone = {
                **{name: getattr(one, name) for name in (f.name for f in fields(Estimates)) if hasattr(one, name)},
                **{f"sram_{name}": words for name, words in {**one.sram_reads, **one.sram_writes}.items()},
                **{f"dram_{name}": words for name, words in {**one.dram_reads, **one.dram_writes}.items()},
            }
            assert {field.name: int(getattr(many, field.name)[i, j]) for field in fields(Estimates)} == alone


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("at_once", [(1, 1), (40, 7), (100, 1000)])
def test_blocks_and_threads_make_no_difference(
    at_once: tuple[int, int], jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [*cyclesim.load_topology("alexnet").layers, *cyclesim.load_topology("bert_base").layers[:4]]
    machines = [random_machine(np.random.default_rng(seed)) for seed in range(30)]
    whole = estimate_many(layers, machines)
    monkeypatch.setattr(model_estimate, "POINTS_AT_ONCE", at_once[0])
    monkeypatch.setattr(model_estimate, "MACHINES_AT_ONCE", at_once[1])
    parts = estimate_many(layers, machines, jobs)
    for field in fields(Estimates):
        assert np.array_equal(getattr(parts, field.name), getattr(whole, field.name)), field.name


def test_of_no_layers_or_machines_there_are_no_estimates() -> None:
    layers, machine = cyclesim.load_topology("alexnet").layers[:2], cyclesim.load_hardware("default")
    for some_layers, machines in ((layers, []), ([], [machine]), ([], [])):
        found = estimate_many(some_layers, machines)
        for field in fields(Estimates):
            values = getattr(found, field.name)
            assert (values.shape, values.dtype) == ((len(some_layers), len(machines)), np.int64), field.name


def test_a_dataflow_that_makes_no_variant_is_bad_input() -> None:
    machine = replace(cyclesim.load_hardware("default"), fold_overlap="pipe2")
    for evaluate in (estimate, cyclesim.simulate):
        with pytest.raises(cyclesim.BadInput, match="dataflow: variant os-pipe2 is not defined"):
            evaluate(cyclesim.load_topology("alexnet"), machine, dataflow="os")


@pytest.mark.parametrize("memory", ["scalesim", "scalesim2"])
def test_many_refuse_the_machines_that_one_refuses(memory: str) -> None:
    native = cyclesim.load_hardware("default")
    machines = [native, replace(native, memory_model=memory)]  # type: ignore[arg-type]
    with pytest.raises(cyclesim.BadInput, match=f"the model estimates memory native only .got {memory}."):
        estimate_many(cyclesim.load_topology("alexnet").layers, machines)


@pytest.mark.parametrize(
    ("name", "machine"), [("alexnet", "default"), ("bert_base", "tpu_v1"), ("vit_b_16", "eyeriss")]
)
def test_layers_that_no_memory_holds_up_are_exact(name: str, machine: str) -> None:
    """Products on a channel without limit: every figure equals the simulated one."""
    net, hardware = cyclesim.load_topology(name).select([5, 6]), cyclesim.load_hardware(machine)
    hardware = replace(hardware, interface_bandwidth="CALC", dram_latency_cycles=1)
    estimated, simulated = estimate(net, hardware), cyclesim.simulate(net, hardware)
    for one, other in zip(estimated.layers, simulated.layers, strict=True):
        for field in ("compute_cycles", "cold_start_cycles", "stall_cycles", "drain_cycles", "bound"):
            assert getattr(one, field) == getattr(other, field), (one.name, field)
        assert (one.dram_reads, one.dram_writes) == (other.dram_reads, other.dram_writes)
        assert one.sram_bandwidth_peak == other.sram_bandwidth_peak
        assert one.dram_bandwidth_peak == other.dram_bandwidth_peak


@pytest.mark.parametrize("variant", [("ws", "none"), ("ws", "pipe"), ("ws", "pipe2"), ("os", "none"), ("is", "db")])
def test_the_busiest_step_of_a_convolution_is_near_the_simulated_one(variant: tuple[str, str]) -> None:
    """Kernels are exact; ifmap words depend on padding and on what earlier folds left, results on how folds overlap."""
    net = cyclesim.load_topology("googlenet").select([2, 15, 30])
    hardware = replace(cyclesim.load_hardware("default"), dataflow=variant[0], fold_overlap=variant[1])  # type: ignore[arg-type]
    for one, other in zip(estimate(net, hardware).layers, cyclesim.simulate(net, hardware).layers, strict=True):
        peaks, truth = one.dram_bandwidth_peak, other.dram_bandwidth_peak
        assert peaks["filter"] == truth["filter"], one.name
        for name in ("ifmap", "psum", "ofmap"):
            near = {"ifmap": 2.1 if variant[0] == "is" else 1.35}.get(name, 1.7 if variant[1] != "none" else 1)
            assert peaks[name] == truth[name] or 0.9 < peaks[name] / truth[name] <= near, (one.name, name)
        for name, mean in one.dram_bandwidth_mean.items():
            assert name == "ofmap" or peaks[name] >= mean * (1 - 1e-12), one.name


def test_a_channel_too_slow_for_integers_is_refused() -> None:
    fc6 = cyclesim.load_topology("alexnet").select([5])
    slow = replace(
        cyclesim.load_hardware("default"), interface_bandwidth="USER",
        dram_bandwidth_words_per_cycle=Fraction(1, 10**12),
    )  # fmt: skip
    with pytest.raises(cyclesim.BadInput, match=r"layer fc6 takes more than 2\*\*60 cycles on 1/1000000000000 words"):
        estimate(fc6, slow)
    long = replace(slow, interface_bandwidth="CALC", dram_latency_cycles=10**18)
    with pytest.raises(cyclesim.BadInput, match="on an unlimited channel with a latency of 1000000000000000000 cycles"):
        estimate(fc6, long)
    many = estimate_many(fc6.layers, [slow, replace(slow, dram_bandwidth_words_per_cycle=Fraction(1, 10**20))])
    assert (many.total_cycles >= 1 << 60).all()
    wide = Layer("wide", 0, "gemm", GemmShape(m=2 * 10**9, n=1, k=2 * 10**9))
    assert estimate(network(wide), cyclesim.load_hardware("default")).layers[0].least_bandwidth


def test_cycles_with_a_memory_stay_as_close_as_they_were_measured() -> None:
    """A few points of the design space, held to little more than they reach; ``validate fidelity`` measures many."""
    rng = np.random.default_rng(7)
    layers = [cyclesim.load_topology("googlenet").layers[place] for place in (55, 56, 57)]
    machines: list[Hardware] = []
    while len(machines) < 40:
        machine = random_machine(rng)
        if estimate_many(layers, [machine]).compute_cycles.sum() < 60_000:
            machines.append(machine)
    found = estimate_many(layers, machines)
    runs = [[cyclesim.simulate(network(layer), machine, jobs=1).layers[0] for machine in machines] for layer in layers]

    def simulated(field: str) -> np.ndarray:
        return np.array([[getattr(run, field) for run in row] for row in runs], np.float64)

    total = simulated("total_cycles")
    error = np.abs(found.total_cycles / total - 1)
    assert (error.mean(), np.quantile(error, 0.95)) <= (LIMITS["mean"], LIMITS["p95"])
    for part in ("cold_start", "stall", "drain"):
        wrong = np.abs(getattr(found, f"{part}_cycles") - simulated(f"{part}_cycles")) / total
        assert wrong.mean() <= LIMITS[part], part


def test_a_lookahead_of_less_than_a_cycles_words_does_not_slow_the_model_down() -> None:
    """What the next cycle wants may always be fetched."""
    layer = cyclesim.load_topology("resnet18").layers[7]
    machine = replace(
        cyclesim.load_hardware("default"), interface_bandwidth="USER", dram_bandwidth_words_per_cycle=Fraction(64)
    )
    for active in (Fraction(1, 2), Fraction(999, 1000), Fraction(1)):
        hardware = replace(machine, active_fraction=active)
        ratio = (
            estimate(network(layer), hardware).totals.total_cycles
            / cyclesim.simulate(network(layer), hardware, jobs=1).totals.total_cycles
        )
        assert 0.8 < ratio < 1.25, active


@pytest.mark.parametrize("dataflow", ["ws", "is"])
@pytest.mark.parametrize("latency", [1, 20, 200])
def test_idle_rows_while_loading_do_not_hide_the_latency(dataflow: str, latency: int) -> None:
    layer = Layer("product", 0, "gemm", GemmShape(m=64, n=8, k=8))
    large = Scratchpad(size_words=10**6)
    plain = array_machine(dataflow, False, 9, 8, (0, 10**6, 2 * 10**6))
    machine = replace(plain, ifmap_sram=large, filter_sram=large, ofmap_sram=large)
    hardware = replace(machine, dram_latency_cycles=latency)
    run, found = cyclesim.simulate(network(layer), hardware).layers[0], estimate(network(layer), hardware).layers[0]
    assert found.cold_start_cycles == run.cold_start_cycles
    assert found.total_cycles == run.total_cycles


def test_the_least_bandwidth_is_one_without_stalls_and_one_less_has_some() -> None:
    layer = Layer("product", 0, "gemm", GemmShape(m=300, n=200, k=400))
    hardware = array_machine("ws", False, 16, 16)
    least = estimate(network(layer), hardware).layers[0].least_bandwidth
    assert least is not None
    stalls = [
        estimate(
            network(layer),
            replace(hardware, interface_bandwidth="USER", dram_bandwidth_words_per_cycle=Fraction(bandwidth)),
        ).layers[0].stall_cycles
        for bandwidth in (least, least - 1)
    ]  # fmt: skip
    assert stalls[0] == 0 < stalls[1]


def test_neither_numba_nor_h5py_is_loaded() -> None:
    code = (
        "import sys, cyclesim; "
        "cyclesim.estimate(cyclesim.load_topology('alexnet'), cyclesim.load_hardware('default')); "
        "print(sorted({'numba', 'h5py'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "[]\n"


def test_arguments_are_checked() -> None:
    net, hardware = cyclesim.load_topology("alexnet"), cyclesim.load_hardware("default")
    with pytest.raises(cyclesim.BadInput, match="dataflow must be one of os, ws, is"):
        estimate(net, hardware, dataflow="wss")
    with pytest.raises(cyclesim.BadInput, match="the model estimates memory native only"):
        estimate(net, replace(hardware, memory_model="scalesim"))
    with pytest.raises(cyclesim.BadInput, match="has no layers"):
        estimate(Network("empty", ()), hardware)


# --------------------------------------------------------------------------------------------------- command line


def test_the_command_writes_the_reports_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["estimate", "-t", "alexnet", "--layers", "5-6"]) == 0
    assert capsys.readouterr().out.endswith("cycles estimated: results/default-estimate\n")
    folder = tmp_path / "results/default-estimate"
    assert sorted(path.name for path in folder.iterdir()) == [
        "AREA_REPORT.csv", "BANDWIDTH_REPORT.csv", "COMPUTE_REPORT.csv", "DETAILED_ACCESS_REPORT.csv",
        "ENERGY_REPORT.csv", "STALL_REPORT.csv", "SUMMARY.json",
    ]  # fmt: skip
    summary = json.loads((folder / "SUMMARY.json").read_text(encoding="utf-8"))
    assert summary["engine"] == "estimate"
    found = cyclesim.estimate(cyclesim.load_topology("alexnet").select([5, 6]), cyclesim.load_hardware("default"))
    assert summary["layers"] == [layer.to_dict() for layer in found.layers]
    assert summary["totals"]["stall_by"] is None


def test_the_command_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sweeps = ["--sweep", "DramBandwidth=1,2", "--sweep", "Dataflow=os,ws,is"]
    assert main(["estimate", "--layers", "0", *sweeps, "-q"]) == 0
    lines = (tmp_path / "results/default-estimate/SWEEP.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 6
    assert lines[0].startswith("DramBandwidth,Dataflow,LayerID,Layer,type,")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--memory", "scalesim"), "cyclesim: --memory: the model estimates memory native only\n"),
        (("-t", "alexnt"), "cyclesim: -t: "),
        (("--traces", "all"), "cyclesim: unknown arguments: --traces all"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["estimate", "-t", "alexnet", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err or "alexnet" in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
