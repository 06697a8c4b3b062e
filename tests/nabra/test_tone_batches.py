"""Calls that share runs of the tone model are told what each would have heard alone; a fault costs tone alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import Answer, Estimate, Inquiry, ToneModel, Tracker, TrackerSettings
from emotion.model import Floats, Singles, Tones
from nabra.tone_batches import MOST_WAITING, Place, ToneAsker, ToneAtOnce, ToneBatches
from telephony.audio import read_audio
from tests.conftest import ROOT

Samples = NDArray[np.int16]
SETTINGS = TrackerSettings(min_familiarity=0.0, anger_prior=0.03)
FRAME = 160


@pytest.fixture(scope="module")
def model() -> ToneModel:
    return ToneModel.load()


@pytest.fixture(scope="module")
def speech() -> Samples:
    names = ("complaint-bill", "sales-upgrade", "agent")
    return np.concatenate([read_audio(ROOT / "nabra" / "demo" / "samples" / f"{name}.flac") for name in names])


@dataclass
class OneCall:
    """A call with its tracker and its place, as `nabra.call` has them."""

    pcm: Samples
    tracker: Tracker
    numbers: list[int] = field(default_factory=list)
    estimates: list[Estimate] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    place: Place | None = None

    def join(self, asker: ToneAsker) -> OneCall:
        self.place = asker.join(self._told, self.lost.append)
        return self

    def feed(self, start: int, length: int = FRAME) -> int:
        assert self.place is not None
        due = self.tracker.feed(self.pcm[start : start + length], True)
        for inquiry in due:
            self.place.ask(inquiry)
        return len(due)

    def _told(self, inquiry: Inquiry, answer: Answer | None) -> None:
        self.numbers.append(inquiry.number)
        estimate = self.tracker.settle(inquiry, answer)
        assert estimate is not None
        self.estimates.append(estimate)


def calls_of(count: int, speech: Samples, model: ToneModel, seconds: float = 4.0) -> list[OneCall]:
    """Calls that say other parts of the same, cut elsewhere, so that no two ask the same."""
    n = int(seconds * 8000)
    starts = np.linspace(0, len(speech) - n, count).astype(int)
    return [OneCall(speech[start : start + n], Tracker(model, SETTINGS)) for start in starts]


def frames(calls: list[OneCall]) -> Iterator[int]:
    return iter(range(0, max(len(call.pcm) for call in calls), FRAME))


async def until_quiet(calls: list[OneCall]) -> None:
    """Wait until nothing more is told to anybody."""
    before, now = -1, 0
    while before != now:
        before = now
        await asyncio.sleep(0.1)
        now = sum(len(call.estimates) + len(call.lost) for call in calls)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)


def alone(call: OneCall, model: ToneModel) -> list[Estimate]:
    tracker = Tracker(model, SETTINGS)
    pushed = (tracker.push(call.pcm[start : start + FRAME], True) for start in frames([call]))
    return [estimate for estimate in pushed if estimate is not None]


def same(found: Estimate, expected: Estimate) -> bool:
    # A matrix product over many rows may differ from one over a single row in its last bits.
    names = ("arousal", "valence", "anger", "confidence", "call_anger", "trend", "feeling_share")
    facts = ("t_s", "voiced_s", "abstained", "reason", "alarmed", "alarmed_at_s", "feeling")
    return all(getattr(found, name) == getattr(expected, name) for name in facts) and all(
        getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-5 if name == "trend" else 1e-6)
        for name in names
    )


@pytest.mark.parametrize("count", [1, 60])
def test_calls_together_hear_what_each_hears_alone_and_in_order(count: int, speech: Samples, model: ToneModel) -> None:
    calls = calls_of(count, speech, model)
    runs: list[tuple[int, float]] = []

    async def scenario() -> None:
        batches = ToneBatches(model, every_s=0.005, on_run=lambda asked, took_s: runs.append((asked, took_s)))
        batches.start()
        for call in calls:
            call.join(batches)
        for start in frames(calls):
            for call in calls:
                call.feed(start)
            await asyncio.sleep(0.001)
        await until_quiet(calls)
        batches.stop()

    asyncio.run(scenario())
    for call in calls:
        expected = alone(call, model)
        assert call.numbers == list(range(len(expected)))
        assert len(expected) > 10
        assert all(map(same, call.estimates, expected))
        assert not call.lost
    asked = sum(estimate.voiced_s >= 1.0 for call in calls for estimate in call.estimates)
    assert 0 < sum(size for size, _ in runs) <= asked
    assert max(size for size, _ in runs) > count // 2
    assert all(took_s > 0 for _, took_s in runs)


def test_a_recording_is_told_the_same_before_its_next_frame(speech: Samples, model: ToneModel) -> None:
    (call,) = calls_of(1, speech, model)
    call.join(ToneAtOnce(model))
    for start in frames([call]):
        due = call.feed(start)
        assert len(call.estimates) >= due
    assert call.estimates == alone(call, model)
    assert call.place is not None
    call.place.leave()
    before = len(call.estimates)
    call.tracker = Tracker(model, SETTINGS)
    assert call.feed(0, len(call.pcm)) > 0
    assert len(call.estimates) == before


def test_a_call_that_left_is_told_nothing_not_even_what_it_had_asked(speech: Samples, model: ToneModel) -> None:
    stays, leaves, ended = calls = calls_of(3, speech, model)

    async def scenario() -> None:
        batches = ToneBatches(model, every_s=0.005)
        batches.start()
        for call in calls:
            call.join(batches)
            assert call.feed(0, len(call.pcm)) > 0
        assert leaves.place is not None
        assert ended.place is not None
        leaves.place.leave()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.place.leave()
        ended.tracker.close()
        before = len(ended.estimates)
        await until_quiet(calls)
        assert len(ended.estimates) == before
        batches.stop()

    asyncio.run(scenario())
    assert leaves.estimates == []
    assert stays.estimates
    assert not any(call.lost for call in calls)


def test_of_too_many_that_wait_the_newest_are_answered(speech: Samples, model: ToneModel) -> None:
    (call,) = calls_of(1, speech, model, seconds=6.0)

    async def scenario() -> int:
        batches = ToneBatches(model)
        batches.start()
        call.join(batches)
        asked = call.feed(0, len(call.pcm))
        await until_quiet([call])
        batches.stop()
        return asked

    asked = asyncio.run(scenario())
    assert asked > MOST_WAITING
    assert call.numbers == list(range(asked - MOST_WAITING, asked))


def test_one_call_with_bad_numbers_loses_its_tone_and_no_other_does(speech: Samples, model: ToneModel) -> None:
    calls = calls_of(5, speech, model)

    async def scenario() -> None:
        batches = ToneBatches(model)
        batches.start()
        for call in calls:
            call.join(batches)
            call.feed(0, len(call.pcm))
        bad = calls[2].tracker.feed(calls[2].pcm, True)[-1]
        assert bad.features is not None
        assert calls[2].place is not None
        calls[2].place.ask(replace(bad, features=np.full_like(bad.features, np.nan)))
        await until_quiet(calls)
        batches.stop()

    asyncio.run(scenario())
    for place, call in enumerate(calls):
        assert call.lost == (["the tone model failed: FeatureError"] if place == 2 else [])
        assert call.estimates


class Held(ToneModel):
    """The model that ships, which answers once it may, or fails."""

    __slots__ = ("fails", "free")
    fails: bool
    free: threading.Event

    @classmethod
    def made(cls) -> Held:
        held = cls.load()
        assert isinstance(held, Held)
        held.free = threading.Event()
        held.fails = False
        return held

    def predict(self, features: Floats, pooled: Singles | None = None) -> Tones:  # type: ignore[override]
        self.free.wait()
        if self.fails:
            raise MemoryError("put here by the test")
        return super().predict(features, pooled)


def test_a_model_that_fails_costs_the_calls_their_tone_and_the_next_ones_are_heard(speech: Samples) -> None:
    model = Held.made()
    model.free.set()
    first, second = calls_of(2, speech, model)

    async def scenario() -> None:
        batches = ToneBatches(model)
        batches.start()
        model.fails = True
        first.join(batches).feed(0, len(first.pcm))
        await until_quiet([first])
        model.fails = False
        second.join(batches).feed(0, len(second.pcm))
        await until_quiet([second])
        batches.stop()

    asyncio.run(scenario())
    assert first.lost == ["the tone model failed: MemoryError"]
    assert second.lost == []
    assert not second.estimates[-1].abstained


def test_a_model_that_hangs_is_given_up_and_taken_back_when_it_answers(speech: Samples) -> None:
    model = Held.made()
    asks, waits, later = calls_of(3, speech, model)

    async def scenario() -> None:
        batches = ToneBatches(model, deadline_s=0.1)
        batches.start()
        asks.join(batches).feed(0, len(asks.pcm))
        waits.join(batches)
        assert batches.trouble == ""
        await until(lambda: bool(asks.lost))
        assert asks.lost == waits.lost == [batches.trouble] != [""]
        waits.feed(0, len(waits.pcm))
        model.free.set()
        await until(lambda: not batches.trouble)
        later.join(batches).feed(0, len(later.pcm))
        await until_quiet([later])
        batches.stop()

    asyncio.run(scenario())
    assert [estimate for estimate in asks.estimates + waits.estimates if not estimate.abstained] == []
    assert len(asks.lost) == 1
    assert not later.estimates[-1].abstained


def test_a_call_that_fails_on_its_answer_keeps_no_other_from_its_own(speech: Samples, model: ToneModel) -> None:
    broken, healthy = calls_of(2, speech, model)

    def fail(_inquiry: Inquiry, _answer: Answer | None) -> None:
        raise RuntimeError("a fault put here by the test")

    async def scenario() -> None:
        batches = ToneBatches(model)
        batches.start()
        broken.place = batches.join(fail, broken.lost.append)
        broken.feed(0, len(broken.pcm))
        healthy.join(batches).feed(0, len(healthy.pcm))
        await until_quiet([healthy])
        batches.stop()
        batches.stop()

    asyncio.run(scenario())
    assert healthy.estimates


def test_after_stop_nothing_is_told_and_nothing_waits(speech: Samples) -> None:
    model = Held.made()
    (call,) = calls_of(1, speech, model)

    async def scenario() -> None:
        batches = ToneBatches(model)
        batches.start()
        call.join(batches).feed(0, len(call.pcm))
        await asyncio.sleep(0.05)
        batches.stop()
        model.free.set()
        await asyncio.sleep(0.2)

    asyncio.run(scenario())
    assert call.estimates == []
    assert call.lost == []
