"""Tone over time: bounded, decaying, monotone, silent where it is unsure, and the same whatever prior states it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Tone as ToneSettings
from router.evidence import Tone
from router.tone import MOST_EVIDENCE, UNHEARD, ToneEvidence

UNIT = st.floats(0, 1)
RARE = ToneSettings(anger_prior=0.03, angry_at=0.1)
EVEN = ToneSettings(anger_prior=0.5, angry_at=0.75)


def estimate(
    anger: float,
    confidence: float = 0.9,
    abstained: bool = False,
    prior: float = 0.03,
    call_anger: float | None = None,
    voiced_s: float = 1.0,
) -> Tone:
    return Tone(
        at_s=0,
        t_s=0,
        voiced_s=voiced_s,
        arousal=anger,
        valence=1 - anger,
        anger=anger,
        confidence=confidence,
        abstained=abstained,
        prior=prior,
        call_anger=call_anger,
    )


def evidence(probability: float, prior: float) -> float:
    return math.log(probability / (1 - probability) * (1 - prior) / prior)


def stated(log_odds: float, prior: float) -> float:
    odds = math.exp(log_odds) * prior / (1 - prior)
    return odds / (1 + odds)


def test_nothing_is_known_until_an_estimate_can_be_used() -> None:
    tone = ToneEvidence(RARE)
    assert tone.now(1.0) is UNHEARD
    tone.add(estimate(0.9, abstained=True), 1.0)
    tone.add(estimate(0.9, confidence=0.0), 1.0)
    tone.add(estimate(math.nan), 1.0)
    for prior in (math.nan, 0.0, 1.0, -1.0, 2.0):
        tone.add(estimate(0.9, prior=prior), 1.0)
    assert not tone.heard
    assert math.isnan(tone.now(2.0).anger)
    assert not tone.now(2.0).alarmed
    tone.add(estimate(0.2), 2.0)
    assert tone.now(2.0).anger == pytest.approx(stated(evidence(0.2, 0.03) * 0.9 / 1.15, 0.03))


def test_what_says_nothing_is_worth_the_prior_and_alarms_nobody() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.03, call_anger=0.03), 1.0)
    assert tone.now(1.0).anger == pytest.approx(0.03)
    assert tone.now(1.0).call_anger == pytest.approx(0.03)
    assert not tone.now(1.0).alarmed


def test_it_fades_to_the_prior_with_its_half_life() -> None:
    tone = ToneEvidence(RARE)
    for n in range(4):
        tone.add(estimate(0.6, voiced_s=1 + n / 4), 1 + n / 4)
    now, later = tone.now(2.0), tone.now(6.0)
    assert now.anger > 0.3
    assert later.anger < now.anger
    assert later.confidence < now.confidence
    assert tone.now(300.0).anger == pytest.approx(0.03)
    assert tone.now(300.0).arousal == pytest.approx(0.5)
    assert tone.now(300.0).valence == pytest.approx(0.5)


def test_an_alarm_loses_half_its_evidence_each_half_life_of_voice_heard_after_it() -> None:
    for more_s, left in ((1.0, 1.0), (5.0, 0.5), (9.0, 0.25), (300.0, 0.0)):
        tone = ToneEvidence(RARE)
        tone.add(estimate(0.1, call_anger=0.4, voiced_s=2.0), 10.0)
        tone.add(estimate(0.1, call_anger=0.001, voiced_s=2.0 + more_s), 11.0)
        assert tone.now(11.0).call_anger == pytest.approx(stated(left * evidence(0.4, 0.03), 0.03)), more_s
        assert tone.now(11.0).alarmed is (left > 0.25)


def test_an_alarm_stands_while_the_caller_says_no_more() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.1, call_anger=0.4), 10.0)
    for now_s in (10.0, 15.0, 300.0):
        assert tone.now(now_s).call_anger == pytest.approx(0.4)
        assert tone.now(now_s).alarmed


def test_what_is_said_again_of_the_same_voice_is_no_more_evidence() -> None:
    once, often = ToneEvidence(RARE), ToneEvidence(RARE)
    for tone in (once, often):
        tone.add(estimate(0.05, call_anger=0.05, voiced_s=1.5), 1.5)
        tone.add(estimate(0.4, call_anger=0.2, voiced_s=2.0), 2.0)
    for n in range(1, 60):
        often.add(estimate(0.4, call_anger=0.2, voiced_s=2.0), 2.0 + n / 4)
    assert often.now(16.75) == once.now(16.75)
    assert often.now(16.75).anger < often.now(2.0).anger
    assert often.seen == 61


def test_what_was_not_heard_is_no_estimate_of_it() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.9, voiced_s=3.0, abstained=True), 1.0)
    tone.add(estimate(0.9, voiced_s=math.nan), 1.5)
    assert not tone.heard
    tone.add(estimate(0.2, voiced_s=2.0), 2.0)
    assert tone.heard


def test_no_evidence_against_anger_is_lost_by_waiting() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.01, call_anger=0.01), 1.0)
    assert tone.now(60.0).call_anger == pytest.approx(0.01)


def test_a_calm_word_after_an_outburst_does_not_take_the_alarm_back_at_once() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.5, call_anger=0.3), 1.0)
    tone.add(estimate(0.01, call_anger=0.01, voiced_s=2.0), 2.0)
    assert tone.now(2.0).alarmed
    assert tone.now(2.0).anger < 0.2


def test_the_call_is_alarmed_by_what_was_heard_of_it_not_by_one_estimate() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.9, call_anger=0.0), 1.0)
    assert tone.now(1.0).anger > RARE.angry_at
    assert not tone.now(1.0).alarmed


def test_estimates_that_say_nothing_of_the_call_alarm_by_their_average() -> None:
    for anger, alarmed in ((0.95, True), (0.6, False)):
        tone = ToneEvidence(EVEN)
        tone.add(estimate(anger, prior=0.5), 1.0)
        tone.add(estimate(anger, prior=0.5, call_anger=math.nan, voiced_s=1.5), 1.5)
        assert tone.now(1.5).call_anger == tone.now(1.5).anger
        assert tone.now(1.5).alarmed is alarmed


def test_no_estimate_counts_for_more_than_a_thousand_to_one() -> None:
    tone = ToneEvidence(EVEN)
    tone.add(estimate(1.0, prior=0.5, call_anger=1.0), 1.0)
    assert tone.now(1.0).call_anger == pytest.approx(stated(MOST_EVIDENCE, 0.5))
    tone.add(estimate(0.0, prior=0.5, voiced_s=1.2), 1.0)
    assert tone.now(1.0).anger == pytest.approx(0.5)


def test_the_trend_is_that_of_the_newest_estimate() -> None:
    tone = ToneEvidence(RARE)
    tone.add(replace(estimate(0.1), trend=-1.0), 1.0)
    tone.add(replace(estimate(0.1, voiced_s=2.0), trend=2.5), 2.0)
    tone.add(replace(estimate(0.1, abstained=True, voiced_s=3.0), trend=9.0), 3.0)
    assert tone.now(3.0).trend == 2.5
    assert math.isnan(UNHEARD.trend)


def test_what_was_gathered_can_be_deleted() -> None:
    tone = ToneEvidence(RARE)
    tone.add(estimate(0.9), 1.0)
    tone.add(estimate(0.9, abstained=True), 1.0)
    assert tone.clear() == 2
    assert tone.now(1.0) is UNHEARD


ESTIMATES = st.lists(
    st.tuples(UNIT, UNIT, st.floats(0, 20), st.none() | UNIT, st.floats(0.01, 0.99)), min_size=1, max_size=8
)
SETTINGS = st.builds(
    ToneSettings, half_life_s=st.floats(0.5, 60), anger_prior=st.floats(0.001, 0.999), angry_at=st.floats(0.001, 0.999)
)


@given(ESTIMATES, UNIT, SETTINGS)
def test_it_is_bounded_and_rises_with_every_estimate(
    heard: list[tuple[float, float, float, float | None, float]], louder: float, settings: ToneSettings
) -> None:
    calm, angry = ToneEvidence(settings), ToneEvidence(settings)
    for n, (anger, confidence, at_s, call_anger, prior) in enumerate(heard):
        calm.add(estimate(anger, confidence, prior=prior, call_anger=call_anger, voiced_s=n), at_s)
        higher = None if call_anger is None else min(1.0, call_anger + louder)
        angry.add(estimate(min(1.0, anger + louder), confidence, prior=prior, call_anger=higher, voiced_s=n), at_s)
    assert calm.heard == angry.heard
    if calm.heard:
        before, after = calm.now(20.0), angry.now(20.0)
        assert 0 <= before.anger <= after.anger <= 1
        assert 0 <= before.call_anger <= after.call_anger <= 1
        assert before.alarmed <= after.alarmed


@given(st.lists(st.tuples(st.floats(0.01, 0.9), UNIT, st.floats(0, 20)), min_size=1, max_size=8))
def test_the_prior_that_an_estimate_is_stated_for_does_not_matter(heard: list[tuple[float, float, float]]) -> None:
    rare, even = ToneEvidence(RARE), ToneEvidence(RARE)
    for n, (anger, confidence, at_s) in enumerate(heard):
        restated = stated(evidence(anger, 0.03), 0.5)
        rare.add(estimate(anger, confidence, prior=0.03, call_anger=anger, voiced_s=n), at_s)
        even.add(estimate(restated, confidence, prior=0.5, call_anger=restated, voiced_s=n), at_s)
    if rare.heard:
        assert rare.now(20.0).anger == pytest.approx(even.now(20.0).anger)
        assert rare.now(20.0).call_anger == pytest.approx(even.now(20.0).call_anger)
