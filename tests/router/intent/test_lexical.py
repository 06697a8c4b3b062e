"""Inference by hand gives what scikit-learn would give."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from router.intent.copies import copies
from router.intent.features import letter_pieces, word_pieces
from router.intent.fitting import fit_language
from router.intent.lexical import LexicalModel, bucket_of
from router.intent.tfidf import Pieces

TEXTS = ["pay my bill", "a", "i want to pay # now", "رصيدي كم", "unsubscribe", "pay pay pay"]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_are_those_of_the_library(text: str) -> None:
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+").build_analyzer()(text)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)).build_analyzer()(text)
    assert sorted(word_pieces(text.split())) == sorted(words)
    assert sorted(piece for word in text.split() for piece in letter_pieces(word)) == sorted(letters)


def test_scores_are_those_of_the_formula() -> None:
    """Weights, idf and odds given by hand: the intercept, each block's unit vector times its weights, and odds."""
    model = LexicalModel(
        intents=("a", "b"),
        word_rows={"pay": 0, "pay pay": 1},
        letter_rows={"pay": 2},
        weights=np.array([[2 * 3, 0], [1 * 5, 0], [0, 4 * 7]], dtype=np.float32),  # idf times coefficient
        idf_squared=np.array([4, 1, 16], dtype=np.float32),
        odds=np.array([[0.5, 0], [0, 0.25]], dtype=np.float32),
        intercept=np.array([0.5, -0.5], dtype=np.float32),
        temperatures=np.array([2, 1, 1, 1], dtype=np.float32),
    )
    # Words: "pay" twice (idf 2), "pay pay" once (idf 1): (4, 1) / sqrt(17). Letters: "pay" twice (idf 4): 1.
    words = np.array([4.0, 1.0]) / np.sqrt(17)
    odds = np.array([2 * 0.5, 0.25]) / np.sqrt(2)
    expected = np.array([0.5 + words @ [3, 5], -0.5 + 7]) + odds
    assert model.logits(["pay", "pay"]) == pytest.approx(expected, rel=1e-6)
    assert model.scores(["pay", "pay"]) == pytest.approx(expected / 2, rel=1e-6)


def test_words_never_met_leave_the_intercept() -> None:
    model = fit_language(["a", "b"], ["x", "y"], [["pay my bill"] * 3, ["buy a phone"] * 3], seed=0).lexical
    assert model.logits(["zzz"]) == pytest.approx(model.intercept)


def test_buckets() -> None:
    assert [bucket_of(n) for n in (1, 2, 3, 4, 5, 7, 8, 99)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_inference_by_hand_is_what_was_learnt() -> None:
    """Scores that the fitted coefficients give the whole matrix, and those that inference gives each text."""
    said = [["pay my bill", "i want to pay now", "settle an invoice"], ["buy a phone", "a new plan", "order it now"]]
    texts = copies(said, np.random.default_rng(0))
    fitted = fit_language(["pay", "buy"], ["x", "y"], said, seed=0).lexical
    pieces = Pieces.of(texts)
    idf = pieces.idf(np.arange(len(texts)))
    coefficients = np.vstack([fitted.weights / idf[:, None], fitted.intercept])
    lengths = np.sqrt([len(text.words) for text in texts])
    odds = pieces.words[:, : len(fitted.odds)] @ fitted.odds / lengths[:, None]
    expected = pieces.tfidf(idf) @ coefficients + odds
    for text, scores in zip(texts, expected, strict=True):
        assert fitted.logits(list(text.words)) == pytest.approx(scores, abs=1e-5)
