"""The alarm is about a call: what raises and ends it, and that a threshold keeps for calls what it promises."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from emotion import Estimate, ToneModel, TrackerSettings, trace
from emotion.alarm import DEMAND_S, FLOOR_S, RELEASE, Alarm, log_odds
from tests.emotion.corpus_calls import made_calls


def heard(alarm: Alarm, values: list[float], *, from_s: float = 8.0, confidence: float = 0.9) -> float:
    """Let an alarm hear an estimate each quarter of a second; return the highest evidence."""
    peak = -math.inf
    for step, value in enumerate(values):
        alarm.add(from_s + 0.25 * step, from_s + 0.25 * step, value, confidence)
        peak = max(peak, alarm.evidence)
    return peak


def test_log_odds_stay_finite() -> None:
    assert log_odds(0.5) == 0.0
    assert log_odds(0.75) == pytest.approx(math.log(3.0))
    assert log_odds(1.0) == pytest.approx(-log_odds(0.0)) == pytest.approx(13.8, abs=0.1)


def test_evidence_is_the_mean_of_the_last_second_less_a_demand() -> None:
    alarm = Alarm(1.0)
    heard(alarm, [9.0, 1.0, 2.0, 3.0, 4.0])
    assert alarm.evidence == pytest.approx(2.5 - DEMAND_S / 9.0)
    alarm.add(10.0, 10.0, 6.0, 0.3)
    assert alarm.evidence == pytest.approx((0.9 * (2.0 + 3.0 + 4.0) + 0.3 * 6.0) / 3.0 - DEMAND_S / 10.0)


def test_the_same_estimate_heard_many_times_is_not_more_evidence() -> None:
    once, often = Alarm(1.0), Alarm(1.0)
    once.add(8.0, 8.0, 1.2, 0.9)
    for step in range(100):
        often.add(8.0 + step, 8.0, 1.2, 0.9)
    assert often.evidence == pytest.approx(once.evidence)
    assert not often.on


def test_little_heard_asks_for_more() -> None:
    alarm = Alarm(1.0)
    alarm.add(1.0, FLOOR_S - 0.01, 13.0, 0.9)
    assert not alarm.on
    assert alarm.evidence == -math.inf
    for heard_s, value in ((FLOOR_S, 2.5), (6.0, 2.0)):
        early = Alarm(1.0)
        early.add(heard_s, heard_s, value, 0.9)
        assert early.on == (value - DEMAND_S / heard_s >= 1.0)


def test_an_alarm_ends_well_below_where_it_began_and_stays_on_the_record() -> None:
    alarm = Alarm(1.0)
    steps = [
        (8.0, 0.0, False),
        (10.0, 2.0, True),
        (30.0, 1.0 + DEMAND_S / 30.0 - 0.5 * RELEASE, True),
        (40.0, -3.0, False),
        (50.0, 1.0 + DEMAND_S / 50.0 - 0.5 * RELEASE, False),
        (60.0, 5.0, True),
    ]
    raised = []
    for from_s, value, on in steps:
        heard(alarm, [value] * 8, from_s=from_s)
        assert alarm.on == on, f"from {from_s} s on"
        raised.append(alarm.raised_at_s)
    assert raised[0] is None
    assert raised[1] is not None
    assert 10.0 < raised[1] < 11.0
    assert set(raised[1:]) == {raised[1]}


def test_no_confidence_is_no_evidence() -> None:
    alarm = Alarm(0.0)
    alarm.add(9.0, 9.0, 13.0, 0.0)
    assert alarm.evidence == -math.inf


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 1.0, 2.0])
def test_a_call_is_ever_alarmed_just_where_its_peak_reaches_the_threshold(threshold: float) -> None:
    rng = np.random.default_rng(6)
    for _ in range(100):
        values = (rng.normal(0.0, 1.0) + np.cumsum(rng.normal(0.0, 0.4, 28))).tolist()
        alarm, unreachable = Alarm(threshold), Alarm(math.inf)
        heard(alarm, values, from_s=1.0)
        peak = heard(unreachable, values, from_s=1.0)
        assert (alarm.raised_at_s is not None) == (peak >= threshold)
        assert unreachable.raised_at_s is None


def peak_of(estimates: list[Estimate], model: ToneModel) -> float:
    alarm = Alarm(math.inf)
    before, peak = 0.0, -math.inf
    for e in estimates:
        if not e.abstained and e.voiced_s > before:
            alarm.add(e.t_s, e.voiced_s, log_odds(e.anger), e.confidence)
            before = e.voiced_s
            peak = max(peak, alarm.evidence)
    return peak


@pytest.fixture(scope="module")
def calm_calls(corpora: Path, model: ToneModel) -> dict[str, list[list[Estimate]]]:
    calls = made_calls(corpora / "emotion" / "ravdess", {"neutral", "calm", "sadness"}, 8.0)
    return {speaker: [trace(pcm, lambda _: True, model) for pcm in of_speaker] for speaker, of_speaker in calls.items()}


def test_a_threshold_keeps_for_the_calls_of_other_people_what_it_promises(
    model: ToneModel, calm_calls: dict[str, list[list[Estimate]]]
) -> None:
    speakers = sorted(calm_calls)
    halves = [[call for speaker in group for call in calm_calls[speaker]] for group in (speakers[::2], speakers[1::2])]
    per_call, per_estimate = [], []
    for ours, others in (halves, halves[::-1]):
        peaks = [np.array([peak_of(call, model) for call in calls]) for calls in (ours, others)]
        per_call.append(np.mean(peaks[1] >= np.quantile(peaks[0], 0.95)))
        single = np.quantile([log_odds(e.anger) for call in ours for e in call if not e.abstained], 0.95)
        per_estimate.append(
            np.mean([max(log_odds(e.anger) for e in call if not e.abstained) >= single for call in others])
        )
    assert sum(map(len, halves)) > 80
    # 5 % were promised; two halves of some forty calls each cannot say it better than this.
    assert np.mean(per_call) <= 0.10
    assert np.mean(per_estimate) > 1.5 * np.mean(per_call), "a threshold for estimates promises nothing about calls"


def test_the_tracker_alarms_the_calls_whose_peak_reaches_its_threshold(
    model: ToneModel, corpora: Path, calm_calls: dict[str, list[list[Estimate]]]
) -> None:
    angry = made_calls(corpora / "emotion" / "ravdess", {"anger"}, 8.0)
    found = [trace(call, lambda _: True, model) for speaker in sorted(angry)[:8] for call in angry[speaker]]
    calm = [call for speaker in sorted(calm_calls) for call in calm_calls[speaker]]
    threshold = log_odds(TrackerSettings().alarm_at)
    for estimates in found + calm:
        assert (estimates[-1].alarmed_at_s is not None) == (peak_of(estimates, model) >= threshold)
    shares = [np.mean([call[-1].alarmed_at_s is not None for call in calls]) for calls in (found, calm)]
    assert shares[0] > 0.5
    assert shares[1] < 0.05
    for estimates in found:
        times = [e.alarmed_at_s for e in estimates if e.alarmed_at_s is not None]
        assert len(set(times)) <= 1, "the first alarm stays"
        assert all(e.t_s == e.alarmed_at_s for e in estimates if e.alarmed and e.alarmed_at_s == e.t_s)
