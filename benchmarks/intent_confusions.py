"""Which words a recogniser gets wrong, and how: counted on texts of training parts, so that noise can be simulated.

The constants of `intent_alike` and the noise of `intent_spoken` were read off what this prints, in about five minutes.

Run: python -m benchmarks.intent_confusions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.asr_words import words_of
from benchmarks.intent_accuracy import CORPORA
from benchmarks.intent_alike import LIKENESS, likeness
from benchmarks.intent_sets import english_sets
from benchmarks.intent_spoken import (
    CUT,
    NOISE_DB,
    SHORT_NOISE_DB,
    SPOKEN,
    NotHere,
    Recogniser,
    cut_short,
    speak,
    training_texts,
    word_error_rate,
)

LEVELS = (None, 28.0, NOISE_DB, 20.0)
_UNLIKE = 1e-3
"""What an alignment is worse by for taking a word for one that is not alike at all; never worth an error."""

Step = tuple[str | None, str | None]
"""A word that was said and what was heard for it; None for a word that was put in or lost."""


def aligned(said: Sequence[str], heard: Sequence[str]) -> list[Step]:
    """Return what was heard for each word, with the fewest errors; of alignments as good, the one of words alike."""
    cost = np.zeros((len(said) + 1, len(heard) + 1))
    cost[:, 0], cost[0, :] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    taken = np.array([[_cost(word, other) for other in heard] for word in said]).reshape(len(said), len(heard))
    for i in range(1, len(said) + 1):
        for j in range(1, len(heard) + 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + taken[i - 1, j - 1])
    steps: list[Step] = []
    i, j = len(said), len(heard)
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + taken[i - 1, j - 1]:
            i, j = i - 1, j - 1
            steps.append((said[i], heard[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            steps.append((said[i], None))
        else:
            j -= 1
            steps.append((None, heard[j]))
    return steps[::-1]


def _cost(word: str, other: str) -> float:
    return 0.0 if word == other else 1 + _UNLIKE * (1 - likeness(word, other))


@dataclass(frozen=True, slots=True)
class Confusions:
    """Errors of a recogniser.

    Attributes
    ----------
    taken : words that were taken for another, with what was heard.
    lost, put_in : how many.
    texts : words and errors of each text.
    """

    taken: tuple[tuple[str, str], ...]
    lost: int
    put_in: int
    texts: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, said: Sequence[str], heard: Sequence[str]) -> Confusions:
        """Count those of texts."""
        taken: list[tuple[str, str]] = []
        lost = put_in = 0
        texts: list[tuple[int, int]] = []
        for one, other in zip(said, heard, strict=True):
            errors = [step for step in aligned(words_of(one), words_of(other)) if step[0] != step[1]]
            taken += [(word, got) for word, got in errors if word is not None and got is not None]
            lost += sum(got is None for _, got in errors)
            put_in += sum(word is None for word, _ in errors)
            texts.append((len(words_of(one)), len(errors)))
        return cls(tuple(taken), lost, put_in, tuple(texts))

    def shares(self) -> tuple[float, float, float]:
        """Return how many of the errors are a word taken for another, lost and put in, %."""
        count = max(1, len(self.taken) + self.lost + self.put_in)
        return 100 * len(self.taken) / count, 100 * self.lost / count, 100 * self.put_in / count

    def alike(self) -> list[float]:
        """Return how alike the words are that were taken for one another."""
        return [likeness(word, other) for word, other in self.taken]

    def known(self, vocabulary: set[str]) -> float:
        """Return how many of the words that were heard for others are in a vocabulary, %."""
        return 100 * float(np.mean([other in vocabulary for _, other in self.taken])) if self.taken else 0.0

    def untouched(self) -> float:
        """Return how many of the texts were heard without an error, %."""
        return 100 * float(np.mean([errors == 0 for _, errors in self.texts]))

    def evenness(self) -> float:
        """Return the parameters, together, of the beta distribution that texts' own rates most likely come from."""
        from scipy.stats import betabinom  # slow to import, and asked for by `main` alone

        words = np.array([count for count, _ in self.texts])
        wrong = np.minimum([errors for _, errors in self.texts], words)
        rate = wrong.sum() / words.sum()
        tried = np.geomspace(0.5, 50, 81)
        likely = [np.sum(betabinom.logpmf(wrong, words, rate * one, (1 - rate) * one)) for one in tried]
        return float(tried[int(np.argmax(likely))])


def tenths(values: Sequence[float]) -> list[float]:
    """Return the middles of ten equal parts of values."""
    return [round(float(value), 2) for value in np.quantile(values, np.linspace(0.05, 0.95, len(LIKENESS)))]


def main() -> None:
    """Print word error rates by noise, and every count at the noise that is used."""
    try:
        recogniser = Recogniser.installed()
    except NotHere as missing:
        raise SystemExit(str(missing)) from None
    if not (CORPORA / "intent").is_dir():
        raise SystemExit("the corpora beside the checkout are missing")
    sets = list(english_sets(CORPORA))
    said = [one for texts in sets for one in speak(training_texts(texts, SPOKEN))]
    written = [one.text for one in said]
    words = sorted({word for texts in sets for text, _ in texts.train for word in words_of(text)})
    for level in LEVELS:
        heard = recogniser.hears(said, level)
        found = Confusions.of(written, heard)
        print(f"noise {level} dB: {len(said)} texts, word error rate {word_error_rate(written, heard):.1f} %")
        print("  taken, lost, put in: " + ", ".join(f"{share:.1f} %" for share in found.shares()))
        print(f"  likeness of words taken for one another: {np.mean(found.alike()):.3f}, {tenths(found.alike())}")
        picks = np.random.default_rng(1).integers(len(words), size=len(found.taken))
        uniform = [likeness(word, words[i]) for (word, _), i in zip(found.taken, picks.tolist(), strict=True)]
        print(f"  of any word in its place: {np.mean(uniform):.3f}, {tenths(uniform)}")
        print(f"  heard words that the six training parts have: {found.known(set(words)):.1f} %")
        print(f"  texts without an error: {found.untouched():.1f} %; evenness {found.evenness():.2f}")
    short = speak([(cut_short(one.text), one.label) for one in said])
    for level in (None, SHORT_NOISE_DB):
        wrong = word_error_rate([one.text for one in short], recogniser.hears(short, level))
        print(f"cut short after {CUT} words, noise {level} dB: word error rate {wrong:.1f} %")


if __name__ == "__main__":
    main()
