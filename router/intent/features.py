"""A text as weighted pieces: words, pairs of words, and runs of 2 to 5 letters inside words.

The same pieces that scikit-learn's TfidfVectorizer makes with `word` (1, 2) and `char_wb` (2, 5), cut by
hand because the library spends a millisecond on what takes tens of microseconds.
"""

from __future__ import annotations

import itertools

LETTERS_SHORTEST = 2
LETTERS_LONGEST = 5


def word_pieces(words: list[str]) -> list[str]:
    """Every word and every pair of neighbours."""
    return [*words, *[f"{a} {b}" for a, b in itertools.pairwise(words)]]


def letter_pieces(word: str) -> list[str]:
    """Every run of 2 to 5 letters of a word padded with one space on each side."""
    padded = f" {word} "
    length = len(padded)
    return [
        padded[start : start + size]
        for size in range(LETTERS_SHORTEST, min(LETTERS_LONGEST, length) + 1)
        for start in range(length - size + 1)
    ]
