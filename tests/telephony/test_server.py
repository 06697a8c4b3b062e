"""The AudioSocket server over real loopback sockets, with a calling side that is as strict as Asterisk."""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from uuid import UUID, uuid4

import numpy as np
import pytest

from telephony.audio import resample
from telephony.audiosocket import frame_audio, frame_dtmf, frame_error, frame_hangup, frame_uuid
from telephony.errors import ListenError, LocalProtocolError, PeerConnectError, ServerError
from telephony.peer import AudioSocketPeer
from telephony.server import (
    AudioSocketServer,
    CallLeg,
    CloseReason,
    LegHandler,
    ServerSettings,
    allowed,
    parse_networks,
)

SETTINGS = ServerSettings(port=0, hand_back_timeout_s=0.5)
WAIT_S = 10.0


class Clock:
    """Real monotonic time that a test can push forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class Handler:
    """Keeps what a leg tells it."""

    def __init__(self, leg: CallLeg) -> None:
        self.leg = leg
        self.audio: list[np.ndarray] = []
        self.keys = ""
        self.closed: list[CloseReason] = []
        self.on_key_do: Callable[[str], None] = lambda _: None

    def on_audio(self, pcm: np.ndarray, now_s: float) -> None:
        self.audio.append(pcm)

    def on_key(self, digit: str, now_s: float) -> None:
        self.keys += digit
        self.on_key_do(digit)

    def on_closed(self, why: CloseReason, now_s: float) -> None:
        self.closed.append(why)

    def heard(self) -> np.ndarray:
        return np.concatenate(self.audio) if self.audio else np.empty(0, np.int16)


class House:
    """A server and the handlers of its calls."""

    def __init__(self, settings: ServerSettings = SETTINGS) -> None:
        self.clock = Clock()
        self.handlers: dict[UUID, Handler] = {}
        self.on_call: Callable[[CallLeg], LegHandler | None] = self.take
        self.server = AudioSocketServer(settings, self._offer, self.clock)

    def _offer(self, leg: CallLeg) -> LegHandler | None:
        return self.on_call(leg)

    def take(self, leg: CallLeg) -> Handler:
        self.handlers[leg.uuid] = Handler(leg)
        return self.handlers[leg.uuid]

    async def call(self) -> tuple[AudioSocketPeer, Handler]:
        peer = await AudioSocketPeer.connect(*self.server.address, uuid4())
        await until(lambda: peer.uuid in self.handlers)
        return peer, self.handlers[peer.uuid]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is not ours to signal
            await asyncio.sleep(0.005)


def run(scenario: Callable[[House], Awaitable[None]], settings: ServerSettings = SETTINGS) -> House:
    house = House(settings)

    async def main() -> None:
        problems: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        await house.server.start()
        try:
            await scenario(house)
        finally:
            await house.server.stop()
        assert house.server.connections == house.server.leaving == 0
        assert problems == []

    asyncio.run(main())
    return house


def speech(seconds: float = 0.2, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=int(8000 * seconds)) * 3000).astype(np.int16)


# ---- the main job


def test_a_call_is_heard_sample_for_sample_and_handed_back() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        assert house.server.connections == 1
        assert await peer.send_audio(speech()) == speech().size
        peer.send_dtmf("5")
        await until(lambda: handler.keys)
        np.testing.assert_array_equal(handler.heard(), speech())
        handler.leg.hand_back()
        handler.leg.hand_back()
        assert handler.closed == []  # not before the PBX has taken it
        await until(lambda: handler.closed)
        assert peer.handed_back_s is not None
        assert handler.closed == [CloseReason.HANDED_BACK]
        stats = handler.leg.stats()
        assert (stats.frames_in, stats.keys_in, stats.dropped_in) == (10, 1, 0)
        assert stats.audio_in_s == pytest.approx(0.2)
        assert stats.bytes_in == 19 + 10 * 323 + 4

    run(scenario)


def test_a_caller_who_hangs_up_is_an_end_without_more() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        peer.hang_up()
        await until(lambda: handler.closed)
        assert handler.closed == [CloseReason.HUNG_UP]
        await until(lambda: house.server.connections + house.server.leaving == 0)

    run(scenario)


@pytest.mark.parametrize("rate_hz", [12000, 16000, 44100, 48000, 192_000])
def test_other_rates_arrive_as_8_khz(rate_hz: int) -> None:
    sent = resample(speech(0.4), 8000, rate_hz)

    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        await peer.send_audio(sent, rate_hz, paced=False)
        await until(lambda: handler.leg.stats().frames_in == -(-sent.size // (rate_hz // 50)))
        wanted = resample(sent, rate_hz, 8000)
        got = handler.heard()
        assert wanted.size - 40 <= got.size <= wanted.size
        np.testing.assert_array_equal(got, wanted[: got.size])

    run(scenario)


def test_what_is_played_is_heard_and_reported() -> None:
    done: list[bool] = []

    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        handler.leg.play(speech(0.21), lambda finished, _: done.append(finished))
        await until(lambda: done)
        assert done == [True]
        await until(lambda: peer.heard().size >= 11 * 160)
        np.testing.assert_array_equal(peer.heard()[: int(0.21 * 8000)], speech(0.21))
        assert peer.problem == ""

    run(scenario)


def test_playing_follows_the_rate_that_the_pbx_sends() -> None:
    done: list[bool] = []

    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        await peer.send_audio(np.zeros(320, np.int16), 16000)
        await until(lambda: handler.leg.stats().frames_in)
        handler.leg.play(speech(), lambda finished, _: done.append(finished))
        await until(lambda: done and peer.heard().size >= 3200)
        np.testing.assert_array_equal(peer.heard()[:3200], resample(speech(), 8000, 16000))

    run(scenario)


def test_barge_in_stops_at_once() -> None:
    done: list[bool] = []

    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        handler.on_key_do = lambda _: handler.leg.stop_playing()
        handler.leg.play(speech(5.0), lambda finished, _: done.append(finished))
        await until(lambda: peer.frames_heard >= 3)
        peer.send_dtmf("#")
        await until(lambda: done)
        assert done == [False]
        written = handler.leg.stats().frames_out
        assert written < 100
        await asyncio.sleep(0.1)
        assert handler.leg.stats().frames_out == written
        handler.leg.stop_playing()

    run(scenario)


def test_what_is_played_last_wins_even_from_within_a_report() -> None:
    done: list[tuple[str, bool]] = []

    async def scenario(house: House) -> None:
        _, handler = await house.call()
        leg = handler.leg

        def again(finished: bool, now_s: float) -> None:
            done.append(("first", finished))
            leg.play(speech(0.04), lambda finished, _: done.append(("third", finished)))

        leg.play(speech(5.0), again)
        leg.play(speech(5.0), lambda finished, _: done.append(("second", finished)))
        await until(lambda: len(done) == 3)
        assert done == [("first", False), ("second", False), ("third", True)]

    run(scenario)


def test_asking_often_does_not_write_faster_than_real_time() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        began_s = time.monotonic()
        for _ in range(300):
            handler.leg.play(speech(0.5), lambda *_: None)
            await asyncio.sleep(0)
        handler.leg.stop_playing()
        await until(lambda: peer.frames_heard >= handler.leg.stats().frames_out)
        assert 1 <= handler.leg.stats().frames_out <= 2 + (time.monotonic() - began_s) / 0.02

    run(scenario)


def test_playing_nothing_is_done_at_once_and_other_types_are_refused() -> None:
    done: list[bool] = []

    async def scenario(house: House) -> None:
        _, handler = await house.call()
        handler.leg.play(np.empty(0, np.int16), lambda finished, _: done.append(finished))
        assert done == [True]
        with pytest.raises(LocalProtocolError):
            handler.leg.play(np.zeros(160), lambda *_: None)  # type: ignore[arg-type]
        handler.leg.hand_back()
        handler.leg.play(speech(), lambda finished, _: done.append(finished))
        assert done == [True, False]

    run(scenario)


def test_an_end_while_playing_is_reported() -> None:
    done: list[bool] = []

    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        handler.leg.play(speech(5.0), lambda finished, _: done.append(finished))
        peer.hang_up()
        await until(lambda: handler.closed)
        assert done == [False]

    run(scenario)


def test_a_silent_line_is_kept_alive() -> None:
    async def scenario(house: House) -> None:
        peer, handler = await house.call()
        await until(lambda: peer.frames_heard >= 2)
        assert not peer.heard().any()
        assert handler.leg.stats().keep_alive_out == handler.leg.stats().frames_out >= 2
        assert peer.problem == ""
        assert handler.closed == []

    run(scenario)


# ---- ends of all kinds


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


# ---- who is let in


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


# ---- handlers that fail


def boom(*_: object) -> None:
    raise RuntimeError("a handler's own mistake")


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


# ---- limits on what one call may send


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


# ---- starting, draining, stopping


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
