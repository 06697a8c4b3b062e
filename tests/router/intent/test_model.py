"""The model as a whole: learnt from the shipped examples, and from few, odd and damaged ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from benchmarks.intent_sets import english_sets
from config.schema import Intent
from router.intent import IntentModel, normalise

SMALL = (
    Intent(
        name="pay",
        language="en",
        destination="selfservice",
        examples=("pay my bill", "i want to pay", "make a payment"),
    ),
    Intent(
        name="buy",
        language="en",
        destination="sales",
        examples=("buy a phone", "i want to order", "a new contract"),
        key_phrases=("phone",),
        hard_words=("shut up and take my money",),
    ),
    Intent(name="other", language="en", destination="reception", examples=("hello", "good morning", "yes")),
)


@pytest.fixture(scope="module")
def shipped() -> IntentModel:
    return IntentModel.fit(config.load().intents.intents)


@pytest.mark.parametrize(
    ("text", "language", "intent", "destination"),
    [
        (
            "Hello, I'm calling because you charged me twice and I want my money back.",
            "en",
            "billing_dispute",
            "complaints",
        ),
        ("I'd like to buy a new phone, please.", "en", "new_order", "sales"),
        ("Can you tell me how much money I have in my account?", "en", "balance", "selfservice"),
        ("my internet has not been working since yesterday", "en", "fault", "complaints"),
        ("could i upgrade to a bigger package", "en", "upgrade", "sales"),
        ("somebody stole my card", "en", "fraud", "complaints"),
        ("what time do you close on saturday", "en", "opening_hours", "selfservice"),
        ("i'd like to speak to a person", "en", "agent", "reception"),
        ("أريد أن أعرف رصيد حسابي", "ar", "balance", "selfservice"),
        ("ابغى اشتري جوال جديد لو سمحت", "ar", "new_order", "sales"),
        ("النت مقطوع عندي من امبارح ومحدش رد", "ar", "fault", "complaints"),
        ("بدي قدم شكوى على الموظف", "ar", "staff_complaint", "complaints"),
        ("عايز ألغي الاشتراك بتاعي", "ar", "cancel", "complaints"),
        ("ممكن أكلم موظف خدمة العملاء", "ar", "agent", "reception"),
    ],
)
def test_what_callers_want_is_understood(
    shipped: IntentModel, text: str, language: str, intent: str, destination: str
) -> None:
    posterior = shipped.predict(text, language)
    assert (posterior.intent, posterior.destination) == (intent, destination)
    assert posterior.probability > 0.5
    assert sum(posterior.by_intent.values()) == pytest.approx(1)
    assert sum(posterior.by_destination.values()) == pytest.approx(1)


def test_less_heard_is_less_sure(shipped: IntentModel) -> None:
    words = ["i", "would", "like", "to", "know", "what", "my", "balance", "is"]
    sure = [shipped.predict(" ".join(words[:n]), "en").probability for n in (3, len(words))]
    assert sure[0] < 0.8 < sure[1]


def test_nothing_is_said_of_what_is_not_known(shipped: IntentModel) -> None:
    for text, language in (("", "en"), ("...", "en"), ("bonjour", "fr")):
        posterior = shipped.predict(text, language)
        assert (posterior.intent, posterior.destination, posterior.probability) == ("", "", 0.0)
        assert posterior.by_intent == {}


def test_a_hard_word_decides_whatever_else_is_said(shipped: IntentModel) -> None:
    posterior = shipped.predict("i want to buy a phone but this smells of fraud", "en")
    assert posterior.hard is not None
    assert (posterior.hard.phrase, posterior.intent, posterior.destination) == ("fraud", "fraud", "complaints")
    assert posterior.probability > 0.95


def test_a_key_phrase_makes_its_intent_likelier() -> None:
    without = [*SMALL[:1], Intent(name="buy", language="en", destination="sales", examples=SMALL[1].examples), SMALL[2]]
    text = "about my phone"
    assert IntentModel.fit(SMALL).predict(text, "en").by_intent["buy"] > (
        IntentModel.fit(without).predict(text, "en").by_intent["buy"] + 0.05
    )


def test_the_same_examples_give_the_same_model() -> None:
    first, second = IntentModel.fit(SMALL), IntentModel.fit(SMALL)
    assert first.model_id == second.model_id
    assert first.predict("pay the phone", "en") == second.predict("pay the phone", "en")
    assert IntentModel.fit(SMALL[:2]).model_id != first.model_id


def test_a_second_start_learns_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = IntentModel.fit(SMALL, cache_dir=tmp_path)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr("router.intent.fitting.fit_language", lambda *_: pytest.fail("it learnt again"))
    second = IntentModel.fit(SMALL, cache_dir=tmp_path)
    assert second.model_id == first.model_id
    assert second.predict("pay my phone", "en") == first.predict("pay my phone", "en")
    with np.load(file, allow_pickle=False) as stored:
        assert json.loads(stored["en.about"].tobytes())["intents"] == ["pay", "buy", "other"]


@settings(max_examples=25, deadline=None)
@given(at=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_model_is_learnt_again(
    tmp_path_factory: pytest.TempPathFactory, at: float, byte: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("models")
    first = IntentModel.fit(SMALL, cache_dir=folder)
    (file,) = folder.iterdir()
    raw = bytearray(file.read_bytes())
    place = int(at * (len(raw) - 1))
    raw[place] = byte
    file.write_bytes(raw[:place] if cut else raw)
    assert IntentModel.fit(SMALL, cache_dir=folder).model_id == first.model_id


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert IntentModel.fit(SMALL, cache_dir=blocked / "models").predict("pay my bill", "en").intent == "pay"


def test_what_was_held_out_is_kept_with_the_model(tmp_path: Path) -> None:
    written = replace(SMALL[1], examples=("Buy, a PHONE!", *SMALL[1].examples, "?"))
    first = IntentModel.fit([SMALL[0], written, SMALL[2]], cache_dir=tmp_path)
    found = first.held_out("en")
    assert [(one.intent, one.text) for one in found] == [
        (intent.name, normalise(text)) for intent in SMALL for text in intent.examples
    ]
    for one in found:
        assert set(one.by_intent) == {"pay", "buy", "other"}
        assert sum(one.by_intent.values()) == pytest.approx(1)
    assert IntentModel.fit([SMALL[0], written, SMALL[2]], cache_dir=tmp_path).held_out("en") == found
    assert first.held_out("ar") == ()


def test_a_held_out_example_was_not_learnt(shipped: IntentModel) -> None:
    """Learnt by heart, next to every example would be taken for its own intent."""
    found = shipped.held_out("en")
    right = np.mean([max(one.by_intent, key=one.by_intent.__getitem__) == one.intent for one in found])
    learnt = np.mean([shipped.predict(one.text, "en").intent == one.intent for one in found])
    assert 0.5 < right < 0.97 < learnt


def test_one_intent_alone_is_not_guessed_but_its_hard_words_are_heard() -> None:
    alone = IntentModel.fit(SMALL[1:2])
    assert alone.predict("buy a phone", "en").by_intent == {}
    heard = alone.predict("shut up and take my money", "en")
    assert (heard.intent, heard.probability) == ("buy", 1.0)


def test_languages_can_be_chosen() -> None:
    arabic = Intent(name="pay", language="ar", destination="selfservice", examples=("ادفع الفاتورة",))
    assert IntentModel.fit([*SMALL, arabic], languages=["en"]).languages == ("en",)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_gives_probabilities(shipped: IntentModel, text: str) -> None:
    for language in ("en", "ar"):
        posterior = shipped.predict(text, language)
        assert 0 <= posterior.probability <= 1 + 1e-9
        if posterior.by_intent:
            assert sum(posterior.by_intent.values()) == pytest.approx(1)


def test_spoken_insurance_calls_are_routed_as_well_as_was_measured(corpora: Path) -> None:
    """Twenty examples of each label of spoken calls, the rest held out: at least 94 % reach the right one of three."""
    texts = next(found for found in english_sets(corpora) if found.name == "natcs insurance")
    drawn: dict[str, list[str]] = {}
    rest: list[tuple[str, str]] = []
    for text, label in texts.train:
        group = drawn.setdefault(label, [])
        if len(group) < 20:
            group.append(text)
        else:
            rest.append((text, label))
    model = IntentModel.fit(
        [
            Intent(name=label, language="en", destination=texts.destinations[label], examples=tuple(group))
            for label, group in sorted(drawn.items())
        ]
    )
    right = [model.predict(text, "en").destination == texts.destinations[label] for text, label in rest]
    assert np.mean(right) > 0.94


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "bill"),
        ("en", "card"),
        ("en", "the phone"),
        ("en", "my cat is sick today"),
        ("en", "it is raining here all day"),
        ("en", "hello"),
        ("en", "yes"),
        ("ar", "ايوه"),
        ("ar", "الجو حر اليوم كثير"),
        ("ar", "يا ولد جيب المويه"),
    ],
)
def test_what_is_no_wish_goes_to_no_specialist(shipped: IntentModel, language: str, said: str) -> None:
    posterior = shipped.predict(said, language)
    specialists = {name: p for name, p in posterior.by_destination.items() if name != "reception"}
    assert max(specialists.values()) < config.load().decision.threshold


@pytest.mark.parametrize(
    ("language", "said", "destination"),
    [
        ("en", "your technician never turned up yesterday and i took a day off work", "complaints"),
        ("en", "the internet has been down since monday", "complaints"),
        ("en", "i'm thinking of switching over to you guys", "sales"),
        ("en", "is the new tablet in stock yet", "sales"),
        ("en", "operator", "reception"),
        ("ar", "خصمتو عشرين دينار بدون ما تقولو", "complaints"),
        ("ar", "بدي حدا يساعدني", "reception"),
    ],
)
def test_plain_wishes_go_where_they_belong(shipped: IntentModel, language: str, said: str, destination: str) -> None:
    posterior = shipped.predict(said, language)
    assert posterior.destination == destination
    assert posterior.probability >= config.load().decision.threshold
