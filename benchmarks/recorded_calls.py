"""Decision records of calls that nobody made, for measuring what reads records.

Each caller says one or two of the shipped intents' examples, at the pace of speech and now and then with another word
in place of one, and is heard as a live call is: partials twice a second, tone four times a second, a pause with the
words of all that was said, the end of the utterance after as long a silence as such words are waited for, a final text.
Everything is seeded; most texts of a run occur once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from config.schema import Config, SpeechEngine
from nabra.whatif import silence_of
from router import CallFacts, Generation, Session, State
from router.evidence import (
    EndOfUtterance,
    Event,
    HungUp,
    NoticeEnded,
    NoticeStarted,
    PromptEnded,
    SpeechPaused,
    SpeechStarted,
    Tone,
    Words,
)

WORDS_A_SECOND = 2.5
PARTIAL_EVERY_S = 0.5
TONE_EVERY_S = 0.25
MISHEARD_SHARE = 0.15
PAUSE_S = 0.2
FRAME_S = 0.032
FINAL_AFTER_S = (0.0, 0.05)


def recorded_calls(
    generation: Generation, count: int, seed: int = 1, *, final_after_s: tuple[float, float] = FINAL_AFTER_S
) -> Iterator[dict[str, object]]:
    """Yield the records of `count` calls, JSON-ready, decided under a generation.

    A final text comes so long after the end of the utterance, from the least to the most.
    """
    rng = random.Random(seed)
    said = _examples(generation.config)
    for number in range(count):
        yield _Caller(generation, rng, said, number, final_after_s).record()


def _examples(config: Config) -> dict[str, list[str]]:
    """The examples of each language that is recognised, or of all where none is."""
    models = config.speech.models
    heard = {name for name, model in models.items() if model.engine is not SpeechEngine.NONE} or set(config.languages)
    said: dict[str, list[str]] = {}
    for intent in config.intents.intents:
        if intent.language in heard:
            said.setdefault(intent.language, []).extend(intent.examples)
    return said


class _Caller:
    """One caller, and the line that hears the caller."""

    def __init__(
        self,
        generation: Generation,
        rng: random.Random,
        said: dict[str, list[str]],
        number: int,
        final_after_s: tuple[float, float],
    ) -> None:
        language = rng.choice(sorted(said))
        facts = CallFacts(
            call=f"{rng.getrandbits(128):032x}",
            pbx="main",
            caller_number=f"+9722{rng.randrange(10**7):07d}",
            dialled=str(rng.choice((100, 200, 300))),
            language=language,
            wall_anchor=1.7e9 + 11.0 * number,
        )
        self._rng = rng
        self._final_after_s = final_after_s
        self._said = said[language]
        self._words = [word for text in self._said for word in text.split()]
        self._session = Session(facts, generation, 0.0, models={"recogniser": "bench", "tone": "bench"})
        self._silence = silence_of(generation.config)
        self._now = 0.0
        self._angry = rng.random() < 0.1

    def record(self) -> dict[str, object]:
        """Live the call, and return its record."""
        self._session.tick(0.0)
        self._tell(NoticeStarted(at_s=0.0))
        self._wait(4.0)
        self._tell(NoticeEnded(at_s=self._now, audio_s=self._now))
        for _ in range(2):
            self._wait(self._rng.uniform(0.3, 1.5))
            self._speak()
            self._wait(1.0)
            if self._session.state is State.ASKING:
                self._wait(2.0)
                self._tell(PromptEnded(at_s=self._now, audio_s=self._now, name="ask"))
            if self._session.decision is not None:
                break
        self._wait(30.0)
        self._tell(HungUp(at_s=self._now, audio_s=self._now))
        return self._session.record(self._now).to_json()

    def _speak(self) -> None:
        words = self._heard()
        began = self._now
        self._tell(SpeechStarted(at_s=began, audio_s=began))
        ends = began + len(words) / WORDS_A_SECOND
        partial_at, tone_at = began + PARTIAL_EVERY_S, began + TONE_EVERY_S
        while min(partial_at, tone_at) < ends and self._session.decision is None:
            if tone_at <= partial_at:
                self._wait(tone_at - self._now)
                self._tell(self._tone(tone_at, tone_at - began))
                tone_at += TONE_EVERY_S
            else:
                self._wait(partial_at - self._now)
                self._tell(self._spoken(words[: int((self._now - began) * WORDS_A_SECOND)], began, final=False))
                partial_at += PARTIAL_EVERY_S
        self._wait(ends + PAUSE_S - self._now)
        self._tell(SpeechPaused(at_s=self._now, audio_s=self._now, speech_end_audio_s=ends))
        self._wait(self._rng.uniform(0.05, 0.2))
        self._tell(self._spoken(words, began, final=False))
        session = self._session
        silence_s = self._silence(" ".join(words), session.call.language, session.intent_sure)
        self._wait(ends + silence_s + self._rng.uniform(0.0, FRAME_S) - self._now)
        self._tell(EndOfUtterance(at_s=self._now, audio_s=self._now, speech_end_audio_s=ends))
        self._wait(self._rng.uniform(*self._final_after_s))
        self._tell(self._spoken(words, began, final=True))

    def _heard(self) -> list[str]:
        texts = self._rng.sample(self._said, self._rng.choice((1, 1, 2)))
        return [
            self._rng.choice(self._words) if self._rng.random() < MISHEARD_SHARE else word
            for word in " ".join(texts).split()
        ]

    def _spoken(self, words: list[str], began: float, *, final: bool) -> Words:
        return Words(
            at_s=self._now,
            audio_s=self._now,
            text=" ".join(words),
            final=final,
            confidence=round(self._rng.uniform(0.6, 1.0), 3),
            decode_s=round(self._rng.uniform(0.02, 0.1), 4),
            segment_start_s=began,
        )

    def _tone(self, at_s: float, voiced_s: float) -> Tone:
        anger = self._rng.betavariate(3.0, 10.0) if self._angry else self._rng.uniform(0.0, 0.03)
        early = voiced_s < 1.0
        return Tone(
            at_s=self._now,
            audio_s=self._now,
            t_s=at_s,
            voiced_s=voiced_s,
            arousal=self._rng.random(),
            valence=self._rng.random(),
            anger=anger,
            confidence=0.0 if early else self._rng.uniform(0.3, 0.9),
            abstained=early,
            reason="under a second of voice" if early else "",
            prior=0.03,
            call_anger=0.0 if early else anger,
        )

    # the line: a clock, and the session's own deadlines on it

    def _wait(self, seconds: float) -> None:
        goal = self._now + max(0.0, seconds)
        while (due := self._session.deadline()) is not None and due <= goal:
            self._now = max(self._now, due)
            self._session.tick(self._now)
        self._now = goal

    def _tell(self, event: Event) -> None:
        self._session.receive(event, event.at_s)
