"""Gives a layer's result the energy, area and clock of its machine."""

from __future__ import annotations

from dataclasses import replace

from cyclesim.hardware import Hardware
from cyclesim.results import LayerResult
from cyclesim.technology.machine import priced


def with_prices(layer: LayerResult, hardware: Hardware) -> LayerResult:
    """Return the result with what the layer costs on the machine; as it is if the machine has no prices."""
    machine = priced(hardware).machine
    if machine is None:
        return layer
    energy = machine.energy(
        {
            "groups": layer.groups,
            "m": layer.m,
            "k": layer.k,
            "n": layer.n,
            **{f"sram_{operand}": words for operand, words in {**layer.sram_reads, **layer.sram_writes}.items()},
            **{f"dram_{stream}": words for stream, words in {**layer.dram_reads, **layer.dram_writes}.items()},
            "total_cycles": layer.total_cycles,
        }
    )
    return replace(
        layer,
        energy_pj=energy.energy_pj,
        leakage_pj=energy.leakage_pj,
        area_mm2=machine.area_mm2,
        clock_mhz=machine.clock_mhz,
    )
