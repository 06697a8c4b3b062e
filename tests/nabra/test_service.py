"""The live service with real sockets, a real recogniser and the shipped configuration."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import config
from asr.decoder import Decoder
from emotion import ToneModel, Tracker
from nabra.errors import ServiceError
from nabra.live import channel_variables
from nabra.service_health import metrics_of, report
from router.commands import Decide, Decision
from router.evidence import Key
from router.session import CallFacts, Session
from telephony.ami_packets import check_action
from telephony.audio import read_audio
from telephony.audiosocket import frame_uuid
from tests.conftest import ROOT
from tests.nabra.pbx_side import Caller, Site, quiet, running_site, site_config

SAMPLES = ROOT / "nabra" / "demo" / "samples"
Run = Callable[[Callable[[Site], Coroutine[Any, Any, None]]], None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run scenarios on one service that lives as long as this module's tests."""
    folder = tmp_path_factory.mktemp("site")
    loop = asyncio.new_event_loop()
    context = running_site(folder)
    site = loop.run_until_complete(context.__aenter__())
    yield lambda scenario: loop.run_until_complete(asyncio.wait_for(scenario(site), 60))
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


async def speak(caller: Caller, name: str, after_notice_s: float = 0.3) -> None:
    """Wait for the notice to be over, then say a sample and stay on the line until it is handed back."""
    await wait_for_notice(caller)
    await caller.peer.send_audio(quiet(after_notice_s))
    await caller.peer.send_audio(read_audio(SAMPLES / f"{name}.flac"))
    while not caller.peer.over:
        await caller.peer.send_audio(quiet(0.2))


async def wait_for_notice(caller: Caller) -> None:
    """Be silent until the notice was played."""
    notice = read_audio(config.load().notice.prompts["en"])
    await caller.peer.send_audio(quiet(len(notice) / 8000 + 0.2))


def decision_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    records = [line for line in lines if line.get("kind") != "outcome"]
    assert len(records) == 1, "one call leaves one decision record"
    return records[0]


def test_a_sales_call_is_routed_and_written_down(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place()
        await speak(caller, "sales-upgrade")
        variables = site.variables(caller)
        assert variables["NABRA_ROUTE"] == "sales"
        assert variables["NABRA_INTENT"] == "upgrade"
        assert variables["NABRA_CALL"] == str(caller.call)
        assert list(variables)[-1] == "NABRA_ROUTE", "the route commits the rest, so it comes last"
        notice = read_audio(config.load().notice.prompts["en"])
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


def test_a_key_turns_tone_off_and_the_call_is_still_routed(run: Run) -> None:
    async def scenario(site: Site) -> None:
        caller = await site.place()
        await caller.peer.send_audio(quiet(0.3))
        caller.peer.send_dtmf("9")
        await speak(caller, "self-hours")
        assert site.variables(caller)["NABRA_ROUTE"] == "selfservice"
        record = decision_of(await site.lines(caller))
        assert '"tone"' not in json.dumps([entry.get("kind") for entry in record["timeline"]])
        assert "tone" not in site.seen.kinds(caller.call)

    run(scenario)


def tone_reasons(record: dict[str, Any]) -> list[str]:
    return [entry["reason"] for entry in record["timeline"] if entry["event"] == "tone"]


def test_tone_is_heard_by_runs_shared_between_calls(run: Run) -> None:
    async def scenario(site: Site) -> None:
        metrics, _ = metrics_of(site.service)
        callers = [await site.place() for _ in range(6)]
        await asyncio.gather(*(speak(caller, "sales-upgrade") for caller in callers))
        site.service.on_tone_run = None
        for caller in callers:
            record = decision_of(await site.lines(caller))
            heard = [entry for entry in record["timeline"] if entry["event"] == "tone" and not entry["abstained"]]
            assert heard
            assert [entry["t_s"] for entry in heard] == sorted(entry["t_s"] for entry in heard)
            assert all(entry["prior"] == 0.03 for entry in heard)
            assert record["tone"]["heard"]
            assert not record["tone"]["alarmed"]
        told = dict(line.rsplit(" ", 1) for line in metrics.text().splitlines() if line.startswith("nabra_tone_batch"))
        runs, asked = float(told["nabra_tone_batch_size_count"]), float(told["nabra_tone_batch_size_sum"])
        assert 0 < runs < asked, "some runs answered more than one call"
        assert float(told["nabra_tone_batch_seconds_count"]) == runs
        assert float(told["nabra_tone_batch_seconds_sum"]) > 0

    run(scenario)


def test_a_tone_model_that_fails_costs_the_call_its_tone_and_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(self: ToneModel, features: object) -> None:
        raise MemoryError("put here by the test")

    async def scenario(site: Site) -> None:
        monkeypatch.setattr(ToneModel, "predict", predict)
        caller = await site.place()
        await speak(caller, "sales-upgrade")
        assert site.variables(caller)["NABRA_ROUTE"] == "sales"
        record = decision_of(await site.lines(caller))
        assert not record["tone"]["heard"]
        assert tone_reasons(record)[-1] == "the tone model failed: MemoryError"
        assert site.seen.kinds(caller.call).count("degraded") == 1

    run(scenario)


@pytest.mark.parametrize("method", ["__init__", "feed", "settle"])
def test_a_tracker_that_fails_costs_the_call_its_tone_and_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fails(*_given: object) -> None:
        raise MemoryError("put here by the test")

    async def scenario(site: Site) -> None:
        monkeypatch.setattr(Tracker, method, fails)
        caller = await site.place()
        await speak(caller, "sales-upgrade")
        assert site.variables(caller)["NABRA_ROUTE"] == "sales"
        record = decision_of(await site.lines(caller))
        assert tone_reasons(record) == ["tone failed: MemoryError"]
        assert site.seen.kinds(caller.call).count("degraded") == 1

    run(scenario)


def test_a_tone_model_that_hangs_is_shed_and_heard_again_when_it_answers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    healthy = ToneModel.predict

    def predict(self: ToneModel, features: Any) -> Any:
        free.wait()
        return healthy(self, features)

    async def scenario(site: Site) -> None:
        tone = site.service.tone
        assert tone is not None
        monkeypatch.setattr(ToneModel, "predict", predict)
        caller = await site.place()
        await speak(caller, "complaint-bill")
        assert site.variables(caller)["NABRA_ROUTE"] == "complaints"
        record = decision_of(await site.lines(caller))
        assert "the tone model does not answer" in tone_reasons(record)
        assert any(tone.trouble in problem for problem in report(site.service).problems)
        meanwhile = await site.place()
        await speak(meanwhile, "sales-upgrade")
        assert tone_reasons(decision_of(await site.lines(meanwhile))) == ["the tone model does not answer"]
        free.set()
        assert await site.until(lambda: not tone.trouble)
        after = await site.place()
        await speak(after, "sales-upgrade")
        assert decision_of(await site.lines(after))["tone"]["heard"]

    try:
        run(scenario)
    finally:
        free.set()


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


def test_our_own_question_coming_back_from_the_line_has_no_tone(run: Run) -> None:
    """A silent caller on a line that echoes: 0.1 s late, at half the level."""

    async def scenario(site: Site) -> None:
        caller = await site.place()
        await wait_for_notice(caller)
        begun = len(caller.peer.heard())
        echoed = 0
        while not caller.peer.over:
            heard = caller.peer.heard()[begun:]
            ready = max(0, len(heard) - 800)
            frame = (heard[max(echoed, ready - 160) : ready] // 2).astype(np.int16)
            echoed = ready
            await caller.peer.send_audio(np.concatenate([frame, quiet(0.02)[: 160 - len(frame)]]))
        record = decision_of(await site.lines(caller))
        assert record["asked"] is True
        spoken = [entry["voiced_s"] for entry in record["timeline"] if entry["event"] == "tone"]
        assert max(spoken, default=0.0) == 0.0
        assert not record["tone"]["heard"]

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


def test_a_new_config_is_a_new_generation_and_a_wrong_one_is_refused(run: Run) -> None:
    async def scenario(site: Site) -> None:
        old = site.service.generation
        with pytest.raises(ServiceError, match="listen"):
            await site.service.reload(
                dataclasses.replace(old.config, listen=dataclasses.replace(old.config.listen, port=1))
            )
        assert site.service.generation is old
        await site.service.reload(dataclasses.replace(old.config, keys={"1": "sales"}))
        assert site.service.generation.number == old.number + 1
        caller = await site.place()
        await caller.peer.send_audio(quiet(0.2))
        caller.peer.send_dtmf("1")
        assert await caller.peer.wait_over(5)
        assert site.variables(caller)["NABRA_ROUTE"] == "sales"
        record = decision_of(await site.lines(caller))
        assert record["generation"]["number"] == old.number + 1
        await site.service.reload(old.config)

    run(scenario)


def test_shadow_mode_decides_and_records_and_lets_the_call_take_the_default(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_site(tmp_path, shadow=True) as site:
            caller = await site.place()
            await caller.peer.send_audio(quiet(0.2))
            caller.peer.send_dtmf("1")
            assert await caller.peer.wait_over(5)
            assert "NABRA_ROUTE" not in site.variables(caller)
            record = decision_of(await site.lines(caller))
            assert record["decision"]["shadow_destination"] == "complaints"

    asyncio.run(scenario())


def test_stopping_hands_every_call_back_and_leaves_its_record(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_site(tmp_path) as site:
            callers = [await site.place() for _ in range(3)]
            await asyncio.sleep(0.3)
            await site.service.stop()
            for caller in callers:
                assert await caller.peer.wait_over(2)
                assert decision_of(await site.lines(caller))["outcome"] == "open", "nobody hung up"

    asyncio.run(scenario())


def test_a_missing_password_is_said_before_anything_starts(tmp_path: Path) -> None:
    from nabra.service import Service

    settings = site_config(tmp_path, 5038)
    bare = dataclasses.replace(settings.pbx[0], secret=None, secret_env="NABRA_AMI_SECRET")
    with pytest.raises(ServiceError, match="NABRA_AMI_SECRET"):
        Service(dataclasses.replace(settings, pbx=(bare,)))


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


def test_one_call_that_cannot_be_recorded_keeps_no_other_waiting_and_is_forgotten(
    run: Run, monkeypatch: pytest.MonkeyPatch
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

    run(scenario)


def test_nothing_begins_for_a_caller_who_hangs_up_during_the_notice(run: Run) -> None:
    async def scenario(site: Site) -> None:
        pool = site.service.pool
        assert pool is not None
        taken: list[str] = []
        take = pool.decoder

        def decoder(call_id: str, language: str) -> Decoder | None:
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


def test_a_line_without_any_audio_is_left_to_the_deadlines(run: Run) -> None:
    async def scenario(site: Site) -> None:
        assert site.service.server.settings.idle_timeout_s >= site.service.generation.config.budget.total_s

    run(scenario)


def test_a_reason_that_runs_over_two_lines_does_not_cost_the_route(run: Run) -> None:
    async def scenario(site: Site) -> None:
        decided = decide_by_key(site)
        variables = channel_variables("call", replace(decided, agent_line="said 'نصاب\r\nأنت'\0"), "ar")
        assert variables["NABRA_REASON"] == "said 'نصاب أنت'"
        for name, value in variables.items():
            check_action("Setvar", {"Variable": name, "Value": value})

    run(scenario)


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
