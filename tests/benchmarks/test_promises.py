"""What is promised is set beside what was measured: where it stands, in a table and in a picture."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import promises, report
from benchmarks.asr_figures import Figure, Finding, left_out, of_mean, percentile

LATE = Figure("p95", 1200.0, "ms", 1500, 900, 1100.0, 1300.0)
FEW = Figure("callers", 2.0, "callers", 5, 8, more_is_better=True)
FLAT = Figure("growth", 3.0, "%", 2, 2)
NONE = Figure("p50", None, "ms", 900, 600)
FOUND = Finding("waiting", "a reading", "model-1", 60, (LATE, FEW, FLAT, NONE), "one call at a time")


def test_a_figure_knows_what_it_reaches() -> None:
    assert (LATE.holds, LATE.aim_met) == (True, False)
    assert (FEW.holds, FEW.aim_met) == (False, False)
    assert (Figure("kept", 99.95, "%", 99, 99.9, more_is_better=True).aim_met) is True
    assert (NONE.holds, NONE.aim_met, Figure("plain", 1.0, "s").holds) == (None, None, None)
    assert str(LATE) == "p95: 1200 (1100 to 1300) ms"
    assert str(NONE) == "p50: not measured"


def test_a_finding_becomes_a_row_with_its_audio_and_its_model() -> None:
    row = report.as_row("asr", FOUND.as_row())
    assert (row.audio, row.model, row.count) == ("a reading", "model-1", 60)
    assert row.note.startswith("p95: 1200 (1100 to 1300) ms; callers: 2 callers; ")
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
        (Figure("one invented", 1.0, "words", 0, 0), 0.0),
        (Figure("all decided", 100.0, "%", 100, 100, more_is_better=True), 1.0),
    ],
)
def test_floor_and_aim_are_the_scale(figure: Figure, at: float) -> None:
    row = Finding("x", "", "", 1, (figure,), "").as_row()
    stored = report.as_row("asr", row).figures[0]
    assert promises.place(stored, stored["value"]) == pytest.approx(at)


def test_the_table_names_floor_and_aim_and_which_is_reached() -> None:
    page = Console(file=io.StringIO(), width=120)
    page.print(promises.table([report.as_row("asr", FOUND.as_row())]))
    assert isinstance(page.file, io.StringIO)
    reached = [promises.reached(figure) for figure in report.as_row("asr", FOUND.as_row()).figures]
    assert reached == ["floor", "neither", "neither", ""]
    for shown in ("1200 ms", "1100 - 1300", "1500", "900", "neither"):
        assert shown in page.file.getvalue()


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    promises.write_plot(tmp_path / "p.png", report.machine(), [report.as_row("asr", FOUND.as_row())])
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_intervals_hold_their_mean_and_percentiles_need_values() -> None:
    low, high = of_mean([1.0, 2.0, 3.0, 4.0])
    assert 1.0 <= low < 2.5 < high <= 4.0
    assert percentile([], 95) is None
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
