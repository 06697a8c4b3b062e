"""What a set does to its own texts is found, and is told as words, never as what is promised."""

from __future__ import annotations

from benchmarks.intent_parts import ALL, CLEAR, NEW, aside, contradicted, parts_of
from benchmarks.intent_sets import IntentTexts

TEXTS = IntentTexts(
    "a set",
    "en",
    (("Pay my bill!", "pay"), ("my bill", "pay"), ("a phone", "buy"), ("one more phone", "more")),
    (("pay my bill", "pay"), ("My bill?", "buy"), ("one more phone", "buy"), ("a line", "buy")),
    {"pay": "selfservice", "buy": "sales", "more": "sales"},
)


def test_a_text_is_contradicted_where_it_leads_to_two_destinations() -> None:
    assert contradicted(TEXTS) == {"my bill"}


def test_the_parts_are_of_the_judged_texts() -> None:
    groups = {"pay": ["Pay my bill!"], "more": ["one more phone"]}
    parts = {name: part.tolist() for name, part in parts_of(TEXTS.test, groups, contradicted(TEXTS)).items()}
    assert parts == {
        ALL: [True, True, True, True],
        CLEAR: [True, False, True, True],
        NEW: [False, True, False, True],
    }


def test_parts_are_told_aside() -> None:
    found = {f"{name}{part}": [50.0, 60.0] for name in ("share", "clean") for part in (CLEAR, NEW)}
    told = aside(found, {"clean": "right"})
    assert told.startswith("Aside, nothing promised, of the 55 % of texts that their own set")
    assert told.count("right 55.0") == 2
