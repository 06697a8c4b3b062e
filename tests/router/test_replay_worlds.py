"""One caller, two sites: what a record of the one says of the other is what happens there, or that it is not known.

Both sites are drawn at random, and so is the caller. The caller lives through both; the second life is the truth.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from config.schema import (
    Budget,
    Config,
    Customers,
    DecisionSettings,
    Line,
    Notice,
    PreferAgent,
    Records,
    Skill,
    Speech,
    SpeechEngine,
    SpeechModel,
    Tone,
)
from router.commands import Decision
from router.generation import Generation
from router.record import decision_to_json
from router.recorded import DecisionLine
from router.replay import LATE_S, Replayed, Silence, Unknown, WhatIf
from router.resentenced import Read
from router.skimming import Skimmer
from router.states import ANALYSING
from tests.router.scripted import (
    FACTS,
    INTENTS,
    Caller,
    KeywordReader,
    Posterior,
    SentenceReader,
    rule,
    site,
    vector_of,
)
from tests.router.test_properties import Step, conversations, steps

AGENT = "PJSIP/1001"
NUMBER = "+97225551234"


class OtherReader(KeywordReader):
    """Reads as KeywordReader does, but is less sure of what is wanted, and takes a thing for something to buy."""

    model_id = "other keywords"

    def predict(self, text: str, language: str) -> Posterior:
        found = super().predict(text.replace("hello", "buy"), language)
        return replace(found, by_destination={name: 0.8 * value for name, value in found.by_destination.items()})


class OtherSentences(SentenceReader):
    """Makes less of what sentences mean."""

    model_id = "other keywords and sentences"
    weight = 1.0


READERS = {one.model_id: one for one in (KeywordReader, OtherReader, SentenceReader, OtherSentences)}


@dataclass(frozen=True)
class Site:
    """A configuration, and what reads its callers' words."""

    config: Config
    reader: str

    def generation(self, name: str) -> Generation:
        return Generation.of(replace(self.config, fingerprint=name), 1, READERS[self.reader]())

    @property
    def reads_sentences(self) -> bool:
        return issubclass(READERS[self.reader], SentenceReader)


_CONDITIONS = st.sampled_from(
    [
        'intent == "buy"', "not sure", "asked", "hard_word", "true", "last_agent_known", "spoke", 'language != "en"',
        f'caller_number == "{NUMBER}"', "hour < 12", "words > 3", '"thing" in text', "probability > 0.85", "not spoke",
    ]
)  # fmt: skip
_ON_TONE = st.sampled_from(["angry", "anger > 0.4", "tone_known and sure", "valence < 0.3", "angry or asked"])
_ACTIONS = (
    {"route": "complaints"},
    {"route": "sales", "shadow": True},
    {"route": "selfservice"},
    {"never": "sales"},
    {"never": "selfservice"},
    {"require": "refunds"},
    {"prefer": "refunds", "raise_minutes": 2.0},
    {"prefer_agent": PreferAgent()},
    {"raise_minutes": 7.0},
    {"ask": True},
)
_TONE_ACTIONS = (
    {"route": "complaints"},
    {"route": "sales"},
    {"never": "selfservice"},
    {"prefer": "refunds"},
    {"raise_minutes": 7.0},
    {"raise_minutes": 3.0, "shadow": True},
)
_RULES = st.lists(
    st.one_of(
        st.tuples(_CONDITIONS, st.sampled_from(_ACTIONS)),
        st.tuples(_CONDITIONS, st.sampled_from(_ACTIONS)),
        st.tuples(_ON_TONE, st.sampled_from(_TONE_ACTIONS)),
    ),
    max_size=5,
).map(lambda pairs: tuple(rule(f"r{n}", when, **then) for n, (when, then) in enumerate(pairs)))
_PROMPT = {"en": Path("prompt.wav")}
_BOTH = {**_PROMPT, "ar": Path("prompt.wav")}


def _mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from((*(usual,) * (2 * len(others)), *others))


_MOONSHINE, _DEAF = SpeechModel(engine=SpeechEngine.MOONSHINE), SpeechModel(engine=SpeechEngine.NONE)
_HEARD = Speech(models={"en": _MOONSHINE, "ar": _MOONSHINE})


@st.composite
def sites(draw: st.DrawFn) -> Site:
    notice = Notice(
        prompts=draw(_mostly(_BOTH, {}, _PROMPT)),
        ask=draw(_mostly(_BOTH, {}, _PROMPT)),
        tone_off_key=draw(_mostly("9", "7")),
    )
    config = site(
        languages=draw(_mostly(("en", "ar"), ("en",))),
        lines=draw(_mostly((), (Line(number="100", language="ar"),))),
        rules=draw(_RULES),
        notice=notice,
        keys=draw(_mostly({"1": "complaints", "2": "sales"}, {"1": "sales", "7": "complaints"}, {})),
        decision=DecisionSettings(
            early_threshold=draw(_mostly(0.95, 0.75, 1.0)),
            min_words=draw(_mostly(5, 2)),
            ask=draw(_mostly(True, False)),
        ),
        budget=Budget(
            listen_s=draw(_mostly(8.0, 3.0)),
            no_speech_s=draw(_mostly(4.0, 2.0)),
            final_wait_ms=draw(_mostly(800, 100)),
            sentence_ms=draw(_mostly(60, 200)),
            total_s=draw(_mostly(20.0, 9.0)),
        ),
        speech=Speech(models={"en": draw(_mostly(_MOONSHINE, _DEAF)), "ar": draw(_mostly(_MOONSHINE, _DEAF))}),
        tone=Tone(enabled=draw(_mostly(True, False)), anger_prior=draw(_mostly(0.5, 0.1)), angry_at=0.7),
        shadow=draw(_mostly(False, True)),
        time_zone=draw(st.sampled_from(["UTC", "Asia/Amman"])),
        records=Records(mask_number=draw(_mostly(True, False)), keep_text=draw(_mostly(True, False))),
        customers=Customers(file=draw(_mostly(Path("customers.csv"), None))),
        skills={"refunds": Skill()},
        intents=replace(site().intents, intents=INTENTS),
    )
    return Site(config, draw(st.sampled_from([KeywordReader.model_id, *READERS])))


CALLERS = st.one_of(
    conversations(),
    steps(["speaks", "pauses", "ends", "partial", "final", "sounds", "unsure", "key", "hangs up"]),
    st.tuples(steps(["key"]).map(lambda keys: keys[:1]), conversations()).map(lambda both: [*both[0], *both[1]]),
)
_LATE = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.1])
_WORDS = st.sampled_from(
    ["i want to buy a thing", "please buy", "what is my balance", "hello", "terrible complaint", "it is fraud"]
)


def _late(kind: str) -> st.SearchStrategy[Step]:
    return st.builds(
        lambda after_s, text, anger: Step(after_s, kind, text, anger=anger), _LATE, _WORDS, st.sampled_from([0.1, 0.9])
    )


_MEANWHILE = st.lists(st.one_of(*map(_late, ("partial", "sounds", "pauses", "speaks"))), max_size=4)
_PHRASE = st.tuples(_MEANWHILE, _late("partial"), _MEANWHILE, _late("ends"), _late("final") | _late("partial")).map(
    lambda told: [Step(0.3, "speaks"), *told[0], told[1], *told[2], *told[3:]]
)
LATE_FINALS = st.lists(_PHRASE, min_size=1, max_size=2).map(lambda told: [Step(2.1, "pauses"), *chain(*told)])
"""Callers whose final texts come as late as they are waited for, and later."""
LANGUAGES = _mostly("", "en", "ar")
ENCODERS = st.sampled_from([0.0, 0.003, 0.03, 0.15, None])


def lives(
    generation: Generation,
    script: list[Step],
    said: str,
    engine: type[Caller] = Caller,
    encoder_s: float | None = 0.0,
) -> Caller:
    """Let the caller of a script live through a site, as its line and its machine would have it."""
    config = generation.config
    agent = AGENT if len(script) % 2 and config.customers.file is not None else ""
    language, source = config.default_language, "default"
    if said in config.languages:
        language, source = said, "dialplan"
    elif config.lines:
        language, source = config.lines[0].language, "line"
    asked = "" if source == "dialplan" else said
    facts = replace(FACTS, last_agent=agent, language=language, language_from=source, language_asked=asked)
    heard = config.speech.models[language].engine is not SpeechEngine.NONE
    caller = engine(generation, recogniser=heard, facts=facts, encoder_s=encoder_s)
    spoke = False
    for step in script:
        caller.until(caller.t + step.after_s)
        spoke = spoke or (step.kind in ("speaks", "ends") and caller.session.state in ANALYSING)
        # Words come of speech, and of a recogniser.
        if (heard and spoke) or step.kind not in ("partial", "final"):
            step.apply(caller)
    return caller.until(60)


def record_of(caller: Caller) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(caller.session.record(caller.now_s).to_json(), allow_nan=False))
    return value


def deed(decision: Decision | DecisionLine) -> tuple[object, ...]:
    return (
        decision.destination,
        decision.priority,
        decision.shadow_destination,
        decision.shadow_priority,
        decision.require,
        decision.prefer,
        decision.prefer_agent,
        decision.prefer_for_s,
        decision.trigger,
    )


def wrong(again: Replayed, live: Decision | None) -> str:
    """Say how what is known differs from what happened; "" where it does not, or nothing is known."""
    if again.unknown is not None:
        return ""
    if again.decision is None or live is None:
        return "" if again.decision is live else f"{again.decision} is not {live}"
    if deed(again.decision) != deed(live):
        return f"{deed(again.decision)} is not {deed(live)}"
    late = abs(again.decision.decided_at_s - live.decided_at_s)
    return "" if late <= LATE_S + 1e-6 else f"{again.decision.decided_at_s} is not {live.decided_at_s}"


def reading(generation: Generation) -> Read:
    """Return what reads recorded words by a generation's own encoder."""
    return lambda text, language: generation.scores(vector_of(text), language)


@settings(max_examples=300, deadline=None)
@given(st.one_of(CALLERS, LATE_FINALS), sites(), sites(), LANGUAGES, ENCODERS, st.booleans())
def test_what_is_known_of_another_site_is_what_happens_there(
    script: list[Step], a: Site, b: Site, said: str, encoder_s: float | None, installed: bool
) -> None:
    there = b.generation("b")
    record = record_of(lives(a.generation("a"), script, said, encoder_s=encoder_s))
    again = WhatIf(there, read=reading(there) if installed and b.reads_sentences else None).decide(record)
    event("known" if again.unknown is None else again.unknown.value)
    # What no encoder read then is taken to be read within the budget.
    there_s = encoder_s if a.reads_sentences else 0.0
    assert wrong(again, lives(there, script, said, encoder_s=there_s).session.decision) == ""


@settings(max_examples=100, deadline=None)
@given(CALLERS, sites(), LANGUAGES, st.data())
def test_a_site_that_differs_in_one_thing_is_known_as_it_is(
    script: list[Step], a: Site, said: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["rules", "decision", "budget", "keys", "notice", "shadow", "tone", "customers"]))
    other = Site(replace(a.config, **{name: getattr(data.draw(sites()).config, name)}), a.reader)
    there = other.generation("b")
    again = WhatIf(there).decide(record_of(lives(a.generation("a"), script, said)))
    event(f"{name}: {'known' if again.unknown is None else again.unknown.value}")
    assert wrong(again, lives(there, script, said).session.decision) == ""


def _told(again: Replayed) -> object:
    return again.unknown, again.decision and decision_to_json(again.decision), again.sooner_s


@settings(max_examples=200, deadline=None)
@given(LATE_FINALS, sites(), sites(), LANGUAGES, ENCODERS, st.booleans(), st.booleans(), st.booleans())
def test_what_is_passed_over_would_have_come_to_nothing(
    script: list[Step], a: Site, b: Site, said: str, encoder_s: float | None, installed: bool, alike: bool, waits: bool
) -> None:
    if alike:
        hasty = replace(b.config.budget, final_wait_ms=100)
        b = Site(replace(a.config, budget=hasty, decision=b.config.decision), a.reader)
    here, there = (Site(replace(one.config, speech=_HEARD), one.reader).generation(repr(one)) for one in (a, b))
    record = record_of(lives(here, script, said, encoder_s=encoder_s))
    silence: Silence | None = (
        (lambda text, language, sure: 0.3 + 0.05 * (len(text) % 9) + 0.1 * sure) if waits else None
    )
    whatif = WhatIf(there, silence, read=reading(there) if installed and b.reads_sentences else None)
    again = whatif.decide(record)
    event("known" if again.unknown is None else again.unknown.value)
    with pytest.MonkeyPatch.context() as everything_is_told:
        everything_is_told.setattr(Skimmer, "past", lambda _, place, **__: place)
        assert _told(whatif.decide(record)) == _told(again)


@settings(max_examples=100, deadline=None)
@given(CALLERS, sites(), LANGUAGES)
def test_an_older_record_that_does_not_say_who_served_the_caller_is_not_guessed(
    script: list[Step], a: Site, said: str
) -> None:
    there = a.generation("b")
    record = record_of(lives(a.generation("a"), script, said))
    del record["last_agent"]
    again = WhatIf(there).decide(record)
    assert wrong(again, lives(there, script, said).session.decision) == ""


@cache
def _plain() -> Generation:
    return Site(site(speech=_HEARD), KeywordReader.model_id).generation("plain")


def test_most_of_a_site_by_another_name_is_known() -> None:
    """So that the tests above do not hold because nothing is known."""
    said = ["i want to buy a thing", "what is my balance please", "this is a terrible complaint sir", "hello it is me"]
    script = [Step(2.1, "pauses"), Step(0.5, "speaks"), Step(0.3, "sounds", anger=0.1), Step(0.8, "sounds", anger=0.2)]
    found: Counter[Unknown | None] = Counter()
    for text in said:
        words = [Step(0.4, "partial", text), Step(0.6, "ends"), Step(0.1, "final", text)]
        caller = lives(_plain(), [*script, *words, Step(3.0, "speaks"), *words], "en")
        other = Generation.of(replace(_plain().config, fingerprint="other"), 2, KeywordReader())
        record = record_of(caller)
        again = WhatIf(other).decide(record)
        assert decision_to_json(again.decision) == record["decision"]
        found[again.unknown] += 1
    assert found == {None: len(said)}
