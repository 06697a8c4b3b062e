"""The telephone line that samples and training go through."""

import numpy as np
import pytest

from telephony.audio import AudioError, mulaw_decode, mulaw_encode, telephone_channel


def sine(hz: float, amplitude: float = 6000.0, seconds: float = 1.0) -> np.ndarray:
    at = np.arange(int(8000 * seconds)) / 8000
    return np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x[800:].astype(np.float64) ** 2)))


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_band_passes_and_the_rest_does_not() -> None:
    assert rms(telephone_channel(sine(1000), rng())) == pytest.approx(rms(sine(1000)), rel=0.05)
    assert rms(telephone_channel(sine(60), rng())) < 0.02 * rms(sine(60))
    assert rms(telephone_channel(sine(3900), rng())) < 0.1 * rms(sine(3900))


def test_the_result_is_what_mulaw_can_say() -> None:
    got = telephone_channel(sine(1000), rng(), snr_db=20)
    np.testing.assert_array_equal(got, mulaw_decode(mulaw_encode(got)))
    assert got.size == 8000


@pytest.mark.parametrize("level_dbov", [-30.0, -20.0])
def test_the_level_is_that_of_the_speech_without_pauses(level_dbov: float) -> None:
    speech = np.concatenate((np.zeros(8000, np.int16), sine(1000), np.zeros(8000, np.int16)))
    got = telephone_channel(speech, rng(), level_dbov=level_dbov)
    measured = 20 * np.log10(rms(got[8000:16000]) / 32768)
    assert measured == pytest.approx(level_dbov, abs=0.3)


@pytest.mark.parametrize("snr_db", [5.0, 15.0])
def test_the_noise_is_as_loud_as_asked(snr_db: float) -> None:
    noise = telephone_channel(sine(1000), rng(), snr_db=snr_db).astype(np.float64) - sine(1000)
    clean_error = telephone_channel(sine(1000), rng()).astype(np.float64) - sine(1000)
    added = np.sqrt(max(rms(noise) ** 2 - rms(clean_error) ** 2, 0.0))
    assert 20 * np.log10(rms(sine(1000)) / added) == pytest.approx(snr_db, abs=1.0)


def test_the_same_generator_gives_the_same_line() -> None:
    one = telephone_channel(sine(1000), rng(), snr_db=10)
    np.testing.assert_array_equal(one, telephone_channel(sine(1000), rng(), snr_db=10))
    assert (one != telephone_channel(sine(1000), np.random.default_rng(8), snr_db=10)).any()


def test_silence_and_nothing_stay_so() -> None:
    assert not telephone_channel(np.zeros(1000, np.int16), rng(), snr_db=10, level_dbov=-26).any()
    assert telephone_channel(np.empty(0, np.int16), rng()).size == 0
    assert telephone_channel(sine(1000)[:50], rng(), level_dbov=-26).size == 50


def test_bad_settings_are_refused() -> None:
    with pytest.raises(AudioError, match="snr_db"):
        telephone_channel(sine(1000), rng(), snr_db=float("nan"))
    with pytest.raises(AudioError, match="int16"):
        telephone_channel(np.zeros(5), rng())  # type: ignore[arg-type]
