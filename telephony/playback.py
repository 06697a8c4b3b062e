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
    """One piece of audio, int16 of shape [n] at 8 kHz, on its schedule of 20 ms frames."""

    __slots__ = ("_at", "_pacer", "_pcm", "_rate_hz", "_up", "on_done")

    def __init__(self, pcm: Pcm, on_done: OnDone, start_s: float) -> None:
        self.on_done = on_done
        self._pcm = pcm
        self._at = 0
        self._rate_hz = RATE_HZ
        self._up: StreamResampler | None = None
        self._pacer = Pacer(-(-pcm.size // SAMPLES), start_s)

    @property
    def next_s(self) -> float:
        """When the next frame is due; after the last one, when that one has been heard."""
        return self._pacer.next_s

    def finished(self, now_s: float) -> bool:
        """Return whether the last frame has had time to be heard."""
        return self._pacer.exhausted and now_s >= self._pacer.next_s

    def due(self, now_s: float, rate_hz: int) -> list[Pcm]:
        """Return the frames to write now: 20 ms at `rate_hz`; if not 8 kHz, the first less, the last more.

        The rate may change on the way: a PBX shows its own with the first audio, perhaps while we play.
        """
        if rate_hz != self._rate_hz:
            self._rate_hz = rate_hz
            self._up = None if rate_hz == RATE_HZ else StreamResampler(RATE_HZ, rate_hz)
        return [self._next() for _ in range(self._pacer.due(now_s))]

    def _next(self) -> Pcm:
        frame = self._pcm[self._at : self._at + SAMPLES]
        self._at += SAMPLES
        if frame.size < SAMPLES:
            frame = np.concatenate((frame, np.zeros(SAMPLES - frame.size, np.int16)))
        if self._up is None:
            return frame
        frame = self._up.push(frame)
        return frame if self._at < self._pcm.size else np.concatenate((frame, self._up.flush()))
