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
    made[:, layout.HELD] = 0.0
    return made


def plain(kept: NDArray[np.float64], follows: NDArray[np.bool_]) -> dict[str, float]:
    """Every feature of the rows in a window, from its definition; `follows` marks rows whose neighbour was kept too."""
    follows = follows.copy()
    follows[0] = False
    pitched = kept[:, layout.F0] > 0.0
    found: dict[str, float] = {}
    for column, name in enumerate(layout.DESCRIPTORS):
        voiced = kept[pitched, column]
        found[f"{name}:mean"] = kept[:, column].mean()
        found[f"{name}:sd"] = kept[:, column].std()
        found[f"{name}:pitched_mean"] = voiced.mean()
        found[f"{name}:pitched_sd"] = voiced.std()
        for lag in (2, 5):
            pairs = [i for i in range(lag, len(kept)) if follows[i - lag + 1 : i + 1].all()]
            changes = [kept[i, column] - kept[i - lag, column] for i in pairs]
            found[f"{name}:change_{10 * lag}ms"] = float(np.sqrt(np.mean(np.square(changes)))) if pairs else 0.0
    found["f0_st:mean"], found["f0_st:sd"] = found["f0_st:pitched_mean"], found["f0_st:pitched_sd"]
    steps = [i for i in range(1, len(kept)) if follows[i]]
    both = [i for i in steps if pitched[i] and pitched[i - 1]]
    energy = [kept[i, layout.ENERGY] - kept[i - 1, layout.ENERGY] for i in steps]
    found["pitched_share"] = float(pitched.mean())
    found["pitched_run_s"] = 0.01 * float(pitched.sum()) / (pitched.sum() - len(both))
    found["f0_st:change"] = float(np.mean([abs(kept[i, layout.F0] - kept[i - 1, layout.F0]) for i in both]))
    found["energy_db:change"] = float(np.mean(np.abs(energy)))
    found["energy_db:rise"] = float(np.mean([change for change in energy if change > 0.0]))
    first = pitched & (kept[:, layout.H1_H2] != 0.0)
    found["first_harmonic_share"] = float(first.sum() / pitched.sum())
    typical = {"h1_h2_db": (3.0, 11.5), "h1_a3_db": (16.0, 13.0)}
    for column, name in ((layout.H1_H2, "h1_h2_db"), (layout.H1_A3, "h1_a3_db")):
        middle, deviation = typical[name]
        # Six frames of what is typical: three on each side.
        padded = np.concatenate((kept[first, column], [middle - deviation, middle + deviation] * 3))
        found[f"{name}:mean"], found[f"{name}:sd"] = padded.mean(), padded.std()
    return found


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


@pytest.mark.parametrize("length", [30, 300, 900, 2500])
def test_features_are_plain_statistics_of_what_counted(length: int) -> None:
    """Pitch comes and goes, the detector switches on and off, packets are lost, the window fills and rolls on."""
    rng = np.random.default_rng(length)
    window, kept, follows = SpeechWindow(), [], []
    given = rows(length)
    given[:, layout.CENTROID] = rng.normal(1500.0, 300.0, length)
    given[:, layout.FLUX] = np.abs(rng.normal(5.0, 2.0, length))
    given[:, layout.HNR] = rng.normal(10.0, 5.0, length)
    given[:, layout.F0] *= np.repeat(rng.random(length // 10 + 1) < 0.8, 10)[:length]
    given[rng.random(length) < 0.5, layout.H1_H2] = 0.0
    given[rng.random(length) < 0.02, layout.HELD] = 1.0
    speech = np.repeat(rng.random(length // 30 + 1) < 0.85, 30)[:length]
    speech[:10] = True
    before = False
    for row, flag in zip(given, speech, strict=True):
        counts = window.add(row[None, :], bool(flag)) == 1
        if counts:
            kept.append(row)
            follows.append(before)
        before = counts
    newest, joined = np.array(kept[-WINDOW_FRAMES:]), np.array(follows[-WINDOW_FRAMES:])
    got, wanted = named(window.features()), plain(newest, joined)
    exact = [name for name in FEATURES if name in wanted]
    assert {name: got[name] for name in exact} == pytest.approx(
        {name: wanted[name] for name in exact}, rel=1e-5, abs=1e-5
    )
    for name in set(FEATURES) - set(exact):
        column, _, which = name.partition(":")
        values = newest[:, layout.DESCRIPTORS.index(column)]
        if which.startswith("pitched_") or column in ("f0_st", "hnr_db"):
            values = values[newest[:, layout.F0] > 0.0]
        quantile = {f"p{q}": float(np.quantile(values, q / 100)) for q in (10, 50, 90)}
        high, _, low = which.removeprefix("pitched_").partition("-")
        # As fine as the bins are, or as the few values of a short window.
        near = (60.0 if column == "centroid_hz" else 1.0) * (1.0 if length > 100 else 3.0)
        assert got[name] == pytest.approx(quantile[high] - (quantile[low] if low else 0.0), abs=near), name
    assert len(exact) == len(FEATURES) - 12


def test_many_hours_leave_no_trace_in_the_sums() -> None:
    """What entered and left again is gone: the last 8 s say the same after an hour as alone."""
    window, newest = SpeechWindow(), rows(WINDOW_FRAMES)
    block = rows(1000)
    block[:, layout.CENTROID] += 1500.0
    for _ in range(360):
        window.add(block, True)
    window.add(newest, True)
    fresh = SpeechWindow()
    fresh.add(newest, True)
    np.testing.assert_allclose(window.features(), fresh.features(), rtol=1e-6, atol=1e-6)


def test_rows_torn_by_lost_packets_do_not_count() -> None:
    window, given = SpeechWindow(), rows(40)
    given[10:14, layout.HELD] = 1.0
    assert window.add(given, True) == 36
    assert window.still_share == 0.0


def test_frames_across_a_gap_are_not_neighbours() -> None:
    window, a, b = SpeechWindow(), rows(10), rows(10)
    a[:, layout.F0], b[:, layout.F0] = 20.0, 40.0
    window.add(a, True)
    window.add(rows(1), False)
    window.add(b, True)
    got = named(window.features())
    assert got["f0_st:change"] == 0.0
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
    for name in ("centroid_hz:mean", "cep_1:mean", "f0_st:mean", "alpha_db:mean"):
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


@pytest.mark.parametrize("kernel", ["admit", "quantiles"])
def test_kernels_in_plain_python_agree(kernel: str) -> None:
    given = rows(60)
    given[::3, layout.F0] = 0.0
    results = []
    for run in (lambda compiled: compiled, lambda compiled: compiled.py_func):
        state = np.zeros(statistics.STATE, dtype=np.int64)
        ring, sums = np.zeros((25, layout.WIDTH + 1), dtype=np.float32), np.zeros((statistics.SUMS, layout.WIDTH))
        histograms = np.zeros((statistics.HISTOGRAMS, statistics.BINS), dtype=np.int64)
        found, counted = np.zeros((statistics.HISTOGRAMS, 3)), np.ones(len(given), dtype=np.bool_)
        admit: Any = run(statistics.admit) if kernel == "admit" else statistics.admit
        quantiles: Any = run(statistics.quantiles) if kernel == "quantiles" else statistics.quantiles
        admit(given, True, state, ring, sums, histograms, counted)
        quantiles(histograms, found)
        results.append(np.concatenate([part.ravel() for part in (ring, state, sums, histograms, found, counted)]))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-9)
    assert results[0].any()


def test_quantiles_of_nothing_are_zero() -> None:
    out = np.ones((statistics.HISTOGRAMS, 3))
    statistics.quantiles(np.zeros((statistics.HISTOGRAMS, statistics.BINS), dtype=np.int64), out)
    assert not out.any()
