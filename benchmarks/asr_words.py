"""How many words are wrong: the alignment of what was heard with what was said, and intervals of the rate."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Errors:
    """Words wrong of words said."""

    wrong: int
    said: int

    def __add__(self, other: Errors) -> Errors:
        """Return both together."""
        return Errors(self.wrong + other.wrong, self.said + other.said)

    @property
    def percent(self) -> float:
        """Return the word error rate in percent; 0 where nothing was said."""
        return 100.0 * self.wrong / self.said if self.said else 0.0


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared: small letters, no punctuation, numbers under 100 spelt out."""
    plain = re.sub(r"[-–—/]", " ", text.lower().replace("’", "'"))
    words: list[str] = []
    for word in (found.strip("'") for found in re.findall(r"[\w']+", plain)):
        if word.isdigit() and int(word) < 100:
            tens, rest = divmod(int(word), 10)
            words += [_SMALL[int(word)]] if tens < 2 else [_TENS[tens], *([_SMALL[rest]] if rest else [])]
        elif word:
            words.append(word)
    return words


def word_errors(said: str, heard: str) -> Errors:
    """Return the fewest words put in, left out and changed (Levenshtein), of the words said."""
    reference = words_of(said)
    return Errors(int(_distances(reference, words_of(heard))[-1]), len(reference))


def errors_so_far(said: str, heard: str) -> Errors:
    """Return the same against the beginning of what was said that fits best: words not reached yet are not missing."""
    reference = words_of(said)
    distances = _distances(reference, words_of(heard))
    # Of beginnings that fit alike, the longest.
    reached = len(distances) - 1 - int(np.argmin(distances[::-1]))
    return Errors(int(distances[reached]), reached)


def words_kept(expected: str, heard: str) -> int:
    """Return how many of the expected words were heard, in order (longest common subsequence)."""
    first, second = words_of(expected), words_of(heard)
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for at, other in enumerate(second, 1):
            before, row[at] = row[at], before + 1 if word == other else max(row[at], row[at - 1])
    return row[-1]


def errors_by_part(parts: Sequence[str], heard: str) -> list[Errors]:
    """Return the errors of a long text by its parts, from the alignment of the whole with what was heard.

    A word put in counts for the part it follows.
    """
    reference = [(word, number) for number, part in enumerate(parts) for word in words_of(part)]
    hypothesis = words_of(heard)
    cost = np.zeros((len(reference) + 1, len(hypothesis) + 1), np.int64)
    cost[:, 0], cost[0, :] = np.arange(len(reference) + 1), np.arange(len(hypothesis) + 1)
    for i, (word, _) in enumerate(reference, 1):
        for j, other in enumerate(hypothesis, 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + (word != other))
    wrong = [0] * len(parts)
    i, j = len(reference), len(hypothesis)
    while i or j:
        part = reference[max(0, i - 1)][1]
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (reference[i - 1][0] != hypothesis[j - 1]):
            wrong[part] += reference[i - 1][0] != hypothesis[j - 1]
            i, j = i - 1, j - 1
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            wrong[part] += 1
            i -= 1
        else:
            wrong[part] += 1
            j -= 1
    return [Errors(count, len(words_of(part))) for count, part in zip(wrong, parts, strict=True)]


def rate_interval(groups: Mapping[Hashable, Errors], draws: int = 2000, seed: int = 1) -> tuple[float, float] | None:
    """Return the 95 % interval of the rate in percent, by drawing groups with replacement; None of fewer than two."""
    if len(groups) < 2:
        return None
    counts = np.array([(each.wrong, each.said) for each in groups.values()], np.float64)
    rng = np.random.default_rng(seed)
    drawn = counts[rng.integers(0, len(counts), (draws, len(counts)))].sum(axis=1)
    low, high = np.quantile(100.0 * drawn[:, 0] / np.maximum(drawn[:, 1], 1.0), [0.025, 0.975])
    return float(low), float(high)


def _distances(reference: Sequence[str], hypothesis: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the distance of the hypothesis to each beginning of the reference: shape [len(reference) + 1]."""
    column = np.arange(len(reference) + 1)
    for at, heard in enumerate(hypothesis, 1):
        after = np.empty_like(column)
        after[0] = at
        for i, word in enumerate(reference, 1):
            after[i] = min(column[i] + 1, after[i - 1] + 1, column[i - 1] + (word != heard))
        column = after
    return column
