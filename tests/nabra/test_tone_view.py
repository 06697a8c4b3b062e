"""The terminal's drawing of a recording: what must be seen is seen, at every width, with colours and without."""

import io

import pytest
from rich.console import Console, RenderableType

from nabra.tone_trace import ToneTrace
from nabra.tone_view import draw, summary
from tests.nabra.tones import Estimated, abstained, calm_then_angry, trace


def shown(drawing: RenderableType, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=50)
    with console.capture() as capture:
        console.print(drawing)
    return capture.get().splitlines()


def drawn(made: ToneTrace, width: int = 100, height: int = 30) -> list[str]:
    return shown(draw(made, width, height), width)


def row(lines: list[str], name: str) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith(name))


def test_everything_is_there() -> None:
    lines = drawn(calm_then_angry())
    text = "\n".join(lines)
    for name in ("sound", "anger", "alarm", "arousal", "valence", "seconds"):
        row(lines, name)
    assert "call.wav" in lines[0]
    assert "5.0 s / 5.0 s   speech 2.5 s" in lines[0]
    assert " ALARM at 3.00 s " in text
    assert "anger ↗ rising" in text
    assert "too little voice" in lines[row(lines, "anger") - 1]
    assert "╌" in lines[row(lines, "alarm") - 1] + lines[row(lines, "alarm") - 2]
    assert "≥8.5 %" in text
    for name, value in (("anger", "60 %"), ("alarm", "30 %"), ("arousal", "0.90"), ("valence", "0.10")):
        assert lines[row(lines, name)].rstrip().endswith(value)


def test_the_alarm_stands_at_its_time() -> None:
    lines = drawn(calm_then_angry())
    (mark,) = [line.index("▼") for line in lines if "▼" in line and not line.startswith("dim")]
    axis = lines[row(lines, "seconds")]
    assert abs(mark - axis.index("╵3")) <= 1


def test_angry_stands_above_calm_and_abstaining_below_both() -> None:
    lines = drawn(calm_then_angry(), height=12)
    bars = lines[row(lines, "anger")][9:]
    axis = lines[row(lines, "seconds")]
    abstains, calm, angry = (bars[axis.index(mark) - 9 + 5] for mark in ("╵0", "╵2", "╵3"))
    assert abstains == "·"
    assert 0 < " ▁▂▃▄▅▆▇█".index(calm) < " ▁▂▃▄▅▆▇█".index(angry)


def test_it_grows_while_it_is_heard() -> None:
    whole = calm_then_angry()
    part = trace(whole.estimates[:9], heard_s=2.25)
    lines = drawn(part)
    assert "2.2 s / 5.0 s" in lines[0] or "2.3 s / 5.0 s" in lines[0]
    assert "no alarm" in "\n".join(lines)
    assert len(lines[row(lines, "sound")].rstrip()) < 60
    assert drawn(part) == drawn(part)


def test_a_long_recording_scrolls_and_is_whole_at_the_end() -> None:
    long = calm_then_angry(120.0, alarm_s=100.0)
    axis = "".join(line for line in drawn(trace(long.estimates[:320], 120.0, 80.0)) if line.startswith("seconds"))
    assert "1:20" in axis
    assert "╵0" not in axis
    lines = drawn(long)
    assert "╵0" in lines[row(lines, "seconds")]
    assert "2:00.0 / 2:00.0" in lines[0]
    assert any("▼" in line for line in lines if not line.startswith("dim"))


@pytest.mark.parametrize("width", [1, 12, 20, 40, 79, 200])
@pytest.mark.parametrize("height", [1, 10, 24, 60])
@pytest.mark.parametrize(
    "made",
    [calm_then_angry(), trace([]), trace([], 0.01), trace([abstained(1.0)], 1.0), trace([Estimated(1.0)], 9.0, 1.0)],
    ids=["angry", "silent", "short", "abstains", "begun"],
)
def test_it_fits_every_terminal(made: ToneTrace, width: int, height: int) -> None:
    lines = drawn(made, width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= (20 if height >= 21 else 9)


def test_nothing_is_said_by_colour_alone() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, no_color=True)
    with console.capture() as capture:
        console.print(draw(calm_then_angry(), 100, 30))
    assert "ALARM at 3.00 s" in capture.get()
    assert "\x1b[2m" in capture.get(), "what is unsure is dim"
    assert "\x1b[31m" not in capture.get()


def test_what_is_unsure_is_dim() -> None:
    def codes(confidence: float) -> str:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
        with console.capture() as capture:
            console.print(draw(trace([Estimated(t / 4, confidence=confidence) for t in range(1, 21)]), 100, 12))
        return next(line for line in capture.get().splitlines() if "arousal" in line)

    assert "\x1b[2;33m" in codes(0.3)
    assert "\x1b[2;33m" not in codes(0.9)


def test_an_alarm_that_is_over_stays_on_record() -> None:
    items = [*calm_then_angry().estimates, Estimated(5.25, alarmed_at_s=3.0)]
    assert "alarm at 3.00 s, over now" in "\n".join(drawn(trace(items, 5.25)))


def test_why_there_is_no_alarm_yet_is_said() -> None:
    early = Estimated(1.25, voiced_s=1.2, anger=0.65, call_anger=0.0)
    assert "too early for an alarm: 1.2 s of 1.5 s" in "\n".join(drawn(trace([early], heard_s=1.25)))
    assert "too little voice for an alarm: 1.2 s of 1.5 s" in "\n".join(drawn(trace([early])))
    assert "no alarm" in "\n".join(drawn(trace([early, Estimated(1.75, voiced_s=1.6)], heard_s=1.75)))


def test_no_voice_is_said() -> None:
    assert "no voice was heard" in "\n".join(drawn(trace([])))
    assert "no voice yet" in "\n".join(drawn(trace([], heard_s=1.0)))


def test_a_name_cannot_write_on_the_screen() -> None:
    lines = drawn(trace([], name="a\x1b[2Jb\u202e[red]c.wav"))
    assert "a[2Jb[red]c.wav" in lines[0]


def test_the_summary_has_a_line_for_each() -> None:
    noisy, early = abstained(1.0, "too noisy"), Estimated(1.25, voiced_s=1.2, anger=0.65, call_anger=0.0)
    lines = shown(summary([calm_then_angry(), *(trace(items) for items in ([noisy], [], [Estimated(1.0)], [early]))]))
    assert len(lines) == 6
    ends = ("at 3.00 s", "abstains: too noisy", "abstains: no voice", "none", "too little voice for one")
    for line, end in zip(lines[1:], ends, strict=True):
        assert line.rstrip().endswith(end)
    assert "60 %" in lines[1]
