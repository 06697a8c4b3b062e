"""Early decisions: how sure they must be is learnt, kept, and never less than the end would need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from config.schema import DecisionSettings, Notice
from config.schema import Tone as ToneSettings
from router import Generation, replay
from router.commands import Trigger
from router.decider import said
from router.intent import IntentModel
from router.reasons import Code
from router.record import decision_to_json
from router.stopping import NEVER, STRICT, Aloud, learn
from tests.router.scripted import BY_INTENT, Caller, KeywordReader, Posterior, generation, rule, site


def read_aloud(texts: int, words: int = 10, seed: int = 1, honest: bool = True, readings: int = 2) -> Aloud:
    """Readings that are right as often as they say, or always much less often."""
    rng = np.random.default_rng(seed)
    of_text = rng.uniform(0.3, 1.0, (texts, readings, 1))
    sure = np.minimum(of_text * np.linspace(0.6, 1.0, words), 0.999).astype(np.float32)
    return Aloud(sure, rng.random((texts, readings, 1)) < (sure if honest else 0.5 * sure))


def callers(texts: int, seed: int, boldness: float = 1.0, words: int = 10) -> Aloud:
    """Readings that grow surer, more or less quickly; the log-odds of being right are so much less than they say."""
    rng = np.random.default_rng([abs(seed), seed < 0])
    odds = rng.normal(0.0, 1.2, (texts, 1, 1)) + np.cumsum(rng.normal(0.3, 0.5, (texts, 2, words)), axis=2)
    right = np.log(1 / rng.random((texts, 2, 1)) - 1) < odds / boldness
    return Aloud((1 / (1 + np.exp(-np.abs(odds)))).astype(np.float32), right == (odds > 0))


def walked(aloud: Aloud, needed: tuple[float, ...], min_words: int) -> tuple[float, float]:
    """The obvious way: every reading of every text, word by word; a text is one, however often it is read."""
    decided = wrong = 0
    for all_sure, all_right in zip(aloud.sure.tolist(), aloud.right.tolist(), strict=True):
        for sure, right in zip(all_sure, all_right, strict=True):
            for words in range(min_words, len(sure) + 1):
                if sure[words - 1] >= needed[min(words, len(needed)) - 1]:
                    decided += 1
                    wrong += not right[words - 1]
                    break
    return decided / aloud.sure.shape[1], wrong / aloud.sure.shape[1]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(1, 800),
    st.sampled_from([0.01, 0.03, 0.1]),
    st.integers(1, 12),
    st.booleans(),
)
def test_what_is_needed_falls_with_the_words_and_is_learnt_of_enough_that_are_decided(
    seed: int, texts: int, error: float, min_words: int, honest: bool
) -> None:
    aloud = read_aloud(texts, seed=seed, honest=honest)
    found = learn(aloud, DecisionSettings(early_error=error, min_words=min_words))
    assert all(before >= after for before, after in pairwise(found.needed))
    assert min(found.needed) >= 0.6
    if found.learnt:
        assert walked(aloud, found.needed, min_words)[0] * error >= 1
    else:
        assert min(found.needed) >= max(STRICT, 1 - error / 2)


@pytest.mark.parametrize("boldness", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("error", [0.03, 0.1])
def test_what_is_learnt_keeps_the_promise_on_others_who_speak_alike(error: float, boldness: float) -> None:
    """Readers that are a little surer, or less sure, than they are right: of all who are decided so many go wrong."""
    decided = wrong = 0.0
    for seed in range(12):
        learnt_of, judged = (callers(texts, seed=one, boldness=boldness) for texts, one in ((500, seed), (4000, -seed)))
        found = learn(learnt_of, DecisionSettings(early_error=error))
        assert found.learnt
        count, errors = walked(judged, found.needed, 4)
        decided, wrong = decided + count, wrong + errors
    assert 0.5 * error < wrong / decided < 1.25 * error


@pytest.mark.parametrize("speakers", [3, 6])
def test_a_few_examples_more_or_less_hardly_move_what_is_needed(speakers: int) -> None:
    """Errors that are counted among the few that are decided would make it jump, by 0.04 for the second of these."""
    aloud = callers(500, seed=speakers)
    needed = []
    for seed in range(20):
        kept = np.random.default_rng(seed).random(500) > 0.01
        found = learn(Aloud(aloud.sure[kept], aloud.right[kept]), DecisionSettings())
        assert found.learnt
        needed.append(found.needed)
    assert np.ptp(needed, axis=0).max() < 0.015


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 600))
def test_whoever_allows_more_errors_never_listens_longer(seed: int, texts: int) -> None:
    aloud = read_aloud(texts, seed=seed)
    learnt = [learn(aloud, DecisionSettings(early_error=error)) for error in (0.01, 0.02, 0.05, 0.1, 0.3)]
    for strict, lax in pairwise(learnt):
        assert all(a >= b for a, b in zip(strict.needed, lax.needed, strict=True))


def test_a_reader_that_is_surer_than_right_must_be_surer() -> None:
    allowed = DecisionSettings(early_error=0.2)
    honest, boastful = (learn(read_aloud(600, honest=one), allowed) for one in (True, False))
    assert honest.learnt
    assert honest.after(6) < 0.95
    assert not boastful.learnt or boastful.after(6) > honest.after(6)


@pytest.mark.parametrize("texts", [1, 8])
def test_with_little_held_out_the_probability_itself_must_promise_it(texts: int) -> None:
    aloud = Aloud(np.full((texts, 3, 6), 0.99, np.float32), np.ones((texts, 3, 6), np.bool_))
    assert set(learn(aloud, DecisionSettings()).needed) == {0.985}
    assert set(learn(aloud, DecisionSettings(early_error=0.1)).needed) == {STRICT}
    assert set(learn(aloud, DecisionSettings(threshold=0.99, early_error=0.1)).needed) == {0.99}


def test_a_threshold_at_the_end_that_nothing_reaches_lets_every_caller_finish() -> None:
    assert learn(read_aloud(200), DecisionSettings(threshold=1.0)).after(9) == NEVER


def test_readings_must_be_of_the_same_texts() -> None:
    with pytest.raises(ValueError, match="the same texts"):
        Aloud(np.zeros((2, 1, 3), np.float32), np.zeros((2, 3, 1), np.bool_))
    with pytest.raises(ValueError, match="the same texts"):
        Aloud(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.bool_))


def test_a_text_that_is_read_again_is_no_second_text() -> None:
    """Otherwise a few examples, read often enough, would show whatever is wanted."""
    once = read_aloud(150, readings=1)
    often = Aloud(np.repeat(once.sure, 5, axis=1), np.repeat(once.right, 5, axis=1))
    for error in (0.02, 0.05, 0.1, 0.3):
        allowed = DecisionSettings(early_error=error)
        assert learn(often, allowed) == learn(once, allowed)


@dataclass(frozen=True)
class Heard:
    """Reads "buy" for sales, surer with every word; what it holds out says how sure is sure enough."""

    held_out: Aloud | None
    model_id: str = "heard"

    def predict(self, text: str, language: str) -> Posterior:
        words = len(text.split())
        buys = min(0.5 + 0.05 * words, 0.99)
        by_intent: Mapping[str, float] = {"buy": buys, "balance": 1 - buys}
        return Posterior(by_intent, {BY_INTENT[name]: p for name, p in by_intent.items()}, words, None)

    def aloud(self, language: str) -> Aloud | None:
        return self.held_out if language == "en" else None


def always_right(texts: int = 400, words: int = 12) -> Aloud:
    sure = np.minimum(0.5 + 0.05 * np.arange(1, words + 1), 0.99)
    return Aloud(np.tile(sure, (texts, 1, 1)).astype(np.float32), np.ones((texts, 1, words), np.bool_))


def says(caller: Caller, words: int) -> Caller:
    return caller.partial(" ".join(["word"] * words))


def test_the_threshold_that_applied_is_in_the_reasons_and_on_the_record() -> None:
    made = Generation.of(site(rules=()), 1, Heard(always_right()))
    caller = says(says(Caller(made).until(3).speaks(), 3), 5)
    decision = caller.decision
    assert decision.trigger is Trigger.WORDS
    reasons = {reason.code: reason for reason in decision.reasons}
    needed = made.early_threshold("en", 5)
    assert needed < STRICT
    assert reasons[Code.WORDS].parameters["threshold"] == reasons[Code.EARLY].parameters["threshold"] == needed
    assert "3 in 100 of all early decisions" in reasons[Code.EARLY].en
    record = caller.session.record(caller.now_s)
    again = replay(json.loads(json.dumps(record.to_json())), made)
    assert again is not None
    assert json.dumps(decision_to_json(again)) == json.dumps(decision_to_json(decision))


def test_an_explicit_threshold_stands_above_what_was_learnt() -> None:
    fixed = DecisionSettings(early_threshold=0.9)
    made = Generation.of(site(rules=(), decision=fixed), 1, Heard(always_right()))
    caller = says(Caller(made).until(3).speaks(), 7)
    assert not caller.decisions
    says(caller, 8)
    assert caller.decision.trigger is Trigger.WORDS
    assert Code.EARLY not in {reason.code for reason in caller.decision.reasons}


def test_a_language_without_anything_held_out_needs_the_strict_threshold() -> None:
    made = Generation.of(site(rules=()), 1, Heard(always_right()))
    assert {made.early_threshold("ar", words) for words in (1, 5, 50)} == {STRICT}
    assert Generation.of(site(), 1, KeywordReader()).early_threshold("en", 5) == STRICT
    assert Generation.of(site(), 1, Heard(None)).early_threshold("en", 5) == STRICT


# how much speech


@pytest.mark.parametrize(("words", "speech_s", "counted"), [(5, 0.5, 3), (5, 0.84, 5), (5, float("inf"), 5), (0, 0, 0)])
def test_words_count_no_faster_than_they_can_be_said(words: int, speech_s: float, counted: int) -> None:
    assert said(words, speech_s) == counted


def test_words_that_came_too_fast_wait_for_as_much_speech() -> None:
    """A recogniser that goes round in circles writes a whole sentence after a cough."""
    caller = Caller(generation(rules=())).until(3).speaks(since_s=0.1).partial("i want to buy a thing")
    assert not caller.decisions
    caller.until(3.5).sounds(0.1)
    assert not caller.decisions
    caller.until(4).sounds(0.1)
    assert caller.decision.trigger is Trigger.WORDS
    record = caller.session.record(caller.now_s)
    assert replay(record, caller.generation) == caller.decision


# words may not decide before tone could matter


def wants_balance(made: Generation) -> Caller:
    return says(Caller(made).until(3).speaks(), 5)


BUYERS = (rule("angry buyers", 'angry and destination == "sales"', route="complaints"),)


def test_under_the_learnt_rule_words_wait_for_tone_that_could_matter() -> None:
    made = Generation.of(site(rules=BUYERS), 1, Heard(always_right()))
    assert made.early_threshold("en", 5) < STRICT
    caller = wants_balance(made)
    assert not caller.decisions
    assert caller.session.record(caller.now_s).timeline[-1].waiting_for_tone
    caller.until(3.5).sounds(0.95, call_anger=0.0)
    assert not caller.decisions
    caller.until(3.75).sounds(0.95, call_anger=0.9)
    assert (caller.decision.destination, caller.decision.decided_at_s) == ("complaints", 3.75)


@pytest.mark.parametrize("why", ["indifferent", "off", "no notice", "objected", "lost"])
def test_under_the_learnt_rule_nobody_waits_for_tone_that_cannot_matter_or_come(why: str) -> None:
    rules = () if why == "indifferent" else BUYERS
    changes = {"off": {"tone": ToneSettings(enabled=False)}, "no notice": {"notice": Notice(tone_off_key="9")}}
    made = Generation.of(replace(site(rules=rules), **changes.get(why, {})), 1, Heard(always_right()))  # type: ignore[arg-type]
    caller = Caller(made).until(3).speaks()
    if why == "objected":
        caller.presses("9")
    if why == "lost":
        caller.sounds(0.0, abstained=True, lost=True)
    says(caller, 5)
    assert (caller.decision.destination, caller.decision.decided_at_s) == ("sales", 3.0)


def test_under_the_learnt_rule_the_deadline_ends_the_wait_for_tone() -> None:
    made = Generation.of(site(rules=BUYERS), 1, Heard(always_right()))
    caller = wants_balance(made).until(60)
    assert caller.decision.trigger is Trigger.LISTEN_DEADLINE
    assert caller.decision.destination == "sales"
    assert Code.TONE_UNHEARD in {reason.code for reason in caller.decision.reasons}


def test_the_shipped_examples_are_read_aloud_and_the_hash_covers_what_follows() -> None:
    shipped = config.load()
    made = Generation.fit(shipped, 1)
    assert isinstance(made.intent_model, IntentModel)
    for language in ("en", "ar"):
        aloud = made.intent_model.aloud(language)
        assert aloud is not None
        sure, right = (one.reshape(-1, one.shape[-1]) for one in (aloud.sure, aloud.right))
        ends = (sure > 0).sum(axis=1) - 1
        assert 0.4 < right[np.arange(len(ends)), ends].mean() <= 1.0
        needed = [made.early_threshold(language, words) for words in range(1, 20)]
        assert needed == sorted(needed, reverse=True)
        assert 0.6 <= needed[-1] <= needed[0] <= 1.0
    again = IntentModel.fit(shipped.intents.intents)
    assert again.model_id == made.intent_model.model_id
    assert Generation.of(shipped, 1, again).early == made.early
