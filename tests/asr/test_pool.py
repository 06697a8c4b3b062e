"""Real worker processes: words, languages that have none, admission, and a call that breaks alone."""

import asyncio
import os
import signal
from pathlib import Path

from asr.engines import EngineKind, EngineSpec
from asr.events import Final, Partial, RecognitionDegraded, RecognitionLimited, RecognitionRecovered, SpeechEvent
from asr.listener import Listener, ListenerSettings
from asr.moonshine_engine import embedded_model
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings, Rung
from asr.pooled import PooledDecoder
from tests.asr.pools import MOONSHINE, SCRIPTED, SPEECH, finals, listen, running, until
from tests.asr.speech import korean_model


def test_the_embedded_engine_in_a_worker_hears_words() -> None:
    async def run() -> None:
        async with running({"en": MOONSHINE}) as pool:
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            listener.push(SPEECH)
            await until(lambda: finals(events))
            assert "times" in finals(events)[0].lower()
            facts = pool.facts("en")
            assert facts is not None
            assert facts.name == "moonshine"
            listener.close()
            assert pool.health().workers[0].calls == 0

    asyncio.run(run())


def test_a_language_without_a_model_is_refused_with_its_reason() -> None:
    async def run() -> None:
        specs = {**SCRIPTED, "ar": EngineSpec(EngineKind.VOSK, "ar", Path("/nonexistent/model"))}
        pool = RecogniserPool(specs)
        assert pool.decoder("early", "en") is None
        await pool.start()
        try:
            assert pool.decoder("a", "ar") is None
            assert "/nonexistent/model" in pool.refusals[-1].reason
            assert pool.decoder("b", "fr") is None
            assert "'fr'" in pool.refusals[-1].reason
            assert pool.decoder("c", "en") is not None
            assert pool.health().languages == ("en",)
            assert pool.health().refused == 3
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_language_whose_model_was_mended_is_not_refused_while_its_worker_starts_again(tmp_path: Path) -> None:
    async def run() -> None:
        model = tmp_path / "model"
        async with running({"en": EngineSpec(EngineKind.MOONSHINE, "en", model)}) as pool:
            assert pool.decoder("one", "en") is None
            assert "is not a Moonshine model" in pool.refusals[-1].reason
            model.symlink_to(embedded_model())
            await again(pool)
            await until(lambda: pool.facts("en"))
            await again(pool)
            assert pool.facts("en") is None
            waiting = pool.decoder("two", "en")
            assert waiting is not None, pool.refusals[-1].reason
            await until(lambda: waiting.rung is Rung.FULL)

    async def again(pool: RecogniserPool) -> None:
        (worker,) = pool.health().workers
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        await until(lambda: pool.health().workers[0].pid != worker.pid)

    asyncio.run(run())


def test_a_burst_of_calls_is_taken_only_as_far_as_the_machine_goes_and_the_rest_when_there_is_room() -> None:
    async def run() -> None:
        async with running({"en": MOONSHINE}, PoolSettings(max_load=0.3, full_load=0.3, settle_s=1)) as pool:
            calls = [pool.decoder(str(number), "en") for number in range(200)]
            heard = [call for call in calls if call is not None and call.rung is Rung.FULL]
            assert 1 <= len(heard) < 100
            events: list[SpeechEvent] = []
            last = calls[-1]
            assert last is not None
            assert last.rung is Rung.NONE
            assert "the machine is full" in pool.refusals[-1].reason
            Listener(last, ListenerSettings(), events.append)
            await until(lambda: events)
            assert isinstance(events[0], RecognitionDegraded)
            assert "the machine is full" in events[0].reason
            for call in calls[:-1]:
                assert call is not None
                call.close()
            await until(lambda: len(events) > 1)
            assert isinstance(events[1], RecognitionRecovered)
            assert (last.rung, pool.health().climbs) == (Rung.FULL, 1)
            assert pool.health().on_nothing == 0

    asyncio.run(run())


def test_calls_beyond_the_room_for_everything_hear_key_phrases_and_climb_between_segments() -> None:
    async def run() -> None:
        spec = EngineSpec(EngineKind.VOSK, "ko", korean_model(), phrases=("안녕", "감사"))
        async with running({"ko": spec}, PoolSettings(full_load=0.3, settle_s=0.2)) as pool:
            costs = {rung: cost for _, rung, cost in pool.health().costs}
            assert costs[Rung.PHRASES] < costs[Rung.FULL]
            first = [pool.decoder(str(number), "ko") for number in range(8)]
            assert [call.rung for call in first if call is not None][-1] is Rung.PHRASES
            last, events = pool.decoder("last", "ko"), list[SpeechEvent]()
            assert last is not None
            assert pool.health().on_phrases >= 2
            listener = Listener(last, ListenerSettings(), events.append)
            await until(lambda: events)
            assert isinstance(events[0], RecognitionLimited)
            assert events[0].limited
            assert "the machine is full" in events[0].reason
            listener.push(SPEECH)
            await until(lambda: finals(events))
            for call in first:
                assert call is not None
                call.close()
            await asyncio.sleep(0.3)
            listener.push(SPEECH)
            await until(lambda: len(finals(events)) > 1)
            changes = [event.limited for event in events if isinstance(event, RecognitionLimited)]
            assert (changes, last.rung) == ([True, False], Rung.FULL)
            assert pool.health().climbs == 1

    asyncio.run(run())


def test_a_call_that_cannot_take_its_words_loses_them_alone() -> None:
    async def run() -> None:
        async with running(SCRIPTED) as pool:
            broken, events = pool.decoder("broken", "en"), list[SpeechEvent]()
            assert broken is not None

            def sink(event: SpeechEvent) -> None:
                if isinstance(event, Partial | Final):
                    raise RuntimeError("a fault put here by the test")

            one = Listener(broken, ListenerSettings(), sink)
            other = listen(pool, events)
            one.push(SPEECH)
            other.push(SPEECH)
            await until(lambda: finals(events))
            assert finals(events) == ["one two three four five six"]
            assert isinstance(broken, PooledDecoder)
            assert broken.closed
            health = pool.health()
            assert (health.starts, health.workers[0].calls) == (1, 1)

    asyncio.run(run())
