"""Warnings: what loads but will be regretted is said, and what is fine is not."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest

import config
from config.customers import CustomerBook
from config.schema import (
    Action,
    Config,
    Holiday,
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


def said(settings: Config, today: date | None = None) -> str:
    return "\n".join(str(warning) for warning in config.check(settings, today))


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


def test_a_rule_that_routes_whatever_is_said(shipped: Config) -> None:
    for then, warned in ((Action(route="sales"), True), (Action(route="sales", shadow=True), False), (Action(), False)):
        rules = (*shipped.rules, Rule(name="all", when="true", then=then))
        text = said(dataclasses.replace(shipped, rules=rules))
        assert ("'all' sends every call to 'sales' that no rule above it routes" in text) is warned


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


def open_at(*spans: tuple[str, str]) -> Hours:
    """Hours of days and times, each parted by blanks."""
    return Hours(
        open=tuple(Span(days=tuple(map(Weekday, days.split())), times=tuple(times.split())) for days, times in spans)
    )


@pytest.mark.parametrize(
    ("hours", "warned"),
    [
        (open_at(("sun mon sun", "08:00-17:00")), "'sun' stands twice"),
        (open_at(("sun mon", "08:00-12:00 11:00-17:00")), "on sun 11:00-17:00 overlaps 08:00-12:00"),
        (open_at(("sat sun", "22:00-09:00"), ("sun", "08:00-17:00")), "on sun 08:00-17:00 overlaps 22:00-09:00"),
        (open_at(("sun", "22:00-09:00"), ("mon", "08:00-17:00")), "on mon 08:00-17:00 overlaps 22:00-09:00"),
        (open_at(("mon", "08:00-17:00"), ("sun", "22:00-09:00")), "on mon 22:00-09:00 overlaps 08:00-17:00"),
        (open_at(("sun mon", "08:00-12:00 12:00-24:00"), ("tue", "00:00-08:00")), None),
        (open_at(("thu", "20:00-02:00"), ("fri", "02:00-03:00")), None),
    ],
)
def test_days_and_times_that_stand_twice(shipped: Config, hours: Hours, warned: str | None) -> None:
    asks = Rule(name="closed", when='not open["support"]', then=Action(never="sales"))
    settings = dataclasses.replace(shipped, hours={"support": hours}, rules=(*shipped.rules, asks))
    new = set(said(settings).splitlines()) - set(said(shipped).splitlines())
    assert [warned in one for one in new] == [True] if warned else not new


def test_a_holiday_that_never_comes_again(shipped: Config) -> None:
    once = Holiday(dates=("2026-03-20", "2027-03-10"), days=3, label={"en": "Eid", "ar": "عيد"})
    yearly = Holiday(dates=("2020-01-01", "01-01"), label={"en": "New Year", "ar": "رأس السنة"})
    settings = dataclasses.replace(shipped, holidays={"eid": once, "new_year": yearly})
    for today, over in ((None, False), (date(2027, 3, 13), False), (date(2027, 3, 14), True)):
        assert ("'eid' is over since 2027-03-12" in said(settings, today)) is over
    assert "'new_year' is over" not in said(settings, date(2030, 1, 1))


def test_two_destinations_on_one_queue(shipped: Config) -> None:
    sales = dataclasses.replace(shipped.destinations["sales"], queue="complaints")
    text = said(dataclasses.replace(shipped, destinations={**shipped.destinations, "sales": sales}))
    assert "callers of 'sales' and of 'complaints' wait in the same queue, 'complaints'" in text
    assert "same queue" not in said(shipped)


def test_many_early_decisions_that_may_be_wrong(shipped: Config) -> None:
    for wrong, threshold, warned in ((0.2, None, False), (0.3, None, True), (0.3, 0.9, False)):
        decision = dataclasses.replace(shipped.decision, early_error=wrong, early_threshold=threshold)
        assert (
            "30 in 100 may go to the wrong place" in said(dataclasses.replace(shipped, decision=decision))
        ) is warned


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
