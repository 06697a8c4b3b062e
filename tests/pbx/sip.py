"""Callers and agents: SIP over UDP and G.711 mu-law over RTP, as much of them as a call through a PBX needs.

A `Caller` dials and gets a `Call`; an `Agent` answers what rings and keeps its `Call`s. A call speaks arrays
of int16 at 8 kHz at real-time pace, keeps what it hears by RTP time, and sends keys by RFC 4733. Sources: RFC
3261, 3264, 3550, 4733.
"""

import asyncio
import random
import re
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from telephony.audio import mulaw_decode, mulaw_encode

FRAME = 160
FRAME_S = 0.020
_SILENCE = b"\xff" * FRAME
_KEYS = "0123456789*#ABCD"
_TELEPHONE_EVENT = 101
_JUMP = 5 * 8000

Pcm = NDArray[np.int16]


@dataclass(slots=True)
class Message:
    """A SIP request or response."""

    first: str
    headers: list[tuple[str, str]]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> "Message | None":
        head, _, body = data.decode("utf-8", errors="replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        if not first.strip():
            return None
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return cls(first, headers, body)

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def method(self) -> str:
        return "" if self.first.startswith("SIP/2.0") else self.first.split()[0]

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0


def render(first: str, headers: list[tuple[str, str]], body: str = "") -> bytes:
    """Write a SIP message."""
    lines = [first, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Clock:
    """Sends the next 20 ms of every running call, on an absolute schedule."""

    def __init__(self) -> None:
        self.media: set[Media] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, media: "Media") -> None:
        self.media.add(media)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="rtp-clock")

    async def _run(self) -> None:
        due_s = time.monotonic()
        while self.media:
            for media in list(self.media):
                media.tick()
            due_s += FRAME_S
            delay_s = due_s - time.monotonic()
            if delay_s < -1.0:
                due_s -= delay_s
            await asyncio.sleep(max(0.0, delay_s))


class Media(asyncio.DatagramProtocol):
    """One RTP stream in each direction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._transport: asyncio.DatagramTransport | None = None
        self.remote: tuple[str, int] | None = None
        self._frames: deque[tuple[bytes, asyncio.Future[float] | None]] = deque()
        self._keys: deque[list[bytes]] = deque()
        self._sequence = random.randrange(1 << 15)
        self._timestamp = random.randrange(1 << 31)
        self._source = random.randrange(1 << 32)
        self.heard_packets: dict[int, bytes] = {}
        self._heard_source: int | None = None
        self._heard_end = 0
        self._base = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # (The transport of a selector loop is not an instance of the abstract class.)
        self._transport = cast(asyncio.DatagramTransport, transport)

    @property
    def port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def start(self, remote: tuple[str, int]) -> None:
        self.remote = remote
        self._clock.add(self)

    def close(self) -> None:
        self._clock.media.discard(self)
        for _, done in self._frames:
            if done is not None and not done.done():
                done.cancel()
        self._frames.clear()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(data) <= 12 or data[1] & 0x7F != 0:
            return
        timestamp, source = struct.unpack_from(">II", data, 4)
        position = (timestamp - self._base) & 0xFFFFFFFF
        if source != self._heard_source or abs(position - self._heard_end) > _JUMP:
            # Another stream begins, or this one's clock was set anew: it goes on where the last one ended.
            self._heard_source, self._base = source, (timestamp - self._heard_end) & 0xFFFFFFFF
            position = self._heard_end
        self.heard_packets[position] = data[12:]
        self._heard_end = max(self._heard_end, position + len(data) - 12)

    def heard(self) -> Pcm:
        """What came, by RTP time; silence where nothing came."""
        line = np.zeros(self._heard_end, dtype=np.int16)
        for position, data in self.heard_packets.items():
            line[position : position + len(data)] = mulaw_decode(data)
        return line

    def speak(self, pcm: Pcm) -> "asyncio.Future[float]":
        """Queue audio; the result is the wall-clock time at which its last sample had been spoken."""
        data = mulaw_encode(pcm)
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        frames = [data[start : start + FRAME].ljust(FRAME, b"\xff") for start in range(0, len(data), FRAME)]
        for frame in frames[:-1]:
            self._frames.append((frame, None))
        self._frames.append((frames[-1] if frames else _SILENCE, done))
        return done

    def press(self, key: str, frames: int = 8) -> None:
        """Queue a key of 160 ms."""
        code = _KEYS.index(key)
        packets = [struct.pack(">BBH", code, 10, FRAME * number) for number in range(1, frames + 1)]
        packets += [struct.pack(">BBH", code, 0x80 | 10, FRAME * frames)] * 3
        self._keys.append(packets)

    def tick(self) -> None:
        """Send what is due now."""
        if self._keys:
            # All packets of one key carry the timestamp of its beginning.
            packets = self._keys[0]
            first = len(packets) == 11
            self._send(packets.pop(0), _TELEPHONE_EVENT, marker=first)
            if not packets:
                self._keys.popleft()
                self._timestamp = (self._timestamp + 11 * FRAME) & 0xFFFFFFFF
            return
        frame, done = self._frames.popleft() if self._frames else (_SILENCE, None)
        self._send(frame, 0)
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if done is not None and not done.done():
            done.set_result(time.time())

    def _send(self, payload: bytes, kind: int, marker: bool = False) -> None:
        if self._transport is None or self.remote is None or self._transport.is_closing():
            return
        header = struct.pack(
            ">BBHII", 0x80, kind | (0x80 if marker else 0), self._sequence, self._timestamp, self._source
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._transport.sendto(header + payload, self.remote)


@dataclass(slots=True)
class Call:
    """One call as one side has it."""

    call_id: str
    media: Media
    peer_name: str = ""
    peer_number: str = ""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    failed_status: int = 0
    answered_at: float = 0.0
    _dialog: dict[str, str] = field(default_factory=dict)
    _sequence: int = 1

    def heard(self) -> Pcm:
        """What this side has heard so far: int16, 8 kHz."""
        return self.media.heard()

    async def speak(self, pcm: Pcm) -> float:
        """Speak, and return the wall-clock time at which the last sample was spoken."""
        return await self.media.speak(pcm)

    def press(self, key: str) -> None:
        """Press a key."""
        self.media.press(key)


class _Endpoint(asyncio.DatagramProtocol):
    """What callers and agents share: one UDP port, its dialogs, and the answers to what the PBX asks."""

    def __init__(self, clock: Clock, user: str, pbx: tuple[str, int]) -> None:
        self._clock = clock
        self._user = user
        self._pbx = pbx
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ringing: set[str] = set()
        self.calls: dict[str, Call] = {}

    async def open(self, port: int = 0) -> None:
        """Take a port."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", port))

    def close(self) -> None:
        """Let the port go; calls that still run are abandoned."""
        for call in self.calls.values():
            call.media.close()
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # (The transport of a selector loop is not an instance of the abstract class.)
        self._transport = cast(asyncio.DatagramTransport, transport)

    @property
    def port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, self._pbx)

    def spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def media(self) -> Media:
        media = Media(self._clock)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: media, local_addr=("127.0.0.1", 0))
        return media

    def via(self) -> tuple[str, str]:
        return "Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{random.randrange(1 << 48):x}"

    def contact(self) -> tuple[str, str]:
        return "Contact", f"<sip:{self._user}@127.0.0.1:{self.port}>"

    def sdp(self, media: Media) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {media.port} RTP/AVP 0 {_TELEPHONE_EVENT}\r\na=rtpmap:0 PCMU/8000\r\n"
            f"a=rtpmap:{_TELEPHONE_EVENT} telephone-event/8000\r\n"
            f"a=fmtp:{_TELEPHONE_EVENT} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )

    def reply(self, request: Message, status: str, more: list[tuple[str, str]], body: str = "") -> bytes:
        copied = [
            (name, value) for name, value in request.headers if name.lower() in ("via", "from", "call-id", "cseq")
        ]
        to = request.get("To")
        if "tag=" not in to:
            to += f";tag={abs(hash(request.get('Call-ID'))):x}"
        return render(f"SIP/2.0 {status}", [*copied, ("To", to), *more], body)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        message = Message.parse(data)
        if message is None:
            return
        call = self.calls.get(message.get("Call-ID"))
        if message.method == "INVITE" and call is None:
            if message.get("Call-ID") in self._ringing:
                return
            self._ringing.add(message.get("Call-ID"))
            self.spawn(self.ring(message))
        elif message.method in ("BYE", "CANCEL"):
            self.send(self.reply(message, "200 OK", []))
            if call is not None:
                self.finish(call)
        elif message.method == "INVITE" and call is not None:
            self.send(
                self.reply(
                    message,
                    "200 OK",
                    [self.contact(), ("Content-Type", "application/sdp")],
                    self.sdp(call.media),
                )
            )
        elif message.method and message.method != "ACK":
            self.send(self.reply(message, "200 OK", []))
        elif message.status and call is not None:
            self.answered(call, message)

    async def ring(self, invite: Message) -> None:
        """Take an incoming call."""
        self.send(self.reply(invite, "486 Busy Here", []))

    def answered(self, call: Call, response: Message) -> None:
        """Take a response to something this side sent."""

    def finish(self, call: Call) -> None:
        call.media.close()
        call.ended.set()

    async def hang_up(self, call: Call) -> None:
        """End a call, answered or not; harmless where it has ended."""
        if call.ended.is_set():
            return
        dialog = call._dialog
        if not call.answered.is_set():
            self.send(
                render(
                    f"CANCEL {dialog['target']} SIP/2.0",
                    [
                        ("Via", dialog["via"]),
                        ("Max-Forwards", "70"),
                        ("From", dialog["local"]),
                        ("To", dialog["remote"]),
                        ("Call-ID", call.call_id),
                        ("CSeq", "1 CANCEL"),
                    ],
                )
            )
            self.finish(call)
            return
        call._sequence += 1
        self.send(
            render(
                f"BYE {dialog['target']} SIP/2.0",
                [
                    self.via(),
                    ("Max-Forwards", "70"),
                    ("From", dialog["local"]),
                    ("To", dialog["remote"]),
                    ("Call-ID", call.call_id),
                    ("CSeq", f"{call._sequence} BYE"),
                ],
            )
        )
        self.finish(call)


class Caller(_Endpoint):
    """Dials the PBX, any number of calls at once."""

    async def dial(
        self, number: str, caller_number: str = "4912345", caller_name: str = "", timeout_s: float = 15.0
    ) -> Call:
        """Dial and wait for the answer."""
        call = await self.ring_up(number, caller_number, caller_name)
        async with asyncio.timeout(timeout_s):
            await call.answered.wait()
        if call.failed_status:
            raise ConnectionError(f"the PBX answered {call.failed_status}")
        return call

    async def ring_up(self, number: str, caller_number: str = "4912345", caller_name: str = "") -> Call:
        """Dial and do not wait."""
        media = await self.media()
        call = Call(f"{random.randrange(1 << 62):x}@127.0.0.1", media)
        self.calls[call.call_id] = call
        host, port = self._pbx
        name = caller_name.replace("\\", "\\\\").replace('"', '\\"')
        call._dialog = {
            "target": f"sip:{number}@{host}:{port}",
            "local": f'"{name}" <sip:{caller_number}@127.0.0.1>;tag={random.randrange(1 << 32):x}',
            "remote": f"<sip:{number}@{host}:{port}>",
            "via": self.via()[1],
        }
        self.send(
            render(
                f"INVITE {call._dialog['target']} SIP/2.0",
                [
                    ("Via", call._dialog["via"]),
                    ("Max-Forwards", "70"),
                    ("From", call._dialog["local"]),
                    ("To", call._dialog["remote"]),
                    ("Call-ID", call.call_id),
                    ("CSeq", "1 INVITE"),
                    self.contact(),
                    ("Content-Type", "application/sdp"),
                ],
                self.sdp(media),
            )
        )
        return call

    def answered(self, call: Call, response: Message) -> None:
        if not response.get("CSeq").endswith("INVITE") or response.status < 200:
            return
        dialog = call._dialog
        final_ok = response.status < 300
        if final_ok:
            contact = re.search(r"<([^>]+)>", response.get("Contact"))
            dialog["target"] = contact.group(1) if contact else dialog["target"]
        dialog["remote"] = response.get("To")
        self.send(
            render(
                f"ACK {dialog['target']} SIP/2.0",
                [
                    self.via() if final_ok else ("Via", dialog["via"]),
                    ("Max-Forwards", "70"),
                    ("From", dialog["local"]),
                    ("To", dialog["remote"]),
                    ("Call-ID", call.call_id),
                    ("CSeq", "1 ACK"),
                ],
            )
        )
        if call.answered.is_set():
            return
        if final_ok:
            call.answered_at = time.time()
            call.media.start(_media_address(response.body))
        else:
            call.failed_status = response.status
            self.finish(call)
        call.answered.set()


class Agent(_Endpoint):
    """Answers everything that rings; `taken` are its calls in their order."""

    def __init__(self, clock: Clock, user: str, pbx: tuple[str, int]) -> None:
        super().__init__(clock, user, pbx)
        self.taken: list[Call] = []
        self._rang = asyncio.Event()

    async def ring(self, invite: Message) -> None:
        media = await self.media()
        call = Call(invite.get("Call-ID"), media)
        self.calls[call.call_id] = call
        caller = re.match(r'\s*(?:"((?:[^"\\]|\\.)*)")?\s*<sip:([^@>]+)', invite.get("From"))
        if caller:
            call.peer_name = re.sub(r"\\(.)", r"\1", caller.group(1) or "")
            call.peer_number = caller.group(2)
        contact = re.search(r"<([^>]+)>", invite.get("Contact"))
        answer = self.reply(invite, "200 OK", [self.contact(), ("Content-Type", "application/sdp")], self.sdp(media))
        parsed = Message.parse(answer)
        assert parsed is not None
        call._dialog = {
            "target": contact.group(1) if contact else f"sip:{self._pbx[0]}",
            "local": parsed.get("To"),
            "remote": invite.get("From"),
        }
        self.send(answer)
        call.answered_at = time.time()
        call.answered.set()
        media.start(_media_address(invite.body))
        self.taken.append(call)
        self._rang.set()

    async def next_call(self, number: int = 1, timeout_s: float = 30.0) -> Call:
        """Wait until this agent has answered `number` calls since the start, and return that one."""
        async with asyncio.timeout(timeout_s):
            while len(self.taken) < number:
                self._rang.clear()
                await self._rang.wait()
        return self.taken[number - 1]


def _media_address(sdp: str) -> tuple[str, int]:
    host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    if host is None or port is None:
        raise ValueError("no audio in the session description")
    return host.group(1), int(port.group(1))
