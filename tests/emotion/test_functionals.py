"""Statistics over counted speech: what counts, the numbers, and that level does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import layout
from emotion.extract import Extractor, descriptors
from emotion.functionals import FEATURES, WINDOW_FRAMES, SpeechWindow
from emotion.kernels import statistics

RNG = np.random.default_rng(5)


def rows(count: int, pitched: bool = True) -> NDArray[np.float64]:
    made = RNG.normal(-30.0, 5.0, (count, layout.WIDTH))
    made[:, layout.F0] = RNG.uniform(20.0, 40.0, count) if pitched else 0.0
    return made


def named(features: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(FEATURES, features.tolist(), strict=True))


def test_only_flagged_frames_near_a_pitch_count() -> None:
    window = SpeechWindow()
    assert window.add(rows(5), False) == 0
    assert window.add(rows(5, pitched=False), False) == 0
    assert window.add(rows(20, pitched=False), True) == 3, "the last pitch was five frames ago"
    assert window.add(rows(4), True) == 4
    assert window.add(rows(20, pitched=False), True) == statistics.HANGOVER
    assert window.voiced_s == pytest.approx(0.15)
    assert window.flagged_s == pytest.approx(0.44)
    assert window.pitched_share_of_flagged == pytest.approx(4 / 44)


def test_pauses_that_the_detector_keeps_change_nothing(speech: NDArray[np.int16]) -> None:
    tight, loose = SpeechWindow(), SpeechWindow()
    for row in descriptors(speech):
        loud = bool(row[layout.ENERGY] > -60.0)
        tight.add(row[None, :], loud or bool(row[layout.F0] > 0))
        loose.add(row[None, :], True)
    assert tight.voiced_s == pytest.approx(loose.voiced_s, rel=0.25)
    assert loose.voiced_s < 0.01 * len(descriptors(speech))


def test_features_are_plain_statistics_of_what_counted() -> None:
    window, given = SpeechWindow(), rows(300)
    window.add(given[:150], True)
    window.add(given[150:], True)
    got = named(window.features())
    assert got["centroid_hz:mean"] == pytest.approx(given[:, layout.CENTROID].mean())
    assert got["cep_3:sd"] == pytest.approx(given[:, layout.CEP + 2].std())
    assert got["energy_db:sd"] == pytest.approx(given[:, layout.ENERGY].std())
    assert got["f0_mean_st"] == pytest.approx(given[:, layout.F0].mean())
    assert got["f0_change_st"] == pytest.approx(np.abs(np.diff(given[:, layout.F0])).mean())
    assert got["pitched_share"] == 1.0
    assert got["pitched_run_s"] == pytest.approx(3.0)
    low, middle, high = np.quantile(given[:, layout.F0], [0.1, 0.5, 0.9])
    assert got["f0_st:p50"] == pytest.approx(middle, abs=0.6)
    assert got["f0_st:p90-p50"] == pytest.approx(high - middle, abs=0.8)
    assert got["f0_st:p50-p10"] == pytest.approx(middle - low, abs=0.8)


def test_frames_across_a_gap_are_not_neighbours() -> None:
    window, a, b = SpeechWindow(), rows(10), rows(10)
    a[:, layout.F0], b[:, layout.F0] = 20.0, 40.0
    window.add(a, True)
    window.add(rows(1), False)
    window.add(b, True)
    got = named(window.features())
    assert got["f0_change_st"] == 0.0
    assert got["pitched_run_s"] == pytest.approx(0.1)
    assert window.still_share == 1.0


def test_only_the_newest_eight_seconds_stay() -> None:
    window, old, new = SpeechWindow(), rows(500), rows(WINDOW_FRAMES)
    window.add(old, True)
    window.add(new, True)
    fresh = SpeechWindow()
    fresh.add(new, True)
    assert window.count == WINDOW_FRAMES
    assert window.voiced_s == pytest.approx(13.0)
    np.testing.assert_allclose(window.features(), fresh.features(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gain_db", [-12.0, 12.0])
def test_level_does_not_matter(speech: NDArray[np.int16], gain_db: float) -> None:
    quiet = (speech * 0.25).astype(np.int16)
    moved = (quiet * 10.0 ** (gain_db / 20.0)).astype(np.int16)
    found = []
    for pcm in (quiet, moved):
        window = SpeechWindow()
        window.add(Extractor().push(pcm), True)
        found.append(named(window.features()))
    for name in ("centroid_hz:mean", "cep_1:mean", "f0_mean_st", "alpha_db:mean"):
        assert found[1][name] == pytest.approx(found[0][name], rel=0.08, abs=0.6), name


def test_noise_between_speech_is_measured() -> None:
    window = SpeechWindow()
    window.add(rows(10), True)
    assert window.signal_to_noise_db is None
    noise, loud = rows(50), rows(100)
    noise[:, layout.ENERGY], loud[:, layout.ENERGY] = -60.0, -20.0
    window = SpeechWindow()
    window.add(noise, False)
    window.add(loud, True)
    window.features()
    assert window.signal_to_noise_db == pytest.approx(40.0)


def test_nothing_heard_is_zeros_not_an_error() -> None:
    window = SpeechWindow()
    assert not window.features().any()
    assert window.voiced_s == 0.0


@pytest.mark.parametrize("kernel", ["moments", "quantiles", "movement", "admit"])
def test_kernels_in_plain_python_agree(kernel: str) -> None:
    compiled: Any = getattr(statistics, kernel)
    given = np.zeros((40, layout.WIDTH + 1))
    given[:, : layout.WIDTH] = rows(40)
    given[::3, layout.F0] = 0.0
    given[1:, layout.WIDTH] = 1.0
    results = []
    for run in (compiled, compiled.py_func):
        if kernel == "moments":
            out = [np.zeros(layout.WIDTH), np.zeros(layout.WIDTH)]
            run(given, 7, 30, *out)
        elif kernel == "quantiles":
            out = [np.zeros(3)]
            run(given, 7, 30, layout.F0, True, 12.0, 52.0, np.zeros(statistics.BINS), out[0])
        elif kernel == "movement":
            out = [np.zeros(11)]
            run(given, 7, 30, out[0])
        else:
            out = [np.zeros((25, layout.WIDTH + 1)), np.zeros(statistics.STATE, dtype=np.int64)]
            run(np.ascontiguousarray(given[:, : layout.WIDTH]), True, out[1], out[0])
        results.append(np.concatenate([part.ravel() for part in out]))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)
    assert results[0].any()


def test_quantiles_without_a_pitched_frame_are_zero() -> None:
    given, out = np.zeros((4, layout.WIDTH + 1)), np.ones(3)
    statistics.quantiles(given, 0, 4, layout.F0, True, 12.0, 52.0, np.zeros(statistics.BINS), out)
    assert not out.any()
