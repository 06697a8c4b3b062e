"""An AudioSocket server on loopback with handlers that keep what they are told, for tests."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import numpy as np

from telephony.peer import AudioSocketPeer
from telephony.server import (
    AudioSocketServer,
    CallLeg,
    CloseReason,
    LegHandler,
    ServerSettings,
)

SETTINGS = ServerSettings(port=0, hand_back_timeout_s=0.5)
WAIT_S = 10.0


class Clock:
    """Real monotonic time that a test can push forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class Handler:
    """Keeps what a leg tells it."""

    def __init__(self, leg: CallLeg) -> None:
        self.leg = leg
        self.audio: list[np.ndarray] = []
        self.keys = ""
        self.closed: list[CloseReason] = []
        self.on_key_do: Callable[[str], None] = lambda _: None

    def on_audio(self, pcm: np.ndarray, now_s: float) -> None:
        self.audio.append(pcm)

    def on_key(self, digit: str, now_s: float) -> None:
        self.keys += digit
        self.on_key_do(digit)

    def on_closed(self, why: CloseReason, now_s: float) -> None:
        self.closed.append(why)

    def heard(self) -> np.ndarray:
        return np.concatenate(self.audio) if self.audio else np.empty(0, np.int16)


class House:
    """A server and the handlers of its calls."""

    def __init__(self, settings: ServerSettings = SETTINGS) -> None:
        self.clock = Clock()
        self.handlers: dict[UUID, Handler] = {}
        self.on_call: Callable[[CallLeg], LegHandler | None] = self.take
        self.server = AudioSocketServer(settings, self._offer, self.clock)

    def _offer(self, leg: CallLeg) -> LegHandler | None:
        return self.on_call(leg)

    def take(self, leg: CallLeg) -> Handler:
        self.handlers[leg.uuid] = Handler(leg)
        return self.handlers[leg.uuid]

    async def call(self) -> tuple[AudioSocketPeer, Handler]:
        peer = await AudioSocketPeer.connect(*self.server.address, uuid4())
        await until(lambda: peer.uuid in self.handlers)
        return peer, self.handlers[peer.uuid]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is not ours to signal
            await asyncio.sleep(0.005)


def run(scenario: Callable[[House], Awaitable[None]], settings: ServerSettings = SETTINGS) -> House:
    house = House(settings)

    async def main() -> None:
        problems: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        await house.server.start()
        try:
            await scenario(house)
        finally:
            await house.server.stop()
        assert house.server.connections == house.server.leaving == 0
        assert problems == []

    asyncio.run(main())
    return house


def speech(seconds: float = 0.2, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=int(8000 * seconds)) * 3000).astype(np.int16)
