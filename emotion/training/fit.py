"""Fits: standardisation, one small committee of networks per target, and the scale that makes honest
probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.functionals import FEATURES
from emotion.training.table import Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TARGETS = ("arousal", "valence", "anger")
LIMIT_SD = 4.0


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Size and effort of the fit: hidden units of each network, networks per target, weight decay, passes, seed."""

    hidden: int = 24
    committee: int = 5
    decay: float = 3.0
    passes: int = 12
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Scaler:
    """Standardisation with training statistics: (x - mean) / deviation, kept within +-LIMIT_SD."""

    mean: Floats
    deviation: Floats

    def distances(self, features: Floats) -> Floats:
        """Standardised features before the limit, shape as given."""
        return (features - self.mean) / self.deviation

    def __call__(self, features: Floats) -> Floats:
        return np.clip(self.distances(features), -LIMIT_SD, LIMIT_SD)


@dataclass(frozen=True, slots=True)
class Committee:
    """Networks for one target: their hidden layers side by side, their logits averaged.

    hidden_w (features, units), hidden_b (units,), out_w (units,), out_b scalar; units = hidden * committee.
    """

    hidden_w: Floats
    hidden_b: Floats
    out_w: Floats
    out_b: float

    def logits(self, standardised: Floats) -> Floats:
        """Mean logit of the networks, shape (n,)."""
        result: Floats = np.maximum(standardised @ self.hidden_w + self.hidden_b, 0.0) @ self.out_w + self.out_b
        return result


@dataclass(frozen=True, slots=True)
class Scale:
    """Platt scaling: probability = sigmoid(slope * logit + shift)."""

    slope: float
    shift: float

    def __call__(self, logits: Floats) -> Floats:
        return sigmoid(self.slope * logits + self.shift)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return result


def balanced_weights(table: Table, rows: Mask, label: Floats) -> Floats:
    """Weights that give every corpus the same say, both classes of it the same, and every clip in a class the same.

    `label` may be 0.5 (half of the row in each class); rows outside `rows` weigh nothing. The mean over
    `rows` is one.
    """
    weights = np.zeros(len(label))
    per_clip = np.bincount(table.clip, weights=rows, minlength=len(table.clips))
    weights[rows] = 1.0 / per_clip[table.clip[rows]]
    corpus = table.corpus()
    for name in np.unique(corpus[rows]):
        here = rows & (corpus == name)
        # Half-positive rows count as a class of their own: they pull both ways and leave the balance alone.
        for value in np.unique(label[here]):
            members = here & (label == value)
            weights[members] /= weights[members].sum()
    result: Floats = weights / weights[rows].mean()
    return result


def fit_scaler(table: Table, rows: Mask) -> Scaler:
    """Mean and deviation over `rows`, every corpus with the same say."""
    weights = np.zeros(len(table.clip))
    corpus = table.corpus()
    for name in np.unique(corpus[rows]):
        here = rows & (corpus == name)
        weights[here] = 1.0 / here.sum()
    used = table.features[rows]
    mean = np.average(used, axis=0, weights=weights[rows])
    variance = np.average((used - mean) ** 2, axis=0, weights=weights[rows])
    return Scaler(mean, np.sqrt(np.maximum(variance, 1e-12)))


def both_classes(label: Floats) -> bool:
    """Whether labels hold both 0 and 1."""
    return bool((label == 0.0).any() and (label == 1.0).any())


def fit_committee(table: Table, rows: Mask, target: str, scaler: Scaler, settings: FitSettings) -> Committee:
    """Fit the networks of one target on the labelled ones of `rows`."""
    from sklearn.neural_network import MLPClassifier

    label = table.label(target)
    rows = rows & np.isfinite(label)
    if not both_classes(label[rows]):
        # Nothing to tell apart: the probability stays one half.
        width = len(FEATURES)
        return Committee(np.zeros((width, 1)), np.zeros(1), np.zeros(1), 0.0)
    weights = balanced_weights(table, rows, label)
    x, y, w = scaler(table.features[rows]), label[rows], weights[rows]
    both = y == 0.5
    # A half-positive row is entered twice, once in each class.
    x = np.concatenate((x, x[both]))
    w = np.concatenate((np.where(both, 0.5 * w, w), 0.5 * w[both]))
    y = np.concatenate((np.where(both, 1.0, y), np.zeros(int(both.sum()))))
    members = []
    for member in range(settings.committee):
        network = MLPClassifier(
            (settings.hidden,),
            alpha=settings.decay,
            batch_size=min(512, len(x)),
            max_iter=settings.passes,
            # A fixed number of passes is the early stop; the optimiser's own criterion is out of reach on
            # purpose.
            n_iter_no_change=settings.passes + 1,
            random_state=settings.seed + member,
        )
        members.append(_fit_quietly(network, x, y, w))
    return Committee(
        hidden_w=np.concatenate([m[0] for m in members], axis=1),
        hidden_b=np.concatenate([m[1] for m in members]),
        out_w=np.concatenate([m[2] for m in members]) / len(members),
        out_b=float(np.mean([m[3] for m in members])),
    )


def _fit_quietly(network: object, x: Floats, y: Floats, w: Floats) -> tuple[Floats, Floats, Floats, float]:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(x, y, sample_weight=w)  # type: ignore[attr-defined]
    (first, second), (bias, last) = network.coefs_, network.intercepts_  # type: ignore[attr-defined]
    return first, bias, second[:, 0], float(last[0])


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


@dataclass(frozen=True, slots=True)
class ToneFit:
    """A whole model: standardisation, a committee and a scale per target, and the distance that halves familiarity."""

    scaler: Scaler
    committees: dict[str, Committee]
    scales: dict[str, Scale]
    half_distance: float


def excess(standardised: Floats) -> Floats:
    """How far a row lies outside what was trained on: mean over features of the part beyond 2.5 deviations, (n,)."""
    result: Floats = np.maximum(np.abs(standardised) - 2.5, 0.0).mean(axis=1)
    return result


def fit_tone(table: Table, corpora: Sequence[str], scales: dict[str, Scale], settings: FitSettings) -> ToneFit:
    """Fit the model that ships on all rows of `corpora`, with scales found on corpora left out."""
    rows = np.isin(table.corpus(), list(corpora))
    scaler = fit_scaler(table, rows)
    far = excess(scaler.distances(table.features[rows]))
    return ToneFit(
        scaler,
        {target: fit_committee(table, rows, target, scaler, settings) for target in TARGETS},
        scales,
        half_distance=float(np.quantile(far, 0.99)),
    )
