"""Every reason has its sentences in both languages, and the agent's line fits the phone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from router.reasons import _TEXTS, AGENT_LIMIT, Code, Speaker
from tests.router.scripted import DESTINATIONS

SPEAKER = Speaker(DESTINATIONS)
PARAMETERS: dict[str, Any] = {
    "destination": "sales",
    "default": "reception",
    "intent": "buy",
    "probability": 0.912345,
    "percent": 91,
    "words": 6,
    "threshold": 0.6,
    "phrase": "my lawyer",
    "digit": "1",
    "rule": "r1",
    "rules": "r1, r2",
    "minutes": 5.0,
    "seconds": 4.0,
    "milliseconds": 60,
    "anger": 0.3,
    "angry_at": 0.085,
    "prior": 0.03,
    "missing": "only_paused",
    "reason": "crashed",
    "skills": "refunds, billing",
    "agent": "PJSIP/1001",
}


@pytest.mark.parametrize("code", list(Code))
def test_every_code_speaks_both_languages(code: Code) -> None:
    reason = SPEAKER.reason(code, **PARAMETERS)
    for sentence in (reason.en, reason.ar):
        assert sentence.endswith(".")
        assert not re.search(r"[{}_]", sentence)
    assert re.search(r"[\u0600-\u06ff]", reason.ar)
    assert not re.search(r"[\u0600-\u06ff]", reason.en)
    texts = _TEXTS[code]
    assert bool(texts[2]) == bool(texts[3])
    assert bool(texts[4]) == bool(texts[5])


INTENTS = {"new_order": {"en": "a new order", "ar": "طلب جديد"}, "fault": {"ar": "عطل"}}
LABELLED = Speaker(DESTINATIONS, intents=INTENTS)


def test_intents_are_called_by_their_labels_in_the_readers_language_and_keep_their_names_in_the_parameters() -> None:
    wanted = {**PARAMETERS, "intent": "new_order"}
    reason = LABELLED.reason(Code.WORDS, **wanted)
    assert "point to sales (a new order) with" in reason.en
    assert "إلى المبيعات (طلب جديد) باحتمال" in reason.ar
    assert reason.parameters["intent"] == "new_order"
    assert LABELLED.agent_line([reason], "en") == "about a new order (91%)"
    assert LABELLED.agent_line([reason], "ar") == "بشأن طلب جديد (91٪)"
    hard = LABELLED.reason(Code.HARD_WORD, **wanted)
    assert "(a new order)" in hard.en
    assert "(طلب جديد)" in hard.ar


def test_an_intent_without_a_label_in_the_readers_language_is_called_by_its_name() -> None:
    reason = LABELLED.reason(Code.WORDS, **{**PARAMETERS, "intent": "fault"})
    assert LABELLED.agent_line([reason], "en") == "wants fault (91%)"
    assert LABELLED.agent_line([reason], "ar") == "بشأن عطل (91٪)"
    unknown = LABELLED.reason(Code.WORDS, **{**PARAMETERS, "intent": "odd"})
    assert LABELLED.agent_line([unknown], "ar") == "يطلب odd (91٪)"


def test_destinations_are_called_by_their_labels() -> None:
    reason = SPEAKER.reason(Code.KEY, **PARAMETERS)
    assert reason.ar == "ضغط المتصل المفتاح 1 ومعناه المبيعات."
    assert SPEAKER.caller_sentences([reason], "ar") == ("ضغطت 1 فحوّلناك إلى المبيعات.",)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_agents_line_always_fits(language: str) -> None:
    reasons = [SPEAKER.reason(code, **{**PARAMETERS, "rule": "x" * 80, "intent": "y" * 32}) for code in Code]
    line = SPEAKER.agent_line(reasons, language)
    assert 0 < len(line) <= AGENT_LIMIT
    assert SPEAKER.agent_line([], language) == ""
