"""Sounds on a phone line that no caller makes: coloured noise, signalling tones, keys, music.

Pure functions: lengths in samples at 8 kHz in, float64 of that length out, in units of a 16-bit sample.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from emotion.layout import BAND_HIGH_HZ, BAND_LOW_HZ, RATE_HZ

Floats = NDArray[np.float64]

FULL_SCALE: Final = 32768.0

KEYS: Final = {
    key: (low, high)
    for low, row in ((697.0, "123A"), (770.0, "456B"), (852.0, "789C"), (941.0, "*0#D"))
    for key, high in zip(row, (1209.0, 1336.0, 1477.0, 1633.0), strict=True)
}
"""Two frequencies in Hz of each key (ITU-T Q.23)."""

CADENCES: Final = {
    "ringback (Europe)": ((425.0,), 1.0, 4.0),
    "ringback (North America)": ((440.0, 480.0), 2.0, 4.0),
    "busy (Europe)": ((425.0,), 0.5, 0.5),
}
"""Call progress tones: frequencies in Hz, seconds on, seconds off (ITU-T E.180; its supplement lists countries)."""

_CHORDS: Final = ((0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14))
_MELODY: Final = (12, 14, 16, 19, 16, 14, 12, 7)
_BEAT: Final = RATE_HZ // 2


def amplitude(level_dbfs: float) -> float:
    """Root mean square in units of a sample of a level in dB of full scale (a full-scale square wave is 0)."""
    return FULL_SCALE * float(10.0 ** (level_dbfs / 20.0))


def noise(n: int, rng: np.random.Generator, colour: float) -> Floats:
    """Noise of root mean square 1 within 200-3600 Hz, power falling as 1 / f**colour.

    colour 0 is white, 1 pink (offices, fans), 2 brown (cars, wind).
    """
    if n == 0:
        return np.zeros(0)
    size = next_fast_len(n, real=True)
    spectrum = rfft(rng.standard_normal(size))
    hz = np.arange(len(spectrum)) * (RATE_HZ / size)
    inside = (hz >= BAND_LOW_HZ) & (hz <= BAND_HIGH_HZ)
    spectrum *= np.where(inside, np.maximum(hz, BAND_LOW_HZ) ** (-0.5 * colour), 0.0)
    wave = irfft(spectrum, size)[:n]
    result: Floats = wave / max(float(np.sqrt(np.mean(wave * wave))), 1e-12)
    return result


def tones(n: int, hz: tuple[float, ...]) -> Floats:
    """Sines of equal strength added, root mean square 1, faded in and out over 2 ms."""
    t = np.arange(n) / RATE_HZ
    wave = sum((np.sin(2.0 * np.pi * f * t) for f in hz), np.zeros(n)) * np.sqrt(2.0 / len(hz))
    edge = np.minimum(np.arange(n) + 1, n - np.arange(n)) / (0.002 * RATE_HZ)
    return np.asarray(wave * np.minimum(edge, 1.0))


def cadence(n: int, hz: tuple[float, ...], on_s: float, off_s: float) -> Floats:
    """Tones switched on and off again and again, root mean square 1 while on."""
    on, period = round(on_s * RATE_HZ), round((on_s + off_s) * RATE_HZ)
    one = np.concatenate((tones(on, hz), np.zeros(period - on)))
    return np.resize(one, n)


def key_presses(n: int, rng: np.random.Generator) -> Floats:
    """Random keys, each 100 ms on and 100 ms off (ITU-T Q.24: 40 ms of both are enough), root mean square 1 on."""
    each = RATE_HZ // 5
    drawn = rng.choice(list("0123456789*#"), size=n // each + 1)
    pressed = [np.concatenate((tones(each // 2, KEYS[key]), np.zeros(each - each // 2))) for key in drawn]
    return np.concatenate(pressed)[:n]


def music(n: int, rng: np.random.Generator) -> Floats:
    """Music by synthesis, root mean square 1: four plucked chords, a melody with vibrato, a drum on each beat."""
    wave = np.zeros((n // _BEAT + 1) * _BEAT)
    root_hz = 220.0 * 2.0 ** (rng.integers(-4, 5) / 12.0)
    t = np.arange(_BEAT) / RATE_HZ
    vibrato = 0.004 * np.sin(2.0 * np.pi * 5.5 * t) / 5.5
    for beat in range(len(wave) // _BEAT):
        here = wave[beat * _BEAT : (beat + 1) * _BEAT]
        for step in _CHORDS[beat // 4 % len(_CHORDS)]:
            hz = root_hz * 2.0 ** (step / 12.0)
            for harmonic in range(1, 7):
                here += np.sin(2.0 * np.pi * harmonic * hz * t) * np.exp(-2.0 * harmonic * t) / harmonic
        sung_hz = root_hz * 2.0 ** (_MELODY[beat % len(_MELODY)] / 12.0)
        swell = np.minimum(t / 0.05, 1.0) * np.minimum((t[-1] - t) / 0.05, 1.0)
        for harmonic in range(1, 6):
            here += 1.5 * swell * np.sin(2.0 * np.pi * harmonic * sung_hz * (t + vibrato)) / harmonic**1.5
        here += 0.5 * rng.standard_normal(_BEAT) * np.exp(-40.0 * t)
    wave = wave[:n]
    result: Floats = wave / max(float(np.sqrt(np.mean(wave * wave))) if n else 1.0, 1e-12)
    return result
