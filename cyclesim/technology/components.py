"""The user's own figures: a CSV file of components, in place of the published tables.

A row is ``component, figure, value``; further columns (a source, a note) are for people. All figures hold for the
machine as it is, at its own node and in its own number format: nothing is scaled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cyclesim.hardware import ComponentFigure

_UNIT = ("energy_pj", "area_um2", "delay_ns", "leakage_mw")
_SRAM = ("read_energy_pj", "write_energy_pj", "leakage_mw", "area_mm2", "cycle_ns")
SCRATCHPADS = ("ifmap_sram", "filter_sram", "ofmap_sram")

FIGURES: dict[str, tuple[str, ...]] = {
    "multiplier": _UNIT,
    "adder": _UNIT,
    "register": ("energy_pj", "area_um2", "leakage_mw"),
    **dict.fromkeys(SCRATCHPADS, _SRAM),
    "dram": ("energy_pj_per_bit",),
    "controller": ("energy_share", "area_share"),
}
"""What may be given of which component. A register is one bit; a scratchpad's energies are those of an access of a word
as wide as its edge of the array (or of one port's bank), its other figures those of all banks together."""

COLUMNS = ("component", "figure", "value")
LARGEST = 1e12


@dataclass(frozen=True)
class OwnFigures:
    """Own figures by component and figure."""

    values: dict[tuple[str, str], float]

    def get(self, component: str, figure: str) -> float | None:
        """Return a figure, None if the published one holds."""
        return self.values.get((component, figure))

    def replaces(self, component: str) -> bool:
        """Whether every figure of a component is given."""
        return all((component, figure) in self.values for figure in FIGURES[component])




def own_figures(figures: Iterable[ComponentFigure]) -> OwnFigures:
    """Return figures by component and figure."""
    return OwnFigures({(each.component, each.figure): each.value for each in figures})


def figure_value(figure: str, text: str) -> float:
    """Return the number that the text of a figure is: above 0, leakage and shares from 0.

    Raises
    ------
    ValueError
        If it is none, or out of bounds; worded to follow the name of the figure.
    """
    from_zero = figure == "leakage_mw" or figure.endswith("_share")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 <= value <= LARGEST and (value or from_zero)):
        raise ValueError(f"must be a number {'from 0' if from_zero else 'above 0'} to {LARGEST:g}")
    return value
