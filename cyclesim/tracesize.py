"""How many bytes a layer's traces take, before anything is generated."""

from __future__ import annotations

from cyclesim.hardware import Hardware
from cyclesim.lowering import gemm_sizes, ifmap_requests_per_pass, tensor_words
from cyclesim.scalesim_schedule import layer_schedule
from cyclesim.schedule import sram_words
from cyclesim.workload import Layer

HDF5_RATIO = 20
"""Traces of shipped networks shrink 30 to 70 times (traces/README.md); less is counted on."""
HDF5_LAYER_BYTES = 120_000
"""What a layer takes without any words."""


def trace_bytes(layer: Layer, hardware: Hardware, form: str) -> int:
    """Return an estimate of the bytes of a layer's traces, on the high side: as if every request went to DRAM.

    Parameters
    ----------
    layer : Layer
    hardware : Hardware
    form : {"hdf5", "csv"}
    """
    groups = gemm_sizes(layer)[0]
    plan = layer_schedule(layer, hardware)
    cycles = groups * plan.cycles
    ports = plan.rows + plan.cols * (3 if plan.reads_psums else 2)
    words = sram_words(plan, groups, ifmap_requests_per_pass(layer))
    requests = words.ifmap + words.filter + words.psum + words.ofmap
    bases = (hardware.ifmap_offset_words, hardware.filter_offset_words, hardware.ofmap_offset_words)
    highest = max(base + size for base, size in zip(bases, tensor_words(layer), strict=True))
    if form == "csv":
        files = 4 if plan.reads_psums else 3
        idle_cells = cycles * ports - requests
        address, cycle = len(str(highest)) + 1, len(str(cycles)) + 2  # a digit more, as stalls add cycles
        return requests * address + idle_cells * len("-1,") + files * cycles * cycle + requests * (address + cycle)
    address = 4 if highest < 2**31 else 8
    words_bytes = cycles * ports * address + 8 * cycles + requests * (address + 8)
    return HDF5_LAYER_BYTES + words_bytes // HDF5_RATIO
