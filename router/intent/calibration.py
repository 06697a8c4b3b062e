"""How sure scores really are: one factor for each reading and each bucket of word counts, learnt on held-out texts.

Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks"), of destinations, because they
are decided on. Where there are two readings of a text their factors are learnt together, which is how much each
is trusted against the other: their fusion by log-probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.intent.lexical import BUCKETS

_PRIOR_STRENGTH = 30.0
"""Held-out texts that a bucket needs before its own factors count as much as the common ones."""

_USUAL = {1: (1.8,), 2: (0.9, 0.8)}
"""Factors that public sets' training parts ask for, by how many readings there are: where one stands beside another,
each is trusted less than alone."""
_PULL = 10.0
"""As many held-out texts the usual factors count: a few texts tell little of one factor, less of two."""


def factors(
    scores: NDArray[np.float64],
    labels: NDArray[np.intp],
    buckets: NDArray[np.intp],
    leads_to: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Factors of the scores that make the destinations of held-out texts likeliest, (buckets, readings).

    Parameters
    ----------
    scores : of every reading, before calibration, (readings, texts, classes).
    labels, buckets : class of each text, and bucket of its word count, (texts,).
    leads_to : destination of each class, numbered from 0, (classes,).
    """
    readings, texts, _ = scores.shape
    if not texts:
        return np.tile(_USUAL[readings], (len(BUCKETS) + 1, 1))
    same = (leads_to[labels][:, None] == leads_to[None, :]).astype(float)
    common = _likeliest(scores, same, np.full(texts, 1 / texts), _PULL / texts)
    found = np.empty((len(BUCKETS) + 1, readings))
    for bucket in range(len(found)):
        inside = buckets == bucket
        counts = inside / (inside.sum() + _PRIOR_STRENGTH) + _PRIOR_STRENGTH / texts / (inside.sum() + _PRIOR_STRENGTH)
        pull = _PULL / (inside.sum() + _PRIOR_STRENGTH)
        found[bucket] = _likeliest(scores, same, counts, pull) if inside.any() else common
    return found


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of calibrated scores: each row sums to 1."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    total: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return total


def _likeliest(
    scores: NDArray[np.float64], same: NDArray[np.float64], counts: NDArray[np.float64], pull: float
) -> NDArray[np.float64]:
    """Factors with the least mean loss, each text counted as `counts` says; `pull`, nats, holds them to the usual."""
    from scipy.optimize import minimize

    usual = np.array(_USUAL[len(scores)])

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale = np.exp(logs)
        found = probabilities(np.tensordot(scale, scores, axes=1))
        right = same * found
        share = np.maximum(right.sum(axis=1), 1e-9)
        excess = (found - right / share[:, None]) * counts[:, None]
        slopes = np.array([float(np.vdot(excess, reading)) for reading in scores])
        away = scale / usual - 1
        lost = float(-(counts @ np.log(share))) + pull * float(away @ away)
        return lost, slopes * scale + 2 * pull * away * scale / usual

    found = minimize(loss, np.log(usual), jac=True, method="L-BFGS-B", options={"maxiter": 40})
    return np.asarray(np.exp(found.x), dtype=np.float64)
