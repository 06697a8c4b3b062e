"""What a telephone line adds and takes away: its band, and its noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

RATE_HZ = 8000
BAND_HZ = (300, 3400)

Wave = npt.NDArray[np.float64]


def band(wave: Wave) -> Wave:
    """Keep what a telephone line keeps of samples at 8 kHz."""
    sections = signal.butter(4, BAND_HZ, btype="bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sections, wave))


def hiss(samples: int, rng: np.random.Generator) -> Wave:
    """Return noise as a line has it, softer towards high pitch: shape [samples], root mean square 1."""
    noise = band(np.asarray(signal.lfilter([1.0], [1.0, -0.7], rng.standard_normal(samples))))
    return noise / float(np.sqrt(np.mean(noise**2)))
