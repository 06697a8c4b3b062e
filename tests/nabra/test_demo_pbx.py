"""The demonstration's PBX, in front of a real AudioSocket server that only echoes decisions."""

import asyncio
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from nabra.demo.pbx import SECRET, USERNAME, DemoPbx, PlacedCall
from nabra.demo.samples import load_samples
from telephony.ami import AmiClient, AmiEvent, AmiSettings
from telephony.leg import CallLeg
from telephony.leg_types import CloseReason, ServerSettings
from telephony.server import AudioSocketServer

SAMPLES = {sample.name: sample for sample in load_samples()}
Samples = npt.NDArray[np.int16]


class Engine:
    """Plays a prompt of 300 ms to each call, and hands it back at a key or after some seconds of audio."""

    def __init__(self, leg: CallLeg, audio_s: float, before: Callable[[], None]) -> None:
        self.leg, self.audio_s, self.before = leg, audio_s, before
        self.heard: list[Samples] = []
        self.keys = ""
        leg.play(np.full(2400, 4000, dtype=np.int16), lambda _finished, _now_s: None)

    def on_audio(self, pcm: Samples, now_s: float) -> None:
        self.heard.append(pcm)
        if sum(len(part) for part in self.heard) >= self.audio_s * 8000:
            self.hand_back()

    def on_key(self, digit: str, now_s: float) -> None:
        self.keys += digit
        self.hand_back()

    def hand_back(self) -> None:
        self.before()
        self.leg.hand_back()

    def on_closed(self, why: CloseReason, now_s: float) -> None:
        pass


async def placed(name: str, audio_s: float, route: str) -> tuple[PlacedCall, Engine, list[AmiEvent]]:
    """Place one sample on an `Engine` that sets `route`; return both sides and the manager's events."""
    pbx = DemoPbx({"complaints": "q-complaints", "reception": "q-reception"}.get, "reception")
    await pbx.start()
    events: list[AmiEvent] = []
    settings = AmiSettings(name="demo", host="127.0.0.1", port=pbx.ami.port, username=USERNAME, secret=SECRET)
    ami = AmiClient(settings, events.append, lambda _state: None)
    ami.start()
    one = pbx.prepare(SAMPLES[name], 7)
    engines: list[Engine] = []

    def on_call(leg: CallLeg) -> Engine:
        def set_route() -> None:
            if route:
                pbx.ami.channels[one.channel]["NABRA_ROUTE"] = route

        engines.append(Engine(leg, audio_s, set_route))
        return engines[-1]

    server = AudioSocketServer(ServerSettings(host="127.0.0.1", port=0), on_call)
    await server.start()
    try:
        assert await pbx.logged_in(10.0)
        await pbx.place(one, *server.address)
        await asyncio.sleep(0.2)
    finally:
        await server.stop()
        await ami.stop()
        await pbx.stop()
    return one, engines[0], events


def named(events: list[AmiEvent]) -> list[str]:
    return [event.name for event in events]


def test_call_is_announced_played_and_queued() -> None:
    one, engine, events = asyncio.run(placed("complaint-bill", audio_s=2.5, route="complaints"))
    assert one.handed_back
    assert one.problem == ""
    announced = next(event for event in events if event.name == "UserEvent")
    assert announced.fields["CallUUID"] == str(one.call) == str(engine.leg.uuid)
    assert announced.fields["CallerIDNum"] == "+12025550101"
    assert [name for name in named(events) if name.startswith(("Queue", "Agent", "Hangup"))] == [
        "QueueCallerJoin",
        "QueueCallerLeave",
        "AgentConnect",
        "Hangup",
    ]
    joined = next(event for event in events if event.name == "QueueCallerJoin")
    assert (joined.fields["Queue"], joined.fields["Uniqueid"]) == ("q-complaints", one.uniqueid)
    heard = np.concatenate(engine.heard)
    assert np.array_equal(heard, one.audio()[: heard.size])


def test_the_caller_hears_the_prompt_out_before_speaking() -> None:
    one, _, _ = asyncio.run(placed("complaint-bill", audio_s=2.5, route="complaints"))
    sent = one.audio()
    sample = SAMPLES["complaint-bill"].audio()
    windows = np.lib.stride_tricks.sliding_window_view(sent, 400)
    (starts,) = np.nonzero((windows == sample[:400]).all(axis=1))
    (start,) = starts
    assert start > 0.3 * 8000
    assert one.said_s == [(start / 8000, start / 8000 + SAMPLES["complaint-bill"].speech_end_s)]


def test_keys_are_pressed_and_a_call_without_route_takes_the_default_queue() -> None:
    one, engine, events = asyncio.run(placed("key-zero", audio_s=60.0, route=""))
    assert engine.keys == "0"
    assert one.variables == {}
    joined = next(event for event in events if event.name == "QueueCallerJoin")
    assert joined.fields["Queue"] == "q-reception"


def test_self_service_joins_no_queue() -> None:
    _, _, events = asyncio.run(placed("self-hours", audio_s=0.5, route="selfservice"))
    assert "QueueCallerJoin" not in named(events)
    assert "Hangup" in named(events)


def test_nobody_logs_in() -> None:
    async def wait() -> bool:
        pbx = DemoPbx(lambda _name: None, "reception")
        await pbx.start()
        try:
            return await pbx.logged_in(0.1)
        finally:
            await pbx.stop()

    assert asyncio.run(wait()) is False


@pytest.mark.parametrize("number", [1, 300])
def test_every_call_has_an_identity_of_its_own(number: int) -> None:
    async def prepare() -> tuple[PlacedCall, PlacedCall]:
        pbx = DemoPbx(lambda _name: None, "reception")
        return pbx.prepare(SAMPLES["agent"], number), pbx.prepare(SAMPLES["agent"], number + 1)

    first, second = asyncio.run(prepare())
    assert first.call != second.call
    assert first.channel != second.channel
    assert first.uniqueid != second.uniqueid
