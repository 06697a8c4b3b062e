"""The pieces of many texts, counted once and weighed by tf-idf as often as a model is learnt from some of them.

The same weights that scikit-learn's TfidfVectorizer gives, of words and of letters each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array

from router.intent.features import letter_pieces, word_pieces


class Words(Protocol):
    """A text that is a sequence of words."""

    @property
    def words(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Pieces:
    """How often every piece occurs in texts.

    Attributes
    ----------
    word_rows, letter_rows : number of each piece; those of letters follow those of words.
    words, letters : float32 (texts, pieces), counts of either kind, zero in the columns of the other.
    """

    word_rows: dict[str, int]
    letter_rows: dict[str, int]
    words: csr_matrix
    letters: csr_matrix

    @classmethod
    def of(cls, texts: Sequence[Words]) -> Pieces:
        """Count the pieces of texts, none of them empty."""
        by_word = {word: letter_pieces(word) for text in texts for word in text.words}
        of_words = [word_pieces(list(text.words)) for text in texts]
        word_rows = _numbered((piece for pieces in of_words for piece in pieces), 0)
        letter_rows = _numbered((piece for pieces in by_word.values() for piece in pieces), len(word_rows))
        rows_of = {word: [letter_rows[piece] for piece in pieces] for word, pieces in by_word.items()}
        total = len(word_rows) + len(letter_rows)
        return cls(
            word_rows,
            letter_rows,
            _counted([[word_rows[piece] for piece in pieces] for pieces in of_words], total),
            _counted([[row for word in text.words for row in rows_of[word]] for text in texts], total),
        )

    def idf(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Smoothed inverse document frequency of each piece in these texts, 0 of those that occur in none."""
        counts = np.zeros(len(self.word_rows) + len(self.letter_rows))
        for part in (self.words, self.letters):
            counts += np.bincount(part[rows].indices, minlength=len(counts))
        return np.where(counts > 0, np.log((1 + len(rows)) / (1 + counts)) + 1, 0.0)

    def tfidf(self, idf: NDArray[np.float64]) -> csr_matrix:
        """All texts, float32 (texts, pieces + 1): words and letters each of unit length, and a constant."""
        parts = [csr_matrix(part @ diags_array(idf.astype(np.float32))) for part in (self.words, self.letters)]
        scaled = [diags_array(1 / np.maximum(_lengths(part), np.float32(1e-9))) @ part for part in parts]
        joined = csr_matrix(scaled[0] + scaled[1])
        joined.eliminate_zeros()
        texts, pieces = joined.shape
        ends = joined.indptr + np.arange(texts + 1)
        data, columns = np.ones(ends[-1], np.float32), np.full(ends[-1], pieces)
        kept = np.ones(ends[-1], np.bool_)
        kept[ends[1:] - 1] = False
        data[kept], columns[kept] = joined.data, joined.indices
        return csr_matrix((data, columns, ends), shape=(texts, pieces + 1))


def _numbered(pieces: Iterable[str], first: int) -> dict[str, int]:
    return {piece: first + i for i, piece in enumerate(sorted(set(pieces)))}


def _counted(rows: Sequence[Sequence[int]], total: int) -> csr_matrix:
    """How often each number occurs in each list, float32 (lists, total)."""
    ends = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    columns = np.fromiter(itertools.chain.from_iterable(rows), np.int32, int(ends[-1]))
    counts = csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(rows), total))
    counts.sum_duplicates()
    return counts


def _lengths(matrix: csr_matrix) -> NDArray[np.float32]:
    """Length of each row."""
    squared = np.add.reduceat(np.append(matrix.data**2, np.float32(0)), matrix.indptr[:-1])
    lengths: NDArray[np.float32] = np.sqrt(np.where(np.diff(matrix.indptr) > 0, squared, 0)).astype(np.float32)
    return lengths
