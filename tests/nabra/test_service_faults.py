"""Faults in the live service: each costs at most the call that it is in, and no caller is left waiting."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from nabra.live import channel_variables
from nabra.service_health import report
from router.commands import Decide, Decision
from router.evidence import Key
from router.session import CallFacts, Session
from telephony.ami_packets import check_action
from telephony.audiosocket import frame_uuid
from tests.nabra.calls_side import Run, wait_for_notice
from tests.nabra.pbx_side import Site, quiet


def decide_by_key(site: Site) -> Decision:
    """Return what pressing a key decides."""
    facts = CallFacts(
        call="call", pbx="main", caller_number="", caller_name="", dialled="", language="ar", wall_anchor=0.0
    )
    session = Session(facts, site.service.generation, 0.0)
    for command in session.receive(Key(at_s=0.0, audio_s=0.0, digit="1"), 0.0):
        if isinstance(command, Decide):
            return command.decision
    raise AssertionError("a key decides at once")


def test_calls_during_and_after_a_lost_manager_interface(run: Run) -> None:
    async def scenario(site: Site) -> None:
        during = await site.place()
        await wait_for_notice(during)
        port = site.ami.port
        await site.ami.stop()
        assert await site.until(lambda: not site.service.ami_up())
        during.peer.send_dtmf("1")
        assert await during.peer.wait_over(5), "handed back although nothing could be delivered"
        assert "NABRA_ROUTE" not in site.variables(during)
        arriving = await site.place(announce=False)
        assert await arriving.peer.wait_over(1), "handed back at once"
        site.ami.port = port
        await site.ami.start()
        assert await site.until(site.service.ami_up, 15)
        after = await site.place()
        after.peer.send_dtmf("1")
        await asyncio.sleep(0.1)
        assert await after.peer.wait_over(5)
        assert site.variables(after)["NABRA_ROUTE"] == "complaints"

    run(scenario)


def test_a_fault_inside_one_call_hands_that_call_back_and_harms_no_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from router.session import Session

    async def scenario(site: Site) -> None:
        other = await site.place()
        broken = await site.place()
        await broken.peer.send_audio(quiet(0.3))
        healthy = Session.receive

        def receive(self: Session, *args: Any) -> Any:
            if self.call.call == str(broken.call):
                raise RuntimeError("a fault put here by the test")
            return healthy(self, *args)

        monkeypatch.setattr(Session, "receive", receive)
        broken.peer.send_dtmf("2")
        assert await broken.peer.wait_over(2)
        assert "NABRA_ROUTE" not in site.variables(broken)
        assert await site.lines(broken, outcome="not_served")
        other.peer.send_dtmf("1")
        assert await other.peer.wait_over(5)
        assert site.variables(other)["NABRA_ROUTE"] == "complaints"

    run(scenario)


@pytest.mark.parametrize("first", [True, False])
def test_a_call_that_cannot_be_begun_is_handed_back_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    from nabra.live import LiveCall

    def announced(self: LiveCall, announcement: object) -> None:
        raise RuntimeError("a fault put here by the test")

    async def scenario(site: Site) -> None:
        monkeypatch.setattr(LiveCall, "announced", announced)
        caller = await site.place(announce_first=first)
        assert await caller.peer.wait_over(1), "not left to the watchdog of the PBX"

    run(scenario)


def test_one_call_that_cannot_be_recorded_keeps_no_other_waiting_and_is_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch, unrecorded: list[str]
) -> None:
    from nabra.call import Call

    def record(self: Call, now_s: float) -> dict[str, object]:
        raise RuntimeError("a fault put here by the test")

    async def scenario(site: Site) -> None:
        monkeypatch.setattr(Call, "record", record)
        callers = [await site.place(announce=False) for _ in range(3)]
        for caller in callers:
            assert await caller.peer.wait_over(2)
            caller.peer.hang_up()
        assert await site.until(lambda: site.service.live_calls == 0)
        assert site.service.unrecorded_calls == 3
        assert any("3 calls ended without a decision record" in problem for problem in report(site.service).problems)
        assert sorted(unrecorded) == sorted(str(caller.call) for caller in callers)
        unrecorded.clear()  # meant here

    run(scenario)


def test_a_call_that_was_handed_back_is_not_decided_later(run: Run) -> None:
    async def scenario(site: Site) -> None:
        call, channel = uuid4(), "PJSIP/slow-to-close"
        site.ami.announce(call, channel, uniqueid="8.1", dialled="1000")
        _, writer = await asyncio.open_connection(*site.service.audio_address)
        writer.write(frame_uuid(call))
        assert await site.until(lambda: "notice_started" in site.seen.kinds(call))
        live = site.service._calls[str(call)]
        assert live._call is not None
        # As if the last deadline fell between the hand-back and the moment when the PBX closes the connection.
        due_s = site.service.clock() + 0.2
        live._call.deadline = lambda: due_s
        live._call._session._hard_s = 0.0
        live._after()
        live.failed(RuntimeError("a fault put here by the test"))
        await asyncio.sleep(0.5)
        assert "decided" not in site.seen.kinds(call)
        assert site.ami.channels[channel] == {}
        writer.close()
        assert await site.until(lambda: site.service.live_calls == 0)

    run(scenario)


def test_a_reason_that_runs_over_two_lines_does_not_cost_the_route(run: Run) -> None:
    async def scenario(site: Site) -> None:
        decided = decide_by_key(site)
        variables = channel_variables("call", replace(decided, agent_line="said 'نصاب\r\nأنت'\0"), "ar")
        assert variables["NABRA_REASON"] == "said 'نصاب أنت'"
        for name, value in variables.items():
            check_action("Setvar", {"Variable": name, "Value": value})

    run(scenario)
