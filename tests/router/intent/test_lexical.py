"""Inference by hand gives what scikit-learn would give."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from router.intent import lexical
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


SAID = [
    "i want i want to buy it",
    "zzz my phone",
    "q",
    "zzz zzz",
    "how how how are you you",
    "pay my bill",
    "a new plan",
]


def plain(model: LexicalModel, words: list[str]) -> NDArray[np.float64]:
    """Scores as the formula has them, of all pieces at once."""
    found = model.intercept.astype(np.float64)
    of_words = Counter(model.word_rows[piece] for piece in word_pieces(words) if piece in model.word_rows)
    letters = (piece for word in words for piece in letter_pieces(word))
    of_letters = Counter(model.letter_rows[piece] for piece in letters if piece in model.letter_rows)
    for counts in filter(None, (of_words, of_letters)):
        length = sum(count**2 * float(model.idf_squared[row]) for row, count in counts.items()) ** 0.5
        found += sum(count * model.weights[row] / length for row, count in counts.items())
    return found + sum(count * model.odds[row] / len(words) ** 0.5 for row, count in of_words.items())


def learnt() -> LexicalModel:
    said = [["pay my bill", "i want to pay now", "how are you"], ["buy a phone", "a new plan", "i want to buy it now"]]
    return fit_language(["pay", "buy"], ["x", "y"], said, seed=0).lexical


@pytest.mark.parametrize("said", SAID)
def test_a_text_that_grows_is_read_as_each_beginning_by_itself(said: str) -> None:
    model, words = learnt(), said.split()
    for _ in range(2):
        found = model.growing(words)
        assert found.dtype == np.float32
        for count in range(1, len(words) + 1):
            assert found[count - 1] == pytest.approx(plain(model, words[:count]), abs=1e-5)


def test_what_was_read_before_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partials that add words, take some back, start anew; with so little kept that all of it is thrown away often."""
    alone, model = {}, learnt()
    texts = [tuple(said.split()[:count]) for said in SAID for count in range(1, len(said.split()) + 1)]
    texts.append(tuple(("pay now " * 30).split()))
    for text in texts:
        alone[text] = replace(model, _adds={}, _read={}).logits(text).tobytes()
    rng = np.random.default_rng(1)
    for words, kept, longest in ((9_000, 256, 40), (3, 256, 40), (9_000, 2, 40), (9_000, 256, 3)):
        monkeypatch.setattr(lexical, "_KEPT_WORDS", words)
        monkeypatch.setattr(lexical, "_KEPT_TEXTS", kept)
        monkeypatch.setattr(lexical, "_LONGEST_KEPT", longest)
        model = replace(model, _adds={}, _read={})
        for at in [*range(len(texts)), *rng.integers(len(texts), size=300).tolist()]:
            assert model.logits(texts[at]).tobytes() == alone[texts[at]]
            assert len(model._read) <= kept
            assert len(model._adds) <= words
            assert all(len(text) <= longest for text in model._read)


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
