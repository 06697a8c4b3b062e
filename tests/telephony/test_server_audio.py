"""What a call hears and says through the server, over real sockets: sample for sample, at every rate, in real time."""

import asyncio
import time

import numpy as np
import pytest

from telephony.audio import resample
from telephony.errors import LocalProtocolError
from telephony.server import (
    CloseReason,
)
from tests.telephony.house import House, run, speech, until


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
