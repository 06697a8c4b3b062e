"""When the evidence of anger gathered over a call is enough to raise an alarm, and when it is over.

The windows of neighbouring estimates overlap: their log-odds are the same speech over and over, and must not
be added up as if each were news. What is held against the threshold is their mean over the last second of
listening, weighted by confidence, less a demand for certainty that fades as speech is heard:

    evidence = mean(log-odds of anger) - DEMAND_S / heard seconds

Early estimates err more, and a call has many: without the demand the largest error of the first seconds
decides which calm callers are alarmed. The highest evidence of a call, its peak, reaches the threshold if and
only if the call is ever alarmed, so that the share of calm calls whose peak reaches a threshold, measured on
whole calls, is what that threshold promises for a call, however many estimates it has.
"""

from __future__ import annotations

import math
from collections import deque

DEMAND_S = 3.0
"""Log-odds asked for on top of the threshold, times the seconds heard: 2.0 at 1.5 s, 0.4 at 8 s."""
FLOOR_S = 1.5
"""No alarm before this much speech was heard, s."""
RELEASE = 1.0
"""An alarm is over once the evidence lies this far (log-odds) below the threshold."""
_AVERAGED = 4


def log_odds(probability: float) -> float:
    """Log-odds of a probability, kept within +-13.8 (one in a million)."""
    kept = min(max(probability, 1e-6), 1.0 - 1e-6)
    return math.log(kept / (1.0 - kept))


class Alarm:
    """The alarm of one call.

    Parameters
    ----------
    threshold
        Evidence (log-odds) that raises the alarm.

    Attributes
    ----------
    on
        Whether the caller sounds angry now: raised at `threshold`, over at `threshold` - RELEASE.
    raised_at_s
        Audio time of the first alarm of the call, s; None while there was none. It is never taken back.
    evidence
        The newest, log-odds; minus infinity before FLOOR_S of speech.
    """

    __slots__ = ("_recent", "_threshold", "evidence", "on", "raised_at_s")

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._recent: deque[tuple[float, float]] = deque(maxlen=_AVERAGED)
        self.on = False
        self.raised_at_s: float | None = None
        self.evidence = -math.inf

    def add(self, t_s: float, voiced_s: float, anger_log_odds: float, confidence: float) -> None:
        """Take an estimate that may be used and hears something new; abstentions and repetitions are no evidence.

        Parameters
        ----------
        t_s
            Audio time, s, rising from estimate to estimate.
        voiced_s
            Speech heard, s.
        anger_log_odds
            At the prior that the threshold assumes.
        confidence
            0..1; an estimate of none is left out.
        """
        if confidence <= 0.0:
            return
        self._recent.append((confidence, anger_log_odds))
        if voiced_s < FLOOR_S:
            return
        weight = math.fsum(c for c, _ in self._recent)
        self.evidence = math.fsum(c * x for c, x in self._recent) / weight - DEMAND_S / voiced_s
        if self.evidence >= self._threshold:
            self.on = True
            if self.raised_at_s is None:
                self.raised_at_s = t_s
        elif self.evidence < self._threshold - RELEASE:
            self.on = False
