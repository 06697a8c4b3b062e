"""Descriptors shaped for the sequence networks, and their steps of 50 ms, as `emotion.sequence` follows them.

Nothing here depends on the level: bands enter as shapes, energy by its changes and against its own mean over the
counted frames of the newest 2 s. A function of the rows so far, however they were cut.
"""

from __future__ import annotations

import math

import numba
from numba import boolean, float32, float64, int64, void

from emotion.layout import (
    ENERGY,
    F0,
    FLUX,
    HNR,
    LOOK_BACK,
    MEL,
    MEL_BANDS,
    PERIODICITY,
    QUALITIES,
    QUALITY,
    STEP_CHANNELS,
    STEP_MOVES,
    STRIDE,
)

# How many of the newest steps what each layer made of is kept.
KEPT = 2 * max(LOOK_BACK) + 1
# Steps with counted speech that are summed up: 8 s where every frame of them counts.
WINDOW_STEPS = 160

MEAN_FRAMES = 200

# Places in the state of `shape`: energies of the newest five frames, pitch of the frame before, frames so far, then
# sums over a ring of the energies of the newest MEAN_FRAMES frames with their flags, and that ring.
ENERGIES = 0
PITCH = 5
FRAMES = 6
SUM = 7
COUNTED = 8
RING = 9
SHAPE_STATE = RING + 2 * MEAN_FRAMES

# Places in the state of `follow`.
FILLED = 0
COUNT = 1
STEPS = 2
ENTERED = 3
STEP_STATE = 4

# Rough middle and spread of the ten qualities, so that all inputs are of one size.
MIDDLE = (0.7, 0.6, 0.4, 15.0, 450.0, 1700.0, 3.5, -5.0, 600.0, 6.0)
SPAN = (0.3, 0.3, 0.3, 10.0, 120.0, 350.0, 0.6, 2.5, 200.0, 4.0)

LEAST_VARIANCE = 1e-4


@numba.njit(float64(float64, float64, float64), cache=True, nogil=True)
def within(x, low, high):  # type: ignore[no-untyped-def]
    """`x`, or the limit that it lies beyond."""
    return min(max(x, low), high)


@numba.njit(void(float64[:, ::1], int64, boolean, float64[::1], float32[::1]), cache=True, nogil=True)
def shape(rows, at, counted, state, out):  # type: ignore[no-untyped-def]
    """Shape row `at` of `rows` into `out` (STEP_CHANNELS), all of about one, and carry `state` (SHAPE_STATE) on.

    `counted`: whether the row counts as speech heard.
    """
    so_far = int(state[FRAMES])
    mean = 0.0
    for band in range(MEL_BANDS):
        mean += rows[at, MEL + band]
    mean /= MEL_BANDS
    for band in range(MEL_BANDS):
        out[band] = within((rows[at, MEL + band] - mean) / 8.0, -4.0, 4.0)
    c = MEL_BANDS
    energy = rows[at, ENERGY]
    pitch = rows[at, F0]
    voiced = 1.0 if pitch > 0.0 else 0.0
    out[c] = within((energy - state[ENERGIES + 4]) / 5.0, -4.0, 4.0) if so_far >= 1 else 0.0
    out[c + 1] = within((energy - state[ENERGIES]) / 10.0, -4.0, 4.0) if so_far >= 5 else 0.0
    out[c + 2] = (pitch - 31.0) / 6.0 * voiced
    out[c + 3] = voiced
    out[c + 4] = within(pitch - state[PITCH], -3.0, 3.0) if voiced > 0.0 and state[PITCH] > 0.0 else 0.0
    out[c + 5] = 2.0 * (rows[at, PERIODICITY] - 0.5)
    out[c + 6] = (rows[at, HNR] - 8.0) / 8.0 * voiced
    out[c + 7] = (rows[at, FLUX] - 5.0) / 4.0
    c += STEP_MOVES
    for q in range(QUALITIES):
        out[c + q] = within((rows[at, QUALITY + q] - MIDDLE[q]) / SPAN[q], -3.0, 3.0) * voiced
    place = RING + 2 * (so_far % MEAN_FRAMES)
    flag = 1.0 if counted else 0.0
    state[SUM] += energy * flag - state[place] * state[place + 1]
    state[COUNTED] += flag - state[place + 1]
    state[place] = energy
    state[place + 1] = flag
    above = energy - state[SUM] / state[COUNTED] if state[COUNTED] > 0.5 else 0.0
    out[c + QUALITIES] = within(above / 10.0, -3.0, 2.0)
    for k in range(4):
        state[ENERGIES + k] = state[ENERGIES + k + 1]
    state[ENERGIES + 4] = energy
    state[PITCH] = pitch
    state[FRAMES] += 1.0


@numba.njit(void(float64[:, ::1], boolean[::1], float64[::1], float32[:, ::1]), cache=True, nogil=True)
def shape_all(rows, counted, state, out):  # type: ignore[no-untyped-def]
    """`shape` of every row."""
    for t in range(rows.shape[0]):
        shape(rows, t, counted[t], state, out[t])


@numba.njit(void(float32[::1], float32[:, ::1], float32[::1]), cache=True, nogil=True)
def weigh(x, w, out):  # type: ignore[no-untyped-def]
    """Add `x` @ `w` to `out`."""
    for i in range(len(x)):
        value = x[i]
        # Units at rest are many.
        if value != 0.0:
            for unit in range(len(out)):
                out[unit] += value * w[i, unit]


@numba.njit(
    void(float32[::1], float32[:, :, :, ::1], float32[:, ::1], int64, float32[:, :, ::1]), cache=True, nogil=True
)
def combine(first, later_w, later_b, number, kept):  # type: ignore[no-untyped-def]
    """Step `number` from what the first layer made of it, before its limit: all layers into their newest place.

    `kept` (layers, KEPT, units of all networks) holds what each layer made of the newest steps; `later_w` (layers - 1,
    networks, 3 * units, units) joins the oldest of three steps first.
    """
    now = number % KEPT
    for unit in range(len(first)):
        kept[0, now, unit] = max(first[unit], float32(0.0))
    units = later_w.shape[3]
    for layer in range(later_w.shape[0]):
        back = LOOK_BACK[layer]
        out = kept[layer + 1, now]
        for unit in range(len(first)):
            out[unit] = later_b[layer, unit]
        for net in range(later_w.shape[1]):
            own = out[net * units : (net + 1) * units]
            for part in range(3):
                # KEPT is added so that no place before the first is asked for; those steps are at rest.
                then = (number + KEPT - (2 - part) * back) % KEPT
                joined = kept[layer, then, net * units : (net + 1) * units]
                weigh(joined, later_w[layer, net, part * units : (part + 1) * units], own)
        for unit in range(len(first)):
            out[unit] = kept[layer, now, unit] + max(out[unit], float32(0.0))


@numba.njit(
    void(
        float64[:, ::1],
        boolean[::1],
        float32[:, ::1],
        float32[::1],
        float32[:, :, :, ::1],
        float32[:, ::1],
        float64[::1],
        int64[::1],
        float32[::1],
        float32[::1],
        float32[:, :, ::1],
        float32[:, ::1],
        float64[::1],
    ),
    cache=True,
    nogil=True,
)
def follow(rows, counted, first_w, first_b, later_w, later_b, shaped, state, frames, first, kept, ring, sums):  # type: ignore[no-untyped-def]
    """Take rows of descriptors with their flags; where a step is full, run the networks and enter it.

    `frames` (STRIDE * STEP_CHANNELS) is the step being filled, `first` (units) room for the first layer. `ring`
    (WINDOW_STEPS, units + 1) holds the newest steps with counted frames: what the last layer made of each, and how many
    counted. `sums` (2 * units + 1) over them: weighted, of squares weighted, of weights. All are zero at the start.
    """
    units = len(first)
    for r in range(rows.shape[0]):
        at = state[FILLED] * STEP_CHANNELS
        shape(rows, r, counted[r], shaped, frames[at : at + STEP_CHANNELS])
        state[FILLED] += 1
        if counted[r]:
            state[COUNT] += 1
        if state[FILLED] < STRIDE:
            continue
        first[:] = first_b
        weigh(frames, first_w, first)
        combine(first, later_w, later_b, state[STEPS], kept)
        if state[COUNT] > 0:
            place = state[ENTERED] % ring.shape[0]
            newest = kept[kept.shape[0] - 1, state[STEPS] % KEPT]
            weight = float64(state[COUNT])
            for unit in range(units):
                old = float64(ring[place, unit])
                new = float64(newest[unit])
                sums[unit] += weight * new - ring[place, units] * old
                sums[units + unit] += weight * (new * new) - ring[place, units] * (old * old)
                ring[place, unit] = newest[unit]
            sums[2 * units] += weight - ring[place, units]
            ring[place, units] = weight
            state[ENTERED] += 1
        state[STEPS] += 1
        state[FILLED] = 0
        state[COUNT] = 0


@numba.njit(void(float64[::1], int64, float32[::1]), cache=True, nogil=True)
def pool(sums, units, out):  # type: ignore[no-untyped-def]
    """Mean and deviation of each unit over the steps entered, network by network, into `out`; zeros before any."""
    total = len(out) // 2
    weight = sums[2 * total]
    for unit in range(total):
        net = unit // units
        at = 2 * net * units + unit - net * units
        if weight <= 0.0:
            out[at] = 0.0
            out[at + units] = 0.0
            continue
        mean = sums[unit] / weight
        out[at] = mean
        out[at + units] = math.sqrt(max(sums[total + unit] / weight - mean * mean, LEAST_VARIANCE))
