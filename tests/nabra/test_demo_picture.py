"""Pictures of calls and of tone: they are drawn for whatever may have happened, and show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from nabra.demo.picture import draw_call

RNG = np.random.default_rng(5)
PCM = RNG.normal(0, 2000, 8000 * 6).astype(np.int16)


@dataclass(frozen=True)
class Event:
    kind: str
    audio_s: float
    data: Mapping[str, object]


def tones(abstained: bool) -> list[Event]:
    data = {"arousal": 0.6, "anger": 0.4, "abstained": abstained, "reason": "too noisy" if abstained else ""}
    return [Event("tone", 2.0 + 0.25 * step, data) for step in range(8)]


DECIDED = Event(
    "decided",
    5.2,
    {
        "destination": "complaints",
        "intent": "fault",
        "probability": 0.9,
        "rung": "final_text",
        "reasons": ["The words point to complaints ($ _ ^ are no mathematics). " * 5],
        "latency_ms": 640.0,
        "decided_audio_s": 5.2,
    },
)
WHOLE = [
    Event("notice_started", 0.0, {}),
    Event("notice_ended", 1.0, {}),
    Event("speech_started", 1.5, {}),
    Event("partial", 2.5, {"text": "أريد أن", "start_s": 1.5}),
    Event("final", 4.0, {"text": "أريد أن أقدم شكوى", "start_s": 1.5}),
    *tones(abstained=False),
    Event("end_of_utterance", 4.6, {"speech_end_audio_s": 4.0}),
    DECIDED,
]


def drawn(path: Path) -> np.ndarray:
    picture = np.asarray(imread(path))
    assert picture.shape[1] == 1210
    return picture[..., :3]


def has_colour(picture: np.ndarray, red: int, green: int, blue: int) -> bool:
    return bool((np.abs(picture - np.array([red, green, blue]) / 255).max(axis=-1) < 0.02).any())


def test_whole_call_shows_tone_and_decision(tmp_path: Path) -> None:
    path = tmp_path / "call.png"
    draw_call(WHOLE, PCM, path, title="a call", note="synthetic speech")
    picture = drawn(path)
    assert has_colour(picture, 0xE0, 0x8E, 0x0B)
    assert has_colour(picture, 0xC8, 0x28, 0x3C)
    assert has_colour(picture, 0x12, 0x71, 0x5B)


def test_abstained_tone_is_drawn_without_numbers(tmp_path: Path) -> None:
    path = tmp_path / "call.png"
    draw_call([*tones(abstained=True), DECIDED], PCM, path)
    picture = drawn(path)
    assert not has_colour(picture, 0xE0, 0x8E, 0x0B)
    assert not has_colour(picture, 0xC8, 0x28, 0x3C)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [DECIDED],
        [Event("key", 0.5, {"digit": "0"}), DECIDED],
        WHOLE[:4],
        [Event("degraded", 1.0, {"reason": "busy"})],
    ],
    ids=["nothing", "decision", "key", "hung up", "degraded"],
)
@pytest.mark.parametrize("samples", [0, 100, 48000])
def test_any_call_can_be_drawn(events: list[Event], samples: int, tmp_path: Path) -> None:
    path = tmp_path / "call.png"
    draw_call(events, PCM[:samples], path)
    drawn(path)
