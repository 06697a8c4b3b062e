"""Caller audio in, arousal, valence and anger out, each with a confidence and a right to abstain.

`Tracker` follows one call: it takes samples and the voice-activity flag, describes them every 10 ms
(`extract`, kernels in `kernels`), keeps statistics over the speech heard (`functionals`) and what small
causal networks make of it (`sequence`), and asks the shared `ToneModel` every 250 ms: alone with `push`, or
together with other calls, where `feed` hands out an `Inquiry`, `ask` puts those of many calls to the model
in one run, and `settle` takes the `Answer`. `trace` does the same to a recording. `warm_up` compiles the
kernels, or loads what was compiled, before the first call comes; importing this package compiles nothing.
`train` makes the model from labelled audio.
"""

from emotion.errors import EmotionError, ModelError, ModelMismatch, ModelMissing
from emotion.inquiry import Answer, Inquiry, ask
from emotion.model import ToneModel
from emotion.offline import trace
from emotion.tracker import Abstention, Estimate, Tracker, TrackerSettings
from emotion.warm import kernels_key, warm_up

__all__ = [
    "Abstention",
    "Answer",
    "EmotionError",
    "Estimate",
    "Inquiry",
    "ModelError",
    "ModelMismatch",
    "ModelMissing",
    "ToneModel",
    "Tracker",
    "TrackerSettings",
    "ask",
    "kernels_key",
    "trace",
    "warm_up",
]
