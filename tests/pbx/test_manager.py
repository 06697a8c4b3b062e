"""The client of the manager interface against the real one: refused, thrown out, frozen, and long lists."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from telephony.ami import AmiClient, AmiSettings, AmiState
from telephony.errors import AmiDown, AmiTimeout
from tests.pbx.asterisk import ACCOUNT, AMI_PORT, SECRET
from tests.pbx.site import AMI_SECRET
from tests.pbx.world import World

pytestmark = pytest.mark.pbx

LEAN = AmiSettings(
    "main", "127.0.0.1", AMI_PORT, "nabra", AMI_SECRET, ping_every_s=0.3, ping_timeout_s=0.7, backoff_most_s=0.5
)


@asynccontextmanager
async def logged_in(settings: AmiSettings) -> AsyncIterator[tuple[AmiClient, list[AmiState]]]:
    states: list[AmiState] = []
    client = AmiClient(settings, lambda _: None, states.append)
    client.start()
    try:
        await reached(states, AmiState.UP)
        yield client, states
    finally:
        await client.stop()


async def reached(states: list[AmiState], state: AmiState, times: int = 1) -> None:
    async with asyncio.timeout(15):
        while states.count(state) < times:  # noqa: ASYNC110  # the client under test tells a list
            await asyncio.sleep(0.01)


def test_a_wrong_password_is_refused_and_not_taken_for_an_outage(world: World) -> None:
    async def body() -> None:
        states: list[AmiState] = []
        client = AmiClient(replace(LEAN, secret="wrong-secret"), lambda _: None, states.append)
        client.start()
        await reached(states, AmiState.REFUSED)
        assert "Authentication failed" in client.last_error
        assert AmiState.DOWN not in states
        await client.stop()

    world.run(body())


def test_thrown_out_and_back(world: World) -> None:
    async def body() -> None:
        async with logged_in(LEAN) as (client, states):
            for times in (2, 3):
                shown = await world.asterisk.cli("manager show connected")
                sessions = [line.split() for line in shown.splitlines() if line.split()[:1] == ["nabra"]]
                assert sessions
                for words in sessions:
                    await world.asterisk.cli(f"manager kick session {words[4]}")
                await reached(states, AmiState.UP, times)
                assert (await client.action("Ping", {}, 5.0)).success

    world.run(body())


def test_a_frozen_asterisk_is_noticed_and_found_again(world: World) -> None:
    async def body() -> None:
        async with logged_in(LEAN) as (client, states):
            pid = world.asterisk.pid
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises((AmiTimeout, AmiDown)):
                    await client.action("Ping", {}, 0.5)
                await reached(states, AmiState.DOWN)
            finally:
                os.kill(pid, signal.SIGCONT)
            await reached(states, AmiState.UP, 2)
            assert (await client.action("Ping", {}, 5.0)).success

    world.run(body())


def test_output_of_a_command_and_a_long_list_come_back_whole(world: World) -> None:
    async def body() -> None:
        account = replace(LEAN, username=ACCOUNT, secret=SECRET)
        async with logged_in(account) as (client, _):
            answer = await client.action("Command", {"Command": "dialplan show nabra-call"}, 5.0)
            assert "TryExec(AudioSocket(" in answer.fields["Output"]
            assert len(answer.fields["Output"].splitlines()) > 30
            shown = await client.collect("ShowDialPlan", {}, "ShowDialPlanComplete")
            contexts = {event.fields.get("Context") for event in shown}
            assert {"nabra", "nabra-call", "nabra-route", "nabra-last", "nabra-selfservice"} <= contexts
            # What the installation text has an operator run finds the folder.
            settings = await client.action("Command", {"Command": "core show settings"}, 5.0)
            assert "Data directory:" in settings.fields["Output"]

    world.run(body())


def test_two_hundred_variables_at_once_arrive_in_their_order(world: World) -> None:
    async def body() -> None:
        async with logged_in(LEAN) as (client, _):
            call = await world.caller.ring_up("1000")
            channel = (await world.wait_for("UserEvent", UserEvent="NabraRoute"))[0].fields["Channel"]
            await world.wait_for("QueueCallerJoin")
            value = "رسالة " + "x" * 200
            await client.setvars(channel, {f"NABRA_TEST_{n:03}": f"{value}{n}" for n in range(200)}, 10.0)
            shown = await world.asterisk.cli(f"core show channel {channel}")
            lines = [line for line in shown.splitlines() if line.startswith("NABRA_TEST_")]
            assert sorted(lines) == [f"NABRA_TEST_{n:03}={value}{n}" for n in range(200)]
            await world.caller.hang_up(call)

    world.run(body())
