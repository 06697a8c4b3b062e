"""What a call asks of the model at one moment, and what it is told: many calls' questions in one run.

A tracker hands out an `Inquiry` whenever an estimate falls due. Whoever drives the calls gathers them, puts
them to the model together with `ask`, and gives each tracker the `Answer` to its own. What the model is
given is known here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.model import ToneModel

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A call at the moment when an estimate fell due; it stays as it is while the call goes on.

    number: 0, 1, 2, ... within the call. t_s: audio time since the first sample, s. voiced_s: speech counted
    so far, s. features: what the model is asked, shape (len(FEATURES),), a copy; None where it need not be
    asked. unchanged: nothing was counted since the inquiry before, so that its answer stands. reason: why
    the estimate will abstain whatever the model says, empty where nothing speaks against it yet. fresh_s:
    speech counted since the model was asked before, s. shift: what of the caller's own baseline was taken away
    from the features, in their units, None where the model keeps no baseline. pooled: what the model's sequence
    networks made of the call so far, shape (layers.pooled,), None where it has none.
    """

    number: int
    t_s: float
    voiced_s: float
    features: Floats | None
    unchanged: bool
    reason: str
    fresh_s: float = 0.0
    shift: Floats | None = None
    pooled: Singles | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says to one inquiry, all 0..1; the probabilities are at the model's own prior.

    feelings: those of `ToneModel.feelings`, in sum 1.
    """

    arousal: float
    valence: float
    anger: float
    familiarity: float
    feelings: tuple[float, ...] = ()


def ask(model: ToneModel, inquiries: Sequence[Inquiry]) -> list[Answer | None]:
    """Answer inquiries of any number of calls in one run of the model; None for each that need not be asked."""
    asked = [inquiry for inquiry in inquiries if inquiry.features is not None]
    if not asked:
        return [None] * len(inquiries)
    features = np.stack([inquiry.features for inquiry in asked if inquiry.features is not None])
    pooled = [inquiry.pooled for inquiry in asked if inquiry.pooled is not None]
    tones = model.predict(features, np.stack(pooled) if pooled else None)
    told = zip(
        tones.arousal.tolist(),
        tones.valence.tolist(),
        tones.anger.tolist(),
        tones.familiarity.tolist(),
        map(tuple, tones.feelings.tolist()),
        strict=True,
    )
    return [None if inquiry.features is None else Answer(*next(told)) for inquiry in inquiries]
