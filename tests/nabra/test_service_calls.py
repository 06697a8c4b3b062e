"""Calls through the live service, with real sockets, a real recogniser and the shipped configuration."""

import asyncio

import numpy as np
import pytest

import config
from asr.pooled import PooledDecoder
from telephony.audio import read_audio
from tests.nabra.calls_side import Run, decision_of, speak
from tests.nabra.pbx_side import NOTICE_S, Site, quiet


def test_a_sales_call_is_routed_and_written_down(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place()
        await speak(caller, "sales-upgrade")
        variables = site.variables(caller)
        assert variables["NABRA_ROUTE"] == "sales"
        assert variables["NABRA_INTENT"] == "upgrade"
        assert variables["NABRA_CALL"] == str(caller.call)
        assert list(variables)[-1] == "NABRA_ROUTE", "the route commits the rest, so it comes last"
        notice = read_audio(site.service.generation.config.notice.prompts["en"])
        assert len(notice) == NOTICE_S * 8000
        heard = caller.peer.heard()[: len(notice)]
        assert np.corrcoef(heard, notice[: len(heard)])[0, 1] > 0.99, "the caller hears the notice"
        record = decision_of(await site.lines(caller, outcome="delivered"))
        assert record["decision"]["destination"] == "sales"
        assert record["caller_number"] == "+********123", "the caller's number is masked"
        kinds = site.seen.kinds(caller.call)
        assert kinds.index("notice_ended") < kinds.index("speech_started") < kinds.index("decided")

    run(scenario)


@pytest.mark.parametrize("first", [True, False])
def test_announcement_and_socket_may_come_in_either_order(run: Run, first: bool) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place(announce_first=first)
        caller.peer.send_dtmf("2")
        await asyncio.sleep(0.2)
        caller.peer.send_dtmf("2")
        assert await caller.peer.wait_over(5)
        assert site.variables(caller)["NABRA_ROUTE"] == "sales"

    run(scenario)


def test_a_call_that_nothing_announced_is_handed_back_within_the_grace_time(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place(announce=False)
        sending = asyncio.create_task(caller.peer.send_audio(quiet(5)))
        assert await caller.peer.wait_over(3)
        sending.cancel()
        lines = await site.lines(caller, outcome="not_served")
        assert decision_of(lines)["outcome"] == "open", "nobody hung up"
        assert any("announced" in str(line.get("problem")) for line in lines)

    run(scenario)


def test_a_caller_who_hangs_up_leaves_a_complete_record(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place()
        await caller.peer.send_audio(quiet(0.5))
        caller.peer.hang_up()
        record = decision_of(await site.lines(caller))
        assert record["outcome"] == "hung_up"
        assert record["decision"] is None
        assert site.variables(caller) == {}

    run(scenario)


def test_a_silent_caller_is_asked_once_and_reaches_a_person(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place()
        sending = asyncio.create_task(caller.peer.send_audio(quiet(25)))
        assert await caller.peer.wait_over(24)
        sending.cancel()
        assert site.variables(caller)["NABRA_ROUTE"] == "reception"
        record = decision_of(await site.lines(caller))
        assert record["asked"] is True

    run(scenario)


def test_ten_calls_at_once_are_all_routed(run: Run) -> None:
    names = ["sales-upgrade", "self-hours", "agent", "complaint-staff", "sales-new-line"] * 2

    async def scenario(site: Site) -> None:
        callers = [await site.place() for _ in names]
        await asyncio.gather(*(speak(c, name) for c, name in zip(callers, names, strict=True)))
        destinations = dict.fromkeys(config.load().destinations, "")
        for caller in callers:
            assert site.variables(caller).get("NABRA_ROUTE") in destinations
            assert decision_of(await site.lines(caller))["outcome"] == "decided"

    run(scenario)


def test_nothing_begins_for_a_caller_who_hangs_up_during_the_notice(run: Run) -> None:
    async def scenario(site: Site) -> None:
        pool = site.service.pool
        assert pool is not None
        taken: list[str] = []
        take = pool.decoder

        def decoder(call_id: str, language: str) -> PooledDecoder | None:
            taken.append(call_id)
            return take(call_id, language)

        pool.decoder = decoder  # type: ignore[method-assign]
        try:
            caller = await site.place()
            await caller.peer.send_audio(quiet(0.3))
            caller.peer.hang_up()
            record = decision_of(await site.lines(caller))
        finally:
            pool.decoder = take  # type: ignore[method-assign]
        assert taken == [], "no recogniser is kept busy by who is gone"
        assert record["notice"]["ended_s"] is None
        assert "notice_ended" not in site.seen.kinds(caller.call)

    run(scenario)


def test_the_deadline_counts_from_the_socket_not_from_a_late_announcement(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place(announce=False)
        await asyncio.sleep(0.3)
        site.ami.announce(caller.call, caller.channel, uniqueid="9.1", dialled="1000")
        await asyncio.sleep(0.1)
        caller.peer.send_dtmf("1")
        assert await caller.peer.wait_over(5)
        record = decision_of(await site.lines(caller, outcome="delivered"))
        assert record["timeline"][0]["now_s"] >= 0.3

    run(scenario)


def test_a_key_pressed_before_the_announcement_counts(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place(announce=False)
        caller.peer.send_dtmf("2")
        await asyncio.sleep(0.2)
        site.ami.announce(caller.call, caller.channel, uniqueid="7.1", dialled="1000")
        assert await caller.peer.wait_over(3)
        assert site.variables(caller)["NABRA_ROUTE"] == "sales"

    run(scenario)
