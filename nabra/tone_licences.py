"""May a tone model serve customers? What the licences of the recordings it was trained on say of that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from emotion.training.card import non_commercial
from emotion.training.manifest import NO_LICENCE


def forbidding(licences: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, what to do) for each licence that forbids commercial service, or is absent.

    Parameters
    ----------
    licences : by corpus.
    """
    by_licence: dict[str, list[str]] = {}
    for corpus, texts in licences.items():
        for text in texts:
            if non_commercial([text]):
                by_licence.setdefault(text, []).append(corpus)
    for text, corpora in by_licence.items():
        names = ", ".join(corpora)
        if text == NO_LICENCE:
            yield (
                f"the tone model learnt from {names}, whose licence is not stated: no commercial service rests on it",
                "if the recordings are yours and your callers agreed, say so in a column 'licence' and train again",
            )
        else:
            yield (
                f"the tone model learnt from {names}, whose terms do not allow commercial service ({text})",
                "train one without it for a service that is sold",
            )


def forbidding_of(model: Path) -> list[tuple[str, str]]:
    """Return the same for a model's file, by the facts that stand beside it; nothing where there are none."""
    try:
        licences = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))["licences"]
        return list(forbidding({str(corpus): [str(text) for text in texts] for corpus, texts in licences.items()}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
