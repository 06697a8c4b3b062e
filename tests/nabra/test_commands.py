"""The commands over files, with the words that a user types."""

import json
import re
from pathlib import Path

import pytest

from emotion.training.labels import EMOTIONS, emotion_of, gender_of, side
from tests.conftest import ROOT
from tests.nabra.command_line import nabra, nabra_process, rows

SAMPLES = ROOT / "nabra" / "demo" / "samples"
UPGRADE = SAMPLES / "sales-upgrade.flac"
SILENT = SAMPLES / "silent.flac"


def test_help_names_every_command() -> None:
    done = nabra_process("--help")
    assert done.returncode == 0
    for name in (
        "demo",
        "serve",
        "route",
        "transcribe",
        "emotion",
        "train",
        "intent",
        "check",
        "explain",
        "doctor",
        "bench",
    ):
        assert f"    {name}" in done.stdout, name
    assert "pbx-files" in done.stdout


def test_a_mistyped_command_or_option_is_told_with_the_nearest_and_its_own_usage() -> None:
    for words, usage, said in (
        (("chek",), "usage: nabra [-h]", "there is no command 'chek'; did you mean 'check'?"),
        (("check", "--jsn"), "usage: nabra check", "nabra check knows no '--jsn'; did you mean '--json'?"),
        (("replay", "records", "--config=a.yaml", "--htm1=b"), "usage: nabra replay", "did you mean '--html'?"),
    ):
        done = nabra(*words)
        assert done.returncode == 2
        assert done.stderr.startswith(usage)
        assert said in done.stderr


def test_a_file_where_a_folder_is_needed_and_the_reverse_are_said(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    for words, said in (
        (("emotion", UPGRADE, "--picture", there), f"{there}: this is a file, and a folder is needed"),
        (("route", UPGRADE, "--records", tmp_path), f"{tmp_path}: this is a folder, and a file is needed"),
        (("pbx-files", there), f"cannot write {there}: a file stands where a folder is needed"),
    ):
        done = nabra(*words)
        assert done.returncode == 1
        assert done.stderr == f"nabra: {said}\n"
    assert there.read_text() == "mine"


def test_train_lists_labels_in_english_and_arabic() -> None:
    done = nabra("train", "--labels")
    assert done.returncode == 0
    assert "anger: anger, angry," in done.stdout
    assert "غاضب" in done.stdout
    read, listed = {"emotion": emotion_of, "arousal, valence, anger": side, "gender": gender_of}, 0
    for line in done.stdout.splitlines()[:-1]:
        name, _, words = line.partition(":")
        if not line.startswith("  "):
            reads = read.pop(name)
            continue
        for word in words.split(","):
            assert str(reads(word)).removesuffix(".0") == name.strip(), word
            listed += 1
    assert (read, listed > 90) == ({}, True)
    assert "nabra train --labels" in " ".join(nabra("train", "--help").stdout.split())


def test_route_prints_the_documented_fields() -> None:
    found = rows(nabra("route", "--json", UPGRADE, SILENT))
    assert [list(row) for row in found] == [
        [
            "file", "destination", "priority", "intent", "text", "anger", "arousal", "reasons", "rung",
            "speech_end_s", "decided_at_s", "latency_ms",
        ]
    ] * 2  # fmt: skip
    upgrade, silent = found
    assert upgrade["destination"] == "sales"
    assert "upgrade" in str(upgrade["text"]).lower()
    assert silent["destination"] == "reception"
    assert silent["speech_end_s"] is None
    assert silent["latency_ms"] is None


def test_route_draws_and_keeps_records(tmp_path: Path) -> None:
    kept = tmp_path / "records.jsonl"
    done = nabra("route", "--picture", tmp_path, "--records", kept, UPGRADE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sales-upgrade.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads(kept.read_text(encoding="utf-8"))
    assert record["decision"]["destination"] == "sales"


def test_transcribe_prints_the_documented_fields() -> None:
    (row,) = rows(nabra("transcribe", "--json", UPGRADE))
    assert list(row) == ["file", "text", "seconds", "cpu_s"]
    assert "faster internet" in str(row["text"]).lower()
    assert float(str(row["cpu_s"])) > 0


def test_transcribe_says_what_to_do_where_a_language_has_no_recogniser() -> None:
    done = nabra("transcribe", "--language", "ar", SAMPLES / "arabic-bill.flac")
    assert done.returncode == 1
    assert "speech.models" in done.stderr
    assert "Traceback" not in done.stderr


def test_emotion_prints_the_documented_fields() -> None:
    found = rows(nabra("emotion", "--json", UPGRADE))
    fields = [
        "file", "t_s", "voiced_s", "arousal", "valence", "anger", "confidence", "abstained", "reason", "alarmed",
        "call_anger", "trend", "feeling", "feeling_share",
    ]  # fmt: skip
    assert all(list(row) == fields for row in found)
    assert found[0]["abstained"] is True, "too little voice at first"
    assert found[0]["feeling"] == ""
    assert isinstance(found[-1]["feeling"], str)
    assert found[-1]["feeling"] in EMOTIONS
    assert 0.1 < float(str(found[-1]["feeling_share"])) < 1.0
    times = [float(str(row["t_s"])) for row in found]
    assert times == sorted(times)
    last = rows(nabra("emotion", "--json", "--last", UPGRADE, SILENT))
    assert len(last) == 2
    assert last[0] == found[-1]
    assert last[1]["abstained"] is True
    assert list(last[1]) == fields


def test_intent_reads_lines_in_english_and_arabic() -> None:
    found = rows(nabra("intent", "--json", text="i want to buy a new phone line\nmy card is four five six seven\n"))
    fields = ["text", "destination", "intent", "probability", "probabilities"]
    assert [list(row) for row in found] == [fields, fields]
    assert found[0]["destination"] == "sales"
    assert "seven" not in str(found[1]["text"]), "digits are removed before anything else sees them"
    (arabic,) = rows(nabra("intent", "--json", "النت مقطوع من أمس وأبي أقدم شكوى"))
    assert arabic["destination"] == "complaints"


def test_one_bad_file_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = tmp_path / "not-audio.wav"
    bad.write_text("this is text")
    done = nabra("emotion", "--json", "--last", bad, UPGRADE, tmp_path / "missing.wav")
    assert done.returncode == 1
    assert "not-audio.wav" in done.stderr
    assert "missing.wav" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_a_wrong_config_is_refused_with_its_place(tmp_path: Path) -> None:
    wrong = tmp_path / "nabra.yaml"
    wrong.write_text("site: main\nlanguagess: [en]\n")
    done = nabra("route", "--config", wrong, UPGRADE)
    assert done.returncode == 1
    assert f"{wrong}:2:1" in done.stderr
    assert "languages" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["route"], ["no-such-command"], ["emotion", "--no-such-flag", "x"]])
def test_wrong_usage_is_two(words: list[str]) -> None:
    assert nabra(*words).returncode == 2


@pytest.mark.parametrize("command", ["route", "transcribe"])
def test_a_language_that_the_config_does_not_know_is_refused(command: str) -> None:
    done = nabra(command, "--language", "fr", UPGRADE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nabra: no language 'fr' in this configuration: there is en, ar\n"


def test_tone_knows_no_language_and_takes_none() -> None:
    done = nabra("emotion", "--language", "en", UPGRADE)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("seeds", ["x", "0", "51"])
def test_seeds_that_are_no_count_are_said_plainly(seeds: str) -> None:
    done = nabra("train", "t.csv", "--out", "o", "--seeds", seeds)
    assert done.returncode == 2
    assert done.stderr.endswith(f"argument --seeds: '{seeds}' is not a number from 1 to 50\n")


def test_intent_says_where_it_is_unsure() -> None:
    done = nabra("intent", "I was charged twice this month", "hello", "i would like")
    sure, unsure, short = done.stdout.splitlines()
    assert "unsure" not in sure
    assert re.search(r"complaints +billing_dispute +a disputed bill +I was charged", sure)
    assert "hello   (unsure: " in unsure
    assert short.endswith("i would like   (unsure: 95% is needed)")
    refused = nabra("intent", "--language", "fr", "bonjour")
    assert refused.returncode == 1
    assert "there is en, ar" in refused.stderr


@pytest.mark.parametrize("words", [["demo", "--out"], ["route", UPGRADE, "--picture"], ["route", UPGRADE, "--records"]])
def test_a_folder_that_cannot_be_made_is_one_line(words: list[object], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    run = nabra_process if words[0] == "demo" else nabra
    done = run(*words, tmp_path / "file" / "out")
    assert done.returncode == 1
    assert done.stderr.startswith(f"nabra: {tmp_path}/file")
    assert done.stderr.endswith("a file stands where a folder is needed\n")
    assert done.stderr.count("\n") == 1
