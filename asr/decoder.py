"""The way from a call's voiced segments to their words, and the shortest such way: in this process.

A :class:`~asr.listener.Listener` cuts a call into numbered segments and asks for words under numbered
requests; a :class:`Decoder` answers when it can, in any order. Answers whose number is no longer awaited
are the asker's to drop.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from asr.engine import LINE_RATE_HZ, Engine, EngineSession, Hypothesis, Samples, Word
from asr.errors import EngineError
from telephony.audio import StreamResampler


@dataclass(frozen=True, slots=True)
class Answer:
    """Words for a request.

    Attributes
    ----------
    segment, request : int
        What was asked.
    text : str
        Words of the segment up to the request; empty where there were none.
    confidence : float or None
        0..1 or None.
    decode_s : float
        CPU time spent on it, s.
    skipped : bool
        True where a partial was not decoded because finals came first; text is empty then.
    words : tuple of Word
        The words of ``text`` one by one; empty where the engine knows nothing of single words.
    """

    segment: int
    request: int
    text: str
    confidence: float | None
    decode_s: float
    skipped: bool = False
    words: tuple[Word, ...] = ()


class DecoderClient(Protocol):
    """Who asks: told on the thread or loop that the decoder belongs to."""

    def on_answer(self, answer: Answer) -> None:
        """Take the words of a request."""

    def on_lost(self, reason: str, lost_audio_s: float, gone: bool) -> None:
        """Learn that answers stop for a while, or for good where ``gone``."""

    def on_recovered(self) -> None:
        """Learn that everything kept was replayed and answers come again."""

    def on_rung(self, limited: bool, reason: str) -> None:
        """Learn that from now on only key phrases are heard, or everything again."""


class Decoder(Protocol):
    """One call's way to words."""

    def attach(self, client: DecoderClient) -> None:
        """Say who is answered; once, before anything else."""

    def begin(self, segment: int, start_s: float) -> None:
        """Open a segment whose first sample is at ``start_s`` of the call."""

    def feed(self, segment: int, pcm: Samples) -> None:
        """Add int16 samples at 8 kHz to an open segment."""

    def ask(self, segment: int, request: int, final: bool) -> None:
        """Ask for the words of all that was fed to the segment; a final is skipped only when recalled."""

    def hurry(self, segment: int, request: int) -> None:
        """Say that the endpoint has come: a final that was asked for early is awaited from now on."""

    def recall(self, segment: int, request: int) -> None:
        """Say that speech went on over a final asked for early: it may now be skipped like a partial."""

    def end(self, segment: int) -> None:
        """Forget the segment and what was asked of it."""

    def close(self) -> None:
        """Forget the call; nothing is answered after it."""


class SegmentDecoder:
    """One call's segments on one engine session, resampled from the line's rate to the engine's.

    Parameters
    ----------
    engine : Engine
        Shared model.
    limited : bool
        True to hear key phrases only; raises EngineError where the engine has no grammar.
    cpu_clock : callable
        Returns CPU seconds of the calling thread.
    """

    def __init__(
        self, engine: Engine, limited: bool = False, cpu_clock: Callable[[], float] = time.thread_time
    ) -> None:
        self._engine = engine
        self._clock = cpu_clock
        self._session: EngineSession = engine.session(limited) if limited else engine.session()
        self._resampler: StreamResampler | None = None
        self._fed_cpu_s = 0.0

    def begin(self, start_s: float) -> None:
        """Start over with a segment whose first sample is at ``start_s`` of the call."""
        rate_hz = self._engine.facts.native_rate_hz
        self._resampler = None if rate_hz == LINE_RATE_HZ else StreamResampler(LINE_RATE_HZ, rate_hz)
        self._fed_cpu_s = 0.0
        self._session.reset(start_s)

    def feed(self, pcm: Samples) -> float:
        """Add int16 samples at 8 kHz; returns the CPU seconds it took."""
        began = self._clock()
        self._session.feed(pcm if self._resampler is None else self._resampler.push(pcm))
        spent_s = self._clock() - began
        self._fed_cpu_s += spent_s
        return spent_s

    def words(self, final: bool, quick: bool = False) -> tuple[Hypothesis, float]:
        """Return (words of the segment so far, CPU seconds this call took); ``quick`` as in EngineSession."""
        began = self._clock()
        hypothesis = self._session.final(quick) if final else self._session.partial()
        return hypothesis, self._clock() - began

    def close(self) -> None:
        """Give the session's memory back."""
        self._session.close()


class InlineDecoder:
    """Decodes in the calling thread, at once: for files, tests and tools, never on an event loop.

    Parameters
    ----------
    engine : Engine
        Loaded or not; shared by any number of calls in turn.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._work: SegmentDecoder | None = SegmentDecoder(engine)
        self._client: DecoderClient | None = None
        self._segment: int | None = None
        self.cpu_s = 0.0

    def attach(self, client: DecoderClient) -> None:
        """Say who is answered."""
        self._client = client

    def begin(self, segment: int, start_s: float) -> None:
        """Open a segment; the one before it is over."""
        if self._work is not None:
            self._segment = segment
            self._work.begin(start_s)

    def feed(self, segment: int, pcm: Samples) -> None:
        """Add int16 samples at 8 kHz."""
        if self._work is not None and segment == self._segment:
            self.cpu_s += self._work.feed(pcm)

    def ask(self, segment: int, request: int, final: bool) -> None:
        """Decode now and answer before returning."""
        if self._work is None or self._client is None or segment != self._segment:
            return
        if not final and not self._engine.facts.partials:
            self._client.on_answer(Answer(segment, request, "", None, 0.0, skipped=True))
            return
        try:
            hypothesis, decode_s = self._work.words(final)
        except EngineError as problem:
            self._client.on_lost(str(problem), 0.0, gone=True)
            return
        self.cpu_s += decode_s
        said = Answer(segment, request, hypothesis.text, hypothesis.confidence, decode_s, words=hypothesis.words)
        self._client.on_answer(said)

    def hurry(self, segment: int, request: int) -> None:
        """Nothing to do: it was answered when it was asked for."""

    def recall(self, segment: int, request: int) -> None:
        """Nothing to do: it was answered when it was asked for."""

    def end(self, segment: int) -> None:
        """Forget the segment."""
        if segment == self._segment:
            self._segment = None

    def close(self) -> None:
        """Forget the call."""
        if self._work is not None:
            self._work.close()
            self._work = None
