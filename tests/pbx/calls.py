"""What the proofs do again and again: place a call, say something, find its record, compare audio."""

import asyncio
from typing import Any
from uuid import UUID

import numpy as np
from scipy.signal import fftconvolve

from tests.pbx.engine import Engine
from tests.pbx.sip import Call, Pcm
from tests.pbx.site import NOTICE_S
from tests.pbx.world import World

_numbers = iter(range(4_900_000_000, 4_999_999_999))


async def dial(world: World, number: str = "1000") -> Call:
    """Call from a number of its own, so that what the PBX says of this call can be told from others."""
    caller_number = str(next(_numbers))
    call = await world.caller.dial(number, caller_number)
    call.peer_number = caller_number
    return call


async def after_notice() -> None:
    """Wait until the notice has been played: only then does the engine listen."""
    await asyncio.sleep(NOTICE_S + 0.5)


async def place(world: World, said: Pcm, number: str = "1000") -> Call:
    """Call, hear the notice, and say something to its end."""
    call = await dial(world, number)
    await after_notice()
    await call.speak(said)
    return call


async def id_of(world: World, call: Call) -> UUID:
    """UUID of a call, as the PBX announced it."""
    said = await world.wait_for("UserEvent", UserEvent="NabraCall", CallerIDNum=call.peer_number)
    return UUID(said[0].fields["CallUUID"])


async def routed(world: World, call: Call, timeout_s: float = 30.0) -> tuple[str, str]:
    """Wait until the dialplan goes on with the call, and say where to and why."""
    await world.wait_for("UserEvent", UserEvent="NabraRoute", CallerIDNum=call.peer_number, timeout_s=timeout_s)
    return route_of(world, call)


def route_of(world: World, call: Call) -> tuple[str, str]:
    """Where the dialplan went on with the call last, and why."""
    fields = world.said("UserEvent", UserEvent="NabraRoute", CallerIDNum=call.peer_number)[-1].fields
    return fields["Route"], fields["Why"]


async def record_of(engine: Engine, world: World, call: Call, timeout_s: float = 10.0) -> dict[str, Any]:
    """Wait for the decision record of a call."""
    identity = str(await id_of(world, call))
    async with asyncio.timeout(timeout_s):
        while True:
            for line in engine.lines():
                if line["kind"] == "decision" and line["call"] == identity:
                    return line
            await asyncio.sleep(0.1)


def decision_of(record: dict[str, Any]) -> dict[str, Any]:
    """The decision in a record; fails where there is none."""
    decision = record["decision"]
    assert isinstance(decision, dict), record["outcome"]
    return decision


def near(heard: Pcm, said: Pcm, at_least_s: float = 1.5) -> float:
    """Correlation of what was said with what was heard, at the best alignment, over what was heard of it.

    0 where less than `at_least_s` seconds of it can have been heard.
    """
    x, y = heard.astype(float), said.astype(float)
    if len(x) < at_least_s * 8000:
        return 0.0
    offset = int(np.argmax(fftconvolve(x, y[::-1]))) - (len(y) - 1)
    first, last = max(0, offset), min(len(x), offset + len(y))
    if last - first < at_least_s * 8000:
        return 0.0
    return float(np.corrcoef(x[first:last], y[first - offset : last - offset])[0, 1])
