"""An engine for tests that says what a script says, when it was said.

It hears nothing: it counts the samples it is fed. A line's words come out one by one over the time the line
takes, so that partial words grow as they do with a real engine.
"""

import hashlib
import threading
import time
from dataclasses import dataclass

from asr.engine import LINE_RATE_HZ, EngineFacts, EngineSession, Hypothesis, Samples, checked
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
    """

    def __init__(self, script: tuple[ScriptedLine, ...], language: str = "en") -> None:
        self._script = script
        self._facts = EngineFacts(
            name="scripted",
            native_rate_hz=LINE_RATE_HZ,
            languages=(language,),
            partials=True,
            confidences=False,
            streaming=False,
            model_id="scripted-" + hashlib.sha256(repr(script).encode()).hexdigest()[:12],
        )

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do."""
        return self._facts

    def load(self) -> None:
        """There is nothing to load."""

    def session(self) -> EngineSession:
        """Make one caller's decoder."""
        return _Session(self._script)


class _Session:
    def __init__(self, script: tuple[ScriptedLine, ...]) -> None:
        self._script: tuple[ScriptedLine, ...] | None = script
        self._owner = threading.get_ident()
        self._start_s = 0.0
        self._samples = 0

    def feed(self, pcm: Samples) -> None:
        self._mine()
        self._samples += checked(pcm).size

    def partial(self) -> Hypothesis:
        return self.final()

    def final(self) -> Hypothesis:
        now_s = self._start_s + self._samples / LINE_RATE_HZ
        said: list[str] = []
        for line in self._mine():
            if line.end_s <= self._start_s or line.start_s >= now_s:
                continue
            time.sleep(line.delay_s)
            words = line.text.split()
            each_s = (line.end_s - line.start_s) / max(1, len(words))
            ends = [line.start_s + each_s * (i + 1) for i in range(len(words))]
            said += [w for w, end_s in zip(words, ends, strict=True) if self._start_s < end_s <= now_s + 1e-6]
        return Hypothesis(" ".join(said), None)

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
