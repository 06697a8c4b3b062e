"""Everything known about a call at one moment: what the decider decides on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from router.commands import Trigger
from router.ladder import Footing
from router.reasons import Reason
from router.tone import ToneNow
from router.understanding import HardHit, Understanding, leading_intent

if TYPE_CHECKING:
    from router.generation import Generation


class Facts(Protocol):
    """What the decider reads of the facts of a call."""

    @property
    def language(self) -> str: ...
    @property
    def dialled(self) -> str: ...
    @property
    def pbx(self) -> str: ...
    @property
    def caller_number(self) -> str: ...
    @property
    def last_agent(self) -> str: ...
    @property
    def wall_anchor(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything known about a call at one moment.

    Attributes
    ----------
    facts : of the call, as the record keeps them.
    understood, text : of what was said so far; `hard` the hard word that may be acted on.
    ended : the caller has finished and no more text is expected.
    forced : time is up, decide; `trigger` names the deadline (or what else makes this the moment).
    may_ask : the question could be put now; `asked` that it was.
    spoke : the caller spoke at all.
    tone : how the caller sounds; `tone_awaited` that too little was heard for an alarm, but enough may still be.
    key_destination, key : what a pressed key decided, or None.
    footing : for the ladder.
    context : reasons that the session adds (deadline, objection, lost recogniser).
    speech_s : seconds since the caller began to speak, pauses included; infinite where that was not told.
    """

    facts: Facts
    understood: Understanding
    text: str
    hard: HardHit | None
    ended: bool
    forced: bool
    trigger: Trigger
    may_ask: bool
    asked: bool
    spoke: bool
    tone: ToneNow
    tone_awaited: bool
    footing: Footing
    audio_s: float
    now_s: float
    key: str | None = None
    key_destination: str | None = None
    context: tuple[Reason, ...] = ()
    speech_s: float = math.inf

    def intent(self, generation: Generation, destination: str) -> str | None:
        """Return the likeliest of the intents that lead to a destination, a hard word's first; None where none does."""
        return leading_intent(self.understood, self.hard, generation, self.facts.language, destination)
