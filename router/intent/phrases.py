"""Phrases an operator wants heard: key phrases make an intent likelier, hard words decide for it at once.

All are searched in one pass (Aho-Corasick), whole words only: the text and every phrase are padded with
spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ahocorasick
import numpy as np
from numpy.typing import NDArray

from config.schema import Intent
from router.intent.normalise import normalise

KEY_PHRASE_NATS = 1.0
"""What a key phrase adds to its intent's score; more than two of them add no more."""

HARD_WORD_SHARE = 0.97
"""Of the probability, which a hard word gives its intent; the rest stays with what the words say."""


@dataclass(frozen=True, slots=True)
class HardWord:
    """A hard word that was heard, and what it stands for."""

    phrase: str
    intent: str
    destination: str


@dataclass(frozen=True, slots=True)
class PhraseHits:
    """What was found: the hard word heard first, and how many different key phrases of each intent."""

    hard: HardWord | None
    boosts: dict[str, int]


class Phrases:
    """The phrases of one language, ready to be searched."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        self._automaton = ahocorasick.Automaton()
        found: dict[str, list[tuple[str, HardWord | None]]] = {}
        for intent in intents:
            for phrase in intent.hard_words:
                hard = HardWord(phrase, intent.name, intent.destination)
                found.setdefault(normalise(phrase), []).append((intent.name, hard))
            for phrase in intent.key_phrases:
                found.setdefault(normalise(phrase), []).append((intent.name, None))
        found.pop("", None)
        self._empty = not found
        for key, meanings in found.items():
            self._automaton.add_word(f" {key} ", (key, tuple(meanings)))
        if found:
            self._automaton.make_automaton()

    def search(self, normalised: str) -> PhraseHits:
        """Everything that occurs in a normalised text, as whole words."""
        if self._empty:
            return PhraseHits(None, {})
        hard: tuple[int, int, HardWord] | None = None
        boosted: dict[str, set[str]] = {}
        for end, (key, meanings) in self._automaton.iter(f" {normalised} "):
            for intent, meaning in meanings:
                boosted.setdefault(intent, set()).add(key)
                if meaning is not None:
                    start = end - len(key)
                    # The first to begin; of two that begin together, the longer says more.
                    if hard is None or (start, -len(key)) < hard[:2]:
                        hard = (start, -len(key), meaning)
        return PhraseHits(hard[2] if hard else None, {name: len(keys) for name, keys in boosted.items()})


def boost(intents: Sequence[str], boosts: Mapping[str, int]) -> NDArray[np.float64]:
    """Return what key phrases add to the scores of these intents, nats, (intents,)."""
    found = np.zeros(len(intents))
    for name, phrases in boosts.items():
        if name in intents:
            found[intents.index(name)] = KEY_PHRASE_NATS * min(phrases, 2)
    return found
