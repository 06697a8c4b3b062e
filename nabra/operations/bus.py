"""A bounded, numbered bus of call events that never presses back on whoever publishes.

Theory of operation: the bus keeps the last `capacity` events in a ring. Publishing writes one slot and wakes
the subscribers that wait; it calls nobody, so a slow or broken subscriber costs a call nothing. A subscriber
holds only the number of the next event it wants. One that falls behind by more than the ring finds, with its
next batch, how many events it missed, and goes on from the oldest that is left: it resynchronises by what it
is told, not by what it guesses.

The bus lives on one thread (the event loop). It reads no clock: events carry the times that their publishers
give.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class EventKind(StrEnum):
    """What happened to a call."""

    CALL_OPENED = "call_opened"
    NOTICE_STARTED = "notice_started"
    NOTICE_ENDED = "notice_ended"
    SPEECH_STARTED = "speech_started"
    SPEECH_PAUSED = "speech_paused"
    END_OF_UTTERANCE = "end_of_utterance"
    PARTIAL = "partial"
    FINAL = "final"
    TONE = "tone"
    KEY = "key"
    DECIDED = "decided"
    HANDED_BACK = "handed_back"
    PBX_ROUTE = "pbx_route"
    QUEUE_JOIN = "queue_join"
    QUEUE_ANSWER = "queue_answer"
    QUEUE_ABANDON = "queue_abandon"
    QUEUE_LEAVE = "queue_leave"
    QUEUE_COMPLETE = "queue_complete"
    TRANSFERRED = "transferred"
    HUNG_UP = "hung_up"
    DEGRADED = "degraded"
    RECOVERED = "recovered"
    RECORD = "record"


_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One change of state of one call.

    Attributes
    ----------
    number
        Position on the bus, from 1, without gaps.
    call
        The call's id (its UUID as text).
    at_s
        Monotonic time in seconds.
    audio_s
        Audio time in seconds: samples of this call's audio so far / 8000.
    kind
        What happened; always one of `EventKind`.
    data
        Details, by kind; JSON-able values.
    """

    number: int
    call: str
    at_s: float
    audio_s: float
    kind: EventKind
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order, and how many before them were lost to this subscriber."""

    missed: int
    events: tuple[CallEvent, ...]


class EventBus:
    """The ring of the last events.

    Parameters
    ----------
    capacity
        How many events are kept for those who fall behind.
    """

    def __init__(self, capacity: int = 8192) -> None:
        if capacity < 1:
            raise ValueError(f"an event bus keeps at least one event, not {capacity}")
        self._ring: list[CallEvent | None] = [None] * capacity
        self._last = 0
        self._subscriptions: set[Subscription] = set()

    @property
    def last_number(self) -> int:
        """Number of the newest event; 0 before the first."""
        return self._last

    def publish(
        self,
        kind: EventKind | str,
        *,
        call: str,
        at_s: float,
        audio_s: float = 0.0,
        data: Mapping[str, object] = _NOTHING,
    ) -> CallEvent:
        """Number an event, keep it, and wake those who wait; calls nobody and never blocks.

        Raises
        ------
        ValueError
            `kind` is not one of `EventKind`.
        """
        event = CallEvent(self._last + 1, call, at_s, audio_s, EventKind(kind), data)
        self._last = event.number
        self._ring[self._last % len(self._ring)] = event
        for subscription in self._subscriptions:
            subscription.wake()
        return event

    def subscribe(self, *, after: int | None = None) -> Subscription:
        """Follow the bus.

        Parameters
        ----------
        after
            Start behind this event number (0: all that the ring still holds); by default, from now on.
        """
        start = self._last if after is None else after
        subscription = Subscription(self, min(max(start, 0), self._last) + 1)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscriber; harmless twice."""
        self._subscriptions.discard(subscription)

    def slice(self, start: int, limit: int) -> Batch:
        """Return up to `limit` events from number `start` on, with the count of those no longer kept."""
        oldest = max(1, self._last - len(self._ring) + 1)
        first = max(start, oldest)
        end = min(self._last + 1, first + limit)
        found = (self._ring[number % len(self._ring)] for number in range(first, end))
        return Batch(missed=first - start, events=tuple(event for event in found if event is not None))


@dataclass(slots=True, eq=False)
class Subscription:
    """One reader's place on the bus; made by `EventBus.subscribe`."""

    _bus: EventBus
    _next: int
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    missed: int = 0
    """Events lost to this reader so far."""

    @property
    def behind(self) -> int:
        """How many events wait to be read or are already lost."""
        return self._bus.last_number - self._next + 1

    def poll(self, limit: int = 256) -> Batch:
        """Return what is there now, at most `limit` events; an empty batch when there is nothing."""
        batch = self._bus.slice(self._next, limit)
        self._next += batch.missed + len(batch.events)
        self.missed += batch.missed
        if self._next > self._bus.last_number:
            self._awake.clear()
        return batch

    async def next(self, limit: int = 256) -> Batch:
        """Wait until there is something, then return it as `poll` does."""
        while self.behind <= 0:
            self._awake.clear()
            await self._awake.wait()
        return self.poll(limit)

    async def batches(self, limit: int = 256) -> AsyncIterator[Batch]:
        """Iterate over batches for ever; leaves the bus when the iteration is closed or cancelled."""
        try:
            while True:
                yield await self.next(limit)
        finally:
            self.close()

    def wake(self) -> None:
        """Called by the bus on every event."""
        self._awake.set()

    def close(self) -> None:
        """Leave the bus."""
        self._bus.unsubscribe(self)
