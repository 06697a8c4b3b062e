"""The listener with a decoder whose answers the test gives, and with the embedded engine on real speech."""

import numpy as np
import pytest

from asr.decoder import Answer, DecoderClient, InlineDecoder
from asr.endpoint import EndpointSettings
from asr.engine import Samples
from asr.engines import create_engine
from asr.errors import AudioInvalid
from asr.events import Endpoint, Final, Partial, RecognitionDegraded, SpeechEvent, SpeechPaused, SpeechStarted
from asr.listener import Listener, ListenerSettings
from telephony.audio import read_audio
from tests.asr.pools import MOONSHINE
from tests.asr.speech import embedded_speech, music, noise, silence, tones, trimmed
from tests.conftest import ROOT


class HandDecoder:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.client: DecoderClient | None = None
        self.audio: dict[int, list[Samples]] = {}
        self.asked: list[tuple[int, int, bool]] = []
        self.hurried: list[tuple[int, int]] = []
        self.recalled: list[tuple[int, int]] = []
        self.ended: list[int] = []

    def attach(self, client: DecoderClient) -> None:
        self.client = client

    def begin(self, segment: int, start_s: float) -> None:
        self.audio[segment] = []

    def feed(self, segment: int, pcm: Samples) -> None:
        self.audio[segment].append(pcm)

    def ask(self, segment: int, request: int, final: bool) -> None:
        self.asked.append((segment, request, final))

    def hurry(self, segment: int, request: int) -> None:
        self.hurried.append((segment, request))

    def recall(self, segment: int, request: int) -> None:
        self.recalled.append((segment, request))

    def end(self, segment: int) -> None:
        self.ended.append(segment)

    def close(self) -> None:
        self.asked.clear()

    def answer(self, at: int, text: str) -> None:
        segment, request, _ = self.asked[at]
        assert self.client is not None
        self.client.on_answer(Answer(segment, request, text, 0.9, 0.01))


def speak(listener: Listener, pcm: Samples) -> None:
    for at in range(0, pcm.size, 160):
        listener.push(pcm[at : at + 160])


@pytest.fixture
def heard() -> list[SpeechEvent]:
    return []


@pytest.fixture
def hand() -> HandDecoder:
    return HandDecoder()


@pytest.fixture
def listener(hand: HandDecoder, heard: list[SpeechEvent]) -> Listener:
    return Listener(hand, ListenerSettings(), heard.append)


SPEECH = embedded_speech(8000, 0.0, 3.2)


def test_an_utterance_starts_pauses_and_ends_with_one_final(
    listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]
) -> None:
    speak(listener, np.concatenate([silence(1), SPEECH, silence(1)]))
    assert not [event for event in heard if isinstance(event, Final)]
    finals = [index for index, (_, _, final) in enumerate(hand.asked) if final]
    hand.answer(finals[-1], "the best of times")
    kinds = [type(event) for event in heard]
    assert kinds[0] is SpeechStarted
    assert kinds.index(SpeechPaused) < kinds.index(Endpoint) < kinds.index(Final)
    final = heard[-1]
    assert isinstance(final, Final)
    assert final.text == "the best of times"
    assert final.speculative
    end = next(event for event in heard if isinstance(event, Endpoint))
    assert 0.55 < end.at_s - end.speech_end_s < 0.7
    assert hand.ended == [0]


def test_audio_before_the_first_speech_frame_is_decoded_too(
    listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]
) -> None:
    speak(listener, np.concatenate([silence(2), SPEECH, silence(1)]))
    started = next(event for event in heard if isinstance(event, SpeechStarted))
    finals = [index for index, (_, _, final) in enumerate(hand.asked) if final]
    hand.answer(finals[-1], "words")
    final = heard[-1]
    assert isinstance(final, Final)
    assert 0.25 <= started.at_s - final.start_s <= 0.5


def test_only_one_partial_is_awaited_at_a_time(listener: Listener, hand: HandDecoder) -> None:
    speak(listener, np.concatenate([silence(0.5), SPEECH]))
    partials = [ask for ask in hand.asked if not ask[2]]
    assert len(partials) == 1


def test_a_final_asked_for_at_a_pause_is_only_a_partial_when_speech_goes_on(
    hand: HandDecoder, heard: list[SpeechEvent]
) -> None:
    listener = Listener(hand, ListenerSettings(EndpointSettings(endpoint_ms=1500)), heard.append)
    said = trimmed(SPEECH)
    speak(listener, np.concatenate([silence(0.5), said, silence(0.6), said, silence(2)]))
    finals = [index for index, (_, _, final) in enumerate(hand.asked) if final]
    assert len(finals) >= 2
    hand.answer(finals[0], "half of it")
    assert not [event for event in heard if isinstance(event, Final)]
    hand.answer(finals[-1], "all of it")
    texts = [event.text for event in heard if isinstance(event, Final)]
    assert texts == ["all of it"]
    assert len([event for event in heard if isinstance(event, Endpoint)]) == 1


def test_answers_nobody_waits_for_are_dropped(listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]) -> None:
    speak(listener, np.concatenate([silence(0.5), SPEECH, silence(1)]))
    finals = [index for index, (_, _, final) in enumerate(hand.asked) if final]
    hand.answer(finals[-1], "words")
    before = list(heard)
    for index in range(len(hand.asked)):
        hand.answer(index, "late")
    listener.on_answer(Answer(99, 99, "from another life", None, 0.0))
    assert heard == before
    assert listener.dropped_answers == len(hand.asked) + 1


def test_force_final_gives_what_was_said_and_goes_on_after_it(
    listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]
) -> None:
    assert not listener.force_final()
    speak(listener, np.concatenate([silence(0.5), SPEECH[:16000]]))
    assert listener.force_final()
    segment, _, final = hand.asked[-1]
    assert (segment, final) == (0, True)
    hand.answer(-1, "so far")
    assert [event.text for event in heard if isinstance(event, Final)] == ["so far"]
    speak(listener, SPEECH[16000:])
    assert set(hand.audio) == {0, 1}


def test_nothing_is_said_twice_or_left_out_at_a_forced_cut(hand: HandDecoder, heard: list[SpeechEvent]) -> None:
    listener = Listener(hand, ListenerSettings(max_segment_s=4.0), heard.append)
    long = embedded_speech(8000, 0.0, 20.0)
    speak(listener, long)
    pieces = [np.concatenate(parts) for parts in hand.audio.values()]
    assert len(pieces) >= 3
    assert max(piece.size for piece in pieces) <= 4.1 * 8000
    joined = np.concatenate(pieces)
    first = joined[:4000]
    at = next(k for k in range(0, long.size, 256) if np.array_equal(long[k : k + 4000], first))
    assert joined.size <= long.size - at


def test_a_lost_recogniser_is_told_and_speech_goes_on(
    listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]
) -> None:
    speak(listener, np.concatenate([silence(0.5), SPEECH]))
    listener.on_lost("it crashed", 0.0, gone=False)
    assert [event for event in heard if isinstance(event, RecognitionDegraded)]
    listener.on_recovered()
    speak(listener, silence(1))
    hand.answer(-1, "words")
    assert isinstance(heard[-1], Final)


def test_nothing_comes_after_close(listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]) -> None:
    speak(listener, np.concatenate([silence(0.5), SPEECH]))
    asked = list(hand.asked)
    before = list(heard)
    listener.close()
    speak(listener, SPEECH)
    for segment, request, _ in asked:
        listener.on_answer(Answer(segment, request, "late", None, 0.0))
    assert heard == before


def test_events_do_not_depend_on_how_audio_is_cut(heard: list[SpeechEvent]) -> None:
    pcm = np.concatenate([silence(0.7), SPEECH, noise(0.9, -50), SPEECH, silence(1)])
    outcomes = []
    for step in (160, 333, 4096, pcm.size):
        events: list[SpeechEvent] = []
        listener = Listener(HandDecoder(), ListenerSettings(), events.append)
        for at in range(0, pcm.size, step):
            listener.push(pcm[at : at + step])
        outcomes.append(events)
    assert all(events == outcomes[0] for events in outcomes)
    assert len(outcomes[0]) >= 6


def test_refuses_what_is_not_audio(listener: Listener) -> None:
    with pytest.raises(AudioInvalid):
        listener.push(np.full(160, np.nan))


SOUNDS = {
    "digital silence": silence(6),
    "quiet noise": noise(6, -55),
    "loud noise": noise(6, -20),
    "constant offset": np.full(48_000, 9000, np.int16),
    "key tones": tones(6, 770, 1336, on_s=0.1, off_s=0.2),
    "a key held down": tones(6, 941, 1336, on_s=2, off_s=0.5),
    "ringback": tones(6, 440, 480, on_s=2, off_s=1),
    "ringback in Britain": tones(6, 400, 450, on_s=0.4, off_s=0.2),
    "ringback in Europe": tones(6, 425, on_s=1, off_s=4),
    "busy": tones(6, 425, on_s=0.5, off_s=0.5),
    "busy in America": tones(6, 480, 620, on_s=0.5, off_s=0.5),
    "call waiting": tones(6, 440, on_s=0.3, off_s=1.7),
    "fax answering": tones(6, 2100, on_s=3.3, off_s=0.5),
    "special information": np.concatenate([tones(0.33, 950), tones(0.33, 1400), tones(0.33, 1800), silence(1)] * 3),
    "mains hum": tones(6, 50, 100, 150, 250, 350),
    "hold music": read_audio(ROOT / "nabra" / "demo" / "samples" / "hold-music.flac"),
    "fax": tones(6, 1100, on_s=0.5, off_s=1.5),
    "music": music(6),
    "square wave": np.sign(tones(6, 300)).astype(np.int16) * np.int16(30000),
}


@pytest.mark.parametrize("name", sorted(SOUNDS))
def test_what_is_not_speech_never_reaches_a_recogniser(
    name: str, listener: Listener, hand: HandDecoder, heard: list[SpeechEvent]
) -> None:
    speak(listener, SOUNDS[name])
    listener.force_final()
    assert heard == []
    assert hand.audio == {}


def test_real_speech_becomes_the_words_that_were_read(heard: list[SpeechEvent]) -> None:
    engine = create_engine(MOONSHINE)
    listener = Listener(InlineDecoder(engine), ListenerSettings(), heard.append)
    speak(listener, np.concatenate([silence(1), embedded_speech(8000, 0.0, 8.0), silence(1)]))
    text = " ".join(event.text for event in heard if isinstance(event, Final)).lower()
    assert "best of times" in text
    assert "worst of times" in text
    assert [event for event in heard if isinstance(event, Partial)]
