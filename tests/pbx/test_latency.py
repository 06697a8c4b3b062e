"""Proof 6: 1, 10 and 40 calls at once are all decided and all reach a queue; how fast is printed, not judged."""

import pytest

from benchmarks.pbx_latency import place_at_once, read_samples, summary
from tests.pbx.engine import Engine
from tests.pbx.world import World

pytestmark = pytest.mark.pbx


@pytest.mark.parametrize("count", [1, 10, 40])
def test_calls_at_once(world: World, engine: Engine, count: int) -> None:
    calls = world.run(place_at_once(world, engine, read_samples(), count), timeout_s=180)
    print(summary(calls))
    assert len(calls) == count
    queues = {"complaints", "sales", "reception"}
    assert {call.destination for call in calls} <= queues
    joins = world.said("QueueCallerJoin")
    assert {join.fields["Queue"] for join in joins} <= queues
    assert len({join.fields["CallerIDNum"] for join in joins}) == count
    assert [e.fields["Why"] for e in world.said("UserEvent", UserEvent="NabraRoute")] == ["routed"] * count
