"""Past calls decided again: what is left out for speed changes nothing, and silences are those of a live call."""

from __future__ import annotations

import copy
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import config
from asr.endpoint import Patience
from benchmarks.recorded_calls import recorded_calls
from config.schema import Config
from nabra.call import Call
from nabra.ears import listener_settings
from nabra.generations import fit
from nabra.record_files import _given
from nabra.whatif import DecidesAgain, silence_of
from nabra.whatif_page import page
from nabra.whatif_view import Source, summary, view
from nabra.whatif_words import Words
from router import Generation, Session
from router.commands import Command
from router.errors import RecordError
from router.evidence import KIND_OF, Event
from router.record import decision_to_json
from router.redact import MASK
from router.replay import WhatIf, replay
from router.skimming import Skimmer
from router.tally import Tally
from router.whatif import Compared, Side, compare, to_row

CALLS = 60
DAMAGED = 300


@cache
def shipped() -> Generation:
    return fit(config.load(), 1)


@cache
def late_records() -> list[dict[str, Any]]:
    late = recorded_calls(shipped(), CALLS, seed=5, final_after_s=(0.3, 1.1))
    return [json.loads(json.dumps(record)) for record in late]


@cache
def records() -> list[dict[str, Any]]:
    return [json.loads(json.dumps(record)) for record in recorded_calls(shipped(), CALLS, seed=5)]


def eager() -> Config:
    """The shipped configuration, which decides earlier, and forbids what it did not."""
    settings = shipped().config
    never = replace(settings.rules[0], name="not there", when="words > 6", then=config.schema.Action(never="sales"))
    return replace(
        settings,
        decision=replace(settings.decision, early_threshold=0.7, min_words=2),
        rules=(never, *settings.rules),
        fingerprint="eager",
    )


@cache
def other() -> Generation:
    return Generation.of(eager(), 2, shipped().intent_model)


@cache
def hasty() -> Generation:
    """The shipped configuration, but that it waits for no late final text, and asks nothing."""
    settings = shipped().config
    changed = {
        "budget": replace(settings.budget, final_wait_ms=100),
        "decision": replace(settings.decision, ask=False),
    }
    return Generation.of(replace(settings, fingerprint="hasty", **changed), 4, shipped().intent_model)


def rows(whatif: WhatIf, calls: Callable[[], list[dict[str, Any]]] = records) -> list[dict[str, Any]]:
    return [to_row(compare(whatif.decide(record))) for record in calls()]


@cache
def other_reader() -> Generation:
    """The shipped configuration, but for a few of its examples."""
    settings = shipped().config
    kept = tuple(replace(intent, examples=intent.examples[:-2]) for intent in settings.intents.intents)
    return fit(replace(settings, intents=replace(settings.intents, intents=kept), fingerprint="examples"), 3)


@pytest.mark.parametrize(
    "generation", [shipped, other, other_reader, lambda: replace(shipped(), hash="the same by another name")]
)
def test_what_is_left_out_for_speed_changes_nothing(generation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: Generation = generation()
    quick = rows(WhatIf(made, silence_of(made.config), brief=True))
    # In full: every event is told, every text is read again, and every sentence is written.
    monkeypatch.setattr(Skimmer, "past", lambda _, place, **__: place)
    whatif = WhatIf(made, silence_of(made.config))
    monkeypatch.setattr(whatif._again.recall, "of", lambda *_: None)
    assert rows(whatif) == quick
    assert sum(row["result"] != "unknown" for row in quick) > CALLS / 2


@pytest.mark.parametrize("generation", [hasty, other])
def test_words_that_a_late_final_text_replaces_are_not_left_out(
    generation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whatif = WhatIf(generation())
    quick = rows(whatif, late_records)
    monkeypatch.setattr(Skimmer, "past", lambda _, place, **__: place)
    assert rows(whatif, late_records) == quick
    assert sum(row["result"] != "unknown" for row in quick) > CALLS / 3


@pytest.mark.parametrize("generation", [shipped, other_reader])
def test_most_words_and_estimates_come_to_nothing_and_are_not_told(
    generation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Counter[str] = Counter()
    receive = Session.receive

    def counted(session: Session, event: Event, now_s: float) -> list[Command]:
        told[KIND_OF[type(event)]] += 1
        return receive(session, event, now_s)

    monkeypatch.setattr(Session, "receive", counted)
    whatif = WhatIf(generation(), brief=True)
    recorded: Counter[str] = Counter()
    for record in records():
        recorded.update(entry["event"] for entry in record["timeline"])
        whatif.decide(record)
    assert recorded["words"] > 5 * CALLS
    assert told["words"] < 0.6 * recorded["words"]
    assert told["tone"] < 0.1 * recorded["tone"]


def test_a_record_replayed_under_its_own_configuration_gives_the_same_bytes() -> None:
    for record in records():
        whole, again = replay(record, shipped()), WhatIf(shipped()).decide(record).decision
        assert whole is not None
        assert again is not None
        told = json.dumps(record["decision"])
        assert json.dumps(decision_to_json(whole)) == told
        assert json.dumps(decision_to_json(again)) == told


def test_whatever_a_damaged_record_holds_it_is_decided_or_refused() -> None:
    rng = random.Random(3)
    reader = DecidesAgain(WhatIf(other(), silence_of(other().config), brief=True), "all")
    taken = refused = 0
    for _ in range(DAMAGED):
        record = copy.deepcopy(rng.choice(records()))
        place: Any = record
        while True:
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.1:
                break
            place = place[key]
        place[key] = rng.choice([None, -1, 1e300, float("nan"), True, "", "x", [], {}, [[]], "\ud800", 10**400])
        try:
            taken += _given(record, reader)
        except RecordError:
            refused += 1
    found = reader.found()
    assert len(found.rows) == taken == found.tally.calls
    assert all(json.dumps(row, ensure_ascii=False).encode() for row in found.rows)
    assert min(taken, refused) > DAMAGED / 10


@pytest.mark.parametrize("sure", [True, False])
@pytest.mark.parametrize(
    "text", ["i want to cancel my order", "i want to", "because", "my number is 4 4 5", "yes", "", "أريد إلغاء طلبي"]
)
def test_a_silence_is_waited_out_as_on_a_live_call(text: str, sure: bool) -> None:
    settings = replace(
        config.load(), speech=replace(config.load().speech, endpoint_ms=700, endpoint_hesitation_ms=1500)
    )
    for language in ("en", "ar"):
        live: Any = SimpleNamespace(
            facts=SimpleNamespace(language=language), _session=SimpleNamespace(intent_sure=sure)
        )
        patience: Patience = Call._patience(live, text)
        silence_s = silence_of(settings)(text.replace("4 4 5", MASK), language, sure)
        assert silence_s * 1000 == listener_settings(settings).endpoint.silence_ms(patience)


@pytest.mark.parametrize(("language", "said"), [("en", "another version of Nabra"), ("ar", "إصدار آخر من نبرة")])
def test_a_report_says_how_many_calls_another_version_decided(language: str, said: str) -> None:
    words = Words(language)
    console = Console(width=200, record=True, file=io.StringIO())
    for shown in (True, False):
        tally, went = Tally(), Side("sales")
        tally.add(Compared("a", "main", "en", 1e9, went, went, other_version=shown))
        assert summary(tally, 0)["other_version"] == shown
        console.print(view(tally, words))
        assert (said in console.export_text()) is shown
        assert (said in page(tally, words, Source("b.yaml", ["calls.jsonl"], 1, "", False))) is shown
