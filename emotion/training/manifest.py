"""Labelled audio: one row a recording, from `<corpus>/manifest.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from emotion.errors import CorpusError

_COLUMNS = ("path", "speaker", "emotion", "arousal")
_POSITIVE = {"happiness"}
_NEGATIVE = {"anger", "sadness", "fear", "disgust"}
_BETWEEN = {"neutral", "calm"}


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled recording.

    anger and arousal are 1.0, 0.0, or None where the label says nothing about them; valence may also be 0.5
    (neutral).
    """

    path: Path
    corpus: str
    speaker: str
    emotion: str
    licence: str
    anger: float | None
    arousal: float | None
    valence: float | None


def _valence(emotion: str) -> float | None:
    if emotion in _POSITIVE:
        return 1.0
    if emotion in _NEGATIVE:
        return 0.0
    return 0.5 if emotion in _BETWEEN else None


def read_manifest(folder: Path) -> list[Clip]:
    """Read `folder/manifest.csv`: columns path, speaker, emotion, arousal (high, low or empty), licence (optional).

    Raises
    ------
    CorpusError
        If the manifest is missing, lacks a column, or is empty.
    """
    file = folder / "manifest.csv"
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise CorpusError(f"{file}: columns missing: {', '.join(missing)}; needed: {', '.join(_COLUMNS)}")
            rows = list(reader)
    except OSError as error:
        raise CorpusError(
            f"{file}: cannot be read ({error.strerror}); expected a manifest of labelled audio"
        ) from error
    if not rows:
        raise CorpusError(f"{file}: no rows")
    return [
        Clip(
            path=folder / row["path"],
            corpus=folder.name,
            speaker=f"{folder.name}/{row['speaker']}",
            emotion=row["emotion"],
            licence=row.get("licence") or "not stated",
            anger=float(row["emotion"] == "anger") if row["emotion"] else None,
            arousal={"high": 1.0, "low": 0.0}.get(row["arousal"]),
            valence=_valence(row["emotion"]),
        )
        for row in rows
    ]
