"""Tone in the live service: heard in runs that calls share, and never at the cost of a call."""

import asyncio
import json
import threading
from typing import Any

import numpy as np
import pytest

from emotion import ToneModel, Tracker
from nabra.service_health import metrics_of, report
from tests.nabra.calls_side import Run, decision_of, speak, wait_for_notice
from tests.nabra.pbx_side import Site, quiet


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
    def predict(self: ToneModel, *asked: object) -> None:
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

    def predict(self: ToneModel, *asked: Any) -> Any:
        free.wait()
        return healthy(self, *asked)

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
