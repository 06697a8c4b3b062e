"""The regression finds the minimum that a slow, obvious optimiser finds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from router.intent.regression import learn

RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 4, 60)
MATRIX = (RNG.normal(size=(60, 7)) + np.eye(4, 7)[LABELS]).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 1.5, 60)


def slowly(strength: float) -> NDArray[np.float64]:
    """Coefficients by the formula itself."""

    def loss(flat: NDArray[np.float64]) -> float:
        scores = MATRIX @ flat.reshape(7, 4)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return float(flat @ flat / 2 - strength * (WEIGHTS @ logs[np.arange(60), LABELS]))

    return np.asarray(minimize(loss, np.zeros(28), tol=1e-9).x.reshape(7, 4))


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_it_finds_the_minimum(strength: float) -> None:
    expected = slowly(strength)
    for matrix in (MATRIX, csr_matrix(MATRIX)):
        found = learn(matrix, LABELS, WEIGHTS, 4, strength, precision=1e-3)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 0.01 * np.abs(expected).max()


def test_a_class_without_a_text_is_never_likely() -> None:
    found = learn(np.eye(2, dtype=np.float32), np.array([0, 1]), np.ones(2), 3, 10.0)
    assert (found[:, 2] < 0).all()


def test_it_ends_also_where_nothing_can_be_told_apart() -> None:
    same = np.ones((6, 1), dtype=np.float32)
    found = learn(same, np.array([0, 1] * 3), np.ones(6), 2, 100.0)
    assert found == pytest.approx(np.zeros((1, 2)), abs=1e-4)
