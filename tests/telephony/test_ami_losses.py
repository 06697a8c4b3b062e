"""Every way to lose a PBX, and every peer that is none: the client comes back, blocks nothing and keeps nothing."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import pytest

from telephony import ami_connection
from telephony.ami import AmiClient, AmiEvent, AmiResponse, AmiState
from telephony.errors import AmiDown, AmiTimeout
from tests.telephony.ami_side import BANNER, Watch, connected, run, settings, stub


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
