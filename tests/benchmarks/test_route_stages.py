"""What is measured of routing is what it says: thirty sub-intents, 500 rules, records that are decided as they were."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import config
from benchmarks import replay_rates, route_stages
from benchmarks.recorded_calls import recorded_calls
from nabra.generations import fit
from router import Generation
from router.recorded import read_record


def test_the_larger_configuration_has_thirty_sub_intents_and_500_rules() -> None:
    many = route_stages._many(config.load())
    assert len(many.intents.intents) == route_stages.THIRTY == len({intent.name for intent in many.intents.intents})
    assert len(many.rules) >= 500
    assert all(len(intent.examples) >= 5 for intent in many.intents.intents)
    Generation.fit(many, 1)


def test_what_is_promised_is_a_figure_with_floor_and_aim() -> None:
    watch = route_stages._watched(fit(config.load(), 1), 200, route_stages._ticks)
    row = route_stages._promised("ticks", watch, route_stages.CHANGED, "4 rules")
    figures: Any = row["figures"]
    assert [(one["name"], one["floor"], one["aim"]) for one in figures] == [
        ("p50", 500.0, 200.0), ("p99", 1500.0, 500.0), ("p99.9", 3000.0, 1000.0)
    ]  # fmt: skip
    assert all(one["low"] <= one["value"] <= one["high"] for one in figures)
    assert all(one["holds"] == (one["value"] <= one["floor"]) for one in figures)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_interval_of_a_quantile_holds_it_as_often_as_it_says(share: float) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        low, high = route_stages._between(sorted(rng.random(500)), share)
        held += low <= share <= high
    assert held >= 930


def test_records_are_decided_again_in_three_ways_each_drawn_ten_times_with_an_interval() -> None:
    own, rules, examples = replay_rates.measure_replays(fit(config.load(), 1), 3)
    for row in (own, rules, examples):
        figure: Any = row["figures"][0]  # type: ignore[index]
        assert row["n"] == 30
        assert figure["low"] < figure["value"] < figure["high"]
        assert (figure["floor"], figure["aim"]) == (1000.0, 4000.0)
    assert "100.0 % the same" in str(own["note"])
    assert rules["model"] == own["model"] != examples["model"]


def test_sample_calls_are_seeded_and_live_through_time() -> None:
    generation = fit(config.load(), 1)
    first, again = (list(recorded_calls(generation, 4, seed=9)) for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    for record in first:
        times = [now_s for _, now_s in read_record(record).evidence]
        assert all(before <= after for before, after in pairwise(times))
        assert record["outcome"] == "decided"
