"""The TPUs: peak figures of the shipped machines, and what TPU v1 measured against its roofline.

The six workloads' shapes are unpublished. Their stand-in is a product in which each weight is used as often as
published, on the shipped `tpu_v1`, cycle by cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from cyclesim.api import load_hardware
from cyclesim.hardware import Hardware
from cyclesim.results import LayerResult
from cyclesim.schedule import schedule
from cyclesim.simulation import simulate
from cyclesim.validation.published.rows import RECOMPUTED, Row, exact, printed
from cyclesim.workload import GemmShape, Layer, Network


@dataclass(frozen=True)
class Workload:
    """A column of table 3: MACs per weight byte, measured TOPS, and whether most of the roofline was reached.

    `active_percent` is the share of cycles with an active array. The LSTMs' are above what the weight memory allows
    although their TOPS are below, so that row of the table is not used.
    """

    name: str
    macs_per_weight: int
    tops: float
    near_roofline: bool
    active_percent: float


WORKLOADS = (
    Workload("MLP0", 200, 12.3, True, 12.7),
    Workload("MLP1", 168, 9.7, True, 10.6),
    Workload("LSTM0", 64, 3.7, True, 8.2),
    Workload("LSTM1", 96, 2.8, False, 10.5),
    Workload("CNN0", 2888, 86.0, True, 78.2),
    Workload("CNN1", 1750, 14.1, False, 46.2),
)
# Why the other two are not near it, by the same table.
FAR_FROM_IT = {
    "LSTM1": "4.2 of its 10.5 % active MACs are unused, and waiting for weights takes 62.1 % of the time",
    "CNN1": "23.7 of its 46.2 % active MACs are unused, and waiting for weights takes 28.1 % of the time",
}
_BY_ROOFLINE = "the roofline by the machine's peak and weight memory, from the MACs per weight byte alone"
_STAND_IN = (
    "the workloads' shapes are not published: the stand-in is one product that uses each of its 2048x2048 weights as "
    "often. It must be no slower than what was measured, which also waits for hosts, inputs and hazards, and at most "
    "2 % below the roofline"
)
SIDE = 2048
"""Rows and columns of the stand-in's weights: 64 tiles."""


def clock_hz(machine: Hardware) -> Fraction:
    """Return the machine's clock."""
    assert machine.technology.clock_mhz is not None, machine.run_name
    return machine.technology.clock_mhz * 10**6


def peak_tops(machine: Hardware) -> float:
    """Return 2 operations a PE and cycle."""
    return float(2 * machine.rows * machine.cols * clock_hz(machine) / 10**12)


def tile_cycles(machine: Hardware) -> Fraction:
    """Return the cycles in which the DRAM channel brings the weights of one fold."""
    assert machine.dram_bandwidth_words_per_cycle is not None, machine.run_name
    return machine.rows * machine.cols / machine.dram_bandwidth_words_per_cycle


def peak_rows(v1: Hardware | None = None, v3: Hardware | None = None, edge: Hardware | None = None) -> Iterator[Row]:
    """Compare peaks of the shipped machines, or of others in their place."""
    v1 = load_hardware("tpu_v1") if v1 is None else v1
    v3 = load_hardware("tpu_v3_core") if v3 is None else v3
    edge = load_hardware("edge_tpu") if edge is None else edge
    yield printed("1.8", "TPU v1 peak [TOPS]", peak_tops(v1), "92")
    cycles = tile_cycles(v1)
    yield exact("1.8", "TPU v1: whole cycles to load a tile of weights", int(cycles), 1349, reason="34 GB/s at 700 MHz",
                label=RECOMPUTED)  # fmt: skip
    yield Row(
        "1.8", "TPU v1 ridge point [MACs per byte]", f"{float(cycles):.1f}", "1350", f"{float(cycles) - 1350:+.1f}",
        "printed to three digits", "A", True, round(cycles, -1) == 1350,
    )  # fmt: skip
    step = schedule(1, v1.rows, 2 * v1.cols, v1).step
    yield exact("1.8", "TPU v1: cycles from tile to tile if used once", step, 256, reason="the shift")
    yield printed("1.8", "TPU v3 peak [TFLOPS]", 4 * peak_tops(v3), "123", reason="2 cores with 2 units of 128x128")
    wide = replace(v3, rows=256, cols=256)
    yield printed("1.8", 'ARADA "HPC TPU", 256x256 [TFLOPS]', peak_tops(wide), "123", reason="four such units in one")
    yield printed(
        "1.8", "Edge TPU peak [TOPS]", peak_tops(edge), "4", "C", gate=False,
        reason="array and clock are guesses, 64x64 at 500 MHz, so the figure proves nothing",
    )  # fmt: skip


def roofline_tops(machine: Hardware, macs_per_weight: int) -> float:
    """Return the lesser of the peak and of what the weight memory allows."""
    from_memory = peak_tops(machine) * macs_per_weight / float(tile_cycles(machine))
    return min(peak_tops(machine), from_memory)


def roofline_rows(machine: Hardware | None = None) -> Iterator[Row]:
    """Compare the six workloads' measured TOPS with the machine's roofline, the shipped `tpu_v1` by default."""
    machine = load_hardware("tpu_v1") if machine is None else machine
    for each in WORKLOADS:
        roof = roofline_tops(machine, each.macs_per_weight)
        share = each.tops / roof
        yield Row(
            "2.4", f"{each.name}: measured, under the roofline [TOPS]", f"at most {roof:.2f}", f"{each.tops:g}",
            f"{share:.2f} of it", FAR_FROM_IT.get(each.name, _BY_ROOFLINE), "B", True, each.tops <= roof,
        )  # fmt: skip
        if each.near_roofline:
            yield Row(
                "2.4", f"{each.name}: measured TOPS against the roofline", f"{share:.2f}",
                f"0.85 to 0.95{RECOMPUTED}", "",
                "the range of the four that are near it, in the two digits of the printed TOPS; the paper states none",
                "B", True, 0.85 <= round(share, 2) <= 0.95,
            )  # fmt: skip


def stand_in(each: Workload, machine: Hardware) -> LayerResult:
    """Simulate a product with as many MACs per weight.

    The channel is limited where the weights limit; CNNs run without a limit, as their activations, which stay in the
    unified buffer, would here cross a channel of their own.
    """
    bound = each.macs_per_weight < tile_cycles(machine)
    network = Network(each.name, (Layer(each.name, 0, "gemm", GemmShape(each.macs_per_weight, SIDE, SIDE)),))
    return simulate(network, replace(machine, interface_bandwidth="USER" if bound else "CALC")).layers[0]


def simulated_rows(machine: Hardware | None = None) -> Iterator[Row]:
    """Compare stand-ins, simulated cycle by cycle, with roofline and measurement."""
    machine = load_hardware("tpu_v1") if machine is None else machine
    for each in WORKLOADS:
        yield stand_in_row(each, machine, stand_in(each, machine))


def stand_in_row(each: Workload, machine: Hardware, result: LayerResult) -> Row:
    """Compare one stand-in: above what was measured, and within 2 % below the roofline.

    The write-backs after the last array cycle are left out: in the chip results go to the unified buffer.
    """
    cycles = result.total_cycles - result.drain_cycles
    tops = peak_tops(machine) * result.macs / (machine.rows * machine.cols * cycles)
    roof = roofline_tops(machine, each.macs_per_weight)
    return Row(
        "2.4", f"{each.name}: simulated stand-in, not the workload [TOPS]", f"{tops:.2f}",
        f"at least {each.tops:g}, which the workload reached", f"{each.tops - tops:+.2f}", _STAND_IN, "B", True,
        0.98 * roof <= tops <= roof and each.tops <= tops,
    )  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield all rows of sections 1.8 and 2.4."""
    yield from peak_rows()
    yield from roofline_rows()
    yield from simulated_rows()
