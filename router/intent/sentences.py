"""Which intent a text expresses, by what the whole of it means: a second reading, of a sentence encoder's vectors.

An encoder knows words that no example has, also across languages, and costs some milliseconds: too many for
the loop that carries calls. So it is never asked here. Whoever has its vector of a text gets from
`IntentModel.scores` what is read from it, which is what a call's evidence and its record hold, and with that
`IntentModel.fused` reads the text; without, words alone are read. What was learnt holds for one encoder, named by
`encoder_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SentenceEncoder(Protocol):
    """Turns texts into vectors, alike where they mean alike."""

    @property
    def encoder_id(self) -> str:
        """Name and version: vectors of the same id are of the same encoder."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, float32 (texts, size), of texts as `normalise.spoken` leaves them."""


@dataclass(frozen=True, slots=True, eq=False)
class SentenceModel:
    """A fitted reading of vectors, of one language.

    Attributes
    ----------
    weights : float32 (size + 1, classes); the last row is the intercept.
    factors : float32 (4, 2), for each bucket of word counts how much the scores of words and those of
        sentences count where there are both.
    usual : float32 (4,), how familiar texts of each bucket usually are (`familiar`).
    """

    weights: NDArray[np.float32] = field(repr=False)
    factors: NDArray[np.float32]
    usual: NDArray[np.float32]

    def logits(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of the classes, float32 (classes,), before calibration; of a vector, float32 (size,)."""
        scores: NDArray[np.float32] = vector @ self.weights[:-1] + self.weights[-1]
        return scores
