"""Held-out examples read word by word, misheard as on a bad line: what early decisions are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.generation import BACKGROUND
from router.intent import calibration
from router.intent.copies import Text, mishear
from router.intent.lexical import LexicalModel, bucket_of
from router.stopping import Aloud

MAX_WORDS = 24
"""More are not said while a call is listened to."""


@dataclass(slots=True)
class Reader:
    """Reads texts to models that have not learnt them, one after the other.

    Parameters
    ----------
    vocabulary : what may be heard in place of a word.
    seed : of what is misheard.
    """

    vocabulary: list[str]
    seed: int
    _scores: list[NDArray[np.float32]] = field(default_factory=list)
    _labels: list[int] = field(default_factory=list)

    def read(self, model: LexicalModel, texts: Sequence[Text]) -> None:
        """Read the whole ones of these texts, as they are misheard, to a model."""
        for text in texts:
            if text.whole:
                rng = np.random.default_rng([self.seed, text.example])
                words = list(mishear(text.words, self.vocabulary, rng))[:MAX_WORDS]
                self._scores.append(np.stack([model.logits(words[:n]) for n in range(1, len(words) + 1)]))
                self._labels.append(text.label)

    def heard(
        self, intents: Sequence[str], leads_to: NDArray[np.intp], temperatures: NDArray[np.float32]
    ) -> Aloud | None:
        """What was thought of the texts after each word; None where none was read.

        Parameters
        ----------
        intents : names of the classes; what BACKGROUND has of a destination is evidence for none.
        leads_to : destination of each class, numbered from 0.
        temperatures : of each bucket of word counts.
        """
        if not self._scores:
            return None
        longest = max(map(len, self._scores))
        sure = np.zeros((len(self._scores), longest), dtype=np.float32)
        right = np.zeros(sure.shape, dtype=np.bool_)
        counted = np.array([name != BACKGROUND for name in intents])
        sums = (leads_to[:, None] == np.arange(leads_to.max() + 1)) & counted[:, None]
        scale = np.array([1 / temperatures[bucket_of(n)] for n in range(1, longest + 1)], dtype=np.float64)
        for place, (scores, label) in enumerate(zip(self._scores, self._labels, strict=True)):
            many = len(scores)
            by_destination = calibration.probabilities(scores * scale[:many, None]) @ sums
            strongest = by_destination.argmax(axis=1)
            sure[place, :many] = by_destination.max(axis=1)
            right[place, :many] = strongest == leads_to[label]
        return Aloud(sure, right)
