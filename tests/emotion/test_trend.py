"""The slope of anger over the newest seconds: right on a line, not moved by outliers, silent where it knows little."""

from __future__ import annotations

import numpy as np
import pytest

from emotion.trend import LEAST, SPAN_S, Trend


def of(values: list[float]) -> float:
    trend = Trend()
    for step, value in enumerate(values):
        trend.add(0.25 * step, value)
    return trend.per_10_s


@pytest.mark.parametrize("slope", [-4.0, 0.0, 2.5])
@pytest.mark.parametrize("count", [LEAST, 20, 32, 100])
def test_a_line_has_its_slope(slope: float, count: int) -> None:
    assert of([1.0 + slope * 0.25 * step / 10.0 for step in range(count)]) == pytest.approx(slope)


def test_few_estimates_have_no_trend() -> None:
    assert of([float(step) for step in range(LEAST - 1)]) == 0.0
    assert of([]) == 0.0


def test_outliers_do_not_move_it() -> None:
    values = [0.1 * step for step in range(32)]
    values[3], values[15], values[30] = 13.8, -13.8, -13.8
    assert of(values) == pytest.approx(4.0, abs=0.5)


def test_what_lies_further_back_than_its_span_is_forgotten() -> None:
    rise = [0.2 * step for step in range(40)]
    flat = [rise[-1]] * round(SPAN_S / 0.25)
    assert of(rise) == pytest.approx(8.0)
    assert of(rise + flat) == 0.0


def test_the_sign_is_that_of_a_fit_by_least_squares() -> None:
    rng = np.random.default_rng(3)
    for slope in (-3.0, 3.0):
        values = slope * np.arange(32) * 0.025 + rng.normal(0.0, 0.3, 32)
        fitted = 10.0 * np.polyfit(0.25 * np.arange(32), values, 1)[0]
        assert of(values.tolist()) == pytest.approx(fitted, abs=1.0)
