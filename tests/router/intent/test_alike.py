"""Sentences that are nearly the same are found, and no others: as by comparing every two."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from router.intent.alike import ALIKE, alike

WORDS = st.sampled_from(["the", "a", "my", "bill", "order", "phone", "is", "was", "late", "wrong"])


def slowly(texts: list[str]) -> list[tuple[int, int]]:
    words = [set(text.split()) for text in texts]
    seen = Counter(word for one in words for word in one)
    weight = {word: math.log(1 + len(texts) / count) for word, count in seen.items()}

    def heavy(chosen: set[str]) -> float:
        return sum(weight[word] for word in chosen)

    return [
        (i, j)
        for j in range(len(texts))
        for i in range(j)
        if words[i] and words[j] and heavy(words[i] & words[j]) >= ALIKE * heavy(words[i] | words[j]) + 1e-9
    ]


@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=30))
def test_as_by_comparing_every_two(texts: list[str]) -> None:
    found = list(alike(texts))
    assert found == sorted(set(found))
    assert set(slowly(texts)) <= set(found)
    for i, j in found:
        assert i < j
        words = set(texts[i].split()), set(texts[j].split())
        assert words[0] & words[1]


def test_the_telling_word_makes_the_difference() -> None:
    texts = [f"where is my {thing} please" for thing in ("order", "parcel", "bill")]
    assert list(alike(texts)) == []
    texts = ["i want to pay my bill of march", "please i want to pay my bill of march", *texts]
    assert list(alike(texts)) == [(0, 1)]
