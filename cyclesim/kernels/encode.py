"""Generates a chunk of a port group and encodes it for a trace, port by port, while its words are in the cache."""

from __future__ import annotations

from numba import njit

from cyclesim.kernels.demand import fill_port, folds_in_flight
from cyclesim.kernels.lzf import encode_line


@njit(cache=True, nogil=True)
def encode_ports(
    stream, folds, cycles_per_group, first_cycle, line, rows, planes, recent, out, ends
):  # fmt: skip
    """Encode a chunk of a port group.

    Parameters
    ----------
    stream, folds, cycles_per_group, first_cycle
        As in `demand.fill`.
    line : (cycles,) int32 or int64
        Working space of the length of the stretch.
    rows, planes, recent
        As in `lzf.encode_line`.
    out : (ports * (itemsize * rows * 33 / 32 + 8),) uint8
        Filled with the encoded ports, one after the other.
    ends : (ports,) int64
        Filled with the place in `out` behind each port.
    """
    table = folds_in_flight(stream, folds, cycles_per_group, first_cycle, line.size)
    place = 0
    for port in range(stream.ports):
        fill_port(
            line, port, table, stream.skew, stream.time_address, stream.space_address, stream.pad_class,
            stream.pad_masks,
        )  # fmt: skip
        place += encode_line(line, rows, planes, recent, out[place:])
        ends[port] = place
