"""A recording's tone over time, exactly as a live call would have got it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emotion.extract import Samples
from emotion.model import ToneModel
from emotion.tracker import Estimate, Tracker, TrackerSettings

FRAME = 160


def trace(
    pcm: Samples,
    voiced: Sequence[bool] | Callable[[Samples], bool],
    model: ToneModel,
    settings: TrackerSettings | None = None,
) -> list[Estimate]:
    """Estimates of a whole recording, fed in 20 ms frames.

    Parameters
    ----------
    pcm
        int16, shape (n,), 8000 Hz.
    voiced
        One flag per 20 ms frame (a last, shorter frame included), or a function that is given each frame in
        turn and says whether speech was heard in it.
    model, settings
        As for `Tracker`.

    Raises
    ------
    ValueError
        If `voiced` is a sequence of another length than there are frames.
    """
    frames = -(-len(pcm) // FRAME)
    if not callable(voiced) and len(voiced) != frames:
        raise ValueError(f"{frames} frames of 20 ms need as many flags, not {len(voiced)}")
    tracker = Tracker(model, settings)
    estimates: list[Estimate] = []
    for number in range(frames):
        frame = pcm[number * FRAME : (number + 1) * FRAME]
        estimate = tracker.push(frame, voiced(frame) if callable(voiced) else voiced[number])
        if estimate is not None:
            estimates.append(estimate)
    return estimates
