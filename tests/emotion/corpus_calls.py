"""Calls made of a corpus: one speaker's recordings put one after the other."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def made_calls(
    folder: Path, emotions: Collection[str], seconds: float, *, repeat: bool = False
) -> dict[str, list[Samples]]:
    """Calls by speaker, each of that many seconds; no recording is used twice unless `repeat` fills a last call."""
    from telephony.audio import read_audio

    clips: dict[str, list[Path]] = {}
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["emotion"] in emotions:
                clips.setdefault(row["speaker"], []).append(folder / row["path"])
    n = int(seconds * 8000)
    calls: dict[str, list[Samples]] = {}
    for speaker, files in sorted(clips.items()):
        order = np.random.default_rng(int(speaker)).permutation(len(files))
        whole = np.concatenate([read_audio(files[place]) for place in order])
        if repeat:
            whole = np.resize(whole, -(-len(whole) // n) * n)
        calls[speaker] = [whole[start : start + n] for start in range(0, len(whole) - n + 1, n)]
    return calls
