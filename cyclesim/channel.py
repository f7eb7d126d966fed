"""The DRAM channel of a machine: how many words can it move?"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cyclesim.hardware import Hardware


@dataclass(frozen=True)
class Channel:
    """The DRAM channel: words per cycle of each port (None if unlimited), ports, latency [cycles]."""

    bandwidth: Fraction | None
    separate_ports: bool
    latency: int

    @property
    def ports(self) -> int:
        """Number of ports that have this bandwidth each."""
        return 3 if self.separate_ports else 1

    def balance(self, array_size: int) -> float | None:
        """Return the MACs per word at which the array and the channel need the same time, None without a limit."""
        return None if self.bandwidth is None else float(array_size / (self.bandwidth * self.ports))

    def capacity(self, wall_cycles: int) -> int | None:
        """Return the words that all ports can move in the first so many wall cycles, None if unlimited."""
        return None if self.bandwidth is None else self.ports * (wall_cycles * self.bandwidth // 1)


def channel_of(hardware: Hardware) -> Channel:
    """Return the machine's channel; in CALC mode its bandwidth is unlimited."""
    limited = hardware.interface_bandwidth == "USER"
    return Channel(
        hardware.dram_bandwidth_words_per_cycle if limited else None,
        hardware.dram_ports == "separate",
        hardware.dram_latency_cycles,
    )
