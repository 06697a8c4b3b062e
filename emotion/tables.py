"""Tables that the kernels read: window, twiddle factors, mel weights, cosine shapes, regression weights.

All are plain NumPy arrays computed once at import; Numba compiles them into the kernels as constants.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotion.layout import (
    BAND_HIGH_HZ,
    BAND_LOW_HZ,
    BIN_HZ,
    BINS,
    CEPSTRA,
    FFT_SIZE,
    LAG_MAX,
    MEL_BANDS,
    WINDOW,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _mel(hz: Floats) -> Floats:
    """Mel scale of O'Shaughnessy (1987), the one of HTK."""
    result: Floats = 2595.0 * np.log10(1.0 + hz / 700.0)
    return result


def _mel_edges_hz() -> Floats:
    """Edges of the triangular bands, Hz, shape (bands + 2,)."""
    low, high = _mel(np.array([BAND_LOW_HZ, BAND_HIGH_HZ]))
    return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595.0) - 1.0))


def mel_weights() -> Floats:
    """Dense weights of the mel bands, shape (bands, bins); each band's weights add up to one."""
    edges = _mel_edges_hz()
    bins_hz = np.arange(BINS) * BIN_HZ
    rising = (bins_hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins_hz) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _regression(low_hz: float, high_hz: float) -> Floats:
    """Weights whose dot product with the mel bands (dB) is the least-squares slope in dB per octave."""
    centres = _mel_edges_hz()[1:-1]
    octaves = np.log2(centres)
    inside = (centres >= low_hz) & (centres <= high_hz)
    weights = np.where(inside, octaves - octaves[inside].mean(), 0.0)
    return np.asarray(weights / np.sum(weights * np.where(inside, octaves, 0.0)))


def _window_autocorrelation(window: Floats) -> Floats:
    """Autocorrelation of the window itself at each half sample, one at lag zero, shape (LAG_MAX + 2,)."""
    # Twice the window's length leaves room for all lags; a transform twice as long back makes them half samples.
    power = np.abs(np.fft.rfft(window, 2 * FFT_SIZE)) ** 2
    whole = np.fft.irfft(power, 4 * FFT_SIZE)
    return np.asarray(whole[: LAG_MAX + 2] / whole[0])


# The periodic Hann window: its spectrum has only three lines.
HANN: Floats = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
# Power is scaled so that a sine at full scale (32768) has 0 dB summed over its line.
POWER_SCALE: float = float(2.0 / (np.sum(HANN**2) * FFT_SIZE) * 2.0 / 32768.0**2)
# -100 dBFS, below half a step of 16-bit samples: keeps logarithms finite in digital silence.
POWER_FLOOR: float = 1e-10

_COMPLEX = FFT_SIZE // 2
TWIDDLE_RE: Floats = np.cos(2.0 * np.pi * np.arange(_COMPLEX) / _COMPLEX)
TWIDDLE_IM: Floats = -np.sin(2.0 * np.pi * np.arange(_COMPLEX) / _COMPLEX)
SPLIT_RE: Floats = np.cos(2.0 * np.pi * np.arange(BINS) / FFT_SIZE)
SPLIT_IM: Floats = -np.sin(2.0 * np.pi * np.arange(BINS) / FFT_SIZE)

_DENSE = mel_weights()
MEL_START: Ints = np.array([int(np.flatnonzero(row)[0]) for row in _DENSE], dtype=np.int64)
MEL_STOP: Ints = np.array([int(np.flatnonzero(row)[-1]) + 1 for row in _DENSE], dtype=np.int64)
_LONGEST = int((MEL_STOP - MEL_START).max())
MEL_WEIGHTS: Floats = np.zeros((MEL_BANDS, _LONGEST))
for _band in range(MEL_BANDS):
    MEL_WEIGHTS[_band, : MEL_STOP[_band] - MEL_START[_band]] = _DENSE[_band, MEL_START[_band] : MEL_STOP[_band]]

COSINES: Floats = np.sqrt(2.0 / MEL_BANDS) * np.cos(
    np.pi * np.arange(1, CEPSTRA + 1)[:, None] * (np.arange(MEL_BANDS) + 0.5) / MEL_BANDS
)
SLOPES: Floats = np.stack([_regression(300.0, 1200.0), _regression(1200.0, 3400.0)])
HANN_AUTOCORRELATION: Floats = _window_autocorrelation(HANN)

# The cosine transform of bins 0..255, followed by 257 zeros, by a real transform of 512 points (Press et al.,
# "Numerical Recipes", 3rd edition, 2007, section 12.4.2).
_ANGLES = np.pi * np.arange(BINS - 1) / FFT_SIZE
COSINE_LOW: Floats = 0.5 - np.sin(_ANGLES)
COSINE_HIGH: Floats = 0.5 + np.sin(_ANGLES)
COSINE_ODD: Floats = np.cos(_ANGLES)
