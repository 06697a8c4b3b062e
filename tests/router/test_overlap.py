"""Rules that can never act: what is said of them is proved, and nothing is said of those that can."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Config, Holiday, Tone
from router.overlap import MOST_ALTERNATIVES, idle_rules
from router.rules import compile_rules
from tests.router.scripted import BY_INTENT, rule, site
from tests.router.test_conditions import CALM


def said(config: Config) -> list[str]:
    return [idle.message for idle in idle_rules(compile_rules(config).rules, config)]


@pytest.mark.parametrize(
    ("when", "of"),
    [
        ('intent == "buy" and intent == "complain"', "'intent'"),
        ("words > 5 and words < 3", "'words'"),
        ("words > 3 and words < 4", "'words'"),
        ("words == 4 and words != 4", "'words'"),
        ("probability > 1", "'probability'"),
        ('probabilities["sales"] > 0.8 and probabilities["sales"] < 0.2', "'probabilities"),
        ('not sure and intent == "buy"', "'sure'"),
        ('intent == "buy" and destination == "complaints"', "'destination'"),
        ("hard_word and not sure", "'sure'"),
        ("sure and words < 1", "'words'"),
        ('weekday in ["mon", "tue"] and weekday == "sun"', "'weekday'"),
        ("hour > 23", "'hour'"),
        ('not holiday and holiday_name == "eid"', "'holiday'"),
        ('"refund" in text and not ("refund" in text)', "in text"),
        ("asked == true and asked == false", "'asked'"),
        ("false", "never true"),
        ('(words > 5 and words < 3) or (intent == "buy" and not sure)', "cannot be"),
    ],
)
def test_a_condition_that_contradicts_itself(when: str, of: str) -> None:
    (message,) = said(site(rules=(rule("it", when, route="sales"),), holidays={"eid": Holiday(dates=("01-01",))}))
    assert message.startswith("'it' can never fire: ")
    assert of in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("true", "angry"),
        ("sure", 'intent == "buy"'),
        ("sure", "hard_word and asked"),
        ('destination == "sales"', 'intent == "buy"'),
        ("words > 3", "words >= 4"),
        ("words > 3", "words >= 5 and asked"),
        ("words != 2", "words > 2"),
        ("words >= 0", "spoke"),
        ("probability <= 0.5", "probability < 0.5"),
        ("not (words > 3 or asked)", "words < 2 and not asked"),
        ('intent in ["buy", "complain"]', 'intent == "buy" or intent == "complain"'),
        ('intent != "buy"', 'intent == "complain"'),
        ('"a" in text', '"a" in text and sure'),
        ("hour in [1, 2]", "hour == 2"),
        ("anger > 0.3", "anger > 0.5 and sure"),
        ("tone_known", "angry"),
        ("tone_known", "valence < 0.2"),
    ],
)
def test_a_rule_behind_one_that_always_routes_first(first: str, second: str) -> None:
    one, two = rule("one", first, route="complaints"), rule("two", second, route="reception")
    assert said(site(rules=(one, two))) == ["'two' can never route: 'one' above it always does so first"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("words > 3", "words >= 3"),
        ("probability < 0.5", "probability <= 0.5"),
        ("asked", "not asked"),
        ("sure and asked", "sure"),
        ("angry", "sure"),
        ("anger >= 0", "words > 1"),
        ("anger > 0.5", "anger > 0.3"),
        ('"a" in text', '"ab" in text'),
        ('text in "abc"', '"abc" in text'),
        ("words != 2", "words >= 2"),
        ('dialled == "1"', 'caller_number == "1"'),
        ('language == "en"', "spoke"),
    ],
)
def test_nothing_is_said_of_rules_that_can_act(first: str, second: str) -> None:
    one, two = rule("one", first, route="complaints"), rule("two", second, route="reception")
    assert said(site(rules=(one, two))) == []


def test_what_hides_a_rule_and_what_does_not() -> None:
    always = rule("always", "true", route="complaints")
    later = rule("later", "sure", route="sales", raise_minutes=3.0)
    hides = "'later' can never route: 'always' above it always does so first"
    assert said(site(rules=(always, later))) == [hides]
    assert said(site(rules=(rule("always", "true", route="complaints", shadow=True), later))) == []
    assert said(site(rules=(rule("always", "true", raise_minutes=3.0), later))) == []
    assert said(site(rules=(always, rule("later", "sure", raise_minutes=3.0)))) == []
    assert said(site(rules=(always, rule("never", "asked", never="complaints"), later))) == []
    asks = said(site(rules=(always, rule("asks", "sure", ask=True))))
    assert asks == ["'asks' can never ask: 'always' above it always routes first"]
    two = (rule("a", "words > 3", route="complaints"), rule("b", "asked", route="complaints"))
    either = rule("c", "words > 4 or asked", route="sales")
    assert said(site(rules=(*two, either))) == ["'c' can never route: 'a' or 'b' above it always does so first"]


def test_tone_that_is_switched_off() -> None:
    rules = (rule("it", "angry or valence < 0.2", raise_minutes=3.0),)
    assert said(site(rules=rules, tone=Tone(enabled=False))) == ["'it' can never fire: tone is switched off"]
    assert said(site(rules=rules)) == []


def test_a_condition_of_very_many_parts_is_left_alone() -> None:
    parts = " and ".join(f"(words == {n} or asked)" for n in range(MOST_ALTERNATIVES.bit_length() + 1))
    assert said(site(rules=(rule("it", f"({parts}) and words > 3 and words < 2", route="sales"),))) == []


ATOMS = st.sampled_from(
    [
        'intent == "buy"', 'intent != "complain"', 'intent in ["buy", ""]', 'destination == "sales"', "sure", "asked",
        "words > 2", "words <= 4", "words == 3", "words != 3", "probability >= 0.5", "probability < 0.5", "holiday",
        'weekday in ["sun", "mon"]', "hour >= 8", "hour < 17", '"buy" in text', "hard_word", "words in [2, 5]",
        "4 < words", "asked == false", 'probabilities["sales"] > 0.4', "sure == asked",
    ]
)  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=6,
)
TONE = st.sampled_from(["true", "angry", "anger > 0.3", "anger >= 0.6", "valence < 0.4", "tone_known"])


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """What rules are told of a call, as the decider tells it."""
    intent = draw(st.sampled_from(["", "buy", "complain", "balance", "fraud"]))
    heard = draw(st.booleans())
    anger = draw(st.floats(0, 1))
    holiday = draw(st.booleans())
    homes = {**BY_INTENT, "": ""}
    return {
        **CALM,
        "intent": intent,
        "destination": homes[intent],
        "sure": bool(intent),
        "hard_word": intent == "fraud",
        "words": draw(st.integers(1 if intent else 0, 6)),
        "probability": draw(st.floats(0, 1)),
        "probabilities": {"sales": draw(st.floats(0, 1))},
        "asked": draw(st.booleans()),
        "holiday": holiday,
        "holiday_name": "eid" if holiday else "",
        "hour": draw(st.integers(0, 23)),
        "weekday": draw(st.sampled_from(["sun", "mon", "fri"])),
        "text": draw(st.sampled_from(["", "buy"])),
        "tone_known": heard,
        "angry": heard and anger >= 0.7,
        "anger": anger if heard else math.nan,
        "valence": 1 - anger if heard else math.nan,
    }


@given(st.lists(st.tuples(CONDITIONS, TONE), min_size=1, max_size=3), st.lists(calls(), min_size=1, max_size=8))
def test_whatever_is_said_to_be_idle_is(whens: list[tuple[str, str]], told: list[dict[str, Any]]) -> None:
    rules = tuple(rule(f"r{n}", f"{tone} and {when}", route="reception") for n, (when, tone) in enumerate(whens))
    config = site(rules=rules, holidays={"eid": Holiday(dates=("01-01",))})
    compiled = compile_rules(config)
    idle = {one.place for one in idle_rules(compiled.rules, config)}
    for values in told:
        assert compiled.evaluate(values).route_place not in idle
