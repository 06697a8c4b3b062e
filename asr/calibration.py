"""What recognition costs on this machine, before the first caller: a decoding of sound that is like speech.

The sound is made here, so that it can be had for any language: voiced syllables, four a second, with three moving
formants and hiss between them. Engines decode it as they decode speech, or doubt that it is any and listen twice:
Moonshine's two models took 0.9 and 1.6 times what they take for speech.
"""

import time
from functools import cache

import numpy as np

from asr.decoder import SegmentDecoder
from asr.engine import LINE_RATE_HZ, Engine, Samples

_LENGTH_S = 4.0
_SYLLABLE_S = 0.25
_RATE = LINE_RATE_HZ


@cache
def speech_like() -> Samples:
    """Return 4 s of sound that recognisers take for speech, int16 at 8 kHz."""
    rng = np.random.default_rng(1859)
    parts = []
    size = int(_SYLLABLE_S * _RATE)
    t = np.arange(size) / _RATE
    for _ in range(int(_LENGTH_S / _SYLLABLE_S)):
        pitch_hz = 110 + 30 * rng.random() - 40 * t
        source = np.sign(np.sin(2 * np.pi * np.cumsum(pitch_hz) / _RATE)) + 0.3 * rng.standard_normal(size)
        spectrum = np.fft.rfft(source)
        hz = np.fft.rfftfreq(size, 1 / _RATE)
        formants = rng.uniform((300, 900, 2200), (800, 2100, 3000))
        shape = sum(1 / (1 + ((hz - at) / (60 + at / 12)) ** 2) for at in formants)
        parts.append(np.fft.irfft(spectrum * shape, size) * np.sin(np.pi * t / _SYLLABLE_S))
        parts[-1][: size // 5] += 0.05 * rng.standard_normal(size // 5)
    wave = np.concatenate(parts)
    samples: Samples = np.round(wave / np.abs(wave).max() * 12000).astype(np.int16)
    return samples


def cost_of(engine: Engine, limited: bool) -> float:
    """Return the CPU seconds that the final words of a second of speech cost, on this machine, just now.

    All of this process's count, for there are engines that decode in threads of their own: nothing else may run in it.

    Parameters
    ----------
    engine : Engine
        Loaded or not.
    limited : bool
        True for a session of key phrases only.

    Raises
    ------
    EngineError
        Where the engine cannot decode.
    """
    decoder = SegmentDecoder(engine, limited)
    sound = speech_like()
    try:
        spent_s = 0.0
        # The first time pays for what is made once.
        for _ in range(2):
            began_s = time.process_time()
            decoder.begin(0.0)
            decoder.feed(sound)
            decoder.words(final=True)
            spent_s = time.process_time() - began_s
    finally:
        decoder.close()
    return spent_s / (sound.size / _RATE)
