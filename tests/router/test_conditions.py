"""The language of conditions: what it takes, what it refuses and where, and what it computes."""

from __future__ import annotations

import math

import pytest
import rule_engine
from hypothesis import given
from hypothesis import strategies as st

import config
from router.conditions import ConditionError, compile_condition, together
from router.variables import VARIABLES, Kind, Names

NAMES = {
    Names.INTENTS: frozenset({"billing", "cancel"}),
    Names.DESTINATIONS: frozenset({"sales", "complaints"}),
    Names.LANGUAGES: frozenset({"en", "ar"}),
}
CALM: dict[str, object] = {
    "intent": "billing",
    "destination": "sales",
    "sure": True,
    "probability": 0.8,
    "probabilities": {"sales": 0.8, "complaints": 0.2},
    "words": 5,
    "text": "my refund is late",
    "hard_word": False,
    "spoke": True,
    "asked": False,
    "language": "en",
    "dialled": "100",
    "pbx": "main",
    "caller_number": "",
    "hour": 9,
    "weekday": "sun",
    "holiday": False,
    "holiday_name": "",
    "open": {"support": True, "sales": False},
    "last_agent_known": False,
    "tone_known": False,
    "angry": False,
    "anger": math.nan,
    "arousal": math.nan,
    "valence": math.nan,
}


def test_conditions_together_say_what_each_says_by_itself() -> None:
    texts = ("words > 4", "angry", 'intent == "billing" or anger > 0.5', "not asked and sure", "false", "words > 4")
    conditions = [compile_condition(text, NAMES) for text in texts]
    for values in (CALM, {**CALM, "words": 1, "sure": False}, {**CALM, "angry": True, "anger": 0.9, "intent": ""}):
        assert [bool(holds) for holds in together(conditions)(values)] == [one.holds(values) for one in conditions]
    assert together([])(CALM) == ()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('intent == "billing"', True),
        ('intent != "billing"', False),
        ('intent in ["billing", "cancel"] and words >= 5', True),
        ('"refund" in text or sure == false', True),
        ('probabilities["complaints"] > 0.5', False),
        ("not asked and 0.5 < probability", True),
        ("words > 2 + 3", False),
        ("true", True),
        ("angry or anger >= 0 or valence < 1 or arousal > 0", False),
    ],
)
def test_a_condition_says_what_it_reads_like(text: str, holds: bool) -> None:
    assert compile_condition(text, NAMES).holds(CALM) is holds


def test_every_variable_has_a_value_and_a_meaning() -> None:
    assert {variable.name for variable in VARIABLES} == set(CALM)
    assert all(variable.meaning for variable in VARIABLES)


@pytest.mark.parametrize(
    ("text", "offset", "nearest", "says"),
    [
        ('words > 3 and intnt == "billing"', 14, "intent", "unknown name"),
        ('intent == "biling"', 11, "billing", "no 'biling'"),
        ('intent in ["billing", "cancl"]', 23, "cancel", "no 'cancl'"),
        ('probabilities["sals"] > 0.5', 15, "sales", "no 'sals'"),
        ("intent > 3", 0, None, "'intent' is a text and 3 is a number"),
        ('words > 2 and probability == "x"', 14, None, "never be equal"),
        ("intent and and", 11, None, "nothing stands behind 'and'"),
        ("words >", 6, None, "not complete"),
        ("", 0, None, "not complete"),
        ("words", 0, None, "not a condition"),
        ("words and sure", 0, None, "not a condition"),
        ("$now > 3", 0, None, ""),
        ("text.length > 3", 4, None, "'.length' is not part of the language"),
        ("[x for x in text]", 0, None, ""),
        ('text =~~ "(a+)+"', 0, None, "regular expressions"),
        ("sure ? angry : sure", 0, None, "not part"),
        ("words ** 9 > 1", 6, None, "computes nothing"),
        ("not angry", 4, None, "below a 'not'"),
        ("not (sure and anger > 0.5)", 14, None, "below a 'not'"),
        ("anger < 0.4", 0, None, "'anger' with '<' makes a rule for calm callers alone"),
        ("0.4 >= anger", 7, None, "'anger' with '<='"),
        ("anger == 0.4", 0, None, "'anger' with '=='"),
        ("not valence < 0.5", 4, None, "would hold while no tone is heard"),
        ("angry == false", 0, None, "'angry == false' makes a rule for calm callers alone"),
        ("anger > words", 0, None, "number only"),
        ("valence != 0.5", 0, None, "'valence' with '!='"),
    ],
)
def test_what_is_wrong_is_found_when_it_is_compiled(text: str, offset: int, nearest: str | None, says: str) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, NAMES)
    assert (caught.value.offset, caught.value.nearest) == (offset, nearest)
    assert says in caught.value.message


def test_a_rule_for_the_calm_is_refused_with_the_way_to_write_it() -> None:
    for text, more in (
        ("not angry", "angry"),
        ("angry == false", "angry"),
        ("angry != true", "angry"),
        ("anger < 0.4", "anger > 0.5"),
        ("not tone_known", "tone_known"),
    ):
        with pytest.raises(ConditionError) as caught:
            compile_condition(text, NAMES)
        assert "must never lower a place in a queue" in caught.value.message
        everybody, _, another = caught.value.expected.partition(", and another")
        assert everybody.endswith("when: true")
        assert another.endswith(f"when: {more}")
        for condition in ("true", more):
            compile_condition(condition, NAMES)


def test_tone_is_lifted_in_the_ceiling_only() -> None:
    condition = compile_condition("angry and words > 3", NAMES)
    assert condition.uses_tone
    assert not condition.holds(CALM)
    assert condition.ceiling(CALM)
    assert not condition.ceiling({**CALM, "words": 2})


ATOMS = st.sampled_from(
    [
        'intent == "billing"',
        'language != "en"',
        "words > 4",
        "probability <= 0.8",
        "sure",
        "asked",
        '"late" in text',
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.sampled_from(["en", "ar"]), st.integers(0, 9), st.booleans(), st.booleans())
def test_compiled_conditions_agree_with_rule_engine(
    text: str, language: str, words: int, sure: bool, asked: bool
) -> None:
    values = {**CALM, "language": language, "words": words, "sure": sure, "asked": asked}
    reference = rule_engine.Rule(text).matches(values)
    assert compile_condition(text, NAMES).holds(values) is reference


def test_the_table_covers_every_kind() -> None:
    assert {variable.kind for variable in VARIABLES} == set(Kind)


def test_the_shipped_file_names_every_variable_and_nothing_else() -> None:
    comment = config.SHIPPED.read_text(encoding="utf-8").split("# A condition may use:")[1].split("\nrules:")[0]
    table, operators = comment.split("# with and, or, not")
    lines = [line[4:].split("  ")[0] for line in table.splitlines() if line.startswith("#   ")]
    named = {name for line in lines for name in line.replace(";", ",").replace(" ", "").split(",") if name}
    assert named == {variable.name for variable in VARIABLES} - {"probabilities"}
    assert 'probabilities["sales"]' in table
    assert "=~" not in operators


def test_a_condition_may_be_written_over_several_lines() -> None:
    condition = compile_condition('words > 3 and\n\tintent == "billing"\n', NAMES)
    assert condition.holds({**CALM, "words": 4})
    assert not condition.holds({**CALM, "words": 4, "intent": "cancel"})


def test_a_name_without_quotes_is_told_to_have_them() -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition("intent == billing", NAMES)
    assert (caught.value.offset, caught.value.nearest) == (10, '"billing"')
