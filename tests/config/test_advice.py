"""Warnings: what loads but will be regretted is said, and what is fine is not."""

from __future__ import annotations

import dataclasses

import pytest

import config
from config.customers import CustomerBook
from config.schema import (
    Action,
    Config,
    Hours,
    Pbx,
    PreferAgent,
    Rule,
    Secret,
    Skill,
    Span,
    Weekday,
)


@pytest.fixture(scope="module")
def shipped() -> Config:
    return config.load()


def said(settings: Config) -> str:
    return "\n".join(str(warning) for warning in config.check(settings))


def test_the_shipped_configuration_has_few_and_known_warnings(shipped: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = config.check(shipped)
    assert len(warnings) <= 3
    text = said(shipped)
    assert "non-commercial" in text
    assert "no recogniser hears 'ar'" in text
    assert all(warning.position.file == shipped.source for warning in warnings)
    assert [w.position.line for w in warnings] == sorted(w.position.line for w in warnings)


def test_a_public_address_without_an_allow_list(shipped: Config) -> None:
    listen = dataclasses.replace(shipped.listen, host="0.0.0.0")
    assert "only this machine may connect" in said(dataclasses.replace(shipped, listen=listen))
    listen = dataclasses.replace(listen, allow=("0.0.0.0/0",))
    assert "anybody who reaches 0.0.0.0:9092" in said(dataclasses.replace(shipped, listen=listen))
    listen = dataclasses.replace(listen, allow=("10.0.0.7",))
    assert "connect" not in said(dataclasses.replace(shipped, listen=listen))


def test_a_password_in_the_file(shipped: Config) -> None:
    pbx = Pbx(name="main", secret=Secret("hidden"))
    text = said(dataclasses.replace(shipped, pbx=(pbx,)))
    assert "stands in the file" in text
    assert "hidden" not in text
    assert "no live call can be routed" in said(dataclasses.replace(shipped, pbx=()))


def test_a_watchdog_shorter_than_what_it_watches(shipped: Config) -> None:
    budget = dataclasses.replace(shipped.budget, total_s=12)
    text = said(dataclasses.replace(shipped, budget=budget))
    assert "the PBX gives up after 12 s" in text
    assert "gives up" not in said(shipped)


def test_rules_that_make_no_use_of_tone(shipped: Config) -> None:
    rules = (Rule(name="first", when='intent == "fraud"', then=Action(route="sales")),)
    assert "no rule makes use of it" in said(dataclasses.replace(shipped, rules=rules))
    assert "no rule makes use of it" not in said(shipped)


def test_rules_that_ask_for_agents_who_are_not_there(shipped: Config) -> None:
    then = Action(route="selfservice", require="refunds", prefer_agent=PreferAgent())
    settings = dataclasses.replace(
        shipped,
        rules=(*shipped.rules, Rule(name="asks", when="sure", then=then)),
        skills={"refunds": Skill(label={"en": "Refunds"}), "cards": Skill(label={"en": "Cards", "ar": "البطاقات"})},
    )
    text = said(settings)
    assert "'asks' asks for an agent, but routes to self-service" in text
    assert "no row of the customer record says who served a caller last" in text
    assert "no rule asks for the skill 'cards'" in text
    assert "no rule asks for the skill 'refunds'" not in text
    assert "'refunds' has no label in ar" in text
    book = CustomerBook({"1234": "en"}, agents={"1234": "PJSIP/1"})
    known = dataclasses.replace(settings, customers=dataclasses.replace(shipped.customers, book=book))
    assert "who served a caller last" not in said(known)


def test_hours_that_nobody_asks_for_and_a_time_zone_that_is_not_given(shipped: Config) -> None:
    hours = {"support": Hours(open=(Span(days=(Weekday.SUN,), times=("08:00-17:00",)),))}
    asks = Rule(name="closed", when='not open["support"]', then=Action(never="sales"))
    settings = dataclasses.replace(shipped, hours=hours)
    assert "no rule asks whether 'support' is open" in said(settings)
    settings = dataclasses.replace(settings, rules=(*shipped.rules, asks))
    assert "'support' is open" not in said(settings)
    assert "told in UTC" not in said(settings)
    places = {path: place for path, place in shipped.places.items() if path != "time_zone"}
    assert "time_zone is not given" in said(dataclasses.replace(settings, places=places))


def test_a_destination_that_nothing_leads_to(shipped: Config) -> None:
    destinations = dict(shipped.destinations)
    destinations["attic"] = dataclasses.replace(destinations["sales"], name="attic")
    assert "nothing leads to 'attic'" in said(dataclasses.replace(shipped, destinations=destinations))


def test_a_threshold_of_anger_that_everybody_reaches(shipped: Config) -> None:
    for angry_at, warned in ((0.02, True), (0.03, True), (0.04, False)):
        tone = dataclasses.replace(shipped.tone, anger_prior=0.03, angry_at=angry_at)
        assert ("is not above anger_prior, 0.03" in said(dataclasses.replace(shipped, tone=tone))) is warned
    off = dataclasses.replace(shipped.tone, enabled=False, angry_at=0.02)
    assert "anger_prior" not in said(dataclasses.replace(shipped, tone=off))


def test_shadow_is_not_forgotten(shipped: Config) -> None:
    assert "every call goes to 'reception'" in said(dataclasses.replace(shipped, shadow=True))
