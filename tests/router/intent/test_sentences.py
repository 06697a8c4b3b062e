"""A second reading by vectors: learnt with the words, counted beside them, and not needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from config.schema import Intent
from router.intent import IntentModel, spoken

MEANINGS = {"pay": 0, "settle": 0, "invoice": 0, "bill": 0, "buy": 1, "order": 1, "purchase": 1, "kaufen": 1}
INTENTS = tuple(
    Intent(name=name, language="en", destination=destination, examples=tuple(examples))
    for name, destination, examples in (
        (
            "pay",
            "selfservice",
            [f"{verb} the {one}" for verb in ("pay", "settle") for one in ("bill", "invoice", "sum")],
        ),
        ("buy", "sales", [f"{verb} a {one}" for verb in ("buy", "order") for one in ("phone", "plan", "line")]),
    )
)


class Dictionary:
    """Knows what some words mean: each text is the share of its words that mean either thing."""

    encoder_id = "dictionary"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), 3), np.float32)
        for row, text in zip(found, texts, strict=True):
            row[2] = 0.1
            for word in text.split():
                if word in MEANINGS:
                    row[MEANINGS[word]] += 1
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def model() -> IntentModel:
    return IntentModel.fit(INTENTS, encoder=Dictionary())


def vector(text: str) -> NDArray[np.float32]:
    return Dictionary().encode([spoken(text)])[0]


def test_a_word_that_no_example_has_is_understood_by_its_meaning(model: IntentModel) -> None:
    text = "kaufen"
    assert model.predict(text, "en", vector(text)).by_intent["buy"] > 0.65
    assert model.predict(text, "en", vector(text)).by_intent["buy"] > model.predict(text, "en").by_intent["buy"] + 0.1


def test_without_a_vector_words_are_read_as_by_a_model_without_an_encoder(model: IntentModel) -> None:
    alone = IntentModel.fit(INTENTS)
    assert model.predict("pay the phone", "en") == alone.predict("pay the phone", "en")
    assert alone.predict("pay the phone", "en", vector("pay")) == alone.predict("pay the phone", "en")
    assert alone.model_id != model.model_id


def test_it_is_kept_with_the_rest_and_by_its_encoder(model: IntentModel, tmp_path: Path) -> None:
    IntentModel.fit(INTENTS, cache_dir=tmp_path, encoder=Dictionary())
    (file,) = tmp_path.iterdir()
    before = file.stat().st_ino  # what is learnt anew is another file of that name
    again = IntentModel.fit(INTENTS, cache_dir=tmp_path, encoder=Dictionary())
    assert (again.model_id, file.stat().st_ino) == (model.model_id, before)
    assert again.encoder_of("en") == "dictionary"
    assert again.predict("kaufen", "en", vector("kaufen")) == model.predict("kaufen", "en", vector("kaufen"))
    assert IntentModel.fit(INTENTS, cache_dir=tmp_path).model_id != model.model_id
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_read_from_a_vector_can_be_written_down_and_is_all_that_is_decided_on(model: IntentModel) -> None:
    scores = model.scores(vector("kaufen"), "en")
    assert list(scores) == [intent.name for intent in INTENTS]
    assert all(value == round(value, 3) for value in scores.values())
    written = json.loads(json.dumps(scores))
    assert model.fused("kaufen", "en", written) == model.predict("kaufen", "en", vector("kaufen"))
    with pytest.raises(KeyError, match="pay"):
        model.fused("kaufen", "en", {"buy": 1.0})


def test_the_encoder_is_part_of_the_models_name_and_nothing_is_read_in_a_language_without_examples(
    model: IntentModel,
) -> None:
    class Renamed(Dictionary):
        encoder_id = "dictionary 2"

    assert IntentModel.fit(INTENTS, encoder=Renamed()).model_id != model.model_id
    assert (model.encoder_of("en"), model.encoder_of("ar")) == ("dictionary", "")
    assert IntentModel.fit(INTENTS).encoder_of("en") == ""
