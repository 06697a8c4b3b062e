"""Labels of intents, and half characters: what people read must be readable, and the same in every file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import config
from config.errors import ConfigError, Problem
from config.loader import _fingerprint
from config.schema import Config

SITE = """\
site: here
languages: [{languages}]
default_language: en
default: desk
destinations: {{desk: {{kind: person, queue: desk, label: {{en: "{desk}"}}}}}}
notice: {{prompts: {{}}, ask: {{}}}}
decision: {{ask: false}}
tone: {{enabled: false}}
intents: {{files: [{files}]}}
rules:
  - name: "{rule}"
    when: "true"
    then: {{raise_minutes: 1}}
"""
EXAMPLES = """\
language: {language}
intents:
  buy:
    destination: desk
    {label}
    examples:
      - "{example}"
"""


def site(
    folder: Path,
    english: str = "",
    arabic: str = "",
    languages: str = "en, ar",
    desk: str = "Desk",
    rule: str = "rule",
    example: str = "i want to buy",
) -> Path:
    """Write a small site whose intent `buy` stands in two files, and return its main file."""
    for language, label in (("en", english), ("ar", arabic)):
        text = EXAMPLES.format(language=language, label=label, example=example if language == "en" else "أريد الشراء")
        (folder / f"{language}.yaml").write_text(text, encoding="utf-8")
    main = folder / "nabra.yaml"
    main.write_text(
        SITE.format(
            languages=languages, files=", ".join(f"{one}.yaml" for one in languages.split(", ")), desk=desk, rule=rule
        ),
        encoding="utf-8",
    )
    return main


def only(file: Path) -> Problem:
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    (problem,) = caught.value.problems
    return problem


def warnings(settings: Config) -> list[str]:
    return [str(one) for one in config.check(settings) if "no label" in one.message]


def test_labels_are_gathered_from_every_file(tmp_path: Path) -> None:
    main = site(tmp_path, "label: {en: a purchase}", "label: {ar: شراء}")
    assert config.load(main).intents.labels() == {"buy": {"en": "a purchase", "ar": "شراء"}}


def test_a_label_of_a_language_of_reasons_may_stand_where_no_caller_speaks_it(tmp_path: Path) -> None:
    main = site(tmp_path, "label: {en: a purchase, ar: شراء}", languages="en")
    assert "ar" in config.load(main).intents.labels()["buy"]
    main = site(tmp_path, "label: {en: a purchase, fr: achat}")
    problem = only(main)
    assert (problem.file.name, problem.line, problem.column) == ("en.yaml", 5, 33)
    assert problem.message == "unknown language 'fr'"


@pytest.mark.parametrize(
    ("label", "column", "says", "expected"),
    [
        ('{en: ""}', 17, "the label is empty or has a line break in it", "a few words in one line"),
        (r'{en: "a\nb"}', 17, "the label is empty or has a line break in it", "a few words in one line"),
        ('{en: "' + "x" * 65 + '"}', 17, "the label is 65 characters long", "at most 64 characters"),
        ("a purchase", 12, "'a purchase' where names and values belong", "lines of name: value"),
        ("{en: [a, b]}", 17, "a list where one value belongs", "a text"),
        ("{EN: a purchase}", 13, "'EN' cannot be a key in intents.buy.label", "a language code such as en or ar"),
    ],
)
def test_a_label_that_cannot_be_used_is_named_where_it_stands(
    tmp_path: Path, label: str, column: int, says: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(site(tmp_path, f"label: {label}"))
    problem = caught.value.problems[0]
    assert (problem.file.name, problem.line, problem.column) == ("en.yaml", 5, column)
    assert (problem.message, problem.expected) == (says, expected)


def test_labels_that_differ_from_file_to_file_are_an_error_that_names_both(tmp_path: Path) -> None:
    problem = only(site(tmp_path, "label: {en: a purchase}", "label: {en: an order}"))
    assert (problem.file.name, problem.line, problem.column) == ("ar.yaml", 5, 17)
    assert problem.message == f"'buy' has another label in en already: 'a purchase', in {tmp_path / 'en.yaml'}:5:17"
    config.load(site(tmp_path, "label: {en: a purchase}", "label: {en: a purchase}"))


def test_where_some_labels_lack_one_warning_says_so(tmp_path: Path) -> None:
    assert warnings(config.load(site(tmp_path, desk="Desk"))) == [
        f"{tmp_path / 'nabra.yaml'}:5:57: 'desk' has no label in ar: it is called by its name there; label: {{ar: ...}}"
    ]
    (told,) = [one for one in warnings(config.load(site(tmp_path, "label: {en: a purchase}"))) if "'buy'" in one]
    assert told == (
        f"{tmp_path / 'en.yaml'}:5:12: 'buy' has no label in ar: agents read the name there; label: {{ar: ...}}"
    )


def test_a_label_is_part_of_the_fingerprint_and_its_absence_is_not(tmp_path: Path) -> None:
    bare = config.load(site(tmp_path))
    labelled = config.load(site(tmp_path, "label: {en: a purchase}"))
    assert bare.fingerprint != labelled.fingerprint

    def without(settings: Config) -> Config:
        intents = tuple(dataclasses.replace(one, label={}) for one in settings.intents.intents)
        return dataclasses.replace(settings, intents=dataclasses.replace(settings.intents, intents=intents))

    assert _fingerprint(without(labelled)) == bare.fingerprint


def test_the_labels_that_ship_are_there_in_both_languages_and_differ() -> None:
    labels = config.load().intents.labels()
    assert all(set(label) == {"en", "ar"} for label in labels.values())
    for language in ("en", "ar"):
        assert len({label[language] for label in labels.values()}) == len(labels)
    assert all("\u0600" <= label["ar"][0] <= "\u06ff" for label in labels.values())


@pytest.mark.parametrize(
    ("where", "file", "line", "column"),
    [
        ({"rule": r"an \ud800 rule"}, "nabra.yaml", 11, 15),
        ({"desk": r"\uDFFF"}, "nabra.yaml", 5, 63),
        ({"example": r"smile \ud83d\ude00"}, "en.yaml", 7, 16),
        ({"english": r'label: {en: "\U0000d800"}'}, "en.yaml", 5, 18),
        ({"english": r'"\ud800": x'}, "en.yaml", 5, 6),
    ],
)
def test_half_a_character_is_refused_where_it_is_written(
    tmp_path: Path, where: dict[str, str], file: str, line: int, column: int
) -> None:
    problem = only(site(tmp_path, **where))
    assert (problem.file.name, problem.line, problem.column) == (file, line, column)
    assert problem.message.endswith("is half a character")
    assert str(problem).isascii()


def test_an_escape_that_is_only_written_as_text_is_no_half_character(tmp_path: Path) -> None:
    loaded = config.load(site(tmp_path, rule=r"\\ud800 is text"))
    assert loaded.rules[0].name == r"\ud800 is text"
