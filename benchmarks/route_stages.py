"""What one event costs the router (words, an estimate of tone, a tick), and what deciding a record again costs.

Real sessions are driven event by event, of the shipped configuration and of one with THIRTY sub-intents a language
and 500 rules. The caller's words are sure from early on, but no tone has been heard, so that every event is weighed
to the end: intents, all rules, and whether tone could matter.

Where the sentence encoder is installed, what its answer costs the event loop is measured too: the scores of its vector,
and the session that waits for them, to the decision. What the encoder itself costs is told by `intent_stages`.

What is promised of the larger one is told as figures; so is how many records are decided again
(`benchmarks.replay_rates`).

Run alone: python -m benchmarks.route_stages
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks.asr_figures import Figure, Finding, percentile
from benchmarks.replay_rates import Row, measure_replays
from benchmarks.timing import Stage, Stopwatch
from config.loader import load
from config.schema import Action, Config, Rule
from nabra.sentence_encoder import UseEncoder, installed
from router import CallFacts, Generation, Session
from router.evidence import EndOfUtterance, NoticeEnded, NoticeStarted, Sentence, SpeechStarted, Tone, Words
from router.generation import BACKGROUND
from router.intent import spoken

SPOKEN = (
    "somebody scammed me and i want to know who answered the last time because he was rude to me and "
    "nobody called back although it was promised twice"
)
PLAIN = "i want to know who answered the last time because nobody called back although it was promised twice"
"""No hard word is in it, which would decide at once."""
MANY_RULES = 500
THIRTY = 30
CHANGED = (("p50", 50.0, 500.0, 200.0), ("p99", 99.0, 1500.0, 500.0), ("p99.9", 99.9, 3000.0, 1000.0))
LEARNT = 8
"""Examples of each English intent that sentences are learnt from: what telling costs hangs on none of them."""
UNCHANGED = (("p99", 99.0, 150.0, 50.0),)
"""What is promised: a name, the percentile, floor and aim in microseconds of thread CPU."""

Act = Callable[[], object]


def measure(quick: bool) -> list[Stage | Row]:
    """Return the stages of the router, and of replay."""
    count = 300 if quick else 10_000
    shipped = Generation.fit(load(), 1)
    many = Generation.fit(_many(shipped.config), 2)
    plain = f"{_intents(shipped)} sub-intents, {len(shipped.config.rules)} rules"
    loaded = f"{_intents(many)} sub-intents, {len(many.config.rules)} rules"
    changed, unchanged = _watched(many, count, _words), _watched(many, count, _tone)
    words, tone = "words changed", "estimate of tone, words unchanged"
    return [
        _watched(shipped, count, _words).stage("route", f"{words}, {plain}", "partial"),
        changed.stage("route", f"{words}, {loaded}", "partial"),
        _watched(shipped, count, _tone).stage("route", f"{tone}, {plain}", "250 ms estimate"),
        unchanged.stage("route", f"{tone}, {loaded}", "250 ms estimate"),
        _watched(shipped, count, _ticks).stage("route", f"tick before the deadline, {plain}", "tick"),
        _watched(shipped, max(20, count // 20), _record).stage("route", f"record as JSON values, {plain}", "call"),
        _promised(f"decided, {words}", changed, CHANGED, loaded),
        _promised(f"decided, {tone}", unchanged, UNCHANGED, loaded),
        *_sentences(shipped.config, count),
        *measure_replays(shipped, 60 if quick else 2000),
    ]


def _promised(name: str, watch: Stopwatch, marks: tuple[tuple[str, float, float, float], ...], of: str) -> Row:
    """Return percentiles beside what was promised of them, each between the two order statistics of its interval."""
    spent_us = sorted(watch.cpu_us)
    figures = tuple(
        Figure(point, percentile(spent_us, percent), "us", floor, aim, *_between(spent_us, percent / 100))
        for point, percent, floor, aim in marks
    )
    note = "thread CPU of one event, to the end: intents, all rules, whether tone could matter"
    return Finding(name, "one sentence, word by word", of, len(spent_us), figures, note).as_row()


def _between(ordered: Sequence[float], share: float) -> tuple[float, float]:
    """The 95 % interval of a quantile, whatever the values are drawn from: by how many of them may lie below it."""
    count = len(ordered)
    middle, half = count * share, 1.96 * (count * share * (1 - share)) ** 0.5
    low, high = max(0, math.floor(middle - half) - 1), min(count - 1, math.ceil(middle + half))
    return ordered[low], ordered[high]


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


def _sentences(settings: Config, count: int) -> Iterator[Stage]:
    """What the answer of the sentence encoder costs whoever waits for it; nothing where it is not installed."""
    if not installed():
        return
    encoder = UseEncoder()
    kept = [replace(one, examples=one.examples[:LEARNT]) for one in settings.intents.intents if one.language == "en"]
    few = replace(settings, intents=replace(settings.intents, intents=tuple(kept)))
    generation = Generation.fit(few, 3, encoder=encoder)
    vector = encoder.encode([spoken(PLAIN)])[0]

    def told(session: Session) -> Iterator[Act]:
        session.receive(Words(at_s=6.0, audio_s=6.0, text=PLAIN, final=True), 6.0)
        session.receive(EndOfUtterance(at_s=6.6, audio_s=6.6, speech_end_audio_s=6.0), 6.6)
        if session.unread != (PLAIN,):
            raise AssertionError("the session does not wait for what the encoder makes of its words")
        yield lambda: session.receive(
            Sentence(at_s=6.61, audio_s=6.6, text=PLAIN, scores=generation.scores(vector, "en")), 6.61
        )

    stage = f"sentence read, to the decision, {len(kept)} sub-intents, {len(settings.rules)} rules"
    yield _watched(generation, max(20, count // 20), told).stage("route", stage, "sentence")


def _ticks(session: Session) -> Iterator[Act]:
    for count in range(28):
        yield lambda at_s=1.2 + 0.2 * count: session.tick(at_s)  # type: ignore[misc]


def _record(session: Session) -> Iterator[Act]:
    for act in [*_words(session), *_tone(session)]:
        act()
    yield lambda: session.record(20.0).to_json()


def _watched(generation: Generation, count: int, acts: Callable[[Session], Iterator[Act]]) -> Stopwatch:
    """Measure at least so many acts, of one session after the other."""
    watch = Stopwatch()
    while len(watch) < count:
        session = _listening(generation)
        for act in acts(session):
            if session.decision is not None:
                break
            with watch:
                act()
    return watch


if __name__ == "__main__":
    for stage in measure(quick=False):
        print(json.dumps(stage.as_json() if isinstance(stage, Stage) else stage, ensure_ascii=False))
