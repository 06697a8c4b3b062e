"""From logits to honest probabilities, by Platt scaling ("Probabilistic outputs for support vector machines", 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """Probability = sigmoid(slope * logit + shift)."""

    slope: float
    shift: float

    def __call__(self, logits: Floats) -> Floats:
        return sigmoid(self.slope * logits + self.shift)


ANGRY_CALLS = 0.03
"""Share of angry calls at which thresholds, precision and calibration are stated."""
UNKNOWN = Scale(0.0, 0.0)
"""What is said where nothing could be learnt: one half."""


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return result


def log_odds(probability: Floats | float) -> Floats:
    """log(p / (1 - p)) of probabilities in (0, 1)."""
    p = np.asarray(probability, dtype=np.float64)
    result: Floats = np.log(p) - np.log1p(-p)
    return result


def restated(probability: Floats, prior: float, wanted: float) -> Floats:
    """Probabilities that assume `prior`, for another share of positives."""
    kept = np.clip(probability, 1e-9, 1.0 - 1e-9)
    return sigmoid(log_odds(kept) + log_odds(wanted) - log_odds(prior))


def both_classes(label: Floats) -> bool:
    """Whether labels hold both 0 and 1."""
    return bool((label == 0.0).any() and (label == 1.0).any())


def fit_scale(logits: Floats, label: Floats, weights: Floats) -> Scale:
    """Platt scaling by Newton's method on the weighted log loss (weights may be zero; labels 0, 0.5 or 1)."""
    design = np.stack((logits, np.ones_like(logits)), axis=1)
    weights = weights / weights.sum()

    def loss(theta: Floats) -> float:
        z = design @ theta
        return float(np.sum(weights * (np.logaddexp(0.0, z) - label * z)))

    theta = np.array([1.0, 0.0])
    for _ in range(100):
        p = sigmoid(design @ theta)
        gradient = design.T @ (weights * (p - label))
        curvature = (design * (weights * p * (1.0 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        # A full Newton step may overshoot from far away: halve it until the loss falls.
        while loss(theta - step) > loss(theta) and np.abs(step).max() > 1e-9:
            step = 0.5 * step
        theta = theta - step
        if np.abs(step).max() < 1e-8:
            break
    return Scale(float(theta[0]), float(theta[1]))
