"""Recordings to a table of features: prefixes by seconds of speech heard, clean and as worse lines would
give them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import lfilter

from emotion.errors import CorpusError
from emotion.extract import Extractor
from emotion.functionals import FEATURES, FEATURES_HASH, SpeechWindow
from emotion.layout import RATE_HZ
from emotion.training.manifest import Clip
from telephony.audio import mulaw_decode, mulaw_encode

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

PREFIXES_S = (1.0, 1.5, 2.0, 3.0)
_BLOCK = 160


@dataclass(frozen=True, slots=True)
class Table:
    """Features of many prefixes of many clips; all arrays have one entry per row.

    features (n, len(FEATURES)); clip: index into `clips`; heard_s: seconds of speech counted; whole: the row
    hears all of its clip; degraded: the row comes from the worsened copy; anger, arousal, valence: labels,
    NaN where unknown.
    """

    clips: tuple[Clip, ...]
    features: Floats
    clip: NDArray[np.int64]
    heard_s: Floats
    prefix_s: Floats
    whole: NDArray[np.bool_]
    degraded: NDArray[np.bool_]

    def label(self, name: str) -> Floats:
        """Labels 'anger', 'arousal' or 'valence' by row, NaN where unknown."""
        by_clip = [getattr(clip, name) for clip in self.clips]
        return np.array([np.nan if value is None else value for value in by_clip])[self.clip]

    def corpus(self) -> NDArray[np.str_]:
        """Corpus by row."""
        return np.array([clip.corpus for clip in self.clips])[self.clip]

    def speaker(self) -> NDArray[np.str_]:
        """Speaker by row."""
        return np.array([clip.speaker for clip in self.clips])[self.clip]


def degrade(pcm: Samples, rng: np.random.Generator) -> Samples:
    """Worsen a recording as phone lines do: spectral tilt, level within 12 dB, coloured noise at 8-35 dB, mu-law."""
    x = pcm.astype(np.float64)
    tilt = rng.uniform(-0.25, 0.25)
    x = lfilter([1.0, tilt], [1.0], x)
    power = np.mean(x**2) + 1.0
    colour = rng.uniform(0.0, 0.9)
    noise = lfilter([1.0], [1.0, -colour], rng.normal(size=len(x)))
    noise *= np.sqrt(power / np.mean(noise**2)) * 10.0 ** (-rng.uniform(8.0, 35.0) / 20.0)
    level = 10.0 ** (rng.uniform(-12.0, 12.0) / 20.0)
    worse = np.clip((x + noise) * level, -32768, 32767).astype(np.int16)
    return mulaw_decode(mulaw_encode(worse))


def prefixes(pcm: Samples) -> list[tuple[float, float, Floats]]:
    """Features after each of PREFIXES_S seconds of counted speech and at the end: (prefix_s, heard_s, features).

    The end has prefix_s infinity. Prefixes that the recording does not reach are left out; so is the end
    where it adds less than 100 ms to the last prefix, and everything where less than 0.5 s counts.
    """
    extractor, window = Extractor(), SpeechWindow()
    found: list[tuple[float, float, Floats]] = []
    waiting = list(PREFIXES_S)
    for start in range(0, len(pcm), _BLOCK):
        window.add(extractor.push(pcm[start : start + _BLOCK]), True)
        if waiting and window.voiced_s >= waiting[0] - 1e-9:
            found.append((waiting.pop(0), window.voiced_s, window.features()))
    if window.voiced_s >= 0.5 and (not found or window.voiced_s > found[-1][1] + 0.1):
        found.append((np.inf, window.voiced_s, window.features()))
    return found


def read_clip(path: Path) -> Samples:
    """Read a mono recording at 8 kHz.

    Raises
    ------
    CorpusError
        If the file cannot be read, or has another rate or more channels.
    """
    try:
        pcm, rate = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.SoundFileError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from error
    if rate != RATE_HZ or pcm.ndim != 1:
        raise CorpusError(f"{path}: must be mono at {RATE_HZ} Hz, is {rate} Hz with shape {pcm.shape}")
    return np.ascontiguousarray(pcm)


def build_table(
    clips: Sequence[Clip],
    *,
    seed: int,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Table:
    """Compute the table of `clips`, each once clean and once degraded; keep it in the folder `cache` if given."""
    key = hashlib.sha256(
        "|".join([FEATURES_HASH, str(seed), *(str(clip.path) for clip in clips)]).encode()
    ).hexdigest()[:16]
    file = cache / f"table-{key}.npz" if cache else None
    if file is not None and file.is_file():
        with np.load(file) as kept:
            return Table(tuple(clips), **{name: kept[name] for name in kept.files})
    features: list[Floats] = []
    index: list[tuple[int, float, float, bool, bool]] = []
    for number, clip in enumerate(clips):
        if progress is not None:
            progress(number, len(clips))
        pcm = read_clip(clip.path)
        rng = np.random.default_rng([seed, number])
        for worse in (False, True):
            rows = prefixes(degrade(pcm, rng) if worse else pcm)
            for place, (prefix_s, heard_s, row) in enumerate(rows):
                features.append(row)
                index.append((number, heard_s, prefix_s, place == len(rows) - 1, worse))
    columns = list(zip(*index, strict=True))
    arrays: dict[str, Any] = {
        "features": np.array(features).reshape(-1, len(FEATURES)),
        "clip": np.array(columns[0], dtype=np.int64),
        "heard_s": np.array(columns[1]),
        "prefix_s": np.array(columns[2]),
        "whole": np.array(columns[3], dtype=np.bool_),
        "degraded": np.array(columns[4], dtype=np.bool_),
    }
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **arrays)
    return Table(tuple(clips), **arrays)
