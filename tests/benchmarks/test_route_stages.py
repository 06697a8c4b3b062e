"""What is measured of routing is what it says: thirty sub-intents, 500 rules, records that are decided as they were."""

from __future__ import annotations

import json
from itertools import pairwise

import config
from benchmarks import route_stages
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


def test_a_row_says_which_configuration_it_is_of() -> None:
    generation = fit(config.load(), 1)
    names = {
        route_stages._stage(generation, 3, route_stages._ticks, "tick", "tick", f"{n} rules").name for n in (4, 504)
    }
    assert names == {"tick, 4 rules", "tick, 504 rules"}


def test_replay_is_drawn_ten_times_with_an_interval() -> None:
    row = route_stages._replays(fit(config.load(), 1), 3)
    assert row["n"] == 30
    low, high = row["rate_interval_95"]  # type: ignore[misc]
    assert low < row["rate_per_s"] < high  # type: ignore[operator]
    assert "records a second on one core" in str(row["note"])


def test_sample_calls_are_seeded_and_live_through_time() -> None:
    generation = fit(config.load(), 1)
    first, again = (list(recorded_calls(generation, 4, seed=9)) for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    for record in first:
        times = [now_s for _, now_s in read_record(record).evidence]
        assert all(before <= after for before, after in pairwise(times))
        assert record["outcome"] == "decided"
