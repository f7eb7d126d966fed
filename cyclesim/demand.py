"""The demand of a layer on a machine: which words each edge port asks for, streamed in chunks of array cycles.

A dataflow is a row of a table: which operand is on the row ports, which on the column ports, and along which of its
axes time runs. `Demand` holds the port groups of a layer ready for the kernel; `Demand.fill` produces any chunk of
any port group independently, so chunks can be made in parallel and in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.hardware import Hardware
from cyclesim.lowering import Axis, Gemm, OperandMap, address_range, lower, padding_masks
from cyclesim.scalesim_schedule import layer_schedule
from cyclesim.schedule import Schedule
from cyclesim.workload import Layer

if TYPE_CHECKING:
    from cyclesim.kernels.demand import FoldTable, PortStream


@dataclass(frozen=True)
class PortGroup:
    """One operand's edge ports: what the kernel needs, and how many ports there are."""

    stream: PortStream
    folds: FoldTable

    @property
    def ports(self) -> int:
        """Number of ports in the group."""
        return self.stream.ports


@dataclass(frozen=True)
class Demand:
    """A layer's demand on a machine.

    `groups` maps operand names to port groups; ``psum`` is there only where partial sums are read, and carries ofmap
    addresses. `cycles` counts the array cycles of all groups of the layer. `dtype` is int32 where all addresses fit,
    else int64.
    """

    gemm: Gemm
    plan: Schedule
    groups: Mapping[str, PortGroup]
    dtype: np.dtype[Any]

    @property
    def cycles(self) -> int:
        """Array cycles of the whole layer."""
        return self.plan.cycles * self.gemm.groups

    def fill(self, operand: str, first_cycle: int, out: NDArray[np.integer], requests: NDArray[np.int32]) -> None:
        """Fill `out` (ports, cycles) with addresses or -1, `requests` (cycles,) with the requests of each cycle.

        `first_cycle` is the array cycle of the chunk's first column; the chunk ends within the layer. `out` has the
        demand's dtype. Releases the GIL.
        """
        from cyclesim.kernels import demand as kernels

        assert out.dtype == self.dtype, f"a chunk of {self.dtype} is needed, not {out.dtype}"
        assert first_cycle + out.shape[1] <= self.cycles, "the chunk reaches beyond the layer"
        group = self.groups[operand]
        kernels.fill(group.stream, group.folds, self.plan.cycles, first_cycle, out, requests)

    def count_requests(
        self, operand: str, first_cycle: int, requests: NDArray[np.int32], totals: NDArray[np.int64]
    ) -> None:
        """Fill `requests` (cycles,) with the requests of each cycle, and `totals` (4,): words, peak, first, last place.

        Nothing is generated for it. The last two are places in `requests`, -1 without requests.
        """
        from cyclesim.kernels import demand as kernels

        group = self.groups[operand]
        kernels.requests_per_cycle(group.stream, group.folds, self.plan.cycles, first_cycle, requests)
        kernels.tally(requests, totals)

    def content_key(self, operand: str, first_cycle: int, cycles: int) -> bytes:
        """Return a key that is equal for two stretches of a tensor's port groups only if they carry the same words.

        Folds repeat: a weight-stationary array asks for the same ifmap words in every column fold.
        """
        from cyclesim.kernels import demand as kernels

        group = self.groups[operand]
        table = kernels.folds_in_flight(group.stream, group.folds, self.plan.cycles, first_cycle, cycles)
        tensor = "ofmap" if operand == "psum" else operand
        return f"{tensor} {cycles} ".encode() + bytes(table.tobytes())


def demand(layer: Layer, hardware: Hardware) -> Demand:
    """Return the demand of a layer on a machine."""
    gemm = lower(layer, hardware)
    plan = layer_schedule(layer, hardware)
    lowest, highest = address_range(gemm)
    dtype = np.dtype(np.int32 if lowest >= -(2**31) and highest < 2**31 else np.int64)
    builder = _Builder(plan, dtype)
    a, b, o = gemm.ifmap, gemm.filter, gemm.ofmap
    groups: dict[str, PortGroup] = {}
    if plan.dataflow == "os":
        groups["ifmap"] = builder.row_ports(a, space=a.first, time=a.second)
        groups["filter"] = builder.streamed_columns(b, space=b.second, time=b.first)
        groups["ofmap"] = builder.drained_outputs(o, space=o.second, time=o.first)
    elif plan.dataflow == "ws":
        groups["ifmap"] = builder.row_ports(a, space=a.second, time=a.first)
        groups["filter"] = builder.preloaded_columns(b, space=b.second, time=b.first)
        groups["ofmap"] = builder.streamed_outputs(o, space=o.second, time=o.first)
    else:
        groups["ifmap"] = builder.preloaded_columns(a, space=a.first, time=a.second)
        groups["filter"] = builder.row_ports(b, space=b.first, time=b.second)
        groups["ofmap"] = builder.streamed_outputs(o, space=o.first, time=o.second)
    if plan.reads_psums:
        outputs = groups["ofmap"]
        groups["psum"] = PortGroup(outputs.stream._replace(skip_first_row_fold=1), outputs.folds)
    return Demand(gemm, plan, MappingProxyType(groups), dtype)


class _Builder:
    """Lays out an operand's tables for one kind of port group after the other."""

    def __init__(self, plan: Schedule, dtype: np.dtype[Any]) -> None:
        from cyclesim.kernels.demand import FoldTable, PortStream

        self._plan = plan
        self._dtype = dtype
        self._fold_table = FoldTable
        self._port_stream = PortStream

    def row_ports(self, operand: OperandMap, space: Axis, time: Axis) -> PortGroup:
        """Row port r at S_f + i + r: the stream that enters from the west."""
        plan = self._plan
        folds = self._folds(0, 1) if plan.trimmed and plan.stationary else self._folds(plan.first_stream, 0)
        stream = self._stream(operand, space, time, ports=plan.rows, skew=1, space_is_rows=1)
        return PortGroup(stream, folds)

    def streamed_columns(self, operand: OperandMap, space: Axis, time: Axis) -> PortGroup:
        """Column port c at S_f + i + c: the second stream of output stationary."""
        stream = self._stream(operand, space, time, ports=self._plan.cols, skew=1)
        return PortGroup(stream, self._folds(0, 0))

    def preloaded_columns(self, operand: OperandMap, space: Axis, time: Axis) -> PortGroup:
        """Column port c at P_f + q + skew * c, last row first; with few used rows the first slots stay empty."""
        plan = self._plan
        skew = plan.preload_skew
        stream = self._stream(
            operand, space, time, ports=plan.cols, skew=skew, time_is_fold_rows=1, bottom_first=1
        )
        if plan.trimmed:
            return PortGroup(stream, self._folds(0, 0))
        first, second = plan.rows, plan.second_preload + plan.rows
        return PortGroup(stream, self._folds(first, -1, second=second))

    def streamed_outputs(self, operand: OperandMap, space: Axis, time: Axis) -> PortGroup:
        """Output port c at S_f + i + R-1 + c: partial sums of weight and input stationary."""
        plan = self._plan
        stream = self._stream(operand, space, time, ports=plan.cols, skew=1)
        if plan.trimmed:
            return PortGroup(stream, self._folds(plan.output_delay, 1))
        return PortGroup(stream, self._folds(plan.first_stream + plan.output_delay, 0))

    def drained_outputs(self, operand: OperandMap, space: Axis, time: Axis) -> PortGroup:
        """Results of output stationary: down the chain bottom row first, on the bus top row first."""
        plan = self._plan
        bus = plan.on_bus
        stream = self._stream(
            operand, space, time,
            ports=plan.cols, skew=plan.output_skew, time_is_fold_rows=1, bottom_first=0 if bus else 1,
        )  # fmt: skip
        if bus or plan.trimmed:
            return PortGroup(stream, self._folds(plan.output_delay, 0))
        return PortGroup(stream, self._folds(plan.output_delay + plan.rows, -1))

    def _folds(self, first: int, row_factor: int, second: int | None = None) -> FoldTable:
        plan = self._plan
        step = plan.trimmed_base if plan.trimmed else plan.step
        return self._fold_table(
            rows=plan.rows,
            cols=plan.cols,
            spatial_rows=plan.spatial_rows,
            spatial_cols=plan.spatial_cols,
            row_folds=plan.row_folds,
            col_folds=plan.col_folds,
            trimmed=int(plan.trimmed),
            first=first,
            second=first + step if second is None else second,
            step=step,
            row_factor=row_factor,
        )

    def _stream(
        self,
        operand: OperandMap,
        space: Axis,
        time: Axis,
        *,
        ports: int,
        skew: int,
        space_is_rows: int = 0,
        time_is_fold_rows: int = 0,
        bottom_first: int = 0,
    ) -> PortStream:
        order = slice(None, None, -1) if bottom_first else slice(None)
        pad_class, pad_masks = padding_masks(space, time, operand.bounds)
        return self._port_stream(
            ports=ports,
            skew=skew,
            time_is_fold_rows=time_is_fold_rows,
            bottom_first=bottom_first,
            space_is_rows=space_is_rows,
            steps=self._plan.steps,
            skip_first_row_fold=0,
            group_step=operand.group_step,
            time_address=self._table(time.address[order]),
            space_address=self._table(space.address + operand.base),
            pad_class=pad_class,
            pad_masks=np.ascontiguousarray(pad_masks[:, order]),
        )

    def _table(self, values: NDArray[np.int64]) -> NDArray[np.integer]:
        return np.ascontiguousarray(values, dtype=self._dtype)
