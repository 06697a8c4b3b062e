"""The caller's own baseline: slow, bounded, moved by calm speech, and nothing that erases an angry caller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import Estimate, Inquiry, ToneModel, Tracker, TrackerSettings, ask, trace
from emotion.alarm import log_odds
from emotion.baseline import HALF_AT, LATE, PRIOR_S, Baseline, CalmSpeech
from emotion.functionals import FEATURES
from tests.emotion.corpus_calls import made_calls

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]
RNG = np.random.default_rng(8)
WIDTH = len(FEATURES)
MEANS = np.array([name.endswith(":mean") for name in FEATURES])
CALM = CalmSpeech(RNG.normal(0.0, 3.0, WIDTH), RNG.uniform(0.5, 4.0, WIDTH), np.where(MEANS, 0.5, 0.0))
SETTINGS = TrackerSettings(min_familiarity=0.0)


def heard(log_odds: float, rows: Floats, fresh_s: float = 0.25) -> Baseline:
    baseline = Baseline(CALM)
    for number, row in enumerate(rows):
        baseline.add(number, row, fresh_s, log_odds)
    return baseline


def test_it_starts_where_the_training_data_is() -> None:
    baseline = heard(-4.0, CALM.centre + np.full((1, WIDTH), 9.0))
    assert not Baseline(CALM).shift(0).any()
    assert not baseline.shift(LATE - 1).any()
    assert baseline.shift(LATE).any()


def test_calm_speech_moves_it_as_its_seconds_weigh_against_the_prior() -> None:
    away = CALM.deviation * 0.2
    baseline = heard(-13.0, np.tile(CALM.centre + away, (100, 1)))
    expected = np.where(MEANS, away * 25.0 / (25.0 + PRIOR_S), 0.0)
    np.testing.assert_allclose(baseline.shift(200), expected)
    assert baseline.seconds == pytest.approx(25.0)


def test_it_is_bounded_whatever_is_heard() -> None:
    for sign in (-1.0, 1.0):
        baseline = heard(-13.0, np.tile(CALM.centre + sign * 1e6, (500, 1)), fresh_s=1.0)
        np.testing.assert_allclose(baseline.shift(1000), sign * CALM.most * CALM.deviation)


def test_how_much_speech_counts_as_calm_falls_with_anger() -> None:
    weights = [heard(log_odds, CALM.centre[None, :], fresh_s=1.0) for log_odds in (-13.0, HALF_AT, 13.0)]
    for baseline in weights:
        baseline.shift(LATE)
    assert [baseline.seconds for baseline in weights] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)


def test_angry_speech_hardly_moves_it() -> None:
    rows = np.tile(CALM.centre + CALM.deviation, (120, 1))
    calm, angry = heard(-3.0, rows), heard(1.5, rows)
    assert np.abs(angry.shift(200)).max() < 0.03 * np.abs(calm.shift(200)).max()


def test_answers_that_come_later_take_effect_at_the_same_inquiry() -> None:
    rows = CALM.centre + RNG.normal(0.0, 2.0, (40, WIDTH))
    prompt, late = Baseline(CALM), Baseline(CALM)
    for number in range(len(rows)):
        np.testing.assert_array_equal(prompt.shift(number), late.shift(number))
        prompt.add(number, rows[number], 0.25, -2.0)
        if number >= LATE - 1:
            late.add(number - LATE + 1, rows[number - LATE + 1], 0.25, -2.0)
    assert prompt.shift(40).any()


@pytest.fixture
def adapting(model: ToneModel) -> ToneModel:
    """The model that ships, made to keep a baseline."""
    other = ToneModel.load()
    other.calm = CALM
    return other


def test_a_call_whose_answers_come_late_hears_the_same(adapting: ToneModel, speech: Samples) -> None:
    expected = trace(np.tile(speech, 3), lambda _: True, adapting, SETTINGS)
    tracker, waiting, found = Tracker(adapting, SETTINGS), list[Inquiry](), list[Estimate | None]()
    for start in range(0, 3 * len(speech), 160):
        waiting += tracker.feed(np.tile(speech, 3)[start : start + 160], True)
        if len(waiting) >= LATE:
            found += [tracker.settle(waiting[0], ask(adapting, waiting[:1])[0])]
            del waiting[0]
    found += [tracker.settle(inquiry, ask(adapting, [inquiry])[0]) for inquiry in waiting]
    assert found == expected
    plain = trace(np.tile(speech, 3), lambda _: True, ToneModel.load(), SETTINGS)
    assert any(one.anger != other.anger for one, other in zip(plain, expected, strict=True))


@pytest.mark.parametrize("length", [20000, 10**6])
def test_a_call_that_is_pushed_in_long_pieces_hears_the_same(adapting: ToneModel, speech: Samples, length: int) -> None:
    pcm = np.tile(speech, 3)
    whole, short = Tracker(adapting, SETTINGS), Tracker(adapting, SETTINGS)
    for start in range(0, len(pcm), length):
        whole.push(pcm[start : start + length], True)
    for start in range(0, len(pcm), 160):
        short.push(pcm[start : start + 160], True)
    assert whole.latest == short.latest


@pytest.fixture(scope="module")
def without() -> ToneModel:
    """The model that ships, made to keep no baseline."""
    other = ToneModel.load()
    other.calm = None
    return other


def ratings(calls: dict[str, list[Samples]], model: ToneModel) -> Floats:
    """Log-odds of anger at each estimate of each call from 2 s of speech on, shape (calls, estimates)."""
    found = [
        [log_odds(e.anger) for e in trace(pcm, lambda _: True, model, SETTINGS) if e.t_s > 4.0]
        for of_speaker in calls.values()
        for pcm in of_speaker
    ]
    return np.array(found)


def test_who_is_angry_from_the_first_word_stays_angry(corpora: Path, model: ToneModel, without: ToneModel) -> None:
    calls = made_calls(corpora / "emotion" / "emodb", {"anger"}, 25.0, repeat=True)
    plain, adapted = ratings(calls, without), ratings(calls, model)
    assert len(plain) >= 10
    assert plain[:, -1].min() > 0.0, "all of them sound angry after 25 s"
    assert adapted[:, -1].min() > 0.0, "and none is adapted away"
    assert np.abs(plain - adapted).max() > 0.001, "though there is a baseline"
    assert np.mean(plain - adapted) < 0.1
    assert np.max(plain - adapted) < 0.75


def test_a_calm_voice_that_sounds_angry_by_nature_is_rated_lower(
    corpora: Path, model: ToneModel, without: ToneModel
) -> None:
    """Voices of a corpus and a language that the model never learnt from."""
    calls = made_calls(corpora / "emotion" / "turev", {"calm", "sadness"}, 25.0, repeat=True)
    plain, adapted = ratings(calls, without)[:, -1], ratings(calls, model)[:, -1]
    high = plain >= np.quantile(plain, 0.75)
    assert np.mean(adapted[high] - plain[high]) < -0.15
    angry = made_calls(corpora / "emotion" / "turev", {"anger"}, 25.0, repeat=True)
    lost = ratings(angry, without)[:, -1] - ratings(angry, model)[:, -1]
    assert np.mean(lost) < 0.15, "and the angry ones of the same corpus stay where they are"


def test_calm_voices_stay_calm(corpora: Path, model: ToneModel, without: ToneModel) -> None:
    """Calmer than most, they come up a little towards most; none comes near to an alarm."""
    calls = made_calls(corpora / "emotion" / "emodb", {"neutral", "boredom", "sadness"}, 25.0, repeat=True)
    assert ratings(calls, without)[:, -1].max() < 0.0
    assert ratings(calls, model)[:, -1].max() < 0.0


def test_the_baseline_that_ships_moves_only_what_is_the_same_for_all_of_a_voice(model: ToneModel) -> None:
    assert model.calm is not None
    moved = {name for name, most in zip(FEATURES, model.calm.most.tolist(), strict=True) if most > 0.0}
    assert {"f0_st:mean", "centroid_hz:mean", "hnr_db:pitched_mean"} <= moved
    assert not {name for name in moved if name.endswith((":sd", "_sd", ":change", "ms", "share"))}
    assert model.calm.most.max() == 0.5
