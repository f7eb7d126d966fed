"""The native memory system, word by word and wall cycle by wall cycle, in plain Python.

The judge of the memory kernels: scratchpads that are FIFOs, a drain queue, and a DRAM channel with a budget of
words in each wall cycle. It imports nothing of ours; it is given what each array cycle asks for and keeps deques.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

STREAMS = ("ifmap", "filter", "psum")
UNLIMITED = 10**9


@dataclass(frozen=True)
class Cycle:
    """What one array cycle asks for: addresses in port order; for each result whether it is its first contribution."""

    ifmap: list[int]
    filter: list[int]
    ofmap: list[int]
    first: list[bool]


@dataclass(frozen=True)
class Machine:
    """Scratchpads [words], channel [words per cycle, None if unlimited] and latency [cycles]."""

    ifmap_words: int
    filter_words: int
    ofmap_words: int
    active_fraction: Fraction = Fraction(1, 2)
    bandwidth: Fraction | None = None
    separate: bool = False
    latency: int = 1


@dataclass
class Fetch:
    """One word that a stream asks DRAM for."""

    address: int
    due: int
    usable: int | None = None
    waits_for: int | None = None


@dataclass
class Outcome:
    """Cycles, words by stream, held cycles by cause, the wall cycle of each array cycle, and each issued word."""

    cold: int = 0
    stalls: int = 0
    drain: int = 0
    words: dict[str, int] = field(default_factory=dict)
    stall_by: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("ifmap", "filter", "psum", "drain"), 0))
    wall: list[int] = field(default_factory=list)
    issued: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


def split(size: int, fraction: Fraction) -> tuple[int, int]:
    """Return the active and the lookahead words of a scratchpad."""
    active = max(1, floor(size * fraction))
    return active, max(1, size - active)


def read_stream(demands: list[list[int]], active: int) -> list[Fetch]:
    """Return the fetches of a fully associative FIFO of `active` words."""
    fifo: deque[int] = deque()
    held: set[int] = set()
    fetches = []
    for cycle, addresses in enumerate(demands):
        for address in addresses:
            if address in held:
                continue
            fetches.append(Fetch(address, cycle))
            fifo.append(address)
            held.add(address)
            if len(fifo) > active:
                held.discard(fifo.popleft())
    return fetches


def write_stream(layer: list[Cycle], active: int) -> tuple[list[list[int]], list[Fetch], int]:
    """Return the evictions of each array cycle, the psum fetches, and how many words are flushed at the end.

    The flushed words stand behind the last cycle's own evictions.
    """
    fifo: deque[int] = deque()
    resident: set[int] = set()
    evictions: list[list[int]] = []
    number = 0
    latest: dict[int, int] = {}
    psums = []
    for cycle, now in enumerate(layer):
        # All are judged by what is there at the start of the cycle; no address is written twice in it.
        entering = [each for each in zip(now.ofmap, now.first, strict=True) if each[0] not in resident]
        psums += [Fetch(address, cycle, waits_for=latest[address]) for address, first in entering if not first]
        gone: list[int] = []
        for address, _ in entering:
            fifo.append(address)
            resident.add(address)
            if len(fifo) > active:
                old = fifo.popleft()
                resident.remove(old)
                gone.append(old)
                latest[old] = number
                number += 1
        evictions.append(gone)
    evictions[-1].extend(fifo)
    return evictions, psums, len(fifo)


def words_until(wall: int, bandwidth: Fraction) -> int:
    """Return floor(w B), what a port can move in the wall cycles before w."""
    return wall * bandwidth.numerator // bandwidth.denominator


def simulate(layer: list[Cycle], machine: Machine) -> Outcome:
    """Run a layer through the memory system."""
    ia, ip = split(machine.ifmap_words, machine.active_fraction)
    fa, fp = split(machine.filter_words, machine.active_fraction)
    oa, op = split(machine.ofmap_words, machine.active_fraction)
    evictions, psums, flushed = write_stream(layer, oa)
    fetches = {
        "ifmap": read_stream([now.ifmap for now in layer], ia),
        "filter": read_stream([now.filter for now in layer], fa),
        "psum": psums,
    }
    lookahead = {"ifmap": ip, "filter": fp, "psum": op}
    port = dict.fromkeys(("ifmap", "filter", "psum", "drain"), 0)
    if machine.separate:
        port.update(filter=1, psum=2, drain=2)
    head = dict.fromkeys(STREAMS, 0)
    consumed = dict.fromkeys(STREAMS, 0)
    due_in: dict[str, list[list[Fetch]]] = {name: [[] for _ in layer] for name in STREAMS}
    for name in STREAMS:
        for each in fetches[name]:
            due_in[name][each.due].append(each)
    queue: deque[tuple[int, int]] = deque()  # address, wall cycle in which it joined
    written: dict[int, int] = {}  # eviction number -> wall cycle
    out = Outcome(issued={name: [] for name in (*STREAMS, "ofmap")})
    step = 0
    wall = 0
    drained = 0

    def eligible(name: str) -> Fetch | None:
        if head[name] >= len(fetches[name]):
            return None
        fetch = fetches[name][head[name]]
        if head[name] - consumed[name] >= lookahead[name] and fetch.due != step:
            return None
        if fetch.waits_for is not None and not written.get(fetch.waits_for, wall) < wall:
            return None
        return fetch

    while step < len(layer) or queue:
        for channel in sorted(set(port.values())):
            slots = UNLIMITED
            if machine.bandwidth is not None:
                slots = words_until(wall + 1, machine.bandwidth) - words_until(wall, machine.bandwidth)
            while slots > 0:
                slots -= 1
                drainable = port["drain"] == channel and queue and queue[0][1] < wall
                candidates = [
                    (fetch.due, order, name)
                    for order, name in enumerate(STREAMS)
                    if port[name] == channel and (fetch := eligible(name)) is not None
                ]
                if (drainable and len(queue) >= op) or (drainable and not candidates):
                    address, _ = queue.popleft()
                    written[drained] = wall
                    drained += 1
                    out.issued["ofmap"].append((wall, address))
                elif candidates:
                    name = min(candidates)[2]
                    fetch = fetches[name][head[name]]
                    fetch.usable = wall + machine.latency
                    head[name] += 1
                    out.issued[name].append((wall, fetch.address))
                else:
                    break
        if step < len(layer):
            # What earlier array cycles needed was usable when they executed, and still is.
            late = [
                name for name in STREAMS if any(f.usable is None or f.usable > wall for f in due_in[name][step])
            ]
            gone = evictions[step]
            own = len(gone) - (flushed if step == len(layer) - 1 else 0)
            if queue and len(queue) + own > op:
                late.append("drain")
            if late:
                for name in late:
                    out.stall_by[name] += 1
            else:
                out.wall.append(wall)
                queue.extend((address, wall) for address in gone)
                for name in STREAMS:
                    consumed[name] += len(due_in[name][step])
                step += 1
        wall += 1
    out.cold = out.wall[0]
    out.stalls = out.wall[-1] - out.wall[0] - (len(layer) - 1)
    out.drain = wall - 1 - out.wall[-1]
    out.words = {name: len(out.issued[name]) for name in (*STREAMS, "ofmap")}
    return out

