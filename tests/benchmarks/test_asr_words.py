"""Words wrong are counted as anybody would count them by hand."""

import pytest

from benchmarks.asr_audio import READING
from benchmarks.asr_words import (
    Errors,
    errors_by_part,
    errors_so_far,
    rate_interval,
    word_errors,
    words_kept,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, I'd like a well-known plan.", ["hello", "i'd", "like", "a", "well", "known", "plan"]),
        ("’Quoted’ — and dashed", ["quoted", "and", "dashed"]),
        ("at 9, 12, 40 and 57", ["at", "nine", "twelve", "forty", "and", "fifty", "seven"]),
        ("in 1999", ["in", "1999"]),
        ("فاتورتي خطأ؟", ["فاتورتي", "خطأ"]),
        ("...", []),
    ],
)
def test_words_are_compared_without_punctuation_and_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("a b c d", "a b c d", 0),
        ("a b c d", "a x c d", 1),
        ("a b c d", "a c d", 1),
        ("a b c d", "a b b c d", 1),
        ("a b c d", "", 4),
        ("a b", "x y z", 3),
    ],
)
def test_errors_are_the_fewest_changes(said: str, heard: str, wrong: int) -> None:
    assert word_errors(said, heard) == Errors(wrong, len(said.split()))
    assert sum(errors_by_part([said], heard), Errors(0, 0)) == Errors(wrong, len(said.split()))


def test_a_partial_is_held_against_what_it_reached() -> None:
    assert errors_so_far("a b c d e", "a b c") == Errors(0, 3)
    assert errors_so_far("a b c d e", "a x c") == Errors(1, 3)
    assert errors_so_far("a b c d e", "") == Errors(0, 0)
    assert word_errors("a b c d e", "a b c") == Errors(2, 5)


def test_words_kept_are_those_in_order() -> None:
    assert words_kept("one two three four", "one three four five") == 3
    assert words_kept("one two", "two one") == 1
    assert words_kept("one two", "") == 0


def test_each_part_of_a_long_text_has_its_own_errors() -> None:
    parts = ["one two three", "four five", "six seven eight nine"]
    heard = "one two tree four five um six seven eight mine"
    assert [errors.wrong for errors in errors_by_part(parts, heard)] == [1, 1, 1]
    whole = errors_by_part(READING.split(","), READING.replace("noisiest", "noisy").replace("only", ""))
    assert sum(errors.wrong for errors in whole) == 2
    assert whole[-1].wrong == 1
    assert sum(errors.said for errors in whole) == len(words_of(READING))


def test_an_interval_is_drawn_over_groups() -> None:
    assert rate_interval({"a": Errors(1, 10)}) is None
    same = rate_interval({"a": Errors(1, 10), "b": Errors(2, 20)})
    assert same is not None
    assert same == pytest.approx((10.0, 10.0))
    apart = rate_interval({"a": Errors(0, 10), "b": Errors(5, 10), "c": Errors(1, 10)})
    assert apart is not None
    assert 0.0 <= apart[0] < 20.0 < apart[1] <= 50.0
    assert Errors(0, 0).percent == 0.0
