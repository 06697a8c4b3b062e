"""Pictures of calls and of tone: they are drawn for whatever may have happened, and show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from nabra.demo.picture import draw_call
from nabra.drawing import apart

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


def alarmed(call_anger: float, *, alarmed: bool) -> list[Event]:
    more = {"anger": 0.01, "call_anger": call_anger, "alarmed": alarmed, "prior": 0.03}
    return [Event(event.kind, event.audio_s, {**event.data, **more}) for event in tones(abstained=False)]


def test_the_alarm_its_threshold_and_what_it_is_held_against_are_drawn(tmp_path: Path) -> None:
    red: dict[str, np.ndarray] = {}
    for name, events, alarm_at in (
        ("without", alarmed(0.0, alarmed=False), None),
        ("threshold", alarmed(0.0, alarmed=False), 0.085),
        ("call", alarmed(0.03, alarmed=False), 0.085),
        ("alarm", alarmed(0.2, alarmed=True), 0.085),
    ):
        draw_call([*events, DECIDED], PCM, tmp_path / f"{name}.png", alarm_at=alarm_at)
        picture = drawn(tmp_path / f"{name}.png")
        assert has_colour(picture, 0x2F, 0x3E, 0x66) is (name in ("call", "alarm"))
        red[name] = np.abs(picture - np.array([0xC8, 0x28, 0x3C]) / 255).max(axis=-1) < 0.25
    before_any_tone = np.s_[:, :250]
    assert not red["without"][before_any_tone].any()
    assert red["threshold"][before_any_tone].sum() > 50
    upright = [int(red[name].sum(axis=0).max()) for name in ("call", "alarm")]
    assert upright[1] > upright[0] + 50


def test_labels_stand_apart_near_their_curves_and_within_the_axes() -> None:
    assert apart([], 0.14) == []
    assert apart([0.5, 0.1], 0.14) == [0.5, 0.1]
    assert apart([0.5, 0.5], 0.14) == pytest.approx([0.43, 0.57])
    low = apart([0.02, 0.05, 0.01], 0.14)
    assert low == pytest.approx([0.2, 0.34, 0.06])


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
