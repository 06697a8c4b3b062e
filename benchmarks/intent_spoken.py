"""What a real recogniser makes of what callers say: texts of public sets, spoken by synthetic voices on a telephone.

The voices are those of flite, built from speech; the line is that of `telephony.audio`, with nothing but its own faint
noise, or with as much white noise as `NOISE_DB` says. The recogniser is the embedded one, behind the listener that a
call has. Partial words are not asked for: they cost time and change no final.

Real callers differ: they hesitate, have accents and rooms, and speak over noise that is not white.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.engine import Engine
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import AsrError
from asr.listener import ListenerSettings
from asr.moonshine_engine import embedded_model
from benchmarks.asr_accuracy import hear
from benchmarks.asr_audio import Samples, Utterance, in_noise, said_by
from benchmarks.asr_words import Errors, word_errors
from benchmarks.intent_sets import Example, IntentTexts
from nabra.state import recogniser_cache, state_dir
from router.intent import normalise

SPOKEN = 60
"""Texts of each set."""
MOST_WORDS = 25
VOICES = ("rms", "slt", "awb", "kal16")
CUT = 5
"""Words after which a caller is cut short."""
NOISE_DB, SHORT_NOISE_DB = 24.0, 30.0
"""Speech over noise where one word in five is wrong: of whole texts, of texts cut short. Found on texts of training
parts (`intent_confusions`)."""


class NotHere(Exception):
    """A voice or a recogniser is missing."""


@dataclass(frozen=True, slots=True)
class Said:
    """One text as a voice says it, without noise; `label` is that of its set."""

    text: str
    label: str
    voice: str
    pcm: Samples


@dataclass(frozen=True, slots=True)
class Recogniser:
    """The embedded recogniser as a call has it."""

    engine: Engine

    @classmethod
    def installed(cls) -> Recogniser:
        """Load it; raises NotHere where it, or the tool that has the voices, is not installed."""
        if not shutil.which("flite"):
            raise NotHere("flite is not installed")
        try:
            embedded_model()
            engine = create_engine(EngineSpec(EngineKind.MOONSHINE, "en", kept=recogniser_cache(state_dir())))
            engine.load()
        except AsrError as problem:
            raise NotHere(str(problem)) from problem
        return cls(engine)

    @property
    def model(self) -> str:
        """Its id."""
        return self.engine.facts.model_id

    def hears(self, said: Sequence[Said], snr_db: float | None = None) -> list[str]:
        """Return its final words of each; `snr_db` is speech over white noise, None for a quiet line."""
        settings = ListenerSettings(partial_every_ms=60_000)
        lines = (one.pcm if snr_db is None else _in_noise(one, snr_db, seed) for seed, one in enumerate(said))
        return [hear(self.engine, pcm, settings).final for pcm in lines]


def word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Return the words wrong of all texts together, %."""
    return sum(map(word_errors, said, heard), Errors(0, 0)).percent


def judged_texts(texts: IntentTexts, count: int) -> list[Example]:
    """Return texts of a set to speak and to judge, the same ones always: of its test part, where it has one.

    Never one that stands, word for word, in the training part of a set that has a test part.
    """
    learnt = {normalise(text) for text, _ in texts.train} if texts.test else set()
    return _speakable(texts.test or texts.train, learnt, count, seed=1)


def training_texts(texts: IntentTexts, count: int, judged: int = SPOKEN) -> list[Example]:
    """Return texts of a set's training part to speak, none of them among those that are judged."""
    barred = {normalise(text) for text, _ in judged_texts(texts, judged)}
    return _speakable(texts.train, barred, count, seed=2)


def learnable(texts: IntentTexts, judged: Sequence[Example]) -> list[Example]:
    """Return the texts of the training part without those that are judged, in order."""
    barred = {normalise(text) for text, _ in judged}
    return [row for row in texts.train if normalise(row[0]) not in barred]


def _speakable(rows: Sequence[Example], barred: set[str], count: int, seed: int) -> list[Example]:
    """Up to so many texts, none twice and none barred.

    None has digits, because nobody knows how they were said; none is longer than a caller's sentence or two.
    """
    chosen: list[Example] = []
    met = set(barred)
    for i in np.random.default_rng(seed).permutation(len(rows)):
        text = rows[i][0]
        plain = normalise(text)
        if len(chosen) < count and plain and plain not in met and len(text.split()) <= MOST_WORDS:
            met.add(plain)
            if not any(letter.isdigit() for letter in text):
                chosen.append(rows[i])
    return chosen


def cut_short(text: str) -> str:
    """Return the first words of a text."""
    return " ".join(text.split()[:CUT])


def speak(rows: Sequence[Example]) -> list[Said]:
    """Let the voices say texts in turn, in order."""
    by_voice = {
        voice: iter(said_by("flite", voice, tuple(text for text, _ in rows[number :: len(VOICES)])))
        for number, voice in enumerate(VOICES)
    }
    turns = (VOICES[number % len(VOICES)] for number in range(len(rows)))
    return [Said(text, label, voice, next(by_voice[voice])) for (text, label), voice in zip(rows, turns, strict=False)]


def _in_noise(said: Said, snr_db: float, seed: int) -> Samples:
    return in_noise(Utterance(said.text, said.voice, said.pcm, 0.0, 0.0), snr_db, seed)
