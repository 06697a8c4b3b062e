"""What a text means: probabilities of intents and destinations, and the hard words in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.generation import Generation


@dataclass(frozen=True, slots=True)
class HardHit:
    """A hard word that was heard: the phrase, and the intent and destination it stands for."""

    phrase: str
    intent: str
    destination: str


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a text means.

    Attributes
    ----------
    by_intent, by_destination : probabilities, calibrated for this many words.
    words : how many words were heard.
    hard : the first hard word heard, or None.
    key_phrase : one of the operator's key phrases or hard words was heard.
    """

    by_intent: Mapping[str, float]
    by_destination: Mapping[str, float]
    words: int
    hard: HardHit | None = None
    key_phrase: bool = False

    def strongest(self) -> tuple[str, float]:
        """Return the likeliest destination and its probability; ("", 0.0) where nothing was heard."""
        return min(self.by_destination.items(), key=_likelier, default=("", 0.0))


NOTHING_HEARD = Understanding(MappingProxyType({}), MappingProxyType({}), 0)


def leading_intent(
    understood: Understanding, hard: HardHit | None, generation: Generation, language: str, destination: str
) -> str | None:
    """Return the likeliest of the intents that lead to the destination, a hard word's first; None where none does."""
    if not destination:
        return None
    if hard is not None:
        return hard.intent
    by_intent = understood.by_intent.items()
    leading = [one for one in by_intent if generation.destination_of(one[0], language) == destination]
    return min(leading, key=_likelier)[0] if leading else None


def _likelier(named: tuple[str, float]) -> tuple[float, str]:
    """Sorts names with their probabilities: the likeliest first, those alike by name."""
    return -named[1], named[0]
