"""SCALE-Sim's schedule: folds that never overlap, and an output drain of its own (docs/scalesim-parity.md, 6).

The patterns of demand are the native ones with other cycle numbers, so that the same kernels generate both.
"""

from __future__ import annotations

from dataclasses import dataclass

from cyclesim.hardware import Hardware
from cyclesim.lowering import gemm_sizes
from cyclesim.schedule import Schedule, schedule
from cyclesim.workload import Layer


@dataclass(frozen=True)
class ScaleSimSchedule(Schedule):
    """Folds one after the other, each loaded, streamed and drained before the next begins."""

    @property
    def step(self) -> int:
        """Demand rows of a fold."""
        fill_and_stream = self.steps + self.rows + self.cols - 2
        return fill_and_stream + self.rows if self.stationary else fill_and_stream

    @property
    def output_delay(self) -> int:
        """Rows from the stream's start to the first result; in os the bottom row's, before it is ready."""
        return self.rows - 1 if self.stationary else self.steps - 1

    @property
    def reads_psums(self) -> bool:
        """Never: each row fold writes its partial sums, and none is read back."""
        return False

    @property
    def cycles(self) -> int:
        """Demand rows of the layer."""
        return self.folds * self.step

    @property
    def clocks(self) -> tuple[str, ...]:
        """Cycles that stand beside a demand row: of its request, and of the buffers that serve it."""
        return ("cycle", "ifmap_cycle", "filter_cycle", "ofmap_cycle")

    @property
    def dram_streams(self) -> tuple[str, ...]:
        """Streams that have a DRAM trace."""
        return ("ifmap", "filter", "ofmap")

    @property
    def label(self) -> str:
        """What trace files call it: a variant of no hardware."""
        return f"scalesim-{self.dataflow}"

    @property
    def utilization_cycles(self) -> int:
        """What SCALE-Sim takes for the cycles of a fold in Compute Util; in ws and is, C - 1 more than there are."""
        return self.step + (self.cols - 1 if self.stationary else 0)


def layer_schedule(layer: Layer, hardware: Hardware) -> Schedule:
    """Return the schedule of a layer's groups in the machine's memory model."""
    _, m, k, n = gemm_sizes(layer)
    plan = schedule(m, k, n, hardware)
    return ScaleSimSchedule(**vars(plan)) if hardware.follows_scalesim else plan


def layer_cycles(layer: Layer, hardware: Hardware) -> int:
    """Return the array cycles of a layer in closed form; where SCALE-Sim is followed, its demand rows."""
    return gemm_sizes(layer)[0] * layer_schedule(layer, hardware).cycles
