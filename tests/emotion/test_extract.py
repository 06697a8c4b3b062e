"""The streaming extractor: the same bits however samples come, and sane on insane audio."""

from __future__ import annotations

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


def in_chunks(pcm: NDArray[np.int16], sizes: list[int]) -> NDArray[np.float64]:
    extractor, rows, at, turn = Extractor(), [], 0, 0
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


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(160), np.zeros((2, 80), np.int16), np.zeros(320, np.int16)[::2], [0] * 160],
    ids=["float", "two-dimensional", "strided", "list"],
)
def test_wrong_samples_are_refused_by_name(wrong: object) -> None:
    with pytest.raises(SamplesError, match="int16"):
        Extractor().push(wrong)  # type: ignore[arg-type]


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
