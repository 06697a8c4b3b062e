"""From samples as they come to rows of descriptors: the one kernel that the extractor calls."""

from __future__ import annotations

import numba
from numba import float64, int16, int64, void

from emotion.kernels.pitch import autocorrelation, best_pitch, harmonics_to_noise, semitones
from emotion.kernels.spectrum import balance, cepstra, first_harmonic, flux, mel_bands, power_spectrum, slopes, windowed
from emotion.layout import (
    ALPHA,
    CENTROID,
    CEP,
    CEPSTRA,
    CLIPPED,
    ENERGY,
    F0,
    FLUX,
    H1_A3,
    H1_H2,
    HAMMARBERG,
    HNR,
    HOP,
    MEL,
    MEL_BANDS,
    PERIODICITY,
    SLOPE_HIGH,
    SLOPE_LOW,
    WINDOW,
)

# G.711 ends at 32124 (mu-law) and 32256 (A-law).
CLIP_LEVEL = 32100.0
SCRATCH_ROWS = 11
SCRATCH_WIDTH = 512
MEMORY = MEL_BANDS + 2


@numba.njit(void(float64[::1], float64[::1], float64[:, ::1], float64[::1]), cache=True, nogil=True)
def describe(samples, memory, scratch, out):  # type: ignore[no-untyped-def]
    """All descriptors of one frame of 320 samples, into one row `out`.

    `memory` carries the mel bands and pitch of the frame before from call to call (its last value is 1 once
    there was one); `scratch` is SCRATCH_ROWS x SCRATCH_WIDTH.
    """
    signal = scratch[6]
    power = scratch[7]
    correlation = scratch[8]
    numbers = scratch[9]
    before = memory[:MEL_BANDS]
    bands = out[MEL : MEL + MEL_BANDS]

    windowed(samples, signal)
    power_spectrum(signal, scratch[:6], power)
    mel_bands(power, bands)
    cepstra(bands, out[CEP : CEP + CEPSTRA])
    balance(power, numbers)
    out[ENERGY] = numbers[0]
    out[CENTROID] = numbers[1]
    out[ALPHA] = numbers[2]
    out[HAMMARBERG] = numbers[3]
    slopes(bands, out[SLOPE_LOW : SLOPE_HIGH + 1])
    out[FLUX] = flux(bands, before) if memory[MEL_BANDS + 1] > 0.0 else 0.0

    autocorrelation(power, signal, scratch[:6], correlation)
    best_pitch(correlation, memory[MEL_BANDS], numbers)
    out[F0] = semitones(numbers[0])
    out[PERIODICITY] = numbers[1]
    out[HNR] = harmonics_to_noise(numbers[1])
    first_harmonic(power, numbers[0], out[H1_H2 : H1_A3 + 1])

    clipped = 0
    for n in range(WINDOW - HOP, WINDOW):
        if abs(samples[n]) >= CLIP_LEVEL:
            clipped += 1
    out[CLIPPED] = clipped / HOP

    for band in range(MEL_BANDS):
        before[band] = bands[band]
    memory[MEL_BANDS] = numbers[0]
    memory[MEL_BANDS + 1] = 1.0


@numba.njit(
    int64(int16[::1], float64[::1], int64[::1], float64[::1], float64[:, ::1], float64[:, ::1]),
    cache=True,
    nogil=True,
)
def advance(pcm, held, filled, memory, scratch, out):  # type: ignore[no-untyped-def]
    """Take samples in, describe each frame that becomes complete, and return how many rows of `out` were written.

    `held` keeps the newest 320 samples and `filled[0]` says how many of them are there. Rows depend on the
    samples alone, never on how they were cut into calls.
    """
    frames = 0
    count = filled[0]
    for n in range(pcm.shape[0]):
        held[count] = pcm[n]
        count += 1
        if count == WINDOW:
            describe(held, memory, scratch, out[frames])
            frames += 1
            for k in range(WINDOW - HOP):
                held[k] = held[k + HOP]
            count = WINDOW - HOP
    filled[0] = count
    return frames
