"""Starting, draining and stopping the server, and the addresses that it listens at."""

import asyncio
import socket
from dataclasses import replace
from uuid import uuid4

import pytest

from telephony.audiosocket import frame_hangup
from telephony.errors import ListenError, PeerConnectError, ServerError
from telephony.peer import AudioSocketPeer
from telephony.server import (
    AudioSocketServer,
    CloseReason,
)
from tests.telephony.house import SETTINGS, WAIT_S, House, run, speech, until


def test_draining_keeps_the_calls_that_are_here() -> None:
    async def scenario(house: House) -> None:
        address = house.server.address
        peer, handler = await house.call()
        await house.server.drain()
        with pytest.raises(PeerConnectError, match=str(address[1])):
            await AudioSocketPeer.connect(*address, uuid4())
        with pytest.raises(ServerError, match="does not listen"):
            _ = house.server.address
        await peer.send_audio(speech())
        await until(lambda: handler.heard().size == speech().size)
        waiting = asyncio.ensure_future(house.server.drained())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        peer.hang_up()
        await asyncio.wait_for(waiting, WAIT_S)

    run(scenario)


def test_stopping_hands_every_call_back() -> None:
    async def scenario(house: House) -> None:
        calls = [await house.call() for _ in range(5)]
        reader, writer = await asyncio.open_connection(*house.server.address)  # never closes by itself
        await until(lambda: house.server.connections == 6)
        await house.server.stop()
        assert all(peer.handed_back_s is not None for peer, _ in calls)
        assert [handler.closed for _, handler in calls] == [[CloseReason.STOPPED]] * 5
        assert house.server.connections == house.server.leaving == 0
        assert (await reader.read(3)) == frame_hangup()
        writer.close()

    run(scenario)


def test_an_address_that_is_taken_is_named() -> None:
    async def scenario(house: House) -> None:
        host, port = house.server.address
        other = AudioSocketServer(replace(SETTINGS, port=port), lambda leg: None)
        with pytest.raises(ListenError, match=f"{host} port {port}: .*in use"):
            await other.start()
        with pytest.raises(ServerError, match="twice"):
            await house.server.start()

    run(scenario)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70000)])
def test_what_is_no_address_is_refused(host: str, port: int) -> None:
    server = AudioSocketServer(replace(SETTINGS, host=host, port=port), lambda leg: None)
    with pytest.raises(ListenError, match="cannot listen"):
        asyncio.run(server.start())


def test_the_server_speaks_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        socket.socket(socket.AF_INET6).bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")

    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        assert handler.leg.peer == "::1"
        assert not peer.over

    run(scenario, replace(SETTINGS, host="::1"))
