"""Every command that the README shows is run here, or proved by a test that is named here."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import modules
from telephony.audio import read_audio, write_wav
from tests.conftest import ROOT
from tests.emotion.corpus import write_corpus

README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "nabra" / "demo" / "samples"
BIN = str(Path(sys.executable).parent)
Done = subprocess.CompletedProcess[str]


def shown() -> list[str]:
    """Return the commands in the README's code blocks, without their comments."""
    lines = re.findall(r"^    ((?:nabra|make|asterisk|cp) .*)$", README, flags=re.MULTILINE)
    return [re.sub(r"\s+#.*$", "", line).strip() for line in lines]


RUN_AS_THEY_ARE = [
    "nabra check nabra.yaml",
    "nabra pbx-files --config nabra.yaml for-asterisk",
    'nabra intent --config nabra.yaml "I was charged twice this month"',
    "nabra intent --config nabra.yaml --report",
    "nabra route --config nabra.yaml recording.wav",
    "nabra explain 3f2a",
    "nabra route --json calls/*.wav",
    "nabra transcribe --json calls/*.wav",
    "nabra emotion --json calls/*.wav",
    "nabra emotion recording.wav",
    "nabra emotion --picture pictures calls/*.wav",
    "nabra train --quick labelled --out tried",
    "nabra train labelled --out my-tone",
    "nabra intent --json < lines.txt",
    "nabra intent --report --json",
    "nabra replay records --config edited.yaml",
    "nabra replay records --config edited.yaml --html week.html --csv week.csv --language ar",
    "nabra compare nabra.yaml edited.yaml --records records",
    "nabra replay --recordings calls --config edited.yaml --config nabra.yaml --out tried",
    "nabra models",
]
RUN_BESIDE_THEM = "nabra bench --quick"
"""It takes minutes, of which it waits for half."""
_BENCH_S = 550
RUN_BELOW = [
    "cp -r config/defaults my-site && cd my-site",
    "nabra serve nabra.yaml",
    "nabra doctor nabra.yaml",
    "make demo",
    "make test",
]
RUN_FROM_LOOPBACK = [
    "nabra models fetch",
    "nabra models fetch vosk-model-ar-mgb2-0.4",
]
"""By tests/nabra/test_models.py, from a server of its own."""
RUN_IN_ASTERISK = [
    "asterisk -rx 'database put nabra enabled 0'",
    "asterisk -rx 'database put nabra percent 10'",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader of the README has it."""
    folder = tmp_path_factory.mktemp("readme") / "my-site"
    shutil.copytree(ROOT / "config" / "defaults", folder)
    (folder / "calls").mkdir()
    for name in ("sales-upgrade", "self-hours"):
        write_wav(folder / "calls" / f"{name}.wav", read_audio(SAMPLES / f"{name}.flac"))
    shutil.copy(folder / "calls" / "self-hours.wav", folder / "recording.wav")
    shutil.copy(folder / "nabra.yaml", folder / "edited.yaml")
    write_corpus(folder / "labelled", 4)
    (folder / "lines.txt").write_text("where is my order\nأريد أن أعرف رصيدي\n", encoding="utf-8")
    records = folder / "state" / "records"
    records.mkdir(parents=True)
    (folder / "records").symlink_to(records)
    done = run_shell(f"nabra route --records {records}/calls-20260101-0001.jsonl recording.wav", folder)
    assert done.returncode == 0, done.stderr
    (kept,) = records.glob("*.jsonl")
    text = kept.read_text(encoding="utf-8")
    call = str(json.loads(text)["call"])
    kept.write_text(text.replace(call, "3f2a" + call[4:]), encoding="utf-8")
    return folder


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "NABRA_STATE": str(folder / "state"),
        "NABRA_AMI_SECRET": "only-for-this-test",
    }


def run_shell(command: str, folder: Path) -> Done:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def bench(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Done]]:
    """Begin to measure; return what waits for the end of it."""
    said = tmp_path_factory.mktemp("bench")
    out, errors = said / "out", said / "errors"
    with out.open("w", encoding="utf-8") as output, errors.open("w", encoding="utf-8") as told:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {RUN_BESIDE_THEM}"], cwd=site, env=environment(site), stdout=output, stderr=told
        )
    yield lambda: Done(process.args, process.wait(_BENCH_S), out.read_text(encoding="utf-8"), errors.read_text("utf-8"))
    process.kill()
    process.wait()


def test_every_command_shown_is_accounted_for() -> None:
    assert sorted(set(shown())) == sorted(
        [*RUN_AS_THEY_ARE, RUN_BESIDE_THEM, *RUN_BELOW, *RUN_FROM_LOOPBACK, *RUN_IN_ASTERISK]
    )


@pytest.mark.parametrize("command", RUN_AS_THEY_ARE)
@pytest.mark.usefixtures("bench")
def test_command(site: Path, command: str) -> None:
    works(run_shell(command, site))


def works(done: Done) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_the_site_is_made_by_copying_the_defaults(tmp_path: Path) -> None:
    done = run_shell(f"cd {ROOT} && cp -r config/defaults {tmp_path}/my-site && cd {tmp_path}/my-site && ls", tmp_path)
    assert "nabra.yaml" in done.stdout.split()


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_knows_its_two_commands(target: str) -> None:
    done = run_shell(f"make -n {target}", ROOT)
    assert done.returncode == 0, done.stderr
    assert f"-m {'nabra demo' if target == 'demo' else 'pytest'}" in done.stdout


@pytest.mark.parametrize("command", RUN_IN_ASTERISK)
def test_switches_are_thrown_in_a_real_asterisk(command: str) -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "pbx").glob("*.py"))
    key = re.search(r"database put nabra (\w+)", command)
    assert key is not None
    assert f"database put nabra {key[1]}" in tests


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve_reloads_refuses_and_drains_and_doctor_examines_it(site: Path) -> None:
    config = site / "served.yaml"
    audio, health, manager = free_port(), free_port(), free_port()
    text = (site / "nabra.yaml").read_text(encoding="utf-8")
    for old, new in (("9092", audio), ("8095", health), ("5038", manager)):
        text = text.replace(f"port: {old}", f"port: {new}")
    config.write_text(text, encoding="utf-8")
    log = site / "serve.log"
    with log.open("wb") as out:
        service = subprocess.Popen(
            [f"{BIN}/nabra", "serve", "served.yaml"], cwd=site, env=environment(site), stdout=out, stderr=out
        )
    try:
        wait_for(log, "ready for calls")
        assert health_of(health)["generation"] == 1
        config.write_text(text + "# a change that changes nothing\n", encoding="utf-8")
        service.send_signal(signal.SIGHUP)
        wait_for(log, "generation 2 is in force")
        config.write_text(text + "no_such_key: 1\n", encoding="utf-8")
        service.send_signal(signal.SIGHUP)
        wait_for(log, "is refused, the running one stays")
        assert "no_such_key" in log.read_text(encoding="utf-8")
        assert health_of(health)["generation"] == 2
        config.write_text(text, encoding="utf-8")
        done = run_shell("nabra doctor served.yaml", site)
        assert "ok       listening socket" in done.stdout, done.stdout
        assert done.returncode == 1, "no PBX is there"
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
        assert "stopped" in log.read_text(encoding="utf-8")
    finally:
        service.kill()
        service.wait()


def health_of(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            body = answer.read()
    except urllib.error.HTTPError as answer:
        body = answer.read()
    found = json.loads(body)
    assert isinstance(found, dict)
    return found


def wait_for(log: Path, text: str) -> None:
    for _ in range(600):
        if text in log.read_text(encoding="utf-8"):
            return
        time.sleep(0.1)
    pytest.fail(f"{text!r} never came: {log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def measured(site: Path, bench: Callable[[], Done]) -> dict[str, list[dict[str, Any]]]:
    """What the bench wrote, by module."""
    done = bench()
    works(done)
    assert "not measured: " not in done.stderr
    assert all((site / "out" / "bench" / name).is_file() for name in ("bench.json", "bench.png", "promises.png"))
    rows = json.loads((site / "out" / "bench" / "bench.json").read_text(encoding="utf-8"))["stages"]
    return {module: [row for row in rows if row["module"] == module] for module in {row["module"] for row in rows}}


@pytest.mark.timeout(_BENCH_S + 50)
def test_every_module_of_the_bench_measures(measured: dict[str, list[dict[str, Any]]]) -> None:
    assert set(measured) == {name.removesuffix("_stages") for name in modules()}


@pytest.mark.timeout(_BENCH_S + 50)
def test_the_stages_of_recognition_are_told_in_order_of_percentiles(measured: dict[str, list[dict[str, Any]]]) -> None:
    stages = [row for row in measured["asr"] if row["cpu_us"]]
    assert len(stages) == 7
    for stage in stages:
        for spread in (stage["wall_us"], stage["cpu_us"]):
            assert set(spread) == {"mean", "p50", "p95", "p99", "p999"}
            assert 0 < spread["p50"] <= spread["p95"] <= spread["p99"] <= spread["p999"]
            assert spread["mean"] > 0
        assert stage["n"] >= 3


@pytest.mark.timeout(_BENCH_S + 50)
def test_the_stages_of_tone_are_told_beside_peers_and_with_where_each_figure_is_from(
    measured: dict[str, list[dict[str, Any]]],
) -> None:
    stages = [row for row in measured["emotion"] if row["cpu_us"]]
    assert len(stages) == 8
    for stage in stages:
        for spread in (stage["wall_us"], stage["cpu_us"]):
            ordered = [spread[name] for name in ("p50", "p95", "p99", "p999", "max")]
            assert ordered[0] > 0
            assert ordered == sorted(ordered)
        assert stage["n"] >= 500
    told = {row["stage"]: row["note"] for row in measured["emotion"] if not row["cpu_us"]}
    assert "times our streamed descriptors" in next(note for name, note in told.items() if name.startswith("librosa"))
    figures = {name: note for name, note in told.items() if not name.startswith(("librosa", "openSMILE"))}
    assert {"anger, each corpus left out", "arousal, each corpus left out"} <= set(figures)
    for name, note in figures.items():
        assert "from training" in note or "measured now" in note or "not measured:" in note, name
