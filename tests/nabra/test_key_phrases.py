"""From the intents of a configuration to what recognisers listen for, and what is said where they cannot."""

import dataclasses
import logging
import shutil
from pathlib import Path

import pytest

import config
from asr.engines import EngineKind
from config.schema import Config, FinalEngine, SpeechEngine, SpeechModel
from nabra.ears import key_phrases, offline_recogniser, speech_specs, unheard_words
from router.intent.normalise import normalise
from router.redact import redact
from tests.asr.speech import korean_model, need_whisper
from tests.conftest import ROOT
from tests.nabra.command_line import nabra


@pytest.fixture(scope="module")
def shipped() -> Config:
    return config.load()


def heard_with(settings: Config, **model: object) -> Config:
    """Return the configuration with another English recogniser."""
    models = {**settings.speech.models, "en": SpeechModel(engine=SpeechEngine.MOONSHINE, **model)}  # type: ignore[arg-type]
    return dataclasses.replace(settings, speech=dataclasses.replace(settings.speech, models=models))


def test_key_phrases_and_hard_words_of_the_language_none_twice(shipped: Config) -> None:
    english, arabic = key_phrases(shipped, "en"), key_phrases(shipped, "ar")
    assert "talk to someone" in english
    assert len(english) == len(set(english)) > 20
    assert arabic
    assert all(any("\u0600" <= letter <= "\u06ff" for letter in phrase) for phrase in arabic)
    assert key_phrases(shipped, "fr") == ()
    assert speech_specs(shipped)["en"].phrases == english


def test_an_unknown_word_is_found_wherever_it_stands(shipped: Config) -> None:
    found = unheard_words(shipped, "en", ["someone", "operator"])
    assert {word for _, word in found} == {"someone", "operator"}
    assert all(place in shipped.places for place, _ in found)
    assert unheard_words(shipped, "ar", ["someone"]) == []


def test_a_second_hearing_is_in_the_description(shipped: Config) -> None:
    need_whisper()
    spec = speech_specs(heard_with(shipped, final=FinalEngine.WHISPER))["en"]
    assert spec.final is not None
    assert spec.final.kind is EngineKind.WHISPER
    engine = offline_recogniser(heard_with(shipped, final=FinalEngine.WHISPER), "en")
    assert engine.facts.name == "moonshine+whisper"


def test_calls_are_heard_without_it_where_it_is_not_installed(
    shipped: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = heard_with(shipped, final=FinalEngine.WHISPER)
    monkeypatch.setattr("nabra.ears.runtime_installed", lambda: False)
    monkeypatch.setattr("config.advice.find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert speech_specs(settings)["en"].final is None
    assert "pip install 'nabra[whisper]'" in caplog.text
    assert "pip install 'nabra[whisper]'" in "\n".join(map(str, config.check(settings)))


def test_check_names_each_word_that_a_model_does_not_know(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config" / "defaults", tmp_path / "site")
    file = tmp_path / "site" / "nabra.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("ar: {engine: none}", f"ar: {{engine: vosk, path: {korean_model()}}}"), encoding="utf-8"
    )
    done = nabra("check", file)
    assert done.returncode == 0, done.stdout
    rows = [row for row in done.stdout.splitlines() if "does not know the word" in row]
    assert len(rows) > 10
    assert all(row.startswith(f"{tmp_path / 'site' / 'intents' / 'ar.yaml'}:") for row in rows)


@pytest.mark.parametrize("digits", ["12345", "١٢٣٤٥", "۱۲۳۴۵"])
def test_what_any_recogniser_writes_becomes_one_text(digits: str) -> None:
    words = f"أُريدُ إِلغاءَ الإشتراكـــ رقم {digits}"
    assert digits not in redact(words)
    assert normalise(words) == normalise(f"اريد الغاء الاشتراك رقم {digits}")
    assert normalise(redact(words)) == normalise(words)
    assert normalise(words).endswith("رقم #")
