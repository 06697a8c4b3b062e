"""The picture of a recording's tone is drawn for whatever may have been heard, and shows it."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from nabra import tone_picture
from nabra.tone_picture import draw_tone
from nabra.tone_trace import ToneTrace
from tests.nabra.tones import Estimated, abstained, calm_then_angry, trace

ANGER, AROUSAL, VALENCE, CALL = (0xC8, 0x28, 0x3C), (0xE0, 0x8E, 0x0B), (0x3A, 0x8F, 0x57), (0x2F, 0x3E, 0x66)


def drawn(made: ToneTrace, path: Path) -> np.ndarray:
    draw_tone(made, path)
    picture = np.asarray(imread(path))
    assert picture.shape[:2] == (770, 1210)
    return picture[..., :3]


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture - np.array(colour) / 255).max(axis=-1) < 0.02).sum())


def sure(made: ToneTrace) -> ToneTrace:
    """The same with full confidence: colours without transparency."""
    items = [Estimated(e.t_s, anger=e.anger, call_anger=e.call_anger, confidence=1.0) for e in made.estimates]
    return trace(items, made.length_s)


def test_curves_call_and_alarm_are_shown(tmp_path: Path) -> None:
    picture = drawn(sure(calm_then_angry()), tmp_path / "tone.png")
    for colour in (ANGER, AROUSAL, VALENCE, CALL):
        assert count(picture, colour) > 200, colour
    with_alarm = drawn(calm_then_angry(), tmp_path / "alarm.png")
    shaded = (0xC8 * 0.1 + 255 * 0.9, 0x28 * 0.1 + 255 * 0.9, 0x3C * 0.1 + 255 * 0.9)
    shaded = tuple(round(value) for value in shaded)
    assert count(with_alarm, shaded) > 5000  # type: ignore[arg-type]
    assert count(picture, shaded) < 500  # type: ignore[arg-type]


def test_confidence_is_seen(tmp_path: Path) -> None:
    certain = [Estimated(t / 4, confidence=1.0) for t in range(1, 21)]
    unsure = [Estimated(t / 4, confidence=0.2) for t in range(1, 21)]
    first, second = drawn(trace(certain), tmp_path / "a.png"), drawn(trace(unsure), tmp_path / "b.png")
    assert count(first, AROUSAL) > 500 > count(second, AROUSAL)


def test_where_it_abstains_there_are_no_curves(tmp_path: Path) -> None:
    picture = drawn(trace([abstained(t / 4, "too noisy") for t in range(1, 21)]), tmp_path / "tone.png")
    for colour in (AROUSAL, VALENCE, CALL):
        assert count(picture, colour) == 0


@pytest.mark.parametrize("anger", [1e-6, 0.03, 1.0 - 1e-6])
def test_names_of_curves_are_never_cut(anger: float, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    monkeypatch.setattr(tone_picture, "save", lambda figure, _path: kept.append(figure))
    items = [Estimated(t / 4, anger=anger, call_anger=anger, arousal=anger, valence=anger) for t in range(1, 21)]
    draw_tone(trace(items), Path("tone.png"))
    (figure,) = kept
    figure.canvas.draw()
    named = {
        text.get_text().split()[0]: (axes.get_window_extent(), text.get_window_extent())
        for axes in figure.axes
        for text in axes.texts
    }
    for name in ("call", "now", "arousal", "valence"):
        ground, box = named[name]
        assert ground.y0 <= box.y0, name
        assert box.y1 <= ground.y1 + 1.0, name
    lowest = min(float(np.min(line.get_ydata())) for line in figure.axes[2].lines)
    assert figure.axes[2].get_ylim()[0] < lowest


@pytest.mark.parametrize(
    "made",
    [
        trace([], 0.0),
        trace([], 0.01),
        trace([], 3.0),
        trace([Estimated(0.25)], 0.25),
        trace([Estimated(1.0, anger=1.0, call_anger=1.0), abstained(1.25), Estimated(1.5, anger=0.0)], 2.0),
        calm_then_angry(400.0),
        trace([Estimated(1.0)], 2.0, name="$x^_{ غضب \n.wav"),
    ],
    ids=["nothing", "short", "silent", "one", "odd", "long", "name"],
)
def test_any_recording_can_be_drawn(made: ToneTrace, tmp_path: Path) -> None:
    drawn(made, tmp_path / "tone.png")
