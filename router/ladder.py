"""Degrading is a ladder, not an exception: what a destination rests on when better evidence is missing.

final text -> last partial -> tone, keys and facts of the call -> default route. Whatever fails, the next
rung stands, and every rung that was passed over is on the decision with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_WORD_VARIABLES = frozenset(
    {"intent", "destination", "sure", "probability", "probabilities", "words", "text", "hard_word"}
)


class Rung(StrEnum):
    """What the destination rests on, best first."""

    FINAL_TEXT = "final_text"
    PARTIAL_TEXT = "partial_text"
    TONE_AND_KEYS = "tone_and_keys"
    DEFAULT = "default"


class Missing(StrEnum):
    """Why a rung could not carry the decision."""

    NO_RECOGNISER = "no_recogniser"
    RECOGNISER_LOST = "recogniser_lost"
    FINAL_LATE = "final_late"
    STILL_SPEAKING = "still_speaking"
    ONLY_PAUSED = "only_paused"
    NO_SPEECH = "no_speech"
    NO_WORDS = "no_words"
    NOT_SURE = "not_sure"
    TONE_OFF = "tone_off"
    TONE_UNHEARD = "tone_unheard"
    NO_RULE = "no_rule"
    KEY_PRESSED = "key_pressed"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung passed over, and why."""

    rung: Rung
    missing: Missing


@dataclass(frozen=True, slots=True)
class Footing:
    """What there was to stand on when the decision fell.

    Attributes
    ----------
    recogniser : it could be used to the end; `lost` that it was there and went away.
    spoke : the caller spoke.
    words : any words were heard; `partial` that the last of them are not final.
    ended : the caller had finished; `paused` was silent, and might have gone on.
    tone_off : tone is switched off, by the caller or the site; `tone_heard` that it may be used.
    """

    recogniser: bool
    lost: bool
    spoke: bool
    words: bool
    partial: bool
    ended: bool
    tone_off: bool
    tone_heard: bool
    paused: bool = False


def rests_on_words(variables: frozenset[str]) -> bool:
    """Whether a rule that speaks of these variables rests on what was said."""
    return bool(variables & _WORD_VARIABLES)


def why_partial(footing: Footing) -> Missing:
    """Return why words that are not final were all there was."""
    if footing.lost:
        return Missing.RECOGNISER_LOST
    if footing.ended:
        return Missing.FINAL_LATE
    return Missing.ONLY_PAUSED if footing.paused else Missing.STILL_SPEAKING


def climb_down(
    footing: Footing, *, by_words: bool, by_key: bool, by_rule: bool, forbidden: bool = False
) -> tuple[Rung, tuple[Step, ...]]:
    """Return the rung that carried the decision and every better one that did not.

    Parameters
    ----------
    footing : what there was.
    by_words : the words chose the destination; `by_key` a key did; `by_rule` a rule that does not rest on
    words.
    forbidden : the words were sure, but a rule keeps the call from where they point.
    """
    steps: list[Step] = []
    if by_words and not footing.partial:
        return Rung.FINAL_TEXT, ()
    steps.append(Step(Rung.FINAL_TEXT, _why_no_final(footing, by_key, forbidden)))
    if by_words:
        return Rung.PARTIAL_TEXT, tuple(steps)
    steps.append(Step(Rung.PARTIAL_TEXT, _why_no_words(footing, by_key, forbidden)))
    if by_key or by_rule:
        return Rung.TONE_AND_KEYS, tuple(steps)
    if footing.tone_off:
        steps.append(Step(Rung.TONE_AND_KEYS, Missing.TONE_OFF))
    else:
        steps.append(Step(Rung.TONE_AND_KEYS, Missing.NO_RULE if footing.tone_heard else Missing.TONE_UNHEARD))
    return Rung.DEFAULT, tuple(steps)


def _why_no_final(footing: Footing, by_key: bool, forbidden: bool) -> Missing:
    if by_key:
        return Missing.KEY_PRESSED
    if forbidden:
        return Missing.FORBIDDEN
    if footing.words and footing.partial:
        return why_partial(footing)
    return _why_no_words(footing, by_key, forbidden)


def _why_no_words(footing: Footing, by_key: bool, forbidden: bool) -> Missing:
    if by_key:
        return Missing.KEY_PRESSED
    if forbidden:
        return Missing.FORBIDDEN
    if footing.words:
        return Missing.NOT_SURE
    if footing.lost:
        return Missing.RECOGNISER_LOST
    if not footing.recogniser:
        return Missing.NO_RECOGNISER
    return Missing.NO_WORDS if footing.spoke else Missing.NO_SPEECH
