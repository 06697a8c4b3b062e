"""How unlike every example a text is."""

import numpy as np
import pytest

from config.schema import Intent
from router.intent import IntentModel
from router.intent.familiar import familiarity, usual, weighed

SCORES = np.array([[3.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
NAMES = ["buy", "owe", "other"]


def test_what_is_less_familiar_than_usual_is_likelier_other() -> None:
    bar = familiarity(SCORES, 2).mean()
    found = weighed(SCORES, NAMES, np.full(2, bar))
    assert found[:, :2] == pytest.approx(SCORES[:, :2])
    assert found[0, 2] < SCORES[0, 2]
    assert found[1, 2] > SCORES[1, 2]


def test_familiarity_is_of_all_other_classes_together() -> None:
    assert familiarity(SCORES, 2) == pytest.approx(np.log(np.exp(SCORES[:, 0]) + np.exp(SCORES[:, 1])))


def test_without_other_nothing_is_weighed() -> None:
    assert weighed(SCORES, ["buy", "owe", "price"], 5.0) is SCORES
    assert usual(SCORES, ["buy", "owe", "price"], np.array([0, 1]), np.array([0, 0]), 4).tolist() == [0, 0, 0, 0]


def test_what_is_usual_is_told_by_bucket_and_not_by_other_itself() -> None:
    scores = np.repeat(SCORES, 200, axis=0)
    labels = np.array([0] * 200 + [1] * 100 + [2] * 100)
    buckets = np.array([3] * 200 + [0] * 200)
    found = usual(scores, NAMES, labels, buckets, 4)
    short, long = familiarity(SCORES, 2)[1], familiarity(SCORES, 2)[0]
    assert short < found[0] < found[1]
    assert found[1:] == pytest.approx(long)


def test_a_text_like_no_example_is_other() -> None:
    intents = [
        Intent(name="buy", language="en", destination="sales", examples=("i want to buy a phone", "sell me a phone")),
        Intent(name="owe", language="en", destination="bills", examples=("what do i owe you", "what is my balance")),
        Intent(name="other", language="en", destination="desk", examples=("good morning", "my friend told me so")),
    ]
    model = IntentModel.fit(intents)
    known = model.predict("i want to buy phone", "en").by_intent["other"]
    unknown = model.predict("zebras graze quietly", "en").by_intent["other"]
    assert known < unknown


@pytest.mark.parametrize("leads", [40.0, 750.0])
@pytest.mark.parametrize("column", [0, 2])
def test_a_class_that_leads_by_far_leaves_all_scores_numbers(leads: float, column: int) -> None:
    scores = np.zeros(3)
    scores[column] = leads
    of_all_others = np.log(2) if column == 2 else leads
    assert familiarity(scores, 2) == pytest.approx(of_all_others)
    found = weighed(scores, ("a", "b", "other"), 0.5)
    assert np.isfinite(found).all()
    assert list(found[:2]) == list(scores[:2])
