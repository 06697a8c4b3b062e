"""Pictures of calls and of tone: they are drawn for whatever may have happened, and show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from nabra.demo import picture as pictures
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


def texts_of(events: list[Event], monkeypatch: pytest.MonkeyPatch, **more: object) -> list[str]:
    """Draw a call, and return all that is written in its picture and not cut off."""
    kept: list[Figure] = []
    monkeypatch.setattr(pictures, "save", lambda figure, _path: kept.append(figure))
    draw_call(events, PCM, Path("call.png"), **more)  # type: ignore[arg-type]
    (figure,) = kept
    figure.canvas.draw()
    found = list(figure.texts)
    for axes in figure.axes:
        ground = axes.get_window_extent()
        for text in axes.texts:
            box = text.get_window_extent()
            if ground.x0 <= box.x0 and box.x1 <= ground.x1 and ground.y0 <= box.y0 and box.y1 <= ground.y1:
                found.append(text)
    return [text.get_text() for text in found]


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("start_s", [1.5, 4.9])
def test_all_that_was_decided_on_stands_in_the_picture(
    final: bool, start_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = [
        Event("notice_ended", 1.0, {}),
        Event("partial", 4.9, {"text": "I would like to make a kimmy.", "start_s": start_s}),
        Event("partial", 5.1, {"text": "I would like to make a complaint.", "start_s": start_s}),
    ]
    if final:
        heard.append(Event("final", 5.2, {"text": "I would like to make a complaint.", "start_s": start_s}))
    found = texts_of([*heard, DECIDED], monkeypatch)
    assert "complaint." in found
    assert "I would like to make a complaint." in found


def test_of_many_words_the_last_stand_in_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word{number}" for number in range(80)]
    found = texts_of([Event("final", 5.0, {"text": " ".join(words), "start_s": 1.5}), DECIDED], monkeypatch)
    (shown,) = [text for text in found if "word79" in text]
    assert shown.startswith("… ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize("speech_end_s", [4.0, 5.4, 8.0])
def test_when_it_was_decided_is_said_as_everywhere(speech_end_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    found = texts_of(WHOLE, monkeypatch, when="200 ms before the end of speech", speech_end_s=speech_end_s)
    assert any(text.startswith("200 ms before the end of speech   ·") for text in found)
    assert "end of speech" in found
    assert not any("end of speech" in text for text in texts_of(WHOLE, monkeypatch))


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
    assert apart([1.0, 1.0], 0.14) == pytest.approx([0.86, 1.0])
    assert apart([1.0] * 8, 0.14) == pytest.approx([0.06 + 0.14 * place for place in range(8)])


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
