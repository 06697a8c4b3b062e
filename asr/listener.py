"""One call's audio in, its speech events out.

The listener runs voice activity, finds utterances, feeds only voiced segments (with a pre-roll, so that the
first word is whole) to a decoder, and turns the decoder's answers into events. It is told everything, does
no I/O and knows no time but audio time. Rules that hold whatever the decoder does:

- nothing outside a segment is ever decoded;
- a partial is asked for only when the one before it was answered or given up;
- at the first silence a final is asked for; if speech goes on, its answer is a partial like any other;
- each Endpoint is followed by exactly one Final of its segment (empty where there were no words), unless
  ``force_final`` had it out before, or the recogniser is lost for good;
- an answer to a request that is not awaited any more is dropped;
- patience is heeded only where the words that it comes from are all that was said before the pause.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from asr.decoder import Answer, Decoder
from asr.endpoint import Endpointer, EndpointSettings, Patience, Turn
from asr.engine import Samples
from asr.errors import SettingsInvalid
from asr.events import (
    Endpoint,
    Final,
    Partial,
    RecognitionDegraded,
    RecognitionLimited,
    RecognitionRecovered,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from asr.vad import FRAME_S, GateSettings, Silero, VoiceActivity, VoiceFrame, shipped_silero


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """How a call is cut into segments and how often words are asked for.

    Attributes
    ----------
    endpoint : EndpointSettings
        When speech begins, pauses and ends.
    gate : GateSettings or None
        Energy gate in front of the network; None looks at every frame.
    partial_every_ms : int
        Speech between two requests for partial words, ms.
    pre_roll_ms : int
        Audio before the first speech frame that belongs to the segment, ms.
    min_speech_ms : int
        A segment with less voiced audio has no words and is not decoded, ms.
    max_segment_s : float
        A segment is cut at a dip in the last fifth of this, and here at the latest, s.
    """

    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    gate: GateSettings | None = field(default_factory=GateSettings)
    partial_every_ms: int = 500
    pre_roll_ms: int = 320
    min_speech_ms: int = 120
    max_segment_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.partial_every_ms < 100 or not 0 <= self.pre_roll_ms <= 2000 or self.min_speech_ms < 0:
            raise SettingsInvalid(f"listener settings out of range: {self}")
        if not 2 <= self.max_segment_s <= 25:
            raise SettingsInvalid("max_segment_s is 2 to 25 s: longer segments decode worse and slower")


@dataclass(slots=True)
class _Segment:
    number: int
    start_s: float
    end_s: float
    voiced_s: float = 0.0
    peak_db: float = -96.0
    partial_at_s: float = 0.0
    partial: int | None = None
    early: int | None = None
    early_answer: Answer | None = None
    last: int | None = None
    asked_end_s: dict[int, float] = field(default_factory=dict)
    newest_text: int = -1
    over: bool = False


class Listener:
    """Speech of one call.

    Parameters
    ----------
    decoder : Decoder
        This call's own; attached to here, closed with the listener.
    settings : ListenerSettings
        See there.
    sink : callable
        Is given each SpeechEvent as it happens: from ``push``, or when the decoder answers.
    silero : Silero, optional
        Voice activity network; the shipped one by default.
    """

    _MOST_WAITING = 8

    def __init__(
        self,
        decoder: Decoder,
        settings: ListenerSettings,
        sink: Callable[[SpeechEvent], None],
        silero: Silero | None = None,
    ) -> None:
        self._decoder = decoder
        self._settings = settings
        self._sink = sink
        self._voice = VoiceActivity(silero or shipped_silero(), settings.gate)
        self._ends = Endpointer(settings.endpoint)
        before = round(settings.pre_roll_ms / 1000 / FRAME_S) + settings.endpoint.start_frames + 1
        self._before: deque[VoiceFrame] = deque(maxlen=before)
        self._current: _Segment | None = None
        self._waiting: dict[int, _Segment] = {}
        self._segments = 0
        self._requests = 0
        self._fed_until_s = 0.0
        self._at_s = 0.0
        self._voiced = False
        self._closed = False
        self._gone = False
        self.dropped_answers = 0
        decoder.attach(self)

    @property
    def voiced(self) -> bool:
        """True where the latest frame is speech."""
        return self._voiced

    @property
    def at_s(self) -> float:
        """Audio time heard so far, in whole frames, s."""
        return self._at_s

    def push(self, pcm: Samples) -> None:
        """Hear samples of the call.

        Parameters
        ----------
        pcm : int16 array, shape (n,)
            8 kHz mono, any length; gaps in the call must be filled with zeros by the caller.

        Raises
        ------
        AudioInvalid
            Where it is something else.
        """
        if self._closed:
            return
        for frame in self._voice.push(pcm):
            self._hear(frame)

    def expect(self, patience: Patience) -> None:
        """Say how long the silence that runs may last, by the words that were told last.

        Nothing happens where the words of all that was said before the silence have not come.
        """
        if self._current is not None and self._current.early_answer is not None and not self._closed:
            self._ends.expect(patience)

    def force_final(self) -> bool:
        """Ask for the final words of what is being said now; True where a Final is still to come.

        What is said after this belongs to another segment. Nothing happens where nobody is speaking.
        """
        if self._current is not None and not self._closed:
            self._finish(self._current)
        return bool(self._waiting)

    def close(self) -> None:
        """Stop: no event comes after this, and the decoder forgets the call."""
        if not self._closed:
            self._closed = True
            self._current = None
            self._waiting.clear()
            self._decoder.close()

    # What the decoder says.

    def on_answer(self, answer: Answer) -> None:
        """Take the words of a request; see DecoderClient."""
        segment = self._waiting.get(answer.segment)
        if segment is None and self._current is not None and self._current.number == answer.segment:
            segment = self._current
        awaited = () if segment is None else (segment.partial, segment.early, segment.last)
        if self._closed or segment is None or answer.request not in awaited:
            self.dropped_answers += 1
            return
        if answer.request == segment.partial:
            segment.partial = None
            if not answer.skipped and not segment.over:
                self._tell_partial(segment, answer)
        elif segment.over:
            self._tell_final(segment, answer)
        else:
            segment.early_answer = answer
            self._tell_partial(segment, answer)

    def on_lost(self, reason: str, lost_audio_s: float, gone: bool) -> None:
        """Learn that answers stop; see DecoderClient."""
        if self._closed:
            return
        if self._current is not None:
            self._current.partial = None
        if gone:
            self._gone = True
            self._current = None
            self._waiting.clear()
        self._sink(RecognitionDegraded(self._at_s, reason, lost_audio_s))

    def on_recovered(self) -> None:
        """Learn that answers come again; see DecoderClient."""
        if not self._closed:
            self._gone = False
            self._sink(RecognitionRecovered(self._at_s))

    def on_rung(self, limited: bool, reason: str) -> None:
        """Learn that only key phrases are heard, or everything again; see DecoderClient."""
        if not self._closed:
            self._sink(RecognitionLimited(self._at_s, limited, reason))

    # What the caller says.

    def _hear(self, frame: VoiceFrame) -> None:
        self._at_s = frame.end_s
        self._voiced = frame.probability >= self._settings.endpoint.silence_under
        self._before.append(frame)
        turn = self._ends.step(frame.probability, frame.start_s, frame.end_s, frame.steady_s)
        if turn is Turn.STARTED:
            self._sink(SpeechStarted(self._ends.began_s))
        segment = self._current
        if segment is not None:
            self._feed(segment, frame)
        elif self._ends.in_speech and not self._ends.paused and not self._gone:
            segment = self._open()
        if turn is Turn.PAUSED:
            self._sink(SpeechPaused(self._ends.speech_end_s, frame.end_s))
            if segment is not None and segment.early is None and self._long_enough(segment):
                self._ask(segment, final=True)
        elif turn is Turn.RESUMED:
            self._sink(SpeechResumed(frame.end_s))
            if segment is not None:
                self._take_back(segment)
        elif turn is Turn.ENDED:
            self._sink(Endpoint(self._ends.speech_end_s, frame.end_s))
            if segment is not None:
                self._finish(segment)
            return
        if segment is not None and self._current is segment:
            self._go_on(segment, frame)

    def _open(self) -> _Segment:
        first = [frame for frame in self._before if frame.start_s >= self._fed_until_s - 1e-9]
        segment = _Segment(self._segments, first[0].start_s, first[0].start_s)
        self._segments += 1
        segment.partial_at_s = first[-1].end_s
        self._current = segment
        self._decoder.begin(segment.number, segment.start_s)
        for frame in first:
            self._feed(segment, frame)
        return segment

    def _feed(self, segment: _Segment, frame: VoiceFrame) -> None:
        segment.end_s = self._fed_until_s = frame.end_s
        if frame.probability >= self._settings.endpoint.silence_under:
            segment.voiced_s += FRAME_S
            segment.peak_db = max(segment.peak_db, frame.level_db)
        self._decoder.feed(segment.number, frame.pcm)

    def _go_on(self, segment: _Segment, frame: VoiceFrame) -> None:
        """Ask for partial words when it is time to, and cut a segment that grows too long."""
        length_s = segment.end_s - segment.start_s
        longest_s = self._settings.max_segment_s
        dip = frame.probability < self._settings.endpoint.speech_at or frame.level_db < segment.peak_db - 20
        if length_s >= longest_s or (length_s >= 0.8 * longest_s and dip):
            self._finish(segment)
        elif (
            segment.partial is None
            and not self._ends.paused
            and frame.end_s - segment.partial_at_s >= self._settings.partial_every_ms / 1000 - 1e-9
        ):
            segment.partial_at_s = frame.end_s
            self._ask(segment, final=False)

    def _take_back(self, segment: _Segment) -> None:
        """Speech goes on: what was asked for as a final early is a partial now."""
        if segment.early is not None and segment.early_answer is None:
            segment.partial = segment.early
        segment.early = segment.early_answer = None
        if segment.partial is not None:
            self._decoder.recall(segment.number, segment.partial)

    def _finish(self, segment: _Segment) -> None:
        self._current = None
        segment.over = True
        segment.partial = None
        if segment.early is not None and not self._ends.paused and self._ends.in_speech:
            self._take_back(segment)
            segment.partial = None
        if not self._long_enough(segment):
            self._tell_final(segment, Answer(segment.number, -1, "", None, 0.0))
            return
        if segment.early_answer is not None:
            self._tell_final(segment, segment.early_answer)
            return
        self._waiting[segment.number] = segment
        while len(self._waiting) > self._MOST_WAITING:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            self._decoder.end(oldest.number)
            self._sink(RecognitionDegraded(self._at_s, "the recogniser is behind", oldest.end_s - oldest.start_s))
        if segment.early is None:
            self._ask(segment, final=True)
        awaited = segment.last if segment.early is None else segment.early
        if awaited is not None:
            self._decoder.hurry(segment.number, awaited)

    def _long_enough(self, segment: _Segment) -> bool:
        return segment.voiced_s * 1000 >= self._settings.min_speech_ms

    def _ask(self, segment: _Segment, final: bool) -> None:
        request = self._requests
        self._requests += 1
        segment.asked_end_s[request] = segment.end_s
        # An inline decoder answers before ask() returns: the number must be awaited by then.
        if not final:
            segment.partial = request
        elif segment.over:
            segment.last = request
        else:
            segment.early = request
        self._decoder.ask(segment.number, request, final)

    def _tell_partial(self, segment: _Segment, answer: Answer) -> None:
        if answer.request < segment.newest_text or not answer.text:
            return
        segment.newest_text = answer.request
        end_s = segment.asked_end_s.get(answer.request, segment.end_s)
        self._sink(Partial(answer.text, segment.start_s, end_s, answer.confidence, answer.decode_s))

    def _tell_final(self, segment: _Segment, answer: Answer) -> None:
        self._waiting.pop(segment.number, None)
        self._decoder.end(segment.number)
        end_s = segment.asked_end_s.get(answer.request, segment.end_s)
        speculative = segment.early is not None and answer.request == segment.early
        self._sink(Final(answer.text, segment.start_s, end_s, answer.confidence, answer.decode_s, speculative))
