"""The clocks of a call: which rings next, which has rung, and that none outlives the hard deadline."""

from __future__ import annotations

import math

import pytest

from config.schema import Budget
from router.commands import Trigger
from router.deadlines import HAND_OVER_S, Deadlines, Due, hard_deadline_s, out_of_time
from router.reasons import Code, Speaker
from router.speech import Speech

BUDGET = Budget(total_s=20, listen_s=8, no_speech_s=4, ami_ms=500, final_wait_ms=800)


def clocks(now: float = 2.0, hard_s: float = 18.5) -> tuple[Deadlines, Speech]:
    deadlines, speech = Deadlines(BUDGET, hard_s), Speech()
    deadlines.open_window(now)
    return deadlines, speech


def finished(speech: Speech) -> None:
    speech.started(asking=False)
    speech.over = True


@pytest.mark.parametrize(("total_s", "expected_s"), [(20.0, 19.5 - HAND_OVER_S), (2.0, 1.0)])
def test_the_hard_deadline_leaves_time_to_hand_over_but_never_none_to_decide(total_s: float, expected_s: float) -> None:
    assert hard_deadline_s(Budget(total_s=total_s, ami_ms=500)) == expected_s


def test_a_silent_caller_is_waited_for_shorter_than_one_who_speaks() -> None:
    deadlines, speech = clocks()
    assert (deadlines.next_s(speech), deadlines.due(6.0, speech)) == (6.0, Due.NO_SPEECH)
    speech.started(asking=False)
    assert (deadlines.next_s(speech), deadlines.due(6.0, speech)) == (10.0, None)
    assert deadlines.due(10.0, speech) is Due.LISTENING


def test_the_final_text_is_waited_for_only_while_the_caller_is_silent() -> None:
    deadlines, speech = clocks()
    finished(speech)
    deadlines.await_final(5.0)
    assert (deadlines.next_s(speech), deadlines.due(5.8, speech)) == (5.8, Due.FINAL)
    deadlines.speech_resumed()
    assert deadlines.next_s(speech) == 10.0


def test_a_final_text_that_came_is_not_waited_for() -> None:
    deadlines, speech = clocks()
    finished(speech)
    deadlines.await_final(5.0)
    deadlines.final_came(5.1)
    assert deadlines.due(9.9, speech) is None


def test_a_forced_final_takes_the_place_of_listening_and_nothing_puts_it_off() -> None:
    deadlines, speech = clocks()
    speech.started(asking=False)
    deadlines.force_final(10.0)
    deadlines.speech_resumed()
    deadlines.await_final(10.5)
    assert (deadlines.next_s(speech), deadlines.due(10.7, speech)) == (10.8, None)
    deadlines.final_came(10.7)
    assert deadlines.due(10.7, speech) is Due.FORCED_FINAL


def test_the_question_stops_what_was_waited_for() -> None:
    deadlines, speech = clocks()
    finished(speech)
    deadlines.force_final(10.0)
    deadlines.question_put()
    deadlines.open_window(12.0)
    assert not deadlines.forcing
    assert deadlines.next_s(speech) == 18.5


def test_a_sentence_is_all_that_is_waited_for_and_only_once() -> None:
    deadlines, speech = clocks()
    finished(speech)
    deadlines.await_final(9.9)
    deadlines.await_sentence(10.7)
    assert (deadlines.next_s(speech), deadlines.due(10.7, speech)) == (10.76, None)
    deadlines.await_sentence(10.75)
    assert deadlines.due(10.76, speech) is Due.SENTENCE
    deadlines.speech_resumed()
    assert not deadlines.awaiting_sentence
    assert deadlines.due(10.76, speech) is Due.LISTENING


def test_a_sentence_of_a_forced_final_is_waited_for_though_speech_goes_on() -> None:
    deadlines, speech = clocks()
    deadlines.force_final(18.0)
    deadlines.await_sentence(18.48)
    deadlines.speech_resumed()
    assert (deadlines.awaiting_sentence, deadlines.next_s(speech)) == (True, 18.5), "the hard deadline comes first"
    deadlines.question_put()
    assert not deadlines.awaiting_sentence


def test_the_most_pressing_of_several_is_named() -> None:
    deadlines, speech = clocks()
    assert deadlines.due(15.0, speech) is Due.LISTENING
    deadlines.force_final(15.0)
    assert deadlines.due(16.0, speech) is Due.FORCED_FINAL


def test_no_clock_outlives_the_hard_deadline_and_none_runs_before_a_window() -> None:
    deadlines, speech = clocks(now=17.0)
    finished(speech)
    deadlines.await_final(18.4)
    assert deadlines.next_s(speech) == 18.5
    assert Deadlines(BUDGET, 18.5).next_s(Speech()) == math.inf


@pytest.mark.parametrize(
    ("trigger", "codes"),
    [
        (Trigger.NO_SPEECH, [Code.NO_SPEECH]),
        (Trigger.LISTEN_DEADLINE, [Code.LISTEN_DEADLINE]),
        (Trigger.TOTAL_DEADLINE, [Code.TOTAL_DEADLINE]),
        (Trigger.WORDS, []),
        (Trigger.KEY, []),
    ],
)
def test_a_deadline_is_a_reason_and_nothing_else_is(trigger: Trigger, codes: list[Code]) -> None:
    assert [reason.code for reason in out_of_time(trigger, BUDGET, Speaker({}))] == codes
