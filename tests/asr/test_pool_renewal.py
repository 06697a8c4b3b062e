"""Worker processes that grew old or large are replaced, and no call hears of it."""

import asyncio
import time

import numpy as np
import pytest

from asr.events import RecognitionDegraded, SpeechEvent
from asr.pool_types import PoolSettings
from tests.asr.pools import MOONSHINE, SCRIPTED, SPEECH, finals, listen, running, until
from tests.asr.speech import embedded_speech, silence


def test_a_worker_that_grew_old_is_replaced_beside_its_calls_without_a_word() -> None:
    async def run() -> None:
        async with running({"en": MOONSHINE}, PoolSettings(workers=2, max_age_s=6)) as pool:
            before = {worker.pid for worker in pool.health().workers}
            calls: list[list[SpeechEvent]] = [[], []]
            listeners = [listen(pool, events) for events in calls]
            pauses = np.concatenate([embedded_speech(8000, 0.0, 3.2), silence(1)])
            at, most, ready = 0, 0, 9
            end_s = time.monotonic() + 60
            while before & {worker.pid for worker in pool.health().workers}:
                assert time.monotonic() < end_s, "it was not replaced in time"
                for listener in listeners:
                    listener.push(pauses[at : at + 800])
                at = (at + 800) % pauses.size
                most = max(most, len(pool.health().workers))
                ready = min(ready, sum(worker.ready and not worker.leaving for worker in pool.health().workers))
                await asyncio.sleep(0.1)
            health = pool.health()
            assert health.recycles >= 2
            assert (health.crashes, health.hangs) == (0, 0)
            assert most == 3, "its replacement stood beside it"
            assert ready >= 1
            for events in calls:
                assert not [event for event in events if isinstance(event, RecognitionDegraded)]
                assert finals(events)
                assert all("best of times" in text.lower() for text in finals(events))

    asyncio.run(run())


def test_without_memory_for_a_second_one_a_worker_is_replaced_while_nobody_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        monkeypatch.setattr("asr.crew.available_mb", lambda: 0.0)
        async with running(SCRIPTED, PoolSettings(max_age_s=3)) as pool:
            before = pool.health().workers[0].pid
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            listener.push(SPEECH[:16000])
            await asyncio.sleep(4)
            assert pool.health().workers[0].pid == before, "the caller was still speaking"
            listener.push(SPEECH[16000:])
            await until(lambda: finals(events))
            await until(lambda: pool.health().workers[0].pid not in (before, None))
            assert len(pool.health().workers) == 1
            assert (pool.health().recycles, pool.health().crashes) == (1, 0)
            listener.push(SPEECH)
            await until(lambda: len(finals(events)) > 1)
            assert finals(events)[0] == "one two three four five six"
            assert not [event for event in events if isinstance(event, RecognitionDegraded)]

    asyncio.run(run())


def test_a_worker_is_not_too_big_for_what_its_models_take() -> None:
    async def run() -> None:
        async with running({"en": MOONSHINE}, PoolSettings(max_rss_mb=1, hang_timeout_s=5)) as pool:
            events: list[SpeechEvent] = []
            listen(pool, events).push(SPEECH)
            await until(lambda: finals(events))
            await asyncio.sleep(0.3)
            assert pool.health().workers[0].rss_mb > 1
            assert (pool.health().recycles, pool.health().starts) == (0, 1)

    asyncio.run(run())
