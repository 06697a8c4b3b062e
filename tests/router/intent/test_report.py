"""What is said of an operator's examples: of broken ones what breaks them, of good ones nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

import config
from config.schema import Intent, IntentSet
from router.intent import HeldOut, IntentModel
from router.intent.findings import Kind, LanguageReport, Share
from router.intent.report import FEW_EXAMPLES, examine
from tests.router.scripted import site

NAMES = {"pay": "selfservice", "buy": "sales", "price": "sales", "agent": "reception", "other": "reception"}
OBJECTS = ("phone", "line", "tablet", "router", "card", "house", "office", "shop", "garden", "car", "boat", "kite")


def examples(name: str) -> tuple[str, ...]:
    """Return sentences that share nothing but the name of their intent."""
    return tuple(f"{name} {thing}" for thing in OBJECTS)


def intent(name: str, *said: str, language: str = "en", **more: tuple[str, ...]) -> Intent:
    return Intent(name=name, language=language, destination=NAMES[name], examples=said or examples(name), **more)


def judged(name: str, text: str, **shares: float) -> HeldOut:
    return HeldOut(name, text, {**dict.fromkeys(NAMES, 0.0), **shares})


def told(*intents: Intent, held_out: Sequence[HeldOut] = (), languages: tuple[str, ...] = ("en",)) -> LanguageReport:
    settings = site(languages=languages, intents=IntentSet(intents=intents))
    return examine(settings, {"en": held_out}).languages[0]


def kinds(report: LanguageReport) -> list[Kind]:
    return [remark.kind for remark in report.remarks]


WHOLE = tuple(intent(name) for name in NAMES)


def test_good_examples_are_not_remarked_on() -> None:
    right = [judged(name, text, **{name: 0.9}) for name in NAMES for text in examples(name)]
    report = told(*WHOLE, held_out=right)
    assert report.remarks == ()
    assert (report.reached, report.astray, report.by_intent) == (Share(60, 60), Share(0, 60), Share(60, 60))
    assert [one.examples for one in report.intents] == [12] * 5


def test_a_sentence_in_two_places_is_found_however_it_is_written() -> None:
    report = told(
        *WHOLE[2:], intent("pay", *examples("pay"), "I'd PAY, now"), intent("buy", *examples("buy"), "id pay now")
    )
    (remark,) = report.remarks
    assert (remark.kind, remark.intents, remark.mild) == (Kind.TWICE, ("buy", "pay"), False)
    assert remark.place == "intents.en.buy.examples[12]"
    assert remark.message == "'id pay now' stands under 'pay' already"
    (remark,) = told(*WHOLE[1:], intent("pay", *examples("pay"), "Pay  phone!")).remarks
    assert (remark.kind, remark.mild) == (Kind.TWICE, True)


def test_sentences_that_are_nearly_the_same_cost_where_they_lead_apart() -> None:
    wish = ("i wonder what a month of it costs me", "what i wonder of a month costs it me")
    pay = intent("pay", *examples("pay"), wish[0])
    (remark,) = told(*WHOLE[2:], pay, intent("buy", *examples("buy"), wish[1])).remarks
    assert (remark.kind, remark.mild, remark.place) == (Kind.ALIKE, False, "intents.en.buy.examples[12]")
    both = (intent("buy", *examples("buy"), wish[0]), intent("price", *examples("price"), wish[1]))
    (remark,) = told(WHOLE[0], *both, *WHOLE[3:]).remarks
    assert (remark.kind, remark.mild) == (Kind.ALIKE, True)
    assert told(*WHOLE[1:], intent("pay", *examples("pay"), *wish)).remarks == ()


def test_what_lacks() -> None:
    remarks = told(intent("pay", "pay phone", "Pay phone.", "pay line")).remarks
    assert [(remark.kind, remark.intents) for remark in remarks if not remark.mild] == [
        (Kind.NO_CLASS, ()),
        (Kind.NO_CLASS, ()),
        (Kind.FEW, ("pay",)),
    ]
    assert remarks[2].message == "'pay' in 'en' has 2 examples only"
    assert "has no examples" in told(Intent(name="pay", language="en", destination="selfservice")).remarks[2].message
    arabic = [dataclasses.replace(one, language="ar") for one in WHOLE]
    (remark,) = told(*WHOLE[1:], *arabic, languages=("en", "ar")).remarks
    assert (remark.kind, remark.intents) == (Kind.ONE_LANGUAGE, ("pay",))
    (remark,) = told(*arabic, languages=("en", "ar")).remarks
    assert (remark.kind, remark.message) == (Kind.NO_INTENTS, "there are no intents in 'en'")


def test_a_hard_word_that_is_said_for_something_else() -> None:
    buy = intent("buy", hard_words=("Pay LINE", "pay l", "buy line"))
    (remark,) = told(WHOLE[0], buy, *WHOLE[2:]).remarks
    assert (remark.kind, remark.place) == (Kind.HARD_WORD, "intents.en.buy.hard_words[0]")
    assert remark.message == "'Pay LINE' also occurs in 'pay line', an example of 'pay'"


def test_an_example_that_reads_like_another_destination_by_a_wide_margin() -> None:
    right = [judged("pay", text, pay=0.9) for text in examples("pay")[:9]]
    wrong = [judged("pay", "pay car", buy=0.5, price=0.4, pay=0.1), judged("pay", "pay boat", buy=0.7, pay=0.3)]
    (remark,) = told(*WHOLE, held_out=right + wrong).remarks
    assert (remark.kind, remark.intents, remark.mild) == (Kind.ASTRAY, ("pay", "buy"), False)
    assert remark.place == "intents.en.pay.examples[9]"
    assert remark.message == "'pay car' reads like 'buy' and would be sent to 'sales' (90%), not to 'selfservice' (10%)"
    assert told(*WHOLE, held_out=[judged("buy", "buy car", price=0.8)]).remarks == (), "it leads to the same place"
    assert told(*WHOLE, held_out=[judged("other", "other car", price=0.9)]).remarks[0].kind is Kind.MISSED


def test_intents_that_are_confused_are_told_with_their_sentences() -> None:
    right = [judged(name, text, **{name: 0.9}) for name in NAMES for text in examples(name)[4:]]
    wrong = [judged("pay", text, buy=0.7, pay=0.3) for text in examples("pay")[:4]]
    wrong += [judged("buy", text, price=0.7, buy=0.3) for text in examples("buy")[:3]]
    wrong += [judged("buy", "buy router", pay=0.7, buy=0.3)]
    cost, mild = told(*WHOLE, held_out=right + wrong).remarks
    assert (cost.kind, cost.intents, cost.mild) == (Kind.CONFUSED, ("pay", "buy"), False)
    assert cost.message.startswith("4 of 12 examples of 'pay' are taken for 'buy' (the other way 1 of 12), which leads")
    assert [example.text for example in cost.examples] == list(examples("pay")[:4])
    assert (mild.kind, mild.intents, mild.mild) == (Kind.CONFUSED, ("buy", "price"), True)


def test_what_is_unclear_goes_nowhere_and_is_right_for_small_talk() -> None:
    unclear = {"pay": 0.5, "buy": 0.5}
    report = told(*WHOLE, held_out=[judged(name, text, **unclear) for name in NAMES for text in examples(name)])
    assert (report.reached, report.astray) == (Share(12, 60), Share(0, 60))
    assert {one.name: one.by_intent.right for one in report.intents} == {**dict.fromkeys(NAMES, 0), "other": 12}
    assert {remark.kind for remark in report.remarks} == {Kind.MISSED}
    assert report.remarks[0].message == (
        "only 0 of 12 examples of 'pay' would be sent to 'selfservice'; 12 are unclear, 0 would go elsewhere"
    )
    talk = told(*WHOLE, held_out=[judged("pay", "pay car", other=0.9, pay=0.1)])
    assert (talk.reached, talk.astray) == (Share(0, 1), Share(0, 1)), "small talk is evidence for no destination"


def test_an_example_is_sent_for_the_likeliest_intent_of_the_likeliest_destination() -> None:
    report = told(*WHOLE, held_out=[judged("pay", "pay car", pay=0.4, buy=0.35, price=0.25)])
    assert report.intents[0].taken_for == (("buy", 1),)


def test_what_is_no_example_is_left_out() -> None:
    report = told(*WHOLE, held_out=[judged("pay", "PAY car!", pay=1.0), judged("pay", "gone", buy=1.0)])
    assert report.reached == Share(1, 1)
    assert told(*WHOLE).reached == Share(0, 0)


def test_the_headline_names_each_language_and_what_is_left_to_mend() -> None:
    held_out = [judged("pay", "pay car", pay=1.0), judged("pay", "pay boat", pay=1.0)]
    settings = site(intents=IntentSet(intents=WHOLE), languages=("en", "ar"))
    assert examine(settings, {"en": held_out}).headline() == (
        "examples judged without having been learnt: en 100% of 2 (34-100%) sent right, 0% wrong; ar none; "
        "remarks: 1 (nabra intent --report)"
    )


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_wilson(right: int, of: int, low: float, high: float) -> None:
    """Figures from Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3."""
    assert (Share(right, of).low, Share(right, of).high) == pytest.approx((low, high), abs=5e-5)
    assert math.isclose(Share(of - right, of).high, 1 - Share(right, of).low, abs_tol=1e-12)


SWAPPED = "i want to cancel my contract"
TWICE = "what are your opening hours"


def test_broken_examples_are_named_where_they_stand() -> None:
    """Some of the examples that ship, with one moved, one copied, and an intent of which only two are left."""
    shipped = config.load()
    names = ("fault", "cancel", "price", "opening_hours", "agent", "other")

    def broken(one: Intent) -> Intent:
        said = [text for text in one.examples if text != SWAPPED]
        said += [SWAPPED] * (one.name == "agent") + [TWICE.upper()] * (one.name == "cancel")
        return dataclasses.replace(one, examples=tuple(said[:2] if one.name == "price" else said))

    intents = tuple(broken(one) for one in shipped.intents.intents if one.language == "en" and one.name in names)
    settings = dataclasses.replace(shipped, languages=("en",), intents=IntentSet(intents=intents))
    remarks = examine(settings, {"en": IntentModel.fit(intents).held_out("en")}).remarks
    assert SWAPPED in [remark.examples[0].text for remark in remarks if remark.kind is Kind.ASTRAY]
    (twice,) = [remark for remark in remarks if remark.kind is Kind.TWICE]
    assert twice.intents == ("opening_hours", "cancel")
    (few,) = [remark for remark in remarks if remark.kind is Kind.FEW]
    assert few.place == "intents.en.price"
    assert f"at least {FEW_EXAMPLES}" in few.advice
