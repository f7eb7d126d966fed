"""The two versions of SCALE-Sim that are followed, as the rules in which they differ (docs/scalesim.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScaleSimVersion:
    """A version of SCALE-Sim: every rule in which the versions differ, for whatever follows SCALE-Sim to ask.

    Parameters
    ----------
    memory_model : str
        The memory model that follows it.
    number : str
        SCALE-Sim's own.
    has_layout : bool
        Whether its .cfg has ``[layout]``, ``[sparsity]`` and Ramulator traces. Reads then have the bandwidths of
        ``[layout]`` in USER mode; else all three operands have the first of Bandwidth.
    has_column_stride : bool
        Whether a ninth field of a convolution is its column stride, and further fields of a matrix product are not
        looked at; else what stands behind the sizes ends with a sparsity ratio.
    late_charges : int
        How often the cycles are charged by which a prefetch is late.
    write_latency : int
        Cycles that a write may take before it stalls; a row of early reads and a write at once takes them back.
    wraps_at_bandwidth : bool
        Whether a prefetch that ends with a full line is followed by a line that is counted modulo the words of a line,
        not modulo the lines.
    ofmap_stop_is_latest : bool
        Whether the ofmap's DRAM Stop Cycle is the latest cycle of its trace; else it is the last line's.
    counts_null_cells : bool
        Whether Mapping Efficiency leaves out the cell of a filter word whose address is -1, in ws.
    reports_prefetch : bool
        Whether COMPUTE_REPORT has Total Cycles (incl. prefetch).
    """

    memory_model: str
    number: str
    has_layout: bool
    has_column_stride: bool
    late_charges: int
    write_latency: int
    wraps_at_bandwidth: bool
    ofmap_stop_is_latest: bool
    counts_null_cells: bool
    reports_prefetch: bool


_VERSIONS = (
    ScaleSimVersion(
        memory_model="scalesim",
        number="3.0.0",
        has_layout=True,
        has_column_stride=False,
        late_charges=2,
        write_latency=0,
        wraps_at_bandwidth=False,
        ofmap_stop_is_latest=True,
        counts_null_cells=True,
        reports_prefetch=True,
    ),
    ScaleSimVersion(
        memory_model="scalesim2",
        number="2.0.2",
        has_layout=False,
        has_column_stride=True,
        late_charges=1,
        write_latency=1,
        wraps_at_bandwidth=True,
        ofmap_stop_is_latest=False,
        counts_null_cells=False,
        reports_prefetch=False,
    ),
)

SCALESIM_VERSIONS = {version.memory_model: version for version in _VERSIONS}
"""The versions by the memory models that follow them."""
