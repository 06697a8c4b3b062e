"""What a sentence encoder makes of the words, as one more piece of evidence: when it counts, when it is waited for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.schema import Budget, DecisionSettings, Records, SentenceReading, Speech, SpeechEngine, SpeechModel
from router import evidence
from router.commands import Trigger
from router.errors import RecordError, ReplayError
from router.evidence import Sentence, SpeechPaused
from router.explain import explain
from router.generation import Generation
from router.reasons import Code
from router.record import decision_to_json
from router.replay import Unknown, WhatIf, replay
from router.rereading import Rereading
from tests.router.scripted import Caller, KeywordReader, SentenceReader, rule, site, vector_of
from tests.router.test_properties import ANYTHING, RULES, Step, conversations

SPEECH = Speech(models={"en": SpeechModel(engine=SpeechEngine.MOONSHINE)})
UNHURRIED = DecisionSettings(early_threshold=1.0, ask=False)
SAID = "i would like that thing now"
"""The words say nothing of it; the sentence, that something is bought."""


def gen(reader: KeywordReader | None = None, **changes: Any) -> Generation:
    config = site(**{"decision": UNHURRIED, "speech": SPEECH, **changes})
    named = replace(config, fingerprint=repr(sorted(changes.items(), key=str)))
    return Generation.of(named, 1, reader or SentenceReader())


def pauses(caller: Caller) -> Caller:
    t = caller.t
    return caller.tell(SpeechPaused(at_s=caller.now_s, audio_s=t, speech_end_audio_s=t - 0.2))


def buyer(made: Generation, encoder_s: float | None = 0.003) -> Caller:
    """A caller whose last words are heard after the end of speech."""
    caller = Caller(made, encoder_s=encoder_s).until(3).speaks().until(4).partial("i would like")
    return caller.until(4.6).ends().until(4.7).final(SAID)


def codes(caller: Caller) -> list[Code]:
    return [reason.code for reason in caller.decision.reasons]


def record_of(caller: Caller) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(caller.session.record(caller.now_s).to_json(), allow_nan=False))
    return value


def events(record: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in record["timeline"]]


# ------------------------------------------------------------------------------------------ when it counts


def test_what_the_words_do_not_say_the_sentence_does() -> None:
    caller = buyer(gen())
    assert not caller.decisions
    caller.until(5)
    assert (caller.decision.destination, caller.decision.trigger) == ("sales", Trigger.END_OF_SPEECH)
    assert caller.decision.decided_at_s == pytest.approx(4.703)
    (told,) = [reason for reason in caller.decision.reasons if reason.code is Code.SENTENCE]
    assert told.parameters["probability"] == pytest.approx(1 / 3)
    by_words = buyer(gen(KeywordReader())).decision
    assert by_words.destination == "reception"
    assert by_words.decided_at_s == 4.7


def test_a_pause_is_enough_to_have_it_read_so_that_nothing_is_waited_for() -> None:
    caller = pauses(Caller(gen(), encoder_s=0.003).until(3).speaks().until(4).partial(SAID).until(4.2))
    caller.until(4.6).ends().final(SAID)
    assert caller.decision.destination == "sales"
    assert caller.decision.decided_at_s == 4.6


def test_nothing_is_read_while_the_caller_speaks() -> None:
    caller = Caller(gen()).until(3).speaks().until(4).partial(SAID)
    assert caller.session.unread == ()
    pauses(caller)
    assert "sentence" in events(record_of(caller))
    caller.speaks().partial(f"{SAID} please")
    assert caller.session.unread == ()


def test_while_the_caller_speaks_words_alone_decide_whatever_the_sentence_says() -> None:
    hurried = DecisionSettings(early_threshold=0.9, ask=False, min_words=2)
    caller = pauses(Caller(gen(decision=hurried)).until(3).speaks().until(4).partial(SAID))
    assert record_of(caller)["timeline"][-1]["destinations"]["sales"] > 0.9
    caller.sounds(0.1).sounds(0.1).until(4.5)
    assert not caller.decisions
    assert caller.ends().final(SAID).decision.trigger is Trigger.END_OF_SPEECH


def test_a_reading_of_other_words_is_not_used_and_leaves_nothing_on_the_record() -> None:
    caller = buyer(gen(), encoder_s=None)
    stale = Sentence(at_s=caller.now_s, audio_s=caller.t, text="i would like", scores={})
    caller.tell(stale)
    record = record_of(caller)
    assert "sentence" not in events(record)
    assert record["ignored"] == {"sentence": 1}


def test_a_generation_without_sentences_is_told_in_vain() -> None:
    caller = Caller(gen(KeywordReader())).until(3).speaks().until(4).partial(SAID)
    pauses(caller).tell(Sentence(at_s=caller.now_s, audio_s=caller.t, text=SAID, scores={}))
    assert record_of(caller)["ignored"] == {"sentence": 1}
    assert record_of(caller)["generation"]["sentence_encoder"] == ""


def test_the_answer_is_read_by_itself_too_and_counts_where_it_is_surer() -> None:
    caller = Caller(gen(decision=DecisionSettings(early_threshold=1.0)), encoder_s=0.01).until(3).speaks()
    caller.until(4).ends().final("balance order").until(4.5)
    assert caller.names().count("PlayPrompt") == 2
    caller.until(7).speaks().until(8).ends().final("the thing")
    assert set(caller.session.unread) == {"balance order the thing", "the thing"}
    caller.until(9)
    assert caller.decision.destination == "sales"
    assert [entry["text"] for entry in record_of(caller)["timeline"] if entry["event"] == "sentence"] == [
        "balance order",
        "balance order the thing",
        "the thing",
    ]


# ----------------------------------------------------------------------------------- how long it is waited for


@pytest.mark.parametrize("encoder_s", [0.2, None])
def test_an_encoder_that_is_late_costs_its_budget_and_words_alone_decide(encoder_s: float | None) -> None:
    caller = buyer(gen(budget=Budget(sentence_ms=80)), encoder_s).until(6)
    assert caller.decision.destination == "reception"
    assert caller.decision.decided_at_s == pytest.approx(4.78)
    assert Code.WORDS_ALONE in codes(caller)
    assert caller.session.words_alone
    (reason,) = [one for one in caller.decision.reasons if one.code is Code.WORDS_ALONE]
    assert "80 ms" in reason.en
    assert "80" in reason.ar


def test_without_a_budget_nothing_is_waited_for() -> None:
    caller = buyer(gen(budget=Budget(sentence_ms=0)))
    assert caller.decision.decided_at_s == 4.7
    assert Code.WORDS_ALONE in codes(caller)


def test_an_encoder_that_is_lost_is_not_waited_for_any_longer() -> None:
    caller = buyer(gen(), encoder_s=None)
    caller.tell(evidence.EncoderLost(at_s=caller.now_s + 0.01, audio_s=caller.t, reason="it failed"))
    assert caller.decision.decided_at_s == pytest.approx(4.71)
    assert Code.ENCODER_LOST in codes(caller)
    assert Code.WORDS_ALONE not in codes(caller)
    assert caller.session.unread == ()


def test_a_hard_word_waits_for_no_sentence() -> None:
    caller = Caller(gen(), encoder_s=None).until(3).speaks().until(4).ends().final("fraud")
    assert caller.decision.decided_at_s == 4.0
    assert Code.WORDS_ALONE not in codes(caller)


def test_who_goes_on_speaking_is_listened_to() -> None:
    caller = buyer(gen(), encoder_s=None).until(4.72).speaks().until(6)
    assert not caller.decisions
    assert caller.ends().final("buy it").until(7).decision.destination == "sales"


def test_when_listening_is_over_the_forced_final_is_read_too() -> None:
    caller = Caller(gen(), encoder_s=0.01).until(3).speaks().until(9).partial("i would")
    caller.until(10)
    assert caller.names()[-1] == "ForceFinal"
    caller.until(10.1).final(SAID).until(11)
    assert (caller.decision.destination, caller.decision.trigger) == ("sales", Trigger.LISTEN_DEADLINE)
    assert caller.decision.decided_at_s == pytest.approx(10.11)


def test_a_key_decides_at_once() -> None:
    caller = buyer(gen(), encoder_s=None).presses("1")
    assert caller.decision.destination == "complaints"
    assert {Code.WORDS_ALONE, Code.SENTENCE}.isdisjoint(codes(caller))


# ------------------------------------------------------------------------------------------------- the record


def test_the_record_holds_what_was_read_and_explain_tells_it() -> None:
    caller = buyer(gen()).until(5)
    record = record_of(caller)
    assert record["generation"]["sentence_encoder"] == "scripted"
    *_, entry = [entry for entry in record["timeline"] if entry["event"] == "sentence"]
    assert entry["text"] == SAID
    assert entry["scores"] == {"complain": 0.0, "buy": 4.0, "balance": 0.0}
    assert entry["destinations"]["sales"] == pytest.approx(caller.decision.probability)
    told = explain(record)
    assert f'read as a sentence too: "{SAID}"   sales 0.9' in told
    assert "The sentence as a whole was read too" in told
    assert "قُرئت الجملة كاملةً أيضًا" in told
    lost = buyer(gen(), encoder_s=None)
    lost.tell(evidence.EncoderLost(at_s=lost.now_s, audio_s=lost.t, reason="it failed"))
    assert "words alone are read from here on: it failed" in explain(record_of(lost))


def test_where_words_are_not_kept_those_that_were_read_are_not_either() -> None:
    record = record_of(buyer(gen(records=Records(keep_text=False))).until(5))
    assert [entry["text"] for entry in record["timeline"] if entry["event"] == "sentence"] == ["", ""]


ENCODER_S = st.sampled_from([0.0, 0.003, 0.03, 0.5, None])


def played(made: Generation, script: list[Step], encoder_s: float | None) -> Caller:
    caller = Caller(made, encoder_s=encoder_s)
    for step in script:
        caller.until(caller.t + step.after_s)
        step.apply(caller)
    return caller.until(60)


@settings(max_examples=200, deadline=None)
@given(st.one_of(conversations(), ANYTHING), RULES, ENCODER_S)
def test_a_record_of_a_site_that_reads_sentences_is_decided_again_byte_for_byte(
    script: list[Step], rules: tuple[object, ...], encoder_s: float | None
) -> None:
    made = gen(rules=rules, decision=DecisionSettings(early_threshold=0.9))
    caller = played(made, script, encoder_s)
    record = record_of(caller)
    assert len(caller.decisions) == (0 if record["outcome"] == "hung_up" else 1)
    again = WhatIf(made).decide(record)
    assert again.unknown is None
    for decision in (again.decision, replay(record, made)):
        written = None if decision is None else decision_to_json(decision)
        assert json.dumps(written, allow_nan=False) == json.dumps(record["decision"], allow_nan=False)


# ------------------------------------------------------------------------------------------ another generation


class OtherSentences(SentenceReader):
    model_id = "other sentences"
    weight = 0.1


def read_by(made: Generation) -> Any:
    return lambda text, language: made.scores(vector_of(text), language)


def test_the_same_models_readings_are_those_of_the_record() -> None:
    record = record_of(buyer(gen()).until(5))
    other = gen(rules=(rule("buyers first", 'intent == "buy"', raise_minutes=5.0),))
    again = WhatIf(other).decide(record)
    assert (again.unknown, again.decision and again.decision.priority) == (None, 5)


def test_another_model_reads_the_recorded_text_again_when_it_was_read_then() -> None:
    record = record_of(buyer(gen()).until(5))
    other = gen(OtherSentences(), site="other")
    again = WhatIf(other, read=read_by(other)).decide(record)
    assert again.decision == buyer(other).until(5).decision
    assert again.decision.destination == "reception"
    assert WhatIf(other).decide(record).unknown is Unknown.SENTENCE_NOT_READ
    with pytest.raises(ReplayError, match="evidence ends"):
        replay(record, other)
    with pytest.raises(ReplayError, match="sentences were not read"):
        replay(record, gen(OtherSentences(), budget=Budget(sentence_ms=0)))


def test_a_generation_without_sentences_passes_them_over() -> None:
    record = record_of(buyer(gen()).until(5))
    other = gen(KeywordReader(), site="other")
    again = WhatIf(other).decide(record)
    assert again.decision == buyer(other).decision


def test_a_question_that_waited_for_a_sentence_is_put_by_a_generation_without_just_before() -> None:
    asks = DecisionSettings(early_threshold=1.0)
    caller = Caller(gen(decision=asks), encoder_s=0.02).until(3).speaks().until(4).ends().final("hello there")
    caller.until(7).speaks().until(8).ends().final("buy").until(9)
    other = gen(KeywordReader(), decision=asks, site="other")
    again = WhatIf(other).decide(record_of(caller))
    assert again.unknown is None
    assert again.decision is not None
    assert again.decision.destination == "sales"


def test_a_call_that_was_read_by_words_alone_is_read_at_once_or_not_known() -> None:
    record = record_of(buyer(gen(KeywordReader())))
    other = gen(site="other")
    again = WhatIf(other, read=read_by(other)).decide(record)
    assert again.decision is not None
    assert (again.decision.destination, again.decision.decided_at_s) == ("sales", 4.7)
    assert WhatIf(other).decide(record).unknown is Unknown.SENTENCE_NOT_READ
    unbudgeted = gen(site="other", budget=Budget(sentence_ms=0))
    assert WhatIf(unbudgeted, read=read_by(unbudgeted)).decide(record).unknown is Unknown.SENTENCE_NOT_READ


def test_where_the_encoder_is_named_and_not_installed_only_what_words_alone_decide_is_known() -> None:
    hurried = DecisionSettings(early_threshold=0.9, ask=False)
    named = replace(site().intents, sentence_encoder=SentenceReading.USE)

    class Other(KeywordReader):
        model_id = "other keywords"

    here = gen(Other(), decision=hurried, intents=named)
    early = record_of(
        Caller(gen(KeywordReader(), decision=hurried))
        .until(3)
        .speaks()
        .sounds(0.1)
        .until(4)
        .partial("i want to buy a thing")
    )
    assert early["decision"]["trigger"] == "words"
    assert WhatIf(here).decide(early).unknown is None
    assert WhatIf(here).decide(record_of(buyer(gen(KeywordReader())))).unknown is Unknown.SENTENCE_NOT_READ
    by_itself = record_of(buyer(gen(Other())))
    assert WhatIf(here).decide(by_itself).unknown is None


def test_scores_of_other_intents_are_no_record_of_this_model() -> None:
    record = record_of(buyer(gen()).until(5))
    *_, entry = [entry for entry in record["timeline"] if entry["event"] == "sentence"]
    del entry["scores"]["buy"]
    with pytest.raises(RecordError, match="buy"):
        WhatIf(gen()).decide(record)


def test_rereading_hands_sentences_on() -> None:
    made = gen()
    again = Rereading.rereading(made, brief=True)
    scores = made.scores(vector_of(SAID), "en")
    assert again.encoder_of("en") == "scripted"
    assert again.scores(vector_of(SAID), "en") == scores
    assert again.understand(SAID, "en", scores) == made.understand(SAID, "en", scores)
