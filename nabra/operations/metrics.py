"""Counts and histograms in the Prometheus text format, and the subscriber that counts calls.

The format is small: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). Series
appear with their first value; labels never hold a caller's number or words, and a counter keeps at most
`_MAX_SERIES` label sets, so that no caller can make it grow.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from nabra.operations.bus import Batch, EventBus, EventKind

_MAX_SERIES = 200
_OVERFLOW = "other"

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Bounds in seconds, around the budget: 0.9 s (p50) and 1.5 s (p95) from the end of speech to the queue."""


class _Family(Protocol):
    def lines(self) -> list[str]: ...


class Counter:
    """A number that only grows, one for each set of label values."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def add(self, *values: str, by: float = 1.0) -> None:
        """Count one, or `by`, under these label values (as many as the counter has labels)."""
        if len(values) != len(self._labels):
            raise ValueError(f"{self._name} has the labels {self._labels}, not {len(values)} of them")
        if values not in self._values and len(self._values) >= _MAX_SERIES:
            values = (_OVERFLOW,) * len(values)
        self._values[values] = self._values.get(values, 0.0) + by

    def value(self, *values: str) -> float:
        """Return what was counted under these label values."""
        return self._values.get(values, 0.0)

    def lines(self) -> list[str]:
        """Return the lines of the text format."""
        return _head(self._name, self._meaning, "counter") + [
            f"{self._name}{_labels(self._labels, values)} {_number(value)}"
            for values, value in self._values.items()
        ]


class Gauge:
    """A number that is asked for when the metrics are read: one value, or one for each value of one label."""

    def __init__(
        self, name: str, meaning: str, read: Callable[[], float | Mapping[str, float]], label: str = ""
    ) -> None:
        self._name = name
        self._meaning = meaning
        self._read = read
        self._label = label

    def lines(self) -> list[str]:
        """Return the lines of the text format."""
        value = self._read()
        values = (
            {(key,): number for key, number in value.items()} if isinstance(value, Mapping) else {(): value}
        )
        labels = (self._label,) if isinstance(value, Mapping) else ()
        return _head(self._name, self._meaning, "gauge") + [
            f"{self._name}{_labels(labels, key)} {_number(number)}" for key, number in values.items()
        ]


class Histogram:
    """How often values fell at or under each of a few bounds."""

    def __init__(self, name: str, meaning: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._meaning = meaning
        self._bounds = tuple(sorted(bounds))
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def count(self) -> int:
        """How many values were counted."""
        return sum(self._counts)

    def lines(self) -> list[str]:
        """Return the lines of the text format."""
        bounds = [*map(_number, self._bounds), "+Inf"]
        totals = list(accumulate(self._counts))
        return [
            *_head(self._name, self._meaning, "histogram"),
            *(
                f'{self._name}_bucket{{le="{bound}"}} {total}'
                for bound, total in zip(bounds, totals, strict=True)
            ),
            f"{self._name}_sum {_number(self._sum)}",
            f"{self._name}_count {totals[-1]}",
        ]


class Metrics:
    """Everything that is measured, in the order it was added."""

    def __init__(self) -> None:
        self._families: list[_Family] = []

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """Add a counter; by custom its name ends in `_total`."""
        family = Counter(name, meaning, labels)
        self._families.append(family)
        return family

    def gauge(
        self, name: str, meaning: str, read: Callable[[], float | Mapping[str, float]], label: str = ""
    ) -> None:
        """Add a gauge; `read` is called whenever the metrics are read and must be quick."""
        self._families.append(Gauge(name, meaning, read, label))

    def histogram(self, name: str, meaning: str, bounds: Sequence[float]) -> Histogram:
        """Add a histogram with these upper bounds."""
        family = Histogram(name, meaning, bounds)
        self._families.append(family)
        return family

    def text(self) -> str:
        """Return everything in the text format."""
        return "\n".join(line for family in self._families for line in family.lines()) + "\n"


class CallMetrics:
    """Counts what happens to calls, from the bus.

    Of an event's data it uses, where they are there: decided: destination, rung, latency_ms (from the end of
    speech; negative where the decision came first, counted as 0); degraded: reason; the outcomes: queue,
    waited_s.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.opened = metrics.counter("nabra_calls_total", "Calls whose connection was opened")
        self.decided = metrics.counter(
            "nabra_decisions_total", "Decisions, by where and by rung of the ladder", ("destination", "rung")
        )
        self.latency = metrics.histogram(
            "nabra_decision_latency_seconds", "From the end of speech to the decision", LATENCY_BUCKETS_S
        )
        self.to_queue = metrics.histogram(
            "nabra_queue_join_latency_seconds",
            "From the decision to the queue's join event",
            LATENCY_BUCKETS_S,
        )
        self.degraded = metrics.counter("nabra_degraded_total", "Steps down the ladder", ("reason",))
        self.outcomes = metrics.counter("nabra_outcomes_total", "What the queues did", ("outcome", "queue"))
        self.events = metrics.counter("nabra_events_total", "Events on the bus")
        self.missed = metrics.counter("nabra_events_missed_total", "Events that the metrics fell behind on")
        self._decided_s: dict[str, float] = {}

    def take(self, batch: Batch) -> None:
        """Count a batch of events."""
        self.missed.add(by=batch.missed)
        self.events.add(by=len(batch.events))
        for event in batch.events:
            data = event.data
            match event.kind:
                case EventKind.CALL_OPENED:
                    self.opened.add()
                case EventKind.DECIDED:
                    self.decided.add(str(data.get("destination", "")), str(data.get("rung", "")))
                    self._decided_s[event.call] = event.at_s
                    latency_ms = data.get("latency_ms")
                    if isinstance(latency_ms, int | float):
                        self.latency.observe(max(0.0, latency_ms / 1000.0))
                case EventKind.DEGRADED:
                    self.degraded.add(str(data.get("reason", "")))
                case EventKind.QUEUE_JOIN:
                    self.outcomes.add(event.kind.value, str(data.get("queue", "")))
                    decided_s = self._decided_s.pop(event.call, None)
                    if decided_s is not None:
                        self.to_queue.observe(event.at_s - decided_s)
                case EventKind.QUEUE_ANSWER | EventKind.QUEUE_ABANDON | EventKind.QUEUE_LEAVE:
                    self.outcomes.add(event.kind.value, str(data.get("queue", "")))
                case EventKind.TRANSFERRED | EventKind.HUNG_UP:
                    self.outcomes.add(event.kind.value, "")
                    if event.kind is EventKind.HUNG_UP:
                        self._decided_s.pop(event.call, None)
        while len(self._decided_s) > 100_000:
            del self._decided_s[next(iter(self._decided_s))]

    async def follow(self, bus: EventBus) -> None:
        """Count everything that the bus carries from now on, until cancelled."""
        async for batch in bus.subscribe().batches():
            self.take(batch)
            await asyncio.sleep(0)


def _head(name: str, meaning: str, kind: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
