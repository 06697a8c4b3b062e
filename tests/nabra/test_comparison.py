"""Two configurations compared in words: sizes, directions and intervals that agree with each other."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from nabra.comparison import Comparison
from nabra.comparison_view import sentence, view
from nabra.whatif_words import Words
from router.shares import Difference, Measure, Of, Pairs
from router.whatif import Side

SALES = Measure(Of.DESTINATION, "sales")


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            Difference(SALES, 0.5556, 0.3333, -0.5556, -0.0001, 9),
            "B sends 22.2 points fewer calls to sales: 33.3 % instead of 55.6 % "
            "(95 %: no difference to 55.6 points fewer)",
        ),
        (
            Difference(SALES, 0.25, 0.5, -0.125, 0.5, 9),
            "B sends 25.0 points more calls to sales: 50.0 % instead of 25.0 % "
            "(95 %: 12.5 points fewer to 50.0 points more)",
        ),
        (
            Difference(Measure(Of.LISTENED), 3.0, 2.5, -0.75, 0.25, 9),
            "B listens 0.50 s less: 2.50 s instead of 3.00 s (95 %: 0.25 s longer to 0.75 s less)",
        ),
        (
            Difference(Measure(Of.PERSON), 0.5, 0.4999, -0.1, 0.1, 9),
            "calls to a person: 50.0 % on average under both (95 %: 10.0 points more to 10.0 points fewer)",
        ),
    ],
)
def test_a_difference_and_its_interval_say_which_way(one: Difference, said: str) -> None:
    assert sentence(one, Words("en")) == said


@pytest.mark.parametrize("language", ["en", "ar"])
def test_what_is_the_same_stands_in_one_line_and_the_configurations_are_named(language: str) -> None:
    pairs = Pairs()
    for was, now in (("sales", "sales"), ("sales", "reception"), ("complaints", "complaints")):
        pairs.add(Side(was, listened_s=2.0), Side(now, listened_s=2.0), frozenset())
    comparison = Comparison(("old.yaml", "new.yaml"), pairs, {}, None, [])
    console = Console(width=1000)
    with console.capture() as taken:
        console.print(view(comparison, language, 1), highlight=False, markup=False)
    lines = taken.get().splitlines()
    assert [line.partition(": ")[2] for line in lines[:2]] == ["old.yaml", "new.yaml"]
    text = "\n".join(lines)
    assert not re.search(r"-\d|[٠-٩]", text)
    (same,) = [line for line in lines if "complaints" in line]
    assert re.findall(r"[\d.]+ ?%", same)[0].replace(" ", "") == "33.3%"
    assert len(re.findall("[;؛]", same)) >= 3
    if language == "ar":
        assert not re.search(r"[;,](?!\d)", text)


def test_a_figure_and_its_sign_are_one_between_arabic_words() -> None:
    words = Words("ar", isolates=True)
    text = words.isolated(f"قبل {words.percent(0.444)}{words.comma}بعد {words.percent(0.5)}")
    assert text == "قبل \u206644.4%\u2069، بعد \u206650.0%\u2069"
    assert Words("en", isolates=True).isolated("before 44.4 %") == "before 44.4 %"
