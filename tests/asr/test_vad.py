"""Voice activity: the gate, the network behind it, and what they make of odd input."""

import csv
from pathlib import Path

import numpy as np
import pytest

from asr.endpoint import Endpointer, EndpointSettings, Turn
from asr.errors import AudioInvalid, ModelInvalid, SettingsInvalid
from asr.vad import FRAME, GateSettings, Silero, VoiceActivity, VoiceFrame, is_tone, shipped_silero
from telephony.audio import read_audio, telephone_channel
from tests.asr.speech import embedded_speech, music, noise, silence, tones, trimmed
from tests.conftest import ROOT

TALK = ROOT / "nabra" / "demo" / "samples" / "complaint-bill.flac"


def heard(pcm: np.ndarray, step: int, gate: GateSettings | None) -> list[VoiceFrame]:
    activity = VoiceActivity(shipped_silero(), gate)
    return [frame for at in range(0, len(pcm), step) for frame in activity.push(pcm[at : at + step])]


@pytest.mark.parametrize("gate", [None, GateSettings()])
def test_the_same_frames_however_the_audio_is_cut(gate: GateSettings | None) -> None:
    pcm = read_audio(TALK)
    whole = heard(pcm, len(pcm), gate)
    for step in (1, 160, 997):
        pieces = heard(pcm[: 8000 if step == 1 else len(pcm)], step, gate)
        assert [frame.probability for frame in pieces] == [frame.probability for frame in whole[: len(pieces)]]
        assert len(pieces) == (8000 if step == 1 else len(pcm)) // FRAME


def test_speech_is_found_and_silence_is_not() -> None:
    pcm = read_audio(TALK)
    frames = heard(np.concatenate([np.zeros(8000, np.int16), pcm, np.zeros(8000, np.int16)]), 160, GateSettings())
    speech = [frame for frame in frames if frame.probability > 0.5]
    assert len(speech) > 40
    assert all(1.0 <= frame.start_s < 1.0 + len(pcm) / 8000 for frame in speech)


def test_the_gate_spares_most_looks_at_a_quiet_line_and_misses_little_speech() -> None:
    rng = np.random.default_rng(3)
    quiet = rng.normal(0, 12, 8 * 8000).astype(np.int16)
    gated = VoiceActivity(shipped_silero(), GateSettings())
    gated.push(quiet)
    assert gated.looked_at < 0.2 * gated.frames
    pcm = read_audio(TALK)
    behind_gate = {frame.start_s for frame in heard(pcm, 160, GateSettings()) if frame.probability > 0.5}
    without = {frame.start_s for frame in heard(pcm, 160, None) if frame.probability > 0.5}
    assert len(without - behind_gate) <= 0.05 * len(without)


def test_a_constant_offset_is_not_loud_and_full_scale_is_finite() -> None:
    offset = np.full(8000, 12_000, np.int16)
    assert max(frame.level_db for frame in heard(offset, 160, None)) < -90
    square = np.where(np.arange(8000) // 20 % 2, 32767, -32768).astype(np.int16)
    assert all(0 <= frame.probability <= 1 for frame in heard(square, 160, GateSettings()))


@pytest.mark.parametrize(
    "wrong", [np.zeros(160), np.zeros((2, 160), np.int16), [0] * 160], ids=["floats", "stereo", "list"]
)
def test_other_samples_are_refused(wrong: object) -> None:
    with pytest.raises(AudioInvalid):
        VoiceActivity(shipped_silero(), None).push(wrong)  # type: ignore[arg-type]


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "not.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelInvalid, match=r"not\.onnx"):
        Silero(tmp_path / "not.onnx")


def test_a_gate_that_would_never_open_is_refused() -> None:
    with pytest.raises(SettingsInvalid):
        GateSettings(always_closed_db=0.0)


@pytest.mark.parametrize("level_db", [-65, -60, -50, -40])
def test_steady_noise_behind_speech_delays_the_endpoint_by_little(level_db: float) -> None:
    said = telephone_channel(trimmed(embedded_speech(8000, 0.0, 3.2)), np.random.default_rng(0), level_dbov=-26)
    pcm = np.concatenate([silence(1), said, noise(3, level_db)])
    ends = Endpointer(EndpointSettings())
    ended = [
        frame.end_s
        for frame in heard(pcm, 160, GateSettings())
        if ends.step(frame.probability, frame.start_s, frame.end_s, frame.steady_s) is Turn.ENDED
    ]
    assert len(ended) == 1
    assert 0.5 < ended[0] - (1 + said.size / 8000) < 0.9


def test_a_steady_level_is_no_speech_and_says_for_how_long() -> None:
    frames = heard(np.concatenate([noise(2, -30), silence(1)]), 160, None)
    steady = [frame for frame in frames if frame.steady_s > 0]
    assert len(steady) > 30
    assert all(frame.probability == 0.0 for frame in steady)
    assert steady[0].steady_s == pytest.approx(0.32)
    talk = [frame for frame in heard(read_audio(TALK), 160, None) if frame.level_db > -50]
    assert sum(frame.steady_s > 0 for frame in talk) <= 0.01 * len(talk)


def test_the_gate_closes_on_noise_that_goes_on() -> None:
    activity = VoiceActivity(shipped_silero(), GateSettings())
    activity.push(noise(10, -30))
    assert activity.looked_at < 0.15 * activity.frames


@pytest.mark.parametrize(("corpus", "most_missed"), [("turev", 0.05), ("baved", 0.08), ("ravdess", 0.03)])
def test_few_single_words_and_sentences_are_missed(corpora: Path, corpus: str, most_missed: float) -> None:
    folder = corpora / "emotion" / corpus
    if not folder.is_dir():
        pytest.skip(f"{corpus} is not beside the checkout")
    with (folder / "manifest.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    missed = 0
    chosen = np.random.default_rng(5).choice(len(rows), 100, replace=False)
    for at in chosen:
        rng = np.random.default_rng(at)
        said = telephone_channel(read_audio(folder / rows[at]["path"]), rng, level_dbov=rng.uniform(-38, -18))
        ends = Endpointer(EndpointSettings())
        frames = heard(np.concatenate([silence(1), said, silence(0.5)]), 4000, GateSettings())
        turns = [ends.step(frame.probability, frame.start_s, frame.end_s, frame.steady_s) for frame in frames]
        missed += Turn.STARTED not in turns
    assert missed <= most_missed * len(chosen)


def started(before: np.ndarray, said: np.ndarray) -> bool:
    ends = Endpointer(EndpointSettings())
    frames = heard(np.concatenate([before, said, silence(0.5)]), 4000, GateSettings())
    turns = [ends.step(frame.probability, frame.start_s, frame.end_s, frame.steady_s) for frame in frames]
    return Turn.STARTED in turns[before.size // FRAME :]


def test_short_words_after_long_music_are_heard() -> None:
    """What music leaves behind in the network is deaf to most of them."""
    rng = np.random.default_rng(0)
    before = np.concatenate([music(12), rng.normal(0, 5, 20_000).astype(np.int16)])
    words = [np.concatenate([silence(0.2), embedded_speech(8000, at, at + 0.35)]) for at in np.arange(0.5, 8.0, 0.5)]
    fresh = [started(silence(1), word) for word in words]
    later = [started(before, word) for word in words]
    assert sum(fresh) >= 8
    assert sum(later) >= sum(fresh) - 1


@pytest.mark.parametrize("hz", [(425,), (440, 480), (350, 440), (770, 1336), (2100,)])
def test_tones_are_no_voice_and_voices_no_tones(hz: tuple[float, ...]) -> None:
    def share(pcm: np.ndarray) -> float:
        frames = pcm[: pcm.size // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32)
        return float(np.mean([is_tone(frame) for frame in frames]))

    assert share(telephone_channel(tones(2, *hz), np.random.default_rng(0), level_dbov=-26)) > 0.9
    assert share(trimmed(embedded_speech(8000, 0.0, 8.0))) < 0.1


def test_ringing_that_comes_again_after_seconds_starts_no_speech() -> None:
    ring = np.concatenate([tones(1, 425, level=0.05), silence(4)])
    assert not started(silence(1), np.concatenate([ring] * 4))
