"""Normalisation: what sounds alike is written alike."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.intent.normalise import _SPACED, _TABLE, NUMBER, normalise, spoken
from router.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm CALLING, about   my bill!", "im calling about my bill"),
        ("don’t", "dont"),
        ("it cost 25.50 and 3", "it cost # and #"),
        ("my number is oh five five, one two 3", "my number is #"),
        ("this one is mine", "this one is mine"),
        ("twenty-five", NUMBER),
        ("", ""),
        ("?!", ""),
        ("الْفَاتُورَةُ", "الفاتوره"),
        ("فـــاتورة", "فاتوره"),
        ("أإآٱا", "ااااا"),
        ("مسؤول على شئ", "مسوول علي شي"),
        ("شيء", "شي"),
        ("کلمة السرّ؟", "كلمه السر"),
        ("رقمي ٠٥٥ و ١٢", "رقمي # و #"),
        ("خمسة وعشرين", NUMBER),
        ("ﻻ", "لا"),
        ("\u200fرصيد\u200bي\u202c", "رصيدي"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_what_redaction_leaves_counts_as_a_number() -> None:
    assert normalise(redact("card 1234 5678 please")) == "card # please"


@given(st.text(max_size=60))
def test_it_is_idempotent_and_has_single_spaces(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


@given(st.lists(st.text(max_size=12), max_size=6))
def test_words_are_brought_to_one_form_each_by_itself_as_a_whole_text_would_be(words: list[str]) -> None:
    text = " ".join(words)
    whole = unicodedata.normalize("NFKC", text).replace("[digits]", f" {NUMBER} ").translate(_TABLE).lower()
    assert normalise(text) == normalise(_SPACED.sub(" ", whole))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I’m CALLING, about   my bill!", "i'm calling about my bill"),
        ("الْفَاتُورَةُ مسؤول، على", "الفاتورة مسؤول على"),
        ("card [digits] ended", "card # ended"),
        ("?!", ""),
    ],
)
def test_what_is_spoken_keeps_its_spelling(text: str, expected: str) -> None:
    assert spoken(text) == expected


@given(text=st.text(max_size=60))
def test_what_is_spoken_means_the_same_to_a_reader_of_words(text: str) -> None:
    assert normalise(spoken(text)) == normalise(text)
    assert spoken(spoken(text)) == spoken(text)
