"""Everything that a proof needs at once: an Asterisk, agents, callers, and a manager login that watches."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from telephony.ami import AmiClient, AmiEvent, AmiSettings, AmiState
from tests.pbx.asterisk import ACCOUNT, AMI_PORT, SECRET, SIP_PORT, Asterisk
from tests.pbx.namespace import Namespace
from tests.pbx.sip import Agent, Caller, Clock

Result = TypeVar("Result")


class World:
    """An Asterisk in its own network, and everybody who talks to it.

    Attributes
    ----------
    asterisk : Asterisk
    agents : dict of str to Agent
        By their SIP user.
    caller : Caller
    ami : AmiClient
        Logged in with an account that sees everything.
    events : list of AmiEvent
        Everything that the PBX said since `fresh`.
    """

    def __init__(self, root: Path, queues: dict[str, list[str]], includes: Path | None, extensions: str = "") -> None:
        self.namespace = Namespace()
        self.asterisk = Asterisk(root, queues, includes, extensions)
        self.clock = Clock()
        pbx = ("127.0.0.1", SIP_PORT)
        self.agents = {user: Agent(self.clock, user, pbx) for user in self.asterisk.agents}
        self.caller = Caller(self.clock, "caller", pbx)
        self.events: list[AmiEvent] = []
        self._changed = asyncio.Event()
        settings = AmiSettings("test", "127.0.0.1", AMI_PORT, ACCOUNT, SECRET, wanted_events=None)
        self.ami = AmiClient(settings, self._on_event, lambda _: self._changed.set())

    def run(self, coroutine: Coroutine[Any, Any, Result], timeout_s: float = 120.0) -> Result:
        """Run a test's coroutine where Asterisk can be reached."""
        return self.namespace.run(coroutine, timeout_s)

    async def open(self) -> None:
        """Start everything."""
        await self.asterisk.start()
        for user, agent in self.agents.items():
            await agent.open(self.asterisk.agent_port(user))
        await self.caller.open()
        self.ami.start()
        async with asyncio.timeout(10.0):
            while self.ami.state is not AmiState.UP:
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        """Stop everything."""
        await self.ami.stop()
        self.caller.close()
        for agent in self.agents.values():
            agent.close()
        await self.asterisk.stop()

    async def fresh(self) -> None:
        """Begin a test: nobody is in a call, nothing has been said, the switches are as delivered."""
        for side in (self.caller, *self.agents.values()):
            for call in list(side.calls.values()):
                await side.hang_up(call)
            side.calls.clear()
        for agent in self.agents.values():
            agent.taken.clear()
        for key in ("enabled", "percent"):
            await self.asterisk.cli(f"database del nabra {key}")
        async with asyncio.timeout(30.0):
            while "0 active channels" not in await self.asterisk.cli("core show channels count"):  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.1)
        self.events.clear()

    async def say_alive(self, alive: bool) -> None:
        """Tell the dialplan, in the engine's place and for good, that there is an engine, or that there is none."""
        await self.ami.action("Setvar", {"Variable": "NABRA_ALIVE", "Value": "9999999999" if alive else "0"}, 5.0)

    def _on_event(self, event: AmiEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def said(self, name: str, **fields: str) -> list[AmiEvent]:
        """Events of a name whose headers hold these values."""
        return [event for event in self.events if event.name == name and _holds(event.fields, fields)]

    async def wait_for(self, name: str, count: int = 1, timeout_s: float = 30.0, **fields: str) -> list[AmiEvent]:
        """Wait until the PBX has said something so many times."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := self.said(name, **fields)) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            told = [f"{e.name} {e.fields.get('UserEvent', e.fields.get('Queue', ''))}" for e in self.events]
            raise AssertionError(
                f"{len(self.said(name, **fields))} of {count} {name} {fields} in {timeout_s:g} s; said: {told[-40:]}"
            ) from None
        return found


def _holds(has: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(has.get(name) == value for name, value in wanted.items())
