"""What the suite ``memory`` tries: layers on machines with any memory system, from a seed, and the page's examples.

A `MemoryCase` is complete in itself: its printed form can be pasted to run it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cyclesim.demand import demand
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.schedule import SramWords, sram_words
from cyclesim.validation.cases import Case, ConvShape, GemmShape, Layer, random_layer, random_side
from cyclesim.validation.memory_model import Machine

__all__ = ["Case", "ConvShape", "Fraction", "GemmShape", "Layer", "MemoryCase", "Scratchpad"]

BANDWIDTHS = tuple(map(Fraction, ("1/50", "1/7", "1/2", "2/3", "1", "3/2", "2", "22/7", "3", "7", "64")))
LATENCIES = (1, 2, 3, 5, 9, 40, 200)
ACTIVE_FRACTIONS = tuple(map(Fraction, ("1/10", "1/4", "1/2", "2/3", "3/4", "1")))
WORDS = (1, 2, 3, 5, 8, 13, 20, 33, 60, 100_000)
BITS = (4, 8, 16, 24, 32)


@dataclass(frozen=True)
class MemoryCase:
    """A layer on an array with a memory system.

    `pads` are the scratchpads of ifmap, filter and ofmap; `bits` those of a word of ifmap, filter, ofmap and partial
    sums. `bandwidth` [words per cycle] is None if it is unlimited.
    """

    array: Case
    pads: tuple[Scratchpad, Scratchpad, Scratchpad]
    active_fraction: Fraction
    bandwidth: Fraction | None
    separate: bool
    latency: int
    bits: tuple[int, int, int, int] = (8, 8, 8, 32)

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self.array.layer

    @property
    def hardware(self) -> Hardware:
        """The machine, as the simulator knows it."""
        ifmap, filter_, ofmap = self.pads
        ifmap_bits, filter_bits, ofmap_bits, psum_bits = self.bits
        return replace(
            self.array.hardware,
            ifmap_sram=ifmap,
            filter_sram=filter_,
            ofmap_sram=ofmap,
            ifmap_bits=ifmap_bits,
            filter_bits=filter_bits,
            ofmap_bits=ofmap_bits,
            psum_bits=psum_bits,
            active_fraction=self.active_fraction,
            interface_bandwidth="CALC" if self.bandwidth is None else "USER",
            dram_bandwidth_words_per_cycle=self.bandwidth,
            dram_ports="separate" if self.separate else "shared",
            dram_latency_cycles=self.latency,
        )

    def machine(self, k: int) -> Machine:
        """Return the memory system as the plain model knows it; `k` is the length of the layer's sums."""
        ifmap_bits, filter_bits, ofmap_bits, psum_bits = self.bits
        keeps_psums = not self.array.variant.startswith("os") and k > self.array.rows
        all_bits = (ifmap_bits, filter_bits, psum_bits if keeps_psums else ofmap_bits)
        ifmap, filter_, ofmap = (_words(pad, bits) for pad, bits in zip(self.pads, all_bits, strict=True))
        return Machine(ifmap, filter_, ofmap, self.active_fraction, self.bandwidth, self.separate, self.latency)

    def rerun(self) -> str:
        """Return a shell command that runs this case alone."""
        imports = "from cyclesim.validation.memory_cases import *; from cyclesim.validation.memory import check"
        return f'python -c "{imports}; print(check({self!r}))"'


def _words(pad: Scratchpad, bits: int) -> int:
    """Return the words of a scratchpad."""
    if pad.size_words is not None:
        return pad.size_words
    assert pad.size_bytes is not None, "a scratchpad has one size or the other"
    return 8 * pad.size_bytes // bits


@dataclass(frozen=True)
class Amount:
    """How much is tried: cases of each kind of array, the largest dimensions, and the plain model's patience.

    `side` bounds the array, `limit` the layer, `cycles` its array cycles, and `patience`, about, the wall cycles.
    """

    cases: int
    side: int
    limit: int
    cycles: int
    patience: int


def random_case(rng: np.random.Generator, variant: str, trimmed: bool, amount: Amount) -> MemoryCase:
    """Return a random layer on a random machine that is not too long for the plain model."""
    while True:
        rows, cols = (random_side(rng, amount.side) for _ in range(2))
        array = Case(random_layer(rng, amount.limit), variant, trimmed, rows, cols, int(rng.integers(2**31)))
        plan = demand(array.layer, array.hardware)
        if plan.cycles <= amount.cycles:
            break
    # Each request may be a word that moves, a partial sum one in both directions.
    counted: SramWords = sram_words(plan.plan, plan.gemm.groups, plan.gemm.m * plan.gemm.k)
    most_words = counted.ifmap + counted.filter + counted.psum + counted.ofmap
    slow_enough = [each for each in LATENCIES if each == 1 or plan.cycles * each <= 4 * amount.patience]
    fast_enough = [each for each in BANDWIDTHS if each >= 1 or most_words / each <= amount.patience]
    limited = rng.integers(5) > 0
    return MemoryCase(
        array=array,
        pads=(_random_pad(rng), _random_pad(rng), _random_pad(rng)),
        active_fraction=_one_of(rng, ACTIVE_FRACTIONS),
        bandwidth=_one_of(rng, fast_enough) if limited else None,
        separate=bool(rng.integers(3) == 0),
        latency=slow_enough[int(rng.integers(len(slow_enough)))],
        bits=(_random_bits(rng), _random_bits(rng), _random_bits(rng), _random_bits(rng)),
    )


def _random_pad(rng: np.random.Generator) -> Scratchpad:
    """Return a scratchpad from no word at all to more than small layers need."""
    kind = int(rng.integers(5))
    if kind == 0:
        return Scratchpad(size_bytes=int(rng.integers(1, 200)))
    if kind == 1:
        return Scratchpad(size_bytes=1)  # less than a word of more than 8 bits
    return Scratchpad(size_words=WORDS[int(rng.integers(len(WORDS)))] if kind < 4 else int(rng.integers(1, 200)))


def _random_bits(rng: np.random.Generator) -> int:
    return BITS[int(rng.integers(len(BITS)))]


def _one_of(rng: np.random.Generator, choices: Sequence[Fraction]) -> Fraction:
    return choices[int(rng.integers(len(choices)))]


def features(case: MemoryCase) -> list[str]:
    """Return what is special about a memory system."""
    machine = case.machine(1)
    names = ["separate ports" if case.separate else "a shared port"]
    names += ["an unlimited budget"] * (case.bandwidth is None)
    names += ["a fractional bandwidth"] * (case.bandwidth is not None and case.bandwidth.denominator > 1)
    names += ["a latency of 40 or more"] * (case.latency >= 40)
    names += ["a scratchpad of a word or none"] * (
        min(machine.ifmap_words, machine.filter_words, machine.ofmap_words) <= 1
    )
    return names


def product_case(
    variant: str,
    array: tuple[int, int],
    product: tuple[int, int, int],
    words: tuple[int, int, int],
    separate: bool,
    bandwidth: str,
    latency: int,
    active_fraction: str,
) -> MemoryCase:
    """Return a matrix product (M, K, N) on an array (R, C) with scratchpads of so many words."""
    m, k, n = product
    ifmap, filter_, ofmap = (Scratchpad(size_words=each) for each in words)
    layer = Layer("gemm", 0, "gemm", GemmShape(m=m, n=n, k=k))
    return MemoryCase(
        Case(layer, variant, False, *array, seed=0),
        (ifmap, filter_, ofmap),
        Fraction(active_fraction),
        Fraction(bandwidth),
        separate,
        latency,
    )


@dataclass(frozen=True)
class Example:
    """A worked example: figures are L, cold start, stalls, drain, total cycles, words and stalls as the page has them.

    Words are those of ifmap, filter, psum and ofmap; stalls those by ifmap, filter, psum and drain.
    """

    case: MemoryCase
    figures: tuple[int, ...]


EXAMPLES: tuple[Example, ...] = (
    Example(product_case("ws", (3, 2), (7, 8, 5), (512, 512, 512), False, "64", 1, "0.5"),
            (117, 1, 0, 1, 119, 56, 40, 0, 35, 0, 1, 0, 0)),
    Example(product_case("ws", (3, 2), (7, 8, 5), (32, 16, 20), False, "2", 5, "0.5"),
            (117, 5, 109, 5, 236, 168, 40, 56, 91, 5, 5, 101, 3)),
    Example(product_case("ws", (3, 2), (7, 8, 5), (32, 16, 20), True, "2", 5, "0.5"),
            (117, 5, 68, 5, 195, 168, 40, 56, 91, 4, 5, 64, 0)),
    Example(product_case("os", (3, 2), (7, 8, 5), (24, 24, 4), False, "1.5", 9, "0.5"),
            (126, 10, 101, 1, 238, 168, 104, 0, 35, 60, 51, 0, 26)),
    Example(product_case("osbus", (3, 2), (7, 8, 5), (24, 24, 4), False, "1.5", 9, "0.25"),
            (99, 10, 116, 1, 226, 168, 120, 0, 35, 42, 51, 0, 63)),
    Example(product_case("is-pipe", (2, 4), (9, 7, 6), (40, 10, 30), False, "3", 20, "0.5"),
            (78, 20, 674, 5, 777, 63, 126, 144, 198, 20, 451, 448, 0)),
    Example(product_case("ws-db", (4, 4), (5, 13, 9), (1, 1, 1), False, "0.5", 3, "0.5"),
            (136, 10, 1284, 2, 1432, 195, 117, 135, 180, 611, 402, 684, 196)),
    Example(product_case("ws-pipe", (4, 3), (20, 12, 10), (128, 64, 24), True, "1", 2, "0.75"),
            (249, 2, 880, 18, 1149, 960, 120, 400, 600, 206, 16, 1, 671)),
)  # fmt: skip
"""docs/memory-model.md, "Worked examples": the figures of an independent program that the page prints, not ours."""

MORE_BANDWIDTH_COSTS: tuple[tuple[MemoryCase, int], ...] = tuple(
    (product_case("os-pipe", (4, 3), (8, 1, 5), (60, 2, 1), False, bandwidth, 9, "0.75"), total)
    for bandwidth, total in (("2", 115), ("3", 116))
)
"""The same page, "Properties that tests can rely on": total cycles of a layer that loses one to more bandwidth."""

LONG: tuple[MemoryCase, ...] = (
    product_case("os-pipe", (32, 32), (250, 330, 200), (16_000, 30_000, 300), False, "22/7", 30, "0.5"),
    product_case("ws", (32, 32), (780, 60, 320), (4_000, 500, 3_000), True, "7", 9, "0.75"),
    product_case("ws-pipe", (32, 32), (300, 200, 290), (70_000, 500, 24_000), False, "64", 200, "0.5"),
    product_case("is-db", (32, 32), (160, 90, 1200), (500, 200_000, 90_000), False, "12", 40, "0.5"),
)
"""Layers of more array cycles than the simulator takes at a time (`cyclesim.traffic.CHUNK_WORDS` port cycles)."""
