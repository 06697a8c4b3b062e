"""The caller speaks over our prompts, on a line that gives them back: whole calls, real audio, a clock made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import config
from asr.echo import EchoGate
from nabra.call import Call
from nabra.ears import Ears, offline_ears
from nabra.generations import Loaded, load
from nabra.operations.bus import EventKind
from router.commands import Decision
from router.session import CallFacts
from telephony.audio import mulaw_decode, mulaw_encode, read_audio
from tests.asr.speech import trimmed
from tests.conftest import ROOT

SAMPLES = ROOT / "nabra" / "demo" / "samples"
FRAME = 160
Pcm = np.ndarray


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(config.load(), 1)


@pytest.fixture(scope="module")
def ears() -> Ears:
    return offline_ears(config.load(), ("en",))


class Line:
    """A phone whose prompts take their time and come back 20 dB down, 120 ms late; the caller speaks when told to."""

    def __init__(self, loaded: Loaded, ears: Ears) -> None:
        self.at = 0
        self.playing: tuple[Pcm, int, Callable[[bool, float], None]] | None = None
        self.played: list[tuple[int, int]] = []
        self.returned = np.zeros(60 * 8000)
        self.says = np.zeros(60 * 8000)
        self.decision: Decision | None = None
        self.seen: list[tuple[EventKind, float, Mapping[str, object]]] = []
        facts = CallFacts(
            call="1", pbx="main", caller_number="", caller_name="", dialled="", language="en", wall_anchor=0.0
        )
        self.call = Call(facts, loaded, ears, self, self.publish, self.clock)
        self.call.start()

    def clock(self) -> float:
        return self.at / 8000

    def publish(self, kind: EventKind, _at_s: float, audio_s: float, data: Mapping[str, object]) -> None:
        self.seen.append((kind, audio_s, data))

    def play(self, pcm: Pcm, on_done: Callable[[bool, float], None]) -> None:
        self.playing = (pcm, self.at, on_done)
        self.returned[self.at + 960 : self.at + 960 + pcm.size] += pcm * 0.1

    def stop_playing(self) -> None:
        if self.playing is not None:
            self._over(finished=False)

    def _over(self, *, finished: bool) -> None:
        assert self.playing is not None
        _, began, on_done = self.playing
        self.playing = None
        self.played.append((began, self.at))
        self.returned[self.at + 960 :] = 0.0
        on_done(finished, self.clock())

    def carry_out(self, decision: Decision) -> None:
        self.decision = decision

    def moved(self) -> None:
        pass

    def failed(self, error: Exception) -> None:
        raise error

    def caller_says(self, pcm: Pcm, at: int) -> None:
        self.says[at : at + pcm.size] += pcm

    def run(self, seconds: float) -> None:
        until = self.at + int(seconds * 8000)
        while self.at < until and self.decision is None:
            wave = self.returned[self.at : self.at + FRAME] + self.says[self.at : self.at + FRAME]
            self.at += FRAME
            self.call.on_audio(mulaw_decode(mulaw_encode(np.rint(wave).astype(np.int16))), self.clock())
            if self.playing is not None and self.at - self.playing[1] >= self.playing[0].size:
                self._over(finished=True)
            deadline = self.call.deadline()
            if deadline is not None and deadline <= self.clock():
                self.call.on_timer(self.clock())

    def times(self, kind: EventKind) -> list[float]:
        return [audio_s for seen, audio_s, _ in self.seen if seen is kind]

    def text(self) -> str:
        finals = [str(data["text"]) for kind, _, data in self.seen if kind is EventKind.FINAL]
        partials = [str(data["text"]) for kind, _, data in self.seen if kind is EventKind.PARTIAL]
        return (" ".join(finals) or "".join(partials[-1:])).lower()


@pytest.fixture
def line(loaded: Loaded, ears: Ears) -> Line:
    return Line(loaded, ears)


def test_our_own_prompts_are_neither_speech_nor_words(line: Line) -> None:
    line.run(25)
    assert len(line.played) == 2, "the notice and the question, to their ends"
    assert line.times(EventKind.SPEECH_STARTED) == []
    assert line.text() == ""
    assert line.decision is not None


def test_a_caller_over_the_question_stops_it_and_is_understood(line: Line, loaded: Loaded) -> None:
    while len(line.played) < 1 or line.playing is None:
        line.run(0.02)
    began = line.at + 6400
    line.caller_says(trimmed(read_audio(SAMPLES / "sales-upgrade.flac")), began)
    line.run(15)
    _, stopped = line.played[1]
    assert stopped - line.played[1][0] < loaded.prompts["ask", "en"].size
    assert 0 < stopped - began <= 0.3 * 8000
    assert line.decision is not None
    assert line.decision.destination == "sales"


def test_who_begins_just_before_the_notice_ends_loses_no_word_and_who_began_earlier_is_not_heard(
    line: Line, loaded: Loaded, ears: Ears
) -> None:
    said = trimmed(read_audio(SAMPLES / "sales-upgrade.flac"))
    notice = loaded.prompts["notice", "en"].size
    whole = Line(loaded, ears)
    whole.caller_says(said, notice + 4000)
    whole.run(15)
    first = whole.text().split()[0]
    line.caller_says(said, notice - 2000)
    line.run(15)
    assert line.text().split()[0] == first
    ended = line.times(EventKind.NOTICE_ENDED)[0]
    assert ended - 0.3 <= line.times(EventKind.SPEECH_STARTED)[0] < ended
    kinds = [kind for kind, _, _ in line.seen]
    assert kinds.index(EventKind.NOTICE_ENDED) < kinds.index(EventKind.SPEECH_STARTED)

    early = Line(loaded, ears)
    early.caller_says(said[: notice - 8000], 1600)
    early.run(notice / 8000 + 0.5)
    assert early.text() == ""
    assert early.times(EventKind.SPEECH_STARTED) == []


def test_nothing_before_the_end_of_the_notice_is_kept_of_a_caller_who_objects_to_tone(
    line: Line, loaded: Loaded
) -> None:
    notice = loaded.prompts["notice", "en"].size
    line.caller_says(trimmed(read_audio(SAMPLES / "sales-upgrade.flac")), notice - 2000)
    line.run(1)
    line.call.on_key("9", line.clock())
    line.run(15)
    assert line.times(EventKind.SPEECH_STARTED)[0] >= line.times(EventKind.NOTICE_ENDED)[0]


def test_of_a_notice_that_was_cut_nothing_is_kept(line: Line) -> None:
    line.caller_says(trimmed(read_audio(SAMPLES / "sales-upgrade.flac")), 16_000)
    line.run(2.2)
    line.stop_playing()
    line.run(10)
    assert line.times(EventKind.SPEECH_STARTED)[0] >= line.times(EventKind.NOTICE_ENDED)[0]


def test_a_fault_in_taking_our_prompt_out_costs_no_call(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[int] = []

    def clean(_gate: EchoGate, _pcm: Pcm, at: int) -> Pcm:
        broken.append(at)
        raise ValueError("out of its mind")

    monkeypatch.setattr(EchoGate, "clean", clean)
    line.run(25)
    assert len(broken) == len(line.played), "once for each prompt"
    assert line.decision is not None


def test_no_sound_is_kept_after_the_decision(line: Line) -> None:
    line.run(25)
    assert line.decision is not None
    line.call.on_audio(np.full(FRAME, 500, np.int16), line.clock())
    assert not line.call._line.held_s
