"""Each measurement of recognition runs small, on the real engine and the real pool, and agrees with itself."""

import asyncio
import os
import time

import numpy as np
import pytest

import config
from asr.endpoint import Patience
from asr.engine import Engine
from asr.engines import create_engine
from asr.events import Endpoint, Final
from asr.pool_types import PoolSettings, Rung
from benchmarks import asr_accuracy, asr_audio, asr_latency, asr_layer, asr_load, asr_resilience, asr_silence
from benchmarks.asr_audio import RATE_HZ, READING, Utterance
from benchmarks.asr_figures import Figure, Finding
from benchmarks.asr_live import Heard, Script, Spoken, script
from benchmarks.asr_promises import Promises, first_words, model_of
from benchmarks.asr_words import word_errors
from nabra.generations import load
from tests.asr.pools import MOONSHINE as SPEC


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = create_engine(SPEC)
    engine.load()
    return engine


def figure(finding: Finding, name: str) -> Figure:
    return next(one for one in finding.figures if name in one.name)


def value(finding: Finding, name: str) -> float:
    found = figure(finding, name).value
    assert found is not None, finding.note
    return found


# ----------------------------------------------------------------------------------------------------- scripts


def test_a_script_says_where_everything_is_said() -> None:
    calls = asr_audio.sample_calls()[:3]
    one = script(calls, 20.0, seed=1)
    assert len(one.pcm) >= 20 * RATE_HZ
    assert {spoken.text for spoken in one.spoken} == {call.text for call in calls}
    assert 0.5 < one.duty < 0.9
    loud = np.abs(one.pcm.astype(int)) > 1000
    for spoken in one.spoken:
        inside = loud[int(spoken.start_s * RATE_HZ) : int(spoken.end_s * RATE_HZ)]
        assert inside.mean() > 0.02
    gaps = [after.start_s - before.end_s for before, after in zip(one.spoken, one.spoken[1:], strict=False)]
    assert all(0.7 <= gap <= 2.9 for gap in gaps)
    assert np.array_equal(one.pcm, script(calls, 20.0, seed=1).pcm)
    assert not np.array_equal(one.pcm[:RATE_HZ], script(calls, 20.0, seed=2).pcm[:RATE_HZ])


def test_lag_counts_from_the_endpoint_of_the_audio_not_from_when_it_was_noticed() -> None:
    heard = Heard(100.0)
    heard.events = [
        (103.1, Endpoint(2.4, 3.0)),
        (103.5, Final("one", 1.0, 2.6, None, 0.1, True)),
        (105.0, Final("cut from a long segment", 3.5, 4.0, None, 0.1, False)),
        (106.0, Endpoint(5.4, 6.0)),
    ]
    assert heard.lags() == [pytest.approx(0.5)]
    assert heard.unanswered == 1
    assert heard.text(0.8, 2.8) == "one"
    assert heard.text(2.8, 3.0) == ""


# ------------------------------------------------------------------------------------------------ measurements


def test_the_layer_is_set_beside_the_bare_engine_on_the_same_audio(engine: Engine) -> None:
    found = asr_layer.layer_cost(SPEC, asr_audio.reading()[RATE_HZ:], "a reading", seconds=4.0, repeats=2)
    assert [one.stage for one in found] == [
        "our layer on moonshine, continuous speech",
        "our layer on moonshine, half silence",
    ]
    for one in found:
        ratio = figure(one, "CPU")
        assert ratio.value is not None
        assert ratio.low is not None
        assert ratio.high is not None
        assert 0.05 < ratio.low <= ratio.value <= ratio.high < 5
        assert one.model == engine.facts.model_id
    pcm = asr_layer.half_silence(asr_audio.reading()[: 8 * RATE_HZ])
    assert len(pcm) == 16 * RATE_HZ
    assert np.std(pcm[4 * RATE_HZ : 8 * RATE_HZ].astype(float)) < 30


def test_the_wait_for_words_is_more_than_the_silence_that_ends_them() -> None:
    generation = load(config.load(), number=1).generation
    said = asr_audio.sample_calls()[:2]
    found = asr_latency.wait_for_words(SPEC, model_of(SPEC), said, "two calls", generation)
    assert found.count == 2, found.note
    assert value(found, "p50") >= 200
    assert 0 <= value(found, "after the endpoint") <= value(found, "p95")
    assert value(found, "p50") <= figure(found, "p95").value


def test_patience_is_that_of_a_live_call() -> None:
    generation = load(config.load(), number=1).generation

    def after(*texts: str) -> Patience:
        patience = asr_latency.CallersPatience(generation, "en")
        return [patience(Final(text, float(at), at + 1.0, None, 0.0, True)) for at, text in enumerate(texts)][-1]

    assert after("I want to complain about my bill, you charged me twice.") is Patience.SHORT
    assert after("I would like to") is Patience.LONG
    assert after("the kids are talking by the door") is Patience.NORMAL
    assert after("I want to complain about my bill, you charged me twice.", "and because") is Patience.LONG


def test_beats_stand_on_a_grid_so_that_a_stall_is_many_late_beats() -> None:
    async def stalled() -> list[float]:
        beats = asyncio.create_task(asr_latency.heartbeat(0.3))
        await asyncio.sleep(0.1)
        time.sleep(0.05)  # noqa: ASYNC251 - the stall itself
        return await beats

    late = asyncio.run(stalled())
    assert len(late) == 300
    assert sum(one > 0.02 for one in late) >= 20
    assert max(late) >= 0.045


def test_a_stall_is_what_recognition_adds() -> None:
    found = asr_latency.loop_stall(SPEC, model_of(SPEC), asr_audio.sample_calls(), "calls", calls=4, seconds=2.0)
    assert found.count == 2000
    assert value(found, "p99.9") >= 0
    assert "4 callers" in found.note


def test_callers_are_held_where_each_is_heard_in_time() -> None:
    found = asr_load.most_callers(
        SPEC,
        PoolSettings(workers=1),
        "embedded",
        model_of(SPEC),
        asr_audio.sample_calls(),
        "calls",
        numbers=(1,),
        seconds=5.0,
        floor=5,
        aim=8,
    )
    assert value(found, "callers") in (0, 1)
    assert found.note.count("1: p95") == 1, found.note
    late, refused = Heard(0.0, Rung.FULL), Heard(0.0, Rung.NONE)
    late.events = [(9.0, Endpoint(1.0, 1.6)), (9.0, Final("late", 0.5, 1.2, None, 0.1, False))]
    prompt = Heard(0.0, Rung.FULL)
    prompt.events = [(1.6, Endpoint(1.0, 1.6)), (1.7, Final("soon", 0.5, 1.2, None, 0.1, False))]
    scripts = [Script(np.zeros(RATE_HZ, np.int16), (Spoken("x", 0.2, 0.7),))]
    assert asr_load.step_of(scripts, [prompt], Rung.FULL).held
    assert not asr_load.step_of(scripts, [late], Rung.FULL).held
    assert not asr_load.step_of(scripts, [prompt, refused], Rung.FULL).held
    assert asr_load.step_of(scripts, [prompt], Rung.FULL).duty == pytest.approx(0.5)


def test_words_invented_are_counted_by_kind_and_real_ones_would_be(engine: Engine) -> None:
    kinds = [("silence", np.zeros(4 * RATE_HZ, np.int16)), ("speech", asr_audio.reading()[: 9 * RATE_HZ])]
    found = asr_silence.words_invented(engine, kinds, 4.0)
    assert "silence 0, 0 starts of speech" in found.note
    assert value(found, "words") > 10
    assert not figure(found, "words").holds


def test_speech_is_missed_where_it_is_not_fed() -> None:
    call = asr_audio.sample_calls()[0]
    drowned = Utterance(call.text, call.speaker, np.zeros(3 * RATE_HZ, np.int16), 0.5, 2.5)
    assert not asr_silence.missed(call, 20.0, 1)
    assert asr_silence.missed(drowned, None, 1)
    found = asr_silence.speech_missed({"calls": [call, drowned]}, (None,))
    assert value(found, "missed") == 50.0
    assert "calls, no noise: 1 of 2" in found.note


def test_words_wrong_are_of_finals_and_of_partials(engine: Engine) -> None:
    call = asr_audio.sample_calls()[0]
    texts = asr_accuracy.hear(engine, call.pcm)
    assert word_errors(call.text, texts.final).percent < 40
    assert word_errors(call.text, texts.partial).wrong >= word_errors(texts.partial, texts.partial).wrong
    found = asr_accuracy.word_error_rates(
        SPEC, "m", "calls", asr_audio.sample_calls()[:3], "calls", group=lambda one: one.text, floor=10, aim=6
    )
    final, partial = value(found, "WER of finals"), value(found, "WER of partials")
    assert 0 <= final < 40
    assert 0 <= partial <= 100
    assert value(found, "of what they reach") <= partial + 1e-9
    assert "by voice" in found.note


def test_a_reading_is_judged_clause_by_clause() -> None:
    text = ",".join(READING.split(",")[:2])
    found = asr_accuracy.word_errors_of_reading(
        SPEC, "m", "a reading", asr_audio.reading()[: int(4.9 * RATE_HZ)], text, "its beginning", floor=7, aim=5
    )
    assert value(found, "WER of finals") < 40
    assert "12 words" in found.note


def test_memory_is_read_after_each_number_of_calls() -> None:
    found = asr_resilience.memory_after_calls(SPEC, "m", first_words(), "six words", (4, 8, 12))
    assert found.count == 12
    assert "12 calls with words" in found.note
    assert asr_resilience.rss_mb(os.getpid()) > 20
    assert asr_resilience.rss_mb(2**22 + 1) == 0.0


def test_words_are_kept_and_calls_decided_while_processes_are_killed() -> None:
    found = asr_resilience.words_under_kills(SPEC, "m", asr_audio.sample_calls()[:4], "calls", every_s=3.0, seconds=8.0)
    assert value(found, "words kept") > 80, found.note
    assert value(found, "calls decided") == 100, found.note
    assert found.note.startswith("2 kills in 8 s")


def test_words_that_do_not_come_are_not_kept() -> None:
    one = Script(np.zeros(5 * RATE_HZ, np.int16), (Spoken("a b c d", 1.0, 2.0), Spoken("e f", 3.0, 4.0)))
    whole, part = Heard(0.0), Heard(0.0)
    whole.events = [(0, Final("a b c d", 0.9, 2.2, None, 0, False)), (0, Final("e f", 2.9, 4.2, None, 0, False))]
    part.events = [(0, Final("a c", 0.9, 2.2, None, 0, False))]
    assert asr_resilience.kept_words([one], [whole], [whole]) == (6, 6)
    assert asr_resilience.kept_words([one], [whole], [part]) == (2, 6)


def test_a_measurement_that_cannot_be_made_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Promises) -> list[Finding]:
        raise OSError("no such model")

    def fine(_self: Promises) -> list[Finding]:
        return [Finding("it", "a", "m", 1, (), "fine")]

    public = [name for name, it in vars(Promises).items() if callable(it) and not name.startswith("_")]
    names = [name for name in public if name != "rows"]
    assert len(names) == 14
    for name in names:
        monkeypatch.setattr(Promises, name, fine)
    monkeypatch.setattr(Promises, "kills", broken)
    rows = list(Promises(True).rows())
    assert all(row.note.startswith("fine; measured in ") for row in rows[:-1])
    assert [row.note for row in rows[-1:]] == ["not measured: OSError: no such model"]
    assert len(rows) == 14
