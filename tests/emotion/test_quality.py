"""The voice quality kernel against slow, obvious NumPy, and what its descriptors are for."""

from __future__ import annotations

import numpy as np
import pytest

from emotion import layout
from emotion.extract import descriptors
from emotion.kernels.quality import voice_quality
from tests.emotion import reference

NAMES = layout.DESCRIPTORS[layout.QUALITY : layout.QUALITY + layout.QUALITIES]


def expected(frame: reference.Floats, pitch_hz: float) -> dict[str, float]:
    """The ten descriptors of one frame, from their definitions."""
    p = reference.power(frame)
    hz = np.arange(layout.BINS) * layout.BIN_HZ
    lag = layout.RATE_HZ / pitch_hz
    window = np.interp(2.0 * lag, np.arange(layout.LAG_MAX + 2), reference.tables.HANN_AUTOCORRELATION)
    inside = (hz >= 200.0) & (hz <= 3600.0)

    def part(low: float, high: float) -> np.ndarray:
        return (hz >= low) & (hz < high) & inside

    def periodic(band: np.ndarray) -> float:
        return min(1.0, float(np.sum(p[band] * np.cos(2.0 * np.pi * hz[band] / pitch_hz)) / p[band].sum() / window))

    def centre(band: np.ndarray) -> float:
        return float(np.sum(p[band] * hz[band]) / p[band].sum())

    level = 10.0 * np.log10(p + 1e-8 * p[inside].sum())
    at = [round(h * pitch_hz / layout.BIN_HZ) for h in (2, 3, 4, 5)]
    harmonic = [level[k - 1 : k + 2].max() for k in at]
    share = (p[inside] + 1e-8 * p[inside].sum()) / p[inside].sum()
    ripple = np.cos(2.0 * np.pi * hz / pitch_hz)
    clear = (hz >= 250.0) & (hz <= 3500.0)
    top = part(2000.0, 3601.0)
    return {
        "periodicity_low": periodic(part(200.0, 1000.0)),
        "periodicity_mid": periodic(part(1000.0, 2000.0)),
        "periodicity_high": periodic(top),
        "harmonic_tilt_db": float(harmonic[0] + harmonic[1] - harmonic[2] - harmonic[3]) / 2.0,
        "centroid_low_hz": centre(part(200.0, 1000.0)),
        "centroid_mid_hz": centre(part(1000.0, 3000.0)),
        "entropy_nat": float(-np.sum(p[inside] / p[inside].sum() * np.log(share))),
        "flatness_high_db": float(level[top].mean() - 10.0 * np.log10(p[top].mean())),
        "spread_hz": float(np.sqrt(np.sum(p[inside] * (hz[inside] - centre(inside)) ** 2) / p[inside].sum())),
        "prominence_db": float(np.mean((level[clear] - level[clear].mean()) * ripple[clear])),
    }


@pytest.mark.parametrize("pitch_hz", [75.0, 118.0, 231.0, 420.0])
def test_each_descriptor_is_its_definition(pitch_hz: float) -> None:
    rng = np.random.default_rng(int(pitch_hz))
    frame = reference.buzz(pitch_hz, 0.04)[: layout.WINDOW] + rng.normal(0.0, 200.0, layout.WINDOW)
    out = np.full(layout.QUALITIES, np.nan)
    voice_quality(reference.power(frame), pitch_hz, np.zeros((2, 512)), out)
    wanted = expected(frame, pitch_hz)
    assert dict(zip(NAMES, out.tolist(), strict=True)) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_nothing_is_said_of_a_frame_without_pitch() -> None:
    out = np.full(layout.QUALITIES, np.nan)
    voice_quality(np.ones(layout.BINS), 0.0, np.zeros((2, 512)), out)
    assert not out.any()


def test_silence_with_a_pitch_is_still_finite() -> None:
    out = np.full(layout.QUALITIES, np.nan)
    voice_quality(np.zeros(layout.BINS), 130.0, np.zeros((2, 512)), out)
    assert np.isfinite(out).all()


def test_breath_takes_the_period_from_the_top_of_the_band_first() -> None:
    """A breathy voice: noise that rises with frequency, beside the same harmonics."""
    rng = np.random.default_rng(3)
    clear = reference.buzz(140.0, 1.0)
    breath = np.diff(rng.normal(0.0, 350.0, len(clear) + 1))
    rows = [descriptors(x.astype(np.int16)) for x in (clear, clear + breath)]
    low, high = layout.QUALITY, layout.QUALITY + 2
    lost = [np.median(rows[0][:, column]) - np.median(rows[1][:, column]) for column in (low, high)]
    assert lost[1] > 0.15
    assert lost[0] < 0.05
    assert np.median(rows[1][:, layout.QUALITY + 9]) < np.median(rows[0][:, layout.QUALITY + 9])


def test_the_level_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    voice = reference.buzz(180.0, 0.5).astype(np.float64) * 0.5 + rng.normal(0.0, 60.0, 4000)
    quiet, loud = (descriptors(np.round(voice * gain).astype(np.int16)) for gain in (1.0, 4.0))
    both = (quiet[:, layout.F0] > 0.0) & (loud[:, layout.F0] > 0.0)
    assert both.mean() > 0.9
    away = np.abs(quiet - loud)[both][:, layout.QUALITY : layout.QUALITY + layout.QUALITIES]
    # What is left is the rounding to whole samples.
    assert (np.median(away, axis=0) < 0.01 * np.abs(loud[both][:, layout.QUALITY :]).mean(axis=0)).all()
