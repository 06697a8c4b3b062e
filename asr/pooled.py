"""One call's decoder in a worker process: what it keeps so that a lost worker costs no words."""

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from asr.admission import TalkShare
from asr.decoder import Answer, DecoderClient
from asr.engine import LINE_RATE_HZ, MAX_SEGMENT_S, Hypothesis, Samples, checked
from asr.pool_types import Rung
from asr.wire import Kind, Message, audio_body, object_body, read_object, read_words, start_body

if TYPE_CHECKING:
    from asr.pool import RecogniserPool
    from asr.slot import Slot

# Frames are sent a few at a time: a message costs more than the samples in it.
_BATCH = 1024
# A segment on which this many processes ended is not given to a third.
_MOST_ENDS = 2
# What is replayed goes in pieces too: a worker says between two of them that it lives.
_REPLAY_BATCH = 4096
_MOST_SAMPLES = int(MAX_SEGMENT_S * LINE_RATE_HZ)
_NO_WORDS = Hypothesis("", None)


@dataclass(slots=True)
class _Kept:
    """A segment that is not over: everything needed to start it again elsewhere."""

    start_s: float
    sent: list[Samples] = field(default_factory=list)
    unsent: list[Samples] = field(default_factory=list)
    waiting: int = 0
    samples: int = 0
    # Requests that are not answered: whether it is a final, and the samples that it speaks for.
    asked: dict[int, tuple[bool, int]] = field(default_factory=dict)
    # When the oldest of them was asked for, monotonic, s; it only matters while there are any.
    asked_s: float = 0.0
    # Of these, the finals whose endpoint has come.
    due: set[int] = field(default_factory=set)
    # The newest words, for a final that nobody can decode.
    best: Hypothesis = _NO_WORDS
    # Processes that ended on it; once there were too many, its audio goes nowhere any more.
    ends: int = 0

    @property
    def given_up(self) -> bool:
        """True where nobody decodes it any more."""
        return self.ends > _MOST_ENDS


class PooledDecoder:
    """Sends a call's segments to the worker that the pool placed it on; made by RecogniserPool.decoder.

    Attributes
    ----------
    number : int
        Of the call in its pool; never given twice.
    call_id, language : str
        As the pool was told.
    rung : Rung
        What the call is listened to with now.
    talk : TalkShare
        How much its caller speaks.
    stepped_s : float
        Monotonic time at which the rung changed last, s.
    """

    def __init__(
        self, pool: "RecogniserPool", number: int, call_id: str, language: str, rung: Rung, reason: str, talk: TalkShare
    ) -> None:
        self._pool = pool
        self.number = number
        self.call_id = call_id
        self.language = language
        self.rung = rung
        self.talk = talk
        self.stepped_s = time.monotonic()
        self._reason = reason
        self._slot: Slot | None = None
        self._client: DecoderClient | None = None
        self._segments: dict[int, _Kept] = {}
        self._messages = 0
        self._lost = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """True once the call is forgotten."""
        return self._closed

    @property
    def busy(self) -> bool:
        """True while a segment is open."""
        return bool(self._segments)

    @property
    def waits_since_s(self) -> float:
        """Monotonic time since when words are awaited, s; infinite where none are."""
        return min((kept.asked_s for kept in self._segments.values() if kept.asked), default=math.inf)

    @property
    def slot(self) -> "Slot | None":
        """Where it is placed; None while it is nowhere."""
        return self._slot

    def attach(self, client: DecoderClient) -> None:
        """Say who is answered; told of what it has not, rung or process, as soon as the caller of this is done."""
        self._client = client
        if self.rung is not Rung.FULL:
            asyncio.get_running_loop().call_soon(self._tell_first_rung, self.rung)
        elif self._slot is None:
            asyncio.get_running_loop().call_soon(self.tell_lost, self._reason)

    def begin(self, segment: int, start_s: float) -> None:
        """Open a segment."""
        if self._closed:
            return
        if not self._segments:
            self._pool.between_segments(self)
        if self.rung is not Rung.NONE:
            self._segments[segment] = _Kept(start_s)
            self._send(Kind.BEGIN, segment, body=start_body(start_s))

    def feed(self, segment: int, pcm: Samples) -> None:
        """Add int16 samples at 8 kHz; they leave in batches, or with the next request."""
        kept = self._segments.get(segment)
        if kept is None or kept.given_up:
            return
        pcm = checked(pcm)[: max(0, _MOST_SAMPLES - kept.samples)]
        kept.samples += pcm.size
        kept.waiting += pcm.size
        kept.unsent.append(pcm)
        if kept.waiting >= _BATCH:
            self._flush(segment, kept)

    def ask(self, segment: int, request: int, final: bool) -> None:
        """Ask for words; a partial is answered as skipped where the worker is behind or away."""
        kept = self._segments.get(segment)
        if kept is None:
            return
        if kept.given_up:
            self._answer(_answered(segment, request, kept.best, 0.0))
            return
        self._flush(segment, kept)
        if not final and (self._slot is None or self._pool.crowded(self._slot)):
            self._answer(Answer(segment, request, "", None, 0.0, skipped=True))
            return
        if not kept.asked:
            kept.asked_s = time.monotonic()
        kept.asked[request] = (final, kept.samples)
        self._send(Kind.ASK_FINAL if final else Kind.ASK_PARTIAL, segment, request)

    def hurry(self, segment: int, request: int) -> None:
        """Let a final that was asked for early overtake what is asked early by others."""
        kept = self._segments.get(segment)
        if kept is not None and request in kept.asked:
            kept.due.add(request)
            self._send(Kind.HURRY, segment, request)

    def recall(self, segment: int, request: int) -> None:
        """Let the worker skip a final that was asked for early; it answers with what it has done by then."""
        kept = self._segments.get(segment)
        if kept is None or request not in kept.asked:
            return
        if self._slot is None:
            del kept.asked[request]
            self._answer(Answer(segment, request, "", None, 0.0, skipped=True))
            return
        kept.asked[request] = (False, kept.asked[request][1])
        self._send(Kind.RECALL, segment, request)

    def end(self, segment: int) -> None:
        """Forget a segment."""
        if self._segments.pop(segment, None) is None:
            return
        self._send(Kind.END, segment)
        if not self._segments and self._slot is not None and self._slot.leaving:
            self._pool.place(self)

    def close(self) -> None:
        """Forget the call."""
        if not self._closed:
            self._closed = True
            self._segments.clear()
            self._send(Kind.CLOSE, 0)
            self._pool.forget(self)

    # For the pool.

    def move_to(self, slot: "Slot") -> None:
        """Start on a worker, replaying what is kept; the worker before is told that it is over there."""
        self._send(Kind.CLOSE, 0)
        self._slot = slot
        self._send(Kind.OPEN, 0, body=object_body({"language": self.language, "limited": self.rung is Rung.PHRASES}))
        for segment, kept in list(self._segments.items()):
            if not kept.given_up:
                self._replay(segment, kept)
        if self._lost:
            self._lost = False
            if self._client is not None:
                self._client.on_recovered()

    def step_to(self, rung: Rung, reason: str) -> None:
        """Go on with another rung; between two segments only. The pool places a call that was on none before."""
        before, self.rung = self.rung, rung
        self.stepped_s = time.monotonic()
        if self._slot is not None:
            self.move_to(self._slot)
        if self._client is None:
            return
        if before is Rung.NONE:
            self._client.on_recovered()
        if Rung.PHRASES in (before, rung):
            self._client.on_rung(rung is Rung.PHRASES, reason)

    def lose(self, suspected: int | None) -> None:
        """Learn that the worker is gone, and which segment may have been its end; the pool places the call anew.

        What was asked for is asked again, but for partials: the next ones say more.
        """
        self._slot = None
        skipped: list[Answer] = []
        for segment, kept in list(self._segments.items()):
            for request, (final, _) in list(kept.asked.items()):
                if not final:
                    del kept.asked[request]
                    skipped.append(Answer(segment, request, "", None, 0.0, skipped=True))
            if segment == suspected and not kept.given_up:
                kept.ends += 1
                if kept.ends > _MOST_ENDS:
                    self._give_up(segment, kept)
        for answer in skipped:
            self._answer(answer)

    def tell_lost(self, reason: str) -> None:
        """Learn that there is no worker to go to for now."""
        if not self._lost and not self._closed and self._slot is None:
            self._lost = True
            if self._client is not None:
                self._client.on_lost(reason, 0.0, gone=False)

    def receive(self, message: Message) -> None:
        """Take a worker's message about this call."""
        kept = self._segments.get(message.segment)
        if kept is None or message.request not in kept.asked:
            return
        final, _ = kept.asked.pop(message.request)
        kept.due.discard(message.request)
        if message.kind in (Kind.PARTIAL, Kind.FINAL):
            words, decode_s = read_words(message)
            kept.best = words
            self._answer(_answered(message.segment, message.request, words, decode_s))
        elif message.kind is Kind.ERROR and final and self._client is not None:
            problem = str(read_object(message).get("problem"))
            self._client.on_lost(problem, kept.samples / LINE_RATE_HZ, gone=False)
            self._client.on_recovered()
            self._answer(_answered(message.segment, message.request, kept.best, 0.0))
        else:
            self._answer(Answer(message.segment, message.request, "", None, 0.0, skipped=True))

    def _give_up(self, segment: int, kept: _Kept) -> None:
        """Answer with the words so far, now and from now on: this audio ends every process that hears it."""
        asked = list(kept.asked)
        kept.asked.clear()
        kept.sent.clear()
        kept.unsent.clear()
        if self._client is not None:
            reason = f"{_MOST_ENDS + 1} recogniser processes ended on this phrase, so it is not tried again"
            self._client.on_lost(reason, kept.samples / LINE_RATE_HZ, gone=False)
            self._client.on_recovered()
        for request in asked:
            self._answer(_answered(segment, request, kept.best, 0.0))

    def _tell_first_rung(self, rung: Rung) -> None:
        if self._client is None or self._closed or self.rung is not rung:
            return
        if rung is Rung.NONE:
            self._client.on_lost(self._reason, 0.0, gone=True)
        else:
            self._client.on_rung(True, self._reason)

    def _replay(self, segment: int, kept: _Kept) -> None:
        self._send(Kind.BEGIN, segment, body=start_body(kept.start_s))
        audio = np.concatenate(kept.sent) if kept.sent else np.zeros(0, np.int16)
        kept.sent = []
        at = 0
        for request, (_, samples) in sorted(kept.asked.items()):
            self._send_audio(segment, kept, audio[at:samples])
            at = max(at, samples)
            self._send(Kind.ASK_FINAL, segment, request)
            if request in kept.due:
                self._send(Kind.HURRY, segment, request)
        self._send_audio(segment, kept, audio[at:])

    def _flush(self, segment: int, kept: _Kept) -> None:
        if kept.unsent:
            pcm, kept.unsent, kept.waiting = np.concatenate(kept.unsent), [], 0
            self.talk.spoke(pcm.size / LINE_RATE_HZ, time.monotonic())
            self._send_audio(segment, kept, pcm)

    def _send_audio(self, segment: int, kept: _Kept, pcm: Samples) -> None:
        for at in range(0, pcm.size, _REPLAY_BATCH):
            part = pcm[at : at + _REPLAY_BATCH]
            kept.sent.append(part)
            self._messages += 1
            self._send(Kind.AUDIO, segment, self._messages, audio_body(part))

    def _send(self, kind: Kind, segment: int, request: int = 0, body: bytes = b"") -> None:
        if self._slot is not None:
            self._slot.send(Message(kind, self.number, segment, request, body))

    def _answer(self, answer: Answer) -> None:
        if self._client is not None and not self._closed:
            self._client.on_answer(answer)


def _answered(segment: int, request: int, words: Hypothesis, decode_s: float) -> Answer:
    return Answer(segment, request, words.text, words.confidence, decode_s, words=words.words)
