"""Arguments of the Python functions, refused like any other input if they are not what they must be."""

from __future__ import annotations

import operator
import reprlib
from dataclasses import replace
from typing import SupportsIndex

from cyclesim.errors import BadInput, one_of
from cyclesim.hardware import DATAFLOWS, Hardware
from cyclesim.workload import Network


def check_inputs(network: object, hardware: object) -> None:
    """Refuse what is no network and no machine, say a name."""
    for name, value, kind in (("network", network, Network), ("hardware", hardware, Hardware)):
        if not isinstance(value, kind):
            loader = "load_topology" if kind is Network else "load_hardware"
            message = f"{name} must be a {kind.__name__}, as cyclesim.{loader} returns (got {reprlib.repr(value)})"
            raise BadInput("cyclesim", None, message)


def check_jobs(jobs: object) -> None:
    """Refuse what is no number of threads."""
    if jobs is not None and not (isinstance(jobs, SupportsIndex) and operator.index(jobs) >= 1):
        raise BadInput("cyclesim", None, f"jobs must be a whole number of at least 1 (got {reprlib.repr(jobs)})")


def with_dataflow(hardware: Hardware, dataflow: str | None) -> Hardware:
    """Return the machine with this dataflow in place of its own, or as it is; refuse what makes no variant."""
    if dataflow is None:
        return hardware
    try:
        return replace(hardware, dataflow=one_of("dataflow", dataflow.lower(), DATAFLOWS))
    except ValueError as error:
        raise error if isinstance(error, BadInput) else BadInput("cyclesim", None, f"dataflow: {error}") from None
