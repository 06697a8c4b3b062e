"""What is promised is set beside what was measured: where it stands, in a table and in a picture."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks import promises, report
from benchmarks.asr_figures import Figure, Finding, left_out, of_mean, percentile

LATE = Figure("p95", 1200.0, "ms", 1500, 900, 1100.0, 1300.0)
FEW = Figure("callers", 2.0, "callers", 5, 8, more_is_better=True)
FLAT = Figure("growth", 3.0, "%", 2, 2)
NONE = Figure("p50", None, "ms", 900, 600)
FOUND = Finding("waiting", "a reading", "model-1", 60, (LATE, FEW, FLAT, NONE), "one call at a time")


def printed(tables: Sequence[Table], width: int = 140) -> str:
    page = Console(file=io.StringIO(), width=width)
    page.print(*tables)
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue()


def test_a_figure_knows_what_it_reaches() -> None:
    assert (LATE.holds, LATE.aim_met) == (True, False)
    assert (FEW.holds, FEW.aim_met) == (False, False)
    assert (Figure("kept", 99.95, "%", 99, 99.9, more_is_better=True).aim_met) is True
    assert (NONE.holds, NONE.aim_met, Figure("plain", 1.0, "s").holds) == (None, None, None)


def test_a_finding_becomes_a_row_with_its_audio_and_its_model() -> None:
    row = report.as_row("asr", FOUND.as_row())
    assert (row.audio, row.model, row.count) == ("a reading", "model-1", 60)
    assert row.note == "one call at a time"
    stored = row.as_json()
    assert stored["audio"] == "a reading"
    assert isinstance(stored["figures"], list)
    assert stored["figures"][0]["floor"] == 1500
    assert "figures" not in report.as_row("asr", left_out("waiting", "no model").as_row()).as_json()


@pytest.mark.parametrize(
    ("figure", "at"),
    [
        (Figure("at the floor", 1500.0, "ms", 1500, 900), 0.0),
        (Figure("at the aim", 900.0, "ms", 1500, 900), 1.0),
        (Figure("better", 600.0, "ms", 1500, 900), 1.5),
        (Figure("worse", 4.0, "callers", 5, 8, more_is_better=True), -1 / 3),
        (Figure("none invented", 0.0, "words", 0, 0), 1.0),
        (Figure("one invented", 1.0, "words", 0, 0), -1.0),
        (Figure("hardly missed", 1.09, "%", 1, 1), -0.09),
        (Figure("missed", 4.26, "%", 3, 3), -0.42),
        (Figure("kept", 1.5, "%", 3, 3), 1.5),
        (Figure("one lost", 99.0, "%", 100, 100, more_is_better=True), -0.01),
        (Figure("all decided", 100.0, "%", 100, 100, more_is_better=True), 1.0),
    ],
)
def test_floor_and_aim_are_the_scale(figure: Figure, at: float) -> None:
    row = Finding("x", "", "", 1, (figure,), "").as_row()
    stored = report.as_row("asr", row).figures[0]
    assert promises.place(stored, stored["value"]) == pytest.approx(at)


@pytest.mark.parametrize("marks", [(3, 3), (4, 3), (0, 0)])
@pytest.mark.parametrize("value", [0.0, 1.0, 3.0, 3.01, 3.5, 4.0, 4.01, 11.5])
def test_what_misses_a_mark_is_drawn_on_its_worse_side(marks: tuple[float, float], value: float) -> None:
    for sign in (1, -1):
        figure = Figure("x", sign * value, "%", sign * marks[0], sign * marks[1], more_is_better=sign < 0)
        at = promises.place(
            {"floor": figure.floor, "aim": figure.aim, "more_is_better": figure.more_is_better}, sign * value
        )
        assert (at >= 0, at >= 1) == (figure.holds, figure.aim_met)


def test_the_table_names_floor_and_aim_and_which_is_reached() -> None:
    shown_table = printed([promises.table([report.as_row("asr", FOUND.as_row())])])
    reached = [promises.reached(figure) for figure in report.as_row("asr", FOUND.as_row()).figures]
    assert reached == ["floor", "neither", "neither", ""]
    for shown in ("1200 ms", "1100 - 1300", "1500", "900", "neither"):
        assert shown in shown_table
    assert promises.QUICK not in shown_table


def test_a_quick_look_judges_no_promise() -> None:
    row = report.as_row("asr", FOUND.as_row(), quick=True)
    assert [promises.verdict(row, figure) for figure in row.figures] == [promises.QUICK] * 3 + [""]
    shown = printed([promises.table([row])])
    assert "neither" not in shown
    assert "No promise is kept or broken by it" in " ".join(shown.split())
    facts = report.machine()
    assert "no promise is kept or broken" in promises.title(facts, [row])
    assert "quick" not in promises.title(facts, [report.as_row("asr", FOUND.as_row())]).lower()
    assert row.as_json()["quick"] is True


def test_each_figure_is_printed_once() -> None:
    """Like rows side by side, what is promised of them apart; a row of its own kind by itself."""
    rows = [
        report.as_row("decide", finding.as_row())
        for finding in (
            Finding(
                "cut", "", "", 21, (Figure("heard", 1.25, "s", None, None, 1.11, 1.37), Figure("wrong", 7.5, "%")), ""
            ),
            Finding("rule", "", "", 22, (Figure("heard", 2.25, "s"), Figure("wrong", 3.75, "%", 3, 3)), ""),
            Finding("whole", "", "", 23, (Figure("heard", 4.25, "s"), Figure("wrong", None, "%")), ""),
            Finding("alone", "", "", 24, (Figure("kept", 99.5, "%", None, None, 98.5, 99.75),), ""),
        )
    ]
    others = list(promises.others(rows))
    assert len(others) == 2
    shown = printed([promises.table(rows), *others])
    for value in ("1.25", "1.11 - 1.37", "7.5", "2.25", "3.75 %", "4.25", "99.5 %", "98.5 - 99.8"):
        assert shown.count(value) == 1, value
    assert "neither" in shown
    narrow = printed(others, width=60)
    for value in ("1.25", "1.37", "7.5", "2.25", "4.25", "99.5 %"):
        assert value in narrow, value
    assert list(promises.others([report.as_row("asr", FOUND.as_row())])) == []


@pytest.mark.parametrize("quick", [False, True])
def test_the_picture_is_drawn(tmp_path: Path, quick: bool) -> None:
    promises.write_plot(tmp_path / "p.png", report.machine(), [report.as_row("asr", FOUND.as_row(), quick)])
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_intervals_hold_their_mean_and_percentiles_need_values() -> None:
    low, high = of_mean([1.0, 2.0, 3.0, 4.0])
    assert 1.0 <= low < 2.5 < high <= 4.0
    assert percentile([], 95) is None
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
