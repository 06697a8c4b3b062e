"""The regression finds the minimum that a slow, obvious optimiser finds, and shares what it was told to share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from router.intent.regression import Penalty, learn, numbered

LEADS_TO = np.array([0, 0, 1, 1])
RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 4, 60)
MATRIX = (RNG.normal(size=(60, 7)) + np.eye(4, 7)[LABELS]).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 1.5, 60)


def slowly(penalty: Penalty) -> NDArray[np.float64]:
    """Coefficients by the formula itself, their penalty by the inverse of their covariance."""
    together = LEADS_TO[:, None] == LEADS_TO[None, :]
    precision = np.linalg.inv((1 - penalty.shared) * np.eye(4) + penalty.shared * together)

    def loss(flat: NDArray[np.float64]) -> float:
        coefficients = flat.reshape(7, 4)
        scores = MATRIX @ coefficients
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        rows = np.arange(60)
        of_labels = logs[rows, LABELS]
        of_destinations = np.log((np.exp(logs) * together[LABELS]).sum(axis=1))
        gained = (1 - penalty.destinations) * of_labels + penalty.destinations * of_destinations
        size = np.einsum("ij,jk,ik->", coefficients, precision, coefficients)
        return float(size / 2 - penalty.strength * (WEIGHTS @ gained))

    return np.asarray(minimize(loss, np.zeros(28), tol=1e-9).x.reshape(7, 4))


@pytest.mark.parametrize(
    "penalty", [Penalty(0.5, 0.0, 0.0), Penalty(5.0, 0.0, 0.0), Penalty(0.5, 0.6, 0.0), Penalty(0.5, 0.3, 0.5)]
)
def test_it_finds_the_minimum(penalty: Penalty) -> None:
    expected = slowly(penalty)
    for matrix in (MATRIX, csr_matrix(MATRIX)):
        found = learn(matrix, LABELS, WEIGHTS, LEADS_TO, penalty)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


def test_classes_of_one_destination_learn_from_one_another() -> None:
    """A third class without a single text is told apart from the others by what its neighbour learnt."""
    matrix = np.eye(2, dtype=np.float32)
    labels = np.array([0, 1])
    found = learn(matrix, labels, np.ones(2), np.array([0, 1, 0]), Penalty(10.0, 0.5, 0.0))
    alone = learn(matrix, labels, np.ones(2), np.array([0, 1, 0]), Penalty(10.0, 0.0, 0.0))
    assert found[0, 2] > found[1, 2] + 0.1
    assert alone[0, 2] == pytest.approx(alone[1, 2], abs=1e-3)


def test_destinations_are_numbered_from_none() -> None:
    assert numbered(["sales", "complaints", "sales"]).tolist() == [1, 0, 1]
