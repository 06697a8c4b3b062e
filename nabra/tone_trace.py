"""How one recording sounds, gathered while it is heard: what the terminal and the picture draw."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from emotion.model import at_prior

Samples = npt.NDArray[np.int16]
RATE_HZ = 8000
FRAME = 160
FRAME_S = FRAME / RATE_HZ
EVERY_S = 0.25
"""Audio time that an estimate is drawn over."""
STEADY = 1.0
"""A trend (log-odds per 10 s) that is less than this either way is called steady."""


class Estimated(Protocol):
    """An estimate of tone, as the tracker gives it."""

    @property
    def t_s(self) -> float: ...
    @property
    def voiced_s(self) -> float: ...
    @property
    def arousal(self) -> float: ...
    @property
    def valence(self) -> float: ...
    @property
    def anger(self) -> float: ...
    @property
    def confidence(self) -> float: ...
    @property
    def abstained(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def alarmed(self) -> bool: ...
    @property
    def call_anger(self) -> float: ...
    @property
    def alarmed_at_s(self) -> float | None: ...
    @property
    def trend(self) -> float: ...
    @property
    def feeling(self) -> str: ...
    @property
    def feeling_share(self) -> float: ...


@dataclass(slots=True)
class ToneTrace:
    """A recording and what is known of its tone so far.

    Attributes
    ----------
    name : how to call it.
    pcm : int16, shape [n], 8 kHz: all of the recording.
    prior : share of calls taken to be angry, at which anger is stated.
    alarm_at : probability of anger, at that prior, from which the call is alarmed.
    voiced : one flag for each 20 ms heard so far.
    estimates : in order of time.
    """

    name: str
    pcm: Samples
    prior: float
    alarm_at: float
    voiced: list[bool] = field(default_factory=list)
    estimates: list[Estimated] = field(default_factory=list)

    @property
    def length_s(self) -> float:
        """Length of the recording."""
        return len(self.pcm) / RATE_HZ

    @property
    def heard_s(self) -> float:
        """How much of it was heard so far."""
        return min(len(self.voiced) * FRAME_S, self.length_s)

    @property
    def whole(self) -> bool:
        """Whether all of it was heard."""
        return len(self.voiced) * FRAME >= len(self.pcm)

    @property
    def last(self) -> Estimated | None:
        """The newest estimate."""
        return self.estimates[-1] if self.estimates else None

    @property
    def speech_s(self) -> float:
        """Seconds of speech counted."""
        return self.estimates[-1].voiced_s if self.estimates else 0.0

    @property
    def weighed(self) -> bool:
        """Whether enough was heard for an alarm; before that there is none, however angry the caller sounds."""
        return bool(self.estimates) and self.estimates[-1].call_anger > 0.0

    @property
    def alarmed_at_s(self) -> float | None:
        """When the call was first alarmed; None where it was not."""
        return self.estimates[-1].alarmed_at_s if self.estimates else None

    def between(self, begin_s: float, end_s: float) -> Estimated | None:
        """Return the estimate of a stretch of time: each is of the time since the one before it.

        Where there are several, the angriest that may be used, so that none that matters is lost in a long
        recording. None where there is none yet.
        """
        first = bisect_right(self.estimates, begin_s + 1e-9, key=_time)
        last = bisect_right(self.estimates, end_s + 1e-9, key=_time)
        found = self.estimates[first:last]
        if not found:
            later = self.estimates[first : first + 1]
            return later[0] if later and later[0].t_s - EVERY_S < end_s - 1e-9 else None
        usable = [item for item in found if not item.abstained]
        return max(usable, key=lambda item: (item.alarmed, item.anger)) if usable else found[-1]

    def thinned(self, most: int) -> ToneTrace:
        """Return the trace with no more than about this many estimates, those that matter most (see `between`)."""
        if len(self.estimates) <= most:
            return self
        edges = np.linspace(0.0, max(self.length_s, self.estimates[-1].t_s), most + 1)
        found = (self.between(float(begin), float(end)) for begin, end in pairwise(edges))
        kept = list({item.t_s: item for item in found if item is not None}.values())
        # The newest says how it ended.
        kept = [*kept, *self.estimates[-1:]] if kept[-1] is not self.estimates[-1] else kept
        return ToneTrace(self.name, self.pcm, self.prior, self.alarm_at, self.voiced, kept)

    def level(self, begin_s: float, end_s: float) -> float:
        """Return the loudest sample of a stretch as 0..1 on a scale of decibels (-52 to 0 dB of full scale)."""
        part = self.pcm[int(begin_s * RATE_HZ) : max(int(end_s * RATE_HZ), int(begin_s * RATE_HZ) + 1)]
        peak = float(np.abs(part.astype(np.float64)).max(initial=0.0)) / 32768.0
        return float(np.clip((20.0 * np.log10(peak + 1e-9) + 52.0) / 52.0, 0.0, 1.0))

    def speaks(self, begin_s: float, end_s: float) -> bool:
        """Whether voice activity was heard in a stretch."""
        return any(self.voiced[int(begin_s / FRAME_S) : max(int(end_s / FRAME_S), int(begin_s / FRAME_S) + 1)])

    def stretches(self) -> list[tuple[float, float]]:
        """Return (begin, end) in seconds of every stretch with voice activity."""
        edges = np.flatnonzero(np.diff(np.concatenate(([0], np.array(self.voiced, dtype=np.int8), [0]))))
        return [(float(begin) * FRAME_S, float(end) * FRAME_S) for begin, end in edges.reshape(-1, 2)]

    def evidence(self, anger: float) -> float:
        """Put a probability of anger on a scale of evidence, 0..1: 0.5 says nothing for or against it."""
        return at_prior(anger, self.prior, 0.5)


def _time(estimate: Estimated) -> float:
    return estimate.t_s


def runs(estimates: Sequence[Estimated]) -> list[tuple[str, list[Estimated]]]:
    """Split estimates where one begins or ceases to abstain, or abstains for another reason: (reason, estimates)."""
    found: list[tuple[str, list[Estimated]]] = []
    for item in estimates:
        reason = (item.reason or "not sure") if item.abstained else ""
        if not found or found[-1][0] != reason:
            found.append((reason, []))
        found[-1][1].append(item)
    return found


def percent(probability: float) -> str:
    """Say a probability with as many digits as mean something: 0.4 %, 12 %."""
    return f"{100 * probability:.1f} %" if probability < 0.0995 else f"{100 * probability:.0f} %"


def trend_word(estimate: Estimated) -> str:
    """Say where anger goes: rising, falling or steady."""
    return "rising" if estimate.trend > STEADY else "falling" if estimate.trend < -STEADY else "steady"
