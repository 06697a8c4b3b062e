"""The one suite that every engine passes: what the layer above relies on."""

import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache

import numpy as np
import pytest

from asr.engine import MAX_SEGMENT_S, Engine, EngineFacts, EngineSession, Hypothesis, Samples
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import AudioInvalid, EngineError, SessionClosed
from asr.refined_engine import CrowdedEngine
from asr.scripted_engine import ScriptedLine
from tests.asr.pools import MOONSHINE
from tests.asr.speech import embedded_speech, korean_model, need_whisper


@dataclass(frozen=True)
class Candidate:
    """An engine, how its sessions are made, and audio at its own rate in which it hears words."""

    engine: Engine
    speech: Samples
    limited: bool = False

    @property
    def streams(self) -> bool:
        """True where feeding decodes."""
        return self.engine.facts.streaming or self.stands_in

    @property
    def stands_in(self) -> bool:
        """True where the session is another engine's than the facts tell of."""
        return self.limited and isinstance(self.engine, CrowdedEngine)

    def session(self) -> EngineSession:
        """Make one caller's decoder."""
        return self.engine.session(limited=self.limited)


SCRIPT = (ScriptedLine(0.2, 1.4, "where is my order"), ScriptedLine(1.6, 2.5, "it is late"))
SPEECH = embedded_speech(16_000, 0.0, 4.0)
KOREAN = ("안녕하세요", "주문 취소", "상담원", "요금")


def _scripted(limited: bool = False) -> Candidate:
    spec = EngineSpec(EngineKind.SCRIPTED, "en", script=SCRIPT, phrases=("my order", "late"))
    return Candidate(create_engine(spec), np.full(24_000, 1000, np.int16), limited)


def _moonshine() -> Candidate:
    return Candidate(create_engine(EngineSpec(EngineKind.MOONSHINE, "en")), SPEECH)


def _whisper() -> Candidate:
    need_whisper()
    return Candidate(create_engine(EngineSpec(EngineKind.WHISPER, "en")), SPEECH)


def _refined() -> Candidate:
    need_whisper()
    spec = replace(MOONSHINE, final=EngineSpec(EngineKind.WHISPER, "en"))
    return Candidate(create_engine(spec), SPEECH)


@cache
def _korean() -> Engine:
    return create_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model(), KOREAN))


def _vosk(limited: bool = False) -> Candidate:
    return Candidate(_korean(), SPEECH, limited)


def _crowded() -> Candidate:
    spec = replace(MOONSHINE, phrases=KOREAN, crowded=korean_model())
    return Candidate(create_engine(spec), SPEECH, limited=True)


MAKERS: dict[str, Callable[[], Candidate]] = {
    "scripted": _scripted,
    "scripted limited": lambda: _scripted(limited=True),
    "moonshine": _moonshine,
    "moonshine crowded": _crowded,
    "whisper": _whisper,
    "refined": _refined,
    "vosk": _vosk,
    "vosk limited": lambda: _vosk(limited=True),
}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def candidate(request: pytest.FixtureRequest) -> Candidate:
    made = MAKERS[request.param]()
    made.engine.load()
    return made


@pytest.fixture
def session(candidate: Candidate) -> Iterator[EngineSession]:
    made = candidate.session()
    yield made
    made.close()


def test_facts_are_known_and_stable(candidate: Candidate) -> None:
    facts = candidate.engine.facts
    assert set(facts.name.split("+")) <= {str(kind) for kind in EngineKind}
    assert facts.native_rate_hz in (8_000, 16_000)
    assert facts.languages
    assert facts.model_id
    assert EngineFacts.from_plain(json.loads(json.dumps(asdict(facts)))) == facts
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


def test_text_does_not_depend_on_how_audio_is_cut(candidate: Candidate, session: EngineSession) -> None:
    hypotheses = []
    for step in (candidate.engine.facts.native_rate_hz // 50, 1777, candidate.speech.size):
        session = candidate.session()
        for at in range(0, candidate.speech.size, step):
            session.feed(candidate.speech[at : at + step])
        hypotheses.append(session.final())
        session.close()
    if candidate.streams:
        # Native code adapts to what it has heard, chunk by chunk: nothing is promised but words.
        assert all(hypothesis.text for hypothesis in hypotheses)
    else:
        assert hypotheses[0] == hypotheses[1] == hypotheses[2]


def test_words_stand_in_the_text_in_order_inside_the_segment(candidate: Candidate, session: EngineSession) -> None:
    for _ in range(3):
        session.reset(0.1)
        session.feed(candidate.speech)
        half = session.final()
        session.feed(candidate.speech)
        whole = session.final()
        for hypothesis, pieces in ((half, 1), (whole, 2)):
            _check_words(hypothesis, pieces * candidate.speech.size / candidate.engine.facts.native_rate_hz)
    assert bool(half.words) or candidate.engine.facts.name not in ("vosk", "scripted")


def _check_words(hypothesis: Hypothesis, seconds: float) -> None:
    if hypothesis.words:
        assert " ".join(word.text for word in hypothesis.words) == hypothesis.text
    before_s = 0.0
    for word in hypothesis.words:
        assert word.text == word.text.strip() != ""
        assert word.confidence is None or 0 <= word.confidence <= 1
        assert (word.start_s is None) == (word.end_s is None)
        if word.start_s is not None and word.end_s is not None:
            assert before_s <= word.start_s <= word.end_s <= seconds + 1e-6
            before_s = word.end_s


def test_limited_sessions_only_where_the_facts_say_so(candidate: Candidate) -> None:
    if candidate.engine.facts.grammar:
        candidate.engine.session(limited=True).close()
    else:
        with pytest.raises(EngineError, match="cannot be limited"):
            candidate.engine.session(limited=True)


def test_a_limited_session_hears_key_phrases_only(candidate: Candidate, session: EngineSession) -> None:
    if not candidate.limited:
        candidate.engine.session().close()
        return
    session.feed(candidate.speech)
    allowed = {word for phrase in (*KOREAN, "my order", "late") for word in phrase.split()}
    heard = session.final().text.split()
    assert heard
    assert set(heard) <= allowed


def test_a_quick_final_has_words_too(candidate: Candidate, session: EngineSession) -> None:
    session.feed(candidate.speech)
    assert session.final(quick=True).text


def test_reset_forgets(candidate: Candidate, session: EngineSession) -> None:
    session.feed(candidate.speech)
    first = session.final().text
    session.reset()
    assert session.final().text == ""
    session.feed(candidate.speech)
    again = session.final().text
    # A streaming engine keeps what it learnt of the caller's voice, but no words.
    assert again == first or (candidate.streams and 0 < len(again) < 1.5 * len(first))


def test_final_does_not_end_the_segment(candidate: Candidate, session: EngineSession) -> None:
    half = candidate.speech.size // 2
    session.feed(candidate.speech[:half])
    early = session.final().text
    assert session.final().text == early
    session.feed(candidate.speech[half:])
    assert len(session.final().text) > len(early) > 0


def test_sessions_do_not_hear_each_other(candidate: Candidate, session: EngineSession) -> None:
    other = candidate.session()
    session.feed(candidate.speech)
    assert other.final().text == ""
    other.close()


def test_partials_grow_where_the_engine_has_them(candidate: Candidate, session: EngineSession) -> None:
    third = candidate.speech.size // 3
    lengths = []
    for part in range(3):
        session.feed(candidate.speech[part * third : (part + 1) * third])
        lengths.append(len(session.partial().text))
    if candidate.engine.facts.partials:
        assert lengths[0] < lengths[2]
    else:
        assert lengths == [0, 0, 0]
        assert candidate.engine.facts.final_only


def test_confidence_is_absent_or_between_0_and_1(candidate: Candidate, session: EngineSession) -> None:
    session.feed(candidate.speech)
    confidence = session.final().confidence
    if candidate.engine.facts.confidences and not candidate.stands_in:
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


@pytest.mark.parametrize("seconds", [9.0, 14.0])
def test_hears_words_in_long_segments(candidate: Candidate, session: EngineSession, seconds: float) -> None:
    _hears_words(candidate, session, seconds)


def test_hears_words_in_the_longest_segment_and_keeps_nothing_of_what_comes_after(
    candidate: Candidate, session: EngineSession
) -> None:
    _hears_words(candidate, session, MAX_SEGMENT_S)
    piece = np.zeros(16_000 * 10, np.int16)
    session.feed(piece)
    tracemalloc.start()
    try:
        for _ in range(6):
            session.feed(piece.copy())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3 * piece.nbytes, "a minute more of one segment is not all kept"


def _hears_words(candidate: Candidate, session: EngineSession, seconds: float) -> None:
    session.feed(embedded_speech(candidate.engine.facts.native_rate_hz, 0.0, seconds))
    final = session.final()
    assert final.text or final.doubted


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


def test_memory_is_given_back(candidate: Candidate) -> None:
    def one() -> None:
        session = candidate.session()
        session.feed(candidate.speech[:1600])
        session.final()
        session.close()

    one()
    tracemalloc.start()
    try:
        one()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(10):
            one()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000, "a session's buffers are megabytes; ten closed ones keep none"


def test_refuses_everything_after_close(candidate: Candidate) -> None:
    session = candidate.session()
    session.close()
    session.close()
    with pytest.raises(SessionClosed):
        session.feed(candidate.speech)
    with pytest.raises(SessionClosed):
        session.final()
    with pytest.raises(SessionClosed):
        session.reset()
