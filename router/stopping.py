"""How sure the words must be for a decision while the caller still speaks, by how many of them were heard.

A sequential test (Wald 1945, "Sequential tests of statistical hypotheses"): after every word it is decided, or waited
for the next. What an operator says is how many early decisions may be wrong, `decision.early_error`. What that
asks of the words is learnt from the operator's own examples, each held out from the model that reads it, misheard
more than on a bad line, and read to it word by word as a call is (`Aloud`):

1. Of every reading that is surer than all before it, which are those that a call may be decided on, it is learnt how
   likely it is wrong: by how sure it is, and by how many words (`_Risk`, a logistic regression). A decision is worth it
   where that is below some margin, which makes thresholds: one for each number of words, and more words never need
   more.
2. The margin is the largest at which, word by word through every example, no more of those decided are expected to go
   wrong than the operator allows.

What a fit expects, and not errors counted: of the few hundred examples that are decided, 3 in 100 are a handful, and
thresholds that follow those jump when a word of one example is changed. (With counts beside the
fit they jumped more, and as much went wrong.)

What is promised is the share of all early decisions that words make together, on lines that mishear up to one word in
five: not that at each number of words, nor that of a hard word, which decides because the operator says so. It is an
expectation, not a bound, and of callers who speak as the examples do. Fit and walk see the same readings, a little too
hopeful; that the readings are misheard more than is promised makes up for it.

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

_FROM = np.array([1, 2, 3, 4, 6, 9])
"""Word counts at which what is needed changes; between them it is that of the last."""
_MARGINS = np.geomspace(0.002, 0.5, 61)
_SUREST = 0.999
"""What is surer is taken for no more than that: at the very end a probability says little of how far it is one."""
_USUAL = np.array([-0.6, -0.7, -0.4])
"""Of a risk: at even odds after `_USUAL_WORDS`, by the log-odds of being right, and by the logarithm of the words. What
public sets' training parts ask for, each nearly alike."""
_USUAL_WORDS = 8.0
_PULL = 10.0
"""How firmly a risk is held to the usual one: as by forty readings at even odds."""
_MATTERS = 0.8
"""Readings that are less sure tell little of those that are decided on: the surest are wrong more often than the line
through all of them says. Chosen on public sets' training parts, as the pull was."""
_BOUNDS = ((None, None), (None, -0.1), (None, 0.0))
"""Of its factors: what is surer is a little likelier right at least, and more words are never likelier wrong."""


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
    learnt : of held-out examples it is expected to keep `early_error`; False where there were too few to say, or too
        unlike.
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
    readings = _Readings.of(aloud, settings.min_words)
    risk = _Risk.of(readings)
    ladder = [risk.needed(margin, settings.threshold) for margin in _MARGINS]
    walks = [_walk(readings, risk, needed) for needed in ladder]
    kept = [at for at, (decided, wrong) in enumerate(walks) if decided and wrong <= settings.early_error * decided]
    needed, (decided, _) = (ladder[kept[-1]], walks[kept[-1]]) if kept else (ladder[0], (0.0, 0.0))
    # Of fewer than one error is allowed in, nothing can be said.
    learnt = decided * settings.early_error >= 1
    if not learnt:
        needed = np.maximum(needed, max(STRICT, settings.threshold, NEVER - settings.early_error / 2))
    return Thresholds(tuple(float(one) for one in needed), learnt)


@dataclass(frozen=True, slots=True)
class _Readings:
    """Every reading of every text as a row: what may be decided on after 1, 2, ... words, (rows, words).

    `sure` is 0 where nothing may be decided: before `min_words`, and past the end. A row counts `share` of a text.
    """

    sure: NDArray[np.float64]
    right: NDArray[np.bool_]
    share: float

    @classmethod
    def of(cls, aloud: Aloud, min_words: int) -> _Readings:
        _, readings, words = aloud.sure.shape
        sure = aloud.sure.reshape(-1, words).astype(np.float64)
        sure[:, : min_words - 1] = 0.0
        return cls(sure, aloud.right.reshape(-1, words), 1 / readings)


@dataclass(frozen=True, slots=True)
class _Risk:
    """How likely a decision is wrong: log-odds are linear in those of being right, and in the logarithm of the words.

    `factors`, (3,), are as `_USUAL`.
    """

    factors: NDArray[np.float64]

    @classmethod
    def of(cls, readings: _Readings) -> _Risk:
        """Fit to what is surer than all before it in its row, and sure enough to matter."""
        from scipy.optimize import minimize

        sure = readings.sure
        before = np.maximum.accumulate(np.pad(sure, ((0, 0), (1, 0)))[:, :-1], axis=1)
        rows, at = np.nonzero((sure > before) & (sure >= _MATTERS))
        known = _known(sure[rows, at], at + 1)
        wrong = ~readings.right[rows, at]

        def loss(factors: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            odds, away = known @ factors, factors - _USUAL
            lost = readings.share * float((np.logaddexp(0, odds) - wrong * odds).sum()) + _PULL / 2 * float(away @ away)
            return lost, readings.share * (_probability(odds) - wrong) @ known + _PULL * away

        found = minimize(loss, _USUAL, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options={"ftol": 1e-12})
        return cls(np.asarray(found.x, dtype=np.float64))

    def wrong(self, sure: NDArray[np.float64], words: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how likely decisions are wrong that are so sure after so many words, any shape."""
        return _probability(_known(sure, words) @ self.factors)

    def needed(self, margin: float, lowest: float) -> NDArray[np.float64]:
        """Return the probability, after 1, 2, ... words, from which a decision is wrong no likelier than `margin`."""
        words = np.arange(1, _FROM[-1] + 1)
        at_even_odds = _known(np.full(len(words), 0.5), words) @ self.factors
        least = _probability((_log_odds(margin) - at_even_odds) / self.factors[1])
        found: NDArray[np.float64] = np.maximum(np.ceil(least * 1000) / 1000, lowest)
        return found


def _known(sure: NDArray[np.float64], words: NDArray[np.intp]) -> NDArray[np.float64]:
    """What a risk is learnt from, (..., 3)."""
    counted = _FROM[np.searchsorted(_FROM, words, side="right") - 1]
    odds = _log_odds(np.clip(sure, 1 - _SUREST, _SUREST))
    return np.stack([np.ones_like(odds), odds, np.log(counted / _USUAL_WORDS)], axis=-1)


def _log_odds(probability: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(np.log(probability) - np.log1p(-np.asarray(probability)), dtype=np.float64)


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)


def _walk(readings: _Readings, risk: _Risk, needed: NDArray[np.float64]) -> tuple[float, float]:
    """Read every text word by word, and decide where it is sure enough: how many are decided, how many wrong of them.

    Wrong are so many as are expected.
    """
    counts = np.arange(1, readings.sure.shape[1] + 1)
    stops = readings.sure >= needed[np.minimum(counts, len(needed)) - 1]
    rows = np.flatnonzero(stops.any(axis=1))
    first = np.argmax(stops[rows], axis=1)
    wrong = risk.wrong(readings.sure[rows, first], first + 1)
    return readings.share * len(rows), readings.share * float(wrong.sum())
