"""The doctor's look at this machine, and its command."""

import dataclasses
import os
import socket
from pathlib import Path

import pytest

import config
from config.schema import Config, Pbx, SpeechEngine, SpeechModel
from nabra.commands.check import Remark
from nabra.commands.doctor import checked
from nabra.operations.doctor import Finding, Level, machine, worst
from tests.nabra.command_line import nabra, rows


def shipped(**changes: object) -> Config:
    return dataclasses.replace(config.load(), **changes)  # type: ignore[arg-type]


def test_the_worst_counts() -> None:
    ok, warning, failed = (Finding(level, "a", "b") for level in Level)
    assert worst([]) is Level.OK
    assert worst([ok, warning, ok]) is Level.WARNING
    assert worst([warning, failed, ok]) is Level.FAILED


def test_folders(tmp_path: Path) -> None:
    assert worst(machine.folders(shipped(state_dir=tmp_path / "state"))) is Level.OK
    assert not list((tmp_path / "state").glob(".doctor*"))
    (tmp_path / "file").write_text("")
    found = list(machine.folders(shipped(state_dir=tmp_path / "file")))
    assert {finding.level for finding in found} == {Level.FAILED}
    assert "state_dir" in found[0].mend
    assert "records.directory" in found[1].mend


def test_prompts(tmp_path: Path) -> None:
    settings = config.load()
    assert worst(machine.prompts(settings)) is Level.OK
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFFnothing")
    notice = dataclasses.replace(settings.notice, prompts={"en": broken})
    found = list(machine.prompts(dataclasses.replace(settings, notice=notice)))
    assert tuple(finding.level for finding in found) == (Level.FAILED, Level.WARNING, Level.OK)
    assert "notice.prompts.en" in found[0].text
    assert "notice.prompts.ar is missing" in found[1].text


def test_recognisers(tmp_path: Path) -> None:
    settings = shipped(languages=("en", "ar"))
    models = {"en": SpeechModel(engine=SpeechEngine.VOSK, path=tmp_path)}
    speech = dataclasses.replace(settings.speech, models=models)
    english, arabic = machine.recognisers(dataclasses.replace(settings, speech=speech))
    assert english.level is Level.FAILED
    assert english.mend
    assert arabic.level is Level.WARNING
    assert "speech.models.ar" in arabic.mend


def test_the_shipped_recogniser_and_tone_model_answer() -> None:
    settings = shipped(languages=("en",))
    (english,) = machine.recognisers(settings)
    assert english.level is Level.OK, english
    (tone,) = machine.tone(settings)
    assert tone.level is Level.OK, tone


@pytest.mark.parametrize(
    ("cores", "workers", "level", "said", "mend"),
    [
        (8, 1, Level.OK, "8 cores for 2 recogniser processes and the engine itself", ""),
        (4, 3, Level.WARNING, "4 cores for 6 recogniser processes and the engine itself", "set speech.workers to 1"),
        (2, 1, Level.WARNING, "2 cores for 2 recogniser", "use a machine with 3 cores or more"),
        (1, 1, Level.OK, "1 core for 2 recogniser", ""),
    ],
)
def test_processors(
    cores: int, workers: int, level: Level, said: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)))
    settings = config.load()
    models = dict.fromkeys(("en", "ar"), SpeechModel(engine=SpeechEngine.MOONSHINE))
    speech = dataclasses.replace(settings.speech, workers=workers, models=models)
    (found,) = machine.processors(dataclasses.replace(settings, speech=speech))
    assert found.level is level
    assert found.text.startswith(said)
    assert found.mend.startswith(mend)
    assert bool(found.mend) is bool(mend)


def test_what_check_says_counts() -> None:
    warning, error = Remark(False, None, "unwise"), Remark(True, None, "wrong")
    site = Path("nabra.yaml")
    assert checked([], site) == Finding(Level.OK, "configuration", "nabra.yaml can be used")
    assert checked([warning] * 8, site).text.endswith("what there is to think about: 8")
    failed = checked([warning, error], site)
    assert (failed.level, failed.text, failed.mend) == (
        Level.FAILED, "nabra.yaml cannot be used: 1 to mend", "see `nabra check nabra.yaml`"
    )  # fmt: skip


def test_the_listening_socket() -> None:
    settings = config.load()
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = dataclasses.replace(settings.listen, port=server.getsockname()[1])
        assert worst(machine.socket_for_the_pbx(dataclasses.replace(settings, listen=listen))) is Level.OK
    assert worst(machine.socket_for_the_pbx(dataclasses.replace(settings, listen=listen))) is Level.WARNING


def test_a_pbx_elsewhere_cannot_reach_loopback() -> None:
    far = Pbx(name="far", host="192.0.2.7", secret_env="X")
    found = [finding for finding in machine.socket_for_the_pbx(shipped(pbx=(far,))) if finding.level is Level.FAILED]
    assert ["listen.host" in finding.mend or "listen.allow" in finding.mend for finding in found] == [True, True]


def test_the_command_prints_every_finding_and_fails_where_one_failed(tmp_path: Path) -> None:
    here = rows(nabra("doctor", "--json", "--only", "here", state=tmp_path))
    assert all(list(row) == ["level", "part", "text", "mend"] for row in here)
    assert {row["level"] for row in here} <= {"ok", "warning"}
    warnings = len(rows(nabra("check", "--json", state=tmp_path)))
    assert here[0]["text"].endswith(f": {warnings}" if warnings else "can be used")
    done = nabra("doctor", "--only", "pbx", state=tmp_path)
    assert done.returncode == 1
    assert "failed" in done.stdout
    assert "NABRA_AMI_SECRET" in done.stdout
