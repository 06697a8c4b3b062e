"""How many words are wrong, behind our own layer, at telephone band: of final texts, and of partial ones.

Final: all final texts of an utterance. Partial: the words that stand when the silence behind the utterance is noticed,
that is, what a call would be decided on if it could not wait for the final; and the same against as much of the
sentence as it has reached. Biasing is off. Intervals are 95 %, from drawing speakers or sentences with replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from asr.decoder import InlineDecoder
from asr.engine import Engine
from asr.engines import EngineSpec, create_engine
from asr.events import Final, Partial, SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from asr.listener import Listener, ListenerSettings
from benchmarks.asr_audio import RATE_HZ, Samples, Utterance
from benchmarks.asr_figures import Figure, Finding
from benchmarks.asr_live import quiet
from benchmarks.asr_words import Errors, errors_by_part, errors_so_far, rate_interval, word_errors

_FRAME = 160
_FEW = 30


@dataclass(frozen=True, slots=True)
class Texts:
    """What was heard of one utterance: its final words, and those that stood when each of its segments fell silent."""

    final: str
    partial: str


def hear(engine: Engine, pcm: Samples, settings: ListenerSettings | None = None) -> Texts:
    """Return what a call hears that says this, on a quiet line."""
    finals: list[str] = []
    partials: list[str] = []
    standing, paused = "", False

    def keep(event: SpeechEvent) -> None:
        nonlocal standing, paused
        if isinstance(event, SpeechPaused):
            paused = True
        elif isinstance(event, SpeechResumed | SpeechStarted):
            paused = False
        elif isinstance(event, Partial) and not paused:
            standing = event.text
        elif isinstance(event, Final):
            finals.append(event.text)
            partials.append(standing)
            standing = ""

    rng = np.random.default_rng(1)
    line = np.concatenate([quiet(0.6, rng), pcm, quiet(1.2, rng)])
    listener = Listener(InlineDecoder(engine), settings or ListenerSettings(), keep)
    for at in range(0, len(line), _FRAME):
        listener.push(line[at : at + _FRAME])
    listener.force_final()
    listener.close()
    return Texts(" ".join(finals).strip(), " ".join(partials).strip())


_engine: Engine | None = None
"""Of a helping process."""


def _begin(spec: str) -> None:
    global _engine  # noqa: PLW0603
    _engine = create_engine(EngineSpec.from_json(spec))
    _engine.load()


def _hear(pcm: Samples) -> Texts:
    assert _engine is not None
    return hear(_engine, pcm)


def hear_all(spec: EngineSpec, sounds: Sequence[Samples], processes: int = 2) -> list[Texts]:
    """Return what is heard of each, in order; many in several processes, since no time is taken."""
    if len(sounds) < _FEW:
        engine = create_engine(spec)
        return [hear(engine, pcm) for pcm in sounds]
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin, (spec.to_json(),)) as pool:
        return list(pool.map(_hear, sounds, chunksize=4))


def word_error_rates(
    spec: EngineSpec,
    model: str,
    what: str,
    utterances: Sequence[Utterance],
    audio: str,
    *,
    group: Callable[[Utterance], Hashable],
    floor: float | None,
    aim: float | None,
) -> Finding:
    """Measure the words wrong of many utterances.

    Parameters
    ----------
    spec, model : what hears, and its id.
    what, utterances, audio : name of the row, what is said, and what that is.
    group : of an utterance, what the interval draws: its speaker, or its sentence.
    floor, aim : float or None
        Of the final words, %; None where nothing is promised.
    """
    texts = hear_all(spec, [one.pcm for one in utterances])
    final: dict[Hashable, Errors] = {}
    partial: dict[Hashable, Errors] = {}
    reached: dict[Hashable, Errors] = {}
    speakers: dict[str, Errors] = {}
    for one, text in zip(utterances, texts, strict=True):
        key = group(one)
        wrong = word_errors(one.text, text.final)
        final[key] = final.get(key, Errors(0, 0)) + wrong
        partial[key] = partial.get(key, Errors(0, 0)) + word_errors(one.text, text.partial)
        reached[key] = reached.get(key, Errors(0, 0)) + errors_so_far(one.text, text.partial)
        speakers[one.speaker] = speakers.get(one.speaker, Errors(0, 0)) + wrong
    figures = (
        _rate("WER of finals", final, floor, aim),
        _rate("WER of partials", partial),
        _rate("WER of partials, of what they reach", reached),
    )
    said = sum(errors.said for errors in final.values())
    by_speaker = ", ".join(f"{name} {errors.percent:.1f}" for name, errors in speakers.items())
    unheard = sum(not text.final for text in texts)
    note = f"{said} words, {len(speakers)} speakers; {unheard} utterances without a word"
    if len(speakers) <= 12:
        note += f"; by voice, finals, %: {by_speaker}"
    return Finding(f"words wrong, {what}", audio, model, len(utterances), figures, note)


def word_errors_of_reading(
    spec: EngineSpec, model: str, what: str, pcm: Samples, text: str, audio: str, *, floor: float, aim: float
) -> Finding:
    """Measure the words wrong of one long text; the interval draws its clauses, `text` being cut at its commas."""
    heard = hear(create_engine(spec), pcm)
    parts = text.split(",")
    groups: dict[Hashable, Errors] = dict(enumerate(errors_by_part(parts, heard.final)))
    partial: dict[Hashable, Errors] = dict(enumerate(errors_by_part(parts, heard.partial)))
    figures = (
        _rate("WER of finals", groups, floor, aim),
        _rate("WER of partials", partial),
    )
    said = sum(errors.said for errors in groups.values())
    note = (
        f"{said} words in {len(pcm) / RATE_HZ:.0f} s, one speaker; partials: the last one of each segment "
        "before its silence was noticed"
    )
    return Finding(f"words wrong, {what}", audio, model, 1, figures, note)


def _rate(name: str, groups: dict[Hashable, Errors], floor: float | None = None, aim: float | None = None) -> Figure:
    total = sum(groups.values(), Errors(0, 0))
    low, high = rate_interval(groups) or (None, None)
    return Figure(name, total.percent, "%", floor, aim, low, high)
