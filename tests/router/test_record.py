"""The record: whole, readable back, silent about what it must not say; and its explanation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.schema import Records, Tone
from router import RecordError, ReplayError, evidence, replay
from router.deciding import DECIDING
from router.explain import explain
from router.masking import mask_number
from router.record import CallFacts, decision_to_json
from router.recorded import read_record
from tests.router.scripted import ANGRY_RULES, FACTS, Caller, KeywordReader, generation, rule

FIELDS = {
    "schema",
    "kind",
    "call",
    "pbx",
    "caller_number",
    "caller_name",
    "dialled",
    "language",
    "language_from",
    "language_asked",
    "wall_anchor",
    "last_agent",
    "calendar",
    "outcome",
    "generation",
    "models",
    "recogniser_available",
    "text",
    "asked",
    "notice",
    "tone",
    "decision",
    "timings",
    "ignored",
    "timeline",
}


def a_call(**changes: Any) -> Caller:
    caller = Caller(generation(rules=ANGRY_RULES, **changes)).until(3).speaks().sounds(0.2)
    caller.until(3.5).partial("my number is four oh double five").until(4.5)
    return caller.ends().final("my number is four oh double five i want to buy")


def as_json(caller: Caller) -> dict[str, Any]:
    line = json.dumps(caller.session.record(caller.now_s).to_json(), allow_nan=False, ensure_ascii=False)
    value: dict[str, Any] = json.loads(line)
    return value


def test_the_fields_are_those_that_are_documented() -> None:
    record = as_json(a_call())
    assert set(record) == FIELDS
    assert (record["schema"], record["kind"], record["call"], record["outcome"]) == (
        2,
        "decision",
        "6f1c",
        "decided",
    )
    assert record["generation"] == {
        "number": 1,
        "hash": generation(rules=ANGRY_RULES).hash,
        "intent_model": "keywords",
        "deciding": DECIDING,
        "sentence_encoder": "",
    }
    assert record["notice"] == {"started_s": 0.0, "ended_s": 2.0}
    assert [line["event"] for line in record["timeline"]] == [
        "tick",
        "notice_ended",
        "speech_started",
        "tone",
        "words",
        "end_of_utterance",
        "words",
    ]
    assert record["timings"]["speech_end_s"] == 3.9
    assert record["timings"]["latency_ms"] == 600.0
    assert record["decision"]["destination"] == "sales"
    assert sum(record["decision"]["probabilities"].values()) == pytest.approx(1)


def test_numbers_are_masked_and_spoken_digits_are_nowhere() -> None:
    text = json.dumps(as_json(a_call()))
    assert "four oh" not in text
    assert "[digits]" in text
    assert "+********234" in text
    assert FACTS.caller_number not in text


def test_numbers_are_kept_where_the_operator_says_so() -> None:
    assert as_json(a_call(records=Records(mask_number=False)))["caller_number"] == FACTS.caller_number


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+97225551234", "+********234"),
        ("1001", "****"),
        ("", ""),
        ("٠٥٩٩١٢٣٤٥٦", "*******٤٥٦"),
        ("anonymous", "anonymous"),
    ],
)
def test_masking(number: str, shown: str) -> None:
    assert mask_number(number) == shown
    assert mask_number(shown) == shown


def test_words_that_are_not_kept_are_not_there_and_cannot_be_replayed() -> None:
    caller = a_call(records=Records(keep_text=False))
    record = as_json(caller)
    assert "buy" not in json.dumps([record["text"], [line.get("text") for line in record["timeline"]]])
    assert record["timeline"][-1]["destinations"]["sales"] == 0.95
    with pytest.raises(ReplayError, match="were not kept"):
        replay(record, caller.generation)


def test_a_record_is_decided_again_under_another_generation() -> None:
    record = as_json(a_call())
    other = generation(rules=(rule("buyers to people", 'intent == "buy"', route="reception", raise_minutes=3.0),))
    again = replay(record, other)
    assert again is not None
    assert (again.destination, again.priority) == ("reception", 3)


def test_a_record_of_the_first_schema_is_explained_and_decided_as_it_was() -> None:
    record = json.loads((Path(__file__).parent / "record_schema_1.json").read_text(encoding="utf-8"))
    again = replay(record, generation(rules=ANGRY_RULES))
    was = record["decision"]
    assert again is not None
    assert (again.destination, again.priority) == (was["destination"], was["priority"]) == ("complaints", 5)
    assert again.decided_at_s == was["decided_at_s"]
    rare = generation(rules=ANGRY_RULES, tone=Tone(anger_prior=0.03, angry_at=0.5))
    strict = replay(record, rare)
    assert strict is not None
    assert (strict.destination, strict.priority) == ("selfservice", 0)
    assert "tone: anger 0.810, arousal" in explain(record)


def test_a_record_from_before_rules_asked_for_more_is_decided_again_byte_for_byte() -> None:
    record = json.loads((Path(__file__).parent / "record_schema_2.json").read_text(encoding="utf-8"))
    rules = (
        rule("buyers", 'intent == "buy"', route="reception", raise_minutes=3.0),
        rule("tried", "sure", route="complaints", shadow=True),
        *ANGRY_RULES,
    )
    again = replay(record, generation(rules=rules))
    assert again is not None
    was, now = record["decision"], decision_to_json(again)
    assert set(now) - set(was) == {
        "actions",
        "agent",
        "caller",
        "require",
        "prefer",
        "prefer_agent",
        "prefer_for_s",
    }
    shared = {key: now[key] for key in was}
    assert json.dumps(shared, ensure_ascii=False) == json.dumps(was, ensure_ascii=False)
    before = read_record(record).decision
    assert before is not None
    assert (before.actions, before.require, before.prefer_agent) == ((), (), "")
    assert "local time" not in explain(record)


def test_a_moment_that_is_no_number_is_refused() -> None:
    record = as_json(a_call())
    with pytest.raises(RecordError, match="wall_anchor"):
        read_record({**record, "wall_anchor": "yesterday"})


def test_what_was_heard_is_judged_by_the_threshold_of_the_configuration_that_replays_it() -> None:
    low, high = (generation(rules=ANGRY_RULES, tone=Tone(angry_at=at)) for at in (0.085, 0.5))
    caller = Caller(high).until(3).speaks().sounds(0.2, prior=0.03, call_anger=0.2)
    caller.until(4.5).ends().final("what is my balance please")
    assert (caller.decision.destination, caller.decision.priority) == ("selfservice", 0)
    assert "tone: anger 0.200 (the call so far 0.200, trend +0.0)" in explain(as_json(caller))
    again = replay(as_json(caller), low)
    assert again is not None
    assert (again.destination, again.priority) == ("complaints", 5)


def test_the_timeline_marks_the_alarm_once_and_says_an_unchanged_tone_once() -> None:
    caller = Caller(generation(rules=ANGRY_RULES, tone=Tone(angry_at=0.085))).until(3).speaks()
    caller.sounds(0.2, prior=0.03, call_anger=0.05).until(3.5).sounds(0.2, prior=0.03, call_anger=0.05)
    caller.until(4).sounds(0.3, prior=0.03, call_anger=0.2).until(4.3).sounds(0.3, prior=0.03, call_anger=0.3)
    caller.until(4.5).ends().final("what is my balance please")
    told = [line for line in explain(as_json(caller)).splitlines() if "tone: " in line]
    assert [line.partition("so far ")[2][:5] for line in told] == ["0.050", "0.200", "0.300"]
    assert ["ALARM" in line for line in told] == [False, True, False]
    assert told[1].endswith("ALARM (from 0.085 for the call)")
    calm = generation(rules=ANGRY_RULES, tone=Tone(angry_at=0.9))
    silent = Caller(calm).until(3).speaks().sounds(0.3, prior=0.03, call_anger=0.3)
    assert "ALARM" not in explain(as_json(silent.until(4.5).ends().final("what is my balance please")))


def test_the_second_schema_keeps_all_of_an_estimate() -> None:
    record = as_json(a_call())
    for name in ("prior", "call_anger", "trend"):
        spoilt = json.loads(json.dumps(record))
        del next(entry for entry in spoilt["timeline"] if entry["event"] == "tone")[name]
        with pytest.raises(RecordError):
            read_record(spoilt)


def test_evidence_that_ends_too_early_is_not_guessed_at() -> None:
    caller = Caller().until(3).speaks().partial("i want to buy a thing")
    patient = generation(rules=(rule("ask", "true", ask=True),))
    with pytest.raises(ReplayError, match="ends before"):
        replay(as_json(caller), patient)


@pytest.mark.parametrize("spoil", ["schema", "kind", "timeline", "decision", "generation", "call"])
def test_a_spoilt_record_is_refused(spoil: str) -> None:
    record = as_json(a_call())
    for value in (7, [{"event": "words"}], {"destination": "sales"}):
        with pytest.raises(RecordError):
            read_record({**record, spoil: value})
    del record[spoil]
    with pytest.raises(RecordError):
        read_record(record)
    with pytest.raises(RecordError):
        explain(record)


def test_a_call_is_explained_in_both_languages() -> None:
    text = explain(as_json(a_call()))
    assert 'final words: "my number is [digits] i want to buy"' in text
    assert "-> play 'notice' in en" in text
    assert "tone: anger 0.20" in text
    assert "  0.000 s  the call begins\n             -> play 'notice' in en" in text
    assert "to sales, because the caller had finished" in text
    assert "600 ms after the end of speech" in text
    assert "الكلمات تشير إلى المبيعات" in text


@pytest.mark.parametrize("ending", ["hung up", "silent", "key", "lost", "shadow"])
def test_every_ending_can_be_explained(ending: str) -> None:
    caller = Caller(generation(shadow=ending == "shadow"), recogniser=ending != "lost").until(3)
    if ending == "hung up":
        caller.hangs_up()
    elif ending == "key":
        caller.presses("9").presses("4").presses("1")
    text = explain(as_json(caller.until(60)))
    assert {
        "hung up": "no decision",
        "silent": "because nobody answered the question",
        "key": "a key without a meaning",
        "lost": "no recogniser was available",
        "shadow": "would have gone to reception",
    }[ending] in text


def test_what_a_call_was_listened_to_with_is_told_and_explained_in_both_languages() -> None:
    caller = Caller().until(3).speaks()
    busy = "the machine is full: load 0.80, room for 0.75"
    caller.tell(evidence.RecogniserLimited(at_s=caller.now_s, audio_s=3.0, limited=True, reason=busy))
    caller.tell(evidence.RecogniserLimited(at_s=caller.now_s, audio_s=3.0, limited=False, reason="there is room again"))
    caller.until(4).final("buy").until(5).ends()
    record = as_json(caller)
    text = explain(record)
    assert f"only key phrases are listened for: {busy}" in text
    assert "everything is listened for: there is room again" in text
    assert f"For a time only key phrases were listened for ({busy})." in text
    assert "اقتصر الاستماع لبعض الوقت على العبارات الرئيسية" in text
    kinds = [event for event, _ in read_record(record).evidence if isinstance(event, evidence.RecogniserLimited)]
    assert [event.limited for event in kinds] == [True, False]


def test_arabic_calls_speak_arabic_to_the_agent() -> None:
    caller = Caller(generation(), facts=CallFacts(call="a", pbx="main", language="ar"))
    caller.until(3).speaks().until(4).ends().final("عندي شكوى")
    assert caller.decision.destination == "complaints"
    assert caller.decision.agent_line.startswith("يطلب")


def test_the_generation_hash_covers_configuration_and_model() -> None:
    class Other(KeywordReader):
        model_id = "other"

    made = generation()
    again = type(made).of(made.config, 7, KeywordReader())
    assert again.hash == made.hash
    assert type(made).of(made.config, 1, Other()).hash != made.hash
    assert type(made).of(replace(made.config, fingerprint="x"), 1, KeywordReader()).hash != made.hash


def test_an_objection_leaves_nothing_of_tone_and_is_replayed_to_the_bit() -> None:
    caller = Caller().until(3).speaks().sounds(0.9).until(4)
    caller.tell(
        evidence.Tone(
            at_s=104, audio_s=9.0, t_s=9.0, voiced_s=2, arousal=1, valence=0, anger=1, confidence=1, abstained=False
        )
    )
    caller.presses("9").presses("9").until(4.5).ends().final("what is my balance please")
    record = as_json(caller)
    assert record["tone"]["deleted"] == 2
    assert not any(entry["event"] == "tone" for entry in record["timeline"])
    assert caller.decision.decided_audio_s == 4.5
    assert replay(record, caller.generation) == caller.decision


def test_a_number_said_in_pairs_is_not_on_the_record() -> None:
    caller = Caller().until(3).speaks()
    for pair in ("my card is forty one", "eleven", "um", "sixty two", "ninety nine"):
        caller.until(caller.t + 0.3).partial(pair).final(pair)
    caller.ends().until(30)
    line = json.dumps(as_json(caller))
    assert "forty one" in line
    for pair in ("eleven", "sixty", "ninety"):
        assert pair not in line
    assert replay(as_json(caller), caller.generation) == caller.decision
