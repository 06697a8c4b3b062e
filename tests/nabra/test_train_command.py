"""`nabra train` as an operator runs it, on a corpus made here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emotion.model import ToneModel
from nabra.commands.check import examine
from nabra.commands.train import _interval
from tests.conftest import ROOT
from tests.emotion.corpus import write_corpus
from tests.nabra.command_line import nabra


def train(*words: object, state: Path, stop_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command; stop it as Ctrl-C does once a line with a text was said."""
    command = [sys.executable, "-m", "nabra", "train", *map(str, words)]
    environment = {**os.environ, "NABRA_STATE": str(state), "COLUMNS": "100"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    said = ""
    if stop_at:
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if stop_at in line:
                process.send_signal(signal.SIGINT)
                break
    out, errors = process.communicate(timeout=200)
    return subprocess.CompletedProcess(command, process.returncode, out, said + errors)


def test_one_operators_own_calls_make_a_model(tmp_path: Path) -> None:
    write_corpus(
        tmp_path / "calls",
        4,
        columns=("path", "speaker", "emotion", "language", "gender"),
        words={"anger": "غاضب", "calm": "محايد", "happiness": "happy"},
    )
    (tmp_path / "calls" / "broken.wav").write_text("this is text")
    with (tmp_path / "calls" / "manifest.csv").open("a", encoding="utf-8") as file:
        file.write("broken.wav,fifth,angry,ar,f\ngone.wav,1,grumpy,ar,f\n")
    done = train(tmp_path / "calls", "--out", tmp_path / "out", "--quick", state=tmp_path / "state")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    manifest = tmp_path / "calls" / "manifest.csv"
    assert f"nabra: {manifest}:14: {tmp_path}/calls/broken.wav: not a sound file" in done.stderr
    assert f"nabra: {manifest}:15: unknown emotion 'grumpy' (one row says so)" in done.stderr
    assert "nabra: 2 remarks; all else can be used" in done.stderr
    assert "describing voices: 12 of 12" in done.stderr
    assert "anger" in done.stdout
    assert f"written: {tmp_path}/out/tone.onnx" in done.stdout
    assert "quick run" in done.stdout
    assert "warning: the tone model learnt from calls, whose licence is not stated" in done.stdout
    assert "warning: 4 speakers are few" in done.stdout  # the fifth said nothing that can be used
    model = ToneModel.load(tmp_path / "out" / "tone.onnx")
    assert model.trained_on == ("calls",)
    facts = json.loads((tmp_path / "out" / "tone.json").read_text(encoding="utf-8"))
    assert facts["sha256"].startswith(model.model_id)
    assert (tmp_path / "out" / "MODEL_CARD.md").is_file()
    config = tmp_path / "site.yaml"
    shipped = (ROOT / "config" / "defaults" / "nabra.yaml").read_text(encoding="utf-8")
    config.write_text(shipped.replace("model: null ", f"model: {tmp_path}/out/tone.onnx "), encoding="utf-8")
    for name in ("intents", "prompts"):
        (tmp_path / name).symlink_to(ROOT / "config" / "defaults" / name)
    remarks = [str(remark) for remark in examine(config)]
    assert any("learnt from calls, whose licence is not stated" in remark for remark in remarks)
    assert not any("error" in remark for remark in remarks)
    assert list((tmp_path / "state" / "training").rglob("*.npz")), "work is kept for the next run"


def test_over_one_speaker_there_is_no_interval() -> None:
    assert _interval({"auc_95": [0.53, 0.53], "speakers": 1}) == "-"
    assert _interval({"auc_95": [0.5, 0.561], "speakers": 6}) == "0.50-0.56"


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    write_corpus(tmp_path / "calls", 10)
    words = (tmp_path / "calls", "--out", tmp_path / "out", "--cache", tmp_path / "kept", "--quick")
    stopped = train(*words, state=tmp_path, stop_at="describing voices")
    assert stopped.returncode == 130
    assert f"interrupted; what is done is kept in {tmp_path}/kept" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not (tmp_path / "out" / "tone.onnx").exists()
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.npz")}
    assert kept
    assert train(*words, state=tmp_path).returncode == 0
    assert all(file.stat().st_mtime_ns == written for file, written in kept.items()), "nothing is done twice"


def test_another_corpus_judges(tmp_path: Path) -> None:
    for name in ("own", "other"):
        write_corpus(tmp_path / name, 4)
    done = train(
        tmp_path / "own", "--judge", tmp_path / "other" / "manifest.csv", "--out", tmp_path / "out", "--quick",
        "--seeds", 1, state=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "other (judged)" in done.stdout
    facts = json.loads((tmp_path / "out" / "tone.json").read_text(encoding="utf-8"))
    assert (facts["trained_on"], facts["judged_on"]) == (["own"], ["other"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "path,speaker,emotion\n1.wav,a,grumpy\n2.wav,a,calm\n3.wav,b,calm\n",
            "calls.csv: no recording is labelled angry",
        ),
        ("path,emotion\n1.wav,angry\n", "calls.csv:1: columns missing: speaker"),
        (
            "path,speaker,emotion\n"
            + "".join(f"{who}-{how}.wav,{who},{how}\n" for who in "ab" for how in ("angry", "calm")),
            "calls.csv:2: {}/a-angry.wav: there is no such file (4 of 4 recordings of",
        ),
    ],
)
def test_what_is_wrong_is_one_line(table: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(table, encoding="utf-8")
    done = nabra("train", tmp_path / "calls.csv", "--out", tmp_path / "out", state=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"nabra: {tmp_path}/" + said.format(tmp_path))
    assert ("unknown emotion 'grumpy'" in done.stderr) == ("grumpy" in table), "remarks are told before an error"
    assert "Traceback" not in done.stderr


def test_too_few_to_learn_from_says_what_is_missing(tmp_path: Path) -> None:
    write_corpus(tmp_path / "calls", 1)
    done = nabra("train", tmp_path / "calls", "--out", tmp_path / "out", state=tmp_path)
    assert done.returncode == 1
    assert "1 speaker; two or more are needed" in done.stderr


@pytest.mark.parametrize("words", [[], ["calls"], ["calls", "--out", "x", "--seeds", "0"]])
def test_wrong_usage_is_two(words: list[str], tmp_path: Path) -> None:
    assert nabra("train", *words, state=tmp_path).returncode == 2
