"""Conditions as people write them who know other languages: each slip is named, where it is, and how to mend it."""

from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import Position
from router.conditions import ConditionError, compile_condition
from router.errors import RulesError
from router.rules import compile_rules
from router.variables import Names
from tests.router.scripted import rule, site

NAMES = {
    Names.INTENTS: frozenset({"fraud", "cancel"}),
    Names.DESTINATIONS: frozenset({"sales", "complaints"}),
    Names.LANGUAGES: frozenset({"en", "ar"}),
    Names.HOURS: frozenset({"support"}),
    Names.HOLIDAYS: frozenset({"eid"}),
    Names.WEEKDAYS: frozenset({"fri", "sat", "sun"}),
}


@pytest.mark.parametrize(
    ("text", "offset", "says", "mended"),
    [
        ('intent = "fraud"', 7, "one '=' compares nothing", 'intent == "fraud"'),
        ("intent == “fraud”", 10, "'“' is not a quote that is understood here", 'intent == "fraud"'),
        ("intent == «fraud»", 10, "'«' is not a quote", 'intent == "fraud"'),
        ("intent == fraud", 10, "'fraud' is a text", 'intent == "fraud"'),
        ('intent == "fraud', 10, "the quote that stands here is never closed", 'intent == "fraud"'),
        ("sure AND spoke", 5, "'AND' is written in small letters", "sure and spoke"),
        ("sure OR spoke", 5, "'OR' is written in small letters", "sure or spoke"),
        ("NOT sure", 0, "'NOT' is written in small letters", "not sure"),
        ("sure && spoke", 5, "'&&' is not part of the language", "sure and spoke"),
        ("sure || spoke", 5, "'||' is not part of the language", "sure or spoke"),
        ("!sure", 0, "'!' is not part of the language", "not sure"),
        ("words => 3", 6, "'=>' is not part of the language", "words >= 3"),
        ("words <> 3", 6, "'<>' is not part of the language", "words != 3"),
        ('intent is "fraud"', 7, "'is' is not part of the language", 'intent == "fraud"'),
        ("probability > 80%", 14, "'80%' has a percent sign", "probability > 0.8"),
        ("anger > 40 ٪", 8, "has a percent sign", "anger > 0.4"),
        ("words > ٣", 8, "'٣' is no number here", "words > 3"),
        ("hour >= 17:00", 8, "'17:00' is a time of day", "hour >= 17"),
        ("hour > 5pm and sure", 7, "'5pm' is a time of day", "hour > 17 and sure"),
        ("hour > 12 am", 7, "'12 am' is a time of day", "hour > 0"),
        ("always", 0, "no word for true or false", "true"),
        ("True", 0, "no word for true or false", "true"),
        ('weekday == "Friday"', 12, "there is no 'Friday'", 'weekday == "fri"'),
        ('language == "EN"', 13, "there is no 'EN'", 'language == "en"'),
        ("emotion", 0, "unknown name 'emotion'", "angry"),
        ("angry == true", 0, "'angry' is true or false by itself", "angry"),
        ('words > "3"', 0, "'words' is a number and \"3\" is a text", "words > 3"),
        ("dialled == 100", 0, "they can never be equal", 'dialled == "100"'),
        ('open == "support"', 0, "they can never be equal", 'open["support"]'),
        ("open.support", 4, "'.support' is not part of the language", 'open["support"]'),
        ("caller_number == 0791234567", 17, "a telephone number is a text", 'caller_number == "0791234567"'),
        ("caller_number == +962791234567", 17, "a telephone number is a text", 'caller_number == "+962791234567"'),
        ('text contains "refund"', 0, "'contains' is not part of the language", '"refund" in text'),
        ('weekday in ("fri", "sat")', 11, "a list needs square brackets", 'weekday in ["fri", "sat"]'),
        ('weekday in "fri", "sat" and sure', 11, "a list needs square brackets", 'weekday in ["fri", "sat"] and sure'),
        ('intent == "fraud", "cancel"', 10, "two texts behind one", 'intent in ["fraud", "cancel"]'),
        ("words between 3 and 10", 0, "'between' is not part", "words >= 3 and words <= 10"),
        ("3 < words < 10", 0, "two comparisons in one", "words > 3 and words < 10"),
    ],
)
def test_a_slip_is_named_and_what_it_offers_compiles(text: str, offset: int, says: str, mended: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, NAMES)
    error = caught.value
    assert says in error.message
    assert error.offset == offset
    # What is offered is a piece of the mended condition, word for word.
    offered = error.nearest or error.expected.split(": ")[-1]
    assert offered in mended or error.expected == "the same quote before and behind the text"
    compile_condition(mended, NAMES)


@pytest.mark.parametrize(
    ("text", "offset", "says", "expected"),
    [
        ("words > 5s", 8, "'5s' has a unit", "a number alone"),
        ("words > 3,5", 8, "'3,5' has a comma in it", "3.5"),
        ("words > 3 and < 10", 14, "nothing stands before '<'", "and words <"),
        ("(sure and spoke", 0, "the '(' that stands here is never closed", "')'"),
        ("sure)", 4, "a ')' that no '(' opens", "as many"),
        ("sure and", 5, "not complete: nothing stands behind 'and'", "another condition"),
        ("if sure then sales", 0, "'if' is not part of a condition", "`then`"),
        ('النية == "fraud"', 0, "'النية' is nothing that a condition knows", "one of intent,"),
        ("sure؛ spoke", 4, "'؛' is nothing that a condition knows", "and, or"),
        ("refund in text", 0, "unknown name 'refund'", '"refund" in text'),
        ("language == english", 12, "unknown name 'english'", "one of ar, en, in quotes"),
        ("words > three", 8, "unknown name 'three'", "words compared with a number"),
        ("len(text) > 3", 0, "there are no functions", "words says how many"),
        ('intent.startswith("f")', 6, "'.startswith' is not part", '"refund" in text'),
        ("intent == null", 10, "nothing is ever null", '""'),
        ('intent in {"fraud"}', 10, "a list needs square brackets", "in ["),
        ("words + 1 > 3", 6, "a condition computes nothing", "a number"),
        ("angry > 0", 0, "'angry' is true or false and 0 is a number", "angry, by itself"),
        ("probabilities > 0.5", 0, "'probabilities' is a table and 0.5 is a number", 'probabilities["sales"] > 0.5'),
        ('"refund" in words', 12, "'words' is a number: nothing is in it", '"refund" in text'),
        ('weekday == "fri" or "sat"', 21, "'sat' is a text, not a condition", 'in ["...", "sat"]'),
        ("anger", 0, "'anger' is a number, not a condition", "anger > 0.5"),
        ('hard_word == "lawyer"', 0, "they can never be equal", '"lawyer" in text'),
        ('holiday == "eid"', 0, "they can never be equal", 'holiday_name == "eid"'),
    ],
)
def test_what_has_no_single_cure_says_what_would_be_right(text: str, offset: int, says: str, expected: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, NAMES)
    assert says in caught.value.message
    assert caught.value.offset == offset
    assert expected in caught.value.expected


def test_a_slip_is_told_with_file_line_and_column() -> None:
    wrong = replace(rule("r", "sure AND spoke", route="sales"), position=Position(Path("nabra.yaml"), 7, 11))
    with pytest.raises(RulesError) as caught:
        compile_rules(site(rules=(wrong,)))
    (problem,) = caught.value.problems
    assert str(problem) == "nabra.yaml:7:16: 'AND' is written in small letters; did you mean 'and'?"


WRITTEN = (
    'intent words angry open == = < <= and OR not ( ) [ ] "fraud" " “ 3 5s 40% 17:00 ٣ النية , ، { } ! && in . null'
)
PIECES = st.sampled_from([*WRITTEN.split(), "between", "\t", "\n"])


@given(st.one_of(st.lists(PIECES, max_size=8).map(" ".join), st.text(string.printable + "«»“”،؛٣نية", max_size=30)))
def test_whatever_is_written_compiles_or_is_refused_where_it_stands(text: str) -> None:
    refused: list[ConditionError] = []
    try:
        compile_condition(text, NAMES)
    except ConditionError as error:
        refused.append(error)
    assert all(error.message and 0 <= error.offset <= len(text) for error in refused)
