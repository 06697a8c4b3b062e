"""What one event costs the router: new words, an estimate of tone, a tick.

Real sessions of the shipped configuration are driven event by event. The caller's words are sure from early
on, but no tone has been heard, so that every event is weighed to the end: intents, all rules, and whether
tone could matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import config
from benchmarks.timing import Stage, Stopwatch
from config.loader import load
from config.schema import Action, Rule
from router import CallFacts, Generation, Session
from router.evidence import NoticeEnded, NoticeStarted, SpeechStarted, Tone, Words

SPOKEN = (
    "somebody scammed me and i want to know who answered the last time because he was rude to me and "
    "nobody called back although it was promised twice"
)
MANY_RULES = 500

Act = Callable[[], object]


def measure(quick: bool) -> list[Stage]:
    """Return the stages of the router."""
    count = 300 if quick else 10_000
    shipped = Generation.fit(load(Path(config.__file__).parent / "defaults" / "nabra.yaml"), 1)
    rules = shipped.config.rules + _many_rules()
    many = Generation.of(replace(shipped.config, rules=rules), 2, shipped.intent_model)
    plain, loaded = f"{len(shipped.config.rules)} rules", f"{len(rules)} rules"
    return [
        _stage(shipped, count, _words, "words changed", "partial", plain),
        _stage(many, count, _words, "words changed", "partial", loaded),
        _stage(shipped, count, _tone, "estimate of tone, words unchanged", "250 ms estimate", plain),
        _stage(many, count, _tone, "estimate of tone, words unchanged", "250 ms estimate", loaded),
        _stage(shipped, count, _ticks, "tick before the deadline", "tick", plain),
        _stage(shipped, max(20, count // 20), _record, "record as JSON values", "call", plain),
    ]


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
    """Abstentions, which leave the wait for tone open."""
    session.receive(Words(at_s=1.2, audio_s=1.2, text=SPOKEN, final=False), 1.2)
    for count in range(28):
        at_s = 1.3 + 0.25 * count
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
    note: str,
) -> Stage:
    watch = Stopwatch()
    while len(watch) < count:
        session = _listening(generation)
        for act in acts(session):
            if session.decision is not None:
                break
            with watch:
                act()
    return watch.stage("router", name, per, note)
