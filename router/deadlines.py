"""The clocks of a call: when each would ring, which is the next to, and which has.

The hard deadline holds in every state. The others run while the session listens:

    listening     from the start of a window, for as long as a caller may talk
    no speech     from the start of a window, until the caller speaks
    final text    from the end of speech, until the recogniser's final text has come
    forced final  from the end of listening in its place: the recogniser was told to finish
    sentence      from when it would be decided, until the sentence encoder has read what was said; nothing else is
                  waited for by then, so no other runs beside it

None rings after the hard deadline. All times are seconds since the session began, rounded to microseconds.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from config.schema import Budget
from router.commands import Trigger
from router.reasons import Code, Reason, Speaker
from router.speech import Speech

HAND_OVER_S = 1.0
"""Kept free before the PBX's watchdog, beside the time for AMI: for the socket, and for a late clock."""


class Due(Enum):
    """Which clock of listening has rung, the most pressing first."""

    SENTENCE = auto()
    FORCED_FINAL = auto()
    LISTENING = auto()
    NO_SPEECH = auto()
    FINAL = auto()


def hard_deadline_s(budget: Budget) -> float:
    """Return the time by which every call must be decided."""
    return round(max(1.0, budget.total_s - budget.ami_ms / 1000 - HAND_OVER_S), 6)


def out_of_time(trigger: Trigger, budget: Budget, speaker: Speaker) -> tuple[Reason, ...]:
    """Say which deadline made this the moment to decide; nothing where none did."""
    seconds_of = {
        Trigger.NO_SPEECH: (Code.NO_SPEECH, budget.no_speech_s),
        Trigger.LISTEN_DEADLINE: (Code.LISTEN_DEADLINE, budget.listen_s),
        Trigger.TOTAL_DEADLINE: (Code.TOTAL_DEADLINE, budget.total_s),
    }
    if trigger not in seconds_of:
        return ()
    code, seconds = seconds_of[trigger]
    return (speaker.reason(code, seconds=seconds),)


class Deadlines:
    """The clocks that run while a session listens.

    Parameters
    ----------
    budget : how long each may run.
    hard_s : none rings after it.

    Attributes
    ----------
    forcing : listening is over, and the final text that the recogniser was told to give is waited for.
    """

    def __init__(self, budget: Budget, hard_s: float) -> None:
        self._budget = budget
        self._hard_s = hard_s
        self._listening_s = math.inf
        self._no_speech_s = math.inf
        self._final_s = math.inf
        self._sentence_s = math.inf
        self.forcing = False

    @property
    def awaiting_sentence(self) -> bool:
        """Whether nothing but the sentence encoder is waited for."""
        return self._sentence_s < math.inf

    def open_window(self, now: float) -> None:
        """The caller may speak, for so long from now."""
        self._listening_s = self._after(now, self._budget.listen_s)
        self._no_speech_s = self._after(now, self._budget.no_speech_s)

    def await_final(self, now: float) -> None:
        """The caller has finished; wait a little for the final text, unless it is being forced already."""
        if not self.forcing:
            self._final_s = self.final_after(now)

    def final_after(self, now: float) -> float:
        """Return how long the final text is waited for where the caller finishes now."""
        return self._after(now, self._budget.final_wait_ms / 1000)

    def force_final(self, now: float) -> None:
        """Listening is over; wait a little for what the recogniser makes of it."""
        self.forcing = True
        self._final_s = self.final_after(now)

    def await_sentence(self, now: float) -> None:
        """It is time to decide; wait a little, and only once, for what the sentence encoder makes of it."""
        if not self.awaiting_sentence:
            self._sentence_s = self._after(now, self._budget.sentence_ms / 1000)

    def final_came(self, now: float) -> None:
        """The final text is there: nothing is waited for, and a forced one is the last word."""
        self._final_s = now if self.forcing else math.inf

    def speech_resumed(self) -> None:
        """The caller had not finished."""
        if not self.forcing:
            self._final_s = self._sentence_s = math.inf

    def question_put(self) -> None:
        """The caller is asked; nothing that was said before is waited for."""
        self.forcing = False
        self._final_s = self._sentence_s = math.inf

    def next_s(self, speech: Speech) -> float:
        """Return when the first of the clocks that run rings."""
        return min(rings_s for _, rings_s in self._running(speech))

    def due(self, now: float, speech: Speech) -> Due | None:
        """Return the most pressing of the clocks that have rung, None where none has."""
        return next((due for due, rings_s in self._running(speech) if now >= rings_s), None)

    def _running(self, speech: Speech) -> list[tuple[Due, float]]:
        """The clocks that run, in the order of `Due`; each stands still at infinity where nothing set it."""
        if self.awaiting_sentence:
            return [(Due.SENTENCE, self._sentence_s)]
        running = [(Due.FORCED_FINAL, self._final_s) if self.forcing else (Due.LISTENING, self._listening_s)]
        if not speech.in_window:
            running.append((Due.NO_SPEECH, self._no_speech_s))
        if speech.over and not self.forcing:
            running.append((Due.FINAL, self._final_s))
        return running

    def _after(self, now: float, wait_s: float) -> float:
        return round(min(now + wait_s, self._hard_s), 6)
