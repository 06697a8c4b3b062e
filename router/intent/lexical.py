"""Which intent a text expresses, by its words and letters: the model of one language, and its inference.

Multinomial logistic regression over tf-idf, and a share of naive Bayes over words. What each word adds to the scores is
kept, and so is what the last texts came to (`Reading`), so that a partial costs little more than its new words. What a
text scores hangs on nothing but its words: they are added from the first to the last, whatever is kept.

Probabilities are calibrated by how many words were heard (Guo et al. 2017, "On calibration of modern neural networks":
one temperature, here one for each bucket of word counts).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.intent.features import letter_pieces

BUCKETS = (2, 4, 7)
"""Last word count of each bucket but the open one: 1-2, 3-4, 5-7, 8 or more words."""

_KEPT_WORDS = 10_000
"""And pairs of them that are in examples; a word takes some 3 kB, a pair less than 1, and more with many intents."""
_KEPT_TEXTS = 256
"""More than there are calls at once; some 10 kB each."""
_LONGEST_KEPT = 40
"""Words. Longer texts are rare, take more, and are read anew."""
_REVISED = 3
"""Words. No shorter beginning of a text is looked for: a recogniser adds and changes fewer from partial to partial."""


def bucket_of(words: int) -> int:
    """Bucket of a word count, 0 to 3."""
    return sum(words > last for last in BUCKETS)


@dataclass(frozen=True, slots=True, eq=False)
class LexicalModel:
    """A fitted model of one language.

    Attributes
    ----------
    intents : names of the classes, in the order of the columns.
    word_rows, letter_rows : piece -> row; no row is in both.
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
    _adds: dict[str, _Adds] = field(default_factory=dict, repr=False)
    _read: dict[tuple[str, ...], Reading] = field(default_factory=dict, repr=False)

    def logits(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Scores of the classes float32 (classes,), before calibration."""
        said = tuple(words)
        reading, rest = self._begun(said)
        if rest:
            reading = reading.copy()
            for word in rest:
                reading.add(word)
            if len(said) <= _LONGEST_KEPT:
                if len(self._read) >= _KEPT_TEXTS:
                    # The oldest: to forget all at once would hold up one partial, and the next of every call.
                    del self._read[next(iter(self._read))]
                self._read[said] = reading
        return reading.logits()

    def growing(self, words: Sequence[str]) -> NDArray[np.float32]:
        """`logits` after 1, 2, ... words, float32 (words, classes)."""
        reading = Reading(self)
        found = np.empty((len(words), len(self.intents)), dtype=np.float32)
        for row, word in enumerate(words):
            reading.add(word)
            found[row] = reading.logits()
        return found

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated scores, float64 (classes,): log-probabilities but for a constant; of at least one word."""
        scores: NDArray[np.float64] = self.logits(words).astype(np.float64)
        return scores / float(self.temperatures[bucket_of(len(words))])

    def adds(self, piece: str) -> _Adds:
        """What a word adds to a text, or a pair of neighbours with a space between them."""
        found = self._adds.get(piece)
        if found is None:
            if len(self._adds) >= _KEPT_WORDS:
                self._adds.clear()
            found = self._adds[piece] = self._worked_out(piece)
        return found

    def _begun(self, said: tuple[str, ...]) -> tuple[Reading, tuple[str, ...]]:
        """The longest beginning of a text that was read, not to be changed, and the words after it."""
        for count in range(len(said), max(0, len(said) - _REVISED), -1):
            found = self._read.get(said[:count])
            if found is not None:
                return found, said[count:]
        return Reading(self), said

    def _worked_out(self, piece: str) -> _Adds:
        letters = [] if " " in piece else letter_pieces(piece)
        of_letters = [row for row in map(self.letter_rows.get, letters) if row is not None]
        of_words = [self.word_rows[piece]] if piece in self.word_rows else []
        sums = np.array(
            [
                self.weights[of_letters].sum(axis=0),
                self.weights[of_words].sum(axis=0),
                self.odds[of_words].sum(axis=0),
            ]
        )
        letters_squared, words_squared = (
            tuple(zip(rows, self.idf_squared[rows].tolist(), strict=True)) for rows in (of_letters, of_words)
        )
        return _Adds(letters_squared, words_squared, sums)


@dataclass(frozen=True, slots=True, eq=False)
class _Adds:
    """What a word, or a pair of neighbours, adds to a text.

    Attributes
    ----------
    letters, words : row and squared idf of each of its pieces that is known; of one that it has twice, twice.
    sums : float32 (3, classes): their weights, of letters and of words, and the odds of the words.
    """

    letters: tuple[tuple[int, float], ...]
    words: tuple[tuple[int, float], ...]
    sums: NDArray[np.float32]


class Reading:
    """A text as far as it was read: what its words add up to.

    Parameters
    ----------
    model : reads it.
    """

    __slots__ = ("_count", "_last", "_letters", "_model", "_sums", "_times", "_words")

    def __init__(self, model: LexicalModel) -> None:
        self._model = model
        self._count = 0
        self._last = ""
        self._times: dict[int, int] = {}
        self._letters = self._words = 0.0
        self._sums: NDArray[np.float32] = np.zeros((3, len(model.intents)), dtype=np.float32)

    def copy(self) -> Reading:
        """Return one that can be read on while this one stays."""
        found = Reading.__new__(Reading)
        found._model, found._count, found._last = self._model, self._count, self._last
        found._times = self._times.copy()
        found._letters, found._words, found._sums = self._letters, self._words, self._sums
        return found

    def add(self, word: str) -> None:
        """Read the next word."""
        model = self._model
        self._take(model.adds(word))
        pair = f"{self._last} {word}"
        if pair in model.word_rows:
            self._take(model.adds(pair))
        self._count += 1
        self._last = word

    def logits(self) -> NDArray[np.float32]:
        """Scores of the classes float32 (classes,): letters and words each scaled to unit length.

        The share of naive Bayes is less than the sum of all words, which are not independent.
        """
        scale = [
            1 / math.sqrt(self._letters or 1.0),
            1 / math.sqrt(self._words or 1.0),
            1 / math.sqrt(self._count or 1),
        ]
        found: NDArray[np.float32] = self._model.intercept + np.array(scale, dtype=np.float32) @ self._sums
        return found

    def _take(self, adds: _Adds) -> None:
        self._letters += self._more_squared(adds.letters)
        self._words += self._more_squared(adds.words)
        # A new array: copies share the old one.
        self._sums = self._sums + adds.sums

    def _more_squared(self, pieces: tuple[tuple[int, float], ...]) -> float:
        """How much more the squared length is with these pieces, each of which may have occurred before."""
        times, more = self._times, 0.0
        for row, squared in pieces:
            if row in times:
                before = times[row]
                times[row] = before + 1
                # From before squared to one more squared.
                more += (2 * before + 1) * squared
            else:
                times[row] = 1
                more += squared
        return more
