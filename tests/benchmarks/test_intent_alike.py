"""Words are misheard for ones that sound alike: at the rate that is said, as alike as was counted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intent_alike import LIKENESS, LOST, TAKEN, SoundingAlike, likeness, said_by_people
from benchmarks.intent_sets import IntentTexts

SAID = "my bill is too high please cancel the card that i ordered last week and send a new bill to my home address"
WORDS = f"{SAID} mile will hi pleas council car cart order leak sent knew builder homes dress ghost".split()


@pytest.mark.parametrize(
    ("one", "other", "value"), [("card", "card", 1.0), ("card", "cart", 6 / 10), ("card", "bill", 0.0), ("a", "a", 1.0)]
)
def test_likeness_is_of_pairs_of_letters(one: str, other: str, value: float) -> None:
    assert likeness(one, other) == pytest.approx(value)
    assert likeness(other, one) == likeness(one, other)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_words_are_misheard_at_the_rate_that_is_said(rate: float) -> None:
    alike, rng = SoundingAlike(WORDS), np.random.default_rng(1)
    texts = 2000
    heard = [word for _ in range(texts) for word in alike.misheard(["card"] * 10, rate, rng)]
    taken, put_in = TAKEN * rate, (1 - TAKEN - LOST) * rate
    often = WORDS.count("card") / len(WORDS)
    assert heard.count("card") == pytest.approx(10 * texts * (1 - taken - LOST * rate + put_in * often), rel=0.02)
    assert len(heard) == pytest.approx(10 * texts * (1 - LOST * rate + put_in), rel=0.02)


def test_words_taken_for_one_another_are_as_alike_as_was_counted_and_never_the_same() -> None:
    alike, rng = SoundingAlike([*WORDS, *(f"{word}s" for word in WORDS)]), np.random.default_rng(1)
    taken = [alike.misheard(["card"], 1.0, rng) for _ in range(2000)]
    others = [words[0] for words in taken if len(words) == 1]
    assert "card" not in others
    assert np.mean([likeness("card", word) for word in others]) == pytest.approx(np.mean(LIKENESS), abs=0.08)


def test_some_texts_are_misheard_much_more_than_others() -> None:
    alike, rng = SoundingAlike(WORDS), np.random.default_rng(1)
    same = [alike.misheard(SAID.split(), 0.2, rng) == SAID.split() for _ in range(500)]
    even = 0.8 ** len(SAID.split())
    assert np.mean(same) > 5 * even


def test_people_say_the_words_of_training_parts() -> None:
    texts = IntentTexts("a set", "en", (("Pay my bill!", "pay"),), (("never learnt", "pay"),), {"pay": "selfservice"})
    assert said_by_people([texts], [("It's you", "other")]) == ["pay", "my", "bill", "it's", "you"]
