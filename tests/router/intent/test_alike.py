"""Sentences that are nearly the same are found, and no others: as by comparing every two."""

from __future__ import annotations

import math
import os
import subprocess
import sys
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
        return math.fsum(weight[word] for word in chosen)

    return [
        (i, j)
        for j in range(len(texts))
        for i in range(j)
        if words[i] and words[j] and heavy(words[i] & words[j]) >= ALIKE * heavy(words[i] | words[j])
    ]


@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=30))
def test_as_by_comparing_every_two(texts: list[str]) -> None:
    assert list(alike(texts)) == sorted(slowly(texts))


def on_the_edge() -> list[str]:
    """Pairs of which one has 8 words and the other those and 2 more, which weigh a quarter of the 8: shares of 0.8."""
    texts = []
    for k in range(60):
        rare, common = ([f"{kind}{k}-{number}" for number in range(5)] for kind in ("rare", "common"))
        texts += [" ".join(rare[:4] + common[:4]), " ".join(rare + common), rare[4]]
        texts += [word for word in common for _ in range(1 + k % 5)] + [common[4]]
    return texts


def test_nothing_hangs_on_the_order_that_sets_have_in_a_process() -> None:
    code = f"import runpy; print(list(runpy.run_path({alike.__code__.co_filename!r})['alike']({on_the_edge()!r})))"
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert found[0] == found[1] == found[2] == f"{list(alike(on_the_edge()))}\n"


def test_the_telling_word_makes_the_difference() -> None:
    texts = [f"where is my {thing} please" for thing in ("order", "parcel", "bill")]
    assert list(alike(texts)) == []
    texts = ["i want to pay my bill of march", "please i want to pay my bill of march", *texts]
    assert list(alike(texts)) == [(0, 1)]
