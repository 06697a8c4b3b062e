"""The PBX's side of an AudioSocket connection, as Asterisk speaks it: for sample calls, `doctor` and tests.

It names the call, sends 20 ms frames at the pace of real time, collects what it hears, closes when it is
handed back (0x00), and treats everything that would make Asterisk drop the call as an error of the engine.
"""

import asyncio
import socket
from typing import Final
from uuid import UUID

import numpy as np

from telephony.audiosocket import NEED_DATA, Audio, Closed, Connection, Hangup, Pcm, Role
from telephony.errors import PeerConnectError, RemoteProtocolError
from telephony.pacing import FRAME_S, Pacer

MAX_HEARD_S: Final = 600.0  # security limit: what is heard after this is counted and not kept


class AudioSocketPeer:
    """One call from a PBX to an AudioSocket server; make it with `connect`.

    Attributes
    ----------
    uuid : UUID
        The call.
    handed_back_s : float or None
        Time of the event loop at which 0x00 came.
    closed_s : float or None
        Time of the event loop at which the connection ended, by either side.
    problem : str
        Why Asterisk would have dropped the call, or empty.
    frames_heard : int
    longest_silence_s : float
        Longest time without a frame from the server while the call lasted; Asterisk gives up at 2 s.
    """

    def __init__(self, uuid: UUID) -> None:
        self.uuid = uuid
        self.handed_back_s: float | None = None
        self.closed_s: float | None = None
        self.problem = ""
        self.frames_heard = 0
        self.longest_silence_s = 0.0
        self._connection = Connection(Role.PBX)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._last_heard_s = self._loop.time()
        self._heard: list[Pcm] = []
        self._heard_s = 0.0
        self._over = asyncio.Event()  # no frame may be sent any more

    @classmethod
    async def connect(cls, host: str, port: int, uuid: UUID, timeout_s: float = 5.0) -> "AudioSocketPeer":
        """Open a connection and name the call; raise `PeerConnectError` if that fails."""
        peer = cls(uuid)
        try:
            async with asyncio.timeout(timeout_s):
                await peer._loop.create_connection(lambda: _Wire(peer), host, port)
        except (OSError, TimeoutError, OverflowError, UnicodeError) as error:
            reason = str(error) or f"no answer within {timeout_s:g} s"
            raise PeerConnectError(f"AudioSocket server {host} port {port}: {reason}") from error
        peer._write(peer._connection.send_uuid(uuid))
        return peer

    @property
    def over(self) -> bool:
        """Whether the call has left the server: handed back, hung up or broken."""
        return self._over.is_set()

    def heard(self) -> Pcm:
        """Return all audio from the server so far: int16, shape [n], at the rate of the call."""
        return np.concatenate(self._heard) if self._heard else np.empty(0, np.int16)

    async def send_audio(self, pcm: Pcm, rate_hz: int = 8000, paced: bool = True) -> int:
        """Send audio in frames of 20 ms, at the pace of real time or as fast as the server takes it.

        Returns
        -------
        int
            Samples sent: fewer than given if the call was over before.
        """
        samples = int(rate_hz * FRAME_S)
        frames = -(-pcm.size // samples)
        pacer = Pacer(frames, self._loop.time())
        sent = 0
        while sent < frames and not self.over:
            count = pacer.due(self._loop.time()) if paced else 1
            for index in range(sent, sent + count):
                frame = pcm[index * samples : (index + 1) * samples]
                self._write(self._connection.send_audio(frame, rate_hz))
            sent += count
            if paced:
                await self.pause(max(0.0, pacer.next_s - self._loop.time()))
            elif sent % 50 == 0:
                await asyncio.sleep(0)
        return min(sent * samples, pcm.size)

    async def pause(self, seconds: float) -> None:
        """Send nothing for some time (DTX, hold); ends early when the call is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            pass

    def send_dtmf(self, digit: str) -> None:
        """Press a key; nothing happens when the call is over."""
        if not self.over:
            self._write(self._connection.send_dtmf(digit))

    def write_raw(self, data: bytes) -> None:
        """Send bytes as they are, past every check: for hostile peers in tests."""
        self._write(data)

    def hang_up(self) -> None:
        """End the call as a caller who hangs up: the stream just ends."""
        self._over.set()
        if self._transport is not None:
            self._transport.close()

    async def wait_over(self, timeout_s: float) -> bool:
        """Wait until the call has left the server; return whether it has."""
        await self.pause(timeout_s)
        return self.over

    # ---- inside

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def connected(self, transport: asyncio.Transport) -> None:
        """Take the connection."""
        self._transport = transport
        self._last_heard_s = self._loop.time()
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self, data: bytes | None) -> None:
        """Take bytes from the server, or None for the end of the stream."""
        now_s = self._loop.time()
        try:
            self._connection.receive_data(data)
            while (event := self._connection.next_event()) is not NEED_DATA:
                if isinstance(event, Audio):
                    self._hear(event, now_s)
                elif isinstance(event, Hangup):
                    self.handed_back_s = now_s
                    self.hang_up()
                elif isinstance(event, Closed):
                    return
        except RemoteProtocolError as error:
            self.problem = str(error)
            self.hang_up()

    def _hear(self, event: Audio, now_s: float) -> None:
        if not event.pcm.size:
            raise RemoteProtocolError("audio frame without audio: Asterisk takes it for the end")
        self.frames_heard += 1
        self.longest_silence_s = max(self.longest_silence_s, now_s - self._last_heard_s)
        self._last_heard_s = now_s
        self._heard_s += event.pcm.size / event.rate_hz
        if self._heard_s <= MAX_HEARD_S:
            self._heard.append(event.pcm)

    def lost(self) -> None:
        """Take the end of the connection."""
        self.closed_s = self._loop.time()
        self._over.set()


class _Wire(asyncio.Protocol):
    """Carries bytes and ends between a transport and its peer."""

    def __init__(self, peer: AudioSocketPeer) -> None:
        self._peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._peer.connected(transport)

    def data_received(self, data: bytes) -> None:
        self._peer.receive(data)

    def eof_received(self) -> None:
        self._peer.receive(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._peer.lost()
