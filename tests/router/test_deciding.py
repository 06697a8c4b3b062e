"""Whoever makes Nabra decide otherwise is reminded to say so: `router.deciding.DECIDING` is raised."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from config.schema import DecisionSettings
from router import generation as generations
from router.commands import Decide, PlayPrompt
from router.deciding import DECIDING
from router.evidence import RecogniserLost
from router.generation import Generation
from router.session import State
from router.stopping import Thresholds
from tests.router.scripted import ANGRY_RULES, BY_INTENT, KEYWORDS, Caller, Hard, KeywordReader, Posterior, rule, site

CALLS = 100
DECISIONS = {
    1: "88541141653446ddcad3b45b5c3c25524f500cf5959a03a3b9887a08646eabfa",
}
"""By version of deciding, the digest of what it decides on the calls below. Lines are added here, never changed: a
version that was released has decided what it has decided."""

TOPICS = ("complaint terrible", "buy order", "balance", "buy complaint", "balance order fraud", "")
TALK = ["hello", "i", "want", "to", "ask", "about", "my", "please", "it", "is", "not", "yes", "the"]
RULES = (
    *ANGRY_RULES,
    rule("key phrase", "hard_word", raise_minutes=4.0),
    rule("few words of sales", 'destination == "sales" and words < 3', ask=True),
    rule("sales are for the able", 'destination == "sales"', require="sales"),
    rule("third", 'intent == "complain" and probability > 0.9', prefer="patience"),
)
EARLY = Thresholds((0.95, 0.9, 0.85, 0.8, 0.7), learnt=True)
SETTINGS = (
    DecisionSettings(),
    DecisionSettings(threshold=0.5, early_error=0.2, min_words=2),
    DecisionSettings(threshold=0.8, early_threshold=0.85, ask=False),
)


class GradedReader(KeywordReader):
    """Surer of an intent the more of its keywords and the more words are heard."""

    model_id = "graded"

    def predict(self, text: str, language: str) -> Posterior:
        spoken = text.lower().split()
        counts = {name: 0.05 + sum(spoken.count(key) for key in keys) for name, keys in KEYWORDS.items()}
        total = sum(counts.values()) + 2.0 / (1 + len(spoken))
        by_intent = {name: count / total for name, count in counts.items()}
        by_destination = {BY_INTENT[name]: value for name, value in by_intent.items()}
        hard = Hard("fraud", "fraud", "complaints") if "fraud" in spoken else None
        return Posterior(by_intent, by_destination, len(spoken), hard, hard is not None)


def variants() -> Iterator[Generation]:
    """Generations that between them ask, raise, forbid, wait for tone, and stay in shadow."""
    for settings in SETTINGS:
        for rules in ((), RULES):
            for shadow in (False, True):
                made = Generation.of(site(decision=settings, rules=rules, shadow=shadow), 1, GradedReader())
                # What is learnt of it is in the hash by itself.
                yield replace(made, early={"en": EARLY})


def call(made: Generation, seed: int) -> Caller:
    """A call in which anything may happen, the same for the same seed; it ends with a decision or the caller's end."""
    chance = random.Random(seed)  # of which only `random()` is promised to stay as it is
    caller = Caller(made, recogniser=chance.random() < 0.9).until(0.2)
    said: list[str] = []
    topic = [*TOPICS[int(chance.random() * len(TOPICS))].split(), *TALK]
    topic = topic if chance.random() < 0.3 else [*topic[: len(topic) - len(TALK)] * 5, *TALK]
    t = 0.2
    while not caller.decisions and caller.session.state is not State.ENDED and t < 25:
        t += round(0.1 + 0.9 * chance.random(), 2) + (6.0 if chance.random() < 0.04 else 0.0)
        caller.until(t)
        if caller.decisions:
            break
        kind = chance.random()
        if kind < 0.15 or (not said and kind < 0.3):
            caller.speaks(1.5 * chance.random())
        elif kind < 0.55:
            said += [topic[int(chance.random() * len(topic))] for _ in range(1 + int(2 * chance.random()))]
            caller.partial(" ".join(said))
        elif kind < 0.60:
            caller.ends()
        elif kind < 0.70:
            caller.ends().final(" ".join(said))
        elif kind < 0.93:
            call_anger = chance.random() if chance.random() < 0.5 else None
            caller.sounds(chance.random(), chance.random(), chance.random() < 0.1, call_anger=call_anger)
        elif kind < 0.96:
            caller.presses("129#"[int(4 * chance.random())])
        elif kind < 0.98:
            caller.tell(RecogniserLost(at_s=caller.now_s, audio_s=caller.t, reason="gone"))
        else:
            caller.hangs_up()
    return caller


def told(caller: Caller) -> list[object]:
    """What was done with a call, without the sentences: what was asked, made of its tone, waited for, and decided."""
    asked = [[round(at, 3), one.name] for at, one in caller.commands if isinstance(one, PlayPrompt)]
    decided = [
        [
            round(at, 3),
            one.decision.destination,
            one.decision.priority,
            one.decision.shadow_destination,
            one.decision.shadow_priority,
            one.decision.intent,
            None if one.decision.probability is None else round(one.decision.probability, 6),
            one.decision.rung.value,
            one.decision.trigger.value,
            [[step.rung.value, step.missing.value] for step in one.decision.steps],
            list(one.decision.rules_fired),
            list(one.decision.require),
            list(one.decision.prefer),
        ]
        for at, one in caller.commands
        if isinstance(one, Decide)
    ]
    record: Any = caller.session.record(caller.now_s).to_json()
    tone = [round(value, 6) if isinstance(value, float) else value for value in record["tone"].values()]
    waited = [[entry["state"], entry["waiting_for_tone"]] for entry in record["timeline"]]
    return [*asked, *decided, tone, waited]


def digest() -> str:
    """SHA-256, in hex, of what is done with all the calls."""
    made = [told(call(one, seed)) for one in variants() for seed in range(CALLS)]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()


def test_what_decides_otherwise_has_another_version() -> None:
    found = digest()
    assert DECISIONS.get(DECIDING) == found, (
        f"calls are decided otherwise than by version {DECIDING} of deciding. Where that is not meant, something "
        f"broke. Where it is: raise DECIDING in router/deciding.py, and add 'VERSION: \"{found}\",' to DECISIONS here"
    )


def test_the_calls_are_of_every_kind() -> None:
    calls = [call(one, seed) for one in variants() for seed in range(CALLS)]
    decisions = [caller.decision for caller in calls if caller.decisions]
    assert len(decisions) > 0.75 * len(calls)
    assert {one.trigger.value for one in decisions} >= {"words", "end_of_speech", "key", "no_speech", "listen_deadline"}
    assert len({one.destination for one in decisions}) == 4
    assert len({one.rung for one in decisions}) == 4
    assert any(one.priority for one in decisions)
    assert any(one.shadow_destination for one in decisions)
    assert any("ask" in [p.name for _, p in caller.commands if isinstance(p, PlayPrompt)] for caller in calls)


def test_another_version_is_another_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Generation.of(site(), 1, KeywordReader())
    monkeypatch.setattr(generations, "DECIDING", DECIDING + 1)
    assert Generation.of(site(), 1, KeywordReader()).hash != before.hash


def test_other_early_thresholds_are_another_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Generation.of(site(), 1, KeywordReader())
    monkeypatch.setattr(generations, "thresholds", lambda *_: {"en": EARLY})
    assert Generation.of(site(), 1, KeywordReader()).hash != before.hash
