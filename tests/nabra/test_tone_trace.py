"""What is known of a recording's tone: which estimate belongs to which time, level, voice, and words for them."""

import numpy as np
import pytest

from nabra.tone_trace import percent, runs, trend_word
from tests.nabra.tones import PRIOR, Estimated, abstained, calm_then_angry, trace


def test_an_estimate_is_of_the_quarter_second_before_it() -> None:
    made = trace([Estimated(1.0), Estimated(1.25), Estimated(1.5)])
    assert made.between(0.0, 0.7) is None
    assert made.between(0.8, 0.9) == Estimated(1.0)
    assert made.between(1.01, 1.05) == Estimated(1.25)
    assert made.between(1.25, 1.3) == Estimated(1.5)
    assert made.between(1.5, 1.6) is None
    assert trace([]).between(0.0, 1.0) is None


def test_a_long_stretch_shows_what_matters_most_in_it() -> None:
    made = trace([Estimated(1.0, anger=0.2), Estimated(1.25, anger=0.5), abstained(1.5)])
    assert made.between(0.0, 2.0) == Estimated(1.25, anger=0.5)
    assert trace([abstained(1.0), abstained(1.25, "clipped")]).between(0.0, 2.0) == abstained(1.25, "clipped")


def test_levels_are_of_decibels() -> None:
    made = trace([], 1.0)
    made.pcm[:] = 0
    assert made.level(0.0, 0.5) == 0.0
    made.pcm[100] = -32768
    assert made.level(0.0, 0.5) == pytest.approx(1.0)
    made.pcm[5000] = 328
    assert made.level(0.5, 1.0) == pytest.approx((52 - 40) / 52, abs=0.01)
    assert made.level(9.0, 9.5) == 0.0


def test_voice_is_told_by_stretches() -> None:
    made = trace([], 5.0)
    assert made.stretches() == [(1.0, 2.0), (3.0, 4.0)]
    assert made.speaks(0.5, 1.1)
    assert not made.speaks(0.0, 0.9)
    assert trace([], 5.0, heard_s=1.5).heard_s == 1.5
    assert not trace([], 5.0, heard_s=1.5).whole
    assert made.whole
    assert trace([], 0.0).stretches() == []


def test_evidence_is_the_same_whatever_the_prior_assumes() -> None:
    made = calm_then_angry()
    assert made.evidence(PRIOR) == pytest.approx(0.5)
    assert made.evidence(0.085) == pytest.approx(0.75, abs=0.01)
    assert made.evidence(0.0) == 0.0
    assert made.evidence(1.0) == pytest.approx(1.0)
    assert np.isfinite(made.evidence(1.0))


def test_runs_end_where_the_reason_changes() -> None:
    found = runs([abstained(0.25), abstained(0.5, "too noisy"), Estimated(0.75), Estimated(1.0)])
    assert [(reason, len(group)) for reason, group in found] == [("too little voice", 1), ("too noisy", 1), ("", 2)]


@pytest.mark.parametrize(("share", "said"), [(0.004, "0.4 %"), (0.085, "8.5 %"), (0.12, "12 %"), (0.0999, "10 %")])
def test_percentages(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(("trend", "word"), [(3.0, "rising"), (-3.0, "falling"), (0.2, "steady")])
def test_trends_have_words(trend: float, word: str) -> None:
    assert trend_word(Estimated(1.0, trend=trend)) == word


def test_a_long_trace_is_thinned_and_loses_no_alarm() -> None:
    long = calm_then_angry(600.0, alarm_s=599.5)
    thin = long.thinned(100)
    assert 90 < len(thin.estimates) <= 101
    times = [item.t_s for item in thin.estimates]
    assert times == sorted(set(times))
    assert any(item.alarmed for item in thin.estimates)
    assert thin.last == long.last
    assert thin.speech_s == long.speech_s
    assert long.thinned(5000) is long
