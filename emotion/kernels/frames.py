"""From samples as they come to rows of descriptors: the one kernel that the extractor calls."""

from __future__ import annotations

import numba
from numba import float64, int16, int64, void

from emotion.kernels.pitch import autocorrelation, best_pitch, harmonics_to_noise, semitones
from emotion.kernels.quality import voice_quality
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
    HELD,
    HNR,
    HOP,
    MEL,
    MEL_BANDS,
    PERIODICITY,
    QUALITIES,
    QUALITY,
    SLOPE_HIGH,
    SLOPE_LOW,
    WIDTH,
    WINDOW,
)

# G.711 ends at 32124 (mu-law) and 32256 (A-law).
CLIP_LEVEL = 32100.0

# A hole: at least 5 ms of one value, zero or next to it (A-law has no zero but 8), straight after samples whose
# mean magnitude was above 100 (-50 dBFS).
HOLE_MAGNITUDE = 8.0
HOLE_SAMPLES = 40
HOLE_LEVEL = 100.0
LONGEST_HOLE = 560
# A frame is torn until the hole is within its first 5 ms, where the window has faded.
TORN_SAMPLES = WINDOW - 40

SCRATCH_ROWS = 11
SCRATCH_WIDTH = 512

# `memory`: the row before, its pitch in Hz, and what that row was.
PITCH_BEFORE = WIDTH
BEFORE = WIDTH + 1
MEMORY = WIDTH + 2
NONE, NEIGHBOUR, REPEATED = 0.0, 1.0, 2.0

# `counters`: samples in `held`, zeros (or the like) in a row, samples until the newest hole has left the frame.
FILLED = 0
ZEROS = 1
TORN = 2
COUNTERS = 3


@numba.njit(void(float64[::1], float64[::1], float64[:, ::1], float64[::1]), cache=True, nogil=True)
def describe(samples, memory, scratch, out):  # type: ignore[no-untyped-def]
    """All descriptors of one frame of 320 samples, into one row `out`.

    `memory` (MEMORY values, zeros at the start) carries what the next frame needs of this one; `scratch` is
    SCRATCH_ROWS x SCRATCH_WIDTH.
    """
    signal = scratch[6]
    power = scratch[7]
    correlation = scratch[8]
    numbers = scratch[9]
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
    # After a hole nobody knows: as much as before it.
    out[FLUX] = flux(bands, memory[MEL : MEL + MEL_BANDS]) if memory[BEFORE] == NEIGHBOUR else memory[FLUX]

    autocorrelation(power, signal, scratch[:6], correlation)
    best_pitch(correlation, memory[PITCH_BEFORE], numbers)
    out[F0] = semitones(numbers[0])
    out[PERIODICITY] = numbers[1]
    out[HNR] = harmonics_to_noise(numbers[1])
    first_harmonic(power, numbers[0], out[H1_H2 : H1_A3 + 1])
    voice_quality(power, numbers[0], scratch[:2], out[QUALITY : QUALITY + QUALITIES])

    clipped = 0
    for n in range(WINDOW - HOP, WINDOW):
        if abs(samples[n]) >= CLIP_LEVEL:
            clipped += 1
    out[CLIPPED] = clipped / HOP

    out[HELD] = 0.0

    for column in range(WIDTH):
        memory[column] = out[column]
    memory[PITCH_BEFORE] = numbers[0]
    memory[BEFORE] = NEIGHBOUR


@numba.njit(void(float64[::1], float64[::1]), cache=True, nogil=True)
def repeat(memory, out):  # type: ignore[no-untyped-def]
    """The row before once more, for a frame that a hole tears; the frame after it has no neighbour to differ from."""
    for column in range(WIDTH):
        out[column] = memory[column]
    out[HELD] = 1.0
    memory[BEFORE] = REPEATED


@numba.njit(
    int64(int16[::1], float64[::1], float64[::1], int64[::1], float64[:, ::1], float64[:, ::1]),
    cache=True,
    nogil=True,
)
def advance(pcm, held, memory, counters, scratch, out):  # type: ignore[no-untyped-def]
    """Take samples in, describe each frame that becomes complete, and return how many rows of `out` were written.

    `held` keeps the newest 320 samples and, at its end, their recent mean magnitude; `memory` is that of
    `describe`; `counters` (COUNTERS integers) are zero at the start. Rows depend on the samples alone, never
    on how they were cut into calls.
    """
    frames = 0
    filled = counters[FILLED]
    zeros = counters[ZEROS]
    torn = counters[TORN]
    level = held[WINDOW]
    for n in range(pcm.shape[0]):
        sample = float(pcm[n])
        still = filled > 0 and sample == held[filled - 1]
        held[filled] = sample
        filled += 1
        if not still or abs(sample) > HOLE_MAGNITUDE:
            zeros = 0
            level += (abs(sample) - level) / 32.0
            torn = max(torn - 1, 0)
        else:
            zeros += 1
            if zeros == HOLE_SAMPLES and level >= HOLE_LEVEL:
                torn = TORN_SAMPLES
            elif zeros > LONGEST_HOLE:
                torn = 0
            elif zeros < HOLE_SAMPLES or torn < TORN_SAMPLES:
                torn = max(torn - 1, 0)
        if filled == WINDOW:
            if torn > 0 and memory[BEFORE] != NONE:
                repeat(memory, out[frames])
            else:
                describe(held[:WINDOW], memory, scratch, out[frames])
            frames += 1
            for k in range(WINDOW - HOP):
                held[k] = held[k + HOP]
            filled = WINDOW - HOP
    counters[FILLED] = filled
    counters[ZEROS] = zeros
    counters[TORN] = torn
    held[WINDOW] = level
    return frames
