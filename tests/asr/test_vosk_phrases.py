"""Key phrases on a real Vosk model: what it knows, what it hears, and when it was said."""

import pytest

from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import ModelInvalid
from asr.trial import try_engine
from tests.asr.speech import embedded_speech, korean_model

KNOWN, UNKNOWN = "주문 취소", "zzyzx 주문"


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
    engine = create_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model(), ("안녕하세요", KNOWN)))
    session = engine.session(limited=True)
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


def test_a_model_that_does_not_load_is_only_a_reason() -> None:
    with pytest.raises(ModelInvalid):
        try_engine(EngineSpec(EngineKind.VOSK, "xx", korean_model() / "graph"))
    with pytest.raises(ModelInvalid, match="did not load within"):
        try_engine(EngineSpec(EngineKind.VOSK, "ko", korean_model()), longest_s=0.01)
