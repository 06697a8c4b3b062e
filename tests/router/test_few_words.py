"""A caller who said next to nothing is asked once, unless what was said is very sure, a key phrase or a hard word."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from config.schema import DecisionSettings, IntentSet
from router import Generation, replay
from router.reasons import Code
from router.session import State
from tests.router.scripted import BY_INTENT, INTENTS, Caller, Hard, Posterior, site

KEYED = tuple(replace(known, key_phrases=("order",)) if known.name == "buy" else known for known in INTENTS)


@dataclass(frozen=True)
class Reader:
    """Finds one intent in any text, with one probability; "fraud" is a hard word, "order" a key phrase."""

    intent: str = "buy"
    probability: float = 0.7
    model_id: str = "one"

    def predict(self, text: str, language: str) -> Posterior:
        words = text.split()
        hard = Hard("fraud", "fraud", "complaints") if "fraud" in words else None
        by_intent = {self.intent: self.probability, "balance": 1 - self.probability}
        by_destination = {BY_INTENT[name]: p for name, p in by_intent.items()}
        return Posterior(by_intent, by_destination, len(words), hard, "order" in words or hard is not None)


def said(text: str, probability: float = 0.7, **changes: object) -> Caller:
    made = Generation.of(site(intents=IntentSet(intents=KEYED), **changes), 1, Reader(probability=probability))
    return Caller(made).until(3).speaks().until(4).ends().final(text)


def codes(caller: Caller) -> list[Code]:
    return [reason.code for reason in caller.decision.reasons]


@pytest.mark.parametrize("text", ["phones", "two phones", "i would like"])
def test_few_words_are_asked_about(text: str) -> None:
    assert said(text).session.state is State.ASKING


@pytest.mark.parametrize(
    ("text", "probability"),
    [("i would like one", 0.7), ("phones", 0.95), ("order", 0.7), ("an order please", 0.7), ("fraud", 0.1)],
)
def test_more_words_a_very_sure_one_a_key_phrase_and_a_hard_word_are_not(text: str, probability: float) -> None:
    caller = said(text, probability)
    assert caller.decision.destination == ("complaints" if text == "fraud" else "sales")
    assert Code.FEW_WORDS not in codes(caller)


def test_a_short_answer_to_the_question_is_taken_at_its_word() -> None:
    caller = said("phones").until(6.5).speaks().until(7).ends().final("phones")
    assert caller.decision.destination == "sales"
    assert Code.ASKED in codes(caller)


def test_what_is_below_the_ordinary_threshold_twice_goes_to_a_person() -> None:
    caller = said("phones", 0.55).until(6.5).speaks().until(7).ends().final("phones")
    assert caller.decision.destination == "reception"
    assert Code.FEW_WORDS not in codes(caller)


def test_where_nothing_is_asked_a_person_answers_and_the_record_says_why() -> None:
    caller = said("i would like", decision=DecisionSettings(ask=False))
    assert caller.decision.destination == "reception"
    assert {Code.NOT_SURE, Code.FEW_WORDS, Code.DEFAULT} <= set(codes(caller))
    assert replay(caller.session.record(caller.now_s), caller.generation) == caller.decision


def test_at_the_end_of_listening_few_words_are_no_surer() -> None:
    made = Generation.fit(site(intents=IntentSet(intents=KEYED)), 1)
    caller = Caller(made).until(3).speaks().until(4).partial("i would like").until(60)
    assert caller.decision.destination == "reception"


def test_a_caller_who_wants_the_default_is_not_asked() -> None:
    caller = said("phones", default="sales")
    assert caller.decision.destination == "sales"
    assert Code.WORDS in codes(caller)


def test_a_key_phrase_is_known_by_the_operators_examples() -> None:
    made = Generation.fit(site(intents=IntentSet(intents=KEYED)), 1)
    assert made.understand("An ORDER, please", "en").key_phrase
    assert made.understand("it is fraud", "en").key_phrase
    assert not made.understand("disorder", "en").key_phrase
    assert not made.understand("order", "ar").key_phrase


@pytest.mark.parametrize(
    ("text", "probability", "sure"),
    [
        ("", 0.9, False),
        ("phones", 0.7, False),
        ("phones", 0.95, True),
        ("order", 0.7, True),
        ("fraud", 0.1, True),
        ("i would like one", 0.7, True),
        ("i would like one", 0.5, False),
    ],
)
def test_the_intent_is_sure_where_these_words_would_settle_the_call(text: str, probability: float, sure: bool) -> None:
    made = Generation.of(site(intents=IntentSet(intents=KEYED)), 1, Reader(probability=probability))
    caller = Caller(made).until(3).speaks().until(4).partial(text)
    before = caller.session.record(caller.now_s).to_json()
    assert caller.session.intent_sure is sure
    assert caller.session.record(caller.now_s).to_json() == before
    if caller.session.decision is None:
        caller.until(4.5).ends().final(text)
        assert (caller.session.decision is not None) is sure
