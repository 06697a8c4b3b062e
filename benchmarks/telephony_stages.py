"""The PBX side, per 20 ms frame: bytes from the socket to samples, and samples to bytes."""

from __future__ import annotations

from uuid import UUID

import numpy as np

from benchmarks.timing import Stage, Stopwatch, measure_calls
from telephony.audiosocket import Connection, frame_audio, frame_uuid


def measure(quick: bool) -> list[Stage]:
    """Return the stages of telephony."""
    count = 5_000 if quick else 50_000
    rng = np.random.default_rng(1)
    pcm = rng.integers(-8000, 8000, 160).astype(np.int16)
    return [
        _receive(pcm, 8000, count),
        _receive(np.repeat(pcm, 2), 16000, count // 5),
        measure_calls(
            "telephony", "samples -> bytes of a frame", "20 ms frame", lambda: frame_audio(pcm), count=count
        ),
    ]


def _receive(pcm: np.ndarray[tuple[int], np.dtype[np.int16]], rate_hz: int, count: int) -> Stage:
    connection = Connection()
    connection.receive_data(frame_uuid(UUID(int=1)))
    connection.next_event()
    frame = frame_audio(pcm, rate_hz)
    watch = Stopwatch()
    for _ in range(count):
        with watch:
            connection.receive_data(frame)
            connection.next_event()
    return watch.stage("telephony", f"bytes -> samples of a frame, {rate_hz // 1000} kHz", "20 ms frame")
