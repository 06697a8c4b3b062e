"""Words misheard for words that sound alike, as the embedded recogniser does it on texts of training parts.

Each of its numbers is counted by `python -m benchmarks.intent_confusions`: how many errors are a word taken for
another, lost or put in; how alike in letters the words are that are taken for one another; and how unevenly errors
fall on texts. Which of the words that are so alike is heard follows how often people use them. The recogniser also
hears words that nobody says of such things: of those it takes for another, seven in ten stand in the six training
parts; of those taken here, nine in ten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.intent_sets import Example, IntentTexts
from router.intent import spoken

TAKEN, LOST = 0.75, 0.09
"""Shares of the errors: a word taken for another, a word lost; the rest are put in."""
LIKENESS = (0.0, 0.0, 0.12, 0.2, 0.25, 0.33, 0.44, 0.57, 0.67, 0.75)
"""Of words taken for one another: the middles of ten equal parts."""
EVENNESS = 3.3
"""Of a text's own rate of errors: the two parameters of its beta distribution together; greater is more even."""
NEAR = 0.05


def pairs_of(word: str) -> frozenset[str]:
    """Return the pairs of letters that follow one another, the word's beginning and end being letters too."""
    return frozenset(map("".join, zip(f"^{word}", f"{word}$", strict=True)))


def likeness(one: str, other: str) -> float:
    """Return how alike two words are in letters, 0 to 1: Dice's coefficient of their pairs (Adamson & Boreham 1974)."""
    first, second = pairs_of(one), pairs_of(other)
    return 2 * len(first & second) / (len(first) + len(second))


class SoundingAlike:
    """Mishears texts.

    Parameters
    ----------
    words : running words of texts that people say, as often as they use them.
    """

    def __init__(self, words: Iterable[str]) -> None:
        often = Counter(words)
        self._vocabulary = sorted(often)
        self._place = {word: i for i, word in enumerate(self._vocabulary)}
        self._often = np.array([often[word] for word in self._vocabulary], np.float64)
        holders: dict[str, list[int]] = {}
        for i, word in enumerate(self._vocabulary):
            for pair in pairs_of(word):
                holders.setdefault(pair, []).append(i)
        self._holders = {pair: np.array(found, np.intp) for pair, found in holders.items()}
        self._pairs = np.array([len(pairs_of(word)) for word in self._vocabulary], np.float64)

    def misheard(self, words: Sequence[str], rate: float, rng: np.random.Generator) -> list[str]:
        """Return words with errors; `rate` is that of many texts together, 0 to 1."""
        own = rng.beta(rate * EVENNESS, (1 - rate) * EVENNESS) if 0 < rate < 1 else rate
        heard: list[str] = []
        for word, chance in zip(words, rng.random(len(words)), strict=True):
            if chance >= own:
                heard.append(word)
            elif chance < own * TAKEN:
                heard.append(self._taken_for(word, rng))
            elif chance >= own * (TAKEN + LOST):
                heard += [word, self._one_of(self._often, rng)]
        return heard

    def _taken_for(self, word: str, rng: np.random.Generator) -> str:
        away = np.abs(self._alike(word) - LIKENESS[int(rng.integers(len(LIKENESS)))])
        own = self._place.get(word)
        if own is not None:
            away[own] = np.inf
        return self._one_of(np.where(away <= max(NEAR, float(away.min())), self._often, 0.0), rng)

    def _alike(self, word: str) -> NDArray[np.float64]:
        """How alike each word of the vocabulary is, (words,)."""
        pairs = pairs_of(word)
        shared = np.zeros(len(self._vocabulary))
        for pair in pairs:
            if pair in self._holders:
                shared[self._holders[pair]] += 1
        return 2 * shared / (self._pairs + len(pairs))

    def _one_of(self, weights: NDArray[np.float64], rng: np.random.Generator) -> str:
        up_to = np.cumsum(weights)
        return self._vocabulary[int(np.searchsorted(up_to, rng.random() * up_to[-1], side="right"))]


def said_by_people(sets: Iterable[IntentTexts], *more: Iterable[Example]) -> list[str]:
    """Return the running words of the sets' training parts, and of more texts."""
    rows = [row for texts in sets for row in texts.train] + [row for part in more for row in part]
    return [word for text, _ in rows for word in spoken(text).split()]
