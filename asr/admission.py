"""What calls cost, and how each new one can be listened to: with everything, for key phrases only, or not at all.

The cost of a way to listen is the share of a worker that a caller takes while speaking. It is measured when a worker
has read its models, and from then on from what workers say of their time. A call counts as far as its caller speaks:
one that is new is taken to speak most of the time, and what it really does takes the place of that in a few seconds.
So callers who arrive in a burst count at once, and those who only listen stop counting.

Nothing here reads a clock or knows a process.
"""

import math
from dataclasses import dataclass

from asr.pool_types import PoolSettings, Rung

_FIRST_SHARE = 0.8
# The measurement at the start weighs as much as this much speech; what is learnt is forgotten by half in the other.
_START_WEIGHT_S = 4.0
_HALF_LIFE_S = 120.0
# A worker with less to do than this has nothing to do.
_IDLE = 0.05


class TalkShare:
    """Share of the last seconds in which a caller spoke; a new caller is taken to speak a lot.

    Parameters
    ----------
    now_s : float
        Monotonic time, s.
    memory_s : float
        Time in which the past loses most of its weight (by a factor e), s.
    """

    def __init__(self, now_s: float, memory_s: float) -> None:
        self._memory_s = memory_s
        self._share = _FIRST_SHARE
        self._at_s = now_s

    def spoke(self, seconds: float, now_s: float) -> None:
        """Add speech that was heard just now."""
        self._share = self.share(now_s) + seconds / self._memory_s
        self._at_s = max(self._at_s, now_s)

    def share(self, now_s: float) -> float:
        """Return the share, 0..1."""
        return min(1.0, self._share * math.exp(-max(0.0, now_s - self._at_s) / self._memory_s))


@dataclass(slots=True)
class _Cost:
    busy_s: float
    speech_s: float


class Admission:
    """Decides on the rung of calls.

    Parameters
    ----------
    settings : PoolSettings
        See there.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._costs: dict[tuple[str, Rung], _Cost] = {}

    def measured_at_start(self, language: str, rung: Rung, cost: float) -> None:
        """Take what a worker measured on itself; it counts where nothing is known yet."""
        self._costs.setdefault((language, rung), _Cost(cost * _START_WEIGHT_S, _START_WEIGHT_S))

    def measured(self, language: str, rung: Rung, busy_s: float, speech_s: float) -> None:
        """Take what a worker spent on this much speech of callers, s."""
        known = self._costs.setdefault((language, rung), _Cost(0.0, 0.0))
        kept = 0.5 ** (max(0.0, speech_s) / _HALF_LIFE_S)
        known.busy_s = known.busy_s * kept + max(0.0, busy_s)
        known.speech_s = known.speech_s * kept + max(0.0, speech_s)

    def cost(self, language: str, rung: Rung) -> float:
        """Return the share of a worker that a caller takes while speaking; 0 where nothing is decoded."""
        known = self._costs.get((language, rung))
        return known.busy_s / known.speech_s if known is not None and known.speech_s > 0 else 0.0

    def costs(self) -> tuple[tuple[str, Rung, float], ...]:
        """Return every cost that is known."""
        return tuple((language, rung, self.cost(language, rung)) for language, rung in sorted(self._costs))

    def rung(self, language: str, grammar: bool, load: float, backlog_s: float) -> tuple[Rung, str]:
        """Return how a new call is listened to, and why not better.

        Parameters
        ----------
        language : str
            The call's.
        grammar : bool
            True where its engine can be limited to key phrases.
        load : float
            Of the worker with most room, as a share of its time: what its calls take, or what they were seen to take.
        backlog_s : float
            Age of what waits longest there, s.
        """
        best = self._settings.best_rung if grammar else Rung.FULL
        if self._settings.admit_all:
            return best, "" if best is Rung.FULL else "no more than key phrases are asked for"
        if backlog_s > self._settings.max_backlog_s:
            return Rung.NONE, f"the machine is full: words wait {backlog_s:.1f} s"
        why = ""
        for rung in (Rung.FULL, Rung.PHRASES) if grammar else (Rung.FULL,):
            if rung is not best and rung is Rung.FULL:
                continue
            if self._fits(language, rung, grammar, load, 0.0):
                return rung, why
            limit = self._limit(rung, grammar)
            why = f"the machine is full: load {load:.2f}, room for {limit:.2f}"
        return Rung.NONE, why

    def climb(self, language: str, grammar: bool, now_on: Rung, load: float, backlog_s: float) -> Rung:
        """Return the rung that a running call goes on with: a better one where there is plenty of room.

        Parameters
        ----------
        load : float
            As in ``rung``, without this call.
        language, grammar, backlog_s
            As in ``rung``.
        now_on : Rung
            What it is listened to with so far.
        """
        if backlog_s > self._settings.max_backlog_s / 2:
            return now_on
        best = self._settings.best_rung if grammar else Rung.FULL
        if (
            now_on is not Rung.FULL
            and best is Rung.FULL
            and self._fits(language, Rung.FULL, grammar, load, self._settings.climb_load)
        ):
            return Rung.FULL
        if (
            now_on is Rung.NONE
            and grammar
            and self._fits(language, Rung.PHRASES, True, load, self._settings.climb_load / 2)
        ):
            return Rung.PHRASES
        return now_on

    def _limit(self, rung: Rung, grammar: bool) -> float:
        return self._settings.full_load if rung is Rung.FULL and grammar else self._settings.max_load

    def _fits(self, language: str, rung: Rung, grammar: bool, load: float, spare: float) -> bool:
        cost = self.cost(language, rung)
        fits = load + cost * _FIRST_SHARE <= self._limit(rung, grammar) - spare
        # An idle worker takes any caller whom it can keep up with.
        return fits or (load < _IDLE and cost <= 1.0)
