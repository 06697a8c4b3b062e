"""The tool that made the samples: its line, its music, and that what ships is what it makes."""

import numpy as np
import pytest
import soundfile

from nabra.demo.make_samples import SAMPLES, Line, hold_music, on_the_line
from nabra.demo.samples import FOLDER


@pytest.mark.parametrize("name", ["silent", "key-zero", "hold-music"])
def test_shipped_samples_without_words_are_what_the_tool_makes(name: str) -> None:
    number = next(index for index, sample in enumerate(SAMPLES) if sample.name == name)
    rng = np.random.default_rng(number)
    speech = hold_music(6.0, rng) if name == "hold-music" else np.zeros(0)
    made = on_the_line(speech, SAMPLES[number].line, rng)
    shipped, rate_hz = soundfile.read(FOLDER / f"{name}.flac", dtype="int16")
    assert rate_hz == 8000
    assert made.size == shipped.size
    # Rounding may differ in the last bit between processors, and mu-law makes a step of it.
    assert np.mean(made == shipped) > 0.99


def test_line_sets_level_noise_and_silence() -> None:
    t = np.arange(16000) / 8000
    tone = np.sin(2 * np.pi * 1000 * t)
    line = Line(level_dbov=-20.0, snr_db=30.0, lead_in_s=1.0, tail_s=0.5)
    pcm = on_the_line(tone, line, np.random.default_rng(1)).astype(np.float64) / 32768
    assert pcm.size == 8000 + 16000 + 4000
    assert 10 * np.log10(np.mean(pcm[10000:22000] ** 2)) == pytest.approx(-20.0, abs=0.7)
    assert 10 * np.log10(np.mean(pcm[:7000] ** 2)) == pytest.approx(-50.0, abs=1.5)


def test_line_takes_away_what_a_telephone_does() -> None:
    t = np.arange(16000) / 8000
    loud, quiet = np.sin(2 * np.pi * 1000 * t), 5 * np.sin(2 * np.pi * 60 * t)
    pcm = on_the_line(loud + quiet, Line(), np.random.default_rng(1)).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(pcm[8000:16000]))
    assert spectrum[60] < 0.02 * spectrum[1000]
