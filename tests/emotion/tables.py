"""Tables of recordings that never were: noise where descriptors are, for tests of who is taught and asked what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotion.functionals import FEATURES
from emotion.layout import F0
from emotion.training.feelings import Effort
from emotion.training.manifest import Clip
from emotion.training.table import SOUND, Sound, Table

RNG = np.random.default_rng(31)
CATEGORIES = ("anger", "fear", "calm")
SMALL = Effort(units=6, head=5, steps=3, batch=8)


def sound(frames: int = 120, high: float = 0.0) -> Sound:
    rows = RNG.normal(-30.0, 5.0, (frames, len(SOUND)))
    rows[:, SOUND.index(F0)] = 30.0 + high
    return Sound(rows.astype(np.float16), np.arange(frames) % 20 < 15)


def table(told: list[tuple[str, str]], each: int = 4) -> Table:
    """`each` recordings of each corpus and feeling, of a speaker of their own."""
    clips = []
    for corpus, emotion in told:
        for number in range(each):
            angry = float(emotion == "anger")
            name = f"{corpus}/{number}"
            clips.append(Clip(Path(f"{number}.wav"), corpus, name, emotion, "ours", angry, angry, None))
    n = len(clips)
    copies = np.zeros(n, dtype=np.int64)
    sounds = tuple((sound(), sound()) for _ in clips)
    features = RNG.normal(size=(n, len(FEATURES)))
    return Table(tuple(clips), features, np.arange(n), np.ones(n), np.full(n, np.inf), copies == 0, copies, sounds)


def every(made: Table) -> NDArray[np.bool_]:
    return np.ones(len(made.clip), dtype=np.bool_)
