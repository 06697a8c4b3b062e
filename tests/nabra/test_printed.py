"""Lines for people: they fit the terminal, and no script reorders another."""

from __future__ import annotations

import re

import pytest

from nabra.printed import directed, fitted, isolated

MIXED = "'كم علي، لو سمحت' reads like 'price' and not like 'رصيدي'; move it, or say it in other words " * 3


def test_what_is_written_from_right_to_left_reorders_nothing() -> None:
    said = "'رصيدي' reads like 'x', not 'كم علي، لو سمحت' (9%)"
    shown = isolated(said)
    assert shown == "'\u2068رصيدي\u2069' reads like 'x', not '\u2068كم علي، لو سمحت\u2069' (9%)"
    assert isolated("plain") == "plain"
    late = "قبل نهاية الكلام بمقدار 620 مللي ثانية"
    assert isolated(f"call.wav: reception ({late}) 7") == f"call.wav: reception (\u2068{late}\u2069) 7"


def test_marks_never_span_two_lines() -> None:
    assert isolated("كم\nعلي") == "\u2068كم\u2069\n\u2068علي\u2069"


@pytest.mark.parametrize("right_to_left", [False, True])
def test_lines_fit_the_terminal_and_each_closes_its_own_marks(right_to_left: bool) -> None:
    lines = fitted(MIXED, 60, indent="  ", right_to_left=right_to_left).split("\n")
    assert len(lines) > 3
    assert all(len(re.sub("[\u2068\u2069]", "", line)) <= 60 for line in lines)
    assert all(line.count("\u2068") == line.count("\u2069") for line in lines)
    words = re.sub("[\u2068\u2069]", "", " ".join(lines)).split()
    assert words == MIXED.split()


def test_a_sentence_from_right_to_left_is_isolated_whole_with_what_stands_in_it() -> None:
    said = "الكلمات تشير إلى المبيعات (new_order) باحتمال 1.00"
    assert fitted(said, 100, indent="    ", right_to_left=True) == f"    \u2068{said}\u2069"


def test_other_programs_get_the_line_as_it_is() -> None:
    assert fitted(MIXED, None, indent="  ") == "  " + MIXED
    assert fitted("", 80) == ""


def test_each_line_is_read_from_the_side_on_which_it_begins() -> None:
    arabic = "الكلمات تشير إلى المبيعات (new_order) باحتمال 1.00."
    text = f"  why:\n    'رصيدي' was heard.\n  السبب:\n    {arabic}\n    1. {arabic}\n"
    lines = directed(text).split("\n")
    assert lines[0] == "  why:"
    assert lines[1] == "    '\u2068رصيدي\u2069' was heard."
    assert lines[2] == "  \u2068السبب:\u2069"
    assert lines[3] == f"    \u2068{arabic}\u2069"
    assert lines[4] == f"    \u20681. {arabic}\u2069"
    assert re.sub("[\u2068\u2069]", "", "\n".join(lines)) == text
