"""What hearing the tone costs, beside what others take for the same sound, and how well it hears.

Run alone: python -m benchmarks.emotion_stages
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Stage, Stopwatch, measure_calls
from emotion import Inquiry, ToneModel, Tracker, ask, warm_up
from emotion.extract import Extractor
from emotion.functionals import SpeechWindow
from telephony.audio import read_audio

SAMPLES = Path(__file__).resolve().parent.parent / "nabra" / "demo" / "samples"
FRAME = 160
FRAME_S = 0.02
CALLS = 100

Samples = NDArray[np.int16]
Row = dict[str, object]


def _voices() -> Samples:
    """The demo's callers, one after the other: voices, pauses, and a line's noise."""
    files = [file for file in sorted(SAMPLES.glob("*.flac")) if file.stem not in ("silent", "hold-music", "key-zero")]
    return np.concatenate([read_audio(file) for file in files])


def _frames(pcm: Samples) -> list[Samples]:
    return [pcm[start : start + FRAME] for start in range(0, len(pcm) - FRAME + 1, FRAME)]


def _pushes(name: str, push: Callable[[Samples], object], pcm: Samples, count: int) -> Stage:
    """Time each of `count` pushes of 20 ms, after one round through the sound."""
    frames, watch = _frames(pcm), Stopwatch()
    for frame in frames:
        push(frame)
    for number in range(count):
        frame = frames[number % len(frames)]
        with watch:
            push(frame)
    note = f"{watch.cpu_s / (count * FRAME_S):.5f} CPU s per audio s, timer included"
    return watch.stage("emotion", name, "20 ms frame", note)


def _many_calls(model: ToneModel, pcm: Samples, seconds: float) -> Stage:
    """CALLS calls at once, as the live path has them: fed frame by frame, those that are due asked in one run."""
    trackers = [Tracker(model) for _ in range(CALLS)]
    frames, watch = _frames(pcm), Stopwatch()
    # Each call is elsewhere in the sound, and began at another moment.
    offsets = [int(place) for place in np.linspace(0, len(frames) - 1, CALLS)]
    for number, tracker in enumerate(trackers):
        tracker.push(pcm[: 80 * (number % 25)], True)
    for tick in range(int(seconds / FRAME_S)):
        with watch:
            due: list[tuple[Tracker, Inquiry]] = []
            for tracker, offset in zip(trackers, offsets, strict=True):
                due += [(tracker, one) for one in tracker.feed(frames[(tick + offset) % len(frames)], True)]
            for (tracker, inquiry), answer in zip(due, ask(model, [one for _, one in due]), strict=True):
                tracker.settle(inquiry, answer)
    note = f"{watch.cpu_s / (seconds * CALLS):.5f} CPU s per audio s of one call"
    return watch.stage("emotion", f"{CALLS} calls, an estimate each 250 ms, one run of the model", "20 ms of all", note)


def _peers(pcm: Samples, ours_s: float) -> list[Row]:
    """CPU seconds per second of audio that others take for like descriptors of the whole sound at once."""
    sound = pcm.astype(np.float32) / 32768.0
    seconds = len(pcm) / 8000
    rows: list[Row] = []
    for name, prepare in (("librosa", _librosa), ("openSMILE", _opensmile)):
        if find_spec(name.lower()) is None:
            rows.append({"stage": f"emotion: {name}", "n": 0, "note": f"not measured: {name.lower()} is not installed"})
            continue
        what, run = prepare()
        run(sound)
        began = time.process_time()
        run(sound)
        cost = (time.process_time() - began) / seconds
        note = f"{what}: {cost:.5f} CPU s per audio s, {cost / ours_s:.1f} times our streamed descriptors"
        rows.append({"stage": f"emotion: {name}, whole file", "n": 1, "note": note})
    return rows


def _librosa() -> tuple[str, Callable[[NDArray[np.float32]], object]]:
    import librosa

    def run(sound: NDArray[np.float32]) -> object:
        at = {"y": sound, "hop_length": 80}
        mfcc = librosa.feature.mfcc(sr=8000, n_mfcc=13, n_fft=512, win_length=320, n_mels=40, **at)
        spectrum = np.abs(librosa.stft(n_fft=512, win_length=320, **at))
        return (
            mfcc,
            librosa.feature.delta(mfcc),
            librosa.feature.rms(S=spectrum, frame_length=512),
            librosa.feature.spectral_centroid(S=spectrum, sr=8000),
            librosa.yin(fmin=60, fmax=650, sr=8000, frame_length=512, **at),
        )

    return "MFCC, delta, RMS, centroid, yin", run


def _opensmile() -> tuple[str, Callable[[NDArray[np.float32]], object]]:
    # It judges here and nowhere else: its licence forbids commercial use.
    opensmile = import_module("opensmile")
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.LowLevelDescriptors
    )
    return "eGeMAPSv02 descriptors", lambda sound: smile.process_signal(sound, 8000)


def measure(quick: bool) -> list[Stage | Row]:
    """Return the stages of emotion, what peers take for the same sound, and the accuracy of the model that ships."""
    from benchmarks.emotion_accuracy import accuracy

    model = warm_up()
    pcm = _voices()
    count = 10_000 if quick else 200_000
    descriptors = Extractor()
    window, hears = SpeechWindow(), Tracker(model)
    window.add(Extractor().push(pcm), True)
    last = [inquiry for inquiry in Tracker(model).feed(pcm, True) if inquiry.features is not None][-1]
    forty = [last] * 40
    runs = 1_000 if quick else 10_000
    pushed = _pushes("descriptors, streamed", descriptors.push, pcm, count)
    with_window = SpeechWindow()
    ours_s = pushed.cpu_us.mean * 1e-6 / FRAME_S
    return [
        pushed,
        _pushes("features, streamed", lambda frame: with_window.add(descriptors.push(frame), True), pcm, count),
        _pushes("a live call's frame: features, and inquiries", lambda f: hears.feed(f, True), pcm, count),
        _pushes("a call alone: features and the model", lambda f: hears.push(f, True), pcm, count // 2),
        _many_calls(model, pcm, 10.0 if quick else 60.0),
        measure_calls("emotion", "statistics over 8 s of speech", "estimate", window.features, count=runs),
        measure_calls("emotion", "model, one call", "estimate", lambda: ask(model, (last,)), count=runs),
        measure_calls("emotion", "model, forty calls", "batch of 40", lambda: ask(model, forty), count=runs),
        *_peers(pcm, ours_s),
        *accuracy(quick),
    ]


if __name__ == "__main__":
    for stage in measure(quick=False):
        print(json.dumps(stage.as_json() if isinstance(stage, Stage) else stage, ensure_ascii=False))
