"""A matrix product on an array: folds, their order, and every cycle number in closed form.

This file is docs/microarchitecture.md, sections 1, 3, 4 and 7, in code: for each variant where a fold's stream and
preload start, how long a group takes, and when results leave. It is shared by the simulator and the analytical
model; its judge is a model of the array that moves values from register to register.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cyclesim.hardware import Dataflow, Hardware
from cyclesim.lowering import gemm_sizes
from cyclesim.workload import Layer


@dataclass(frozen=True)
class Schedule:
    """The folds of one group of a layer. All cycle numbers are array cycles, 0-based within the group.

    `spatial_rows`, `spatial_cols` and `steps` are Sr, Sc and T: the matrix dimensions on the array's rows, on its
    columns and on time.
    """

    rows: int
    cols: int
    dataflow: Dataflow
    variant: str
    trimmed: bool
    spatial_rows: int
    spatial_cols: int
    steps: int

    @property
    def row_folds(self) -> int:
        """Fr: folds over the rows' dimension; the inner loop."""
        return -(-self.spatial_rows // self.rows)

    @property
    def col_folds(self) -> int:
        """Fc: folds over the columns' dimension; the outer loop."""
        return -(-self.spatial_cols // self.cols)

    @property
    def folds(self) -> int:
        """Folds of one group."""
        return self.row_folds * self.col_folds

    @property
    def stationary(self) -> bool:
        """Whether an operand is preloaded and partial sums leave (ws, is)."""
        return self.dataflow != "os"

    @property
    def reads_psums(self) -> bool:
        """Whether partial sums come back to the array."""
        return self.stationary and self.row_folds > 1

    @property
    def clocks(self) -> tuple[str, ...]:
        """Names of the cycles that are kept beside the requests of an array cycle: the wall cycle."""
        return ("cycle",)

    @property
    def dram_streams(self) -> tuple[str, ...]:
        """Streams that have a DRAM trace, be it empty."""
        return ("ifmap", "filter", "ofmap", "psum")

    @property
    def label(self) -> str:
        """What trace files call the variant."""
        return f"{self.variant}{'+trim' if self.trimmed else ''}"

    @property
    def on_bus(self) -> bool:
        """Whether results leave over a bus per column."""
        return self.variant.startswith("osbus")

    @property
    def overlap(self) -> str:
        """How folds overlap: none, db, pipe1, pipe or pipe2."""
        return self.variant.partition("-")[2] or "none"

    @property
    def first_stream(self) -> int:
        """S_0: the stream start of the first fold."""
        if not self.stationary:
            return 0
        return min(self.rows, self.spatial_rows) if self.trimmed else self.rows

    @property
    def step(self) -> int:
        """Cycles from one fold's stream start to the next one's (padded folds)."""
        r, c, t = self.rows, self.cols, self.steps
        if self.overlap == "db" or (self.on_bus and self.overlap == "none"):
            return t + r + c - 2
        return {
            "none": t + 2 * r + c - 2,
            "pipe1": t + r,
            "pipe": max(t, r),
            "pipe2": max(t, 2 * r - 1),
        }[self.overlap]

    @property
    def longest_step(self) -> int:
        """Cycles from the start of one fold to that of the next, for the longest fold if folds are trimmed."""
        if not self.trimmed:
            return self.step
        return self.trimmed_base + min(self.rows, self.spatial_rows) + min(self.cols, self.spatial_cols)

    @property
    def tail(self) -> int:
        """Cycles from the last fold's stream start to the group's end (padded folds)."""
        r, c, t = self.rows, self.cols, self.steps
        return t + r + c - 2 if self.stationary or self.on_bus else t + 2 * r + c - 2

    @property
    def trimmed_base(self) -> int:
        """Length of a trimmed fold less its used rows and columns (section 7)."""
        return self.steps - 2 if self.on_bus else self.steps - 2 + self.rows

    @property
    def second_preload(self) -> int:
        """P_1: where the second fold's preload starts; P_f = P_1 + (f - 1) * step (padded ws, is)."""
        return {
            "none": self.step,
            "pipe1": self.step,
            "db": self.rows,
            "pipe": self.rows,
            "pipe2": 2 * self.rows - 1,
        }[self.overlap]

    @property
    def preload_skew(self) -> int:
        """1 if column c's preload is c cycles behind column 0's."""
        return 1 if self.overlap in ("pipe1", "pipe", "pipe2") else 0

    @property
    def output_skew(self) -> int:
        """1 if column c's results are c cycles behind column 0's."""
        return 0 if self.variant == "os-db" else 1

    @property
    def output_delay(self) -> int:
        """Cycles from a fold's stream start to the first slot in which a result can leave column 0."""
        r, c, t = self.rows, self.cols, self.steps
        if self.stationary:
            return r - 1
        if self.on_bus:
            return t - 1
        return t + r + c - 2 if self.variant == "os-db" else t + r - 1

    @property
    def cycles(self) -> int:
        """L: the length of one group in array cycles."""
        if self.trimmed:
            ragged = self.spatial_rows * self.col_folds + self.spatial_cols * self.row_folds
            return self.folds * self.trimmed_base + ragged
        return self.first_stream + (self.folds - 1) * self.step + self.tail


def schedule(m: int, k: int, n: int, hardware: Hardware) -> Schedule:
    """Return the schedule of an (m, k) by (k, n) product on the machine's array."""
    spatial_rows, spatial_cols, steps = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[hardware.dataflow]
    return Schedule(
        rows=hardware.rows,
        cols=hardware.cols,
        dataflow=hardware.dataflow,
        variant=hardware.variant,
        trimmed=hardware.trim_folds,
        spatial_rows=spatial_rows,
        spatial_cols=spatial_cols,
        steps=steps,
    )


def layer_fields(layer: Layer, plan: Schedule) -> dict[str, Any]:
    """Return what a result says of a layer on an array, by the names of its fields, before anything moves."""
    groups, m, k, n = gemm_sizes(layer)
    array_size = plan.rows * plan.cols
    return {
        "name": layer.name,
        "index": layer.index,
        "type": layer.type,
        "groups": groups,
        "m": m,
        "k": k,
        "n": n,
        "macs": groups * m * k * n,
        "folds": groups * plan.folds,
        "array_size": array_size,
        "spatial_used": groups * plan.spatial_rows * plan.spatial_cols,
        "spatial_slots": groups * plan.folds * array_size,
    }


@dataclass(frozen=True)
class SramWords:
    """Words that cross the scratchpads' ports in a layer, by operand; padding is no word."""

    ifmap: int
    filter: int
    psum: int
    ofmap: int


def sram_words(plan: Schedule, groups: int, ifmap_requests_per_pass: int) -> SramWords:
    """Return a layer's scratchpad reads and writes in closed form (section 4, totals per layer).

    Parameters
    ----------
    plan : Schedule
        Of one group.
    groups : int
    ifmap_requests_per_pass : int
        Elements of all groups' (m, k) matrices that are not padding.
    """
    if plan.dataflow == "os":
        m, n, k = plan.spatial_rows, plan.spatial_cols, plan.steps
        return SramWords(ifmap_requests_per_pass * plan.col_folds, groups * k * n * plan.row_folds, 0, groups * m * n)
    outputs = groups * plan.steps * plan.spatial_cols
    psums = outputs * (plan.row_folds - 1)
    if plan.dataflow == "ws":
        weights = groups * plan.spatial_rows * plan.spatial_cols
        return SramWords(ifmap_requests_per_pass * plan.col_folds, weights, psums, outputs * plan.row_folds)
    weights = groups * plan.spatial_rows * plan.steps
    return SramWords(ifmap_requests_per_pass, weights * plan.col_folds, psums, outputs * plan.row_folds)
