"""Key phrases in a model's own spelling, and what of them it cannot hear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.phrases import LONGEST_PHRASE, MOST_PHRASES, hearable, spellings, words_of


def test_phrases_take_the_spelling_that_the_model_knows() -> None:
    vocabulary = {"cancel", "my", "order", "don't", "new-york", "iPhone"}
    found = hearable(
        ["Cancel my order!", "I don’t", "don’t", "New-York", "iPhone", "cancel my order"], vocabulary.__contains__
    )
    assert found.phrases == ("cancel my order", "don't", "new-york", "iPhone")
    assert found.unknown_words == ("I",)
    assert found.left_out == ("I don’t",)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("إلغاء", "الغاء"),
        ("الغاء", "إلغاء"),
        ("الإنترنت", "الانترنت"),
        ("الانترنت", "الإنترنت"),
        ("مُشكِلة", "مشكلة"),
        ("مشكله", "مشكلة"),
        ("على", "علي"),
        ("فــاتورة", "فاتورة"),
    ],
)
def test_arabic_words_are_found_however_they_are_written(written: str, known: str) -> None:
    found = hearable([written], {known}.__contains__)
    assert found.phrases == (known,)
    assert found.unknown_words == ()


def test_a_phrase_with_an_unknown_word_is_left_out_whole() -> None:
    found = hearable(["غرامة تأخير", "تأخير"], {"تاخير"}.__contains__)
    assert found.phrases == ("تاخير",)
    assert found.unknown_words == ("غرامة",)
    assert found.left_out == ("غرامة تأخير",)


def test_what_is_no_phrase_is_left_out() -> None:
    found = hearable(["", "!!", "x " * LONGEST_PHRASE, "a\0b"], lambda word: True)
    assert found.phrases == ("ab",)
    assert found.left_out == ("", "!!", "x " * LONGEST_PHRASE)


def test_there_are_never_more_than_native_code_is_given() -> None:
    found = hearable((f"word{n}" for n in range(MOST_PHRASES + 10)), lambda word: True)
    assert len(found.phrases) == MOST_PHRASES
    assert len(found.left_out) == 10


@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_text_is_sorted_without_a_crash(phrases: list[str]) -> None:
    found = hearable(phrases, lambda word: len(word) % 2 == 0)
    for phrase in found.phrases:
        assert phrase == " ".join(phrase.split()) != ""
        assert phrase.isprintable()
        assert "[" not in phrase
        assert all(len(word) % 2 == 0 for word in phrase.split())
    for phrase in phrases:
        for word in words_of(phrase):
            assert len(list(spellings(word))) == len(set(spellings(word))) <= 30
