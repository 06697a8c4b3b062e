"""A corpus made by computing: voices whose pitch says what their label says."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from telephony.audio import write_wav
from tests.emotion import reference

KINDS = {"anger": ("high", 60.0), "calm": ("low", 5.0), "happiness": ("high", 35.0)}
COLUMNS = ("path", "speaker", "emotion", "arousal", "licence")


def write_corpus(
    folder: Path,
    people: int,
    *,
    columns: Sequence[str] = COLUMNS,
    words: Mapping[str, str] | None = None,
    seconds: float = 1.5,
) -> Path:
    """Write recordings and a manifest.csv with these columns; 'anger' is high and restless, 'calm' low and flat.

    `words` renames feelings in the manifest. Returns the manifest.
    """
    folder.mkdir(parents=True)
    manifest = folder / "manifest.csv"
    with manifest.open("w", encoding="utf-8", newline="") as lines:
        out = csv.DictWriter(lines, columns, extrasaction="ignore")
        out.writeheader()
        for person in range(people):
            for emotion, (arousal, restless) in KINDS.items():
                t = np.arange(int(8000 * seconds)) / 8000
                pitch = 120.0 + 4.0 * person + restless * (1.0 + np.sin(9.0 * t + person))
                path = f"{person}-{emotion}.wav"
                write_wav(folder / path, reference.buzz(pitch, seconds))
                row = {"path": path, "speaker": person, "arousal": arousal, "licence": "ours"}
                row |= {"emotion": (words or {}).get(emotion, emotion), "anger": "yes" if emotion == "anger" else "no"}
                row |= {"language": "ar", "gender": "female" if person % 2 else "m", "fold": person % 2}
                out.writerow(row)
    return manifest
