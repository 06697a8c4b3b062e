"""What hearing the tone costs: per 20 ms frame, per estimate, and for forty calls in one run of the model.

Run alone: python -m benchmarks.emotion_stages
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Stage, Stopwatch, measure_calls
from emotion import ToneModel, Tracker, warm_up
from emotion.extract import Extractor
from emotion.functionals import SpeechWindow

FRAME = 160


def _voice(seconds: float) -> NDArray[np.int16]:
    """A gliding buzz with pauses and line noise: it takes the same paths through the kernels as a voice."""
    rng = np.random.default_rng(1)
    t = np.arange(int(seconds * 8000)) / 8000
    phase = 2 * np.pi * np.cumsum(130.0 + 40.0 * np.sin(3.0 * t)) / 8000
    wave = sum(np.cos(h * phase) / h for h in range(1, 20)) * np.maximum(0.0, np.sin(5.0 * t))
    return np.asarray(2500.0 * wave + rng.normal(0, 30, len(t))).astype(np.int16)


def _pushes(pcm: NDArray[np.int16], count: int) -> Stage:
    extractor, watch = Extractor(), Stopwatch()
    frames = [pcm[start : start + FRAME] for start in range(0, len(pcm), FRAME)]
    for frame in frames:
        extractor.push(frame)
    for number in range(count):
        frame = frames[number % len(frames)]
        with watch:
            extractor.push(frame)
    per_second = watch.cpu_s / (count * 0.02)
    return watch.stage(
        "emotion", "descriptors", "20 ms frame", f"{per_second:.5f} CPU s per audio s, timer included"
    )


def _whole(pcm: NDArray[np.int16], model: ToneModel, seconds: float) -> Stage:
    """Everything a live call's frame costs here, the estimates that fall due in some of them included."""
    tracker, watch = Tracker(model), Stopwatch()
    frames = [pcm[start : start + FRAME] for start in range(0, len(pcm), FRAME)]
    count = int(seconds * 50)
    for number in range(count):
        frame = frames[number % len(frames)]
        with watch:
            tracker.push(frame, True)
    per_second = watch.cpu_s / (count * 0.02)
    return watch.stage(
        "emotion",
        "tracker with an estimate each 250 ms",
        "20 ms frame",
        f"{per_second:.5f} CPU s per audio s, timer included",
    )


def measure(quick: bool) -> list[Stage]:
    """Return the stages of emotion: descriptors, tracker, statistics, model for one call and for forty."""
    model = warm_up()
    pcm = _voice(20.0)
    window = SpeechWindow()
    window.add(Extractor().push(pcm), True)
    row = window.features()[None, :]
    forty = np.repeat(row, 40, axis=0)
    runs = 1_000 if quick else 10_000
    return [
        _pushes(pcm, 10_000 if quick else 100_000),
        _whole(pcm, model, 100.0 if quick else 2_000.0),
        measure_calls("emotion", "statistics over 8 s of speech", "estimate", window.features, count=runs),
        measure_calls("emotion", "model, one call", "estimate", lambda: model.predict(row), count=runs),
        measure_calls(
            "emotion", "model, forty calls at once", "batch of 40", lambda: model.predict(forty), count=runs
        ),
    ]


if __name__ == "__main__":
    for stage in measure(quick=False):
        print(json.dumps(stage.as_json()))
