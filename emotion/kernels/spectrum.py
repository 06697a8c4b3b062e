"""From one frame of samples to its power spectrum and the shapes read off it."""

from __future__ import annotations

import math

import numba
from numba import float64, int64, void

from emotion.kernels.fft import real_fft
from emotion.layout import (
    BAND_HIGH_HZ,
    BAND_LOW_HZ,
    BIN_HZ,
    BINS,
    CEPSTRA,
    FFT_SIZE,
    MEL_BANDS,
    THIRD_FORMANT_HZ,
    WINDOW,
)
from emotion.tables import COSINES, HANN, MEL_START, MEL_STOP, MEL_WEIGHTS, POWER_FLOOR, POWER_SCALE, SLOPES

FIRST = math.ceil(BAND_LOW_HZ / BIN_HZ)
LAST = int(BAND_HIGH_HZ / BIN_HZ)
ALPHA_SPLIT = math.ceil(1000.0 / BIN_HZ)
HAMMARBERG_SPLIT = math.ceil(2000.0 / BIN_HZ)
THIRD_FORMANT_FIRST = math.ceil(THIRD_FORMANT_HZ[0] / BIN_HZ)
THIRD_FORMANT_LAST = int(THIRD_FORMANT_HZ[1] / BIN_HZ)
# A line of the Hann window is 100 Hz wide: this many bins to either side of its middle hold nearly all of it.
LINE_BINS = 3
DECIBEL = 10.0 / math.log(10.0)


@numba.njit(void(float64[::1], float64[::1]), cache=True, nogil=True)
def windowed(samples, out):  # type: ignore[no-untyped-def]
    """Take the mean away, apply the Hann window, pad with zeros: 320 samples into 512."""
    total = 0.0
    for n in range(WINDOW):
        total += samples[n]
    mean = total / WINDOW
    for n in range(WINDOW):
        out[n] = (samples[n] - mean) * HANN[n]
    for n in range(WINDOW, FFT_SIZE):
        out[n] = 0.0


@numba.njit(void(float64[::1], float64[:, ::1], float64[::1]), cache=True, nogil=True)
def power_spectrum(signal, scratch, out):  # type: ignore[no-untyped-def]
    """Power of bins 0..256 of 512 windowed samples, where a full-scale sine adds up to one.

    `scratch` is six rows of at least 257 values.
    """
    real_fft(signal, scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5])
    re = scratch[4]
    im = scratch[5]
    for k in range(BINS):
        out[k] = POWER_SCALE * (re[k] * re[k] + im[k] * im[k])


@numba.njit(void(float64[::1], float64[::1]), cache=True, nogil=True)
def mel_bands(power, out):  # type: ignore[no-untyped-def]
    """Mel bands in dBFS, floored at -100 dBFS: 257 bins into 20 bands."""
    for band in range(MEL_BANDS):
        start = MEL_START[band]
        total = 0.0
        for k in range(start, MEL_STOP[band]):
            total += MEL_WEIGHTS[band, k - start] * power[k]
        out[band] = DECIBEL * math.log(total + POWER_FLOOR)


@numba.njit(void(float64[::1], float64[::1]), cache=True, nogil=True)
def cepstra(bands, out):  # type: ignore[no-untyped-def]
    """Shapes 1..8 of the orthonormal cosine transform of the mel bands; the level (shape 0) is left out."""
    for shape in range(CEPSTRA):
        total = 0.0
        for band in range(MEL_BANDS):
            total += COSINES[shape, band] * bands[band]
        out[shape] = total


@numba.njit(void(float64[::1], float64[::1]), cache=True, nogil=True)
def slopes(bands, out):  # type: ignore[no-untyped-def]
    """Least-squares slopes of the mel bands, dB per octave, low and high part of the band, into `out[0..1]`."""
    for part in range(2):
        total = 0.0
        for band in range(MEL_BANDS):
            total += SLOPES[part, band] * bands[band]
        out[part] = total


@numba.njit(float64(float64[::1], float64[::1]), cache=True, nogil=True)
def flux(bands, before):  # type: ignore[no-untyped-def]
    """Root mean square change of the mel bands since the frame before, dB: the same at any level."""
    total = 0.0
    for band in range(MEL_BANDS):
        change = bands[band] - before[band]
        total += change * change
    return math.sqrt(total / MEL_BANDS)


@numba.njit(void(float64[::1], float64[::1]), cache=True, nogil=True)
def balance(power, out):  # type: ignore[no-untyped-def]
    """Energy (dBFS), centroid (Hz), alpha ratio (dB) and Hammarberg index (dB) of 257 bins, into `out[0..3]`."""
    low = 0.0
    high = 0.0
    moment = 0.0
    peak_low = 0.0
    peak_high = 0.0
    for k in range(FIRST, LAST + 1):
        p = power[k]
        moment += k * p
        if k < ALPHA_SPLIT:
            low += p
        else:
            high += p
        if k < HAMMARBERG_SPLIT:
            peak_low = max(peak_low, p)
        else:
            peak_high = max(peak_high, p)
    total = low + high
    out[0] = DECIBEL * math.log(total + POWER_FLOOR)
    # A floor in the middle of the band: silence has a centroid, and it is not an extreme one.
    middle = 0.5 * (FIRST + LAST)
    out[1] = BIN_HZ * (moment + middle * POWER_FLOOR) / (total + POWER_FLOOR)
    out[2] = DECIBEL * math.log((low + POWER_FLOOR) / (high + POWER_FLOOR))
    out[3] = DECIBEL * math.log((peak_low + POWER_FLOOR) / (peak_high + POWER_FLOOR))


@numba.njit(float64(float64[::1], int64), cache=True, nogil=True)
def line_power(power, middle):  # type: ignore[no-untyped-def]
    """Power of the line around bin `middle` of 257."""
    total = POWER_FLOOR
    for k in range(max(middle - LINE_BINS, 0), min(middle + LINE_BINS, BINS - 1) + 1):
        total += power[k]
    return total


@numba.njit(void(float64[::1], float64, float64[::1]), cache=True, nogil=True)
def first_harmonic(power, pitch_hz, out):  # type: ignore[no-untyped-def]
    """H1-H2 and H1-A3 (dB) of 257 bins into `out[0..1]`; both 0 where the pitch (0: none) is below the band."""
    out[0] = 0.0
    out[1] = 0.0
    if pitch_hz < BAND_LOW_HZ:
        return
    strongest = THIRD_FORMANT_FIRST
    for k in range(THIRD_FORMANT_FIRST, THIRD_FORMANT_LAST + 1):
        if power[k] > power[strongest]:
            strongest = k
    first = line_power(power, round(pitch_hz / BIN_HZ))
    out[0] = DECIBEL * math.log(first / line_power(power, round(2.0 * pitch_hz / BIN_HZ)))
    out[1] = DECIBEL * math.log(first / line_power(power, strongest))
