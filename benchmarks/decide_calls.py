"""Callers who say a text in time, and the line that hears them: sessions decide them as live calls.

What is assumed of a line is written down here: how fast callers speak, how far behind a recogniser is, how often it
tells what it has. Nobody is asked: a caller who is not understood goes to a person. Nobody is angry, but what the
voice says is waited for, as the shipped rules want it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from router import CallFacts, Generation, Session
from router.commands import Command, ForceFinal, Trigger
from router.evidence import EndOfUtterance, Event, NoticeEnded, SpeechStarted, Tone, Words

WORDS_A_SECOND, SPREAD = 2.5, 0.4
"""Mean over callers, and their standard deviation; nobody is slower than SLOWEST or faster than FASTEST."""
SLOWEST, FASTEST = 1.6, 3.6
LEAD_S = 0.5
"""From the end of the notice to the first word."""
PARTIAL_EVERY_S = 0.5
LAG_S = 0.3
"""What was said this long ago is in a partial: the rest of it was not whole, or not decoded yet."""
ENDPOINT_S = 0.6
FINAL_S = 0.05
"""From the endpoint to the final text, begun at the first silence; a final that is forced takes FORCED_S."""
FORCED_S = 0.15
TONE_S = 1.3
"""Of speech, until enough voice was heard for an alarm."""

Mishears = Callable[[str, np.random.Generator], list[str]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one caller says: where it should lead, each word as the recogniser writes it, and when it was said.

    `heard` holds (word, second of speech at which it ends); `ends_s` is when the caller stops.
    """

    language: str
    destination: str
    heard: tuple[tuple[str, float], ...]
    ends_s: float

    def by(self, second: float) -> str:
        """Return what was said by a second of speech."""
        return " ".join(word for word, said_s in self.heard if said_s <= second)


def speak(text: str, language: str, destination: str, mishears: Mishears, rng: np.random.Generator) -> Spoken:
    """Let somebody say a text: longer words take longer, and each caller has a pace."""
    words = text.split()
    pace = float(np.clip(rng.normal(WORDS_A_SECOND, SPREAD), SLOWEST, FASTEST))
    lengths = np.array([len(word) + 2.0 for word in words])
    ends = np.cumsum(lengths / lengths.sum()) * len(words) / pace
    heard = [(one, float(at)) for word, at in zip(words, ends, strict=True) for one in mishears(word, rng)]
    return Spoken(language, destination, tuple(heard), float(ends[-1]))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call was decided: after how many seconds of speech, early or not, to whom, and whether that was right.

    `routed` is False where a person takes it because the words were not sure enough.
    """

    listened_s: float
    early: bool
    routed: bool
    right: bool


@dataclass(order=True, slots=True)
class _Due:
    at_s: float
    number: int
    event: Event = field(compare=False)


class _Line:
    """One call: what happens on it, in order, and what the session says to it."""

    def __init__(self, generation: Generation, spoken: Spoken) -> None:
        self._spoken = spoken
        self._due: list[_Due] = []
        self.session = Session(CallFacts(call="bench", pbx="bench", language=spoken.language), generation, 0.0)
        self._at(NoticeEnded(at_s=0.0))
        began, ended = LEAD_S, LEAD_S + spoken.ends_s
        self._at(SpeechStarted(at_s=began, audio_s=began))
        self._at(_calm(began + TONE_S))
        told = ""
        for at_s in np.arange(began + PARTIAL_EVERY_S, ended + ENDPOINT_S, PARTIAL_EVERY_S).tolist():
            text = spoken.by(at_s - began - LAG_S)
            if text != told:
                self._at(_words(at_s, told := text, final=False))
        over_s = ended + ENDPOINT_S
        self._at(EndOfUtterance(at_s=over_s, audio_s=over_s, speech_end_audio_s=ended))
        self._at(_words(over_s + FINAL_S, spoken.by(spoken.ends_s), final=True))

    def run(self) -> Ended:
        """Live the call until it is decided."""
        session = self.session
        while session.decision is None:
            due = session.deadline()
            assert due is not None
            if self._due and self._due[0].at_s <= due:
                event = heapq.heappop(self._due).event
                self._obey(session.receive(event, event.at_s), event.at_s)
            else:
                self._obey(session.tick(due), due)
        decision = session.decision
        routed = decision.destination != session.generation.config.default
        return Ended(
            listened_s=decision.decided_at_s - LEAD_S,
            early=decision.trigger is Trigger.WORDS,
            routed=routed,
            right=decision.destination == self._spoken.destination,
        )

    def _at(self, event: Event) -> None:
        heapq.heappush(self._due, _Due(event.at_s, len(self._due), event))

    def _obey(self, commands: list[Command], now_s: float) -> None:
        if any(isinstance(command, ForceFinal) for command in commands):
            self._at(_words(now_s + FORCED_S, self._spoken.by(now_s - LEAD_S), final=True))


def live(generation: Generation, spoken: Spoken) -> Ended:
    """Let somebody call."""
    return _Line(generation, spoken).run()


def _words(at_s: float, text: str, *, final: bool) -> Words:
    return Words(at_s=at_s, audio_s=at_s, text=text, final=final, segment_start_s=LEAD_S)


def _calm(at_s: float) -> Tone:
    return Tone(
        at_s=at_s,
        audio_s=at_s,
        t_s=at_s,
        voiced_s=1.0,
        arousal=0.5,
        valence=0.5,
        anger=0.01,
        confidence=0.8,
        prior=0.03,
        call_anger=0.01,
    )
