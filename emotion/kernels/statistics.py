"""Which frames count as speech heard, and statistics over those that do."""

from __future__ import annotations

import math

import numba
from numba import boolean, float64, int64, void

from emotion.layout import ENERGY, F0, HNR, PERIODICITY, WIDTH

# A consonant beside a vowel counts, a pause does not: this many frames after the last pitched one.
HANGOVER = 8
BINS = 96

# Places in the `state` array of `admit`.
SINCE_PITCHED = 0
NEXT = 1
ADMITTED = 2
LAST_KEPT = 3
FLAGGED = 4
FLAGGED_PITCHED = 5
STATE = 6


@numba.njit(int64(float64[:, ::1], boolean, int64[::1], float64[:, ::1]), cache=True, nogil=True)
def admit(rows, speech, state, ring):  # type: ignore[no-untyped-def]
    """Put rows that count into the ring and return how many did.

    A row counts if `speech` is true and a frame within the last HANGOVER ones had a pitch. `ring` has one
    column more than a row: 1 where the row before it in time was kept too. `state` holds STATE integers, all
    zero at the start but SINCE_PITCHED, which starts at HANGOVER + 1.
    """
    kept = 0
    for r in range(rows.shape[0]):
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
        for c in range(WIDTH):
            ring[place, c] = rows[r, c]
        ring[place, WIDTH] = state[LAST_KEPT]
        state[LAST_KEPT] = 1
        state[NEXT] = (place + 1) % ring.shape[0]
        state[ADMITTED] += 1
        kept += 1
    return kept


@numba.njit(void(float64[:, ::1], int64, int64, float64[::1], float64[::1]), cache=True, nogil=True)
def moments(ring, first, count, mean, deviation):  # type: ignore[no-untyped-def]
    """Mean and standard deviation of each column over `count` rows from `first` on, in two passes."""
    size = ring.shape[0]
    for c in range(WIDTH):
        mean[c] = 0.0
        deviation[c] = 0.0
    for i in range(count):
        row = (first + i) % size
        for c in range(WIDTH):
            mean[c] += ring[row, c]
    for c in range(WIDTH):
        mean[c] /= count
    for i in range(count):
        row = (first + i) % size
        for c in range(WIDTH):
            away = ring[row, c] - mean[c]
            deviation[c] += away * away
    for c in range(WIDTH):
        deviation[c] = math.sqrt(deviation[c] / count)


@numba.njit(
    void(float64[:, ::1], int64, int64, int64, boolean, float64, float64, float64[::1], float64[::1]),
    cache=True,
    nogil=True,
)
def quantiles(ring, first, count, column, pitched_only, low, high, histogram, out):  # type: ignore[no-untyped-def]
    """The 10th, 50th and 90th percentile of a column, from a histogram of 96 bins over `low`..`high`.

    Values outside go into the end bins; inside a bin values are taken as evenly spread. All zero where no
    row counts.
    """
    size = ring.shape[0]
    step = (high - low) / BINS
    for b in range(BINS):
        histogram[b] = 0.0
    used = 0
    for i in range(count):
        row = (first + i) % size
        if pitched_only and ring[row, F0] <= 0.0:
            continue
        place = int((ring[row, column] - low) / step)
        histogram[min(max(place, 0), BINS - 1)] += 1.0
        used += 1
    if used == 0:
        for which in range(3):
            out[which] = 0.0
        return
    which = 0
    below = 0.0
    for b in range(BINS):
        while which < 3 and below + histogram[b] >= (0.1 + 0.4 * which) * used:
            target = (0.1 + 0.4 * which) * used
            inside = (target - below) / histogram[b] if histogram[b] > 0.0 else 0.0
            out[which] = low + (b + inside) * step
            which += 1
        below += histogram[b]


@numba.njit(void(float64[:, ::1], int64, int64, float64[::1]), cache=True, nogil=True)
def movement(ring, first, count, out):  # type: ignore[no-untyped-def]
    """Pitch and energy in motion, over neighbouring frames only; eleven numbers into `out`.

    0 mean pitch (st), 1 its deviation, 2 mean periodicity, 3 mean HNR, 4 its deviation, all over pitched
    frames; 5 share of pitched frames, 6 mean length of a pitched run (s), 7 mean |change| of pitch (st per
    frame), 8 mean |change| of energy (dB per frame), 9 mean rise of energy where it rises, 10 share of still
    frames (pitch moves less than 0.05 st: song, tones).
    """
    size = ring.shape[0]
    for k in range(11):
        out[k] = 0.0
    pitched = 0
    runs = 0
    moves = 0
    still = 0
    neighbours = 0
    rises = 0
    for i in range(count):
        row = (first + i) % size
        here = ring[row, F0]
        joined = i > 0 and ring[row, WIDTH] > 0.0
        before = ring[(first + i - 1) % size, F0] if joined else 0.0
        if here > 0.0:
            pitched += 1
            out[0] += here
            out[2] += ring[row, PERIODICITY]
            out[3] += ring[row, HNR]
            if before <= 0.0:
                runs += 1
            else:
                moves += 1
                out[7] += abs(here - before)
                if abs(here - before) < 0.05:
                    still += 1
        if joined:
            change = ring[row, ENERGY] - ring[(first + i - 1) % size, ENERGY]
            neighbours += 1
            out[8] += abs(change)
            if change > 0.0:
                rises += 1
                out[9] += change
    if pitched > 0:
        out[0] /= pitched
        out[2] /= pitched
        out[3] /= pitched
        for i in range(count):
            row = (first + i) % size
            if ring[row, F0] > 0.0:
                out[1] += (ring[row, F0] - out[0]) ** 2
                out[4] += (ring[row, HNR] - out[3]) ** 2
        out[1] = math.sqrt(out[1] / pitched)
        out[4] = math.sqrt(out[4] / pitched)
        out[6] = 0.01 * pitched / runs
    out[5] = pitched / count
    if moves > 0:
        out[7] /= moves
        out[10] = still / moves
    if neighbours > 0:
        out[8] /= neighbours
    if rises > 0:
        out[9] /= rises
