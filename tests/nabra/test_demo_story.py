"""The story of a call, folded from its events."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from nabra.demo.story import CallStory


@dataclass(frozen=True)
class Event:
    kind: str
    audio_s: float
    data: Mapping[str, object]


def told(*events: tuple[str, float, dict[str, object]]) -> CallStory:
    story = CallStory()
    for number, (kind, audio_s, data) in enumerate(events):
        story.receive(Event(kind, audio_s, data), at_s=100.0 + number)
    return story


DECIDED: dict[str, object] = {
    "destination": "sales",
    "intent": "price",
    "probability": 0.8,
    "priority": 2,
    "rung": "final_text",
    "reasons": ["because"],
    "reasons_ar": ["لأن"],
    "latency_ms": 620.5,
    "decided_audio_s": 9.1,
}


def test_final_text_replaces_the_partials_of_its_stretch() -> None:
    story = told(
        ("partial", 6.0, {"text": "how much", "start_s": 5.5}),
        ("partial", 6.5, {"text": "how much does", "start_s": 5.5}),
        ("final", 7.0, {"text": "How much does it cost?", "start_s": 5.45}),
        ("partial", 8.0, {"text": "per", "start_s": 7.6}),
    )
    assert story.text == "How much does it cost? per"
    assert [words.final for words in story.stretches] == [True, False]


def test_a_word_that_is_corrected_is_news_and_punctuation_is_not() -> None:
    story = told(
        ("partial", 6.0, {"text": "I'd like to", "start_s": 5.5}),
        ("partial", 6.5, {"text": "I'd like to make a kimmy.", "start_s": 5.5}),
        ("partial", 6.8, {"text": "I'd like to make a kimmy", "start_s": 5.5}),
        ("partial", 7.0, {"text": "I'd like to make a complaint.", "start_s": 5.6}),
        ("final", 7.5, {"text": "I'd like to make a complaint please.", "start_s": 5.6}),
        ("partial", 8.9, {"text": "Today.", "start_s": 8.5}),
    )
    assert story.news == [(6.0, "I'd like to"), (6.5, "make a kimmy."), (7.0, "complaint."), (8.9, "Today.")]


def test_decision_at_the_end_of_speech() -> None:
    story = told(
        ("speech_started", 5.5, {}),
        ("end_of_utterance", 9.1, {"speech_end_audio_s": 8.5}),
        ("decided", 9.1, DECIDED),
        ("queue_join", 9.1, {"queue": "sales"}),
    )
    assert (story.destination, story.intent, story.priority, story.rung) == ("sales", "price", 2, "final_text")
    assert story.speech_end_s == 8.5
    assert story.join_ms == pytest.approx(1000.0)
    assert story.state == "queued"


@pytest.mark.parametrize(("took_s", "behind_ms"), [(4.1, 0.0), (3.9, 0.0), (6.1, 2000.0)])
def test_how_far_the_machine_was_behind_the_audio(took_s: float, behind_ms: float) -> None:
    story = CallStory()
    story.receive(Event("notice_ended", 5.0, {}), 100.0)
    story.receive(Event("decided", 9.1, DECIDED), 100.0 + took_s)
    assert story.behind_ms == pytest.approx(behind_ms)
    without_clock = CallStory()
    without_clock.receive(Event("notice_ended", 5.0, {}))
    without_clock.receive(Event("decided", 9.1, DECIDED))
    assert without_clock.behind_ms == 0.0


def test_decision_for_who_never_spoke() -> None:
    story = told(("notice_ended", 5.0, {}), ("key", 5.8, {"digit": "0"}), ("decided", 5.8, DECIDED))
    assert story.decided
    assert story.keys == [(5.8, "0")]


def test_abstention_is_told_by_its_reason() -> None:
    story = told(("tone", 6.0, {"arousal": 0.5, "anger": 0.5, "abstained": True, "reason": "too noisy"}))
    assert story.abstains == "too noisy"
    story.receive(Event("tone", 6.25, {"arousal": 0.4, "anger": 0.2, "abstained": False, "reason": ""}))
    assert story.abstains == ""
    assert [(tone.t_s, tone.anger) for tone in story.tones] == [(6.0, 0.5), (6.25, 0.2)]


def test_unknown_kinds_and_missing_details_do_no_harm() -> None:
    story = told(("something_new", 1.0, {}), ("partial", 2.0, {}), ("decided", 3.0, {}))
    assert story.text == ""
    assert story.decided_s == 3.0


def test_anger_is_evidence_whatever_prior_it_is_stated_for() -> None:
    story = told(
        ("tone", 6.0, {"arousal": 0.5, "anger": 0.03, "prior": 0.03, "abstained": False, "reason": ""}),
        ("tone", 6.25, {"arousal": 0.5, "anger": 0.3, "abstained": False, "reason": ""}),
    )
    assert [tone.evidence for tone in story.tones] == pytest.approx([0.5, 0.3])
