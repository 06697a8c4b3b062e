"""Files of records, of any number and size, read in pieces by several processes.

A piece is a stretch of one file, and holds the lines that begin in it; a file that is packed (gzip) is one. Pieces are
given out a few ahead and come back in order, so memory does not grow with the number of records. Each process reads
with a `Reader` of its own. A line that cannot be used is named by file and line, and the rest goes on.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import signal
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from nabra.errors import NabraError
from nabra.operations.errors import RecordsError
from nabra.operations.record_lines import files_of
from router.errors import RecordError
from router.recorded import RecordLine, decoded

PACKED = ".gz"
PIECE_BYTES = 1 << 20
SMALL_BYTES = 8 << 20
"""Fewer bytes than this are read by one process: a second would take longer to start."""

Found = TypeVar("Found")
Found_co = TypeVar("Found_co", covariant=True)


class Reader(Protocol[Found_co]):
    """What one process makes of the lines given to it."""

    def take(self, value: Mapping[str, Any] | RecordLine) -> bool:
        """Take one line; False where it is of a kind that is not looked for; RecordError where it is damaged.

        A decision record of the latest schema comes as a RecordLine, anything else as its JSON.
        """
        ...

    def found(self) -> Found_co:
        """Return what was made of the lines since the last time."""
        ...


class Work(Protocol[Found_co]):
    """What is to be done, small enough to be sent to another process."""

    def reader(self) -> Reader[Found_co]:
        """Return a reader; called once in each process."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes `start` to `end` of a file."""

    file: Path
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that cannot be used: where it is, and why."""

    file: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


@dataclass(frozen=True, slots=True)
class Read(Generic[Found]):
    """What was found in one piece; `lines` counts all of them, `other` those of another kind."""

    piece: Piece
    found: Found
    lines: int
    other: int
    broken: tuple[Broken, ...]


def record_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant: each file itself, and of a folder those of a record store, or its *.jsonl.

    Each of these may be packed (.jsonl.gz); one that is there both ways is read once.

    Raises
    ------
    RecordsError
        A path does not exist, or a folder holds no records.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = _both(files_of(path), path.glob("calls-*.jsonl.gz"))
            inside = inside or _both(path.glob("*.jsonl"), path.glob("*.jsonl.gz"))
            if not inside:
                raise RecordsError(f"{path} holds no records: no calls-*.jsonl, nor any *.jsonl (or .jsonl.gz)")
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise RecordsError(f"records cannot be read from {path}: there is no such file or folder")
    return list(dict.fromkeys(files))


def _both(plain: Iterable[Path], packed: Iterable[Path]) -> list[Path]:
    found = {file.name: file for file in plain}
    for file in packed:
        found.setdefault(file.stem, file)
    return [found[name] for name in sorted(found)]


def pieces_of(files: Sequence[Path]) -> list[Piece]:
    """Return the files cut into pieces; one that is packed is one piece."""
    cut: list[Piece] = []
    for file in files:
        size = file.stat().st_size
        if file.suffix == PACKED:
            cut.append(Piece(file, 0, size))
            continue
        cut += [Piece(file, start, min(start + PIECE_BYTES, size)) for start in range(0, size, PIECE_BYTES)]
    return cut


def default_jobs(pieces: Sequence[Piece]) -> int:
    """Return how many processes are worth it: one for each core, and one alone where there is little to read."""
    little = sum(piece.end - piece.start for piece in pieces) < SMALL_BYTES
    return 1 if little else len(os.sched_getaffinity(0))


def read_pieces(
    pieces: Sequence[Piece], work: Work[Found], jobs: int, each: Callable[[int], None]
) -> Iterator[Read[Found]]:
    """Yield what was found in each piece, in order.

    Parameters
    ----------
    pieces : as `pieces_of` cut them.
    work : gives each process its reader.
    jobs : how many processes; 1 is this one.
    each : told how many bytes were read, after each piece.

    Raises
    ------
    NabraError
        A process died.
    """
    before: dict[Path, int] = {}
    for read in _in_order(pieces, work, jobs):
        file = read.piece.file
        lines = before.get(file, 0)
        before[file] = lines + read.lines
        each(read.piece.end - read.piece.start)
        broken = tuple(Broken(file, lines + one.line, one.why) for one in read.broken)
        yield Read(read.piece, read.found, read.lines, read.other, broken)


def _in_order(pieces: Sequence[Piece], work: Work[Found], jobs: int) -> Iterator[Read[Found]]:
    if jobs <= 1:
        reader = work.reader()
        for piece in pieces:
            yield _read(piece, reader)
        return
    pool = ProcessPoolExecutor(
        max_workers=min(jobs, max(1, len(pieces))),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(work,),
    )
    waiting: deque[Future[Read[Found]]] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(_read_here, piece))
            if len(waiting) > 3 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise NabraError("a process that read records died, perhaps for want of memory; try fewer --jobs") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_readers: list[Reader[Any]] = []


def _begin(work: Work[Any]) -> None:
    # The one who began it all is told of Ctrl-C, and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _readers.append(work.reader())


def _read_here(piece: Piece) -> Read[Any]:
    return _read(piece, _readers[-1])


def _read(piece: Piece, reader: Reader[Found]) -> Read[Found]:
    broken: list[Broken] = []
    number = other = 0
    try:
        for number, raw in enumerate(_lines(piece), 1):
            try:
                other += not _take(raw, reader)
            except RecordError as error:
                broken.append(Broken(piece.file, number, str(error)))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        number += 1
        broken.append(Broken(piece.file, number, f"what follows cannot be unpacked: {error}"))
    return Read(piece, reader.found(), number, other, tuple(broken))


def _take(raw: bytes, reader: Reader[Any]) -> bool:
    value: Any = decoded(raw)
    if value is not None:
        return _given(value, reader)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        if not raw.strip():
            return False
        raise RecordError("this line is no JSON (cut short, perhaps)") from None
    if not isinstance(value, dict):
        raise RecordError("this line is no JSON object")
    return _given(value, reader)


def _given(value: Mapping[str, Any] | RecordLine, reader: Reader[Any]) -> bool:
    try:
        return reader.take(value)
    except (RecordError, MemoryError):
        raise
    except Exception as error:
        # Whatever a line holds, it costs that line alone.
        call = value.call if isinstance(value, RecordLine) else value.get("call")
        raise RecordError(f"record of call {call!r} cannot be used: {error!r}") from error


def _lines(piece: Piece) -> Iterator[bytes]:
    if piece.file.suffix == PACKED:
        with gzip.open(piece.file) as lines:
            yield from lines
        return
    with piece.file.open("rb") as file:
        if piece.start:
            # A line belongs to the piece that it begins in.
            file.seek(piece.start - 1)
            file.readline()
        read = file.read(max(0, piece.end - file.tell()))
        if read and not read.endswith(b"\n"):
            read += file.readline()
    whole = read.split(b"\n")
    yield from whole if whole[-1] else whole[:-1]
