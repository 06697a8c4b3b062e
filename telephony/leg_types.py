"""What the AudioSocket server, its legs and their handlers say to each other."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from telephony.audiosocket import Pcm

OnDone = Callable[[bool, float], None]
"""Told once how playing ended: whether all was heard, and the time."""


class CloseReason(Enum):
    """Why a leg ended."""

    HUNG_UP = auto()  # the stream ended: the caller hung up
    HANDED_BACK = auto()  # we asked for it
    PEER_ENDED = auto()  # the peer said 0x00
    PEER_ERROR = auto()  # the peer said 0xff
    LOST = auto()  # the connection broke; also a caller who hangs up while much is being played
    PROTOCOL = auto()  # the peer broke the protocol or one of its limits
    FLOOD = auto()  # the peer sent far more than real time
    SLOW = auto()  # the peer does not read
    IDLE = auto()  # nothing arrived for too long
    UNNAMED = auto()  # the first frame never came
    REFUSED = auto()  # nobody wanted the call
    HANDLER_FAILED = auto()  # the handler raised
    STOPPED = auto()  # the server stopped


class Phase(Enum):
    """Where a leg is in its life."""

    UNNAMED = auto()
    LIVE = auto()
    LEAVING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class LegStats:
    """What went over one leg so far."""

    frames_in: int
    """Audio frames received."""
    frames_out: int
    """Audio frames written, silence included."""
    keep_alive_out: int
    """Frames of silence among them."""
    bytes_in: int
    bytes_out: int
    audio_in_s: float
    """Seconds of audio received, dropped ones included."""
    dropped_in: int
    """Audio frames thrown away because the peer sent faster than real time."""
    keys_in: int
    max_gap_ms: float
    """Longest time between two audio frames."""
    late_out_ms: float
    """Longest delay of a played frame behind its schedule."""


class LegHandler(Protocol):
    """Whom a live leg tells; called on the event loop, and must be quick."""

    def on_audio(self, pcm: Pcm, now_s: float) -> None:
        """Take audio: int16, shape [n], 8000 Hz; the array is the handler's to keep."""

    def on_key(self, digit: str, now_s: float) -> None:
        """Take a pressed key: one of 0-9, *, #, A-D."""

    def on_closed(self, why: CloseReason, now_s: float) -> None:
        """Take the end of the leg; nothing is called after it."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens, whom it lets in, and its limits (each of them a security limit)."""

    host: str = "127.0.0.1"
    port: int = 8090
    """0 takes any free port."""
    allow: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    """Networks whose hosts may connect; none means nobody."""
    max_calls: int = 200
    max_per_second: int = 50
    """New connections a second; as many may come at once."""
    first_frame_timeout_s: float = 2.0
    """For a new connection to name its call."""
    idle_timeout_s: float = 15.0
    """Without a byte from the peer: DTX and hold are silent, so well above the PBX's own 2 s."""
    hand_back_timeout_s: float = 2.0
    """For the peer to close after our 0x00."""
    write_limit_bytes: int = 64 * 1024
    """Unwritten bytes at which a peer counts as not reading."""
    keep_alive_s: float = 0.7
    """After this long without a frame from us, a frame of silence: the PBX gives up after 2 s."""
