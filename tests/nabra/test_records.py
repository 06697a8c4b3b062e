"""The record store: on disk, masked, rotated, expired, and never in a call's way."""

import errno
import gzip
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nabra.operations.errors import RecordsError
from nabra.operations.record_lines import find, read
from nabra.operations.records import RecordStore, RecordStoreSettings
from router.masking import mask_number

DAY_S = 86400.0
NOON = 1_800_014_400.0  # a noon, UTC


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., RecordStore]]:
    stores: list[RecordStore] = []

    def build(clock: Callable[[], float] = lambda: NOON, **settings: object) -> RecordStore:
        store = RecordStore(RecordStoreSettings(tmp_path / "records", **settings), clock)  # type: ignore[arg-type]
        stores.append(store)
        store.start()
        return store

    yield build
    for store in stores:
        store.close()


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "records").glob("*.jsonl"))


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "the writer did not get there"
        time.sleep(0.01)


def test_what_was_put_is_read_back_in_order(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make()
    lines = [{"call": f"{i:04d}", "text": "مرحبا", "n": i, "nested": {"list": [1.5, None, True]}} for i in range(500)]
    assert all(store.put(line) for line in lines)
    assert store.close()
    assert list(read(tmp_path / "records")) == lines
    assert store.stats().written == 500
    assert store.stats().problem is None


def test_files_are_for_the_owner_only(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make()
    store.put({"call": "a"})
    store.close()
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)] == [0o600]
    assert stat.S_IMODE((tmp_path / "records").stat().st_mode) == 0o700


def test_the_number_is_masked_before_it_is_written(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make()
    line = {
        "call": "a",
        "facts": {"caller_number": "+966 50 123 4567", "caller_name": "0501234567", "dialled": "800"},
    }
    store.put(line)
    store.close()
    written = files(tmp_path)[0].read_text(encoding="utf-8")
    assert "1234" not in written
    assert json.loads(written)["facts"] == {
        "caller_number": "+*** ** *** *567",
        "caller_name": "*******567",
        "dialled": "800",
    }
    assert line["facts"]["caller_number"] == "+966 50 123 4567"  # type: ignore[index]


def test_an_operator_may_keep_the_number(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make(mask_caller=False)
    store.put({"call": "a", "caller_number": "0501234567"})
    store.close()
    assert [line["caller_number"] for line in read(tmp_path / "records")] == ["0501234567"]


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("0501234567", "*******567"),
        ("101", "***"),
        ("", ""),
        ("anonymous", "anonymous"),
        ("٠٥٠١٢٣٤٥٦٧", "*******٥٦٧"),
        ("sip:+14155550100@host", "sip:+********100@host"),
    ],
)
def test_masking(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@given(st.text(alphabet="0123456789+- *٣x"))
def test_masking_keeps_at_most_three_digits_and_masking_twice_changes_nothing(number: str) -> None:
    once = mask_number(number)
    assert sum(letter.isdigit() for letter in once) <= 3
    assert mask_number(once) == once


def test_a_line_may_be_changed_after_it_was_put(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make(mask_caller=False)
    words = ["one"]
    store.put({"call": "a", "words": words})
    words.append("two")
    store.close()
    assert [line["words"] for line in read(tmp_path / "records")] == [["one"]]


def test_a_full_file_is_followed_by_the_next(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make(rotate_bytes=1000)
    for number in range(100):
        store.put({"call": "a", "number": number, "filler": "x" * 60})
    store.close()
    assert len(files(tmp_path)) > 5
    assert all(path.stat().st_size <= 1100 for path in files(tmp_path))
    assert [line["number"] for line in read(tmp_path / "records")] == list(range(100))


def test_a_new_day_is_a_new_file_and_old_days_go(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    now = [NOON]
    store = make(clock=lambda: now[0], keep_days=2)
    for day in range(5):
        now[0] = NOON + day * DAY_S
        store.put({"call": "a", "day": day})
        wait_for(lambda count=day + 1: store.stats().written == count)  # type: ignore[misc]
    store.close()
    assert [line["day"] for line in read(tmp_path / "records")] == [2, 3, 4]


def test_other_files_in_the_folder_are_left_alone(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    note = tmp_path / "records" / "calls-notes.jsonl"
    note.write_text("mine")
    store = make(clock=lambda: NOON + 1000 * DAY_S, keep_days=1)
    store.put({"call": "a"})
    store.close()
    assert note.read_text() == "mine"
    assert len(list(read(tmp_path / "records"))) == 1


def test_a_torn_last_line_is_stepped_over_and_closed_off(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make()
    store.put({"call": "whole"})
    store.close()
    with files(tmp_path)[0].open("ab") as file:
        file.write(b'{"call":"torn","text":"\xd9')
    assert [line["call"] for line in read(tmp_path / "records")] == ["whole"]
    again = make()
    again.put({"call": "after"})
    again.close()
    unreadable: list[int] = []
    lines = list(read(tmp_path / "records", lambda _path, number: unreadable.append(number)))
    assert [line["call"] for line in lines] == ["whole", "after"]
    assert unreadable == [2]
    assert len(files(tmp_path)) == 1


def test_a_killed_writer_loses_nothing_that_it_had_written(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from nabra.operations.records import RecordStore, RecordStoreSettings\n"
        "store = RecordStore(RecordStoreSettings(Path(sys.argv[1])))\n"
        "store.start()\n"
        "for n in range(50): store.put({'call': 'a', 'n': n})\n"
        "while store.stats().written < 50: time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "records")], timeout=60, check=False)
    assert done.returncode == -9
    assert [line["n"] for line in read(tmp_path / "records")] == list(range(50))


def test_a_full_disk_is_counted_retried_and_harms_nobody(
    make: Callable[..., RecordStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(queue_lines=5)
    full = [True]
    real_write = os.write

    def write(fd: int, data: bytes | memoryview) -> int:
        if not full[0]:
            return real_write(fd, data)
        if len(data) > 7:
            return real_write(fd, data[:7])  # the last room on the disk
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write_until_full(fd: int, data: bytes | memoryview) -> int:
        if full[0] and os.fstat(fd).st_size >= 7:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    monkeypatch.setattr("nabra.operations.record_folder.os.write", write_until_full)
    assert [store.put({"call": "a", "n": n}) for n in range(8)].count(True) == 5
    wait_for(lambda: store.stats().problem is not None)
    stats = store.stats()
    assert (stats.dropped, stats.waiting, stats.written) == (3, 5, 0)
    assert "No space left" in (stats.problem or "")
    full[0] = False
    wait_for(lambda: store.stats().written == 5)
    store.close()
    assert [line["n"] for line in read(tmp_path / "records")] == [0, 1, 2, 3, 4]
    assert store.stats().problem is None


def test_closing_on_a_broken_disk_ends_and_counts_the_loss(
    make: Callable[..., RecordStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()

    def write(_fd: int, _data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("nabra.operations.record_folder.os.write", write)
    store.put({"call": "a"})
    assert store.close()
    assert store.stats().dropped == 1
    assert store.put({"call": "late"}) is False


def test_two_writers_do_not_share_a_folder(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    first = make()
    second = RecordStore(RecordStoreSettings(tmp_path / "records"))
    with pytest.raises(RecordsError, match="another Nabra"):
        second.start()
    first.close()
    second.start()
    assert second.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsError, match=r"records\.directory"):
        RecordStore(RecordStoreSettings(tmp_path / "file" / "records")).start()


def test_calls_are_found_by_the_beginning_of_their_id(make: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = make()
    for call, n in (("abc1", 0), ("abd2", 1), ("abc1", 2), ("zzz", 3)):
        store.put({"call": call, "n": n})
    store.close()
    found = find(tmp_path / "records", "AB")
    assert {call: [line["n"] for line in lines] for call, lines in found.items()} == {
        "abc1": [0, 2],
        "abd2": [1],
    }
    assert find(tmp_path / "records", "q") == {}


def test_reading_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="nowhere"):
        list(read(tmp_path / "nowhere"))


def test_a_packed_file_is_read_and_one_that_is_torn_is_said(tmp_path: Path) -> None:
    packed = tmp_path / "calls.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"call": "a"}\n{"call": "b"}\n'))
    assert [line["call"] for line in read(packed)] == ["a", "b"]
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(RecordsError, match="ends before its end"):
        list(read(packed))
