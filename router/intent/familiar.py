"""How unlike every example a text is: evidence for BACKGROUND, whose own examples can never cover what it stands for.

Classes compete for a text, so that one which is like none of them still goes to the least unlike. What tells it is
the size of the scores themselves (Liu et al. 2020, "Energy-based out-of-distribution detection"): where those of all
other classes together are below what is usual for so many words, that of BACKGROUND is raised, and lowered where they
are above. Of a sentence's meaning alone: words that no example has say little of how far a text is from the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.generation import BACKGROUND

_WEIGHT = 1.5
"""Chosen on the validation part of a public set of 150 intents, where more tells little better what is none of them,
and on the shipped examples, of which 2 would leave fewer understood: no figure on the starter pack's own held-out
examples is independent of this."""
_LEAN = 30.0
"""Held-out texts that a bucket needs before it counts as much as all buckets together."""


def weighed(scores: NDArray[Any], intents: Sequence[str], usual: NDArray[Any] | float) -> NDArray[Any]:
    """Return scores with that of BACKGROUND raised as far as the text is unlike the other classes; else as they are.

    Parameters
    ----------
    scores : before calibration, (..., classes).
    intents : names of the classes.
    usual : what `familiarity` is of texts of so many words, (...).
    """
    if BACKGROUND not in intents or len(intents) < 2:
        return scores
    found = scores.copy()
    column = intents.index(BACKGROUND)
    found[..., column] += _WEIGHT * (usual - familiarity(scores, column))
    return found


def familiarity(scores: NDArray[Any], column: int) -> NDArray[Any]:
    """Return how like the classes other than that of a column a text is, in nats, (...): higher is more."""
    others = np.delete(scores, column, axis=-1)
    highest = others.max(axis=-1, keepdims=True)
    found: NDArray[Any] = highest[..., 0] + np.log(np.exp(others - highest).sum(axis=-1))
    return found


def usual(
    scores: NDArray[Any], intents: Sequence[str], labels: NDArray[np.intp], buckets: NDArray[np.intp], count: int
) -> NDArray[np.float32]:
    """Return what familiarity is of held-out texts that are not BACKGROUND, for each bucket of word counts, (count,).

    Parameters
    ----------
    scores : of the texts, before calibration, (texts, classes).
    intents : names of the classes.
    labels, buckets : class of each text, and bucket of its word count, (texts,).
    count : of buckets.
    """
    found = np.zeros(count, dtype=np.float32)
    if BACKGROUND not in intents:
        return found
    column = intents.index(BACKGROUND)
    known = labels != column
    if not known.any():
        return found
    of_texts, inside = familiarity(scores[known], column), buckets[known]
    overall = float(np.median(of_texts))
    for bucket in range(count):
        here = of_texts[inside == bucket]
        median = float(np.median(here)) if len(here) else overall
        found[bucket] = (len(here) * median + _LEAN * overall) / (len(here) + _LEAN)
    return found
