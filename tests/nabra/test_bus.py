"""The event bus: numbered, bounded, and never waiting for a reader."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nabra.operations.bus import CallEvent, EventBus, EventKind


def fill(bus: EventBus, count: int) -> list[CallEvent]:
    return [bus.publish("partial", call=f"c{i}", at_s=float(i)) for i in range(count)]


def test_events_are_numbered_from_one_and_keep_what_they_were_given() -> None:
    bus = EventBus()
    reader = bus.subscribe()
    first = bus.publish("call_opened", call="a", at_s=1.5, audio_s=0.0, data={"pbx": "main"})
    second = bus.publish(EventKind.DECIDED, call="a", at_s=2.5, audio_s=0.9)
    assert (first.number, second.number) == (1, 2)
    assert reader.poll().events == (first, second)
    assert first.kind is EventKind.CALL_OPENED
    assert first.data == {"pbx": "main"}
    assert reader.poll().events == ()


def test_an_unknown_kind_is_refused_and_takes_no_number() -> None:
    bus = EventBus()
    with pytest.raises(ValueError, match="sung"):
        bus.publish("sung", call="a", at_s=0.0)
    assert bus.publish("tone", call="a", at_s=0.0).number == 1


def test_a_reader_that_fell_behind_is_told_the_gap_and_goes_on() -> None:
    bus = EventBus(capacity=4)
    reader = bus.subscribe()
    events = fill(bus, 10)
    batch = reader.poll()
    assert batch.missed == 6
    assert list(batch.events) == events[6:]
    later = fill(bus, 1)
    assert reader.poll().events == tuple(later)
    assert reader.missed == 6


def test_a_late_reader_can_ask_for_what_is_still_there() -> None:
    bus = EventBus(capacity=4)
    events = fill(bus, 6)
    batch = bus.subscribe(after=0).poll()
    assert (batch.missed, list(batch.events)) == (2, events[2:])
    assert bus.subscribe(after=99).poll().events == ()


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 12), st.integers(1, 9)), max_size=20))
def test_read_and_missed_add_up_to_what_was_published(capacity: int, steps: list[tuple[int, int]]) -> None:
    bus = EventBus(capacity)
    reader = bus.subscribe()
    seen: list[int] = []
    for publish, limit in steps:
        fill(bus, publish)
        batch = reader.poll(limit)
        seen += [event.number for event in batch.events]
        assert len(batch.events) <= limit
    assert seen == sorted(set(seen))
    assert len(seen) + reader.missed + reader.behind == bus.last_number


def test_waiting_readers_wake_each_at_their_own_pace() -> None:
    async def scene() -> tuple[list[int], list[int]]:
        bus = EventBus()
        fast, slow = bus.subscribe(), bus.subscribe()
        got_fast: list[int] = []

        async def follow() -> None:
            async for batch in fast.batches(limit=2):
                got_fast.extend(event.number for event in batch.events)
                if len(got_fast) == 5:
                    return

        task = asyncio.create_task(follow())
        await asyncio.sleep(0)
        for _ in range(5):
            fill(bus, 1)
            await asyncio.sleep(0)
        await task
        return got_fast, [event.number for event in (await slow.next()).events]

    got_fast, got_slow = asyncio.run(scene())
    assert got_fast == got_slow == [1, 2, 3, 4, 5]


def test_a_reader_that_left_costs_nothing() -> None:
    bus = EventBus()
    reader = bus.subscribe()
    reader.close()
    reader.close()
    fill(bus, 3)
    assert reader.poll().missed == 0


def test_an_empty_bus_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        EventBus(0)
