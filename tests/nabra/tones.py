"""Recordings and estimates as they could be, for what draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nabra.tone_trace import FRAME, ToneTrace

PRIOR, ALARM_AT = 0.03, 0.085


@dataclass(frozen=True)
class Estimated:
    """An estimate; by default of a calm caller."""

    t_s: float
    voiced_s: float = 2.0
    arousal: float = 0.4
    valence: float = 0.5
    anger: float = 0.01
    confidence: float = 0.8
    abstained: bool = False
    reason: str = ""
    alarmed: bool = False
    call_anger: float = 0.01
    alarmed_at_s: float | None = None
    trend: float = 0.0
    feeling: str = "neutral"
    feeling_share: float = 0.6


def abstained(t_s: float, reason: str = "too little voice") -> Estimated:
    """An estimate that must not be used."""
    return Estimated(t_s, voiced_s=0.5, confidence=0.0, abstained=True, reason=reason, call_anger=0.0)


def trace(
    estimates: Sequence[Estimated], length_s: float = 5.0, heard_s: float | None = None, *, name: str = "call.wav"
) -> ToneTrace:
    """A recording of noise, of which every other second is flagged as voice."""
    pcm = np.random.default_rng(5).normal(0, 2000, int(8000 * length_s)).astype(np.int16)
    found = ToneTrace(name, pcm, PRIOR, ALARM_AT)
    frames = -(-len(pcm) // FRAME) if heard_s is None else int(heard_s * 50)
    found.voiced += [(frame // 50) % 2 == 1 for frame in range(frames)]
    found.estimates += estimates
    return found


def calm_then_angry(length_s: float = 5.0, alarm_s: float = 3.0) -> ToneTrace:
    """Too little voice for a second, then calm, then angry, from `alarm_s` on with an alarm."""
    items = []
    for quarter in range(1, int(length_s * 4) + 1):
        t_s = quarter / 4
        if t_s <= 1.0:
            items.append(abstained(t_s))
        elif t_s < alarm_s:
            items.append(Estimated(t_s, voiced_s=t_s / 2))
        else:
            items.append(
                Estimated(
                    t_s, t_s / 2, arousal=0.9, valence=0.1, anger=0.6, alarmed=True, call_anger=0.3,
                    alarmed_at_s=alarm_s, trend=3.0,
                )
            )  # fmt: skip
    return trace(items, length_s)
