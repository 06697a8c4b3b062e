"""Proofs 1 and 2: what is said, and how, takes a live call where the configuration says."""

import asyncio
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telephony.audio import read_audio
from tests.pbx.calls import decision_of, near, place, record_of, routed
from tests.pbx.engine import Engine
from tests.pbx.relay import Relay
from tests.pbx.sip import Pcm
from tests.pbx.site import ENGINE_PORT, write_site
from tests.pbx.world import World

pytestmark = pytest.mark.pbx


@pytest.mark.parametrize(
    ("sample", "queue", "agent"),
    [("complaint-bill", "complaints", "agent1"), ("sales-upgrade", "sales", "agent2")],
)
def test_spoken_english_reaches_the_agent_of_its_queue(
    world: World, engine: Engine, samples: dict[str, Pcm], sample: str, queue: str, agent: str
) -> None:
    async def body() -> None:
        call = await place(world, samples[sample])
        taken = await world.agents[agent].next_call()
        assert await routed(world, call) == (queue, "routed")
        # Agent and caller hear each other.
        await asyncio.gather(call.speak(samples["complaint-bill"]), taken.speak(samples["sales-price"]))
        await asyncio.sleep(0.3)
        assert near(taken.heard(), samples["complaint-bill"]) > 0.99
        assert near(call.heard(), samples["sales-price"]) > 0.99
        record = await record_of(engine, world, call)
        assert decision_of(record)["destination"] == queue
        assert decision_of(record)["reasons"]
        assert record["text"]
        if queue == "complaints":
            assert taken.peer_name.startswith("[Complaint]")
        await world.caller.hang_up(call)

    world.run(body())


def test_a_balance_question_hears_self_service(
    world: World, engine: Engine, samples: dict[str, Pcm], site: Path
) -> None:
    async def body() -> None:
        call = await place(world, samples["self-balance"])
        assert await routed(world, call) == ("selfservice", "routed")
        await asyncio.sleep(4.0)
        assert near(call.heard(), read_audio(site.parent / "prompts" / "selfservice.en.wav")) > 0.99
        await world.caller.hang_up(call)

    world.run(body())


def test_the_engine_hears_what_the_caller_says(
    world: World, no_engine: None, ami_relay: Relay, samples: dict[str, Pcm], tmp_path: Path
) -> None:
    """An engine on another port, and in its place a relay that listens in."""

    def elsewhere(site: Any) -> None:
        site["listen"]["port"] = ENGINE_PORT + 1

    tapped = Engine(write_site(tmp_path / "site", elsewhere), tmp_path / "state", ENGINE_PORT + 1)

    async def body() -> None:
        relay = Relay(ENGINE_PORT + 1)
        await relay.start(ENGINE_PORT)
        try:
            await tapped.ensure()
            call = await place(world, samples["complaint-bill"])
            assert await routed(world, call) == ("complaints", "routed")
            await world.caller.hang_up(call)
        finally:
            await tapped.stop()
            await relay.stop()
        ((there, _),) = relay.recorded
        heard = np.frombuffer(audio_frames(bytes(there)), dtype=np.int16)
        assert near(heard, samples["complaint-bill"]) > 0.99

    world.run(body(), timeout_s=200)


def audio_frames(stream: bytes) -> bytes:
    """Payloads of the audio frames of an AudioSocket stream."""
    audio, position = b"", 0
    while position + 3 <= len(stream):
        kind, length = struct.unpack_from(">BH", stream, position)
        if kind == 0x10:
            audio += stream[position + 3 : position + 3 + length]
        position += 3 + length
    return audio
