"""An engine for tests that says what a script says, when it was said.

It hears nothing: it counts the samples it is fed. A line's words come out one by one over the time the line
takes, so that partial words grow as they do with a real engine.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from asr.engine import (
    LINE_RATE_HZ,
    EngineFacts,
    EngineSession,
    Hypothesis,
    Samples,
    Word,
    checked,
    refuse_limited,
)
from asr.errors import SessionClosed


@dataclass(frozen=True, slots=True)
class ScriptedLine:
    """Words that are said at a time of the call.

    Attributes
    ----------
    start_s, end_s : float
        Audio time, s.
    text : str
        The words.
    delay_s : float
        Time that decoding this line takes, s, spent asleep.
    """

    start_s: float
    end_s: float
    text: str
    delay_s: float = 0.0


class ScriptedEngine:
    """Says the lines of a script.

    Parameters
    ----------
    script : tuple of ScriptedLine
        In order of time.
    language : str
        The language it claims.
    phrases : tuple of str
        Key phrases; a session that is limited says only words of theirs.
    """

    def __init__(self, script: tuple[ScriptedLine, ...], language: str = "en", phrases: tuple[str, ...] = ()) -> None:
        self._script = script
        self._vocabulary = frozenset(word for phrase in phrases for word in phrase.split())
        self._facts = EngineFacts(
            name="scripted",
            native_rate_hz=LINE_RATE_HZ,
            languages=(language,),
            partials=True,
            confidences=False,
            streaming=False,
            model_id="scripted-" + hashlib.sha256(repr(script).encode()).hexdigest()[:12],
            grammar=bool(phrases),
        )

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do."""
        return self._facts

    def load(self) -> None:
        """There is nothing to load."""

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder."""
        if limited and not self._facts.grammar:
            refuse_limited(self._facts)
        return _Session(self._script, self._vocabulary if limited else None)


class _Session:
    def __init__(self, script: tuple[ScriptedLine, ...], vocabulary: frozenset[str] | None) -> None:
        self._script: tuple[ScriptedLine, ...] | None = script
        self._vocabulary = vocabulary
        self._owner = threading.get_ident()
        self._start_s = 0.0
        self._samples = 0

    def feed(self, pcm: Samples) -> None:
        self._mine()
        self._samples += checked(pcm).size

    def partial(self) -> Hypothesis:
        return self.final()

    def final(self, quick: bool = False) -> Hypothesis:
        now_s = self._start_s + self._samples / LINE_RATE_HZ
        said: list[Word] = []
        for line in self._mine():
            if line.end_s <= self._start_s or line.start_s >= now_s:
                continue
            time.sleep(line.delay_s)
            said += (word for word in self._words(line) if 0 < (word.end_s or 0) <= now_s - self._start_s + 1e-6)
        return Hypothesis(" ".join(word.text for word in said), None, tuple(said))

    def _words(self, line: ScriptedLine) -> Iterator[Word]:
        """Yield the words of a line, spread over its time, s from the start of the segment."""
        words = line.text.split()
        each_s = (line.end_s - line.start_s) / max(1, len(words))
        for i, word in enumerate(words):
            if self._vocabulary is None or word in self._vocabulary:
                began_s, ended_s = (line.start_s + each_s * n - self._start_s for n in (i, i + 1))
                yield Word(word, None, max(0.0, began_s), ended_s)

    def reset(self, start_s: float = 0.0) -> None:
        self._mine()
        self._start_s, self._samples = start_s, 0

    def close(self) -> None:
        self._script = None

    def _mine(self) -> tuple[ScriptedLine, ...]:
        if self._script is None:
            raise SessionClosed("this recogniser session was closed")
        if threading.get_ident() != self._owner:
            raise SessionClosed("a recogniser session belongs to the thread that made it")
        return self._script
