"""Real worker processes: warm start, words, a kill and a hang in mid-sentence, admission, and no orphans."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from asr.engines import EngineKind, EngineSpec, create_engine
from asr.events import (
    Endpoint,
    Final,
    Partial,
    RecognitionDegraded,
    RecognitionLimited,
    RecognitionRecovered,
    SpeechEvent,
)
from asr.listener import Listener, ListenerSettings
from asr.moonshine_engine import embedded_model
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings, Rung
from asr.pooled import PooledDecoder
from asr.scripted_engine import ScriptedLine
from asr.slot import Slot
from asr.wire import Kind, Message, object_body
from tests.asr.speech import embedded_speech, korean_model, silence

SPEECH = np.concatenate([silence(0.5), embedded_speech(8000, 0.0, 3.2), silence(1)])
SCRIPT = (ScriptedLine(1.4, 3.2, "one two three four five six"),)
MOONSHINE = EngineSpec(EngineKind.MOONSHINE, "en")
SCRIPTED = {"en": EngineSpec(EngineKind.SCRIPTED, "en", script=SCRIPT)}


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


def test_the_embedded_engine_in_a_worker_hears_words() -> None:
    async def run() -> None:
        pool = RecogniserPool({"en": EngineSpec(EngineKind.MOONSHINE, "en")})
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    asyncio.run(run())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_lost_worker_costs_no_words(how: signal.Signals) -> None:
    async def run() -> None:
        pool = RecogniserPool(SCRIPTED, PoolSettings(hang_timeout_s=0.5))
        await pool.start()
        try:
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            listener.push(SPEECH[:16000])
            pid = pool.health().workers[0].pid
            assert pid is not None
            os.kill(pid, how)
            listener.push(SPEECH[16000:])
            await until(lambda: finals(events))
            assert finals(events) == ["one two three four five six"]
            kinds = [type(event) for event in events]
            assert kinds.index(RecognitionDegraded) < kinds.index(RecognitionRecovered) < kinds.index(Final)
            health = pool.health()
            assert (health.crashes, health.hangs) == ((1, 0) if how == signal.SIGKILL else (0, 1))
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_call_that_comes_while_its_only_worker_starts_again_loses_no_words() -> None:
    async def run() -> None:
        pool = RecogniserPool({"en": MOONSHINE})
        await pool.start()
        try:
            pid = pool.health().workers[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: pool.facts("en") is None)
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            others = [decoder_of(pool) for _ in range(400)]
            assert 0 < sum(other.rung is Rung.FULL for other in others) < 100, "as many as there will be room for"
            for other in others:
                other.close()
            await asyncio.sleep(0)
            listener.push(SPEECH)
            await until(lambda: finals(events))
            assert "best of times" in finals(events)[0].lower()
            kinds = [type(event) for event in events]
            assert kinds.index(RecognitionDegraded) < kinds.index(RecognitionRecovered) < kinds.index(Final)
        finally:
            await pool.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("streaming", "final", "stuck_s", "killed"),
    [(False, None, 5.0, False), (False, None, 7.0, True), (True, MOONSHINE, 5.0, False), (True, None, 5.0, True)],
    ids=["all at once", "too long even so", "heard again all at once", "as it comes"],
)
def test_an_engine_that_needs_long_for_a_long_segment_is_not_stuck(
    streaming: bool, final: EngineSpec | None, stuck_s: float, killed: bool
) -> None:
    class Stuck(Slot):
        def stuck_s(self, now_s: float) -> float:
            return stuck_s

    facts = asdict(replace(create_engine(SCRIPTED["en"]).facts, streaming=streaming))
    pool = RecogniserPool({"en": replace(SCRIPTED["en"], final=final)}, PoolSettings(hang_timeout_s=2.0))
    slot = Stuck(0)
    pool._crew._welcome(slot, Message(Kind.READY, body=object_body({"en": {"facts": facts, "costs": [0.2]}})))
    pool._crew._check(slot, 0.0)
    assert pool._crew.hangs == killed


async def killed_while_talking(pool: RecogniserPool, kill_at: Mapping[int, int]) -> list[SpeechEvent]:
    """Speak at about the pace of a line, and kill so many workers at these samples."""
    events: list[SpeechEvent] = []
    listener = listen(pool, events)
    reading = np.concatenate([silence(0.5), embedded_speech(8000, 0.0, 9.0), silence(1)])
    for at in range(0, reading.size, 800):
        listener.push(reading[at : at + 800])
        await asyncio.sleep(0.05)
        for worker in [worker for worker in pool.health().workers if worker.pid is not None][: kill_at.get(at, 0)]:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: sum(isinstance(event, Endpoint) for event in events) == len(finals(events)))
    listener.close()
    return events


@pytest.mark.parametrize(
    ("kill_at", "told"),
    [({16000: 1, 24000: 1}, False), ({16000: 2}, True), ({8000: 2, 24000: 2, 40000: 2, 56000: 2}, True)],
    ids=["one, and then the other", "both at once", "both, again and again, also while they start"],
)
def test_workers_killed_in_mid_sentence_cost_no_words(kill_at: Mapping[int, int], told: bool) -> None:
    async def run() -> None:
        pool = RecogniserPool({"en": MOONSHINE}, PoolSettings(workers=2))
        await pool.start()
        try:
            undisturbed = finals(await killed_while_talking(pool, {}))
            events = await killed_while_talking(pool, kill_at)
            assert finals(events) == undisturbed
            assert "best of times" in undisturbed[0].lower()
            health = pool.health()
            assert health.crashes >= len(kill_at)
            assert health.hangs == 0
            # Where another process takes over at once, nothing is lost and nobody is told that it was.
            assert any(isinstance(event, RecognitionDegraded) for event in events) == told
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_phrase_that_ends_every_worker_is_given_up_and_others_go_on() -> None:
    async def run() -> None:
        # Decoding these words takes longer than any worker may be silent.
        script = (ScriptedLine(6.4, 8.2, "one two three", delay_s=60.0),)
        spec = EngineSpec(EngineKind.SCRIPTED, "en", script=script)
        pool = RecogniserPool({"en": spec}, PoolSettings(hang_timeout_s=0.3))
        await pool.start()
        try:
            events: list[SpeechEvent] = []
            listener = Listener(decoder_of(pool), ListenerSettings(partial_every_ms=5000), events.append)
            # A worker measures on its first four seconds what the engine costs: the line comes after that.
            listener.push(silence(5))
            listener.push(SPEECH)
            await until(lambda: finals(events), 40)
            assert finals(events) == [""]
            assert pool.health().hangs == 3
            reasons = [event.reason for event in events if isinstance(event, RecognitionDegraded)]
            assert [reason for reason in reasons if "not tried again" in reason]
            await until(lambda: pool.health().workers[0].ready)
            listener.push(SPEECH)
            await until(lambda: len(finals(events)) > 1)
            assert pool.health().hangs == 3
        finally:
            await pool.stop()

    asyncio.run(run())


def test_calls_move_to_another_worker_at_once() -> None:
    async def run() -> None:
        pool = RecogniserPool(SCRIPTED, PoolSettings(workers=2))
        await pool.start()
        try:
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            listener.push(SPEECH[:16000])
            served = next(worker for worker in pool.health().workers if worker.calls)
            assert served.pid is not None
            os.kill(served.pid, signal.SIGKILL)
            listener.push(SPEECH[16000:])
            await until(lambda: finals(events))
            assert finals(events) == ["one two three four five six"]
        finally:
            await pool.stop()

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
        pool = RecogniserPool({"en": EngineSpec(EngineKind.MOONSHINE, "en", model)})
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    async def again(pool: RecogniserPool) -> None:
        (worker,) = pool.health().workers
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        await until(lambda: pool.health().workers[0].pid != worker.pid)

    asyncio.run(run())


def test_a_burst_of_calls_is_taken_only_as_far_as_the_machine_goes_and_the_rest_when_there_is_room() -> None:
    async def run() -> None:
        pool = RecogniserPool({"en": MOONSHINE}, PoolSettings(max_load=0.3, full_load=0.3, settle_s=1))
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    asyncio.run(run())


def test_calls_beyond_the_room_for_everything_hear_key_phrases_and_climb_between_segments() -> None:
    async def run() -> None:
        spec = EngineSpec(EngineKind.VOSK, "ko", korean_model(), phrases=("안녕", "감사"))
        pool = RecogniserPool({"ko": spec}, PoolSettings(full_load=0.3, settle_s=0.2))
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_worker_that_grew_old_is_replaced_beside_its_calls_without_a_word() -> None:
    async def run() -> None:
        pool = RecogniserPool({"en": MOONSHINE}, PoolSettings(workers=2, max_age_s=6))
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    asyncio.run(run())


def test_without_memory_for_a_second_one_a_worker_is_replaced_while_nobody_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        monkeypatch.setattr("asr.crew.available_mb", lambda: 0.0)
        pool = RecogniserPool(SCRIPTED, PoolSettings(max_age_s=3))
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_worker_is_not_too_big_for_what_its_models_take() -> None:
    async def run() -> None:
        pool = RecogniserPool({"en": MOONSHINE}, PoolSettings(max_rss_mb=1, hang_timeout_s=5))
        await pool.start()
        try:
            events: list[SpeechEvent] = []
            listen(pool, events).push(SPEECH)
            await until(lambda: finals(events))
            await asyncio.sleep(0.3)
            assert pool.health().workers[0].rss_mb > 1
            assert (pool.health().recycles, pool.health().starts) == (0, 1)
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_call_that_ends_on_hearing_of_the_loss_takes_no_place_later() -> None:
    async def run() -> None:
        pool = RecogniserPool(SCRIPTED)
        await pool.start()
        try:
            decoder = pool.decoder("call", "en")
            assert decoder is not None
            listener: Listener

            def sink(event: SpeechEvent) -> None:
                if isinstance(event, RecognitionDegraded):
                    listener.close()

            listener = Listener(decoder, ListenerSettings(), sink)
            listener.push(SPEECH[:16000])
            pid = pool.health().workers[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: pool.health().starts == 2 and pool.health().workers[0].ready)
            assert pool.health().workers[0].calls == 0
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_call_that_cannot_take_its_words_loses_them_alone() -> None:
    async def run() -> None:
        pool = RecogniserPool(SCRIPTED)
        await pool.start()
        try:
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
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_fault_of_the_supervisor_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        note, faults = pool._crew._note, ["a fault put here by the test"]

        def faulty(slot: Slot, message: Message) -> None:
            if faults:
                raise RuntimeError(faults.pop())
            note(slot, message)

        monkeypatch.setattr(pool._crew, "_note", faulty)
        await pool.start()
        try:
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            await until(lambda: pool.health().starts == 2 and pool.health().workers[0].ready)
            assert not faults
            listener.push(SPEECH)
            await until(lambda: finals(events))
            assert finals(events) == ["one two three four five six"]
        finally:
            await pool.stop()

    pool = RecogniserPool(SCRIPTED)
    asyncio.run(run())


def test_workers_die_with_a_parent_that_is_killed() -> None:
    code = (
        "import asyncio\n"
        "from asr.pool import RecogniserPool\n"
        "from tests.asr.test_pool import SCRIPTED\n"
        "async def run():\n"
        "    pool = RecogniserPool(SCRIPTED)\n"
        "    await pool.start()\n"
        "    print(pool.health().workers[0].pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    end_s = time.monotonic() + 10
    while _runs(pid):
        assert time.monotonic() < end_s, "the worker outlived its parent"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
