"""Which words cross the DRAM channel: scratchpads as first-in first-out memories (docs/memory-model.md, Traffic).

A scratchpad of A active words holds the last A words that entered it. So there is no set to search: for each address
of the tensor the number is kept under which it last entered, and it is resident if that is one of the last A numbers.
Chunks of array cycles must be taken in order; each adds to the events (array cycle, words) that the timeline consumes.

Cost: about 1 to 2 ns a request, whatever the size of the scratchpad (a table look-up that may miss the cache), on top
of generating it; memory is one 4-byte number for each word of the tensor.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cyclesim.kernels.demand import fill

NEVER = -(1 << 31)
"""The entry number of an address that has not been in the scratchpad: older than any."""
BLOCK_CYCLES = 496
"""Cycles that are generated at a time: small enough for the cache, and rows are not a multiple of 4 kB apart, which
would make all ports of a cycle share a few cache lines."""


@njit(cache=True, nogil=True)
def read_chunk(
    stream, folds, cycles_per_group, first_cycle, cycles, words, requests, base, entered, active, number, due, count,
    addresses,
):  # fmt: skip
    """Pass a chunk of an operand's requests through its scratchpad.

    Parameters
    ----------
    stream, folds, cycles_per_group, first_cycle
        As in `demand.fill`.
    cycles : int
        Array cycles of the chunk.
    words : (at least ports * BLOCK_CYCLES,) int32 or int64
        Working space.
    requests : (at least BLOCK_CYCLES,) int32
        Working space.
    base : int
        Address of the tensor's first word.
    entered : (tensor words,) int32
        Number under which each word last entered; updated. Empty if no word is asked for twice: then all are fetched.
    active : int
        Words that the scratchpad holds.
    number : int
        The next entry's number.
    due, count : (cycles,) int64
        Filled with the array cycles in which words are fetched, and how many.
    addresses : (ports * cycles,) int32 or int64
        Filled with the fetched words in order, or empty if they are not wanted.

    Returns
    -------
    events, number : int
        How many entries of `due` and `count` were filled, and the next entry's number.
    """
    keep = addresses.size > 0
    once = entered.size == 0
    first_number = number
    events = 0
    done = 0
    while done < cycles:
        length = min(BLOCK_CYCLES, cycles - done)
        out = words[: stream.ports * length].reshape(stream.ports, length)
        fill(stream, folds, cycles_per_group, first_cycle + done, out, requests[:length])
        for cycle in range(length):
            if requests[cycle] == 0:
                continue
            before = number
            if once and not keep:
                number += requests[cycle]
            else:
                for port in range(stream.ports):
                    address = out[port, cycle]
                    if address < 0:
                        continue
                    if not once:
                        if entered[address - base] >= number - active:
                            continue
                        entered[address - base] = number
                    if keep:
                        addresses[number - first_number] = address
                    number += 1
            if number != before:
                due[events] = first_cycle + done + cycle
                count[events] = number - before
                events += 1
        done += length
    return events, number


@njit(cache=True, nogil=True)
def write_chunk(
    stream, folds, cycles_per_group, first_cycle, cycles, words, requests, base, entered, active, number, evict_due,
    evict_count, psum_due, psum_count, run_fetch, run_entry, addresses, psum_addresses,
):  # fmt: skip
    """Pass a chunk of results through the ofmap scratchpad, which accumulates partial sums in place.

    Words leave in the order in which they entered, so a word's eviction has the number of its entry, and the words
    that are written back are the words that entered, in that order.

    Parameters
    ----------
    stream, folds, cycles_per_group, first_cycle, cycles, words, requests, base, entered, active, number
        As in `read_chunk`, of the ofmap. `entered` is empty if no word is written twice.
    evict_due, evict_count : (cycles,) int64
        Filled with the array cycles in which words are evicted, and how many.
    psum_due, psum_count : (cycles,) int64
        Filled with the array cycles in which partial sums are fetched, and how many.
    run_fetch, run_entry : (ports * cycles,) int64
        Filled with the write-backs that psum fetches wait for, as runs: the fetch (counted within the chunk) with
        which a run begins, and the number of the write-back; both go up by one within a run.
    addresses, psum_addresses : (ports * cycles,) int32 or int64
        Filled with the words that entered and the partial sums that were fetched, or empty if they are not wanted.

    Returns
    -------
    evictions, psums, runs, number : int
        Filled entries of `evict_due`, of `psum_due` and of `run_fetch`, and the next entry's number.
    """
    keep = addresses.size > 0
    once = entered.size == 0
    first_number = number
    evictions = 0
    psums = 0
    runs = 0
    fetched = 0
    next_in_run = np.int64(NEVER)
    done = 0
    while done < cycles:
        length = min(BLOCK_CYCLES, cycles - done)
        out = words[: stream.ports * length].reshape(stream.ports, length)
        fill(stream, folds, cycles_per_group, first_cycle + done, out, requests[:length])
        for cycle in range(length):
            if requests[cycle] == 0:
                continue
            before = number
            fetched_before = fetched
            if once and not keep:
                number += requests[cycle]
            else:
                for port in range(stream.ports):
                    address = out[port, cycle]
                    if address < 0:
                        continue
                    if not once:
                        last = np.int64(entered[address - base])
                        if last >= before - active:
                            continue
                        entered[address - base] = number
                        if last != NEVER:
                            if last != next_in_run:
                                run_fetch[runs] = fetched
                                run_entry[runs] = last
                                runs += 1
                            next_in_run = last + 1
                            if keep:
                                psum_addresses[fetched] = address
                            fetched += 1
                    if keep:
                        addresses[number - first_number] = address
                    number += 1
            evicted = max(number - active, 0) - max(before - active, 0)
            if evicted > 0:
                evict_due[evictions] = first_cycle + done + cycle
                evict_count[evictions] = evicted
                evictions += 1
            if fetched > fetched_before:
                psum_due[psums] = first_cycle + done + cycle
                psum_count[psums] = fetched - fetched_before
                psums += 1
        done += length
    return evictions, psums, runs, number


@njit(cache=True, nogil=True)
def renumber(entered, oldest, shift):
    """Take `shift` off all entry numbers, so that they fit; those below `oldest` become `oldest` first.

    An address that never entered stays so. Numbers below `oldest` are of words that left long ago.
    """
    for i in range(entered.size):
        if entered[i] != NEVER:
            entered[i] = max(np.int64(entered[i]), oldest) - shift


@njit(cache=True, nogil=True)
def busiest_step(due, count, step, window):
    """Find the most words of one step, over consecutive chunks of events.

    `window` is (3,) int64: the current step's end, its words so far, and the most of any step; start with
    (step, 0, 0).
    """
    for i in range(due.size):
        if due[i] >= window[0]:
            window[0] += ((due[i] - window[0]) // step + 1) * step
            window[1] = 0
        window[1] += count[i]
        window[2] = max(window[2], window[1])
