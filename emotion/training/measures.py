"""Measures of scores and probabilities: each one function of arrays with one entry a recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotion.training.calibrate import restated

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRAWS = 200


def auc(score: Floats, positive: Mask, weights: Floats | None = None) -> float:
    """Area under the ROC curve, ties counted half; NaN where a class is missing."""
    w = np.ones(len(score)) if weights is None else weights
    order = np.argsort(score, kind="stable")
    s, p, w = score[order], positive[order], w[order]
    _, group = np.unique(s, return_inverse=True)
    pos = np.bincount(group, weights=np.where(p, w, 0.0))
    neg = np.bincount(group, weights=np.where(p, 0.0, w))
    if pos.sum() <= 0.0 or neg.sum() <= 0.0:
        return float("nan")
    below = np.cumsum(neg) - neg
    return float(np.sum(pos * (below + 0.5 * neg)) / (pos.sum() * neg.sum()))


def auc_interval(
    scores: Floats | Sequence[Floats], positive: Mask, speaker: NDArray[np.str_], seed: int
) -> tuple[float, float]:
    """95 % interval of the AUC of a score, or of the mean AUC of several, by drawing speakers with replacement."""
    several = np.atleast_2d(scores)
    rng = np.random.default_rng(seed)
    names, number = np.unique(speaker, return_inverse=True)
    found = []
    for _ in range(DRAWS):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        value = float(np.mean([auc(score, positive, times[number].astype(np.float64)) for score in several]))
        if np.isfinite(value):
            found.append(value)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def class_weights(positive: Mask, share: float) -> Floats:
    """Weights of sum one that make positives `share` of all."""
    weights = np.where(positive, share / max(positive.sum(), 1), (1.0 - share) / max((~positive).sum(), 1))
    result: Floats = weights / weights.sum()
    return result


def calibration_error(probability: Floats, label: Floats, weights: Floats) -> float:
    """Expected calibration error over ten equal bins, weighted."""
    place = np.minimum((probability * 10).astype(int), 9)
    error = 0.0
    for b in range(10):
        here = place == b
        total = weights[here].sum()
        if total > 0.0:
            error += abs(np.sum(weights[here] * (probability[here] - label[here])))
    return float(error / weights.sum())


def calibration_error_at(probability: Floats, positive: Mask, prior: float) -> float:
    """The same of probabilities that assume a prior of one half, restated for another, with classes weighted so."""
    return calibration_error(
        restated(probability, 0.5, prior), positive.astype(np.float64), class_weights(positive, prior)
    )


def log_loss_gain(probability: Floats, positive: Mask, prior: float) -> float:
    """Share of the log loss of always saying `prior` that the restated probabilities save; below 0 they cost."""
    p, w = np.clip(restated(probability, 0.5, prior), 1e-9, 1.0 - 1e-9), class_weights(positive, prior)
    loss = -float(np.sum(w * np.where(positive, np.log(p), np.log1p(-p))))
    return 1.0 - loss / -(prior * float(np.log(prior)) + (1.0 - prior) * float(np.log1p(-prior)))


def recall_at_false_alarms(score: Floats, positive: Mask, share: float) -> float:
    """Share of positives above the threshold that alarms `share` of the negatives."""
    return float(np.mean(score[positive] > np.quantile(score[~positive], 1.0 - share)))


def best_threshold(score: Floats, positive: Mask, weights: Floats) -> float:
    """Threshold with the least weighted errors, of a hundred quantiles of the score."""
    tried = np.quantile(score, np.linspace(0.01, 0.99, 99))
    return float(tried[int(np.argmin([np.sum(weights * ((score > t) != positive)) for t in tried]))])


def errors_left(score: Floats, positive: Mask, limit: float, silent: float) -> float:
    """Share of the balanced errors at a threshold that is left where the `silent` nearest to it are not judged."""
    wrong = class_weights(positive, 0.5) * ((score > limit) != positive)
    sure = np.abs(score - limit)
    return float(wrong[sure > np.quantile(sure, silent)].sum() / wrong.sum()) if wrong.sum() > 0.0 else 1.0


def unweighted_average_recall(said: NDArray[np.str_], true: NDArray[np.str_]) -> float:
    """Mean over categories of the share of their recordings that is called so."""
    return float(np.mean([np.mean(said[true == name] == name) for name in np.unique(true)]))
