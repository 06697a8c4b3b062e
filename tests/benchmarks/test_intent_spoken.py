"""What is spoken for judging was never learnt, and a real recogniser hears it."""

from __future__ import annotations

import pytest

from benchmarks.intent_sets import IntentTexts
from benchmarks.intent_spoken import (
    MOST_WORDS,
    NotHere,
    Recogniser,
    cut_short,
    judged_texts,
    learnable,
    speak,
    training_texts,
    word_error_rate,
)

PARTS = [(f"please {verb} the {thing}", verb) for verb in ("pay", "buy", "mend") for thing in ("bill", "phone", "line")]
TESTED = [("Pay the bill", "pay"), ("PLEASE pay, the bill!", "pay"), ("pay 20 of it", "pay"), ("mend it", "mend")]
SET = IntentTexts("a set", "en", tuple(PARTS), tuple(TESTED), {"pay": "self", "buy": "sales", "mend": "complaints"})
WITHOUT_TEST = IntentTexts("another", "en", tuple(PARTS), (), SET.destinations)


def test_no_judged_text_stands_in_the_training_part() -> None:
    assert sorted(judged_texts(SET, 9)) == [("Pay the bill", "pay"), ("mend it", "mend")]
    assert judged_texts(SET, 9) == judged_texts(SET, 9)
    assert learnable(SET, judged_texts(SET, 9)) == PARTS


def test_of_a_set_without_a_test_part_what_is_judged_is_not_learnt() -> None:
    judged = judged_texts(WITHOUT_TEST, 4)
    assert len(judged) == 4
    assert sorted(judged + learnable(WITHOUT_TEST, judged)) == sorted(PARTS)
    assert sorted(judged + training_texts(WITHOUT_TEST, 9, judged=4)) == sorted(PARTS)


def test_long_texts_and_texts_with_digits_are_not_spoken() -> None:
    rows = (
        ("a " * MOST_WORDS, "long enough"),
        ("b " * (MOST_WORDS + 1), "too long"),
        ("room 9", "a digit"),
        ("?", "-"),
    )
    texts = IntentTexts("a set", "en", rows, (), {})
    assert [label for _, label in judged_texts(texts, 9)] == ["long enough"]


def test_a_caller_is_cut_short() -> None:
    assert cut_short("I would like to pay my bill") == "I would like to pay"
    assert cut_short("Hello") == "Hello"


def test_a_real_recogniser_hears_the_voices_and_hears_less_in_noise() -> None:
    try:
        recogniser = Recogniser.installed()
    except NotHere as missing:
        pytest.skip(str(missing))
    said = speak([("I would like to pay my bill", "pay"), ("I want to order a new telephone", "buy")])
    assert [one.voice for one in said] == ["rms", "slt"]
    written = [one.text for one in said]
    quiet, loud = recogniser.hears(said), recogniser.hears(said, -5.0)
    assert word_error_rate(written, quiet) < 30
    assert word_error_rate(written, loud) > word_error_rate(written, quiet)
