"""What a report on an operator's examples holds: figures with their intervals, and remarks with their places."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_Z = 1.959964  # 95 %


class Kind(StrEnum):
    """What a remark is about, the worst first."""

    NO_INTENTS = "no_intents"
    NO_CLASS = "no_class"
    ONE_LANGUAGE = "one_language"
    FEW = "few"
    TWICE = "twice"
    ALIKE = "alike"
    HARD_WORD = "hard_word"
    ASTRAY = "astray"
    CONFUSED = "confused"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence as the operator wrote it, its intent, and the path of its place in `Config.places`."""

    text: str
    intent: str
    place: str


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to mend.

    Attributes
    ----------
    place : path in `Config.places` of what it is about.
    message, advice : what is wrong, and what to do.
    intents : that it concerns; of examples first the one under which they stand.
    examples : that show it.
    mild : no call goes elsewhere for it.
    """

    kind: Kind
    language: str
    place: str
    message: str
    advice: str
    intents: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    mild: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many; `low` and `high` are the 95 % interval of Wilson (1927), which holds for few as well."""

    right: int
    of: int

    @property
    def value(self) -> float:
        """0..1; 0 of none."""
        return self.right / self.of if self.of else 0.0

    @property
    def low(self) -> float:
        """Lower end of the interval, 0..1."""
        return max(0.0, self._middle() - self._half())

    @property
    def high(self) -> float:
        """Upper end of the interval, 0..1."""
        return min(1.0, self._middle() + self._half()) if self.of else 1.0

    def __str__(self) -> str:
        """Return "93% of 512 (91-95%)"."""
        return f"{self.value:.0%} of {self.of} ({100 * self.low:.0f}-{self.high:.0%})"

    def _middle(self) -> float:
        return (self.right + _Z * _Z / 2) / (self.of + _Z * _Z)

    def _half(self) -> float:
        p, n = self.value, max(self.of, 1)
        return _Z * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n)) / (1 + _Z * _Z / n)


@dataclass(frozen=True, slots=True)
class IntentFigures:
    """One intent of one language.

    Attributes
    ----------
    examples : different ones, after normalisation.
    reached, astray : of those judged, how many would be sent to the destination, and how many to another. The rest is
        unclear: such a caller is asked, and then answered by a person.
    by_intent : of those judged, how many would be sent for the intent itself.
    taken_for : other intents that its examples would be sent for, with how many, the most first.
    """

    name: str
    destination: str
    examples: int
    reached: Share
    astray: Share
    by_intent: Share
    taken_for: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LanguageReport:
    """All that is said of one language; `remarks` stand in the order of their kinds."""

    language: str
    intents: tuple[IntentFigures, ...]
    remarks: tuple[Remark, ...]

    @property
    def examples(self) -> int:
        """How many different examples there are."""
        return sum(intent.examples for intent in self.intents)

    @property
    def reached(self) -> Share:
        """Of all examples that were judged, how many would be sent where they should."""
        return _sum(intent.reached for intent in self.intents)

    @property
    def astray(self) -> Share:
        """Of all examples that were judged, how many would be sent elsewhere."""
        return _sum(intent.astray for intent in self.intents)

    @property
    def by_intent(self) -> Share:
        """Of all examples that were judged, how many would be sent for their own intent."""
        return _sum(intent.by_intent for intent in self.intents)


@dataclass(frozen=True, slots=True)
class Report:
    """The examples of a configuration, in the order of its languages."""

    languages: tuple[LanguageReport, ...]

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Every remark that is not mild, the worst kinds first."""
        serious = [remark for one in self.languages for remark in one.remarks if not remark.mild]
        return tuple(sorted(serious, key=lambda remark: list(Kind).index(remark.kind)))

    def headline(self) -> str:
        """One line: of each language how many examples would be sent right and wrong, and how much is to mend."""
        said = "; ".join(f"{one.language} {_said(one)}" for one in self.languages)
        return (
            f"examples judged without having been learnt: {said}; remarks: {len(self.remarks)} (nabra intent --report)"
        )


def _said(one: LanguageReport) -> str:
    return f"{one.reached} sent right, {one.astray.value:.0%} wrong" if one.reached.of else "none"


def _sum(shares: Iterable[Share]) -> Share:
    together = tuple(shares)
    return Share(sum(share.right for share in together), sum(share.of for share in together))
