"""Metrics: the Prometheus text, and calls counted from the bus."""

import asyncio

import pytest

from nabra.operations.bus import EventBus
from nabra.operations.metrics import CallMetrics, Metrics


def test_the_text_format() -> None:
    metrics = Metrics()
    counter = metrics.counter("a_total", "Counts a", ("who",))
    counter.add('say "hi"\n', by=2)
    metrics.gauge("b", "How many b", lambda: 1.5)
    metrics.gauge("up", "By PBX", lambda: {"main": 1, "branch": 0}, label="pbx")
    histogram = metrics.histogram("c_seconds", "How long c", (0.1, 1.0))
    for value in (0.1, 0.5, 7.0):
        histogram.observe(value)
    assert metrics.text() == (
        "# HELP a_total Counts a\n# TYPE a_total counter\n"
        'a_total{who="say \\"hi\\"\\n"} 2\n'
        "# HELP b How many b\n# TYPE b gauge\nb 1.5\n"
        '# HELP up By PBX\n# TYPE up gauge\nup{pbx="main"} 1\nup{pbx="branch"} 0\n'
        "# HELP c_seconds How long c\n# TYPE c_seconds histogram\n"
        'c_seconds_bucket{le="0.1"} 1\nc_seconds_bucket{le="1"} 2\nc_seconds_bucket{le="+Inf"} 3\n'
        "c_seconds_sum 7.6\nc_seconds_count 3\n"
    )


def test_a_counter_does_not_grow_with_what_callers_send() -> None:
    counter = Metrics().counter("a_total", "a", ("key",))
    for number in range(10_000):
        counter.add(str(number))
    assert len(counter.lines()) < 250
    assert counter.value("other") > 9000


def test_wrong_labels_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="a_total"):
        Metrics().counter("a_total", "a", ("key",)).add()


def test_calls_are_counted_from_the_bus() -> None:
    async def scene() -> CallMetrics:
        bus = EventBus()
        counted = CallMetrics(Metrics())
        task = asyncio.create_task(counted.follow(bus))
        await asyncio.sleep(0)
        bus.publish("call_opened", call="a", at_s=1.0)
        bus.publish(
            "decided",
            call="a",
            at_s=5.0,
            data={"destination": "sales", "rung": "final_text", "latency_ms": 800.0},
        )
        bus.publish("queue_join", call="a", at_s=5.1, data={"queue": "sales"})
        bus.publish("queue_answer", call="a", at_s=9.0, data={"queue": "sales"})
        bus.publish("hung_up", call="a", at_s=99.0)
        bus.publish("degraded", call="b", at_s=99.0, data={"reason": "recogniser"})
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        return counted

    counted = asyncio.run(scene())
    assert counted.opened.value() == 1
    assert counted.decided.value("sales", "final_text") == 1
    assert (counted.latency.count, counted.to_queue.count) == (1, 1)
    assert counted.outcomes.value("queue_join", "sales") == 1
    assert counted.outcomes.value("queue_answer", "sales") == 1
    assert counted.degraded.value("recogniser") == 1
    assert counted.events.value() == 6
