"""Factors make held-out texts as likely as they turn out to be."""

from __future__ import annotations

import numpy as np
import pytest

from router.intent.calibration import factors, probabilities

LEADS_TO = np.arange(3)


def drawn(truly: float, texts: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Scores of texts, and labels drawn as the scores times `truly` say."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(texts, 3)) * 2
    likely = probabilities(scores * truly)
    labels = (likely.cumsum(axis=1) < rng.random((texts, 1))).sum(axis=1)
    return scores, labels


def test_too_sure_and_too_timid_scores_are_mended() -> None:
    for truly in (0.3, 2.0):
        scores, labels = drawn(truly)
        found = factors(scores[None], labels, np.full(len(labels), 2), LEADS_TO)
        assert found[:, 0] == pytest.approx(truly, rel=0.1)


def test_each_bucket_has_its_own() -> None:
    (low, of_low), (high, of_high) = drawn(0.3), drawn(2.0)
    scores, labels = np.vstack([low, high]), np.concatenate([of_low, of_high])
    found = factors(scores[None], labels, np.repeat([0, 3], len(low)), LEADS_TO)
    assert found[0, 0] == pytest.approx(0.3, rel=0.15)
    assert found[3, 0] == pytest.approx(2.0, rel=0.15)


def test_a_reading_that_knows_nothing_counts_for_nothing() -> None:
    scores, labels = drawn(1.0)
    noise = np.random.default_rng(2).normal(size=scores.shape)
    found = factors(np.stack([scores, noise]), labels, np.zeros(len(labels), int), LEADS_TO)
    assert found[0, 0] == pytest.approx(1.0, rel=0.1)
    assert found[0, 1] < 0.1


def test_without_a_held_out_text_factors_are_the_usual_ones() -> None:
    empty = np.zeros(0, int)
    alone, both = (factors(np.zeros((readings, 0, 3)), empty, empty, LEADS_TO) for readings in (1, 2))
    assert (alone[:, 0] > both[:, 0]).all()
    assert (both > 0).all()


def test_a_few_texts_move_factors_less_than_many() -> None:
    scores, labels = drawn(8.0)
    few, many = (
        factors(scores[None, :texts], labels[:texts], np.zeros(texts, int), LEADS_TO)[0, 0] for texts in (12, 4000)
    )
    usual = factors(np.zeros((1, 0, 3)), np.zeros(0, int), np.zeros(0, int), LEADS_TO)[0, 0]
    assert usual < few < many
