"""Tone over time: bounded, decaying, monotone, and silent where it is unsure."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.evidence import Tone
from router.tone import UNHEARD, ToneEvidence

UNIT = st.floats(0, 1)


def estimate(anger: float, confidence: float = 0.9, abstained: bool = False) -> Tone:
    return Tone(
        at_s=0,
        t_s=0,
        voiced_s=1,
        arousal=anger,
        valence=1 - anger,
        anger=anger,
        confidence=confidence,
        abstained=abstained,
    )


def test_nothing_is_known_until_an_estimate_can_be_used() -> None:
    tone = ToneEvidence(4.0)
    assert tone.now(1.0) is UNHEARD
    tone.add(estimate(0.9, abstained=True), 1.0)
    tone.add(estimate(0.9, confidence=0.0), 1.0)
    tone.add(estimate(math.nan), 1.0)
    assert not tone.heard
    assert math.isnan(tone.now(2.0).anger)
    tone.add(estimate(0.9), 2.0)
    assert tone.now(2.0).anger == pytest.approx(0.9 * 0.9 / 1.15)


def test_it_fades_with_its_half_life() -> None:
    tone = ToneEvidence(4.0)
    for n in range(4):
        tone.add(estimate(0.9), 1 + n / 4)
    now, later = tone.now(2.0), tone.now(6.0)
    assert now.anger > 0.8
    assert later.anger < now.anger
    assert later.confidence < now.confidence
    assert tone.now(300.0).anger < 0.01


def test_what_was_gathered_can_be_deleted() -> None:
    tone = ToneEvidence(4.0)
    tone.add(estimate(0.9), 1.0)
    tone.add(estimate(0.9, abstained=True), 1.0)
    assert tone.clear() == 2
    assert tone.now(1.0) is UNHEARD


@given(st.lists(st.tuples(UNIT, UNIT, st.floats(0, 20)), min_size=1, max_size=8), UNIT, st.floats(0.5, 60))
def test_it_is_bounded_and_rises_with_every_estimate(
    heard: list[tuple[float, float, float]], louder: float, half_life_s: float
) -> None:
    calm, angry = ToneEvidence(half_life_s), ToneEvidence(half_life_s)
    for anger, confidence, at_s in heard:
        calm.add(estimate(anger, confidence), at_s)
        angry.add(estimate(min(1.0, anger + louder), confidence), at_s)
    assert calm.heard == angry.heard
    if calm.heard:
        assert 0 <= calm.now(20.0).anger <= angry.now(20.0).anger <= 1
