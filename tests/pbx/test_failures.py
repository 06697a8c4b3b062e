"""Proof 3: whatever is wrong with the engine or the way to it, the caller is kept and reaches the default queue."""

import asyncio
import contextlib
import os
import signal
from typing import Any

import numpy as np
import pytest

from tests.pbx.calls import after_notice, dial, id_of, place, record_of, routed
from tests.pbx.engine import Engine
from tests.pbx.relay import Relay
from tests.pbx.sip import Call, Pcm
from tests.pbx.site import WATCHDOG_S
from tests.pbx.world import World

pytestmark = pytest.mark.pbx

DEFAULT = "reception"


async def kept(world: World, calls: list[Call]) -> None:
    """Every caller is still there, and is in the default queue."""
    for call in calls:
        await world.wait_for("QueueCallerJoin", CallerIDNum=call.peer_number, Queue=DEFAULT)
    assert not [call for call in calls if call.ended.is_set()]


async def end(world: World, calls: list[Call]) -> None:
    for call in calls:
        await world.caller.hang_up(call)


def test_the_engine_is_not_running(world: World, no_engine: None) -> None:
    async def body() -> None:
        # It said goodbye: it is not even tried.
        call = await dial(world)
        assert await routed(world, call) == (DEFAULT, "no-engine")
        await kept(world, [call])
        await end(world, [call])

    world.run(body())


def test_the_engine_is_killed_with_ten_calls_up(world: World, engine: Engine) -> None:
    async def body() -> None:
        calls = [await dial(world) for _ in range(10)]
        await after_notice()
        await engine.kill()
        for call in calls:
            assert await routed(world, call) == (DEFAULT, "no-decision")
        await kept(world, calls)
        await end(world, calls)

    world.run(body())


def test_the_engine_hangs_in_mid_call_and_as_it_accepts(world: World, engine: Engine) -> None:
    async def body() -> None:
        talking = await dial(world)
        await after_notice()
        engine.signal(signal.SIGSTOP)
        call = await dial(world)
        await asyncio.sleep(7.0)
        # By now the dialplan knows, and later callers do not wait for the watchdog.
        later = await dial(world)
        assert await routed(world, later) == (DEFAULT, "no-engine")
        for waiting in (talking, call):
            assert await routed(world, waiting, timeout_s=WATCHDOG_S + 10) == (DEFAULT, "watchdog")
        await kept(world, [talking, call, later])
        await end(world, [talking, call, later])

    world.run(body())


def test_the_recogniser_hangs_for_good(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        async def stop_every_worker() -> None:
            while True:
                for pid in engine.workers():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(0.05)

        call = await dial(world)
        await after_notice()
        stopping = asyncio.ensure_future(stop_every_worker())
        await call.speak(samples["complaint-bill"])
        assert await routed(world, call) == (DEFAULT, "routed")
        await kept(world, [call])
        record = await record_of(engine, world, call)
        assert record["decision"]["rung"] in ("tone_and_keys", "default")
        stopping.cancel()
        engine.resume()
        await end(world, [call])
        # It comes back by itself, and callers are understood again.
        async with asyncio.timeout(60):
            while True:
                call = await place(world, samples["complaint-bill"])
                route, why = await routed(world, call)
                assert why == "routed"
                await end(world, [call])
                if route == "complaints":
                    break

    world.run(body(), timeout_s=150)


def test_the_recogniser_hangs_once(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        workers = engine.workers()
        assert workers
        before = engine.log().count("was stuck for")
        call = await dial(world)
        await after_notice()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        await call.speak(samples["complaint-bill"])
        route, why = await routed(world, call)
        # It is replaced, and what was said is decoded again: in time, or a person answers.
        assert route in ("complaints", DEFAULT)
        assert why == "routed"
        assert not call.ended.is_set()
        assert not set(engine.workers()) & set(workers)
        record = await record_of(engine, world, call)
        assert engine.log().count("was stuck for") == before + len(workers)
        # What was decoded again in time cost the call nothing, and is in the log alone; else the record says it.
        told = {entry["event"] for entry in record["timeline"]}
        assert ("words" if route == "complaints" else "recogniser_lost") in told
        await end(world, [call])

    world.run(body())


def test_the_recogniser_is_killed(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        call = await dial(world)
        await after_notice()
        speaking = asyncio.ensure_future(call.speak(samples["complaint-bill"]))
        await asyncio.sleep(1.0)
        for pid in engine.workers():
            os.kill(pid, signal.SIGKILL)
        await speaking
        route, why = await routed(world, call)
        # Either what was said was decoded again in time, or a person answers.
        assert route in ("complaints", DEFAULT)
        assert why == "routed"
        assert not call.ended.is_set()
        await end(world, [call])

    world.run(body())


def test_the_manager_interface_is_cut_in_mid_call_and_comes_back(
    world: World, engine: Engine, ami_relay: Relay, samples: dict[str, Pcm]
) -> None:
    async def body() -> None:
        call = await dial(world)
        await after_notice()
        ami_relay.cut()
        await call.speak(samples["complaint-bill"])
        assert await routed(world, call) == (DEFAULT, "no-decision")
        await kept(world, [call])
        record = await record_of(engine, world, call)
        assert record["decision"]["destination"] == "complaints"
        ami_relay.restore()
        await engine.ensure()
        again = await place(world, samples["complaint-bill"])
        assert await routed(world, again) == ("complaints", "routed")
        await end(world, [call, again])

    world.run(body())


def test_the_manager_interface_is_down_when_a_call_arrives(
    world: World, engine: Engine, ami_relay: Relay, samples: dict[str, Pcm]
) -> None:
    async def body() -> None:
        ami_relay.cut()
        async with asyncio.timeout(10):
            while engine.logged_in():  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)
        call = await dial(world)
        started_s = asyncio.get_running_loop().time()
        assert await routed(world, call) == (DEFAULT, "no-decision")
        # Handed back at once, not after a notice that leads nowhere.
        assert asyncio.get_running_loop().time() - started_s < 5.0
        await kept(world, [call])
        ami_relay.restore()
        await engine.ensure()
        again = await place(world, samples["sales-upgrade"])
        assert await routed(world, again) == ("sales", "routed")
        await end(world, [call, again])

    world.run(body())


def test_the_manager_interface_hangs_in_mid_call(
    world: World, engine: Engine, ami_relay: Relay, samples: dict[str, Pcm]
) -> None:
    async def body() -> None:
        call = await dial(world)
        await after_notice()
        ami_relay.hold_up()
        await call.speak(samples["complaint-bill"])
        assert await routed(world, call) == (DEFAULT, "no-decision")
        await kept(world, [call])
        ami_relay.restore()
        await end(world, [call])

    world.run(body())


def test_the_dialplan_has_no_route_for_the_answer(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        await world.asterisk.cli("dialplan remove extension sales@nabra-route")
        try:
            call = await place(world, samples["sales-upgrade"])
            asked = {"UserEvent": "NabraRoute", "CallerIDNum": call.peer_number}
            told = await world.wait_for("UserEvent", count=2, **asked)
            assert [(event.fields["Route"], event.fields["Why"]) for event in told] == [
                ("sales", "routed"),
                (DEFAULT, "unknown-route"),
            ]
            await kept(world, [call])
            await end(world, [call])
        finally:
            await world.asterisk.cli("dialplan reload")

    world.run(body())


def test_an_orderly_stop_keeps_the_calls_that_are_there(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        call = await dial(world)
        await after_notice()
        speaking = asyncio.ensure_future(call.speak(samples["complaint-bill"]))
        await asyncio.sleep(1.0)
        engine.signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        late = await dial(world)
        assert await routed(world, late) == (DEFAULT, "no-engine")
        await speaking
        assert await routed(world, call) == ("complaints", "routed")
        assert await engine.ended() == 0
        await end(world, [call, late])

    world.run(body())


# Proof 4.


def noise(seconds: float) -> Pcm:
    """White noise at a level of a bad line."""
    return np.random.default_rng(4).normal(0, 800, int(seconds * 8000)).astype(np.int16)


def complete(record: dict[str, Any]) -> None:
    """A record that says everything that it should say."""
    wanted = {
        "schema",
        "kind",
        "call",
        "pbx",
        "generation",
        "notice",
        "tone",
        "decision",
        "timings",
        "timeline",
    }
    assert wanted <= set(record)
    assert record["pbx"] == "main"
    assert record["generation"]["hash"]
    assert record["timeline"]
    assert "4900000" not in str(record["caller_number"])


def test_a_caller_who_hangs_up(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        for wait_s in (0.1, 1.5, 2.5):
            call = await dial(world)
            identity = await id_of(world, call)
            call.media.speak(samples["complaint-bill"])
            await asyncio.sleep(wait_s)
            await world.caller.hang_up(call)
            record = await record_of(engine, world, call)
            complete(record)
            assert record["call"] == str(identity)
            assert record["outcome"] == "hung_up"
            assert record["decision"] is None

    world.run(body())


def test_a_caller_who_presses_a_key(world: World, engine: Engine) -> None:
    async def body() -> None:
        for key, route in (("2", "sales"), ("0", "reception")):
            call = await dial(world)
            await after_notice()
            call.press(key)
            assert await routed(world, call) == (route, "routed")
            record = await record_of(engine, world, call)
            complete(record)
            assert "key" in {entry["event"] for entry in record["timeline"]}
            await end(world, [call])

    world.run(body())


def test_a_caller_who_wants_no_analysis_of_tone(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def body() -> None:
        call = await dial(world)
        await after_notice()
        call.press("9")
        await asyncio.sleep(0.5)
        await call.speak(samples["complaint-bill"])
        assert await routed(world, call) == ("complaints", "routed")
        record = await record_of(engine, world, call)
        complete(record)
        assert record["tone"]["off_by_caller"] is True
        assert not record["tone"]["heard"]
        await end(world, [call])

    world.run(body())


def test_callers_of_whom_nothing_is_understood(world: World, engine: Engine, samples: dict[str, Pcm]) -> None:
    async def one(said: Pcm) -> None:
        call = await dial(world)
        await after_notice()
        call.media.speak(said)
        assert await routed(world, call, timeout_s=WATCHDOG_S + 5) == (DEFAULT, "routed")
        record = await record_of(engine, world, call)
        complete(record)
        assert record["decision"]["destination"] == DEFAULT
        assert record["decision"]["reasons"]
        await end(world, [call])

    async def body() -> None:
        silence = np.zeros(8000, np.int16)
        await asyncio.gather(*(one(said) for said in (silence, samples["hold-music"], noise(10.0))))

    world.run(body())
