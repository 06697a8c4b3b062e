"""AudioSocket, the protocol, without I/O: bytes in, events out; no socket, no await, no clock.

Theory of operation
-------------------
AudioSocket carries one call over one TCP connection that Asterisk opens to us. Both directions
are a sequence of frames:

    kind (1 byte) | length (2 bytes, big-endian) | payload (length bytes)

Asterisk first names the call (0x01 and a UUID), then sends audio (one kind for each sampling rate; 16-bit
linear, little-endian) and keys. We send audio, and 0x00 when we are done with the call: the dialplan goes on.
A caller who hangs up is seen as the end of the stream. What each side may say, and when, is two tables below
(`FROM_PBX`, `FROM_ENGINE`): the same table checks what we hear from that side and, when we play that side,
what we are asked to send.

A `Connection` is one side of one such stream. `receive_data` only stores bytes (or None for the end of the
stream); `next_event` takes the next whole frame out of them and returns an event, or `NEED_DATA`. After the
last event of interest (`Hangup`, `PeerError`, `Closed`) nothing but the end of the stream may follow. A
header is judged as soon as it is there, before its payload: a frame that is never going to be accepted is
never waited for.

Two kinds of error, and no other exception, leave this module. `RemoteProtocolError`: the peer broke the
protocol or a security limit; the connection is broken for good and says so each time it is asked.
`LocalProtocolError`: we asked for something that the protocol forbids; that is a bug on our side, and the
connection is unharmed.

Source: the protocol's page in the Asterisk documentation, and what Asterisk 22 does on the wire: it polls 5
ms for the rest of a frame and then drops the call, so each `send_*` and `frame_*` returns one whole frame to
be written at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from struct import Struct
from types import MappingProxyType
from typing import Final, Literal, NoReturn, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt

from telephony.errors import LocalProtocolError, RemoteProtocolError

Pcm: TypeAlias = npt.NDArray[np.int16]

AUDIO_RATE_HZ: Final[Mapping[int, int]] = MappingProxyType(
    {
        0x10: 8000,
        0x11: 12000,
        0x12: 16000,
        0x13: 24000,
        0x14: 32000,
        0x15: 44100,
        0x16: 48000,
        0x17: 96000,
        0x18: 192_000,
    }
)
AUDIO_KIND: Final[Mapping[int, int]] = MappingProxyType({rate: kind for kind, rate in AUDIO_RATE_HZ.items()})
DTMF_DIGITS: Final = "0123456789*#ABCD"

HEADER_BYTES: Final = 3
MAX_PAYLOAD_BYTES: Final = 65535  # what the length field can say
MAX_AUDIO_MS: Final = 500  # security limit: audio in one frame; PBXs send 10 to 60 ms

_HEADER: Final = Struct(">BH")
_SLIN: Final = np.dtype("<i2")


class Frame(Enum):
    """What a frame is for; audio of every rate is one."""

    HANGUP = auto()
    ID = auto()
    DTMF = auto()
    AUDIO = auto()
    ERROR = auto()


class State(Enum):
    """How far one direction of a connection has come."""

    OPENING = auto()  # the call is not named yet
    TALKING = auto()
    ENDED = auto()  # said its last word: only the end of the stream may follow
    CLOSED = auto()  # the stream has ended
    BROKEN = auto()  # the protocol was violated; final


class Role(Enum):
    """Which side of the connection we are."""

    ENGINE = auto()
    PBX = auto()


KINDS: Final[Mapping[int, Frame]] = MappingProxyType(
    {0x00: Frame.HANGUP, 0x01: Frame.ID, 0x03: Frame.DTMF, 0xFF: Frame.ERROR}
    | dict.fromkeys(AUDIO_RATE_HZ, Frame.AUDIO)
)
_Table: TypeAlias = Mapping[State, Mapping[Frame, State]]
FROM_PBX: Final[_Table] = MappingProxyType(
    {
        State.OPENING: {Frame.ID: State.TALKING},
        State.TALKING: {
            Frame.AUDIO: State.TALKING,
            Frame.DTMF: State.TALKING,
            Frame.HANGUP: State.ENDED,
            Frame.ERROR: State.ENDED,
        },
    }
)
# Asterisk ends the call's stay with us on anything else than these two.
FROM_ENGINE: Final[_Table] = MappingProxyType(
    {State.TALKING: {Frame.AUDIO: State.TALKING, Frame.HANGUP: State.ENDED}}
)


@dataclass(frozen=True, slots=True)
class CallId:
    """The call of this connection; always the first event from a PBX."""

    uuid: UUID


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """A piece of audio: int16, shape [samples], a fresh array of the receiver's own; may be empty."""

    pcm: Pcm
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed and released: one of 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The peer said 0x00: it is done with this call."""


@dataclass(frozen=True, slots=True)
class PeerError:
    """The peer said 0xff, with a code of its own or none; it is done with this call."""

    code: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream ended between two frames; returned each time from then on."""


class _NeedData(Enum):
    NEED_DATA = auto()


NEED_DATA: Final = _NeedData.NEED_DATA
"""No whole frame is there yet: call `receive_data`."""

Event: TypeAlias = CallId | Audio | Dtmf | Hangup | PeerError | Closed
NextEvent: TypeAlias = Event | Literal[_NeedData.NEED_DATA]

_HANGUP_FRAME: Final = _HEADER.pack(0x00, 0)


def max_audio_bytes(rate_hz: int) -> int:
    """Return the security limit on the payload of one audio frame at `rate_hz`, in bytes."""
    return min(rate_hz * 2 * MAX_AUDIO_MS // 1000, MAX_PAYLOAD_BYTES - 1)


_LENGTHS: Final[Mapping[int, tuple[int, int]]] = MappingProxyType(
    {0x00: (0, 0), 0x01: (16, 16), 0x03: (1, 1), 0xFF: (0, 1)}
    | {kind: (0, max_audio_bytes(rate_hz)) for kind, rate_hz in AUDIO_RATE_HZ.items()}
)


def frame_audio(pcm: Pcm, rate_hz: int = 8000) -> bytes:
    """Return one frame of audio: int16, shape [1 .. 500 ms].

    Raises
    ------
    LocalProtocolError
        No kind carries that rate, or the samples are none, too many, or not one-dimensional int16.
    """
    kind = AUDIO_KIND.get(rate_hz)
    if kind is None:
        raise LocalProtocolError(f"no frame carries {rate_hz} Hz; these work: {sorted(AUDIO_KIND)}")
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
        raise LocalProtocolError("audio must be a one-dimensional int16 array")
    size = pcm.size * 2
    if not 0 < size <= max_audio_bytes(rate_hz):
        most = max_audio_bytes(rate_hz) // 2
        raise LocalProtocolError(f"one frame takes 1 to {most} samples, not {pcm.size}")
    return _HEADER.pack(kind, size) + pcm.astype(_SLIN, copy=False).tobytes()


def frame_hangup() -> bytes:
    """Return the frame that ends a call's stay."""
    return _HANGUP_FRAME


def frame_uuid(uuid: UUID) -> bytes:
    """Return the frame that names the call."""
    return _HEADER.pack(0x01, 16) + uuid.bytes


def frame_dtmf(digit: str) -> bytes:
    """Return the frame of one pressed key; raise `LocalProtocolError` if there is no such key."""
    if len(digit) != 1 or digit not in DTMF_DIGITS:
        raise LocalProtocolError(f"{digit!r} is not a key: one of {DTMF_DIGITS}")
    return _HEADER.pack(0x03, 1) + digit.encode("ascii")


def frame_error(code: int | None = None) -> bytes:
    """Return an error frame with a code of 0-255 or none; raise `LocalProtocolError` if it is neither."""
    if code is None:
        return _HEADER.pack(0xFF, 0)
    if not 0 <= code <= 255:
        raise LocalProtocolError(f"an error code is 0 to 255, not {code}")
    return _HEADER.pack(0xFF, 1) + bytes((code,))


class Connection:
    """One side of one AudioSocket connection, from the first byte to the end of the stream."""

    __slots__ = ("_at", "_buffer", "_eof", "_hears", "_our_state", "_problem", "_says", "_their_state")

    def __init__(self, role: Role = Role.ENGINE) -> None:
        self._hears, self._says = (FROM_PBX, FROM_ENGINE) if role is Role.ENGINE else (FROM_ENGINE, FROM_PBX)
        # Only the PBX has an opening word; the engine's side starts in the middle of the table.
        self._their_state = State.OPENING if role is Role.ENGINE else State.TALKING
        self._our_state = State.TALKING if role is Role.ENGINE else State.OPENING
        self._buffer = bytearray()
        self._at = 0  # everything before it in the buffer has been taken out
        self._eof = False
        self._problem = ""

    @property
    def their_state(self) -> State:
        """How far the peer's direction has come."""
        return self._their_state

    @property
    def our_state(self) -> State:
        """How far our direction has come."""
        return self._our_state

    @property
    def buffered_bytes(self) -> int:
        """Bytes received and not yet taken out as events."""
        return len(self._buffer) - self._at

    def receive_data(self, data: bytes | bytearray | memoryview | None) -> None:
        """Store bytes that arrived, or None for the end of the stream; empty bytes do nothing.

        Raises
        ------
        LocalProtocolError
            Bytes after the end of the stream.
        """
        if data is None:
            self._eof = True
        elif self._eof:
            if len(data):
                raise LocalProtocolError("bytes were fed after the end of the stream")
        elif self._their_state is not State.BROKEN:
            self._buffer += data

    def next_event(self) -> NextEvent:
        """Take the next event out of what was received.

        Raises
        ------
        RemoteProtocolError
            The peer broke the protocol or a security limit. Raised again by every later call.
        """
        if self._their_state is State.BROKEN:
            raise RemoteProtocolError(self._problem)
        buffer, at = self._buffer, self._at
        available = len(buffer) - at
        if available < HEADER_BYTES:
            if available:
                self._judge_kind(buffer[at])
            return self._without_frame(available)
        kind, length = _HEADER.unpack_from(buffer, at)
        after = self._judge_kind(kind)
        self._judge_length(kind, length)
        if available < HEADER_BYTES + length:
            return self._without_frame(available)
        start = at + HEADER_BYTES
        event = self._event(kind, start, length)
        self._their_state = after
        self._at = start + length
        if self._at == len(buffer):
            buffer.clear()
            self._at = 0
        return event

    def _without_frame(self, available: int) -> NextEvent:
        if available and self._at:
            del self._buffer[: self._at]
            self._at = 0
        if not self._eof:
            return NEED_DATA
        if available:
            self._break("the stream ended in the middle of a frame")
        self._their_state = State.CLOSED
        return Closed()

    def _judge_kind(self, kind: int) -> State:
        frame = KINDS.get(kind)
        if frame is None:
            self._break(f"frame of unknown kind 0x{kind:02x}")
        after = self._hears.get(self._their_state, {}).get(frame)
        if after is None:
            self._break(f"frame 0x{kind:02x} ({frame.name}) is not allowed in state {self._their_state.name}")
        return after

    def _judge_length(self, kind: int, length: int) -> None:
        least, most = _LENGTHS[kind]
        if not least <= length <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self._break(f"frame 0x{kind:02x} of {length} bytes: {wanted} are allowed")
        if kind in AUDIO_RATE_HZ and length % 2:
            self._break(f"audio of {length} bytes: half a sample is missing")

    def _event(self, kind: int, start: int, length: int) -> Event:
        rate_hz = AUDIO_RATE_HZ.get(kind)
        if rate_hz is not None:
            # The copy outlives the buffer, is aligned, and lets go of the buffer at once.
            pcm = np.frombuffer(self._buffer, _SLIN, length // 2, start).astype(np.int16)
            return Audio(pcm, rate_hz)
        payload = bytes(self._buffer[start : start + length])
        if kind == 0x03:
            digit = payload.decode("latin-1").upper()
            if digit not in DTMF_DIGITS:
                self._break(f"key 0x{payload.hex()} does not exist")
            return Dtmf(digit)
        if kind == 0x01:
            return CallId(UUID(bytes=payload))
        return Hangup() if kind == 0x00 else PeerError(payload[0] if payload else None)

    def _break(self, problem: str) -> NoReturn:
        self._their_state = State.BROKEN
        self._problem = problem
        self._buffer = bytearray()
        self._at = 0
        raise RemoteProtocolError(problem)

    def send_audio(self, pcm: Pcm, rate_hz: int = 8000) -> bytes:
        """Return a frame of audio; raise `LocalProtocolError` if it is malformed or too late."""
        return self._sent(Frame.AUDIO, frame_audio(pcm, rate_hz))

    def send_hangup(self) -> bytes:
        """Return the last frame of our side; raise `LocalProtocolError` if it was sent before."""
        return self._sent(Frame.HANGUP, frame_hangup())

    def send_uuid(self, uuid: UUID) -> bytes:
        """Return the frame that names the call; raise `LocalProtocolError` unless a PBX begins."""
        return self._sent(Frame.ID, frame_uuid(uuid))

    def send_dtmf(self, digit: str) -> bytes:
        """Return the frame of a pressed key; raise `LocalProtocolError` unless we are a PBX in a call."""
        return self._sent(Frame.DTMF, frame_dtmf(digit))

    def _sent(self, frame: Frame, data: bytes) -> bytes:
        after = self._says.get(self._our_state, {}).get(frame)
        if after is None:
            raise LocalProtocolError(f"{frame.name} may not be sent in state {self._our_state.name}")
        self._our_state = after
        return data
