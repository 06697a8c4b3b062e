"""When to write the next frame, and how much a peer may send: pure, told the time."""

import math
from typing import Final

FRAME_S: Final = 0.020
CATCH_UP_FRAMES: Final = 3
"""At most this many frames are written at once after a delay; more would be heard as a burst."""

EARLY_S: Final = 0.001  # a timer may fire this much before its time


class Pacer:
    """Absolute schedule of `frames` frames of 20 ms: late wake-ups do not add up.

    Nothing between us and the caller's ear paces what we write, so a delay of ours must not become a burst:
    after a delay of more than `CATCH_UP_FRAMES` frames the rest of the schedule moves by what was missed.
    """

    __slots__ = ("_frames", "_origin_s", "_written")

    def __init__(self, frames: int, start_s: float) -> None:
        self._frames = frames
        self._origin_s = start_s
        self._written = 0

    def due(self, now_s: float) -> int:
        """Return how many frames to write now, and count them as written."""
        behind = math.floor((now_s + EARLY_S - self._origin_s) / FRAME_S) + 1 - self._written
        if behind > CATCH_UP_FRAMES:
            self._origin_s += (behind - CATCH_UP_FRAMES) * FRAME_S
            behind = CATCH_UP_FRAMES
        count = min(max(behind, 0), self._frames - self._written)
        self._written += count
        return count

    @property
    def written(self) -> int:
        """Frames that `due` has handed out."""
        return self._written

    @property
    def exhausted(self) -> bool:
        """Whether every frame has been handed out."""
        return self._written >= self._frames

    @property
    def next_s(self) -> float:
        """When the next frame is due; after the last one, when that one has been heard."""
        return self._origin_s + self._written * FRAME_S


class Allowance:
    """A bucket that fills with time: `rate` units a second, up to `burst`; full at first."""

    __slots__ = ("_at_s", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at_s = now_s

    def take(self, cost: float, now_s: float) -> bool:
        """Take `cost` units if they are there; return whether they were."""
        self._left = min(self._burst, self._left + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._left < cost:
            return False
        self._left -= cost
        return True
