"""What the benchmark listens to is what it says: speech where there should be some, and none where there should not."""

import numpy as np
import pytest

from asr.listener import ListenerSettings
from asr.vad import VoiceActivity, shipped_silero
from benchmarks import asr_audio
from benchmarks.asr_audio import RATE_HZ, Samples, Utterance, speech_span
from telephony.audio import mulaw_decode, mulaw_encode


def _on_a_line(pcm: Samples) -> bool:
    return pcm.dtype == np.int16 and pcm.ndim == 1 and np.array_equal(mulaw_decode(mulaw_encode(pcm)), pcm)


def _spoken_s(pcm: Samples) -> float:
    voice = VoiceActivity(shipped_silero(), None)
    return sum(frame.probability > 0.5 for frame in voice.push(pcm)) * 0.032


def test_the_reading_and_the_sample_calls_are_speech_on_a_telephone_line() -> None:
    assert _on_a_line(asr_audio.reading())
    assert 43 < len(asr_audio.reading()) / RATE_HZ < 46
    assert _spoken_s(asr_audio.reading()) > 25
    calls = asr_audio.sample_calls()
    assert len(calls) >= 10
    for call in calls:
        assert 0 <= call.start_s < call.end_s <= len(call.pcm) / RATE_HZ
        assert _spoken_s(call.pcm) > 0.5 * (call.end_s - call.start_s), call.text


def test_a_span_is_where_it_is_loud() -> None:
    pcm = np.zeros(2 * RATE_HZ, np.int16)
    pcm[4000:12000] = np.round(8000 * np.sin(np.arange(8000))).astype(np.int16)
    assert speech_span(pcm) == (0.5, 1.5)
    assert speech_span(np.zeros(800, np.int16)) == (0.0, 0.0)


def test_sounds_without_speech_are_of_the_length_asked_for_and_differ() -> None:
    kinds = dict(asr_audio.without_speech(40.0))
    assert set(kinds) == {"silence", "noise", "music", "DTMF", "ringback"}
    for kind, pcm in kinds.items():
        assert len(pcm) == 40 * RATE_HZ, kind
        assert _on_a_line(pcm), kind
        assert (np.abs(pcm.astype(int)).max() > 300) == (kind != "silence"), kind
    again = dict(asr_audio.without_speech(40.0))
    assert all(np.array_equal(kinds[kind], again[kind]) for kind in kinds)


def test_ringback_goes_on_and_off_as_the_country_has_it() -> None:
    pcm = dict(asr_audio.without_speech(30.0))["ringback"].astype(float)
    loud = np.sqrt(np.mean(pcm[: 30 * RATE_HZ].reshape(-1, 800) ** 2, axis=1)) > 500
    assert loud.reshape(6, 50).sum(axis=1).tolist() == [10] * 6


def test_noise_is_as_far_under_the_speech_as_asked() -> None:
    call = asr_audio.sample_calls()[0]
    clean, noisy = (asr_audio.in_noise(call, snr_db, 1).astype(float) for snr_db in (None, 10.0))
    before = slice(0, RATE_HZ - 800)
    assert np.std(clean[before]) < 20 < np.std(noisy[before])
    assert len(clean) == len(noisy) == len(call.pcm) + 2 * RATE_HZ


def test_synthetic_voices_say_the_sentences_of_the_shipped_intents() -> None:
    said = asr_audio.spoken(1)
    if not said:
        pytest.skip("neither flite nor espeak-ng is installed")
    assert len({one.text for one in said}) == 1
    for one in said:
        assert len(one.text.split()) > 3
        assert _spoken_s(one.pcm) > 0.4, one.speaker
        assert 0.3 < one.start_s < one.end_s


def test_corpora_are_drawn_evenly_and_may_be_missing() -> None:
    assert asr_audio.corpus("no such corpus", 5) == []
    said = asr_audio.corpus("ravdess", 24)
    if not said:
        pytest.skip("the corpora beside the checkout are missing")
    assert len(said) == 24
    assert len({one.speaker for one in said}) >= 20
    assert all(isinstance(one, Utterance) and _on_a_line(one.pcm) for one in said)
    assert ListenerSettings().min_speech_ms < 1000 * min(one.end_s - one.start_s for one in said)
