"""The calls that are open, kept on disk: what is left of them where an engine dies.

Theory of operation: a call that opens leaves one line here, its decision record as it stood when it opened, and
another when its own record is on disk. Lines are appended, several at once; whenever nothing is open the file is
emptied, and where it has grown past what is open it is written anew. So it holds what is open and little else, and
what a process that was killed leaves in it are the calls that it took along: the next start reads them (`left`).
What it cannot read, it leaves beside the file under another name (`put_aside`).

The file belongs to the record store's writer thread, which alone uses it, under the store's lock.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from nabra.operations.record_lines import JsonObject
from router.record import Outcome

NAME = ".open-calls"
UNREADABLE = ".unreadable"
"""Added to the name of a file that was put aside; then a number, from the second on."""
SLACK_BYTES = 256 * 1024
"""The file is written anew once it is longer than this and than twice what is open."""


_LATEST_S = 253_402_300_800.0
"""The year 10000, which is no date any more."""


def opened_s(record: Mapping[str, object], now_s: float) -> float:
    """Return when a call opened, Unix seconds; `now_s` where its record says no time that can be."""
    at_s = record.get("wall_anchor")
    if isinstance(at_s, int | float) and not isinstance(at_s, bool) and 0 < at_s < _LATEST_S:
        return float(at_s)
    return now_s


def died_with(opened: Mapping[str, object], now_s: float) -> list[JsonObject]:
    """Return what is to be recorded of a call whose engine died: its decision record, and that it was not served.

    Parameters
    ----------
    opened : its record as it stood when it opened.
    now_s : Unix seconds.
    """
    at_s, timings = opened_s(opened, now_s), opened.get("timings")
    written_s = max(0.0, round(now_s - at_s, 3))
    times = {**timings, "written_at_s": written_s} if isinstance(timings, Mapping) else timings
    record = {**opened, "wall_anchor": at_s, "outcome": Outcome.ENGINE_DIED.value, "timings": times}
    problem = "the engine died during this call"
    return [record, {"kind": "outcome", "call": opened["call"], "outcome": "not_served", "problem": problem}]


def left(file: Path, on_unreadable: Callable[[int], None] | None = None) -> dict[str, JsonObject]:
    """Return the calls that a file says are open, by id, in the order they opened; none where there is no file.

    Parameters
    ----------
    file : may not exist.
    on_unreadable : told the number of every line that cannot be read, and is stepped over; not of a last one that was
        not finished, as a process that was killed leaves it, or a machine that lost power.

    Raises
    ------
    OSError
    """
    found: dict[str, JsonObject] = {}
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return found
    for number, raw in enumerate(lines, 1):
        try:
            line = json.loads(raw)
            if "closed" in line:
                found.pop(line["closed"], None)
            else:
                found[str(line["call"])] = line
        except Exception:  # whatever a damaged line makes of its reader
            if on_unreadable is not None and raw.endswith(b"\n"):
                on_unreadable(number)
    return found


def put_aside(file: Path, *, stays: bool) -> Path:
    """Keep what a file holds now under another name, over no file that is there already; return that.

    Parameters
    ----------
    file : exists.
    stays : whether it keeps its own name too, until it is written anew.

    Raises
    ------
    OSError
    """
    names = itertools.chain([UNREADABLE], (f"{UNREADABLE}-{number}" for number in itertools.count(2)))
    aside = next(path for name in names if not os.path.lexists(path := file.with_name(file.name + name)))
    (os.link if stays else os.rename)(file, aside)
    return aside


class OpenCalls:
    """Writer of the file.

    Parameters
    ----------
    file : may not exist yet.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd: int | None = None
        self._lines: dict[str, bytes] = {}
        self._changed: dict[str, None] = {}
        self._stored: set[str] = set()
        self._size = 0
        self._whole = True
        self._unsynced = False

    def __len__(self) -> int:
        """Return how many calls are open."""
        return len(self._lines)

    @property
    def changed(self) -> bool:
        """Whether anything changed since the file was last written."""
        return bool(self._changed)

    def open(self, call: str, line: bytes) -> None:
        """Take that a call opened, or more of one that has; `line` is its record so far, with its newline."""
        self._lines[call] = line
        self._changed[call] = None

    def close(self, call: str) -> None:
        """Take that a call's record is on disk; harmless for one that is not open."""
        if self._lines.pop(call, None) is not None:
            self._changed[call] = None

    def write(self) -> bool:
        """Bring the file up to date, one short append where anything changed; return whether anything had.

        Raises
        ------
        OSError
            The next call writes the whole file anew.
        """
        if not self._changed:
            return False
        try:
            parts = [part for part in map(self._part, self._changed) if part]
            size = self._size + sum(map(len, parts))
            if not self._whole and not self._lines:
                self._empty()
            elif self._whole or (size > SLACK_BYTES and size > 2 * sum(map(len, self._lines.values()))):
                self._anew()
            elif parts:
                self._append(b"".join(parts))
        except OSError:
            self._whole = True
            raise
        self._stored = set(self._lines)
        self._changed.clear()
        return True

    def sync(self) -> None:
        """Make what was written outlive a power cut.

        Raises
        ------
        OSError
        """
        if self._unsynced and self._fd is not None:
            self._unsynced = False
            os.fsync(self._fd)

    def let_go(self) -> None:
        """Close the file; one that nothing is left in goes."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            if not self._size:
                self._file.unlink(missing_ok=True)

    def _part(self, call: str) -> bytes:
        """What is to be appended for a call that changed; nothing for one that came and went meanwhile."""
        line = self._lines.get(call)
        if line is not None:
            return line
        return json.dumps({"closed": call}).encode() + b"\n" if call in self._stored else b""

    def _append(self, lines: bytes) -> None:
        assert self._fd is not None
        while lines:
            written = os.write(self._fd, lines)
            self._size += written
            lines = lines[written:]
        self._unsynced = True

    def _empty(self) -> None:
        if self._size:
            assert self._fd is not None
            os.ftruncate(self._fd, 0)
            self._size = 0
            self._unsynced = True

    def _anew(self) -> None:
        """Write what is open to a new file that takes the old one's place when it is whole."""
        part = self._file.with_name(self._file.name + ".part")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            old, self._fd, self._size = self._fd, fd, 0
            if old is not None:
                os.close(old)
            self._append(b"".join(self._lines.values()))
            os.fsync(fd)
            os.replace(part, self._file)
        except OSError:
            os.close(fd)
            self._fd = None
            raise
        self._whole = False
