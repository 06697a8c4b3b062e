"""The sample calls and prompts that ship: format, size, labels, and agreement with the shipped configuration."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import config
from nabra.demo.samples import FOLDER, load_samples
from nabra.errors import NabraError

SAMPLES = load_samples()
PROMPTS = Path(config.__file__).parent / "defaults" / "prompts"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_sample_is_short_telephone_audio(sample: object) -> None:
    path = sample.path  # type: ignore[attr-defined]
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (8000, 1, "FLAC", "PCM_16")
    assert 2.0 < info.duration < 8.0


def test_samples_are_enough_small_and_labelled_synthetic() -> None:
    rows = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))["samples"]
    assert len(rows) == len(SAMPLES) >= 12
    assert all(row["synthetic"] is True for row in rows)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000
    assert {path.name for path in FOLDER.glob("*.flac")} == {row["file"] for row in rows}
    assert {"en", "ar"} <= {row["language"] for row in rows}
    assert len({(row["engine"], row["voice"]) for row in rows}) >= 8


def test_callers_are_fictional_and_distinct() -> None:
    numbers = [sample.caller_number for sample in SAMPLES]
    assert len(set(numbers)) == len(numbers)
    assert all(number.startswith("+120255501") for number in numbers)


def test_expected_destinations_and_languages_exist_in_the_shipped_configuration() -> None:
    shipped = config.load()
    assert {sample.expected for sample in SAMPLES} <= set(shipped.destinations)
    assert {sample.language for sample in SAMPLES} <= set(shipped.languages)
    assert {digit for sample in SAMPLES for _, digit in sample.keys} <= set(shipped.keys)


def test_end_of_speech_lies_inside_and_what_follows_is_quiet() -> None:
    for sample in SAMPLES:
        if sample.speech_end_s is None:
            assert sample.text == ""
            continue
        pcm = sample.audio().astype(np.float64)
        end = int((sample.speech_end_s + 0.1) * 8000)
        assert end < pcm.size
        speech, after = pcm[:end], pcm[end:]
        assert np.sqrt(np.mean(after**2)) < 0.7 * np.sqrt(np.mean(speech**2)), sample.name


@pytest.mark.parametrize("name", ["notice", "ask", "selfservice"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_prompt_is_clean_telephone_audio(name: str, language: str) -> None:
    path = PROMPTS / f"{name}.{language}.wav"
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (8000, 1, "WAV", "PCM_16")
    assert info.duration < (5.1 if name == "notice" else 6.0)
    pcm, _ = soundfile.read(path)
    assert 0.2 < np.max(np.abs(pcm)) < 0.95
    assert np.max(np.abs(pcm[:400])) < 0.01


def test_missing_samples_are_named(tmp_path: Path) -> None:
    with pytest.raises(NabraError, match=r"samples\.json"):
        load_samples(tmp_path)
