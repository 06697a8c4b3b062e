"""What recognition costs: per 20 ms frame on the event loop, and per decoding in a worker; then all that it promises.

The audio of the stages is the reading that comes with the embedded model, at telephone rate, with as much silence
behind it, so that the energy gate has something to hold back. Wall time and CPU time of the thread are measured side by
side.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from asr.decoder import Answer, DecoderClient, SegmentDecoder
from asr.engine import Samples
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.listener import Listener, ListenerSettings
from asr.vad import GateSettings, VoiceActivity, shipped_silero
from benchmarks.asr_audio import reading
from benchmarks.asr_promises import Promises

_FRAME = 160


class _NoDecoder:
    """Answers at once with nothing, so that only the listener is measured."""

    def attach(self, client: DecoderClient) -> None:
        self._client = client

    def begin(self, segment: int, start_s: float) -> None:
        """Nothing to open."""

    def feed(self, segment: int, pcm: Samples) -> None:
        """Nothing to keep."""

    def ask(self, segment: int, request: int, final: bool) -> None:
        self._client.on_answer(Answer(segment, request, "", None, 0.0))

    def hurry(self, segment: int, request: int) -> None:
        """Answered when it was asked for."""

    def recall(self, segment: int, request: int) -> None:
        """Answered when it was asked for."""

    def end(self, segment: int) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to close."""


def _decode(decoder: SegmentDecoder, speech: Samples) -> None:
    decoder.begin(0.0)
    decoder.feed(speech)
    decoder.words(final=True)


def _timed(stage: str, unit: str, calls: Sequence[Callable[[], object]]) -> dict[str, Any]:
    wall, cpu = [], []
    for call in calls:
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        call()
        cpu.append(time.thread_time() - began_cpu_s)
        wall.append(time.perf_counter() - began_s)
    factor = {"us": 1e6, "ms": 1e3}[unit]
    row: dict[str, Any] = {"stage": stage, "unit": unit, "n": len(calls)}
    for clock, taken in (("wall", wall), ("cpu", cpu)):
        row[f"{clock}_mean"] = float(np.mean(taken)) * factor
        for point, percent in (("p50", 50), ("p95", 95), ("p99", 99), ("p999", 99.9)):
            row[f"{clock}_{point}"] = float(np.percentile(taken, percent)) * factor
    return row


def measure(quick: bool) -> Iterator[Mapping[str, object]]:
    """Measure the stages, then every promise of `asr_promises`; each row as soon as it is there."""
    yield from stages(quick)
    for finding in Promises(quick).rows():
        yield finding.as_row()


def stages(quick: bool) -> list[dict[str, Any]]:
    """Measure voice activity, the listener and decoding.

    Parameters
    ----------
    quick : bool
        A few seconds of work instead of about a minute.

    Returns
    -------
    list of dict
        stage, unit (of one call), n, and wall_ and cpu_ (of the thread) mean, p50, p95, p99 and p999.
    """
    speech = reading()[: (10 if quick else 60) * 8000]
    pcm = np.concatenate([speech, np.zeros(speech.size, np.int16)])
    frames = [pcm[at : at + _FRAME] for at in range(0, pcm.size - _FRAME + 1, _FRAME)]
    silero = shipped_silero()
    rows = []
    for name, gate in (("with gate", GateSettings()), ("every frame", None)):
        voice = VoiceActivity(silero, gate)
        looks = [partial(voice.push, frame) for frame in frames]
        rows.append(_timed(f"voice activity, {name}, per 20 ms frame, half silence", "us", looks))
    listener = Listener(_NoDecoder(), ListenerSettings(), lambda event: None, silero)
    calls = [partial(listener.push, frame) for frame in frames]
    rows.append(_timed("listener, per 20 ms frame, half silence", "us", calls))

    engine = create_engine(EngineSpec(EngineKind.MOONSHINE, "en"))
    engine.load()
    decoder = SegmentDecoder(engine)
    for seconds in (1, 3, 6, 12):
        length = seconds * 8000
        repeats = 3 if quick else 20
        decodings = []
        for repeat in range(repeats):
            start = repeat * 4000 % max(1, speech.size - length + 1)
            decodings.append(partial(_decode, decoder, speech[start : start + length]))
        rows.append(_timed(f"moonshine, final words of {seconds} s of speech", "ms", decodings))
    decoder.close()
    return rows
