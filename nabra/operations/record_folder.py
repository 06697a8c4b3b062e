"""The folder that records are kept in: one writer, a file a day or more, each deleted in its time.

Files are `calls-YYYYMMDD-NNNN.jsonl` (UTC day, then a running number), mode 0600, a new one every day and whenever one
is full. A file is deleted `keep_days` after its day. A line that went out only in part is taken back, so that a file
has at most one torn line, its last, and only where a process was killed in the middle of a write; the next start
closes that line off, and readers step over it.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from nabra.operations.errors import RecordsError
from nabra.operations.record_lines import FILE_NAME, files_of

log = logging.getLogger(__name__)

_LOCK = ".writer"


class RecordFolder:
    """Writer of the files of one folder.

    Parameters
    ----------
    path : made where it is missing.
    rotate_bytes : a file that has reached this size is followed by a new one.
    keep_days : a file is deleted this many days after the day it is of.
    clock : Unix time in seconds; decides the day of a file.
    """

    def __init__(self, path: Path, rotate_bytes: int, keep_days: int, clock: Callable[[], float]) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._keep_days = keep_days
        self._clock = clock
        self._lock_fd: int | None = None
        self._fd: int | None = None
        self._day = ""
        self._size = 0
        self._expired_on: date | None = None

    def take(self) -> None:
        """Make the folder where it is missing, and be its only writer.

        Raises
        ------
        RecordsError
            It cannot be made or written, or another process writes to it.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RecordsError(
                f"records cannot be written to {self._path}: {error.strerror}; make the folder writable "
                "for this user, or set records.directory to another one"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise RecordsError(
                f"another Nabra writes its records to {self._path}; stop it, or give this one its own records.directory"
            ) from error
        self._lock_fd = lock

    def let_go(self) -> None:
        """Close the file, and let others write to the folder."""
        self.close()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    @property
    def over(self) -> bool:
        """Whether a file is open that is full, or of another day than this."""
        return self._fd is not None and not (self._day == self._today() and self._size < self._rotate_bytes)

    def open(self) -> int:
        """Return for how many bytes the open file has room, one at least; where none is open, open the one for now.

        Raises
        ------
        OSError
        """
        if self._fd is None:
            self._day = self._today()
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = [match for match in map(FILE_NAME.fullmatch, os.listdir(self._path)) if match]
            last = max((int(match[2]) for match in found if match[1] == self._day), default=1)
            fd = self._open(last)
            if self._size >= self._rotate_bytes:
                os.close(fd)
                fd = self._open(last + 1)
            self._fd = fd
        return max(1, self._rotate_bytes - self._size)

    def append(self, chunk: bytearray) -> None:
        """Append whole lines to the open file, all of them or none.

        Raises
        ------
        OSError
        """
        assert self._fd is not None
        done = 0
        try:
            while done < len(chunk):
                done += os.write(self._fd, memoryview(chunk)[done:])
        except OSError:
            if done:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(chunk)

    def sync(self) -> None:
        """Make what was written outlive a power cut.

        Raises
        ------
        OSError
        """
        if self._fd is not None:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the open file, if any; the next one is looked for anew."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def expire(self) -> None:
        """Delete, once a day, the files that are older than they may be."""
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        if today == self._expired_on:
            return
        self._expired_on = today
        oldest = (today - timedelta(days=self._keep_days)).strftime("%Y%m%d")
        try:
            for path in files_of(self._path):
                match = FILE_NAME.fullmatch(path.name)
                if match and match[1] < oldest:
                    path.unlink()
                    log.info("records of %s expired after %d days", match[1], self._keep_days)
        except OSError as error:
            log.error("old records in %s could not be deleted: %s", self._path, error.strerror)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%d")

    def _open(self, sequence: int) -> int:
        path = self._path / f"calls-{self._day}-{sequence:04d}.jsonl"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(fd).st_size
        if self._size and os.pread(fd, 1, self._size - 1) != b"\n":
            # a process was killed in the middle of a line: close the torn line off, so that ours stays whole
            self._size += os.write(fd, b"\n")
        return fd


def being_written(folder: Path) -> bool:
    """Return whether a store writes to a folder now.

    Raises
    ------
    OSError
        It cannot be told.
    """
    try:
        lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
