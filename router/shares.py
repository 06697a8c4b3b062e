"""How two configurations differ over the same calls, with confidence intervals.

Every measure is taken of both decisions on a call, so calls that are the same cannot blur the difference. Intervals
are those of a paired bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13: percentiles):
calls are drawn anew with both their decisions. Since a measure takes few different pairs of values, drawing calls is
drawing how many there are of each pair, and memory does not grow with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from router.whatif import NOWHERE, Side

DRAWS = 2000
_STEP_S = 0.05
"""Seconds are counted in steps of this length."""


class Unit(StrEnum):
    """What a difference is counted in."""

    SHARE = "share"
    SECONDS = "seconds"
    MINUTES = "minutes"


class Of(StrEnum):
    """What is measured; DESTINATION and ANGRY_TO are of one destination each."""

    DESTINATION = "destination"
    PERSON = "person"
    SELF_SERVICE = "self_service"
    EARLY = "early"
    LISTENED = "listened"
    PRIORITY = "priority"
    ANGRY = "angry"
    ANGRY_TO = "angry_to"


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """Something that can be said of every call, 0 or 1 where its unit is a share."""

    of: Of
    destination: str = ""

    @property
    def unit(self) -> Unit:
        """What it is counted in."""
        return {Of.LISTENED: Unit.SECONDS, Of.PRIORITY: Unit.MINUTES}.get(self.of, Unit.SHARE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of A and of B: their means, B less A, its interval of 95 %, and over how many calls."""

    measure: Measure
    a: float
    b: float
    low: float
    high: float
    calls: int

    @property
    def less(self) -> float:
        """B less A."""
        return self.b - self.a

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out that there is no difference."""
        return self.low > 0 or self.high < 0


@dataclass(slots=True)
class Pairs:
    """Calls decided by both, counted by what was measured of the two decisions.

    Attributes
    ----------
    calls : those known under both; `unknown` those that are not.
    counted : for each measure, calls by their pair of values; a call that a measure is not of is in none.
    """

    calls: int = 0
    unknown: int = 0
    counted: dict[Measure, Counter[tuple[float, float]]] = field(default_factory=dict)

    def add(self, a: Side | None, b: Side | None, self_service: frozenset[str]) -> None:
        """Count one call; None is a decision that is not known. `self_service` names such destinations."""
        if a is None or b is None:
            self.unknown += 1
            return
        self.calls += 1
        both = (a, b)
        self._count(Measure(Of.PERSON), [_is(s.destination not in {NOWHERE, *self_service}) for s in both])
        self._count(Measure(Of.SELF_SERVICE), [_is(s.destination in self_service) for s in both])
        self._count(Measure(Of.ANGRY), [_is(s.angry) for s in both])
        self._count(Measure(Of.EARLY), [_is(s.early) for s in both])
        self._count(Measure(Of.PRIORITY), [float(s.priority) for s in both])
        if a.listened_s is not None and b.listened_s is not None:
            self._count(
                Measure(Of.LISTENED),
                [round(s.listened_s / _STEP_S) * _STEP_S for s in both if s.listened_s is not None],
            )
        # To every other destination neither sends it: `_full` counts those.
        self._count(Measure(Of.DESTINATION, a.destination), [1.0, _is(a.destination == b.destination)])
        if a.destination != b.destination:
            self._count(Measure(Of.DESTINATION, b.destination), [0.0, 1.0])
        if a.angry or b.angry:
            self._count(Measure(Of.ANGRY_TO, a.destination), [1.0, _is(a.destination == b.destination)])
            if a.destination != b.destination:
                self._count(Measure(Of.ANGRY_TO, b.destination), [0.0, 1.0])
            self._angry()

    def _angry(self) -> None:
        self._count(Measure(Of.ANGRY_TO), [0.0, 0.0])

    def _count(self, measure: Measure, values: list[float]) -> None:
        self.counted.setdefault(measure, Counter())[values[0], values[1]] += 1

    def merge(self, other: Pairs) -> None:
        """Add the calls of another."""
        self.calls += other.calls
        self.unknown += other.unknown
        for measure, counts in other.counted.items():
            self.counted.setdefault(measure, Counter()).update(counts)

    def differences(self, seed: int = 1) -> list[Difference]:
        """Return every difference with its interval; the same for the same calls and seed."""
        rng = np.random.default_rng(seed)
        return [
            _difference(measure, counts, self.calls, rng) for measure, counts in self._full() if sum(counts.values())
        ]

    def _full(self) -> Iterator[tuple[Measure, Counter[tuple[float, float]]]]:
        """Every measure with all the calls that it is of: of a destination, those that went elsewhere too."""
        angry = self.counted.get(Measure(Of.ANGRY_TO), Counter()).total()
        order = list(Of)
        for measure, counts in sorted(self.counted.items(), key=lambda item: (order.index(item[0].of), item[0])):
            full = Counter(counts)
            if measure.of is Of.DESTINATION:
                full[0.0, 0.0] += self.calls - counts.total()
            elif measure.of is Of.ANGRY_TO:
                if not measure.destination:
                    continue
                full[0.0, 0.0] += angry - counts.total()
            yield measure, full


def _is(true: bool) -> float:
    return 1.0 if true else 0.0


def _difference(
    measure: Measure, counts: Counter[tuple[float, float]], calls: int, rng: np.random.Generator
) -> Difference:
    pairs = sorted(counts)
    number = np.array([counts[pair] for pair in pairs], dtype=np.float64)
    values = np.array(pairs, dtype=np.float64)
    of = int(number.sum())
    less: NDArray[np.float64] = values[:, 1] - values[:, 0]
    # Drawn from all calls: how many of them the measure is of is drawn as well.
    shares = np.append(number, calls - of) / calls
    drawn = rng.multinomial(calls, shares, size=DRAWS)[:, :-1]
    total = np.maximum(drawn.sum(axis=1), 1)
    low, high = (float(value) for value in np.percentile((drawn @ less) / total, (2.5, 97.5)))
    a, b = (float(value) for value in number @ values / of)
    return Difference(measure, a, b, low, high, of)
