"""Voices made by computing, and the model that ships."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.model import ToneModel
from tests.emotion import reference


@pytest.fixture(scope="session")
def model() -> ToneModel:
    """The model that ships."""
    return ToneModel.load()


@pytest.fixture(scope="session")
def speech() -> NDArray[np.int16]:
    """Six seconds of something voice-like: words of gliding pitch and moving timbre, pauses, a little line noise."""
    rng = np.random.default_rng(11)
    parts = []
    for word in range(12):
        length = 0.3 + 0.02 * (word % 4)
        n = int(length * 8000)
        wobble = 4.0 * np.sin(np.arange(n) / 400.0)
        pitch = np.linspace(150.0 + 8.0 * (word % 5), 120.0 + 5.0 * (word % 3), n) + wobble
        envelope = np.sin(np.linspace(0.05, np.pi - 0.05, n)) * (0.5 + 0.5 * np.abs(np.sin(np.arange(n) / 700.0)))
        parts.append(reference.buzz(pitch, length, 9000.0) * envelope)
        parts.append(np.zeros(1400))
    wave = np.concatenate(parts)
    return np.asarray(wave + rng.normal(0, 12, len(wave))).astype(np.int16)
