"""Every way in which a call at the server ends: each is told once, and hands the caller back where that can be."""

import asyncio
import logging
import socket
from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import pytest

from telephony.audiosocket import frame_audio, frame_dtmf, frame_error, frame_hangup, frame_uuid
from telephony.peer import AudioSocketPeer
from telephony.server import (
    CloseReason,
)
from tests.telephony.house import SETTINGS, WAIT_S, House, run, speech, until


def boom(*_: object) -> None:
    raise RuntimeError("a handler's own mistake")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (frame_hangup(), CloseReason.PEER_ENDED),
        (frame_error(4), CloseReason.PEER_ERROR),
        (b"\x77", CloseReason.PROTOCOL),
        (frame_uuid(UUID(int=1)), CloseReason.PROTOCOL),
        (frame_audio(speech())[:-1], CloseReason.PROTOCOL),
    ],
)
def test_a_peer_that_ends_or_errs_is_handed_back(data: bytes, why: CloseReason) -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        peer.write_raw(data)
        if data[0] == 0x10:
            peer.hang_up()  # in the middle of a frame
        await until(lambda: handler.closed)
        assert handler.closed == [why]
        await until(lambda: house.server.connections + house.server.leaving == 0)
        assert peer.handed_back_s is not None or data[0] == 0x10

    run(scenario)


def test_nothing_is_delivered_after_the_hand_back() -> None:
    async def scenario(house: House) -> None:
        reader, writer = await asyncio.open_connection(*house.server.address)
        call = uuid4()
        writer.write(frame_uuid(call))
        await until(lambda: call in house.handlers)
        handler = house.handlers[call]
        handler.on_key_do = lambda _: handler.leg.hand_back()
        writer.write(frame_dtmf("1") + frame_audio(speech()) + frame_dtmf("2"))
        assert await reader.readexactly(3) == frame_hangup()
        writer.write(frame_audio(speech()) + frame_dtmf("3"))
        writer.write_eof()
        assert await reader.read() == b""
        await until(lambda: handler.closed)
        assert (handler.keys, handler.audio) == ("1", [])
        writer.close()

    run(scenario)


def test_a_peer_that_does_not_close_after_the_hand_back_is_cut() -> None:
    async def scenario(house: House) -> None:
        reader, writer = await asyncio.open_connection(*house.server.address)
        call = uuid4()
        writer.write(frame_uuid(call))
        await until(lambda: call in house.handlers)
        house.handlers[call].leg.hand_back()
        assert await reader.readexactly(3) == frame_hangup()
        await until(lambda: house.handlers[call].closed)
        assert house.handlers[call].closed == [CloseReason.HANDED_BACK]
        writer.close()

    run(scenario)


def test_a_peer_that_goes_on_sending_after_the_hand_back_is_cut() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        handler.on_key_do = lambda _: handler.leg.hand_back()
        reader, writer = await asyncio.open_connection(*house.server.address)
        call = uuid4()
        writer.write(frame_uuid(call))
        await until(lambda: call in house.handlers)
        house.handlers[call].leg.hand_back()

        async def flood() -> None:
            for _ in range(1000):
                writer.write(bytes(65536))
                await writer.drain()

        with pytest.raises(ConnectionError):
            await flood()
        assert handler.closed == []
        assert reader is not None
        peer.hang_up()

    run(scenario, replace(SETTINGS, hand_back_timeout_s=5.0))


def test_a_peer_that_names_no_call_is_handed_back() -> None:
    async def scenario(house: House) -> None:
        reader, writer = await asyncio.open_connection(*house.server.address)
        writer.write(b"\x01\x00")
        await until(lambda: house.server.connections == 1)
        house.clock.ahead_s += 2.5
        assert await reader.readexactly(3) == frame_hangup()
        writer.close()

    run(scenario)


def test_an_idle_peer_is_handed_back() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        house.clock.ahead_s += 14.0
        await peer.send_audio(speech(0.02))
        await until(lambda: handler.audio)
        house.clock.ahead_s += 14.0
        await asyncio.sleep(0.3)
        assert handler.closed == []
        house.clock.ahead_s += 1.5
        await until(lambda: handler.closed)
        assert handler.closed == [CloseReason.IDLE]
        assert await peer.wait_over(WAIT_S)

    run(scenario)


def test_a_peer_that_never_reads_is_cut_and_costs_no_memory() -> None:
    async def scenario(house: House) -> None:
        good, good_handler = await house.call()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(house.server.address)
        call = uuid4()
        # At this rate the buffers of the kernel are full soon.
        sock.sendall(frame_uuid(call) + frame_audio(np.zeros(3840, np.int16), 192_000))
        await until(lambda: call in house.handlers and house.handlers[call].leg.stats().frames_in)
        handler = house.handlers[call]
        done: list[bool] = []
        handler.leg.play(speech(20.0), lambda finished, _: done.append(finished))
        await until(lambda: handler.closed)
        assert handler.closed == [CloseReason.SLOW]
        assert done == [False]
        assert handler.leg.stats().bytes_out < 1 << 20
        await good.send_audio(speech())
        await until(lambda: good_handler.heard().size == speech().size)
        sock.close()

    run(scenario)


@pytest.mark.parametrize("where", ["on_call", "on_audio", "on_key", "on_closed", "on_done"])
def test_a_handler_that_raises_loses_its_own_call_only(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(house: House) -> None:
        good, good_handler = await house.call()
        if where == "on_call":
            house.on_call = boom
            peer = await AudioSocketPeer.connect(*house.server.address, uuid4())
        else:
            peer, handler = await house.call()
            if where == "on_done":
                handler.leg.play(speech(0.02), boom)
            else:
                monkeypatch.setattr(handler, where, boom)
        with caplog.at_level(logging.CRITICAL):
            peer.send_dtmf("1")
            await peer.send_audio(speech(0.1))
            if where == "on_closed":
                peer.hang_up()
            assert await peer.wait_over(WAIT_S)
            await until(lambda: house.server.leaving == 0)
        if where not in ("on_call", "on_closed"):
            assert handler.closed == [CloseReason.HANDLER_FAILED]
        if where != "on_closed":
            assert peer.handed_back_s is not None
        await good.send_audio(speech())
        await until(lambda: good_handler.heard().size == speech().size)
        assert not good.over

    run(scenario)


def test_far_more_than_real_time_is_dropped_and_then_handed_back() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        await peer.send_audio(speech(12.0), paced=False)
        await until(lambda: handler.leg.stats().frames_in == 600)
        stats = handler.leg.stats()
        assert 0 < stats.dropped_in < 150
        assert handler.heard().size == (600 - stats.dropped_in) * 160
        assert handler.closed == []
        await peer.send_audio(speech(60.0), paced=False)
        await until(lambda: handler.closed)
        assert handler.closed == [CloseReason.FLOOD]

    run(scenario)


def test_empty_frames_and_keys_count_too() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        peer.write_raw(b"\x10\x00\x00" * 20_000)
        await until(lambda: handler.closed)
        assert handler.closed == [CloseReason.FLOOD]
        assert handler.audio == []

    run(scenario)
