"""Messages between the service and its recogniser processes, as bytes and back.

One message is a header and a body, all numbers big-endian::

    length of the rest, u32 | version, u8 | kind, u8 | call, u32 | segment, u32 | request, u32 | body

There is no I/O here: :class:`WireReader` is given bytes as they come, cut anywhere, and hands out whole
messages. Nothing is pickled, so nothing that arrives can run.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from asr.engine import Hypothesis, Samples, Word
from asr.errors import WireError

VERSION = 2
MAX_BODY = 1 << 20
_HEADER = struct.Struct("!IBBIII")
_AFTER_LENGTH = _HEADER.size - 4
_START = struct.Struct("!d")
# What a worker notes on the page that it shares with the pool: call and segment.
ON_PAGE = struct.Struct("!II")
NOBODY = (0, 0)
_WORDS = struct.Struct("!ddI")


class Kind(IntEnum):
    """What a message says; below 32 to the worker, from 32 on from it."""

    CONFIG = 1
    OPEN = 2
    BEGIN = 3
    AUDIO = 4
    ASK_PARTIAL = 5
    ASK_FINAL = 6
    END = 7
    CLOSE = 8
    HURRY = 9
    RECALL = 10
    READY = 32
    PARTIAL = 33
    FINAL = 34
    SKIPPED = 35
    HEALTH = 36
    ERROR = 37


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes
    ----------
    kind : Kind
        What it says.
    call, segment, request : int
        What it is about, 0..2**32-1; 0 where that means nothing. In AUDIO, ``request`` counts the call's
        AUDIO messages.
    body : bytes
        By kind: JSON, samples, or words; see the functions of this module.
    """

    kind: Kind
    call: int = 0
    segment: int = 0
    request: int = 0
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the message as it goes over the pipe; raises WireError where the body is too long."""
        if len(self.body) > MAX_BODY:
            raise WireError(f"a body of {len(self.body)} bytes is longer than {MAX_BODY}")
        length = _AFTER_LENGTH + len(self.body)
        return _HEADER.pack(length, VERSION, self.kind, self.call, self.segment, self.request) + self.body


class WireReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def receive_data(self, data: bytes) -> None:
        """Store bytes, cut anywhere."""
        self._data += data

    def next_message(self) -> Message | None:
        """Return the next whole message, or None until more bytes came.

        Raises
        ------
        WireError
            Where the bytes are not a message of this version; nothing after that can be trusted.
        """
        if len(self._data) < _HEADER.size:
            return None
        length, version, kind, call, segment, request = _HEADER.unpack_from(self._data)
        if version != VERSION:
            raise WireError(f"message of version {version}, this is version {VERSION}")
        if not _AFTER_LENGTH <= length <= _AFTER_LENGTH + MAX_BODY:
            raise WireError(f"message of {length} bytes")
        if kind not in Kind.__members__.values():
            raise WireError(f"message of unknown kind {kind}")
        whole = length + 4
        if len(self._data) < whole:
            return None
        body = bytes(self._data[_HEADER.size : whole])
        del self._data[:whole]
        return Message(Kind(kind), call, segment, request, body)


def object_body(value: Mapping[str, object]) -> bytes:
    """Return a mapping as the body of CONFIG, OPEN, READY, HEALTH or ERROR."""
    return json.dumps(value, ensure_ascii=False).encode()


def read_object(message: Message) -> dict[str, object]:
    """Return the mapping in a body; raises WireError where there is none."""
    try:
        value = json.loads(message.body)
    except ValueError as problem:
        raise WireError(f"{message.kind.name} without JSON in it") from problem
    if not isinstance(value, dict):
        raise WireError(f"{message.kind.name} without a JSON object in it")
    return value


def start_body(start_s: float) -> bytes:
    """Return the audio time of a segment's first sample, s, as the body of BEGIN."""
    return _START.pack(start_s)


def read_start(message: Message) -> float:
    """Return the audio time in BEGIN, s; raises WireError where it is no finite number."""
    if len(message.body) != _START.size:
        raise WireError("BEGIN without a time")
    start_s = float(_START.unpack(message.body)[0])
    if not math.isfinite(start_s):
        raise WireError("BEGIN with a time that is not a number")
    return start_s


def audio_body(pcm: Samples) -> bytes:
    """Return int16 samples as the body of AUDIO, little-endian."""
    return pcm.astype("<i2", copy=False).tobytes()


def read_audio(message: Message) -> Samples:
    """Return the int16 samples in AUDIO; raises WireError where a sample is cut."""
    if len(message.body) % 2:
        raise WireError("AUDIO with half a sample")
    return np.frombuffer(message.body, "<i2").astype(np.int16)


def words_body(hypothesis: Hypothesis, decode_s: float) -> bytes:
    """Return words and the CPU seconds they took as the body of PARTIAL or FINAL."""
    confidence = math.nan if hypothesis.confidence is None else hypothesis.confidence
    text = hypothesis.text.encode()
    words = [(word.text, word.confidence, word.start_s, word.end_s) for word in hypothesis.words]
    one_by_one = json.dumps(words, ensure_ascii=False).encode() if words else b""
    return _WORDS.pack(confidence, decode_s, len(text)) + text + one_by_one


def read_words(message: Message) -> tuple[Hypothesis, float]:
    """Return (words, CPU seconds) of PARTIAL or FINAL; raises WireError where they are cut."""
    try:
        confidence, decode_s, size = _WORDS.unpack_from(message.body)
        whole = message.body[_WORDS.size :]
        if len(whole) < size:
            raise WireError(f"{message.kind.name} is cut")
        text, one_by_one = whole[:size].decode(), whole[size:]
        words = tuple(_word(*fields) for fields in json.loads(one_by_one)) if one_by_one else ()
    except (struct.error, ValueError, TypeError) as problem:
        raise WireError(f"{message.kind.name} cannot be read") from problem
    return Hypothesis(text, None if math.isnan(confidence) else confidence, words), decode_s


def _word(text: object, confidence: object, start_s: object, end_s: object) -> Word:
    numbers = [None if value is None else float(str(value)) for value in (confidence, start_s, end_s)]
    return Word(str(text), *numbers)
