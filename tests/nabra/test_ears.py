"""What the configuration says of tone, as tracker and router take it; whom the shipped threshold alarms."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import config
from emotion import Estimate, ToneModel, trace
from emotion.model import at_prior
from nabra.ears import Ears, listener_settings, tracker_settings
from nabra.generations import load
from nabra.offline import route_recording
from nabra.tone_batches import ToneAtOnce
from nabra.translation import of_tone
from router.evidence import Tone
from router.reasons import Code
from router.tone import ToneEvidence
from telephony.audio import read_audio
from tests.conftest import ROOT

Samples = NDArray[np.int16]
SHIPPED = config.load()


@pytest.fixture(scope="module")
def model() -> ToneModel:
    return ToneModel.load()


def as_evidence(estimate: Estimate, prior: float) -> Tone:
    tone = of_tone(estimate, estimate.t_s, 0.0, 0.0, prior).event
    assert isinstance(tone, Tone)
    return tone


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


def test_a_caller_who_says_no_more_is_neither_angrier_nor_calmer(model: ToneModel) -> None:
    pcm = read_audio(ROOT / "nabra" / "demo" / "samples" / "arabic-bill.flac")
    tone = replace(SHIPPED.tone, angry_at=0.015)
    settings = tracker_settings(replace(SHIPPED, tone=tone), model)
    heard, repeated = ToneEvidence(tone), 0
    frames = -(-len(pcm) // 160)
    silent = np.concatenate((pcm, np.zeros(frames * 160 - len(pcm) + 30 * 8000, np.int16)))
    estimates = trace(silent, [True] * frames + [False] * 1500, model, settings)
    ends_s = next(estimate.t_s for estimate in estimates if estimate.voiced_s == estimates[-1].voiced_s)
    for estimate in estimates:
        heard.add(as_evidence(estimate, tone.anger_prior), estimate.t_s)
        if estimate.t_s == ends_s:
            spoken = heard.now(ends_s)
        repeated += estimate.t_s > ends_s
    after = heard.now(estimates[-1].t_s)
    assert repeated >= 119
    assert spoken.alarmed
    assert after.alarmed
    assert after.call_anger == spoken.call_anger
    assert abs(after.anger - tone.anger_prior) < 0.2 * abs(spoken.anger - tone.anger_prior)


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
    assert shares[1] >= 0.4


def test_a_call_is_heard_and_judged_by_the_configuration_it_began_with(model: ToneModel, tmp_path: Path) -> None:
    ears = Ears(
        languages=frozenset(),
        decoder=lambda _call, _language: None,
        listener=listener_settings(SHIPPED),
        recogniser_id=lambda _language: "",
        tone=ToneAtOnce(model),
    )
    pcm = read_audio(ROOT / "nabra" / "demo" / "samples" / "arabic-bill.flac")
    anger: dict[float, list[float]] = {}
    for prior, angry_at, alarmed in ((0.03, 0.5, False), (0.2, 0.1, True)):
        tone = replace(SHIPPED.tone, anger_prior=prior, angry_at=angry_at)
        site = replace(SHIPPED, state_dir=tmp_path, tone=tone)
        record: Any = route_recording(pcm, load(site, 1), ears, language="ar").record
        heard = [entry for entry in record["timeline"] if entry["event"] == "tone" and not entry["abstained"]]
        assert {entry["prior"] for entry in heard} == {prior}
        anger[prior] = [at_prior(entry["anger"], prior, 0.5) for entry in heard]
        assert record["tone"]["alarmed"] is alarmed
        assert (Code.ANGRY in [reason["code"] for reason in record["decision"]["reasons"]]) is alarmed
        assert record["decision"]["priority"] == (5 if alarmed else 0)
    assert anger[0.03] == pytest.approx(anger[0.2])
