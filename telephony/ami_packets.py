"""The manager interface's packets: strict reading of bytes, checked writing of actions; no socket, no clock.

A packet is a run of ``Key: value`` lines, each ended by CR LF, and an empty line. Nothing else ends a line: a
caller may put U+2028, a lone CR or a vertical tab into a name, and what follows it must never be taken for a
header. Where a header is repeated the first one counts, because Asterisk writes what it knows itself
(channel, numbers) before what the dialplan added. What we send is refused when it holds CR, LF or NUL, which
would let a value become a header or an action.

The wire format is Asterisk's ``main/manager.c``; the limits are ours, against a hostile or broken peer.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from telephony.errors import AmiPacketError, AmiValueError

# A response may be the output of a command, thousands of lines long; an event is never large.
MAX_RESPONSE_BYTES = 1 << 20
MAX_EVENT_BYTES = 1 << 14
MAX_BANNER_BYTES = 256
_BANNER = re.compile(rb"Asterisk Call Manager/([0-9.]{1,20})", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\r\n\0]")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class AmiEvent:
    """One event of the PBX.

    Attributes
    ----------
    name : str
        Kind of event, for example ``QueueCallerJoin``; never a name of ours (those are in
        ``fields["UserEvent"]``).
    fields : Mapping[str, str]
        Headers other than ``Event``, as sent; of repeated headers the first.
    """

    name: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AmiResponse:
    """The PBX's answer to one action.

    Attributes
    ----------
    status : str
        ``Success``, ``Error``, ``Goodbye`` or ``Follows``.
    fields : Mapping[str, str]
        The other headers; lines of a repeated ``Output`` are joined by LF.
    """

    status: str
    fields: Mapping[str, str]

    @property
    def success(self) -> bool:
        """Whether the action was carried out."""
        return self.status.lower() != "error"

    @property
    def message(self) -> str:
        """What the PBX said about it, for people; may be empty."""
        return self.fields.get("Message", "")


class PacketReader:
    """Bytes in, whole events and responses out.

    ``receive_data`` only stores; ``next_packet`` answers one packet at a time and None when more bytes are
    needed.
    """

    def __init__(self) -> None:
        self.version: str | None = None
        self.ignored_lines = 0
        self._buffer = bytearray()
        self._searched = 0

    def receive_data(self, data: bytes) -> None:
        """Store what came off the connection."""
        self._buffer += data

    def next_packet(self) -> AmiEvent | AmiResponse | None:
        """Take the next packet, or None when it is not complete yet.

        Raises
        ------
        AmiPacketError
            The first line is not Asterisk's, or a packet is larger than the limits; the connection is of no
            more use.
        """
        if self.version is None and not self._read_banner():
            return None
        while True:
            end = self._buffer.find(b"\r\n\r\n", self._searched)
            size = len(self._buffer) if end < 0 else end
            if size > MAX_EVENT_BYTES and size > self._limit():
                raise AmiPacketError(f"the PBX sent a packet of more than {self._limit()} bytes")
            if end < 0:
                self._searched = max(0, len(self._buffer) - 3)
                return None
            raw = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self._searched = 0
            packet = self._parse(raw)
            if packet is not None:
                return packet

    def _limit(self) -> int:
        return MAX_RESPONSE_BYTES if self._buffer[:9].lower() == b"response:" else MAX_EVENT_BYTES

    def _read_banner(self) -> bool:
        end = self._buffer.find(b"\r\n", 0, MAX_BANNER_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_BANNER_BYTES:
                raise AmiPacketError("the peer does not greet as an Asterisk manager interface")
            return False
        match = _BANNER.match(self._buffer[:end])
        if match is None:
            raise AmiPacketError("the peer does not greet as an Asterisk manager interface")
        self.version = match.group(1).decode("ascii")
        del self._buffer[: end + 2]
        return True

    def _parse(self, raw: bytes) -> AmiEvent | AmiResponse | None:
        lines = raw.split(b"\r\n")
        headers = list(self._headers(lines))
        if not headers:
            return None
        kind, name = headers[0][0].lower(), headers[0][1]
        fields: dict[str, str] = {}
        output: list[str] = []
        for key, value in headers[1:]:
            if key == "Output":
                output.append(value)
            else:
                fields.setdefault(key, value)
        if output:
            fields["Output"] = "\n".join(output)
        if kind == "event":
            return AmiEvent(name, MappingProxyType(fields))
        if kind == "response":
            return AmiResponse(name, MappingProxyType(fields))
        self.ignored_lines += len(lines)
        return None

    def _headers(self, lines: list[bytes]) -> Iterator[tuple[str, str]]:
        for line in lines:
            name, colon, value = line.partition(b":")
            key = name.decode("ascii", errors="replace")
            if colon and _HEADER_NAME.match(key):
                yield key, value.removeprefix(b" ").decode("utf-8", errors="replace")
            elif line:
                self.ignored_lines += 1


def check_action(name: str, fields: Mapping[str, str]) -> None:
    """Refuse an action whose name or values would break out of their line.

    Raises
    ------
    AmiValueError
        Naming the header; a value holds CR, LF or NUL, or a name is not letters, digits, ``-`` and ``_``.
    """
    if not _HEADER_NAME.match(name):
        raise AmiValueError(f"{name!r} is not the name of an AMI action")
    for key, value in fields.items():
        if not _HEADER_NAME.match(key):
            raise AmiValueError(f"{key!r} is not the name of an AMI header (action {name})")
        if _FORBIDDEN.search(value):
            raise AmiValueError(
                f"the value of {key} of action {name} holds a line break or NUL; remove it: {value!r}"
            )


def encode_packet(first: tuple[str, str], fields: Mapping[str, str]) -> bytes:
    """Write a packet as a PBX does: kind and name, then the headers; values are checked."""
    check_action(first[0], {first[0]: first[1], **fields})
    lines = [f"{first[0]}: {first[1]}", *(f"{key}: {value}" for key, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
