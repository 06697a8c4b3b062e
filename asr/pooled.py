"""One call's decoder in a worker process: what it keeps so that a lost worker costs no words."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from asr.decoder import Answer, DecoderClient
from asr.engine import LINE_RATE_HZ, MAX_SEGMENT_S, Samples, checked
from asr.wire import Kind, Message, audio_body, object_body, read_object, read_words, start_body

if TYPE_CHECKING:
    from asr.pool import RecogniserPool
    from asr.slot import Slot

# Frames are sent a few at a time: a message costs more than the samples in it.
_BATCH = 1024
_MOST_REPLAYS = 2
_MOST_SAMPLES = int(MAX_SEGMENT_S * LINE_RATE_HZ)


@dataclass(slots=True)
class _Kept:
    """A segment that is not over: everything needed to start it again elsewhere."""

    start_s: float
    sent: list[Samples] = field(default_factory=list)
    unsent: list[Samples] = field(default_factory=list)
    samples: int = 0
    # Requests that are not answered, with the samples that each one speaks for.
    asked: dict[int, tuple[bool, int]] = field(default_factory=dict)
    # Of these, the finals whose endpoint has come.
    due: set[int] = field(default_factory=set)
    replays: int = 0


class PooledDecoder:
    """Sends a call's segments to the worker that the pool placed it on; made by RecogniserPool.decoder."""

    def __init__(self, pool: "RecogniserPool", number: int, language: str) -> None:
        self._pool = pool
        self.number = number
        self.language = language
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

    def attach(self, client: DecoderClient) -> None:
        """Say who is answered."""
        self._client = client

    def begin(self, segment: int, start_s: float) -> None:
        """Open a segment."""
        if not self._closed:
            self._segments[segment] = _Kept(start_s)
            self._send(Kind.BEGIN, segment, body=start_body(start_s))

    def feed(self, segment: int, pcm: Samples) -> None:
        """Add int16 samples at 8 kHz; they leave in batches, or with the next request."""
        kept = self._segments.get(segment)
        if kept is None:
            return
        pcm = checked(pcm)[: max(0, _MOST_SAMPLES - kept.samples)]
        kept.samples += pcm.size
        kept.unsent.append(pcm)
        if sum(part.size for part in kept.unsent) >= _BATCH:
            self._flush(segment, kept)

    def ask(self, segment: int, request: int, final: bool) -> None:
        """Ask for words; a partial is answered as skipped where the worker is behind or away."""
        kept = self._segments.get(segment)
        if kept is None:
            return
        self._flush(segment, kept)
        if not final and (self._slot is None or self._pool.crowded(self._slot)):
            self._answer(Answer(segment, request, "", None, 0.0, skipped=True))
            return
        kept.asked[request] = (final, kept.samples)
        self._send(Kind.ASK_FINAL if final else Kind.ASK_PARTIAL, segment, request)

    def hurry(self, segment: int, request: int) -> None:
        """Let a final that was asked for early overtake what is asked early by others."""
        kept = self._segments.get(segment)
        if kept is not None and request in kept.asked:
            kept.due.add(request)
            self._send(Kind.HURRY, segment, request)

    def recall(self, segment: int, request: int) -> None:
        """Let the worker skip a final that was asked for early; it answers with whatever it has done by then."""
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
        if self._segments.pop(segment, None) is not None:
            self._send(Kind.END, segment)

    def close(self) -> None:
        """Forget the call."""
        if not self._closed:
            self._closed = True
            self._segments.clear()
            self._send(Kind.CLOSE, 0)
            self._pool.forget(self)

    # For the pool.

    def move_to(self, slot: "Slot") -> None:
        """Start on a worker, replaying what is kept."""
        self._slot = slot
        self._send(Kind.OPEN, 0, body=object_body({"language": self.language}))
        for segment, kept in list(self._segments.items()):
            self._replay(segment, kept)
        if self._lost:
            self._lost = False
            if self._client is not None:
                self._client.on_recovered()

    def lose(self, reason: str | None) -> None:
        """Learn that the worker is gone; None says that nothing was under way on it."""
        self._slot = None
        for kept in self._segments.values():
            kept.asked = {request: ask for request, ask in kept.asked.items() if ask[0]}
            kept.replays += 1
        if reason is None or self._client is None:
            return
        lost_s = 0.0
        given_up = [segment for segment, kept in self._segments.items() if kept.replays > _MOST_REPLAYS]
        answers = []
        for segment in given_up:
            # Whatever is in this audio ends every worker that hears it.
            kept = self._segments.pop(segment)
            lost_s += kept.samples / LINE_RATE_HZ
            answers += [Answer(segment, request, "", None, 0.0, skipped=True) for request in kept.asked]
        self._lost = True
        self._client.on_lost(reason, lost_s, gone=False)
        for answer in answers:
            self._answer(answer)

    def receive(self, message: Message) -> None:
        """Take a worker's message about this call."""
        kept = self._segments.get(message.segment)
        if kept is None or message.request not in kept.asked:
            return
        final, _ = kept.asked.pop(message.request)
        kept.due.discard(message.request)
        if message.kind in (Kind.PARTIAL, Kind.FINAL):
            words, decode_s = read_words(message)
            self._answer(Answer(message.segment, message.request, words.text, words.confidence, decode_s))
            return
        if message.kind is Kind.ERROR and final and self._client is not None:
            problem = str(read_object(message).get("problem"))
            self._client.on_lost(problem, kept.samples / LINE_RATE_HZ, gone=False)
            self._client.on_recovered()
        self._answer(Answer(message.segment, message.request, "", None, 0.0, skipped=True))

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
            pcm, kept.unsent = np.concatenate(kept.unsent), []
            self._send_audio(segment, kept, pcm)

    def _send_audio(self, segment: int, kept: _Kept, pcm: Samples) -> None:
        if pcm.size:
            kept.sent.append(pcm)
            self._messages += 1
            self._send(Kind.AUDIO, segment, self._messages, audio_body(pcm))

    def _send(self, kind: Kind, segment: int, request: int = 0, body: bytes = b"") -> None:
        if self._slot is not None:
            self._slot.send(Message(kind, self.number, segment, request, body))

    def _answer(self, answer: Answer) -> None:
        if self._client is not None and not self._closed:
            self._client.on_answer(answer)
