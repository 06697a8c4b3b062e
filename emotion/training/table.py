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

from emotion.extract import Extractor
from emotion.functionals import FEATURES, FEATURES_HASH, FRAME_S, SpeechWindow
from emotion.layout import CEP, ENERGY, QUALITIES, QUALITY, WIDTH
from emotion.training.cache import Cache, digest
from emotion.training.lines import worsen
from emotion.training.manifest import Clip
from emotion.training.recordings import Progress, read_clip

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

PREFIXES_S = (1.0, 1.5, 2.0, 3.0)
COPIES = 2
"""Worsened copies of each recording, each over a line of its own."""
LINES = 2
"""Counts changes to `lines.worsen`, so that a cache of before finds nothing."""

SOUND = (*range(ENERGY, CEP), *range(QUALITY, QUALITY + QUALITIES))
"""Columns of the descriptors that sequence networks are taught from."""
SOUND_FRAMES = 800
"""Frames of a recording that they are taught from: its first 8 s."""

_BLOCK = 160
_VOICES = 30
_SOUND_AT = np.array(SOUND)


@dataclass(frozen=True, slots=True)
class Sound:
    """The first SOUND_FRAMES frames of a recording, or of a worsened copy of it.

    rows: float16, shape (frames, len(SOUND)). counted: which of them count as speech heard.
    """

    rows: NDArray[np.float16]
    counted: NDArray[np.bool_]

    def descriptors(self) -> Floats:
        """Rows of all descriptors, as `Extractor.push` gives them but for rounding; zeros where none were kept."""
        out = np.zeros((len(self.rows), WIDTH))
        out[:, _SOUND_AT] = self.rows
        return out


@dataclass(frozen=True, slots=True)
class Table:
    """Features of many prefixes of many clips; all arrays have one entry per row.

    features (n, len(FEATURES)); clip: index into `clips`; heard_s: seconds of speech counted; whole: the row
    hears all of its clip; copy: 0 for the recording as it is, 1 to COPIES for its worsened copies; anger, arousal,
    valence: labels, NaN where unknown. `sounds` has an entry per clip: the recording as it is, then its copies.
    """

    clips: tuple[Clip, ...]
    features: Floats
    clip: NDArray[np.int64]
    heard_s: Floats
    prefix_s: Floats
    whole: NDArray[np.bool_]
    copy: NDArray[np.int64]
    sounds: tuple[tuple[Sound, ...], ...] = ()

    def sound(self, row: int) -> Sound:
        """What a row hears: the recording or its copy, up to the seconds of speech of its prefix."""
        sound: Sound = self.sounds[self.clip[row]][self.copy[row]]
        if self.whole[row]:
            return sound
        frames = int(np.searchsorted(np.cumsum(sound.counted), round(self.prefix_s[row] / FRAME_S))) + 1
        return Sound(sound.rows[:frames], sound.counted[:frames])

    @property
    def clean(self) -> NDArray[np.bool_]:
        """Rows of recordings as they are."""
        clean: NDArray[np.bool_] = self.copy == 0
        return clean

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


def prefixes(pcm: Samples) -> list[tuple[float, float, Floats]]:
    """Features after each of PREFIXES_S seconds of counted speech and at the end: (prefix_s, heard_s, features).

    The end has prefix_s infinity. Prefixes that the recording does not reach are left out; so is the end
    where it adds less than 100 ms to the last prefix, and everything where less than 0.5 s counts.
    """
    return _heard(pcm)[0]


def _heard(pcm: Samples) -> tuple[list[tuple[float, float, Floats]], Sound]:
    """`prefixes` of a recording, and its sound."""
    extractor, window = Extractor(), SpeechWindow()
    found: list[tuple[float, float, Floats]] = []
    rows, counted = [], []
    waiting = list(PREFIXES_S)
    for start in range(0, len(pcm), _BLOCK):
        new = extractor.push(pcm[start : start + _BLOCK])
        window.add(new, True)
        rows.append(new[:, _SOUND_AT].astype(np.float16))
        counted.append(window.counted[: len(new)].copy())
        if waiting and window.voiced_s >= waiting[0] - 1e-9:
            found.append((waiting.pop(0), window.voiced_s, window.features()))
    if window.voiced_s >= 0.5 and (not found or window.voiced_s > found[-1][1] + 0.1):
        found.append((np.inf, window.voiced_s, window.features()))
    return found, Sound(np.concatenate(rows)[:SOUND_FRAMES], np.concatenate(counted)[:SOUND_FRAMES])


def build_table(
    clips: Sequence[Clip],
    *,
    seed: int,
    cache: Path | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Table:
    """Compute the table of `clips`, each as it is and worsened COPIES times; keep each clip's rows in `cache`.

    Other voices, where a line has some, are of the same corpus: nothing of a corpus gets into another one's rows.
    """
    blocks: list[dict[str, NDArray[Any]]] = []
    sounds: list[tuple[Sound, ...]] = []
    crowds: dict[str, tuple[list[Samples], Cache]] = {}
    for number, clip in enumerate(clips):
        if clip.corpus not in crowds:
            others = [read_clip(other) for other in _voices(clips, clip.corpus)]
            names = " ".join(digest(other) for other in others)
            recipe = f"{FEATURES_HASH} {seed} {PREFIXES_S} {COPIES} {LINES} {SOUND} {names}"
            crowds[clip.corpus] = others, Cache(cache, recipe)
        others, kept = crowds[clip.corpus]
        pcm = read_clip(clip)
        name = digest(pcm)
        block = kept.get(name)
        if block is None:
            block = _rows(pcm, others, np.random.default_rng([seed, int(name[:8], 16)]))
            kept.put(name, block)
        own = {name: array for name, array in block.items() if not name.startswith("sound_")}
        blocks.append({**own, "clip": np.full(len(block["heard_s"]), number)})
        ends = np.cumsum(block["sound_frames"])[:-1]
        parts = zip(np.split(block["sound_rows"], ends), np.split(block["sound_counted"], ends), strict=True)
        sounds.append(tuple(Sound(*part) for part in parts))
        progress("features", number + 1, len(clips))
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return Table(tuple(clips), **joined, sounds=tuple(sounds))


def _voices(clips: Sequence[Clip], corpus: str) -> list[Clip]:
    """Some recordings of a corpus, evenly spread over it."""
    own = [clip for clip in clips if clip.corpus == corpus]
    return own[:: -(-len(own) // _VOICES)]


def _rows(pcm: Samples, others: Sequence[Samples], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """All rows of one recording, as `Table` has them, and its sounds one after the other."""
    heard = [_heard(worsen(pcm, rng, others) if copy else pcm) for copy in range(COPIES + 1)]
    found = [
        (copy, place == len(rows) - 1, *row) for copy, (rows, _) in enumerate(heard) for place, row in enumerate(rows)
    ]
    sounds = [sound for _, sound in heard]
    return {
        "features": np.array([row[4] for row in found], dtype=np.float64).reshape(-1, len(FEATURES)),
        "heard_s": np.array([row[3] for row in found], dtype=np.float64),
        "prefix_s": np.array([row[2] for row in found], dtype=np.float64),
        "whole": np.array([row[1] for row in found], dtype=np.bool_),
        "copy": np.array([row[0] for row in found], dtype=np.int64),
        "sound_frames": np.array([len(sound.rows) for sound in sounds], dtype=np.int64),
        "sound_rows": np.concatenate([sound.rows for sound in sounds]),
        "sound_counted": np.concatenate([sound.counted for sound in sounds]),
    }
