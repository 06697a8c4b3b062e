"""The session of one call: notice first, one decision, every deadline kept, every ending recorded."""

from __future__ import annotations

import math

import pytest

from config.schema import Budget, DecisionSettings, Notice
from config.schema import Tone as ToneSettings
from router import evidence
from router.commands import PlayPrompt, StartAnalysis, Trigger
from router.ladder import Missing, Rung
from router.reasons import Code
from router.record import Outcome
from router.session import HEEDED_IN, TRANSITIONS, State
from tests.router.scripted import ANGRY_RULES, DESTINATIONS, Caller, generation, rule, site

HARD_S = 20 - 2.0 - 1.0


def codes(caller: Caller) -> list[Code]:
    return [reason.code for reason in caller.decision.reasons]


def test_the_notice_comes_before_any_analysis() -> None:
    caller = Caller()
    assert caller.commands == [(0.0, PlayPrompt("notice", "en"))]
    caller.until(1).speaks().partial("i want to buy a thing").sounds(0.9).ends()
    assert caller.session.state is State.ANNOUNCING
    caller.until(2)
    assert caller.commands[1:] == [(2.0, StartAnalysis(tone=True))]
    record = caller.session.record(caller.now_s)
    assert record.ignored == {"end_of_utterance": 1, "speech_started": 1, "tone": 1, "words": 1}
    assert record.text == ""


def test_a_shell_that_starts_the_notice_itself_is_not_asked_to() -> None:
    caller = Caller()
    first = evidence.NoticeStarted(at_s=caller.now_s)
    caller.tell(first).tell(evidence.PromptEnded(at_s=caller.now_s, name="notice"))
    assert caller.names() == ["PlayPrompt", "StartAnalysis"]


def test_sure_words_decide_while_the_caller_speaks() -> None:
    caller = Caller().until(3).speaks().until(4).partial("i want to buy a thing")
    assert caller.decision.destination == "sales"
    assert caller.decision.intent == "buy"
    assert caller.decision.rung is Rung.PARTIAL_TEXT
    assert caller.decision.trigger is Trigger.WORDS
    assert caller.decision.decided_at_s == 4.0
    assert caller.names()[-2:] == ["StopAnalysis", "Decide"]
    assert caller.session.deadline() is None


def test_a_caller_who_only_paused_is_not_said_to_have_been_speaking() -> None:
    spoken = Caller().until(3).speaks().until(4)
    assert spoken.partial("i want to buy a thing").decision.steps[0].missing is Missing.STILL_SPEAKING

    def paused() -> Caller:
        caller = Caller().until(3).speaks().until(4)
        return caller.tell(
            evidence.SpeechPaused(at_s=caller.now_s, audio_s=caller.t, speech_end_audio_s=caller.t - 0.2)
        )

    decision = paused().until(4.1).partial("i want to buy a thing").decision
    assert decision.steps[0].missing is Missing.ONLY_PAUSED
    (partial,) = [reason for reason in decision.reasons if reason.code is Code.PARTIAL]
    assert "the caller was silent, and might have gone on" in partial.en
    assert "كان المتصل صامتًا" in partial.ar
    again = paused().until(4.1).speaks(0.0).partial("i want to buy a thing").decision
    assert again.steps[0].missing is Missing.STILL_SPEAKING


def test_too_few_words_wait_for_the_end_of_speech() -> None:
    caller = Caller().until(3).speaks().until(3.5).partial("buy")
    assert not caller.decisions
    caller.until(4.4).ends().until(4.5).final("buy")
    assert caller.decision.destination == "sales"
    assert caller.decision.rung is Rung.FINAL_TEXT
    assert caller.session.record(caller.now_s).latency_ms == pytest.approx(700, abs=0.01)


def test_a_final_that_comes_before_the_end_decides_at_the_end() -> None:
    caller = Caller().until(3).speaks().until(4).final("buy").until(4.3)
    assert not caller.decisions
    assert caller.ends().decision.decided_at_s == 4.3


def test_a_late_final_is_waited_for_briefly_and_then_the_partial_stands() -> None:
    caller = Caller().until(3).speaks().until(3.5).partial("buy it").until(4).ends()
    assert not caller.decisions
    caller.until(10)
    assert caller.decision.decided_at_s == 4.8
    assert caller.decision.destination == "sales"
    assert caller.decision.rung is Rung.PARTIAL_TEXT
    assert caller.decision.steps[0].missing is Missing.FINAL_LATE


def test_speech_that_goes_on_cancels_the_end() -> None:
    caller = Caller().until(3).speaks().until(4).ends().until(4.2).speaks().until(6)
    assert not caller.decisions
    caller.final("buy").ends()
    assert caller.decision.decided_at_s == 6.0


def test_a_hard_word_overrides_once_it_is_stable() -> None:
    caller = Caller().until(3).speaks().partial("buy no fraud")
    assert not caller.decisions
    caller.until(3.4).partial("buy no fraud it is")
    assert caller.decision.destination == "complaints"
    assert caller.decision.intent == "fraud"
    assert Code.HARD_WORD in codes(caller)


def test_unsure_words_are_asked_about_once_and_then_a_person_answers() -> None:
    caller = Caller().until(3).speaks().until(4).ends().final("hello it is me")
    assert caller.session.state is State.ASKING
    assert caller.commands[-1] == (4.0, PlayPrompt("ask", "en"))
    caller.until(6.5).speaks().until(7.5).ends().final("well you know")
    assert caller.decision.destination == "reception"
    assert {Code.NOT_SURE, Code.ASKED, Code.DEFAULT} <= set(codes(caller))
    assert caller.decision.rung is Rung.DEFAULT
    assert caller.decision.intent is None
    assert caller.names().count("PlayPrompt") == 2


def test_the_answer_to_the_question_counts_by_itself() -> None:
    caller = Caller().until(3).speaks().until(4).ends().final("complaint no buy")
    caller.until(6.5).speaks().until(7).ends().final("buy")
    assert caller.decision.destination == "sales"


def test_words_over_the_question_stop_it_and_a_cough_does_not() -> None:
    caller = Caller().until(3).speaks().until(4).ends().final("hello it is me").until(4.5).speaks().until(4.7)
    assert caller.names()[-1] == "PlayPrompt"
    caller.until(5).partial("my")
    assert caller.names()[-1] == "StopPrompt"
    assert caller.session.state is State.LISTENING
    caller.until(5.5).ends().final("my balance")
    assert caller.decision.destination == "selfservice"


def test_a_cough_over_the_question_leaves_time_to_answer() -> None:
    caller = Caller().until(3).speaks().until(4).ends().final("hello it is me").until(4.5).speaks().until(5).ends()
    caller.final("").until(6.5)
    assert not caller.decisions
    caller.speaks().until(7.5).ends().final("buy")
    assert caller.decision.destination == "sales"


def test_silence_is_asked_once_and_then_a_person_answers() -> None:
    caller = Caller().until(60)
    assert [when for when, _ in caller.commands] == [0.0, 2.0, 6.0, 12.0, 12.0]
    assert caller.decision.trigger is Trigger.NO_SPEECH
    assert caller.decision.destination == "reception"
    assert caller.decision.steps[0].missing is Missing.NO_SPEECH


def test_a_caller_who_talks_on_is_cut_off_at_the_listening_deadline() -> None:
    caller = Caller().until(3).speaks().until(5).partial("well you know").until(9.9)
    assert caller.session.deadline() == caller.opened_s + 10.0
    caller.until(10)
    assert caller.names()[-1] == "ForceFinal"
    caller.until(10.2).final("well you know i want to buy")
    assert caller.decision.destination == "sales"
    assert caller.decision.rung is Rung.FINAL_TEXT
    assert caller.decision.trigger is Trigger.LISTEN_DEADLINE


def test_a_final_that_never_comes_is_not_waited_for() -> None:
    caller = Caller().until(3).speaks().until(5).partial("buy").until(60)
    assert caller.decision.decided_at_s == 10.8
    assert caller.decision.destination == "sales"
    assert caller.decision.rung is Rung.PARTIAL_TEXT


def test_the_total_deadline_stands_before_the_watchdog_whatever_hangs() -> None:
    caller = Caller(prompt_s=500).until(60)
    assert caller.decision.decided_at_s == HARD_S
    assert caller.decision.trigger is Trigger.TOTAL_DEADLINE
    assert caller.names() == ["PlayPrompt", "StopPrompt", "Decide"]


def test_the_question_is_not_put_where_there_is_no_time_for_it() -> None:
    caller = Caller(prompt_s=11).until(12).speaks().until(14).ends().final("hello it is me")
    assert caller.decision.trigger is Trigger.END_OF_SPEECH
    assert caller.decision.destination == "reception"


def test_listening_after_the_question_ends_before_the_watchdog() -> None:
    caller = Caller(prompt_s=5).until(8).speaks().until(13).partial("hm").ends().final("hm")
    caller.until(18).speaks().until(60)
    assert caller.decision.decided_at_s <= HARD_S


@pytest.mark.parametrize("t", [0.5, 3.0])
def test_the_key_turns_tone_off_and_deletes_what_was_gathered(t: float) -> None:
    caller = Caller(generation(rules=ANGRY_RULES)).until(t)
    if t > 2:
        caller.speaks().sounds(0.9).sounds(0.95)
    caller.presses("9")
    assert ("StopTone" in caller.names()) is (t > 2)
    caller.until(4).sounds(0.99).speaks().partial("what is my balance please")
    decision = caller.decision
    assert (decision.destination, decision.priority) == ("selfservice", 0)
    assert Code.TONE_OFF_BY_CALLER in codes(caller)
    record = caller.session.record(caller.now_s).to_json()
    assert record["tone"] == {
        "analysed": False,
        "off_by_caller": True,
        "deleted": 2 if t > 2 else 0,
        "heard": False,
        "anger": None,
        "call_anger": None,
        "alarmed": False,
        "trend": None,
        "arousal": None,
        "valence": None,
        "confidence": None,
    }
    assert "0.9" not in str([line for line in record["timeline"] if line["event"] == "tone"])  # type: ignore[attr-defined]
    if t < 2:
        assert StartAnalysis(tone=False) in [command for _, command in caller.commands]


@pytest.mark.parametrize("t", [0.5, 3.0, 6.5])
def test_a_mapped_key_decides_at_once(t: float) -> None:
    caller = Caller().until(t).presses("2")
    assert caller.decision.destination == "sales"
    assert caller.decision.rung is Rung.TONE_AND_KEYS
    assert caller.decision.decided_at_s == t
    assert caller.decision.steps[0].missing is Missing.KEY_PRESSED


def test_keys_without_a_meaning_are_recorded_without_their_digit() -> None:
    caller = Caller().until(3)
    for digit in "7" * 40:
        caller.presses(digit)
    record = caller.session.record(caller.now_s).to_json()
    timeline = record["timeline"]
    assert isinstance(timeline, list)
    pressed = [line["digit"] for line in timeline if line["event"] == "key"]
    assert pressed == ["?"] * 32
    assert record["ignored"] == {"key": 8}


def test_words_wait_for_tone_only_where_tone_could_matter() -> None:
    said = "i want to buy a thing"
    indifferent = Caller(generation(rules=(rule("a", "angry and words > 40", raise_minutes=1.0),)))
    assert indifferent.until(3).speaks().partial(said).decisions
    caller = Caller(generation(rules=ANGRY_RULES)).until(3).speaks().partial(said)
    assert not caller.decisions
    caller.until(3.3).sounds(0.9, abstained=True)
    assert not caller.decisions
    caller.until(3.6).sounds(0.95)
    assert caller.decision.decided_at_s == 3.6
    assert (caller.decision.destination, caller.decision.priority) == ("sales", 5)
    assert Code.ANGRY in codes(caller)


def test_words_wait_until_enough_was_heard_for_an_alarm() -> None:
    """The first estimates come before any alarm can: to decide on them would let no fluent caller be angry."""
    caller = Caller(generation(rules=ANGRY_RULES)).until(3).speaks().partial("what is my balance please")
    caller.until(3.3).sounds(0.95, call_anger=0.0)
    caller.until(3.6).sounds(0.95, call_anger=0.0)
    assert not caller.decisions
    caller.until(3.8).sounds(0.95, call_anger=0.9)
    assert caller.decision.decided_at_s == 3.8
    assert caller.decision.destination == "complaints"


def test_words_do_not_wait_for_tone_that_will_not_come() -> None:
    caller = Caller(generation(rules=ANGRY_RULES)).until(3).speaks().partial("what is my balance please")
    caller.until(3.3).sounds(0.95, call_anger=0.0)
    assert not caller.decisions
    caller.until(3.4).sounds(0.0, abstained=True, lost=True)
    assert caller.decision.decided_at_s == 3.4
    assert caller.decision.destination == "selfservice"


def test_the_end_of_speech_ends_the_wait_for_tone() -> None:
    caller = Caller(generation(rules=ANGRY_RULES)).until(3).speaks().partial("i want to buy a thing")
    caller.until(4).ends().final("i want to buy a thing")
    assert caller.decision.decided_at_s == 4.0
    assert Code.TONE_UNHEARD in codes(caller)


def test_an_angry_caller_is_not_sent_to_self_service() -> None:
    caller = Caller(generation(rules=ANGRY_RULES)).until(3).speaks().sounds(0.95).partial("what is my balance please")
    assert caller.decision.destination == "complaints"
    assert caller.decision.rules_fired == ("angry to people", "angry waits less")


@pytest.mark.parametrize("how", ["site", "no notice"])
def test_tone_is_off_where_the_site_or_the_lack_of_a_notice_says_so(how: str) -> None:
    changes = {"tone": ToneSettings(enabled=False)} if how == "site" else {"notice": Notice(tone_off_key="9")}
    caller = Caller(generation(rules=ANGRY_RULES, **changes)).until(2)
    assert caller.commands[-1][1] == StartAnalysis(tone=False)
    caller.until(3).speaks().sounds(0.99).partial("what is my balance please")
    assert caller.decision.destination == "selfservice"
    assert (Code.TONE_OFF_BY_SITE if how == "site" else Code.NO_NOTICE) in codes(caller)


def test_without_a_recogniser_tone_and_keys_decide_at_the_end_of_speech() -> None:
    made = generation(rules=(rule("angry", "angry", route="complaints"),))
    caller = Caller(made, recogniser=False).until(3).speaks().until(4).sounds(0.95).until(5).ends()
    assert caller.decision.destination == "complaints"
    assert caller.decision.rung is Rung.TONE_AND_KEYS
    assert caller.decision.steps[0].missing is Missing.NO_RECOGNISER
    calm = Caller(made, recogniser=False).until(3).speaks().until(4).sounds(0.1).until(5).ends()
    assert (calm.decision.destination, calm.decision.rung) == ("reception", Rung.DEFAULT)
    silent = Caller(made, recogniser=False).until(60)
    assert silent.decision.decided_at_s == 6.0


def test_a_recogniser_lost_in_the_middle_leaves_its_last_partial() -> None:
    caller = Caller().until(3).speaks().until(4).partial("buy")
    caller.tell(evidence.RecogniserLost(at_s=caller.now_s, audio_s=4.0, reason="crashed"))
    caller.until(5).ends()
    assert caller.decision.destination == "sales"
    assert caller.decision.rung is Rung.PARTIAL_TEXT
    assert Code.RECOGNISER_LOST in codes(caller)


def test_a_recogniser_lost_after_the_end_of_speech_is_not_waited_for() -> None:
    caller = Caller().until(3).speaks().until(4).ends()
    caller.until(4.1).tell(evidence.RecogniserLost(at_s=caller.now_s, reason="hung"))
    assert caller.decision.decided_at_s == 4.1
    assert caller.decision.rung is Rung.DEFAULT


def test_music_that_is_taken_for_speech_ends_with_a_person() -> None:
    caller = Caller().until(2.1).speaks().until(60)
    assert caller.decision.decided_at_s == 10.8
    assert Code.NO_WORDS in codes(caller)
    assert caller.decision.steps[0].missing is Missing.NO_WORDS


@pytest.mark.parametrize("t", [0.0, 1.0, 2.0, 3.0, 6.5, 13.0])
def test_a_caller_who_hangs_up_leaves_a_complete_record(t: float) -> None:
    caller = Caller().until(t).hangs_up()
    assert caller.session.state is State.ENDED
    assert caller.session.deadline() is None
    record = caller.session.record(caller.now_s)
    decided = t > 12
    assert record.outcome is (Outcome.DECIDED if decided else Outcome.HUNG_UP)
    assert (record.decision is not None) is decided
    assert record.hung_up_at_s == t
    assert len(caller.decisions) == int(decided)
    assert not caller.session.tick(caller.now_s + 50)


def test_late_events_are_counted_and_change_nothing() -> None:
    caller = Caller().until(3).speaks().until(4).partial("i want to buy a thing")
    decision = caller.decision
    caller.until(5).partial("complaint").sounds(1.0).presses("1").until(5.6).ends().hangs_up().hangs_up()
    record = caller.session.record(caller.now_s)
    assert record.ignored == {"end_of_utterance": 1, "hung_up": 1, "key": 1, "tone": 1, "words": 1}
    assert record.decision == decision
    assert caller.decisions == [decision]
    assert record.speech_end_s == 5.0
    assert record.latency_ms == -1000.0


def test_shadow_decides_writes_down_and_takes_the_default() -> None:
    made = generation(shadow=True, rules=(rule("up", "sure", raise_minutes=4.0),))
    caller = Caller(made).until(3).speaks().until(4).partial("i want to buy a thing")
    decision = caller.decision
    assert (decision.destination, decision.priority) == ("reception", 0)
    assert (decision.shadow_destination, decision.shadow_priority) == ("sales", 4)
    asked = Caller(made).until(3).speaks().until(4).ends().final("hello it is me")
    assert asked.decision.destination == "reception"


def test_a_rule_may_ask() -> None:
    made = generation(rules=(rule("ask buyers", 'intent == "buy"', ask=True),))
    caller = Caller(made).until(3).speaks().until(4).partial("i want to buy a thing")
    assert not caller.decisions
    caller.until(5).ends().final("i want to buy a thing")
    assert caller.session.state is State.ASKING
    caller.until(8).speaks().until(9).ends().final("buy")
    assert caller.decision.destination == "sales"


def test_asking_can_be_switched_off() -> None:
    made = generation(decision=DecisionSettings(ask=False))
    caller = Caller(made).until(3).speaks().until(4).ends().final("hello it is me")
    assert caller.decision.destination == "reception"


def test_time_that_runs_backwards_is_held() -> None:
    caller = Caller().until(3).speaks()
    event = evidence.Words(at_s=caller.now_s - 2, audio_s=3.0, text="i want to buy a thing", final=False)
    caller.session.receive(event, caller.now_s - 2)
    assert caller.session.decision is not None
    assert caller.session.decision.decided_at_s == 3.0


def test_an_early_tick_does_nothing() -> None:
    caller = Caller().until(3)
    before = caller.session.record(caller.now_s)
    assert caller.session.tick(caller.now_s) == []
    assert caller.session.record(caller.now_s) == before


def test_the_tables_cover_every_state_and_every_event() -> None:
    assert set(TRANSITIONS) == set(State)
    assert set(HEEDED_IN) == set(evidence.KIND_OF)
    assert not any(State.WAITING_NOTICE in after for after in TRANSITIONS.values())


def test_a_short_budget_still_leaves_a_decision() -> None:
    made = generation(budget=Budget(total_s=5, listen_s=60, no_speech_s=60, ami_ms=5000))
    caller = Caller(made, prompt_s=0.2).until(30)
    assert caller.decision.decided_at_s == 1.0
    assert math.isfinite(caller.decision.decided_at_s)


def test_the_default_is_a_destination() -> None:
    assert site().default in DESTINATIONS


def test_no_deadline_stays_in_the_past() -> None:
    caller = Caller().until(3).speaks().until(4).ends().final("hm")
    assert caller.session.state is State.ASKING
    caller.until(4.5).speaks().until(5).ends()
    caller.tell(evidence.RecogniserLost(at_s=caller.now_s, audio_s=caller.t, reason="crashed")).until(5.9)
    due = caller.until(6.5).session.deadline()
    assert due is not None
    assert due > caller.now_s
    assert caller.until(HARD_S).decision.destination == "reception"
