"""The store of decision records and outcomes: JSON lines on disk, written off the event loop.

Theory of operation: `put` copies and masks the line, hands it to a bounded queue and returns. One writer
thread takes whatever has gathered, appends it in a single write (`nabra.operations.record_folder`), and makes it
durable at most once a second (a killed process loses nothing that was written; a power cut loses at most that
second). A disk that is full or not writable presses on nobody: the lines wait in the queue, the writer tries again
once a second, and what no longer fits in the queue is counted and dropped.

Two kinds of line are kept: decision records (`router.record`) and, with `"kind": "outcome"`, what the queues
then did with that call. Both carry the call's id under `"call"`.

No call goes without a record, not even where the engine dies during it: what is open is kept on disk
(`nabra.operations.open_calls`), and the next start records the calls that an engine took along as "engine_died". Such
a call loses at most the moment between `opened` and the writer's next turn, milliseconds. Nothing that was left keeps
the writer from its work: what cannot be read stays on disk under another name, and the log says so.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nabra.operations.open_calls import NAME as OPEN_CALLS
from nabra.operations.open_calls import OpenCalls, died_with, left, opened_s, put_aside
from nabra.operations.record_folder import RecordFolder
from nabra.operations.record_lines import JsonObject, decided_among
from router.masking import mask_number

log = logging.getLogger(__name__)

_NUMBER_KEYS = frozenset({"caller_number", "caller", "caller_name"})
_RETRY_S = 1.0
_SYNC_S = 1.0
_IDLE_S = 30.0
_CLOSE = object()


@dataclass(frozen=True, slots=True)
class _Pending:
    """A line to be written, and the call that need not be kept as open when it is; "" for none."""

    line: bytes
    closes: str = ""


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
class _Opened:
    """A call that opened: its record so far, None where it is not to be thought of any more."""

    call: str
    line: object | None


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
    """How the store is doing: lines on disk, lost and waiting, and what is wrong now, if anything.

    `died` counts the calls that an engine before this one took along when it died, and that are recorded now.
    """

    written: int
    dropped: int
    waiting: int
    failed_writes: int
    problem: str | None
    died: int = 0


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
        # Bounded by those who put something there, and who count what the writer holds as well; the queue itself must
        # never block anybody.
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._written = 0
        self._dropped = 0
        self._failed_writes = 0
        self._problem: str | None = None
        self._unsynced = False
        self._synced_s = 0.0
        self._pending = 0
        self._died = 0
        self._folder = RecordFolder(settings.directory, settings.rotate_bytes, settings.keep_days, clock)
        self._open_calls = OpenCalls(settings.directory / OPEN_CALLS)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take the folder and start writing.

        Raises
        ------
        RecordsError
            The folder cannot be made or written, or another process writes to it.
        """
        self._folder.take()
        self._thread = threading.Thread(target=self._run, name="nabra-records", daemon=True)
        self._thread.start()

    def put(self, line: Mapping[str, object]) -> bool:
        """Queue one line; False (and counted) where it had to be dropped. Never blocks, never raises for the
        disk's sake.

        The caller's number is masked here, before the line leaves the caller's hands.
        """
        if self._full():
            self._dropped += 1
            if line.get("kind") == "decision":
                self.forget(str(line.get("call")))
            return False
        self._queue.put(_own_copy(line, self._settings.mask_caller))
        return True

    def opened(self, record: Mapping[str, object]) -> None:
        """Take that a call opened: its decision record so far, masked here, kept until the record itself is `put`.

        Never blocks. A call may open twice: what is known of it grows.
        """
        if not self._full():
            self._queue.put(_Opened(str(record["call"]), _own_copy(record, self._settings.mask_caller)))

    def forget(self, call: str) -> None:
        """Take that there will be no record of a call that opened, and that it is not the engine's death.

        Never blocks. Where the queue is full there is as much room again for this; what does not fit there either is
        recorded by the next start as if the engine had died during it.
        """
        if self._queue.qsize() < 2 * self._settings.queue_lines:
            self._queue.put(_Opened(call, None))

    def _full(self) -> bool:
        return self._closing.is_set() or self._queue.qsize() + self._pending >= self._settings.queue_lines

    def stats(self) -> StoreStats:
        """Return the counts so far."""
        return StoreStats(
            written=self._written,
            dropped=self._dropped,
            waiting=self._queue.qsize() + self._pending,
            failed_writes=self._failed_writes,
            problem=self._trouble(),
            died=self._died,
        )

    def _trouble(self) -> str | None:
        if self._thread is None or self._thread.is_alive() or self._closing.is_set():
            return self._problem
        return "their writer has ended by a fault of its own, which the log tells; restart the service"

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
        try:
            self._write_on()
        except Exception:
            log.exception("the writer of records has ended by a fault of its own; calls go on, their records are lost")
        self._let_go()

    def _write_on(self) -> None:
        """Write what comes until told to close."""
        pending = self._taken_along()
        closing = False
        while not closing or pending:
            closing = self._gather(pending) or closing
            self._folder.expire()
            self._pending = len(pending)
            written = not pending or self._write(pending)
            self._keep_open_calls()
            if not written:
                if closing:
                    self._dropped += len(pending)
                    self._pending = 0
                    break
                self._closing.wait(_RETRY_S)
                continue
            self._pending = len(pending)
            if self._unsynced and (closing or self._clock() - self._synced_s >= _SYNC_S):
                self._sync()

    def _taken_along(self) -> list[_Pending]:
        """What is to be recorded of calls that an engine before this one left open, and that have no record."""
        pending: list[_Pending] = []
        file = self._settings.directory / OPEN_CALLS
        unreadable: list[int] = []
        try:
            found = left(file, unreadable.append)
        except (OSError, MemoryError) as error:
            log.error("what an engine before this one left open cannot be read: %s", error)
            self._put_aside(file, stays=False)
            return pending
        now_s = self._clock()
        recorded = self._recorded(found, now_s)
        for number, (call, opened) in enumerate(found.items(), 1):
            try:
                pending += self._died_during(call, opened, now_s, recorded)
            except Exception:  # nothing that one line says may cost the others, or the records that come
                log.exception("call %d of those that an engine before this one left open cannot be recorded", number)
                self._open_calls.close(call)
                unreadable.append(number)
        if unreadable:
            log.error("%d lines of %s cannot be recorded", len(unreadable), file)
            self._put_aside(file, stays=self._open_calls.changed)
        if self._died:
            log.warning("the engine before this one died during %d calls; they are recorded as such", self._died)
        return pending

    def _recorded(self, found: Mapping[str, JsonObject], now_s: float) -> set[str] | None:
        """Which of these calls have a record already; None where that cannot be told."""
        if not found:
            return set()
        since_s = min(now_s, *(opened_s(opened, now_s) for opened in found.values()))
        try:
            since = datetime.fromtimestamp(since_s, UTC).strftime("%Y%m%d")
            return decided_among(set(found), since, self._settings.directory)
        except OSError as error:
            log.error(
                "whether %d calls that an engine before this one left open have records cannot be told: %s; the next "
                "start looks again",
                *(len(found), error.strerror or error),
            )
            return None

    def _died_during(
        self, call: str, opened: JsonObject, now_s: float, recorded: set[str] | None
    ) -> Sequence[_Pending]:
        """What is to be recorded of one call that was left open; nothing of one that stays open, or has a record."""
        self._open_calls.open(call, _line(opened))
        if recorded is None:
            return ()
        if call in recorded or now_s - opened_s(opened, now_s) > self._settings.keep_days * 86400:
            self._open_calls.close(call)
            return ()
        record, outcome = (_line(_own_copy(one, self._settings.mask_caller)) for one in died_with(opened, now_s))
        self._died += 1
        return _Pending(record), _Pending(outcome, call)

    def _put_aside(self, file: Path, *, stays: bool) -> None:
        try:
            log.error("it is kept as %s", put_aside(file, stays=stays))
        except OSError as error:
            log.error("it cannot be kept: %s", error.strerror or error)

    def _keep_open_calls(self) -> None:
        """Bring what is open up to date on disk; where the disk refuses, the next turn tries again."""
        try:
            self._unsynced = self._open_calls.write() or self._unsynced
        except OSError as error:
            self._failed_writes += 1
            log.error("which calls are open cannot be written: %s", error.strerror or error)

    def _gather(self, pending: list[_Pending]) -> bool:
        """Move what is queued to `pending`, waiting only where nothing is there; True when told to close."""
        wait_s = 0.0 if pending else _SYNC_S if self._unsynced else _IDLE_S
        closing = False
        try:
            item = self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
            while True:
                if item is _CLOSE:
                    closing = True
                elif isinstance(item, _Opened):
                    self._note_open(item)
                else:
                    self._keep(pending, item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return closing

    def _note_open(self, item: _Opened) -> None:
        if item.line is None:
            self._open_calls.close(item.call)
            return
        try:
            self._open_calls.open(item.call, _line(item.line))
        except Exception:  # no JSON, in whatever way: the writer goes on
            log.exception("a call that opened cannot be written as JSON")

    def _keep(self, pending: list[_Pending], item: object) -> None:
        """Put a line behind the others; one that is no JSON is lost by itself, and counted."""
        closes = ""
        if isinstance(item, dict) and item.get("kind") == "decision":
            closes = str(item.get("call"))
        try:
            pending.append(_Pending(_line(item), closes))
        except Exception:  # no JSON, in whatever way: the writer goes on
            self._dropped += 1
            self._open_calls.close(closes)
            log.exception("a record cannot be written as JSON")

    def _write(self, pending: list[_Pending]) -> bool:
        """Append the pending lines, as many as the current file may hold; False where the disk refused."""
        try:
            while pending:
                if self._folder.over:
                    self._sync()
                    self._folder.close()
                room = self._folder.open()
                chunk = bytearray(pending[0].line)
                count = 1
                while count < len(pending) and len(chunk) + len(pending[count].line) <= room:
                    chunk += pending[count].line
                    count += 1
                self._folder.append(chunk)
                for one in pending[:count]:
                    self._open_calls.close(one.closes)
                self._written += count
                self._unsynced = True
                del pending[:count]
        except OSError as error:
            self._failed_writes += 1
            problem = f"records cannot be written to {self._settings.directory}: {error.strerror or error}"
            if problem != self._problem:
                log.error("%s; calls go on, %d records wait", problem, len(pending))
            self._problem = problem
            self._folder.close()
            return False
        if self._problem is not None:
            log.info("records are written again to %s", self._settings.directory)
            self._problem = None
        return True

    def _sync(self) -> None:
        try:
            self._folder.sync()
            self._open_calls.sync()
        except OSError as error:
            self._failed_writes += 1
            log.error("records in %s could not be made durable: %s", self._settings.directory, error.strerror)
        self._unsynced = False
        self._synced_s = self._clock()

    def _let_go(self) -> None:
        self._sync()
        with contextlib.suppress(OSError):
            self._open_calls.let_go()
        self._folder.let_go()


def _line(item: object) -> bytes:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=str).encode(errors="replace") + b"\n"
