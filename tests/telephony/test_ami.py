"""The manager interface's client: strict reading, complete answers, every way to lose a PBX."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony import ami_connection, ami_packets
from telephony.ami import AmiClient, AmiEvent, AmiResponse, AmiSettings, AmiState
from telephony.ami_packets import PacketReader, check_action, encode_packet
from telephony.ami_peer import AmiPeer
from telephony.errors import AmiDown, AmiPacketError, AmiRefused, AmiTimeout, AmiValueError
from telephony.pairing import announcement_from

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def read_all(data: bytes, step: int | None = None) -> list[AmiEvent | AmiResponse]:
    reader = PacketReader()
    packets = []
    for start in range(0, len(data), step or max(1, len(data))):
        reader.receive_data(data[start : start + (step or len(data))])
        while (packet := reader.next_packet()) is not None:
            packets.append(packet)
    return packets


# Packets.


def test_packets_are_the_same_whole_and_byte_by_byte_and_with_trailing_bytes() -> None:
    data = (
        BANNER
        + b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
        + b"Event: Hangup\r\nChannel: PJSIP/a-1\r\nCause-txt: Normal Clearing\r\nEmpty: \r\n\r\n"
    )
    whole = read_all(data)
    assert whole == read_all(data, 1) == read_all(data + b"Event: Half\r\nA: b\r\n", 7)
    assert [type(packet) for packet in whole] == [AmiResponse, AmiEvent]
    assert whole[1].fields == {"Channel": "PJSIP/a-1", "Cause-txt": "Normal Clearing", "Empty": ""}


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85", "\r", "\n"])
def test_nothing_but_cr_lf_ends_a_line(separator: str) -> None:
    name = f"Eve{separator}Channel: PJSIP/evil-1"
    data = f"Event: UserEvent\r\nCallerIDName: {name}\r\nChannel: PJSIP/good-1\r\n\r\n".encode()
    (packet,) = read_all(BANNER + data)
    assert packet.fields["Channel"] == "PJSIP/good-1"
    assert packet.fields["CallerIDName"] == name


def test_the_first_of_repeated_headers_counts() -> None:
    data = b"Event: UserEvent\r\nChannel: PJSIP/good-1\r\nX: a, Channel: b\r\nChannel: PJSIP/evil-1\r\n\r\n"
    (packet,) = read_all(BANNER + data)
    assert packet.fields["Channel"] == "PJSIP/good-1"


def test_lines_of_a_commands_output_stay_together() -> None:
    lines = b"".join(b"Output: line %d\r\n" % number for number in range(2000))
    (packet,) = read_all(BANNER + b"Response: Success\r\nActionID: 1\r\n" + lines + b"\r\n")
    assert packet.fields["Output"].split("\n") == [f"line {number}" for number in range(2000)]


def test_lines_that_are_no_headers_are_counted_and_skipped() -> None:
    reader = PacketReader()
    reader.receive_data(BANNER + b"Event: A\r\nno header\r\n: x\r\n\xff\xfe: y\r\nB: c\r\n\r\n")
    packet = reader.next_packet()
    assert packet is not None
    assert packet.fields == {"B": "c"}
    assert reader.ignored_lines == 3


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"x" * ami_packets.MAX_BANNER_BYTES,
        BANNER + b"Event: A\r\nB: " + b"c" * ami_packets.MAX_EVENT_BYTES + b"\r\n\r\n",
        BANNER + b"Event: A\r\nB: " + b"c" * ami_packets.MAX_EVENT_BYTES,
        BANNER + b"Response: A\r\nB: " + b"c" * ami_packets.MAX_RESPONSE_BYTES,
        BANNER + b"\0" * (ami_packets.MAX_EVENT_BYTES + 4),
    ],
)
def test_what_is_not_asterisk_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(AmiPacketError):
        read_all(data, 1000)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_end_in_packets_or_in_our_error(data: bytes, step: int) -> None:
    for start in (b"", BANNER):
        with contextlib.suppress(AmiPacketError):
            read_all(start + data, step)


@given(st.dictionaries(st.from_regex(r"[A-Z][a-z0-9_-]{0,10}", fullmatch=True), st.text(max_size=40), max_size=5))
def test_what_is_written_is_what_is_read(fields: dict[str, str]) -> None:
    try:
        data = encode_packet(("Event", "Test"), fields)
    except AmiValueError:
        assert any(set(value) & set("\r\n\0") for value in fields.values())
    except UnicodeEncodeError:
        assert any("\ud800" <= c <= "\udfff" for value in fields.values() for c in value)
    else:
        (packet,) = read_all(BANNER + data)
        assert packet.fields == {key: value for key, value in fields.items() if key != "Output"} | (
            {"Output": fields["Output"]} if "Output" in fields else {}
        )


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b"])
def test_values_that_would_break_out_of_their_line_are_refused(value: str) -> None:
    with pytest.raises(AmiValueError, match="Value"):
        check_action("Setvar", {"Value": value})


@pytest.mark.parametrize(("name", "key"), [("Set var", "A"), ("", "A"), ("Setvar", "A: b"), ("Setvar", "")])
def test_names_that_are_none_are_refused(name: str, key: str) -> None:
    with pytest.raises(AmiValueError):
        check_action(name, {key: "x"})


# The client against a PBX side on a real socket.

FAST = {
    "connect_timeout_s": 1.0,
    "login_timeout_s": 0.5,
    "ping_every_s": 0.05,
    "ping_timeout_s": 0.3,
    "backoff_first_s": 0.02,
    "backoff_most_s": 0.05,
}


class Watch:
    """What a client told us, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[AmiEvent] = []
        self.states: list[AmiState] = []
        self._changed = asyncio.Event()

    def on_event(self, event: AmiEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def on_state(self, state: AmiState) -> None:
        self.states.append(state)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                # Some conditions are about the peer, which tells nobody.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    async def until_state(self, state: AmiState, times: int = 1) -> None:
        await self.until(lambda: self.states.count(state) >= times)


def settings(port: int, **changes: object) -> AmiSettings:
    base = AmiSettings("main", "127.0.0.1", port, "nabra", "secret", **FAST)  # type: ignore[arg-type]
    return replace(base, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def connected(**changes: object) -> AsyncIterator[tuple[AmiClient, AmiPeer, Watch]]:
    peer = AmiPeer("nabra", "secret")
    await peer.start()
    watch = Watch()
    client = AmiClient(settings(peer.port, **changes), watch.on_event, watch.on_state)
    client.start()
    try:
        await watch.until_state(AmiState.UP)
        yield client, peer, watch
    finally:
        await client.stop()
        await peer.stop()


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await body()

    asyncio.run(limited())
    leftover = [thread for thread in threading.enumerate() if thread.name.startswith("ami-")]
    assert not [thread for thread in leftover if not thread.daemon]


def test_login_action_and_stop() -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            answer = await client.action("Ping", {}, 1.0)
            assert answer.success
            assert answer.fields["Ping"] == "Pong"
            assert peer.actions[0][1]["Events"] == "call,user,agent"
        assert watch.states == [AmiState.CONNECTING, AmiState.UP, AmiState.STOPPED]
        assert ("Logoff" in [name for name, _ in peer.actions]) is True

    run(body)


def test_variables_are_set_in_their_order_and_all_confirmed() -> None:
    async def body() -> None:
        async with connected() as (client, peer, _):
            peer.channels["PJSIP/a-1"] = {}
            variables = {f"NABRA_{number}": "x" * number for number in range(20)} | {"NABRA_ROUTE": "sales"}
            await client.setvars("PJSIP/a-1", variables, 1.0)
            assert peer.channels["PJSIP/a-1"] == variables
            assert list(peer.channels["PJSIP/a-1"])[-1] == "NABRA_ROUTE"

    run(body)


def test_setting_a_variable_of_a_channel_that_is_gone_is_refused_by_name() -> None:
    async def body() -> None:
        async with connected() as (client, _, _):
            with pytest.raises(AmiRefused, match="Setvar A: No such channel"):
                await client.setvars("PJSIP/gone", {"A": "1", "B": "2"}, 1.0)

    run(body)


def test_nothing_is_sent_when_one_variable_cannot_be() -> None:
    async def body() -> None:
        async with connected(ping_every_s=60.0) as (client, peer, _):
            peer.channels["c"] = {}
            with pytest.raises(AmiValueError):
                await client.setvars("c", {"A": "1", "B": "x\r\nAction: Originate"}, 1.0)
            with pytest.raises(AmiValueError):
                await client.setvars("c", {"A": "1", "B(x)": "2"}, 1.0)
            await client.action("Ping", {}, 1.0)
            assert peer.channels["c"] == {}

    run(body)


def test_arabic_values_arrive_as_they_are() -> None:
    async def body() -> None:
        async with connected() as (client, peer, _):
            peer.channels["c"] = {}
            await client.setvars("c", {"NABRA_REASON": "المتصل غاضب"}, 1.0)
            assert peer.channels["c"]["NABRA_REASON"] == "المتصل غاضب"

    run(body)


def test_a_list_comes_back_whole() -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            peer.queues = [("QueueMember", {"Queue": f"q{number}"}) for number in range(300)]
            rows = await client.collect("QueueStatus", {}, "QueueStatusComplete")
            assert [row.fields["Queue"] for row in rows] == [f"q{number}" for number in range(300)]
            assert not watch.events

    run(body)


def test_two_lists_at_once_do_not_mix() -> None:
    async def body() -> None:
        async with connected() as (client, peer, _):
            peer.queues = [("QueueMember", {"Queue": f"q{number}"}) for number in range(50)]
            lists = await asyncio.gather(*(client.collect("QueueStatus", {}, "QueueStatusComplete") for _ in range(5)))
            assert [len(rows) for rows in lists] == [50] * 5

    run(body)


def test_a_refused_list_says_so() -> None:
    async def body() -> None:
        async with connected() as (client, _, _):
            with pytest.raises(AmiRefused, match="Invalid/unknown command"):
                await client.collect("Nonsense", {}, "NonsenseComplete")

    run(body)


def test_idle_for_long_is_no_error() -> None:
    async def body() -> None:
        async with connected(ping_every_s=60.0) as (client, peer, watch):
            await asyncio.sleep(1.2)  # longer than every time-out of these settings
            peer.event("Hangup", {"Channel": "c"})
            await watch.until(lambda: bool(watch.events))
            assert client.logins == 1

    run(body)


def test_a_listener_that_raises_harms_nothing() -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            seen: list[str] = []

            def listener(event: AmiEvent) -> None:
                seen.append(event.fields["Channel"])
                raise RuntimeError("a listener's own fault")

            client._on_event = listener
            peer.event("Hangup", {"Channel": "1"})
            peer.event("Hangup", {"Channel": "2"})
            await watch.until(lambda: len(seen) == 2)
            assert (await client.action("Ping", {}, 1.0)).success

    run(body)


def test_the_pbx_is_told_that_we_are_ready_in_its_own_time_and_that_we_are_not() -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            await asyncio.sleep(0.2)
            assert peer.globals == {}
            client.set_ready(True)
            await watch.until(lambda: "NABRA_ALIVE" in peer.globals)
            assert abs(int(peer.globals["NABRA_ALIVE"]) - time.time()) <= 2
            peer.globals.clear()
            await watch.until(lambda: "NABRA_ALIVE" in peer.globals)
            client.set_ready(False)
            await watch.until(lambda: peer.globals["NABRA_ALIVE"] == "0")
            client.set_ready(True)
            await watch.until(lambda: peer.globals["NABRA_ALIVE"] != "0")
            peer.cut()
            peer.globals.clear()
            await watch.until(lambda: "NABRA_ALIVE" in peer.globals)
        assert peer.globals["NABRA_ALIVE"] == "0"

    run(body)


def test_unwanted_events_are_left_out() -> None:
    async def body() -> None:
        async with connected() as (_, peer, watch):
            peer.event("Newexten", {"Channel": "1"})
            peer.event("Hangup", {"Channel": "2"})
            await watch.until(lambda: bool(watch.events))
            assert [event.name for event in watch.events] == ["Hangup"]

    run(body)


def test_an_announced_call_is_read() -> None:
    async def body() -> None:
        async with connected() as (_, peer, watch):
            call = uuid4()
            peer.announce(call, "PJSIP/a-1", uniqueid="1.1", caller_name="A\\nn", dialled="200", language="ar")
            await watch.until(lambda: bool(watch.events))
            read = announcement_from(watch.events[0], "main")
            assert read is not None
            assert (read.call, read.caller_name, read.language) == (call, "A\\nn", "ar")

    run(body)


def test_the_first_login_is_tried_until_the_pbx_is_there() -> None:
    async def body() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        watch = Watch()
        client = AmiClient(settings(port), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.DOWN, 3)
        with pytest.raises(AmiDown, match="main"):
            await client.action("Ping", {}, 1.0)
        peer = AmiPeer("nabra", "secret", port=port)
        await peer.start()
        await watch.until_state(AmiState.UP)
        await client.stop()
        await peer.stop()
        assert AmiState.REFUSED not in watch.states

    run(body)


def test_a_machine_without_descriptors_or_threads_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with connected() as (_, peer, watch):
            made, faults = ami_connection.AmiConnection.connect, [RuntimeError("can't start new thread")]

            def connect(self: ami_connection.AmiConnection) -> None:
                if faults:
                    raise faults.pop()
                made(self)

            monkeypatch.setattr(ami_connection.AmiConnection, "connect", connect)
            peer.cut()
            await watch.until_state(AmiState.UP, 2)
            assert not faults

            made_pair, no_pair = socket.socketpair, [OSError(24, "Too many open files")]

            def pair(*args: int) -> tuple[socket.socket, socket.socket]:
                if no_pair:
                    raise no_pair.pop()
                return made_pair(*args)

            monkeypatch.setattr(socket, "socketpair", pair)
            peer.cut()
            await watch.until_state(AmiState.UP, 3)
            assert not no_pair

    run(body)


def test_a_cancellation_that_is_swallowed_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            swallowed: list[str] = []

            async def live() -> None:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    if swallowed:
                        raise
                    swallowed.append("once")

            monkeypatch.setattr(client, "_live", live)
            peer.cut()
            await watch.until_state(AmiState.DOWN)
            await asyncio.sleep(0.5)
            async with asyncio.timeout(5):
                await client.stop()
            assert swallowed
            assert client.state is AmiState.STOPPED

    run(body)


def test_a_lost_connection_fails_what_waits_and_comes_back() -> None:
    async def body() -> None:
        async with connected(ping_every_s=60.0) as (client, peer, watch):
            peer._answer = lambda *_: None  # type: ignore[method-assign]
            waiting = asyncio.create_task(client.action("Ping", {}, 20.0))
            await asyncio.sleep(0.05)
            peer.cut()
            with pytest.raises(AmiDown):
                await waiting
            del peer._answer
            await watch.until_state(AmiState.UP, 2)
            assert (await client.action("Ping", {}, 1.0)).success

    run(body)


def test_lost_again_and_again() -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            for times in range(2, 12):
                peer.cut()
                await watch.until_state(AmiState.UP, times)
            assert client.logins == 11
            assert threading.active_count() < 10

    run(body)


def test_a_refused_login_is_told_apart_and_mended() -> None:
    async def body() -> None:
        peer = AmiPeer("nabra", "other secret")
        await peer.start()
        watch = Watch()
        client = AmiClient(settings(peer.port), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.REFUSED, 2)
        assert "Authentication failed" in client.last_error
        assert "secret" not in repr(client.settings)
        peer._account = ("nabra", "secret")
        await watch.until_state(AmiState.UP)
        await client.stop()
        await peer.stop()
        assert AmiState.DOWN not in watch.states

    run(body)


@asynccontextmanager
async def stub(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A peer that behaves as `serve` does, on a free port."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def expect_down(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], why: str, logins: int = 0
) -> None:
    async with stub(serve) as port:
        watch = Watch()
        client = AmiClient(settings(port), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.DOWN, 2)
        assert why in client.last_error
        assert client.logins >= logins
        await client.stop()
        assert AmiState.REFUSED not in watch.states


def test_a_peer_that_accepts_and_says_nothing() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    run(lambda: expect_down(serve, "no greeting"))


def test_a_peer_that_greets_and_says_nothing() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        await asyncio.sleep(30)

    run(lambda: expect_down(serve, "did not answer the login"))


def test_a_peer_that_is_something_else() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read()

    run(lambda: expect_down(serve, "does not greet"))


def test_a_peer_that_closes_at_once() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    run(lambda: expect_down(serve, "closed by the PBX"))


def test_a_half_open_connection_is_found_by_the_ping() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        packet = (await reader.readuntil(b"\r\n\r\n")).decode()
        action_id = packet.split("ActionID: ")[1].split("\r\n")[0]
        writer.write(f"Response: Success\r\nActionID: {action_id}\r\n\r\n".encode())
        await asyncio.sleep(30)

    run(lambda: expect_down(serve, "did not answer Ping", logins=2))


def test_an_endless_packet_ends_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER + b"Event: A\r\nB: ")
        while True:
            writer.write(b"c" * 65_536)
            await writer.drain()

    run(lambda: expect_down(serve, "more than"))


def test_a_flood_of_responses_that_nobody_asked_for_is_bounded() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        while True:
            writer.write(b"Response: Success\r\nActionID: none\r\n\r\n" * 1000)
            await writer.drain()

    # Either the queue's bound or the login's time limit ends it.
    run(lambda: expect_down(serve, "PBX"))


def test_answers_in_pieces_and_events_between_them() -> None:
    async def body() -> None:
        async with connected() as (client, peer, watch):
            for byte in encode_packet(("Event", "Hangup"), {"Channel": "1"}):
                peer.send_raw(bytes([byte]))
                await asyncio.sleep(0)
            await watch.until(lambda: bool(watch.events))
            assert (await client.action("Ping", {}, 1.0)).success

    run(body)


def test_an_answer_that_does_not_come_in_time() -> None:
    async def body() -> None:
        async with connected(ping_every_s=60.0) as (client, peer, _):
            peer._answer = lambda *_: None  # type: ignore[method-assign]
            with pytest.raises(AmiTimeout, match="Setvar A"):
                await client.setvars("c", {"A": "1"}, 0.05)
            assert not client._pending
            del peer._answer
            assert (await client.action("Ping", {}, 1.0)).success

    run(body)


def test_a_peer_that_stops_reading_never_blocks_the_loop() -> None:
    async def body() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(BANNER)
            packet = (await reader.readuntil(b"\r\n\r\n")).decode()
            action_id = packet.split("ActionID: ")[1].split("\r\n")[0]
            writer.write(f"Response: Success\r\nActionID: {action_id}\r\n\r\n".encode())
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(30)

        async with stub(serve) as port:
            watch = Watch()
            client = AmiClient(settings(port, ping_every_s=60.0), watch.on_event, watch.on_state)
            client.start()
            await watch.until_state(AmiState.UP)
            value = "x" * 100_000
            answers = await asyncio.gather(
                *(client.action("Setvar", {"Value": value}, 0.2) for _ in range(200)), return_exceptions=True
            )
            assert {type(answer) for answer in answers} == {AmiTimeout, AmiDown}
            assert all("no more actions" in str(answer) for answer in answers if isinstance(answer, AmiDown))
            connection = client._connection
            assert connection is not None
            assert len(connection._unsent) <= ami_connection.MAX_UNSENT_BYTES
            await client.stop()

    run(body)


def test_events_that_the_loop_does_not_fetch_are_bounded_and_counted_and_answers_survive() -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        got: list[AmiEvent | AmiResponse] = []
        connection = ami_connection.AmiConnection(
            "127.0.0.1", 1, loop=loop, on_packet=got.append, on_open=lambda: None, on_end=lambda _: None,
            wanted=None, connect_timeout_s=1.0, tls=None,
        )  # fmt: skip
        extra = 100
        connection.fire_recv_pack(AmiResponse("Success", {"ActionID": "1"}))
        for number in range(ami_connection.MAX_QUEUED + extra):
            connection.fire_recv_pack(AmiEvent("Hangup", {"Number": str(number)}))
        await asyncio.sleep(0)
        assert len(got) == ami_connection.MAX_QUEUED
        assert isinstance(got[0], AmiResponse)
        assert got[-1].fields["Number"] == str(ami_connection.MAX_QUEUED + extra - 1)
        assert connection.events_dropped == extra + 1

    run(body)


def test_ipv6() -> None:
    async def body() -> None:
        peer = AmiPeer("nabra", "secret", host="::1")
        try:
            await peer.start()
        except OSError:
            pytest.skip("no IPv6 on this machine")
        watch = Watch()
        client = AmiClient(settings(peer.port, host="::1"), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.UP)
        await client.stop()
        await peer.stop()

    run(body)


def test_tls(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key),
         "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def body() -> None:
        plain = AmiPeer("nabra", "secret")
        await plain.start()
        server = await asyncio.start_server(plain._accept, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        watch = Watch()
        client = AmiClient(settings(port, tls=True, tls_ca=certificate), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.UP)
        plain.queues = [("QueueMember", {"Queue": "x" * 1000}) for _ in range(500)]
        assert len(await client.collect("QueueStatus", {}, "QueueStatusComplete")) == 500
        await client.stop()
        # A watch of its own: the first may still see its client go down.
        other = Watch()
        stranger = AmiClient(settings(port, tls=True), other.on_event, other.on_state)
        stranger.start()
        await other.until_state(AmiState.DOWN)
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.last_error
        await stranger.stop()
        server.close()
        await plain.stop()

    run(body)


def test_a_name_that_does_not_resolve() -> None:
    async def body() -> None:
        watch = Watch()
        client = AmiClient(settings(5038, host="pbx.invalid"), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.DOWN)
        assert "pbx.invalid" in client.last_error
        await client.stop()

    run(body)


def test_stop_before_and_during_connecting() -> None:
    async def body() -> None:
        watch = Watch()
        client = AmiClient(settings(1), watch.on_event, watch.on_state)
        await client.stop()
        client.start()
        await client.stop()
        assert client.state is AmiState.STOPPED

    run(body)
