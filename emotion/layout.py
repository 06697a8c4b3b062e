"""Names, units and places of the descriptors, and the framing they share.

Every descriptor is computed from one frame: the newest 320 samples (40 ms) at 8 kHz, mean removed, Hann
window, every 80 samples (10 ms). The frame is complete when its newest sample has arrived: nothing looks
ahead, and a value describes the middle of its frame, 20 ms back. The flux and the pitch continuity also look
at the frame before (50 ms in all).

================ ======  =================================================================
name             unit    meaning
================ ======  =================================================================
energy_db        dBFS    power in the telephone band (200-3600 Hz)
f0_st            st      pitch, semitones above 27.5 Hz; 0 where unpitched
periodicity      0..1    normalised autocorrelation at the pitch lag; 0 where there is no peak
hnr_db           dB      harmonics-to-noise ratio from the periodicity, within -20..40
centroid_hz      Hz      centre of gravity of the power spectrum, 200-3600 Hz
flux_db          dB      root mean square change of the mel bands since the frame before
alpha_db         dB      power 200-1000 Hz against 1000-3600 Hz
hammarberg_db    dB      strongest bin 200-2000 Hz against strongest bin 2000-3600 Hz
slope_low        dB/oct  regression of the mel bands over 300-1200 Hz
slope_high       dB/oct  regression of the mel bands over 1200-3400 Hz
mel_00..mel_19   dBFS    20 triangular mel bands, 200-3600 Hz
cep_1..cep_8     dB      cosine transform of the mel bands (orthonormal), first eight shapes without the level
clipped          share   of the newest 80 samples, those at the edge of G.711's range
h1_h2_db         dB      first harmonic against the second; 0 where unpitched or the pitch is below 200 Hz
h1_a3_db         dB      first harmonic against the strongest line of 2300-3400 Hz (third formant); 0 as above
held             0, 1    1 where lost packets tear the frame: the row then repeats the one before it
periodicity_low  -1..1   autocorrelation at the period within 200-1000 Hz; 0 where unpitched, as are all below
periodicity_mid  -1..1   the same within 1000-2000 Hz
periodicity_high -1..1   the same within 2000-3600 Hz
harmonic_tilt_db dB      second and third harmonic against fourth and fifth
centroid_low_hz  Hz      centre of gravity of the power within 200-1000 Hz: where the first formant is
centroid_mid_hz  Hz      the same within 1000-3000 Hz: second and third formant
entropy_nat      nat     entropy of the power over the bins of 200-3600 Hz
flatness_high_db dB      geometric against arithmetic mean of the power of 2000-3600 Hz
spread_hz        Hz      standard deviation of the power over frequency
prominence_db    dB      cepstrum of 250-3500 Hz at the period: how far harmonics stand out
================ ======  =================================================================

Definitions follow Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS)", IEEE Trans.
Affective Computing 7(2), 2016, cut at the telephone band; pitch follows Boersma, "Accurate short-term
analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", 1993.

What a phone line leaves of the first harmonic: below 200 Hz, where most men speak, nothing to rely on, hence
the zeros; from 200 to 300 Hz a line that cuts at 300 Hz takes 15-3 dB, one that does not takes none, so that
there it follows the line as well as the voice. H1-H2 and H1-A3 compare within a call, not between lines.

A lost packet comes as zeros that begin without a fade. Their edges would look like a huge flux and their
middle like a pause, so a frame that they tear repeats the row before it, for up to 70 ms of zeros, and the
first whole frame after them repeats its flux; more zeros are taken for the silence that they are.
"""

from __future__ import annotations

import math

RATE_HZ = 8000
HOP = 80
WINDOW = 320
FFT_SIZE = 512
BINS = FFT_SIZE // 2 + 1
BIN_HZ = RATE_HZ / FFT_SIZE

MEL_BANDS = 20
CEPSTRA = 8
BAND_LOW_HZ = 200.0
BAND_HIGH_HZ = 3600.0
THIRD_FORMANT_HZ = (2300.0, 3400.0)

# A shout reaches 600 Hz. Lags are counted in half samples: at these pitches whole ones are too coarse to find
# the top of a narrow peak, and a peak an octave lower that falls on a whole one would win.
PITCH_LOW_HZ = 60.0
PITCH_HIGH_HZ = 650.0
LAG_RATE_HZ = 2 * RATE_HZ
LAG_MIN = int(LAG_RATE_HZ / PITCH_HIGH_HZ)
LAG_MAX = math.ceil(LAG_RATE_HZ / PITCH_LOW_HZ)
PITCH_REFERENCE_HZ = 27.5

ENERGY = 0
F0 = 1
PERIODICITY = 2
HNR = 3
CENTROID = 4
FLUX = 5
ALPHA = 6
HAMMARBERG = 7
SLOPE_LOW = 8
SLOPE_HIGH = 9
MEL = 10
CEP = MEL + MEL_BANDS
CLIPPED = CEP + CEPSTRA
H1_H2 = CLIPPED + 1
H1_A3 = CLIPPED + 2
HELD = CLIPPED + 3
QUALITY = HELD + 1
QUALITIES = 10
WIDTH = QUALITY + QUALITIES

# Sequence networks (`emotion.sequence`) take five frames at once, each of them as bands, eight numbers of how it moves,
# the ten qualities, and the energy against that of the speech before.
STRIDE = 5
STEP_MOVES = 8
# How many steps lie between the three that each later layer joins.
LOOK_BACK = (1, 2)
STEP_CHANNELS = MEL_BANDS + STEP_MOVES + QUALITIES + 1

DESCRIPTORS: tuple[str, ...] = (
    "energy_db",
    "f0_st",
    "periodicity",
    "hnr_db",
    "centroid_hz",
    "flux_db",
    "alpha_db",
    "hammarberg_db",
    "slope_low",
    "slope_high",
    *(f"mel_{band:02d}" for band in range(MEL_BANDS)),
    *(f"cep_{shape}" for shape in range(1, CEPSTRA + 1)),
    "clipped",
    "h1_h2_db",
    "h1_a3_db",
    "held",
    "periodicity_low",
    "periodicity_mid",
    "periodicity_high",
    "harmonic_tilt_db",
    "centroid_low_hz",
    "centroid_mid_hz",
    "entropy_nat",
    "flatness_high_db",
    "spread_hz",
    "prominence_db",
)
