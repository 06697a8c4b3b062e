"""The sums over a window as one row of features."""

from __future__ import annotations

import math

import numba
from numba import float64, int64, void

from emotion.kernels.statistics import (
    ALL,
    ALL_SQUARES,
    BAND_CHANGES,
    BAND_PAIRS,
    CHANGED,
    CHANGES,
    FIRST_HARMONICS,
    H1_A3_SQUARES,
    H1_A3_SUM,
    H1_H2_SQUARES,
    H1_H2_SUM,
    HIST_CENTROID,
    HIST_ENERGY,
    HIST_F0,
    HIST_FLUX,
    HIST_FLUX_PITCHED,
    HIST_HNR,
    MOVED,
    MOVES,
    NEIGHBOURS,
    NUMBERS,
    PITCHED,
    PITCHED_ROWS,
    PITCHED_SQUARES,
    RISEN,
    RISES,
    RUNS,
    SHAPE_CHANGES,
    SHAPE_PAIRS,
)
from emotion.layout import CEP, CEPSTRA, F0, HNR, HOP, MEL_BANDS, PERIODICITY, QUALITIES, QUALITY, RATE_HZ

FRAME_S = HOP / RATE_HZ
# What the first harmonic does in most voices (mean and deviation, dB), for as many frames as weigh against the
# caller's own: many men have none that a phone line lets through.
TYPICAL_FRAMES = 6.0
TYPICAL_H1_H2 = (3.0, 11.5)
TYPICAL_H1_A3 = (16.0, 13.0)


@numba.njit(float64(float64, float64, float64), cache=True, nogil=True)
def deviation(total, squares, rows):  # type: ignore[no-untyped-def]
    """Standard deviation of `rows` values from their sum and the sum of their squares."""
    mean = total / rows
    return math.sqrt(max(squares / rows - mean * mean, 0.0))


@numba.njit(void(float64, float64, float64, float64, float64, float64[::1]), cache=True, nogil=True)
def with_typical(total, squares, rows, middle, spread, out):  # type: ignore[no-untyped-def]
    """Mean and deviation, `out[0..1]`, of `rows` values and TYPICAL_FRAMES more of what is typical."""
    weight = rows + TYPICAL_FRAMES
    total += TYPICAL_FRAMES * middle
    squares += TYPICAL_FRAMES * (middle * middle + spread * spread)
    out[0] = total / weight
    out[1] = deviation(total, squares, weight)


@numba.njit(
    void(float64[:, ::1], float64[:, ::1], float64, int64[::1], int64[::1], float64[::1]), cache=True, nogil=True
)
def summarise(sums, quantiles, rows, shapes, spread, out):  # type: ignore[no-untyped-def]
    """All features of a window of `rows` rows, in the order of `functionals.FEATURES`, into `out`.

    `quantiles` is what `statistics.quantiles` gives; `shapes` and `spread` are the columns of which the mean,
    and of which the deviation, is a feature.
    """
    numbers = sums[NUMBERS]
    pitched = max(numbers[PITCHED_ROWS], 1.0)
    place = 0
    for c in shapes:
        out[place] = sums[ALL, c] / rows
        place += 1
    for c in spread:
        out[place] = deviation(sums[ALL, c], sums[ALL_SQUARES, c], rows)
        place += 1
    out[place] = sums[PITCHED, F0] / pitched
    out[place + 1] = deviation(sums[PITCHED, F0], sums[PITCHED_SQUARES, F0], pitched)
    out[place + 2] = sums[PITCHED, PERIODICITY] / pitched
    out[place + 3] = sums[PITCHED, HNR] / pitched
    out[place + 4] = deviation(sums[PITCHED, HNR], sums[PITCHED_SQUARES, HNR], pitched)
    place += 5
    for c in range(CEP, CEP + CEPSTRA):
        out[place] = sums[PITCHED, c] / pitched
        place += 1
    for c in range(QUALITY, QUALITY + QUALITIES):
        out[place] = sums[PITCHED, c] / pitched
        out[place + QUALITIES] = deviation(sums[PITCHED, c], sums[PITCHED_SQUARES, c], pitched)
        place += 1
    place += QUALITIES
    out[place] = numbers[PITCHED_ROWS] / rows
    out[place + 1] = FRAME_S * numbers[PITCHED_ROWS] / max(numbers[RUNS], 1.0)
    out[place + 2] = numbers[MOVED] / max(numbers[MOVES], 1.0)
    out[place + 3] = numbers[CHANGED] / max(numbers[NEIGHBOURS], 1.0)
    out[place + 4] = numbers[RISEN] / max(numbers[RISES], 1.0)
    place += 5
    for c in range(CEPSTRA):
        out[place] = math.sqrt(max(sums[CHANGES, SHAPE_CHANGES + c] / max(numbers[SHAPE_PAIRS], 1.0), 0.0))
        place += 1
    for c in range(MEL_BANDS):
        out[place] = math.sqrt(max(sums[CHANGES, BAND_CHANGES + c] / max(numbers[BAND_PAIRS], 1.0), 0.0))
        place += 1
    first = numbers[FIRST_HARMONICS]
    middle, wide = TYPICAL_H1_H2
    with_typical(numbers[H1_H2_SUM], numbers[H1_H2_SQUARES], first, middle, wide, out[place : place + 2])
    middle, wide = TYPICAL_H1_A3
    with_typical(numbers[H1_A3_SUM], numbers[H1_A3_SQUARES], first, middle, wide, out[place + 2 : place + 4])
    out[place + 4] = first / pitched
    place += 5
    energy = quantiles[HIST_ENERGY]
    pitch = quantiles[HIST_F0]
    out[place] = energy[1] - energy[0]
    out[place + 1] = energy[2] - energy[1]
    out[place + 2] = pitch[1] - pitch[0]
    out[place + 3] = pitch[1]
    out[place + 4] = pitch[2] - pitch[1]
    out[place + 5] = quantiles[HIST_HNR, 0]
    out[place + 6] = quantiles[HIST_HNR, 2]
    out[place + 7] = quantiles[HIST_CENTROID, 2] - quantiles[HIST_CENTROID, 1]
    out[place + 8] = quantiles[HIST_FLUX, 1]
    out[place + 9] = quantiles[HIST_FLUX, 2]
    out[place + 10] = quantiles[HIST_FLUX_PITCHED, 0]
    out[place + 11] = quantiles[HIST_FLUX_PITCHED, 1]
