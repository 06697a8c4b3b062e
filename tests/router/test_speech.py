"""Whether the caller speaks, has spoken, and has finished."""

from __future__ import annotations

from router.evidence import EndOfUtterance, SpeechPaused
from router.speech import Speech, end_of_speech


def ended(at_s: float, audio_s: float, end_s: float) -> EndOfUtterance:
    return EndOfUtterance(at_s=at_s, audio_s=audio_s, speech_end_audio_s=end_s)


def test_an_utterance_has_a_beginning_an_end_and_a_final_text() -> None:
    speech = Speech()
    speech.started(asking=False)
    assert (speech.spoke, speech.speaking, speech.over, speech.end_s) == (True, True, False, None)
    speech.ended(ended(5.0, 4.8, 4.2))
    assert (speech.speaking, speech.over, speech.owes_final, speech.end_s) == (False, True, True, 4.4)
    speech.heard(words=True, final=True)
    assert not speech.owes_final


def test_speech_that_goes_on_was_not_over() -> None:
    speech = Speech()
    speech.ended(ended(5.0, 5.0, 4.4))
    speech.started(asking=False)
    assert (speech.over, speech.owes_final, speech.end_s) == (False, False, None)


def test_a_pause_says_when_speech_ended_and_leaves_it_open() -> None:
    speech = Speech()
    speech.started(asking=False)
    speech.paused(SpeechPaused(at_s=5.0, audio_s=5.0, speech_end_audio_s=4.8))
    assert (speech.end_s, speech.over) == (4.8, False)


def test_an_answer_without_words_is_no_sign_of_speech() -> None:
    speech = Speech()
    speech.heard(words=False, final=True)
    assert not speech.spoke
    speech.heard(words=True, final=False)
    assert speech.spoke
    assert speech.in_window


def test_a_window_opens_in_the_middle_of_an_answer_over_the_question() -> None:
    speech = Speech()
    speech.started(asking=False)
    speech.ended(ended(5.0, 5.0, 4.4))
    speech.question_put()
    speech.window_opened()
    assert not speech.in_window
    speech.started(asking=True)
    speech.ended(ended(7.0, 7.0, 6.4))
    speech.window_opened()
    assert speech.in_window


def test_the_end_of_speech_is_never_after_the_event() -> None:
    assert end_of_speech(ended(5.0, 4.0, 4.5)) == 5.0
