"""The whole way of a frame through one call, and what a call costs in CPU and memory.

A frame goes from the bytes of the socket through the protocol, voice activity, the listener, the tone tracker
and the session, as in the live service. The recogniser works in its own process there; here its work is
measured apart, in this process.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

import config
import nabra.demo
from benchmarks.timing import Stage, Stopwatch
from config.schema import Config
from nabra.call import Call
from nabra.ears import Ears, offline_ears
from nabra.generations import Loaded, load
from nabra.offline import Tape
from nabra.operations.bus import EventKind
from router.session import CallFacts
from telephony.audio import read_audio
from telephony.audiosocket import NEED_DATA, Audio, Connection, frame_audio, frame_uuid

Samples = NDArray[np.int16]

_FRAME = 160


@dataclass(frozen=True, slots=True)
class CallCost:
    """What one call costs while it is listened to.

    Attributes
    ----------
    cpu_percent
        Of one core, recogniser left out.
    recogniser_cpu_percent
        Of one core, for the recogniser, while the caller is listened to; None where it was not measured.
    memory_kib
        Python and NumPy memory that one call holds after six seconds, recogniser left out.
    """

    cpu_percent: float
    recogniser_cpu_percent: float | None
    memory_kib: float


class _FrameCall:
    """One call, fed with the bytes of frames."""

    def __init__(self, loaded: Loaded, ears: Ears) -> None:
        self.line = Tape()
        facts = CallFacts(
            call=str(UUID(int=1)),
            pbx="bench",
            caller_number="",
            caller_name="",
            dialled="",
            language="en",
            wall_anchor=0.0,
        )
        self._call = Call(facts, loaded, ears, self.line, _ignore, self.line.clock)
        self._connection = Connection()
        self._connection.receive_data(frame_uuid(UUID(int=1)))
        self._connection.next_event()
        self._call.start()
        self.line.finish_prompts()

    def feed(self, frame: bytes) -> None:
        self._connection.receive_data(frame)
        while (event := self._connection.next_event()) is not NEED_DATA:
            if isinstance(event, Audio):
                self.line.samples += len(event.pcm)
                self._call.on_audio(event.pcm, self.line.clock())
        deadline = self._call.deadline()
        if deadline is not None and deadline <= self.line.clock():
            self._call.on_timer(self.line.clock())

    def end(self) -> None:
        self._call.on_hung_up(self.line.clock())


def _ignore(kind: EventKind, at_s: float, audio_s: float, data: Mapping[str, object]) -> None:
    """Publish nothing: what the bus costs is no part of the path."""


def measure(quick: bool) -> list[Stage]:
    """Return the whole path per frame, by frame that ends an estimate of tone and by any frame."""
    settings = config.load()
    loaded = load(settings, number=1)
    ears = offline_ears(settings, languages=())
    watch = Stopwatch()
    for voice in _voices(3 if quick else None):
        call = _FrameCall(loaded, ears)
        for frame in voice:
            if call.line.decision is not None:
                break
            with watch:
                call.feed(frame)
        call.end()
    return [
        watch.stage(
            "nabra",
            "bytes -> protocol, voice activity, tone, session",
            "20 ms frame",
            "budget: mean 60 us, tail 1 ms of CPU; recogniser in its own process left out",
        )
    ]


def measure_call_cost(quick: bool) -> CallCost:
    """Return what a call costs; loads the English recogniser where the configuration has one."""
    settings = config.load()
    loaded = load(settings, number=1)
    ears = offline_ears(settings, languages=())
    voices = _voices(3 if quick else None)

    watch = Stopwatch()
    frames = 0
    for voice in voices:
        call = _FrameCall(loaded, ears)
        for frame in voice:
            if call.line.decision is not None:
                break
            with watch:
                call.feed(frame)
            frames += 1
        call.end()

    calls: list[_FrameCall] = []
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    count = 5 if quick else 20
    for number in range(count):
        call = _FrameCall(loaded, ears)
        for frame in voices[number % len(voices)][:300]:
            call.feed(frame)
        calls.append(call)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for call in calls:
        call.end()
    return CallCost(
        cpu_percent=100.0 * watch.cpu_s / (frames * 0.02),
        recogniser_cpu_percent=_recogniser_percent(settings, loaded, quick),
        memory_kib=(held - before) / count / 1024,
    )


def _recogniser_percent(settings: Config, loaded: Loaded, quick: bool) -> float | None:
    from asr.errors import AsrError

    try:
        ears = offline_ears(settings, languages=("en",))
    except AsrError:
        return None
    if "en" not in ears.languages:
        return None
    deaf = offline_ears(settings, languages=())
    used = {}
    for name, which in (("with", ears), ("without", deaf)):
        seconds = 0.0
        start_s = time.process_time()
        for voice in _voices(2 if quick else 6):
            call = _FrameCall(loaded, which)
            for frame in voice[:300]:
                if call.line.decision is not None:
                    break
                call.feed(frame)
                seconds += 0.02
            call.end()
        used[name] = (time.process_time() - start_s) / seconds
    return 100.0 * max(0.0, used["with"] - used["without"])


def _voices(limit: int | None) -> list[list[bytes]]:
    """Return the sample calls, synthetic voices on a telephone line, as frames; padded to eight seconds."""
    folder = Path(nabra.demo.__file__).parent / "samples"
    voices = []
    for path in sorted(folder.glob("*.flac"))[:limit]:
        pcm = read_audio(path)
        padded = np.concatenate([pcm, np.zeros(max(0, 8 * 8000 - len(pcm)), dtype=np.int16)])
        last = len(padded) - _FRAME + 1
        voices.append([frame_audio(padded[at : at + _FRAME]) for at in range(0, last, _FRAME)])
    return voices
