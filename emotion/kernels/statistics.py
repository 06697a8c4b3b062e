"""Which frames count as speech heard, and running sums over the newest of them.

A row is added to the sums when it enters the window and taken out again when it leaves, so that an estimate
costs the same after 1 s as after 8 s. What compares rows (changes, runs) is added with the newer row and taken
out with the older one.
"""

from __future__ import annotations

import numba
from numba import boolean, float32, float64, int64, void

from emotion.layout import (
    CENTROID,
    CEP,
    CEPSTRA,
    ENERGY,
    F0,
    FLUX,
    H1_A3,
    H1_H2,
    HELD,
    HNR,
    MEL,
    MEL_BANDS,
    WIDTH,
)

# A consonant beside a vowel counts, a pause does not: this many frames after the last pitched one.
HANGOVER = 8

# Places in `state`.
SINCE_PITCHED = 0
NEXT = 1
ADMITTED = 2
LAST_KEPT = 3
FLAGGED = 4
FLAGGED_PITCHED = 5
STATE = 6

# Rows of `sums`, each WIDTH wide: over all rows, over pitched ones, squares of both; then changes and single numbers.
ALL = 0
ALL_SQUARES = 1
PITCHED = 2
PITCHED_SQUARES = 3
CHANGES = 4
NUMBERS = 5
SUMS = 6

# Columns of sums[CHANGES]: squares of the change of each cepstral shape over 2 frames and of each mel band over 5.
SHAPE_LAG = 2
BAND_LAG = 5
SHAPE_CHANGES = 0
BAND_CHANGES = CEPSTRA

# Columns of sums[NUMBERS].
PITCHED_ROWS = 0
RUNS = 1
MOVES = 2
MOVED = 3
STILL = 4
NEIGHBOURS = 5
CHANGED = 6
RISES = 7
RISEN = 8
SHAPE_PAIRS = 9
BAND_PAIRS = 10
FIRST_HARMONICS = 11
H1_H2_SUM = 12
H1_H2_SQUARES = 13
H1_A3_SUM = 14
H1_A3_SQUARES = 15

# Rows of `histograms`: what is counted, with the range of its bins.
HIST_ENERGY, HIST_F0, HIST_HNR, HIST_CENTROID, HIST_FLUX, HIST_FLUX_PITCHED = 0, 1, 2, 3, 4, 5
HISTOGRAMS = 6
BINS = 96
LOW = (-80.0, 12.0, -8.0, 200.0, 0.0, 0.0)
STEP = (1.0, 44.0 / BINS, 0.5, 35.5, 0.25, 0.25)
# Pitch that moves less than this from frame to frame is song or a tone, st.
STILL_ST = 0.05


@numba.njit(void(int64[:, ::1], int64, float64, int64), cache=True, nogil=True)
def count(histograms, which, value, sign):  # type: ignore[no-untyped-def]
    """Put a value into its bin (`sign` 1) or take it out (-1); values outside go into the end bins."""
    place = int((value - LOW[which]) / STEP[which])
    histograms[which, min(max(place, 0), BINS - 1)] += sign


@numba.njit(void(float32[:, ::1], int64, int64, float64[:, ::1], int64[:, ::1]), cache=True, nogil=True)
def add_row(ring, row, sign, sums, histograms):  # type: ignore[no-untyped-def]
    """Add what one row says by itself, or take it out (`sign` -1)."""
    for c in range(WIDTH):
        value = float64(ring[row, c])
        sums[ALL, c] += sign * value
        sums[ALL_SQUARES, c] += sign * value * value
    count(histograms, HIST_ENERGY, ring[row, ENERGY], sign)
    count(histograms, HIST_CENTROID, ring[row, CENTROID], sign)
    count(histograms, HIST_FLUX, ring[row, FLUX], sign)
    if ring[row, F0] <= 0.0:
        return
    for c in range(WIDTH):
        value = float64(ring[row, c])
        sums[PITCHED, c] += sign * value
        sums[PITCHED_SQUARES, c] += sign * value * value
    numbers = sums[NUMBERS]
    numbers[PITCHED_ROWS] += sign
    count(histograms, HIST_F0, ring[row, F0], sign)
    count(histograms, HIST_HNR, ring[row, HNR], sign)
    count(histograms, HIST_FLUX_PITCHED, ring[row, FLUX], sign)
    if ring[row, H1_H2] != 0.0:
        numbers[FIRST_HARMONICS] += sign
        numbers[H1_H2_SUM] += sign * float64(ring[row, H1_H2])
        numbers[H1_H2_SQUARES] += sign * float64(ring[row, H1_H2]) ** 2
        numbers[H1_A3_SUM] += sign * float64(ring[row, H1_A3])
        numbers[H1_A3_SQUARES] += sign * float64(ring[row, H1_A3]) ** 2


@numba.njit(void(float32[:, ::1], int64, int64, int64, float64[:, ::1]), cache=True, nogil=True)
def add_step(ring, before, row, sign, sums):  # type: ignore[no-untyped-def]
    """Add how `row` follows its neighbour `before`, or take it out: movement of pitch and energy, runs of pitch."""
    numbers = sums[NUMBERS]
    change = float64(ring[row, ENERGY]) - float64(ring[before, ENERGY])
    numbers[NEIGHBOURS] += sign
    numbers[CHANGED] += sign * abs(change)
    if change > 0.0:
        numbers[RISES] += sign
        numbers[RISEN] += sign * change
    if ring[row, F0] > 0.0 and ring[before, F0] > 0.0:
        # The newer row does not begin a run: `before` did, or one before it.
        numbers[RUNS] -= sign
        numbers[MOVES] += sign
        moved = abs(float64(ring[row, F0]) - float64(ring[before, F0]))
        numbers[MOVED] += sign * moved
        if moved < STILL_ST:
            numbers[STILL] += sign


@numba.njit(
    void(float32[:, ::1], int64, int64, int64, int64, int64, int64, int64, float64[:, ::1]), cache=True, nogil=True
)
def add_changes(ring, before, row, sign, first, columns, place, pairs, sums):  # type: ignore[no-untyped-def]
    """Add the squared changes of `columns` columns from `first` on, or take them out, into sums[CHANGES, place...]."""
    for c in range(columns):
        change = float64(ring[row, first + c]) - float64(ring[before, first + c])
        sums[CHANGES, place + c] += sign * change * change
    sums[NUMBERS, pairs] += sign


@numba.njit(int64(float32[:, ::1], int64, int64), cache=True, nogil=True)
def joined_steps(ring, row, most):  # type: ignore[no-untyped-def]
    """How many rows up to and with `row` follow on one another without a gap, counted back to `most`."""
    size = ring.shape[0]
    steps = 0
    while steps < most and ring[(row - steps) % size, WIDTH] > 0.0:
        steps += 1
    return steps


@numba.njit(void(float32[:, ::1], int64, int64, float64[:, ::1], int64[:, ::1]), cache=True, nogil=True)
def enter(ring, row, rows, sums, histograms):  # type: ignore[no-untyped-def]
    """Add the newest row of `rows` in the window, and how it follows those before it."""
    size = ring.shape[0]
    add_row(ring, row, 1, sums, histograms)
    if ring[row, F0] > 0.0:
        sums[NUMBERS, RUNS] += 1
    steps = min(joined_steps(ring, row, BAND_LAG), rows - 1)
    if steps >= 1:
        add_step(ring, (row - 1) % size, row, 1, sums)
    if steps >= SHAPE_LAG:
        add_changes(ring, (row - SHAPE_LAG) % size, row, 1, CEP, CEPSTRA, SHAPE_CHANGES, SHAPE_PAIRS, sums)
    if steps >= BAND_LAG:
        add_changes(ring, (row - BAND_LAG) % size, row, 1, MEL, MEL_BANDS, BAND_CHANGES, BAND_PAIRS, sums)


@numba.njit(void(float32[:, ::1], int64, float64[:, ::1], int64[:, ::1]), cache=True, nogil=True)
def leave(ring, row, sums, histograms):  # type: ignore[no-untyped-def]
    """Take the oldest row of a full window out, and how those after it follow it."""
    size = ring.shape[0]
    add_row(ring, row, -1, sums, histograms)
    if ring[row, F0] > 0.0:
        sums[NUMBERS, RUNS] -= 1
    if ring[(row + 1) % size, WIDTH] > 0.0:
        add_step(ring, row, (row + 1) % size, -1, sums)
    newer = (row + SHAPE_LAG) % size
    if joined_steps(ring, newer, SHAPE_LAG) == SHAPE_LAG:
        add_changes(ring, row, newer, -1, CEP, CEPSTRA, SHAPE_CHANGES, SHAPE_PAIRS, sums)
    newer = (row + BAND_LAG) % size
    if joined_steps(ring, newer, BAND_LAG) == BAND_LAG:
        add_changes(ring, row, newer, -1, MEL, MEL_BANDS, BAND_CHANGES, BAND_PAIRS, sums)


@numba.njit(
    int64(float64[:, ::1], boolean, int64[::1], float32[:, ::1], float64[:, ::1], int64[:, ::1], boolean[::1]),
    cache=True,
    nogil=True,
)
def admit(rows, speech, state, ring, sums, histograms, counted):  # type: ignore[no-untyped-def]
    """Put rows that count into the ring and the sums, and return how many did.

    A row counts if `speech` is true, a frame within the last HANGOVER ones had a pitch, and no lost packet
    tears it. `ring` (float32: what leaves is what entered, and a hundred calls share a cache) has one column
    more than a row: 1 where the row before it in time was kept too. `state`
    holds STATE integers, all zero at the start but SINCE_PITCHED, which starts at HANGOVER + 1. `sums` (SUMS
    rows of WIDTH) and `histograms` (HISTOGRAMS rows of BINS) are zero at the start. `counted`
    is set to which rows do.
    """
    size = ring.shape[0]
    kept = 0
    for r in range(rows.shape[0]):
        counted[r] = False
        if rows[r, HELD] > 0.0:
            state[LAST_KEPT] = 0
            continue
        pitched = rows[r, F0] > 0.0
        state[SINCE_PITCHED] = 0 if pitched else min(state[SINCE_PITCHED] + 1, HANGOVER + 1)
        if speech:
            state[FLAGGED] += 1
            if pitched:
                state[FLAGGED_PITCHED] += 1
        if not speech or state[SINCE_PITCHED] > HANGOVER:
            state[LAST_KEPT] = 0
            continue
        place = state[NEXT]
        if state[ADMITTED] >= size:
            leave(ring, place, sums, histograms)
        for c in range(WIDTH):
            ring[place, c] = rows[r, c]
        ring[place, WIDTH] = state[LAST_KEPT]
        state[LAST_KEPT] = 1
        state[NEXT] = (place + 1) % size
        state[ADMITTED] += 1
        enter(ring, place, min(state[ADMITTED], size), sums, histograms)
        kept += 1
        counted[r] = True
    return kept


@numba.njit(void(int64[:, ::1], float64[:, ::1]), cache=True, nogil=True)
def quantiles(histograms, out):  # type: ignore[no-untyped-def]
    """The 10th, 50th and 90th percentile of each histogram, into HISTOGRAMS rows of three; zero where it is empty.

    Inside a bin values are taken as evenly spread.
    """
    for which in range(HISTOGRAMS):
        used = 0
        for b in range(BINS):
            used += histograms[which, b]
        place = 0
        below = 0.0
        if used == 0:
            for q in range(3):
                out[which, q] = 0.0
            continue
        for b in range(BINS):
            here = float(histograms[which, b])
            while place < 3 and below + here >= (0.1 + 0.4 * place) * used:
                target = (0.1 + 0.4 * place) * used
                inside = (target - below) / here if here > 0.0 else 0.0
                out[which, place] = LOW[which] + (b + inside) * STEP[which]
                place += 1
            below += here
