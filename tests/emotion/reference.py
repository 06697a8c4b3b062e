"""Slow, obvious NumPy versions of what the kernels compute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotion import layout, tables

Floats = NDArray[np.float64]


def frames(pcm: NDArray[np.int16]) -> Floats:
    """All complete frames, shape (n, 320)."""
    starts = range(0, len(pcm) - layout.WINDOW + 1, layout.HOP)
    return np.array([pcm[s : s + layout.WINDOW] for s in starts], dtype=np.float64).reshape(-1, layout.WINDOW)


def power(frame: Floats) -> Floats:
    """Power of one frame's 257 bins."""
    spectrum = np.fft.rfft((frame - frame.mean()) * tables.HANN, layout.FFT_SIZE)
    return np.asarray(tables.POWER_SCALE * np.abs(spectrum) ** 2)


def decibel(x: Floats | float) -> Floats:
    """Ten times the decimal logarithm above the floor."""
    return np.asarray(10.0 * np.log10(np.asarray(x) + tables.POWER_FLOOR))


def mel(p: Floats) -> Floats:
    """Mel bands in dB."""
    return decibel(tables.mel_weights() @ p)


def correlation(frame: Floats) -> Floats:
    """Normalised autocorrelation at each half sample, by the sums themselves, without the bins under 80 Hz.

    Half samples come from the sum of cosines that the frame's power spectrum is.
    """
    p = power(frame)
    p[:5] = p[-1] = 0.0
    lags = np.arange(layout.LAG_MAX + 2) / layout.LAG_RATE_HZ
    hz = np.arange(layout.BINS) * layout.BIN_HZ
    signal = np.array([np.sum(p * np.cos(2.0 * np.pi * hz * lag)) for lag in lags])
    # The window between its samples: a Hann window is three lines, whose sum is known everywhere.
    n = np.arange(layout.WINDOW * 2) / 2.0

    def hann(at: Floats) -> Floats:
        inside = (at >= 0.0) & (at < layout.WINDOW)
        return np.where(inside, 0.5 - 0.5 * np.cos(2.0 * np.pi * at / layout.WINDOW), 0.0)

    window = np.array([np.dot(hann(n), hann(n + lag / 2.0)) for lag in range(layout.LAG_MAX + 2)])
    return np.asarray(signal / signal[0] / (window / window[0]))


def buzz(hz: float | Floats, seconds: float, level: float = 6000.0) -> NDArray[np.int16]:
    """A voice-like buzz: harmonics up to 3400 Hz, falling; `hz` is constant or one value per sample."""
    n = int(seconds * layout.RATE_HZ)
    pitch = np.broadcast_to(np.asarray(hz, dtype=np.float64), (n,))
    phase = 2.0 * np.pi * np.cumsum(pitch) / layout.RATE_HZ
    wave = np.zeros(n)
    for h in range(1, 40):
        wave += np.where(pitch * h < 3400.0, np.cos(h * phase) / h, 0.0)
    return np.asarray(level * wave / np.abs(wave).max()).astype(np.int16)
