"""Which intent a text expresses, by its words and letters: the model of one language, and its inference.

Multinomial logistic regression over tf-idf, and a share of naive Bayes over words. One prediction is a few dictionary
look-ups per letter and one sum of rows: some 0.1 ms, cheap enough for every partial. Probabilities are calibrated by
how many words were heard (Guo et al. 2017, "On calibration of modern neural networks": one temperature, here one for
each bucket of word counts).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.intent.features import letter_pieces, word_pieces

BUCKETS = (2, 4, 7)
"""Last word count of each bucket but the open one: 1-2, 3-4, 5-7, 8 or more words."""

_MEMO_WORDS = 20_000


def bucket_of(words: int) -> int:
    """Bucket of a word count, 0 to 3."""
    return sum(words > last for last in BUCKETS)


@dataclass(frozen=True, slots=True, eq=False)
class LexicalModel:
    """A fitted model of one language.

    Attributes
    ----------
    intents : names of the classes, in the order of the columns.
    word_rows, letter_rows : piece -> row.
    weights : float32 (rows, classes), coefficients already times idf.
    idf_squared : float32 (rows,).
    odds : float32 (word rows, classes), the share of naive Bayes (`bayes`).
    intercept : float32 (classes,).
    temperatures : float32 (4,), one for each bucket of word counts; above 1 it makes less sure.
    """

    intents: tuple[str, ...]
    word_rows: dict[str, int] = field(repr=False)
    letter_rows: dict[str, int] = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    idf_squared: NDArray[np.float32] = field(repr=False)
    odds: NDArray[np.float32] = field(repr=False)
    intercept: NDArray[np.float32] = field(repr=False)
    temperatures: NDArray[np.float32]
    _memo: dict[str, list[int]] = field(default_factory=dict, repr=False)

    def logits(self, words: list[str]) -> NDArray[np.float32]:
        """Scores of the classes float32 (classes,), before calibration."""
        word_rows = [row for row in map(self.word_rows.get, word_pieces(words)) if row is not None]
        letter_rows: list[int] = []
        for word in words:
            letter_rows += self._letters(word)
        return self.intercept + self._block(word_rows) + self._block(letter_rows) + self._odds(word_rows, len(words))

    def scores(self, words: list[str]) -> NDArray[np.float64]:
        """Calibrated scores, float64 (classes,): log-probabilities but for a constant; of at least one word."""
        scores: NDArray[np.float64] = self.logits(words).astype(np.float64)
        return scores / float(self.temperatures[bucket_of(len(words))])

    def _letters(self, word: str) -> list[int]:
        rows = self._memo.get(word)
        if rows is None:
            rows = [row for row in map(self.letter_rows.get, letter_pieces(word)) if row is not None]
            if len(self._memo) >= _MEMO_WORDS:
                self._memo.clear()
            self._memo[word] = rows
        return rows

    def _odds(self, rows: list[int], words: int) -> NDArray[np.float32] | np.float32:
        """Share of naive Bayes: less than the sum of all words, which are not independent."""
        if not rows:
            return np.float32(0)
        share: NDArray[np.float32] = self.odds[rows].sum(axis=0) / np.float32(math.sqrt(words))
        return share

    def _block(self, rows: list[int]) -> NDArray[np.float32] | np.float32:
        """Share of one kind of piece, scaled to unit length."""
        if not rows:
            return np.float32(0)
        counts = Counter(rows)
        index = np.fromiter(counts.keys(), np.intp, len(counts))
        count = np.fromiter(counts.values(), np.float32, len(counts))
        squared = np.float32(np.dot(count * count, self.idf_squared[index]))
        share: NDArray[np.float32] = (count @ self.weights[index]) / np.sqrt(squared)
        return share
