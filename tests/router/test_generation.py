"""A generation fitted from the shipped configuration decides what callers say, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

import config
from config.loader import load
from router import Generation
from router.generation import BACKGROUND
from router.record import CallFacts
from router.rules import compile_rules
from router.session import State
from tests.router.scripted import Caller, generation

SHIPPED = Path(config.__file__).parent / "defaults" / "nabra.yaml"


@pytest.fixture(scope="module")
def shipped() -> Generation:
    return Generation.fit(load(SHIPPED), 1)


def test_the_shipped_rules_compile() -> None:
    assert compile_rules(load(SHIPPED)).rules


@pytest.mark.parametrize(
    ("language", "said", "destination"),
    [
        ("en", "this is the third time i call and nobody helps me i want to make a complaint", "complaints"),
        ("en", "i would like to buy a new phone and a contract", "sales"),
        ("ar", "اريد تقديم شكوى على الموظف", "complaints"),
    ],
)
def test_what_callers_say_goes_where_it_should(shipped: Generation, language: str, said: str, destination: str) -> None:
    caller = Caller(shipped, facts=CallFacts(call="a", pbx="main", language=language))
    caller.until(3).speaks().until(5).ends().final(said)
    assert caller.decision.destination == destination


def test_talk_about_nothing_is_no_evidence(shipped: Generation) -> None:
    understood = shipped.understand("hello good morning can you hear me", "en")
    background = understood.by_intent.get(BACKGROUND, 0.0)
    assert sum(understood.by_destination.values()) == pytest.approx(1 - background, abs=1e-6)


def test_the_same_configuration_has_the_same_hash(shipped: Generation, tmp_path: Path) -> None:
    again = Generation.fit(load(SHIPPED), 2, cache_dir=tmp_path)
    cached = Generation.fit(load(SHIPPED), 3, cache_dir=tmp_path)
    assert shipped.hash == again.hash == cached.hash
    assert cached.understand("i want to pay my bill", "en") == shipped.understand("i want to pay my bill", "en")


def test_a_generation_knows_where_its_intents_lead() -> None:
    made = generation()
    assert made.destination_of("buy", "en") == "sales"
    assert made.destination_of("buy", "ar") == ""


@pytest.mark.parametrize(("language", "said"), [("en", "i would like"), ("ar", "الفاتورة")])
def test_the_beginning_of_a_request_is_asked_about(shipped: Generation, language: str, said: str) -> None:
    caller = Caller(shipped, facts=CallFacts(call="a", pbx="main", language=language))
    caller.until(3).speaks().until(5).ends().final(said)
    assert caller.session.state is State.ASKING


@pytest.mark.parametrize(
    ("language", "said", "destination"),
    [("en", "opening hours", "selfservice"), ("en", "operator", "reception"), ("ar", "ساعات العمل", "selfservice")],
)
def test_a_short_request_that_is_sure_is_not(shipped: Generation, language: str, said: str, destination: str) -> None:
    caller = Caller(shipped, facts=CallFacts(call="a", pbx="main", language=language))
    caller.until(3).speaks().until(5).ends().final(said)
    assert caller.decision.destination == destination
