"""A session that waits asks the decider again only where something changed, and decides as one that always asks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router.session
import tests.router.scripted
from router.decider import Verdict, decide
from router.generation import Generation
from router.moment import Moment
from router.session import Session
from tests.router.scripted import ANGRY_RULES, Caller, generation, site
from tests.router.test_properties import ANYTHING, RULES, Step, conversations, made, played


class AlwaysAsks(Session):
    """A session to which everything is always new."""

    def _grounds(self) -> tuple[object, ...]:
        return (object(),)


@settings(max_examples=300, deadline=None)
@given(st.one_of(conversations(), ANYTHING), RULES)
def test_the_record_is_that_of_a_session_that_always_asks(script: list[Step], rules: tuple[object, ...]) -> None:
    config = site(rules=rules)
    with pytest.MonkeyPatch.context() as patch:
        usual = played(made(config), script)
        patch.setattr(tests.router.scripted, "Session", AlwaysAsks)
        always = played(made(config), script)
    assert isinstance(always.session, AlwaysAsks)
    usual_record, always_record = (
        json.dumps(caller.session.record(caller.now_s).to_json(), allow_nan=False) for caller in (usual, always)
    )
    assert usual_record == always_record


def test_an_estimate_that_says_nothing_new_costs_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def counted(moment: Moment, made: Generation) -> Verdict:
        asked.append(moment.now_s)
        return decide(moment, made)

    monkeypatch.setattr(router.session, "decide", counted)
    caller = Caller(generation(rules=ANGRY_RULES)).until(3).speaks(2.0).partial("i would like to buy a thing")
    before = len(asked)
    for _ in range(8):
        caller.until(caller.t + 0.25).sounds(0.1, abstained=True)
    assert len(asked) == before
    caller.sounds(0.1)
    assert len(asked) == before + 1
