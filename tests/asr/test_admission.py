"""Which rung a call gets: by measured cost, at once in a burst, and with room to spare before it climbs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.admission import Admission, TalkShare
from asr.pool_types import PoolSettings, Rung

SETTINGS = PoolSettings()
loads = st.floats(0, 2)


def made(full: float = 0.4, phrases: float = 0.03) -> Admission:
    admission = Admission(SETTINGS)
    admission.measured_at_start("en", Rung.FULL, full)
    admission.measured_at_start("en", Rung.PHRASES, phrases)
    return admission


def test_the_first_measurement_gives_way_to_what_callers_really_cost() -> None:
    admission = made(full=0.4)
    admission.measured_at_start("en", Rung.FULL, 9.9)
    assert admission.cost("en", Rung.FULL) == pytest.approx(0.4)
    for _ in range(60):
        admission.measured("en", Rung.FULL, 0.1, 1.0)
    assert admission.cost("en", Rung.FULL) == pytest.approx(0.1, abs=0.03)
    assert admission.cost("ar", Rung.FULL) == 0.0


def test_calls_go_down_the_rungs_as_a_worker_fills() -> None:
    admission = made()
    got = [admission.rung("en", True, load, 0.0) for load in (0.0, 0.4, 0.5, 0.85, 0.9)]
    assert [rung for rung, _ in got] == [Rung.FULL, Rung.FULL, Rung.PHRASES, Rung.PHRASES, Rung.NONE]
    assert got[0][1] == ""
    assert all("full" in reason for rung, reason in got if rung is not Rung.FULL)
    assert admission.rung("en", False, 0.5, 0.0)[0] is Rung.FULL
    assert admission.rung("en", False, 0.6, 0.0)[0] is Rung.NONE


def test_nobody_is_taken_where_words_wait() -> None:
    rung, reason = made().rung("en", True, 0.0, 2.5)
    assert rung is Rung.NONE
    assert "2.5 s" in reason


def test_an_idle_worker_takes_a_caller_whom_it_can_just_keep_up_with() -> None:
    assert made(full=0.99).rung("en", True, 0.0, 0.0)[0] is Rung.FULL
    assert made(full=1.2).rung("en", True, 0.0, 0.0)[0] is Rung.PHRASES
    assert made(full=1.2).rung("en", False, 0.0, 0.0)[0] is Rung.NONE


@given(loads, st.floats(0.001, 1), st.booleans(), st.sampled_from([Rung.PHRASES, Rung.NONE]))
def test_who_climbs_would_also_be_taken_and_not_at_the_limit(load: float, cost: float, grammar: bool, on: Rung) -> None:
    admission = made(full=cost)
    climbed = admission.climb("en", grammar, on, load, 0.0)
    if climbed is on:
        return
    taken, _ = admission.rung("en", grammar, load, 0.0)
    order = [Rung.NONE, Rung.PHRASES, Rung.FULL]
    assert order.index(on) < order.index(climbed) <= order.index(taken)
    # The call that was there before and lifted the load by a little does not push it down again.
    if climbed is Rung.FULL and load >= 0.05:
        assert admission.rung("en", grammar, load + SETTINGS.climb_load - 1e-6, 0.0)[0] is Rung.FULL


@given(loads, loads, st.booleans())
def test_a_fuller_worker_never_gives_a_better_rung(one: float, other: float, grammar: bool) -> None:
    order = [Rung.NONE, Rung.PHRASES, Rung.FULL]
    less, more = sorted((one, other))
    admission = made()
    first, second = (order.index(admission.rung("en", grammar, load, 0.0)[0]) for load in (less, more))
    assert first >= second


def test_settings_for_measurements_take_every_call() -> None:
    assert Admission(PoolSettings(admit_all=True)).rung("en", True, 9.0, 9.0) == (Rung.FULL, "")
    limited = Admission(PoolSettings(admit_all=True, best_rung=Rung.PHRASES))
    assert limited.rung("en", True, 9.0, 9.0)[0] is Rung.PHRASES
    assert limited.rung("en", False, 9.0, 9.0)[0] is Rung.FULL
    assert Admission(PoolSettings(best_rung=Rung.PHRASES)).rung("en", True, 0.0, 0.0)[0] is Rung.PHRASES


def test_a_new_caller_counts_at_once_and_a_silent_one_soon_no_more() -> None:
    talk = TalkShare(100.0, 4.0)
    assert talk.share(100.0) == pytest.approx(0.8)
    assert talk.share(120.0) < 0.01
    for second in range(30):
        talk.spoke(1.0, 121.0 + second)
    assert talk.share(150.0) > 0.95
    assert 0.3 < talk.share(154.0) < 0.5
