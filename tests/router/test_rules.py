"""Rules: top down, the first route wins, raises add up; tone only ever adds."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import Position
from config.schema import Action, Rule
from router.errors import RulesError
from router.rules import MAX_RAISE_MINUTES, compile_rules
from tests.router.scripted import rule, site
from tests.router.test_conditions import CALM

HEARD = {**CALM, "tone_known": True, "angry": True, "anger": 0.9, "arousal": 0.8, "valence": 0.2}


def test_the_first_route_wins_and_raises_add_up() -> None:
    rules = compile_rules(
        site(
            rules=(
                rule("one", "words > 3", raise_minutes=2.0),
                rule("two", "sure", route="sales", raise_minutes=3.0),
                rule("three", "true", route="complaints", raise_minutes=4.0),
                rule("four", "true", route="complaints"),
                rule("five", "asked", raise_minutes=50.0),
            )
        )
    )
    outcome = rules.evaluate(CALM)
    assert (outcome.route, outcome.route_rule, outcome.raise_minutes) == ("sales", "two", 9.0)
    assert outcome.fired == ("one", "two", "three")
    assert outcome.raised == ("one", "two", "three")


def test_raises_are_bounded_and_a_rule_in_shadow_does_nothing() -> None:
    rules = compile_rules(
        site(
            rules=(
                rule("tried", "true", route="sales", raise_minutes=7.0, shadow=True),
                *(rule(f"r{n}", "true", raise_minutes=200.0) for n in range(3)),
            )
        )
    )
    outcome = rules.evaluate(CALM)
    assert outcome.raise_minutes == MAX_RAISE_MINUTES
    assert outcome.route is None
    assert outcome.shadowed == ("tried",)


def test_every_problem_is_reported_with_its_place() -> None:
    def at(line: int, when: str, **then: object) -> Rule:
        place = Position(Path("nabra.yaml"), line, 11)
        return Rule(name=f"r{line}", when=when, then=Action(**then), position=place)  # type: ignore[arg-type]

    rules = (
        at(3, 'words > 1 and intnt == "buy"', route="sales"),
        at(7, "angry", route="selfservice"),
        at(9, "angry", ask=True),
        at(12, "sure", route="nowhere"),
        at(14, "sure", route="selfservice"),
    )
    with pytest.raises(RulesError) as caught:
        compile_rules(site(rules=rules))
    problems = caught.value.problems
    assert [(p.line, p.column) for p in problems] == [(3, 25), (7, 11), (9, 11), (12, 11)]
    assert problems[0].nearest == "intent"
    assert "self-service for how the voice sounds" in problems[1].message
    assert "nabra.yaml:3:25" in str(caught.value)


@pytest.mark.parametrize(
    ("when", "then", "settled", "matters"),
    [
        ("angry", {"raise_minutes": 5.0}, "sales", True),
        ("angry and words > 9", {"raise_minutes": 5.0}, "sales", False),
        ("angry", {"route": "complaints"}, "sales", True),
        ("angry", {"route": "sales"}, "sales", False),
        ("angry or sure", {"raise_minutes": 5.0}, "sales", False),
        ("sure", {"raise_minutes": 5.0}, "sales", False),
        ("valence < 0.3", {"route": "complaints"}, "sales", True),
        ("angry", {"route": "complaints", "shadow": True}, "sales", False),
    ],
)
def test_whether_tone_could_matter_is_exact(when: str, then: dict[str, object], settled: str, matters: bool) -> None:
    rules = compile_rules(site(rules=(rule("it", when, **then),)))
    assert rules.tone_could_matter(CALM, rules.evaluate(CALM), settled) is matters


def test_an_open_route_below_the_one_taken_cannot_matter() -> None:
    below = compile_rules(site(rules=(rule("a", "sure", route="sales"), rule("b", "angry", route="complaints"))))
    above = compile_rules(site(rules=(rule("b", "angry", route="complaints"), rule("a", "sure", route="sales"))))
    assert not below.tone_could_matter(CALM, below.evaluate(CALM), "sales")
    assert above.tone_could_matter(CALM, above.evaluate(CALM), "sales")


WHENS = st.sampled_from(
    [
        "angry",
        "anger > 0.3",
        "anger >= 0.8 and sure",
        "tone_known",
        "valence < 0.4",
        "sure",
        "words > 9",
        "angry or asked",
        '(anger > 0.5 and intent == "buy") or arousal > 0.7',
    ]
)
THENS = st.one_of(
    st.sampled_from(["complaints", "sales", "reception"]).map(lambda name: {"route": name}),
    st.floats(0, 240).map(lambda minutes: {"raise_minutes": minutes}),
)
RULES = st.lists(st.tuples(WHENS, THENS), max_size=8).map(
    lambda pairs: tuple(rule(f"r{n}", when, **then) for n, (when, then) in enumerate(pairs))
)
UNIT = st.floats(0, 1)


@given(RULES, UNIT, UNIT, UNIT, UNIT)
def test_more_anger_fires_no_fewer_rules_and_raises_no_less(
    rules: tuple[Rule, ...], low: float, high: float, arousal: float, valence: float
) -> None:
    low, high = min(low, high), max(low, high)
    compiled = compile_rules(site(rules=rules))
    values = {**HEARD, "arousal": arousal, "valence": valence}
    calm = compiled.evaluate({**values, "anger": low, "angry": low >= 0.7})
    angry = compiled.evaluate({**values, "anger": high, "angry": high >= 0.7})
    unheard = compiled.evaluate(CALM)
    assert set(unheard.fired) - _routes(rules) <= set(calm.fired)
    assert unheard.raise_minutes <= calm.raise_minutes <= angry.raise_minutes


def _routes(rules: tuple[Rule, ...]) -> set[str]:
    return {each.name for each in rules if each.then.route is not None}


@given(RULES, UNIT, UNIT, UNIT)
def test_where_tone_cannot_matter_it_does_not(
    rules: tuple[Rule, ...], anger: float, arousal: float, valence: float
) -> None:
    compiled = compile_rules(site(rules=rules))
    unheard = compiled.evaluate(CALM)
    if compiled.tone_could_matter(CALM, unheard, unheard.route or "sales"):
        return
    heard = compiled.evaluate({**HEARD, "anger": anger, "angry": anger >= 0.7, "arousal": arousal, "valence": valence})
    assert (heard.route or "sales") == (unheard.route or "sales")
    assert math.isclose(heard.raise_minutes, unheard.raise_minutes)


SPEAKS_OF_TONE = st.tuples(
    st.sampled_from(["angry", "anger > 0.3", "tone_known"]),
    st.sampled_from([("never", "selfservice"), ("route", "complaints"), ("route", "sales"), ("raise_minutes", 3.0)]),
)
SPEAKS_OF_ELSE = st.tuples(
    st.sampled_from(["sure", "true", "words > 3"]),
    st.tuples(st.sampled_from(["never", "route"]), st.sampled_from(["sales", "complaints", "selfservice"])),
)


def goes_to(rules: tuple[Rule, ...], values: dict[str, object], words_say: str) -> str:
    outcome = compile_rules(site(rules=rules)).evaluate(values)
    return outcome.route or (words_say if words_say not in outcome.never else "reception")


@given(
    st.lists(st.one_of(SPEAKS_OF_TONE, SPEAKS_OF_ELSE), min_size=2, max_size=6),
    st.sampled_from(["sales", "selfservice", "complaints"]),
    UNIT,
    UNIT,
)
def test_more_anger_never_forbids_the_way_to_people(
    pairs: list[tuple[str, tuple[str, object]]], words_say: str, low: float, high: float
) -> None:
    rules = tuple(rule(f"r{n}", when, **{act: value}) for n, (when, (act, value)) in enumerate(pairs))
    low, high = min(low, high), max(low, high)
    calm, angry = ({**HEARD, "anger": anger, "angry": anger >= 0.7} for anger in (low, high))
    if goes_to(rules, angry, words_say) == "selfservice":
        assert goes_to(rules, calm, words_say) == "selfservice"
        assert goes_to(rules, CALM, words_say) == "selfservice"
