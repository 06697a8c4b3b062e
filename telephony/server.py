"""The AudioSocket server: an asyncio shell that lets calls in, within limits, and lets them all out again.

It never blocks on anybody: a peer that does not read is cut, of one that sends too much the excess is
dropped, a handler that raises loses its own call. Whoever cannot be served is handed back with 0x00 at once,
so that the PBX's dialplan goes on. All time-outs and keep-alives hang on one timer for all legs.
"""

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, cast
from uuid import UUID

from telephony.audio import StreamResampler
from telephony.audiosocket import AUDIO_RATE_HZ
from telephony.errors import ListenError, ServerError
from telephony.leg import CallLeg
from telephony.leg_types import CloseReason, LegHandler, LegStats, Phase, ServerSettings
from telephony.pacing import Allowance
from telephony.playback import RATE_HZ

__all__ = [
    "AudioSocketServer",
    "CallLeg",
    "CloseReason",
    "LegHandler",
    "LegStats",
    "Phase",
    "ServerSettings",
    "allowed",
    "parse_networks",
]

SWEEP_S: Final = 0.2
READ_BYTES: Final = 64 * 1024
SEND_BUFFER_BYTES: Final = 32 * 1024  # of the kernel: about two seconds of audio, or slow peers go unnoticed
LEAVING_SPARE: Final = 64  # security limit: connections on their way out, beyond max_calls
BACKLOG: Final = 256
COMPLAINTS: Final = 5  # log lines of one kind per COMPLAINTS_S; a flood of connections is not one of the log
COMPLAINTS_S: Final = 10.0

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address


def parse_networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parse addresses and networks (10.0.0.5, 10.0.0.0/8, fd00::/8); raise `ServerError` on others."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError as error:
            raise ServerError(f"{text!r} is not an address or network such as 10.0.0.0/8: {error}") from error
    return tuple(networks)


def allowed(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Return whether an address is in one of the networks; an IPv4 address that came over IPv6 is IPv4."""
    try:
        parsed: Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed.version == network.version and parsed in network for network in networks)


class AudioSocketServer:
    """Listens for AudioSocket connections and makes a `CallLeg` of each that names a call.

    Parameters
    ----------
    settings : ServerSettings
    on_call : callable
        Called on the event loop with a leg that has named its call; returns the handler for it, or None to
        hand it back. May play, or hand back, at once.
    clock : callable
        Monotonic time in seconds, given on to handlers.
    """

    def __init__(
        self,
        settings: ServerSettings,
        on_call: Callable[[CallLeg], LegHandler | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._on_call = on_call
        self._server: asyncio.Server | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._legs: set[CallLeg] = set()
        self._by_call: dict[UUID, CallLeg] = {}
        self._new = Allowance(settings.max_per_second, max(1, settings.max_per_second), clock())
        self._empty = asyncio.Event()
        self._empty.set()
        self._refused: Counter[str] = Counter()
        self._complaints: dict[CloseReason, Allowance] = {}
        # One for all connections: what is read is taken out of it before the event loop reads again.
        self.read_buffer = memoryview(bytearray(READ_BYTES))

    @property
    def connections(self) -> int:
        """Connections that are live or waiting for their first frame."""
        return sum(1 for leg in self._legs if leg.phase in (Phase.UNNAMED, Phase.LIVE))

    @property
    def leaving(self) -> int:
        """Connections that were handed back and that the PBX has not closed yet."""
        return len(self._legs) - self.connections

    @property
    def refused(self) -> dict[str, int]:
        """Connections refused so far, by reason: address, calls, rate, duplicate, flood."""
        return dict(self._refused)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the server listens on; raises `ServerError` while it does not listen."""
        if self._server is None or not self._server.sockets:
            raise ServerError("the AudioSocket server does not listen")
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    async def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        ListenError
            The address is taken, not ours, or not an address.
        """
        if self._server is not None:
            raise ServerError("the AudioSocket server was started twice")
        for rate_hz in AUDIO_RATE_HZ.values():
            # Designs the filters now: the first call at that rate does not wait for it.
            StreamResampler(rate_hz, RATE_HZ)
            StreamResampler(RATE_HZ, rate_hz)
        settings = self.settings
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Wire(self), settings.host, settings.port, backlog=BACKLOG, reuse_address=True
            )
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ListenError(f"cannot listen on {settings.host} port {settings.port}: {reason}") from error
        self._sweep_timer = loop.call_later(SWEEP_S, self._sweep)

    async def drain(self) -> None:
        """Stop accepting; the calls that are here stay."""
        if self._server is not None:
            self._server.close()

    async def drained(self) -> None:
        """Wait until no connection is left."""
        await self._empty.wait()

    async def stop(self) -> None:
        """Stop accepting, hand every call back with 0x00, and return when all connections are closed."""
        await self.drain()
        now_s = self.clock()
        for leg in list(self._legs):
            leg.leave(CloseReason.STOPPED, now_s)
        try:
            async with asyncio.timeout(self.settings.hand_back_timeout_s + 2 * SWEEP_S):
                await self._empty.wait()
        except TimeoutError:
            for leg in list(self._legs):
                leg.cut()
            await self._empty.wait()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None

    # ---- for connections and legs

    def connected(self, transport: asyncio.Transport) -> CallLeg | None:
        """Take a new connection, or refuse it; None if it was cut at once."""
        now_s = self.clock()
        name = transport.get_extra_info("peername")
        peer = str(name[0]) if name else "?"
        if len(self._legs) >= 2 * self.settings.max_calls + LEAVING_SPARE:
            # Too many are leaving to let one more down gently: the dialplan sees a reset, and goes on.
            self._refused["flood"] += 1
            transport.abort()
            return None
        refusal = self._refusal(peer, now_s)
        if refusal is not None and refusal[0] == "address" and self.leaving >= LEAVING_SPARE:
            # Strangers may not fill the places of those who are let down gently.
            self._refused["address"] += 1
            transport.abort()
            return None
        leg = CallLeg(transport, self, peer, now_s)
        self._legs.add(leg)
        self._empty.clear()
        if refusal is not None:
            self._refuse(leg, *refusal, now_s)
        return leg

    def named(self, leg: CallLeg, now_s: float) -> LegHandler | None:
        """Ask the service for a handler of a leg that has named its call."""
        before = self._by_call.get(leg.uuid)
        # A call that was handed back may come again before its old connection has closed.
        if before is not None and before.phase is Phase.LIVE:
            self._refuse(leg, "duplicate", "names a call that is already here", now_s)
            return None
        self._by_call[leg.uuid] = leg
        try:
            return self._on_call(leg)
        except Exception:
            log.exception("call %s: it could not be taken; handed back", leg.uuid)
            leg.leave(CloseReason.HANDLER_FAILED, now_s)
            return None

    def gone(self, leg: CallLeg) -> None:
        """Forget a leg that has closed."""
        self._legs.discard(leg)
        if self._by_call.get(leg.uuid) is leg:
            del self._by_call[leg.uuid]
        if not self._legs:
            self._empty.set()

    def complain(self, kind: CloseReason, message: str) -> None:
        """Log a warning about a peer, a few times per kind and ten seconds."""
        now_s = self.clock()
        if kind not in self._complaints:
            self._complaints[kind] = Allowance(COMPLAINTS / COMPLAINTS_S, COMPLAINTS, now_s)
        if self._complaints[kind].take(1, now_s):
            log.warning("%s", message)

    # ---- inside

    def _refusal(self, peer: str, now_s: float) -> tuple[str, str] | None:
        if not allowed(peer, self.settings.allow):
            return "address", "is not in an allowed network (listen.allow)"
        if self.connections >= self.settings.max_calls:
            return "calls", f"is one more than {self.settings.max_calls} calls (listen.max_calls)"
        if not self._new.take(1, now_s):
            limit = self.settings.max_per_second
            return "rate", f"is over {limit} new calls a second (listen.max_new_per_second)"
        return None

    def _refuse(self, leg: CallLeg, key: str, what: str, now_s: float) -> None:
        self._refused[key] += 1
        who = f"AudioSocket peer {leg.peer}, call {leg.uuid}"
        self.complain(CloseReason.REFUSED, f"{who}: {what}; handed back")
        leg.leave(CloseReason.REFUSED, now_s)

    def _sweep(self) -> None:
        self._sweep_timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        now_s = self.clock()
        for leg in list(self._legs):
            leg.sweep(now_s)


class _Wire(asyncio.BufferedProtocol):
    """Carries bytes and ends between a transport and its leg."""

    __slots__ = ("_leg", "_server")

    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._leg: CallLeg | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._leg = self._server.connected(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._leg is not None:
            self._leg.receive(self._server.read_buffer[:nbytes])

    def eof_received(self) -> None:
        if self._leg is not None:
            self._leg.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._leg is not None:
            self._leg.lost(exc)
