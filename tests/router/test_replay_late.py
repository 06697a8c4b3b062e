"""A call recorded by an engine that was behind: what its timers did is told by the record, or it is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from config.schema import Budget
from router.evidence import Event
from router.generation import Generation
from router.record import decision_to_json
from router.recorded import read_record
from router.replay import LATE_S, Unknown, WhatIf
from tests.router.scripted import Caller, KeywordReader
from tests.router.test_properties import Step
from tests.router.test_replay import UNASKED, calm, record_of, under
from tests.router.test_replay_worlds import CALLERS, LANGUAGES, Site, deed, lives, sites

BEHIND_S = 0.5
SAID = "i want to buy a thing"


class Behind(Caller):
    """A caller whom the engine hears BEHIND_S late, and whose timers do not ring while something is told."""

    def tell(self, event: Event) -> Caller:
        return super().tell(replace(event, audio_s=max(0.0, event.audio_s - BEHIND_S)))

    def until(self, t: float) -> Caller:
        due, goal = self.session.deadline(), self.opened_s + t
        if due is not None and self.now_s <= due < goal < due + BEHIND_S:
            self.now_s = goal
            return self
        return super().until(t)


def rings(caller: Caller) -> Caller:
    """Let what was due ring now."""
    return Caller.until(caller, caller.t)


def spoke_first(made: Generation) -> dict[str, Any]:
    """Nobody had spoken in time at 6 s; a voice is told at 6.35 s, before that timer rings."""
    caller = Behind(made).until(5.9).until(6.35).speaks().until(7).partial(SAID)
    return record_of(caller.until(7.6).ends().final(SAID).hangs_up())


def asked_late(made: Generation) -> dict[str, Any]:
    caller = rings(Behind(made).until(5.9).until(6.4))
    return record_of(caller.until(9).speaks().until(10).ends().final(SAID).hangs_up())


def forced_late(made: Generation) -> dict[str, Any]:
    caller = rings(Behind(made).until(3).speaks().until(9).partial("i want to").until(10.4))
    return record_of(caller.until(10.8).final(SAID).hangs_up())


def silent_late(made: Generation) -> dict[str, Any]:
    return record_of(rings(Behind(made).until(5.9).until(6.3)).hangs_up())


LATE: dict[str, tuple[Callable[[Generation], dict[str, Any]], Generation]] = {
    "spoke first": (spoke_first, calm()),
    "asked late": (asked_late, calm()),
    "forced late": (forced_late, calm()),
    "silent": (silent_late, calm(decision=UNASKED)),
}


def renamed(made: Generation) -> Generation:
    return Generation.of(replace(made.config, fingerprint="the same by another name"), 2, KeywordReader())


def older(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record from before it told how late timers were."""
    timeline = [{name: value for name, value in entry.items() if name != "late_s"} for entry in record["timeline"]]
    return {**record, "timeline": timeline}


@pytest.mark.parametrize("name", LATE)
def test_a_site_by_another_name_does_what_was_recorded(name: str) -> None:
    made, generation = LATE[name]
    record = made(generation)
    assert record["decision"] is not None
    assert max(entry.get("late_s", 0.0) for entry in record["timeline"]) > 5 * LATE_S
    again = under(record, renamed(generation))
    assert again.unknown is None
    assert decision_to_json(again.decision) == record["decision"]


@pytest.mark.parametrize("name", LATE)
def test_where_the_record_shows_only_that_the_engine_was_behind_it_is_not_known(name: str) -> None:
    made, generation = LATE[name]
    record = older(made(generation))
    assert read_record(record).behind_s == pytest.approx(BEHIND_S)
    again = under(record, renamed(generation))
    assert (again.unknown, again.decision) == (Unknown.TIMERS_LATE, None)


@pytest.mark.parametrize(
    ("engine", "no_speech_s", "spoke_s", "why"),
    [
        (Caller, 2.0, 4.3, Unknown.ASKED),
        (Behind, 2.0, 4.3, Unknown.TIMERS_LATE),
        (Behind, 2.0, 5.0, Unknown.ASKED),
        (Behind, 4.0, 4.3, None),
    ],
)
def test_a_time_that_is_up_sooner_may_have_been_missed_only_as_far_as_the_engine_was_behind(
    engine: type[Caller], no_speech_s: float, spoke_s: float, why: Unknown | None
) -> None:
    caller = engine(calm()).until(spoke_s).speaks().until(6).ends().final(SAID)
    assert under(record_of(caller), calm(budget=Budget(no_speech_s=no_speech_s, listen_s=9.0))).unknown is why


def test_a_machine_that_keeps_up_is_not_behind() -> None:
    caller = Caller(calm()).until(3).speaks().until(4).partial(SAID).until(4.6).ends().final(SAID).until(60).hangs_up()
    assert read_record(record_of(caller)).behind_s == pytest.approx(0.0)


@settings(max_examples=200, deadline=None)
@given(CALLERS, sites(), LANGUAGES, st.booleans())
def test_nothing_is_blamed_on_a_site_for_an_engine_that_was_behind(
    script: list[Step], a: Site, said: str, is_older: bool
) -> None:
    record = record_of(lives(a.generation("a"), script, said, Behind))
    if is_older:
        record = older(record)
        if read_record(record).behind_s < BEHIND_S - 1e-6:
            event("an older record that does not show it")
            return
    again = WhatIf(a.generation("b")).decide(record)
    event("known" if again.unknown is None else again.unknown.value)
    assert is_older or again.unknown is not Unknown.TIMERS_LATE
    if again.unknown is None:
        recorded = read_record(record).decision
        assert (again.decision is None) is (recorded is None)
        if again.decision is not None:
            assert deed(again.decision) == deed(recorded)
            assert again.decision.decided_at_s == pytest.approx(recorded.decided_at_s, abs=LATE_S + 1e-6)
