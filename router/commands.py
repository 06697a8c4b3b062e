"""What a session wants done, and what it decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from router.actions import Deed
from router.ladder import Rung, Step
from router.reasons import Reason


class Trigger(StrEnum):
    """What made the decision fall when it fell."""

    WORDS = "words"
    END_OF_SPEECH = "end_of_speech"
    KEY = "key"
    NO_SPEECH = "no_speech"
    LISTEN_DEADLINE = "listen_deadline"
    TOTAL_DEADLINE = "total_deadline"


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a call goes, and everything that led there.

    Attributes
    ----------
    destination : name of the destination to take; in shadow mode the default.
    priority : minutes of waiting to count on top, rounded, 0 or more; 0 in shadow mode.
    intent : what the caller wants, or None where the words were not sure enough.
    probability : of the strongest destination by words, 0..1; 0 where no words were heard.
    probabilities : the same by destination.
    rung : what the destination rests on; `steps` every better rung passed over, and why.
    reasons : most important first.
    rules_fired, rules_shadowed : names, in the operator's order.
    shadow_destination, shadow_priority : what would have been done, in shadow mode; else None.
    name_prefix : put before the caller's name on the agent's phone.
    agent_line : the reasons for the agent's screen, at most 128 characters, in the language of the call.
    agent, caller : what the agent may read and what a caller who asks why may be told, by language (en, ar).
    require, prefer : skills that whoever answers must have, or had better have; none in shadow mode.
    prefer_agent : who is offered the call first, "" for nobody; `prefer_for_s` for how many seconds. None in shadow.
    actions : what every rule that fired asked for, and what became of it.
    trigger : what made the decision fall now.
    decided_audio_s : seconds of caller audio heard by then.
    decided_at_s : seconds since the session began.
    """

    destination: str
    priority: int
    intent: str | None
    probability: float
    probabilities: Mapping[str, float]
    rung: Rung
    reasons: tuple[Reason, ...]
    rules_fired: tuple[str, ...]
    shadow_destination: str | None
    name_prefix: str
    decided_audio_s: float
    decided_at_s: float
    trigger: Trigger
    steps: tuple[Step, ...] = ()
    rules_shadowed: tuple[str, ...] = ()
    shadow_priority: int | None = None
    agent_line: str = ""
    agent: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    caller: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    require: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    prefer_agent: str = ""
    prefer_for_s: int = 0
    actions: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class PlayPrompt:
    """Play the prompt `name` ('notice' or 'ask') in a language; PromptEnded(name) answers."""

    name: str
    language: str


@dataclass(frozen=True, slots=True)
class StopPrompt:
    """Stop what is playing."""


@dataclass(frozen=True, slots=True)
class StartAnalysis:
    """Begin to analyse the caller's audio: words, and tone where `tone` is true."""

    tone: bool


@dataclass(frozen=True, slots=True)
class StopTone:
    """End the analysis of tone and delete what it gathered."""


@dataclass(frozen=True, slots=True)
class ForceFinal:
    """Ask the recogniser for its final text now."""


@dataclass(frozen=True, slots=True)
class StopAnalysis:
    """End every analysis of this call."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Carry the decision out. A session gives this once."""

    decision: Decision


Command = PlayPrompt | StopPrompt | StartAnalysis | StopTone | ForceFinal | StopAnalysis | Decide
