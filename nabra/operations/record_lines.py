"""Reading what a record store wrote: its files, their lines, and the lines of one call."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from nabra.operations.errors import RecordsError

FILE_NAME = re.compile(r"calls-(\d{8})-(\d{4,})\.jsonl")
_DECISION = re.compile(rb'\{"schema":\d+,"kind":"decision","call":"([^"]*)"')

JsonObject = dict[str, object]


def files_of(folder: Path) -> list[Path]:
    """Return the files of a records folder, oldest first."""
    return sorted(path for path in folder.iterdir() if FILE_NAME.fullmatch(path.name))


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
                    except (ValueError, RecursionError):
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


def decided_among(calls: set[str], since: str, folder: Path) -> set[str]:
    """Return those of some calls that have a decision record in a folder; lines that were cut short do not count.

    Parameters
    ----------
    calls : their ids.
    since : the UTC day (YYYYMMDD) of the first file to be looked at.

    Raises
    ------
    OSError
    """
    found: set[str] = set()
    for path in files_of(folder):
        match = FILE_NAME.fullmatch(path.name)
        if match is None or match[1] < since:
            continue
        with path.open("rb") as lines:
            for raw in lines:
                named = _DECISION.match(raw)
                call = named[1].decode(errors="replace") if named else ""
                if call in calls and _whole(raw):
                    found.add(call)
    return found


def decided_as(outcome: str, since: str, folder: Path) -> int:
    """Return how many decision records of a folder have an outcome, in its files from a UTC day (YYYYMMDD) on.

    Raises
    ------
    OSError
    """
    mark = f'"outcome":"{outcome}"'.encode()
    count = 0
    for path in files_of(folder):
        match = FILE_NAME.fullmatch(path.name)
        if match is not None and match[1] >= since:
            with path.open("rb") as lines:
                count += sum(mark in raw and _DECISION.match(raw) is not None for raw in lines)
    return count


def _whole(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True
