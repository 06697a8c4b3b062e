"""The live view and its lines: fitted to the terminal, safe to print, honest about what is not known."""

import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from rich.cells import cell_len
from rich.console import Console

from nabra.demo.pbx import PlacedCall
from nabra.demo.samples import load_samples
from nabra.demo.story import ToneAt
from nabra.demo.view import Row, View, shown_text, sparkline, spoken_time

SAMPLES = {sample.name: sample for sample in load_samples()}


@dataclass(frozen=True)
class Event:
    call: str
    kind: str
    at_s: float
    audio_s: float
    data: Mapping[str, object]


def row(name: str, *said_s: tuple[float, float]) -> Row:
    return Row(PlacedCall(SAMPLES[name], uuid.uuid4(), "PJSIP/x", "1.1", said_s=list(said_s)))


def screen(rows: dict[str, Row], width: int = 80, height: int = 24) -> View:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    return View(console, rows)


def drawn(view: View) -> list[str]:
    with view.console.capture() as captured:
        view.console.print(view.renderable())
    return captured.get().splitlines()


def play(
    view: View, call: str, *, decided: bool, text: str = "I want to complain about my bill", behind_s: float = 0.0
) -> None:
    """Play a call whose notice ends at 5.2 s of its audio, and which is decided at 5.6 s of it."""
    events: list[tuple[str, dict[str, object]]] = [
        ("call_opened", {}),
        ("notice_started", {}),
        ("notice_ended", {}),
        ("speech_started", {}),
        ("tone", {"arousal": 0.9, "anger": 0.1, "abstained": False, "reason": ""}),
        ("partial", {"text": text, "start_s": 5.0}),
    ]
    if decided:
        data: dict[str, object] = {
            "destination": "complaints",
            "reasons": ["The words say so."],
            "reasons_ar": ["قالت الكلمات"],
        }
        events.append(("decided", data))
    for number, (kind, data) in enumerate(events):
        at_s = 100.0 + number / 10 + (behind_s if kind == "decided" else 0.0)
        view.receive(Event(call, kind, at_s, 5.0 + number / 10, data))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 10)])
@pytest.mark.parametrize("live", [1, 6, 16])
def test_the_picture_of_the_moment_fits_the_terminal(width: int, height: int, live: int) -> None:
    rows = {str(number): row(name) for number, name in enumerate(SAMPLES)}
    view = screen(rows, width, height)
    for number, call in enumerate(rows):
        play(view, call, decided=number >= live, text="word " * 40)
    lines = drawn(view)
    assert all(cell_len(line) <= width for line in lines)
    if height >= 24:
        assert len(lines) <= height
    if live <= 6 and height >= 24:
        assert sum("why: The words say so." in line for line in lines) >= 2


def test_a_live_call_shows_words_tone_and_then_where_it_goes() -> None:
    view = screen({"a": row("complaint-bill", (4.0, 5.0))})
    play(view, "a", decided=False)
    text = "\n".join(drawn(view))
    assert "I want to complain about my bill" in text
    assert "0.90" in text
    assert "█" in text
    play(view, "a", decided=True)
    text = "\n".join(drawn(view))
    assert "→ complaints" in text
    assert "600 ms" in text


def test_abstention_shows_its_reason_and_no_numbers() -> None:
    view = screen({"a": row("silent")})
    play(view, "a", decided=False)
    data = {"arousal": 0.5, "anger": 0.5, "abstained": True, "reason": "too noisy"}
    view.receive(Event("a", "tone", 110.0, 6.0, data))
    text = "\n".join(drawn(view))
    assert "abstains: too noisy" in text
    assert "0.50" not in text


def test_reasons_are_told_to_arabic_callers_in_arabic() -> None:
    view = screen({"a": row("arabic-bill")})
    play(view, "a", decided=True)
    assert any("قالت الكلمات" in line for line in drawn(view))


@pytest.mark.parametrize(
    ("said_s", "behind_s", "when", "cells"),
    [
        ([(4.0, 5.0)], 0.0, "600 ms after the end of speech", ["600 ms"]),
        ([(4.0, 5.95)], 0.0, "350 ms before the end of speech", ["-350 ms"]),
        ([(2.0, 3.0), (4.0, 5.0)], 0.0, "600 ms after the end of speech", ["600 ms"]),
        ([(4.0, 5.0), (5.7, 9.0)], 0.0, "600 ms after the end of speech", ["600 ms"]),
        ([(4.0, 5.95)], 2.0, "350 ms before the end of speech; the machine was 2000 ms behind", ["-350 ms", "2000 ms"]),
        ([(5.7, 9.0)], 2.0, "the machine was 2000 ms behind", ["- 2000 ms"]),
        ([], 0.0, "", []),
    ],
)
def test_line_and_table_say_when_in_the_time_of_the_audio_and_how_far_the_machine_was_behind(
    said_s: list[tuple[float, float]], behind_s: float, when: str, cells: list[str]
) -> None:
    one = row("complaint-bill", *said_s)
    view = screen({"a": one}, width=140)
    play(view, "a", decided=True, behind_s=behind_s)
    assert one.when == when
    line = view.line(Event("a", "decided", 110.0, 5.6, {}), 100.0)
    assert line is not None
    assert f"goes to complaints{f' ({when})' if when else ''}: The words say so." in line
    with view.console.capture() as captured:
        view.console.print(view.table())
    table = " ".join(captured.get().split())
    assert all(cell in table for cell in cells)
    assert (" behind " in table) is (behind_s > 0.0)


def test_no_latency_is_a_dash() -> None:
    assert row("silent").latency_ms is None
    assert spoken_time(None) == "-"


def test_lines_for_a_pipe() -> None:
    view = screen({"a": row("key-zero")})
    told = []
    for kind, data in (
        ("call_opened", {}),
        ("notice_ended", {}),
        ("key", {"digit": "0"}),
        ("decided", {"destination": "reception", "reasons": ["The caller pressed 0."]}),
        ("queue_join", {"queue": "reception"}),
        ("record", {}),
    ):
        event = Event("a", kind, 101.5, 5.0, data)
        view.receive(event)
        told.append(view.line(event, 100.0))
    assert told[0] == "  1.50 s  +12025550113  calls (key-zero, en)"
    assert told[2] is not None
    assert told[2].endswith("presses 0")
    assert told[3] is not None
    assert "goes to reception: The caller pressed 0." in told[3]
    assert told[5] is None
    assert view.line(Event("b", "key", 1.0, 1.0, {}), 0.0) is None


def test_table_marks_what_a_person_would_have_sent_elsewhere() -> None:
    view = screen({"a": row("complaint-bill"), "b": row("sales-price")}, width=120)
    play(view, "a", decided=True)
    play(view, "b", decided=True)
    with view.console.capture() as captured:
        view.console.print(view.table())
    lines = captured.get().splitlines()
    assert "complaints *" not in next(line for line in lines if "complaint-bill" in line)
    assert "complaints *" in next(line for line in lines if "sales-price" in line)


@pytest.mark.parametrize("tail", [True, False])
@pytest.mark.parametrize("width", [1, 2, 10, 11, 40])
@pytest.mark.parametrize("text", ["", "plain words here", "أريد أن أقدم شكوى", "日本語のテキスト", "mixed نص text"])
def test_shown_text_fits(text: str, width: int, tail: bool) -> None:
    assert cell_len(shown_text(text, width, tail=tail).strip("\u2068\u2069")) <= width


def test_shown_text_is_harmless() -> None:
    assert shown_text("a\x1b[31mb\r\n\u202ec\x00", 40) == "a[31mbc"
    assert shown_text("شكوى", 40) == "\u2068شكوى\u2069"
    assert shown_text("one two three", 8, tail=True) == "…o three"
    assert shown_text("one two three", 8) == "one two…"


def test_sparkline_has_a_bar_for_each_estimate_and_dots_for_abstentions() -> None:
    tones = [ToneAt(0.0, 0.0, 1.0, False, ""), ToneAt(0.25, 1.5, -1.0, False, ""), ToneAt(0.5, 0.5, 0.5, True, "noise")]
    assert sparkline(tones, "arousal", 10) == "▁█·"
    assert sparkline(tones, "anger", 2) == "▁·"
