"""Rules as people mistype them: what is told stands in the right place, and says what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

import config
from config.errors import ConfigError, Problem

SITE = """\
site: here
languages: [en]
default_language: en
default: desk
destinations: {desk: {kind: person, queue: desk}}
decision: {ask: false, threshold: THRESHOLD}
tone: {enabled: false}
rules:
  - name: r
    when: WHEN
    then: THEN
"""


def only(folder: Path, *, when: str = "sure", then: str = "{raise_minutes: 5}", threshold: str = "0.6") -> Problem:
    file = folder / "nabra.yaml"
    text = SITE.replace("WHEN", when).replace("THEN", then).replace("THRESHOLD", threshold)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("then", "column", "said"),
    [
        ("{raise_minutes: 5 min}", 27, "found '5 min'; expected a number from 0 to 240; did you mean '5'?"),
        ("{raise_minutes: ٥}", 27, "found '٥'; expected a number from 0 to 240; did you mean '5'?"),
        ('{raise_minutes: "5"}', 27, "found '5'; expected a number from 0 to 240, without quotes"),
        ("{raise_minutes: 500 min}", 27, "found '500 min'; expected a number from 0 to 240"),
        ("{prefer_agent: {for_s: 20s}}", 34, "found '20s'; expected a whole number from 1 to 300; did you mean '20'?"),
        ("desk", 11, "'desk' where a section belongs; expected what is done, such as {route: complaints}"),
        ("{route: Desk}", 19, "found 'Desk'; expected a name of lower-case letters, digits and _, a letter first; "
         "did you mean 'desk'?"),
    ],
)  # fmt: skip
def test_what_is_done(tmp_path: Path, then: str, column: int, said: str) -> None:
    problem = only(tmp_path, then=then)
    assert (problem.line, problem.column) == (11, column)
    assert said in str(problem)


def test_a_key_that_is_the_beginning_of_another_names_it(tmp_path: Path) -> None:
    problem = only(tmp_path, then="{raise: 5, ask: true}")
    assert (problem.column, problem.nearest) == (12, "raise_minutes")


@pytest.mark.parametrize(("written", "meant"), [("60%", "0.6"), ("60 ٪", "0.6"), ("٠.٦", "0.6"), ("600%", None)])
def test_a_share_with_a_percent_sign_is_told_as_a_number(tmp_path: Path, written: str, meant: str | None) -> None:
    problem = only(tmp_path, threshold=written)
    assert (problem.line, problem.nearest) == (6, meant)


@pytest.mark.parametrize(
    ("when", "column", "message", "mended"),
    [
        ("!sure", 11, "a text that begins with '!' needs quotes", '"!sure"'),
        ("> sure", 11, "a text that begins with '>' needs quotes", "quotes around it"),
        ('"refund" in text', 20, "a text behind a value that is complete", "'\"refund\" in text'"),
        ("'it' in text # so", 16, "a text behind a value that is complete", "\"'it' in text\""),
    ],
)
def test_a_condition_that_yaml_takes_for_something_else(
    tmp_path: Path, when: str, column: int, message: str, mended: str
) -> None:
    problem = only(tmp_path, when=when)
    assert (problem.line, problem.column) == (10, column)
    assert problem.message == message
    assert problem.expected.endswith(mended)
