"""What a pressed key means, and what the record keeps of one that means nothing."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto

from config.schema import Config
from router.evidence import Key

UNMAPPED_KEPT = 32
"""Keys without a meaning beyond these are counted, not listed."""
UNKNOWN_DIGIT = "?"
"""Stands for the digit of a key without a meaning."""


class Meaning(Enum):
    """What a key does."""

    TONE_OFF = auto()
    DESTINATION = auto()
    NOTHING = auto()


class Keys:
    """The keys of one call.

    Parameters
    ----------
    config : says which key turns tone off and which lead to a destination.
    """

    def __init__(self, config: Config) -> None:
        self._tone_off = config.notice.tone_off_key
        self._destinations = config.keys
        self._unmapped = 0

    def meaning(self, digit: str) -> Meaning:
        """Return what a key means; a caller's objection comes before a destination."""
        if digit == self._tone_off:
            return Meaning.TONE_OFF
        return Meaning.DESTINATION if digit in self._destinations else Meaning.NOTHING

    def unmapped(self, key: Key) -> Key | None:
        """Return what is kept of a key without a meaning: never its digit, and None beyond UNMAPPED_KEPT."""
        self._unmapped += 1
        return replace(key, digit=UNKNOWN_DIGIT) if self._unmapped <= UNMAPPED_KEPT else None
