"""The same rules on what a real recogniser hears of synthetic voices: its partials when they really came.

Each sentence is one call. It goes through the whole engine once, heard to its end; then each rule decides from the
record of it, which holds every partial with its time. What the recogniser needed for a partial is no part of the time:
the clock is the sound.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import config
from asr.errors import AsrError
from benchmarks.asr_audio import said_by, speech_span
from benchmarks.asr_figures import Figure, Finding, left_out
from benchmarks.asr_words import word_errors
from benchmarks.decide_calls import Ended
from benchmarks.decide_stages import (
    EARLY,
    FIXED,
    HEARD_OUT,
    LISTENED,
    PERSON,
    RIGHT,
    TO_THE_END,
    WRONG_EARLY,
    Plan,
    Remembering,
    Tally,
    allowing,
    over_calls,
    settings,
    site_of,
)
from benchmarks.intent_accuracy import EXAMPLES_PER_LABEL, drawn, fitted
from benchmarks.intent_sets import IntentTexts
from nabra.ears import Ears, offline_ears
from nabra.generations import Loaded
from nabra.offline import Samples, route_recording
from router import Generation, replay
from router.commands import Trigger
from router.intent import spoken
from telephony.audio import read_audio

SENTENCES = 16
VOICES = ("rms", "slt", "awb", "kal16")
SETS = ("natcs insurance", "banking77")
RULES = (TO_THE_END, FIXED, allowing(0.01), allowing(0.03), allowing(0.1))


@dataclass(frozen=True, slots=True)
class _Call:
    """A record of one call heard to its end; where it should lead, and when speech begins."""

    record: Mapping[str, Any]
    destination: str
    starts_s: float


def heard(plan: Plan, quick: bool) -> Iterator[Finding]:
    """Return one row for each rule; one that says why, where no voice or recogniser is installed."""
    name = "English, a real recogniser"
    if not shutil.which("flite"):
        yield left_out(name, "flite is not installed")
        return
    try:
        ears = offline_ears(config.load(), ("en",))
    except AsrError as error:
        yield left_out(name, str(error))
        return
    found: dict[str, list[Ended]] = {}
    errors = words = 0
    chosen = [texts for texts in plan.sets if texts.name in (SETS if not quick else ("natcs banking",))]
    for texts in chosen:
        rules, calls, wrong, count = _of_set(texts, ears, SENTENCES // 2 if not quick else 3)
        errors, words = errors + wrong, words + count
        for rule, generation in rules.items():
            found.setdefault(rule, []).extend(_decided(call, generation) for call in calls)
    note = (
        f"{', '.join(texts.name for texts in chosen)}, by flite ({', '.join(VOICES)}) on a telephone line; word error "
        f"rate {100 * errors / max(1, words):.0f} %; intervals over calls (Clopper-Pearson)"
    )
    model = ears.recogniser_id("en")
    for rule, ended in found.items():
        yield Finding(f"{name}: {rule}", note, model, len(ended), _figures(Tally(ended), rule), note)


def _of_set(texts: IntentTexts, ears: Ears, count: int) -> tuple[dict[str, Generation], list[_Call], int, int]:
    rng = np.random.default_rng(0)
    groups, rest = drawn(texts.train, EXAMPLES_PER_LABEL, rng)
    reader = Remembering(fitted(groups, texts.language, texts.destinations.__getitem__, 0, None))
    ways = settings()
    rules = {
        name: Generation.of(site_of(texts, *ways[name], name), number, reader) for number, name in enumerate(RULES)
    }
    judged = list(texts.test) or rest
    calls, wrong, words = [], 0, 0
    for number, i in enumerate(rng.permutation(len(judged))[:count]):
        text, label = judged[i]
        (pcm,) = said_by("flite", VOICES[number % len(VOICES)], (spoken(text),))
        call = _recorded(pcm, rules[TO_THE_END], ears, texts.destinations[label])
        calls.append(call)
        wrong += word_errors(text, str(call.record["text"] or "")).wrong
        words += len(text.split())
    return rules, calls, wrong, words


def _recorded(pcm: Samples, generation: Generation, ears: Ears, destination: str) -> _Call:
    notice = read_audio(generation.config.notice.prompts["en"])
    routed = route_recording(pcm, Loaded(generation, {("notice", "en"): notice}), ears, language="en")
    return _Call(routed.record, destination, speech_span(pcm)[0])


def _decided(call: _Call, generation: Generation) -> Ended:
    decision = replay(call.record, generation)
    assert decision is not None
    return Ended(
        listened_s=decision.decided_audio_s - call.starts_s,
        early=decision.trigger is Trigger.WORDS,
        routed=decision.destination != generation.config.default,
        right=decision.destination == call.destination,
    )


def _figures(tally: Tally, rule: str) -> tuple[Figure, ...]:
    """Every figure; of so few calls the shares say little, which their intervals tell (`over_calls`)."""
    return tuple(_figure(name, tally, rule) for name in (LISTENED, EARLY, WRONG_EARLY, RIGHT, PERSON))


def _figure(name: str, tally: Tally, rule: str) -> Figure:
    value = tally.share(name)
    if name == LISTENED:
        return Figure(name, value, "s")
    none = value is None or (name == EARLY and rule in HEARD_OUT)
    low, high = (None, None) if none else over_calls([tally.counted(name)])
    return Figure(name, value, "%", None, None, low, high, more_is_better=name == RIGHT)
