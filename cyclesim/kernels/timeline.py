"""When words cross the DRAM channel and when the array advances, wall cycle by wall cycle (docs/memory-model.md, Time).

The traffic is known as events: so many words of a stream are due in an array cycle. Three streams of fetches (ifmap,
filter, psum) and the evictions of the ofmap scratchpad are each a queue of events, of which the array has consumed the
first ones and the channel has issued some more. Queues hold only what lookahead needs: when the channel could go on
with events that are not there yet, `run` returns and says so, in the middle of a wall cycle if need be; all state is
in arrays, so it goes on from there.

`run` is one long function on purpose: handing its arrays to helpers would count references in the innermost loop and
cost ten times the work. Its twin in plain Python, without queues of events, jumps or resumption, is
cyclesim/validation/memory_model.py.

Cost: about 35 ns a wall cycle and 15 to 25 ns for each stream that moves words in it, however many words; stretches in
which only the array advances, or in which everything waits for one arrival or for the next word of budget, are one
step whatever their length. Nothing depends on the length of a queue.
"""

from __future__ import annotations

from numba import njit

STREAMS = 3
"""Fetch streams: ifmap, filter, psum, in the order in which ties are settled."""
PSUM, EVICTIONS = 2, 3
QUEUES = 4
UNLIMITED = 1 << 62
"""Budget of a wall cycle of a channel without limit."""
_FAR = 1 << 62
_LONGEST_JUMP = 1 << 20
"""Wall cycles passed over at a time: keeps the budget's remainder within 64 bits."""

# What the clock array holds. SLOTS is what is left of the port's budget, -1 before it is drawn.
WALL, STEP, REMAINDER, BUDGET, SLOTS, PORT, MOVED = 0, 1, 2, 3, 4, 5, 6
WRITTEN_BEFORE, JOINED, WRITTEN, FIRST_WALL, LAST_WALL = 7, 8, 9, 10, 11
PSUMS_ISSUED, WAIT_RUN, WINDOW_INDEX, WINDOW_END, LOGGED = 12, 13, 14, 15, 16
CLOCK_SIZE = 17

# What a row of the queue state holds: three places in the queue (next to issue, next to consume, behind the last
# known one), the words left of the event at ISSUE, the array cycle up to which events are known, words in flight, P,
# totals.
ISSUE, TAKE, KNOWN, LEFT, HORIZON, OUTSTANDING, LOOKAHEAD, FIRST_ISSUE, LAST_ISSUE, WORDS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
QUEUE_FIELDS = 10

# Why `run` returned. NEED + q: queue q must learn of more events.
NEED, REACHED, FINISHED, STALLED, SERIES_FULL, LOG_FULL = 0, 10, 11, 12, 13, 14


@njit(cache=True, nogil=True)
def run(
    clock, queue, due, count, ready, run_fetch, run_entry, flushed, cycles, stop, whole, part, parts, latency, separate,
    stall_by, until_stall, walls, series, window, log,
):  # fmt: skip
    """Advance the layer until an array cycle, as far as the queues are known.

    Parameters
    ----------
    clock : (CLOCK_SIZE,) int64
        Where the layer stands; zeros at the start, but for SLOTS (-1) and WINDOW_END.
    queue : (QUEUES, QUEUE_FIELDS) int64
        Where each queue stands. LOOKAHEAD is its scratchpad's P words.
    due, count, ready : (room,) int64
        The events of all queues, each in its own stretch: array cycle, words, and the wall cycle in which the last word
        can be used (filled here). ISSUE, TAKE and KNOWN are places in these arrays.
    run_fetch, run_entry : (runs + 1,) int64
        The write-backs that psum fetches wait for, as in `traffic.pass_chunk`, numbered from the layer's start; behind
        the last run `run_fetch` holds a number that is never reached.
    flushed : int
        Words that the ofmap scratchpad holds at the end; counts when all evictions are known.
    cycles, stop : int
        Array cycles of the layer; array cycle before which to return, or `cycles` to finish the layer.
    whole, part, parts : int
        Bandwidth: whole + part / parts words a wall cycle; `whole` is UNLIMITED for a channel without limit.
    latency : int
    separate : int
        1 if ifmap, filter and ofmap have a port each.
    stall_by : (4,) int64
        Gains the wall cycles in which each cause holds the array.
    until_stall : int
        1 to return at the first stall after array cycle 0.
    walls : (any number,) int64
        Filled with the wall cycles of the last array cycles before `stop`, its last entry being that of `stop - 1`;
        empty if not wanted.
    series : (windows, at least 5) int64
        Gains the words of each queue and the stalled wall cycles in each window of time; empty if not wanted.
    window : int
        Wall cycles of a window.
    log : (entries, 3) int64
        Filled with (wall cycle, queue, words) as words are issued; empty if not wanted.

    Returns
    -------
    reason : int
        NEED + q, REACHED (`stop`), FINISHED, STALLED, SERIES_FULL or LOG_FULL (the caller empties it).
    """
    wall, step, remainder, budget = clock[WALL], clock[STEP], clock[REMAINDER], clock[BUDGET]
    slots, port, moved = clock[SLOTS], clock[PORT], clock[MOVED]
    written_before, joined, written = clock[WRITTEN_BEFORE], clock[JOINED], clock[WRITTEN]
    psums_issued, wait_run = clock[PSUMS_ISSUED], clock[WAIT_RUN]
    window_index, window_end, logged = clock[WINDOW_INDEX], clock[WINDOW_END], clock[LOGGED]
    ports = 3 if separate else 1
    space = queue[EVICTIONS, LOOKAHEAD]
    first_wall = walls.size - stop
    logging = log.size > 0
    measuring = series.size > 0

    # For stream q: the event that is issued next (place i, cycle d, words left l; FAR and 0 if none is known), the
    # event that is consumed next (place c, cycle t, usable from wall cycle u; FAR if not issued), words in flight o.
    i0, c0, known0, horizon0 = queue[0, ISSUE], queue[0, TAKE], queue[0, KNOWN], queue[0, HORIZON]
    o0, ahead0 = queue[0, OUTSTANDING], queue[0, LOOKAHEAD]
    words0, last0 = queue[0, WORDS], queue[0, LAST_ISSUE]
    d0, l0 = (due[i0], queue[0, LEFT]) if i0 < known0 else (_FAR, 0)
    t0 = due[c0] if c0 < known0 else _FAR
    u0 = ready[c0] if c0 < i0 else _FAR
    i1, c1, known1, horizon1 = queue[1, ISSUE], queue[1, TAKE], queue[1, KNOWN], queue[1, HORIZON]
    o1, ahead1 = queue[1, OUTSTANDING], queue[1, LOOKAHEAD]
    words1, last1 = queue[1, WORDS], queue[1, LAST_ISSUE]
    d1, l1 = (due[i1], queue[1, LEFT]) if i1 < known1 else (_FAR, 0)
    t1 = due[c1] if c1 < known1 else _FAR
    u1 = ready[c1] if c1 < i1 else _FAR
    i2, c2, known2, horizon2 = queue[2, ISSUE], queue[2, TAKE], queue[2, KNOWN], queue[2, HORIZON]
    o2, ahead2 = queue[2, OUTSTANDING], queue[2, LOOKAHEAD]
    words2, last2 = queue[2, WORDS], queue[2, LAST_ISSUE]
    d2, l2 = (due[i2], queue[2, LEFT]) if i2 < known2 else (_FAR, 0)
    t2 = due[c2] if c2 < known2 else _FAR
    u2 = ready[c2] if c2 < i2 else _FAR
    e, known_e, horizon_e = queue[EVICTIONS, TAKE], queue[EVICTIONS, KNOWN], queue[EVICTIONS, HORIZON]
    evict_due = due[e] if e < known_e else _FAR
    last_e = queue[EVICTIONS, LAST_ISSUE]
    behind_run = run_fetch[wait_run + 1] if l2 else 0
    wait_shift = run_entry[wait_run] - run_fetch[wait_run] if l2 else 0
    reason = -1
    while True:
        if port == 0 and slots < 0:
            # A new wall cycle.
            if step == stop and stop < cycles:
                reason = REACHED
                break
            if step < cycles:
                if horizon0 <= step:
                    reason = NEED + 0
                if horizon1 <= step:
                    reason = NEED + 1
                if horizon2 <= step:
                    reason = NEED + 2
                if horizon_e <= step:
                    reason = NEED + EVICTIONS
                if reason >= 0:
                    break
            elif joined == written:
                reason = FINISHED
                break
            if joined == written and 0 < step < cycles:
                # If no fetch is eligible, the array runs on until that can change.
                n0 = l0 if d0 == step else min(l0, ahead0 - o0)
                n1 = l1 if d1 == step else min(l1, ahead1 - o1)
                n2 = l2 if d2 == step else min(l2, ahead2 - o2)
                if n2 > 0 and wait_shift + psums_issued >= written:
                    n2 = 0
                more = (i0 == known0 and horizon0 < cycles and o0 < ahead0) or (
                    i1 == known1 and horizon1 < cycles and o1 < ahead1) or (
                    i2 == known2 and horizon2 < cycles and o2 < ahead2)
                if n0 <= 0 and n1 <= 0 and n2 <= 0 and not more:
                    until = min(min(stop, cycles - 1), min(evict_due, horizon_e))
                    until = min(until, min(min(t0, horizon0), min(min(t1, horizon1), min(t2, horizon2))))
                    quiet = min(until - step, _LONGEST_JUMP)
                    if quiet > 0:
                        if walls.size:
                            for i in range(quiet):
                                walls[first_wall + step + i] = wall + i
                        step += quiet
                        wall += quiet
                        remainder = (remainder + quiet * part) % parts
                        continue
            if measuring:
                while wall >= window_end and window_index + 1 < series.shape[0]:
                    window_index += 1
                    window_end += window
                if wall >= window_end:
                    reason = SERIES_FULL
                    break
            budget = whole
            remainder += part
            if remainder >= parts:
                remainder -= parts
                budget += 1
            written_before = written
            moved = 0

        # 1. DRAM: each port spends its budget, slot by slot; equal slots are taken at once.
        while port < ports:
            if slots < 0:
                slots = budget
            drains = port == ports - 1
            serves0 = not separate or port == 0
            serves1 = not separate or port == 1
            serves2 = not separate or port == 2
            while slots > 0:
                if logging and logged == log.shape[0]:
                    reason = LOG_FULL
                    break
                waiting = joined - written if drains else 0
                best = -1
                words = 0
                if waiting >= space:
                    best = EVICTIONS
                    words = waiting - space + 1
                else:
                    best_due = _FAR
                    if serves0:
                        if i0 == known0:
                            if horizon0 < cycles and o0 < ahead0:
                                reason = NEED + 0
                                break
                        elif d0 < best_due:
                            most = l0 if d0 == step else min(l0, ahead0 - o0)
                            if most > 0:
                                best = 0
                                best_due = d0
                                words = most
                    if serves1:
                        if i1 == known1:
                            if horizon1 < cycles and o1 < ahead1:
                                reason = NEED + 1
                                break
                        elif d1 < best_due:
                            most = l1 if d1 == step else min(l1, ahead1 - o1)
                            if most > 0:
                                best = 1
                                best_due = d1
                                words = most
                    if serves2:
                        if i2 == known2:
                            if horizon2 < cycles and o2 < ahead2:
                                reason = NEED + 2
                                break
                        elif d2 < best_due:
                            most = l2 if d2 == step else min(l2, ahead2 - o2)
                            # Fetch and write-back numbers go up together within a run, so its end bounds both.
                            most = min(most, min(written_before - wait_shift, behind_run) - psums_issued)
                            if most > 0:
                                best = 2
                                best_due = d2
                                words = most
                    if best < 0:
                        if waiting == 0:
                            break
                        best = EVICTIONS
                        words = waiting
                words = min(words, slots)
                slots -= words
                moved = 1
                if best == EVICTIONS:
                    if written == 0:
                        queue[EVICTIONS, FIRST_ISSUE] = wall
                    last_e = wall
                    written += words
                elif best == 0:
                    if words0 == 0:
                        queue[0, FIRST_ISSUE] = wall
                    last0 = wall
                    words0 += words
                    o0 += words
                    l0 -= words
                    if l0 == 0:
                        ready[i0] = wall + latency
                        if c0 == i0:
                            u0 = wall + latency
                        i0 += 1
                        d0, l0 = (due[i0], count[i0]) if i0 < known0 else (_FAR, 0)
                elif best == 1:
                    if words1 == 0:
                        queue[1, FIRST_ISSUE] = wall
                    last1 = wall
                    words1 += words
                    o1 += words
                    l1 -= words
                    if l1 == 0:
                        ready[i1] = wall + latency
                        if c1 == i1:
                            u1 = wall + latency
                        i1 += 1
                        d1, l1 = (due[i1], count[i1]) if i1 < known1 else (_FAR, 0)
                elif best == 2:
                    if words2 == 0:
                        queue[2, FIRST_ISSUE] = wall
                    last2 = wall
                    words2 += words
                    o2 += words
                    l2 -= words
                    psums_issued += words
                    if psums_issued == behind_run:
                        wait_run += 1
                        behind_run = run_fetch[wait_run + 1] if run_fetch[wait_run] < _FAR else _FAR
                        wait_shift = run_entry[wait_run] - run_fetch[wait_run]
                    if l2 == 0:
                        ready[i2] = wall + latency
                        if c2 == i2:
                            u2 = wall + latency
                        i2 += 1
                        d2, l2 = (due[i2], count[i2]) if i2 < known2 else (_FAR, 0)
                if measuring:
                    series[window_index, best] += words
                if logging:
                    log[logged, 0] = wall
                    log[logged, 1] = best
                    log[logged, 2] = words
                    logged += 1
            if reason >= 0:
                break
            slots = -1
            port += 1
        if reason >= 0:
            break
        port = 0

        # 2. Array.
        running = step < cycles
        held = 0
        late0 = t0 == step and u0 > wall
        late1 = t1 == step and u1 > wall
        late2 = t2 == step and u2 > wall
        late_drain = False
        if running:
            evicted = count[e] if evict_due == step else 0
            late_drain = joined > written and joined - written + evicted > space
            if late0 or late1 or late2 or late_drain:
                held = 1
            else:
                if t0 == step:
                    o0 -= count[c0]
                    c0 += 1
                    t0 = due[c0] if c0 < known0 else _FAR
                    u0 = ready[c0] if c0 < i0 else _FAR
                if t1 == step:
                    o1 -= count[c1]
                    c1 += 1
                    t1 = due[c1] if c1 < known1 else _FAR
                    u1 = ready[c1] if c1 < i1 else _FAR
                if t2 == step:
                    o2 -= count[c2]
                    c2 += 1
                    t2 = due[c2] if c2 < known2 else _FAR
                    u2 = ready[c2] if c2 < i2 else _FAR
                if evicted:
                    joined += evicted
                    e += 1
                    evict_due = due[e] if e < known_e else _FAR
                if walls.size:
                    walls[first_wall + step] = wall
                if step == 0:
                    clock[FIRST_WALL] = wall
                if step == cycles - 1:
                    clock[LAST_WALL] = wall
                    joined += flushed
                step += 1
        wall += 1
        if moved == 0 and (held or not running):
            # Nothing changes until an awaited word arrives or, if there was no budget, until there is some again.
            change = _FAR
            if late0:
                change = min(change, u0)
            if late1:
                change = min(change, u1)
            if late2:
                change = min(change, u2)
            if budget == 0:
                change = min(change, wall + (parts - remainder - 1) // part)
            if measuring:
                change = min(change, window_end)
            jump = min(change - wall, _LONGEST_JUMP)
            if jump > 0:
                held += jump * held
                wall += jump
                remainder = (remainder + jump * part) % parts
        if held:
            if late0:
                stall_by[0] += held
            if late1:
                stall_by[1] += held
            if late2:
                stall_by[2] += held
            if late_drain:
                stall_by[EVICTIONS] += held
            if measuring:
                series[window_index, QUEUES] += held
            if until_stall and step > 0:
                reason = STALLED
                break

    clock[WALL], clock[STEP], clock[REMAINDER], clock[BUDGET] = wall, step, remainder, budget
    clock[SLOTS], clock[PORT], clock[MOVED] = slots, port, moved
    clock[WRITTEN_BEFORE], clock[JOINED], clock[WRITTEN] = written_before, joined, written
    clock[PSUMS_ISSUED], clock[WAIT_RUN] = psums_issued, wait_run
    clock[WINDOW_INDEX], clock[WINDOW_END], clock[LOGGED] = window_index, window_end, logged
    queue[0, ISSUE], queue[0, TAKE], queue[0, LEFT], queue[0, OUTSTANDING] = i0, c0, l0, o0
    queue[0, WORDS], queue[0, LAST_ISSUE] = words0, last0
    queue[1, ISSUE], queue[1, TAKE], queue[1, LEFT], queue[1, OUTSTANDING] = i1, c1, l1, o1
    queue[1, WORDS], queue[1, LAST_ISSUE] = words1, last1
    queue[2, ISSUE], queue[2, TAKE], queue[2, LEFT], queue[2, OUTSTANDING] = i2, c2, l2, o2
    queue[2, WORDS], queue[2, LAST_ISSUE] = words2, last2
    queue[EVICTIONS, TAKE], queue[EVICTIONS, WORDS], queue[EVICTIONS, LAST_ISSUE] = e, written, last_e
    return reason


@njit(cache=True, nogil=True)
def comes_late(due, count, bounds, lookahead, latency, run_fetch, run_entry):
    """Whether the array stalls after array cycle 0 although the budget is unlimited, at about 5 ns an event.

    With an unlimited budget and without stalls so far, array cycle t executes in wall cycle c + t, c being the cold
    start. Then word q is fetched in wall cycle 0, or in the one after word q-P was consumed; evictions of array cycle t
    are written back in c + t + 1, and partial sums that wait for them are fetched in c + t + 2 at the earliest. So
    whether a word comes in time is a matter of array cycles only.

    Parameters
    ----------
    due, count : (events,) int64
        All events of the layer, queue after queue.
    bounds : (QUEUES + 1,) int64
        Where each queue begins, and the end.
    lookahead : (STREAMS,) int64
    latency : int
    run_fetch, run_entry : (runs,) int64
        As in `run`, but without the number that is never reached.
    """
    starts_at_once = False
    for q in range(PSUM):
        starts_at_once |= bounds[q] < bounds[q + 1] and due[bounds[q]] == 0
    for q in range(PSUM):
        if not starts_at_once and bounds[q] < bounds[q + 1] and due[bounds[q]] < latency:
            return True  # nothing holds array cycle 0 until what is issued together has arrived
    for q in range(STREAMS):
        words, freeing, before = 0, bounds[q], 0
        for event in range(bounds[q], bounds[q + 1]):
            words += count[event]
            freed = words - 1 - lookahead[q]  # the word that must be consumed before the event's last one is fetched
            if freed < 0:
                continue
            while before + count[freeing] <= freed:
                before += count[freeing]
                freeing += 1
            if due[event] - due[freeing] <= latency:
                return True
    words, run, evicting, before = 0, 0, bounds[EVICTIONS], 0
    for event in range(bounds[PSUM], bounds[PSUM + 1]):
        words += count[event]
        while run < run_fetch.size and run_fetch[run] < words:
            # Within a run and an event, the last word waits longest.
            end = run_fetch[run + 1] if run + 1 < run_fetch.size else words
            entry = run_entry[run] + min(end, words) - 1 - run_fetch[run]
            while before > entry:
                evicting -= 1
                before -= count[evicting]
            while before + count[evicting] <= entry:
                before += count[evicting]
                evicting += 1
            if due[event] - due[evicting] < latency + 2:
                return True
            if end > words or run + 1 == run_fetch.size:
                break
            run += 1
    return False
