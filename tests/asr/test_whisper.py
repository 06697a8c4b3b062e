"""Whisper's features against a plain reference, what it doubts, and how it refines another engine's finals."""

from dataclasses import dataclass, field
from pathlib import Path

import librosa
import numpy as np
import pytest

from asr.engine import Engine, EngineFacts, EngineSession, Hypothesis, Samples
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import EngineError, ModelInvalid, ModelMissing
from asr.refined_engine import CrowdedEngine, RefinedEngine
from asr.whisper_engine import Guards, WhisperEngine, check_whisper_directory, log_mel, text_before
from telephony.audio import resample
from tests.asr.speech import embedded_speech, music, need_whisper, noise, silence, tones


@pytest.mark.parametrize("mels", [80, 128])
def test_features_are_those_of_a_plain_reference(mels: int) -> None:
    audio = embedded_speech(16_000, 1.0, 3.0).astype(np.float32) / 32768
    padded = np.concatenate([audio, np.zeros(12 * 16_000, np.float32)])
    spectrum = np.abs(librosa.stft(padded, n_fft=400, hop_length=160, pad_mode="reflect")) ** 2
    bands = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=mels) @ spectrum[:, :1400]
    reference = np.log10(np.maximum(bands, 1e-10))
    reference = (np.maximum(reference, reference.max() - 8) + 4) / 4
    np.testing.assert_allclose(log_mel(audio, mels, 12.0), reference, atol=1e-4)


def test_features_have_30_s_at_most() -> None:
    assert log_mel(np.zeros(30 * 16_000, np.float32), 80, 12.0).shape == (80, 3000)
    assert log_mel(np.zeros(1600, np.float32), 80, 12.0).shape == (80, 1210)


def test_what_is_said_behind_the_end_of_the_audio_is_dropped() -> None:
    again = ["<|0.00|>", "ĠDogs", "Ġbark", ".", "<|1.60|>", "<|1.60|>", "ĠDogs", "Ġbark", ".", "<|3.20|>"]
    assert text_before(again, 2.0) == "Dogs bark."
    assert text_before(again, 4.0) == "Dogs bark. Dogs bark."
    assert text_before(["ĠÙħØ±ØŃØ¨Ø§", "<|endoftext|>"], 1.0) == "مرحبا"
    assert text_before([], 1.0) == ""


@pytest.mark.parametrize(
    ("text", "log_probability", "doubted"),
    [
        ("where is my order", -0.3, False),
        ("no no that is not it", -0.3, False),
        ("where is my order", -1.5, True),
        ("go on go on go on go on", -0.1, True),
        ("beep beep beep beep", -0.1, True),
        ("one " * 30, -0.1, True),
        (" ".join(f"word{n}" for n in range(40)), -0.1, True),
        ("", -0.5, False),
    ],
)
def test_what_is_doubted(text: str, log_probability: float, doubted: bool) -> None:
    assert bool(Guards().doubt(text, 3.0, log_probability)) is doubted


def test_nobody_speaks_in_what_is_no_speech() -> None:
    need_whisper()
    session = create_engine(EngineSpec(EngineKind.WHISPER, "en")).session()
    for seconds in (1.0, 3.0):
        ringback = tones(seconds, 400, 450, on_s=0.4, off_s=0.2)
        keys = tones(seconds, 770, 1336, on_s=0.1, off_s=0.1)
        for sound in (silence(seconds), noise(seconds, -30), music(seconds), ringback, keys):
            session.reset()
            session.feed(resample(sound, 8000, 16_000))
            assert session.final().text == ""
    session.close()


def test_a_directory_is_checked_before_native_code_sees_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="there is no directory"):
        check_whisper_directory(tmp_path / "none")
    with pytest.raises(ModelInvalid, match=r"it has no model\.bin"):
        check_whisper_directory(tmp_path)
    for name in ("model.bin", "config.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes(b"x")
    check_whisper_directory(tmp_path)
    need_whisper()
    with pytest.raises(ModelMissing, match="there is no directory"):
        WhisperEngine(tmp_path / "none", "en")
    with pytest.raises(ModelInvalid, match="cannot read"):
        WhisperEngine(tmp_path, "en").load()


def test_a_model_of_english_only_is_not_taken_for_another_language() -> None:
    need_whisper()
    with pytest.raises(ModelInvalid, match="English only"):
        create_engine(EngineSpec(EngineKind.WHISPER, "ar")).load()


@dataclass
class _Says:
    """A session that answers what it was told to, and writes down what it is asked."""

    answer: Hypothesis | EngineError
    asked: list[str] = field(default_factory=list)

    def feed(self, pcm: Samples) -> None:
        self.asked.append("feed")

    def partial(self) -> Hypothesis:
        return self.final()

    def final(self, quick: bool = False) -> Hypothesis:
        self.asked.append("final")
        if isinstance(self.answer, EngineError):
            raise self.answer
        return self.answer

    def reset(self, start_s: float = 0.0) -> None:
        self.asked.append("reset")

    def close(self) -> None:
        self.asked.append("close")


FACTS = EngineFacts("scripted", 16_000, ("en",), True, True, False, "scripted-1")


@dataclass
class _Engine:
    made: _Says
    facts: EngineFacts = FACTS

    def load(self) -> None:
        self.made.asked.append("load")

    def session(self, limited: bool = False) -> EngineSession:
        return self.made


FIRST, BETTER = Hypothesis("wear is it", 0.5), Hypothesis("where is it", None)


@pytest.mark.parametrize(
    ("second", "final"),
    [
        (BETTER, BETTER),
        (Hypothesis("", None), Hypothesis("", None)),
        (Hypothesis("", None, doubted=True), FIRST),
        (EngineError("it failed"), FIRST),
    ],
    ids=["better", "nobody speaks", "doubted", "failed"],
)
def test_whose_final_it_is(second: Hypothesis | EngineError, final: Hypothesis) -> None:
    session = RefinedEngine(_Engine(_Says(FIRST)), _Engine(_Says(second))).session()
    session.feed(np.zeros(1, np.int16))
    assert session.partial() == FIRST
    assert session.final() == final
    assert session.final(quick=True) == FIRST


def test_both_sessions_hear_and_end_together() -> None:
    one, other = _Says(FIRST), _Says(BETTER)
    engine: Engine = RefinedEngine(_Engine(one), _Engine(other))
    engine.load()
    session = engine.session()
    session.feed(np.zeros(1, np.int16))
    session.reset(1.0)
    session.close()
    assert one.asked == other.asked == ["load", "feed", "reset", "close"]


def test_engines_that_do_not_go_together_are_refused() -> None:
    slow = _Engine(_Says(FIRST), EngineFacts("scripted", 8000, ("en",), True, True, False, "scripted-2"))
    with pytest.raises(EngineError, match="must take the same"):
        RefinedEngine(slow, _Engine(_Says(FIRST)))
    with pytest.raises(EngineError, match="cannot be limited"):
        CrowdedEngine(slow, _Engine(_Says(FIRST)))
