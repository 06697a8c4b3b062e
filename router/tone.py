"""How the caller sounds, over the estimates heard so far: bounded, decaying, monotone in each of them.

Each estimate counts by its confidence, halved every `half_life_s`. A fixed weight of calm stands beside
them, so that one unsure estimate says little, and what was heard long ago fades back to calm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from router.evidence import Tone

CALM_WEIGHT = 0.25


@dataclass(frozen=True, slots=True)
class ToneNow:
    """How the caller sounds at one moment.

    `heard` is False where nothing may be used: tone is off, every estimate abstained, or none came. The
    numbers are then NaN, with which every comparison is false.
    """

    heard: bool
    anger: float
    arousal: float
    valence: float
    confidence: float


UNHEARD = ToneNow(heard=False, anger=math.nan, arousal=math.nan, valence=math.nan, confidence=math.nan)


class ToneEvidence:
    """The estimates of one call.

    Parameters
    ----------
    half_life_s : seconds after which an estimate counts half.
    """

    def __init__(self, half_life_s: float) -> None:
        self._half_life_s = half_life_s
        self._used: list[tuple[float, float, float, float, float]] = []
        self.seen = 0

    def add(self, tone: Tone, at_s: float) -> None:
        """Take one estimate, made at `at_s`; abstentions and numbers off the scale count for nothing."""
        self.seen += 1
        numbers = (tone.confidence, tone.anger, tone.arousal, tone.valence)
        if tone.abstained or not all(math.isfinite(number) for number in numbers) or tone.confidence <= 0:
            return
        confidence, anger, arousal, valence = (min(max(number, 0.0), 1.0) for number in numbers)
        self._used.append((at_s, confidence, anger, arousal, valence))

    def clear(self) -> int:
        """Delete everything gathered, and say how many estimates there were."""
        seen, self.seen = self.seen, 0
        self._used.clear()
        return seen

    @property
    def heard(self) -> bool:
        """Whether at least one estimate may be used."""
        return bool(self._used)

    def now(self, now_s: float) -> ToneNow:
        """Return how the caller sounds at `now_s`."""
        if not self._used:
            return UNHEARD
        total = anger = arousal = valence = 0.0
        for at_s, confidence, a, r, v in self._used:
            weight = confidence * 2.0 ** (-max(0.0, now_s - at_s) / self._half_life_s)
            total += weight
            anger += weight * a
            arousal += weight * r
            valence += weight * v
        share = total + CALM_WEIGHT
        middle = 0.5 * CALM_WEIGHT
        return ToneNow(
            heard=True,
            anger=anger / share,
            arousal=(arousal + middle) / share,
            valence=(valence + middle) / share,
            confidence=total / share,
        )
