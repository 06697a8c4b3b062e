"""An engine that dies during calls: at its next start each of them has a record, and every reader takes it."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from config.loader import load
from nabra.generations import fit
from nabra.operations.doctor import Level
from nabra.operations.doctor.machine import open_calls
from nabra.operations.open_calls import NAME, OpenCalls, left
from nabra.operations.record_lines import read
from nabra.operations.records import RecordStore, RecordStoreSettings
from router.errors import ReplayError
from router.replay import replay
from telephony.ami_peer import AmiPeer
from telephony.peer import AudioSocketPeer
from tests.conftest import ROOT
from tests.nabra.command_line import nabra, rows

SECRET = "only-for-this-test"
NUMBER = "+12025550123"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Engine:
    """`nabra serve` as a process of its own, and the PBX beside it; words are by nobody and tone is off."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.audio, self.health = folder, free_port(), free_port()
        self.config = folder / "config" / "nabra.yaml"
        self.records = folder / "records"
        self.ami = AmiPeer("nabra", SECRET)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        if self.process is None:
            await self.ami.start()
            self._configure()
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nabra", "serve", str(self.config)), cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        assert self.process.stderr is not None
        while b"ready for calls" not in (said := await self.process.stderr.readline()):
            assert said, "the engine ended"
        async with asyncio.timeout(60):
            while (await health_of(self.health))[1]["pbx"] != {"main": "up"}:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)

    def _configure(self) -> None:
        shutil.copytree(ROOT / "config" / "defaults", self.config.parent)
        text = self.config.read_text(encoding="utf-8")
        for old, new in (
            ("port: 9092", f"port: {self.audio}"),
            ("port: 8095", f"port: {self.health}"),
            ("port: 5038", f"port: {self.ami.port}"),
            ("secret_env: NABRA_AMI_SECRET", f"secret: {SECRET}"),
            ("state_dir: null", f"state_dir: {self.folder / 'state'}"),
            ("directory: null", f"directory: {self.records}"),
            ("en: {engine: moonshine}", "en: {engine: none}"),
            ("tone:\n  enabled: true", "tone:\n  enabled: false"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        self.config.write_text(text, encoding="utf-8")

    async def place(self, *, announce: bool = True) -> tuple[UUID, AudioSocketPeer]:
        call = uuid4()
        if announce:
            self.ami.announce(call, f"PJSIP/{call.hex[:8]}", uniqueid="1.1", caller_number=NUMBER, dialled="1000")
        return call, await AudioSocketPeer.connect("127.0.0.1", self.audio, call)

    async def end(self, number: signal.Signals) -> None:
        """End it by its own id, and wait until it is gone."""
        assert self.process is not None
        os.kill(self.process.pid, number)
        await self.process.wait()

    def lines(self, call: UUID) -> list[dict[str, Any]]:
        return [line for line in read(self.records) if line["call"] == str(call)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, UUID, UUID, UUID]:
    """An engine that died with three calls: a served one, one in its notice, and one that nothing had announced."""
    engine = Engine(tmp_path_factory.mktemp("died"))

    async def scenario() -> tuple[UUID, UUID, UUID]:
        await engine.start()
        try:
            served, peer = await engine.place()
            peer.send_dtmf("1")
            assert await peer.wait_over(10)
            await until(lambda: bool(engine.records.glob("*.jsonl")) and bool(engine.lines(served)))
            announced, _ = await engine.place()
            alone, _ = await engine.place(announce=False)
            await until(lambda: {str(announced), str(alone)} <= set(left(engine.records / NAME)))
        finally:
            await engine.end(signal.SIGKILL)
        before = open_calls(load(engine.config))
        assert [finding.level for finding in before] == [Level.WARNING]
        await engine.start()
        try:
            await until(lambda: not left(engine.records / NAME))
            _, body = await health_of(engine.health)
            assert body["engine_died_calls"] == 2
            peer = (await engine.place())[1]
            peer.send_dtmf("1")
            assert await peer.wait_over(10), "calls are served as ever"
        finally:
            await engine.end(signal.SIGTERM)
        return served, announced, alone

    return engine, *asyncio.run(asyncio.wait_for(scenario(), 150))


async def health_of(port: int) -> tuple[int, dict[str, Any]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(body)


Died = tuple[Engine, UUID, UUID, UUID]


def test_each_open_call_of_a_killed_engine_has_a_record_once(died: Died) -> None:
    engine, served, announced, alone = died
    assert [line["outcome"] for line in engine.lines(served)].count("decided") == 1
    assert "engine_died" not in [line["outcome"] for line in engine.lines(served)]
    for call, number in ((announced, "+********123"), (alone, "")):
        record, outcome = engine.lines(call)
        assert (record["kind"], record["outcome"], record["decision"]) == ("decision", "engine_died", None)
        assert (record["caller_number"], record["timeline"]) == (number, [])
        assert record["timings"]["written_at_s"] > 0
        assert (outcome["outcome"], outcome["problem"]) == ("not_served", "the engine died during this call")
    assert not (engine.records / NAME).exists(), "an engine that ended as it should leaves nothing open"


def test_explain_says_that_the_engine_died(died: Died) -> None:
    engine, _, announced, _ = died
    told = nabra("explain", str(announced), "--records", engine.records).stdout
    assert "the engine died during this call: what was heard of it is not known" in told
    assert "not served problem=the engine died during this call" in told
    assert "to 1000" in told


def test_such_a_call_is_unknown_under_any_configuration(died: Died) -> None:
    engine, served, announced, _ = died
    told = rows(nabra("replay", engine.records, "--config", engine.config, "--json", "--jobs", 1))
    by_call = {row.get("call"): row for row in told}
    assert (by_call[str(announced)]["result"], by_call[str(announced)]["unknown"]) == ("unknown", "engine_died")
    assert by_call[str(served)]["result"] == "same"
    for language, said in (("en", "the engine died during this call"), ("ar", "توقّف المحرّك فجأة أثناء هذه المكالمة")):
        done = nabra("replay", engine.records, "--config", engine.config, "--language", language, "--jobs", 1)
        assert said in " ".join(done.stdout.split())


def test_compare_leaves_such_calls_out(died: Died) -> None:
    engine = died[0]
    (compared,) = rows(nabra("compare", engine.config, engine.config, "--records", engine.records, "--json"))
    assert compared["unknown"] == 2
    file = next(engine.records.glob("*.jsonl"))
    (same,) = rows(nabra("compare", file, file, "--json"))
    assert same["unknown"] == 2


def test_a_record_of_a_died_engine_is_not_replayed(died: Died) -> None:
    engine, _, announced, _ = died
    with pytest.raises(ReplayError, match="engine died"):
        replay(engine.lines(announced)[0], fit(load(engine.config), 1))


def test_doctor_counts_them(died: Died) -> None:
    (finding,) = open_calls(load(died[0].config))
    assert (finding.level, "2 calls" in finding.text) == (Level.WARNING, True)


# the file itself


def line(call: str, at_s: float = 1_800_000_000.0, **more: object) -> dict[str, object]:
    return {"schema": 2, "kind": "decision", "call": call, "wall_anchor": at_s, "outcome": "open", **more}


def raw(call: str, **more: object) -> bytes:
    return json.dumps(line(call, **more)).encode() + b"\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / NAME


def test_what_is_open_is_what_is_left(file: Path) -> None:
    calls = OpenCalls(file)
    for name in "abc":
        calls.open(name, raw(name))
    calls.open("a", raw("a", dialled="100"))
    calls.close("b")
    assert calls.write()
    assert list(left(file)) == ["a", "c"]
    assert left(file)["a"]["dialled"] == "100"
    calls.close("a")
    assert calls.write()
    assert list(left(file)) == ["c"]
    assert not calls.write(), "nothing changed"
    calls.close("c")
    calls.write()
    assert file.stat().st_size == 0
    calls.let_go()
    assert not file.exists()


def test_the_file_stays_in_proportion_to_what_is_open(file: Path) -> None:
    calls = OpenCalls(file)
    calls.open("long", raw("long"))
    for number in range(3000):
        calls.open(str(number), raw(str(number), filler="x" * 300))
        calls.write()
        calls.close(str(number))
        calls.write()
        assert file.stat().st_size < 300_000
    assert list(left(file)) == ["long"]


def test_a_line_cut_short_is_stepped_over(file: Path) -> None:
    file.write_bytes(raw("a") + b'{"closed": "a"}\n' + raw("b") + b"[]\n\xff\n" + raw("c")[:20])
    told: list[int] = []
    assert list(left(file, told.append)) == ["b"]
    assert told == [4, 5], "one that was not finished is what a killed process leaves"


def test_what_the_disk_refused_is_written_when_it_can_be(file: Path) -> None:
    calls = OpenCalls(file / "a folder that is not there")
    calls.open("a", raw("a"))
    with pytest.raises(OSError):
        calls.write()
    file.mkdir()
    calls.open("b", raw("b"))
    assert calls.write()
    assert list(left(file / "a folder that is not there")) == ["a", "b"]


# the store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "records").mkdir()
    return tmp_path / "records"


def run_store(folder: Path, *, at_s: float = 1_800_000_060.0, **settings: Any) -> RecordStore:
    store = RecordStore(RecordStoreSettings(folder, **settings), lambda: at_s)
    store.start()
    assert store.close()
    return store


def test_a_call_that_was_recorded_before_the_end_is_not_recorded_again(folder: Path) -> None:
    store = RecordStore(RecordStoreSettings(folder), lambda: 1_800_000_000.0)
    store.start()
    store.put(line("a"))
    assert store.close()
    torn = raw("b").replace(b" ", b"")[:-9]
    next(folder.glob("*.jsonl")).open("ab").write(torn)
    (folder / NAME).write_bytes(raw("a") + raw("b"))
    assert run_store(folder).stats().died == 1
    assert [(one["call"], one["outcome"]) for one in read(folder)] == [
        ("a", "open"),
        ("b", "engine_died"),
        ("b", "not_served"),
    ]
    assert run_store(folder).stats().died == 0


def test_a_call_older_than_records_are_kept_is_not_recorded(folder: Path) -> None:
    (folder / NAME).write_bytes(raw("a"))
    assert run_store(folder, at_s=1_800_000_000.0 + 3 * 86400, keep_days=2).stats().died == 0
    assert not list(read(folder))
    assert not left(folder / NAME)


def test_numbers_are_masked_in_what_is_open_too(folder: Path) -> None:
    store = RecordStore(RecordStoreSettings(folder))
    store.start()
    store.opened(line("a", caller_number="+966501234567"))
    assert asyncio.run(_written(folder))["a"]["caller_number"] == "+*********567"
    assert "501234" not in (folder / NAME).read_text(encoding="utf-8")
    store.forget("a")
    assert store.close()
    assert not (folder / NAME).exists()


async def _written(folder: Path) -> dict[str, dict[str, object]]:
    await until(lambda: bool(left(folder / NAME)))
    return left(folder / NAME)


def test_a_call_whose_record_is_lost_for_want_of_room_is_not_one_of_a_died_engine(folder: Path) -> None:
    store = RecordStore(RecordStoreSettings(folder, queue_lines=1))
    store.start()
    store.opened(line("a"))
    asyncio.run(_written(folder))
    store._pending = 1
    assert not store.put(line("a"))
    store._pending = 0
    assert store.close()
    assert run_store(folder).stats().died == 0


DEEP = b'{"call":"deep","wall_anchor":1800000000.0,"x":' + b"[" * 700 + b"]" * 700 + b"}\n"


@pytest.mark.parametrize("bad", [DEEP, b"[" * 200_000 + b"\n", b'{"call":"\\ud800","x":}\n', b"\0" * 4096 + raw("z")])
def test_a_line_that_cannot_be_recorded_costs_no_other_call_its_record(
    folder: Path, bad: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_the_dead = raw("a") + bad + raw("b")
    (folder / NAME).write_bytes(left_by_the_dead)
    store = RecordStore(RecordStoreSettings(folder), lambda: 1_800_000_060.0)
    store.start()
    store.put(line("new"))
    assert store.close()
    assert store.stats().written == 5
    assert [one["call"] for one in read(folder)] == ["a", "a", "b", "b", "new"]
    aside = folder / f"{NAME}.unreadable"
    assert aside.read_bytes() == left_by_the_dead
    assert str(aside) in caplog.text
    run_store(folder)
    assert [one.name for one in folder.glob(f"{NAME}*")] == [aside.name], "it is told once"


@pytest.mark.parametrize(
    "anchor", [1e300, -1e300, float("nan"), float("inf"), 0, True, None, "noon", pytest.param(10**400, id="huge")]
)
def test_a_call_that_says_no_time_opened_now(folder: Path, anchor: object) -> None:
    (folder / NAME).write_bytes(raw("a", wall_anchor=anchor) + raw("b"))
    assert run_store(folder).stats().died == 2
    records = [one for one in read(folder) if one.get("kind") == "decision"]
    assert [(one["call"], one["wall_anchor"]) for one in records] == [("a", 1_800_000_060.0), ("b", 1_800_000_000.0)]


def test_a_journal_that_cannot_be_read_is_kept_under_another_name(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2):
        (folder / NAME).mkdir()
        (folder / NAME / str(number)).touch()
        store = RecordStore(RecordStoreSettings(folder))
        store.start()
        store.opened(line("a"))
        store.put(line("a"))
        assert store.close()
        assert "cannot be read" in caplog.text
    assert (folder / f"{NAME}.unreadable" / "0").exists()
    assert (folder / f"{NAME}.unreadable-2" / "1").exists()
    assert [one["call"] for one in read(folder)] == ["a", "a"]


def test_calls_stay_open_while_nobody_can_tell_whether_they_have_records(folder: Path) -> None:
    (folder / NAME).write_bytes(raw("a"))
    not_a_file = folder / "calls-20270115-0001.jsonl"
    not_a_file.mkdir()
    store = RecordStore(RecordStoreSettings(folder), lambda: 1_800_000_060.0 + 86400)
    store.start()
    store.opened(line("new"))
    store.put(line("new"))
    assert store.close()
    assert list(left(folder / NAME)) == ["a"]
    not_a_file.rmdir()
    assert run_store(folder).stats().died == 1


def test_a_writer_that_ended_by_a_fault_of_its_own_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RecordStore(RecordStoreSettings(folder, queue_lines=3))
    monkeypatch.setattr(store, "_taken_along", lambda: 1 / 0)
    store.start()
    asyncio.run(until(lambda: store.stats().problem is not None))
    for number in range(20):
        store.put(line(str(number)))
    assert store.stats().dropped == 17
    assert store.stats().waiting == 6, "there is an end to what waits, also of what is to be forgotten"
