"""What one event costs the router (words, an estimate of tone, a tick), and what deciding a record again costs.

Real sessions are driven event by event, of the shipped configuration and of one with THIRTY sub-intents a language
and 500 rules. The caller's words are sure from early on, but no tone has been heard, so that every event is weighed
to the end: intents, all rules, and whether tone could matter.

Records are replayed from a file as `nabra replay` reads it, JSON included, on one core: DRAWS draws of other calls
each (`benchmarks.recorded_calls`), with nothing remembered from the draw before.

Run alone: python -m benchmarks.route_stages
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.recorded_calls import recorded_calls
from benchmarks.timing import Stage, Stopwatch
from config.loader import load
from config.schema import Action, Config, Rule
from nabra.record_files import pieces_of, read_pieces
from nabra.whatif import DecidesAgain, silence_of
from router import CallFacts, Generation, Session
from router.evidence import NoticeEnded, NoticeStarted, SpeechStarted, Tone, Words
from router.generation import BACKGROUND
from router.replay import WhatIf
from router.whatif import Tally

SPOKEN = (
    "somebody scammed me and i want to know who answered the last time because he was rude to me and "
    "nobody called back although it was promised twice"
)
MANY_RULES = 500
THIRTY = 30
DRAWS = 10
T_95 = 2.262
"""Student's t of nine degrees of freedom, 95 % both sides."""

Row = dict[str, object]

Act = Callable[[], object]


def measure(quick: bool) -> list[Stage | Row]:
    """Return the stages of the router, and of replay."""
    count = 300 if quick else 10_000
    shipped = Generation.fit(load(), 1)
    many = Generation.fit(_many(shipped.config), 2)
    plain = f"{_intents(shipped)} sub-intents, {len(shipped.config.rules)} rules"
    loaded = f"{_intents(many)} sub-intents, {len(many.config.rules)} rules"
    return [
        _stage(shipped, count, _words, "words changed", "partial", plain),
        _stage(many, count, _words, "words changed", "partial", loaded),
        _stage(shipped, count, _tone, "estimate of tone, words unchanged", "250 ms estimate", plain),
        _stage(many, count, _tone, "estimate of tone, words unchanged", "250 ms estimate", loaded),
        _stage(shipped, count, _ticks, "tick before the deadline", "tick", plain),
        _stage(shipped, max(20, count // 20), _record, "record as JSON values", "call", plain),
        _replays(shipped, 60 if quick else 2000),
    ]


def _intents(generation: Generation) -> int:
    return sum(1 for intent in generation.config.intents.intents if intent.language == "en")


def _many(settings: Config) -> Config:
    """The shipped configuration with many rules, and THIRTY sub-intents: each from half of an intent's examples."""
    halves = [
        replace(intent, name=intent.name + "_2" * half, examples=intent.examples[half::2])
        for intent in settings.intents.intents
        if intent.language == "en" and intent.name != BACKGROUND
        for half in (0, 1)
    ]
    background = [one for one in settings.intents.intents if one.language == "en" and one.name == BACKGROUND]
    kept = (*background, *halves)[:THIRTY]
    return replace(settings, intents=replace(settings.intents, intents=kept), rules=settings.rules + _many_rules())


def _replays(generation: Generation, count: int) -> Row:
    """Microseconds of thread CPU for one record, and records a second, over DRAWS draws of `count` calls."""
    spent_us: list[float] = []
    size = events = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "calls.jsonl"
        for seed in range(DRAWS):
            with file.open("w", encoding="utf-8") as lines:
                for record in recorded_calls(generation, count, seed):
                    timeline = record["timeline"]
                    events += len(timeline) if isinstance(timeline, list) else 0
                    lines.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
            size += file.stat().st_size
            reader = DecidesAgain(WhatIf(generation, silence_of(generation.config), brief=True), "none")
            began = time.thread_time()
            tally = Tally()
            for read in read_pieces(pieces_of([file]), _Ready(reader), 1, lambda _: None):
                tally.merge(read.found.tally)
            spent_us.append((time.thread_time() - began) / count * 1e6)
            if tally.same != count:
                raise AssertionError(f"{count - tally.same} records of {count} are decided otherwise than they were")
    rates = [1e6 / one for one in spent_us]
    mean, half = statistics.fmean(rates), T_95 * statistics.stdev(rates) / DRAWS**0.5
    total = DRAWS * count
    return {
        "stage": "replay of a record under its own configuration, file and JSON included",
        "unit": "us",
        "n": total,
        "mean": statistics.fmean(spent_us),
        "p50": statistics.median(spent_us),
        "max": max(spent_us),
        "rate_per_s": round(mean, 1),
        "rate_interval_95": [round(mean - half, 1), round(mean + half, 1)],
        "note": f"{mean:.0f} records a second on one core (95 %: {mean - half:.0f} to {mean + half:.0f}; {DRAWS} draws "
        f"of {count} calls, {events / total:.0f} events and {size / total / 1000:.1f} kB each)",
    }


@dataclass(frozen=True, slots=True)
class _Ready:
    """Work whose reader is there already: what it costs to load is not measured."""

    ready: DecidesAgain

    def reader(self) -> DecidesAgain:
        return self.ready


def _many_rules() -> tuple[Rule, ...]:
    return tuple(
        Rule(
            name=f"number {n}",
            when=f'dialled == "{n}" or (words > {n % 7} and anger > 0.{n % 9 + 1} and language == "ar")',
            then=Action(raise_minutes=1.0),
        )
        for n in range(MANY_RULES)
    )


def _listening(generation: Generation) -> Session:
    session = Session(CallFacts(call="bench", pbx="bench"), generation, 0.0)
    session.receive(NoticeStarted(at_s=0.0), 0.0)
    session.receive(NoticeEnded(at_s=1.0), 1.0)
    session.receive(SpeechStarted(at_s=1.1, audio_s=1.1), 1.1)
    return session


def _words(session: Session) -> Iterator[Act]:
    spoken = SPOKEN.split()
    for count in range(1, len(spoken) + 1):
        at_s = 1.2 + 0.2 * count
        event = Words(at_s=at_s, audio_s=at_s, text=" ".join(spoken[:count]), final=False)
        yield lambda event=event: session.receive(event, event.at_s)  # type: ignore[misc]


def _tone(session: Session) -> Iterator[Act]:
    """Abstentions, which leave the wait for tone open; so much speech was heard that every word counts."""
    session.receive(Words(at_s=6.0, audio_s=6.0, text=SPOKEN, final=False), 6.0)
    for count in range(28):
        at_s = 6.1 + 0.1 * count
        event = Tone(
            at_s=at_s,
            audio_s=at_s,
            t_s=at_s,
            voiced_s=0.5,
            arousal=0.5,
            valence=0.5,
            anger=0.5,
            confidence=0.1,
            abstained=True,
            reason="under a second of voice",
        )
        yield lambda event=event: session.receive(event, event.at_s)  # type: ignore[misc]


def _ticks(session: Session) -> Iterator[Act]:
    for count in range(28):
        yield lambda at_s=1.2 + 0.2 * count: session.tick(at_s)  # type: ignore[misc]


def _record(session: Session) -> Iterator[Act]:
    for act in [*_words(session), *_tone(session)]:
        act()
    yield lambda: session.record(20.0).to_json()


def _stage(
    generation: Generation,
    count: int,
    acts: Callable[[Session], Iterator[Act]],
    name: str,
    per: str,
    of: str,
) -> Stage:
    watch = Stopwatch()
    while len(watch) < count:
        session = _listening(generation)
        for act in acts(session):
            if session.decision is not None:
                break
            with watch:
                act()
    return watch.stage("route", f"{name}, {of}", per)


if __name__ == "__main__":
    for stage in measure(quick=False):
        print(json.dumps(stage.as_json() if isinstance(stage, Stage) else stage, ensure_ascii=False))
