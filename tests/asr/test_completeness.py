"""How a text ends: finished, hesitant, or neither."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.completeness import Ending, ending
from config.loader import SHIPPED, load
from tests.conftest import ROOT

FINISHED, HESITANT, NEITHER = Ending.FINISHED, Ending.HESITANT, Ending.NEITHER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I want to complain about my bill.", FINISHED),
        ("you charged me twice this month", FINISHED),
        ("How many points do I have?", FINISHED),
        ("which papers do we need", FINISHED),
        ("I have", HESITANT),
        ("Yes.", FINISHED),
        ("agent", FINISHED),
        ("Because", HESITANT),
        ("I want to.", HESITANT),
        ("I'd like to pay the", HESITANT),
        ("I\u2019m calling about", HESITANT),
        ("I need to speak to", HESITANT),
        ("my internet, um", HESITANT),
        ("and the...", HESITANT),
        ("It stopped working yesterday,", HESITANT),
        ("Hello.", NEITHER),
        ("good morning", NEITHER),
        ("my number is zero seven", NEITHER),
        ("it is 4", NEITHER),
        ("the router", NEITHER),
        ("", NEITHER),
        ("...", NEITHER),
    ],
)
def test_english(text: str, expected: Ending) -> None:
    assert ending(text, "en") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("الفاتورة غلط مرة ثانية", FINISHED),
        ("نعم", FINISHED),
        ("لا", FINISHED),
        ("أبغى موظف", FINISHED),
        ("أدفع الفاتورة منين وإزاي", FINISHED),
        ("عايز", HESITANT),
        ("أنا بدي", HESITANT),
        ("الإنترنت مقطوع عشان", HESITANT),
        ("الإنترنت مقطوع علشان", HESITANT),
        ("الجهاز اللي", HESITANT),
        ("عِنْدِي مُشْكِلَة فِي", HESITANT),
        ("أريد التحويل إلي", HESITANT),
        ("الفاتوره علی", HESITANT),
        ("الخط مقطوع ﻷن", HESITANT),
        ("الخط مقطوع ع\u200dشان", HESITANT),
        ("مساء الخير اسمي علي", FINISHED),
        ("دفعت الفاتورة و", HESITANT),
        ("دفعت الفاتورة ولكن", HESITANT),
        ("دفعت الفاتورة بس", HESITANT),
        ("الخدمة عندي يعني،", HESITANT),
        ("السلام عليكم", NEITHER),
        ("الو مرحبا لو سمحت", NEITHER),
        ("رقمي هو ٠٥٥", NEITHER),
    ],
)
def test_arabic(text: str, expected: Ending) -> None:
    assert ending(text, "ar") is expected


@pytest.mark.parametrize("language", ["ko", "fr", "", "xx"])
def test_of_other_languages_nothing_is_said(language: str) -> None:
    assert ending("yes I want to", language) is NEITHER


@given(st.text(), st.sampled_from(["en", "ar"]))
def test_any_text_has_an_ending_and_marks_and_case_change_nothing(text: str, language: str) -> None:
    found = ending(text, language)
    assert found in Ending
    assert ending(f"  {text}  ", language) is found


@pytest.mark.parametrize("language", ["en", "ar"])
def test_what_operators_wrote_as_whole_requests_is_seldom_taken_for_unfinished(language: str) -> None:
    """The lists were written with an eye on these texts; the next test has texts that they were not."""
    whole = [
        ending(example, language)
        for intent in load(SHIPPED).intents.intents
        if intent.language == language and intent.name != "other"
        for example in intent.examples
    ]
    assert len(whole) > 300
    assert whole.count(HESITANT) <= 0.05 * len(whole)
    assert whole.count(FINISHED) >= 0.8 * len(whole)


def test_banking_questions_are_finished_and_half_of_their_beginnings_are_not(corpora: Path) -> None:
    source = corpora / "intent" / "banking77" / "test.csv"
    if not source.is_file():
        pytest.skip(f"{source.relative_to(ROOT.parent)} is missing")
    with source.open(encoding="utf-8") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    whole = [ending(text, "en") for text in texts]
    begun = [ending(" ".join(text.split()[:k]), "en") for text in texts for k in range(1, len(text.split()))]
    assert whole.count(HESITANT) <= 0.06 * len(whole)
    assert begun.count(HESITANT) >= 0.4 * len(begun)
