"""How sure the words must be for a decision while the caller still speaks, by how many of them were heard.

A sequential test (Wald 1945, "Sequential tests of statistical hypotheses"): after every word it is decided, or waited
for the next. What an operator says is how many early decisions may be wrong, `decision.early_error`. What that
asks of the words is learnt from the operator's own examples, each held out from the model that reads it, misheard
more than on a bad line, and read to it word by word as a call is (`Aloud`):

1. Thresholds that let no more than a share of the readings of so many words go wrong. A bucket of word counts with
   little held out leans on what holds for all of them; more words never need more.
2. Such thresholds are looked at after every word, which is more chances to err than one. So the share is made
   smaller until, word by word through every example, no more of those decided go wrong than the operator
   allows, one more error counted than was seen.

What is promised is the share of all early decisions that words make together, on lines that mishear up to one word in
five: not that at each number of words, nor that of a hard word, which decides because the operator says so. It is an
expectation, not a bound, and of callers who speak as the examples do. Thresholds and walk are seen on the same
readings, a little too hopeful; that the readings are misheard more than is promised makes up for it. (Walking each
part of the examples with the thresholds of the others, keeping an upper bound of the share, having two partials agree,
or weighing the one before in, kept no more of the promise for the decisions that they cost.)

Where too little was held out for that, the probability itself must be sure enough, and no less than keeps as few
errors as can be shown: STRICT at least, and wrong half as often as is allowed, because on a bad line it is wrong more
often than it says. That is not a promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from config.schema import DecisionSettings

STRICT = 0.95
"""Needed early where nothing was held out, and at the end where next to nothing was said."""
NEVER = 1.0
WORDS_PER_S = 6.0
"""Nobody says more: of what a recogniser writes faster than this, so many words count as said. The seconds are those
since the caller began to speak, pauses included."""

_LAST = (3, 5, 8)
"""Last word count of each bucket but the open one."""
_LEAN = 30.0
"""Held-out examples that a bucket needs before it counts as much as all buckets together."""
_GRID = 0.005
_SHARES = np.geomspace(0.001, 0.6, 61)


@dataclass(frozen=True, slots=True, eq=False)
class Aloud:
    """Held-out texts of one language, read word by word to a model that has not learnt them, each several times.

    Attributes
    ----------
    sure : float32 (texts, readings, words), probability of the strongest destination after 1, 2, ... words; 0 past
        the end.
    right : bool (texts, readings, words), whether that is where the text belongs.
    """

    sure: NDArray[np.float32]
    right: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.sure.ndim != 3 or self.sure.shape != self.right.shape:
            raise ValueError(
                f"sure {self.sure.shape} and right {self.right.shape} must be of the same texts, readings and words"
            )


@runtime_checkable
class HeardOut(Protocol):
    """A reader of intents that knows how it reads what it has not learnt, word by word."""

    def aloud(self, language: str) -> Aloud | None:
        """Return the held-out texts of a language, None where there are none."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What an early decision needs in one language.

    Attributes
    ----------
    needed : probability after 1, 2, ... words; the last holds for more.
    learnt : it keeps `early_error` on held-out examples; False where there were too few to say, or too unlike.
    """

    needed: tuple[float, ...]
    learnt: bool

    def after(self, words: int) -> float:
        """Return the probability needed after so many words, at least one."""
        return self.needed[min(max(words, 1), len(self.needed)) - 1]


UNLEARNT = Thresholds((STRICT,), learnt=False)


def thresholds(reader: object, languages: tuple[str, ...], settings: DecisionSettings) -> Mapping[str, Thresholds]:
    """Return what early decisions need in each language, by what its reader holds out."""
    found: dict[str, Thresholds] = {}
    if settings.early_threshold is None and isinstance(reader, HeardOut):
        for language in languages:
            aloud = reader.aloud(language)
            if aloud is not None:
                found[language] = learn(aloud, settings)
    return found


def learn(aloud: Aloud, settings: DecisionSettings) -> Thresholds:
    """Learn the thresholds of one language; they are never below `threshold`, and fall as `early_error` grows."""
    if settings.threshold >= NEVER:
        return Thresholds((NEVER,), learnt=False)
    grid = np.round(np.arange(settings.threshold, NEVER, _GRID), 6)
    risks = _risks(aloud, grid)
    ladder = [_needed(risks, grid, share) for share in _SHARES]
    walks = [_walk(aloud, needed, settings.min_words) for needed in ladder]
    errors = np.array([(wrong + 1) / (decided + 1) for decided, wrong in walks])
    kept = np.flatnonzero(errors <= max(settings.early_error, errors.min()))
    needed = ladder[kept[-1]]
    learnt = bool(errors.min() <= settings.early_error)
    if not learnt:
        needed = np.maximum(needed, max(STRICT, settings.threshold, NEVER - settings.early_error / 2))
    return Thresholds(tuple(float(one) for one in needed), learnt)


def _risks(aloud: Aloud, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of readings at least so sure that go wrong, (buckets, grid).

    A text counts once in a bucket, however often it is read within it.
    """
    counts = np.arange(1, aloud.sure.shape[-1] + 1)
    buckets = np.searchsorted(_LAST, counts)
    read = aloud.sure > 0
    above, wrong = (np.zeros((len(_LAST) + 1, len(grid))) for _ in range(2))
    for bucket in range(len(_LAST) + 1):
        inside = read & (buckets == bucket)
        times = inside.sum(axis=(1, 2), keepdims=True)
        weight = np.where(inside, 1.0 / np.maximum(times, 1), 0.0)[inside]
        sure, misled = aloud.sure[inside], ~aloud.right[inside]
        order = np.argsort(sure)
        starts = np.searchsorted(sure[order], grid)
        for total, part in ((above, weight), (wrong, weight * misled)):
            total[bucket] = np.append(np.cumsum(part[order][::-1])[::-1], 0.0)[starts]
    of_all = (wrong.sum(axis=0) + 1) / (above.sum(axis=0) + 1)
    found: NDArray[np.float64] = (wrong + _LEAN * of_all) / (above + _LEAN)
    return found


def _needed(risks: NDArray[np.float64], grid: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The least probability, after 1, 2, ... words, at which at most this share goes wrong; NEVER where none is."""
    enough = risks <= share
    lowest = np.where(enough.any(axis=1), grid[np.argmax(enough, axis=1)], NEVER)
    falling = np.maximum.accumulate(lowest[::-1])[::-1]
    found: NDArray[np.float64] = falling[np.searchsorted(_LAST, np.arange(1, _LAST[-1] + 2))]
    return found


def _walk(aloud: Aloud, needed: NDArray[np.float64], min_words: int) -> tuple[float, float]:
    """Read every text word by word, and decide where it is sure enough: how many are decided, and how many wrong.

    A text that is read several times is a share of one each time.
    """
    _, readings, words = aloud.sure.shape
    sure, right = aloud.sure.reshape(-1, words), aloud.right.reshape(-1, words)
    counts = np.arange(1, words + 1)
    after = needed[np.minimum(counts, len(needed)) - 1]
    stops = (sure >= after) & (sure > 0) & (counts >= min_words)
    decided = stops.any(axis=1)
    first = np.argmax(stops, axis=1)
    wrong = decided & ~right[np.arange(len(first)), first]
    return float(decided.sum()) / readings, float(wrong.sum()) / readings
