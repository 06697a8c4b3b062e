"""The peer is the plain recipe, and is judged as our model is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.intent_accuracy import BOTH, WORDS
from benchmarks.intent_recipe import Recipe

GROUPS = {
    "pay": ["pay the bill", "pay my bill", "i want to pay"],
    "settle": ["settle my account", "settle the account today", "i settle it"],
    "buy": ["buy a phone", "order a new phone", "i want to buy"],
}
DESTINATIONS = {"pay": "selfservice", "settle": "selfservice", "buy": "sales"}
TEXTS = [("pay bill", "selfservice"), ("buy phone", "sales"), ("settle it", "selfservice"), ("a phone", "selfservice")]


class _Telling:
    """Vectors that tell sales from the rest."""

    encoder_id = "telling"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of unit length, float32 (texts, 2)."""
        return np.array([[1, 0] if "phone" in text or "buy" in text else [0, 1] for text in texts], np.float32)


def test_intents_are_summed_to_destinations() -> None:
    found = Recipe(GROUPS, DESTINATIONS, None).judge(TEXTS)
    assert set(found) == {WORDS}
    assert found[WORDS].right.tolist() == [True, True, True, False]
    assert ((found[WORDS].sure > 0.5) & (found[WORDS].sure < 1)).all()


def test_sentences_are_one_more_piece_of_evidence() -> None:
    found = Recipe(GROUPS, DESTINATIONS, _Telling()).judge(TEXTS)
    assert found[BOTH].right.tolist() == [True, True, True, False]
    assert (found[BOTH].sure > found[WORDS].sure).all()
