"""A client of the manager interface and the PBX beside it, for tests: what it was told, and peers of every kind."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from telephony.ami import AmiClient, AmiEvent, AmiSettings, AmiState
from telephony.ami_peer import AmiPeer

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
FAST = {
    "connect_timeout_s": 1.0,
    "login_timeout_s": 0.5,
    "ping_every_s": 0.05,
    "ping_timeout_s": 0.3,
    "backoff_first_s": 0.02,
    "backoff_most_s": 0.05,
}


class Watch:
    """What a client told us, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[AmiEvent] = []
        self.states: list[AmiState] = []
        self._changed = asyncio.Event()

    def on_event(self, event: AmiEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def on_state(self, state: AmiState) -> None:
        self.states.append(state)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                # Some conditions are about the peer, which tells nobody.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    async def until_state(self, state: AmiState, times: int = 1) -> None:
        await self.until(lambda: self.states.count(state) >= times)


def settings(port: int, **changes: object) -> AmiSettings:
    base = AmiSettings("main", "127.0.0.1", port, "nabra", "secret", **FAST)  # type: ignore[arg-type]
    return replace(base, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def connected(**changes: object) -> AsyncIterator[tuple[AmiClient, AmiPeer, Watch]]:
    peer = AmiPeer("nabra", "secret")
    await peer.start()
    watch = Watch()
    client = AmiClient(settings(peer.port, **changes), watch.on_event, watch.on_state)
    client.start()
    try:
        await watch.until_state(AmiState.UP)
        await watch.until(lambda: not client._pending)  # the first ping, at once after the login
        yield client, peer, watch
    finally:
        await client.stop()
        await peer.stop()


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await body()

    asyncio.run(limited())
    leftover = [thread for thread in threading.enumerate() if thread.name.startswith("ami-")]
    assert not [thread for thread in leftover if not thread.daemon]


@asynccontextmanager
async def stub(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A peer that behaves as `serve` does, on a free port."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
