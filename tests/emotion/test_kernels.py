"""Each kernel, compiled and as plain Python, against its slow and obvious counterpart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion import kernels_key, layout, tables
from emotion.kernels import fft, pitch, spectrum
from emotion.kernels import frames as frame_kernels
from tests.emotion import reference

Kernel = Callable[..., Any]
RNG = np.random.default_rng(7)
NOISE = np.ascontiguousarray(RNG.normal(0, 2000, layout.WINDOW))
VOICE = reference.buzz(140.0, 0.04).astype(np.float64)


def both(kernel: Any) -> list[Any]:
    """The kernel as compiled, and as the plain Python it was written in."""
    return [pytest.param(kernel, id="compiled"), pytest.param(kernel.py_func, id="python")]


def test_kernels_of_other_sources_are_never_taken_from_the_cache(tmp_path: Path) -> None:
    # Compiling takes a while, and is not what is looked at here.
    shutil.copytree(os.environ["NUMBA_CACHE_DIR"], tmp_path, dirs_exist_ok=True)
    code = (
        "import numba; from emotion.kernels import frames, statistics;"
        "print(numba.config.CACHE_DIR);"
        "print(frames.advance.stats.cache_path); print(statistics.admit.stats.cache_path)"
    )
    for chosen, expected in (("", kernels_key()), (str(tmp_path), str(tmp_path))):
        environment = {**os.environ, "NUMBA_CACHE_DIR": chosen}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        after, *used = done.stdout.splitlines()
        assert after == chosen
        assert all(expected in path for path in used)
        assert len(used) == 2


@pytest.mark.parametrize("real_fft", both(fft.real_fft))
@pytest.mark.parametrize("kind", ["noise", "impulse", "line", "nyquist", "constant"])
def test_the_real_transform_is_numpys(real_fft: Kernel, kind: str) -> None:
    n = np.arange(512)
    signal = {
        "noise": RNG.normal(size=512),
        "impulse": (n == 37).astype(float),
        "line": np.cos(2 * np.pi * 31 * n / 512 + 0.3),
        "nyquist": (-1.0) ** n,
        "constant": np.ones(512),
    }[kind]
    work = [np.zeros(256) for _ in range(4)]
    re, im = np.zeros(257), np.zeros(257)
    real_fft(signal, *work, re, im)
    np.testing.assert_allclose(re + 1j * im, np.fft.rfft(signal), atol=1e-12 * 512)


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "python"])
def test_four_passes_are_a_complex_transform(plain: bool) -> None:
    x = RNG.normal(size=256) + 1j * RNG.normal(size=256)
    here, there = (x.real.copy(), x.imag.copy()), (np.zeros(256), np.zeros(256))
    for kernel in (fft.pass_256, fft.pass_64, fft.pass_16, fft.pass_4):
        (kernel.py_func if plain else kernel)(*here, *there)
        here, there = there, here
    np.testing.assert_allclose(here[0] + 1j * here[1], np.fft.fft(x), atol=1e-11)


@pytest.mark.parametrize("windowed", both(spectrum.windowed))
def test_the_window_takes_the_mean_away(windowed: Kernel) -> None:
    out = np.full(512, 9.0)
    windowed(NOISE + 5000.0, out)
    np.testing.assert_allclose(out[:320], (NOISE - NOISE.mean()) * tables.HANN, atol=1e-8)
    assert not out[320:].any()


@pytest.mark.parametrize("power_spectrum", both(spectrum.power_spectrum))
def test_power(power_spectrum: Kernel) -> None:
    signal = np.zeros(512)
    signal[:320] = (NOISE - NOISE.mean()) * tables.HANN
    out = np.zeros(512)
    power_spectrum(signal, np.zeros((6, 512)), out)
    np.testing.assert_allclose(out[:257], reference.power(NOISE), rtol=1e-9)


def test_a_sine_at_full_scale_has_no_decibels() -> None:
    sine = 32768.0 * np.sin(2 * np.pi * 1000.0 * np.arange(320) / 8000)
    assert float(reference.decibel(reference.power(sine).sum())) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("mel_bands", both(spectrum.mel_bands))
def test_mel(mel_bands: Kernel) -> None:
    p, out = reference.power(NOISE), np.zeros(layout.MEL_BANDS)
    mel_bands(p, out)
    np.testing.assert_allclose(out, reference.mel(p), rtol=1e-10)


@pytest.mark.parametrize("cepstra", both(spectrum.cepstra))
def test_cepstra_are_scipys_without_the_level(cepstra: Kernel) -> None:
    from scipy.fft import dct

    bands, out = reference.mel(reference.power(NOISE)), np.zeros(layout.CEPSTRA)
    cepstra(bands, out)
    np.testing.assert_allclose(out, dct(bands, norm="ortho")[1 : layout.CEPSTRA + 1], atol=1e-10)


@pytest.mark.parametrize("slopes", both(spectrum.slopes))
def test_slopes_are_a_regression(slopes: Kernel) -> None:
    low_mel, high_mel = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (200.0, 3600.0))
    edges_mel = np.linspace(low_mel, high_mel, layout.MEL_BANDS + 2)
    centres = 700 * (10 ** (edges_mel / 2595) - 1)[1:-1]
    bands, out = RNG.normal(size=layout.MEL_BANDS), np.zeros(2)
    slopes(bands, out)
    for found, (low, high) in zip(out, [(300, 1200), (1200, 3400)], strict=True):
        inside = (centres >= low) & (centres <= high)
        assert found == pytest.approx(np.polyfit(np.log2(centres[inside]), bands[inside], 1)[0])


@pytest.mark.parametrize("flux", both(spectrum.flux))
def test_flux(flux: Kernel) -> None:
    a, b = RNG.normal(size=layout.MEL_BANDS), RNG.normal(size=layout.MEL_BANDS)
    assert flux(a, b) == pytest.approx(np.sqrt(np.mean((a - b) ** 2)))
    assert flux(a, a) == 0.0


@pytest.mark.parametrize("balance", both(spectrum.balance))
def test_balance(balance: Kernel) -> None:
    p, out = reference.power(NOISE), np.zeros(4)
    balance(p, out)
    hz = np.arange(257) * layout.BIN_HZ
    band = (hz >= 200) & (hz <= 3600)
    floor = tables.POWER_FLOOR
    assert out[0] == pytest.approx(float(reference.decibel(p[band].sum())))
    assert out[1] == pytest.approx(np.sum(hz[band] * p[band]) / p[band].sum(), rel=1e-6)
    low, high = p[band & (hz < 1000)].sum(), p[band & (hz >= 1000)].sum()
    assert out[2] == pytest.approx(10 * np.log10((low + floor) / (high + floor)))
    low, high = p[band & (hz < 2000)].max(), p[band & (hz >= 2000)].max()
    assert out[3] == pytest.approx(10 * np.log10((low + floor) / (high + floor)))


@pytest.mark.parametrize("first_harmonic", both(spectrum.first_harmonic))
@pytest.mark.parametrize("hz", [200.0, 223.7, 301.0, 415.5])
def test_the_first_harmonic_is_read_off_amplitudes_that_are_known(first_harmonic: Kernel, hz: float) -> None:
    t = np.arange(layout.WINDOW) / layout.RATE_HZ
    formant = round(2800.0 / hz)
    loud = {1: 900.0, 2: 2500.0, 3: 700.0, formant: 300.0, formant + 1: 100.0}
    frame = sum(a * np.cos(2 * np.pi * h * hz * t + h) for h, a in loud.items())
    out = np.ones(2)
    first_harmonic(reference.power(np.asarray(frame)), hz, out)
    assert out[0] == pytest.approx(20 * np.log10(900 / 2500), abs=0.1)
    assert out[1] == pytest.approx(20 * np.log10(900 / 300), abs=0.1)


@pytest.mark.parametrize("first_harmonic", both(spectrum.first_harmonic))
@pytest.mark.parametrize("hz", [0.0, 120.0, 199.9])
def test_a_first_harmonic_below_the_band_is_not_read(first_harmonic: Kernel, hz: float) -> None:
    out = np.ones(2)
    first_harmonic(reference.power(NOISE), hz, out)
    assert not out.any()


@pytest.mark.parametrize("line_power", both(spectrum.line_power))
def test_a_line_is_seven_bins_and_ends_at_the_spectrums(line_power: Kernel) -> None:
    power = np.arange(257.0) ** 2 + 1.0
    for middle in (0, 1, 30, 255, 256):
        kept = [power[k] for k in range(257) if abs(k - middle) <= 3]
        assert line_power(power, middle) == pytest.approx(sum(kept))


@pytest.mark.parametrize("autocorrelation", both(pitch.autocorrelation))
@pytest.mark.parametrize("frame", [NOISE, VOICE], ids=["noise", "voice"])
def test_autocorrelation(autocorrelation: Kernel, frame: Any) -> None:
    out = np.zeros(layout.LAG_MAX + 2)
    autocorrelation(reference.power(frame), np.zeros(512), np.zeros((6, 512)), out)
    np.testing.assert_allclose(out, reference.correlation(frame), atol=1e-9)


@pytest.mark.parametrize("autocorrelation", both(pitch.autocorrelation))
def test_silence_does_not_correlate(autocorrelation: Kernel) -> None:
    out = np.ones(layout.LAG_MAX + 2)
    autocorrelation(np.zeros(257), np.zeros(512), np.zeros((6, 512)), out)
    assert not out.any()


@pytest.mark.parametrize("best_pitch", both(pitch.best_pitch))
@pytest.mark.parametrize("hz", [70.0, 95.0, 140.0, 205.3, 330.0, 480.0, 520.0, 640.0])
def test_pitch_of_a_buzz(best_pitch: Kernel, hz: float) -> None:
    frame = reference.buzz(hz, 0.05)[:320].astype(np.float64)
    out = np.zeros(2)
    best_pitch(reference.correlation(frame), 0.0, out)
    assert out[0] == pytest.approx(hz, rel=0.01)
    assert 0.85 < out[1] <= 1.0


@pytest.mark.parametrize("best_pitch", both(pitch.best_pitch))
def test_noise_has_no_pitch(best_pitch: Kernel) -> None:
    out = np.ones(2)
    best_pitch(reference.correlation(NOISE), 0.0, out)
    assert out[0] == 0.0
    assert out[1] < pitch.VOICED_AT


@pytest.mark.parametrize("best_pitch", both(pitch.best_pitch))
def test_between_equal_octaves_the_one_before_wins(best_pitch: Kernel) -> None:
    correlation = np.zeros(layout.LAG_MAX + 2)
    correlation[[80, 160]] = 0.9
    out = np.zeros(2)
    best_pitch(correlation, 0.0, out)
    assert out[0] == pytest.approx(200.0)
    best_pitch(correlation, 100.0, out)
    assert out[0] == pytest.approx(100.0)


@pytest.mark.parametrize("semitones", both(pitch.semitones))
def test_semitones(semitones: Kernel) -> None:
    assert semitones(55.0) == pytest.approx(12.0)
    assert semitones(0.0) == 0.0


@pytest.mark.parametrize("ratio", both(pitch.harmonics_to_noise))
def test_harmonics_to_noise(ratio: Kernel) -> None:
    assert ratio(0.5) == pytest.approx(0.0)
    assert ratio(10 / 11) == pytest.approx(10.0)
    assert ratio(0.0) == pytest.approx(10 * np.log10(0.01 / 0.99))
    assert ratio(1.0) == pytest.approx(10 * np.log10(0.9999 / 0.0001))


def test_the_kernels_in_plain_python_make_the_same_rows() -> None:
    pcm = reference.buzz(180.0, 0.12)
    pcm[500:660] = 0
    rows = []
    for kernel in (frame_kernels.advance, frame_kernels.advance.py_func):
        out = np.zeros((12, layout.WIDTH))
        shape = (frame_kernels.SCRATCH_ROWS, frame_kernels.SCRATCH_WIDTH)
        memory = np.zeros(frame_kernels.MEMORY)
        counters = np.zeros(frame_kernels.COUNTERS, np.int64)
        count = kernel(pcm, np.zeros(321), memory, counters, np.zeros(shape), out)
        rows.append(out[:count])
    np.testing.assert_array_equal(rows[0], rows[1])
    assert len(rows[0]) == (len(pcm) - 320) // 80 + 1


@pytest.mark.parametrize("repeat", both(frame_kernels.repeat))
def test_a_repeated_row_says_so(repeat: Kernel) -> None:
    memory = np.arange(frame_kernels.MEMORY, dtype=np.float64)
    out = np.zeros(layout.WIDTH)
    repeat(memory, out)
    expected = np.arange(layout.WIDTH, dtype=np.float64)
    expected[layout.HELD] = 1.0
    np.testing.assert_array_equal(out, expected)
    assert memory[frame_kernels.BEFORE] == frame_kernels.REPEATED


@pytest.mark.parametrize("describe", both(frame_kernels.describe))
def test_clipped_samples_are_counted_in_the_newest_hop_only(describe: Kernel) -> None:
    frame = np.zeros(320)
    frame[[10, 300, 301]] = [-32768.0, 32700.0, -32500.0]
    out = np.zeros(layout.WIDTH)
    describe(
        frame,
        np.zeros(frame_kernels.MEMORY),
        np.zeros((frame_kernels.SCRATCH_ROWS, frame_kernels.SCRATCH_WIDTH)),
        out,
    )
    assert out[layout.CLIPPED] == 2 / 80
