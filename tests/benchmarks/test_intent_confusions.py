"""Confusions are counted as anybody would count them by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.asr_words import word_errors
from benchmarks.intent_confusions import Confusions, aligned, tenths


def test_of_alignments_as_good_the_one_of_words_alike_is_taken() -> None:
    heard = ["pay", "the", "my", "bills"]
    assert aligned(["pay", "my", "bill"], heard) == [("pay", "pay"), (None, "the"), ("my", "my"), ("bill", "bills")]
    assert aligned(["transferred"], ["france", "transfer"]) == [(None, "france"), ("transferred", "transfer")]
    assert aligned([], ["a"]) == [(None, "a")]
    assert aligned(["a"], []) == [("a", None)]


def test_an_alignment_has_the_fewest_errors_and_loses_no_word() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        said, heard = (rng.choice(list("abcd"), int(rng.integers(0, 9))).tolist() for _ in range(2))
        steps = aligned(said, heard)
        assert sum(one != other for one, other in steps) == word_errors(" ".join(said), " ".join(heard)).wrong
        assert [one for one, _ in steps if one is not None] == said
        assert [other for _, other in steps if other is not None] == heard


def test_counts_are_of_all_texts() -> None:
    found = Confusions.of(["pay my bill", "a new card"], ["pay my", "one a new cart"])
    assert (found.taken, found.lost, found.put_in) == ((("card", "cart"),), 1, 1)
    assert found.texts == ((3, 1), (3, 2))
    assert found.shares() == pytest.approx((100 / 3, 100 / 3, 100 / 3))
    assert found.alike() == pytest.approx([0.6])
    assert found.known({"cart"}) == 100
    assert found.untouched() == 0


def test_evenness_is_found_again() -> None:
    rng = np.random.default_rng(1)
    rates = rng.beta(0.2 * 3, 0.8 * 3, 3000)
    texts = tuple((12, int(errors)) for errors in rng.binomial(12, rates))
    assert Confusions((), 0, 0, texts).evenness() == pytest.approx(3, rel=0.15)


def test_tenths_are_the_middles_of_ten_parts() -> None:
    assert tenths(list(np.linspace(0, 1, 1001))) == [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]
