"""Every example is learnt whole, misheard and cut short."""

from __future__ import annotations

import numpy as np

from router.intent.copies import copies

EXAMPLES = [["i would like to know what is left in my account please"] * 5, ["hello"]]


def test_each_example_is_there_whole_once_and_in_copies_that_count_less() -> None:
    texts = copies(EXAMPLES, np.random.default_rng(0))
    whole = [text for text in texts if text.whole]
    assert [text.spoken for text in whole] == [*EXAMPLES[0], *EXAMPLES[1]]
    assert [text.example for text in whole] == list(range(6))
    assert [text.label for text in whole] == [0] * 5 + [1]
    assert all(text.weight < 1 for text in texts if not text.whole)
    assert {text.example for text in texts if not text.whole} >= set(range(5))
    assert any(len(text.words) < 8 for text in texts if text.label == 0)


def test_the_same_seed_gives_the_same_copies() -> None:
    one, other = (copies(EXAMPLES, np.random.default_rng(7)) for _ in range(2))
    assert one == other
    assert one != copies(EXAMPLES, np.random.default_rng(8))


def test_words_are_normalised_and_what_is_spoken_is_not() -> None:
    (text, *_) = copies([["الفاتورة على حسابي"], ["أريد"]], np.random.default_rng(0))
    assert text.spoken == "الفاتورة على حسابي"
    assert text.words == ("الفاتوره", "علي", "حسابي")
