"""What a voice does that is not a feeling, simulated on recordings: faster, higher, louder, hoarse.

Pure functions on int16 at 8 kHz. All of it is simulation: a recording made louder by a filter is not a
person who speaks up. What is moved, by how much and after whom stands with each function; what is left out
(durations of vowels, the first formant of loud speech, breaks of the voice) too. The recordings were cut to the
telephone band before: moving a spectrum up leaves a gap at its lower edge that a real voice would fill, and what
then lies above 3400 Hz is cut, as a line does; playing slower leaves a gap at its upper edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from emotion.layout import RATE_HZ

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

SPEED: Final = (0.9, 1.1)
"""Range of speeds to draw from: Ko et al., "Audio augmentation for speech recognition", Interspeech 2015."""

PITCH: Final = (0.85, 1.18)
"""Range of pitch factors that stays decent: about three semitones either way."""

EFFORT_DB: Final = (-6.0, 12.0)
"""Range of vocal effort in dB of sound level: from soft to calling out across a room."""

HIGH: Final = (1.15, 1.25)
"""Factor of a high voice: formants of women lie 15-20 % above men's, of children higher (Peterson and Barney, 1952)."""

HOARSE_DB: Final = (0.0, 9.0)
"""Harmonics over noise in hoarse voices: -15 to 10 dB, in others 7 to 17 (Yumoto, Gould and Baer, JASA 71, 1982)."""

PITCH_ST_PER_DB: Final = 0.4
"""Rise of pitch with level: 0.2 to 0.6 semitones per dB (Gramming et al., J. Voice 2, 1988)."""

GAIN_PER_DB: Final = ((0.0, 200.0, 600.0, 1500.0, 3000.0, 4000.0), (0.5, 0.5, 1.0, 1.5, 1.5, 1.4))
"""Hz, and dB that the spectrum there rises per dB of level: Nordenberg and Sundberg, "Effect on LTAS of vocal
loudness variation", Logopedics Phoniatrics Vocology 29, 2004: 0.5 at low frequencies, 1.5 at 1.5-3 kHz; straight
lines between."""

_LINE_HZ = (300.0, 3400.0)
_LINE_END = ((3400.0, 3600.0, 4000.0), (0.0, -25.0, -50.0))
_FRAME, _HOP = 256, 64
_HANN: Floats = np.sin(np.pi * (np.arange(_FRAME) + 0.5) / _FRAME) ** 2
_LIFTER = 20
_WSOLA_FRAME, _WSOLA_HOP, _WSOLA_REACH = 240, 120, 80


def to_int16(x: Floats) -> Samples:
    """Round and saturate: what is too loud is cut, never wrapped; NaN becomes 0."""
    return np.clip(np.rint(np.nan_to_num(x)), -32768, 32767).astype(np.int16)


def equalised(x: Floats, hz: tuple[float, ...], gain_db: tuple[float, ...]) -> Floats:
    """Apply gains in dB at frequencies, straight lines between, without moving phases; length stays."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(x) + _FRAME, real=True)
    spectrum = rfft(x, size)
    spectrum *= 10.0 ** (np.interp(np.arange(len(spectrum)) * (RATE_HZ / size), hz, gain_db) / 20.0)
    result: Floats = irfft(spectrum, size)[: len(x)]
    return result


def speed(pcm: Samples, factor: float) -> Samples:
    """Play `factor` times as fast: tempo, pitch and formants move together; round(n / factor) samples."""
    x = _resampled(pcm.astype(np.float64), round(len(pcm) / factor))
    return to_int16(equalised(x, *_LINE_END) if factor > 1.0 else x)


def revoiced(pcm: Samples, pitch: float, formants: float) -> Samples:
    """Multiply pitch and formants by two factors; tempo and length stay.

    Stretched in time by waveform similarity (Verhelst and Roelands, "An overlap-add technique based on waveform
    similarity", ICASSP 1993), resampled back, then the spectral envelope (cepstrum under 2.5 ms, frames of 32 ms)
    is moved to where it shall be, by 15 dB at most anywhere, and the level set back. What a lower pitch leaves empty at
    the upper edge of the band is filled from the recording itself: else the voice would sound muffled, too.
    """
    n = len(pcm)
    if n < 2 * _WSOLA_FRAME:
        return pcm.copy()
    x = _resampled(_stretched(pcm.astype(np.float64), pitch), n)
    if abs(formants / pitch - 1.0) > 0.005:
        x = _envelope_moved(x, pitch, formants / pitch)
    if pitch < 1.0:
        x = _topped_up(x, pcm.astype(np.float64), pitch)
    return to_int16(equalised(x, *_LINE_END) if max(pitch, formants) > 1.0 else x)


def effort(pcm: Samples, db: float) -> Samples:
    """Speak `db` dB louder (softer, where negative): level, high frequencies and pitch rise together; length stays.

    Each frequency by GAIN_PER_DB, pitch by PITCH_ST_PER_DB; formants stay, which in real loud speech they do not
    (the first rises: Traunmueller and Eriksson, JASA 107, 2000). What exceeds 16 bits saturates.
    """
    louder = revoiced(pcm, 2.0 ** (PITCH_ST_PER_DB * db / 12.0), 1.0)
    hz, gain = GAIN_PER_DB
    return to_int16(equalised(louder.astype(np.float64), hz, tuple(g * db for g in gain)))


def high(pcm: Samples, factor: float) -> Samples:
    """A higher voice, as of a smaller person: pitch and formants times `factor`; tempo and length stay."""
    return revoiced(pcm, factor, factor)


def hoarse(pcm: Samples, rng: np.random.Generator, harmonics_to_noise_db: float) -> Samples:
    """A hoarse voice: irregular cycles, and noise with the voice's own envelope in time and frequency; length stays.

    Every 5 ms another speed (deviation 2 %) and another level (1 dB) for jitter and shimmer; noise that lies
    `harmonics_to_noise_db` under the voice everywhere; the level as it was.
    """
    n = len(pcm)
    if n < _FRAME:
        return pcm.copy()
    x = _trembling(pcm.astype(np.float64), rng)
    spectra = _spectra(x)
    wild = np.exp(_envelopes(spectra)) * np.exp(2j * np.pi * rng.uniform(size=spectra.shape))
    breath = _overlapped(wild, n)
    # The envelope runs below the peaks of the harmonics: set the ratio by what came out.
    breath *= _rms(x) / max(_rms(breath), 1e-12) * 10.0 ** (-harmonics_to_noise_db / 20.0)
    rough = x + breath
    return to_int16(rough * (_rms(pcm.astype(np.float64)) / max(_rms(rough), 1e-12)))


def _rms(x: Floats) -> float:
    return float(np.sqrt(np.mean(x * x)))


def _resampled(x: Floats, n: int) -> Floats:
    """`x` on another number of samples, by its spectrum; padded, for the end must not run into the start."""
    from scipy.fft import next_fast_len
    from scipy.signal import resample

    if n == len(x) or not len(x):
        return x
    size = next_fast_len(len(x) + 2 * _FRAME, real=True)
    padded = np.concatenate((x, np.zeros(size - len(x))))
    target = round(size * n / len(x))
    return np.asarray(resample(padded, target), dtype=np.float64)[:n]


def _stretched(x: Floats, factor: float) -> Floats:
    """Play `factor` times as long at the same pitch."""
    n = round(len(x) * factor)
    lead = 2 * _WSOLA_HOP + _WSOLA_REACH
    padded = np.concatenate((np.zeros(lead), x, np.zeros(2 * _WSOLA_FRAME + 2 * _WSOLA_REACH)))
    squares = np.concatenate(([0.0], np.cumsum(padded * padded)))
    window = np.sin(np.pi * (np.arange(_WSOLA_FRAME) + 0.5) / _WSOLA_FRAME) ** 2
    out = np.zeros(n + 2 * _WSOLA_FRAME)
    last = len(padded) - _WSOLA_FRAME - _WSOLA_HOP
    place = lead - round(_WSOLA_HOP / factor)
    for start in range(0, n + _WSOLA_HOP, _WSOLA_HOP):
        if start > 0:
            wanted = lead + round((start - _WSOLA_HOP) / factor)
            first = min(wanted - _WSOLA_REACH, last - 2 * _WSOLA_REACH)
            # What would follow by itself, and where near the wanted place the recording is most like it.
            follows = padded[place + _WSOLA_HOP : place + _WSOLA_HOP + _WSOLA_FRAME]
            span = padded[first : first + 2 * _WSOLA_REACH + _WSOLA_FRAME]
            ends = squares[first + _WSOLA_FRAME : first + _WSOLA_FRAME + 2 * _WSOLA_REACH + 1]
            energy = ends - squares[first : first + 2 * _WSOLA_REACH + 1]
            likeness = np.correlate(span, follows, "valid") / np.sqrt(np.maximum(energy, 1.0))
            place = min(first + int(np.argmax(likeness)), last)
        out[start : start + _WSOLA_FRAME] += window * padded[place : place + _WSOLA_FRAME]
    # The first half frame has nothing to overlap with: the frames start half a frame before the recording.
    return out[_WSOLA_HOP : _WSOLA_HOP + n]


def _spectra(x: Floats) -> NDArray[np.complex128]:
    """Spectra of Hann-windowed frames of 32 ms, every 8 ms, from one frame before the start."""
    from scipy.fft import rfft

    padded = np.concatenate((np.zeros(_FRAME), x, np.zeros(2 * _FRAME)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    return np.asarray(rfft(frames * _HANN, axis=1))


def _overlapped(spectra: NDArray[np.complex128], n: int) -> Floats:
    """The inverse of `_spectra`: windowed again, overlapped, added."""
    from scipy.fft import irfft

    frames = irfft(spectra, _FRAME, axis=1) * _HANN
    quarters = frames.reshape(len(frames), _FRAME // _HOP, _HOP)
    out = np.zeros((len(frames) + _FRAME // _HOP, _HOP))
    for part in range(_FRAME // _HOP):
        out[part : part + len(frames)] += quarters[:, part]
    # Squares of Hann windows a quarter apart add up to 1.5.
    return out.reshape(-1)[_FRAME : _FRAME + n] / 1.5


def _envelopes(spectra: NDArray[np.complex128]) -> Floats:
    """Smooth natural logarithm of the magnitudes: the cepstrum's part under 2.5 ms, which holds no pitch."""
    from scipy.fft import irfft, rfft

    cepstrum = irfft(np.log(np.abs(spectra) + 1.0), _FRAME, axis=1)
    cepstrum[:, _LIFTER : _FRAME - _LIFTER + 1] = 0.0
    return np.asarray(rfft(cepstrum, axis=1).real)


def _envelope_moved(x: Floats, pitch: float, factor: float) -> Floats:
    """Move formants by `factor` in a signal whose band was moved by `pitch` before."""
    spectra = _spectra(x)
    now = _envelopes(spectra)
    hz = np.arange(_FRAME // 2 + 1) * (RATE_HZ / _FRAME)
    # Outside the band there is no envelope to fetch: its edges are held, and nothing there is raised.
    low, top = _LINE_HZ[0] * pitch, min(_LINE_HZ[1] * pitch, 0.5 * RATE_HZ)
    at = np.clip(hz / factor, low + 50.0, top - 50.0) / (RATE_HZ / _FRAME)
    below = at.astype(int)
    part = at - below
    wanted = now[:, below] * (1.0 - part) + now[:, below + 1] * part
    limit = 15.0 / 20.0 * np.log(10.0)
    gain = np.where((hz >= low) & (hz <= top), np.clip(wanted - now, -limit, limit), 0.0)
    moved = _overlapped(spectra * np.exp(gain), len(x))
    return moved * (_rms(x) / max(_rms(moved), 1e-12))


def _topped_up(x: Floats, recording: Floats, pitch: float) -> Floats:
    """`x` below the moved edge of the band, the recording above it, crossing over within 100 Hz."""
    edge = (_LINE_HZ[1] * pitch - 150.0, _LINE_HZ[1] * pitch - 50.0)
    return equalised(x, edge, (0.0, -60.0)) + equalised(recording, edge, (-60.0, 0.0))


def _trembling(x: Floats, rng: np.random.Generator) -> Floats:
    from scipy.ndimage import map_coordinates

    n = len(x)
    knots = np.arange(0, n + 80, 40)
    rates = np.interp(np.arange(n), knots, 0.02 * rng.standard_normal(len(knots)))
    levels = np.interp(np.arange(n), knots, rng.standard_normal(len(knots)))
    drift = np.cumsum(rates)
    # Cycles are long and short in turn, but nobody drifts away.
    drift -= np.linspace(drift[0], drift[-1], n)
    fine = _resampled(x, 2 * n)
    moved = map_coordinates(fine, [2.0 * (np.arange(n) + drift)], order=3, mode="nearest")
    return np.asarray(moved * 10.0 ** (levels / 20.0))
