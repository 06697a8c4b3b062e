"""Record files in pieces: every line once, in order, named where it is broken, whatever process reads it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nabra.record_files
from nabra.operations.errors import RecordsError
from nabra.record_files import Reader, default_jobs, pieces_of, read_pieces, record_files
from router.errors import RecordError


class Collects:
    """Reader that keeps the numbers it is given; 13 is damaged."""

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def take(self, value: Mapping[str, Any]) -> bool:
        if value.get("n") == 13:
            raise RecordError("thirteen")
        if "n" in value:
            self._numbers.append(value["n"])
        return "n" in value

    def found(self) -> list[int]:
        numbers, self._numbers = self._numbers, []
        return numbers


@dataclass(frozen=True)
class Collect:
    def reader(self) -> Reader[list[int]]:
        return Collects()


LINES = st.lists(
    st.one_of(
        st.builds(lambda n, pad: json.dumps({"n": n, "pad": "x" * pad}), st.integers(0, 20), st.integers(0, 90)),
        st.sampled_from(["", "  ", '{"n": 1', "[1]", '{"kind": "outcome"}', "\u0645\u0631\u062d\u0628\u0627"]),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, LINES, st.booleans(), st.sampled_from([16, 64, 100, 4096]))
def test_every_line_is_read_once_and_the_broken_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: list[str], second: list[str], torn: bool, size: int
) -> None:
    monkeypatch.setattr(nabra.record_files, "PIECE_BYTES", size)
    files = [tmp_path / "calls-20260101-0001.jsonl", tmp_path / "calls-20260102-0001.jsonl"]
    for file, lines in zip(files, (first, second), strict=True):
        file.write_text("\n".join(lines) + ("" if torn else "\n"), encoding="utf-8")
    numbers: list[int] = []
    broken: list[tuple[Path, int]] = []
    told = []
    for read in read_pieces(pieces_of(record_files([tmp_path])), Collect(), 1, told.append):
        numbers += read.found
        broken += [(line.file, line.line) for line in read.broken]
    good: list[int] = []
    bad: list[tuple[Path, int]] = []
    for file, lines in zip(files, (first, second), strict=True):
        for place, line in enumerate(lines, 1):
            if line.startswith('{"n"') and line.endswith("}") and json.loads(line)["n"] != 13:
                good.append(json.loads(line)["n"])
            elif line.strip() and line != '{"kind": "outcome"}':
                bad.append((file, place))
    assert numbers == good
    assert broken == bad
    assert sum(told) == sum(file.stat().st_size for file in files)


def test_several_processes_find_the_same_in_the_same_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nabra.record_files, "PIECE_BYTES", 500)
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(1000)))
    pieces = pieces_of([file])
    one, two = (list(read_pieces(pieces, Collect(), jobs, lambda _: None)) for jobs in (1, 2))
    assert one == two
    assert [line.line for read in two for line in read.broken] == [14]


def test_what_is_meant_by_a_path(tmp_path: Path) -> None:
    for name in ("calls-20260102-0001.jsonl", "calls-20260101-0002.jsonl", "notes.jsonl"):
        (tmp_path / name).write_text("{}\n")
    names = [file.name for file in record_files([tmp_path])]
    assert names == ["calls-20260101-0002.jsonl", "calls-20260102-0001.jsonl"]
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(RecordsError, match="holds no records"):
        record_files([other])
    (other / "mine.jsonl").write_text("{}\n")
    assert record_files([other, other / "mine.jsonl"]) == [other / "mine.jsonl"]
    with pytest.raises(RecordsError, match="no such"):
        record_files([tmp_path / "nowhere"])
    assert default_jobs(pieces_of([other / "mine.jsonl"])) == 1


def test_packed_files_are_read_and_a_torn_one_costs_its_end(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"n": n}) + "\n" for n in range(2000)).encode()
    (tmp_path / "calls-20260101-0001.jsonl.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "calls-20260102-0001.jsonl.gz").write_bytes(gzip.compress(lines)[:-200])
    for name in ("calls-20260103-0001.jsonl", "calls-20260103-0001.jsonl.gz"):
        (tmp_path / name).write_bytes(b'{"n": 1}\n')
    files = record_files([tmp_path])
    assert [file.name[6:14] for file in files] == ["20260101", "20260102", "20260103"]
    whole, torn, plain = read_pieces(pieces_of(files), Collect(), 1, lambda _: None)
    assert whole.found == [n for n in range(2000) if n != 13]
    assert whole.found[: len(torn.found)] == torn.found
    assert len(torn.found) < len(whole.found)
    assert "cannot be unpacked" in torn.broken[-1].why
    assert plain.found == [1]


class Breaks(Collects):
    """Reader that cannot bear odd numbers."""

    def take(self, value: Mapping[str, Any]) -> bool:
        if value["n"] % 2:
            raise KeyError("odd")
        return super().take(value)


@dataclass(frozen=True)
class Break:
    def reader(self) -> Reader[list[int]]:
        return Breaks()


def test_a_line_that_breaks_its_reader_costs_itself_alone(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    deep = "[" * 100_000
    file.write_text('{"n": 2}\n{"n": 3}\n' + deep + '\n{"n": 4}\n{"n": ' + deep + "\n")
    (read,) = read_pieces(pieces_of([file]), Break(), 1, lambda _: None)
    assert read.found == [2, 4]
    assert [line.line for line in read.broken] == [2, 3, 5]
