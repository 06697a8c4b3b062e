"""Phrases: whole words only, the first hard word decides, every key phrase counts once."""

from __future__ import annotations

from config.schema import Intent
from router.intent.normalise import normalise
from router.intent.phrases import Phrases


def intent(name: str, hard: tuple[str, ...] = (), key: tuple[str, ...] = ()) -> Intent:
    return Intent(name=name, language="en", destination=f"to_{name}", hard_words=hard, key_phrases=key)


def test_whole_words_only() -> None:
    phrases = Phrases([intent("fraud", hard=("fraud",))])
    assert phrases.search("this is fraud").hard is not None
    assert phrases.search("fraud").hard is not None
    assert phrases.search("fraudulently").hard is None
    assert phrases.search("").hard is None


def test_the_first_hard_word_decides_and_the_longer_of_two_that_begin_together() -> None:
    phrases = Phrases([intent("a", hard=("stop it", "later")), intent("b", hard=("stop it now",))])
    hit = phrases.search("please stop it now or later").hard
    assert hit is not None
    assert (hit.intent, hit.destination, hit.phrase) == ("b", "to_b", "stop it now")


def test_neighbours_that_share_a_space_are_both_found() -> None:
    phrases = Phrases([intent("a", key=("pay",)), intent("b", key=("bill",))])
    assert phrases.search("pay bill").boosts == {"a": 1, "b": 1}


def test_a_key_phrase_counts_once_however_often_it_is_said() -> None:
    phrases = Phrases([intent("a", key=("refund", "my money"))])
    assert phrases.search("refund refund my money").boosts == {"a": 2}
    assert phrases.search("refund refund").boosts == {"a": 1}


def test_phrases_are_normalised_as_texts_are() -> None:
    phrases = Phrases([intent("a", hard=("Don't!", "إلغاءُ الاشتراك"))])
    assert phrases.search(normalise("don’t")).hard is not None
    assert phrases.search(normalise("اريد الغاء الاشتراك")).hard is not None


def test_without_phrases_nothing_is_found() -> None:
    hits = Phrases([intent("a", key=("?!",))]).search("anything")
    assert hits.hard is None
    assert hits.boosts == {}
