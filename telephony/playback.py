"""One piece of audio on its way to the caller, frame by frame; told the time."""

from typing import Final

import numpy as np

from telephony.audio import StreamResampler
from telephony.audiosocket import Pcm
from telephony.leg_types import OnDone
from telephony.pacing import FRAME_S, Pacer

RATE_HZ: Final = 8000
SAMPLES: Final = int(RATE_HZ * FRAME_S)


class Playback:
    """One piece of audio on its way to the caller, frame by frame."""

    __slots__ = ("_at", "_pacer", "_pcm", "_up", "on_done", "rate_hz")

    def __init__(self, pcm: Pcm, rate_hz: int, on_done: OnDone, now_s: float) -> None:
        self.rate_hz = rate_hz
        self.on_done = on_done
        self._pcm = pcm
        self._at = 0
        self._up = None if rate_hz == RATE_HZ else StreamResampler(RATE_HZ, rate_hz)
        self._pacer = Pacer(-(-pcm.size // SAMPLES), now_s)

    @property
    def next_s(self) -> float:
        """When the next frame is due; after the last one, when that one has been heard."""
        return self._pacer.next_s

    def finished(self, now_s: float) -> bool:
        """Return whether the last frame has had time to be heard."""
        return self._pacer.exhausted and now_s >= self._pacer.next_s

    def due(self, now_s: float) -> list[Pcm]:
        """Return the frames to write now, of 20 ms (at other rates, the first less, the last more)."""
        frames = []
        for _ in range(self._pacer.due(now_s)):
            frame = self._pcm[self._at : self._at + SAMPLES]
            self._at += SAMPLES
            if frame.size < SAMPLES:
                frame = np.concatenate((frame, np.zeros(SAMPLES - frame.size, np.int16)))
            if self._up is not None:
                frame = self._up.push(frame)
                if self._at >= self._pcm.size:
                    frame = np.concatenate((frame, self._up.flush()))
            frames.append(frame)
        return frames
