"""Published figures that this suite has no counterpart of, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from cyclesim.validation.published.rows import Row, not_reproduced

ROW_STATIONARY = "row stationary, with a scratchpad in each PE: another array than the ones modelled"

# Section, claim, published, reason, grade.
_OTHERS = (
    ("1.6", "energy [uJ]", "720.99 and 305.38", "Timeloop's mapping, Accelergy's tables: other energies", "A"),
    ("2.1", "processing latency, power, buffer and DRAM traffic", "115.3 ms, 278 mW", ROW_STATIONARY, "B"),
    ("2.2", "processing latency, power, buffer and DRAM traffic", "4309.5 ms, 236 mW", ROW_STATIONARY, "B"),
    ("2.3", "energy per image", "1283 mJ", "an FPGA's, with all of its board", "A"),
    ("2.4", "shares of stalls by cause", "table 3", "shapes and host times are not published", "B"),
    ("2.5", "inferences per second and watt", "124.8 ... 2.2", "measured on other kinds of machine", "A"),
    ("3.4", "error against Gemmini RTL", "0.23 %, r = 0.99", "cycles by case are in a figure only", "A"),
    ("3.5", "transformer inference", "-", "no figures could be read", "C"),
    ("3.6", "same fidelity as SCALE-Sim", "no figure",
     "of the model against our simulator, which is SCALE-Sim's equal in its mode: suites fidelity and scalesim", "A"),
    ("3.8", "energy of memories for capsule networks", "-86 %, -79 %",
     "memories with power gating, against larger ones that always leak", "A"),
    ("3.9", "multiplier energy and accuracy of ResNets", "-30 %",
     "approximate multipliers, and accuracy, are not modelled", "A"),
    ("4.2", "energy and bandwidth that layers can give up", "bars; 90 % of layer 5",
     "how layers, depthwise ones above all, map onto the array is not given, nor is the cost of DVFS", "A"),
    ("4.3", "FiBHA against other designs", "1.7x, 4.1x", "high-level synthesis of another design", "A"),
)


def rows() -> Iterator[Row]:
    """Yield a row for each of them."""
    for section, claim, published, reason, grade in _OTHERS:
        yield not_reproduced(section, claim, published, reason, grade)
