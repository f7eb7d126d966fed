"""From 45 nm to other nodes: the published factors, between the published nodes on a straight line of logarithms."""

from __future__ import annotations

import numpy as np

from cyclesim.technology.tables import Floats, delay_factors, node_factors

SMALLEST_NM = 7.0
LARGEST_NM = 90.0
"""Nodes that can be priced: Stillmaker and Baas go down to 7 nm, CACTI up to 90 nm."""


def _between(node_nm: Floats, nodes: Floats, factors: Floats) -> Floats:
    return np.exp2(np.interp(np.log2(node_nm), np.log2(nodes), np.log2(factors)))


def energy_factor(node_nm: Floats) -> Floats:
    """Return the energy of logic relative to 45 nm, at 0.9 V (Stillmaker and Baas, Integration 58, 2017)."""
    factors = node_factors()
    return _between(node_nm, factors.node_nm, factors.energy)


def area_factor(node_nm: Floats) -> Floats:
    """Return the area of logic relative to 45 nm (the same source)."""
    factors = node_factors()
    return _between(node_nm, factors.node_nm, factors.area)


def delay_factor(node_nm: Floats) -> Floats:
    """Return the delay of logic relative to 45 nm: that of CACTI's hp memories; below 22 nm that of 22 nm."""
    return _between(node_nm, *delay_factors())
