"""The streaming extractor: the same bits however samples come, and sane on insane audio."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import layout
from emotion.errors import SamplesError
from emotion.extract import Extractor, descriptors
from tests.emotion import reference

RNG = np.random.default_rng(3)
GLIDE = reference.buzz(np.linspace(110.0, 260.0, 8000), 1.0)
NOISY = (GLIDE * 0.5 + RNG.normal(0, 300, 8000)).astype(np.int16)


def in_chunks(pcm: NDArray[np.int16], sizes: list[int], rate_hz: int = 8000) -> NDArray[np.float64]:
    extractor, rows, at, turn = Extractor(rate_hz), [], 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        rows.append(extractor.push(pcm[at : at + size]).copy())
        at, turn = at + size, turn + 1
    return np.concatenate(rows)


@pytest.mark.parametrize("sizes", [[1], [160], [80], [3, 1000, 79, 0, 81, 6000]], ids=str)
def test_the_same_bits_however_the_samples_are_cut(sizes: list[int]) -> None:
    whole = descriptors(NOISY)
    cut = in_chunks(NOISY, sizes)
    assert cut.tobytes() == whole.tobytes()


def test_rows_follow_the_reference() -> None:
    rows = descriptors(NOISY)
    frames = reference.frames(NOISY)
    assert len(rows) == len(frames)
    for number in range(0, len(frames), 7):
        p = reference.power(frames[number])
        np.testing.assert_allclose(rows[number, layout.MEL : layout.CEP], reference.mel(p), rtol=1e-9)
        assert rows[number, layout.PERIODICITY] <= 1.0
    change = np.diff(rows[:, layout.MEL : layout.CEP], axis=0)
    np.testing.assert_allclose(rows[1:, layout.FLUX], np.sqrt((change**2).mean(axis=1)), rtol=1e-9)
    assert rows[0, layout.FLUX] == 0.0


def test_a_gliding_pitch_is_followed_through_the_telephone_band() -> None:
    from scipy.signal import butter, sosfilt

    narrow = sosfilt(butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), GLIDE).astype(np.int16)
    rows = descriptors(narrow)[5:]
    found = 27.5 * 2.0 ** (rows[:, layout.F0] / 12.0)
    # The row describes the middle of its frame: frame number + 20 ms.
    middle = (np.arange(len(found)) + 5) * 80 + 160
    true = np.linspace(110.0, 260.0, 8000)[middle]
    assert np.mean(np.abs(found / true - 1.0) < 0.03) > 0.97


@pytest.mark.parametrize(
    "pcm",
    [
        pytest.param(np.zeros(4000, np.int16), id="silence"),
        pytest.param(np.full(4000, 12000, np.int16), id="direct current"),
        pytest.param(np.full(4000, -32768, np.int16), id="stuck at the end"),
        pytest.param(np.where(np.arange(4000) % 50 < 25, 32767, -32768).astype(np.int16), id="clipped"),
        pytest.param((np.arange(4000) == 2000).astype(np.int16), id="one bit once"),
        pytest.param(RNG.integers(-32768, 32768, 4000).astype(np.int16), id="loud noise"),
    ],
)
def test_every_number_is_finite(pcm: NDArray[np.int16]) -> None:
    rows = descriptors(pcm)
    assert np.isfinite(rows).all()
    assert (np.abs(rows) < 10_000).all()


def test_silence_and_direct_current_have_no_pitch_and_the_floor_as_level() -> None:
    for pcm in (np.zeros(2000, np.int16), np.full(2000, 12000, np.int16)):
        rows = descriptors(pcm)
        assert not rows[:, layout.F0].any()
        assert rows[:, layout.ENERGY] == pytest.approx(-100.0, abs=0.1)
        assert rows[:, layout.CENTROID] == pytest.approx(1900.0, abs=20)


def test_noise_has_no_pitch_and_a_voice_in_it_keeps_its_own() -> None:
    noise = RNG.normal(0, 1000, 16000)
    assert np.mean(descriptors(noise.astype(np.int16))[:, layout.F0] > 0) < 0.01
    voice = reference.buzz(180.0, 2.0).astype(np.float64)
    for snr_db in (20.0, 10.0, 5.0):
        mixed = voice + noise / np.std(noise) * np.std(voice) * 10 ** (-snr_db / 20)
        f0 = descriptors(mixed.astype(np.int16))[:, layout.F0]
        assert np.mean(np.abs(f0 - 12 * np.log2(180.0 / 27.5)) < 0.5) > 0.95


def test_a_clipped_voice_keeps_its_pitch_and_says_that_it_is_clipped() -> None:
    clean = reference.buzz(310.0, 1.0).astype(np.float64)
    rows = descriptors(np.clip(clean * 40.0, -32768, 32767).astype(np.int16))
    assert rows[:, layout.F0] == pytest.approx(12 * np.log2(310.0 / 27.5), abs=0.3)
    assert rows[:, layout.CLIPPED].min() > 0.3
    assert not descriptors(clean.astype(np.int16))[:, layout.CLIPPED].any()


def test_direct_current_changes_nothing() -> None:
    np.testing.assert_allclose(descriptors((NOISY + 3000).astype(np.int16)), descriptors(NOISY), atol=1e-6)


def test_level_moves_only_what_measures_level() -> None:
    soft, loud = descriptors(NOISY), descriptors((NOISY.astype(np.int32) * 2).astype(np.int16))
    assert loud[:, layout.ENERGY] - soft[:, layout.ENERGY] == pytest.approx(6.02, abs=0.01)
    for column in (layout.CENTROID, layout.FLUX, layout.ALPHA, layout.SLOPE_LOW, layout.CEP):
        np.testing.assert_allclose(loud[:, column], soft[:, column], atol=0.02, rtol=0.001)


def test_a_steady_push_hands_out_the_same_memory() -> None:
    extractor = Extractor()
    extractor.push(NOISY[:320])
    first = extractor.push(NOISY[320:480])
    second = extractor.push(NOISY[480:640])
    assert first.__array_interface__["data"] == second.__array_interface__["data"]


def with_hole(start: int, length: int, value: int = 0) -> NDArray[np.int16]:
    pcm = NOISY.copy()
    pcm[start : start + length] = value
    return pcm


@pytest.mark.parametrize("length", [160, 320, 480])
@pytest.mark.parametrize("start", [3200, 3237])
def test_lost_packets_repeat_the_row_before_them(start: int, length: int) -> None:
    whole, torn = descriptors(NOISY), descriptors(with_hole(start, length))
    held = np.flatnonzero(torn[:, layout.HELD])
    assert length // 80 <= len(held) <= (length + 320) // 80
    assert list(held) == list(range(held[0], held[-1] + 1))
    before, after = torn[held[0] - 1], held[-1] + 1
    same = [c for c in range(layout.WIDTH) if c != layout.HELD]
    for row in held:
        np.testing.assert_array_equal(torn[row, same], before[same])
    assert torn[after, layout.FLUX] == before[layout.FLUX]
    for column in (layout.FLUX, layout.ENERGY):
        assert whole[:, column].min() - 0.1 <= torn[:, column].min()
        assert torn[:, column].max() <= whole[:, column].max() + 0.1
    # The window has all but faded at its ends: a row there may still hear 5 ms of zeros, and its flux is of two rows.
    later = after + 2
    away = [c for c in same if c not in (layout.F0, layout.PERIODICITY, layout.HNR, layout.H1_H2, layout.H1_A3)]
    np.testing.assert_array_equal(torn[: held[0] - 1], whole[: held[0] - 1])
    np.testing.assert_array_equal(torn[later:, away], whole[later:, away])


def test_a_hole_of_a_laws_least_step_is_the_same_hole() -> None:
    zeros, steps = descriptors(with_hole(3200, 320)), descriptors(with_hole(3200, 320, 8))
    np.testing.assert_array_equal(zeros[:, layout.HELD], steps[:, layout.HELD])
    assert steps[:, layout.HELD].any()


def test_a_hole_in_pieces_is_the_same_hole() -> None:
    pcm = with_hole(3237, 320)
    whole = descriptors(pcm)
    for sizes in ([1], [160], [7, 640, 33]):
        assert in_chunks(pcm, sizes).tobytes() == whole.tobytes()


def test_a_long_hole_is_silence() -> None:
    rows = descriptors(with_hole(3200, 1600))
    quiet = np.flatnonzero(rows[:, layout.ENERGY] < -90.0)
    assert len(quiet) > 8
    assert rows[quiet[0], layout.FLUX] == rows[quiet[0] - 1, layout.FLUX], "the cut itself is no change of voice"
    assert 0 < rows[:, layout.HELD].sum() <= 11
    assert not rows[quiet[-1] + 4 :, layout.HELD].any()


def test_a_voice_that_fades_into_zeros_is_no_hole() -> None:
    fade = np.concatenate([np.ones(4000), np.exp(-np.arange(1200) / 120.0), np.zeros(2800)])
    rows = descriptors((GLIDE * fade).astype(np.int16))
    assert not rows[:, layout.HELD].any()
    assert rows[-1, layout.ENERGY] == pytest.approx(-100.0, abs=0.1)


def test_a_call_that_begins_with_zeros_holds_nothing() -> None:
    assert not descriptors(np.concatenate([np.zeros(400, np.int16), NOISY[:2000]]))[:, layout.HELD].any()
    # Nothing is there to repeat in the first frame.
    rows = descriptors(with_hole(100, 160))
    assert not rows[0, layout.HELD]
    assert rows[1, layout.HELD]


@pytest.mark.parametrize("line", ["whole", "without the fundamental"])
@pytest.mark.parametrize("slope", [0.0, 1.0], ids=["bright", "dark"])
@pytest.mark.parametrize("snr_db", [40.0, 15.0])
def test_no_octave_is_missed_from_a_growl_to_a_shout(line: str, slope: float, snr_db: float) -> None:
    rng = np.random.default_rng(5)
    t = np.arange(1600) / 8000
    right = wrong = 0
    for hz in np.geomspace(60.0, 640.0, 60):
        heard = [h for h in range(1, 60) if (300.0 if line != "whole" else 0.0) <= h * hz <= 3400.0]
        wave = sum(np.cos(2 * np.pi * h * hz * t + rng.uniform(0, 6.28)) * h**-slope for h in heard)
        wave = 6000.0 * wave / np.abs(wave).max()
        noisy = wave + rng.normal(0, np.std(wave) * 10 ** (-snr_db / 20), len(t))
        f0 = descriptors(noisy.astype(np.int16))[:, layout.F0]
        off = np.abs(f0 - 12 * np.log2(hz / 27.5)) > 0.5
        right += int((~off).sum())
        wrong += int((off & (f0 > 0)).sum())
    assert wrong <= 0.01 * right
    assert right >= 0.97 * 60 * 17


def test_a_steady_push_allocates_no_samples() -> None:
    extractor = Extractor()
    frames = [NOISY[start : start + 160] for start in range(0, 8000, 160)]
    for frame in frames:
        extractor.push(frame)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for frame in frames:
            extractor.push(frame)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500
    assert peak - before < 600, "a view of the rows and no more: its rows alone hold 672 bytes"


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(160), np.full(160, np.nan), np.zeros((2, 80), np.int16), np.zeros(320, np.int16)[::2], [0] * 160],
    ids=["float", "not a number", "two-dimensional", "strided", "list"],
)
def test_wrong_samples_are_refused_by_name(wrong: object) -> None:
    with pytest.raises(SamplesError, match="int16"):
        Extractor().push(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate_hz", [0, 11025, 48000, -8000])
def test_other_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(SamplesError, match=f"8000 or 16000 Hz, not {rate_hz}"):
        Extractor(rate_hz)


def wideband() -> NDArray[np.int16]:
    """A voice at 16 kHz with energy above the telephone band too."""
    t = np.arange(16000) / 16000
    phase = 2 * np.pi * np.cumsum(np.linspace(110.0, 260.0, 16000)) / 16000
    wave = sum(np.cos(h * phase) / h for h in range(1, 28)) + 0.1 * np.sin(2 * np.pi * 5500 * t)
    return np.asarray(3000.0 * wave + RNG.normal(0, 20, 16000)).astype(np.int16)


@pytest.mark.parametrize("sizes", [[1], [320], [160], [3, 1000, 79, 0, 81, 6000]], ids=str)
def test_wideband_gives_the_same_bits_however_it_is_cut(sizes: list[int]) -> None:
    pcm = wideband()
    whole = descriptors(pcm, 16000)
    assert in_chunks(pcm, sizes, 16000).tobytes() == whole.tobytes()
    assert len(whole) == (8000 - 24 - 320) // 80 + 1


def test_wideband_is_heard_as_the_line_would_carry_it() -> None:
    from scipy.signal import resample_poly

    pcm = wideband()
    ours = descriptors(pcm, 16000)
    theirs = descriptors(np.rint(resample_poly(pcm.astype(np.float64), 1, 2)).astype(np.int16))[: len(ours)]
    assert np.median(np.abs(ours[:, layout.F0] - theirs[:, layout.F0])) < 0.01
    assert np.abs(ours[5:, layout.ENERGY] - theirs[5:, layout.ENERGY]).max() < 0.1
    assert np.abs(ours[5:, layout.CENTROID] - theirs[5:, layout.CENTROID]).max() < 20.0


def test_names_fit_the_columns() -> None:
    assert len(layout.DESCRIPTORS) == layout.WIDTH == len(set(layout.DESCRIPTORS))
    assert layout.DESCRIPTORS[layout.CLIPPED] == "clipped"
    assert layout.DESCRIPTORS[layout.CEP] == "cep_1"


def test_pitch_agrees_with_librosa_on_real_voices(corpora: Path) -> None:
    import librosa

    from telephony.audio import read_audio

    agree = both = 0
    for name in ("03a01Wa", "03a01Nc", "08a01Fd"):
        pcm = read_audio(corpora / "emotion" / "emodb" / "audio" / f"{name}.flac")
        rows = descriptors(pcm)
        ours = np.where(rows[:, layout.F0] > 0, 27.5 * 2.0 ** (rows[:, layout.F0] / 12), 0.0)
        theirs, voiced, _ = librosa.pyin(
            pcm / 32768.0, fmin=60, fmax=500, sr=8000, frame_length=320, hop_length=80, center=False
        )
        count = min(len(ours), len(theirs))
        here = (ours[:count] > 0) & voiced[:count]
        both += int(here.sum())
        agree += int((np.abs(ours[:count][here] / theirs[:count][here] - 1.0) < 0.06).sum())
    assert both > 150
    assert agree / both > 0.85
