"""What the tests of recogniser pools share: a pool that runs real processes, who listens on it, and what is said."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import numpy as np

from asr.engines import EngineKind, EngineSpec
from asr.events import Final, SpeechEvent
from asr.listener import Listener, ListenerSettings
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings
from asr.pooled import PooledDecoder
from asr.scripted_engine import ScriptedLine
from tests.asr.speech import embedded_speech, silence
from tests.conftest import RECOGNISERS

SPEECH = np.concatenate([silence(0.5), embedded_speech(8000, 0.0, 3.2), silence(1)])
SCRIPT = (ScriptedLine(1.4, 3.2, "one two three four five six"),)
MOONSHINE = EngineSpec(EngineKind.MOONSHINE, "en", kept=RECOGNISERS)
SCRIPTED = {"en": EngineSpec(EngineKind.SCRIPTED, "en", script=SCRIPT)}


@asynccontextmanager
async def running(
    specs: Mapping[str, EngineSpec], settings: PoolSettings | None = None
) -> AsyncIterator[RecogniserPool]:
    """Run a pool whose processes are warm."""
    pool = RecogniserPool(specs, settings)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    end_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end_s, "it did not happen in time"
        await asyncio.sleep(0.02)


def finals(events: list[SpeechEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]


def listen(pool: RecogniserPool, events: list[SpeechEvent]) -> Listener:
    return Listener(decoder_of(pool), ListenerSettings(), events.append)


def decoder_of(pool: RecogniserPool) -> PooledDecoder:
    decoder = pool.decoder("call", "en")
    assert decoder is not None
    return decoder
