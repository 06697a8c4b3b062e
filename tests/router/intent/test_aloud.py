"""Held-out examples are read as a call is: key phrases, hard words and all, and misheard as recognisers mishear."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from config.schema import Intent
from router.intent import IntentModel, aloud
from router.intent.aloud import Reader
from router.intent.copies import Text
from router.intent.phrases import PhraseHits, Phrases

BUY = ("i want to buy a new phone", "please sell me a phone today", "i want to order the big plan for my phone")
OWE = ("what do i owe you this month", "tell me what my phone costs this month", "how much do i owe you now please")
CHAT = ("how are you today my friend", "it is a nice day today is it not", "my friend told me to call you today")


def intents(key: tuple[str, ...] = ("want to",), hard: tuple[str, ...] = ("to court",)) -> list[Intent]:
    return [
        Intent(name="buy", language="en", destination="sales", examples=BUY, key_phrases=key),
        Intent(name="owe", language="en", destination="selfservice", examples=OWE, key_phrases=("this month",)),
        Intent(name="other", language="en", destination="desk", examples=CHAT),
        Intent(name="legal", language="en", destination="lawyers", hard_words=hard),
    ]


def whole(said: str, label: int = 0, example: int = 0) -> Text:
    return Text(said, tuple(said.split()), label, 1.0, example, whole=True)


def read(monkeypatch: pytest.MonkeyPatch, texts: list[Text]) -> tuple[IntentModel, aloud.Aloud]:
    """Read texts as they are to a model, without mishearing."""
    monkeypatch.setattr(aloud, "MISHEARD", 0.0)
    monkeypatch.setattr(aloud, "READINGS", 1)
    model = IntentModel.fit(intents())
    lexical = model._models["en"].lexical
    reader = Reader(texts, Phrases(intents()), seed=1)
    reader.read(lexical, texts)
    found = reader.heard(lexical.intents, ["sales", "selfservice", "desk"], lexical.temperatures)
    assert found is not None
    return model, found


def test_they_are_read_as_a_call_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["i want to buy it this month", "how are you today", "i will take you to court", "zzz"]
    labels = [0, 2, 1, 1]
    model, found = read(monkeypatch, [whole(text, labels[i], i) for i, text in enumerate(said)])
    boosted = 0
    for row, (text, label) in enumerate(zip(said, labels, strict=True)):
        words = text.split()
        for count in range(1, len(words) + 1):
            posterior = model.predict(" ".join(words[:count]), "en")
            likely = dict(posterior.by_destination)
            likely["desk"] -= posterior.by_intent["other"]
            best = max(likely, key=likely.__getitem__)
            assert found.sure[row, 0, count - 1] == pytest.approx(likely[best], abs=1e-6)
            assert found.right[row, 0, count - 1] == (best == ["sales", "selfservice", "desk"][label])
            boosted += posterior.key_phrase
        assert not found.sure[row, 0, len(words) :].any()
    assert boosted >= 5
    assert found.sure[2, 0, 5] >= 0.97
    assert not found.right[2, 0, 5]


def test_where_a_hard_word_was_heard_twice_running_the_reading_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = read(monkeypatch, [whole("i go to court and then i want to buy a phone")])
    assert (found.sure[0, 0] > 0).sum() == 4


def test_common_words_are_heard_in_place_of_others_more_often_than_rare_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aloud, "MISHEARD", 1.0)
    texts = [whole(f"the the the word{number}", example=number) for number in range(300)]
    texts.append(Text("cut", ("cut",), 0, 0.25, 0, whole=False))
    reader = Reader(texts, Phrases(()), seed=1)
    heard: Counter[str] = Counter()
    monkeypatch.setattr(Phrases, "search", lambda self, said: heard.update(said.split()[-1:]) or PhraseHits(None, {}))
    reader.read(IntentModel.fit(intents())._models["en"].lexical, texts)
    assert 0.65 < heard["the"] / heard.total() < 0.85
    assert len(heard) > 50
    assert not heard["cut"]


def test_each_reading_is_misheard_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aloud, "READINGS", 4)
    found = IntentModel.fit(intents()).aloud("en")
    assert found is not None
    assert found.sure.shape[:2] == (9, 4)
    assert len({reading.tobytes() for reading in found.sure[0]}) > 1


def test_other_phrases_are_read_anew(tmp_path: Path) -> None:
    """What is kept of the examples was read with the phrases of then."""
    first = IntentModel.fit(intents(), cache_dir=tmp_path).aloud("en")
    for key, hard in ((("phone",), ("to court",)), (("want to",), ("phone",))):
        other = IntentModel.fit(intents(key, hard), cache_dir=tmp_path).aloud("en")
        assert first is not None
        assert other is not None
        assert first.sure.tobytes() != other.sure.tobytes()
    again = IntentModel.fit(intents(), cache_dir=tmp_path).aloud("en")
    assert again is not None
    assert again.sure.tobytes() == first.sure.tobytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_read_is_nothing_heard() -> None:
    assert Reader([], Phrases(()), seed=1).heard(["a"], ["b"], np.ones(4, np.float32)) is None
