"""Digits, written and spoken, are taken out; what is no number stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.redact import MASK, _kept, redact


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("my card is 4111 1111 1111 1111 thanks", f"my card is {MASK} thanks"),
        ("call +972-2-555-1234.", f"call +{MASK}."),
        ("رقمي ٠٥٩٩١٢٣٤٥٦ شكرا", f"رقمي {MASK} شكرا"),
        ("شماره ۰۹۱۲۳۴۵۶۷۸", f"شماره {MASK}"),
        ("account four one seven please", f"account {MASK} please"),
        ("it is four oh double five ok", f"it is {MASK} ok"),
        ("double seven nine", MASK),
        ("triple eight", MASK),
        ("twenty one sixteen is the pin", f"{MASK} is the pin"),
        ("nineteen eighty four", MASK),
        ("five um six uh seven", MASK),
        ("one hundred and five", MASK),
        ("Four, Five, Six", MASK),
        ("حسابي خمسة ستة سبعة ثمانية", f"حسابي {MASK}"),
        ("صفر خمسة تسعة تسعة", MASK),
        ("خَمسة وستة وسبعة", MASK),
        ("دبل خمسة أربعة", MASK),
        ("تلاتة اربعطاشر", MASK),
        ("ثلاثة عشر خمسة", MASK),
        (f"{MASK} five five", MASK),
        ("رقمي \u200f٠٥\u200f٩٩\u200f١٢", f"رقمي \u200f{MASK}"),
        ("05\u200b99\u00ad12", MASK),
        ("12_34:56", MASK),
        ("40٬500", MASK),
    ],
)
def test_numbers_go(said: str, kept: str) -> None:
    assert redact(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "the last one was broken",
        "no one called me twice",
        "oh no not again",
        "i have two phones and one tablet",
        "twenty five minutes",
        "I waited 25 minutes",
        "a thousand times no",
        "a double room",
        "واحد منكم يرد علي",
        "خمسة وعشرين دقيقة",
        "عندي ثلاثة عشر يوما",
        "الست اللي ردت علي",
        "",
    ],
)
def test_what_identifies_nobody_stays(said: str) -> None:
    assert redact(said) == said


WORDS = st.sampled_from(
    [
        "one",
        "two",
        "oh",
        "double",
        "triple",
        "twenty",
        "hundred",
        "and",
        "card",
        "12",
        "٣٤",
        "خمسة",
        "وعشرين",
        "عشر",
        "دبل",
        "-",
    ]
)


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_redacting_twice_changes_nothing(said: str) -> None:
    assert redact(redact(said)) == redact(said)


@given(st.text(max_size=40))
def test_any_text_is_taken_and_no_run_of_digits_is_left(said: str) -> None:
    left = redact(said)
    assert redact(left) == left
    run = 0
    for letter in left:
        run = run + 1 if letter.isdecimal() else 0
        assert run < 3


UNITS = st.sampled_from(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@given(st.lists(UNITS, min_size=3, max_size=16))
def test_no_spoken_digits_are_left(digits: list[str]) -> None:
    assert redact("my number is " + " ".join(digits)) == f"my number is {MASK}"


@pytest.mark.parametrize(
    ("after", "said", "kept"),
    [
        ("my number is fifty five", "twelve", MASK),
        ("my number is fifty five", "twelve thanks", f"{MASK} thanks"),
        (f"it is {MASK}", "six", MASK),
        ("my number is", "five", "five"),
        ("i have five phones", "two broke", "two broke"),
        (f"it is {MASK} ok", "one of them broke", "one of them broke"),
    ],
)
def test_a_number_goes_on_over_a_pause(after: str, said: str, kept: str) -> None:
    assert redact(said, after) == kept
    assert redact(kept, after) == kept


@pytest.mark.parametrize(
    "said", ["4111111111111111", "٤١١١", "#4111,", "²³¹", "𝟒𝟏𝟏", "five-five-five-one-two", "don't", "five" * 20]
)
def test_nothing_but_single_words_of_letters_outlives_a_call_in_memory(said: str) -> None:
    redact("one two five")
    before = _kept.cache_info().currsize
    redact(f"{said} five {said}")
    redact(f"five {said}", "one")
    assert _kept.cache_info().currsize == before
