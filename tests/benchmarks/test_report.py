"""The benchmark's report: every way a stage may state its figures ends as one kind of row."""

import json
import socket
from pathlib import Path

import pytest

from benchmarks import report, stages, telephony_stages
from benchmarks.asr_figures import Figure, Finding
from benchmarks.timing import Spread, Stage, Stopwatch, measure_calls
from nabra.cli import main
from tests.nabra.command_line import nabra


def test_a_spread_is_of_what_was_measured() -> None:
    spread = Spread.of_nanoseconds([1000 * value for value in range(1, 1001)])
    assert (spread.mean, spread.p50, spread.max) == (500.5, 500.5, 1000.0)
    assert spread.p50 < spread.p95 < spread.p99 < spread.p999 < spread.max


def test_a_stopwatch_counts_only_what_is_inside() -> None:
    watch = Stopwatch()
    for _ in range(3):
        with watch:
            sum(range(1000))
    stage = watch.stage("room", "name", "frame")
    assert (stage.count, len(watch)) == (3, 3)
    assert stage.cpu_us.p50 > 0
    assert stage.wall_us.max > 0


def test_calls_before_the_count_warm_up() -> None:
    calls: list[int] = []
    assert measure_calls("room", "name", "call", lambda: calls.append(1), count=7).count == 7
    assert len(calls) > 7


ROW = {"stage": "asr: one", "unit": "ms", "n": 9, "p50": 1.5, "p999": 2.0}


def test_rows_of_either_kind_are_shown_alike() -> None:
    flat = report.as_row("asr", ROW)
    assert (flat.name, flat.count, flat.wall_us) == ("one", 9, None)
    assert flat.cpu_us == {"p50": 1500.0, "p999": 2000.0}
    both = report.as_row("asr", {"stage": "x", "unit": "us", "n": 1, "wall_p50": 3, "cpu_p50": 2})
    assert (both.wall_us, both.cpu_us) == ({"p50": 3.0}, {"p50": 2.0})
    spread = Spread(1, 2, 3, 4, 5, 6)
    own = report.as_row("asr", Stage("asr", "x", "frame", 5, spread, spread, "a note"))
    assert own.cpu_us == {"mean": 1, "p50": 2, "p95": 3, "p99": 4, "p999": 5, "max": 6}
    assert own.note == "a note"


def test_every_stage_module_is_found_and_one_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"telephony_stages", "path_stages", "intent_stages"} <= set(report.modules())

    def fail(quick: bool) -> list[Stage]:
        raise FileNotFoundError("no model")

    monkeypatch.setattr(telephony_stages, "measure", fail)
    told: list[str] = []
    assert list(report.collect(True, ["telephony_stages"], told.append)) == [
        report.Skipped("telephony_stages", "FileNotFoundError: no model")
    ]
    assert told == ["telephony_stages"]


def test_no_two_rows_of_a_module_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephony_stages, "measure", lambda quick: [ROW, ROW | {"stage": "two"}, ROW])
    rows = [row for row in report.collect(True, ["telephony_stages"], lambda _: None) if isinstance(row, report.Row)]
    assert [row.name for row in rows] == ["asr: one", "two", "asr: one (2)"]
    assert all(row.quick for row in rows)


def test_the_facts_of_the_machine_name_nobody(tmp_path: Path) -> None:
    rows = [report.as_row("asr", ROW)]
    report.write_json(tmp_path / "b.json", report.machine(), rows, [], cost=None, quick=True)
    text = (tmp_path / "b.json").read_text()
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    assert {"cores", "cpu", "versions", "load_average"} <= set(json.loads(text)["machine"])
    report.write_plot(tmp_path / "b.png", report.machine(), rows)
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_measures_a_stage_and_leaves_files(tmp_path: Path) -> None:
    done = nabra("bench", "telephony", "--quick", "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert list(line) == ["module", "stage", "n", "wall_us", "cpu_us", "note"]
        assert {"p50", "p95", "p99", "p999"} <= set(line["cpu_us"])
    stored = json.loads((tmp_path / "bench.json").read_text())
    assert [row["stage"] for row in stored["stages"]] == [line["stage"] for line in lines]
    assert (tmp_path / "bench.png").exists()


def test_figures_without_times_are_a_list_below_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "AUC 0.876, seeds differ by 0.001: acted 0.846 (0.80-0.88), spoken 0.807 (0.74-0.87); from training"
    rows = [{"stage": "telephony: how well", "n": 9, "note": note}, ROW | {"stage": "telephony: how fast"}]
    monkeypatch.setattr(telephony_stages, "measure", lambda quick: rows)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["bench", "telephony", "--quick", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    table, _, below = shown.partition("└")
    assert "telephony: how fast" in table
    assert "how well" not in table
    assert [line.rstrip() for line in below.splitlines()[2:5]] == [
        "telephony: how well",
        "    AUC 0.876, seeds differ by 0.001: acted 0.846 (0.80-0.88), spoken 0.807",
        "    (0.74-0.87); from training",
    ]


PROMISED = Finding("how often", "texts", "words", 9, (Figure("wrong", 4.37, "%", 3, 3),), "one draw of nine texts")


def test_a_figure_is_printed_once_and_how_it_was_measured_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(telephony_stages, "measure", lambda quick: [PROMISED.as_row()])
    monkeypatch.setenv("COLUMNS", "120")
    for option, notes in ((), 0), (("--notes",), 1):
        assert main(["bench", "telephony", "--quick", *option, "--out", str(tmp_path)]) == 0
        shown = capsys.readouterr().out
        assert shown.count("4.37") == 1
        assert shown.count("one draw of nine texts") == notes
        assert "quick look" in shown
        assert "neither" not in shown
    stored = json.loads((tmp_path / "bench.json").read_text())["stages"]
    assert [(row["note"], row["quick"]) for row in stored] == [("one draw of nine texts", True)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "promises.png"]


def test_help_names_every_stage() -> None:
    said = " ".join(nabra("bench", "--help").stdout.split())
    assert f"only these of {', '.join(stages())} " in said
    assert len(stages()) == len(report.modules()) >= 7


def test_a_stage_that_there_is_not_is_told() -> None:
    done = nabra("bench", "singing")
    assert done.returncode == 2
    assert "telephony" in done.stderr
