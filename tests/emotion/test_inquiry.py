"""Many calls ask one model: gathered and asked together, each is told what it would have heard alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import EmotionError, Estimate, Inquiry, ToneModel, Tracker, TrackerSettings, ask, trace
from emotion.functionals import FEATURES

Samples = NDArray[np.int16]
SETTINGS = TrackerSettings(min_familiarity=0.0)


def feed(tracker: Tracker, pcm: Samples, size: int = 160) -> list[Inquiry]:
    return [inquiry for start in range(0, len(pcm), size) for inquiry in tracker.feed(pcm[start : start + size], True)]


def alone(pcm: Samples, model: ToneModel) -> list[Estimate]:
    return trace(pcm, lambda _: True, model, SETTINGS)


def close_to(found: Estimate, expected: Estimate) -> bool:
    # A matrix product over forty rows may differ from one over a single row in its last bits.
    numbers = ("arousal", "valence", "anger", "confidence", "feeling_share")
    same = all(getattr(found, n) == getattr(expected, n) for n in ("t_s", "voiced_s", "reason", "feeling"))
    return same and all(getattr(found, n) == pytest.approx(getattr(expected, n), abs=1e-6) for n in numbers)


def test_calls_asked_together_are_told_what_each_would_have_heard_alone(model: ToneModel, speech: Samples) -> None:
    calls = [speech[start:] for start in (0, 700, 5000, 9001)]
    trackers = [Tracker(model, SETTINGS) for _ in calls]
    told: list[list[Estimate]] = [[] for _ in calls]
    for start in range(0, len(speech), 160):
        due = [
            (place, inquiry)
            for place, (tracker, pcm) in enumerate(zip(trackers, calls, strict=True))
            for inquiry in tracker.feed(pcm[start : start + 160], True)
        ]
        answers = ask(model, [inquiry for _, inquiry in due])
        for (place, inquiry), answer in zip(due, answers, strict=True):
            estimate = trackers[place].settle(inquiry, answer)
            assert estimate is not None
            told[place].append(estimate)
    for pcm, found in zip(calls, told, strict=True):
        expected = alone(pcm, model)
        assert len(found) == len(expected) > 10
        assert all(map(close_to, found, expected))


def test_answers_that_come_late_find_their_inquiries_as_they_were(speech: Samples) -> None:
    """However late, where no baseline is kept; where one is, up to a second late (test_baseline)."""
    model = ToneModel.load()
    model.calm = None
    tracker = Tracker(model, SETTINGS)
    waiting = feed(tracker, speech)
    assert tracker.latest is None
    found = [tracker.settle(inquiry, answer) for inquiry, answer in zip(waiting, ask(model, waiting), strict=True)]
    assert all(estimate is not None for estimate in found)
    assert all(map(close_to, (e for e in found if e), alone(speech, model)))


@pytest.mark.parametrize("size", [1, 37, 2000, 5001, 48000])
def test_inquiries_do_not_depend_on_how_the_samples_are_cut(model: ToneModel, speech: Samples, size: int) -> None:
    expected, found = feed(Tracker(model), speech), feed(Tracker(model), speech, size)
    assert [(i.number, i.t_s, i.voiced_s, i.reason) for i in found] == [
        (i.number, i.t_s, i.voiced_s, i.reason) for i in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert (one.features is None) == (other.features is None)
        if one.features is not None and other.features is not None:
            np.testing.assert_array_equal(one.features, other.features)
            assert one.pooled is not None
            assert other.pooled is not None
            np.testing.assert_array_equal(one.pooled, other.pooled)


def test_the_model_is_asked_only_where_there_is_something_new(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model, SETTINGS)
    waiting = feed(tracker, speech)
    assert [inquiry.features is None for inquiry in waiting] == [inquiry.voiced_s < 1.0 for inquiry in waiting]
    (first,) = tracker.feed(np.zeros(2000, np.int16), True)
    (second,) = tracker.feed(np.zeros(2000, np.int16), True)
    assert second.unchanged
    assert second.features is None
    for inquiry, answer in zip(waiting, ask(model, waiting), strict=True):
        tracker.settle(inquiry, answer)
    before = tracker.settle(first, ask(model, [first])[0])
    after = tracker.settle(second, None)
    assert before is not None
    assert after is not None
    assert after.t_s == before.t_s + 0.25
    assert after.anger == before.anger


def test_an_inquiry_keeps_its_features_while_the_call_goes_on(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model)
    last = feed(tracker, speech[:24000])[-1]
    assert last.features is not None
    assert last.features.shape == (len(FEATURES),)
    assert last.pooled is not None
    kept, pooled = last.features.copy(), last.pooled.copy()
    feed(tracker, speech[24000:])
    np.testing.assert_array_equal(last.features, kept)
    np.testing.assert_array_equal(last.pooled, pooled)


def test_an_old_inquiry_changes_nothing(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model, SETTINGS)
    waiting = feed(tracker, speech)
    answers = ask(model, waiting)
    newest = tracker.settle(waiting[-1], answers[-1])
    assert tracker.settle(waiting[-2], answers[-2]) is None
    assert tracker.settle(waiting[-1], answers[-1]) is None
    assert tracker.latest is newest


def test_after_close_answers_are_dropped(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model, SETTINGS)
    waiting = feed(tracker, speech)
    tracker.close()
    assert tracker.settle(waiting[-1], ask(model, waiting)[-1]) is None
    assert tracker.latest is None
    assert tracker.feed(speech, True) == ()


def test_a_missing_answer_is_refused(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model, SETTINGS)
    with pytest.raises(EmotionError, match="no answer"):
        tracker.settle(feed(tracker, speech)[-1], None)


def test_an_inquiry_that_was_lost_costs_those_after_it_nothing(model: ToneModel, speech: Samples) -> None:
    whole, torn = Tracker(model, SETTINGS), Tracker(model, SETTINGS)
    waiting, other = feed(whole, speech), feed(torn, speech)
    answers = ask(model, waiting)
    for inquiry, answer in zip(waiting, answers, strict=True):
        whole.settle(inquiry, answer)
    for number, (inquiry, answer) in enumerate(zip(other, answers, strict=True)):
        if number % 3 != 1 or number == len(other) - 1:
            torn.settle(inquiry, answer)
    assert whole.latest is not None
    assert torn.latest is not None
    assert torn.latest.feeling == whole.latest.feeling != ""
    assert torn.latest.feeling_share == whole.latest.feeling_share


def test_nobody_asks(model: ToneModel) -> None:
    assert ask(model, []) == []
