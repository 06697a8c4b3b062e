"""How likely is a word right? A small fitted map from the scores of its tokens to a chance.

The probabilities that a recogniser gives its own tokens say which words it is less sure of, but not how often such
words are right. The map is a logistic regression on a few numbers of each word and its neighbours, fitted to words of
which it was known whether they were right (``python -m benchmarks.confidence_fit``) and kept as JSON with what it
learnt from and how well it does on what it has not seen. A model without such a map gets no confidences.

The confidence of a text is the mean of its words': the share of its words that can be expected to be right. It knows
nothing of words that were left out.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

SHIPPED = Path(__file__).parent / "models" / "moonshine_confidence.json"

ScoredWord = tuple[str, Sequence[float]]
"""A word and the natural logarithms of its tokens' probabilities, empty where none of them has a letter or digit."""

FEATURES = (
    "least score of the word",
    "its logarithm",
    "mean score of the word",
    "least score of the word before",
    "least score of the word behind",
    "mean score of the text",
    "least score of the text",
    "first word",
    "last word",
    "only word",
    "tokens",
    "letters",
    "words a second",
)
_LOWEST = -6.0


def features(words: Sequence[ScoredWord], seconds: float) -> npt.NDArray[np.float64]:
    """Describe each word of a text in numbers.

    Parameters
    ----------
    words : sequence of (str, scores)
        At least one.
    seconds : float
        Length of the segment, s, over 0.

    Returns
    -------
    float64 array, shape (words, len(FEATURES))
        In the order of FEATURES.
    """
    least = [max(_LOWEST, min(scores, default=0.0)) for _, scores in words]
    mean = [max(_LOWEST, sum(scores) / len(scores)) if scores else 0.0 for _, scores in words]
    whole = sum(mean) / len(mean)
    rate = len(words) / max(seconds, 0.1)
    rows = []
    for at, (word, scores) in enumerate(words):
        rows.append(
            (
                least[at],
                math.log(0.003 - least[at]),
                mean[at],
                least[at - 1] if at else 0.0,
                least[at + 1] if at + 1 < len(words) else 0.0,
                whole,
                min(least),
                float(at == 0),
                float(at == len(words) - 1),
                float(len(words) == 1),
                float(min(len(scores), 6)),
                float(min(sum(letter.isalnum() for letter in word), 12)),
                min(rate, 6.0),
            )
        )
    return np.array(rows, np.float64)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logistic regression on standardised features.

    Attributes
    ----------
    centre, spread, weight : tuple of float
        Of each feature: what is subtracted, what it is divided by, and its weight.
    bias : float
        Added to the weighted sum, in log-odds.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float

    def chances(self, words: Sequence[ScoredWord], seconds: float) -> list[float]:
        """Return the chance of each word to be right, 0.01..0.99; see :func:`features`."""
        x = (features(words, seconds) - np.array(self.centre)) / np.array(self.spread)
        odds = x @ np.array(self.weight) + self.bias
        chances: list[float] = np.clip(1 / (1 + np.exp(-odds)), 0.01, 0.99).tolist()
        return chances


@cache
def _maps() -> dict[str, Calibration]:
    if not SHIPPED.is_file():
        return {}
    found = json.loads(SHIPPED.read_text(encoding="utf-8"))["models"]
    return {
        model_id: Calibration(tuple(m["centre"]), tuple(m["spread"]), tuple(m["weight"]), float(m["bias"]))
        for model_id, m in found.items()
    }


def shipped_calibration(model_id: str) -> Calibration | None:
    """Return the map of a model, or None where there is none for exactly this one."""
    return _maps().get(model_id)
