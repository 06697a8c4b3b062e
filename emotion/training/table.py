"""Recordings to a table of features: prefixes by seconds of speech heard, clean and as worse lines would
give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from emotion.extract import Extractor
from emotion.functionals import FEATURES, FEATURES_HASH, SpeechWindow
from emotion.training.cache import Cache, digest
from emotion.training.manifest import Clip
from emotion.training.recordings import Progress, read_clip
from telephony.audio import mulaw_decode, mulaw_encode

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

PREFIXES_S = (1.0, 1.5, 2.0, 3.0)
LINES = 1
"""Counts changes to `degrade`, so that a cache of before finds nothing."""

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


def build_table(
    clips: Sequence[Clip],
    *,
    seed: int,
    cache: Path | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Table:
    """Compute the table of `clips`, each once clean and once degraded; keep each clip's rows in the folder `cache`."""
    kept = Cache(cache, f"{FEATURES_HASH} {seed} {PREFIXES_S} {LINES}")
    blocks: list[dict[str, NDArray[Any]]] = []
    for number, clip in enumerate(clips):
        pcm = read_clip(clip)
        name = digest(pcm)
        block = kept.get(name)
        if block is None:
            block = _rows(pcm, np.random.default_rng([seed, int(name[:8], 16)]))
            kept.put(name, block)
        blocks.append({**block, "clip": np.full(len(block["heard_s"]), number)})
        progress("features", number + 1, len(clips))
    return Table(tuple(clips), **{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})


def _rows(pcm: Samples, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """All rows of one recording, as `Table` has them."""
    found = [
        (worse, place == len(rows) - 1, *row)
        for worse in (False, True)
        for rows in [prefixes(degrade(pcm, rng) if worse else pcm)]
        for place, row in enumerate(rows)
    ]
    return {
        "features": np.array([row[4] for row in found]).reshape(-1, len(FEATURES)),
        "heard_s": np.array([row[3] for row in found], dtype=np.float64),
        "prefix_s": np.array([row[2] for row in found], dtype=np.float64),
        "whole": np.array([row[1] for row in found], dtype=np.bool_),
        "degraded": np.array([row[0] for row in found], dtype=np.bool_),
    }
