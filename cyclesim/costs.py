"""What follows from operations, time, energy and area, for a layer and for a network: power, efficiency, EDP.

A multiply-accumulate is two operations. Area is the chip's; energy has the DRAM's in it, and `chip_fj_per_op` has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

CHIP_COMPONENTS = (
    "multiplier", "adder", "registers", "ifmap_sram", "filter_sram", "ofmap_sram", "skew_registers",
    "psum_accumulators", "controller",
)  # fmt: skip
OFF_CHIP = "dram"
COMPONENTS = (*CHIP_COMPONENTS, OFF_CHIP)
"""Components of a machine; the DRAM has energy, and neither area nor leakage here."""

HZ_PER_MHZ = 1e6
PJ_PER_J = 1e12
FJ_PER_PJ = 1e3
MW_PER_W = 1e3
OPS_PER_MAC = 2
OPS_PER_TERAOP = 1e12


class Costed:
    """Figures of work done; None where it has no price."""

    if TYPE_CHECKING:  # given by the classes that are costed, as fields or properties

        @property
        def macs(self) -> int: ...  # noqa: D102
        @property
        def total_cycles(self) -> int: ...  # noqa: D102
        @property
        def clock_mhz(self) -> float | None: ...  # noqa: D102
        @property
        def energy_pj(self) -> Mapping[str, float] | None: ...  # noqa: D102
        @property
        def area_mm2(self) -> Mapping[str, float] | None: ...  # noqa: D102

    @property
    def time_s(self) -> float | None:
        """Seconds that the work takes."""
        return None if self.clock_mhz is None else self.total_cycles / (self.clock_mhz * HZ_PER_MHZ)

    @property
    def total_energy_pj(self) -> float | None:
        """Energy of all components."""
        return None if self.energy_pj is None else sum(self.energy_pj.values())

    @property
    def total_area_mm2(self) -> float | None:
        """Area of the chip."""
        return None if self.area_mm2 is None else sum(self.area_mm2.values())

    @property
    def power_mw(self) -> dict[str, float] | None:
        """Average power by component."""
        if self.energy_pj is None or self.time_s is None:
            return None
        return {name: energy / PJ_PER_J / self.time_s * MW_PER_W for name, energy in self.energy_pj.items()}

    @property
    def fj_per_op(self) -> float | None:
        """Energy per operation."""
        energy = self.total_energy_pj
        return None if energy is None else energy * FJ_PER_PJ / (OPS_PER_MAC * self.macs)

    @property
    def chip_fj_per_op(self) -> float | None:
        """Energy per operation without the DRAM's."""
        if self.energy_pj is None:
            return None
        chip = sum(energy for name, energy in self.energy_pj.items() if name != OFF_CHIP)
        return chip * FJ_PER_PJ / (OPS_PER_MAC * self.macs)

    @property
    def tops(self) -> float | None:
        """Operations per second, in 10^12."""
        return None if self.time_s is None else OPS_PER_MAC * self.macs / self.time_s / OPS_PER_TERAOP

    @property
    def tops_per_mm2(self) -> float | None:
        """Operations per second and area of the chip."""
        return None if self.tops is None or self.total_area_mm2 is None else self.tops / self.total_area_mm2

    @property
    def tops_per_w(self) -> float | None:
        """Operations per second and watt, which are those per joule."""
        energy = self.total_energy_pj
        return None if energy is None else OPS_PER_MAC * self.macs / (energy / PJ_PER_J) / OPS_PER_TERAOP

    @property
    def edp(self) -> float | None:
        """Energy times time [J s]."""
        energy = self.total_energy_pj
        return None if energy is None or self.time_s is None else energy / PJ_PER_J * self.time_s


DERIVED_FIELDS = (
    "time_s", "total_energy_pj", "power_mw", "total_area_mm2", "fj_per_op", "chip_fj_per_op", "tops", "tops_per_mm2",
    "tops_per_w", "edp",
)  # fmt: skip
