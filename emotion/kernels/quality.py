"""How a pitched frame is voiced: which parts of its band are periodic, how its harmonics fall, how its power is spread.

Everything is relative to the power of the frame, so the same at any level.
"""

from __future__ import annotations

import math

import numba
from numba import float64, int64, void

from emotion.kernels.pitch import DECIBEL
from emotion.kernels.spectrum import ALPHA_SPLIT, FIRST, HAMMARBERG_SPLIT, LAST
from emotion.layout import BIN_HZ, LAG_RATE_HZ, QUALITIES
from emotion.tables import HANN_AUTOCORRELATION

# 80 dB below the power of the frame there is nothing but rounding.
FLOOR = 1e-8
# The part of the band where the second and third formant lie ends here, exclusive.
FORMANTS_END = int(3000.0 / BIN_HZ)
# The edges of a line are left out of the cepstrum: 250-3500 Hz.
CEPSTRUM_FIRST = math.ceil(250.0 / BIN_HZ)
CEPSTRUM_LAST = int(3500.0 / BIN_HZ)


@numba.njit(void(float64, float64[::1]), cache=True, nogil=True)
def wave_of(pitch_hz, out):  # type: ignore[no-untyped-def]
    """The ripple that a voice of this pitch leaves in a spectrum: cos(2 pi frequency / pitch) at bins 0..LAST."""
    angle = 2.0 * math.pi * BIN_HZ / pitch_hz
    twice = 2.0 * math.cos(angle)
    out[0] = 1.0
    out[1] = 0.5 * twice
    for k in range(2, LAST + 1):
        out[k] = twice * out[k - 1] - out[k - 2]


@numba.njit(void(float64[::1], float64, float64[::1], float64[::1]), cache=True, nogil=True)
def band_periodicities(power, pitch_hz, wave, out):  # type: ignore[no-untyped-def]
    """Normalised autocorrelation at the period, within 200-1000, 1000-2000 and 2000-3600 Hz, into `out[0..2]`, -1..1.

    A breathy or hoarse voice is periodic below and noise above; a pressed one is periodic throughout.
    """
    place = LAG_RATE_HZ / pitch_hz
    before = int(place)
    part = place - before
    window = HANN_AUTOCORRELATION[before] * (1.0 - part) + HANN_AUTOCORRELATION[before + 1] * part
    first = FIRST
    for band in range(3):
        end = ALPHA_SPLIT if band == 0 else (HAMMARBERG_SPLIT if band == 1 else LAST + 1)
        total = 1e-30
        rippled = 0.0
        for k in range(first, end):
            total += power[k]
            rippled += power[k] * wave[k]
        out[band] = min(max(rippled / (total * window), -1.0), 1.0)
        first = end


@numba.njit(float64(float64[::1], float64), cache=True, nogil=True)
def harmonic_tilt(levels, pitch_hz):  # type: ignore[no-untyped-def]
    """Second and third harmonic against fourth and fifth, dB, from the levels of bins 0..LAST."""
    tilt = 0.0
    for harmonic in range(2, 6):
        middle = min(round(harmonic * pitch_hz / BIN_HZ), LAST - 1)
        strongest = max(levels[middle - 1], levels[middle], levels[middle + 1])
        tilt += strongest if harmonic < 4 else -strongest
    return 0.5 * tilt


@numba.njit(float64(float64[::1], int64, int64), cache=True, nogil=True)
def centroid(power, first, end):  # type: ignore[no-untyped-def]
    """Centre of gravity of the power of bins `first` to `end` (exclusive), Hz."""
    total = 1e-30
    moment = 0.5 * (first + end) * 1e-30
    for k in range(first, end):
        total += power[k]
        moment += k * power[k]
    return BIN_HZ * moment / total


@numba.njit(float64(float64[::1], float64[::1]), cache=True, nogil=True)
def logarithms(power, levels):  # type: ignore[no-untyped-def]
    """Power of bins 0..LAST as dB into `levels`, floored at FLOOR of its sum over FIRST..LAST, which is returned."""
    total = 1e-30
    for k in range(FIRST, LAST + 1):
        total += power[k]
    floor = FLOOR * total
    for k in range(LAST + 1):
        levels[k] = DECIBEL * math.log(power[k] + floor)
    return total


@numba.njit(float64(float64[::1], float64[::1], float64), cache=True, nogil=True)
def entropy(power, levels, total):  # type: ignore[no-untyped-def]
    """How evenly the power is spread over the bins FIRST..LAST: entropy of their shares, nats."""
    mean_level = 0.0
    for k in range(FIRST, LAST + 1):
        mean_level += power[k] * levels[k]
    return math.log(total) - mean_level / (total * DECIBEL)


@numba.njit(float64(float64[::1], float64[::1]), cache=True, nogil=True)
def flatness(power, levels):  # type: ignore[no-untyped-def]
    """Geometric against arithmetic mean of the power of 2000-3600 Hz, dB: 0 where flat, lower with peaks."""
    level = 0.0
    total = 1e-30
    for k in range(HAMMARBERG_SPLIT, LAST + 1):
        level += levels[k]
        total += power[k]
    bins = LAST + 1 - HAMMARBERG_SPLIT
    return level / bins - DECIBEL * math.log(total / bins)


@numba.njit(float64(float64[::1], float64, float64), cache=True, nogil=True)
def spread(power, centre_hz, total):  # type: ignore[no-untyped-def]
    """Standard deviation of the power over frequency, 200-3600 Hz, Hz."""
    moment = 0.0
    for k in range(FIRST, LAST + 1):
        away = k * BIN_HZ - centre_hz
        moment += power[k] * away * away
    return math.sqrt(moment / total)


@numba.njit(float64(float64[::1], float64[::1]), cache=True, nogil=True)
def prominence(levels, wave):  # type: ignore[no-untyped-def]
    """How far the harmonics stand out: the cepstrum (dB) of 250-3500 Hz at the period."""
    level = 0.0
    ripple = 0.0
    both = 0.0
    for k in range(CEPSTRUM_FIRST, CEPSTRUM_LAST + 1):
        level += levels[k]
        ripple += wave[k]
        both += levels[k] * wave[k]
    bins = CEPSTRUM_LAST + 1 - CEPSTRUM_FIRST
    return (both - level * ripple / bins) / bins


@numba.njit(void(float64[::1], float64, float64[:, ::1], float64[::1]), cache=True, nogil=True)
def voice_quality(power, pitch_hz, scratch, out):  # type: ignore[no-untyped-def]
    """The QUALITIES descriptors of 257 bins, in the order of `layout`; zeros where there is no pitch (0 Hz).

    `scratch` is two rows of at least 257 values.
    """
    if pitch_hz <= 0.0:
        for place in range(QUALITIES):
            out[place] = 0.0
        return
    wave = scratch[0]
    levels = scratch[1]
    wave_of(pitch_hz, wave)
    total = logarithms(power, levels)
    band_periodicities(power, pitch_hz, wave, out)
    out[3] = harmonic_tilt(levels, pitch_hz)
    out[4] = centroid(power, FIRST, ALPHA_SPLIT)
    out[5] = centroid(power, ALPHA_SPLIT, FORMANTS_END)
    out[6] = entropy(power, levels, total)
    out[7] = flatness(power, levels)
    out[8] = spread(power, centroid(power, FIRST, LAST + 1), total)
    out[9] = prominence(levels, wave)
