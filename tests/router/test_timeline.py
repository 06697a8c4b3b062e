"""What the record keeps of a call's events."""

from __future__ import annotations

from router.commands import StopPrompt
from router.evidence import Event, Key, SpeechStarted, Tick, Tone, Words
from router.timeline import Timeline
from router.understanding import NOTHING_HEARD

ANGRY = Tone(at_s=3.0, audio_s=3.0, t_s=3.0, voiced_s=1.0, arousal=0.9, valence=0.1, anger=0.9, confidence=0.9)
SAID = Words(at_s=2.0, audio_s=2.0, text="buy", final=True)


def note(timeline: Timeline, event: Event, *, led_to_something: bool = False) -> None:
    commands = [StopPrompt()] if led_to_something else []
    timeline.note(event, event.at_s, "listening", commands, NOTHING_HEARD, waiting_for_tone=False)


def test_words_are_kept_with_what_was_understood_and_only_where_they_may_be() -> None:
    for keep_text, text in ((True, "buy"), (False, "")):
        timeline = Timeline(keep_text=keep_text)
        note(timeline, SAID)
        note(timeline, SpeechStarted(at_s=2.5))
        said, started = timeline.entries
        assert isinstance(said.event, Words)
        assert said.event.text == text
        assert said.understood is NOTHING_HEARD
        assert started.understood is None


def test_what_is_not_used_is_counted_by_kind() -> None:
    timeline = Timeline(keep_text=True)
    for event in (SAID, ANGRY, SAID):
        timeline.ignore(event)
    assert list(timeline.ignored.items()) == [("tone", 1), ("words", 2)]
    assert timeline.entries == ()


def test_of_a_forgotten_tone_only_the_moment_stays_and_only_where_it_led_to_something() -> None:
    timeline = Timeline(keep_text=True)
    timeline.audio_s = 4.0
    note(timeline, SAID)
    note(timeline, ANGRY)
    note(timeline, ANGRY, led_to_something=True)
    timeline.forget_tone(Key(at_s=2.5, audio_s=2.5, digit="9"))
    assert [entry.event for entry in timeline.entries] == [SAID, Tick(at_s=3.0)]
    assert timeline.audio_s == 2.5
