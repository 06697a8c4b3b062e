"""nabra replay --recordings: every sample of the demo through the whole engine, gone on with, and decided again."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import config
import nabra.recordings
from nabra.commands import replay
from nabra.errors import NabraError
from nabra.recordings import Heard, Ledger, Task, hear, recordings_in, tasks_of
from nabra.whatif import loaded
from router.record import decision_to_json
from router.replay import WhatIf
from tests.nabra.test_commands import SAMPLES


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    replay.add(parser.add_subparsers())
    args = parser.parse_args([*map(str, words)])
    return int(args.func(args))


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's recordings, one twice and one broken, heard under the shipped configuration."""
    folder = tmp_path_factory.mktemp("heard")
    shutil.copytree(SAMPLES, folder / "calls")
    first = sorted((folder / "calls").glob("*.flac"))[0]
    shutil.copy(first, folder / "calls" / "again.flac")
    (folder / "calls" / "broken.wav").write_bytes(b"RIFF\x00\x00")
    assert (
        run("replay", "--recordings", folder / "calls", "--config", config.SHIPPED, "--out", folder, "--jobs", "2") == 1
    )
    return folder


def records_in(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.glob("records-*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_each_recording_is_heard_once_and_its_record_is_decided_again_byte_for_byte(heard: Path) -> None:
    records = records_in(heard)
    assert len(records) == len(list(SAMPLES.glob("*.flac")))
    whatif = WhatIf(loaded(config.SHIPPED))
    for record in records:
        again = whatif.decide(record)
        assert again.decision is not None
        assert json.dumps(decision_to_json(again.decision)) == json.dumps(record["decision"])


def test_a_run_goes_on_where_it_was(
    heard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    lines = (heard / "ledger.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    ledger.write_text("".join(lines[:-2]) + lines[-1][:100], encoding="utf-8")
    asked: list[Path] = []

    def from_before(task: Task) -> Heard:
        asked.append(task.path)
        return task, next(line["record"] for line in map(json.loads, lines) if line["key"] == task.key)

    monkeypatch.setattr(nabra.recordings, "_hear", from_before)
    shutil.copytree(heard / "calls", tmp_path / "calls", ignore=shutil.ignore_patterns("broken*"))
    words = ("replay", "--recordings", tmp_path / "calls", "--config", config.SHIPPED, "--out", tmp_path, "--jobs", "1")
    assert run(*words) == 0
    assert len(asked) == 2
    assert "changed 0" in capsys.readouterr().out
    assert sorted(map(str, records_in(tmp_path))) == sorted(map(str, records_in(heard)))
    assert run(*words) == 0
    assert len(asked) == 2


def test_what_is_broken_is_named_and_left_for_the_next_time(heard: Path, tmp_path: Path) -> None:
    broken = tasks_of([heard / "calls" / "broken.wav"], config.SHIPPED, "none", "en")
    ledger = Ledger(tmp_path / "ledger.jsonl")
    (said,) = hear(broken, ledger, 1, lambda: None)
    assert "broken.wav" in said
    assert broken[0] not in ledger


def test_two_configurations_are_compared_by_what_each_heard(
    heard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    for name in ("sales-upgrade.flac", "silent.flac"):
        shutil.copy(SAMPLES / name, calls)
    shutil.copytree(config.SHIPPED.parent, tmp_path / "b")
    edited = tmp_path / "b" / "nabra.yaml"
    rule = '  - name: "nobody sells"\n    when: destination == "sales"\n    then: {route: reception}\n'
    edited.write_text(edited.read_text(encoding="utf-8").replace("rules:\n", f"rules:\n{rule}", 1), encoding="utf-8")
    shutil.copy(heard / "ledger.jsonl", tmp_path)
    words = ("--config", tmp_path / "b", "--config", config.SHIPPED, "--out", tmp_path, "--jobs", "1", "--json")
    assert run("replay", "--recordings", calls, *words) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["result"] for row in rows} == {"same", "changed"}
    (changed,) = [row for row in rows if row["result"] == "changed"]
    assert (changed["was"]["destination"], changed["now"]["destination"]) == ("sales", "reception")
    assert changed["now"]["routed_by"] == ["rule_route", "nobody sells"]
    assert summary["calls"] == 2
    assert len(list(tmp_path.glob("records-*.jsonl"))) == 2


def test_a_folder_without_recordings_is_said(tmp_path: Path) -> None:
    with pytest.raises(NabraError, match="holds no recordings"):
        recordings_in(tmp_path)
