"""The resampler: independent of cutting, and a good low-pass (against scipy, sines and aliases)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from telephony.audio import AudioError, StreamResampler, resample

TO_8K = (11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192_000)
PAIRS = [(rate, 8000) for rate in TO_8K] + [(8000, rate) for rate in (12000, 16000, 44100, 48000)]


def noise(samples: int, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=samples) * 6000).clip(-32768, 32767).astype(np.int16)


def sine(hz: float, rate_hz: int, seconds: float = 0.5, amplitude: float = 12000.0) -> np.ndarray:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def power_db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(x.astype(np.float64) ** 2) + 1e-12))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_any_cutting_gives_the_same_samples(from_hz: int, to_hz: int, data: st.DataObject) -> None:
    x = noise(data.draw(st.integers(0, 3000)), seed=from_hz)
    whole = resample(x, from_hz, to_hz)
    stream = StreamResampler(from_hz, to_hz)
    parts, at = [], 0
    while at < x.size:
        step = data.draw(st.integers(0, 700))
        parts.append(stream.push(x[at : at + step]))
        at += step
    parts.append(stream.flush())
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.size == -(-x.size * to_hz // from_hz)
    assert whole.dtype == np.int16


def test_one_sample_at_a_time_gives_the_same_samples() -> None:
    x = noise(500)
    stream = StreamResampler(8000, 16000)
    parts = [stream.push(x[at : at + 1]) for at in range(x.size)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]), resample(x, 8000, 16000))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@pytest.mark.parametrize("hz", [300.0, 1000.0, 3300.0])
def test_a_sine_in_the_band_stays_that_sine_in_time(from_hz: int, to_hz: int, hz: float) -> None:
    got = resample(sine(hz, from_hz), from_hz, to_hz).astype(np.float64)
    wanted = 12000 * np.sin(2 * np.pi * hz * np.arange(got.size) / to_hz)
    inner = slice(got.size // 5, -got.size // 5)
    error = got[inner] - wanted[inner]
    assert power_db(wanted[inner]) - power_db(error) > 70.0


@pytest.mark.parametrize("from_hz", [12000, 16000, 24000, 44100, 48000, 192_000])
@pytest.mark.parametrize("hz", [4300.0, 5000.0, 5900.0])
def test_what_would_alias_is_gone(from_hz: int, hz: float) -> None:
    x = sine(hz, from_hz)
    got = resample(x, from_hz, 8000)
    assert power_db(x) - power_db(got[400:-400]) > 70.0


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "hz"), [(8000, 16000, 1000.0), (8000, 16000, 3300.0), (8000, 48000, 2500.0)]
)
def test_going_up_makes_no_images(from_hz: int, to_hz: int, hz: float) -> None:
    got = resample(sine(hz, from_hz), from_hz, to_hz)
    window = np.hanning(got.size)
    spectrum = np.abs(np.fft.rfft(got * window)) ** 2
    frequency = np.fft.rfftfreq(got.size, 1 / to_hz)
    images = spectrum[frequency > 4300].max()
    assert 10 * np.log10(spectrum.max() / images) > 70.0


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 16000), (16000, 8000), (48000, 8000), (44100, 8000)])
def test_speech_band_agrees_with_scipy(from_hz: int, to_hz: int) -> None:
    band = signal.firwin(401, [300, 3000], pass_zero=False, fs=from_hz)
    x = signal.lfilter(band, [1.0], noise(from_hz)).clip(-32768, 32767).astype(np.int16)
    common = np.gcd(from_hz, to_hz)
    reference = signal.resample_poly(
        x.astype(np.float64), to_hz // common, from_hz // common, window=("kaiser", 8.0)
    )
    got = resample(x, from_hz, to_hz)
    assert got.size == reference.size
    inner = slice(to_hz // 10, -to_hz // 10)
    # scipy's default filter is shorter than ours: it is what limits the agreement.
    assert power_db(reference[inner]) - power_db(got[inner] - reference[inner]) > 30.0
    assert np.corrcoef(got[inner], reference[inner])[0, 1] > 0.999


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_constant_stays_that_constant(from_hz: int, to_hz: int) -> None:
    got = resample(np.full(from_hz // 5, 1234, np.int16), from_hz, to_hz)
    assert set(got[got.size // 4 : -got.size // 4].tolist()) == {1234}


def test_overshoot_is_clipped_not_wrapped() -> None:
    square = np.where(np.arange(4000) // 20 % 2, 32767, -32768).astype(np.int16)
    got = resample(square, 8000, 16000).astype(np.int32)
    assert got.max() == 32767
    assert got.min() == -32768
    expected = np.repeat(square, 2)
    middle = (np.arange(got.size) // 40 * 40 + 20) == np.arange(got.size)
    assert (np.sign(got[middle]) == np.sign(expected[middle])).all()


def test_output_comes_within_the_stated_delay() -> None:
    stream = StreamResampler(8000, 16000)
    assert stream.push(noise(160)).size == 2 * (160 - 24)
    assert all(stream.push(noise(160)).size == 320 for _ in range(20))


def test_the_same_rate_copies() -> None:
    x = noise(100)
    got = StreamResampler(8000, 8000).push(x)
    np.testing.assert_array_equal(got, x)
    assert not np.shares_memory(got, x)


def test_the_output_is_the_receivers_own() -> None:
    stream = StreamResampler(8000, 16000)
    first = stream.push(noise(160))
    kept = first.copy()
    stream.push(noise(160, seed=2))
    np.testing.assert_array_equal(first, kept)
    assert first.flags.writeable
    assert first.flags.c_contiguous


@pytest.mark.parametrize("rates", [(0, 8000), (8000, -1), (8000, 500_000)])
def test_other_rates_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(AudioError, match="4000 to 192000 Hz"):
        StreamResampler(*rates)


def test_pushing_after_the_end_is_refused() -> None:
    stream = StreamResampler(8000, 16000)
    stream.flush()
    assert stream.flush().size == 0
    with pytest.raises(AudioError, match="flushed"):
        stream.push(noise(1))
