"""What a public set of texts does to its own texts, so that it can be told beside a figure; no promise rests on it.

Some texts are given to two destinations: no answer is right for both. Some are among the examples too, word for word,
because people say the same: what was learnt by heart is judged. A figure of either part is of a choice of texts, the
first by labels of the tests themselves: neither may stand in for the figure of all texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.intent_sets import Example, IntentTexts
from router.intent import normalise

ALL, CLEAR, NEW = "", "that their own set does not give to two destinations", "that are not among the examples too"
"""Parts of the judged texts; ALL is what is promised."""


def contradicted(texts: IntentTexts) -> set[str]:
    """Return the texts, normalised, that their own set gives to more than one destination."""
    given: dict[str, set[str]] = {}
    for text, label in (*texts.train, *texts.test):
        given.setdefault(normalise(text), set()).add(texts.destinations[label])
    return {text for text, destinations in given.items() if len(destinations) > 1}


def parts_of(
    judged: Sequence[Example], groups: Mapping[str, Iterable[str]], unclear: set[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return which of the judged texts are in each part.

    Parameters
    ----------
    judged : texts with their labels.
    groups : the examples, by label.
    unclear : as `contradicted` returns them.
    """
    learnt = {normalise(text) for group in groups.values() for text in group}
    said = [normalise(text) for text, _ in judged]
    return {
        ALL: np.ones(len(said), np.bool_),
        CLEAR: np.array([text not in unclear for text in said], np.bool_),
        NEW: np.array([text not in learnt for text in said], np.bool_),
    }


def aside(found: Mapping[str, Sequence[float]], figures: Mapping[str, str]) -> str:
    """Return figures of the parts that nothing is promised of, as words.

    Parameters
    ----------
    found : values of each draw, %, by name and part (the name with the part behind it); "share" is that of the texts.
    figures : names in `found`, and what they are called.
    """
    told = []
    for part in (CLEAR, NEW):
        each = ", ".join(f"{called} {np.mean(found[name + part]):.1f}" for name, called in figures.items())
        told.append(f"of the {np.mean(found['share' + part]):.0f} % of texts {part}: {each}")
    return f"Aside, nothing promised, {'; '.join(told)}"
