"""Alarms per call: thresholds from calm calls, and calls followed as the tracker follows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotion.alarm import log_odds
from emotion.model import ToneModel
from emotion.offline import trace
from emotion.training import alarms
from emotion.training.alarms import Calls, alarm_figures, listen, threshold
from emotion.training.manifest import read_manifest
from emotion.training.perturbed import flags
from emotion.training.recordings import read_clip
from tests.emotion.corpus import write_corpus

RNG = np.random.default_rng(6)


def crowd(angry: int, others: int, calm: int, parts: str = "ab") -> Calls:
    """Calls of each part: so many angry, others, and calm ones."""
    n = angry + others + calm
    kind = np.tile(np.arange(n), len(parts))
    corpus = np.repeat(list(parts), n)
    return Calls(((),) * len(kind), corpus, corpus, corpus, kind < angry, kind >= angry + others)


def test_a_threshold_alarms_no_more_calm_calls_than_it_may() -> None:
    calls = crowd(0, 0, 1000)
    peaks = RNG.normal(size=2000) + np.where(calls.corpus == "a", 2.0, 0.0)
    for share in (0.01, 0.05):
        found = threshold(peaks, calls.calm, calls.corpus, share)
        reached = [np.mean(peaks[calls.corpus == name] >= found) for name in "ab"]
        assert np.mean(reached) == pytest.approx(share, abs=0.001)
    alone = np.where(calls.corpus == "a", peaks, np.nan)
    assert np.mean(peaks[:1000] >= threshold(alone, calls.calm, calls.corpus, 0.05)) == pytest.approx(0.05, abs=0.0011)
    assert np.isnan(threshold(peaks, ~calls.calm, calls.corpus, 0.05))
    assert np.isnan(threshold(np.full(2000, log_odds(0.0)), calls.calm, calls.corpus, 0.05)), "nothing was ever heard"


def test_figures_say_who_is_alarmed_and_how_many_are_right() -> None:
    calls = crowd(100, 50, 200)
    peaks = np.where(calls.angry, 3.0, np.where(calls.calm, -3.0, 0.0)) + RNG.normal(0.0, 0.5, len(calls.angry))
    found = alarm_figures(calls, [{"a": peaks, "b": peaks}], [{"a": peaks, "b": peaks, "": peaks}], ["a", "b"], "")
    assert found["calls"]["a"] == {"angry": 100, "others": 250, "calm": 200}
    low, high = found["by_threshold"]["mean"]["0.02"], found["by_threshold"]["mean"]["0.2"]
    assert low["others"] > high["others"]
    assert high == {"angry": 1.0, "others": 0.0, "calm": 0.0, "precision_calm": 1.0, "precision_others": 1.0} or (
        high["angry"] > 0.9
    )
    at = found["at_share"]["mean"]["0.05"]
    assert at["calm"] == pytest.approx(0.05, abs=0.01)
    assert at["angry"] == 1.0
    assert at["precision_calm"] == pytest.approx(0.03 / (0.03 + 0.97 * at["calm"]))
    assert at["precision_others"] < at["precision_calm"]
    assert found["ships"]["0.01"] > found["ships"]["0.05"]


def test_probabilities_at_the_prior_and_back() -> None:
    for probability in (0.02, 0.03, 0.5):
        assert alarms.at_prior_of(alarms.at_half(probability)) == pytest.approx(probability)
    assert alarms.at_half(0.03) == pytest.approx(0.0)


def test_calls_are_followed_as_the_tracker_follows_them(tmp_path: Path, model: ToneModel) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 3, seconds=2.6))
    heard = listen(clips, ["x"] * len(clips), 1, model)
    calls = heard["recordings"]
    assert len(calls.angry) == len(clips)
    assert calls.angry.sum() == 3
    assert calls.calm.sum() == 3
    peaks = calls.peaks(model, np.arange(len(clips)) < 4)
    assert np.isnan(peaks[4:]).all()
    edge, end = np.zeros(8000, np.int16), np.zeros(4000, np.int16)
    for place in range(4):
        pcm = np.concatenate((edge, read_clip(clips[place]), end))
        highest = max((one.call_anger for one in trace(pcm, flags(pcm), model)), default=0.0)
        assert peaks[place] == pytest.approx(log_odds(highest), abs=1e-4)
    assert not len(heard["made_calls"].angry), "one recording of a feeling makes no call of six seconds"


def test_made_calls_are_of_one_voice_and_one_feeling(tmp_path: Path, model: ToneModel) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 2, seconds=2.6)) * 6
    calls = listen(clips, [clip.speaker for clip in clips], 1, model)["made_calls"]
    np.testing.assert_array_equal(calls.fold, calls.speaker)
    for speaker in {clip.speaker for clip in clips}:
        own = calls.speaker == speaker
        assert min(calls.angry[own].sum(), calls.calm[own].sum()) >= 2, "two rounds"
        assert not (calls.angry & calls.calm).any()
    for inquiries in calls.inquiries:
        assert 5.5 < inquiries[-1].voiced_s < 13.0
