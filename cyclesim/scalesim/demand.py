"""What follows from SCALE-Sim's schedule: the order of prefetches, request counts and efficiencies.

What SCALE-Sim fetches in USER mode is a pattern of demand, too: of rows that follow each other without gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cyclesim.demand import Demand, PortGroup
from cyclesim.scalesim_schedule import ScaleSimSchedule
from cyclesim.scalesim_versions import ScaleSimVersion
from cyclesim.schedule import Schedule


@dataclass(frozen=True)
class PrefetchOrder:
    """The order in which an operand comes from DRAM in USER mode: a stack of blocks as if they were demand rows.

    The stacked matrix has `matrix_rows` rows and as many columns as `group` has ports. Diagonal by diagonal it is a
    stream whose ports are one row behind each other, row by row one whose ports are not: `rows` of them.
    """

    group: PortGroup
    matrix_rows: int
    rows: int

    @property
    def ports(self) -> int:
        """Columns of the stacked matrix."""
        return self.group.ports

    @property
    def entries(self) -> int:
        """Entries of the stacked matrix, nulls included."""
        return self.matrix_rows * self.ports

    def inside(self, first_row: int, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Return (ports, count): whether the stacked matrix has an entry there, in rows from `first_row` on."""
        behind = self.group.stream.skew * np.arange(self.ports)[:, None]
        row = first_row + np.arange(count)[None, :] - behind
        inside: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = (row >= 0) & (row < self.matrix_rows)
        return inside


def prefetch_order(plan: Demand, operand: str) -> PrefetchOrder:
    """Return the order in which an operand is prefetched (docs/scalesim-parity.md, section 7)."""
    group, folds = plan.groups[operand], plan.plan
    stream = group.stream
    if stream.time_is_fold_rows:  # the stationary operand: whole columns, not reversed, row by row
        stream = stream._replace(
            skew=0,
            time_is_fold_rows=0,
            bottom_first=0,
            steps=folds.spatial_rows,
            time_address=np.ascontiguousarray(stream.time_address[::-1]),
            pad_masks=np.ascontiguousarray(stream.pad_masks[:, ::-1]),
        )
    blocks = folds.row_folds if stream.space_is_rows else folds.col_folds
    once = {"col_folds": 1} if stream.space_is_rows else {"row_folds": 1}
    table = group.folds._replace(first=0, second=stream.steps, step=stream.steps, row_factor=0, **once)
    matrix_rows = blocks * stream.steps
    rows = matrix_rows + stream.skew * (stream.ports - 1)
    return PrefetchOrder(PortGroup(stream, table), matrix_rows, rows)


def sram_counts(plan: Schedule) -> dict[str, int]:
    """Return SCALE-Sim's numbers of scratchpad requests: areas, nulls included; in os, R + C more writes a fold."""
    stream_rows = plan.steps * plan.spatial_rows * plan.col_folds
    stream_cols = plan.steps * plan.spatial_cols * plan.row_folds
    area = plan.spatial_rows * plan.spatial_cols
    if plan.dataflow == "os":
        return {"ifmap": stream_rows, "filter": stream_cols, "ofmap": area + plan.folds * (plan.rows + plan.cols)}
    moving, still = ("ifmap", "filter") if plan.dataflow == "ws" else ("filter", "ifmap")
    return {moving: stream_rows, still: area, "ofmap": stream_cols}


def null_filter_cell(plan: Demand) -> tuple[int, int] | None:
    """Return (k, n) of the filter word whose address is the null marker, -1, or None."""
    place = -1 - plan.gemm.filter.base
    if not 0 <= place < plan.gemm.filter.words:
        return None
    n, k = divmod(place, plan.gemm.k)
    return k, n


def efficiencies(plan: Demand, version: ScaleSimVersion) -> tuple[float, float]:
    """Return Mapping Efficiency % and Compute Util %.

    Both are plain sums over folds in their order, which shows in the last digits: doubles are added one by one.
    """
    folds = plan.plan
    assert isinstance(folds, ScaleSimSchedule), "a schedule of this package"
    size = folds.rows * folds.cols
    used_rows = [min(folds.rows, folds.spatial_rows - row) for row in range(0, folds.spatial_rows, folds.rows)]
    used_cols = [min(folds.cols, folds.spatial_cols - col) for col in range(0, folds.spatial_cols, folds.cols)]
    null = null_filter_cell(plan) if folds.dataflow == "ws" and version.counts_null_cells else None
    mapping, utilization = 0.0, 0.0
    by_width: dict[int, tuple[list[float], list[float]]] = {}
    for col_fold, cols in enumerate(used_cols):
        if cols not in by_width:
            areas = [rows * cols for rows in used_rows]
            shares = [area / size for area in areas]
            busy = [area * folds.steps / (size * folds.utilization_cycles) for area in areas]
            by_width[cols] = shares, busy
        shares, busy = by_width[cols]
        if null is not None and null[1] // folds.cols == col_fold:
            row_fold = null[0] // folds.rows
            shares = [*shares]
            shares[row_fold] = (used_rows[row_fold] * cols - 1) / size
        mapping = _add_in_order(mapping, shares)
        utilization = _add_in_order(utilization, busy)
    return mapping / folds.folds * 100, utilization / folds.folds * 100


def _add_in_order(start: float, values: list[float]) -> float:
    """Return the sum of doubles, added from left to right; `sum` of Python 3.12 compensates rounding."""
    return float(np.cumsum([start, *values])[-1])
