"""How the caller sounds, over the estimates heard so far: bounded, decaying, monotone in each of them.

Anger is added up as evidence, in natural log-odds from the prior that an estimate is stated for: 0 says nothing, and
it does not matter which prior that was. What is known at one moment is stated for the operator's own prior
(`tone.anger_prior`). An estimate counts where it heard more of the voice than those before it: what a tracker says
over and over while the caller is silent is the same evidence, and not more of it.

- `anger`, how the caller sounds now: each estimate counts by its confidence, halved every `half_life_s`. A fixed
  weight of no evidence stands beside them, so that one unsure estimate says little, and what was heard long ago
  fades back to the prior. Arousal and valence likewise, as probabilities, back to 0.5.
- `call_anger`, what a call is alarmed by: the most that the tracker gave at any moment, which weighs by itself how
  much was heard; evidence for anger fades with the same half-life, but by seconds of voice heard after it: a caller
  who says no more is not calmer for that. So a call is ever alarmed where its highest reaches `tone.angry_at`, which
  is what the figures of the model count, and is so until enough of a calmer voice was heard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from config.schema import Tone as ToneSettings
from router.evidence import Tone

CALM_WEIGHT = 0.25
MOST_EVIDENCE = 7.0
"""One estimate counts for a thousand to one at most, on either side."""
FRESH_S = 1.0
"""Seconds of voice heard after an estimate before what it gave of the call begins to fade."""


@dataclass(frozen=True, slots=True)
class ToneNow:
    """How the caller sounds at one moment.

    `anger` and `call_anger` are probabilities at the operator's prior; the call is `alarmed` where `call_anger` is
    at least `tone.angry_at`. `trend` is the newest estimate's, in log-odds of anger gained in 10 s. `heard` is False
    where nothing may be used: tone is off, every estimate abstained, or none came. The numbers are then NaN, with
    which every comparison is false.
    """

    heard: bool
    anger: float
    call_anger: float
    alarmed: bool
    trend: float
    arousal: float
    valence: float
    confidence: float


UNHEARD = ToneNow(
    heard=False,
    anger=math.nan,
    call_anger=math.nan,
    alarmed=False,
    trend=math.nan,
    arousal=math.nan,
    valence=math.nan,
    confidence=math.nan,
)


class _Used(NamedTuple):
    """An estimate that counts: when it was made, of how much voice, its evidence of anger, and the rest as given."""

    at_s: float
    voiced_s: float
    confidence: float
    anger: float
    call_anger: float | None
    trend: float
    arousal: float
    valence: float


class ToneEvidence:
    """The estimates of one call.

    Parameters
    ----------
    settings : of the site; `half_life_s`, `anger_prior` and `angry_at` are used.
    """

    def __init__(self, settings: ToneSettings) -> None:
        self._half_life_s = settings.half_life_s
        self._prior = _log_odds(settings.anger_prior)
        self._angry_at = settings.angry_at
        self._used: list[_Used] = []
        self.seen = 0
        self.weighed = False
        """Whether enough was heard for an alarm; before that nobody is alarmed, however angry."""
        self.lost = False
        """Whether no further estimate will come."""

    def add(self, tone: Tone, at_s: float) -> None:
        """Take one estimate, made at `at_s`.

        Abstentions, numbers off the scale, and estimates of no more voice than one that counts count for nothing.
        """
        self.seen += 1
        self.lost = self.lost or tone.lost
        numbers = (tone.voiced_s, tone.confidence, tone.anger, tone.arousal, tone.valence, tone.trend)
        if tone.abstained or not all(map(math.isfinite, numbers)) or tone.confidence <= 0:
            return
        if not 0.0 < tone.prior < 1.0 or (self._used and tone.voiced_s <= self._used[-1].voiced_s):
            return
        call_anger = tone.call_anger
        if call_anger is not None and not math.isfinite(call_anger):
            call_anger = None
        self.weighed = self.weighed or call_anger is None or call_anger > 0.0
        prior = _log_odds(tone.prior)
        self._used.append(
            _Used(
                at_s=at_s,
                voiced_s=tone.voiced_s,
                confidence=_unit(tone.confidence),
                anger=_evidence(tone.anger, prior),
                call_anger=None if call_anger is None else _evidence(call_anger, prior),
                trend=tone.trend,
                arousal=_unit(tone.arousal),
                valence=_unit(tone.valence),
            )
        )

    def clear(self) -> int:
        """Delete everything gathered, and say how many estimates there were."""
        seen, self.seen, self.weighed = self.seen, 0, False
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
        for used in self._used:
            weight = used.confidence * self._left(now_s - used.at_s)
            total += weight
            anger += weight * used.anger
            arousal += weight * used.arousal
            valence += weight * used.valence
        share = total + CALM_WEIGHT
        middle = 0.5 * CALM_WEIGHT
        heard_s = self._used[-1].voiced_s
        given = [
            min(used.call_anger, used.call_anger * self._left(heard_s - used.voiced_s - FRESH_S))
            for used in self._used
            if used.call_anger is not None
        ]
        of_call = _probability(self._prior + (max(given) if given else anger / share))
        return ToneNow(
            heard=True,
            anger=_probability(self._prior + anger / share),
            call_anger=of_call,
            alarmed=of_call >= self._angry_at,
            trend=self._used[-1].trend,
            arousal=(arousal + middle) / share,
            valence=(valence + middle) / share,
            confidence=total / share,
        )

    def _left(self, age_s: float) -> float:
        """What is left of something after so long, 0..1."""
        return math.exp2(-max(0.0, age_s) / self._half_life_s)


def highest(prior: float) -> float:
    """The highest probability of anger that can be reached where `prior` of all calls are taken to be angry."""
    return _probability(_log_odds(prior) + MOST_EVIDENCE)


def _unit(number: float) -> float:
    return number if 0.0 <= number <= 1.0 else min(max(number, 0.0), 1.0)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _evidence(probability: float, prior: float) -> float:
    """Natural log-odds of a probability above those of its prior, at most MOST_EVIDENCE on either side."""
    if not 0.0 < probability < 1.0:
        return MOST_EVIDENCE if probability >= 1.0 else -MOST_EVIDENCE
    return min(max(_log_odds(probability) - prior, -MOST_EVIDENCE), MOST_EVIDENCE)


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
