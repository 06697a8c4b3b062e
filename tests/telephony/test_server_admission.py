"""Who is let in by the server: how many, how fast, from where, and no call twice."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from uuid import uuid4

import pytest

from telephony.audiosocket import frame_hangup, frame_uuid
from telephony.errors import ServerError
from telephony.peer import AudioSocketPeer
from telephony.server import (
    CallLeg,
    CloseReason,
    LegHandler,
    allowed,
    parse_networks,
)
from tests.telephony.house import SETTINGS, WAIT_S, House, run, speech, until


def test_one_call_too_many_is_handed_back_at_once() -> None:
    async def scenario(house: House) -> None:
        first, _ = await house.call()
        second = await AudioSocketPeer.connect(*house.server.address, uuid4())
        assert await second.wait_over(WAIT_S)
        assert second.handed_back_s is not None
        assert second.uuid not in house.handlers
        assert house.server.refused == {"calls": 1}
        assert not first.over
        first.hang_up()
        await until(lambda: house.server.connections == 0)
        third, _ = await house.call()
        assert not third.over

    run(scenario, replace(SETTINGS, max_calls=1))


def test_too_many_new_calls_a_second_are_handed_back() -> None:
    async def scenario(house: House) -> None:
        house.clock.ahead_s += 100.0
        peers = [await AudioSocketPeer.connect(*house.server.address, uuid4()) for _ in range(12)]
        await until(lambda: sum(peer.over for peer in peers) >= 12 - 3 - 2)
        assert house.server.refused["rate"] >= 12 - 3 - 2
        assert not peers[0].over
        house.clock.ahead_s += 2.0
        again, _ = await house.call()
        assert not again.over

    run(scenario, replace(SETTINGS, max_per_second=3))


def test_a_peer_of_another_network_is_handed_back_unheard() -> None:
    async def scenario(house: House) -> None:
        peer = await AudioSocketPeer.connect(*house.server.address, uuid4())
        assert await peer.wait_over(WAIT_S)
        assert house.handlers == {}
        assert house.server.refused == {"address": 1}

    run(scenario, replace(SETTINGS, allow=(ip_network("10.0.0.0/8"),)))


def test_strangers_who_stay_do_not_keep_the_pbx_out() -> None:
    async def scenario(house: House) -> None:
        strangers = [await asyncio.open_connection(*house.server.address) for _ in range(120)]
        try:
            await until(lambda: house.server.refused.get("address") == 120)
            call = uuid4()
            _, pbx = await asyncio.open_connection(*house.server.address, local_addr=("127.0.0.2", 0))
            pbx.write(frame_uuid(call))
            await until(lambda: call in house.handlers)
            assert house.handlers[call].closed == []
            assert house.server.refused == {"address": 120}
            pbx.close()
        finally:
            for _, stranger in strangers:
                stranger.close()

    run(scenario, replace(SETTINGS, allow=(ip_network("127.0.0.2/32"),), max_calls=1, hand_back_timeout_s=5.0))


def test_a_call_that_is_here_already_is_not_taken_twice() -> None:
    async def scenario(house: House) -> None:
        first, handler = await house.call()
        second = await AudioSocketPeer.connect(*house.server.address, first.uuid)
        assert await second.wait_over(WAIT_S)
        assert house.server.refused == {"duplicate": 1}
        await first.send_audio(speech())
        await until(lambda: handler.heard().size == speech().size)
        first.hang_up()
        await until(lambda: handler.closed)
        third = await AudioSocketPeer.connect(*house.server.address, first.uuid)
        await until(lambda: house.handlers[first.uuid] is not handler)
        assert not third.over

    run(scenario)


def test_a_call_may_come_again_before_its_old_connection_has_closed() -> None:
    async def scenario(house: House) -> None:
        call = uuid4()
        reader, writer = await asyncio.open_connection(*house.server.address)
        writer.write(frame_uuid(call))
        await until(lambda: call in house.handlers)
        first = house.handlers[call]
        first.leg.hand_back()
        again = await AudioSocketPeer.connect(*house.server.address, call)
        await until(lambda: house.handlers[call] is not first)
        assert await reader.readexactly(3) == frame_hangup()
        writer.close()
        await until(lambda: first.closed)
        other = await AudioSocketPeer.connect(*house.server.address, call)
        assert await other.wait_over(WAIT_S)
        assert not again.over
        assert house.server.refused == {"duplicate": 1}

    run(scenario)


def test_a_call_that_nobody_wants_is_handed_back() -> None:
    async def scenario(house: House) -> None:
        house.on_call = lambda leg: None
        peer = await AudioSocketPeer.connect(*house.server.address, uuid4())
        assert await peer.wait_over(WAIT_S)
        assert peer.handed_back_s is not None

    run(scenario)


def test_a_call_may_be_handed_back_while_it_is_offered() -> None:
    async def scenario(house: House) -> None:
        def take(leg: CallLeg) -> LegHandler:
            leg.hand_back()
            return house.take(leg)

        house.on_call = take
        peer = await AudioSocketPeer.connect(*house.server.address, uuid4())
        await until(lambda: peer.uuid in house.handlers and house.handlers[peer.uuid].closed)
        assert house.handlers[peer.uuid].closed == [CloseReason.HANDED_BACK]

    run(scenario)


@pytest.mark.parametrize(
    ("address", "networks", "answer"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("192.168.0.5", ("192.168.0.5",), True),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("fd00::5", ("fd00::/8",), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
        ("fd00::5", ("10.0.0.0/8",), False),
        ("10.1.2.3", (), False),
        ("?", ("0.0.0.0/0", "::/0"), False),
    ],
)
def test_the_allow_list(address: str, networks: tuple[str, ...], answer: bool) -> None:
    assert allowed(address, parse_networks(networks)) is answer


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ServerError, match=r"'10\.0\.0/33'"):
        parse_networks(("10.0.0/33",))
