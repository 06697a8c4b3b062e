"""check, explain and pbx-files, run as an operator runs them."""

import json
import shutil
from pathlib import Path

import pytest

from nabra.commands.check import examine
from nabra.operations.records import RecordStore, RecordStoreSettings
from tests.conftest import ROOT
from tests.nabra.command_line import nabra, rows
from tests.nabra.test_commands import UPGRADE

DEFAULTS = ROOT / "config" / "defaults"


@pytest.fixture
def own_config(tmp_path: Path) -> Path:
    shutil.copytree(DEFAULTS, tmp_path / "config")
    return tmp_path / "config" / "nabra.yaml"


def change(path: Path, old: str, new: str) -> int:
    """Replace a text that must be there, and return the line that it is on."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_the_shipped_config_can_be_used() -> None:
    done = nabra("check")
    assert done.returncode == 0, done.stdout
    assert "can be used" in done.stdout


def test_check_names_the_place_and_the_nearest_name(own_config: Path) -> None:
    line = change(own_config, "default: reception", "default: recepton")
    done = nabra("check", "--json", own_config)
    assert done.returncode == 1
    (problem,) = [json.loads(row) for row in done.stdout.splitlines()]
    assert problem["level"] == "error"
    assert (problem["file"], problem["line"], problem["column"]) == (str(own_config), line, 10)
    assert problem["nearest"] == "reception"
    plain = nabra("check", own_config)
    assert f"{own_config}:{line}:10: error:" in plain.stdout
    assert "cannot be used: 1 to mend" in plain.stdout


def test_check_compiles_the_rules(own_config: Path) -> None:
    line = change(own_config, 'when: intent == "fraud"', 'when: intnt == "fraud"')
    done = nabra("check", "--json", own_config)
    assert done.returncode == 1
    (problem,) = [json.loads(row) for row in done.stdout.splitlines()]
    assert problem["line"] == line
    assert problem["nearest"] == "intent"


def test_check_refuses_a_missing_notice(own_config: Path) -> None:
    (own_config.parent / "prompts" / "notice.ar.wav").unlink()
    done = nabra("check", own_config)
    assert done.returncode == 1
    assert "notice.ar.wav" in done.stdout


def test_check_takes_many(own_config: Path, tmp_path: Path) -> None:
    done = nabra("check", own_config, tmp_path / "nowhere.yaml")
    assert done.returncode == 1
    assert "can be used" in done.stdout
    assert "nowhere.yaml" in done.stdout


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    rows(nabra("route", "--json", UPGRADE, "--records", folder / "routed.jsonl"))
    (record,) = [json.loads(line) for line in (folder / "routed.jsonl").read_text().splitlines()]
    store = RecordStore(RecordStoreSettings(folder / "records"))
    store.start()
    for call in ("aaaa1111", "aaaa2222", "bbbb3333"):
        store.put({**record, "call": call})
    store.put(
        {
            "kind": "outcome",
            "call": "bbbb3333",
            "outcome": "queue_answer",
            "queue": "sales",
            "waited_s": 2.5,
            "time": "2027-01-15T12:00:00.250+00:00",
        }
    )
    assert store.close()
    return folder


def test_explain_tells_the_call_and_what_came_after(records: Path) -> None:
    done = nabra("explain", "bbbb", "--records", records / "records")
    assert done.returncode == 0, done.stderr
    assert "call bbbb3333" in done.stdout
    assert 'words: "' in done.stdout
    assert "السبب" in done.stdout
    assert "afterwards:\n  2027-01-15T12:00:00.250+00:00 queue answer queue=sales waited_s=2.5\n" in done.stdout


def test_explain_takes_a_file_and_tells_every_call_of_a_prefix(records: Path) -> None:
    assert 'words: "' in nabra("explain", records / "routed.jsonl").stdout
    both = nabra("explain", "aaaa", "--records", records / "records").stdout
    assert "call aaaa1111" in both
    assert "call aaaa2222" in both


def test_explain_tells_the_calls_of_a_file_in_order_of_time(records: Path, tmp_path: Path) -> None:
    record = json.loads((records / "routed.jsonl").read_text(encoding="utf-8"))
    began = {"third": 3e9, "first": 1e9, "second": 2e9}
    afterwards = {"kind": "outcome", "call": "unknown", "outcome": "queue_join"}
    lines = [afterwards, *({**record, "call": call, "wall_anchor": at} for call, at in began.items())]
    file = tmp_path / "calls.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    told = rows(nabra("explain", "--json", file))
    assert [line["call"] for line in told] == ["first", "second", "third", "unknown"]


def test_explain_json_is_the_store(records: Path) -> None:
    lines = rows(nabra("explain", "bbbb", "--json", "--records", records / "records"))
    assert [line["kind"] for line in lines] == ["decision", "outcome"]


def test_explain_says_what_it_does_not_find(records: Path, tmp_path: Path) -> None:
    done = nabra("explain", "cccc", "bbbb", "--records", records / "records")
    assert done.returncode == 1
    assert "no call begins with 'cccc'" in done.stderr
    assert "call bbbb3333" in done.stdout
    assert "cannot be read" in nabra("explain", "cccc", state=tmp_path).stderr


def test_pbx_files_come_from_the_config_and_are_never_overwritten(own_config: Path, tmp_path: Path) -> None:
    change(own_config, "total_s: 20", "total_s: 17")
    done = nabra("pbx-files", tmp_path / "a folder", "--config", own_config, "--percent", 10)
    assert done.returncode == 0, done.stderr
    dialplan = (tmp_path / "a folder" / "extensions_nabra.conf").read_text()
    assert "TIMEOUT(absolute)=17" in dialplan
    assert "exten => selfservice," in dialplan
    assert "A password was made up" in done.stdout
    before = (tmp_path / "a folder" / "manager_nabra.conf").read_text()
    again = nabra("pbx-files", tmp_path / "a folder", "--config", own_config)
    assert again.returncode == 1
    first, *files, mend = again.stderr.splitlines()
    assert "not overwritten" in first
    assert f"    {tmp_path / 'a folder' / 'manager_nabra.conf'}" in files
    assert len(files) == len([path for path in (tmp_path / "a folder").rglob("*") if path.is_file()])
    assert "move" in mend
    assert (tmp_path / "a folder" / "manager_nabra.conf").read_text() == before


def test_pbx_files_for_a_pbx_that_is_not_there(tmp_path: Path) -> None:
    done = nabra("pbx-files", tmp_path / "x", "--pbx", "branch")
    assert done.returncode == 1
    assert "main" in done.stderr


def test_explain_of_a_file_without_records_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", encoding="utf-8")
    done = nabra("explain", empty)
    assert (done.returncode, done.stderr) == (1, f"nabra: {empty} holds no records\n")


def test_the_commands_in_the_shipped_config_are_understood() -> None:
    from nabra.cli import build_parser

    text = (DEFAULTS / "nabra.yaml").read_text(encoding="utf-8")
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   nabra ")]
    commands = [line.split("  ")[0].split()[1:] for line in lines]
    assert [words[0] for words in commands] == ["check", "serve"]
    for words in commands:
        build_parser().parse_args(words)


def test_a_folder_that_is_no_model_is_an_error_at_its_place(own_config: Path) -> None:
    line = change(own_config, "ar: {engine: none}", "ar: {engine: vosk, path: prompts}")
    errors = [remark for remark in examine(own_config) if remark.error]
    assert len(errors) == 1
    assert "not a whole Vosk model" in errors[0].text
    assert errors[0].position is not None
    assert errors[0].position.line == line
