"""A small site whose intents are read by keyword, and a caller who can be driven event by event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.schema import (
    Action,
    Config,
    DecisionSettings,
    Destination,
    DestinationKind,
    Intent,
    IntentSet,
    Notice,
    Rule,
    Tone,
)
from router import evidence
from router.commands import Command, Decide, Decision, PlayPrompt
from router.generation import Generation
from router.record import CallFacts
from router.session import Session

DESTINATIONS = {
    name: Destination(
        name=name,
        kind=kind,
        queue=None if kind is DestinationKind.SELF_SERVICE else name,
        label={"en": name, "ar": arabic},
        name_prefix=prefix,
    )
    for name, kind, arabic, prefix in (
        ("complaints", DestinationKind.QUEUE, "الشكاوى", "[!] "),
        ("sales", DestinationKind.QUEUE, "المبيعات", ""),
        ("selfservice", DestinationKind.SELF_SERVICE, "الخدمة الذاتية", ""),
        ("reception", DestinationKind.PERSON, "الاستقبال", ""),
    )
}
INTENTS = (
    Intent(name="complain", language="en", destination="complaints"),
    Intent(name="buy", language="en", destination="sales"),
    Intent(name="balance", language="en", destination="selfservice"),
    Intent(name="fraud", language="en", destination="complaints", hard_words=("fraud",)),
)
KEYWORDS = {"complain": ("complaint", "terrible", "شكوى"), "buy": ("buy", "order"), "balance": ("balance",)}
BY_INTENT = {intent.name: intent.destination for intent in INTENTS}


@dataclass(frozen=True)
class Hard:
    phrase: str
    intent: str
    destination: str


@dataclass(frozen=True)
class Posterior:
    by_intent: Mapping[str, float]
    by_destination: Mapping[str, float]
    words: int
    hard: Hard | None
    key_phrase: bool = False


class KeywordReader:
    """Sure (0.95) of an intent whose keyword is heard, unsure of everything else; "fraud" is a hard word."""

    model_id = "keywords"

    def predict(self, text: str, language: str) -> Posterior:
        spoken = text.lower().split()
        heard = [name for name, keys in KEYWORDS.items() if any(key in spoken for key in keys)]
        by_intent = dict.fromkeys(KEYWORDS, 1 / len(KEYWORDS))
        if len(heard) == 1:
            by_intent = {name: 0.95 if name == heard[0] else 0.05 / (len(KEYWORDS) - 1) for name in KEYWORDS}
        by_destination = {BY_INTENT[name]: value for name, value in by_intent.items()}
        hard = Hard("fraud", "fraud", "complaints") if "fraud" in spoken else None
        return Posterior(by_intent, by_destination, len(spoken), hard, hard is not None)


MEANT = {"complain": ("awful", "sir"), "buy": ("thing", "purchase"), "balance": ("please", "money")}


def vector_of(text: str) -> NDArray[np.float32]:
    """What an encoder makes of a text: how many words of each of MEANT are in it."""
    spoken = text.lower().split()
    return np.array([sum(word in spoken for word in words) for words in MEANT.values()], dtype=np.float32)


class SentenceReader(KeywordReader):
    """Also reads what `vector_of` knows: each such word is `weight` nats for its intent."""

    model_id = "keywords and sentences"
    weight = 4.0

    def encoder_of(self, language: str) -> str:
        return "scripted"

    def scores(self, vector: NDArray[np.float32], language: str) -> dict[str, float]:
        return {name: self.weight * count for name, count in zip(MEANT, vector.tolist(), strict=True)}

    def fused(self, text: str, language: str, scores: Mapping[str, float]) -> Posterior:
        found = self.predict(text, language)
        raised = {name: found.by_intent[name] * math.exp(scores[name]) for name in KEYWORDS}
        by_intent = {name: value / sum(raised.values()) for name, value in raised.items()}
        by_destination = {BY_INTENT[name]: value for name, value in by_intent.items()}
        return replace(found, by_intent=by_intent, by_destination=by_destination)


def rule(name: str, when: str, **then: object) -> Rule:
    return Rule(name=name, when=when, then=Action(**then))  # type: ignore[arg-type]


ANGRY_RULES = (
    rule("angry to people", 'angry and destination == "selfservice"', route="complaints"),
    rule("angry waits less", "angry", raise_minutes=5.0),
)


def site(**changes: object) -> Config:
    """Return the configuration, with fields of Config replaced."""
    prompt = Path("prompt.wav")
    config = Config(
        site="test",
        languages=("en", "ar"),
        default_language="en",
        destinations=DESTINATIONS,
        default="reception",
        notice=Notice(prompts={"en": prompt, "ar": prompt}, ask={"en": prompt, "ar": prompt}, tone_off_key="9"),
        keys={"1": "complaints", "2": "sales"},
        intents=IntentSet(intents=INTENTS),
        decision=DecisionSettings(),
        tone=Tone(anger_prior=0.5, angry_at=0.7),
        fingerprint="test",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def generation(**changes: object) -> Generation:
    return Generation.of(site(**changes), 1, KeywordReader())


FACTS = CallFacts(
    call="6f1c",
    pbx="main",
    caller_number="+97225551234",
    caller_name="A Caller",
    dialled="100",
    wall_anchor=1.7e9,
)


class Caller:
    """Drives a session as a shell does: one clock, ticks at every deadline, prompts that take `prompt_s`.

    Its sentence encoder takes `encoder_s` for a text; None never answers.
    """

    def __init__(
        self,
        made: Generation | None = None,
        *,
        recogniser: bool = True,
        prompt_s: float = 2.0,
        opened_s: float = 100.0,
        facts: CallFacts = FACTS,
        encoder_s: float | None = 0.0,
    ) -> None:
        self.encoder_s = encoder_s
        self.reading: dict[str, float] = {}
        self.generation = made or generation()
        self.opened_s = self.now_s = opened_s
        self.prompt_s = prompt_s
        self.commands: list[tuple[float, Command]] = []
        self.prompt: tuple[str, float] | None = None
        self.voiced_s = 0.75
        self.session = Session(facts, self.generation, opened_s, recogniser_available=recogniser)
        self._obey(self.session.tick(opened_s))

    @property
    def t(self) -> float:
        return self.now_s - self.opened_s

    @property
    def decisions(self) -> list[Decision]:
        return [command.decision for _, command in self.commands if isinstance(command, Decide)]

    @property
    def decision(self) -> Decision:
        (decision,) = self.decisions
        return decision

    def names(self) -> list[str]:
        return [type(command).__name__ for _, command in self.commands]

    def until(self, t: float) -> Caller:
        """Let time pass to `t` seconds of the call; prompts end and deadlines fall on the way."""
        goal = self.opened_s + t
        while True:
            due = self.session.deadline()
            rings = (due, self.prompt[1] if self.prompt else None, *self.reading.values())
            steps = [when for when in rings if when is not None and when <= goal]
            if not steps:
                self.now_s = max(self.now_s, goal)
                return self
            self.now_s = max(self.now_s, min(steps))
            if any(when <= self.now_s for when in self.reading.values()):
                self._read()
            elif self.prompt and self.prompt[1] <= self.now_s:
                name, _ = self.prompt
                self.prompt = None
                self.tell(
                    evidence.NoticeEnded(at_s=self.now_s, audio_s=self.t)
                    if name == "notice"
                    else evidence.PromptEnded(at_s=self.now_s, audio_s=self.t, name=name)
                )
            else:
                before = (self.session.state, self.session.deadline())
                self._obey(self.session.tick(self.now_s))
                assert (self.session.state, self.session.deadline()) != before, "a deadline that changes nothing"

    def listening(self) -> Caller:
        return self.until(self.prompt_s)

    def speaks(self, since_s: float = 1.0) -> Caller:
        """Tell that the caller speaks, and has for `since_s`: voices are told late."""
        return self.tell(evidence.SpeechStarted(at_s=self.now_s, audio_s=max(0.0, self.t - since_s)))

    def partial(self, text: str) -> Caller:
        return self.tell(evidence.Words(at_s=self.now_s, audio_s=self.t, text=text, final=False))

    def final(self, text: str) -> Caller:
        return self.tell(evidence.Words(at_s=self.now_s, audio_s=self.t, text=text, final=True))

    def ends(self, silence_s: float = 0.6) -> Caller:
        return self.tell(
            evidence.EndOfUtterance(at_s=self.now_s, audio_s=self.t, speech_end_audio_s=self.t - silence_s)
        )

    def sounds(
        self,
        anger: float,
        confidence: float = 0.9,
        abstained: bool = False,
        *,
        prior: float = 0.5,
        call_anger: float | None = None,
        lost: bool = False,
    ) -> Caller:
        """Let the tracker tell of another quarter of a second of voice."""
        self.voiced_s += 0.25
        return self.tell(
            evidence.Tone(
                at_s=self.now_s,
                audio_s=self.t,
                t_s=self.t,
                voiced_s=self.voiced_s,
                arousal=anger,
                valence=1 - anger,
                anger=anger,
                confidence=confidence,
                abstained=abstained,
                reason="too little voice" if abstained else "",
                prior=prior,
                call_anger=call_anger,
                lost=lost,
            )
        )

    def presses(self, digit: str) -> Caller:
        return self.tell(evidence.Key(at_s=self.now_s, audio_s=self.t, digit=digit))

    def hangs_up(self) -> Caller:
        return self.tell(evidence.HungUp(at_s=self.now_s, audio_s=self.t))

    def tell(self, event: evidence.Event) -> Caller:
        self._obey(self.session.receive(event, event.at_s))
        return self

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            self.commands.append((self.t, command))
            match type(command).__name__:
                case "PlayPrompt":
                    assert isinstance(command, PlayPrompt)
                    self.prompt = (command.name, self.now_s + self.prompt_s)
                case "StopPrompt":
                    self.prompt = None
        if self.encoder_s is not None:
            due_s = self.now_s + self.encoder_s
            self.reading = {text: self.reading.get(text, due_s) for text in self.session.unread}
            if self.encoder_s == 0 and self.reading:
                self._read()

    def _read(self) -> None:
        text = min(self.reading, key=self.reading.__getitem__)
        scores = self.generation.scores(vector_of(text), self.session.call.language)
        self.tell(evidence.Sentence(at_s=self.now_s, audio_s=self.t, text=text, scores=scores))
