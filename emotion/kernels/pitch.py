"""Pitch by windowed autocorrelation, after Boersma (1993).

The autocorrelation of the windowed frame comes from its power spectrum, and is divided by the
autocorrelation of the window, which makes a periodic signal reach one at its period. It is computed at every
half sample, which costs no more (a cosine transform gives twice the points). The winning lag is the peak
with the highest value after two small costs: one for longer lags (against octaves too low) and one for
leaving the pitch of the frame before (against jumps). A telephone line takes the fundamental away; the
harmonics left of it still repeat with its period.
"""

from __future__ import annotations

import math

import numba
from numba import float64, void

from emotion.kernels.fft import real_fft
from emotion.layout import BINS, FFT_SIZE, LAG_MAX, LAG_MIN, LAG_RATE_HZ, PITCH_REFERENCE_HZ
from emotion.tables import COSINE_HIGH, COSINE_LOW, COSINE_ODD, HANN_AUTOCORRELATION

OCTAVE_COST = 0.03
JUMP_COST = 0.06
VOICED_AT = 0.45
# Below 80 Hz there is only hum on a phone line.
HUM_BINS = 5
# -75 dBFS: a frame quieter than this has no pitch, whatever its shape.
QUIET_POWER = 3e-8
DECIBEL = 10.0 / math.log(10.0)


@numba.njit(void(float64[::1], float64[::1], float64[:, ::1], float64[::1]), cache=True, nogil=True)
def autocorrelation(power, mirrored, scratch, out):  # type: ignore[no-untyped-def]
    """Normalised autocorrelation at lags 0..LAG_MAX + 1 (half samples) from the power of 257 bins.

    All zero where too quiet. `mirrored` is scratch of 512 values, `scratch` six rows of 257.
    """
    total = 0.0
    odd = 0.0
    for k in range(HUM_BINS):
        mirrored[k] = 0.0
        mirrored[FFT_SIZE - 1 - k] = 0.0
    for k in range(HUM_BINS, BINS - 1):
        total += power[k]
        odd += COSINE_ODD[k] * power[k]
        mirrored[k] = COSINE_LOW[k] * power[k]
        mirrored[FFT_SIZE - k] = COSINE_HIGH[k] * power[k]
    mirrored[BINS - 1] = 0.0
    if total < QUIET_POWER:
        for lag in range(LAG_MAX + 2):
            out[lag] = 0.0
        return
    real_fft(mirrored, scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5])
    # Even half samples are the real parts; each odd one is the one before it less an imaginary part.
    for lag in range(0, LAG_MAX + 2, 2):
        out[lag] = scratch[4, lag // 2] / (total * HANN_AUTOCORRELATION[lag])
        odd -= scratch[5, lag // 2]
        if lag + 1 < LAG_MAX + 2:
            out[lag + 1] = odd / (total * HANN_AUTOCORRELATION[lag + 1])


@numba.njit(void(float64[::1], float64, float64[::1]), cache=True, nogil=True)
def best_pitch(correlation, before_hz, out):  # type: ignore[no-untyped-def]
    """Best pitch in the normalised autocorrelation: `out[0]` in Hz (0 where unpitched), `out[1]` its height 0..1.

    `before_hz` is the pitch of the frame before, 0 if it had none.
    """
    best_cost = -1e9
    best_hz = 0.0
    best_height = 0.0
    for lag in range(LAG_MIN, LAG_MAX + 1):
        here = correlation[lag]
        left = correlation[lag - 1]
        right = correlation[lag + 1]
        if here <= 0.0 or here < left or here <= right:
            continue
        # A parabola through three points gives the peak between samples.
        bend = left - 2.0 * here + right
        shift = 0.5 * (left - right) / bend if bend < 0.0 else 0.0
        height = here - 0.25 * (left - right) * shift
        hz = LAG_RATE_HZ / (lag + shift)
        value = height - OCTAVE_COST * math.log2((lag + shift) / LAG_MIN)
        if before_hz > 0.0:
            value -= JUMP_COST * min(1.0, abs(math.log2(hz / before_hz)))
        if value > best_cost:
            best_cost = value
            best_hz = hz
            best_height = height
    best_height = min(best_height, 1.0)
    out[0] = best_hz if best_height >= VOICED_AT else 0.0
    out[1] = best_height


@numba.njit(float64(float64), cache=True, nogil=True)
def semitones(hz):  # type: ignore[no-untyped-def]
    """Semitones above 27.5 Hz; 0 for 0 Hz."""
    return 12.0 * math.log2(hz / PITCH_REFERENCE_HZ) if hz > 0.0 else 0.0


@numba.njit(float64(float64), cache=True, nogil=True)
def harmonics_to_noise(height):  # type: ignore[no-untyped-def]
    """Harmonics-to-noise ratio in dB of an autocorrelation height 0..1, kept within -20..40."""
    kept = min(max(height, 0.01), 0.9999)
    return DECIBEL * math.log(kept / (1.0 - kept))
