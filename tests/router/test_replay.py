"""A recorded call under another configuration: what it would have done, or why that is not known; never a guess."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.customers import CustomerBook, canonical
from config.schema import (
    Budget,
    Customers,
    DecisionSettings,
    Line,
    Notice,
    Records,
    Speech,
    SpeechEngine,
    SpeechModel,
    Tone,
)
from router.errors import RecordError
from router.evidence import SpeechPaused, SpeechStarted
from router.generation import Generation
from router.ladder import Rung
from router.record import decision_to_json
from router.replay import Replayed, Silence, Unknown, WhatIf
from tests.router.scripted import (
    ANGRY_RULES,
    FACTS,
    Caller,
    KeywordReader,
    Posterior,
    SentenceReader,
    rule,
    site,
)
from tests.router.test_properties import ANYTHING, RULES, Step, conversations, played

SPEECH = Speech(models={"en": SpeechModel(engine=SpeechEngine.MOONSHINE)})
BOOK = Customers(file=Path("customers.csv"))
HEARD_OUT = DecisionSettings(early_threshold=1.0)
UNASKED = DecisionSettings(early_threshold=1.0, ask=False)
NOTICE = site().notice
SCHEMA_1 = Path(__file__).parent / "record_schema_1.json"


def booked(number: str, language: str) -> Customers:
    """A customer record of one number."""
    digits = canonical(number)
    assert digits is not None
    return replace(BOOK, book=CustomerBook({digits: language}))


def gen(**changes: Any) -> Generation:
    config = site(**{"speech": SPEECH, "rules": ANGRY_RULES, "customers": BOOK, **changes})
    return Generation.of(replace(config, fingerprint=repr(sorted(changes.items(), key=str))), 1, KeywordReader())


def record_of(caller: Caller) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(caller.session.record(caller.now_s).to_json(), allow_nan=False))
    return value


def buyer(made: Generation, **changes: Any) -> dict[str, Any]:
    caller = Caller(made, **changes).until(3).speaks().sounds(0.1).until(4).partial("i want to buy a thing")
    return record_of(caller.until(4.6).ends().final("i want to buy a thing").hangs_up())


def calm(**changes: Any) -> Generation:
    """A site without rules, whose callers are heard to their end."""
    return gen(**{"rules": (), "decision": HEARD_OUT, **changes})


def under(record: dict[str, Any], made: Generation) -> Replayed:
    return WhatIf(made).decide(record)


@settings(max_examples=200, deadline=None)
@given(st.one_of(conversations(), ANYTHING), RULES)
def test_under_its_own_generation_every_record_is_the_same_byte_for_byte(
    script: list[Step], rules: tuple[object, ...]
) -> None:
    made = gen(rules=rules)
    caller = played(made, script)
    again = under(record_of(caller), made)
    assert again.unknown is None
    decision = None if again.decision is None else decision_to_json(again.decision)
    assert json.dumps(decision, allow_nan=False) == json.dumps(record_of(caller)["decision"], allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(st.one_of(conversations(), ANYTHING), RULES)
def test_a_configuration_that_differs_in_nothing_decides_the_same_or_says_it_cannot_know(
    script: list[Step], rules: tuple[object, ...]
) -> None:
    made = gen(rules=rules)
    other = Generation.of(replace(made.config, fingerprint="the same by another name"), 2, KeywordReader())
    record = record_of(played(made, script))
    again = under(record, other)
    if again.unknown is None:
        assert (again.decision and decision_to_json(again.decision)) == record["decision"]
    else:
        # What an objection deleted would be needed again; a key that meant nothing may mean something; what comes at
        # the very moment of a deadline may come after it; a call that was let go has no end.
        keys = [entry["digit"] for entry in record["timeline"] if entry["event"] == "key"]
        assert (
            (again.unknown is Unknown.TONE_NOT_HEARD and record["tone"]["off_by_caller"])
            or (again.unknown is Unknown.KEY_NOT_KEPT and "?" in keys)
            or again.unknown is Unknown.TOO_CLOSE
            or record["decision"] is None
        )


@settings(max_examples=200, deadline=None)
@given(conversations(), RULES, RULES, st.sampled_from([0.7, 0.95, 1.0]), st.sampled_from([3.0, 8.0]))
def test_what_is_known_is_what_the_same_caller_would_have_met(
    script: list[Step], rules: tuple[object, ...], others: tuple[object, ...], early: float, listen_s: float
) -> None:
    """The caller is played to both; where the record is enough to know, the two must agree."""
    changes: dict[str, Any] = {
        "rules": others,
        "decision": DecisionSettings(early_threshold=early),
        "budget": Budget(listen_s=listen_s),
    }
    record = record_of(played(gen(rules=rules), script))
    other = gen(**changes)
    again = under(record, other)
    if again.unknown is None:
        live = played(other, script).session.decision
        assert (again.decision is None) == (live is None)
        if again.decision is not None and live is not None:
            assert (again.decision.destination, again.decision.priority) == (live.destination, live.priority)
            assert again.decision.decided_at_s == pytest.approx(live.decided_at_s, abs=0.05)


def test_a_rule_is_told_apart_and_an_own_deadline_falls_at_its_time() -> None:
    record = buyer(calm())
    again = under(record, gen(rules=(rule("buyers to people", 'intent == "buy"', route="reception"),)))
    assert again.decision is not None
    assert again.recorded.decision is not None
    assert (again.recorded.decision.destination, again.decision.destination) == ("sales", "reception")
    silent = record_of(Caller(calm()).until(30).hangs_up())
    sooner = under(silent, calm(budget=Budget(no_speech_s=2.0), decision=UNASKED))
    assert silent["decision"] is not None
    assert sooner.decision is not None
    assert sooner.decision.decided_at_s == 4.0


def _asked() -> Caller:
    return Caller(calm()).until(3).speaks().until(4).ends().final("hm").until(7).speaks().until(8).ends().final("buy")


def _unknown() -> Iterator[Any]:
    early = gen(rules=())
    yield "listened longer", buyer(early), calm(), Unknown.LISTENED_LONGER
    vague = record_of(Caller(calm(decision=UNASKED)).until(3).speaks().until(4).ends().final("hm"))
    yield "asked", vague, calm(), Unknown.ASKED
    patient = Budget(final_wait_ms=5000)
    late = Caller(calm()).until(3).speaks().until(4).ends().until(8).speaks().until(9).ends().final("i want to buy")
    yield "not asked", record_of(late), calm(budget=patient), Unknown.NOT_ASKED
    yield "no notice", buyer(early), gen(rules=(), notice=Notice()), Unknown.NOTICE
    talks = Caller(calm()).until(3).speaks().until(4).partial("hm so").until(9).partial("hm so i").until(30)
    yield "forced", record_of(talks), calm(budget=Budget(listen_s=5.0)), Unknown.FORCED
    yield "not kept", buyer(gen(rules=(), records=Records(keep_text=False))), early, Unknown.WORDS_NOT_KEPT
    yield "no tone", buyer(gen(rules=(), tone=Tone(enabled=False))), gen(), Unknown.TONE_NOT_HEARD
    yield "no recogniser", buyer(early, recogniser=False), calm(), Unknown.NOT_RECOGNISED
    whole = Records(mask_number=False)
    vip = (rule("vip", 'caller_number == "+97225551234"', route="reception"),)
    yield "masked", buyer(early), gen(rules=vip, records=whole), Unknown.NUMBER_MASKED
    pressed = record_of(Caller(calm()).until(3).presses("7").until(30).hangs_up())
    yield "key", pressed, calm(keys={"7": "sales"}), Unknown.KEY_NOT_KEPT
    yield "language", buyer(early), gen(languages=("ar",), default_language="ar"), Unknown.LANGUAGE
    of_site = buyer(early, facts=replace(FACTS, language_from="line"))
    yield "line", of_site, gen(lines=(Line(number="100", language="ar"),)), Unknown.LANGUAGE
    arabic = Notice(prompts={"ar": Path("prompt.wav")})
    told = buyer(early, facts=replace(FACTS, language_from="dialplan"))
    yield "other notice", told, gen(rules=(), notice=arabic, default_language="ar"), Unknown.NOTICE
    refused = buyer(early, facts=replace(FACTS, language_from="default", language_asked="ar"))
    open_book = gen(rules=(), records=whole)
    spoken = {one: buyer(open_book, facts=replace(FACTS, language_from=one)) for one in ("default", "customer")}
    yield "book says so", spoken["default"], gen(customers=booked(FACTS.caller_number, "ar")), Unknown.LANGUAGE
    yield "book says otherwise", spoken["customer"], gen(customers=booked(FACTS.caller_number, "ar")), Unknown.LANGUAGE
    yield "book does not know", spoken["customer"], gen(rules=(), default_language="ar"), Unknown.LANGUAGE
    yield "asked for", refused, gen(rules=(), languages=("en", "ar")), Unknown.LANGUAGE
    yield "who said so", buyer(early), gen(default_language="ar"), Unknown.LANGUAGE
    served = (rule("again", "last_agent_known", route="reception"),)
    older = buyer(early)
    del older["last_agent"]
    yield "older", older, gen(rules=served), Unknown.AGENT_NOT_KEPT
    yield "no book then", buyer(gen(rules=(), customers=Customers())), gen(rules=served), Unknown.AGENT_NOT_KEPT
    objected = record_of(Caller(gen(rules=())).until(1).presses("9").until(3).speaks().until(4).ends().final("buy"))
    yield "objected", objected, gen(notice=replace(NOTICE, tone_off_key="8")), Unknown.TONE_NOT_HEARD
    silent = record_of(Caller(calm(speech=Speech()), recogniser=False).until(30))
    yield "silent without a recogniser", silent, calm(), Unknown.ASKED
    brink = Caller(calm(decision=UNASKED)).until(4.02).speaks().until(5).ends().final("i want to buy a thing")
    hasty = calm(decision=UNASKED, budget=Budget(no_speech_s=2.0))
    yield "close", record_of(brink), hasty, Unknown.TOO_CLOSE
    waits = calm(budget=Budget(final_wait_ms=100))
    closely = Caller(waits).until(3).speaks().until(4).ends()
    closely.now_s += 0.1  # the final text comes as its time is up, and is told first
    answers = closely.final("i want to buy a thing maybe my balance").until(7).speaks().until(8).ends().final("buy")
    yield "asked first", record_of(answers), replace(waits, hash="other"), Unknown.TOO_CLOSE


@pytest.mark.parametrize(("name", "record", "other", "why"), [pytest.param(*one, id=one[0]) for one in _unknown()])
def test_what_the_record_cannot_say_is_unknown(
    name: str, record: dict[str, Any], other: Generation, why: Unknown | None
) -> None:
    again = under(record, other)
    assert again.unknown is why
    assert (again.decision is None) is (why is not None)


def test_the_answer_to_a_question_that_is_put_again_is_heard() -> None:
    again = under(record_of(_asked()), calm(rules=(rule("waits", "asked", raise_minutes=3.0),)))
    assert again.decision is not None
    assert (again.decision.destination, again.decision.priority) == ("sales", 3)


@pytest.mark.parametrize("final_s", [0.3, 0.5, 0.7])
def test_words_that_no_final_text_replaces_in_time_are_told(final_s: float) -> None:
    settings = DecisionSettings(ask=False)
    made, hasty = calm(decision=settings), calm(decision=settings, budget=Budget(final_wait_ms=100))
    callers = [
        Caller(one).until(3).speaks().until(4).partial("please buy").until(5).ends().until(5 + final_s)
        for one in (made, hasty)
    ]
    again, live = under(record_of(callers[0].final("please buy")), hasty), callers[1].decision
    assert again.decision is not None
    assert decision_to_json(again.decision) == decision_to_json(live)
    assert (live.destination, live.rung) == ("sales", Rung.PARTIAL_TEXT)


def test_an_estimate_of_tone_that_may_decide_finds_the_words_before_it() -> None:
    made = gen(decision=DecisionSettings(early_threshold=0.9))
    caller = Caller(made).until(3).speaks().until(4).partial("i want to buy a thing").until(4.5).partial("hm")
    caller.until(4.6).sounds(math.nan, abstained=True, lost=True).until(5)
    record = record_of(caller.partial("what is my balance please").until(5.5).ends().final("what is my balance please"))
    again = under(record, replace(made, hash="other"))
    assert record["decision"]["destination"] == "selfservice"
    assert again.decision is not None
    assert decision_to_json(again.decision) == record["decision"]


def test_a_sound_that_is_no_word_ends_the_wait_for_a_sentence_before_the_words_after_it() -> None:
    class OfLetters(SentenceReader):
        def predict(self, text: str, language: str) -> Posterior:
            return super().predict(" ".join(word for word in text.split() if word.isalpha()), language)

    def heard(final_wait_ms: int) -> Caller:
        budget = Budget(final_wait_ms=final_wait_ms, sentence_ms=900)
        config = replace(calm(decision=UNASKED, budget=budget).config, fingerprint=str(final_wait_ms))
        caller = Caller(Generation.of(config, 1, OfLetters()), encoder_s=None).until(3).speaks().until(4)
        caller.partial("please buy").until(5).ends().until(5.2).sounds(0.1).until(5.3).partial("...")
        return caller.until(5.5).partial("what is my balance").until(5.7).final("what is my balance please").until(30)

    hasty = heard(100)
    again = under(record_of(heard(800)), hasty.generation)
    assert again.decision is not None
    assert decision_to_json(again.decision) == decision_to_json(hasty.decision)
    assert hasty.decision.decided_at_s == 5.3


def test_a_final_text_stands_beside_the_words_after_it() -> None:
    made = gen(rules=())
    caller = Caller(made).until(3).speaks(10.0).until(4).final("hello it is me").partial("i want to buy a thing")
    record = record_of(caller.until(5).ends().until(30))
    again = under(record, made)
    assert again.unknown is None
    assert decision_to_json(again.decision) == record["decision"]


def test_without_the_words_a_key_is_still_a_key() -> None:
    quiet = gen(rules=(), records=Records(keep_text=False))
    record = record_of(Caller(quiet).until(3).presses("1"))
    again = under(record, calm())
    assert again.unknown is None
    assert again.decision is not None
    assert again.decision.destination == "complaints"


def test_a_language_that_is_not_recognised_any_more_is_decided_without_words() -> None:
    record = record_of(Caller(calm()).until(3).speaks().until(4).ends().final("i want to buy a thing").until(30))
    deaf = under(record, calm(speech=Speech(), decision=UNASKED))
    assert deaf.decision is not None
    assert (deaf.decision.destination, deaf.decision.probability) == ("reception", 0.0)


def test_the_first_schema_is_decided_again() -> None:
    record = json.loads(SCHEMA_1.read_text(encoding="utf-8"))
    again = under(record, gen(tone=Tone(anger_prior=0.5, angry_at=0.7)))
    assert again.decision is not None
    assert (again.decision.destination, again.decision.priority) == ("complaints", 5)


def test_each_text_is_read_once() -> None:
    class Counting(KeywordReader):
        texts: list[str] = []  # noqa: RUF012

        def predict(self, text: str, language: str) -> Any:
            self.texts.append(text)
            return super().predict(text, language)

    reader = Counting()
    whatif = WhatIf(Generation.of(calm().config, 1, reader))
    record = buyer(gen(rules=ANGRY_RULES))
    for _ in range(3):
        whatif.decide(record)
    assert len(reader.texts) == len(set(reader.texts)) > 0


@pytest.mark.parametrize("damage", [{"timeline": [{"event": "tick", "now_s": 0.0}]}, {"tone": None}, {"schema": 9}])
def test_a_damaged_record_is_named(damage: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        under({**buyer(gen()), **damage}, gen())


def waits_s(normal_s: float, sure_s: float) -> Silence:
    return lambda text, language, sure: sure_s if sure else normal_s


def paused(silence_s: float = 0.6, resumes_s: float | None = None) -> dict[str, Any]:
    """A caller who pauses for 0.5 s, where `resumes_s` says so, and is taken to have finished after a silence."""
    said = "i want to buy a thing"
    caller = Caller(calm()).until(3).speaks().until(4.2)
    if resumes_s is not None:
        caller.tell(SpeechPaused(at_s=caller.now_s, audio_s=caller.t, speech_end_audio_s=4.0)).until(resumes_s)
        caller.tell(SpeechStarted(at_s=caller.now_s, audio_s=caller.t))
    caller.until(5.2).tell(SpeechPaused(at_s=caller.now_s, audio_s=caller.t, speech_end_audio_s=5.0))
    return record_of(caller.until(5.3).partial(said).until(5.0 + silence_s).ends(silence_s).final(said).until(30))


@pytest.mark.parametrize(
    ("record", "silence", "why"),
    [
        (paused(), waits_s(0.6, 0.6), None),
        (paused(0.63), waits_s(0.6, 0.6), None),
        (paused(), waits_s(0.9, 0.9), Unknown.LISTENED_LONGER),
        (paused(0.4), waits_s(0.6, 0.4), None),
        (paused(0.4), waits_s(0.4, 0.6), Unknown.LISTENED_LONGER),
        (paused(resumes_s=4.5), waits_s(0.6, 0.6), None),
        (paused(resumes_s=4.5), waits_s(0.3, 0.3), Unknown.ENDED_SOONER),
    ],
)
def test_a_silence_that_would_have_been_waited_out_otherwise(
    record: dict[str, Any], silence: Silence, why: Unknown | None
) -> None:
    other = calm(budget=Budget(no_speech_s=5.0))
    again = WhatIf(other, silence).decide(record)
    assert again.unknown is why
    assert again.sooner_s == 0.0


def test_an_end_of_speech_that_comes_sooner_makes_the_decision_sooner() -> None:
    again = WhatIf(calm(budget=Budget(no_speech_s=5.0)), waits_s(0.6, 0.4)).decide(paused())
    assert again.unknown is None
    assert again.sooner_s == pytest.approx(0.2)


def test_a_book_that_greets_the_caller_as_it_was_is_known() -> None:
    made = gen(rules=(), records=Records(mask_number=False))
    for source, number, language in (
        ("dialplan", FACTS.caller_number, "ar"),  # counts for more
        ("customer", FACTS.caller_number, "en"),
        ("default", "+972", "ar"),  # of somebody else
        ("customer", "+*********34", "ar"),  # not to be known
    ):
        shown = number if "*" in number else FACTS.caller_number
        record = buyer(made, facts=replace(FACTS, caller_number=shown, language_from=source))
        book = BOOK if "*" in number else booked(number, language)
        assert under(record, gen(rules=ANGRY_RULES, customers=book)).unknown is not Unknown.LANGUAGE, source


def test_a_book_that_changed_since_makes_a_call_unknown_under_its_own_configuration_too() -> None:
    made = calm(records=Records(mask_number=False))
    record = buyer(made, facts=replace(FACTS, language_from="customer"))
    for language, unknown in (("en", None), ("ar", Unknown.LANGUAGE)):
        config = replace(made.config, customers=booked(FACTS.caller_number, language))
        now = Generation.of(config, 1, KeywordReader())
        assert now.hash == made.hash
        assert under(record, now).unknown is unknown
