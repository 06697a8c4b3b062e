"""How the accuracy of intents is measured: thresholds come from other texts, nothing that was learnt is judged."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intent_accuracy import WORDS, Judged, drawn, fitted, judge, misheard

ROWS = [(f"{verb} the {thing}", verb) for verb in ("pay", "buy", "mend") for thing in ("bill", "phone", "line", "plan")]


def test_a_threshold_is_set_on_the_other_half() -> None:
    """Every second text is much surer than the others: its own half's threshold would route as many of each."""
    sure = np.tile([0.9, 0.1], 50) + np.arange(100) / 1e4
    coverage, error = Judged(sure > 0.5, sure).routed(0.5)
    assert coverage == 50.0
    assert error == 0.0


def test_the_surest_are_routed() -> None:
    rng = np.random.default_rng(1)
    sure = rng.random(40_000)
    judged = Judged(rng.random(40_000) < sure, sure)
    coverage, error = judged.routed(0.4)
    assert coverage == pytest.approx(40, abs=2)
    assert error == pytest.approx(20, abs=2)
    assert judged.accuracy() == pytest.approx(50, abs=2)


def test_words_are_misheard_at_the_rate_that_is_said() -> None:
    words = ["word"] * 20_000
    heard = misheard(words, 0.2, ["other"], np.random.default_rng(1))
    assert heard.count("word") == pytest.approx(0.84 * 20_000, rel=0.02)
    assert heard.count("other") == pytest.approx(0.16 * 20_000, rel=0.05)
    assert misheard(words[:9], 0.0, ["other"], np.random.default_rng(1)) == words[:9]


def test_what_is_drawn_is_not_judged() -> None:
    groups, rest = drawn(ROWS, 3, np.random.default_rng(1))
    assert {label: len(texts) for label, texts in groups.items()} == {"buy": 3, "mend": 3, "pay": 3}
    assert sorted(rest + [(text, label) for label, texts in groups.items() for text in texts]) == sorted(ROWS)


def test_each_reading_is_judged_and_some_destinations_may_be_barred() -> None:
    groups, rest = drawn(ROWS, 3, np.random.default_rng(1))
    model = fitted(groups, "en", str, 0, None)
    found = judge(model, "en", rest, None)
    assert set(found) == {WORDS}
    assert found[WORDS].accuracy() == 100
    barred = judge(model, "en", rest, None, lambda name: name != "pay")[WORDS]
    assert barred.right.sum() == 2
