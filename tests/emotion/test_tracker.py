"""One call's tone: when it speaks, when it abstains, and that it does not confuse loud with angry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import Abstention, EmotionError, Estimate, ToneModel, Tracker, TrackerSettings, trace, warm_up
from emotion.errors import SamplesError
from emotion.model import at_prior
from tests.emotion.corpus_calls import made_calls

Samples = NDArray[np.int16]
ALWAYS = TrackerSettings(min_familiarity=0.0)
RNG = np.random.default_rng(4)
SECONDS = np.arange(5 * 8000) / 8000


def always(_: Samples) -> bool:
    return True


def test_estimates_come_each_quarter_second_once_there_is_voice(model: ToneModel, speech: Samples) -> None:
    flags = [number >= 50 for number in range(-(-len(speech) // 160))]
    found = trace(speech, flags, model, ALWAYS)
    times = [estimate.t_s for estimate in found]
    assert times == [1.25 + 0.25 * k for k in range(len(times))]
    assert times[-1] == len(speech) // 2000 / 4
    voiced = [estimate.voiced_s for estimate in found]
    assert voiced == sorted(voiced)


def test_it_abstains_until_a_second_was_heard(model: ToneModel, speech: Samples) -> None:
    found = trace(speech, always, model, ALWAYS)
    early = [estimate for estimate in found if estimate.voiced_s < 1.0]
    late = [estimate for estimate in found if estimate.voiced_s >= 1.0]
    assert early
    assert late
    assert {estimate.reason for estimate in early} == {"too little voice"}
    assert all(estimate.abstained and estimate.confidence == 0.0 for estimate in early)
    assert not any(estimate.abstained for estimate in late)
    for estimate in late:
        assert min(estimate.arousal, estimate.valence, estimate.anger, estimate.confidence) >= 0.0
        assert max(estimate.arousal, estimate.valence, estimate.anger, estimate.confidence) <= 1.0


@pytest.mark.parametrize("size", [1, 37, 160, 2000, 5001])
def test_the_same_estimates_however_the_samples_are_cut(model: ToneModel, speech: Samples, size: int) -> None:
    whole = trace(speech, always, model, ALWAYS)
    tracker, cut = Tracker(model, ALWAYS), []
    for start in range(0, len(speech), size):
        estimate = tracker.push(speech[start : start + size], True)
        if estimate is not None:
            cut.append(estimate)
    by_time = {estimate.t_s: estimate for estimate in whole}
    assert cut
    assert all(by_time[estimate.t_s] == estimate for estimate in cut)
    assert cut[-1] == whole[-1]
    assert tracker.latest == whole[-1]


def test_what_the_detector_calls_silence_is_not_heard(model: ToneModel, speech: Samples) -> None:
    assert trace(speech, lambda frame: False, model) == []


@pytest.mark.parametrize(("flag", "reason"), [(None, ""), (False, Abstention.TOO_NOISY)])
def test_a_prompt_in_the_line_is_neither_the_caller_nor_the_noise_of_the_line(
    model: ToneModel, speech: Samples, flag: bool | None, reason: str
) -> None:
    tracker = Tracker(model, ALWAYS)
    for start in range(4000, 12000, 160):
        assert tracker.feed(speech[start : start + 160], flag) == ()
    soft = speech[:16000] // 4
    due = [inquiry for start in range(0, 16000, 160) for inquiry in tracker.feed(soft[start : start + 160], True)]
    assert due[-1].voiced_s > 1.0
    assert due[-1].reason == reason


def test_after_the_caller_stops_the_answer_stays_and_time_goes_on(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model, ALWAYS)
    tracker.push(speech, True)
    before = tracker.latest
    after = tracker.push(np.zeros(8000, np.int16), False)
    assert before is not None
    assert after is not None
    assert after.t_s > before.t_s
    later = tracker.push(np.zeros(8000, np.int16), False)
    assert later == replace(after, t_s=after.t_s + 1.0)


def test_close_forgets(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model)
    before = tracker.push(speech, True)
    assert before is not None
    assert tracker.latest == before
    tracker.close()
    assert tracker.push(speech, True) is None
    assert not tracker.latest


def last(pcm: NDArray[np.float64] | Samples, model: ToneModel) -> Estimate:
    estimates = trace(np.clip(pcm, -32768, 32767).astype(np.int16), always, model)
    return estimates[-1]


@pytest.mark.parametrize(
    ("wave", "reason"),
    [
        pytest.param(6000 * np.sin(2 * np.pi * 440 * SECONDS), Abstention.NOT_SPEECH, id="tone"),
        pytest.param(
            4000 * (np.sin(2 * np.pi * 770 * SECONDS) + np.sin(2 * np.pi * 1336 * SECONDS)),
            Abstention.NOT_SPEECH,
            id="key",
        ),
        pytest.param(RNG.normal(0, 3000, len(SECONDS)), Abstention.TOO_NOISY, id="noise"),
        pytest.param(
            4000 * np.sign(np.sin(2 * np.pi * np.repeat([262, 330, 392, 523, 392], 8000) * SECONDS)),
            Abstention.NOT_SPEECH,
            id="melody",
        ),
    ],
)
def test_what_is_no_voice_is_not_judged(wave: NDArray[np.float64], reason: Abstention, model: ToneModel) -> None:
    estimate = last(wave + RNG.normal(0, 15, len(wave)), model)
    assert estimate.abstained
    assert estimate.reason == reason.value


def test_ringing_is_not_judged(model: ToneModel) -> None:
    wave = 4000 * (np.sin(2 * np.pi * 440 * SECONDS) + np.sin(2 * np.pi * 480 * SECONDS))
    assert last(wave, model).abstained


def test_a_voice_driven_far_into_clipping_is_not_judged(model: ToneModel, speech: Samples) -> None:
    estimate = last(speech.astype(np.float64) * 40.0, model)
    assert estimate.abstained
    assert estimate.reason == Abstention.CLIPPED.value


def test_speech_hardly_above_its_noise_is_not_judged(model: ToneModel, speech: Samples) -> None:
    tracker = Tracker(model, ALWAYS)
    hum = RNG.normal(0, 3000, 8000).astype(np.int16)
    tracker.push(hum, False)
    tracker.push(speech, True)
    assert tracker.latest is not None
    assert tracker.latest.reason == Abstention.TOO_NOISY.value


@pytest.mark.parametrize(("noise_db", "judged"), [(60.0, (1.0, 1.0)), (10.0, (0.9, 1.0)), (0.0, (0.0, 0.1))])
def test_a_line_is_refused_where_noise_drowns_the_voice(
    model: ToneModel, corpora: Path, noise_db: float, judged: tuple[float, float]
) -> None:
    rng = np.random.default_rng(9)
    emotions = {"anger", "happiness", "neutral", "sadness"}
    calls = [of[0] for of in made_calls(corpora / "emotion" / "emodb", emotions, 5.0).values()]
    used = []
    for pcm in calls:
        noise = np.cumsum(rng.normal(size=len(pcm) + 8000)) % 4.0 - 2.0
        noise *= np.sqrt(np.mean(pcm.astype(np.float64) ** 2) / np.mean(noise**2)) * 10.0 ** (-noise_db / 20.0)
        noise[8000:] += pcm
        frames = -(-len(noise) // 160)
        whole = np.clip(noise, -32768, 32767).astype(np.int16)
        last = trace(whole, [number >= 50 for number in range(frames)], model)[-1]
        used.append(not last.abstained)
        assert last.reason in {"", Abstention.TOO_NOISY.value, Abstention.TOO_LITTLE.value}
    assert len(used) == 10
    assert judged[0] <= np.mean(used) <= judged[1]


def test_a_prior_restates_anger_and_nothing_else(model: ToneModel, speech: Samples) -> None:
    plain = trace(speech, always, model, ALWAYS)[-1]
    rare = trace(speech, always, model, replace(ALWAYS, anger_prior=0.03))[-1]
    assert rare.anger == pytest.approx(at_prior(plain.anger, model.prior, 0.03))
    assert rare.arousal == plain.arousal
    with pytest.raises(EmotionError, match="anger_prior"):
        Tracker(model, TrackerSettings(anger_prior=1.0))


def test_wrong_input_is_refused(model: ToneModel) -> None:
    with pytest.raises(SamplesError):
        Tracker(model).push(np.zeros(160), True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 frames"):
        trace(np.zeros(200, np.int16), [True], model)


def test_warm_up_hands_back_a_model_that_is_ready(model: ToneModel) -> None:
    assert warm_up(model) is model
    assert warm_up().model_id == model.model_id


def corpus_clips(corpora: Path, names: list[str]) -> list[Samples]:
    from telephony.audio import read_audio

    return [read_audio(corpora / "emotion" / "emodb" / "audio" / f"{name}.flac") for name in names]


@pytest.mark.parametrize("gain_db", [-12.0, 12.0])
def test_loud_is_not_angry_and_soft_is_not_calm(model: ToneModel, corpora: Path, gain_db: float) -> None:
    from telephony.audio import mulaw_decode, mulaw_encode

    shifts = []
    for pcm in corpus_clips(corpora, ["03a01Wa", "03a01Nc", "03a04Wc", "03a04Nc", "08a01Wa", "08a01Na"]):
        moved = np.clip(pcm * 10.0 ** (gain_db / 20.0), -32768, 32767).astype(np.int16)
        before = trace(pcm, always, model)[-1]
        after = trace(mulaw_decode(mulaw_encode(moved)), always, model)[-1]
        shifts.append((after.anger - before.anger, after.arousal - before.arousal))
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05
    assert np.abs(shifts).max() < 0.2


def test_acted_anger_sounds_angrier_than_the_same_people_calm(model: ToneModel, corpora: Path) -> None:
    angry = [trace(x, always, model)[-1].anger for x in corpus_clips(corpora, ["03a01Wa", "03a04Wc", "08a01Wa"])]
    calm = [trace(x, always, model)[-1].anger for x in corpus_clips(corpora, ["03a01Nc", "03a04Nc", "08a01Na"])]
    assert min(angry) > max(calm)


def test_a_caller_angry_from_the_first_word_stays_angry(model: ToneModel, corpora: Path) -> None:
    pcm = np.concatenate(corpus_clips(corpora, ["03a01Wa", "03a04Wc", "03a02Wb", "03a05Wa", "03a07Wc"] * 3))
    usable = [estimate for estimate in trace(pcm, always, model) if not estimate.abstained]
    assert usable[-1].voiced_s > 15.0
    assert min(estimate.anger for estimate in usable if estimate.voiced_s > 2.0) > 0.5
