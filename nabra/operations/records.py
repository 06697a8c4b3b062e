"""The store of decision records and outcomes: JSON lines on disk, written off the event loop.

Theory of operation: `put` copies and masks the line, hands it to a bounded queue and returns. One writer
thread takes whatever has gathered, appends it in a single write, and makes it durable at most once a second
(a killed process loses nothing that was written; a power cut loses at most that second). A disk that is full
or not writable presses on nobody: the lines wait in the queue, the writer tries again once a second, and what
no longer fits in the queue is counted and dropped. A line that went out only in part is taken back, so that a
file has at most one torn line, its last, and only where a process was killed in the middle of a write; the
next start closes that line off, and readers step over it.

Files are `calls-YYYYMMDD-NNNN.jsonl` (UTC day, then a running number), mode 0600, a new one every day and
whenever one is full. A file is deleted `keep_days` after its day.

Two kinds of line are kept: decision records (`router.record`) and, with `"kind": "outcome"`, what the queues
then did with that call. Both carry the call's id under `"call"`.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import logging
import os
import queue
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from nabra.operations.errors import RecordsError
from router.masking import mask_number

log = logging.getLogger(__name__)

_NAME = re.compile(r"calls-(\d{8})-(\d{4,})\.jsonl")
_NUMBER_KEYS = frozenset({"caller_number", "caller", "caller_name"})
_RETRY_S = 1.0
_SYNC_S = 1.0
_IDLE_S = 30.0
_CLOSE = object()

JsonObject = dict[str, object]


def _own_copy(value: object, mask: bool) -> object:
    if isinstance(value, Mapping):
        return {
            str(key): mask_number(item)
            if mask and key in _NUMBER_KEYS and isinstance(item, str)
            else _own_copy(item, mask)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_own_copy(item, mask) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class RecordStoreSettings:
    """How records are kept.

    Attributes
    ----------
    directory
        Folder of the files; made where it is missing.
    keep_days
        A file is deleted this many days after the day it is of.
    rotate_bytes
        A file that has reached this size is followed by a new one.
    mask_caller
        Whether the caller's number is masked before anything is written.
    queue_lines
        How many lines may wait for a slow or full disk.
    """

    directory: Path
    keep_days: int = 30
    rotate_bytes: int = 64 * 1024 * 1024
    mask_caller: bool = True
    queue_lines: int = 10_000


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How the store is doing: lines on disk, lost and waiting, and what is wrong now, if anything."""

    written: int
    dropped: int
    waiting: int
    failed_writes: int
    problem: str | None


class RecordStore:
    """Writer of one folder of records.

    Parameters
    ----------
    settings
        Where and how long.
    clock
        Unix time in seconds; decides the day of a file.
    """

    def __init__(self, settings: RecordStoreSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        # Bounded by `put`, which counts what the writer holds as well; the queue itself must never block
        # anybody.
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._written = 0
        self._dropped = 0
        self._failed_writes = 0
        self._problem: str | None = None
        self._fd: int | None = None
        self._lock_fd: int | None = None
        self._day = ""
        self._expired_on: date | None = None
        self._sequence = 0
        self._size = 0
        self._unsynced = False
        self._synced_s = 0.0
        self._pending = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take the folder and start writing.

        Raises
        ------
        RecordsError
            The folder cannot be made or written, or another process writes to it.
        """
        folder = self._settings.directory
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(folder / ".writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RecordsError(
                f"records cannot be written to {folder}: {error.strerror}; make the folder writable "
                "for this user, or set records.directory to another one"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise RecordsError(
                f"another Nabra writes its records to {folder}; stop it, or give this one its own records.directory"
            ) from error
        self._lock_fd = lock
        self._thread = threading.Thread(target=self._run, name="nabra-records", daemon=True)
        self._thread.start()

    def put(self, line: Mapping[str, object]) -> bool:
        """Queue one line; False (and counted) where it had to be dropped. Never blocks, never raises for the
        disk's sake.

        The caller's number is masked here, before the line leaves the caller's hands.
        """
        if self._closing.is_set() or self._queue.qsize() + self._pending >= self._settings.queue_lines:
            self._dropped += 1
            return False
        self._queue.put(_own_copy(line, self._settings.mask_caller))
        return True

    def stats(self) -> StoreStats:
        """Return the counts so far."""
        return StoreStats(
            written=self._written,
            dropped=self._dropped,
            waiting=self._queue.qsize() + self._pending,
            failed_writes=self._failed_writes,
            problem=self._problem,
        )

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what waits, make it durable, let the folder go; False where `timeout_s` was too short."""
        if self._thread is None:
            return True
        if not self._closing.is_set():
            self._closing.set()
            self._queue.put(_CLOSE)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # The writer thread.

    def _run(self) -> None:
        pending: list[bytes] = []
        closing = False
        while not closing or pending:
            closing = self._gather(pending) or closing
            self._expire()
            self._pending = len(pending)
            if pending and not self._write(pending):
                if closing:
                    self._dropped += len(pending)
                    self._pending = 0
                    break
                self._closing.wait(_RETRY_S)
                continue
            self._pending = len(pending)
            if self._unsynced and (closing or self._clock() - self._synced_s >= _SYNC_S):
                self._sync()
        self._let_go()

    def _gather(self, pending: list[bytes]) -> bool:
        """Move what is queued to `pending`, waiting only where nothing is there; True when told to close."""
        wait_s = 0.0 if pending else _SYNC_S if self._unsynced else _IDLE_S
        closing = False
        try:
            item = self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
            while True:
                if item is _CLOSE:
                    closing = True
                else:
                    self._keep(pending, item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return closing

    def _keep(self, pending: list[bytes], item: object) -> None:
        """Put a line behind the others; one that is no JSON is lost by itself, and counted."""
        try:
            pending.append(_line(item))
        except (TypeError, ValueError):
            self._dropped += 1
            log.exception("a record cannot be written as JSON")

    def _write(self, pending: list[bytes]) -> bool:
        """Append the pending lines, as many as the current file may hold; False where the disk refused."""
        try:
            while pending:
                fd = self._file_for_now()
                room = max(1, self._settings.rotate_bytes - self._size)
                chunk = bytearray(pending[0])
                count = 1
                while count < len(pending) and len(chunk) + len(pending[count]) <= room:
                    chunk += pending[count]
                    count += 1
                self._append(fd, chunk)
                self._written += count
                self._unsynced = True
                del pending[:count]
        except OSError as error:
            self._failed_writes += 1
            problem = f"records cannot be written to {self._settings.directory}: {error.strerror or error}"
            if problem != self._problem:
                log.error("%s; calls go on, %d records wait", problem, len(pending))
            self._problem = problem
            self._drop_file()
            return False
        if self._problem is not None:
            log.info("records are written again to %s", self._settings.directory)
            self._problem = None
        return True

    def _append(self, fd: int, chunk: bytearray) -> None:
        done = 0
        try:
            while done < len(chunk):
                done += os.write(fd, memoryview(chunk)[done:])
        except OSError:
            if done:
                os.ftruncate(fd, self._size)
            raise
        self._size += len(chunk)

    def _file_for_now(self) -> int:
        day = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%d")
        if self._fd is not None and day == self._day and self._size < self._settings.rotate_bytes:
            return self._fd
        if self._fd is not None:
            self._sync()
            self._drop_file()
        self._day = day
        folder = self._settings.directory
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        numbers = [int(match[2]) for match in map(_NAME.fullmatch, os.listdir(folder)) if match and match[1] == day]
        self._sequence = max(numbers, default=1)
        fd = self._open(self._sequence)
        if self._size >= self._settings.rotate_bytes:
            os.close(fd)
            fd = self._open(self._sequence + 1)
        self._fd = fd
        return fd

    def _open(self, sequence: int) -> int:
        path = self._settings.directory / f"calls-{self._day}-{sequence:04d}.jsonl"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(fd).st_size
        if self._size and os.pread(fd, 1, self._size - 1) != b"\n":
            # a process was killed in the middle of a line: close the torn line off, so that ours stays whole
            self._size += os.write(fd, b"\n")
        return fd

    def _sync(self) -> None:
        if self._fd is not None:
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._failed_writes += 1
                log.error("records in %s could not be made durable: %s", self._settings.directory, error.strerror)
        self._unsynced = False
        self._synced_s = self._clock()

    def _drop_file(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _let_go(self) -> None:
        self._sync()
        self._drop_file()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _expire(self) -> None:
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        if today == self._expired_on:
            return
        self._expired_on = today
        oldest = (today - timedelta(days=self._settings.keep_days)).strftime("%Y%m%d")
        try:
            for path in files_of(self._settings.directory):
                match = _NAME.fullmatch(path.name)
                if match and match[1] < oldest:
                    path.unlink()
                    log.info("records of %s expired after %d days", match[1], self._settings.keep_days)
        except OSError as error:
            log.error("old records in %s could not be deleted: %s", self._settings.directory, error.strerror)


def _line(item: object) -> bytes:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=str).encode(errors="replace") + b"\n"


def files_of(folder: Path) -> list[Path]:
    """Return the files of a records folder, oldest first."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def read(path: Path, on_unreadable: Callable[[Path, int], None] | None = None) -> Iterator[JsonObject]:
    """Iterate over the lines of one record file, or of every file of a records folder, oldest first.

    Parameters
    ----------
    path
        A file of JSON lines, packed (.gz) or not, or a folder that a `RecordStore` wrote.
    on_unreadable
        Told the file and line number of every line that is not a JSON object (a process killed in mid-write
        leaves one such line); they are stepped over.

    Raises
    ------
    RecordsError
        `path` does not exist or may not be read.
    """
    try:
        files = files_of(path) if path.is_dir() else [path]
        for file in files:
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
                for number, raw in enumerate(lines, 1):
                    try:
                        item = json.loads(raw)
                    except ValueError:
                        item = None
                    if isinstance(item, dict):
                        yield item
                    elif on_unreadable is not None and raw.strip():
                        on_unreadable(file, number)
    except OSError as error:
        raise RecordsError(
            f"records cannot be read from {error.filename or path}: {error.strerror or error}"
        ) from error
    except (EOFError, zlib.error) as error:
        raise RecordsError(f"records cannot be read from {path}: what is packed ends before its end") from error


def find(path: Path, call_prefix: str) -> dict[str, list[JsonObject]]:
    """Return the lines of every call whose id begins with `call_prefix`, by call, in the order they were
    written.

    Raises
    ------
    RecordsError
        As `read`.
    """
    wanted = call_prefix.lower()
    found: dict[str, list[JsonObject]] = {}
    for item in read(path):
        call = item.get("call")
        if isinstance(call, str) and call.lower().startswith(wanted):
            found.setdefault(call, []).append(item)
    return found
