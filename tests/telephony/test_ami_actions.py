"""The client of the manager interface on a line that holds: actions, variables, lists and events."""

import asyncio
import time
from uuid import uuid4

import pytest

from telephony.ami import AmiEvent, AmiState
from telephony.ami_packets import encode_packet
from telephony.errors import AmiRefused, AmiTimeout, AmiValueError
from telephony.pairing import announcement_from
from tests.telephony.ami_side import connected, run


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


def test_answers_in_pieces_and_events_between_them() -> None:
    async def body() -> None:
        async with connected(ping_every_s=60.0) as (client, peer, watch):
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
