"""Each example as a recogniser may hand it on: whole, misheard, and cut short while the caller still speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.intent.normalise import normalise

CUTS = (1, 3, 5, 8)
COPY_WEIGHT = 0.1
BAD_LINE = 0.2
"""Share of the words that are misheard on a bad line."""
LEARNT_RATE = 0.1
"""That of what is learnt: learning from more costs more than it brings."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text to learn from.

    Attributes
    ----------
    spoken : as `normalise.spoken` leaves it, for whatever reads sentences.
    words : the same, normalised, for whatever reads words; at least one.
    label : number of its class.
    weight : how much it counts; 1 for a whole example.
    example : number of the example that it is a copy of.
    whole : it is the example itself.
    """

    spoken: str
    words: tuple[str, ...]
    label: int
    weight: float
    example: int
    whole: bool


def copies(examples: Sequence[Sequence[str]], rng: np.random.Generator) -> list[Text]:
    """Every text to learn from.

    Parameters
    ----------
    examples : spoken texts of each class, none of them empty.
    rng : of which words are misheard.
    """
    split = [[tuple(example.split()) for example in group] for group in examples]
    vocabulary = sorted({word for group in split for words in group for word in words})
    texts: list[Text] = []
    number = 0
    for label, group in enumerate(split):
        for words in group:
            cuts = [words[:cut] for cut in CUTS if cut < len(words)]
            made = [words, *(mishear(heard, vocabulary, rng, LEARNT_RATE) for heard in (words, *cuts))]
            for i, heard in enumerate(made):
                spoken = " ".join(heard)
                normalised = tuple(normalise(spoken).split())
                if normalised:
                    texts.append(Text(spoken, normalised, label, COPY_WEIGHT if i else 1.0, number, whole=i == 0))
            number += 1
    return texts


def mishear(
    words: tuple[str, ...], vocabulary: list[str], rng: np.random.Generator, rate: float = BAD_LINE
) -> tuple[str, ...]:
    """Words as a recogniser might have got them: some lost, some taken for others, some put in."""
    heard: list[str] = []
    for word, chance in zip(words, rng.random(len(words)), strict=True):
        if chance < rate * 0.3:
            continue
        heard.append(vocabulary[rng.integers(len(vocabulary))] if chance < rate * 0.8 else word)
        if chance > 1 - rate * 0.2:
            heard.append(vocabulary[rng.integers(len(vocabulary))])
    return tuple(heard) or words
