"""Learns the model of one language from an operator's examples.

A recogniser mishears and a decision may come before the caller has finished, so each example is learnt also
misheard and cut short. Calibration is measured on folds that were held out, never on what was learnt.
Everything is seeded: the same examples give the same model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from router.intent.features import letter_pieces, word_pieces
from router.intent.lexical import BUCKETS, LexicalModel, bucket_of

REGULARISATION_C = 1.0
FOLDS = 3
CUTS = (2, 3, 5, 8)
CUT_WEIGHT = 0.5
MISHEARD_WEIGHT = 0.5
MISHEARD_RATE = 0.2
_TEMPERATURES = np.geomspace(0.1, 4.0, 61)
_PRIOR_STRENGTH = 30.0
"""Held-out texts that a bucket needs before its own temperature counts as much as the common one."""


@dataclass(frozen=True, slots=True)
class Text:
    """One normalised text to learn from: its words, its class, how much it counts, its example's number."""

    words: tuple[str, ...]
    label: int
    weight: float
    example: int


def fit_language(
    intents: Sequence[str], destinations: Sequence[str], examples: Sequence[Sequence[str]], seed: int
) -> LexicalModel:
    """A calibrated model.

    Parameters
    ----------
    intents : names of the classes, at least two.
    destinations : the destination of each class; calibration is of destinations, because they are decided on.
    examples : normalised texts of each class, none empty.
    seed : of all that is random.
    """
    rng = np.random.default_rng(seed)
    texts = _texts(examples, rng)
    fold = _folds(examples, rng)
    held_out: list[tuple[NDArray[np.float64], Text]] = []
    for k in range(FOLDS):
        learnt = [text for text in texts if fold[text.example] != k]
        if len({text.label for text in learnt}) < 2:
            continue
        model = _fit(intents, learnt)
        held_out += [(model.logits(list(t.words)).astype(np.float64), t) for t in texts if fold[t.example] == k]
    model = _fit(intents, texts)
    model.temperatures[:] = _calibrate(held_out, list(destinations))
    return model


def _texts(examples: Sequence[Sequence[str]], rng: np.random.Generator) -> list[Text]:
    split = [[tuple(example.split()) for example in group] for group in examples]
    vocabulary = sorted({word for group in split for words in group for word in words})
    texts: list[Text] = []
    number = 0
    for label, group in enumerate(split):
        for words in group:
            texts.append(Text(words, label, 1.0, number))
            texts.append(Text(_mishear(words, vocabulary, rng), label, MISHEARD_WEIGHT, number))
            cuts = [cut for cut in CUTS if cut < len(words)]
            for cut in rng.permutation(cuts)[:2]:
                texts.append(Text(_mishear(words[:cut], vocabulary, rng), label, CUT_WEIGHT, number))
            number += 1
    return texts


def _mishear(words: tuple[str, ...], vocabulary: list[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Words as a recogniser might have got them: some lost, some taken for others, some put in."""
    heard: list[str] = []
    for word, chance in zip(words, rng.random(len(words)), strict=True):
        if chance < MISHEARD_RATE * 0.3:
            continue
        heard.append(vocabulary[rng.integers(len(vocabulary))] if chance < MISHEARD_RATE * 0.8 else word)
        if chance > 1 - MISHEARD_RATE * 0.2:
            heard.append(vocabulary[rng.integers(len(vocabulary))])
    return tuple(heard) or words


def _folds(examples: Sequence[Sequence[str]], rng: np.random.Generator) -> NDArray[np.intp]:
    """Fold of each example; every class is spread evenly."""
    return np.concatenate([rng.permutation(len(group)) % FOLDS for group in examples])


def _fit(intents: Sequence[str], texts: Sequence[Text]) -> LexicalModel:
    """An uncalibrated model. Folds are fitted just as the whole is, lest they be less sure of everything."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    word_rows, word_idf = _vocabulary([word_pieces(list(text.words)) for text in texts], 0)
    letters = [[piece for word in text.words for piece in letter_pieces(word)] for text in texts]
    letter_rows, letter_idf = _vocabulary(letters, len(word_rows))
    idf = np.concatenate([word_idf, letter_idf])
    matrix = _matrix(texts, letters, word_rows, letter_rows, idf)
    labels = np.array([text.label for text in texts])
    regression = LogisticRegression(C=REGULARISATION_C, max_iter=100, tol=1e-3)
    with threadpool_limits(limits=1):  # more threads cost more than they bring at this size, and calls are running
        regression.fit(matrix, labels, sample_weight=_weights(texts))
    coefficients, intercept = _columns(regression, len(intents))
    return LexicalModel(
        intents=tuple(intents),
        word_rows=word_rows,
        letter_rows=letter_rows,
        weights=np.ascontiguousarray((coefficients * idf).T, dtype=np.float32),
        idf_squared=(idf * idf).astype(np.float32),
        intercept=intercept.astype(np.float32),
        temperatures=np.ones(len(BUCKETS) + 1, dtype=np.float32),
    )


def _weights(texts: Sequence[Text]) -> NDArray[np.float64]:
    """How much each text counts, (texts,): a class with four times the examples counts only twice as much.

    Otherwise `other`, of which there are many examples because it is so wide, would swallow whatever is unclear.
    """
    weights = np.array([text.weight for text in texts])
    totals = np.bincount([text.label for text in texts], weights)
    balance = np.sqrt(np.median(totals[totals > 0]) / np.maximum(totals, 1e-9))
    return weights * balance[[text.label for text in texts]]


def _columns(regression: object, classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (classes, rows) and intercepts (classes,), also of two or where a fold lacks one."""
    seen = np.asarray(regression.classes_)  # type: ignore[attr-defined]
    coefficients = np.asarray(regression.coef_)  # type: ignore[attr-defined]
    intercepts = np.asarray(regression.intercept_)  # type: ignore[attr-defined]
    if len(seen) == 2:
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        intercepts = np.concatenate([-intercepts / 2, intercepts / 2])
    all_coefficients = np.zeros((classes, coefficients.shape[1]))
    all_intercepts = np.full(classes, intercepts.min() - 5.0)
    all_coefficients[seen], all_intercepts[seen] = coefficients, intercepts
    return all_coefficients, all_intercepts


def _vocabulary(documents: Sequence[Sequence[str]], first_row: int) -> tuple[dict[str, int], NDArray[np.float64]]:
    """Rows of the pieces, in alphabetical order, and their smoothed idf."""
    counts = Counter(piece for document in documents for piece in set(document))
    pieces = sorted(counts)
    idf = np.log((1 + len(documents)) / (1 + np.array([counts[piece] for piece in pieces], dtype=float))) + 1
    return {piece: first_row + i for i, piece in enumerate(pieces)}, idf


def _matrix(
    texts: Sequence[Text],
    letters: Sequence[Sequence[str]],
    word_rows: dict[str, int],
    letter_rows: dict[str, int],
    idf: NDArray[np.float64],
) -> csr_matrix:
    """tf-idf of the texts, (texts, pieces); words and letters are each of unit length."""
    data: list[NDArray[np.float64]] = []
    columns: list[NDArray[np.intp]] = []
    ends = [0]
    for text, text_letters in zip(texts, letters, strict=True):
        end = ends[-1]
        for rows, pieces in ((word_rows, word_pieces(list(text.words))), (letter_rows, text_letters)):
            counts = Counter(rows[piece] for piece in pieces)
            index = np.array(sorted(counts), dtype=np.intp)
            weighted = np.array([counts[i] for i in index], dtype=float) * idf[index]
            columns.append(index)
            data.append(weighted / np.sqrt(weighted @ weighted))
            end += len(index)
        ends.append(end)
    values = np.concatenate(data).astype(np.float32)
    return csr_matrix((values, np.concatenate(columns), np.array(ends)), shape=(len(texts), len(idf)))


def _calibrate(held_out: Sequence[tuple[NDArray[np.float64], Text]], destinations: list[str]) -> NDArray[np.float64]:
    """Temperature of each bucket that makes the destinations of held-out texts likeliest."""
    temperatures = np.ones(len(BUCKETS) + 1)
    if not held_out:
        return temperatures
    names = sorted(set(destinations))
    sums = np.array([[destination == name for name in names] for destination in destinations], dtype=float)
    truth = np.array([names.index(destinations[text.label]) for _, text in held_out])
    buckets = np.array([bucket_of(len(text.words)) for _, text in held_out])
    logits = np.stack([scores for scores, _ in held_out])
    losses = np.empty((len(_TEMPERATURES), len(held_out)))
    for i, temperature in enumerate(_TEMPERATURES):
        scaled = logits / temperature
        raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        by_destination = (raised / raised.sum(axis=1, keepdims=True)) @ sums
        losses[i] = -np.log(np.maximum(by_destination[np.arange(len(truth)), truth], 1e-9))
    overall = losses.mean(axis=1)
    for bucket in range(len(temperatures)):
        inside = losses[:, buckets == bucket]
        shrunk = inside.sum(axis=1) + _PRIOR_STRENGTH * overall
        temperatures[bucket] = _TEMPERATURES[int(np.argmin(shrunk))]
    return temperatures
