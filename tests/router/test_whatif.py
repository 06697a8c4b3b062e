"""Two decisions side by side: what counts as a change, and what is blamed for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import PreferAgent, Skill
from router.errors import RecordError
from router.whatif import NOWHERE, Cause, Change, Compared, Side, compare, from_row, to_row
from tests.router.scripted import FACTS, Caller, rule
from tests.router.test_replay import UNASKED, buyer, calm, gen, record_of, under

RULE = (rule("buyers to people", 'intent == "buy"', route="reception", raise_minutes=3.0),)


def test_a_changed_call_names_the_rule_that_did_it_and_what_had_done_it_before() -> None:
    compared = compare(under(buyer(calm()), calm(rules=RULE)))
    assert compared.changes == (Change.DESTINATION, Change.PRIORITY)
    assert compared.blame == (Cause("rule_route", "buyers to people"), Cause("words", "buy"))
    assert compared.now is not None
    assert (compared.now.destination, compared.now.priority) == ("reception", 3)
    assert compared.was.listened_s == pytest.approx(2.6)


def test_a_raise_and_a_time_have_causes_of_their_own() -> None:
    patient = (rule("buyers wait less", 'intent == "buy"', raise_minutes=2.0),)
    raised = compare(under(buyer(calm()), calm(rules=patient)))
    assert (raised.changes, raised.blame) == (
        (Change.PRIORITY,),
        (Cause("rule_raise", "buyers wait less"), Cause("not_raised")),
    )
    earlier = compare(under(buyer(calm()), gen(rules=())))
    assert (earlier.changes, earlier.blame) == ((Change.TIME,), (Cause("at_words"), Cause("at_end_of_speech")))
    assert earlier.later_s == pytest.approx(-0.6)


def test_skills_and_the_agent_asked_for_are_compared_in_shadow_as_well() -> None:
    asks = (
        rule("knows refunds", 'intent == "buy"', require="refunds"),
        rule("knows them", "last_agent_known", prefer_agent=PreferAgent(for_s=30)),
    )
    skills = {"refunds": Skill()}
    facts = replace(FACTS, last_agent="PJSIP/7")
    record = buyer(calm(skills=skills), facts=facts)
    compared = compare(under(record, calm(rules=asks, skills=skills)))
    assert (compared.changes, compared.blame) == (
        (Change.AGENTS,),
        (Cause("require", "knows refunds"), Cause("not_directed")),
    )
    assert compared.now is not None
    assert (compared.now.require, compared.now.prefer_agent) == (("refunds",), ("PJSIP/7", 30))
    shadowed = compare(under(record, calm(rules=asks, skills=skills, shadow=True, decision=UNASKED)))
    assert shadowed.now is not None
    assert shadowed.now.agents == compared.now.agents
    back = compare(under(buyer(calm(rules=asks, skills=skills, shadow=True), facts=facts), calm(decision=UNASKED)))
    assert back.was.agents == compared.now.agents
    assert back.changes == (Change.AGENTS,)


def test_in_shadow_mode_the_destination_that_was_meant_counts() -> None:
    shadowed = buyer(calm(shadow=True))
    assert shadowed["decision"]["destination"] == "reception"
    compared = compare(under(shadowed, calm(decision=UNASKED)))
    assert compared.in_shadow
    assert (compared.was.destination, compared.changes) == ("sales", ())


def test_a_caller_who_hung_up_first_went_nowhere() -> None:
    gone = record_of(Caller(calm()).until(3).speaks().until(4).partial("i want to buy a thing").hangs_up())
    stays = compare(under(gone, calm(decision=UNASKED)))
    assert (stays.was.destination, stays.changes) == (NOWHERE, ())
    quick = compare(under(gone, gen(rules=())))
    assert quick.now is not None
    assert (quick.now.destination, quick.changes, quick.blame[1]) == (
        "sales",
        (Change.DESTINATION,),
        Cause("hung_up"),
    )


SIDES = st.builds(
    Side,
    destination=st.sampled_from(["sales", "complaints", NOWHERE]),
    priority=st.integers(0, 5),
    decided_at_s=st.floats(1, 20).map(lambda s: round(s, 3)),
    listened_s=st.floats(0, 8),
    trigger=st.sampled_from(["words", "end_of_speech"]),
    angry=st.booleans(),
    routed_by=st.builds(Cause, st.sampled_from(["words", "rule_route"]), st.sampled_from(["buy", "a rule"])),
    require=st.sampled_from([(), ("refunds",)]),
    prefer_agent=st.sampled_from([("", 0), ("PJSIP/1", 20)]),
)
CALLS = st.lists(
    st.builds(
        Compared,
        call=st.integers(0, 999).map(str),
        pbx=st.just("main"),
        language=st.just("en"),
        wall_anchor=st.floats(1e9, 2e9),
        was=SIDES,
        now=st.none() | SIDES,
        unknown=st.just("asked"),
    ),
    max_size=30,
)


@given(CALLS)
def test_a_row_is_read_back_as_it_was(calls: list[Compared]) -> None:
    for call in calls:
        assert from_row(json.loads(json.dumps(to_row(call)))) == call


def test_a_damaged_row_is_named() -> None:
    with pytest.raises(RecordError, match="'x'"):
        from_row({"kind": "replayed", "call": "x"})
