"""AudioSocket without I/O: fed whole, byte by byte and with trailing bytes; tables; limits; errors."""

import struct
from collections.abc import Mapping
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.audiosocket import (
    AUDIO_KIND,
    AUDIO_RATE_HZ,
    DTMF_DIGITS,
    FROM_ENGINE,
    FROM_PBX,
    KINDS,
    NEED_DATA,
    Audio,
    CallId,
    Closed,
    Connection,
    Dtmf,
    Event,
    Frame,
    Hangup,
    PeerError,
    Role,
    State,
    frame_audio,
    frame_dtmf,
    frame_error,
    frame_hangup,
    frame_uuid,
    max_audio_bytes,
)
from telephony.errors import LocalProtocolError, RemoteProtocolError, TelephonyError

CALL = UUID("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")


def pcm(samples: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, samples).astype(np.int16)


def raw(kind: int, payload: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">BH", kind, len(payload) if length is None else length) + payload


def plain(event: Event) -> object:
    """An event as something that compares by value."""
    return (event.rate_hz, event.pcm.tolist()) if isinstance(event, Audio) else event


def events(connection: Connection) -> list[object]:
    found: list[object] = []
    while (event := connection.next_event()) is not NEED_DATA:
        found.append(plain(event))
        if isinstance(event, Closed):
            break
    return found


def opened(role: Role = Role.ENGINE) -> Connection:
    connection = Connection(role)
    if role is Role.ENGINE:
        connection.receive_data(frame_uuid(CALL))
        assert connection.next_event() == CallId(CALL)
    else:
        connection.send_uuid(CALL)
    return connection


def feed(connection: Connection, data: bytes, size: int) -> list[object]:
    found = []
    for at in range(0, len(data), size):
        connection.receive_data(data[at : at + size])
        found += events(connection)
    return found


FRAMES: list[tuple[bytes, object]] = [
    *[
        (frame_audio(pcm(rate // 50, kind), rate), (rate, pcm(rate // 50, kind).tolist()))
        for kind, rate in AUDIO_RATE_HZ.items()
    ],
    (raw(0x10), (8000, [])),
    *[(frame_dtmf(digit), Dtmf(digit)) for digit in DTMF_DIGITS],
    (raw(0x03, b"a"), Dtmf("A")),
]
LAST_FRAMES: list[tuple[bytes, object]] = [
    (frame_hangup(), Hangup()),
    (frame_error(), PeerError(None)),
    (frame_error(7), PeerError(7)),
]


def test_the_kinds_are_those_of_the_wire() -> None:
    assert set(KINDS) == {0x00, 0x01, 0x03, *range(0x10, 0x19), 0xFF}
    assert [AUDIO_RATE_HZ[kind] for kind in range(0x10, 0x19)] == [
        8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000,
    ]  # fmt: skip
    assert frame_hangup() == b"\x00\x00\x00"
    assert frame_uuid(CALL) == b"\x01\x00\x10" + CALL.bytes
    assert frame_dtmf("#") == b"\x03\x00\x01#"
    assert frame_audio(np.array([1, -2], np.int16)) == b"\x10\x00\x04\x01\x00\xfe\xff"
    assert frame_error(3) == b"\xff\x00\x01\x03"


@pytest.mark.parametrize(("data", "event"), FRAMES + LAST_FRAMES)
def test_a_frame_is_read_whole(data: bytes, event: object) -> None:
    connection = opened()
    connection.receive_data(data)
    assert events(connection) == [event]
    assert connection.buffered_bytes == 0


@pytest.mark.parametrize(("data", "event"), FRAMES[:3] + FRAMES[9:] + LAST_FRAMES)
def test_a_frame_is_read_byte_by_byte_and_not_before_its_last_byte(data: bytes, event: object) -> None:
    connection = opened()
    assert feed(connection, data[:-1], 1) == []
    assert connection.buffered_bytes == len(data) - 1
    connection.receive_data(data[-1:])
    assert events(connection) == [event]


@pytest.mark.parametrize(("data", "event"), FRAMES)
@pytest.mark.parametrize("trailing", [b"\x10", b"\x10\x01", b"\x10\x01\x40", frame_audio(pcm())[:-1]])
def test_a_frame_is_read_with_trailing_bytes_that_stay(data: bytes, event: object, trailing: bytes) -> None:
    connection = opened()
    connection.receive_data(data + trailing)
    assert events(connection) == [event]
    assert connection.buffered_bytes == len(trailing)
    connection.receive_data(frame_audio(pcm())[len(trailing) :])
    assert events(connection) == [(8000, pcm().tolist())]


@settings(max_examples=60, deadline=None)
@given(
    choice=st.lists(st.integers(0, len(FRAMES) - 1), max_size=12),
    last=st.sampled_from([None, *LAST_FRAMES]),
    cuts=st.lists(st.integers(1, 2000), min_size=1, max_size=20),
)
def test_a_conversation_gives_the_same_events_for_any_cutting(
    choice: list[int], last: tuple[bytes, object] | None, cuts: list[int]
) -> None:
    said = [FRAMES[index] for index in choice] + ([last] if last else [])
    data = frame_uuid(CALL) + b"".join(frame for frame, _ in said)
    connection = Connection()
    found: list[object] = []
    at = turn = 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        connection.receive_data(memoryview(data)[at : at + step])
        found += events(connection)
        at, turn = at + step, turn + 1
    connection.receive_data(None)
    found += events(connection)
    assert found == [CallId(CALL), *(event for _, event in said), Closed()]
    assert connection.their_state is State.CLOSED


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400), size=st.integers(1, 50), named=st.booleans(), role=st.sampled_from(Role))
def test_any_bytes_end_in_events_or_a_remote_error_and_nothing_else(
    data: bytes, size: int, named: bool, role: Role
) -> None:
    connection = opened(role) if named else Connection(role)
    problem = ""
    try:
        for at in range(0, len(data), size):
            connection.receive_data(data[at : at + size])
            events(connection)
        connection.receive_data(None)
        events(connection)
    except RemoteProtocolError as error:
        problem = str(error)
    assert connection.buffered_bytes == 0
    if problem:
        assert connection.their_state is State.BROKEN
        with pytest.raises(RemoteProtocolError) as again:
            connection.next_event()
        assert str(again.value) == problem
    else:
        assert connection.next_event() == Closed()


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60), size=st.integers(1, 7))
def test_the_verdict_on_hostile_bytes_does_not_depend_on_cutting(data: bytes, size: int) -> None:
    def verdict(step: int) -> tuple[list[object], str]:
        connection = opened()
        found: list[object] = []
        try:
            for at in range(0, len(data), step):
                connection.receive_data(data[at : at + step])
                while (event := connection.next_event()) is not NEED_DATA:
                    found.append(plain(event))
            connection.receive_data(None)
            connection.next_event()
        except RemoteProtocolError as error:
            return found, str(error)
        return found, ""

    assert verdict(size) == verdict(max(1, len(data)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x02", "unknown kind 0x02"),
        (b"\x19", "unknown kind 0x19"),
        (b"\x01", r"0x01 \(ID\) is not allowed in state TALKING"),
        (raw(0x00, length=1), "0x00 of 1 bytes: 0 are allowed"),
        (raw(0x03, length=0), "0x03 of 0 bytes: 1 are allowed"),
        (raw(0x03, length=2), "0x03 of 2 bytes: 1 are allowed"),
        (raw(0x03, b"E"), "key 0x45 does not exist"),
        (raw(0x03, b"\xb2"), "key 0xb2 does not exist"),
        (raw(0xFF, length=2), "0xff of 2 bytes: 0 to 1 are allowed"),
        (raw(0x10, length=321), "half a sample is missing"),
        (raw(0x10, length=8002), "0x10 of 8002 bytes: 0 to 8000 are allowed"),
        (raw(0x18, length=65535), "0 to 65534 are allowed"),
    ],
)
def test_a_bad_frame_is_refused_from_its_header_on(data: bytes, message: str) -> None:
    connection = opened()
    connection.receive_data(data)
    with pytest.raises(RemoteProtocolError, match=message):
        connection.next_event()
    connection.receive_data(frame_audio(pcm()))
    with pytest.raises(RemoteProtocolError, match=message):
        connection.next_event()


@pytest.mark.parametrize(
    "data", [frame_audio(pcm()), frame_dtmf("1"), frame_hangup(), frame_error(), raw(0x01)]
)
def test_the_first_frame_must_name_the_call(data: bytes) -> None:
    connection = Connection()
    connection.receive_data(data)
    with pytest.raises(RemoteProtocolError):
        connection.next_event()


@pytest.mark.parametrize(("last", "event"), LAST_FRAMES)
def test_nothing_but_the_end_may_follow_the_last_word(last: bytes, event: object) -> None:
    connection = opened()
    connection.receive_data(last + frame_audio(pcm()))
    assert plain(connection.next_event()) == event  # type: ignore[arg-type]
    with pytest.raises(RemoteProtocolError, match="state ENDED"):
        connection.next_event()


@pytest.mark.parametrize("size", range(1, 323))
def test_a_stream_that_ends_inside_a_frame_is_an_error(size: int) -> None:
    connection = opened()
    connection.receive_data(frame_audio(pcm())[:size])
    connection.receive_data(None)
    with pytest.raises(RemoteProtocolError, match="in the middle of a frame"):
        connection.next_event()


def test_the_end_is_reported_each_time_and_nothing_follows_it() -> None:
    connection = opened()
    connection.receive_data(None)
    connection.receive_data(None)
    assert connection.next_event() == Closed()
    assert connection.next_event() == Closed()
    connection.receive_data(b"")
    with pytest.raises(LocalProtocolError, match="after the end"):
        connection.receive_data(b"x")
    assert connection.next_event() == Closed()


def test_events_before_the_end_come_first() -> None:
    connection = opened()
    connection.receive_data(frame_dtmf("1"))
    connection.receive_data(None)
    assert events(connection) == [Dtmf("1"), Closed()]


def test_audio_is_the_receivers_own() -> None:
    connection = opened()
    connection.receive_data(frame_audio(pcm()))
    event = connection.next_event()
    assert isinstance(event, Audio)
    connection.receive_data(frame_audio(pcm(seed=1)))
    connection.next_event()
    np.testing.assert_array_equal(event.pcm, pcm())
    assert event.pcm.dtype == np.int16
    assert event.pcm.flags.writeable
    assert event.pcm.flags.aligned
    assert event.pcm.flags.owndata


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("frame", Frame)
@pytest.mark.parametrize(("role", "table"), [(Role.ENGINE, FROM_PBX), (Role.PBX, FROM_ENGINE)])
def test_what_is_heard_follows_the_table(
    state: State, frame: Frame, role: Role, table: Mapping[State, Mapping[Frame, State]]
) -> None:
    if state in (State.CLOSED, State.BROKEN):
        assert state not in table
        return
    connection = Connection(role)
    reached = connection.their_state
    if state is not reached:
        if reached is State.OPENING:
            connection.receive_data(frame_uuid(CALL))
            connection.next_event()
        if state is State.ENDED:
            connection.receive_data(frame_hangup())
            connection.next_event()
        elif state is State.OPENING:
            assert role is Role.PBX  # an engine has no opening word
            return
    assert connection.their_state is state
    sample = {
        Frame.HANGUP: frame_hangup(),
        Frame.ID: frame_uuid(CALL),
        Frame.DTMF: frame_dtmf("1"),
        Frame.AUDIO: frame_audio(pcm()),
        Frame.ERROR: frame_error(1),
    }[frame]
    connection.receive_data(sample)
    after = table.get(state, {}).get(frame)
    if after is None:
        with pytest.raises(RemoteProtocolError, match=frame.name):
            connection.next_event()
    else:
        connection.next_event()
        assert connection.their_state is after


def test_an_engine_says_audio_and_then_the_end_once() -> None:
    connection = Connection()
    assert connection.send_audio(pcm()) == frame_audio(pcm())
    with pytest.raises(LocalProtocolError):
        connection.send_uuid(CALL)
    with pytest.raises(LocalProtocolError):
        connection.send_dtmf("1")
    assert connection.send_hangup() == frame_hangup()
    with pytest.raises(LocalProtocolError, match="state ENDED"):
        connection.send_hangup()
    with pytest.raises(LocalProtocolError, match="state ENDED"):
        connection.send_audio(pcm())
    assert connection.our_state is State.ENDED


def test_a_pbx_names_the_call_first() -> None:
    connection = Connection(Role.PBX)
    with pytest.raises(LocalProtocolError, match="state OPENING"):
        connection.send_audio(pcm())
    with pytest.raises(LocalProtocolError, match="state OPENING"):
        connection.send_dtmf("1")
    connection.send_uuid(CALL)
    connection.send_audio(pcm())
    connection.send_dtmf("*")
    with pytest.raises(LocalProtocolError):
        connection.send_uuid(CALL)
    connection.send_hangup()


def test_a_wrong_request_of_ours_does_no_harm() -> None:
    connection = opened()
    with pytest.raises(LocalProtocolError):
        connection.send_dtmf("1")
    with pytest.raises(LocalProtocolError):
        connection.send_audio(np.empty(0, np.int16))
    assert connection.our_state is State.TALKING
    connection.send_audio(pcm())


@pytest.mark.parametrize("rate_hz", AUDIO_KIND)
def test_the_largest_frame_goes_through_and_one_sample_more_does_not(rate_hz: int) -> None:
    most = max_audio_bytes(rate_hz) // 2
    connection = opened()
    connection.receive_data(frame_audio(pcm(most), rate_hz))
    assert events(connection) == [(rate_hz, pcm(most).tolist())]
    with pytest.raises(LocalProtocolError, match="one frame takes"):
        frame_audio(pcm(most + 1), rate_hz)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: frame_audio(np.empty(0, np.int16)),
        lambda: frame_audio(pcm(), 11025),
        lambda: frame_audio(np.zeros(160)),  # type: ignore[arg-type]
        lambda: frame_audio(np.zeros((2, 80), np.int16)),
        lambda: frame_dtmf("E"),
        lambda: frame_dtmf(""),
        lambda: frame_dtmf("12"),
        lambda: frame_error(256),
    ],
)
def test_malformed_frames_are_not_made(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LocalProtocolError):
        ask()


def test_strided_audio_is_framed_as_its_values() -> None:
    x = pcm(320)
    assert frame_audio(x[::2]) == frame_audio(x[::2].copy())


def test_the_errors_are_of_the_rooms_tree() -> None:
    assert issubclass(RemoteProtocolError, TelephonyError)
    assert issubclass(LocalProtocolError, TelephonyError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)


def test_random_call_ids_survive() -> None:
    for _ in range(20):
        call = uuid4()
        connection = Connection()
        connection.receive_data(frame_uuid(call))
        assert events(connection) == [CallId(call)]
