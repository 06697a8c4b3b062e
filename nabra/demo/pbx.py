"""The PBX of the demonstration: announces sample calls, plays them over AudioSocket, queues what comes back.

It stands where Asterisk stands, with the same messages in the same order: a manager interface (`AmiPeer`)
that the engine logs into, a `NabraCall` event, one TCP connection per call at the pace of real time,
variables set by the engine, 0x00, then the queue's events. It moves no calls and has no agents; `tests/pbx`
runs the real Asterisk.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nabra.demo.line import hiss
from nabra.demo.samples import SampleCall
from telephony.ami_peer import AmiPeer
from telephony.peer import AudioSocketPeer

USERNAME, SECRET = "nabra", "demo"
WATCHDOG_S = 25.0
_RATE_HZ = 8000
_CHUNK_S = 0.1
_LOUD = 200  # samples above this, of 32768, are a prompt; below it is the keep-alive silence
_REPLY_S = 0.3  # callers answer this long after a prompt has ended

Samples = npt.NDArray[np.int16]


@dataclass(slots=True)
class PlacedCall:
    """One call as the PBX saw it.

    Attributes
    ----------
    sample, call, channel : what is played, the call's UUID, the channel's name.
    sent : the caller's audio, from the first sample on.
    said_s : audio times at which what the caller says begins and ends, each time that it is said.
    variables : what the engine set on the channel.
    handed_back : whether the engine ended the call with 0x00; otherwise the PBX took it back.
    problem : why Asterisk would have dropped the connection, or empty.
    """

    sample: SampleCall
    call: uuid.UUID
    channel: str
    uniqueid: str
    sent: list[Samples] = field(default_factory=list)
    said_s: list[tuple[float, float]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    handed_back: bool = False
    problem: str = ""

    def audio(self) -> Samples:
        """Return all that the caller sent: int16, 8 kHz."""
        return np.concatenate(self.sent) if self.sent else np.zeros(0, dtype=np.int16)


class DemoPbx:
    """Places calls on an engine.

    Parameters
    ----------
    queue_of : from a destination's name to the name of its queue, None for self-service.
    default : destination of a call that comes back without a route.
    """

    def __init__(self, queue_of: Callable[[str], str | None], default: str) -> None:
        self.ami = AmiPeer(USERNAME, SECRET)
        self._queue_of = queue_of
        self._default = default
        self._waiting: dict[str, int] = {}

    async def start(self) -> None:
        """Open the manager interface on a free port of this machine."""
        await self.ami.start()

    async def stop(self) -> None:
        """Close the manager interface."""
        await self.ami.stop()

    async def logged_in(self, timeout_s: float) -> bool:
        """Wait until the engine has logged in; False where it has not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.ami.clients:  # noqa: ASYNC110 - the peer does not tell of logins
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        return True

    def prepare(self, sample: SampleCall, number: int) -> PlacedCall:
        """Give a sample a call's identity: UUID, channel and unique id."""
        uniqueid = f"{int(time.time())}.{number}"
        return PlacedCall(sample, uuid.uuid4(), f"PJSIP/demo-{number:08x}", uniqueid)

    async def place(self, placed: PlacedCall, host: str, port: int) -> None:
        """Announce a call, play its caller, and take it back when the engine is done with it.

        Raises
        ------
        PeerConnectError
            The engine does not listen.
        """
        sample = placed.sample
        self.ami.announce(
            placed.call,
            placed.channel,
            uniqueid=placed.uniqueid,
            caller_number=sample.caller_number,
            dialled="100",
            language=sample.language,
        )
        peer = await AudioSocketPeer.connect(host, port, placed.call)
        try:
            async with asyncio.timeout(WATCHDOG_S):
                await _Caller(peer, placed).talk()
        except TimeoutError:
            placed.problem = f"the engine kept the call for {WATCHDOG_S:g} s"
        placed.handed_back = peer.handed_back_s is not None
        placed.problem = peer.problem or placed.problem
        peer.hang_up()
        placed.variables = dict(self.ami.channels.get(placed.channel, {}))
        await self._after(placed)

    async def _after(self, placed: PlacedCall) -> None:
        """Do what the dialplan does next: the queue of the route, or the default one."""
        queue = self._queue_of(placed.variables.get("NABRA_ROUTE") or self._default)
        if queue is not None:
            position = self._waiting.get(queue, 0) + 1
            self._waiting[queue] = position
            caller = {"Channel": placed.channel, "Uniqueid": placed.uniqueid, "Linkedid": placed.uniqueid}
            here = {**caller, "Queue": queue, "Position": str(position), "Count": str(position)}
            self.ami.event("QueueCallerJoin", here)
            await asyncio.sleep(0.5)
            self._waiting[queue] -= 1
            self.ami.event("QueueCallerLeave", here)
            answered = {**caller, "Queue": queue, "MemberName": "demo", "HoldTime": "0", "RingTime": "0"}
            self.ami.event("AgentConnect", answered)
        self.ami.hangup(placed.channel, placed.uniqueid)


class _Caller:
    """A caller who hears the notice out, says what there is to say, and says it once more when asked."""

    def __init__(self, peer: AudioSocketPeer, placed: PlacedCall) -> None:
        self._peer = peer
        self._placed = placed
        self._audio = placed.sample.audio()
        self._heard = 0
        # A quiet line is never digital silence: it is as noisy as the sample is before its first word.
        level = max(float(np.std(self._audio[: int(0.15 * _RATE_HZ)].astype(np.float64))), 4.0)
        noise = hiss(30 * _RATE_HZ, np.random.default_rng(len(placed.sample.name)))
        self._quiet = np.round(level * noise).astype(np.int16)
        self._at = 0

    async def talk(self) -> None:
        """Play the call until the engine ends it."""
        await self._hear_prompt()
        await self._say()
        asked = False
        while not self._peer.over:
            if await self._hear_prompt() and self._placed.sample.text and not asked:
                asked = True
                await self._say()

    async def _say(self) -> None:
        """Play the sample, keys included, a little after the prompt."""
        await self._line(_REPLY_S)
        sample, sent = self._placed.sample, 0
        if sample.speech_end_s is not None:
            begins_s = sum(map(len, self._placed.sent)) / _RATE_HZ
            self._placed.said_s.append((begins_s, begins_s + sample.speech_end_s))
        for at_s, digit in sample.keys:
            upto = int(at_s * _RATE_HZ)
            await self._send(self._audio[sent:upto])
            self._peer.send_dtmf(digit)
            sent = upto
        await self._send(self._audio[sent:])

    async def _hear_prompt(self, longest_s: float = 10.0) -> bool:
        """Wait until a prompt was heard and has ended (True), or nothing comes."""
        began, quiet_s, spent_s = False, 0.0, 0.0
        while not self._peer.over and spent_s < longest_s:
            await self._line(_CHUNK_S)
            spent_s += _CHUNK_S
            heard = self._peer.heard()[self._heard :]
            self._heard += heard.size
            loud = bool(heard.size) and int(np.max(np.abs(heard.astype(np.int32)))) > _LOUD
            began = began or loud
            quiet_s = 0.0 if loud else quiet_s + _CHUNK_S
            if began and quiet_s >= 0.4:
                return True
        return False

    async def _line(self, seconds: float) -> None:
        upto = self._at + int(seconds * _RATE_HZ)
        await self._send(self._quiet.take(range(self._at, upto), mode="wrap"))
        self._at = upto

    async def _send(self, pcm: Samples) -> None:
        sent = await self._peer.send_audio(pcm)
        self._placed.sent.append(pcm[:sent])
