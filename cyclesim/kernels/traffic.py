"""Which words cross the DRAM channel: scratchpads as first-in first-out memories (docs/memory-model.md, Traffic).

A scratchpad of A active words holds the last A words that entered it. So there is no set to search: for each address
of the tensor the number is kept under which it last entered, and it is resident if that is one of the last A numbers.
Chunks of array cycles must be taken in order; each adds to the events (array cycle, words) that the timeline consumes.

The words of a cycle are looked up in port order, straight from the axes of the stream: generating a block of them
first, as traces do, would cost as much as the look-up. Places in tables are unsigned, so that nothing is added for
negative ones.

Cost: about 1.5 to 2.5 ns a request, whatever the size of the scratchpad (a table look-up that may miss the cache), and
2 to 5 ns a cycle; memory is one 4-byte number for each word of the tensor.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cyclesim.kernels.demand import fold_start, folds_in_flight, newest_fold

NEVER = -(1 << 31)
"""The entry number of an address that has not been in the scratchpad: older than any."""


@njit(cache=True, nogil=True)
def pass_chunk(
    stream, folds, cycles_per_group, first_cycle, cycles, base, entered, active, number, writes, due, count, psum_due,
    psum_count, run_fetch, run_entry, addresses, psum_addresses,
):  # fmt: skip
    """Pass a chunk of an operand's requests through its scratchpad.

    A read scratchpad fetches what is not there. The ofmap scratchpad accumulates in place what is there at the start
    of the cycle; other results enter, each pushing the oldest word out when it is full, and fetch their partial sum if
    they are not the first contribution. Words leave in the order in which they entered, so a word's eviction has the
    number of its entry, and the words that are written back are the words that entered, in that order.

    Parameters
    ----------
    stream, folds, cycles_per_group, first_cycle
        As in `demand.fill`.
    cycles : int
        Array cycles of the chunk.
    base : int
        Address of the tensor's first word.
    entered : (tensor words,) int32
        Number under which each word last entered; updated. Empty if no word is asked for twice: then all enter.
    active : int
        Words that the scratchpad holds.
    number : int
        The next entry's number.
    writes : int
        1 for the ofmap scratchpad, 0 for one that is read.
    due, count : (cycles,) int64
        Filled with the array cycles in which words are fetched, or evicted from the ofmap scratchpad, and how many.
    psum_due, psum_count : (cycles,) int64
        Filled with the array cycles in which partial sums are fetched, and how many. Not touched for reads.
    run_fetch, run_entry : (ports * cycles,) int64
        Filled with the write-backs that psum fetches wait for, as runs: the fetch (counted within the chunk) with
        which a run begins, and the number of the write-back; both go up by one within a run. Not touched for reads.
    addresses, psum_addresses : (ports * cycles,) int32 or int64
        Filled with the words that entered and the partial sums that were fetched, or empty if they are not wanted.

    Returns
    -------
    events, psums, runs, number : int
        Filled entries of `due`, of `psum_due` and of `run_fetch`, and the next entry's number.
    """
    time, space = stream.time_address, stream.space_address
    pad_class, pad_masks = stream.pad_class, stream.pad_masks
    skew = stream.skew
    table = folds_in_flight(stream, folds, cycles_per_group, first_cycle, cycles)
    keep = addresses.size > 0
    once = entered.size == 0
    padded = pad_masks.shape[0] > 0
    first_number = number
    events, psums, runs, fetched = 0, 0, 0, 0
    next_in_run = np.int64(NEVER)
    oldest, behind_newest = 0, 0
    for cycle in range(cycles):
        while behind_newest < table.shape[0] and table[behind_newest, 0] <= cycle:
            behind_newest += 1
        while oldest < behind_newest and table[oldest, 0] + table[oldest, 1] + skew * (table[oldest, 3] - 1) <= cycle:
            oldest += 1
        before = number
        fetched_before = fetched
        for fold in range(behind_newest - 1, oldest - 1, -1):  # the newest fold is on the first ports
            step = cycle - table[fold, 0]
            low, high = 0, table[fold, 3]
            if skew:
                low, high = max(0, step - table[fold, 1] + 1), min(high, step + 1)
            elif step >= table[fold, 1]:
                continue
            if once and not keep:
                number += max(0, high - low)  # such operands have no padding
                continue
            step += table[fold, 2]
            place = table[fold, 4]
            shift = table[fold, 5] - base
            for port in range(low, high):
                at = np.uint64(step - skew * port)
                where = np.uint64(place + port)
                if padded and pad_class[where] >= 0 and pad_masks[np.uint64(pad_class[where]), at]:
                    continue
                word = np.uint64(np.int64(time[at]) + space[where] + shift)
                if not once:
                    last = np.int64(entered[word])
                    if last >= (before if writes else number) - active:
                        continue
                    entered[word] = number
                    if writes and last != NEVER:
                        if last != next_in_run:
                            run_fetch[runs] = fetched
                            run_entry[runs] = last
                            runs += 1
                        next_in_run = last + 1
                        if keep:
                            psum_addresses[fetched] = np.int64(word) + base
                        fetched += 1
                if keep:
                    addresses[number - first_number] = np.int64(word) + base
                number += 1
        moved = number - before
        if writes:
            moved = max(number - active, 0) - max(before - active, 0)
        if moved:
            due[events] = first_cycle + cycle
            count[events] = moved
            events += 1
        if fetched > fetched_before:
            psum_due[psums] = first_cycle + cycle
            psum_count[psums] = fetched - fetched_before
            psums += 1
    return events, psums, runs, number


@njit(cache=True, nogil=True)
def pass_results_in_order(
    stream, folds, cycles_per_group, first_cycle, requests, active, number, due, count, psum_due, psum_count, run_fetch,
    run_entry,
):  # fmt: skip
    """Do what `pass_chunk` does for the ofmap scratchpad, where folds follow each other: in closed form, 1 ns a cycle.

    The folds of a column fold deliver the same W words in the same order, again and again. In a first-in first-out
    memory all of them are still there if it holds W words, and else all have gone, W entries ago; the caller makes
    sure that W is not in between because of words of one cycle (`traffic.results_in_order`).

    Parameters
    ----------
    stream, folds, cycles_per_group, first_cycle
        As in `demand.fill`, of the ofmap.
    requests : (cycles,) int32
        Results of each cycle.
    active, number, due, count, psum_due, psum_count
        As in `pass_chunk`.
    run_fetch, run_entry : (cycles,) int64
        As in `pass_chunk`.

    Returns
    -------
    events, psums, runs, number : int
        As in `pass_chunk`.
    """
    row_folds = folds.row_folds
    per_group = row_folds * folds.col_folds
    group, in_group = first_cycle // cycles_per_group, first_cycle % cycles_per_group
    fold = group * per_group + max(newest_fold(folds, in_group), 0)  # over all groups
    next_start, words, stays = -1, 0, False
    events, psums, runs, fetched = 0, 0, 0, 0
    for cycle in range(requests.size):
        at = first_cycle + cycle
        while at >= next_start:
            if next_start >= 0:
                fold += 1
            within = fold % per_group
            used = min(folds.cols, folds.spatial_cols - within // row_folds * folds.cols)
            words = stream.steps * used
            stays = words <= active
            next_start = (fold + 1) // per_group * cycles_per_group + fold_start(folds, (fold + 1) % per_group)
            new_fold = True
        results = requests[cycle]
        if results == 0:
            continue
        again = fold % row_folds > 0
        if again and stays:
            continue
        if again:
            if new_fold:
                run_fetch[runs] = fetched
                run_entry[runs] = number - words
                runs += 1
            psum_due[psums] = at
            psum_count[psums] = results
            psums += 1
            fetched += results
        new_fold = False
        evicted = max(number + results - active, 0) - max(number - active, 0)
        if evicted:
            due[events] = at
            count[events] = evicted
            events += 1
        number += results
    return events, psums, runs, number


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
