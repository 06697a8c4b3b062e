"""What the configuration says of tone, as tracker and router take it; whom the shipped threshold alarms."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import config
from emotion import Estimate, ToneModel, trace
from nabra.ears import tracker_settings
from router.evidence import Tone
from router.tone import ToneEvidence
from telephony.audio import read_audio
from tests.conftest import ROOT

Samples = NDArray[np.int16]
SHIPPED = config.load()


@pytest.fixture(scope="module")
def model() -> ToneModel:
    return ToneModel.load()


def as_evidence(estimate: Estimate, prior: float) -> Tone:
    return Tone(
        at_s=estimate.t_s,
        t_s=estimate.t_s,
        voiced_s=estimate.voiced_s,
        arousal=estimate.arousal,
        valence=estimate.valence,
        anger=estimate.anger,
        confidence=estimate.confidence,
        abstained=estimate.abstained,
        reason=estimate.reason,
        prior=prior,
        call_anger=estimate.call_anger,
        trend=estimate.trend,
    )


@pytest.mark.parametrize("angry_at", [0.0012, 0.01, 0.015, 0.04, 0.5])
@pytest.mark.parametrize("prior", [0.03, 0.5])
def test_tracker_and_router_raise_the_same_first_alarm(model: ToneModel, angry_at: float, prior: float) -> None:
    at = angry_at / 0.03 * 0.97 / (1 - angry_at) * prior / (1 - prior)
    tone = replace(SHIPPED.tone, anger_prior=prior, angry_at=at / (1 + at))
    settings = tracker_settings(replace(SHIPPED, tone=tone), model)
    pcm = read_audio(ROOT / "nabra" / "demo" / "samples" / "arabic-bill.flac")
    router = ToneEvidence(tone)
    first = None
    estimates = trace(pcm, lambda _: True, model, settings)
    for estimate in estimates:
        router.add(as_evidence(estimate, prior), estimate.t_s)
        if first is None and router.now(estimate.t_s).alarmed:
            first = estimate.t_s
    assert estimates[-1].alarmed_at_s == first
    assert (first is None) is (angry_at > 0.02)


def calls_of(folder: Path, emotions: set[str], seconds: float = 8.0) -> list[Samples]:
    """Calls of that many seconds, each of one speaker's recordings one after the other, none used twice."""
    clips: dict[str, list[Samples]] = {}
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["emotion"] in emotions:
                clips.setdefault(row["speaker"], []).append(read_audio(folder / row["path"]))
    n = int(seconds * 8000)
    wholes = [np.concatenate(of_speaker) for of_speaker in clips.values()]
    return [whole[start : start + n] for whole in wholes for start in range(0, len(whole) - n + 1, n)]


def test_the_shipped_threshold_alarms_the_angry_and_hardly_anyone_who_is_calm(model: ToneModel, corpora: Path) -> None:
    settings = tracker_settings(SHIPPED, model)
    folder = corpora / "emotion" / "ravdess"
    shares = [
        np.mean([trace(pcm, lambda _: True, model, settings)[-1].alarmed_at_s is not None for pcm in calls])
        for calls in (calls_of(folder, {"calm", "neutral"}), calls_of(folder, {"anger"}))
    ]
    assert shares[0] <= 0.02
    assert shares[1] >= 0.5
