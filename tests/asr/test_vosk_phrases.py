"""Key phrases on a real Vosk model: what it knows, what it hears, and when it was said."""

from functools import cache

import pytest

from asr.engine import Engine
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import ModelInvalid
from asr.trial import try_engine
from tests.asr.speech import embedded_speech, korean_model

KNOWN, UNKNOWN = "주문 취소", "zzyzx 주문"


@cache
def engine() -> Engine:
    return create_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model(), ("안녕하세요", KNOWN)))


def test_unknown_words_are_told_and_their_phrases_left_out() -> None:
    trial = try_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model(), (KNOWN, UNKNOWN, "Hello!", "[unk]", "")))
    assert trial.facts.grammar
    assert trial.facts.unknown_words == ("Hello", "unk", "zzyzx")
    assert trial.memory_mb > 100


def test_a_model_that_knows_none_of_the_phrases_cannot_be_limited() -> None:
    trial = try_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model(), ("where is my order",)))
    assert not trial.facts.grammar
    assert trial.facts.unknown_words == ("is", "my", "order", "where")


def test_times_of_words_count_from_the_segment() -> None:
    session = engine().session(limited=True)
    speech = embedded_speech(16_000, 0.0, 4.0)
    for fed_before in (0, 8000, 16_000):
        session.feed(speech[:fed_before])
        session.reset(30.0)
        session.feed(speech)
        words = session.final().words
        assert words
        assert all(word.confidence is None for word in words)
        # The reader begins after a second of silence.
        assert 0.7 < (words[0].start_s or 0.0) < 2.5
        assert (words[-1].end_s or 0.0) <= 4.0
    session.close()


def test_what_is_said_after_the_longest_segment_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    session = engine().session(limited=True)
    speech = embedded_speech(16_000, 0.0, 4.0)
    monkeypatch.setattr("asr.vosk_engine.MAX_SEGMENT_S", 4.5)
    session.feed(speech)
    heard = session.final().text
    assert heard
    session.feed(speech[:4000])
    session.feed(speech[4000:])
    final = session.final()
    assert final.text == heard, "half a second of the line before the reader begins, and nothing of the reader"
    assert all((word.end_s or 0.0) <= 4.5 for word in final.words)
    session.reset()
    session.feed(speech)
    assert session.final().text == heard, "the next segment has all its length"
    session.close()


def test_a_model_that_does_not_load_is_only_a_reason() -> None:
    with pytest.raises(ModelInvalid):
        try_engine(EngineSpec(EngineKind.VOSK, "xx", korean_model() / "graph"))
    with pytest.raises(ModelInvalid, match="did not load within"):
        try_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model()), longest_s=0.01)
