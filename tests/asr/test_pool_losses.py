"""Worker processes that are killed or hang, in mid-sentence too: no word is lost, and none outlives its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from asr.engines import EngineKind, EngineSpec, create_engine
from asr.events import Endpoint, Final, RecognitionDegraded, RecognitionRecovered, SpeechEvent
from asr.listener import Listener, ListenerSettings
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings, Rung
from asr.scripted_engine import ScriptedLine
from asr.slot import Slot
from asr.wire import Kind, Message, object_body
from tests.asr.pools import MOONSHINE, SCRIPTED, SPEECH, decoder_of, finals, listen, running, until
from tests.asr.speech import embedded_speech, silence
from tests.conftest import ROOT


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_lost_worker_costs_no_words(how: signal.Signals) -> None:
    async def run() -> None:
        async with running(SCRIPTED, PoolSettings(hang_timeout_s=0.5)) as pool:
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

    asyncio.run(run())


def test_a_call_that_comes_while_its_only_worker_starts_again_loses_no_words() -> None:
    async def run() -> None:
        async with running({"en": MOONSHINE}) as pool:
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


@pytest.fixture(scope="module")
def undisturbed() -> list[str]:
    """What is heard of the reading where nobody is killed."""

    async def run() -> list[str]:
        async with running({"en": MOONSHINE}, PoolSettings(workers=2)) as pool:
            return finals(await killed_while_talking(pool, {}))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("kill_at", "told"),
    [({16000: 1, 24000: 1}, False), ({16000: 2}, True), ({8000: 2, 24000: 2, 40000: 2, 56000: 2}, True)],
    ids=["one, and then the other", "both at once", "both, again and again, also while they start"],
)
def test_workers_killed_in_mid_sentence_cost_no_words(
    undisturbed: list[str], kill_at: Mapping[int, int], told: bool
) -> None:
    async def run() -> None:
        async with running({"en": MOONSHINE}, PoolSettings(workers=2)) as pool:
            events = await killed_while_talking(pool, kill_at)
            assert finals(events) == undisturbed
            assert "best of times" in undisturbed[0].lower()
            health = pool.health()
            assert health.crashes >= len(kill_at)
            assert health.hangs == 0
            # Where another process takes over at once, nothing is lost and nobody is told that it was.
            assert any(isinstance(event, RecognitionDegraded) for event in events) == told

    asyncio.run(run())


def test_a_phrase_that_ends_every_worker_is_given_up_and_others_go_on() -> None:
    async def run() -> None:
        # Decoding these words takes longer than any worker may be silent.
        script = (ScriptedLine(6.4, 8.2, "one two three", delay_s=60.0),)
        spec = EngineSpec(EngineKind.SCRIPTED, "en", script=script)
        async with running({"en": spec}, PoolSettings(hang_timeout_s=0.3)) as pool:
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

    asyncio.run(run())


def test_calls_move_to_another_worker_at_once() -> None:
    async def run() -> None:
        async with running(SCRIPTED, PoolSettings(workers=2)) as pool:
            events: list[SpeechEvent] = []
            listener = listen(pool, events)
            listener.push(SPEECH[:16000])
            served = next(worker for worker in pool.health().workers if worker.calls)
            assert served.pid is not None
            os.kill(served.pid, signal.SIGKILL)
            listener.push(SPEECH[16000:])
            await until(lambda: finals(events))
            assert finals(events) == ["one two three four five six"]

    asyncio.run(run())


def test_a_call_that_ends_on_hearing_of_the_loss_takes_no_place_later() -> None:
    async def run() -> None:
        async with running(SCRIPTED) as pool:
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
        "from tests.asr.pools import SCRIPTED\n"
        "async def run():\n"
        "    pool = RecogniserPool(SCRIPTED)\n"
        "    await pool.start()\n"
        "    print(pool.health().workers[0].pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) as parent:
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
