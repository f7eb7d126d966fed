"""Compresses a port's addresses into the LZF format that h5py reads, at the speed at which they are generated.

A port walks through tables, waits, and walks again, so its byte planes are made of runs, ramps and repeats of the fold
before. The general-purpose compressors in reach took 10 to 50 times as long as generating the addresses
(traces/README.md). LZF is the simplest format that every h5py decodes: literals, and copies from up to 8192
bytes back. A match is compared eight bytes at a time and written as several copies if it is long.

Format (libLZF): a control byte c < 32 starts c + 1 literals; else a copy of length (c >> 5) + 2, with one more
byte to add if c >> 5 is 7, from the offset ((c & 31) << 8 | last byte) + 1.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

FARTHEST = 8192
LONGEST_COPY = 264
SHORTEST_MATCH = 4
MOST_LITERALS = 32
HASH_BITS = 13
WORD = 8
BLOCK = 32


@intrinsic
def _equal_bytes(typing_context, data, first, second):
    """Return how many of the eight bytes at two places of a uint8 array are equal before the first difference."""

    def generate(context, builder, signature, arguments):
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(64)
        loaded = []
        for place in arguments[1:]:
            pointer = builder.bitcast(builder.gep(array.data, [place]), word.as_pointer())
            value = builder.load(pointer)
            value.align = 1
            loaded.append(value)
        difference = builder.xor(*loaded)
        zeros = builder.cttz(difference, ir.Constant(ir.IntType(1), 0))
        return builder.lshr(zeros, ir.Constant(word, 3))

    return types.int64(data, types.int64, types.int64), generate


@intrinsic
def _same_block(typing_context, data, first, second):
    """Return whether the `BLOCK` bytes at two places of a uint8 array are equal."""

    def generate(context, builder, signature, arguments):
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        block = ir.IntType(8 * BLOCK)
        loaded = []
        for place in arguments[1:]:
            pointer = builder.bitcast(builder.gep(array.data, [place]), block.as_pointer())
            value = builder.load(pointer)
            value.align = 1
            loaded.append(value)
        return builder.icmp_unsigned("==", *loaded)

    return types.boolean(data, types.int64, types.int64), generate


@njit(cache=True, nogil=True)
def _hash(data, place):
    """Return the table entry for the four bytes at a place."""
    value = (
        np.uint32(data[place])
        | np.uint32(data[place + 1]) << np.uint32(8)
        | np.uint32(data[place + 2]) << np.uint32(16)
        | np.uint32(data[place + 3]) << np.uint32(24)
    )
    return np.int64(np.uint32(value * np.uint32(2654435761)) >> np.uint32(32 - HASH_BITS))


@njit(cache=True, nogil=True)
def _put_literals(data, first, stop, out, place):
    """Write bytes first...stop-1 as literals; return the place behind them."""
    while first < stop:
        count = min(MOST_LITERALS, stop - first)
        out[place] = count - 1
        place += 1
        for i in range(count):
            out[place + i] = data[first + i]
        place += count
        first += count
    return place


@njit(cache=True, nogil=True)
def _put_copies(length, distance, out, place):
    """Write copies of `length` bytes in all, except for up to two left over; return place and bytes left over."""
    offset = distance - 1
    while length >= 3:
        count = min(length, LONGEST_COPY)
        if count - 2 < 7:
            out[place] = (count - 2) << 5 | offset >> 8
            place += 1
        else:
            out[place] = 7 << 5 | offset >> 8
            out[place + 1] = count - 9
            place += 2
        out[place] = offset & 0xFF
        place += 1
        length -= count
    return place, length


@njit(cache=True, nogil=True)
def compress(data, size, recent, out):
    """Compress the first `size` bytes of `data` and return the compressed size.

    Parameters
    ----------
    data : (at least size + 8,) uint8
    size : int
    recent : (2**13,) int32
        Working space.
    out : (at least size + size // 32 + 8,) uint8
        Filled with the compressed bytes, which can be more than `size`.
    """
    recent[:] = -FARTHEST - 1
    place = 0
    literals = 0  # first byte that is not written yet
    i = 0
    while i + WORD <= size:
        slot = _hash(data, i)
        candidate = recent[slot]
        recent[slot] = i
        length = 0
        if i - candidate <= FARTHEST:
            while i + length + BLOCK <= size and _same_block(data, i + length, candidate + length):
                length += BLOCK
            while i + length + WORD <= size:
                equal = _equal_bytes(data, i + length, candidate + length)
                length += equal
                if equal < WORD:
                    break
        if length < SHORTEST_MATCH:
            i += 1
            continue
        place = _put_literals(data, literals, i, out, place)
        place, left = _put_copies(length, i - candidate, out, place)
        i += length - left
        literals = i
        if i + WORD <= size:
            recent[_hash(data, i - 1)] = i - 1
    return _put_literals(data, literals, size, out, place)


@njit(cache=True, nogil=True)
def split_bytes(addresses, rows, planes):
    """Fill `planes` with the bytes of a port's addresses as HDF5's shuffle filter orders them, lowest of all first.

    Parameters
    ----------
    addresses : (cycles,) int32 or int64
    rows : int
        Words of the whole chunk, at least those of `addresses`; the rest is idle.
    planes : (at least itemsize * rows,) uint8
    """
    cycles = addresses.size
    for low in range(0, addresses.itemsize, 4):
        lowest = planes[low * rows : (low + 1) * rows]
        second = planes[(low + 1) * rows : (low + 2) * rows]
        third = planes[(low + 2) * rows : (low + 3) * rows]
        highest = planes[(low + 3) * rows : (low + 4) * rows]
        for i in range(cycles):
            word = np.uint32(addresses[i] >> 8 * low)
            lowest[i] = word
            second[i] = word >> np.uint32(8)
            third[i] = word >> np.uint32(16)
            highest[i] = word >> np.uint32(24)
    for byte in range(addresses.itemsize):
        planes[byte * rows + cycles : (byte + 1) * rows] = 0xFF


@njit(cache=True, nogil=True)
def encode_line(line, rows, planes, recent, out):
    """Encode one port's part of a chunk: split its words into byte planes and compress them; return the size.

    Parameters
    ----------
    line : (cycles,) int32 or int64
    rows : int
        Words of a whole chunk; those behind `line` are idle.
    planes : (itemsize * rows + 8,) uint8
        Working space.
    recent : (2**13,) int32
        Working space.
    out : (at least itemsize * rows * 33 / 32 + 8,) uint8
        Filled with the compressed planes, or with the planes as they are if they would not shrink.
    """
    size = line.itemsize * rows
    split_bytes(line, rows, planes)
    shrunk = compress(planes, size, recent, out)
    if shrunk < size:
        return shrunk
    out[:size] = planes[:size]
    return size
